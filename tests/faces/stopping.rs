//! Early stopping as a rule: the run ends where its worst case no longer rises, and its checkpoint has the best weights.

use crate::common::{event, wait_for};
use crate::protocol::{activity, paused, tell, wait};
use great_lab::{
    config::{Config, Mode, ScenarioKind},
    protocol::{Activity, Command, Delivery, Event, Remote, RunState, Stopped},
    train::checkpoint::Checkpoint,
};
use safetensors::SafeTensors;

/// A run that is evaluated every ten steps, and learns next to nothing.
fn idle(config: &mut Config, scenario: ScenarioKind, (steps, stop_after): (u64, u64)) {
    (config.setup.scenario, config.setup.mode, config.setup.steps) = (scenario, Mode::Baseline, steps);
    (config.setup.teacher_steps, config.setup.teacher_width) = (2, 0.25);
    (config.hyper.learning_rate, config.hyper.alignment_rate) = (1e-6, 0.0);
    (config.hyper.evaluate_every_steps, config.hyper.evaluate_samples) = (10, 32);
    (config.hyper.stop_after, config.hyper.probe_every_steps) = (stop_after, 0);
    // What is played does not depend on how long the run is.
    config.hyper.ramp = 0.0;
    (config.hyper.epsilon, config.hyper.attack_steps) = (0.01, 2);
}

fn stopped(events: &[Event]) -> Option<Stopped> {
    events.iter().find_map(|event| if let Event::Stopped(_, stopped) = event { Some(*stopped) } else { None })
}

/// Steps of the complete evaluations, and their worst cases at ε.
fn evaluated(events: &[Event]) -> Vec<(u64, f64)> {
    let of = |event: &Event| match event {
        Event::Robustness(found) if found.complete => {
            let at_own = |point: &&great_lab::protocol::Point| (point.epsilon - 0.01).abs() < 1e-9;
            let point = found.worst[0].points.iter().find(at_own).expect("attacked at ε");
            Some((found.step, point.robust.value()))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

/// All that is told of a run until it ends, and how it does.
async fn end(remote: &mut Remote) -> (Vec<Event>, RunState) {
    tell(remote, Command::Run).await;
    let mut events = Vec::new();
    loop {
        match event(remote).await {
            Event::State(state) if state.activity == Activity::Finished => return (events, state),
            Event::Failed(failure) => panic!("{failure:?}"),
            other => events.push(other),
        }
    }
}

async fn save(remote: &mut Remote) -> Vec<u8> {
    tell(remote, Command::Save).await;
    wait_for(remote, |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None }).await
}

/// Every tensor of a checkpoint, by name.
fn tensors(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let file = SafeTensors::deserialize(bytes).expect("whole");
    let mut all: Vec<_> =
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    all.sort();
    all
}

#[test]
fn a_run_that_no_longer_rises_ends_at_its_best_weights_in_every_scenario() {
    wait(async {
        for scenario in ScenarioKind::ALL {
            let (mut remote, _, _folder) =
                paused(Delivery::Complete, |config| idle(config, *scenario, (200, 2))).await;
            let (events, state) = end(&mut remote).await;
            let found = evaluated(&events);
            let stopped = stopped(&events).expect("it does not rise for ever");
            let best = found.iter().position(|(step, _)| *step == stopped.best).expect("it was evaluated");
            // Each evaluation was waited for, and two in a row did not better the best.
            let steps: Vec<u64> = found.iter().map(|(step, _)| *step).collect();
            let expected: Vec<u64> = (1..=steps.len() as u64).map(|count| 10 * count).collect();
            assert_eq!(steps, expected, "{scenario}");
            assert_eq!((best + 3, stopped.at), (found.len(), 10 * found.len() as u64), "{scenario}");
            assert!(found[best + 1..].iter().all(|(_, worst)| *worst <= found[best].1), "{found:?}");
            assert!(found[..best].iter().all(|(_, worst)| *worst < found[best].1), "{found:?}");
            assert_eq!(stopped.worst_case.value(), found[best].1);
            assert_eq!(state.step, stopped.best, "{scenario}");
            let said = events
                .iter()
                .find_map(|event| if let Event::Notice(text) = event { Some(text) } else { None });
            assert!(said.is_some_and(|text| text.contains("Stopped early after step")), "{said:?}");

            let kept = save(&mut remote).await;
            let header = Checkpoint::read(&kept).expect("whole").header;
            assert_eq!((header.step, header.stopped), (stopped.best, Some(stopped)));
            let (mut plain, ..) =
                paused(Delivery::Complete, |config| idle(config, *scenario, (stopped.best, 0))).await;
            end(&mut plain).await;
            assert!(tensors(&kept) == tensors(&save(&mut plain).await), "{scenario}: the weights of then");

            tell(&remote, Command::Load(kept)).await;
            wait_for(&mut remote, activity(Activity::Finished)).await;
        }
    });
}

#[test]
fn the_last_step_is_evaluated_too_and_the_best_of_all_is_kept() {
    wait(async {
        let run = |stop_after: u64| async move {
            let (mut remote, ..) =
                paused(Delivery::Complete, |config| idle(config, ScenarioKind::Defense, (35, stop_after)))
                    .await;
            end(&mut remote).await
        };
        let (events, state) = run(9).await;
        let found = evaluated(&events);
        assert_eq!(found.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [10, 20, 30, 35]);
        let best = found.iter().fold(found[0], |best, one| if one.1 > best.1 { *one } else { best });
        match stopped(&events) {
            Some(stopped) => assert_eq!((stopped.at, stopped.best), (35, best.0)),
            None => assert_eq!(best.0, 35, "the last is the best"),
        }
        assert_eq!(state.step, best.0);
        // Without the rule nothing waits, nothing is told, and the weights are the last.
        let (events, state) = run(0).await;
        assert!(stopped(&events).is_none() && state.step == 35);
    });
}

#[test]
fn an_evaluation_that_somebody_asks_for_meanwhile_changes_nothing_of_when_it_ends() {
    wait(async {
        let mut ends = Vec::new();
        for asks in [false, true] {
            let (mut remote, ..) =
                paused(Delivery::Complete, |config| idle(config, ScenarioKind::Defense, (200, 2))).await;
            tell(&remote, Command::Run).await;
            let mut asked = 0;
            let stopped = loop {
                match event(&mut remote).await {
                    Event::Stopped(_, stopped) => break stopped,
                    Event::Report(report) if asks && report.step.is_multiple_of(10) && asked < 2 => {
                        asked += 1;
                        tell(&remote, Command::Evaluate { threats: vec![], samples: 16 }).await;
                    }
                    Event::Failed(failure) => panic!("{failure:?}"),
                    _ => {}
                }
            };
            ends.push(stopped);
        }
        assert_eq!(ends[0], ends[1]);
    });
}
