//! The process that carries a comparison out: this very program, with the words of its command line.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use crate::platform::{self, ATTENDED};

/// Lines that it has said and nobody has read yet; more are lost, the older ones stay.
const UNREAD: usize = 256;

/// A comparison that is carried out.
pub struct Work {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether it was asked to end.
    pub is_stopping: bool,
    child: Child,
    /// It ends when this does, with whatever became of the window.
    input: Option<ChildStdin>,
    said: Receiver<String>,
    /// Whether it will say nothing more.
    is_silent: bool,
}

impl Work {
    /// Begins `program` with these words; `wake` is called when it says something.
    ///
    /// # Errors
    /// What the system says: a page has no processes.
    pub fn begin(
        program: Option<&Path>,
        words: &[String],
        folder: PathBuf,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let program = program.map_or_else(std::env::current_exe, |program| Ok(program.to_owned()))?;
        let mut child = Command::new(program)
            .args(words)
            .env(ATTENDED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let (voice, said) = sync_channel(UNREAD);
        if let Some(errors) = child.stderr.take() {
            platform::aside("sweep", move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok) {
                    // Read on where nobody listens: who writes into a full pipe waits.
                    let _ = voice.try_send(line);
                    wake();
                }
            })?;
        }
        let input = child.stdin.take();
        Ok(Self { folder, is_stopping: false, child, input, said, is_silent: false })
    }

    /// The next line that it has said.
    pub fn said(&mut self) -> Option<String> {
        match self.said.try_recv() {
            Ok(line) => Some(line),
            Err(error) => {
                self.is_silent = error == TryRecvError::Disconnected;
                None
            }
        }
    }

    /// How it ended, if it has, and all that it said was heard.
    pub fn ended(&mut self) -> Option<io::Result<ExitStatus>> {
        self.is_silent.then(|| self.child.try_wait().transpose()).flatten()
    }

    /// Asks it to end, with the run that it is at.
    pub fn stop(&mut self) {
        self.input = None;
        self.is_stopping = true;
    }
}
