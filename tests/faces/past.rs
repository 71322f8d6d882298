//! A run that is looked at as it was shows, at every report and at every checkpoint, what was told then.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use great_lab::app::{Along, History, Reel};
use great_lab::config::{Config, DistillationMethod, Hyper, ScenarioKind};
use great_lab::protocol::{
    Activity, Cadence, Command, Delivery, Event, Histograms, Remote, RunInfo, Samples, made_up,
};
use great_lab::runs::recording::{Memory, Recording, Replay};
use proptest::prelude::*;

use crate::common::{event, tiny_config, tiny_data, trainer};

/// All that is drawn of a run; what goes on at the moment is left out.
fn figures(history: &History) -> String {
    let History { latest, histograms, saturation, samples, probes, edits, .. } = history;
    let audited = history.audited.as_ref().filter(|audited| audited.complete);
    let (evaluation, tasks) = (history.complete_evaluation(), history.tasks.as_ref());
    let curves = (
        history.reports.rows(),
        history.distances.rows(),
        history.comparisons.rows(),
        history.saturations.rows(),
        history.held_out.rows(),
    );
    format!(
        "{latest:?}\n{histograms:?}\n{saturation:?}\n{samples:?}\n{probes:?}\n{edits:?}\n{audited:?}\n{evaluation:?}\n{tasks:?}\n{curves:?}"
    )
}

fn info(events: &[Event]) -> &RunInfo {
    events
        .iter()
        .find_map(|event| if let Event::Started(info) = event { Some(&**info) } else { None })
        .unwrap()
}

/// What was known just before each report but the first, and at the end, as a window lived it: each with the step of the
/// report before.
fn lived(events: &[Event]) -> Vec<(u64, String)> {
    let mut history = History::default();
    let (mut known, mut step) = (Vec::new(), None);
    for event in events {
        // What came before the first report is a place, too.
        let is_measured = matches!(
            event,
            Event::Histograms(_) | Event::Samples(_) | Event::Saturation(_) | Event::Tasks(_)
        );
        if let Event::Report(report) = event {
            known.extend(step.map(|step| (step, figures(&history))));
            step = Some(report.step);
        } else if is_measured {
            step.get_or_insert(0);
        }
        history.accept(event.clone());
    }
    known.extend(step.map(|step| (step, figures(&history))));
    known
}

/// The reel of a run that was recorded, through a file.
fn recorded(events: &[Event]) -> (Reel, History) {
    let mut recording = Recording::new(info(events));
    events.iter().for_each(|event| recording.take(event));
    let replay = Replay::unpack(&*recording.bytes()).unwrap();
    assert_eq!(replay.problem, None);
    let history = History::of_run(replay.info, 1 << 32);
    (Reel::new(replay.events.into_iter().map(Arc::new), &history), history)
}

/// The places of a run in an order without order, each several times.
fn here_and_there(count: usize) -> impl Iterator<Item = usize> {
    (0..count).chain((0..count).rev().step_by(3)).chain((0..count).map(move |at| at * 37 % count))
}

/// Looks at every place, and at each of these steps.
fn holds(reel: &mut Reel, mut history: History, known: &[(u64, String)], steps: &[u64]) {
    assert_eq!(reel.places().len(), known.len());
    let at_steps: Vec<usize> = steps.iter().map(|step| reel.from_step(*step)).collect();
    for place in here_and_there(known.len()).chain(at_steps) {
        reel.go(place, &mut history);
        let (step, figures_then) = &known[place];
        assert_eq!(history.step(), *step);
        assert!(figures(&history) == *figures_then, "step {step}:\n{}\n{figures_then}", figures(&history));
        assert_eq!(reel.missing(), None);
        assert_eq!(history.end(Along::Step), known.last().unwrap().0 as f64, "its charts keep their axis");
    }
}

#[test]
fn a_long_run_is_what_it_was_in_whatever_order_one_looks() {
    let mut events = made_up::a_run(1, 3000);
    events.push(made_up::state(1, Activity::Finished, 3000));
    let known = lived(&events);
    let (mut reel, history) = recorded(&events);
    holds(&mut reel, history, &known, &[1, 95, 1234, 3000]);
}

#[test]
fn the_present_run_is_remembered_as_it_is_recorded_and_goes_on_meanwhile() {
    let events = made_up::a_run(1, 1240);
    let known = lived(&events);
    let mut memory = Memory::new(info(&events).clone());
    let begin = History::of_run(info(&events).clone(), 0);
    let (past, rest) = events.split_at(events.len() / 2);
    past.iter().for_each(|event| drop(memory.take(event)));
    let (mut reel, mut history) = (Reel::new(memory.events(), &begin), begin);
    reel.go(3, &mut history);
    for event in rest {
        memory.take(event).into_iter().for_each(|held| reel.push(held));
        assert_eq!(history.step(), known[3].0);
    }
    assert!(memory.take(&made_up::report(2, 9_999, Hyper::default()).into()).is_none(), "of another run");
    holds(&mut reel, history, &known, &[]);
}

/// Trains until all is done, evaluated and told. All events, and the steps of the checkpoints among them.
async fn to_its_end(mut remote: Remote) -> (Vec<Event>, Vec<u64>) {
    for command in [Command::Checkpoints(Cadence::Steps(7)), Command::Run] {
        remote.commands.send(command).await.expect("the trainer lives");
    }
    let (mut events, mut checkpoints) = (Vec::new(), Vec::new());
    loop {
        match event(&mut remote).await {
            Event::Failed(failure) => panic!("{failure:?}"),
            Event::Checkpoint(checkpoint) => checkpoints.push(checkpoint.step),
            event => events.push(event),
        }
        if let Some(Event::State(state)) = events.last()
            && state.activity == Activity::Finished
        {
            return (events, checkpoints);
        }
    }
}

fn config(data: &str, scenario: ScenarioKind) -> Config {
    let mut config = tiny_config(data);
    let (setup, hyper) = (&mut config.setup, &mut config.hyper);
    (setup.scenario, setup.steps, setup.batch_size, setup.teacher_steps) = (scenario, 24, 8, 3);
    (setup.width, setup.auxiliary_width, setup.teacher_width) = (0.25, 0.25, 0.25);
    setup.method = DistillationMethod::Great;
    (hyper.report_every_steps, hyper.histogram_every_steps, hyper.probe_every_steps) = (4, 6, 10);
    (hyper.evaluate_every_steps, hyper.evaluate_samples, hyper.attack_steps) = (8, 8, 1);
    config
}

#[test]
fn a_run_of_each_scenario_shows_at_every_report_and_checkpoint_what_was_told() {
    let scratch = tempfile::tempdir().unwrap();
    let data = tiny_data(scratch.path());
    for scenario in ScenarioKind::ALL {
        let config = config(&data, *scenario);
        let (events, checkpoints) = pollster::block_on(to_its_end(trainer(&config, Delivery::Complete)));
        // While a teacher is trained, there is one of step 0.
        assert!(checkpoints.ends_with(&[7, 14, 21]), "{scenario:?}: {checkpoints:?}");
        let known = lived(&events);
        assert!(known.len() > 5 && known.last().unwrap().0 == 24, "{} places", known.len());
        let (mut reel, history) = recorded(&events);
        holds(&mut reel, history, &known, &checkpoints);
    }
}

/// A run whose histograms and samples come so often that a recording has no room for all.
fn crowded(steps: u64) -> Vec<Event> {
    let mut events = vec![made_up::started(1)];
    let (histograms, samples) = (made_up::histograms(1, 1), made_up::samples(1, 1));
    for step in 1..=steps {
        events.push(made_up::report(1, step, Hyper::default()).into());
        events.push(Histograms { step, ..histograms.clone() }.into());
        events.push(Samples { step, ..samples.clone() }.into());
    }
    events
}

#[test]
fn what_was_given_up_is_said_and_in_its_place_is_what_was_kept_before() {
    let (mut reel, mut history) = recorded(&crowded(600));
    let (mut whole, mut older) = (0, 0);
    for place in here_and_there(600) {
        reel.go(place, &mut history);
        let step = place as u64 + 1;
        let (histograms, samples) = (history.histograms.as_ref().unwrap(), history.samples.as_ref().unwrap());
        assert!(!histograms.classes.is_empty() && !samples.samples.is_empty());
        assert!(histograms.step <= step && samples.step <= step, "nothing of what was not known yet");
        assert_eq!(
            history.distances.rows().last().unwrap().step,
            step as f64,
            "the distance is that of then"
        );
        match reel.missing() {
            None => {
                whole += 1;
                assert_eq!((histograms.step, samples.step), (step, step));
            }
            Some(said) => {
                older += 1;
                let both = format!("histograms, samples of step {}", histograms.step);
                let says = |name: &str, of: u64| {
                    said.contains(&format!("{name} of step {of}"))
                        || said.contains(&both) && of == histograms.step
                };
                assert_eq!(says("histograms", histograms.step), histograms.step != step, "{step}: {said}");
                assert_eq!(says("samples", samples.step), samples.step != step, "{step}: {said}");
                assert!(said.ends_with("the nearest that was kept"), "{said}");
            }
        }
    }
    assert!(whole > 10 && older > 600, "{whole} with all details, {older} without some");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_damaged_recording_is_shown_as_far_as_it_makes_sense(
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~]|[0-9]|e9"), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = small().clone();
        for (at, text) in changes {
            let at = at.index(bytes.len());
            bytes.splice(at..at + 1, text.bytes());
        }
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 8);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&bytes).unwrap();
        let Ok(replay) = Replay::unpack(&*packed.finish().unwrap()) else { return Ok(()) };
        let mut recording = Recording::new(&replay.info);
        replay.events.iter().for_each(|event| recording.take(event));
        prop_assert_eq!(Replay::unpack(&*recording.bytes()).unwrap().problem, None);
        let mut history = History::of_run(replay.info, 0);
        let mut reel = Reel::new(replay.events.into_iter().map(Arc::new), &history);
        for place in here_and_there(reel.places().len()) {
            reel.go(place, &mut history);
            let _ = (figures(&history), reel.missing());
        }
        for step in [0, 15, u64::MAX] {
            let _ = (reel.at_step(step), reel.from_step(step), reel.at_seconds(step as f64));
        }
    }
}

/// The lines of a recording of a short run.
fn small() -> &'static Vec<u8> {
    static LINES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut events = made_up::a_run(1, 60);
        // Pictures are long, and all alike to who damages them.
        events.retain(|event| !matches!(event, Event::Samples(_) | Event::Histograms(_)));
        events.push(made_up::robustness(1, 60, true).into());
        let mut recording = Recording::new(info(&events));
        events.iter().for_each(|event| recording.take(event));
        let mut lines = Vec::new();
        GzDecoder::new(&*recording.bytes()).read_to_end(&mut lines).unwrap();
        lines
    });
    &LINES
}

#[test]
fn steps_and_seconds_are_found() {
    let (reel, _) = recorded(&made_up::a_run(1, 400));
    let step = |place: usize| reel.places()[place].step;
    let at = [0, 9, 10, 14, 399, 400, 9_999].map(|of| step(reel.at_step(of)));
    assert_eq!(at, [10, 10, 10, 10, 390, 400, 400]);
    assert_eq!([0, 10, 11, 400, 9_999].map(|of| step(reel.from_step(of))), [10, 10, 20, 400, 400]);
    assert_eq!(step(reel.at_seconds(10.0)), 120, "12.3 steps a second");
    assert_eq!((step(reel.at_seconds(-1.0)), step(reel.at_seconds(1e9))), (10, 400));
}

#[test]
fn a_run_that_ended_says_so_at_its_end_alone() {
    let mut events = made_up::a_run(1, 100);
    events.push(made_up::state(1, Activity::Finished, 100));
    let (mut reel, mut history) = recorded(&events);
    reel.go(9, &mut history);
    assert_eq!((history.activity(), history.step()), (Activity::Finished, 100));
    reel.go(4, &mut history);
    assert_eq!((history.activity(), history.step()), (Activity::Paused, 50));
}
