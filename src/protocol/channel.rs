//! The wires between a trainer and its face: commands one way, events the other, the newest [`Hyper`] beside.

pub mod wire;

use tokio::sync::{mpsc, watch};
use web_time::{Duration, Instant};

use super::message::{Command, Event};
use crate::config::Hyper;

/// Time between looks at whether a trainer has ended.
const END_POLLED: Duration = Duration::from_millis(5);
/// Events in flight before [`Delivery`] decides.
const EVENTS_IN_FLIGHT: usize = 256;
/// Commands in flight before a face has to wait.
const COMMANDS_IN_FLIGHT: usize = 64;

/// How events reach a face that is slower than the trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Measurements that do not fit in the channel are dropped, everything else waits inside the trainer: for a window.
    Latest,
    /// The trainer waits until every event is taken: for a face that writes them all down.
    Complete,
}

/// A face's end.
pub struct Remote {
    /// The newest value wins: drags of a slider coalesce.
    pub hyper: watch::Sender<Hyper>,
    /// Each is obeyed, in order.
    pub commands: mpsc::Sender<Command>,
    /// Drained once a frame, or awaited.
    pub events: mpsc::Receiver<Event>,
}

/// The trainer's end.
pub struct Local {
    /// Read once a step.
    pub hyper: watch::Receiver<Hyper>,
    /// Obeyed between steps.
    pub commands: mpsc::Receiver<Command>,
    /// To the face.
    pub events: mpsc::Sender<Event>,
    /// What to do when the face is slow.
    pub delivery: Delivery,
}

/// A pair of ends.
pub fn connect(hyper: Hyper, delivery: Delivery) -> (Remote, Local) {
    let (hyper_sender, hyper_receiver) = watch::channel(hyper);
    let (command_sender, command_receiver) = mpsc::channel(COMMANDS_IN_FLIGHT);
    let (event_sender, event_receiver) = mpsc::channel(EVENTS_IN_FLIGHT);
    (
        Remote { hyper: hyper_sender, commands: command_sender, events: event_receiver },
        Local { hyper: hyper_receiver, commands: command_receiver, events: event_sender, delivery },
    )
}

/// Ends the trainer at the other end of these commands and waits for it, up to `patience`: a driver must not be torn down
/// while it computes. Whether the trainer has ended. Not for a page, whose trainer shares the thread that would wait.
pub fn end(commands: &mpsc::Sender<Command>, patience: Duration) -> bool {
    let begin = Instant::now();
    while !commands.is_closed() && begin.elapsed() < patience {
        // A channel that is full has room once the trainer has obeyed.
        let _ = commands.try_send(Command::Quit);
        std::thread::park_timeout(END_POLLED);
    }
    commands.is_closed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trainer_is_waited_for_but_not_for_ever() {
        let (remote, local) = connect(Hyper::default(), Delivery::Latest);
        let patience = Duration::from_millis(20);
        assert!(!end(&remote.commands, patience), "nobody obeys");
        let trainer = std::thread::spawn(move || {
            let mut local = local;
            while local.commands.blocking_recv().is_some_and(|command| !matches!(command, Command::Quit)) {}
        });
        assert!(end(&remote.commands, Duration::from_secs(20)));
        trainer.join().unwrap();
    }
}
