//! The guided tour, from its first stop to its end.

use egui::{Theme, Vec2};
use great_lab::app::Options;
use great_lab::config::{AttackKind, Config, Hyper, Mode};
use great_lab::protocol::made_up::{self, audited, plane, report, robustness, saturation, state};
use great_lab::protocol::{Activity, Command, Event, Point, Report, RunInfo, Share, Verdict};

use super::Bench;

/// The run that was asked for last, and whether it is to begin.
fn asked(bench: &mut Bench) -> (Config, bool) {
    let commands = bench.commands();
    let setup = commands.iter().rev().find_map(|command| match command {
        Command::Reset(setup) => Some((**setup).clone()),
        _ => None,
    });
    let setup = setup.unwrap_or_else(|| panic!("{commands:?}"));
    let hyper = *bench.trainer.hyper.borrow();
    (Config { setup, hyper }, commands.contains(&Command::Run))
}

/// That run, begun.
fn began(run: u64, config: Config) -> Event {
    let is_world = config.setup.world().is_some();
    let mut info = made_up::info(run, config);
    if is_world {
        let names: Vec<String> = ["A", "B", "C", "D"].map(Into::into).to_vec();
        (info.classes, info.origins) = (names.clone(), names);
        info.image_shape = [2, 1, 1];
    }
    RunInfo::into(info)
}

/// A report in which so much is read.
fn reads(run: u64, step: u64, alpha: f64, share: f64) -> Event {
    let confusion = Vec::new();
    let made = report(run, step, Hyper { alpha, ..Hyper::default() });
    Report { auxiliary_accuracy: share, confusion, ..made }.into()
}

/// An evaluation in which FGSM leaves `fgsm` of 100 images, and every place of the square `grid`.
fn left(run: u64, step: u64, fgsm: u32, grid: u32) -> Event {
    let mut found = robustness(run, step, true);
    let share = |hits| Share { hits, total: 100 };
    found.curves.truncate(2);
    for (curve, (attack, hits)) in
        found.curves.iter_mut().zip([(AttackKind::Fgsm, fgsm), (AttackKind::Grid, grid)])
    {
        curve.attack = attack;
        curve.points =
            vec![Point { epsilon: 0.06, robust: share(hits), fooled: share(0), ..curve.points[0] }];
    }
    found.into()
}

#[test]
fn it_leads_from_a_world_to_the_papers_table() {
    let mut bench =
        Bench::with(Vec2::new(1280.0, 800.0), Theme::Dark, Options { tour: Some(1), ..Options::default() });
    bench.tell([made_up::started(1), state(1, Activity::Paused, 0)]);
    assert!(bench.sees("1 of 10") && bench.sees("Press Run.") && bench.sees("Skip"));
    let (world, runs) = asked(&mut bench);
    assert!(world.setup.data == "blobs" && !runs, "it is for somebody to press Run");
    let next = |bench: &mut Bench, title: &str| {
        assert!(bench.sees("Next stop"), "before {title}");
        bench.click("Next stop");
        assert!(bench.sees(title), "{title}");
    };
    bench.tell([began(2, world), state(2, Activity::Paused, 0)]);
    assert!(!bench.sees("Next stop"));
    bench.tell([state(2, Activity::Running, 1)]);
    next(&mut bench, "Its gradient");
    bench.tell([plane(2, 50).into()]);
    assert!(!bench.sees("Next stop"));
    bench.tell([Event::Traced(Box::new(made_up::traced(2, 50, 3)))]);
    next(&mut bench, "What it gives away");
    bench.tell([reads(2, 100, 0.0, 0.85)]);
    assert!(!bench.sees("Next stop"));
    // Once is enough.
    bench.tell([reads(2, 200, 0.0, 0.95), reads(2, 210, 0.0, 0.4)]);
    next(&mut bench, "Gradient adversarial training");
    bench.tell([reads(2, 300, 0.0, 0.3)]);
    assert!(!bench.sees("Next stop"), "α is 0");
    bench.tell([reads(2, 400, 0.3, 0.3)]);
    // Once done it stays so.
    bench.tell([reads(2, 500, 0.0, 0.9)]);
    next(&mut bench, "How it did that");
    bench.tell([saturation(2, 600).into()]);
    assert!(!bench.sees("Next stop"));
    bench.tell([saturation(2, 6000).into()]);
    next(&mut bench, "Does it help?");
    bench.tell([left(2, 6000, 50, 50)]);
    next(&mut bench, "Hidden, not robust");
    let (masked, runs) = asked(&mut bench);
    assert!(masked.setup.data == "redundant" && masked.setup.mode == Mode::Baseline && runs);
    bench.tell([began(3, masked), state(3, Activity::Running, 0), left(3, 200, 60, 55)]);
    assert!(!bench.sees("Next stop"));
    bench.tell([left(3, 400, 80, 10)]);
    next(&mut bench, "An audit sees it");
    let mut lights = audited(3, 400, true);
    lights.lights.iter_mut().for_each(|light| light.verdict = Verdict::Passed);
    bench.tell([Event::Audited(Box::new(lights.clone()))]);
    assert!(!bench.sees("Next stop"));
    lights.lights[0].verdict = Verdict::Failed;
    bench.tell([Event::Audited(Box::new(lights))]);
    next(&mut bench, "The same on pictures");
    let (pictures, runs) = asked(&mut bench);
    assert!(pictures.setup.data == "fashion-mnist" && runs);
    bench.tell([began(4, pictures), state(4, Activity::Running, 0), reads(4, 150, 0.1, 0.5)]);
    assert!(!bench.sees("Next stop"), "the adversary has not set in");
    bench.tell([reads(4, 350, 0.1, 0.5)]);
    next(&mut bench, "The paper's table");
    assert!(bench.sees("End the tour"));
    bench.click("End the tour");
    assert!(!bench.sees("10 of 10") && bench.sees("the knobs that you had before the tour"));
    bench.commands();
    bench.press(egui::Key::R);
    let before = made_up::config();
    assert_eq!(asked(&mut bench).0, before, "the tour leaves nothing behind");
}

#[test]
fn it_can_be_skipped_through_left_and_gone_on_with() {
    let mut bench = Bench::new();
    bench.tell([made_up::started(1), state(1, Activity::Paused, 0)]);
    assert!(!bench.sees("New here?"), "a window that remembers nothing offers nothing");
    bench.click("File");
    bench.click("Guided tour");
    assert!(bench.sees("1 of 10"));
    for stop in 2..=4 {
        bench.click("Skip");
        assert!(bench.sees(&format!("{stop} of 10")));
    }
    bench.click("Back");
    assert!(bench.sees("3 of 10"));
    bench.picture("tour-dark.png");
    bench.click("Leave");
    assert!(!bench.sees("of 10"));
    bench.press(egui::Key::F1);
    bench.click("Take the guided tour");
    assert!(bench.sees("3 of 10"), "where it was left");
}
