//! Carries a comparison out, and publishes what came of it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::cells::{Part, Workshop};
use super::options::Running;
use super::pictures;
use crate::config::TargetKind;
use crate::data::absolute;
use crate::headless::error::HeadlessError;
use crate::headless::files::charts;
use crate::headless::interrupt::{Completed, Interrupt};
use crate::headless::print::{print, say};
use crate::headless::progress::Progress;
use crate::runs::comparison::{Cell, PLAN_FILE, Plan, charts as drawn, outcome, table};
use crate::runs::lock::{self, Lock};
use crate::runs::record::Ended;
use crate::runs::rescue::Rescue;

/// Runs what is missing of this part of `plan`, and publishes the results of the whole where it is complete.
pub fn run_plan(plan: Plan, running: &Running) -> Result<Completed, HeadlessError> {
    let Running { out, part, device, quiet, data } = running;
    let mut plan = plan.claim(out)?;
    if let Some(data) = data {
        plan.places.data = Some(absolute(data).display().to_string());
    }
    let plan = &plan;
    // Parts are carried out beside each other.
    let _lock = if *part == Part::ALL { hold(out)? } else { None };
    let interrupt = Interrupt::listen(|| {})?;
    let progress = Progress::of_runs(*quiet);
    let mut workshop = Workshop { folder: out, device, interrupt: &interrupt, progress };
    let ran = workshop.run(plan, *part);
    // Where the folder was removed, a run may have made it again without the plan: the same command could not go on.
    let is_claimed = out.join(PLAN_FILE).exists();
    let claimed = if is_claimed { Ok(()) } else { plan.write(out) };
    let ended = ran?;
    claimed?;
    if ended == Ended::Interrupted {
        workshop.progress.say("interrupted; the same command goes on with it");
        return Ok(interrupt.completed(Ended::Interrupted));
    }
    let results = outcome::read(plan, &[out.as_path()])?;
    let is_missing = |cell: &&Cell| results.missing.contains(&cell.name);
    if let Some(gone) = part.cells(plan).find(is_missing) {
        let said = "it was finished, and its folder is gone".into();
        return Err(HeadlessError::Cell { name: gone.name.clone(), said });
    }
    if results.missing.is_empty() {
        publish(plan, &results, &[out.as_path()])?;
    } else {
        workshop.progress.say(&format!(
            "this part is complete; {} cells are not here. When all are: great-lab compare --merge {} …",
            results.missing.len(),
            out.display()
        ));
    }
    Ok(Completed::Finished)
}

/// Has nobody else carry out the comparison in `out`.
fn hold(out: &Path) -> Result<Option<Lock>, HeadlessError> {
    match Lock::take(out) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            let holder = lock::holder(out).unwrap_or_else(|| "another process".into());
            let problem =
                format!("{} is being carried out by {holder}; wait for it, or end that one", out.display());
            Err(HeadlessError::Flag { flag: "--out", problem })
        }
        // What cannot be written is said where it is written; a finished one is read all the same.
        Err(_) => Ok(None),
    }
}

/// The tables of what these folders hold of one comparison, written into the first.
pub fn merge(folders: &[PathBuf]) -> Result<Completed, HeadlessError> {
    let Some((first, others)) = folders.split_first() else {
        return Err(HeadlessError::Flag { flag: "--merge", problem: "name a folder".into() });
    };
    let plan = Plan::read(first)?;
    for other in others {
        if !Plan::read(other)?.is_same(&plan) {
            return Err(HeadlessError::Flag {
                flag: "--merge",
                problem: format!(
                    "{} holds another comparison than {}: compare their {PLAN_FILE}",
                    other.display(),
                    first.display()
                ),
            });
        }
    }
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let results = outcome::read(&plan, &folders)?;
    for missing in &results.missing {
        say(&format!("missing: {missing}"));
    }
    publish(&plan, &results, &folders)?;
    Ok(Completed::Finished)
}

/// Writes the tables, and the pictures where there are some, into the first of the folders that hold the comparison.
fn publish(plan: &Plan, results: &outcome::Results, folders: &[&Path]) -> Result<(), HeadlessError> {
    let Some(out) = folders.first() else { return Ok(()) };
    let text = table::markdown(plan, results);
    let rows = table::rows(plan, results);
    let mut rescue = Rescue::default();
    for (name, bytes) in [
        ("table.md", text.as_bytes()),
        ("table.csv", table::summary(&rows).bytes()),
        ("table.json", table::json(plan, &rows).as_bytes()),
        ("cells.csv", table::cells(plan, results).bytes()),
    ] {
        rescue.keep(&out.join(name), bytes);
    }
    if let Some(chart) = drawn::pareto(plan, results) {
        rescue.keep(&out.join("pareto.png"), &charts::png(&chart)?);
    }
    if !drawn::varied(&plan.methods()).is_empty()
        && let Some(chart) = drawn::parallel(plan, results)
    {
        rescue.keep(&out.join("parallel.png"), &charts::png(&chart)?);
    }
    if plan.paper.is_some() {
        for target in TargetKind::ALL {
            let (name, chart) = drawn::figure(plan, results, *target);
            rescue.keep(&out.join(name), &charts::png(&chart)?);
        }
        match pictures::sheet(plan, folders) {
            Ok(None) => {}
            Ok(Some(sheet)) => {
                rescue.keep(&out.join("saliency.png"), &sheet.png()?);
            }
            // The data may be on another machine than the results.
            Err(error) => say(&format!("there is no saliency.png: {error}")),
        }
    }
    print(&text)?;
    rescue.outcome()?;
    print(&format!("\nthe same is in {}\n", out.join("table.md").display()))
}
