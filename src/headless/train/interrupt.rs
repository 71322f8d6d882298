//! Ctrl-C: the first asks the run to end after its step, the second ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use crate::headless::error::{HeadlessError, INTERRUPTED};
use crate::protocol::Command;

/// Whether somebody asked the run to end.
#[derive(Clone, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    /// Hears Ctrl-C, SIGTERM and SIGHUP from now on; the first pauses the trainer behind `commands`.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub fn listen(commands: mpsc::Sender<Command>) -> Result<Self, HeadlessError> {
        let interrupt = Self::default();
        let asked = Arc::clone(&interrupt.asked);
        ctrlc::set_handler(move || {
            if asked.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED.into());
            }
            // Where the channel is full or closed, the loop sees the flag at its next event.
            let _ = commands.try_send(Command::Pause);
        })
        .map_err(|error| HeadlessError::System(error.to_string()))?;
        Ok(interrupt)
    }

    /// Asks the run to end, as the first Ctrl-C does.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}
