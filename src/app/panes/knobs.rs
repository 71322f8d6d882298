//! Every knob of the table: those of a run in progress, and those that the next run takes.

use egui::{RichText, Ui, vec2};

use crate::app::bars::setup;
use crate::app::draw::fields;
use crate::app::draw::theme::{self, Palette, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::controls::Controls;
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::config::knob::{Kind, Value};
use crate::config::{Config, KNOBS, Knob, Section};
use crate::platform;
use crate::show::Table;

/// The pane's own name.
pub const NAME: &str = "knobs";
/// Height of a row: for a pointer, and for a thumb.
const ROW: [f32; 2] = [19.0, 44.0];

/// The pane of knobs.
#[derive(Default)]
pub struct Knobs;

static ABOUT: About = About {
    name: NAME,
    title: "Knobs",
    question: "live: from the next step on",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Left,
    share: 0.53,
};

impl Pane for Knobs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        if scope.is_kept {
            // They say what the run had; nobody is there to read them.
            ui.disable();
        }
        if scope.layout.is_phone() {
            // There is no room for it above.
            ui.horizontal_wrapped(|ui| setup::ui(ui, scope));
        }
        changes_ui(ui, scope);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            // What is used is what the run in progress uses.
            let mut running = scope.controls.config.clone();
            if let Some(info) = &scope.history.info {
                running.setup = info.config.setup.clone();
            }
            for section in Section::ALL.into_iter().filter(|section| *section != Section::NextRun) {
                let mut knobs = knobs_of(section, &running).peekable();
                if knobs.peek().is_some() {
                    heading_ui(ui, &scope.palette, section);
                }
                for knob in knobs {
                    let unused = knob.unused(&running, None);
                    knob_ui(ui, &scope.palette, knob, &mut scope.controls.config, unused);
                }
            }
            ui.add_space(6.0);
            next_run_ui(ui, scope);
            ui.add_space(4.0);
        });
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let mut table = Table::new(["knob", "value", "default", "unit"]);
        table.extend(KNOBS.iter().map(|knob| {
            let value = knob.show(&knob.read(&scope.controls.config));
            let start = knob.start_value(scope.controls.config.setup.scenario);
            vec![knob.name.into(), value, knob.show(&start), knob.unit.into()]
        }));
        table
    }
}

/// The knobs of a section that say something about such a run.
fn knobs_of(section: Section, config: &Config) -> impl Iterator<Item = &'static Knob> {
    let scenario = config.setup.scenario;
    KNOBS.iter().filter(move |knob| knob.section == section && knob.applies_to(scenario))
}

fn heading_ui(ui: &mut Ui, palette: &Palette, section: Section) {
    ui.add_space(4.0);
    ui.label(RichText::new(section.heading().to_uppercase()).font(tiny()).color(palette.weak));
}

/// What waits for a Reset, where something does.
fn changes_ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let changed = changed_setup(scope.history, scope.controls);
    if !changed.is_empty() {
        let palette = scope.palette;
        egui::Frame::new().fill(palette.shade(palette.accent, 0.16)).corner_radius(5).inner_margin(6).show(
            ui,
            |ui| {
                ui.set_width(ui.available_width());
                ui.label(RichText::new(format!("Applies at Reset: {}.", changed.join(", "))).size(11.5));
                ui.horizontal(|ui| {
                    if ui.button("Reset now").clicked() {
                        scope.controls.reset();
                    }
                    if ui.button("Undo").on_hover_text("Back to the setup of this run").clicked()
                        && let Some(info) = &scope.history.info
                    {
                        scope.controls.config.setup = info.config.setup.clone();
                    }
                });
            },
        );
        ui.add_space(2.0);
    }
}

/// What the next run takes; shut until somebody wants it.
fn next_run_ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let heading = Section::NextRun.heading().to_uppercase();
    let title = RichText::new(heading).font(tiny()).color(scope.palette.weak);
    egui::CollapsingHeader::new(title).id_salt("next run").default_open(false).show_unindented(ui, |ui| {
        ui.label(RichText::new("Takes effect at Reset (R).").font(tiny()).color(scope.palette.weak));
        let next = scope.controls.config.clone();
        let device = scope.history.info.as_ref().map(|info| &info.device);
        for knob in knobs_of(Section::NextRun, &next) {
            let unused = knob.unused(&next, device);
            knob_ui(ui, &scope.palette, knob, &mut scope.controls.config, unused);
        }
        if ui
            .button("Open data folder…")
            .on_hover_text("IDX, IDX.gz, CIFAR-10, .npz; starts a new run")
            .clicked()
        {
            scope.exports.await_answer(platform::pick_folder());
        }
    });
}

/// Names of the setup knobs that differ from the run's.
fn changed_setup(history: &History, controls: &Controls) -> Vec<&'static str> {
    let Some(info) = &history.info else { return Vec::new() };
    KNOBS
        .iter()
        .filter(|knob| !knob.live && knob.read(&info.config) != knob.read(&controls.config))
        .map(|knob| knob.label)
        .collect()
}

/// A row: label and unit, then what turns it. Double-click on the label puts the default back.
fn knob_ui(ui: &mut Ui, palette: &Palette, knob: &'static Knob, config: &mut Config, unused: Option<String>) {
    let height = ROW[usize::from(theme::is_touch(ui))];
    let label_width = (ui.available_width() * 0.45).clamp(90.0, 170.0);
    ui.horizontal(|ui| {
        ui.set_min_height(height);
        let value = knob.read(config);
        let start = knob.start_value(config.setup.scenario);
        let is_default = value == start;
        let label = ui
            .allocate_ui_with_layout(
                vec2(label_width, height),
                egui::Layout::left_to_right(egui::Align::Center),
                |ui| {
                    ui.set_min_width(label_width);
                    let text = label_text(knob, palette, is_default, unused.is_some());
                    ui.add(egui::Label::new(text).truncate().sense(egui::Sense::click()))
                },
            )
            .inner;
        let control = ui.add_enabled_ui(unused.is_none(), |ui| fields::field(ui, knob, &value)).inner;
        if let Some(new) = control.1 {
            // A value out of range was typed: the old one stays, as it is on screen again at once.
            let _ = knob.write(config, new);
        }
        let control = control.0.labelled_by(label.id);
        let mut reset = label.double_clicked();
        let menu = |ui: &mut Ui, reset: &mut bool| {
            let text = format!("Reset to default ({})", knob.say(&start));
            *reset |= ui.add_enabled(!is_default, egui::Button::new(text)).clicked();
        };
        label.context_menu(|ui| menu(ui, &mut reset));
        control.context_menu(|ui| menu(ui, &mut reset));
        let help = help(knob, &start, unused.as_deref());
        label.on_hover_text(help.clone());
        control.on_hover_text(help.clone()).on_disabled_hover_text(help);
        if reset {
            let _ = knob.write(config, start);
        }
    });
}

/// The label with its unit; a dot where the value is not the default.
fn label_text(knob: &Knob, palette: &Palette, is_default: bool, dim: bool) -> egui::text::LayoutJob {
    let mut job = egui::text::LayoutJob::default();
    let color = if dim { palette.weak.gamma_multiply(0.7) } else { palette.text };
    let format = |size: f32, color| egui::TextFormat::simple(egui::FontId::proportional(size), color);
    if !is_default {
        job.append("• ", 0.0, format(12.0, palette.auxiliary));
    }
    job.append(knob.label, 0.0, format(12.0, color));
    if !knob.unit.is_empty() && knob.unit != knob.label {
        job.append(&format!("  {}", knob.unit), 0.0, format(10.0, palette.weak));
    }
    job
}

fn help(knob: &Knob, start: &Value, unused: Option<&str>) -> String {
    let mut help = format!("{}: {}.", knob.label, knob.help);
    if !knob.unit.is_empty() {
        help += &format!("\nUnit: {}.", knob.unit);
    }
    if !matches!(knob.kind, Kind::Choice(_)) {
        help += &format!("\nTakes {}", knob.kind.expected());
        help += &format!("; default {}.", knob.say(start));
    }
    if knob.live {
        help += "\nDouble-click the name for the default.";
    } else {
        help += "\nApplies at Reset.";
    }
    if let Some(unused) = unused {
        help += &format!("\n{}.", capitalized(unused));
    }
    help
}

/// A clause as the beginning of a sentence.
fn capitalized(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
