//! A folder whose files appear whole or not at all: written aside in the same folder, then renamed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::config::{ScenarioKind, Setup};

/// Why a folder or a file in it could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is something in it already.
    #[error(
        "{} is not empty; name another folder with --out, or overwrite the run in it with --force",
        .0.display()
    )]
    NotEmpty(PathBuf),
    /// The name is taken by something that is no folder.
    #[error("{} is not a folder; name another with --out", .0.display())]
    NotAFolder(PathBuf),
    /// The system refused.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /** The file or folder. */
        path: PathBuf,
        /** What the system said. */
        source: std::io::Error,
    },
}

impl FolderError {
    /// Whether the folder was refused before anything was written.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotEmpty(_) | Self::NotAFolder(_))
    }
}

/// A folder that takes a run's files.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Whether a run may be written to `path`: it does not exist, is an empty folder, or `force` is set.
    ///
    /// # Errors
    /// [`FolderError::NotEmpty`] and [`FolderError::NotAFolder`].
    pub fn check(path: &Path, force: bool) -> Result<(), FolderError> {
        if path.exists() && !path.is_dir() {
            return Err(FolderError::NotAFolder(path.into()));
        }
        // A folder that cannot be listed may still be writable; `create` will tell.
        let is_used = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        if is_used && !force { Err(FolderError::NotEmpty(path.into())) } else { Ok(()) }
    }

    /// Makes the folder and those above it, where they are missing.
    ///
    /// # Errors
    /// Those of [`Self::check`], and [`FolderError::Unwritable`].
    pub fn create(path: &Path, force: bool) -> Result<Self, FolderError> {
        Self::check(path, force)?;
        std::fs::create_dir_all(path)
            .map_err(|source| FolderError::Unwritable { path: path.into(), source })?;
        Ok(Self { path: path.into() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a file into the folder, whole or not at all.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`], naming the file; the file is as it was.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        write_whole(&self.path.join(name), bytes)
    }
}

/// Puts `bytes` into the file `path`, whole or not at all.
///
/// # Errors
/// [`FolderError::Unwritable`], naming the file; the file is as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    // A temporary file is its owner's alone; the file it becomes is as any other, less the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let written = builder.tempfile_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        // Without it, a power cut soon after the rename could leave an empty file under the final name.
        file.as_file().sync_all()?;
        file.persist(path).map(|_| ()).map_err(|error| error.error)
    });
    // tempfile's own errors name its random path; the system's number says the same in fewer words.
    written.map_err(|error| FolderError::Unwritable {
        path: path.into(),
        source: error.raw_os_error().map_or(error, std::io::Error::from_raw_os_error),
    })
}

/// The first folder of `runs/<mode>-<data>-seed<seed>`, `…-2`, `…-3` that is not there.
pub fn default_path(setup: &Setup) -> PathBuf {
    let data = Path::new(&setup.data).file_name().map(|name| name.to_string_lossy().into_owned());
    let data: String = data
        .unwrap_or_else(|| "data".into())
        .chars()
        .map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect();
    let scenario = match setup.scenario {
        ScenarioKind::Defense => "",
        ScenarioKind::Distillation => "distillation-",
        ScenarioKind::Multitask => "multitask-",
    };
    let stem = format!("runs/{scenario}{}-{data}-seed{}", setup.method().name(), setup.seed);
    std::iter::once(stem.clone())
        .chain((2_u64..).map(|n| format!("{stem}-{n}")))
        .map(PathBuf::from)
        .find(|path| !path.exists())
        .unwrap_or_else(|| stem.into())
}

/// Makes a folder that several processes may write to, if it is not there.
///
/// # Errors
/// [`FolderError::NotAFolder`] and [`FolderError::Unwritable`].
pub fn make_folder(path: &Path) -> Result<(), FolderError> {
    RunFolder::create(path, true).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_replaces_the_old_one() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&scratch.path().join("a/b"), false).unwrap();
        folder.write("metrics.csv", b"old").unwrap();
        folder.write("metrics.csv", b"new").unwrap();
        assert_eq!(std::fs::read(folder.path().join("metrics.csv")).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_failed_write_names_the_file_and_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(scratch.path(), false).unwrap();
        // A folder in the file's place lets the bytes be written aside and the rename fail.
        std::fs::create_dir(scratch.path().join("run.json")).unwrap();
        std::fs::write(scratch.path().join("run.json/x"), "").unwrap();
        let error = folder.write("run.json", b"{}").unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("run.json: "), "{error}");
        assert!(!error.contains('\n') && !error.contains("/.run.json."), "{error}");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_folder_in_use_is_refused_unless_forced() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(RunFolder::create(scratch.path(), false).is_ok(), "an empty folder is fine");
        std::fs::write(scratch.path().join("thesis.tex"), "x").unwrap();
        let error = RunFolder::create(scratch.path(), false).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains("--force"), "{error}");
        assert!(RunFolder::create(scratch.path(), true).is_ok());
        let error = RunFolder::create(&scratch.path().join("thesis.tex"), true).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains("not a folder"), "{error}");
        let error = RunFolder::create(&scratch.path().join("thesis.tex/runs"), true).unwrap_err();
        assert!(!error.is_refusal() && error.to_string().contains("cannot write"), "{error}");
    }

    #[test]
    fn default_names_tell_mode_data_and_seed() {
        let setup = Setup { data: "/data/my digits/".into(), seed: 7, ..Setup::default() };
        assert_eq!(default_path(&setup), Path::new("runs/great+greace-my-digits-seed7"));
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = tempfile::tempdir().unwrap();
        let ordinary = scratch.path().join("ordinary");
        std::fs::write(&ordinary, "").unwrap();
        write_whole(&scratch.path().join("ours"), b"x").unwrap();
        let mode = |name: &str| scratch.path().join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode("ours"), mode("ordinary"));
    }
}
