//! The bottom line: what is happening, what went wrong and what to do, how far the run is.

use std::path::PathBuf;

use egui::{Layout, RichText, Ui};
use web_time::Duration;

use crate::app::draw::chart;
use crate::app::draw::icons::{self, Icon};
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::layout::Layout as Laid;
use crate::app::pane::Scope;
use crate::app::run::history::History;
use crate::app::run::shelf::Kept;
use crate::protocol::Activity;
use crate::show::number::{count, duration, percent, short, whole_percent};

/// Height of the line: a tablet's has a button for a thumb.
pub fn height(layout: Laid) -> f32 {
    if layout == Laid::Tablet { 46.0 } else { 25.0 }
}

/// Failures, each until it is dismissed.
pub fn failures_ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let palette = scope.palette;
    let mut dismissed = None;
    for (index, failure) in scope.history.failures.iter().enumerate() {
        let frame = egui::Frame::new().fill(palette.shade(palette.bad, 0.18)).corner_radius(5);
        frame.stroke(egui::Stroke::new(1.0, palette.bad)).inner_margin(egui::Margin::symmetric(8, 4)).show(
            ui,
            |ui| {
                ui.horizontal(|ui| {
                    ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                        if icons::quiet_button(ui, Icon::Close, "Dismiss").clicked() {
                            dismissed = Some(index);
                        }
                        if ui.small_button("Copy").clicked() {
                            ui.ctx().copy_text(format!("{}\n{}", failure.what, failure.advice));
                        }
                        ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                            let mut job = egui::text::LayoutJob::default();
                            let format =
                                |color| egui::TextFormat::simple(egui::FontId::proportional(12.5), color);
                            job.append(&failure.what, 0.0, format(palette.bad));
                            job.append(&failure.advice, 8.0, format(palette.text));
                            ui.add(egui::Label::new(job).wrap());
                        });
                    });
                });
            },
        );
    }
    if let Some(index) = dismissed {
        scope.history.failures.remove(index);
    }
}

/// The device's notice, where there is one and until it is dismissed.
pub fn device_notice_ui(ui: &mut Ui, scope: &Scope<'_>, notice: &str) -> bool {
    let palette = scope.palette;
    let mut dismissed = false;
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            dismissed = icons::quiet_button(ui, Icon::Close, "Dismiss notice").clicked();
            ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                let text = RichText::new(notice).size(11.5).color(palette.auxiliary);
                let label = egui::Label::new(text);
                // There is no pointer that could hold over it to read the rest.
                ui.add(if scope.layout.is_touch() { label.wrap() } else { label.truncate() });
            });
        });
    });
    dismissed
}

/// What is wanted of a kept run that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfKept {
    /// The present one back.
    pub is_closed: bool,
    /// A copy of it in place of the present one, from the checkpoint in this folder and file.
    pub goes_on: Option<(PathBuf, String)>,
}

/// What stands above the panes while they show a run that was kept.
pub fn kept_ui(ui: &mut Ui, palette: &Palette, kept: &Kept, layout: Laid) -> OfKept {
    let mut wanted = OfKept::default();
    if layout.is_phone() {
        ui.add(egui::Label::new(RichText::new(kept_text(kept)).font(small())).wrap());
        ui.horizontal(|ui| buttons_ui(ui, palette, kept, &mut wanted));
        return wanted;
    }
    ui.horizontal_centered(|ui| {
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            ui.spacing_mut().button_padding = egui::vec2(8.0, 1.0);
            buttons_ui(ui, palette, kept, &mut wanted);
            ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                ui.label(RichText::new(kept_title(kept)).strong());
                ui.label(RichText::new(kept_fate(kept)).font(small()).color(palette.weak));
                if let Some(problem) = &kept.problem {
                    let text = RichText::new(format!("Not all of it is there: {problem}")).font(small());
                    ui.add(egui::Label::new(text.color(palette.bad)).truncate());
                }
            });
        });
    });
    wanted
}

fn buttons_ui(ui: &mut Ui, palette: &Palette, kept: &Kept, wanted: &mut OfKept) {
    let back = if kept.is_present() { "Back to now" } else { "Back to the present run" };
    let button = egui::Button::new(RichText::new(back).color(egui::Color32::WHITE));
    wanted.is_closed = ui.add(button.fill(palette.accent)).clicked();
    let left = kept.left();
    let about = left.as_ref().err().copied().unwrap_or(
        "Train a copy of this run on from the last checkpoint before the slider, in place of the present one, which stays in the library",
    );
    let button = ui.add_enabled(left.is_ok(), egui::Button::new("Go on from here"));
    let is_pressed = button.on_hover_text(about).on_disabled_hover_text(about).clicked();
    wanted.goes_on = left.ok().filter(|_| is_pressed);
}

fn kept_title(kept: &Kept) -> String {
    if kept.is_present() { "The present run".into() } else { format!("Kept run: {}", kept.title) }
}

/// Where it stands, and what becomes of it.
fn kept_fate(kept: &Kept) -> String {
    let fate = match kept.is_present() {
        true => "what it does now is above and below.",
        false => "it can be looked at, and is not trained.",
    };
    let setup = kept.history.info.as_ref().map(|info| &info.config.setup);
    let method = setup.map_or("", |setup| setup.method().name());
    format!("{method}, as it was at step {}; {fate}", count(kept.history.step()))
}

/// All of it in a line or more.
fn kept_text(kept: &Kept) -> String {
    let problem = kept.problem.as_ref().map(|problem| format!(" Not all of it is there: {problem}"));
    format!("{} ({}){}", kept_title(kept), kept_fate(kept), problem.unwrap_or_default())
}

/// The line itself.
pub fn ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let palette = scope.palette;
    let cut_off = scope.controls.is_cut_off();
    ui.horizontal_centered(|ui| {
        let history = &*scope.history;
        let (color, text) = if cut_off {
            (palette.bad, "The trainer has ended; start the lab again.".into())
        } else {
            (activity_color(history, &palette), happening(history))
        };
        if history.activity() == Activity::Preparing && !cut_off {
            spinner(ui, palette.auxiliary);
        } else {
            let (dot, _) = ui.allocate_exact_size(egui::Vec2::splat(11.0), egui::Sense::hover());
            ui.painter().circle_filled(dot.center(), 4.0, color);
        }
        let text = RichText::new(text).font(small());
        if scope.layout.is_phone() {
            // How far it is stands above, and what there is to say comes first.
            let said = history.notice.as_ref().filter(|_| !cut_off);
            let text = said.map_or(text, |notice| RichText::new(notice).font(small()));
            ui.add(egui::Label::new(text).truncate()).on_hover_ui(|ui| {
                ui.label(history.notice.as_deref().unwrap_or_default());
            });
            return;
        }
        ui.label(text);
        let fraction = progress(history);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            if let Some(fraction) = fraction {
                let left =
                    time_left(history).map_or(String::new(), |left| format!(" · {} left", duration(left)));
                ui.label(RichText::new(format!("{}{left}", whole_percent(fraction))).font(small()));
                chart::progress(ui, &palette, fraction, 150.0);
            }
            let can_look_back = history.latest.is_some() && scope.shelf.shown.is_none();
            if can_look_back && icons::quiet_button(ui, Icon::Past, "Back in time").clicked() {
                scope.shelf.look_back(history);
            }
            if let Some(notice) = &history.notice {
                ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.add_space(10.0);
                    ui.add(
                        egui::Label::new(RichText::new(notice).font(tiny()).color(palette.weak)).truncate(),
                    );
                });
            }
        });
    });
}

/// Turns with the window's own frames: egui's spinner asks for every refresh of the screen.
fn spinner(ui: &mut Ui, color: egui::Color32) {
    let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(11.0), egui::Sense::hover());
    let start = ui.input(|input| input.time) as f32 * 5.0;
    let arc = (0..=12).map(|i| rect.center() + 4.5 * egui::Vec2::angled(start + 0.36 * i as f32)).collect();
    ui.painter().add(egui::Shape::line(arc, egui::Stroke::new(1.8, color)));
}

fn activity_color(history: &History, palette: &Palette) -> egui::Color32 {
    match history.activity() {
        Activity::Running => palette.good,
        Activity::Finished => palette.main,
        Activity::Preparing | Activity::Paused => palette.auxiliary,
    }
}

/// What the trainer does, in a sentence.
pub fn happening(history: &History) -> String {
    let step = count(history.step());
    let attacked = format!(", attacking held-out {}", history.examples());
    let attacking = if history.evaluating() { &*attacked } else { "" };
    match history.activity() {
        Activity::Preparing => "Preparing: reading data, making networks, compiling.".into(),
        Activity::Paused if history.step() == 0 => format!("Ready{attacking}: press Run (Space)."),
        Activity::Paused => format!("Paused at step {step}{attacking}."),
        Activity::Running => {
            let epoch = history.latest.as_ref().map_or(0.0, |report| report.epoch);
            format!("Training: step {step}, epoch {}{attacking}.", short(epoch))
        }
        Activity::Finished => {
            let held_out = history.held_out_accuracy().map_or(String::new(), |(accuracy, step)| {
                format!(" Held-out accuracy {} at step {}.", percent(accuracy), count(step))
            });
            format!("Finished: {step} steps{attacking}.{held_out}")
        }
    }
}

/// Share of the run that is done.
fn progress(history: &History) -> Option<f64> {
    let steps = history.steps();
    (steps > 0).then(|| (history.step() as f64 / steps as f64).min(1.0))
}

/// At the pace of the last report; none while it does not train.
fn time_left(history: &History) -> Option<Duration> {
    let report = history.latest.as_ref().filter(|_| history.activity() == Activity::Running)?;
    let seconds = history.steps().saturating_sub(history.step()) as f64 / report.steps_per_second;
    (seconds.is_finite() && seconds < 1e9).then(|| Duration::from_secs_f64(seconds))
}
