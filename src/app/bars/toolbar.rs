//! The top line: what is trained, the buttons that drive it, and how fast it goes.

use egui::{Layout, RichText, ScrollArea, Theme, Ui};

use crate::app::bars::setup;
use crate::app::draw::icons::{self, Icon};
use crate::app::draw::theme::small;
use crate::app::layout::Layout as Laid;
use crate::app::pane::Scope;
use crate::config::{KEPT_TEACHER, Players, ScenarioKind, link};
use crate::platform;
use crate::protocol::{Activity, Command};
use crate::runs::bundle::EXTENSION;
use crate::show::number::{count, figure};

/// What was chosen that only the whole window can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Show or hide the sheet of shortcuts.
    pub shortcuts: bool,
    /// Put the panes back.
    pub arrange: bool,
    /// Show or hide the runs that were kept.
    pub runs: bool,
    /// Show or hide the sweep.
    pub sweep: bool,
    /// Take the guided tour.
    pub tour: bool,
    /// Show the ready-made runs.
    pub examples: bool,
}

/// Height of the top line: one for a pointer, two or one for a thumb.
pub fn height(layout: Laid) -> f32 {
    match layout {
        Laid::Wide => 38.0,
        Laid::Tablet => 100.0,
        Laid::Upright | Laid::Lying => 52.0,
    }
}

/// Draws the top line.
pub fn ui(ui: &mut Ui, scope: &mut Scope<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    match scope.layout {
        Laid::Wide => {
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 5.0;
                wordmark(ui, scope);
                menu_ui(ui, scope, &mut wanted);
                setup::ui(ui, scope);
                ui.add_space(6.0);
                drive_ui(ui, scope);
                let right = Layout::right_to_left(egui::Align::Center);
                ui.with_layout(right, |ui| right_ui(ui, scope, &mut wanted));
            });
        }
        Laid::Tablet => {
            ui.add_space(3.0);
            ui.horizontal(|ui| {
                wordmark(ui, scope);
                menu_ui(ui, scope, &mut wanted);
                drive_ui(ui, scope);
                let right = Layout::right_to_left(egui::Align::Center);
                ui.with_layout(right, |ui| right_ui(ui, scope, &mut wanted));
            });
            ui.horizontal(|ui| setup::ui(ui, scope));
        }
        Laid::Upright | Laid::Lying => {
            ui.horizontal_centered(|ui| {
                menu_ui(ui, scope, &mut wanted);
                drive_ui(ui, scope);
                let right = Layout::right_to_left(egui::Align::Center);
                ui.with_layout(right, |ui| step_ui(ui, scope));
            });
        }
    }
    wanted
}

fn wordmark(ui: &mut Ui, scope: &Scope<'_>) {
    let mut job = egui::text::LayoutJob::default();
    let format = |color| egui::TextFormat::simple(egui::FontId::proportional(15.0), color);
    job.append("GREAT ", 0.0, format(scope.palette.text));
    job.append("Lab", 0.0, format(scope.palette.auxiliary));
    ui.label(job).on_hover_text("Gradient adversarial training of neural networks (Sinha et al. 2018)");
    ui.add_space(4.0);
}

fn menu_ui(ui: &mut Ui, scope: &mut Scope<'_>, wanted: &mut Wanted) {
    if scope.is_embedded {
        return;
    }
    let most = ui.ctx().content_rect().height() - 80.0;
    ui.menu_button("File", |ui| {
        // More lines than a telephone has room for.
        ScrollArea::vertical().max_height(most).show(ui, |ui| items_ui(ui, scope, wanted));
    });
}

fn items_ui(ui: &mut Ui, scope: &mut Scope<'_>, wanted: &mut Wanted) {
    ui.set_min_width(180.0);
    wanted.tour |= ui.button("Guided tour").on_hover_text("Ten stops, about five minutes").clicked();
    let about = "Ready-made runs: some to begin with, each with one thing to see; then the paper's rows and what they are held against, on the data at hand";
    wanted.examples |= ui.button("Examples…").on_hover_text(about).clicked();
    if ui.button("Open data folder…").clicked() {
        scope.exports.await_answer(platform::pick_folder());
    }
    let about = "One that somebody else trained (ONNX): to look at its gradients, attack it, and train it on";
    if ui.button("Open network…").on_hover_text(about).clicked() {
        scope.exports.await_answer(platform::pick_network());
    }
    if ui.button("Draw a world…").on_hover_text("Paint the points that are learned").clicked() {
        scope.pad.open(&scope.controls.config.setup.drawing);
    }
    if ui.button("Load checkpoint…").clicked() {
        scope.exports.await_answer(platform::open_bytes("checkpoint", &["safetensors"]));
    }
    if ui.button("Open a kept run…").on_hover_text("One that somebody passed on").clicked() {
        scope.exports.await_answer(platform::open_bytes("run of the lab", &[EXTENSION]));
    }
    if ui.add(egui::Button::new("Save checkpoint…").shortcut_text("S")).clicked() {
        scope.controls.save();
    }
    let teach = ui.button("Make it the teacher").on_hover_text(
        "Keep the main network as it is now, and let the next run be a distillation that imitates it",
    );
    if teach.clicked() {
        scope.controls.send(Command::Teach);
        scope.controls.config.setup.scenario = ScenarioKind::Distillation;
        scope.controls.config.setup.teacher = KEPT_TEACHER.into();
    }
    let fork = egui::Button::new("Fork here").shortcut_text("F");
    let hint = fork_hint(scope);
    let fork = ui.add_enabled(scope.can_fork(), fork).on_hover_text(hint).on_disabled_hover_text(hint);
    if fork.clicked() {
        scope.controls.fork();
    }
    let runs = ui.add(egui::Button::new("Runs").shortcut_text("O"));
    wanted.runs |= runs.on_hover_text("The runs that were kept, by name, knob or figure").clicked();
    let past = egui::Button::new("Back in time").shortcut_text("T");
    let can_look_back = scope.history.latest.is_some() && scope.shelf.shown.is_none();
    if ui.add_enabled(can_look_back, past).on_hover_text("This run as it was").clicked() {
        scope.shelf.look_back(scope.history);
    }
    let sweep = ui.add(egui::Button::new("Sweep").shortcut_text("W"));
    wanted.sweep |=
        sweep.on_hover_text("Several runs, one after the other: values of knobs, seeds").clicked();
    let about = "Data, network, seed and every knob that differs from its default";
    let copy = ui.add(egui::Button::new("Copy link").shortcut_text("L"));
    if copy.on_hover_text(about).clicked() {
        copy_link(ui.ctx(), scope);
    }
    ui.separator();
    window_items_ui(ui, scope, wanted);
}

/// What is about the window, and not about the run.
fn window_items_ui(ui: &mut Ui, scope: &Scope<'_>, wanted: &mut Wanted) {
    if ui.button("Put panes back").clicked() {
        wanted.arrange = true;
    }
    if ui.add(egui::Button::new("Shortcuts").shortcut_text("F1")).clicked() {
        wanted.shortcuts = true;
    }
    if scope.layout.is_phone() {
        let (name, theme) = other_theme(ui);
        if ui.button(name).clicked() {
            ui.ctx().set_theme(theme);
        }
    }
}

/// The theme that is not shown, by its name.
fn other_theme(ui: &Ui) -> (&'static str, Theme) {
    match ui.ctx().theme() {
        Theme::Dark => ("Light theme", Theme::Light),
        Theme::Light => ("Dark theme", Theme::Dark),
    }
}

/// Puts the run as the knobs say it into the clipboard, as a link.
pub fn copy_link(ctx: &egui::Context, scope: &mut Scope<'_>) {
    let shared = platform::share(&link::write(&scope.controls.config));
    scope.history.notice = Some(format!("Copied {shared}"));
    ctx.copy_text(shared);
}

/// Run or Pause, Step, Reset.
fn drive_ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let activity = scope.history.activity();
    let accent = scope.palette.accent;
    let is_phone = scope.layout.is_phone();
    // A telephone has room for the icon.
    let named = |name: &'static str| if is_phone { "" } else { name };
    let (icon, text, hover, fill) = match activity {
        Activity::Running => (Icon::Pause, "Pause", "Stop after this step (Space)", None),
        Activity::Finished => (Icon::Run, "Finished", "All steps are done. Reset (R) starts anew.", None),
        _ => (Icon::Run, "Run", "Train (Space)", Some(accent)),
    };
    let button = ui
        .add_enabled_ui(activity != Activity::Finished, |ui| icons::button(ui, icon, text, text, fill))
        .inner;
    if button.on_hover_text(hover).on_disabled_hover_text(hover).clicked() {
        scope.controls.run_or_pause(scope.history);
    }
    let can_step = activity == Activity::Paused;
    ui.add_enabled_ui(can_step, |ui| {
        ui.spacing_mut().item_spacing.x = 1.0;
        let step = icons::button(ui, Icon::Step, named("Step"), "Step", None);
        if step.on_hover_text("One step of both networks (→)").clicked() {
            scope.controls.step(Players::Both);
        }
        if is_phone {
            return;
        }
        ui.menu_button("▾", |ui| {
            for (name, key, players) in [
                ("Both networks", "→", Players::Both),
                ("Auxiliary network alone", "A", Players::Auxiliary),
                ("Main network alone", "M", Players::Main),
            ] {
                if ui.add(egui::Button::new(name).shortcut_text(key)).clicked() {
                    scope.controls.step(players);
                }
            }
        })
        .response
        .on_hover_text("Step one network alone");
    });
    let changed = scope.controls.setup_changed(scope.history);
    let fill = changed.then_some(accent).filter(|_| activity != Activity::Paused || scope.history.step() > 0);
    let hover = if changed { "Start anew with the chosen setup (R)" } else { "Start anew (R)" };
    if icons::button(ui, Icon::Reset, named("Reset"), "Reset", fill).on_hover_text(hover).clicked() {
        scope.controls.reset();
    }
    if is_phone {
        // Forking stands in the menu.
        return;
    }
    let can_fork = scope.can_fork();
    let hover = fork_hint(scope);
    let button = ui.add_enabled_ui(can_fork, |ui| icons::button(ui, Icon::Fork, "", "Fork here", None)).inner;
    if button.on_hover_text(hover).on_disabled_hover_text(hover).clicked() {
        scope.controls.fork();
    }
}

/// What forking does, or why it cannot be done.
fn fork_hint(scope: &Scope<'_>) -> &'static str {
    match scope.history.activity() {
        _ if scope.pair.is_some() => "Two runs go on already: keep one of them first.",
        Activity::Finished => "All steps are done: nothing would go on.",
        Activity::Preparing => "The run is not ready yet.",
        Activity::Paused | Activity::Running => {
            "Fork here: a copy of this run goes on beside it, from this very step and on the same batches. Turn a knob of the copy and see what it does (F)."
        }
    }
}

/// From the right: help, theme, device, speed, step.
fn right_ui(ui: &mut Ui, scope: &Scope<'_>, wanted: &mut Wanted) {
    if icons::quiet_button(ui, Icon::Help, "Shortcuts").clicked() {
        wanted.shortcuts = true;
    }
    let (name, theme) = other_theme(ui);
    if icons::quiet_button(ui, Icon::Theme, name).clicked() {
        ui.ctx().set_theme(theme);
    }
    if icons::quiet_button(ui, Icon::Runs, "Runs").clicked() {
        wanted.runs = true;
    }
    ui.add_space(2.0);
    let Some(info) = &scope.history.info else { return };
    let weak = scope.palette.weak;
    let step = step_text(scope);
    let device = &info.device;
    let about = format!(
        "{} ({}){}",
        device.name,
        device.backend,
        device.notice.as_ref().map_or(String::new(), |notice| format!("\n{notice}"))
    );
    // Device names are long: what is left of the line is theirs, after the step.
    let step = RichText::new(step).font(small());
    let room = ui.available_width() - 10.0;
    let width = egui::WidgetText::from(step.clone()).into_galley(
        ui,
        Some(egui::TextWrapMode::Extend),
        f32::INFINITY,
        egui::TextStyle::Body,
    );
    let left = room - width.size().x;
    if left > 40.0 {
        ui.scope(|ui| {
            ui.set_max_width(left);
            let name = RichText::new(&device.name).font(small()).color(weak);
            ui.add(egui::Label::new(name).truncate()).on_hover_text(about);
        });
    }
    ui.add(egui::Label::new(step).truncate());
}

/// The step alone.
fn step_ui(ui: &mut Ui, scope: &Scope<'_>) {
    if scope.history.info.is_some() {
        ui.add(egui::Label::new(RichText::new(step_text(scope)).font(small())).truncate());
    }
}

/// How far the run, or its teacher, is.
fn step_text(scope: &Scope<'_>) -> String {
    let history = &scope.history;
    let speed = history.latest.as_ref().filter(|_| history.activity() == Activity::Running);
    let speed = speed.map_or(String::new(), |report| format!(" · {} it/s", figure(report.steps_per_second)));
    match &history.preparing {
        Some(teacher) if history.step() == 0 => {
            format!("teacher: step {} of {}", count(teacher.done), count(teacher.steps))
        }
        _ => format!("step {} of {}{speed}", count(history.step()), count(history.steps())),
    }
}
