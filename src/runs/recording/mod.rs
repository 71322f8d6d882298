//! The events of a run in a file, so that its charts can be drawn again: bounded in size, thinned as it grows, and checked
//! when it is read.
//!
//! `recording.jsonl.gz`, unpacked: a line that says which format it is, then an event a line, in the order in which they came.

mod check;
mod husk;
mod keep;
mod read;
mod track;

pub use husk::is_whole;
pub use keep::{MOST_BYTES, Memory, Recording};
pub use read::{RecordingError, Replay};

/// Its file's name in a run folder.
pub const FILE: &str = "recording.jsonl.gz";
/// Number of the format; a reader refuses larger ones.
const VERSION: u32 = 0;
