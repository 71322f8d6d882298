//! Back in time: the strip under the charts of a run that is looked at as it was.

use std::path::Path;

use egui::accesskit::Role;
use egui::{Key, Pos2, Rect, Theme, Vec2, pos2};
use egui_kittest::kittest::Queryable;
use great_lab::app::Options;
use great_lab::config::Hyper;
use great_lab::protocol::made_up::{a_run, report, started, state};
use great_lab::protocol::{Activity, Cadence, Checkpointed, Command, Event, made_up};
use great_lab::runs::Library;
use great_lab::runs::checkpoints::in_folder;
use great_lab::runs::keeper::Keeper;
use web_time::Duration;

use super::{Bench, snapshots};

const PATIENCE: Duration = Duration::from_secs(50);
const ID: &str = "great+greace-fashion-mnist-seed1";

/// A checkpoint of so many steps, as far as anybody looks at it here.
fn checkpoint(run: u64, step: u64) -> Event {
    let header = format!(r#"{{"__metadata__":{{"great-lab":"{{\"step\":{step}}}"}}}}"#);
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    Event::Checkpoint(Checkpointed { run, step, bytes })
}

/// A library of one run of 1,240 steps, with checkpoints of the steps 60, 300 and 1,240.
fn library(root: &Path) -> Library {
    let library = Library::at(root);
    let mut keeper = Keeper::spawn(library.clone()).expect("a thread");
    a_run(1, 1240).iter().for_each(|event| keeper.take(event));
    keeper.take(&state(1, Activity::Finished, 1240));
    assert!(keeper.end(PATIENCE));
    for step in [60, 300, 1240] {
        let Event::Checkpoint(made) = checkpoint(1, step) else { unreachable!("it is one") };
        let name = if step == 1240 {
            "checkpoint.safetensors".into()
        } else {
            format!("checkpoint-{step}.safetensors")
        };
        std::fs::write(library.folder(ID).join(name), made.bytes).expect("a folder to write to");
    }
    assert_eq!(in_folder(&library.folder(ID)).len(), 3);
    library
}

fn opened(folder: std::path::PathBuf, theme: Theme) -> Bench {
    let options = Options { open: vec![folder], ..Options::default() };
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), theme, options);
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.wait("Kept run: ", true);
    bench
}

impl Bench {
    fn slider(&self) -> Rect {
        self.harness.get_by_role_and_label(Role::Slider, "Step that is shown").rect()
    }

    /// Presses the pointer on the slider, so far from its left end.
    fn point(&mut self, share: f32) {
        let slider = self.slider();
        let at = pos2(slider.left() + 6.5 + share * (slider.width() - 13.0), slider.center().y);
        self.press_at(at);
    }

    fn press_at(&mut self, at: Pos2) {
        self.harness.event(egui::Event::PointerMoved(at));
        for pressed in [true, false] {
            let button = egui::PointerButton::Primary;
            let modifiers = egui::Modifiers::default();
            self.harness.event(egui::Event::PointerButton { pos: at, button, pressed, modifiers });
            self.harness.run();
        }
    }
}

#[test]
fn a_kept_run_is_gone_through_by_keys_and_by_the_slider() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    let mut bench = opened(library.folder(ID), Theme::Dark);
    assert!(bench.sees("step 1,240 of 1,240 · after") && bench.sees("checkpoint of step 1,240"));
    assert!(bench.sees("step 1,200 · 1 check failed"));
    bench.press(Key::Comma);
    assert!(bench.sees("step 1,230 of 1,240") && bench.sees("as it was at step 1,230"));
    bench.press(Key::Period);
    bench.press(Key::OpenBracket);
    assert!(bench.sees("step 300 of 1,240") && bench.sees("checkpoint of step 300"));
    assert!(bench.sees("step 200 · 1 check failed"), "the audit of then");
    bench.press(Key::OpenBracket);
    assert!(bench.sees("step 60 of 1,240") && bench.sees("checkpoint of step 60"));
    assert!(!bench.sees("check failed") && !bench.sees("pgd → random"), "there was no audit, and no attack");
    bench.press(Key::OpenBracket);
    assert!(bench.sees("step 10 of 1,240") && !bench.sees("checkpoint of step"), "the beginning");
    bench.press(Key::CloseBracket);
    bench.press(Key::CloseBracket);
    assert!(bench.sees("step 300 of 1,240"));

    bench.point(0.5);
    assert!(bench.sees("step 620 of 1,240"), "where the pointer is");
    bench.point(60.0 / 1240.0 + 0.002);
    assert!(bench.sees("step 60 of 1,240"), "a mark takes hold of the pointer");
    bench.point(1.0);
    assert!(bench.sees("step 1,240 of 1,240"));
    bench.harness.get_by_role_and_label(Role::Slider, "Step that is shown").focus();
    bench.harness.run();
    bench.press(Key::ArrowLeft);
    bench.press(Key::ArrowLeft);
    bench.press(Key::ArrowRight);
    assert!(bench.sees("step 1,230 of 1,240"), "arrows are the slider's that has the focus");
    assert!(bench.commands().is_empty(), "nothing was asked of the present run");
}

#[test]
fn the_charts_are_drawn_as_they_were() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    let mut bench = opened(library.folder(ID), Theme::Dark);
    bench.point(0.5);
    let Some(then) = bench.picture("past-then.png") else { return };
    bench.point(1.0);
    let now = bench.picture("past-now.png").expect("it could be drawn before");
    let rects = bench.lab(|lab| lab.pane_rects().to_vec());
    for (name, rect) in rects {
        let [then, now] = [&then, &now].map(|picture| picture.region(&rect, None));
        // Knobs were turned, pictures changed, curves grew: nothing is as it was.
        assert!(then != now, "{name}");
    }
    bench.point(0.5);
    let again = bench.picture("past-again.png").expect("it could be drawn before");
    for (name, rect) in bench.lab(|lab| lab.pane_rects().to_vec()) {
        let [then, again] = [&then, &again].map(|picture| picture.region(&rect, None));
        assert!(then == again, "{name} is the same when one is there again");
    }
}

#[test]
fn a_run_is_played_until_its_end_or_until_somebody_stops_it() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    let mut bench = opened(library.folder(ID), Theme::Dark);
    bench.click("×16");
    bench.press(Key::P);
    assert!(bench.sees("Stop playing") && !bench.sees("step 1,240 of"), "it begins anew");
    // 20 frames of a quarter of a second are 80 s of the run, which are 980 steps.
    bench.press(Key::P);
    assert!(!bench.sees("Stop playing") && bench.sees("Play"));
    bench.click("Play");
    bench.press(Key::Comma);
    assert!(!bench.sees("Stop playing"), "who goes elsewhere stops it");
}

#[test]
fn the_present_run_is_looked_at_as_it_was_while_it_goes_on() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let options = Options { runs: Some(scratch.path().into()), ..Options::default() };
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), Theme::Dark, options);
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.press(Key::T);
    assert!(!bench.sees("Back to now"), "there is nothing to look back at");
    bench.tell(a_run(1, 400).into_iter().skip(1));
    bench.tell([checkpoint(1, 100), checkpoint(1, 250), state(1, Activity::Paused, 400)]);
    bench.click("Back in time");
    assert!(bench.sees("The present run") && bench.sees("step 400 of 400"));
    bench.wait("checkpoint of step 250", true);
    bench.press(Key::Comma);
    assert!(bench.sees("step 390 of 400"));
    bench.tell([state(1, Activity::Running, 400), report(1, 410, Hyper::default()).into()]);
    assert!(bench.sees("step 410 of 3,000"), "above, it goes on");
    assert!(bench.sees("step 390 of 410") && bench.sees("as it was at step 390"));
    bench.press(Key::T);
    assert!(!bench.sees("Back to now") && !bench.sees("step 390"));
    bench.press(Key::T);
    assert!(bench.sees("step 410 of 410"), "the last that is known");
    bench.tell([started(2), state(2, Activity::Paused, 0)]);
    assert!(bench.sees("Kept run: ") && bench.sees("step 410 of 410"), "another run has begun");
    bench.click("Back to the present run");
    assert!(!bench.sees("Kept run: "));
    let commands = bench.commands();
    let by_clock = Command::Checkpoints(Cadence::BY_CLOCK);
    assert!(super::is(&commands[0], &by_clock), "{commands:?}");
    assert!(commands[1..].iter().all(|command| matches!(command, Command::Save)), "{commands:?}");
}

#[test]
fn without_a_library_the_present_run_can_be_looked_back_at_too() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 400));
    bench.press(Key::T);
    bench.point(0.25);
    assert!(bench.sees("step 100 of 400"));
    bench.press(Key::T);
    assert!(bench.commands().is_empty());
}

#[test]
fn details_that_were_not_kept_are_said_to_be_older() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    let samples = made_up::samples(1, 1);
    for step in 1..=200 {
        let samples = great_lab::protocol::Samples { step, ..samples.clone() };
        bench.tell([report(1, step, Hyper::default()).into(), samples.into()]);
    }
    bench.press(Key::T);
    assert!(!bench.sees("the nearest that was kept"), "the last has all its details");
    bench.point(0.9);
    assert!(bench.sees("samples of step ") && bench.sees("the nearest that was kept"));
}

#[test]
fn the_strip_looks_as_it_did() {
    if !snapshots::can_draw("the strip of a run as it was") {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let library = library(scratch.path());
    let mut differing = Vec::new();
    for (theme, suffix) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut bench = opened(library.folder(ID), theme);
        bench.press(Key::OpenBracket);
        bench.press(Key::Period);
        bench.harness.remove_cursor();
        let name = format!("past-{suffix}");
        let picture = bench.picture(&format!("{name}.png")).expect("software Vulkan draws");
        let strip = Rect::from_min_max(pos2(0.0, 800.0 - 25.0 - 46.0), pos2(1280.0, 800.0 - 25.0));
        differing.extend(snapshots::compare(&name, &picture.region(&strip, None)));
    }
    assert!(differing.is_empty(), "{}\nLook at them; UPDATE_SNAPSHOTS=1 keeps them.", differing.join("\n"));
}
