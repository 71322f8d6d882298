//! The library of runs: what the window keeps by itself, what is said of it, what comes in from elsewhere.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use great_lab::config::{Config, Hyper};
use great_lab::protocol::{Activity, Checkpointed, Event, Failure, Forked, made_up};
use great_lab::runs::checkpoints::{Kept, in_folder};
use great_lab::runs::keeper::{Keeper, Said};
use great_lab::runs::librarian::{Answer, Ask, Librarian, Source, open};
use great_lab::runs::library::{Library, LibraryError};
use great_lab::runs::record::{Ended, RunRecord};
use great_lab::runs::recording::{FILE as RECORDING, Replay};
use serde_json::Value;
use web_time::{Duration, Instant};

use crate::common;

/// A run of the window as its keeper hears it, from a `begin` to a `steps`.
fn tell(keeper: &mut Keeper, run: u64, steps: u64) {
    for event in made_up::a_run(run, steps) {
        keeper.take(&event);
    }
}

/// A library in which a window has kept runs of so many steps, one after the other.
fn kept(root: &Path, runs: &[u64]) -> Library {
    let library = Library::at(root);
    let mut keeper = Keeper::spawn(library.clone()).unwrap();
    for (run, steps) in (1..).zip(runs) {
        tell(&mut keeper, run, *steps);
        keeper.take(&Event::Saved(vec![7; 100]));
        keeper.take(&made_up::state(run, Activity::Finished, *steps));
    }
    assert!(keeper.end(common::PATIENCE), "all is written");
    library
}

fn ids(library: &Library) -> Vec<String> {
    let mut ids: Vec<String> = library.list().unwrap().into_iter().map(|found| found.id).collect();
    ids.sort();
    ids
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

const ID: &str = "great+greace-fashion-mnist-seed1";

#[test]
fn a_window_keeps_each_run_that_takes_a_step() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("deep/in/it");
    let library = Library::at(&root);
    let mut keeper = Keeper::spawn(library.clone()).unwrap();
    for event in
        [made_up::started(1), made_up::state(1, Activity::Paused, 0), made_up::histograms(1, 0).into()]
    {
        keeper.take(&event);
    }
    // Nothing has been trained, whatever was looked at and saved.
    keeper.take(&Event::Saved(vec![1]));
    tell(&mut keeper, 2, 300);
    let said = wait_for(|| keeper.said());
    assert_eq!(said, Said::Keeps(2, ID.into()));
    assert!(library.holder(ID).is_some_and(|holder| holder.contains(&std::process::id().to_string())));
    assert!(matches!(library.delete(ID), Err(LibraryError::InUse { .. })), "it is being written");
    keeper.take(&Event::Saved(vec![1, 2, 3]));
    keeper.take(&made_up::report(1, 5, Hyper::default()).into());
    keeper.take(&made_up::started(3));
    assert!(keeper.end(common::PATIENCE));
    assert_eq!(ids(&library), [ID], "the first run and the third have taken no step");
    let folder = library.folder(ID);
    assert_eq!(library.holder(ID), None);
    let record = RunRecord::read(&folder).unwrap();
    assert_eq!((record.outcome, record.last.as_ref().unwrap().step), (Ended::Interrupted, 300));
    assert_eq!(std::fs::read(folder.join("checkpoint.safetensors")).unwrap(), [1, 2, 3]);
    let files = names(&folder);
    for file in ["metrics.csv", "histograms.csv", RECORDING] {
        assert!(files.contains(&file.to_owned()), "{file}: {files:?}");
    }
    assert!(!files.iter().any(|file| file == "lock" || file.starts_with('.')), "{files:?}");
    let replay = Replay::open(&folder).unwrap();
    assert!(replay.problem.is_none() && replay.events.len() > 35, "{}", replay.events.len());
    assert!(matches!(replay.events.last(), Some(Event::State(state)) if state.step == 300));
}

/// What comes sooner or later.
fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + common::PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not come");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Something that begins as a checkpoint of `step` steps does.
fn checkpoint(run: u64, step: u64) -> Checkpointed {
    let header = format!(r#"{{"__metadata__":{{"great-lab":"{{\"step\":{step}}}"}}}}"#);
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 5000]].concat();
    Checkpointed { run, step, bytes }
}

fn steps(kept: &[Kept]) -> Vec<u64> {
    kept.iter().map(|kept| kept.step).collect()
}

#[test]
fn checkpoints_of_a_run_go_wherever_it_goes() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path().join("a"));
    let mut keeper = Keeper::spawn(library.clone()).unwrap();
    tell(&mut keeper, 1, 300);
    keeper.take_checkpoint(checkpoint(9, 7));
    for step in [20, 100, 300] {
        keeper.take_checkpoint(checkpoint(1, step));
        let said = wait_for(|| match keeper.said()? {
            Said::Checkpoints(1, kept) => Some(kept),
            _ => None,
        });
        assert_eq!(steps(&said).last(), Some(&step), "one of another run is none of it");
    }
    assert!(keeper.end(common::PATIENCE));
    let kept = in_folder(&library.folder(ID));
    assert_eq!(steps(&kept), [20, 100, 300]);
    assert_eq!(RunRecord::read(&library.folder(ID)).unwrap().checkpoints, kept);

    let opened = open(&library, &Source::Kept(ID.into())).unwrap();
    assert_eq!(opened.checkpoints, kept);
    let (name, bytes) = library.bundle(ID).unwrap();
    let opened = open(&library, &Source::Bundle(name.clone(), bytes.clone())).unwrap();
    assert_eq!(opened.checkpoints, kept, "a bundle has all of them");
    let theirs = Library::at(scratch.path().join("b"));
    let id = theirs.import(&name, Cursor::new(bytes)).unwrap();
    assert_eq!(in_folder(&theirs.folder(&id)), kept);
    let deleted = library.delete(ID).unwrap();
    assert_eq!(in_folder(&library.trashed(&deleted)), kept);
    library.undelete(&deleted).unwrap();
    assert_eq!(in_folder(&library.folder(ID)), kept);

    let show = format!("runs show {ID} --runs a");
    let printed = printed(&show, scratch.path());
    assert!(printed.contains("checkpoints    of step 20, 100, 300 ("), "{printed}");
    assert_eq!(json(&show, scratch.path())["checkpoints"], serde_json::to_value(&kept).unwrap());
}

#[test]
fn a_run_and_its_fork_are_kept_each_in_a_folder_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path());
    let mut keeper = Keeper::spawn(library.clone()).unwrap();
    tell(&mut keeper, 1, 600);
    keeper.take(&Event::Saved(vec![1]));
    let (from, hyper) = (Forked { run: 1, step: 600 }, Hyper::default());
    keeper.take(&made_up::forked(2, from, hyper));
    keeper.take(&made_up::state(2, Activity::Running, 600));
    for step in [610, 620] {
        keeper.take(&made_up::report(1, step, hyper).into());
        keeper.take(&made_up::report(2, step, Hyper { alpha: 0.75, ..hyper }).into());
    }
    // Whose it is it does not say.
    keeper.take(&Event::Saved(vec![9]));
    let checkpoint = |run, step, bytes| Event::Checkpoint(Checkpointed { run, step, bytes });
    keeper.take(&checkpoint(2, 620, vec![2]));
    keeper.take(&checkpoint(1, 620, vec![3]));
    keeper.take(&Event::GivenUp(1));
    // What is turned after that is no part of the fork.
    keeper.take(&made_up::report(2, 630, Hyper { alpha: 0.8, ..hyper }).into());
    keeper.take(&made_up::report(1, 630, hyper).into());
    assert!(keeper.end(common::PATIENCE));
    let fork = format!("{ID}-fork");
    assert_eq!(ids(&library), [ID.to_owned(), fork.clone()]);
    let bytes = |id: &str| std::fs::read(library.folder(id).join("checkpoint.safetensors")).unwrap();
    assert_eq!((bytes(ID), bytes(&fork)), (vec![3], vec![2]));
    let record = |id: &str| RunRecord::read(&library.folder(id)).unwrap();
    let (own, forked) = (record(ID), record(&fork));
    assert_eq!((own.last.unwrap().step, forked.last.unwrap().step), (620, 630));
    assert_eq!((own.forked_from, own.outcome), (None, Ended::Interrupted));
    let origin = forked.forked_from.expect("it says where it comes from");
    assert_eq!((origin.run, origin.step), (library.folder(ID).display().to_string(), 600));
    let turned: Vec<_> = origin.changed.iter().map(|knob| (&*knob.knob, &*knob.from, &*knob.to)).collect();
    assert_eq!(turned, [("alpha", &*format!("{}", hyper.alpha), "0.75")]);
    // Of both there is what came before the fork, in tables and recording.
    for (id, run, rows) in [(ID, 1, 62), (&*fork, 2, 63)] {
        let metrics = std::fs::read_to_string(library.folder(id).join("metrics.csv")).unwrap();
        assert_eq!(metrics.lines().count(), 1 + rows, "{id}");
        let replay = Replay::open(&library.folder(id)).unwrap();
        assert_eq!((replay.info.run, &replay.problem), (run, &None), "{id}");
        let reports = replay.events.iter().filter(|event| matches!(event, Event::Report(_))).count();
        assert_eq!(reports, rows, "{id}");
    }
}

#[test]
fn a_fork_that_is_given_up_before_its_first_step_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path());
    let mut keeper = Keeper::spawn(library.clone()).unwrap();
    tell(&mut keeper, 1, 50);
    keeper.take(&made_up::forked(2, Forked { run: 1, step: 50 }, Hyper::default()));
    keeper.take(&made_up::state(2, Activity::Paused, 50));
    keeper.take(&Event::GivenUp(2));
    keeper.take(&made_up::report(1, 60, Hyper::default()).into());
    assert!(keeper.end(common::PATIENCE));
    assert_eq!(ids(&library), [ID]);
    assert_eq!(RunRecord::read(&library.folder(ID)).unwrap().last.unwrap().step, 60);
}

#[test]
fn runs_that_end_otherwise_say_so() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path());
    let mut keeper = Keeper::spawn(library.clone()).unwrap();
    tell(&mut keeper, 1, 50);
    keeper.take(&made_up::state(1, Activity::Finished, 50));
    tell(&mut keeper, 2, 50);
    keeper.take(&Event::Failed(Failure { run: 2, what: "it broke.".into(), advice: "Mend it.".into() }));
    // A checkpoint at step 500 was loaded, and goes on.
    for event in [
        made_up::started(3),
        made_up::state(3, Activity::Paused, 500),
        made_up::state(3, Activity::Running, 500),
    ] {
        keeper.take(&event);
    }
    keeper.take(&made_up::report(3, 510, Hyper::default()).into());
    assert!(keeper.end(common::PATIENCE));
    let outcome = |id: &str| RunRecord::read(&library.folder(id)).unwrap();
    assert_eq!(outcome(ID).outcome, Ended::Finished);
    let failed = outcome(&format!("{ID}-2"));
    assert_eq!((failed.outcome, failed.notices), (Ended::Failed, vec!["it broke.; Mend it.".to_owned()]));
    assert_eq!(outcome(&format!("{ID}-3")).last.unwrap().step, 510);
}

#[test]
fn two_windows_lose_and_mix_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path());
    let mut windows: Vec<Keeper> = (0..4).map(|_| Keeper::spawn(library.clone()).unwrap()).collect();
    for (index, keeper) in windows.iter_mut().enumerate() {
        tell(keeper, 1, 50 * (index as u64 + 1));
    }
    assert!(windows.iter_mut().all(|keeper| keeper.end(common::PATIENCE)));
    let mut steps: Vec<u64> = ids(&library)
        .iter()
        .map(|id| {
            let folder = library.folder(id);
            let step = RunRecord::read(&folder).unwrap().last.unwrap().step;
            let rows = std::fs::read_to_string(folder.join("metrics.csv")).unwrap().lines().count() as u64;
            assert_eq!(rows, 1 + step / 10, "{id}");
            step
        })
        .collect();
    steps.sort_unstable();
    assert_eq!(steps, [50, 100, 150, 200]);
}

#[test]
fn a_folder_that_goes_away_underneath_is_made_again_and_nobody_elses_is_written_to() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path());
    let mut keeper = Keeper::spawn(library.clone()).unwrap();
    tell(&mut keeper, 1, 50);
    assert_eq!(wait_for(|| keeper.said()), Said::Keeps(1, ID.into()));
    wait_for(|| library.folder(ID).join("run.json").is_file().then_some(()));
    std::fs::remove_dir_all(library.folder(ID)).unwrap();
    // Another window has taken the name meanwhile.
    let claim = library.claim(ID).unwrap();
    assert_eq!(claim.id, ID);
    keeper.take(&made_up::report(1, 60, Hyper::default()).into());
    assert!(keeper.end(common::PATIENCE));
    assert_eq!(names(&claim.path), ["lock"]);
    let record = RunRecord::read(&library.folder(&format!("{ID}-2"))).unwrap();
    assert_eq!(record.last.unwrap().step, 60);
}

#[test]
fn a_library_that_takes_nothing_is_told_once_and_the_run_is_kept_when_it_does() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("runs");
    // Whoever runs the tests may write everywhere, but not into a file.
    std::fs::write(&root, "").unwrap();
    let mut keeper = Keeper::spawn(Library::at(&root)).unwrap();
    tell(&mut keeper, 1, 50);
    let Said::Trouble(why) = wait_for(|| keeper.said()) else { panic!("it cannot be kept") };
    assert!(why.starts_with("cannot make ") && why.contains("runs"), "{why}");
    keeper.take(&made_up::report(1, 60, Hyper::default()).into());
    std::fs::remove_file(&root).unwrap();
    keeper.take(&made_up::report(1, 70, Hyper::default()).into());
    assert!(keeper.end(common::PATIENCE));
    let said: Vec<Said> = std::iter::from_fn(|| keeper.said()).collect();
    assert_eq!(said, [Said::Keeps(1, ID.into()), Said::Recovered]);
    let record = RunRecord::read(&root.join(ID)).unwrap();
    assert_eq!(record.last.unwrap().step, 70, "all that came meanwhile");
}

#[test]
fn broken_runs_are_listed_with_the_reason() {
    let scratch = tempfile::tempdir().unwrap();
    let library = kept(scratch.path(), &[50]);
    let record = std::fs::read(library.folder(ID).join("run.json")).unwrap();
    let make = |id: &str, text: &[u8]| {
        std::fs::create_dir(library.folder(id)).unwrap();
        std::fs::write(library.folder(id).join("run.json"), text).unwrap();
    };
    make("cut", &record[..record.len() / 2]);
    let newer = String::from_utf8(record.clone()).unwrap().replacen('{', "{\"version\": 9,", 1);
    make("newer", newer.as_bytes());
    make("other", b"[1, 2]");
    make("binary", &[0xff, 0xfe, 0x00, 0xd8]);
    std::fs::create_dir(library.folder("empty")).unwrap();
    std::fs::create_dir_all(library.folder("folder/run.json")).unwrap();
    std::fs::create_dir(library.folder("comparison")).unwrap();
    std::fs::write(library.folder("comparison").join("compare.json"), "{}").unwrap();
    std::fs::write(scratch.path().join("notes.txt"), "no run").unwrap();
    assert_eq!(ids(&library).len(), 8, "{:?}", ids(&library));
    for (id, expected) in [
        ("cut", "cut off or damaged"),
        ("newer", "format 9, which a newer version"),
        ("other", "damaged"),
        ("binary", "no text in UTF-8"),
        ("empty", "there is no run.json in it"),
        ("folder", "cannot be read"),
        ("comparison", "a comparison of several runs"),
    ] {
        let why = library.summary(id).unwrap_err();
        assert!(why.contains(expected) && !why.contains(&*scratch.path().to_string_lossy()), "{id}: {why}");
    }
    // What people say of it is not worth the run.
    std::fs::write(library.folder(ID).join("label.json"), "{").unwrap();
    assert_eq!(library.summary(ID).unwrap().step, 50);
    assert_eq!(library.relabel(ID, |label| label.rename("again")).unwrap().name.as_deref(), Some("again"));
}

#[test]
fn what_is_deleted_comes_back() {
    let scratch = tempfile::tempdir().unwrap();
    let library = kept(scratch.path(), &[50, 60]);
    let second = format!("{ID}-2");
    assert_eq!(library.delete(ID).unwrap(), ID);
    assert_eq!(ids(&library), [&*second]);
    // Another of that name is deleted, too.
    std::fs::rename(library.folder(&second), library.folder(ID)).unwrap();
    assert_eq!(library.delete(ID).unwrap(), second);
    assert!(ids(&library).is_empty() && library.list_trash().unwrap().len() == 2);
    assert_eq!(library.undelete(&second).unwrap(), second);
    assert_eq!(library.summary(&second).unwrap().step, 60);
    std::fs::create_dir(library.folder(ID)).unwrap();
    assert_eq!(library.undelete(ID).unwrap(), format!("{ID}-3"), "its name is taken");
    assert!(matches!(library.delete("nothing"), Err(LibraryError::Refused { .. })));
}

#[test]
fn a_run_is_found_by_its_folder_or_its_name() {
    let scratch = tempfile::tempdir().unwrap();
    let library = kept(scratch.path(), &[50, 60]);
    let second = format!("{ID}-2");
    for id in [ID, &second] {
        library.relabel(id, |label| label.rename("wider")).unwrap();
    }
    assert_eq!(library.find(ID).unwrap(), ID);
    let said = library.find("wider").unwrap_err().to_string();
    assert!(said.contains("2 runs are called 'wider'") && said.contains(&second), "{said}");
    library.relabel(ID, |label| label.rename("narrower")).unwrap();
    assert_eq!(library.find("wider").unwrap(), second);
    let said = library.find("nobody").unwrap_err().to_string();
    assert!(said.contains("there is no run 'nobody'") && said.contains(ID), "{said}");
}

#[test]
fn a_bundle_is_the_whole_run_and_changes_nothing_on_its_way() {
    let scratch = tempfile::tempdir().unwrap();
    let library = kept(&scratch.path().join("mine"), &[300]);
    library
        .relabel(ID, |label| {
            label.pinned = true;
            label.rename("Wider, longer")
        })
        .unwrap();
    // What else somebody put there stays there.
    std::fs::write(library.folder(ID).join("my notes.txt"), "private").unwrap();
    let (name, bytes) = library.bundle(ID).unwrap();
    assert_eq!(name, "Wider--longer.greatlab");
    let theirs = Library::at(scratch.path().join("theirs"));
    let id = theirs.import(&name, Cursor::new(&bytes)).unwrap();
    assert_eq!(id, "Wider--longer");
    for file in
        names(&library.folder(ID)).iter().filter(|file| !["my notes.txt", "label.json"].contains(&&***file))
    {
        let [mine, other] =
            [library.folder(ID), theirs.folder(&id)].map(|folder| std::fs::read(folder.join(file)).unwrap());
        assert!(mine == other, "{file}");
    }
    assert!(!theirs.folder(&id).join("my notes.txt").exists());
    let summary = theirs.summary(&id).unwrap();
    assert_eq!((summary.label.name.as_deref(), summary.label.pinned), (Some("Wider, longer"), false));
    assert_eq!(theirs.import(&name, Cursor::new(&bytes)).unwrap(), "Wider--longer-2", "none is overwritten");

    let opened = open(&theirs, &Source::Bundle(name, bytes)).unwrap();
    assert_eq!((opened.replay.info.run, opened.replay.problem), (1, None));
    let opened = open(&theirs, &Source::Path(theirs.folder(&id).join("run.json"))).unwrap();
    assert_eq!(opened.title, "Wider, longer");
    let said = open(&theirs, &Source::Path(scratch.path().join("nothing.greatlab"))).unwrap_err();
    assert!(said.starts_with("cannot read "), "{said}");
}

#[test]
fn a_bundle_that_is_refused_leaves_nothing_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let library = kept(scratch.path(), &[50]);
    let (_, good) = library.bundle(ID).unwrap();
    let before = names(scratch.path());
    let zipped = |files: &[(&str, &[u8])]| {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let record = std::fs::read(library.folder(ID).join("run.json")).unwrap();
    for (name, bytes) in [
        ("cut", good[..good.len() / 2].to_vec()),
        ("escape", zipped(&[("run.json", &record), ("../evil.txt", b"x")])),
        ("absolute", zipped(&[("run.json", &record), ("/tmp/evil.txt", b"x")])),
        ("hidden", zipped(&[("run.json", &record), (".trash", b"x")])),
        ("none", zipped(&[("run.json", b"{}")])),
        ("label", zipped(&[("run.json", &record), ("label.json", b"3")])),
        ("empty", Vec::new()),
    ] {
        let refused = library.import(&format!("{name}.greatlab"), Cursor::new(bytes));
        let said = refused.unwrap_err().to_string();
        assert!(said.starts_with(&format!("{name}.greatlab: ")) && !said.contains('\n'), "{said}");
        assert_eq!(names(scratch.path()), before, "{name}: {said}");
    }
    assert!(!scratch.path().parent().unwrap().join("evil.txt").exists());
    let said = open(&library, &Source::Bundle("x".into(), zipped(&[("run.json", &record)]))).unwrap_err();
    assert!(said.contains("there is no recording"), "{said}");
}

#[test]
fn a_librarian_reads_what_is_looked_at_first_and_what_changed_again() {
    let scratch = tempfile::tempdir().unwrap();
    let library = kept(scratch.path(), &[50]);
    let record = std::fs::read(library.folder(ID).join("run.json")).unwrap();
    for number in 0..1000 {
        let folder = library.folder(&format!("run-{number}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("run.json"), &record).unwrap();
    }
    let librarian = Librarian::spawn(Some(library.clone()), || {}).unwrap();
    librarian.ask(Ask::Refresh);
    librarian.ask(Ask::Look(vec!["run-0".into(), "run-1".into()]));
    let answer = || wait_for(|| librarian.answer());
    let Answer::Listed(found) = answer() else { panic!("first what there is") };
    assert_eq!(found.len(), 1001);
    let mut order = Vec::new();
    while order.len() < 1001 {
        let Answer::Read(entries) = answer() else { panic!("then what there is to say of them") };
        order.extend(entries.into_iter().map(|entry| entry.found.id));
    }
    // They are the oldest, and so the last where nobody looks at them.
    let place = |id: &str| order.iter().position(|known| known == id).unwrap();
    assert!(place("run-0") < 100 && place("run-1") < 100, "{} {}", place("run-0"), place("run-1"));
    librarian.ask(Ask::Rename("run-7".into(), "seven".into()));
    assert!(matches!(answer(), Answer::Listed(_)));
    let Answer::Read(entries) = answer() else { panic!("what changed") };
    assert_eq!(entries.len(), 1);
    let label = &entries[0].summary.as_ref().unwrap().label;
    assert_eq!((entries[0].found.id.as_str(), label.name.as_deref()), ("run-7", Some("seven")));
    librarian.ask(Ask::Retag("run-8".into(), "x".repeat(99)));
    assert!(matches!(answer(), Answer::Refused(why) if why.contains("40 characters at most")));
    librarian.ask(Ask::Open(Source::Kept("run-8".into()), true));
    assert!(matches!(answer(), Answer::Unopened(Source::Kept(_), why) if why.contains("no recording")));
    librarian.ask(Ask::Open(Source::Kept(ID.into()), true));
    assert!(matches!(answer(), Answer::Opened(opened) if opened.is_beside && opened.title == ID));
}

fn lab(line: &str, folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_great-lab"));
    command.args(line.split(' ')).current_dir(folder);
    command.env("XDG_DATA_HOME", folder.join("data")).env("HOME", folder).env_remove("DISPLAY");
    command.env_remove("WAYLAND_DISPLAY").env_remove("RUST_LOG");
    command.output().unwrap()
}

/// What a command prints; it must succeed.
fn printed(line: &str, folder: &Path) -> String {
    let output = lab(line, folder);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(line: &str, folder: &Path) -> Value {
    serde_json::from_str(&printed(&format!("{line} --json"), folder)).unwrap()
}

/// The one line of a refusal, and that it is one of bad input.
fn refused(line: &str, folder: &Path) -> String {
    let output = lab(line, folder);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{line}: {said}");
    said
}

#[test]
fn the_command_does_what_the_window_does() {
    let scratch = tempfile::tempdir().unwrap();
    let here = scratch.path();
    let empty = printed("runs", here);
    assert!(empty.starts_with("there are no runs in "), "{empty}");
    assert_eq!(json("runs list", here), serde_json::json!([]));
    let library = kept(&here.join("r"), &[300, 50]);
    let second = format!("{ID}-2");

    let listed = printed("runs --runs r", here);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(
        lines[0].starts_with("run ") && listed.contains("300 of 3,000") && listed.contains("great+greace"),
        "{listed}"
    );
    assert_eq!(printed("runs list --runs r greace fashion", here).lines().count(), 3);
    assert!(printed("runs list trades --runs r", here).starts_with("no run in r has 'trades'"));

    printed(&format!("runs rename --runs r {ID} wider"), here);
    printed("runs tag wider paper table-2 --runs r", here);
    assert_eq!(printed("runs pin wider --runs r", here), format!("pinned {ID}\n"));
    let all = json("runs --runs r", here);
    assert_eq!(
        (&all[0]["run"], &all[0]["name"], &all[0]["step"]),
        (&ID.into(), &"wider".into(), &300.into())
    );
    assert_eq!(all[0]["tags"], serde_json::json!(["paper", "table-2"]));
    assert!(all[1]["clean"].is_null() && all[0]["clean"].as_f64().unwrap() > 0.1, "{all:#}");
    let shown = json("runs show wider --runs r", here);
    assert_eq!(Path::new(shown["folder"].as_str().unwrap()), Path::new("r").join(ID));
    let said = printed("runs show wider --runs r", here);
    assert!(said.contains("paper, table-2") && said.contains("run.json ("), "{said}");

    assert!(printed("runs delete wider --runs r", here).contains("undelete"));
    assert_eq!(ids(&library), [&*second]);
    assert_eq!(json("runs list --trash --runs r", here)[0]["name"], "wider");
    printed("runs undelete wider --runs r", here);
    assert_eq!(printed("runs unpin wider --runs r", here), format!("unpinned {ID}\n"));

    printed("runs export wider --runs r", here);
    assert!(refused("runs export wider --runs r", here).contains("--force"));
    printed("runs export wider --runs r --out sub/x.greatlab", here);
    assert_eq!(json("runs import wider.greatlab sub/x.greatlab", here)[1]["run"], "x");
    assert_eq!(json("runs", here).as_array().unwrap().len(), 2, "in the library of this system");
    assert!(here.join("data/great-lab/runs/wider/run.json").is_file());

    assert!(refused("runs show nobody --runs r", here).contains("there is no run 'nobody' in r"));
    assert!(refused("runs import nothing.greatlab", here).contains("cannot read nothing.greatlab"));
    std::fs::write(here.join("bad.greatlab"), "no zip").unwrap();
    assert!(refused("runs import bad.greatlab", here).contains("not a bundle"));
    assert!(refused("runs fly", here).contains("fly"));
    assert!(refused("open nowhere", here).contains("cannot read nowhere"));
    assert_eq!(lab("open r", here).status.code(), Some(1), "there is no display");
}

#[test]
fn what_train_writes_is_a_run_of_a_library_too() {
    let scratch = tempfile::tempdir().unwrap();
    let line = "train --device cpu --steps 4 --quiet --out runs/a --set batch_size=16 --set report_every_steps=2 --set \
                histogram_every_steps=2 --set evaluate_samples=16 --set attack_steps=2 --set width=0.5";
    printed(line, scratch.path());
    let all = json("runs --runs runs", scratch.path());
    assert_eq!(
        (&all[0]["run"], &all[0]["outcome"], &all[0]["step"]),
        (&"a".into(), &"finished".into(), &4.into())
    );
    let folder: PathBuf = scratch.path().join("runs/a");
    let replay = Replay::open(&folder).unwrap();
    assert_eq!(replay.problem, None, "what a real run says makes sense");
    let config: Config = RunRecord::read(&folder).unwrap().config;
    assert_eq!(replay.info.config, config);
    let count = |of: fn(&Event) -> bool| replay.events.iter().filter(|event| of(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Report(_))), 2);
    assert!(count(|event| matches!(event, Event::Histograms(_))) >= 2);
    assert!(count(|event| matches!(event, Event::Robustness(_))) >= 1);
}
