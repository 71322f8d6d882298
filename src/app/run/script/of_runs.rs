//! What a script may know of kept runs, and what it may have done with them.

use serde_json::{Value, json};

use crate::app::run::past::Move;
use crate::app::run::shelf::{Row, Shelf};
use crate::platform::files;
use crate::runs::librarian::{Ask, Source};

/// What [`obey`] knows.
pub const COMMANDS: &str = "open RUN, at STEP, continue, close, compare RUN, compare none, name RUN NAME, tag RUN TAGS, pin RUN, unpin RUN, delete RUN, undelete, share RUN";

/// The runs that are kept, and which of them are shown.
pub fn state(shelf: &Shelf) -> Value {
    let shown = shelf.shown.as_ref().map(|kept| {
        json!({
            "run": kept.id,
            "title": kept.title,
            "step": kept.history.step(),
            "accuracy": kept.history.latest.as_ref().map(|report| report.accuracy),
            "checkpoints": kept.past.as_ref().map(|past| past.checkpoints.iter().map(|it| it.step).collect::<Vec<_>>()),
            "problem": kept.problem,
        })
    });
    let listed: Vec<Value> = shelf.rows.iter().map(row_json).collect();
    json!({
        "listed": shelf.is_listed.then_some(listed),
        "present": shelf.present,
        "shown": shown,
        "compared": shelf.beside.iter().map(|kept| &kept.title).collect::<Vec<_>>(),
        "used": shelf.room.map(|(used, _)| used),
        "most": shelf.room.map(|(_, most)| most),
        "unwritten": files::store().due,
        "remark": shelf.remark.as_ref().or(shelf.absent.as_ref()),
    })
}

fn row_json(row: &Row) -> Value {
    let known = row.known();
    json!({
        "run": row.id,
        "name": known.and_then(|summary| summary.label.name.as_ref()),
        "tags": known.map(|summary| &summary.label.tags),
        "pinned": known.map(|summary| summary.label.pinned),
        "step": known.map(|summary| summary.step),
        "steps": known.map(|summary| summary.steps),
        "written_by": row.holder,
        "problem": row.summary.as_ref().and_then(|summary| summary.as_ref().err()),
    })
}

/// Does what one line says of kept runs; nothing where it says something else.
///
/// # Errors
/// Why it cannot be done; then nothing was done.
pub fn obey(line: &str, shelf: &mut Shelf) -> Option<Result<(), String>> {
    let (command, argument) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let (run, rest) = argument.trim().split_once(' ').unwrap_or((argument.trim(), ""));
    let ask = match (command, run) {
        ("at" | "continue" | "close" | "undelete", _) | ("compare", "none") => {
            return Some(obey_of_shown((command, run), shelf));
        }
        ("open", _) => Ask::Open(Source::Kept(run.into()), false),
        ("compare", _) => Ask::Open(Source::Kept(run.into()), true),
        ("name", _) => Ask::Rename(run.into(), rest.into()),
        ("tag", _) => Ask::Retag(run.into(), rest.into()),
        ("pin" | "unpin", _) => Ask::Pin(run.into(), command == "pin"),
        ("delete", _) => Ask::Delete(run.into()),
        ("share", _) => Ask::Share(run.into()),
        _ => return None,
    };
    if let Some(absent) = &shelf.absent {
        return Some(Err(absent.clone()));
    }
    if !shelf.has(run) {
        return Some(Err(format!(
            "there is no kept run '{run}'; state().runs.listed has those that there are"
        )));
    }
    match ask {
        Ask::Open(Source::Kept(run), true) => shelf.tick(&run, true),
        ask => shelf.ask(ask),
    }
    Some(Ok(()))
}

/// The same of the run that is shown, and of what needs no name.
fn obey_of_shown((command, argument): (&str, &str), shelf: &mut Shelf) -> Result<(), String> {
    let shown = shelf.shown.take();
    match (command, shown) {
        ("compare", shown) => {
            shelf.shown = shown;
            shelf.untick_all();
        }
        ("undelete", shown) => {
            shelf.shown = shown;
            let (_, there) = shelf.deleted.clone().ok_or("nothing was deleted that could be brought back")?;
            shelf.ask(Ask::Undelete(there));
        }
        (_, None) => return Err(format!("'{command}' is of a kept run that is shown: 'open RUN' first")),
        ("at", Some(mut kept)) => {
            let step = argument.parse().map_err(|_| format!("'{argument}' is no step"));
            if let Ok(step) = step {
                kept.go(Move::Step(step));
            }
            shelf.shown = Some(kept);
            step?;
        }
        ("continue", Some(kept)) => {
            let left = kept.left();
            shelf.shown = Some(kept);
            let (folder, file) = left?;
            shelf.ask(Ask::GoOn(folder, file));
        }
        (_close, Some(_)) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform;

    #[test]
    fn what_cannot_be_done_is_said_and_what_is_not_of_runs_is_left() {
        let mut shelf = Shelf::new((None, 0), Vec::new(), || {});
        let said = |line: &str, shelf: &mut Shelf| obey(line, shelf).map(|outcome| outcome.unwrap_err());
        assert_eq!(said("open a", &mut shelf).as_deref(), Some(platform::NO_RUNS));
        assert_eq!(state(&shelf)["remark"], platform::NO_RUNS);
        let scratch = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new((Some(scratch.path().into()), 0), Vec::new(), || {});
        for (line, expected) in [
            ("open a", "no kept run 'a'"),
            ("share ..", "no kept run '..'"),
            ("open", "no kept run ''"),
            ("name a better", "no kept run 'a'"),
            ("at 5", "'open RUN' first"),
            ("close", "'open RUN' first"),
            ("undelete", "nothing was deleted"),
        ] {
            let said = said(line, &mut shelf);
            assert!(said.as_ref().is_some_and(|said| said.contains(expected)), "{line}: {said:?}");
        }
        assert_eq!(obey("compare none", &mut shelf), Some(Ok(())));
        for line in ["run", "set alpha=1", "", "opened a"] {
            assert_eq!(obey(line, &mut shelf), None, "{line}");
        }
        assert_eq!(state(&shelf)["listed"], Value::Null, "nothing was asked for yet");
    }
}
