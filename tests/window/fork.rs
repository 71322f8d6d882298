//! A run and its fork in the window: begun by a button, a key or a script, turned apart, compared, and ended.

use egui::{Key, Theme, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable};
use great_lab::app::{Lab, Options};
use great_lab::config::{Config, Hyper};
use great_lab::gpu::{Choice, open};
use great_lab::protocol::made_up::{self, a_run, forked, report, robustness, started, state};
use great_lab::protocol::{Activity, Command, Delivery, Event, Forked};
use great_lab::train::spawn;
use serde_json::Value;
use web_time::{Duration, Instant};

use super::{Bench, snapshots};

/// How long it is waited for what another thread does.
const PATIENCE: Duration = Duration::from_secs(50);

impl Bench {
    /// A window whose run was forked after 800 steps, and then α of the fork turned to 0.5.
    fn forked(size: Vec2, theme: Theme) -> Self {
        let mut bench = Self::with(size, theme, Options::default());
        bench.tell(a_run(1, 800));
        bench.press(Key::F);
        bench.tell([
            forked(2, Forked { run: 1, step: 800 }, Hyper::default()),
            state(2, Activity::Running, 800),
        ]);
        bench.harness.get_all_by_label("α adversary").next().expect("a slider").set_value_accesskit(0.5);
        bench.harness.run();
        bench
    }

    /// Tells what came of both until there.
    fn go_on(&mut self, from: u64, to: u64) {
        let parent = Hyper::default();
        let fork = Hyper { alpha: 0.5, ..Hyper::default() };
        let mut events = Vec::new();
        for step in (from + 10..=to).step_by(10) {
            events.push(report(1, step, parent).into());
            let mut of_fork = report(2, step, fork);
            of_fork.auxiliary_accuracy *= 0.6;
            of_fork.loss *= 1.2;
            events.push(of_fork.into());
            if step % 200 == 0 {
                events.push(robustness(1, step, true).into());
                // Better than its parent: in the evaluation of a later step, and with more images that never fall.
                let mut better = robustness(2, step + 150, true);
                let falls = better.worst[0].smallest.iter_mut().filter(|radius| **radius == 0.1);
                falls.take(step as usize / 60).for_each(|radius| *radius = f64::INFINITY);
                events.push(great_lab::protocol::Robustness { step, ..better }.into());
            }
        }
        self.tell(events);
    }
}

#[test]
fn a_fork_is_asked_for_by_button_key_and_menu_where_there_is_a_run() {
    let mut bench = Bench::new();
    bench.press(Key::F);
    assert!(bench.commands().is_empty(), "there is no run");
    bench.tell([started(1), state(1, Activity::Finished, 3000)]);
    bench.press(Key::F);
    assert!(bench.commands().is_empty(), "nothing would go on");
    bench.tell([state(1, Activity::Running, 30)]);
    bench.harness.get_all_by_label("Fork here").next().expect("a button").click();
    bench.harness.run();
    bench.press(Key::F);
    let commands = bench.commands();
    assert!(matches!(&commands[..], [Command::Fork(hyper)] if **hyper == Hyper::default()), "{commands:?}");
    // What is turned before the copy is there is the copy's.
    bench.harness.get_all_by_label("α adversary").next().expect("a slider").set_value_accesskit(0.5);
    bench.harness.run();
    assert!(!bench.trainer.hyper.has_changed().expect("the window lives"));
    bench.tell([forked(2, Forked { run: 1, step: 31 }, Hyper::default()), state(2, Activity::Running, 31)]);
    let commands = bench.commands();
    let turned = |command: &Command| matches!(command, Command::Turn(2, hyper) if hyper.alpha == 0.5);
    assert!(commands.iter().any(|command| matches!(command, Command::Attend(2))), "{commands:?}");
    assert!(commands.iter().any(turned), "{commands:?}");
    assert!(!bench.trainer.hyper.has_changed().expect("the window lives"));
}

#[test]
fn the_window_says_which_of_two_is_shown_and_turns_each_alone() {
    let mut bench = Bench::forked(Vec2::new(1280.0, 800.0), Theme::Dark);
    assert!(bench.sees("Forked at step 800") && bench.sees("α adversary 0.1 → 0.5"));
    bench.commands();
    bench.go_on(800, 900);
    assert!(bench.sees("step 900 of 3,000"));
    // The parent's knobs go their own way.
    bench.press(Key::X);
    assert!(bench.commands().iter().any(|command| matches!(command, Command::Attend(1))));
    let alpha = |bench: &Bench| {
        // A dot stands before the name of a knob that is not as it begins.
        let named = bench.harness.query_all_by_label_contains("α adversary");
        named.into_iter().find_map(|node| node.accesskit_node().numeric_value())
    };
    assert_eq!(alpha(&bench), Some(0.1));
    bench.harness.get_all_by_label("α adversary").next().expect("a slider").set_value_accesskit(0.125);
    bench.harness.run();
    assert_eq!(bench.trainer.hyper.borrow_and_update().alpha, 0.125);
    assert!(bench.commands().is_empty() && bench.sees("α adversary 0.125 → 0.5"));
    bench.click("Fork");
    assert_eq!(alpha(&bench), Some(0.5));
    assert!(bench.commands().iter().any(|command| matches!(command, Command::Attend(2))));
    // Of each only its own is heard.
    bench.tell([report(2, 1000, Hyper::default()).into()]);
    assert!(bench.sees("step 1,000 of 3,000"));
    bench.press(Key::X);
    assert!(bench.sees("step 900 of 3,000"));
}

#[test]
fn both_are_compared_on_the_same_images_once_both_are_evaluated() {
    let mut bench = Bench::forked(Vec2::new(1280.0, 800.0), Theme::Dark);
    assert!(bench.sees("It comes with the next evaluation of both, at step 1,000"));
    bench.tell([robustness(1, 1000, true).into()]);
    assert!(bench.sees("It comes with the next evaluation"), "one alone says nothing");
    bench.tell([robustness(2, 1000, true).into()]);
    assert!(bench.sees("fork − parent: ") && bench.sees("worst case at ε = 0.1, 256 images, step 1,000"));
    let row = bench
        .harness
        .query_all_by_label_contains("clean ")
        .find(|row| row.accesskit_node().role() == egui::accesskit::Role::Row);
    row.expect("a row without attack").click();
    bench.harness.run();
    assert!(bench.sees("without attack, 256 images, step 1,000"));
    bench.click("Export Fork and parent");
    bench.harness.get_by_label("Copy as CSV").click();
    let mut copied = String::new();
    for _ in 0..3 {
        bench.harness.step();
        for command in &bench.harness.output().platform_output.commands {
            if let egui::OutputCommand::CopyText(text) = command {
                copied.clone_from(text);
            }
        }
    }
    // Without attack, six attacks at five radii, and the worst case at each.
    assert_eq!(copied.lines().count(), 1 + 1 + 30 + 5, "{copied}");
    let page = include_str!("../../docs/files.md");
    let (_, window) = page.split_once("## What the window exports").expect("a section");
    for column in copied.lines().next().unwrap_or_default().split(',') {
        assert!(window.contains(&format!("`{column}`")), "docs/files.md does not explain {column}");
    }
    // Where one looks at other images, that is said instead.
    let mut few = robustness(2, 1200, true);
    few.clean.total = 128;
    bench.tell([robustness(1, 1200, true).into(), few.into()]);
    assert!(bench.sees("one looked at 256 held-out images and the other at 128"));
}

#[test]
fn either_of_two_can_be_kept() {
    for keeps_fork in [true, false] {
        let mut bench = Bench::forked(Vec2::new(1280.0, 800.0), Theme::Dark);
        bench.go_on(800, 900);
        bench.commands();
        bench.click(if keeps_fork { "Keep the fork" } else { "Keep the parent" });
        let gone = if keeps_fork { 1 } else { 2 };
        let commands = bench.commands();
        assert!(matches!(commands[..], [Command::GiveUp(run)] if run == gone), "{commands:?}");
        bench.tell([Event::GivenUp(gone)]);
        assert!(!bench.sees("Forked at step") && !bench.sees("Fork and parent"));
        let left = 3 - gone;
        bench.tell([report(gone, 910, Hyper::default()).into(), report(left, 920, Hyper::default()).into()]);
        assert!(bench.sees("step 920 of 3,000"));
        let expected = if keeps_fork { 0.5 } else { 0.1 };
        assert_eq!(
            bench.trainer.hyper.borrow_and_update().alpha,
            expected,
            "the knobs of the run that is left"
        );
        bench.press(Key::F);
        assert!(bench.commands().iter().any(|command| matches!(command, Command::Fork(_))), "and again");
    }
}

#[test]
fn a_new_run_begins_with_the_knobs_on_screen_and_ends_both() {
    let mut bench = Bench::forked(Vec2::new(1280.0, 800.0), Theme::Dark);
    bench.commands();
    bench.press(Key::R);
    let commands = bench.commands();
    assert!(matches!(commands[..], [Command::GiveUp(1), Command::Reset(_)]), "{commands:?}");
    bench.tell([Event::GivenUp(1), started(3), state(3, Activity::Paused, 0)]);
    assert!(!bench.sees("Forked at step") && bench.sees("step 0 of 3,000"));
    assert_eq!(bench.trainer.hyper.borrow_and_update().alpha, 0.5);
}

#[test]
fn the_pane_of_a_fork_looks_as_it_did() {
    if !snapshots::can_draw("the pane of a fork") {
        return;
    }
    let mut differing = Vec::new();
    for (theme, suffix) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut bench = Bench::forked(Vec2::new(1280.0, 800.0), theme);
        bench.go_on(800, 1400);
        bench.tell([state(1, Activity::Paused, 1400), state(2, Activity::Paused, 1400)]);
        bench.harness.remove_cursor();
        let picture = bench.picture(&format!("fork-{suffix}.png")).expect("software Vulkan draws");
        let rects = bench.lab(|lab| lab.pane_rects().to_vec());
        let rect = rects.iter().find(|(name, _)| *name == "fork").expect("it is shown").1;
        differing.extend(snapshots::compare(&format!("fork-{suffix}"), &picture.region(&rect, None)));
    }
    assert!(differing.is_empty(), "{}\nLook at them; UPDATE_SNAPSHOTS=1 keeps them.", differing.join("\n"));
}

/// The window's own state without its picture, on a trainer that computes on the CPU.
fn real(config: &Config) -> Lab {
    let opened = open(&Choice::Cpu).expect("a CPU");
    let remote = spawn(config.clone(), &opened, Delivery::Complete).expect("a thread");
    Lab::new(&egui::Context::default(), remote, config.clone(), Options::default())
}

/// A run of twenty small steps.
fn small() -> Config {
    let mut config = made_up::config();
    let (setup, hyper) = (&mut config.setup, &mut config.hyper);
    (setup.steps, setup.batch_size, setup.width, setup.auxiliary_width) = (20, 8, 0.25, 0.25);
    (hyper.report_every_steps, hyper.histogram_every_steps, hyper.probe_every_steps) = (1, 0, 0);
    (hyper.evaluate_every_steps, hyper.evaluate_samples, hyper.attack_steps) = (0, 32, 1);
    config
}

/// Waits until what a script may know of the window says so.
fn until(lab: &mut Lab, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state: Value = serde_json::from_str(&lab.state()).expect("JSON");
        assert_eq!(state["failures"], serde_json::json!([]), "{what}");
        if is_so(&state) {
            return state;
        }
        assert!(Instant::now() < deadline, "{what}: {state}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// The reports of the run that is shown, but for what the clock decides.
fn metrics(lab: &mut Lab) -> Value {
    let mut metrics: Value = serde_json::from_str(&lab.metrics()).expect("JSON");
    for row in metrics.as_array_mut().expect("a list") {
        row.as_object_mut().expect("an object").remove("seconds");
    }
    metrics
}

/// A run to its end, forked after seven steps where `knob` is said, which is what is turned of the fork.
fn trained(knob: Option<&str>) -> Lab {
    let mut lab = real(&small());
    until(&mut lab, "ready", |state| state["activity"] == "paused");
    let command = |lab: &mut Lab, line: &str| lab.command(line).expect("a command");
    command(&mut lab, "step 7");
    until(&mut lab, "seven steps", |state| state["step"] == 7 && state["activity"] == "paused");
    if let Some(knob) = knob {
        command(&mut lab, "fork");
        until(&mut lab, "a fork", |state| state["fork"]["shows"] == "fork");
        if !knob.is_empty() {
            command(&mut lab, &format!("set {knob}"));
        }
    }
    command(&mut lab, "run");
    until(&mut lab, "the end", |state| state["activity"] == "finished");
    lab
}

#[test]
fn a_fork_of_the_window_without_a_change_is_the_same_run_and_differs_in_no_image() {
    let alone = metrics(&mut trained(None));
    assert_eq!(alone.as_array().expect("a list").len(), 20);
    let mut lab = trained(Some(""));
    assert_eq!(metrics(&mut lab), alone, "the fork, and what was before it");
    lab.command("evaluate").expect("a command");
    let state = until(&mut lab, "compared", |state| state["fork"]["compared_at"] == 20);
    let differences = state["fork"]["differences"].as_array().expect("a list").clone();
    assert!(differences.len() > 10, "{differences:?}");
    for found in &differences {
        let counts = ["images", "gained", "lost", "difference"].map(|name| found[name].as_f64());
        assert_eq!(counts, [Some(32.0), Some(0.0), Some(0.0), Some(0.0)], "{found}");
        assert_eq!(found["low"].as_f64(), found["high"].as_f64().map(|high| -high), "{found}");
    }
    lab.command("show parent").expect("a command");
    assert_eq!(metrics(&mut lab), alone, "and so is its parent");
    lab.command("keep parent").expect("a command");
    let state = until(&mut lab, "one alone", |state| state["fork"].is_null());
    assert_eq!((&state["run"], &state["step"]), (&1.into(), &20.into()));
}

#[test]
fn a_knob_that_is_turned_of_a_fork_changes_nothing_of_its_parent() {
    let alone = metrics(&mut trained(None));
    let mut lab = trained(Some("learning_rate=0.05"));
    let fork = metrics(&mut lab);
    let rows =
        |metrics: &Value, range: std::ops::Range<usize>| metrics.as_array().expect("a list")[range].to_vec();
    assert_eq!(rows(&fork, 0..7), rows(&alone, 0..7));
    assert_ne!(rows(&fork, 8..20), rows(&alone, 8..20));
    lab.command("show parent").expect("a command");
    assert_eq!(metrics(&mut lab), alone);
    // Whoever keeps the fork has its knobs.
    lab.command("keep fork").expect("a command");
    let state = until(&mut lab, "one alone", |state| state["fork"].is_null());
    assert_eq!((&state["run"], &state["config"]["hyper"]["learning_rate"]), (&2.into(), &0.05.into()));
    assert_eq!(metrics(&mut lab), fork);
}
