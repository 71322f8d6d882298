//! Pictures of one moment held against another run's: beside it, and as the difference; and axes that runs are laid along.

use egui::accesskit::Role;
use egui::{Key, Theme, Vec2};
use egui_kittest::kittest::Queryable;
use great_lab::app::Options;
use great_lab::protocol::made_up::a_run;

use super::runs::library;
use super::{Bench, snapshots};

/// A window on a run of 400 steps, with the run "wider" of 1,240 ticked.
fn two(root: &std::path::Path) -> Bench {
    library(root);
    let options = Options { runs: Some(root.into()), ..Options::default() };
    let mut bench = Bench::with(Vec2::new(720.0, 540.0), Theme::Dark, options);
    bench.tell([super::started(1), super::state(1, super::Activity::Paused, 0)]);
    bench.press(Key::O);
    bench.wait("wider, defense", true);
    bench.harness.get_by_role_and_label(Role::CheckBox, "Compare wider").click();
    bench.wait("Versus", true);
    bench.tell(a_run(1, 400).into_iter().skip(1));
    bench.tell([super::state(1, super::Activity::Paused, 400)]);
    bench.press(Key::O);
    bench
}

/// What is drawn in the only pane that is, held against what was; nothing where it is the same.
fn look(bench: &mut Bench, name: &str) -> Option<String> {
    bench.harness.remove_cursor();
    let picture = bench.picture(&format!("{name}.png")).expect("software Vulkan draws");
    let rect = bench.lab(|lab| lab.pane_rects()[0].1);
    snapshots::compare(name, &picture.region(&rect, None))
}

#[test]
fn histograms_and_confusion_are_held_against_another_run() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut bench = two(scratch.path());
    let can_draw = snapshots::can_draw("two runs against each other");
    let mut differing = Vec::new();
    for (pane, name) in [("Gradient tensors", "histograms"), ("Discriminator", "confusion")] {
        bench.click(&format!("Enlarge {pane}"));
        assert!(!bench.sees("difference"), "{pane}: it is alone");
        bench.harness.get_by_value("alone").click();
        bench.harness.run();
        bench.click("wider");
        assert!(bench.sees("difference"), "{pane}");
        if can_draw {
            differing.extend(look(&mut bench, &format!("against-{name}")));
        }
        bench.click("difference");
        if can_draw {
            differing.extend(look(&mut bench, &format!("against-{name}-difference")));
        }
        bench.press(Key::Escape);
    }
    assert!(differing.is_empty(), "{}\nLook at them; UPDATE_SNAPSHOTS=1 keeps them.", differing.join("\n"));
    // The other run goes, and with it the choice.
    bench.press(Key::O);
    bench.click("Compare none (1)");
    bench.press(Key::O);
    bench.click("Enlarge Gradient tensors");
    assert!(!bench.sees("difference") && bench.harness.query_by_value("alone").is_none());
}

#[test]
fn runs_are_laid_along_what_is_chosen() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut bench = two(scratch.path());
    bench.click("Enlarge Losses and accuracies");
    let mut pictures = Vec::new();
    for along in ["step", "epoch", "time", "images"] {
        bench.click(along);
        bench.harness.remove_cursor();
        pictures.extend(bench.picture(&format!("along-{along}.png")));
    }
    let differ = |(at, one): (usize, &egui::ColorImage)| pictures[..at].iter().all(|other| other != one);
    assert!(pictures.iter().enumerate().all(differ), "each axis has its own ticks and name");
}
