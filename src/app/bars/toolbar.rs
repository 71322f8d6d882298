//! The top line: what is trained, the buttons that drive it, and how fast it goes.

use egui::{ComboBox, Layout, RichText, Theme, Ui};

use crate::app::draw::icons::{self, Icon};
use crate::app::draw::theme::small;
use crate::app::pane::Scope;
use crate::config::{
    BUILT_IN_DATA, EXAMPLES, KEPT_TEACHER, Method, NetworkKind, Players, ScenarioKind, Setup, link,
};
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
}

/// Draws the top line.
pub fn ui(ui: &mut Ui, scope: &mut Scope<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        wordmark(ui, scope);
        menu_ui(ui, scope, &mut wanted);
        setup_ui(ui, scope);
        ui.add_space(6.0);
        drive_ui(ui, scope);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| right_ui(ui, scope, &mut wanted));
    });
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
    ui.menu_button("File", |ui| {
        if ui.button("Open data folder…").clicked() {
            scope.exports.await_answer(platform::pick_folder());
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
        ui.menu_button("Examples", |ui| {
            for example in &EXAMPLES {
                if ui.button(example.title).on_hover_text(example.about).clicked() {
                    scope.controls.begin(example);
                }
            }
        })
        .response
        .on_hover_text(
            "Ready-made runs: the paper's rows and what they are held against, on the data at hand",
        );
        let fork = egui::Button::new("Fork here").shortcut_text("F");
        let hint = fork_hint(scope);
        let fork = ui.add_enabled(scope.can_fork(), fork).on_hover_text(hint).on_disabled_hover_text(hint);
        if fork.clicked() {
            scope.controls.fork();
        }
        let runs = ui.add(egui::Button::new("Runs").shortcut_text("O"));
        wanted.runs |= runs.on_hover_text("The runs that were kept, by name, knob or figure").clicked();
        let sweep = ui.add(egui::Button::new("Sweep").shortcut_text("W"));
        wanted.sweep |=
            sweep.on_hover_text("Several runs, one after the other: values of knobs, seeds").clicked();
        let about = "Data, network, seed and every knob that differs from its default";
        let copy = ui.add(egui::Button::new("Copy link").shortcut_text("L"));
        if copy.on_hover_text(about).clicked() {
            copy_link(ui.ctx(), scope);
        }
        ui.separator();
        if ui.button("Put panes back").clicked() {
            wanted.arrange = true;
        }
        if ui.add(egui::Button::new("Shortcuts").shortcut_text("F1")).clicked() {
            wanted.shortcuts = true;
        }
    });
}

/// Puts the run as the knobs say it into the clipboard, as a link.
pub fn copy_link(ctx: &egui::Context, scope: &mut Scope<'_>) {
    let shared = platform::share(&link::write(&scope.controls.config));
    scope.history.notice = Some(format!("Copied {shared}"));
    ctx.copy_text(shared);
}

/// Data, network and mode; they are the next run's.
fn setup_ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let hint = |changed: bool| {
        if changed { "Applies at Reset (R)" } else { "Fixed during a run; choose for the next" }
    };
    let running = scope.history.info.as_ref().map(|info| info.config.setup.clone());
    let setup = &mut scope.controls.config.setup;
    let changed = |same: bool| running.is_some() && !same;
    let same = running.as_ref().is_none_or(|running| running.scenario == setup.scenario);
    let text = mark(setup.scenario.name(), changed(same));
    let combo = ComboBox::from_id_salt("toolbar scenario").selected_text(text).width(84.0).truncate();
    let response = combo.show_ui(ui, |ui| {
        for (scenario, about) in [
            (ScenarioKind::Defense, "Gradient tensors of different classes must look alike."),
            (ScenarioKind::Distillation, "A student's gradient tensors must look like its teacher's."),
            (ScenarioKind::Multitask, "Gradient tensors of different tasks must look alike."),
        ] {
            ui.selectable_value(&mut setup.scenario, scenario, scenario.name()).on_hover_text(about);
        }
    });
    response
        .response
        .on_hover_text(format!("Which gradient tensors must look alike. {}", hint(changed(same))));

    let same = running.as_ref().is_none_or(|running| running.data == setup.data);
    let shown = setup.data.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or("data").to_owned();
    let mut open = false;
    let combo = ComboBox::from_id_salt("toolbar data")
        .selected_text(mark(&shown, changed(same)))
        .width(116.0)
        .truncate();
    let response = combo.show_ui(ui, |ui| {
        for name in BUILT_IN_DATA {
            ui.selectable_value(&mut setup.data, name.into(), name);
        }
        if !BUILT_IN_DATA.contains(&setup.data.as_str()) {
            ui.selectable_label(true, &shown).on_hover_text(&setup.data);
        }
        open = ui.button("Open folder…").clicked();
    });
    response.response.on_hover_text(format!("Data. {}", hint(changed(same))));

    let same = running.as_ref().is_none_or(|running| running.network == setup.network);
    let text = mark(setup.network.name(), changed(same));
    let combo = ComboBox::from_id_salt("toolbar network").selected_text(text).width(96.0).truncate();
    let response = combo.show_ui(ui, |ui| {
        for network in NetworkKind::ALL {
            ui.selectable_value(&mut setup.network, *network, network.name());
        }
    });
    response.response.on_hover_text(format!("Network. {}", hint(changed(same))));

    let same = running.as_ref().is_none_or(|running| running.method() == setup.method());
    method_ui(ui, setup, changed(same)).on_hover_text(format!("How it is trained. {}", hint(changed(same))));
    if open {
        scope.exports.await_answer(platform::pick_folder());
    }
}

/// The mode of a defence, the method of a distillation.
fn method_ui(ui: &mut Ui, setup: &mut Setup, changed: bool) -> egui::Response {
    let text = mark(setup.method().name(), changed);
    let combo = ComboBox::from_id_salt("toolbar mode").selected_text(text).width(116.0).truncate();
    let mut chosen = setup.method();
    let response = combo.show_ui(ui, |ui| {
        for method in Method::all(setup.scenario) {
            let row = ui.selectable_value(&mut chosen, method, method.name());
            row.on_hover_text(method.about().to_string());
        }
    });
    setup.train_by(chosen);
    response.response
}

fn mark(text: &str, changed: bool) -> String {
    if changed { format!("• {text}") } else { text.into() }
}

/// Run or Pause, Step, Reset.
fn drive_ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let activity = scope.history.activity();
    let accent = scope.palette.accent;
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
        let step = icons::button(ui, Icon::Step, "Step", "Step", None);
        if step.on_hover_text("One step of both networks (→)").clicked() {
            scope.controls.step(Players::Both);
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
    if icons::button(ui, Icon::Reset, "Reset", "Reset", fill).on_hover_text(hover).clicked() {
        scope.controls.reset();
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
    let (name, theme) = match ui.ctx().theme() {
        Theme::Dark => ("Light theme", Theme::Light),
        Theme::Light => ("Dark theme", Theme::Dark),
    };
    if icons::quiet_button(ui, Icon::Theme, name).clicked() {
        ui.ctx().set_theme(theme);
    }
    if icons::quiet_button(ui, Icon::Runs, "Runs").clicked() {
        wanted.runs = true;
    }
    ui.add_space(2.0);
    let Some(info) = &scope.history.info else { return };
    let weak = scope.palette.weak;
    let speed = scope.history.latest.as_ref().filter(|_| scope.history.activity() == Activity::Running);
    let speed = speed.map_or(String::new(), |report| format!(" · {} it/s", figure(report.steps_per_second)));
    let step = match &scope.history.preparing {
        Some(teacher) if scope.history.step() == 0 => {
            format!("teacher: step {} of {}", count(teacher.done), count(teacher.steps))
        }
        _ => format!("step {} of {}{speed}", count(scope.history.step()), count(scope.history.steps())),
    };
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
