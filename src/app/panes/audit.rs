//! Whether the robustness figures can be trusted: one light a check, with its figure; why it matters on hover.

use egui::{RichText, Sense, Ui, vec2};

use crate::app::draw::chart;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::config::ScenarioKind;
use crate::protocol::{Audited, Command, Light, Verdict};
use crate::show::Table;
use crate::show::number::{count, whole_percent};

/// The pane of the audit.
#[derive(Default)]
pub struct AuditPane;

static ABOUT: About = About {
    name: "audit",
    title: "Audit",
    question: "can the figures be trusted?",
    scenarios: &[ScenarioKind::Defense, ScenarioKind::Distillation],
    data: DataKind::Any,
    column: Column::Right,
    share: 0.22,
};

impl Pane for AuditPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let palette = scope.palette;
        ui.horizontal(|ui| {
            ui.spacing_mut().button_padding = vec2(7.0, 1.0);
            let busy = scope.history.auditing();
            let text = if busy { "Audit anew" } else { "Audit now" };
            let button = ui.add_enabled(!scope.is_kept, egui::Button::new(RichText::new(text).font(small())));
            let about = "Attacks that must order themselves in a certain way, and a fresh discriminator, on held-out data. Takes a while beside training.";
            if button.on_hover_text(about).clicked() {
                let samples = scope.controls.config.hyper.evaluate_samples;
                scope.controls.send(Command::Audit { samples });
            }
            if let Some(audited) = &scope.history.audited {
                ui.label(RichText::new(summary(audited)).font(tiny()).color(palette.weak));
            }
        });
        let Some(audited) = &scope.history.audited else {
            let what = "Are these figures to be trusted, or are gradients only masked?";
            chart::empty(ui, &palette, what, "Press Audit now: each check becomes a light.");
            return;
        };
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            // What failed is what has to be seen.
            for is_failed in [true, false] {
                for light in &audited.lights {
                    if (light.verdict == Verdict::Failed) == is_failed {
                        light_ui(ui, &palette, light);
                    }
                }
            }
        });
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new(["step", "check", "verdict", "figure", "why"]);
        if let Some(audited) = &history.audited {
            table.extend(audited.lights.iter().map(|light| {
                let (step, verdict) = (audited.step.to_string(), word(light.verdict));
                vec![
                    step,
                    light.name.to_string(),
                    verdict.into(),
                    light.figure.clone(),
                    light.why.to_string(),
                ]
            }));
        }
        table
    }
}

/// How many checks failed, of which weights.
fn summary(audited: &Audited) -> String {
    let step = count(audited.step);
    if !audited.complete {
        return format!("step {step} · {}", whole_percent(audited.progress));
    }
    match audited.lights.iter().filter(|light| light.verdict == Verdict::Failed).count() {
        0 => format!("step {step} · nothing speaks against the figures"),
        1 => format!("step {step} · 1 check failed"),
        failed => format!("step {step} · {failed} checks failed"),
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
    }
}

/// A disc, a cross or a ring, so that nothing hangs on the colour alone; the check's name and figure.
fn light_ui(ui: &mut Ui, palette: &Palette, light: &Light) {
    let response = ui
        .horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let (rect, _) = ui.allocate_exact_size(vec2(11.0, 15.0), Sense::hover());
            let (painter, at) = (ui.painter(), rect.center());
            match light.verdict {
                Verdict::Passed => drop(painter.circle_filled(at, 4.0, palette.good)),
                Verdict::Failed => {
                    let stroke = egui::Stroke::new(2.2, palette.bad);
                    for slope in [1.0, -1.0] {
                        painter.line_segment(
                            [at + vec2(-4.0, -4.0 * slope), at + vec2(4.0, 4.0 * slope)],
                            stroke,
                        );
                    }
                }
                Verdict::Unknown => {
                    painter.circle_stroke(at, 3.5, egui::Stroke::new(1.2, palette.weak));
                }
            }
            let strong = if light.verdict == Verdict::Failed { palette.bad } else { palette.text };
            ui.label(RichText::new(&*light.name).font(small()).color(strong));
            ui.add(
                egui::Label::new(RichText::new(&light.figure).font(tiny()).color(palette.weak)).truncate(),
            );
        })
        .response;
    response.on_hover_text(format!("{}: {}\n{}", word(light.verdict), light.figure, light.why));
}
