//! Tests of what is remembered of a run.

use web_time::Duration;

use super::*;
use crate::config::{DeviceInfo, Hyper};
use crate::protocol::{Event, Places};
use crate::runs::recording::Recording;

fn started(run: RunId) -> Event {
    let device = DeviceInfo {
        name: "CPU".into(),
        backend: "flex".into(),
        is_gpu: false,
        has_f16: false,
        notice: None,
    };
    Event::Started(Box::new(RunInfo {
        run,
        config: Config::default(),
        device,
        data: String::new(),
        places: Places::default(),
        classes: vec!["a".into(), "b".into()],
        origins: vec!["a".into(), "b".into()],
        image_shape: [1, 8, 8],
        input_deviation: None,
        train_images: 1,
        test_images: 1,
        main_weights: 1,
        auxiliary_weights: 1,
        teacher_weights: None,
        forked: None,
    }))
}

fn report(run: RunId, step: u64, hyper: Hyper) -> Event {
    Event::Report(Box::new(Report {
        run,
        step,
        epoch: 0.0,
        elapsed: Duration::from_secs(step),
        steps_per_second: 1.0,
        hyper,
        alpha: hyper.alpha,
        loss: 1.0,
        accuracy: 0.5,
        auxiliary_loss: 1.0,
        auxiliary_accuracy: 0.5,
        gradient_rms: 1.0,
        confusion: vec![1, 0, 0, 1],
    }))
}

#[test]
fn turned_knobs_are_marked_once_a_turn() {
    let mut history = History::default();
    history.accept(started(1));
    let with = |alpha: f64, learning_rate: f64| Hyper { alpha, learning_rate, ..Hyper::default() };
    for (step, alpha, learning_rate) in
        [(10, 0.1, 2e-3), (20, 0.2, 2e-3), (30, 0.3, 2e-3), (200, 0.3, 2e-3), (210, 0.5, 1e-3)]
    {
        history.accept(report(1, step, with(alpha, learning_rate)));
    }
    let edits: Vec<_> =
        history.edits.iter().map(|edit| (edit.step, edit.knob, &edit.from[..], &edit.to[..])).collect();
    assert_eq!(
        edits,
        [
            (20, "α adversary", "0.1", "0.3"),
            (210, "α adversary", "0.3", "0.5"),
            (210, "learning rate", "0.002", "0.001"),
        ]
    );
}

#[test]
fn a_run_that_could_not_be_set_up_leaves_the_one_at_hand() {
    let mut history = History::default();
    history.accept(started(1));
    history.accept(report(1, 10, Hyper::default()));
    let failure = Failure { run: 2, what: "no such data".into(), advice: "choose other data".into() };
    assert!(matches!(history.accept(Event::Failed(failure)), Some(Consequence::Failed)));
    // The trainer counts the run that failed, and goes on with the one before it.
    history.accept(Event::State(RunState { run: 2, activity: Activity::Running, step: 10 }));
    history.accept(report(1, 20, Hyper::default()));
    assert_eq!((history.step(), history.activity(), history.failures.len()), (20, Activity::Running, 1));
}

#[test]
fn a_name_that_cannot_be_drawn_is_a_number_but_in_tables() {
    let mut history = History::default();
    history.look_at_names(|_| false);
    assert_eq!(history.notice, None, "there is no run yet");
    history.accept(started(1));
    history.look_at_names(|name| name != "b");
    assert_eq!([0, 1].map(|class| history.class_name(class)), ["a", "class 1"]);
    assert_eq!([0, 1].map(|origin| history.origin_name(origin)), ["a", "class 1"]);
    assert_eq!((history.whole_class_name(1), history.whole_origin_name(1)), ("b".into(), "b".into()));
    assert!(history.notice.take().is_some_and(|notice| notice.starts_with("1 of 2 names")));
    history.look_at_names(|_| false);
    assert_eq!((history.class_name(0), &history.notice), ("a".into(), &None), "once a run");
    history.accept(started(2));
    history.look_at_names(|_| true);
    assert_eq!(history.class_name(1), "b");
}

#[test]
fn a_recording_makes_the_same_charts() {
    let events = crate::protocol::made_up::a_run(1, 1240);
    let Event::Started(info) = &events[0] else { panic!("a run begins so") };
    let mut recording = Recording::new(info);
    let mut lived = History::default();
    for event in events {
        recording.take(&event);
        lived.accept(event);
    }
    let replay = Replay::unpack(&*recording.bytes()).unwrap();
    let kept = History::of(replay, 1 << 32);
    assert_eq!(kept.reports.rows(), lived.reports.rows());
    assert_eq!(kept.distances.rows(), lived.distances.rows());
    assert_eq!(kept.saturations.rows(), lived.saturations.rows());
    assert_eq!(kept.held_out.rows(), lived.held_out.rows());
    assert!(kept.edits == lived.edits && kept.probes == lived.probes && kept.edits.len() == 1);
    let last = |history: &History| {
        let History { latest, histograms, saturation, samples, evaluation, previous, audited, .. } = history;
        format!(
            "{latest:?} {histograms:?} {saturation:?} {samples:?} {evaluation:?} {previous:?} {audited:?}"
        )
    };
    assert!(last(&kept) == last(&lived), "what came last is there with all its details");
    assert_eq!((kept.step(), kept.activity()), (1240, Activity::Paused));
    assert!(kept.samples_received > 1 << 32, "no other history's pictures are taken for its own");
}

#[test]
fn a_baseline_outlives_its_run() {
    let mut history = History::default();
    history.accept(started(1));
    let share = crate::protocol::Share { hits: 1, total: 2 };
    let robustness = |run, step, complete| {
        Event::Robustness(Box::new(Robustness {
            run,
            step,
            complete,
            progress: 1.0,
            clean: share,
            clean_balanced: share.value(),
            input_deviation: None,
            class_images: Vec::new(),
            curves: Vec::new(),
            worst: Vec::new(),
            mistakes: Vec::new(),
            verdicts: crate::protocol::Verdicts::default(),
        }))
    };
    history.keep_baseline();
    assert!(history.baseline.is_none(), "nothing to keep");
    for event in [robustness(1, 5, true), robustness(1, 10, false)] {
        history.accept(event);
    }
    assert!(history.evaluating() && history.previous.as_ref().is_some_and(|previous| previous.step == 5));
    history.keep_baseline();
    history.accept(started(2));
    assert!(history.evaluation.is_none());
    assert!(history.baseline.is_some_and(|baseline| baseline.label == "great+greace, step 5"));
}
