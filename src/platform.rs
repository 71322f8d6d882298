//! All that differs between a native program and a page, or between systems: memory, threads, breathing, files, links, text.

#[cfg(not(target_arch = "wasm32"))]
mod native;
pub mod text;
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

/// What came of asking someone for a file.
#[derive(Debug)]
pub enum FileAnswer {
    /// Saved under this name.
    Saved(String),
    /// Opened: the name, and what is in it.
    Opened(String, Vec<u8>),
    /// A folder was chosen.
    Folder(String),
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

/// An answer on its way; poll it once a frame with `try_recv`.
pub type Asked = tokio::sync::oneshot::Receiver<FileAnswer>;

/// Files in memory, by name.
pub type Files = std::rc::Rc<std::collections::BTreeMap<String, Vec<u8>>>;
