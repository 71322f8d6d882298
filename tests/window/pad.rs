//! The pad: a world is drawn with the pointer, and trained on.

use egui::{Pos2, Theme, Vec2};
use great_lab::app::Options;
use great_lab::config::{ScenarioKind, Setup};
use great_lab::protocol::made_up::{started, state};
use great_lab::protocol::{Activity, Command};

use super::Bench;
use egui_kittest::kittest::{NodeT as _, Queryable};

/// A window with the pad open over a run.
fn opened(size: Vec2) -> Bench {
    let mut bench = Bench::with(size, Theme::Dark, Options::default());
    bench.tell([started(1), state(1, Activity::Running, 20)]);
    bench.click("File");
    bench.click("Draw a world…");
    assert!(bench.sees("0 of 500 points"));
    bench
}

/// Where the sheet is.
fn sheet(bench: &Bench) -> egui::Rect {
    bench.harness.get_by_label_contains("Sheet to draw on").rect()
}

/// Draws along places of the sheet, from 0 to 1.
fn stroke(bench: &mut Bench, places: &[[f32; 2]]) {
    let sheet = sheet(bench);
    let at =
        |[x, y]: [f32; 2]| Pos2::new(sheet.left() + x * sheet.width(), sheet.bottom() - y * sheet.height());
    bench.harness.hover_at(at(places[0]));
    bench.harness.run();
    bench.harness.drag_at(at(places[0]));
    bench.harness.run();
    for place in &places[1..] {
        bench.harness.hover_at(at(*place));
        bench.harness.run();
    }
    bench.harness.drop_at(at(places[places.len() - 1]));
    bench.harness.run();
}

/// Chooses other data in the toolbar's box.
fn choose(bench: &mut Bench, from: &str, to: &str) {
    bench.harness.get_by_value(from).click();
    bench.harness.run();
    bench.click(to);
}

/// What the next run is set up with, of commands that begin one.
fn begun(bench: &mut Bench) -> Setup {
    let commands = bench.commands();
    let [Command::Reset(setup), Command::Run] = &commands[..] else { panic!("{commands:?}") };
    (**setup).clone()
}

#[test]
fn a_world_is_painted_and_trained_on() {
    let mut bench = opened(Vec2::new(1280.0, 800.0));
    stroke(&mut bench, &[[0.1, 0.2], [0.5, 0.2]]);
    assert!(bench.sees("points: A 14"), "a point every 0.03, however fast the pointer");
    let train = bench.harness.get_by_label("Train on it").accesskit_node().is_disabled();
    assert!(train, "one class alone cannot be learned");
    bench.click("B");
    stroke(&mut bench, &[[0.2, 0.8], [0.2, 0.8]]);
    assert!(bench.sees("15 of 500 points: A 14, B 1"));
    bench.click("Undo");
    assert!(bench.sees("14 of 500 points: A 14"));
    bench.click("Spray");
    stroke(&mut bench, &[[0.3, 0.7], [0.7, 0.7]]);
    bench.click("Eraser");
    stroke(&mut bench, &[[0.1, 0.2], [0.1, 0.2]]);
    bench.commands();
    bench.click("Train on it");
    let setup = begun(&mut bench);
    assert_eq!((&*setup.data, setup.scenario), ("drawn", ScenarioKind::Defense));
    assert_eq!((setup.drawing.classes(), setup.drawing.of(1).len()), (2, 14));
    assert!(setup.drawing.of(0).len() < 14, "the eraser took some");
    let is_on_the_line = |point: &great_lab::config::DrawnPoint| (point.place()[1] - 0.2).abs() < 0.01;
    assert!(setup.drawing.of(0).iter().all(is_on_the_line));
    assert!(!bench.sees("Sheet to draw on"), "the run is what there is to see now");
    // What was drawn is there again.
    bench.click("File");
    bench.click("Draw a world…");
    assert!(bench.sees(&format!("{} of 500 points", setup.drawing.points().len())));
}

#[test]
fn a_link_carries_no_more_than_it_can() {
    let mut bench = opened(Vec2::new(1280.0, 800.0));
    let lines: Vec<[f32; 2]> = (0..20)
        .flat_map(|row| {
            let y = 0.04 + 0.045 * row as f32;
            [[0.02, y], [0.98, y]]
        })
        .collect();
    stroke(&mut bench, &lines);
    assert!(bench.sees("500 of 500 points: A 500: all that a link can carry"));
    bench.click("Clear");
    assert!(bench.sees("0 of 500 points"));
    bench.click("Undo");
    assert!(bench.sees("500 of 500 points"));
    bench.click("Close");
    assert!(!bench.sees("Sheet to draw on") && bench.commands().is_empty(), "the run at hand goes on");
}

#[test]
fn a_drawn_world_that_is_chosen_undrawn_brings_the_pad() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    choose(&mut bench, "fashion-mnist", "drawn");
    assert!(bench.sees("0 of 500 points"));
    for (class, height) in [("A", 0.2), ("B", 0.8)] {
        bench.click(class);
        stroke(&mut bench, &[[0.2, height], [0.8, height]]);
    }
    bench.click("Train on it");
    // What has been drawn needs no pad.
    for (from, to) in [("• drawn", "moons"), ("• moons", "drawn")] {
        choose(&mut bench, from, to);
        assert!(!bench.sees("of 500 points"), "{to}");
    }
}

#[test]
fn what_was_painted_and_not_used_is_there_again() {
    let mut bench = opened(Vec2::new(1280.0, 800.0));
    stroke(&mut bench, &[[0.1, 0.2], [0.5, 0.2]]);
    bench.click("Close");
    bench.click("File");
    bench.click("Draw a world…");
    assert!(bench.sees("points: A 14"));
    bench.click("Undo");
    assert!(bench.sees("0 of 500 points"));
}

#[test]
fn the_pad_has_room_on_a_telephone() {
    let mut bench =
        Bench::with(Vec2::new(360.0, 640.0), Theme::Dark, Options { is_coarse: true, ..Options::default() });
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.click("File");
    bench.click("Draw a world…");
    let (sheet, screen) = (sheet(&bench), egui::Rect::from_min_size(Pos2::ZERO, Vec2::new(360.0, 640.0)));
    assert!(screen.contains_rect(sheet) && sheet.width() > 280.0, "{sheet:?}");
    for button in ["Train on it", "Close"] {
        assert!(screen.contains_rect(bench.harness.get_by_label(button).rect()), "{button}");
    }
}

#[test]
fn a_painted_pad_looks_as_it_should() {
    if !super::snapshots::can_draw("the pad") {
        return;
    }
    for (size, name) in
        [(Vec2::new(1280.0, 800.0), "pad.png"), (Vec2::new(360.0, 640.0), "pad-telephone.png")]
    {
        let options = Options { is_coarse: size.x < 500.0, ..Options::default() };
        let mut bench = Bench::with(size, Theme::Dark, options);
        bench.tell([started(1), state(1, Activity::Paused, 0)]);
        bench.click("File");
        bench.click("Draw a world…");
        let plain = bench.picture(name).expect("software Vulkan draws");
        let sheet = sheet(&bench);
        for (class, height) in [("A", 0.3), ("B", 0.7)] {
            bench.click(class);
            stroke(&mut bench, &[[0.1, height], [0.9, height]]);
        }
        bench.harness.remove_cursor();
        let painted = bench.picture(name).expect("software Vulkan draws");
        let [plain, painted] = [plain, painted].map(|picture| picture.region(&sheet, None));
        let changed = plain.pixels.iter().zip(&painted.pixels).filter(|(one, other)| one != other).count();
        assert!(changed > 800, "{changed} pixels of the sheet are painted");
    }
}
