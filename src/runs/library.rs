//! A folder of runs: a folder each, what is said of them, and a trash from which they come back.

mod room;

use std::io::{Cursor, Seek, Write};
use std::path::{Path, PathBuf};

use web_time::Duration;

use super::bundle::{self, Bundle, BundleError};
use super::comparison::{self, Plan};
use super::label::{Label, LabelError};
use super::lock::{self, Lock};
use super::record::{RecordError, RunRecord};
use super::summary::Summary;
use super::write::FolderError;
use crate::platform::{self, files};

pub use room::{GivenUp, MadeRoom};

/// The folder of a library into which runs go that are deleted.
const TRASH: &str = ".trash";
/// What an import is called until it is whole.
const ARRIVING: &str = ".arriving-";
/// Folders of one name at most.
const MOST_OF_A_NAME: u32 = 100_000;
/// Characters of a folder's name at most, without its number.
const LONGEST_NAME: usize = 100;

/// Why something cannot be done in a library.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Refused {
        /** What was to be done. */
        what: &'static str,
        /** With what. */
        path: PathBuf,
        /** What the system said. */
        source: std::io::Error,
    },
    /// There is no such run.
    #[error("there is no run '{name}' in {}{hint}", root.display())]
    Unknown {
        /** As it was called. */
        name: String,
        /** The library. */
        root: PathBuf,
        /** What there is. */
        hint: String,
    },
    /// Several runs are called so.
    #[error("{} runs are called '{name}'; say which, by its folder: {}", folders.len(), folders.join(", "))]
    Ambiguous {
        /** As they are called. */
        name: String,
        /** Their folders. */
        folders: Vec<String>,
    },
    /// Somebody writes it.
    #[error("the run '{name}' is being written by {holder}; it can be deleted when that has ended it")]
    InUse {
        /** Which. */
        name: String,
        /** Who. */
        holder: String,
    },
    /// A name or a tag is none.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// What is said of a run cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What is said of a run cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A bundle holds more than can be kept.
    #[error("{name} takes {} MB, and {} MB of runs are kept here at most; great-lab opens it on a desktop", bytes.div_ceil(1_000_000), most / 1_000_000)]
    Room {
        /** Which bundle. */
        name: String,
        /** Its bytes, unpacked. */
        bytes: u64,
        /** Those that are kept at most. */
        most: u64,
    },
    /// A bundle is none.
    #[error("{name}: {source}")]
    Bundle {
        /** The bundle, or the run that was to be one. */
        name: String,
        /** Why. */
        source: BundleError,
    },
}

/// A run that was found, read or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name of its folder.
    pub id: String,
    /// When its record or what is said of it changed last, since 1970: what was read before is still so where this is as it
    /// was.
    pub changed: Duration,
}

/// A new run's folder, which nobody else writes into.
#[derive(Debug)]
pub struct Claim {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the library.
    pub id: String,
    /// Lets go of it when dropped.
    pub lock: Lock,
}

/// A folder of runs.
#[derive(Clone, Debug)]
pub struct Library {
    root: PathBuf,
}

impl Library {
    /// That in this folder, whether it is there or not.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the window keeps its runs unless it is told otherwise; none where the system has no place.
    pub fn standard() -> Option<PathBuf> {
        platform::data_folder().map(|folder| folder.join("runs"))
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a run.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// The folder of a run in the trash.
    pub fn trashed(&self, id: &str) -> PathBuf {
        self.root.join(TRASH).join(id)
    }

    /// What there is, the last that changed first; nothing is read but names and times. A library that is not there yet
    /// is empty.
    ///
    /// # Errors
    /// [`LibraryError::Refused`].
    pub fn list(&self) -> Result<Vec<Found>, LibraryError> {
        self.list_in(&self.root)
    }

    /// What is in the trash, the last that changed first.
    ///
    /// # Errors
    /// [`LibraryError::Refused`].
    pub fn list_trash(&self) -> Result<Vec<Found>, LibraryError> {
        self.list_in(&self.root.join(TRASH))
    }

    fn list_in(&self, folder: &Path) -> Result<Vec<Found>, LibraryError> {
        let entries = match files::entries(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(refused("read", folder, source)),
        };
        let runs = entries.into_iter().filter(|(id, found)| !id.starts_with('.') && found.is_folder);
        let mut found: Vec<Found> =
            runs.map(|(id, _)| Found { changed: changed(&folder.join(&id)), id }).collect();
        found.sort_by(|one, other| other.changed.cmp(&one.changed).then_with(|| one.id.cmp(&other.id)));
        Ok(found)
    }

    /// What a list says of a run.
    ///
    /// # Errors
    /// Why it cannot: the run is cut off, of a newer version, unreadable, or there is none.
    pub fn summary(&self, id: &str) -> Result<Summary, String> {
        summary_of(&self.folder(id))
    }

    /// What a comparison is, in a few words; none of a run.
    pub fn comparison(&self, id: &str) -> Option<String> {
        let plan = Plan::read(&self.folder(id)).ok()?;
        let runs = plan.cells.len();
        Some(format!("comparison of {runs} {}: {}", if runs == 1 { "run" } else { "runs" }, plan.title))
    }

    /// Who writes a run at the moment, in words.
    pub fn holder(&self, id: &str) -> Option<String> {
        lock::holder(&self.folder(id))
    }

    /// The run whose folder, or else whose name, this is.
    ///
    /// # Errors
    /// [`LibraryError::Unknown`] and [`LibraryError::Ambiguous`].
    pub fn find(&self, name: &str) -> Result<String, LibraryError> {
        self.find_in(&self.root, name)
    }

    /// The same in the trash.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn find_in_trash(&self, name: &str) -> Result<String, LibraryError> {
        self.find_in(&self.root.join(TRASH), name)
    }

    fn find_in(&self, folder: &Path, name: &str) -> Result<String, LibraryError> {
        let found = self.list_in(folder)?;
        if found.iter().any(|found| found.id == name) {
            return Ok(name.into());
        }
        let is_called = |id: &&String| {
            Label::read(&folder.join(id)).is_ok_and(|label| label.name.as_deref() == Some(name))
        };
        let mut called: Vec<String> =
            found.iter().map(|found| &found.id).filter(is_called).cloned().collect();
        match called.len() {
            1 => Ok(called.remove(0)),
            0 => Err(LibraryError::Unknown {
                name: name.into(),
                root: folder.into(),
                hint: match found.len() {
                    0 => ": it is empty".into(),
                    1..=5 => {
                        format!(
                            "; there are: {}",
                            found.iter().map(|found| &*found.id).collect::<Vec<_>>().join(", ")
                        )
                    }
                    count => format!(", among {count}; 'great-lab runs' lists them"),
                },
            }),
            _ => Err(LibraryError::Ambiguous { name: name.into(), folders: called }),
        }
    }

    /// A folder of its own for a new run, called `stem`, or with a number behind it.
    ///
    /// # Errors
    /// [`LibraryError::Refused`].
    pub fn claim(&self, stem: &str) -> Result<Claim, LibraryError> {
        files::create_dir_all(&self.root).map_err(|source| refused("make", &self.root, source))?;
        let (path, id) = self.make(stem)?;
        let lock = Lock::take(&path).map_err(|source| refused("lock", &path, source))?;
        Ok(Claim { path, id, lock })
    }

    /// Makes a folder that was not there. The system makes a folder once, however many ask for it.
    fn make(&self, stem: &str) -> Result<(PathBuf, String), LibraryError> {
        let mut ids = ids(stem);
        loop {
            let id = ids.next().unwrap_or_default();
            let path = self.folder(&id);
            match files::create_dir(&path) {
                Ok(()) => return Ok((path, id)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && !id.is_empty() => {}
                Err(source) => return Err(refused("make", &path, source)),
            }
        }
    }

    /// Moves a folder to where it is called `stem`, or with a number behind it.
    fn settle(&self, from: &Path, to: &Path, stem: &str) -> Result<String, LibraryError> {
        for id in ids(stem) {
            let path = to.join(&id);
            if files::exists(&path) {
                continue;
            }
            match files::rename(from, &path) {
                Ok(()) => return Ok(id),
                // Somebody was faster.
                Err(_) if files::exists(&path) => {}
                Err(source) => return Err(refused("move", from, source)),
            }
        }
        Err(refused("move", from, std::io::ErrorKind::AlreadyExists.into()))
    }

    /// Changes what is said of a run.
    ///
    /// # Errors
    /// Those of `change`, and where the label cannot be read or written.
    pub fn relabel(
        &self,
        id: &str,
        change: impl FnOnce(&mut Label) -> Result<(), LabelError>,
    ) -> Result<Label, LibraryError> {
        let folder = self.folder(id);
        // What cannot be read says nothing that could be kept.
        let mut label = Label::read(&folder).unwrap_or_default();
        change(&mut label)?;
        label.write(&folder)?;
        Ok(label)
    }

    /// Moves a run into the trash; its name there.
    ///
    /// # Errors
    /// [`LibraryError::InUse`] and [`LibraryError::Refused`].
    pub fn delete(&self, id: &str) -> Result<String, LibraryError> {
        if let Some(holder) = self.holder(id) {
            return Err(LibraryError::InUse { name: id.into(), holder });
        }
        let trash = self.root.join(TRASH);
        files::create_dir_all(&trash).map_err(|source| refused("make", &trash, source))?;
        self.settle(&self.folder(id), &trash, id)
    }

    /// Brings a run back from the trash; its name now.
    ///
    /// # Errors
    /// [`LibraryError::Refused`].
    pub fn undelete(&self, id: &str) -> Result<String, LibraryError> {
        self.settle(&self.trashed(id), &self.root, id)
    }

    /// Writes a run as a bundle.
    ///
    /// # Errors
    /// [`LibraryError::Bundle`] and [`LibraryError::Refused`].
    pub fn export<W: Write + Seek>(&self, id: &str, out: W) -> Result<W, LibraryError> {
        pack(&self.folder(id), out)
    }

    /// The same in memory, and what to call it.
    ///
    /// # Errors
    /// As [`Self::export`].
    pub fn bundle(&self, id: &str) -> Result<(String, Vec<u8>), LibraryError> {
        let bytes = self.export(id, Cursor::new(Vec::new()))?.into_inner();
        let name = Label::read(&self.folder(id)).ok().and_then(|label| label.name);
        Ok((format!("{}.{}", plain(name.as_deref().unwrap_or(id)), bundle::EXTENSION), bytes))
    }

    /// Takes the run of a bundle in, under the name that the bundle's file has; the run's name here. Where the bundle is
    /// refused nothing of it stays.
    ///
    /// # Errors
    /// [`LibraryError::Bundle`] and [`LibraryError::Refused`].
    pub fn import(&self, name: &str, reader: impl std::io::Read + Seek) -> Result<String, LibraryError> {
        let refuse = |source| LibraryError::Bundle { name: name.into(), source };
        let mut bundle = Bundle::open(reader).map_err(refuse)?;
        if let Some(most) = files::store().most {
            let sizes = bundle.sizes().map_err(refuse)?;
            let bytes = sizes.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
            if bytes > most {
                return Err(LibraryError::Room { name: name.into(), bytes, most });
            }
            bundle.bound(most);
        }
        files::create_dir_all(&self.root).map_err(|source| refused("make", &self.root, source))?;
        // Dropped, it goes with all that is in it.
        let arriving = files::Temporary::make(&self.root, ARRIVING);
        let arriving = arriving.map_err(|source| refused("write into", &self.root, source))?;
        let make = |file: &str| files::create(arriving.path().join(file));
        bundle.extract(make).map_err(refuse)?;
        let damaged = |error: RecordError| refuse(BundleError::Damaged(reason(arriving.path(), &error)));
        RunRecord::read(arriving.path()).map_err(damaged)?;
        let mut label = Label::read(arriving.path()).map_err(damaged)?;
        if std::mem::take(&mut label.pinned) {
            label.write(arriving.path())?;
        }
        let stem =
            Path::new(name).file_stem().map_or_else(String::new, |stem| plain(&stem.to_string_lossy()));
        // Its permissions are those of a temporary folder: its owner's alone.
        let (path, id) = self.make(&stem)?;
        for file in bundle.names() {
            let moved = files::rename(arriving.path().join(&file), path.join(&file));
            moved.map_err(|source| refused("write", &path.join(&file), source))?;
        }
        Ok(id)
    }
}

/// What a list says of the run in this folder.
///
/// # Errors
/// Why it cannot, in words.
pub fn summary_of(folder: &Path) -> Result<Summary, String> {
    let record = RunRecord::read(folder).map_err(|error| reason(folder, &error))?;
    // What people say of it is not worth the run.
    Ok(Summary::of(&record, Label::read(folder).unwrap_or_default()))
}

/// Why there is nothing to say of a run, without the path that the list has anyway.
fn reason(folder: &Path, error: &RecordError) -> String {
    match error {
        RecordError::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            if comparison::is_in(folder) {
                "a comparison of several runs, which 'great-lab compare' made".into()
            } else {
                format!("there is no {} in it", RunRecord::FILE)
            }
        }
        RecordError::Unreadable { source, .. } => format!("{} cannot be read: {source}", RunRecord::FILE),
        RecordError::Malformed { problem, .. } => {
            format!("{} is cut off or damaged: {problem}", RunRecord::FILE)
        }
        RecordError::Version { found, .. } => {
            format!("{} has format {found}, which a newer version of the lab reads", RunRecord::FILE)
        }
    }
}

/// Packs the files of a run's folder; what else somebody put there stays there.
fn pack<W: Write + Seek>(folder: &Path, out: W) -> Result<W, LibraryError> {
    let entries = files::entries(folder).map_err(|source| refused("read", folder, source))?.into_iter();
    let is_its = |name: &String| bundle::is_plain(name) && name != lock::FILE;
    let mut names: Vec<String> =
        entries.filter(|(_, found)| found.is_file).map(|(name, _)| name).filter(is_its).collect();
    names.sort_unstable();
    let mut packed = Vec::with_capacity(names.len());
    for name in &names {
        let path = folder.join(name);
        packed.push((&**name, files::read(&path).map_err(|source| refused("read", &path, source))?));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    bundle::pack(out, packed).map_err(|source| LibraryError::Bundle { name, source })
}

/// `stem`, `stem-2`, `stem-3`, ...
fn ids(stem: &str) -> impl Iterator<Item = String> {
    let stem = plain(stem);
    (1..MOST_OF_A_NAME).map(move |number| if number == 1 { stem.clone() } else { format!("{stem}-{number}") })
}

/// A name as every system takes it for a folder or a file.
fn plain(name: &str) -> String {
    let is_kept = |char: char| char.is_ascii_alphanumeric() || "._-+".contains(char);
    let kept: String = name.chars().map(|char| if is_kept(char) { char } else { '-' }).collect();
    let kept: String = kept.trim_matches(['.', '-', '_', '+']).chars().take(LONGEST_NAME).collect();
    let kept = kept.trim_end_matches('.');
    if bundle::is_plain(kept) { kept.into() } else { "run".into() }
}

/// When the record of a run, or what is said of it, changed last; of a folder that has neither, when it was made.
fn changed(folder: &Path) -> Duration {
    let time = |path: PathBuf| files::find(&path).ok()?.changed;
    let label = time(folder.join(Label::FILE));
    let record = time(folder.join(RunRecord::FILE)).or_else(|| time(folder.into()));
    record.max(label).unwrap_or_default()
}

fn refused(what: &'static str, path: &Path, source: std::io::Error) -> LibraryError {
    LibraryError::Refused { what, path: path.into(), source }
}
