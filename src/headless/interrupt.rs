//! Signals: the first asks a command to end in good order, the second ends the program at once. What was ignored when
//! the program began, as SIGHUP is under `nohup`, stays ignored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::headless::error::HeadlessError;
use crate::platform::{self, ATTENDED};
use crate::runs::record::Ended;

/// SIGHUP, SIGINT and SIGTERM, as every Unix numbers them: the terminal is gone, Ctrl-C, somebody wants the program to
/// end. Elsewhere Ctrl-C counts as SIGINT.
const HUNG_UP: u8 = 1;
const CTRL_C: u8 = 2;
const TERMINATED: u8 = 15;
/// What shells add to the number of the signal that ended a program.
const BY_SIGNAL: u8 = 128;

/// Whether an exit status says that a signal ended the program.
pub fn is_interruption(status: i32) -> bool {
    [HUNG_UP, CTRL_C, TERMINATED].iter().any(|signal| status == i32::from(BY_SIGNAL + signal))
}

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// All is done.
    Finished,
    /// Somebody ended it; the exit status says by which signal.
    Interrupted(u8),
}

/// Whether somebody asked a command to end.
#[derive(Clone, Default)]
pub struct Interrupt {
    /// The signal that did; 0 where none did.
    first: Arc<AtomicU8>,
}

impl Interrupt {
    /// Hears Ctrl-C, SIGTERM and SIGHUP from now on, those of them that were not ignored until now, and, where
    /// [`ATTENDED`] says so, the end of standard input; `then` is called at the first.
    ///
    /// # Errors
    /// Where the system takes no handler, or gives no thread.
    pub fn listen(then: impl Fn() + Send + Sync + 'static) -> Result<Self, HeadlessError> {
        let interrupt = Self::default();
        let (heard, then) = (interrupt.clone(), Arc::new(then));
        let by_signal = then.clone();
        hear(move |signal| {
            if heard.is_asked() {
                std::process::exit((BY_SIGNAL + signal).into());
            }
            heard.first.store(signal, Ordering::SeqCst);
            by_signal();
        })
        .map_err(|error| HeadlessError::System(error.to_string()))?;
        if std::env::var_os(ATTENDED).is_some_and(|value| value == "1") {
            let interrupt = interrupt.clone();
            let wait = move || {
                // Where it cannot be read, nobody holds its other end.
                let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
                if !interrupt.is_asked() {
                    interrupt.ask();
                    then();
                }
            };
            platform::aside("input", wait).map_err(|error| HeadlessError::System(error.to_string()))?;
        }
        Ok(interrupt)
    }

    /// Asks the command to end, as the first Ctrl-C does.
    pub fn ask(&self) {
        self.first.store(CTRL_C, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.first.load(Ordering::SeqCst) != 0
    }

    /// What is said of a command that ended so.
    pub fn completed(&self, ended: Ended) -> Completed {
        match (ended, self.first.load(Ordering::SeqCst)) {
            // A run may be interrupted by a signal that went to it alone.
            (Ended::Interrupted, 0) => Completed::Interrupted(BY_SIGNAL + CTRL_C),
            (Ended::Interrupted, signal) => Completed::Interrupted(BY_SIGNAL + signal),
            (Ended::Running | Ended::Finished | Ended::Stopped | Ended::Failed, _) => Completed::Finished,
        }
    }
}

/// Calls `heard` with the number of each signal, on a thread of its own.
#[cfg(unix)]
fn hear(heard: impl Fn(u8) + Send + 'static) -> std::io::Result<()> {
    let ignored = ignored();
    let wanted = [HUNG_UP, CTRL_C, TERMINATED].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = signal_hook::iterator::Signals::new(wanted.map(i32::from))?;
    let hear = move || signals.forever().filter_map(|signal| u8::try_from(signal).ok()).for_each(heard);
    std::thread::Builder::new().name("signals".into()).spawn(hear).map(|_detached| ())
}

/// As above: there is Ctrl-C, and nothing that might be ignored.
#[cfg(not(unix))]
fn hear(heard: impl Fn(u8) + Send + 'static) -> std::io::Result<()> {
    ctrlc::set_handler(move || heard(CTRL_C)).map_err(std::io::Error::other)
}

/// The signals that are ignored, a bit each, from signal 1 on. The system tells it in a file: Linux; elsewhere none.
#[cfg(unix)]
fn ignored() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored_in(&status))
}

#[cfg(unix)]
fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_says_which_signal() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.is_asked());
        assert_eq!(interrupt.completed(Ended::Finished), Completed::Finished);
        interrupt.ask();
        assert_eq!(interrupt.completed(Ended::Interrupted), Completed::Interrupted(130));
        for (signal, status) in [(TERMINATED, 143), (HUNG_UP, 129), (0, 130)] {
            interrupt.first.store(signal, Ordering::SeqCst);
            assert_eq!(interrupt.completed(Ended::Interrupted), Completed::Interrupted(status));
        }
        assert!([129, 130, 143].into_iter().all(is_interruption));
        assert!(![0, 1, 2, 101, 137].into_iter().any(is_interruption));
    }

    #[cfg(unix)]
    #[test]
    fn what_is_ignored_is_read_from_a_mask() {
        let ignored = ignored_in("Name:\tgreat-lab\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n");
        assert_eq!([HUNG_UP, CTRL_C, TERMINATED].map(|signal| ignored >> (signal - 1) & 1), [1, 0, 0]);
        for odd in ["", "SigIgn:\n", "SigIgn:\txyz"] {
            assert_eq!(ignored_in(odd), 0, "{odd}");
        }
    }
}
