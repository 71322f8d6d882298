//! The folder of a run: claimed before the work, kept through it.

use std::path::{Path, PathBuf};

use super::rescue::{Rescue, write_anew};
use super::write::{FolderError, try_out};
use crate::config::{ScenarioKind, Setup};

/// The file of a run folder that holds the weights.
pub const CHECKPOINT: &str = "checkpoint.safetensors";

/// A folder that takes a run's files.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    rescue: Rescue,
    /// Whether it was found gone, and whether that was said.
    was_gone: bool,
    is_said: bool,
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

    /// Makes the folder and those above it, where they are missing, and tries whether these `files` can be written there.
    ///
    /// # Errors
    /// Those of [`Self::check`], [`FolderError::IsAFolder`] and [`FolderError::Unwritable`].
    pub fn create(path: &Path, force: bool, files: &[&str]) -> Result<Self, FolderError> {
        Self::check(path, force)?;
        make_folder(path)?;
        if let Some(folder) = files.iter().map(|file| path.join(file)).find(|file| file.is_dir()) {
            return Err(FolderError::IsAFolder(folder));
        }
        try_folder(path)?;
        Ok(Self::at(path.into()))
    }

    /// A folder that somebody else has made, or will make: nothing is tried.
    pub fn at(path: PathBuf) -> Self {
        Self { path, rescue: Rescue::default(), was_gone: false, is_said: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a file into the folder, whole or not at all; the folder is made again where it is gone.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`], naming the file; the file is as it was.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        self.was_gone |= write_anew(&self.path.join(name), bytes)?;
        Ok(())
    }

    /// Puts a file into the folder, whole or not at all, or where that is impossible into another place;
    /// [`Self::outcome`] tells.
    pub fn keep(&mut self, name: &str, bytes: &[u8]) {
        self.was_gone |= self.rescue.keep(&self.path.join(name), bytes);
    }

    /// Whether a file of that name is in the folder, or was put elsewhere.
    pub fn has(&self, name: &str) -> bool {
        self.rescue.has(&self.path.join(name))
    }

    /// That the folder was gone and is there again: once.
    pub fn notice(&mut self) -> Option<String> {
        if !self.was_gone || self.is_said {
            return None;
        }
        self.is_said = true;
        Some(format!(
            "{} was gone, with what was in it; it is there again, with all that is known of the work so far",
            self.path.display()
        ))
    }

    /// Whether all that was kept is in the folder.
    ///
    /// # Errors
    /// [`FolderError::Misplaced`].
    pub fn outcome(&self) -> Result<(), FolderError> {
        self.rescue.outcome()
    }
}

/// What a run is called unless somebody says otherwise: `<mode>-<data>-seed<seed>`.
pub fn default_name(setup: &Setup) -> String {
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
    format!("{scenario}{}-{data}-seed{}", setup.method().name(), setup.seed)
}

/// The first folder of `runs/<name>`, `…-2`, `…-3` that is not there, by the [`default_name`].
pub fn default_path(setup: &Setup) -> PathBuf {
    let stem = format!("runs/{}", default_name(setup));
    std::iter::once(stem.clone())
        .chain((2_u64..).map(|n| format!("{stem}-{n}")))
        .map(PathBuf::from)
        .find(|path| !path.exists())
        .unwrap_or_else(|| stem.into())
}

/// Tries whether files can be written into a folder that is there.
///
/// # Errors
/// [`FolderError::Unwritable`], naming the folder.
pub fn try_folder(path: &Path) -> Result<(), FolderError> {
    try_out(&path.join("trial")).map_err(|error| match error {
        FolderError::Unwritable { source, .. } => FolderError::Unwritable { path: path.into(), source },
        error => error,
    })
}

/// Makes a folder that several processes may write to, if it is not there.
///
/// # Errors
/// [`FolderError::NotAFolder`] and [`FolderError::Unwritable`].
pub fn make_folder(path: &Path) -> Result<(), FolderError> {
    if path.exists() && !path.is_dir() {
        return Err(FolderError::NotAFolder(path.into()));
    }
    std::fs::create_dir_all(path).map_err(|source| FolderError::Unwritable { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_replaces_the_old_one() {
        let scratch = tempfile::tempdir().unwrap();
        let mut folder = RunFolder::create(&scratch.path().join("a/b"), false, &[]).unwrap();
        folder.write("metrics.csv", b"old").unwrap();
        folder.write("metrics.csv", b"new").unwrap();
        assert_eq!(std::fs::read(folder.path().join("metrics.csv")).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn a_failed_write_names_the_file_and_leaves_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let mut folder = RunFolder::create(scratch.path(), false, &[]).unwrap();
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
        assert!(RunFolder::create(scratch.path(), false, &[]).is_ok(), "an empty folder is fine");
        std::fs::write(scratch.path().join("thesis.tex"), "x").unwrap();
        let error = RunFolder::create(scratch.path(), false, &[]).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains("--force"), "{error}");
        assert!(RunFolder::create(scratch.path(), true, &["run.json"]).is_ok());
        let error = RunFolder::create(&scratch.path().join("thesis.tex"), true, &[]).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains("not a folder"), "{error}");
        let error = RunFolder::create(&scratch.path().join("thesis.tex/runs"), true, &[]).unwrap_err();
        assert!(!error.is_refusal() && error.to_string().contains("cannot write"), "{error}");
    }

    #[test]
    fn a_folder_in_a_files_place_is_refused_before_the_work() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("run.json")).unwrap();
        let error = RunFolder::create(scratch.path(), true, &["metrics.csv", "run.json"]).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains("run.json is a folder"), "{error}");
        assert!(RunFolder::create(scratch.path(), true, &["metrics.csv"]).is_ok());
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "a trial leaves nothing");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_folder_that_takes_no_file_is_refused_before_the_work() {
        // Nobody writes there, whoever they are.
        let error = RunFolder::create(Path::new("/proc/self"), true, &[]).unwrap_err().to_string();
        assert!(error.starts_with("cannot write /proc/self: "), "{error}");
    }

    #[test]
    fn a_folder_that_goes_away_is_said_once() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("a");
        let mut folder = RunFolder::create(&path, false, &[]).unwrap();
        folder.write("run.json", b"1").unwrap();
        assert_eq!(folder.notice(), None);
        for _ in 0..2 {
            std::fs::remove_dir_all(&path).unwrap();
            folder.write("run.json", b"2").unwrap();
        }
        assert!(folder.notice().is_some_and(|said| said.contains("a was gone")) && folder.notice().is_none());
        assert!(folder.has("run.json") && !folder.has("metrics.csv") && folder.outcome().is_ok());
    }

    #[test]
    fn default_names_tell_mode_data_and_seed() {
        let setup = Setup { data: "/data/my digits/".into(), seed: 7, ..Setup::default() };
        assert_eq!(default_path(&setup), Path::new("runs/great+greace-my-digits-seed7"));
    }
}
