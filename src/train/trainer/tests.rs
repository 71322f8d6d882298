//! Tests of the loop: the rehearsal happens where it should and leaves no trace, and no turn is a long one.

#![allow(clippy::disallowed_methods, reason = "a test has nothing else to do than to wait")]

use super::*;
use crate::{
    config::{DistillationMethod, MultitaskMethod, ScenarioKind, Setup},
    protocol::{Remote, connect},
};

/// A small run of the data that comes with the lab.
fn config() -> Config {
    let setup =
        Setup { width: 0.25, auxiliary_width: 0.25, teacher_width: 0.25, batch_size: 8, ..Setup::default() };
    let mut config = Config { setup, ..Config::default() };
    config.hyper.histogram_every_steps = 0;
    config
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
    let balanced =
        |method| Setup { scenario: ScenarioKind::Multitask, multitask_method: method, ..config().setup };
    let setups = [
        config().setup,
        Setup {
            scenario: ScenarioKind::Distillation,
            method: DistillationMethod::Great,
            teacher_steps: 1,
            ..config().setup
        },
        balanced(MultitaskMethod::Great),
        balanced(MultitaskMethod::GradNorm),
    ];
    for setup in setups {
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
