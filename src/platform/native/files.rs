//! The disk, as far as what is kept of runs needs it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::platform::{Found, Standing, Store};

pub use std::fs::{create_dir, create_dir_all, read, remove_dir, remove_dir_all, remove_file, rename};

/// Bytes of a held file that are looked at.
const MOST_BYTES: u64 = 256;

/// What is at a path.
///
/// # Errors
/// What the system says.
pub fn find(path: &Path) -> std::io::Result<Found> {
    path.metadata().map(|metadata| found(&metadata))
}

fn found(metadata: &std::fs::Metadata) -> Found {
    let changed = metadata.modified().ok();
    let changed = changed.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Found { is_folder: metadata.is_dir(), is_file: metadata.is_file(), bytes: metadata.len(), changed }
}

/// Whether there is something at a path.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// The names in a folder, each with what bears it; a link is followed nowhere, and neither file nor folder.
///
/// # Errors
/// What the system says.
pub fn entries(folder: &Path) -> std::io::Result<Vec<(String, Found)>> {
    let entry = |entry: std::fs::DirEntry| {
        Some((entry.file_name().into_string().ok()?, found(&entry.metadata().ok()?)))
    };
    Ok(std::fs::read_dir(folder)?.filter_map(|found| entry(found.ok()?)).collect())
}

/// A file, to be read.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

/// Another name of the bytes of a file, where the system has such, or a copy of them.
///
/// # Errors
/// What the system says.
pub fn duplicate(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::hard_link(from, to).or_else(|_| std::fs::copy(from, to).map(drop))
}

/// Puts `bytes` into the file `path`, whole or not at all: written aside in the same folder, then renamed.
///
/// # Errors
/// What the system says; the file is as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    aside(path, bytes).and_then(|file| file.persist(path).map(drop).map_err(|error| error.error))
}

/// All that [`write_whole`] does, but for the last step, which would put the file there.
///
/// # Errors
/// What the system says.
pub fn try_out(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    aside(path, bytes).and_then(tempfile::NamedTempFile::close)
}

/// The bytes in a file beside `path`, of another name.
fn aside(path: &Path, bytes: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
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
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    // Without it, a power cut soon after the rename could leave an empty file under the final name.
    file.as_file().sync_all()?;
    Ok(file)
}

/// A new folder in `folder` that goes, with all that is in it, when it is dropped. It is its owner's alone.
#[derive(Debug)]
pub struct Temporary(tempfile::TempDir);

impl Temporary {
    /// One whose name begins so.
    ///
    /// # Errors
    /// What the system says.
    pub fn make(folder: &Path, prefix: &str) -> std::io::Result<Self> {
        tempfile::Builder::new().prefix(prefix).tempdir_in(folder).map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A new file, to be written.
///
/// # Errors
/// What the system says, also where there is one of that name.
pub fn create(path: PathBuf) -> std::io::Result<File> {
    File::create_new(path)
}

/// A file that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

/// Puts `text` into a file that nobody else can hold.
///
/// # Errors
/// What the system says; [`std::io::ErrorKind::WouldBlock`] where somebody else holds it.
pub fn hold(path: &Path, text: &str) -> std::io::Result<Held> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(std::io::ErrorKind::WouldBlock.into()),
        // Some file systems know no locks: there the folder's name, which is made once, has to do.
        Err(TryLockError::Error(_)) => {}
    }
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    Ok(Held { _file: file })
}

/// How a file begins that somebody holds at the moment; none where nobody does.
pub fn held(path: &Path) -> Option<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) | Err(TryLockError::Error(_)) => return None,
    }
    let mut text = String::new();
    let _ = (&mut file).take(MOST_BYTES).read_to_string(&mut text);
    Some(text)
}

/// How it stands with what is kept: a disk is there, and says itself when it is full.
pub fn store() -> Store {
    Store { standing: Standing::Ready, most: None, due: 0 }
}

/// What came of keeping since the last time that somebody should know, good or bad: a disk says it at once.
pub fn news() -> Vec<Result<String, String>> {
    Vec::new()
}

/// Asks that nothing be given up for want of room elsewhere: a disk gives up nothing.
pub fn persist() {}
