//! `--resume` and `--fork`: what a run goes on with, and what may be changed of it.

use std::path::{Path, PathBuf};

use web_time::{SystemTime, UNIX_EPOCH};

use crate::config::{Config, KNOBS, Knob, ScenarioKind};
use crate::data;
use crate::headless::error::HeadlessError;
use crate::headless::options::{Given, RunOptions, refuse_unused};
use crate::headless::train::refusal::GoingOnError;
use crate::runs::checkpoints::in_folder;
use crate::runs::record::{Before, LastFigures, Origin, Resumption, RunRecord, Turned};
use crate::runs::writer::Earlier;
use crate::train::checkpoint::Checkpoint;

/// What a run goes on with.
pub struct GoingOn {
    /// Where it stands, with the knobs that it goes on with in its header.
    pub checkpoint: Checkpoint,
    /// What it left before.
    pub earlier: Earlier,
    /// What its record says of before.
    pub before: Before,
    /// What should be known of it.
    pub notice: Option<String>,
}

/// What the run in `folder` goes on with; none where it is finished.
///
/// # Errors
/// [`GoingOnError`], and flags that make no sense; nothing was touched.
pub fn resume(folder: &Path, options: &RunOptions) -> Result<Option<GoingOn>, HeadlessError> {
    if !folder.is_dir() {
        return Err(GoingOnError::Nowhere(folder.into()).into());
    }
    let (mut checkpoint, earlier) = open(folder, Some(folder), None)?;
    let changed = turn(&mut checkpoint, folder, Some(folder), options, "--resume")?;
    let (step, steps) = (checkpoint.header.step, checkpoint.header.config.setup.steps);
    let record = earlier.record.as_ref();
    if step >= steps && record.is_some_and(RunRecord::is_finished) {
        return Ok(None);
    }
    let unix_seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut resumed = record.map_or(Vec::new(), |record| record.resumed.clone());
    resumed.push(Resumption { step, unix_seconds, changed });
    let before = Before {
        started_unix_seconds: record.map(|record| record.started_unix_seconds),
        wall_seconds: record.map_or(0.0, |record| record.wall_seconds),
        resumed,
        forked_from: record.and_then(|record| record.forked_from.clone()),
        notices: record.map_or(Vec::new(), |record| record.notices.clone()),
        last: last(&earlier),
    };
    let notice = incomplete(&checkpoint);
    Ok(Some(GoingOn { checkpoint, earlier, before, notice }))
}

/// What a new run begins with that is a copy of another; `source` is its folder or checkpoint, with `@STEP` behind it where
/// it is said of which step.
///
/// # Errors
/// As [`resume`].
pub fn fork(source: &str, options: &RunOptions) -> Result<GoingOn, HeadlessError> {
    let (path, wanted) = split(source);
    if !path.exists() {
        return Err(GoingOnError::Nowhere(path).into());
    }
    let folder = path.is_dir().then_some(&*path);
    let (mut checkpoint, earlier) = open(&path, folder, wanted)?;
    let changed = turn(&mut checkpoint, &path, folder, options, "--fork")?;
    let (step, steps) = (checkpoint.header.step, checkpoint.header.config.setup.steps);
    if step >= steps {
        return Err(GoingOnError::NoSteps { path, steps }.into());
    }
    let run = data::absolute(&path.to_string_lossy()).display().to_string();
    let before = Before {
        forked_from: Some(Origin { run, step, changed }),
        last: last(&earlier),
        ..Before::default()
    };
    let notice = incomplete(&checkpoint);
    Ok(GoingOn { checkpoint, earlier, before, notice })
}

/// The path and the step in `PATH@STEP`; a path that is there is one, whatever it is called.
fn split(source: &str) -> (PathBuf, Option<u64>) {
    let whole = Path::new(source);
    let parted = source.rsplit_once('@').and_then(|(path, step)| Some((path, step.parse().ok()?)));
    match parted {
        Some((path, step)) if !whole.exists() => (path.into(), Some(step)),
        _ => (whole.into(), None),
    }
}

/// The checkpoint at `path`, of the `wanted` step where one is, and what is beside it in the run's `folder`.
fn open(
    path: &Path,
    folder: Option<&Path>,
    wanted: Option<u64>,
) -> Result<(Checkpoint, Earlier), GoingOnError> {
    if folder.is_some_and(|folder| !folder.join(Checkpoint::FILE).exists()) {
        return Err(GoingOnError::NoCheckpoint(path.into()));
    }
    let kept = folder.map(in_folder).unwrap_or_default();
    let asked = kept.iter().find(|kept| Some(kept.step) == wanted);
    let file = asked.map_or_else(|| path.to_path_buf(), |kept| path.join(&kept.file));
    let checkpoint =
        Checkpoint::open(&file).map_err(|source| GoingOnError::Checkpoint { path: file.clone(), source })?;
    let found = checkpoint.header.step;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
        let found = if kept.is_empty() { vec![found] } else { kept.iter().map(|kept| kept.step).collect() };
        return Err(GoingOnError::OtherStep { path: path.into(), found, wanted });
    }
    let earlier = match folder {
        Some(folder) => Earlier::read(folder, found, checkpoint.tables.as_ref())?,
        None => Earlier::none(found),
    };
    Ok((checkpoint, earlier))
}

/// Turns the knobs of the checkpoint's run as the flags say, and finds its data. What was turned.
fn turn(
    checkpoint: &mut Checkpoint,
    path: &Path,
    folder: Option<&Path>,
    options: &RunOptions,
    flag: &str,
) -> Result<Vec<Turned>, HeadlessError> {
    let header = &mut checkpoint.header;
    let before = header.config.clone();
    let scenario = before.setup.scenario;
    let asked = options.shortcuts.iter().find(|shortcut| shortcut.knob == "scenario");
    if asked.is_some_and(|asked| asked.value != scenario.name()) {
        let command = match scenario {
            ScenarioKind::Defense => "train",
            ScenarioKind::Distillation => "distill",
            ScenarioKind::Multitask => "multitask",
        };
        let command = format!("{command} {flag} {}", path.display());
        let scenario = scenario.name();
        return Err(GoingOnError::OtherScenario { path: path.into(), scenario, command }.into());
    }
    let mut config = before.clone();
    let given = options.turn(&mut config)?;
    given.iter().try_for_each(|given| allow(given, &before, &config))?;
    let turned: Vec<Given> = given.into_iter().filter(|given| !given.holds_in(&before)).collect();
    refuse_unused(&turned, &[&config])?;
    if !turned.iter().any(|given| given.is("data")) {
        config.setup.data = header.data(folder)?;
    }
    let changed = |knob: &&Knob| {
        // Where the data are is no part of what the run is.
        knob.name != "data" && knob.read(&before) != knob.read(&config)
    };
    let turned = KNOBS.iter().filter(changed).map(|knob| Turned {
        knob: knob.name.into(),
        from: knob.show(&knob.read(&before)),
        to: knob.show(&knob.read(&config)),
    });
    let turned = turned.collect();
    header.config = config;
    Ok(turned)
}

/// Whether a run that was set up so may go on with a knob that was set.
fn allow(given: &Given, before: &Config, config: &Config) -> Result<(), GoingOnError> {
    let knob = given.knob();
    let flag = given.flag().to_owned();
    match knob.name {
        _ if knob.live || given.holds_in(before) || knob.name == "data" => Ok(()),
        "steps" if config.setup.steps > before.setup.steps => Ok(()),
        "steps" => Err(GoingOnError::Fewer { flag, steps: before.setup.steps }),
        _ => Err(GoingOnError::Fixed { flag, knob: knob.name, value: knob.say(&knob.read(before)) }),
    }
}

/// The last figures of before, as far as the checkpoint reaches.
fn last(earlier: &Earlier) -> Option<LastFigures> {
    earlier.record.as_ref()?.last.clone().filter(|last| last.step <= earlier.step)
}

/// That a checkpoint of an earlier version does not say what was under way.
fn incomplete(checkpoint: &Checkpoint) -> Option<String> {
    let step = checkpoint.header.step;
    (!checkpoint.header.says_what_is_under_way()).then(|| {
        format!(
            "the checkpoint of step {step} is of an earlier version, which did not write down what was under way: the first row after it may average fewer steps"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_stands_behind_the_last_at_sign_unless_that_is_a_name() {
        let scratch = tempfile::tempdir().unwrap();
        let named = scratch.path().join("a@7");
        std::fs::create_dir(&named).unwrap();
        assert_eq!(split(&named.display().to_string()), (named, None));
        assert_eq!(split("b@c@12"), ("b@c".into(), Some(12)));
        for whole in ["b", "b@", "b@x", "b@-1"] {
            assert_eq!(split(whole), (whole.into(), None));
        }
    }
}
