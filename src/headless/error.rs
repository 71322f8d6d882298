//! Why a command failed, in one line, and the exit status that goes with it.

use std::path::PathBuf;

use crate::config::KnobError;
use crate::data::DataError;
use crate::gpu::DeviceError;
use crate::headless::files::charts::ChartError;
use crate::headless::train::refusal::GoingOnError;
use crate::protocol::Failure;
use crate::runs::library::LibraryError;
use crate::runs::record::RecordError;
use crate::runs::write::FolderError;
use crate::runs::writer::EarlierError;
use crate::train::places::Lost;

/// Exit status of a command that was asked for something impossible.
pub const BAD_INPUT: u8 = 2;
/// Exit status of a command that began and failed.
pub const FAILED: u8 = 1;
/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// A knob refused its value.
    #[error(transparent)]
    Knob(#[from] KnobError),
    /// A knob was set twice.
    #[error("{knob} is set twice, by {first} and by {second}; leave one of them out")]
    SetTwice {
        /** Which knob. */
        knob: String,
        /** The earlier flag, with its value. */
        first: String,
        /** The later flag, with its value. */
        second: String,
    },
    /// A knob was set that the scenario has no use for.
    #[error("{flag}: a run of the scenario {scenario} makes no use of {knob}; leave it out")]
    NotOfScenario {
        /** The flag, with its value. */
        flag: String,
        /** Which knob. */
        knob: String,
        /** What is trained. */
        scenario: &'static str,
    },
    /// A knob was set that no run would use.
    #[error("{flag}: {why}; leave it out")]
    Unused {
        /** The flag, with its value. */
        flag: String,
        /** Who would use it. */
        why: String,
    },
    /// A run of a comparison failed.
    #[error("{name} failed: {said}; mend that, and the same command goes on with the comparison")]
    Cell {
        /** The run's folder. */
        name: String,
        /** Its last words. */
        said: String,
    },
    /// A file that was named could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /** Which file. */
        path: PathBuf,
        /** What the system said. */
        source: std::io::Error,
    },
    /// A file that was named holds something else.
    #[error("{} is not {expected}: {problem}", path.display())]
    Malformed {
        /** Which file. */
        path: PathBuf,
        /** What it should be. */
        expected: &'static str,
        /** What is wrong with it. */
        problem: String,
    },
    /// The record of a run could not be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A run cannot be gone on with.
    #[error(transparent)]
    GoingOn(#[from] GoingOnError),
    /// What a run left cannot be gone on with.
    #[error(transparent)]
    Earlier(#[from] EarlierError),
    /// The data is not there or not readable.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The teacher of a run, or the network that it began as, is not where it was.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// There is no such device, or it refuses.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A flag's value makes no sense.
    #[error("{flag}: {problem}")]
    Flag {
        /** Which flag. */
        flag: &'static str,
        /** What is wrong, and what it takes. */
        problem: String,
    },
    /// The run folder could not be made or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Something cannot be done in the library of runs.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The trainer failed before it had begun: data, setup or checkpoint are not usable.
    #[error("{}; {}", .0.what.trim_end_matches('.'), clause(&.0.advice))]
    NotStarted(Failure),
    /// The trainer failed on the way.
    #[error("{}; {}", .0.what.trim_end_matches('.'), clause(&.0.advice))]
    Stopped(Failure),
    /// The trainer's thread is gone.
    #[error("the trainer ended unexpectedly; its last words, if any, stand above; what was measured is kept")]
    Gone,
    /// There is nothing to open a window on.
    #[error(
        "there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set); train without one: great-lab train"
    )]
    NoDisplay,
    /// The window could not be opened, or ended in an error.
    #[error("the window failed: {0}; train without one: great-lab train")]
    Window(String),
    /// A benchmark failed.
    #[error("the measurement failed: {0}")]
    Measurement(String),
    /// Standard output takes nothing more, though somebody reads it.
    #[error("cannot write to standard output: {0}; what was to be written to files is there")]
    Unprintable(std::io::Error),
    /// The operating system gave no thread or took no signal handler.
    #[error("cannot start: {0}")]
    System(String),
}

/// A sentence as the rest of another one.
fn clause(sentence: &str) -> String {
    let mut letters = sentence.chars();
    let first = letters.next().filter(|_| !letters.clone().next().is_some_and(char::is_uppercase));
    first.map_or_else(|| sentence.into(), |first| first.to_lowercase().chain(letters).collect())
}

impl HeadlessError {
    /// The exit status: 2 where the request was at fault, 1 where the work failed.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Knob(_)
            | Self::SetTwice { .. }
            | Self::NotOfScenario { .. }
            | Self::Unused { .. }
            | Self::Unreadable { .. }
            | Self::Malformed { .. }
            | Self::Record(_)
            | Self::GoingOn(_)
            | Self::Earlier(_)
            | Self::Data(_)
            | Self::Lost(_)
            | Self::Device(_)
            | Self::Flag { .. }
            | Self::NotStarted(_) => BAD_INPUT,
            Self::Library(LibraryError::Refused { .. } | LibraryError::Folder(_)) => FAILED,
            Self::Library(_) => BAD_INPUT,
            Self::Folder(error) if error.is_refusal() => BAD_INPUT,
            Self::Folder(_)
            | Self::Chart(_)
            | Self::Stopped(_)
            | Self::Gone
            | Self::NoDisplay
            | Self::Window(_)
            | Self::Measurement(_)
            | Self::Cell { .. }
            | Self::Unprintable(_)
            | Self::System(_) => FAILED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_goes_on_with_the_sentence() {
        assert_eq!(clause("Change the knob and reset."), "change the knob and reset.");
        assert_eq!(
            clause("GPUs with less memory take a smaller batch."),
            "GPUs with less memory take a smaller batch."
        );
        assert_eq!(clause(""), "");
    }
}
