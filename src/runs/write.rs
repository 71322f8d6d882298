//! Files that appear whole or not at all.

use std::path::{Path, PathBuf};

use crate::platform::files;

/// Bytes that are written to see whether a folder takes any.
const TRIED: usize = 4096;

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
    /// A folder is where a file is to be.
    #[error("{} is a folder, and a file of that name is to be written; move it away, or name another place", .0.display())]
    IsAFolder(PathBuf),
    /// Another process writes a run into it.
    #[error("{} is being written by another process; wait until that has ended, or end it", .0.display())]
    InUse(PathBuf),
    /// Some files are not where they belong.
    #[error("{0}")]
    Misplaced(String),
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
        matches!(self, Self::NotEmpty(_) | Self::NotAFolder(_) | Self::IsAFolder(_) | Self::InUse(_))
    }

    /// What the system said; all that is known where it said nothing.
    pub fn reason(&self) -> String {
        match self {
            Self::Unwritable { source, .. } => source.to_string(),
            Self::NotEmpty(_)
            | Self::NotAFolder(_)
            | Self::IsAFolder(_)
            | Self::InUse(_)
            | Self::Misplaced(_) => self.to_string(),
        }
    }
}

/// Puts `bytes` into the file `path`, whole or not at all.
///
/// # Errors
/// [`FolderError::Unwritable`], naming the file; the file is as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    files::write_whole(path, bytes).map_err(|error| unwritable(path, error))
}

/// Tries whether the file `path` can be written: all that [`write_whole`] does, but for the last step, which would put
/// the file there.
///
/// # Errors
/// [`FolderError::IsAFolder`], and [`FolderError::Unwritable`], naming the file.
pub fn try_out(path: &Path) -> Result<(), FolderError> {
    if path.is_dir() {
        return Err(FolderError::IsAFolder(path.into()));
    }
    files::try_out(path, &[0; TRIED]).map_err(|error| unwritable(path, error))
}

/// tempfile's own errors name its random path; the system's number says the same in fewer words.
fn unwritable(path: &Path, error: std::io::Error) -> FolderError {
    let source = error.raw_os_error().map_or(error, std::io::Error::from_raw_os_error);
    FolderError::Unwritable { path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_leaves_nothing_and_what_is_there_as_it_was() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("run.json");
        try_out(&path).unwrap();
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        std::fs::write(&path, "mine").unwrap();
        try_out(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        let error = try_out(&scratch.path().join("nowhere/run.json")).unwrap_err();
        assert!(error.to_string().contains("nowhere/run.json") && !error.is_refusal(), "{error}");
        let error = try_out(scratch.path()).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains("is a folder"), "{error}");
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
