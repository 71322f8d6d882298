//! The files of a page: in memory, from where they are brought, one after the other, to the origin-private file system of the
//! browser. They are read from there once, beside the window.

use std::cell::RefCell;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};

use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::storage::{self, Folder};
use super::text_of;
use crate::platform::tree::{Bytes, Due, Tree};
use crate::platform::{Found, Standing, Store};

/// Bytes that are kept at most.
const MOST: u64 = 200_000_000;
/// What a browser takes to give a file, at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between an attempt that failed and the next.
const AGAIN: Duration = Duration::from_secs(10);

/// What is said where another tab has the files.
const SECOND: &str = "Another tab keeps the runs, so those of this one are not kept: close that tab and reload this one. What was kept until now can be looked at.";

struct Files {
    tree: Tree,
    standing: Standing,
    most: u64,
    /// What somebody should know, good or bad.
    news: Vec<Result<String, String>>,
    /// Whether something is being written at the moment.
    is_writing: bool,
    /// When an attempt failed, if the last one did.
    failed: Option<Instant>,
    /// When something was read last.
    heard: Instant,
}

thread_local! {
    static FILES: RefCell<Option<Files>> = const { RefCell::new(None) };
}

/// Does something with the files; the browser is asked for them the first time.
fn with<T>(work: impl FnOnce(&mut Files) -> T) -> T {
    FILES.with_borrow_mut(|files| {
        let files = files.get_or_insert_with(|| {
            spawn_local(load());
            Files {
                tree: Tree::default(),
                standing: Standing::Loading,
                most: MOST,
                news: Vec::new(),
                is_writing: false,
                failed: None,
                heard: Instant::now(),
            }
        });
        files.tree.set_clock(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        work(files)
    })
}

/// The same where something may be changed, which is then brought to the browser.
fn change<T>(work: impl FnOnce(&mut Tree) -> io::Result<T>) -> io::Result<T> {
    let done = with(|files| work(&mut files.tree));
    write_behind();
    done
}

/// Reads all that the browser keeps.
async fn load() {
    let standing = match fetch().await {
        Ok(true) => Standing::Ready,
        Ok(false) => {
            with(|files| files.tree.refuse(SECOND.into()));
            Standing::ReadOnly(SECOND.into())
        }
        Err(why) => Standing::Fleeting(fleeting(&text_of(&why))),
    };
    with(|files| {
        if files.standing == Standing::Loading {
            files.standing = standing;
        }
    });
}

fn fleeting(why: &str) -> String {
    format!(
        "Runs are kept until this page is closed, because the browser stores nothing: {why}. Share those that are to stay."
    )
}

/// The same; whether this tab may change it.
async fn fetch() -> Result<bool, JsValue> {
    let root = Folder::root().await?;
    let is_first = storage::take_lock().await?;
    let mut left = vec![(PathBuf::new(), root)];
    let mut size = 0;
    while let Some((path, folder)) = left.pop() {
        for (name, entry) in folder.entries().await? {
            let path = path.join(name);
            match entry {
                storage::Entry::Folder(folder) => {
                    with(|files| files.tree.put_folder(&path, Duration::ZERO));
                    left.push((path, folder));
                }
                storage::Entry::File(file) => {
                    // A file that cannot be read is not there; the run that it belongs to says so.
                    let Ok((bytes, changed)) = file.read().await else { continue };
                    size += bytes.len() as u64;
                    with(|files| files.tree.put(&path, bytes, changed));
                }
            }
            let is_awaited = with(|files| {
                files.heard = Instant::now();
                files.standing == Standing::Loading
            });
            if !is_awaited {
                return Err("it answered too late".into());
            }
        }
    }
    if let Some(left) = storage::left().await {
        with(|files| files.most = MOST.min((size + left) / 2));
    }
    Ok(is_first)
}

/// Brings what was changed to the browser, unless that is under way.
fn write_behind() {
    let begins = with(|files| {
        let is_time = files.failed.is_none_or(|failed| failed.elapsed() > AGAIN);
        let begins =
            files.standing == Standing::Ready && !files.is_writing && is_time && files.tree.due() > 0;
        files.is_writing |= begins;
        begins
    });
    if begins {
        spawn_local(async {
            while let Some((path, due)) = with(|files| files.tree.next_due()) {
                let written = bring(&path, due).await;
                if with(|files| files.take_note(path, written)) {
                    break;
                }
            }
            with(|files| files.is_writing = false);
        });
    }
}

/// Has the browser keep what a path stands for.
async fn bring(path: &Path, due: Due) -> Result<(), JsValue> {
    let mut folder = Folder::root().await?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let above = path.parent().into_iter().flat_map(Path::components);
    for part in above {
        let part = part.as_os_str().to_string_lossy();
        folder = match (folder.folder(&part, due != Due::Nothing).await, &due) {
            (Ok(folder), _) => folder,
            // What lies in a folder that is not there is gone.
            (Err(error), Due::Nothing) if storage::is_missing(&error) => return Ok(()),
            (Err(error), _) => return Err(error),
        };
    }
    match due {
        Due::Folder => folder.folder(&name, true).await.map(drop),
        Due::File(bytes) => folder.write(&name, &bytes).await,
        Due::Nothing => folder.remove(&name).await,
    }
}

impl Files {
    /// Takes note of what came of writing; whether that failed.
    fn take_note(&mut self, path: PathBuf, written: Result<(), JsValue>) -> bool {
        let Err(error) = written else {
            if self.failed.take().is_some() {
                self.news.push(Ok("The browser keeps the runs again.".into()));
            }
            return false;
        };
        self.tree.put_back(path);
        let is_full = storage::is_full(&error);
        if is_full {
            // Less than it had told: what is given up now makes room.
            self.most = self.most.min(self.tree.size() / 4 * 3);
        }
        if self.failed.replace(Instant::now()).is_none() {
            let what = match is_full {
                true => "The browser has no more room for runs".to_owned(),
                false => format!("The browser does not keep the runs: {}", text_of(&error)),
            };
            self.news.push(Err(format!("{what}.")));
        }
        true
    }
}

/// How it stands with what is kept.
pub fn store() -> Store {
    with(|files| {
        if files.standing == Standing::Loading && files.heard.elapsed() > PATIENCE {
            files.standing = Standing::Fleeting(fleeting("its storage does not answer"));
        }
        Store { standing: files.standing.clone(), most: Some(files.most), due: files.due() }
    })
}

impl Files {
    /// Files that are not yet in the browser, that under way among them.
    fn due(&self) -> usize {
        if self.standing == Standing::Ready { self.tree.due() + usize::from(self.is_writing) } else { 0 }
    }
}

/// What came of keeping since the last time that somebody should know, good or bad, in sentences.
pub fn news() -> Vec<Result<String, String>> {
    write_behind();
    with(|files| std::mem::take(&mut files.news))
}

/// Asks the browser to give nothing up for want of room elsewhere.
pub fn persist() {
    storage::persist();
}

/// What is at a path.
///
/// # Errors
/// That there is nothing.
pub fn find(path: &Path) -> io::Result<Found> {
    with(|files| files.tree.find(path))
}

/// Whether there is something at a path.
pub fn exists(path: &Path) -> bool {
    find(path).is_ok()
}

/// The names in a folder, each with what bears it.
///
/// # Errors
/// That there is no such folder.
pub fn entries(folder: &Path) -> io::Result<Vec<(String, Found)>> {
    with(|files| files.tree.entries(folder))
}

/// The bytes of a file.
///
/// # Errors
/// That there is no such file.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    with(|files| files.tree.read(path.as_ref())).map(|bytes| bytes.to_vec())
}

/// A file, to be read.
///
/// # Errors
/// That there is no such file.
pub fn open(path: &Path) -> io::Result<Cursor<Bytes>> {
    with(|files| files.tree.read(path)).map(Cursor::new)
}

/// A copy of a file; both share their bytes.
///
/// # Errors
/// That there is no such file, or no folder for the copy.
pub fn duplicate(from: &Path, to: &Path) -> io::Result<()> {
    change(|tree| tree.duplicate(from, to))
}

/// Puts `bytes` into the file `path`, whole or not at all.
///
/// # Errors
/// That there is no folder for it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    change(|tree| tree.write(path, bytes.to_vec()))
}

/// Would try whether a file can be written.
///
/// # Errors
/// Never.
pub fn try_out(_path: &Path, _bytes: &[u8]) -> io::Result<()> {
    Ok(())
}

/// Makes a folder.
///
/// # Errors
/// That there is one, or none that it can lie in.
pub fn create_dir(folder: impl AsRef<Path>) -> io::Result<()> {
    change(|tree| tree.make(folder.as_ref()))
}

/// Makes a folder and those above it, where they are missing.
///
/// # Errors
/// That a file is in the place of one.
pub fn create_dir_all(folder: impl AsRef<Path>) -> io::Result<()> {
    change(|tree| tree.make_all(folder.as_ref()))
}

/// Moves a file or a folder.
///
/// # Errors
/// That it is not there, or something else is where it is to be.
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    change(|tree| tree.rename(from.as_ref(), to.as_ref()))
}

/// Removes a file.
///
/// # Errors
/// That there is none.
pub fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    change(|tree| tree.remove(path.as_ref(), false))
}

/// Removes an empty folder.
///
/// # Errors
/// That there is none, or something in it.
pub fn remove_dir(folder: impl AsRef<Path>) -> io::Result<()> {
    change(|tree| tree.remove(folder.as_ref(), false))
}

/// Removes a folder with all that is in it.
///
/// # Errors
/// That there is none.
pub fn remove_dir_all(folder: impl AsRef<Path>) -> io::Result<()> {
    change(|tree| tree.remove(folder.as_ref(), true))
}

/// A new folder in `folder` that goes, with all that is in it, when it is dropped.
#[derive(Debug)]
pub struct Temporary(PathBuf);

impl Temporary {
    /// One whose name begins so.
    ///
    /// # Errors
    /// That there is no such folder.
    pub fn make(folder: &Path, prefix: &str) -> io::Result<Self> {
        let path = folder.join(format!("{prefix}page"));
        // What was left behind when a page was closed.
        if exists(&path) {
            remove_dir_all(&path)?;
        }
        create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It is there, since nobody else knows its name.
        let _ = remove_dir_all(&self.0);
    }
}

/// A new file, there once it is flushed.
pub struct Writer {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A new file, to be written.
///
/// # Errors
/// That there is one of that name.
pub fn create(path: PathBuf) -> io::Result<Writer> {
    if exists(&path) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    Ok(Writer { path, bytes: Vec::new() })
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        write_whole(&self.path, &self.bytes)
    }
}

/// A file that is held until it is removed, or the page is closed.
#[derive(Debug)]
pub struct Held;

/// Puts `text` into a file that nothing else of this page can hold.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] where something holds it.
pub fn hold(path: &Path, text: &str) -> io::Result<Held> {
    change(|tree| tree.hold(path, text)).map(|()| Held)
}

/// What is in a file that something of this page holds at the moment.
pub fn held(path: &Path) -> Option<String> {
    with(|files| files.tree.held(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
