//! Tests of the loop: the rehearsal happens where it should and leaves no trace, no turn is a long one, and a fork is the run
//! that it is a copy of.

#![allow(clippy::disallowed_methods, reason = "a test has nothing else to do than to wait")]

use super::*;
use crate::{
    config::{DistillationMethod, MultitaskMethod, ScenarioKind, Setup},
    protocol::{Remote, connect},
    runs::tables,
};

/// A small run of the data that comes with the lab.
fn config() -> Config {
    let setup =
        Setup { width: 0.25, auxiliary_width: 0.25, teacher_width: 0.25, batch_size: 8, ..Setup::default() };
    let mut config = Config { setup, ..Config::default() };
    config.hyper.histogram_every_steps = 0;
    config
}

/// A setup of each scenario, and of what a method learns of several tasks.
fn setups() -> Vec<Setup> {
    let balanced =
        |method| Setup { scenario: ScenarioKind::Multitask, multitask_method: method, ..config().setup };
    vec![
        config().setup,
        Setup {
            scenario: ScenarioKind::Distillation,
            method: DistillationMethod::Great,
            teacher_steps: 1,
            ..config().setup
        },
        balanced(MultitaskMethod::Great),
        balanced(MultitaskMethod::GradNorm),
    ]
}

/// A trainer on the CPU backend that takes it for the one of that name, and its face.
fn trainer(backend: &str, delivery: Delivery) -> (Trainer, Remote) {
    let (remote, local) = connect(config().hyper, delivery);
    let info = DeviceInfo {
        name: "CPU".into(),
        backend: backend.into(),
        is_gpu: false,
        has_f16: false,
        notice: None,
    };
    (Trainer::new(local, Device::flex(), info), remote)
}

impl Trainer {
    /// Whether the run at hand is still to be rehearsed; panics where there is none.
    fn wants_rehearsal(&self) -> bool {
        self.session.as_ref().expect("a run").wants_rehearsal()
    }

    /// Takes turns until there is nothing left to do.
    async fn idle(&mut self) {
        while self.has_work() {
            self.turn().await.expect("a turn");
        }
    }
}

#[test]
fn a_paused_run_rehearses_its_first_step_where_it_compiles_and_once_alone() {
    pollster::block_on(async {
        let (mut trainer, _remote) = trainer("Vulkan", Delivery::Latest);
        trainer.begin(config()).await;
        assert!(trainer.wants_rehearsal());
        trainer.idle().await;
        assert!(!trainer.wants_rehearsal());
        let session = trainer.session.as_ref().expect("a run");
        assert_eq!((session.step, trainer.work), (0, Work::Paused));

        let mut config = config();
        config.setup.seed += 1;
        trainer.begin(config.clone()).await;
        assert!(!trainer.wants_rehearsal(), "the same operations with another seed");
        config.setup.width = 0.5;
        trainer.begin(config.clone()).await;
        assert!(trainer.wants_rehearsal(), "another width");
        trainer.begin(config).await;
        assert!(trainer.wants_rehearsal(), "the run before did not rehearse either");
        trainer.handle(Command::Step(Players::Both, 1)).await;
        trainer.idle().await;
        assert!(!trainer.wants_rehearsal(), "a step is better than a rehearsal");
    });
}

#[test]
fn the_cpu_has_nothing_to_rehearse_and_a_command_no_time() {
    for (backend, delivery) in [(DeviceInfo::CPU_BACKEND, Delivery::Latest), ("Vulkan", Delivery::Complete)] {
        pollster::block_on(async {
            let (mut trainer, _remote) = trainer(backend, delivery);
            trainer.begin(config()).await;
            assert!(!trainer.wants_rehearsal(), "{backend}, {delivery:?}");
        });
    }
}

#[test]
fn a_rehearsal_leaves_no_trace_in_a_run() {
    for setup in setups() {
        let run = |backend: &str| {
            let (mut trainer, mut remote) = trainer(backend, Delivery::Latest);
            let config = Config { setup: setup.clone(), ..config() };
            pollster::block_on(async move {
                trainer.begin(config).await;
                trainer.idle().await;
                for command in [Command::Step(Players::Both, 3), Command::Save] {
                    trainer.handle(command).await;
                    trainer.idle().await;
                }
                let mut events = std::iter::from_fn(|| remote.events.try_recv().ok());
                events
                    .find_map(|event| if let Event::Saved(bytes) = event { Some(bytes) } else { None })
                    .expect("a checkpoint")
            })
        };
        let with = run("Vulkan");
        let step = Checkpoint::read(&with).expect("a checkpoint").header.step;
        assert!(step > 0, "{step}");
        assert!(with == run(DeviceInfo::CPU_BACKEND), "{:?}", setup.scenario);
    }
}

#[test]
fn the_last_probe_is_trained_in_turns_and_comes_before_the_end() {
    pollster::block_on(async {
        let (mut trainer, mut remote) = trainer(DeviceInfo::CPU_BACKEND, Delivery::Latest);
        let mut config = config();
        config.setup.steps = 2;
        trainer.begin(config).await;
        trainer.handle(Command::Run).await;
        let (mut turns, mut turns_after_the_last_step) = (0, 0);
        while trainer.work != Work::Finished {
            trainer.turn().await.expect("a turn");
            turns += 1;
            turns_after_the_last_step += u32::from(trainer.session.as_ref().expect("a run").is_finished());
            assert!(turns < 1000, "the run does not end");
        }
        assert!(turns_after_the_last_step > 8, "{turns_after_the_last_step} turns for all of the probe");
        let mut told = Vec::new();
        while let Ok(event) = remote.events.try_recv() {
            told.push(event);
        }
        let place = |is: fn(&Event) -> bool| told.iter().position(is);
        let probed = place(|event| matches!(event, Event::Probed(_)));
        let finished =
            place(|event| matches!(event, Event::State(state) if state.activity == Activity::Finished));
        assert!(probed.is_some() && probed < finished, "{probed:?}, {finished:?}");
    });
}

/// What goes into the tables of a run, and of which, but for what the clock decides.
fn figures(event: Event) -> Option<(RunId, String)> {
    match event {
        Event::Report(report) => Some((report.run, tables::metrics_row(&report).join(","))),
        Event::Histograms(mut found) => {
            found.before.iter_mut().for_each(|before| before.run = 0);
            let run = std::mem::take(&mut found.run);
            Some((run, format!("{found:?}")))
        }
        Event::Saturation(mut found) => {
            let run = std::mem::take(&mut found.run);
            Some((run, format!("{found:?}")))
        }
        Event::Probed(found) => Some((found.run, format!("{:?}", found.readings))),
        Event::Tasks(found) => Some((found.run, format!("{} {:?}", found.step, found.found))),
        _ => None,
    }
}

/// What is told of a run, from its start to its end, and of its fork with such knobs after so many turns.
fn told(config: &Config, fork: Option<(u32, Hyper)>) -> [Vec<String>; 2] {
    let (mut trainer, mut remote) = trainer(DeviceInfo::CPU_BACKEND, Delivery::Latest);
    remote.hyper.send_replace(config.hyper);
    let mut told = [Vec::new(), Vec::new()];
    pollster::block_on(async {
        trainer.begin(config.clone()).await;
        trainer.handle(Command::Run).await;
        for turn in 0.. {
            if let Some((_, hyper)) = fork.filter(|(at, _)| *at == turn) {
                trainer.handle(Command::Fork(Box::new(hyper))).await;
            }
            trainer.turn().await.expect("a turn");
            while let Ok(event) = remote.events.try_recv() {
                if let Some((run, figures)) = figures(event) {
                    told[run as usize - 1].push(figures);
                }
            }
            if trainer.work == Work::Finished {
                break;
            }
        }
    });
    told
}

/// A fork without a change is the same run, and one with a change leaves the other alone.
fn fork(setup: Setup) {
    let mut config = Config { setup: Setup { steps: 9, ..setup }, ..config() };
    let hyper = &mut config.hyper;
    (hyper.report_every_steps, hyper.histogram_every_steps, hyper.probe_every_steps) = (4, 3, 5);
    (hyper.evaluate_every_steps, hyper.gradient_noise) = (0, 0.5);
    let method = config.setup.method().name();
    let [alone, none] = told(&config, None);
    assert!(none.is_empty());
    // A probe is under way, and so are the averages of the next report.
    let [own, fork] = told(&config, Some((7, config.hyper)));
    assert_eq!(own, alone, "{method}");
    assert!(fork.len() > 3, "{method}: {fork:?}");
    assert_eq!(fork, alone[alone.len() - fork.len()..], "{method}");
    let changed = Hyper { learning_rate: 2.0 * config.hyper.learning_rate, ..config.hyper };
    let [own, other] = told(&config, Some((7, changed)));
    assert_eq!(own, alone, "{method}");
    assert!(other.len() == fork.len() && other != fork, "{method}");
}

#[test]
fn a_fork_of_a_defence_is_the_same_run() {
    fork(setups().swap_remove(0));
}

#[test]
fn a_fork_of_a_distillation_is_the_same_run() {
    fork(setups().swap_remove(1));
}

#[test]
fn a_fork_of_several_tasks_is_the_same_run() {
    fork(setups().swap_remove(2));
}

#[test]
fn a_fork_of_several_tasks_in_balance_is_the_same_run() {
    fork(setups().swap_remove(3));
}

#[test]
fn of_two_runs_either_can_be_given_up() {
    pollster::block_on(async {
        for given_up in [1, 2] {
            let (mut trainer, mut remote) = trainer(DeviceInfo::CPU_BACKEND, Delivery::Latest);
            trainer.begin(config()).await;
            trainer.handle(Command::Fork(Box::new(config().hyper))).await;
            // There are two already; and there is no third.
            trainer.handle(Command::Fork(Box::new(config().hyper))).await;
            trainer.handle(Command::GiveUp(3)).await;
            assert!(trainer.fork.is_some());
            trainer.handle(Command::GiveUp(given_up)).await;
            let left = trainer.session.as_ref().expect("a run").info.run;
            assert_eq!((left, trainer.fork.is_some()), (3 - given_up, false));
            trainer.handle(Command::Step(Players::Both, 1)).await;
            trainer.idle().await;
            let (mut notices, mut steps) = (0, Vec::new());
            while let Ok(event) = remote.events.try_recv() {
                match event {
                    Event::Notice(_) => notices += 1,
                    Event::State(state) if state.step == 1 => steps.push(state.run),
                    _ => {}
                }
            }
            assert_eq!(notices, 2);
            assert!(!steps.is_empty() && steps.iter().all(|run| *run == left), "{steps:?}");
        }
    });
}

/// All that was told so far.
fn heard(remote: &mut Remote) -> Vec<Event> {
    std::iter::from_fn(|| remote.events.try_recv().ok()).collect()
}

#[test]
fn the_knobs_of_a_fork_are_turned_alone_and_stay_where_it_is_kept() {
    pollster::block_on(async {
        let (mut trainer, mut remote) = trainer(DeviceInfo::CPU_BACKEND, Delivery::Latest);
        trainer.begin(config()).await;
        trainer.handle(Command::Fork(Box::new(config().hyper))).await;
        let with = |alpha: f64| Box::new(Hyper { alpha, ..config().hyper });
        let mut alphas = async |trainer: &mut Trainer| {
            trainer.handle(Command::Step(Players::Both, 1)).await;
            trainer.idle().await;
            let reported = |event| if let Event::Report(report) = event { Some(report) } else { None };
            let reports = heard(&mut remote).into_iter().filter_map(reported);
            reports.map(|report| (report.run, report.hyper.alpha)).collect::<Vec<_>>()
        };
        trainer.handle(Command::Turn(2, with(0.5))).await;
        // The knobs of the run that was there before come another way, and there is no third.
        trainer.handle(Command::Turn(1, with(0.6))).await;
        trainer.handle(Command::Turn(3, with(0.7))).await;
        let before = config().hyper.alpha;
        assert_eq!(alphas(&mut trainer).await, [(1, before), (2, 0.5)]);
        trainer.handle(Command::GiveUp(1)).await;
        assert_eq!(alphas(&mut trainer).await, [(2, 0.5)]);
        // Those that were under way when the other one was given up, and then the newest again.
        trainer.handle(Command::Turn(2, with(0.8))).await;
        assert_eq!(alphas(&mut trainer).await, [(2, 0.8)]);
    });
}

#[test]
fn the_newest_knobs_are_those_of_the_run_that_is_left() {
    pollster::block_on(async {
        let (mut trainer, remote) = trainer(DeviceInfo::CPU_BACKEND, Delivery::Latest);
        trainer.begin(config()).await;
        let knobs = Hyper { alpha: 0.5, ..config().hyper };
        trainer.handle(Command::Fork(Box::new(knobs))).await;
        trainer.handle(Command::GiveUp(1)).await;
        assert_eq!(trainer.hyper(), knobs, "nothing newer has come");
        let newer = Hyper { alpha: 0.25, ..knobs };
        remote.hyper.send_replace(newer);
        assert_eq!(trainer.hyper(), newer);
    });
}

#[test]
fn what_is_asked_is_asked_of_the_run_that_is_attended_to_and_an_evaluation_of_both() {
    pollster::block_on(async {
        let (mut trainer, mut remote) = trainer(DeviceInfo::CPU_BACKEND, Delivery::Latest);
        trainer.begin(config()).await;
        trainer.handle(Command::Fork(Box::new(config().hyper))).await;
        heard(&mut remote);
        for (attended, expected) in [(None, 1), (Some(2), 2), (Some(1), 1), (Some(2), 2)] {
            if let Some(run) = attended {
                trainer.handle(Command::Attend(run)).await;
            }
            trainer.handle(Command::Show(vec![0])).await;
            trainer.idle().await;
            let runs: Vec<_> = heard(&mut remote).iter().filter_map(Event::run).collect();
            assert_eq!(runs, [expected], "{attended:?}");
        }
        trainer.handle(Command::Evaluate { threats: vec![], samples: 8 }).await;
        trainer.idle().await;
        let found = |event| if let Event::Robustness(found) = event { Some(found) } else { None };
        let found: Vec<_> = heard(&mut remote).into_iter().filter_map(found).collect();
        assert_eq!(found.iter().map(|found| found.run).collect::<Vec<_>>(), [1, 2]);
        let differences = crate::protocol::differences(&found[0], &found[1]).expect("the same images");
        let paired = crate::protocol::Paired { images: 8, gained: 0, lost: 0 };
        assert_eq!(differences.iter().map(|found| found.paired).collect::<Vec<_>>(), [paired]);
        // Who is left is attended to.
        trainer.handle(Command::GiveUp(2)).await;
        heard(&mut remote);
        trainer.handle(Command::Show(vec![0])).await;
        trainer.idle().await;
        assert_eq!(heard(&mut remote).iter().filter_map(Event::run).collect::<Vec<_>>(), [1]);
    });
}

#[test]
fn a_run_that_is_given_up_leaves_a_checkpoint_that_is_its_forks_where_nothing_was_turned() {
    pollster::block_on(async {
        let (mut trainer, mut remote) = trainer(DeviceInfo::CPU_BACKEND, Delivery::Latest);
        trainer.begin(config()).await;
        trainer.handle(Command::Step(Players::Both, 2)).await;
        trainer.idle().await;
        trainer.handle(Command::Fork(Box::new(config().hyper))).await;
        trainer.handle(Command::Step(Players::Both, 3)).await;
        trainer.idle().await;
        heard(&mut remote);
        trainer.handle(Command::GiveUp(1)).await;
        let told = heard(&mut remote);
        let Some(Event::Checkpoint(parent)) = told.iter().find(|event| matches!(event, Event::Checkpoint(_)))
        else {
            panic!("{told:?}")
        };
        assert_eq!((parent.run, parent.step), (1, 5));
        let last_of_it = told.iter().rposition(|event| event.run() == Some(1));
        assert!(matches!(told[last_of_it.expect("some")], Event::GivenUp(1)), "{told:?}");
        trainer.handle(Command::Save).await;
        trainer.idle().await;
        let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
        let fork = heard(&mut remote).into_iter().find_map(saved).expect("a checkpoint");
        assert!(parent.bytes == fork, "bit for bit");
    });
}
