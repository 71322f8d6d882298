//! The trainer as a face sees it: commands are obeyed, live knobs take effect, nothing stale, nothing blocks.

use crate::adapter::gpu;
use crate::common::{event, tiny_config, tiny_data, trainer, wait_for};
use great_lab::{
    config::{AttackKind, Config, Mode, Normalization, Players, ScenarioKind, TargetKind, Threat},
    protocol::{Activity, Audited, Command, Delivery, Event, Remote, Report, RunState, Verdict},
    train::{checkpoint::Checkpoint, spawn},
};

/// Runs a future as a test: the one place here that waits.
#[allow(clippy::disallowed_methods, reason = "a test has nothing else to do")]
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

pub fn activity(wanted: Activity) -> impl FnMut(Event) -> Option<RunState> {
    move |event| match event {
        Event::State(state) if state.activity == wanted => Some(state),
        Event::Failed(failure) => panic!("{failure:?}"),
        _ => None,
    }
}

fn report(event: Event) -> Option<Report> {
    match event {
        Event::Report(report) => Some(*report),
        Event::Failed(failure) => panic!("{failure:?}"),
        _ => None,
    }
}

pub async fn tell(remote: &Remote, command: Command) {
    remote.commands.send(command).await.expect("the trainer lives");
}

/// A trainer of the tiny data, changed by `change`, paused at step 0.
pub async fn paused(
    delivery: Delivery,
    change: impl FnOnce(&mut Config),
) -> (Remote, Config, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = tiny_config(&tiny_data(folder.path()));
    change(&mut config);
    let mut remote = trainer(&config, delivery);
    wait_for(&mut remote, activity(Activity::Paused)).await;
    (remote, config, folder)
}

#[test]
fn a_run_starts_paused_steps_one_by_one_and_pauses_again() {
    wait(async {
        let (mut remote, _, _folder) = paused(Delivery::Complete, |_| {}).await;
        for (players, expected) in [(Players::Both, 1), (Players::Auxiliary, 2), (Players::Main, 3)] {
            tell(&remote, Command::Step(players, 1)).await;
            assert_eq!(wait_for(&mut remote, report).await.step, expected);
            assert_eq!(wait_for(&mut remote, activity(Activity::Paused)).await.step, expected);
        }
        tell(&remote, Command::Step(Players::Both, 4)).await;
        assert_eq!(wait_for(&mut remote, activity(Activity::Paused)).await.step, 7);
    });
}

/// The events of a run from its first step to its last.
pub async fn to_its_end(remote: &mut Remote) -> Vec<Event> {
    tell(remote, Command::Run).await;
    let mut events = Vec::new();
    loop {
        match event(remote).await {
            Event::State(state) if state.activity == Activity::Finished => return events,
            Event::Failed(failure) => panic!("{failure:?}"),
            event => events.push(event),
        }
    }
}

#[test]
fn what_is_left_of_gradients_is_told_in_every_scenario_and_a_fresh_network_reads_them() {
    wait(async {
        for scenario in ScenarioKind::ALL {
            let change = |config: &mut Config| {
                (config.setup.scenario, config.setup.steps) = (*scenario, 10);
                (config.setup.teacher_steps, config.setup.teacher_width) = (2, 0.25);
                (config.hyper.histogram_every_steps, config.hyper.gradient_noise) = (5, 0.5);
                config.hyper.normalization = Normalization::Constant;
            };
            let (mut remote, ..) = paused(Delivery::Complete, change).await;
            let events = to_its_end(&mut remote).await;
            let found = |step: u64| {
                let at = |event: &&Event| matches!(event, Event::Saturation(found) if found.step == step);
                match events.iter().find(at) {
                    Some(Event::Saturation(found)) => found,
                    _ => panic!("{scenario}: nothing at step {step}"),
                }
            };
            for step in [5, 10] {
                let found = found(step);
                assert_eq!(found.images.len(), 128, "{scenario}: all that are held out");
                assert!(found.images.iter().all(|image| image.margin.is_finite() && !image.is_zero));
                let mass: f64 = found.masses.iter().map(|mass| mass.right + mass.wrong).sum();
                assert!((mass - 1.0).abs() < 1e-5, "{scenario}: {mass}");
                let noise = found.noise.as_ref().expect("there is noise");
                assert_eq!(noise.signal.len(), found.masses.len());
                assert!(noise.signal.iter().all(|signal| *signal > 0.0) && noise.in_gradient > 0.0);
            }
            let probed = |event: Event| if let Event::Probed(probed) = event { Some(probed) } else { None };
            let last: Vec<_> = events.into_iter().filter_map(probed).collect();
            assert_eq!(last.len(), 1, "{scenario}: one, at the end");
            let copies = match scenario {
                ScenarioKind::Defense => 1,
                ScenarioKind::Distillation => 2,
                // Grey images have no colours to restore.
                ScenarioKind::Multitask => 3,
            };
            let readings = last[0].readings;
            assert_eq!((readings.step, readings.fresh.total), (10, 128 * copies), "{scenario}");
            let noiseless = readings.noiseless.expect("there is noise");
            assert!(noiseless.value() > 1.2 / f64::from(copies).max(2.0), "{scenario}: {readings:?}");
            tell(&remote, Command::Probe).await;
            let again = wait_for(&mut remote, probed).await.readings;
            assert_eq!(again, readings, "{scenario}: of the same step");
            tell(&remote, Command::Show(vec![5, 4_000_000, 0])).await;
            let shown = |event| if let Event::Pictures(shown) = event { Some(shown) } else { None };
            let shown = wait_for(&mut remote, shown).await;
            assert_eq!((&shown.indices[..], shown.pixels.len()), (&[5, 0][..], 2 * 144), "{scenario}");
        }
    });
}

#[test]
fn a_probe_changes_nothing_of_the_run() {
    wait(async {
        let mut losses = Vec::new();
        for every in [0, 3] {
            let change = |config: &mut Config| {
                config.setup.steps = 12;
                config.hyper.probe_every_steps = every;
            };
            let (mut remote, ..) = paused(Delivery::Complete, change).await;
            let events = to_its_end(&mut remote).await;
            let probes = events.iter().filter(|event| matches!(event, Event::Probed(_))).count();
            assert_eq!(probes > 0, every > 0, "{every}");
            let loss = |event: Event| report(event).map(|report| (report.loss, report.auxiliary_loss));
            losses.push(events.into_iter().filter_map(loss).collect::<Vec<_>>());
        }
        assert_eq!(losses[0], losses[1]);
    });
}

#[test]
fn an_audit_trains_its_own_surrogate_once_a_run() {
    wait(async {
        let (mut remote, _, _folder) = paused(Delivery::Complete, |_| {}).await;
        let mut turns = [0, 0];
        for turns in &mut turns {
            tell(&remote, Command::Audit { samples: 20 }).await;
            let mut progress = 0.0;
            let audited: Audited = wait_for(&mut remote, |event| match event {
                Event::Audited(audited) => {
                    assert!(audited.progress >= progress && audited.progress <= 1.0);
                    progress = audited.progress;
                    *turns += 1;
                    audited.complete.then_some(*audited)
                }
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => None,
            })
            .await;
            let transfer = audited.lights.iter().find(|light| light.name == "transfer").expect("a light");
            assert_ne!(transfer.verdict, Verdict::Unknown, "{transfer:?}");
        }
        assert!(turns[1] + 10 < turns[0], "the second audit needs no training: {turns:?}");
    });
}

#[test]
fn stepping_one_player_leaves_the_other_as_it_was() {
    wait(async {
        let (mut remote, _, _folder) = paused(Delivery::Complete, |_| {}).await;
        let mut tensors = Vec::new();
        for players in [None, Some(Players::Auxiliary), Some(Players::Main)] {
            if let Some(players) = players {
                tell(&remote, Command::Step(players, 1)).await;
                wait_for(&mut remote, report).await;
            }
            tell(&remote, Command::Save).await;
            let bytes =
                wait_for(
                    &mut remote,
                    |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None },
                )
                .await;
            let file = safetensors::SafeTensors::deserialize(&bytes).expect("a checkpoint");
            let entries = |name: &str| file.tensor(name).expect(name).data().to_vec();
            tensors.push((entries("main.conv1.weight"), entries("auxiliary.conv1.weight")));
        }
        assert!(tensors[0].0 == tensors[1].0 && tensors[0].1 != tensors[1].1, "an auxiliary step");
        assert!(tensors[1].0 != tensors[2].0 && tensors[1].1 == tensors[2].1, "a main step");
    });
}

#[test]
fn a_live_change_takes_effect_on_the_next_step() {
    wait(async {
        let (mut remote, config, _folder) =
            paused(Delivery::Complete, |config| config.hyper.ramp = 0.0).await;
        let mut hyper = config.hyper;
        for alpha in [0.1, 0.7, 0.0] {
            hyper.alpha = alpha;
            remote.hyper.send_replace(hyper);
            tell(&remote, Command::Step(Players::Both, 1)).await;
            let report = wait_for(&mut remote, report).await;
            assert_eq!((report.hyper.alpha, report.alpha), (alpha, alpha));
        }
        // And it is more than an echo: with almost no learning rate almost nothing moves.
        hyper.learning_rate = 1e-6;
        remote.hyper.send_replace(hyper);
        tell(&remote, Command::Save).await;
        let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
        let before = wait_for(&mut remote, saved).await;
        tell(&remote, Command::Step(Players::Both, 1)).await;
        wait_for(&mut remote, report).await;
        tell(&remote, Command::Save).await;
        let after = wait_for(&mut remote, saved).await;
        let change = largest_change(&before, &after);
        assert!(change > 0.0 && change < 1e-5, "{change}");
    });
}

/// The largest change of a main weight between two checkpoints.
fn largest_change(before: &[u8], after: &[u8]) -> f32 {
    let entries = |bytes: &[u8]| -> Vec<f32> {
        let file = safetensors::SafeTensors::deserialize(bytes).expect("a checkpoint");
        let data = file.tensor("main.conv2.weight").expect("a weight").data().to_vec();
        data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    entries(before).iter().zip(entries(after)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn reset_starts_a_new_run_and_says_so_before_anything_else_of_it() {
    wait(async {
        let (mut remote, config, _folder) = paused(Delivery::Complete, |_| {}).await;
        tell(&remote, Command::Run).await;
        wait_for(&mut remote, report).await;
        let mut setup = config.setup;
        setup.mode = Mode::Baseline;
        tell(&remote, Command::Reset(Box::new(setup))).await;
        // Whatever still comes of run 1 carries its number; after Started nothing does.
        let run = wait_for(&mut remote, |event| match event {
            Event::Report(report) => {
                assert_eq!(report.run, 1);
                None
            }
            Event::Started(info) => Some(info.run),
            _ => None,
        })
        .await;
        assert_eq!(run, 2);
        wait_for(&mut remote, activity(Activity::Paused)).await;
        tell(&remote, Command::Run).await;
        let report = wait_for(&mut remote, report).await;
        assert_eq!((report.run, report.step, report.alpha), (2, 1, 0.0));
    });
}

/// A new run drops what the old one still reads, and a GPU must not mind.
#[test]
fn resets_on_a_gpu_leave_it_in_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = tiny_config(&tiny_data(folder.path()));
    config.hyper.histogram_every_steps = 1;
    let Some(opened) = gpu() else { return };
    let mut remote = spawn(config.clone(), &opened, Delivery::Complete).expect("a thread");
    wait(async {
        for run in 1..=4 {
            tell(&remote, Command::Run).await;
            assert_eq!(wait_for(&mut remote, report).await.run, run);
            tell(&remote, Command::Reset(Box::new(config.setup.clone()))).await;
            let started = |event| match event {
                Event::Started(info) => Some(info.run),
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => None,
            };
            while wait_for(&mut remote, started).await <= run {}
        }
    });
}

#[test]
fn a_face_that_never_looks_does_not_stop_training_and_loses_no_answer() {
    wait(async {
        // More reports than the channel holds.
        let (mut remote, _, _folder) = paused(Delivery::Latest, |config| config.setup.steps = 400).await;
        tell(&remote, Command::Run).await;
        tell(&remote, Command::Save).await;
        // Nobody drains the events; the commands' channel closing is not needed to see it end.
        let deadline = std::time::Instant::now() + crate::common::PATIENCE;
        let mut events = Vec::new();
        while std::time::Instant::now() < deadline && remote.events.len() < 256 {
            std::thread::yield_now();
        }
        assert_eq!(remote.events.len(), 256, "the channel fills up");
        std::thread::park_timeout(std::time::Duration::from_secs(4));
        loop {
            let event = event(&mut remote).await;
            let finished = matches!(&event, Event::State(RunState { activity: Activity::Finished, .. }));
            events.push(event);
            if finished {
                break;
            }
        }
        assert!(events.iter().any(|event| matches!(event, Event::Saved(_))), "the checkpoint was asked for");
        let last = events
            .iter()
            .rev()
            .find_map(|event| if let Event::State(state) = event { Some(*state) } else { None });
        assert_eq!(last.map(|state| state.step), Some(400));
    });
}

#[test]
fn the_same_seed_gives_the_same_reports_and_another_seed_others() {
    wait(async {
        let mut losses = Vec::new();
        for seed in [1, 1, 2] {
            let (mut remote, _, _folder) = paused(Delivery::Complete, |config| {
                (config.setup.seed, config.setup.steps, config.hyper.ramp) = (seed, 12, 0.0);
            })
            .await;
            tell(&remote, Command::Run).await;
            let mut run = Vec::new();
            wait_for(&mut remote, |event| match event {
                Event::Report(report) => {
                    run.push((report.loss.to_bits(), report.auxiliary_loss.to_bits(), report.confusion));
                    None
                }
                event => activity(Activity::Finished)(event),
            })
            .await;
            assert_eq!(run.len(), 12);
            losses.push(run);
        }
        assert_eq!(losses[0], losses[1]);
        assert_ne!(losses[0], losses[2]);
    });
}

#[test]
fn a_saved_run_goes_on_exactly_where_it_was() {
    wait(async {
        let (mut remote, _, _folder) = paused(Delivery::Complete, |config| config.hyper.ramp = 0.0).await;
        let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
        tell(&remote, Command::Step(Players::Both, 5)).await;
        wait_for(&mut remote, activity(Activity::Paused)).await;
        tell(&remote, Command::Save).await;
        let checkpoint = wait_for(&mut remote, saved).await;
        let mut losses = Vec::new();
        for _ in 0..2 {
            tell(&remote, Command::Step(Players::Both, 1)).await;
            let report = wait_for(&mut remote, report).await;
            assert_eq!(report.step, 6);
            losses.push(report.loss);
            tell(&remote, Command::Load(checkpoint.clone())).await;
            wait_for(&mut remote, |event| matches!(event, Event::Started(_)).then_some(())).await;
        }
        assert_eq!(losses[0], losses[1]);
        assert_eq!(Checkpoint::read(&checkpoint).expect("whole").header.step, 5);
    });
}

#[test]
fn a_bad_checkpoint_or_setup_is_refused_with_a_reason_and_the_run_goes_on() {
    wait(async {
        let (mut remote, config, folder) = paused(Delivery::Complete, |_| {}).await;
        let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
        tell(&remote, Command::Save).await;
        let good = wait_for(&mut remote, saved).await;
        let failed = |event| if let Event::Failed(failure) = event { Some(failure.what) } else { None };
        let cut = good[..good.len() / 2].to_vec();
        for (bytes, expected) in
            [(Vec::new(), "safetensors"), (cut, "truncated"), (b"hello, world".to_vec(), "safetensors")]
        {
            tell(&remote, Command::Load(bytes)).await;
            let what = wait_for(&mut remote, failed).await;
            assert!(what.contains(expected), "{what}");
        }
        let mut setup = config.setup.clone();
        setup.data = folder.path().join("nowhere").display().to_string();
        tell(&remote, Command::Reset(Box::new(setup))).await;
        assert!(wait_for(&mut remote, failed).await.contains("nowhere"));
        tell(&remote, Command::Step(Players::Both, 1)).await;
        assert_eq!(wait_for(&mut remote, report).await.step, 1);
    });
}

#[test]
fn a_loss_that_is_no_number_puts_the_run_back_and_says_what_to_do() {
    wait(async {
        let (mut remote, config, _folder) = paused(Delivery::Complete, |config| {
            (config.setup.mode, config.setup.optimizer) =
                (Mode::Baseline, great_lab::config::OptimizerKind::Sgd);
        })
        .await;
        tell(&remote, Command::Step(Players::Both, 3)).await;
        wait_for(&mut remote, activity(Activity::Paused)).await;
        let mut hyper = config.hyper;
        (hyper.learning_rate, hyper.weight_decay) = (10.0, 1.0);
        remote.hyper.send_replace(hyper);
        tell(&remote, Command::Run).await;
        let failure =
            wait_for(
                &mut remote,
                |event| if let Event::Failed(failure) = event { Some(failure) } else { None },
            )
            .await;
        assert!(failure.what.contains("broke down"), "{failure:?}");
        assert!(failure.advice.contains("put back to step"), "{failure:?}");
        wait_for(&mut remote, activity(Activity::Paused)).await;
        tell(&remote, Command::Save).await;
        let bytes =
            wait_for(&mut remote, |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None })
                .await;
        Checkpoint::read(&bytes).expect("every entry of the last good state is a number");
    });
}

#[test]
fn an_evaluation_advances_beside_training_and_counts_every_image() {
    wait(async {
        let (mut remote, _, _folder) = paused(Delivery::Complete, |_| {}).await;
        let threat = |attack, epsilon| Threat {
            attack,
            target: TargetKind::Untargeted,
            epsilon,
            steps: 3,
            restarts: 1,
        };
        let threats =
            vec![threat(AttackKind::Pgd, 0.0), threat(AttackKind::Pgd, 0.1), threat(AttackKind::Fgsm, 1.0)];
        tell(&remote, Command::Run).await;
        tell(&remote, Command::Evaluate { threats, samples: 100 }).await;
        let mut reports = 0;
        let robustness = wait_for(&mut remote, |event| match event {
            Event::Robustness(robustness) if robustness.complete => Some(robustness),
            Event::Report(_) => {
                reports += 1;
                None
            }
            _ => None,
        })
        .await;
        assert!(reports > 0, "training went on");
        assert_eq!((robustness.clean.total, robustness.curves.len()), (100, 2));
        let pgd = &robustness.curves[0].points;
        assert_eq!(pgd[0].robust, robustness.clean, "a radius of 0 changes nothing");
        assert!(pgd[1].robust.hits <= pgd[0].robust.hits);
    });
}

#[test]
fn a_transfer_attack_beside_training_has_a_surrogate_which_the_audit_keeps() {
    wait(async {
        let (mut remote, _, _folder) = paused(Delivery::Complete, |_| {}).await;
        let threat =
            |attack| Threat { attack, target: TargetKind::Untargeted, epsilon: 0.1, steps: 3, restarts: 1 };
        let threats = vec![threat(AttackKind::Transfer), threat(AttackKind::Pgd)];
        tell(&remote, Command::Run).await;
        tell(&remote, Command::Evaluate { threats, samples: 40 }).await;
        let robustness = wait_for(&mut remote, |event| match event {
            Event::Robustness(robustness) if robustness.complete => Some(robustness),
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => None,
        })
        .await;
        let left: Vec<_> = robustness.curves.iter().map(|curve| curve.points[0].robust).collect();
        assert_eq!((robustness.clean.total, left.len(), robustness.progress), (40, 2, 1.0));
        assert!(
            left[0].hits >= left[1].hits,
            "a surrogate's examples are no stronger than its own: {left:?}"
        );
        tell(&remote, Command::Audit { samples: 20 }).await;
        let first = wait_for(&mut remote, |event| match event {
            Event::Audited(audited) => Some(audited),
            _ => None,
        })
        .await;
        assert!(!first.lights.is_empty(), "it begins with the audit, not with training: {first:?}");
    });
}
