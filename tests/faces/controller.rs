//! What `alpha_target` does to a run: it turns α, the same in every run, goes on from a checkpoint, and says what it cannot.

use crate::adapter::gpu;
use crate::common::{tiny_config, tiny_data, wait_for};
use crate::protocol::{activity, paused, tell, to_its_end, wait};
use great_lab::{
    config::{Config, DistillationMethod, Mode, MultitaskMethod, Normalization, Players, ScenarioKind},
    protocol::{Activity, Command, Delivery, Event},
    train::{checkpoint::Checkpoint, spawn},
};

/// Step, α and loss of every report.
fn reported(events: &[Event]) -> Vec<(u64, u64, u64)> {
    let of = |event: &Event| match event {
        Event::Report(report) => Some((report.step, report.alpha.to_bits(), report.loss.to_bits())),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

fn alphas(events: &[Event]) -> Vec<f64> {
    reported(events).into_iter().map(|(_, alpha, _)| f64::from_bits(alpha)).collect()
}

fn notices(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| if let Event::Notice(text) = event { Some(&**text) } else { None })
        .collect()
}

/// A run of GREAT, α whole from the first step.
fn great(config: &mut Config, target: f64) {
    (config.setup.mode, config.setup.steps) = (Mode::Great, 60);
    (config.hyper.alpha, config.hyper.ramp, config.hyper.alpha_target) = (0.2, 0.0, target);
    config.hyper.probe_every_steps = 0;
}

#[test]
fn alpha_is_turned_at_fixed_steps_alike_in_every_run_whatever_is_reported() {
    wait(async {
        let mut runs = Vec::new();
        for every in [1, 1, 7] {
            let (mut remote, ..) = paused(Delivery::Complete, |config| {
                great(config, 0.9);
                config.hyper.report_every_steps = every;
            })
            .await;
            runs.push(reported(&to_its_end(&mut remote).await));
        }
        assert_eq!(runs[0].len(), 60);
        assert_eq!(runs[0], runs[1]);
        for (step, alpha, _) in &runs[2] {
            assert_eq!(runs[0][*step as usize - 1].1, *alpha, "step {step}");
        }
        for (at, pair) in runs[0].windows(2).enumerate() {
            // The report of step 10 is of the α that was played in it; the next step plays what was turned.
            assert_eq!(pair[0].1 != pair[1].1, (at + 1).is_multiple_of(10), "from step {} on", at + 1);
        }
        let (mut remote, ..) = paused(Delivery::Complete, |config| great(config, 0.0)).await;
        assert!(alphas(&to_its_end(&mut remote).await).iter().all(|alpha| *alpha == 0.2), "as set");
    });
}

#[test]
fn it_turns_what_the_scenario_plays_with_towards_the_target() {
    wait(async {
        for scenario in ScenarioKind::ALL {
            // All is read off these images, or nothing at once: what shall be 99 % is too little, what shall be 1 % too much.
            for (target, rises) in [(0.01, true), (0.99, false)] {
                let (mut remote, ..) = paused(Delivery::Complete, |config| {
                    great(config, target);
                    config.setup.steps = 25;
                    (config.setup.scenario, config.setup.method) = (*scenario, DistillationMethod::Great);
                    config.setup.multitask_method = MultitaskMethod::Great;
                    (config.setup.teacher_steps, config.setup.teacher_width) = (2, 0.25);
                    config.hyper.auxiliary_learning_rate = if rises { 1e-3 } else { 1e-6 };
                })
                .await;
                let found = alphas(&to_its_end(&mut remote).await);
                let (first, last) = (found[0], found[24]);
                let set = if *scenario == ScenarioKind::Multitask { 0.03 } else { 0.2 };
                assert_eq!(first, set, "{scenario}");
                assert_eq!(last > first, rises, "{scenario}, target {target}: from {first} to {last}");
            }
        }
    });
}

#[test]
fn a_saved_run_turns_on_from_the_middle_of_a_window() {
    wait(async {
        let (mut remote, _, _folder) = paused(Delivery::Complete, |config| great(config, 0.9)).await;
        let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
        tell(&remote, Command::Step(Players::Both, 27)).await;
        wait_for(&mut remote, activity(Activity::Paused)).await;
        tell(&remote, Command::Save).await;
        let checkpoint = wait_for(&mut remote, saved).await;
        let control = Checkpoint::read(&checkpoint).expect("whole").header.control;
        assert!(control.factor != 1.0 && control.tensors == 7.0 * 16.0, "{control:?}");
        let whole = reported(&to_its_end(&mut remote).await);
        tell(&remote, Command::Load(checkpoint)).await;
        wait_for(&mut remote, activity(Activity::Paused)).await;
        let resumed = reported(&to_its_end(&mut remote).await);
        assert_eq!(resumed[0].0, 28);
        assert_eq!(whole, resumed);
    });
}

#[test]
fn a_target_out_of_reach_is_told_once_and_written_nowhere_without_one() {
    wait(async {
        let (mut remote, ..) = paused(Delivery::Complete, |config| {
            great(config, 0.02);
            (config.setup.steps, config.hyper.alpha) = (130, 10.0);
            // As strong as it may be from the first step on.
            (config.hyper.learning_rate, config.hyper.normalization) = (1e-6, Normalization::Rms);
        })
        .await;
        let events = to_its_end(&mut remote).await;
        let said = notices(&events);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("α is at its bound, 10, and the auxiliary network reads "), "{said:?}");
        assert!(said[0].ends_with("of the gradients: the target of 2 % cannot be reached."), "{said:?}");
        assert!(alphas(&events).iter().all(|alpha| *alpha <= 10.0));
        let (mut remote, ..) = paused(Delivery::Complete, |config| great(config, 0.0)).await;
        tell(&remote, Command::Save).await;
        let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
        let bytes = wait_for(&mut remote, saved).await;
        assert!(!String::from_utf8_lossy(&bytes).contains("control"), "a checkpoint says nothing of none");
    });
}

#[test]
fn a_gpu_turns_it_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = tiny_config(&tiny_data(folder.path()));
    great(&mut config, 0.9);
    let Some(opened) = gpu() else { return };
    wait(async {
        let mut runs = Vec::new();
        for _ in 0..2 {
            let mut remote = spawn(config.clone(), &opened, Delivery::Complete).expect("a thread");
            wait_for(&mut remote, activity(Activity::Paused)).await;
            runs.push(reported(&to_its_end(&mut remote).await));
        }
        assert_eq!(runs[0], runs[1]);
        assert!(runs[0][59].1 != runs[0][0].1, "it was turned");
    });
}
