//! What a script may know of the lab, as JSON, and what it may have it do, as one line of text.

pub mod of_runs;

use serde_json::{Value, json};

use crate::app::run::controls::Controls;
use crate::app::run::history::History;
use crate::app::run::pair::Pair;
use crate::config::{Players, knobs, link};
use crate::protocol::{Activity, Command, Difference, Met, Point, Predicted, Robustness, RunInfo};
use crate::show::columns::Metric;

/// What [`obey`] and [`obey_of_two`] know.
const COMMANDS: &str = "run, pause, step [N], reset, save, evaluate, set KNOB=VALUE, link FRAGMENT, fork, show fork, show parent, keep fork, keep parent";

/// Where the run stands that is shown, and the other one of two.
pub fn state(history: &History, pair: Option<&Pair>, controls: &Controls) -> Value {
    let activity = match history.activity() {
        Activity::Preparing => "preparing",
        Activity::Paused => "paused",
        Activity::Running => "running",
        Activity::Finished => "finished",
    };
    let failures: Vec<Value> = history
        .failures
        .iter()
        .map(|failure| json!({ "what": failure.what, "advice": failure.advice }))
        .collect();
    let report = history.latest.as_ref();
    json!({
        "activity": activity,
        "run": history.run(),
        "step": history.step(),
        "steps": history.steps(),
        "steps_per_second": report.map(|report| report.steps_per_second),
        "seconds": report.map(|report| report.elapsed.as_secs_f64()),
        "device": history.info.as_ref().map(|info| &info.device),
        "data": history.info.as_ref().map(|info| &info.data),
        "network": history.info.as_ref().map(network_json),
        "gradients": history.histograms.as_ref().map(|found| found.step),
        "config": controls.config,
        "link": link::write(&controls.config),
        "evaluating": history.evaluating(),
        "robustness": history.evaluation.as_ref().map(robustness_json),
        "predicted": history.predicted.as_ref().map(|found| predicted_json(history, found)),
        "fork": pair.map(|pair| fork_json(pair, history)),
        "notice": history.notice,
        "failures": failures,
    })
}

/// How the window is laid out, and where its panes are, in points.
pub fn window(layout: &str, panes: &[(&str, egui::Rect)]) -> Value {
    let pane = |(name, rect): &(&str, egui::Rect)| json!({ "name": name, "rect": [rect.left(), rect.top(), rect.width(), rect.height()] });
    json!({ "layout": layout, "panes": panes.iter().map(pane).collect::<Vec<_>>() })
}

fn network_json(info: &RunInfo) -> Value {
    json!({ "name": info.config.setup.network_name(), "weights": info.main_weights })
}

fn predicted_json(history: &History, found: &Predicted) -> Value {
    let sample = &found.sample;
    json!({
        "name": found.name,
        "step": found.step,
        "changes": found.changes,
        "class": history.whole_class_name(sample.label),
        "probability": sample.clean_probabilities.get(sample.label),
        "epsilon": found.epsilon.is_finite().then_some(found.epsilon),
    })
}

fn fork_json(pair: &Pair, shown: &History) -> Value {
    let last = pair.compared.last();
    json!({
        "shows": pair.names()[0],
        "step": pair.step,
        "fork": pair.fork(shown).run(),
        "parent": pair.parent(shown).run(),
        "compared_at": last.map(|last| last.step),
        "differences": last.map(|last| last.differences.iter().map(difference_json).collect::<Vec<_>>()),
    })
}

fn difference_json(found: &Difference) -> Value {
    let (low, high) = found.paired.interval();
    let (attack, target, epsilon) = match found.met {
        Met::Nothing => (None, None, None),
        Met::Worst(norm, epsilon) => (Some(format!("worst case, {}", norm.name())), None, Some(epsilon)),
        Met::Threat(threat) => (Some(threat.attack.name().into()), Some(threat.target), Some(threat.epsilon)),
    };
    json!({
        "attack": attack,
        "target": target,
        "epsilon": epsilon,
        "images": found.paired.images,
        "gained": found.paired.gained,
        "lost": found.paired.lost,
        "difference": found.paired.difference(),
        "low": low,
        "high": high,
    })
}

fn robustness_json(robustness: &Robustness) -> Value {
    let point = |point: &Point| json!({ "epsilon": point.epsilon, "robust": point.robust });
    let worst = robustness.worst.iter().map(|case| {
        let points = case.points.iter().map(point).collect::<Vec<_>>();
        json!({ "norm": case.norm.name(), "points": points })
    });
    let worst: Vec<Value> = worst.collect();
    let curves: Vec<Value> = robustness
        .curves
        .iter()
        .map(|curve| {
            json!({
                "attack": curve.attack,
                "target": curve.target,
                "points": curve.points.iter().map(point).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "step": robustness.step,
        "complete": robustness.complete,
        "clean": robustness.clean,
        "worst": worst,
        "curves": curves,
    })
}

/// The reports so far, oldest first; in a very long run each is the mean of several.
pub fn metrics(history: &History) -> Value {
    let rows = history.reports.rows().iter().map(|row| {
        let mut object = json!({ "step": row.step, "seconds": row.seconds });
        for metric in Metric::ALL {
            object[metric.name()] = row.values[metric as usize].into();
        }
        object
    });
    rows.collect()
}

/// Does what one line says of a run and its fork; nothing where it says something else.
///
/// # Errors
/// Why it cannot be done; then nothing was done.
pub fn obey_of_two(
    line: &str,
    (history, pair): (&mut History, &mut Option<Pair>),
    controls: &mut Controls,
) -> Option<Result<(), String>> {
    const WORDS: [&str; 4] = ["show fork", "show parent", "keep fork", "keep parent"];
    let line = line.trim();
    let outcome = match (line, pair) {
        ("fork", None) if history.info.is_none() => Err("there is no run to fork".into()),
        ("fork", None) => {
            controls.fork();
            Ok(())
        }
        ("fork", Some(_)) => Err("two runs go on already: 'keep fork' or 'keep parent' first".into()),
        (line, None) if WORDS.contains(&line) => Err("there is no fork: 'fork' makes one".into()),
        ("show fork" | "show parent", Some(pair)) => {
            if line != format!("show {}", pair.names()[0]) {
                pair.switch(history);
                controls.switch();
            }
            Ok(())
        }
        ("keep fork", Some(pair)) => {
            controls.give_up(pair.parent(history).run());
            Ok(())
        }
        ("keep parent", Some(pair)) => {
            controls.give_up(pair.fork(history).run());
            Ok(())
        }
        _ => return None,
    };
    Some(outcome)
}

/// Does what one line says; what of a link was refused.
///
/// # Errors
/// What is wrong with the command; then nothing was done.
pub fn obey(line: &str, history: &History, controls: &mut Controls) -> Result<Vec<String>, String> {
    let (command, argument) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let argument = argument.trim();
    match (command, argument) {
        ("run", "") => controls.run(history),
        ("pause", "") => controls.send(Command::Pause),
        ("step", "") => controls.step(Players::Both),
        ("step", steps) => {
            let steps = steps.parse().map_err(|_| format!("'{steps}' is no number of steps"))?;
            controls.send(Command::Step(Players::Both, steps));
        }
        ("reset", "") => controls.reset(),
        ("save", "") => controls.save(),
        ("evaluate", "") => controls.evaluate(history),
        ("set", assignment) => {
            knobs::assign(&mut controls.config, assignment).map_err(|error| error.to_string())?;
            controls.flush();
        }
        ("link", link) => {
            let linked = link::read(link);
            controls.config = linked.config;
            controls.flush();
            controls.reset();
            if linked.run {
                controls.send(Command::Run);
            }
            return Ok(linked.refused);
        }
        _ => return Err(format!("no command '{line}'; there are: {COMMANDS}, {}", of_runs::COMMANDS)),
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::protocol::{Delivery, Local, connect};

    fn lab() -> (History, Controls, Local) {
        let config = Config::default();
        let (remote, local) = connect(config.hyper, Delivery::Latest);
        (History::default(), Controls::new(config, remote.hyper, remote.commands), local)
    }

    #[test]
    fn commands_reach_the_trainer_in_order() {
        let (history, mut controls, mut local) = lab();
        for line in ["set alpha=0.5", "set steps=7", "reset", " step 3 ", "pause", "evaluate", "save"] {
            assert_eq!(obey(line, &history, &mut controls), Ok(Vec::new()), "{line}");
        }
        assert!((local.hyper.borrow().alpha - 0.5).abs() < 1e-12);
        let heard = std::iter::from_fn(|| local.commands.try_recv().ok());
        let heard: Vec<String> = heard.map(|command| format!("{command:?}")).collect();
        for (heard, expected) in heard.iter().zip(["steps: 7", "Step(Both, 3)", "Pause", "Evaluate", "Save"])
        {
            assert!(heard.contains(expected), "{heard}: {expected}");
        }
        assert_eq!(heard.len(), 5);
    }

    #[test]
    fn a_link_starts_the_run_it_describes() {
        let (history, mut controls, mut local) = lab();
        let refused = obey("link #v1&seed=9&alpha=-1&run", &history, &mut controls).unwrap();
        assert!(matches!(&refused[..], [why] if why.contains("alpha")), "{refused:?}");
        assert!(matches!(local.commands.try_recv(), Ok(Command::Reset(setup)) if setup.seed == 9));
        assert!(matches!(local.commands.try_recv(), Ok(Command::Run)));
        assert_eq!(state(&history, None, &controls)["link"], "v1&seed=9");
    }

    #[test]
    fn of_a_fork_nothing_is_done_where_there_is_none() {
        let (mut history, mut controls, mut local) = lab();
        for (line, expected) in
            [("fork", "no run to fork"), ("keep fork", "no fork"), ("show parent", "no fork")]
        {
            let outcome = obey_of_two(line, (&mut history, &mut None), &mut controls);
            assert!(outcome.is_some_and(|outcome| outcome.unwrap_err().contains(expected)), "{line}");
        }
        assert!(obey_of_two("forks", (&mut history, &mut None), &mut controls).is_none());
        assert!(local.commands.try_recv().is_err());
    }

    #[test]
    fn nonsense_is_refused_and_does_nothing() {
        let (history, mut controls, mut local) = lab();
        for (line, expected) in [
            ("", "there are: run"),
            ("fly", "'fly'"),
            ("run fast", "there are"),
            ("step x", "'x' is no number"),
            ("set alpha", "KNOB=VALUE"),
            ("set alpha=99", "out of range"),
        ] {
            let error = obey(line, &history, &mut controls).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
        assert!(local.commands.try_recv().is_err());
        assert_eq!(controls.config, Config::default());
        assert_eq!(metrics(&history), json!([]));
    }
}
