//! The protocol between two threads that share no memory, a page's and its trainer's: the same messages, as bytes (MessagePack).
//!
//! The trainer's thread has as many events under way as it has [`credit`](CREDIT) for, so that a page that sleeps is not
//! flooded: measurements that find no room are dropped there, as ever, and all else waits.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::config::{Config, Hyper};
use crate::protocol::message::{Command, Event, GoOn};
use crate::protocol::run::RunId;

/// Events under way at most: sent, and not yet [`taken`](Asked::Taken).
pub const CREDIT: usize = 64;

/// What the trainer's thread is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Asked {
    /// To begin; the first of all, and only once.
    Begin(Box<Begin>),
    /// The newest knobs.
    Hyper(Box<Hyper>),
    /// As on the trainer's channel.
    Command(Command),
    /// An event was taken: there is room for another one.
    Taken,
    /// To answer, with that number: as [`Told::Answer`].
    Question(u32, Question),
}

/// How a trainer begins on a thread of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The run.
    pub config: Config,
    /// A kept run, of which it goes on with a copy instead.
    pub go_on: Option<GoOn>,
    /// Runs that there were before: numbers that are taken.
    pub runs: RunId,
    /// Where it is to compute.
    pub device: PageDevice,
}

/// Where a page is to compute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageDevice {
    /// On the CPU, because somebody said so.
    Cpu,
    /// On the GPU that the browser gives, called so.
    Gpu(String),
    /// On the CPU, because of what the browser lacks, in a sentence or two.
    Missing(String),
}

/// What can be asked of the trainer's thread besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// The figures of a benchmark, as JSON: a request in one line.
    Benchmark(String),
    /// The WGSL of every kernel, as JSON.
    Shaders,
    /// To read the files that come with this message, as those of a folder of this name.
    Files(String),
}

/// What the trainer's thread tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Told {
    /// As on the trainer's channel.
    Event(Event),
    /// The answer to the question of that number, or why there is none.
    Answer(u32, Result<String, String>),
}

/// A message as bytes.
///
/// # Errors
/// Where there is no memory for it.
pub fn write<T: Serialize>(message: &T) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec_named(message).map_err(|error| error.to_string())
}

/// The message of these bytes.
///
/// # Errors
/// What is wrong with them: page and trainer are of different builds.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    rmp_serde::from_slice(bytes)
        .map_err(|error| format!("page and trainer do not understand each other ({error}); reload the page"))
}

#[cfg(test)]
mod tests {
    use web_time::Duration;

    use super::*;
    use crate::config::{AttackKind, Players, Setup, TargetKind, Threat};
    use crate::protocol::message::{Cadence, Checkpointed, Failure};
    use crate::protocol::robustness::{Share, Stopped};
    use crate::protocol::run::Preparing;
    use crate::protocol::{Activity, OwnPicture, made_up};

    fn again(asked: &Asked) -> Asked {
        read(&write(asked).unwrap()).unwrap()
    }

    #[test]
    fn all_that_is_asked_arrives() {
        let threat = Threat {
            attack: AttackKind::Pgd,
            target: TargetKind::Untargeted,
            epsilon: 8.0 / 255.0,
            steps: 10,
            restarts: 1,
        };
        let go_on = GoOn {
            checkpoint: vec![0, 255, 7],
            folder: "a/é".into(),
            trained: vec![(3, Duration::from_millis(1500))],
        };
        let hyper = Hyper { alpha: 0.1 + 0.2, ..Hyper::default() };
        let commands = [
            Command::Run,
            Command::Step(Players::Auxiliary, 3),
            Command::Reset(Box::new(Setup { steps: 7, ..Setup::default() })),
            Command::Evaluate { threats: vec![threat], samples: 12 },
            Command::Show(vec![1, 4_000_000_000]),
            Command::Trace(7),
            Command::Predict(Some(Box::new(OwnPicture { name: "a.png".into(), bytes: vec![0, 255] }))),
            Command::Predict(None),
            Command::Load((0..=255).collect()),
            Command::GoOn(Box::new(go_on.clone())),
            Command::Turn(2, Box::new(hyper)),
            Command::Checkpoints(Cadence::BY_CLOCK),
            Command::Quit,
        ];
        let begin = Begin {
            config: made_up::config(),
            go_on: Some(go_on),
            runs: 5,
            device: PageDevice::Missing("No GPU. “Chrome”".into()),
        };
        let others = [
            Asked::Begin(Box::new(begin)),
            Asked::Hyper(Box::new(hyper)),
            Asked::Taken,
            Asked::Question(9, Question::Benchmark("steps=2".into())),
        ];
        for asked in commands.into_iter().map(Asked::Command).chain(others) {
            assert_eq!(again(&asked), asked);
        }
    }

    #[test]
    fn all_that_is_told_arrives_to_the_bit() {
        let mut report = made_up::report(1, 3, Hyper::default());
        (report.loss, report.gradient_rms, report.alpha) = (f64::NAN, f64::NEG_INFINITY, 5e-324);
        let share = Share { hits: 1, total: 3 };
        let events = [
            made_up::started(1),
            made_up::state(1, Activity::Running, 3),
            report.into(),
            made_up::histograms(1, 3).into(),
            made_up::samples(1, 3).into(),
            made_up::plane(1, 3).into(),
            made_up::plane_of_student(1, 3).into(),
            made_up::plane_of_tasks(1, 3).into(),
            Event::Traced(Box::new(made_up::traced(1, 3, 2))),
            Event::Predicted(Box::new(made_up::predicted(1, 3))),
            made_up::saturation(1, 3).into(),
            made_up::tasks(1, 3, 1.5).into(),
            made_up::robustness(1, 3, true).into(),
            made_up::audited(1, 3, true).into(),
            Event::Probed(made_up::probed(1, 3)),
            Event::Pictures(Box::new(made_up::pictures(1, &[2]))),
            Event::Preparing(Preparing { run: 1, done: 2, steps: 3, loss: f64::NAN, accuracy: 0.5 }),
            Event::Saved(vec![0, 128, 255]),
            Event::Checkpoint(Checkpointed { run: 1, step: 3, bytes: vec![9; 3000] }),
            Event::Stopped(1, Stopped { at: 9, best: 3, worst_case: share }),
            Event::GivenUp(2),
            Event::Notice("ε".into()),
            Event::Failed(Failure { run: 1, what: "a".into(), advice: "b".into() }),
        ];
        for event in events {
            let told = Told::Event(event);
            let back: Told = read(&write(&told).unwrap()).unwrap();
            assert_eq!(format!("{back:?}"), format!("{told:?}"));
        }
        let answer = Told::Answer(3, Err("no".into()));
        let back: Told = read(&write(&answer).unwrap()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{answer:?}"));
    }

    #[test]
    fn bytes_are_sent_as_bytes() {
        let length = |bytes| write(&Told::Event(Event::Saved(vec![200; bytes]))).unwrap().len();
        assert!(length(100_000) < 100_040, "{}", length(100_000));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = write(&Asked::Command(Command::Run)).unwrap();
        for bytes in [&[][..], &[0xff], &whole[..whole.len() - 1], b"{}"] {
            let error = read::<Asked>(bytes).unwrap_err();
            assert!(error.contains("reload the page"), "{error}");
        }
    }
}
