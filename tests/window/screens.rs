//! The window on a telephone, upright and lying, and on a tablet: nothing lies on anything else, and Run is under the thumb.

use egui::{Rect, Theme, Vec2};
use egui_kittest::kittest::Queryable;
use great_lab::app::Options;
use great_lab::protocol::made_up::a_run;

use super::{Activity, Bench, Command, Key, samples, started, state};

/// What a thumb hits, in points.
const THUMB: f32 = 44.0;
/// Screens, by the names of their pictures.
const SCREENS: [(&str, f32, f32); 5] = [
    ("upright", 390.0, 844.0),
    ("small", 360.0, 640.0),
    ("lying", 844.0, 390.0),
    ("tablet", 820.0, 1180.0),
    ("zoomed", 640.0, 400.0),
];

fn assert_apart(bench: &Bench, screen: Rect, what: &str) {
    let panes = bench.lab(|lab| lab.pane_rects().to_vec());
    assert!(panes.len() >= 2, "{what}: {panes:?}");
    for (index, (name, rect)) in panes.iter().enumerate() {
        assert!(screen.expand(0.5).contains_rect(*rect), "{what}: {name} sticks out: {rect:?}");
        for (other, beside) in &panes[index + 1..] {
            let common = rect.intersect(*beside);
            assert!(common.width() <= 0.5 || common.height() <= 0.5, "{what}: {name} lies on {other}");
        }
    }
}

#[test]
fn every_screen_has_room_for_the_panes_and_for_a_thumb_on_run() {
    for (name, width, height) in SCREENS {
        for theme in [Theme::Dark, Theme::Light] {
            let size = Vec2::new(width, height);
            let mut bench = Bench::with(size, theme, Options::default());
            bench.tell([started(1), state(1, Activity::Paused, 0)]);
            bench.harness.run();
            let screen = Rect::from_min_size(egui::Pos2::ZERO, size);
            assert_apart(&bench, screen, name);
            for button in ["Run", "Step", "Reset"] {
                let rect = bench.harness.get_by_label(button).rect();
                assert!(screen.contains_rect(rect), "{name}: {button} at {rect:?}");
                assert!(rect.width() >= THUMB && rect.height() >= THUMB, "{name}: {button} at {rect:?}");
            }
            bench.harness.get_by_label("Run").click();
            bench.harness.run();
            assert!(matches!(bench.commands()[..], [Command::Run]), "{name}");
            bench.tell(a_run(1, 1240).into_iter().skip(1));
            bench.tell([samples(1, 1240).into()]);
            bench.picture(&format!("{name}-{theme:?}.png"));
            assert_apart(&bench, screen, name);
        }
    }
}

#[test]
fn a_telephone_shows_one_pane_at_a_time_by_its_tab() {
    let mut bench = Bench::with(Vec2::new(390.0, 844.0), Theme::Dark, Options::default());
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.tell(a_run(1, 1240).into_iter().skip(1));
    bench.harness.run();
    let shown =
        |bench: &Bench| bench.lab(|lab| lab.pane_rects().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    assert_eq!(shown(&bench), ["game", "histograms"]);
    let tap = |bench: &mut Bench, tab: &str| {
        // Its title may be the same: the tab is drawn last.
        bench.harness.get_all_by_label(tab).last().expect("a tab").click();
        bench.harness.run();
    };
    tap(&mut bench, "Discriminator");
    assert_eq!(shown(&bench), ["game", "discriminator"]);
    bench.picture("upright-discriminator.png");
    tap(&mut bench, "Knobs");
    assert_eq!(shown(&bench), ["game", "knobs"]);
    bench.picture("upright-knobs.png");
    tap(&mut bench, "Knobs");
    assert_eq!(shown(&bench), ["game", "discriminator"]);
    // All else stands in the menu, as far as there is room, and behind keys.
    bench.press(Key::O);
    assert_eq!(shown(&bench), ["runs"]);
    bench.picture("upright-runs.png");
    bench.press(Key::O);
    bench.harness.get_by_label("File").click();
    bench.harness.run();
    assert!(bench.sees("Fork here") && bench.sees("Light theme"));
    bench.picture("upright-menu.png");
}
