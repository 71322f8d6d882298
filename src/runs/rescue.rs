//! Files of long work, which must not be lost: where the folder that they belong into is gone it is made again, and where
//! it takes no more they go to another place, which is named.

use std::path::{Path, PathBuf};

use super::write::{FolderError, write_whole};
use crate::platform::files;

/// Places of that name there may be from earlier, before none is looked for any more.
const MOST_EARLIER: usize = 100;

/// What became of files that were to be kept.
#[derive(Debug, Default)]
pub struct Rescue {
    /// Folders that were made for what had no room where it belongs.
    places: Vec<PathBuf>,
    /// Files that lie in one of them: where they belong, where they are, and why.
    elsewhere: Vec<(PathBuf, PathBuf, String)>,
    /// Files that are nowhere.
    lost: Vec<(PathBuf, String)>,
}

impl Rescue {
    /// Puts `bytes` into the file `path`, whole or not at all; where that is impossible, into a file of that name in
    /// another place. Whether its folder was gone and is there again; [`Self::outcome`] tells the rest.
    pub fn keep(&mut self, path: &Path, bytes: &[u8]) -> bool {
        self.elsewhere.retain(|(belongs, ..)| belongs != path);
        self.lost.retain(|(belongs, _)| belongs != path);
        let error = match write_anew(path, bytes) {
            Ok(was_gone) => return was_gone,
            Err(error) => error.reason(),
        };
        match self.put_elsewhere(path, bytes) {
            Some(place) => self.elsewhere.push((path.into(), place, error)),
            None => self.lost.push((path.into(), error)),
        }
        false
    }

    /// Whether a file is where it belongs, or elsewhere.
    pub fn has(&self, path: &Path) -> bool {
        let is_file = |path: &Path| files::find(path).is_ok_and(|found| found.is_file);
        is_file(path) || self.elsewhere.iter().any(|(belongs, place, _)| belongs == path && is_file(place))
    }

    /// Whether all that was kept last is where it belongs.
    ///
    /// # Errors
    /// [`FolderError::Misplaced`], which says what is where, or nowhere.
    pub fn outcome(&self) -> Result<(), FolderError> {
        let mut said: Vec<String> = self
            .lost
            .iter()
            .map(|(path, why)| format!("cannot write {}: {why}; nor anywhere else", path.display()))
            .collect();
        for place in &self.places {
            let here = self.elsewhere.iter().filter(|(_, file, _)| file.parent() == Some(place));
            let names: Vec<_> = here.clone().map(|(path, ..)| name(path)).collect();
            if let Some((path, _, why)) = here.clone().next() {
                let (names, place) = (names.join(", "), place.display());
                said.push(format!(
                    "cannot write {}: {why}; instead there is in {place}: {names}",
                    path.display()
                ));
            }
        }
        if said.is_empty() { Ok(()) } else { Err(FolderError::Misplaced(said.join("; "))) }
    }

    /// Writes the file into another place, and says where.
    fn put_elsewhere(&mut self, path: &Path, bytes: &[u8]) -> Option<PathBuf> {
        let name = path.file_name()?;
        for place in &self.places {
            let file = place.join(name);
            if write_whole(&file, bytes).is_ok() {
                return Some(file);
            }
        }
        for place in candidates(path) {
            let Some(place) = make(&place) else { continue };
            let file = place.join(name);
            if write_whole(&file, bytes).is_ok() {
                self.places.push(place);
                return Some(file);
            }
            // It was made for nothing, and nothing is in it.
            let _ = std::fs::remove_dir(&place);
        }
        None
    }
}

/// Puts `bytes` into the file `path`, whole or not at all, and makes its folder again where it is gone. Whether it was.
///
/// # Errors
/// [`FolderError::Unwritable`], naming the file.
pub fn write_anew(path: &Path, bytes: &[u8]) -> Result<bool, FolderError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (write_whole(path, bytes), folder) {
        (Ok(()), _) => Ok(false),
        (Err(_), Some(folder)) if !files::exists(folder) => {
            let unwritable = |source| FolderError::Unwritable { path: path.into(), source };
            files::create_dir_all(folder).map_err(unwritable)?;
            write_whole(path, bytes).map(|()| true)
        }
        (Err(error), _) => Err(error),
    }
}

/// Where a file may go that cannot be where it belongs: beside its folder, here, at home, where temporary files are.
fn candidates(path: &Path) -> impl Iterator<Item = PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let beside = folder.parent().map(Path::to_path_buf);
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let name = folder.file_name().map_or_else(|| "great-lab".into(), |_| name(folder));
    let all = [beside, Some(PathBuf::new()), home, Some(std::env::temp_dir())];
    all.into_iter().flatten().map(move |place| place.join(format!("{name}-rescued")))
}

/// Makes a folder of that name, or with a number behind it where there is one from earlier.
fn make(place: &Path) -> Option<PathBuf> {
    let stem = name(place);
    let numbered = |number: usize| place.with_file_name(format!("{stem}-{number}"));
    let names = std::iter::once(place.to_path_buf()).chain((2..MOST_EARLIER).map(numbered));
    for place in names {
        match std::fs::create_dir(&place) {
            Ok(()) => return Some(place),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
    }
    None
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_gone_is_made_again() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a/b/run.json");
        let mut rescue = Rescue::default();
        assert!(rescue.keep(&path, b"1"), "it was not there");
        assert!(!rescue.keep(&path, b"2"), "now it is");
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
        assert!(rescue.outcome().is_ok() && rescue.has(&path));
    }

    #[test]
    fn what_cannot_be_where_it_belongs_is_beside_it_and_named() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a");
        // A file in the folder's place: neither can it be made again.
        std::fs::write(&folder, "").unwrap();
        std::fs::create_dir(scratch.path().join("a-rescued")).unwrap();
        let mut rescue = Rescue::default();
        for name in ["run.json", "checkpoint.safetensors"] {
            rescue.keep(&folder.join(name), name.as_bytes());
        }
        let place = scratch.path().join("a-rescued-2");
        for name in ["run.json", "checkpoint.safetensors"] {
            assert_eq!(std::fs::read(place.join(name)).unwrap(), name.as_bytes(), "{name}");
            assert!(rescue.has(&folder.join(name)));
        }
        let said = rescue.outcome().unwrap_err().to_string();
        for expected in [&*folder.display().to_string(), &place.display().to_string(), "run.json, checkpoint"]
        {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert!(!said.contains('\n'), "{said}");

        std::fs::remove_file(&folder).unwrap();
        rescue.keep(&folder.join("run.json"), b"later");
        let said = rescue.outcome().unwrap_err().to_string();
        assert!(!said.contains("run.json") && said.contains("checkpoint"), "what is well again: {said}");
    }

    #[test]
    fn what_has_no_place_anywhere_is_said() {
        let scratch = tempfile::tempdir().unwrap();
        // No system takes a name so long.
        let path = scratch.path().join("a").join("x".repeat(5000));
        let mut rescue = Rescue::default();
        rescue.keep(&path, b"1");
        let said = rescue.outcome().unwrap_err().to_string();
        assert!(said.contains("nor anywhere else") && !rescue.has(&path), "{said}");
        assert!(!scratch.path().join("a-rescued").exists(), "nothing is left of the search");
    }
}
