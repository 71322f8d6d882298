//! The pane of runs: what was kept is listed, found, changed, opened and compared.

use std::path::Path;

use egui::accesskit::Role;
use egui::{Key, Theme, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable};
use great_lab::app::Options;
use great_lab::protocol::made_up::{a_run, info, report, started, state};
use great_lab::protocol::{Activity, Checkpointed, Command, Event, Forked};
use great_lab::runs::Library;
use great_lab::runs::keeper::Keeper;
use great_lab::runs::record::RunRecord;
use web_time::{Duration, Instant};

use super::{Bench, snapshots};

/// How long it is waited for what another thread does.
const PATIENCE: Duration = Duration::from_secs(50);
const ID: &str = "great+greace-fashion-mnist-seed1";

/// A library of three runs: the first is called "wider", the second has α = 0.75, the third is over after 50 steps.
pub fn library(root: &Path) -> Library {
    let library = Library::at(root);
    let mut keeper = Keeper::spawn(library.clone()).expect("a thread");
    for (run, steps, alpha) in [(1, 1240, 0.1), (2, 600, 0.75), (3, 50, 0.1)] {
        let mut config = great_lab::protocol::made_up::config();
        config.hyper.alpha = alpha;
        keeper.take(&info(run, config.clone()).into());
        for event in a_run(run, steps).into_iter().skip(1) {
            let event = match event {
                Event::Report(mut report) => {
                    report.hyper = config.hyper;
                    report.auxiliary_accuracy *= 1.0 - 0.2 * (run - 1) as f64;
                    Event::Report(report)
                }
                event => event,
            };
            keeper.take(&event);
        }
        keeper.take(&state(run, Activity::Finished, steps));
    }
    assert!(keeper.end(PATIENCE));
    for (index, found) in library.list().expect("it was just made").iter().enumerate() {
        // Times say how long ago they are, and pictures are looked at on another day.
        let path = library.folder(&found.id).join("run.json");
        let mut record: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).expect("a record")).expect("JSON");
        record["started_unix_seconds"] = (1_750_000_000 + 86_400 * index as u64).into();
        record["wall_seconds"] = 60.0.into();
        std::fs::write(&path, record.to_string()).expect("a folder to write to");
    }
    library
        .relabel(ID, |label| {
            label.rename("wider")?;
            label.retag("paper, table 2")
        })
        .expect("a label");
    library
}

fn bench(root: &Path) -> Bench {
    let options = Options { runs: Some(root.into()), ..Options::default() };
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), Theme::Dark, options);
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench
}

impl Bench {
    /// Waits until something is seen, or no more.
    pub fn wait(&mut self, text: &str, is_seen: bool) {
        let deadline = Instant::now() + PATIENCE;
        while self.sees(text) != is_seen {
            assert!(Instant::now() < deadline, "{text}: seen? {}", self.sees(text));
            std::thread::park_timeout(Duration::from_millis(10));
            self.harness.run();
        }
    }

    fn line<'a>(&'a self, text: &'a str) -> egui_kittest::Node<'a> {
        self.harness.query_all_by_label_contains(text).next().unwrap_or_else(|| panic!("no line {text}"))
    }

    pub fn select(&mut self, text: &str) {
        self.line(text).click();
        self.harness.run();
    }

    /// The heights at which these lines stand.
    fn heights<const N: usize>(&self, lines: [&str; N]) -> [f32; N] {
        lines.map(|line| self.line(line).rect().top())
    }
}

#[test]
fn without_a_library_the_pane_says_why() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.press(Key::O);
    assert!(bench.sees("Runs that were kept") && bench.sees("--runs"));
    bench.press(Key::O);
    assert!(!bench.sees("Runs that were kept") && bench.sees("Ready"));
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut bench = self::bench(&scratch.path().join("none yet"));
    bench.press(Key::O);
    bench.wait("Each run is kept by itself", true);
}

#[test]
fn runs_are_found_sorted_named_pinned_and_deleted() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    let second = format!("{ID}-2");
    let third = format!("{ID}-3");
    let mut bench = bench(scratch.path());
    bench.press(Key::O);
    bench.wait("3 runs", true);
    bench.wait("wider, defense, great+greace", true);
    bench.wait("to be read", false);
    assert!(bench.sees("α adversary 0.75") && bench.sees("1,240 of 3,000"));
    bench.click("Sort by steps");
    let [first, last, middle] = bench.heights(["wider", &third, &second]);
    assert!(first < middle && middle < last, "the most steps first");
    bench.click("Sort by steps");
    let [first, last] = bench.heights(["wider", &third]);
    assert!(first > last, "the other way round");

    bench.select(&third);
    bench.click("Pin");
    bench.wait("Unpin", true);
    bench.click("Sort by steps");
    let [first, last] = bench.heights(["wider", &third]);
    assert!(first > last, "pinned runs stand on top");

    bench.select(&second);
    bench.click("Rename");
    bench.harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    bench.harness.run();
    bench.harness.event(egui::Event::Text("steeper".into()));
    bench.harness.run();
    bench.press(Key::Enter);
    bench.wait("steeper, defense", true);
    assert_eq!(library.summary(&second).expect("a run").label.name.as_deref(), Some("steeper"));

    bench.click("Delete");
    bench.wait("2 runs", true);
    assert!(!library.folder(&second).exists());
    bench.click("Undo delete");
    bench.wait("3 runs", true);
    assert!(library.folder(&second).exists());

    let search = bench.harness.get_all_by_role(Role::TextInput).next().expect("a field to search in");
    search.focus();
    bench.harness.run();
    bench.harness.event(egui::Event::Text("paper great".into()));
    bench.harness.run();
    assert!(bench.sees("1 of 3 runs") && bench.sees("wider, defense") && !bench.sees("steeper"));
    let is_ours = |command: &Command| matches!(command, Command::Checkpoints(_));
    assert!(bench.commands().iter().all(is_ours), "letters that are typed are no shortcuts");
}

#[test]
fn a_kept_run_is_looked_at_while_the_present_one_goes_on() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    library(scratch.path());
    let mut bench = bench(scratch.path());
    bench.press(Key::O);
    bench.wait("wider, defense", true);
    bench.select("wider, defense");
    bench.commands();
    bench.click("Open");
    bench.wait("Kept run: wider", true);
    for text in [
        "as it was at step 1,240",
        "floor 0.021",
        "pgd → random",
        "step 1,200 · 1 check failed",
        "PGD, ε = 0.1",
    ] {
        assert!(bench.sees(text), "{text}");
    }
    assert!(bench.sees("step 0 of 3,000"), "above stands the present run");
    // Nobody can be asked about a run that is over.
    for label in ["Evaluate now", "Audit now", "Probe now"] {
        assert!(bench.harness.get_by_label(label).accesskit_node().is_disabled(), "{label}");
    }
    bench.tell([state(1, Activity::Running, 0), report(1, 10, great_lab::config::Hyper::default()).into()]);
    assert!(bench.sees("step 10 of 3,000") && bench.sees("Kept run: wider"));
    bench.harness.get_all_by_label("Keep as baseline").next().expect("a button").click();
    bench.harness.run();
    bench.picture("kept-dark.png");
    bench.click("Back to the present run");
    assert!(!bench.sees("Kept run") && !bench.sees("pgd → random"));
    bench.tell([great_lab::protocol::made_up::robustness(1, 10, true).into()]);
    assert!(bench.sees("dashed: great+greace, step 1200"), "the kept run's robustness is held against it");
    assert!(
        bench.commands().iter().all(|command| matches!(command, Command::Save | Command::Checkpoints(_))),
        "nothing was asked of it"
    );
}

#[test]
fn a_copy_of_a_kept_run_goes_on_in_place_of_the_present_one() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    let mut bench = bench(scratch.path());
    bench.tell([state(1, Activity::Running, 10), report(1, 10, great_lab::config::Hyper::default()).into()]);
    bench.press(Key::O);
    bench.wait("wider, defense", true);
    let open = |bench: &mut Bench| {
        bench.select("wider, defense");
        bench.click("Open");
        bench.wait("Kept run: wider", true);
        bench.commands();
        bench.click("Go on from here");
    };
    open(&mut bench);
    bench.wait("cannot be gone on with: it has no checkpoint.safetensors", true);
    assert!(bench.commands().iter().all(|command| matches!(command, Command::Save)), "nothing was asked for");
    bench.click("Dismiss");
    bench.click("Back to the present run");

    std::fs::write(library.folder(ID).join("checkpoint.safetensors"), [7, 7]).expect("a file");
    bench.press(Key::O);
    bench.wait("wider, defense", true);
    open(&mut bench);
    let deadline = Instant::now() + PATIENCE;
    let go_on = loop {
        let asked = bench.commands().into_iter().find_map(|command| match command {
            Command::GoOn(go_on) => Some(go_on),
            _ => None,
        });
        if let Some(go_on) = asked {
            break go_on;
        }
        assert!(Instant::now() < deadline, "it is not asked for");
        bench.harness.run();
    };
    assert_eq!(
        (&*go_on.checkpoint, &*go_on.folder),
        (&[7, 7][..], &*library.folder(ID).display().to_string())
    );
    assert_eq!(go_on.trained.len(), 124);
    // What the trainer says of the run at hand, and then of the copy.
    let checkpoint = Checkpointed { run: 1, step: 10, bytes: vec![1, 0] };
    let mut copy = info(2, great_lab::protocol::made_up::config());
    copy.forked = Some(Forked { run: 0, step: 1000 });
    copy.config.hyper.alpha = 0.375;
    bench.tell([Event::Checkpoint(checkpoint), copy.into(), state(2, Activity::Paused, 1000)]);
    assert!(!bench.sees("Kept run: wider") && bench.sees("step 1,000 of 3,000"));
    assert_eq!(bench.lab(great_lab::app::Lab::kept_reports), 100, "what came until then, and nothing later");
    assert_eq!(bench.trainer.hyper.borrow().alpha, 0.375, "its knobs are on screen");
    bench.tell([report(2, 1010, great_lab::config::Hyper::default()).into()]);
    drop(bench);
    let fork = RunRecord::read(&library.folder(&format!("{ID}-fork"))).expect("it was kept");
    let origin = fork.forked_from.expect("it says where it comes from");
    assert_eq!((origin.run, origin.step), (library.folder(ID).display().to_string(), 1000));
    let turned = origin.changed.iter().find(|turned| turned.knob == "alpha").expect("before its first step");
    assert_eq!(turned.from, "0.375");
    let metrics = std::fs::read_to_string(library.folder(&format!("{ID}-fork")).join("metrics.csv"));
    assert_eq!(metrics.expect("a table").lines().count(), 1 + 101);
    let replay = great_lab::runs::recording::Replay::open(&library.folder(&format!("{ID}-fork")));
    assert!(replay.is_ok_and(|replay| replay.problem.is_none() && replay.events.len() > 101));
    let present = library.folder(&format!("{ID}-4")).join("checkpoint.safetensors");
    assert_eq!(std::fs::read(present).expect("the present run was kept"), [1, 0]);
}

#[test]
fn runs_are_drawn_and_told_against_each_other() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    library(scratch.path());
    let mut bench = bench(scratch.path());
    bench.press(Key::O);
    bench.wait("wider, defense", true);
    let second = format!("{ID}-2");
    for name in ["wider", &second] {
        let label = format!("Compare {name}");
        bench.harness.get_by_role_and_label(Role::CheckBox, &label).click();
        bench.harness.run();
    }
    bench.wait("Versus", true);
    bench.wait("Compare none (2)", true);
    bench.wait("α adversary", true);
    bench.tell(a_run(1, 400).into_iter().skip(1));
    assert!(bench.sees("the present run") && bench.sees("0.75") && bench.sees("worst case"));
    bench.picture("versus-dark.png");
    bench.press(Key::O);
    let charts = bench.picture("beside-dark.png");
    bench.press(Key::O);
    bench.click("Compare none (2)");
    assert!(!bench.sees("Versus"));
    bench.press(Key::O);
    let without = bench.picture("not-beside-dark.png");
    assert!(charts.is_none() || charts != without, "their curves are in the charts");
}

#[test]
fn a_broken_run_is_listed_with_its_reason_and_the_rest_works() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    let record = std::fs::read(library.folder(ID).join("run.json")).expect("a record");
    std::fs::create_dir(library.folder("cut")).expect("a folder");
    std::fs::write(library.folder("cut").join("run.json"), &record[..100]).expect("a file");
    let damaged = library.folder(&format!("{ID}-2")).join("recording.jsonl.gz");
    std::fs::write(damaged, "no recording").expect("a file");
    let mut bench = bench(scratch.path());
    bench.press(Key::O);
    bench.wait("4 runs", true);
    bench.wait("cut, run.json is cut off or damaged", true);
    bench.select(&format!("{ID}-2"));
    bench.click("Open");
    bench.wait("is no recording of a run", true);
    bench.click("Dismiss");
    bench.select("wider, defense");
    bench.click("Open");
    bench.wait("Kept run: wider", true);
}

#[test]
fn the_present_run_is_kept_by_itself() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = Library::at(scratch.path());
    let mut bench = bench(scratch.path());
    bench.press(Key::O);
    bench.wait("Each run is kept by itself", true);
    bench.tell(a_run(1, 50).into_iter().skip(1));
    bench.wait("1 run", true);
    bench.wait("now", true);
    bench.tell([Event::Saved(vec![1, 2, 3]), started(2), state(2, Activity::Paused, 0)]);
    drop(bench);
    let record = RunRecord::read(&library.folder(ID)).expect("it was kept");
    assert_eq!(record.last.expect("reports").step, 50);
    assert_eq!(
        std::fs::read(library.folder(ID).join("checkpoint.safetensors")).expect("a checkpoint"),
        [1, 2, 3]
    );
    assert_eq!(library.list().expect("a library").len(), 1, "the second run took no step");
}

#[test]
fn runs_given_on_the_command_line_are_shown() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(&scratch.path().join("theirs"));
    let (name, bytes) = library.bundle(&format!("{ID}-2")).expect("a bundle");
    let bundle = scratch.path().join(&name);
    std::fs::write(&bundle, bytes).expect("a file");
    let open = vec![library.folder(ID), bundle];
    let options = Options { open, ..Options::default() };
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), Theme::Light, options);
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.wait("Kept run: wider", true);
    assert!(bench.sees("step 1,200 · 1 check failed"));
    bench.picture("opened-light.png");
}

#[test]
fn the_pane_of_runs_looks_as_it_did() {
    if !snapshots::can_draw("the pane of runs") {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    std::fs::create_dir(library.folder("cut")).expect("a folder");
    std::fs::write(library.folder("cut").join("run.json"), "{").expect("a file");
    let mut differing = Vec::new();
    for (theme, suffix) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let options = Options { runs: Some(scratch.path().into()), ..Options::default() };
        let mut bench = Bench::with(Vec2::new(1280.0, 480.0), theme, options);
        bench.tell([started(1), state(1, Activity::Paused, 0)]);
        bench.press(Key::O);
        bench.wait("4 runs", true);
        bench.wait("to be read", false);
        bench.select("wider, defense");
        bench.click(&format!("Compare {ID}-2"));
        bench.wait("Versus", true);
        bench.harness.remove_cursor();
        let name = format!("runs-{suffix}");
        let picture = bench.picture(&format!("pane-{name}.png")).expect("software Vulkan draws");
        let rect = bench.lab(|lab| lab.pane_rects()[0].1);
        differing.extend(snapshots::compare(&name, &picture.region(&rect, None)));
    }
    assert!(differing.is_empty(), "{}\nLook at them; UPDATE_SNAPSHOTS=1 keeps them.", differing.join("\n"));
}
