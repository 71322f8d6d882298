//! Runs as tables and as JSON.

use serde_json::{Value, json};
use web_time::{SystemTime, UNIX_EPOCH};

use super::done::Done;
use crate::headless::error::HeadlessError;
use crate::runs::Summary;
use crate::runs::checkpoints::{Kept, in_folder};
use crate::runs::library::{Found, Library, LibraryError, summary_of};
use crate::runs::record::Ended;
use crate::show::number::{ago, count, percent, shortened};

/// Characters of a column that holds words at most.
const LONGEST: usize = 48;

/// The runs in which these words stand; of the trash where that is asked for.
pub(super) fn list(library: &Library, words: &str, trash: bool) -> Result<Done, HeadlessError> {
    let found = if trash { library.list_trash() } else { library.list() }?;
    let folder = |found: &Found| if trash { library.trashed(&found.id) } else { library.folder(&found.id) };
    let mut known: Vec<(Found, Result<Summary, String>, Option<String>)> = found
        .into_iter()
        .map(|found| {
            let (summary, holder) = (summary_of(&folder(&found)), library.holder(&found.id));
            (found, summary, holder.filter(|_| !trash))
        })
        .filter(|(found, summary, _)| match summary {
            Ok(summary) => summary.matches(&found.id, words),
            Err(_) => words.split_whitespace().all(|word| found.id.contains(word)),
        })
        .collect();
    // The order of time stays among those that are pinned, and among the others.
    known.sort_by_key(|(_, summary, _)| !summary.as_ref().is_ok_and(|summary| summary.label.pinned));
    let json =
        known.iter().map(|(found, summary, holder)| told(&found.id, summary, holder.as_deref())).collect();
    if known.is_empty() {
        let place = library.root().display();
        let none = match (trash, words) {
            (true, _) => format!("nothing was deleted from {place}\n"),
            (false, "") => {
                format!("there are no runs in {place} yet: the window keeps each that has taken a step\n")
            }
            (false, words) => format!("no run in {place} has '{words}'\n"),
        };
        return Ok(Done { text: none, json });
    }
    Ok(Done { text: table(library, &known), json })
}

/// All that is known of a run.
pub(super) fn show(library: &Library, id: &str) -> Result<Done, LibraryError> {
    let folder = library.folder(id);
    let (summary, holder) = (library.summary(id), library.holder(id));
    let mut files: Vec<(String, u64)> = std::fs::read_dir(&folder)
        .map_err(|source| LibraryError::Refused { what: "read", path: folder.clone(), source })?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), entry.metadata().ok()?.len()))
        })
        .collect();
    files.sort_unstable();
    let mut json = told(id, &summary, holder.as_deref());
    json["folder"] = json!(folder);
    json["files"] = files.iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes })).collect();
    let kept = in_folder(&folder);
    json["checkpoints"] = json!(kept);
    let mut text = String::new();
    let mut line = |what: &str, said: &str| {
        if !said.is_empty() {
            text += &format!("{what:<15}{said}\n");
        }
    };
    line("run", id);
    line("folder", &folder.display().to_string());
    match &summary {
        Err(why) => line("cannot be read", why),
        Ok(summary) => {
            line("name", summary.label.name.as_deref().unwrap_or_default());
            line("tags", &summary.label.tags.join(", "));
            line("pinned", if summary.label.pinned { "yes" } else { "" });
            line("what", &format!("{} · {} · {}", summary.scenario, summary.mode, summary.network));
            line("data", &summary.data);
            line("differs", &summary.differences_in_words());
            line("steps", &steps(summary));
            line("clean", &share(summary.clean));
            line("worst case", &share(summary.worst));
            line("discriminator", &share(summary.discriminator));
            line("outcome", &outcome(summary, holder.as_deref()));
        }
    }
    line("checkpoints", &checkpoints(&kept));
    let files: Vec<_> =
        files.iter().map(|(name, bytes)| format!("{name} ({} bytes)", count(*bytes))).collect();
    line("files", &files.join(", "));
    Ok(Done { text, json })
}

/// Of which steps there are checkpoints, and how large they are together.
fn checkpoints(kept: &[Kept]) -> String {
    let steps: Vec<_> = kept.iter().map(|kept| kept.step.to_string()).collect();
    let bytes: u64 = kept.iter().map(|kept| kept.bytes).sum();
    if steps.is_empty() {
        String::new()
    } else {
        format!("of step {} ({} bytes)", steps.join(", "), count(bytes))
    }
}

/// A run for programs: what is known of it, or why nothing is.
fn told(id: &str, summary: &Result<Summary, String>, holder: Option<&str>) -> Value {
    let mut json = match summary {
        Ok(summary) => serde_json::to_value(summary).unwrap_or_default(),
        Err(why) => json!({ "problem": why }),
    };
    json["run"] = id.into();
    json["written_by"] = holder.into();
    json
}

fn share(value: f64) -> String {
    if value.is_nan() { "–".into() } else { percent(value) }
}

fn steps(summary: &Summary) -> String {
    format!("{} of {}", count(summary.step), count(summary.steps))
}

/// How it ended, in words; a run that says that it goes on, and that nobody writes, was cut off.
fn outcome(summary: &Summary, holder: Option<&str>) -> String {
    match (summary.outcome, holder) {
        (Ended::Running, Some(holder)) => format!("goes on in {holder}"),
        (Ended::Running, None) => "cut off".into(),
        (Ended::Finished, _) => "finished".into(),
        (Ended::Stopped, _) => "stopped early".into(),
        (Ended::Interrupted, _) => "interrupted".into(),
        (Ended::Failed, _) => "failed".into(),
    }
}

/// What stands above the columns.
const HEADING: [&str; 10] =
    ["run", "mode", "data", "network", "steps", "clean", "worst", "read", "when", "name, tags, what differs"];

/// Aligned columns; numbers to the right. Then comparisons, and what cannot be read.
fn table(library: &Library, known: &[(Found, Result<Summary, String>, Option<String>)]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut rows = vec![HEADING.map(String::from)];
    let (mut broken, mut comparisons) = (String::new(), String::new());
    for (found, summary, holder) in known {
        match summary {
            Ok(summary) => rows.push(row(&found.id, summary, holder.is_some(), now)),
            Err(why) => match library.comparison(&found.id) {
                Some(what) => comparisons += &format!("{}: {what}\n", found.id),
                None => broken += &format!("{}: {why}\n", found.id),
            },
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADING.len()).map(width).collect();
    let mut text = String::new();
    for row in rows.iter().filter(|_| rows.len() > 1) {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            4..=7 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    for (heading, lines) in [("comparisons", comparisons), ("cannot be read", broken)] {
        if !lines.is_empty() {
            text += &format!("{}{heading}:\n{lines}", if text.is_empty() { "" } else { "\n" });
        }
    }
    text
}

/// The cells of a run.
fn row(id: &str, summary: &Summary, is_held: bool, now: u64) -> [String; HEADING.len()] {
    let pin = if summary.label.pinned { "* " } else { "" };
    let tags = summary.label.tags.iter().map(|tag| format!("#{tag}"));
    let differs = Some(summary.differences_in_words()).filter(|text| !text.is_empty());
    let words: Vec<String> = summary.label.name.iter().cloned().chain(tags).chain(differs).collect();
    [
        format!("{pin}{id}"),
        summary.mode.into(),
        shortened(&summary.data, LONGEST),
        shortened(&summary.network, LONGEST),
        steps(summary),
        share(summary.clean),
        share(summary.worst),
        share(summary.discriminator),
        if is_held { "now".into() } else { ago(summary.written_unix_seconds, now) },
        shortened(&words.join(" · "), 2 * LONGEST),
    ]
}
