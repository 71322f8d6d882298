//! All that differs between a native program and a page, or between systems: memory, threads, breathing, files, links, text.

#[cfg(not(target_arch = "wasm32"))]
mod native;
pub mod text;
pub mod tree;
#[cfg(target_arch = "wasm32")]
mod web;

#[cfg(not(target_arch = "wasm32"))]
pub use native::*;
#[cfg(target_arch = "wasm32")]
pub use web::*;

/// The variable by which a program that starts this one has it end, in good order, when its standard input does: whatever
/// becomes of that program.
pub const ATTENDED: &str = "GREAT_LAB_ATTENDED";

/// Memory that this process holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// At most, so far.
    pub peak: u64,
}

/// What this process holds, where the system tells it in a file: Linux.
pub fn memory() -> Option<Memory> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some(Memory { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether it is a file.
    pub is_file: bool,
    /// Bytes of the file.
    pub bytes: u64,
    /// When it changed last, since 1970; none where the system does not say.
    pub changed: Option<web_time::Duration>,
}

/// How it stands with the place where runs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is being read: nothing can be asked of it yet.
    Loading,
    /// What is kept stays.
    Ready,
    /// What is kept goes with the page: why, in a sentence.
    Fleeting(String),
    /// What is there can be read, and nothing be kept: why, in a sentence.
    ReadOnly(String),
}

/// The place where runs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// How it stands with it.
    pub standing: Standing,
    /// Bytes that may be kept; none where the system knows its own bounds.
    pub most: Option<u64>,
    /// Files that are not yet where they outlast the page.
    pub due: usize,
}

/// What came of asking someone for a file.
#[derive(Debug)]
pub enum FileAnswer {
    /// Saved under this name.
    Saved(String),
    /// Opened: the name, and what is in it.
    Opened(String, Vec<u8>),
    /// A folder was chosen.
    Folder(String),
    /// The file of a network was chosen: its path, or on a page its name, by which [`given_files`] has it.
    Network(String),
    /// No file was chosen, or this desktop has no file dialog.
    Nothing,
    /// Reading or writing failed.
    Failed(FileError),
}

/// Why a file that someone chose could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not written.
    #[error("cannot save {name}: {source}; choose a folder that you may write to")]
    Write {
        /// Which file.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not read.
    #[error("cannot read {name}: {reason}")]
    Read {
        /// Which file.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// The system gave no thread to ask on.
    #[error("cannot open a file dialog: {0}")]
    Thread(std::io::Error),
}

/// The name of a picture that was pasted.
pub const PASTED: &str = "pasted.png";
/// What it is pasted from.
const CLIPBOARD: &str = "the clipboard";
/// Why it cannot be.
const NO_PICTURE: &str = "no picture was copied; copy one, and paste it again";

/// What the names of pictures end in.
pub const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "webp", "bmp", "gif"];

/// Whether a file of that name is a picture.
pub fn is_picture(name: &str) -> bool {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    end.is_some_and(|end| PICTURES.contains(&&*end))
}

/// What the name of a network's file ends in.
pub const NETWORK: &str = "onnx";

/// Whether a file of that name is a network that somebody else may have trained.
pub fn is_network(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(NETWORK))
}

/// The networks whose files a page keeps: the main network's, a teacher's, and one that was tried.
const MOST_NETWORKS: usize = 3;

/// Makes room for files that were given to a page under that name: one folder's are kept, and those of the last few networks.
pub fn keep_given<T>(given: &mut Vec<(String, T)>, name: &str) {
    if !is_network(name) {
        given.retain(|(other, _)| is_network(other));
        return;
    }
    given.retain(|(other, _)| other != name);
    let mut networks = given.iter().filter(|(other, _)| is_network(other)).count();
    given.retain(|(other, _)| {
        let goes = is_network(other) && networks >= MOST_NETWORKS;
        networks -= usize::from(goes);
        !goes
    });
}

impl FileAnswer {
    /// Files that were given to a page under that name: a network's, or those of a folder.
    pub fn given(name: String) -> Self {
        if is_network(&name) { Self::Network(name) } else { Self::Folder(name) }
    }
}

/// An answer on its way; poll it once a frame with `try_recv`.
pub type Asked = tokio::sync::oneshot::Receiver<FileAnswer>;

/// Files in memory, by name.
pub type Files = std::rc::Rc<std::collections::BTreeMap<String, Vec<u8>>>;
