//! The window, driven without a display: a trainer that pretends on one side, a person that clicks on the other.
//!
//! Where `GREAT_LAB_PICTURES` names a folder, the pictures that are checked are also written there, to be looked at.

mod against;
mod fork;
mod gallery;
mod own;
mod pad;
mod past;
mod plane;
mod runs;
mod screens;
mod snapshots;
mod sweep;
mod tour;

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Write;
use std::rc::Rc;

use egui::{Color32, ColorImage, Key, Pos2, Theme, Vec2};
use egui_kittest::{Harness, kittest::Queryable};
use great_lab::app::{About, Lab, Options, to_png};
use great_lab::config::{AttackKind, Config, Hyper, Mode, MultitaskMethod, Norm, Players, TargetKind};
use great_lab::protocol::made_up::{
    self, a_run, histograms, report, robustness, samples, started, started_tasks, state, tasks,
};
use great_lab::protocol::{
    Activity, Command, Curve, Delivery, Event, Failure, Histograms, Local, Point, Report, Saturation,
    WorstCase, connect,
};

/// A window and the trainer's end of its wires.
struct Bench {
    harness: Harness<'static, Rc<RefCell<Option<Lab>>>>,
    trainer: Local,
}

impl Bench {
    fn new() -> Self {
        Self::with(Vec2::new(1280.0, 800.0), Theme::Dark, Options::default())
    }

    fn with(size: Vec2, theme: Theme, options: Options) -> Self {
        let (remote, trainer) = connect(Hyper::default(), Delivery::Latest);
        let lab = Rc::new(RefCell::new(None));
        let made = lab.clone();
        let harness = Harness::builder()
            .with_size(size)
            .with_theme(theme)
            .with_max_steps(20)
            .with_context_setup(move |ctx| {
                *made.borrow_mut() = Some(Lab::new(ctx, remote, made_up::config(), options));
            })
            .build_ui_state(
                |ui, lab| lab.borrow_mut().as_mut().expect("made before the first frame").ui(ui),
                lab,
            );
        Self { harness, trainer }
    }

    /// Sends events as the trainer would, a frame at a time where there are more than the channel holds.
    fn tell(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let mut event = Some(event);
            while let Some(unsent) = event.take() {
                if let Err(tokio::sync::mpsc::error::TrySendError::Full(unsent)) =
                    self.trainer.events.try_send(unsent)
                {
                    self.harness.step();
                    event = Some(unsent);
                }
            }
        }
        self.harness.run();
    }

    fn press(&mut self, key: Key) {
        self.harness.key_press(key);
        self.harness.run();
    }

    fn click(&mut self, label: &str) {
        self.harness.get_by_label(label).click();
        self.harness.run();
    }

    /// Commands that came since the last time.
    fn commands(&mut self) -> Vec<Command> {
        std::iter::from_fn(|| self.trainer.commands.try_recv().ok()).collect()
    }

    fn sees(&self, text: &str) -> bool {
        self.harness.query_all_by_label_contains(text).next().is_some()
    }

    fn lab<T>(&self, read: impl FnOnce(&Lab) -> T) -> T {
        read(self.harness.state().borrow().as_ref().expect("made before the first frame"))
    }

    fn panes(&self) -> Vec<&'static About> {
        self.lab(|lab| lab.panes().collect())
    }

    /// What is on screen; kept in a file where a person wants to look. None, and said so, where nothing can draw it.
    fn picture(&mut self, name: &str) -> Option<ColorImage> {
        self.harness.run();
        if great_lab::gpu::adapters().is_empty() {
            // Not what a test prints, which is shown only of those that fail.
            let _ =
                writeln!(std::io::stderr(), "{name}: left out, since there is no GPU, nor one in software");
            return None;
        }
        let image = self.harness.render().expect("a software or real GPU renders");
        let size = [image.width() as usize, image.height() as usize];
        // What nothing is drawn on is black, as in the pictures that are kept.
        let opaque = image.as_raw().chunks(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX]);
        let image = ColorImage::from_rgba_unmultiplied(size, &opaque.collect::<Vec<_>>());
        if let Some(folder) = std::env::var_os("GREAT_LAB_PICTURES") {
            std::fs::write(std::path::Path::new(&folder).join(name), to_png(&image))
                .expect("a folder to write to");
        }
        Some(image)
    }
}

/// Whether a command is this one; commands carry setups and so compare by their text.
fn is(command: &Command, like: &Command) -> bool {
    format!("{command:?}") == format!("{like:?}")
}

#[test]
fn an_empty_window_says_what_will_fill_it() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    for text in [
        "Histograms of the entries",
        "They come every 50 steps",
        "A point comes every 10 steps",
        "press Run",
        "Ready",
    ] {
        assert!(bench.sees(text), "{text}");
    }
    for about in bench
        .panes()
        .into_iter()
        .filter(|about| !["tasks", "fork"].contains(&about.name) && about.share > 0.0)
        .filter(|about| about.data.includes(false))
    {
        assert!(bench.sees(about.title), "{}", about.title);
    }
    assert!(bench.sees("NVIDIA GeForce RTX 4070") && bench.sees("step 0 of 3,000"));
    bench.picture("empty-dark.png");
}

#[test]
fn a_run_fills_every_pane() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 1240));
    for text in [
        "step 1,240 of 3,000 · 12",
        "it/s",
        "Training: step 1,240",
        "% · 2 min left",
        "D_JS",
        "floor 0.021",
        "read · chance 10 %",
        "pgd → random",
        "fgsm",
        "step 1,200 · 256 images",
        "clean ",
        "gradient read as",
        "step 1,200 · 1 check failed",
        "iterative-beats-one-step",
        "PGD-10 10.5 %, PGD-20 6.2 %",
        "PGD, ε = 0.1",
    ] {
        assert!(bench.sees(text), "{text}");
    }
    assert!(!bench.sees("press Run"));
}

#[test]
fn several_tasks_have_a_pane_of_their_own() {
    let mut bench = Bench::new();
    bench.tell([started_tasks(1, MultitaskMethod::Great), state(1, Activity::Paused, 0)]);
    assert!(bench.sees("how the tasks' gradients lie to each other") && !bench.sees("Audit now"));
    bench.tell([tasks(1, 50, 1.0).into()]);
    assert!(bench.sees("for Δm, run single-task on the same data first"));
    bench.tell([
        started_tasks(2, MultitaskMethod::SingleTask),
        tasks(2, 0, 9.0).into(),
        tasks(2, 300, 1.0).into(),
    ]);
    assert!(bench.sees("what the next runs are measured against"));
    bench.tell([
        started_tasks(3, MultitaskMethod::Great),
        state(3, Activity::Running, 100),
        tasks(3, 100, 0.9).into(),
    ]);
    for text in
        ["Δm −10.3 %", "by task +10.2 %", "vs single-task, step 300", "36.0 %", "40.0 %", "‖ĝ‖", "Sneaker"]
    {
        assert!(bench.sees(text), "{text}");
    }
    let before = Some(Box::new(histograms(3, 1000)));
    bench.tell([Histograms { before, ..histograms(3, 100) }.into(), report(3, 100, Hyper::default()).into()]);
    assert!(bench.sees("D_JS") && bench.sees("0.354"), "the distance behind the layers");
    bench.picture("tasks-dark.png");
    bench.click("before");
    assert!(!bench.sees("0.354"), "another distance before them");
    // A defence has its own panes again.
    bench.tell([started(4), state(4, Activity::Paused, 0)]);
    assert!(bench.sees("Audit now") && !bench.sees("Δm"));
}

#[test]
fn a_click_on_a_bar_of_margins_shows_its_images() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 600));
    assert!(bench.sees("of 256 images have p_y = 1 in f32") && bench.sees("mean logit"));
    let pane = bench.lab(|lab| lab.pane_rects().iter().find(|(name, _)| *name == "saturation").unwrap().1);
    // Some column of the chart has a bar.
    let places = (0..24).map(|part| pane.left() + pane.width() * (0.06 + 0.02 * part as f32));
    let places: Vec<Pos2> = places.map(|x| Pos2::new(x, pane.bottom() - 60.0)).collect();
    let hit = places.into_iter().find(|at| {
        bench.harness.hover_at(*at);
        bench.harness.run();
        bench.sees("Click to see them")
    });
    let at = hit.expect("a bar");
    bench.commands();
    bench.harness.drag_at(at);
    bench.harness.drop_at(at);
    bench.harness.run();
    let commands = bench.commands();
    let [Command::Show(indices)] = &commands[..] else { panic!("{commands:?}") };
    assert!(bench.sees("They are on their way.") && !indices.is_empty());
    bench.tell([Event::Pictures(Box::new(made_up::pictures(1, indices)))]);
    assert!(!bench.sees("on their way") && bench.sees(" images"));
    bench.harness.remove_cursor();
    bench.picture("saturation-images-dark.png");
    bench.click("Back");
    assert!(bench.sees("mean logit"));
}

#[test]
fn a_fresh_network_is_asked_for_and_told_beside_the_running_one() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 1240));
    assert!(bench.sees("The running network is blind") && bench.sees("a fresh one still reads 97 %"));
    assert!(bench.sees("fresh 97 %") && bench.sees("noiseless 98 %"), "beside the button, for want of room");
    bench.click("Enlarge Discriminator");
    bench.commands();
    bench.click("Probe now");
    assert!(matches!(bench.commands()[..], [Command::Probe]));
    assert!(bench.sees("Probing"));
    bench.tell([Event::Probed(made_up::probed(1, 1240))]);
    assert!(bench.sees("Probe now") && bench.sees("Step 1,240."));
}

#[test]
fn gradients_stand_beside_the_noise_through_which_they_are_read() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 400));
    assert!(!bench.sees("S/N"));
    bench.tell([Saturation { noise: Some(made_up::noise_level()), ..made_up::saturation(1, 400) }.into()]);
    assert!(bench.sees("S/N 0.12 to 0.93"));
    bench.picture("noise-dark.png");
    bench.click("Table");
    assert!(bench.sees("0.480"));
}

#[test]
fn robustness_shows_where_images_fall_and_for_what_they_are_taken() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 1240));
    bench.click("smallest ε");
    assert!(bench.sees("256 images; 0: wrong without attack"));
    bench.picture("smallest-dark.png");
    bench.click("mistakes");
    assert!(!bench.sees("256 images; 0: wrong"));
    bench.picture("mistakes-dark.png");
    bench.click("curves");
    assert!(bench.sees("One-step attacks alone prove nothing"));
}

#[test]
fn an_evaluation_in_l2_alone_is_shown_like_one_in_linf() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 400));
    let mut evaluation = robustness(1, 400, true);
    let points: Vec<Point> = [0.25, 0.5, 1.0]
        .into_iter()
        .zip(&evaluation.worst[0].points)
        .map(|(epsilon, point)| Point { epsilon, ..*point })
        .collect();
    let smallest = evaluation.worst[0].smallest.clone();
    let case = WorstCase { norm: Norm::L2, points: points.clone(), median: None, smallest };
    let curve = Curve { attack: AttackKind::PgdL2, target: TargetKind::Untargeted, points };
    (evaluation.curves, evaluation.worst, evaluation.mistakes) = (vec![curve], vec![case], vec![]);
    evaluation.class_images = vec![230, 26];
    bench.tell([evaluation.into()]);
    assert!(bench.sees("worst case at ε = 0.5") && bench.sees("pgd-l2") && !bench.sees("fgsm"));
    bench.picture("l2-dark.png");
    bench.click("smallest ε");
    assert!(bench.sees("256 images; 0: wrong without attack"));
    bench.click("mistakes");
    assert!(bench.sees("It comes with an untargeted L2 attack."));
}

#[test]
fn many_classes_with_long_and_foreign_names_leave_room_for_the_rest() {
    let mut bench = Bench::new();
    let mut info = made_up::info(1, made_up::config());
    let name = |class: usize| match class {
        0 => "短袖衬衫与很长很长的名字".to_owned(),
        1 => "\u{f8fff}\u{f8fff}".to_owned(),
        _ => format!("a class whose name is long, number {class}"),
    };
    info.classes = (0..40).map(name).collect();
    info.origins = info.classes.clone();
    let mut many = histograms(1, 100);
    many.classes = (0..4).flat_map(|_| many.classes.clone()).collect();
    let confusion = (0..1600).map(|entry| u32::from(entry % 41 == 0)).collect();
    let report = Report { confusion, ..report(1, 100, Hyper::default()) };
    bench.tell([info.into(), state(1, Activity::Running, 100), report.into(), many.into()]);
    assert!(bench.sees("a class whose name is…"), "long names are shortened");
    assert!(
        bench.sees("class 1") && bench.sees("cannot be drawn with the fonts here"),
        "no font has this one"
    );
    let has_font = great_lab::platform::system_font().is_some();
    assert_eq!(bench.sees("短袖衬衫"), has_font, "Chinese, where the system has a font for it");
    let pane = bench.lab(|lab| lab.pane_rects().iter().find(|(name, _)| *name == "histograms").unwrap().1);
    let chips = bench.harness.query_all_by_label_contains("a class whose name is…");
    // The chart above them keeps more than half of its pane.
    let highest = chips.map(|chip| chip.rect().top()).fold(f32::INFINITY, f32::min);
    assert!(highest > pane.center().y, "{highest} in {pane}");
    bench.picture("many-classes-dark.png");
}

#[test]
fn space_runs_and_pauses_and_steps_are_keys() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.press(Key::Space);
    assert!(matches!(bench.commands()[..], [Command::Run]));
    bench.tell([state(1, Activity::Running, 3)]);
    bench.press(Key::Space);
    assert!(matches!(bench.commands()[..], [Command::Pause]));
    bench.press(Key::ArrowRight);
    assert!(bench.commands().is_empty(), "no steps while running");
    bench.tell([state(1, Activity::Paused, 5)]);
    bench.press(Key::ArrowRight);
    bench.press(Key::A);
    bench.press(Key::M);
    let steps = bench.commands();
    for (command, players) in steps.iter().zip([Players::Both, Players::Auxiliary, Players::Main]) {
        assert!(is(command, &Command::Step(players, 1)), "{command:?}");
    }
    assert_eq!(steps.len(), 3);
    bench.press(Key::S);
    bench.press(Key::E);
    assert!(matches!(bench.commands()[..], [Command::Save, Command::Evaluate { .. }]));
    bench.tell([state(1, Activity::Finished, 3000)]);
    bench.press(Key::Space);
    assert!(bench.commands().is_empty(), "a finished run stays finished");
}

#[test]
fn buttons_do_what_they_say() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.click("Run");
    bench.click("Step");
    bench.click("Evaluate now");
    let commands = bench.commands();
    assert!(matches!(
        commands[..],
        [Command::Run, Command::Step(Players::Both, 1), Command::Evaluate { samples: 256, .. }]
    ));
    let Command::Evaluate { threats, .. } = &commands[2] else { unreachable!("matched above") };
    assert!(threats.iter().any(|threat| threat.attack == AttackKind::Pgd && threat.epsilon == 0.1));
    bench.tell([state(1, Activity::Running, 1)]);
    bench.click("Pause");
    assert!(matches!(bench.commands()[..], [Command::Pause]));
}

#[test]
fn a_slider_changes_what_the_trainer_reads_next() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Running, 0)]);
    assert!(!bench.trainer.hyper.has_changed().expect("the window lives"));
    bench.harness.get_all_by_label("α adversary").next().expect("a slider").set_value_accesskit(0.5);
    bench.harness.run();
    assert!(bench.trainer.hyper.has_changed().expect("the window lives"));
    assert_eq!(bench.trainer.hyper.borrow_and_update().alpha, 0.5);
    assert!(bench.commands().is_empty(), "a live knob takes no command");
}

#[test]
fn dragging_a_slider_changes_the_value_too() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Running, 0)]);
    let rect = bench.harness.get_all_by_label("β GREACE").next().expect("a slider").rect();
    let at = rect.left_center() + egui::vec2(rect.width() * 0.05, 0.0);
    bench.harness.drag_at(at);
    bench.harness.run();
    bench.harness.drop_at(at + egui::vec2(rect.width() * 0.4, 0.0));
    bench.harness.run();
    let beta = bench.trainer.hyper.borrow().beta;
    assert!(beta > 0.0 && beta != 0.2, "{beta}");
}

#[test]
fn a_new_setup_waits_for_reset_and_says_so() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 100));
    assert!(!bench.sees("Applies at Reset:"));
    let combo = bench.harness.get_all_by_value("great+greace").next().expect("the toolbar's mode");
    combo.click();
    bench.harness.run();
    bench.click("pgd-at");
    assert!(bench.sees("Applies at Reset: mode."));
    bench.picture("changed-dark.png");
    assert!(bench.commands().is_empty());
    bench.press(Key::R);
    let commands = bench.commands();
    let [Command::Reset(setup)] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(setup.mode, Mode::PgdAt);
}

#[test]
fn running_a_run_that_has_not_begun_takes_the_chosen_setup() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    bench.harness.get_all_by_value("cnn-small").next().expect("the toolbar's network").click();
    bench.harness.run();
    bench.click("cnn-medium");
    bench.press(Key::Space);
    assert!(matches!(bench.commands()[..], [Command::Reset(_), Command::Run]));
}

#[test]
fn events_of_an_older_run_are_ignored() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 100));
    bench.tell([started(2), state(2, Activity::Paused, 0)]);
    assert_eq!(bench.lab(Lab::kept_reports), 0);
    bench.tell([
        report(1, 110, Hyper::default()).into(),
        histograms(1, 110).into(),
        samples(1, 110).into(),
        robustness(1, 110, true).into(),
        state(1, Activity::Running, 110),
        started(1),
    ]);
    assert_eq!(bench.lab(Lab::kept_reports), 0);
    assert!(bench.sees("step 0 of 3,000") && bench.sees("They come every 50 steps") && bench.sees("Ready"));
    bench.tell([report(2, 10, Hyper::default()).into()]);
    assert_eq!(bench.lab(Lab::kept_reports), 1);
}

#[test]
fn a_flood_of_reports_stays_bounded() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Running, 0)]);
    // Frames of panes that are not looked at cost the test, not the claim: the channel is drained by any frame.
    let one = report(1, 1, Hyper::default());
    bench.tell((1..=100_000_u64).map(|step| Report { step, ..one.clone() }.into()));
    let kept = bench.lab(Lab::kept_reports);
    assert!((1_000..5_000).contains(&kept), "{kept}");
    assert!(bench.sees("step 100,000"));
}

#[test]
fn a_failure_stays_until_it_is_dismissed_and_can_be_copied() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 100));
    let failure = Failure {
        run: 1,
        what: "The loss became NaN at step 117.".into(),
        advice: "Lower α or the learning rate, then Reset.".into(),
    };
    bench.tell([Event::Failed(failure.clone()), Event::Failed(failure), state(1, Activity::Paused, 117)]);
    assert!(bench.sees("The loss became NaN"));
    bench.picture("failure-dark.png");
    bench.tell([report(1, 120, Hyper::default()).into()]);
    bench.harness.get_by_label("Copy").click();
    bench.harness.step();
    let copied = bench.harness.output().platform_output.commands.iter().any(|command| {
        matches!(command, egui::OutputCommand::CopyText(text) if text.contains("NaN") && text.contains("Lower α"))
    });
    bench.click("Dismiss");
    assert!(!bench.sees("The loss became NaN"));
    assert!(copied, "copied text");
}

#[test]
fn the_devices_notice_is_shown_until_it_is_dismissed() {
    let mut bench = Bench::new();
    let mut info = made_up::info(1, made_up::config());
    info.device.notice = Some("No GPU was found: training runs on the CPU, slowly.".into());
    bench.tell([info.into(), state(1, Activity::Paused, 0)]);
    assert!(bench.sees("No GPU was found"));
    bench.picture("notice-dark.png");
    bench.click("Dismiss notice");
    assert!(!bench.sees("No GPU was found"));
}

#[test]
fn every_pane_copies_its_figures() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 400));
    for (pane, expected) in [
        ("metrics", "step,seconds,epoch,alpha,loss"),
        ("histograms", "step,alignment,class,statistic"),
        ("discriminator", "true_class,read_as,count"),
        ("robustness", "evaluation,step,attack,target,epsilon,images,correct,accuracy"),
        ("samples", "step,epsilon,sample"),
        ("audit", "step,check,verdict,figure,why"),
        ("knobs", "knob,value,default"),
        ("game", "figure,value"),
    ] {
        let about = bench.panes().into_iter().find(|about| about.name == pane).expect("a pane");
        bench.click(&format!("Export {}", about.title));
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
        assert!(copied.starts_with(expected) && copied.lines().count() > 3, "{pane:?}: {copied}");
        for column in copied.lines().next().unwrap_or_default().split(',') {
            let page = include_str!("../../docs/files.md");
            let (_, window) = page.split_once("## What the window exports").expect("a section");
            assert!(
                window.contains(&format!("`{column}`")),
                "docs/files.md does not explain {column} of {pane}"
            );
        }
        bench.harness.run();
    }
}

#[test]
fn a_pane_fills_the_window_and_goes_back() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 400));
    bench.click("Enlarge Discriminator");
    assert_eq!(bench.lab(|lab| lab.pane_rects().len()), 1);
    assert!(bench.lab(|lab| lab.pane_rects()[0].1.width()) > 1200.0);
    bench.picture("enlarged-dark.png");
    bench.press(Key::Escape);
    assert_eq!(bench.lab(|lab| lab.pane_rects().len()), 9);
}

#[test]
fn histograms_can_be_seen_as_percentiles_and_as_a_table() {
    let mut bench = Bench::with(Vec2::new(1280.0, 800.0), Theme::Light, Options::default());
    bench.tell(a_run(1, 400));
    bench.click("Percentiles");
    bench.picture("percentiles-light.png");
    bench.click("Table");
    assert!(bench.sees("93 %") && bench.sees("smallest") && bench.sees("deviation"));
    bench.picture("table-light.png");
    bench.click("Histogram");
    let chip = bench.harness.get_all_by_role_and_label(egui::accesskit::Role::CheckBox, "Sandal").next();
    chip.expect("a class's switch").click();
    bench.harness.run();
    let before = bench.picture("one-class-off-light.png").map(|image| image.pixels);
    bench.harness.get_by_role_and_label(egui::accesskit::Role::CheckBox, "Sandal").click();
    bench.harness.run();
    let after = bench.picture("all-classes-light.png").map(|image| image.pixels);
    assert!(before != after || before.is_none());
}

#[test]
fn a_small_window_still_shows_everything() {
    let mut bench = Bench::with(Vec2::new(960.0, 600.0), Theme::Dark, Options::default());
    bench.tell(a_run(1, 1240));
    bench.picture("small-dark.png");
    for about in bench
        .panes()
        .into_iter()
        .filter(|about| !["tasks", "fork"].contains(&about.name) && about.share > 0.0)
        .filter(|about| about.data.includes(false))
    {
        assert!(bench.sees(about.title), "{}", about.title);
    }
    let inside = bench
        .lab(|lab| lab.pane_rects().iter().all(|(_, rect)| rect.right() <= 960.0 && rect.width() > 100.0));
    assert!(inside);
}

#[test]
fn the_sheet_of_shortcuts_opens_beside_the_work() {
    let mut bench = Bench::new();
    bench.tell(a_run(1, 200));
    bench.press(Key::F1);
    assert!(bench.sees("run or pause") && bench.sees("drop a checkpoint"));
    bench.picture("shortcuts-dark.png");
    bench.press(Key::Space);
    assert!(matches!(bench.commands()[..], [Command::Pause]), "keys go on working");
    bench.press(Key::Escape);
    assert!(!bench.sees("drop a checkpoint"));
}

#[test]
fn run_at_once_runs_when_the_run_is_ready() {
    let mut bench = Bench::with(
        Vec2::new(1280.0, 800.0),
        Theme::Dark,
        Options { run_at_once: true, ..Options::default() },
    );
    assert!(bench.commands().is_empty());
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    assert!(matches!(bench.commands()[..], [Command::Run]));
    bench.tell([started(2), state(2, Activity::Paused, 0)]);
    assert!(bench.commands().is_empty(), "a reset does not run by itself");
}

#[test]
fn a_checkpoint_brings_its_knobs() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    let path = std::env::temp_dir().join(format!("great-lab-window-{}.safetensors", std::process::id()));
    std::fs::write(&path, b"weights").expect("a temporary file");
    bench.harness.input_mut().dropped_files.push(std::sync::Arc::new(Dropped(path.clone())));
    let loaded = (0..500).find_map(|_| {
        bench.harness.step();
        std::thread::yield_now();
        bench.commands().into_iter().next()
    });
    std::fs::remove_file(path).expect("written above");
    assert!(matches!(&loaded, Some(Command::Load(bytes)) if bytes == b"weights"), "{loaded:?}");
    let config = Config { hyper: Hyper { alpha: 0.75, ..Hyper::default() }, ..made_up::config() };
    bench.tell([made_up::info(2, config).into(), state(2, Activity::Paused, 500)]);
    assert_eq!(bench.trainer.hyper.borrow().alpha, 0.75);
}

/// A file dropped onto the window.
#[derive(Debug)]
struct Dropped(std::path::PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &std::path::Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

#[test]
fn the_pictures_are_not_blank_in_either_theme_and_size() {
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        for (width, height) in [(1280.0, 800.0), (1920.0, 1080.0)] {
            let mut bench = Bench::with(Vec2::new(width, height), theme, Options::default());
            bench.tell(a_run(1, 1240));
            bench.harness.get_all_by_label("Keep as baseline").next().expect("a button").click();
            bench.tell([
                report(1, 1250, Hyper::default()).into(),
                samples(1, 1250).into(),
                robustness(1, 1400, true).into(),
            ]);
            let Some(image) = bench.picture(&format!("{name}-{width}.png")) else { return };
            let colors: HashSet<Color32> = image.pixels.iter().copied().collect();
            assert!(colors.len() > 500, "{} colours", colors.len());
            for (pane, rect) in bench.lab(|lab| lab.pane_rects().to_vec()) {
                let part = image.region(&rect, None);
                let mut counts = std::collections::HashMap::<Color32, usize>::new();
                part.pixels.iter().for_each(|pixel| *counts.entry(*pixel).or_default() += 1);
                let ground = counts.values().max().copied().unwrap_or(0);
                let drawn = part.pixels.len() - ground;
                assert!(
                    drawn * 100 > part.pixels.len() * 3,
                    "{pane:?}: {drawn} of {} drawn",
                    part.pixels.len()
                );
                assert!(counts.len() > 30, "{pane:?}: {} colours", counts.len());
            }
        }
    }
}
