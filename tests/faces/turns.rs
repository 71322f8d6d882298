//! The library where there are no threads, as on a page: what is done in turns comes out as what is done beside the window.

use std::collections::BTreeMap;
use std::path::Path;

use great_lab::protocol::{Activity, Event, made_up};
use great_lab::runs::keeper::{Keeper, Said};
use great_lab::runs::librarian::{Answer, Ask, Librarian, Source};
use great_lab::runs::library::Library;
use great_lab::runs::record::RunRecord;
use serde_json::Value;

use crate::common;

const ID: &str = "great+greace-fashion-mnist-seed1";

/// Two runs, one after the other, the second with a checkpoint and an end.
fn tell(keeper: &mut Keeper, mut between: impl FnMut(&mut Keeper)) {
    for event in made_up::a_run(1, 300) {
        keeper.take(&event);
        between(keeper);
    }
    for event in made_up::a_run(2, 120) {
        keeper.take(&event);
    }
    keeper.take(&Event::Saved(vec![7; 100]));
    keeper.take(&made_up::state(2, Activity::Finished, 120));
    assert!(keeper.end(common::PATIENCE), "all is written");
}

/// The bytes of all files of a run; of its record what does not say when it was written.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut bytes = std::fs::read(&path).unwrap();
        if name == RunRecord::FILE {
            let mut record: Value = serde_json::from_slice(&bytes).unwrap();
            for time in ["started_unix_seconds", "wall_seconds"] {
                assert!(record.as_object_mut().unwrap().remove(time).is_some(), "{time}");
            }
            bytes = record.to_string().into_bytes();
        }
        (name, bytes)
    };
    entries.map(file).collect()
}

#[test]
fn a_keeper_that_is_given_turns_leaves_what_one_on_a_thread_leaves() {
    let scratch = tempfile::tempdir().unwrap();
    let [threads, turns] = ["threads", "turns"].map(|name| Library::at(scratch.path().join(name)));
    tell(&mut Keeper::spawn(threads.clone()).unwrap(), |_| {});
    let mut keeper = Keeper::in_turns(turns.clone(), 100_000_000);
    let mut said = Vec::new();
    tell(&mut keeper, |keeper| {
        keeper.turn();
        said.extend(keeper.said());
    });
    said.extend(std::iter::from_fn(|| keeper.said()));
    assert!(said.contains(&Said::Keeps(1, ID.into())), "{said:?}");
    let list = |library: &Library| -> Vec<String> {
        let mut ids: Vec<String> = library.list().unwrap().into_iter().map(|found| found.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(list(&turns), list(&threads));
    for id in list(&threads) {
        let [expected, found] = [&threads, &turns].map(|library| files(&library.folder(&id)));
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, bytes) in expected {
            assert!(found[&name] == bytes, "{id}: {name} differs");
        }
        assert_eq!(turns.holder(&id), None, "nobody writes it any more");
    }
}

#[test]
fn a_run_that_gets_turns_is_written_while_it_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path());
    let mut keeper = Keeper::in_turns(library.clone(), 0);
    made_up::a_run(1, 50).iter().for_each(|event| keeper.take(event));
    assert_eq!(library.list().unwrap(), [], "before its turn nothing is done");
    keeper.turn();
    assert!(library.holder(ID).is_some() && library.summary(ID).unwrap().step == 50);
}

#[test]
fn a_librarian_does_one_thing_a_turn_and_reads_a_few_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let library = Library::at(scratch.path());
    tell(&mut Keeper::in_turns(library.clone(), 0), |_| {});
    for number in 0..20 {
        let folder = library.folder(&format!("run-{number}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(library.folder(ID).join(RunRecord::FILE), folder.join(RunRecord::FILE)).unwrap();
    }
    let mut librarian = Librarian::in_turns(Some(library.clone()), || {});
    let answers = |librarian: &mut Librarian| -> Vec<Answer> {
        // A list on screen says so with each picture.
        librarian.ask(Ask::Look(vec!["run-7".into(), "run-8".into()]));
        librarian.turn();
        std::iter::from_fn(|| librarian.answer()).collect()
    };
    assert!(answers(&mut librarian).is_empty(), "nothing was asked");
    librarian.ask(Ask::Refresh);
    librarian.ask(Ask::Rename(ID.into(), "first".into()));
    let listed = answers(&mut librarian);
    assert!(matches!(&listed[..], [Answer::Listed(found)] if found.len() == 22), "{listed:?}");
    assert!(matches!(&answers(&mut librarian)[..], [Answer::Listed(_)]), "what is asked goes before reading");
    let mut read = Vec::new();
    while let [Answer::Read(entries)] = &answers(&mut librarian)[..] {
        assert!((1..=4).contains(&entries.len()), "{}", entries.len());
        read.extend(entries.clone());
    }
    assert_eq!(read.len(), 22);
    let looked: Vec<&str> = read[..2].iter().map(|entry| &*entry.found.id).collect();
    assert!(looked.contains(&"run-7") && looked.contains(&"run-8"), "{looked:?}");
    let first = read.iter().find(|entry| entry.found.id == ID).unwrap().summary.as_ref().unwrap();
    assert_eq!(first.label.name.as_deref(), Some("first"));
    librarian.ask(Ask::Open(Source::Kept(ID.into()), false));
    assert!(matches!(&answers(&mut librarian)[..], [Answer::Opened(opened)] if opened.title == "first"));
    librarian.ask(Ask::Delete(ID.into()));
    let deleted = answers(&mut librarian);
    let [Answer::Deleted(_, there)] = &deleted[..] else { panic!("{deleted:?}") };
    librarian.ask(Ask::Undelete(there.clone()));
    assert!(matches!(&answers(&mut librarian)[..], [Answer::Restored(id)] if id == ID));
}
