//! A picture of somebody's own in the pane of samples.

use egui::{Key, Pos2, Theme, Vec2};
use egui_kittest::kittest::Queryable;
use great_lab::app::Options;
use great_lab::config::Setup;
use great_lab::data::Picture;
use great_lab::protocol::made_up::{predicted, samples, started, started_world, state};
use great_lab::protocol::{Activity, Command, Event, OwnPicture, Predicted};

use super::{Bench, Dropped};

/// What the network is asked about.
fn asked(bench: &mut Bench) -> Vec<Option<OwnPicture>> {
    let asks = |command| match command {
        Command::Predict(own) => Some(own.map(|own| *own)),
        _ => None,
    };
    bench.commands().into_iter().filter_map(asks).collect()
}

/// Drops a file of that name; what the network is asked about then.
fn dropped(bench: &mut Bench, name: &str) -> OwnPicture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, b"bytes").expect("a temporary file");
    bench.harness.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(path)));
    let asked = (0..500).find_map(|_| {
        bench.harness.step();
        std::thread::yield_now();
        asked(bench).into_iter().next()
    });
    asked.flatten().expect("it is asked about")
}

fn stroke(bench: &mut Bench) {
    let sheet = bench.harness.get_by_label("Sheet for a picture of your own").rect();
    let at = |x: f32| Pos2::new(sheet.left() + x * sheet.width(), sheet.center().y);
    bench.harness.hover_at(at(0.2));
    bench.harness.run();
    bench.harness.drag_at(at(0.2));
    bench.harness.run();
    bench.harness.hover_at(at(0.8));
    bench.harness.run();
    bench.harness.drop_at(at(0.8));
    bench.harness.run();
}

#[test]
fn what_is_drawn_is_asked_about_and_told() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Running, 20), samples(1, 20).into()]);
    bench.click("yours");
    assert!(bench.sees("Draw in the first square"));
    bench.commands();
    stroke(&mut bench);
    let mut told = asked(&mut bench);
    let (Some(Some(drawn)), true) = (told.pop(), told.is_empty()) else { panic!("it is asked about once") };
    let picture = Picture::read(&drawn.bytes, [1, 28, 28]).expect("a picture");
    let lit = |row: usize| picture.pixels[row * 28..][..28].iter().filter(|pixel| **pixel > 200).count();
    assert!(lit(14) > 14 && lit(3) == 0 && picture.changes.is_empty(), "a line across the middle");

    let told = Predicted { name: drawn.name, changes: Vec::new(), ..predicted(1, 40) };
    bench.tell([Event::Predicted(Box::new(told))]);
    assert!(bench.sees("ε = 0.02 (5.1/255), then") && bench.sees("your drawing, step 40."));
    // A run that begins is asked too; a world is not.
    bench.tell([started(2), state(2, Activity::Paused, 0)]);
    assert!(matches!(&asked(&mut bench)[..], [Some(own)] if own.bytes == drawn.bytes));
    bench.tell([started_world(3), state(3, Activity::Paused, 0)]);
    assert!(asked(&mut bench).is_empty());
}

#[test]
fn a_picture_that_comes_from_elsewhere_is_shown_with_what_became_of_it() {
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), Theme::Dark, Options::default());
    bench.tell([started(1), state(1, Activity::Running, 20), samples(1, 20).into()]);
    let own = dropped(&mut bench, "shoe.jpg");
    assert_eq!((&*own.name, &*own.bytes), ("shoe.jpg", &b"bytes"[..]));
    assert!(bench.sees("Asked about shoe.jpg"));
    bench.tell([Event::Predicted(Box::new(predicted(1, 40)))]);
    assert!(bench.sees("shoe.jpg, step 40: 640 × 480 pixels, of which the middle 480 × 480 became 28 × 28."));
    bench.tell([Event::Predicted(Box::new(Predicted { epsilon: f64::NAN, ..predicted(1, 50) }))]);
    assert!(bench.sees("No change was found that fools it."));
    // Somebody who looks at something else stays there.
    bench.click("attack");
    bench.tell([Event::Predicted(Box::new(predicted(1, 60)))]);
    assert!(!bench.sees("shoe.jpg, step"));
    bench.click("yours");
    bench.commands();
    bench.click("Clear");
    assert_eq!(asked(&mut bench), [None]);
    // An answer that was on its way.
    bench.tell([Event::Predicted(Box::new(predicted(1, 70)))]);
    assert!(!bench.sees("shoe.jpg, step"));
}

#[test]
fn a_picture_of_ones_own_looks_as_it_should() {
    if !super::snapshots::can_draw("a picture of one's own") {
        return;
    }
    let mut bench = Bench::with(Vec2::new(680.0, 520.0), Theme::Light, Options::default());
    bench.tell([started(1), state(1, Activity::Running, 20), samples(1, 20).into()]);
    dropped(&mut bench, "shoe.jpg");
    bench.tell([Event::Predicted(Box::new(predicted(1, 40)))]);
    bench.click("Enlarge Samples");
    bench.harness.remove_cursor();
    let picture = bench.picture("own.png").expect("software Vulkan draws");
    let colours: std::collections::HashSet<_> = picture.pixels.iter().collect();
    assert!(colours.len() > 60, "{} colours", colours.len());
}

#[test]
fn a_pasted_picture_is_asked_about_and_a_text_is_not() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Running, 20), samples(1, 20).into()]);
    bench.click("yours");
    bench.commands();
    bench.harness.event(egui::Event::Paste("a text".into()));
    bench.harness.run();
    assert!(bench.sees("What was pasted is text: copy a picture") && asked(&mut bench).is_empty());
    let white = egui::ColorImage::filled([28, 28], egui::Color32::WHITE);
    bench.harness.event(egui::Event::PasteImage(std::sync::Arc::new(white)));
    bench.harness.run();
    let mut told = asked(&mut bench);
    let (Some(Some(pasted)), true) = (told.pop(), told.is_empty()) else { panic!("it is asked about once") };
    let picture = Picture::read(&pasted.bytes, [1, 28, 28]).expect("a picture");
    assert!(pasted.name == "pasted.png" && picture.pixels.iter().all(|pixel| *pixel == 255));
}

/// The setups that runs are asked for with.
fn resets(bench: &mut Bench) -> Vec<Setup> {
    let reset = |command| match command {
        Command::Reset(setup) => Some(*setup),
        _ => None,
    };
    bench.commands().into_iter().filter_map(reset).collect()
}

#[test]
fn a_network_of_somebodys_own_is_begun_with_and_another_is_chosen_again() {
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), Theme::Dark, Options::default());
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.commands();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("my-resnet.onnx");
    std::fs::write(&path, b"bytes").expect("a temporary file");
    bench.harness.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(path.clone())));
    let asked = (0..500).find_map(|_| {
        bench.harness.step();
        std::thread::yield_now();
        resets(&mut bench).into_iter().next()
    });
    let setup = asked.expect("a run is asked for");
    assert_eq!(setup.pretrained, path.display().to_string());
    assert_eq!(setup.pretrained(), Some(&*path.display().to_string()));

    // Its name stands where architectures do, and the knobs of these rest.
    let Event::Started(mut info) = started(2) else { panic!("it is of a run") };
    info.config.setup = setup;
    bench.tell([Event::Started(info), state(2, Activity::Paused, 0)]);
    bench.harness.get_all_by_value("my-resnet.onnx").next().expect("the toolbar's network").click();
    bench.harness.run();
    bench.click("resnet-18");
    bench.commands();
    bench.press(Key::R);
    let [setup] = &resets(&mut bench)[..] else { panic!("one run is asked for") };
    assert_eq!((setup.pretrained(), setup.network_name()), (None, "resnet-18"));
}
