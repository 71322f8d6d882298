//! Who writes into the folder of a run: one process, which the system lets go of the lock when it ends, however it ends.

use std::path::{Path, PathBuf};

use web_time::{SystemTime, UNIX_EPOCH};

use crate::platform::{self, files};

/// The file in a run's folder that is locked; it is gone when the run has ended.
pub const FILE: &str = "lock";

/// What stands in it between who has it and since when.
const SINCE: &str = " since ";

/// A folder that nobody else writes into, until this is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Of which process, and since when: what no other lock says.
    text: String,
    _file: files::Held,
}

impl Lock {
    /// Takes the folder for this process.
    ///
    /// # Errors
    /// What the system says; [`std::io::ErrorKind::WouldBlock`] where somebody else has it.
    pub fn take(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(FILE);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let text = format!("{}{SINCE}{since}\n", platform::process());
        let file = files::hold(&path, &text)?;
        Ok(Self { path, text, _file: file })
    }

    /// Whether the folder still is the one that was taken, and not gone, or made anew by somebody else.
    pub fn holds(&self) -> bool {
        // Where a system lets nobody read a locked file, it lets nobody remove it either.
        files::read(&self.path).map_or_else(
            |error| error.kind() != std::io::ErrorKind::NotFound && files::exists(&self.path),
            |text| text == self.text.as_bytes(),
        )
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.holds() {
            // The lock goes with the file; a file that stays is no lock.
            let _ = files::remove_file(&self.path);
        }
    }
}

/// Who writes into a folder at the moment, in words; none where nobody does, whatever file was left behind.
pub fn holder(folder: &Path) -> Option<String> {
    let text = files::held(&folder.join(FILE))?;
    let process = text.split_once(SINCE).map(|(process, _)| process).filter(|process| is_process(process));
    Some(process.unwrap_or("another window").to_owned())
}

/// Whether that is what a process writes of itself, and nothing else that lies there.
fn is_process(text: &str) -> bool {
    text.starts_with("process ") || text == platform::process()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_writer_and_a_lock_left_behind_is_none() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(holder(scratch.path()), None);
        std::fs::write(scratch.path().join(FILE), "process 1 since 5\n").unwrap();
        assert_eq!(holder(scratch.path()), None, "it was left behind by a process that was killed");
        let lock = Lock::take(scratch.path()).unwrap();
        let expected = format!("process {}", std::process::id());
        assert_eq!(holder(scratch.path()).as_deref(), Some(&*expected));
        let error = Lock::take(scratch.path()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
        assert!(lock.holds());
        drop(lock);
        assert!(holder(scratch.path()).is_none() && !scratch.path().join(FILE).exists());
    }

    #[test]
    fn a_folder_that_somebody_else_made_anew_is_not_ours() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a");
        std::fs::create_dir(&folder).unwrap();
        let ours = Lock::take(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(!ours.holds());
        std::fs::create_dir(&folder).unwrap();
        let theirs = Lock::take(&folder).unwrap();
        assert!(!ours.holds() && theirs.holds());
        drop(ours);
        assert!(theirs.holds(), "what is not ours is not removed");
    }
}
