//! The gallery of ready-made runs.

use egui::{Theme, Vec2};
use egui_kittest::kittest::Queryable;
use great_lab::app::Options;
use great_lab::config::{GALLERY, ScenarioKind};
use great_lab::protocol::made_up::{started, state};
use great_lab::protocol::{Activity, Command};

use super::Bench;

fn opened(size: Vec2) -> Bench {
    let mut bench = Bench::with(size, Theme::Dark, Options::default());
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.click("File");
    bench.click("Examples…");
    bench.commands();
    bench
}

#[test]
fn every_run_of_the_gallery_has_a_card_that_begins_it() {
    for piece in &GALLERY {
        let mut bench = opened(Vec2::new(1280.0, 1400.0));
        bench.click(piece.title);
        let commands = bench.commands();
        let [Command::Reset(setup), Command::Run] = &commands[..] else { panic!("{commands:?}") };
        assert_eq!(**setup, piece.linked().config.setup, "{}", piece.name);
        assert!(bench.harness.query_by_label(piece.title).is_none(), "the gallery closes");
    }
}

#[test]
fn the_rows_of_the_paper_are_begun_on_the_data_at_hand() {
    let mut bench = opened(Vec2::new(1280.0, 1400.0));
    assert!(bench.sees("The paper's rows"));
    let example = &great_lab::config::EXAMPLES[0];
    bench.click(example.title);
    let commands = bench.commands();
    let [Command::Reset(setup), ..] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!((setup.scenario, &*setup.data), (ScenarioKind::Defense, "fashion-mnist"));
}

#[test]
fn the_gallery_fits_on_every_screen() {
    if !super::snapshots::can_draw("the gallery") {
        return;
    }
    for (size, name) in [
        (Vec2::new(1280.0, 800.0), "gallery.png"),
        (Vec2::new(700.0, 500.0), "gallery-small.png"),
        (Vec2::new(360.0, 640.0), "gallery-phone.png"),
    ] {
        let mut bench = opened(size);
        let card = bench.harness.get_by_label(GALLERY[0].title).rect();
        assert!(card.min.x >= 0.0 && card.max.x <= size.x && card.min.y >= 0.0, "{size:?}: {card:?}");
        bench.picture(name).expect("software Vulkan draws");
    }
}
