//! Runs against each other: the knobs in which they differ, beside their last figures.

use egui::{RichText, Ui, vec2};

use super::columns::share;
use crate::app::draw::beside;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::Scope;
use crate::app::run::history::History;
use crate::config::{Config, KNOBS};
use crate::show::number::{count, figure, shortened};

/// Height of a row.
const ROW: f32 = 17.0;
/// Characters of a run's name at most.
const LONGEST: usize = 26;

/// A run in the table.
struct Side<'a> {
    title: &'a str,
    color: egui::Color32,
    history: &'a History,
    config: Config,
}

/// The run that is shown, the other of two where there is one, then those that were ticked.
fn sides<'a>(scope: &'a Scope<'_>) -> Vec<Side<'a>> {
    let title = if scope.is_kept { "the run that is shown" } else { "the present run" };
    let shown = Side {
        title,
        color: scope.palette.main,
        history: scope.history,
        config: config(scope.history).unwrap_or_else(|| scope.controls.config.clone()),
    };
    let ticked = scope.shelf.beside.iter().enumerate().map(|(index, kept)| Side {
        title: &kept.title,
        color: beside::colour(&scope.palette, index),
        history: &kept.history,
        config: config(&kept.history).unwrap_or_default(),
    });
    let other = scope.pair.as_ref().map(|pair| Side {
        title: if pair.shows_fork { "its parent" } else { "its fork" },
        color: scope.palette.weak,
        history: &pair.other,
        config: config(&pair.other).unwrap_or_default(),
    });
    std::iter::once(shown).chain(other).chain(ticked).collect()
}

/// A run's knobs as they were last.
fn config(history: &History) -> Option<Config> {
    let mut config = history.info.as_ref()?.config.clone();
    config.hyper = history.latest.as_ref().map_or(config.hyper, |report| report.hyper);
    Some(config)
}

/// What is said of each: a name, and a text a run.
type Line = (String, Vec<String>);

/// The knobs that are not the same in all runs.
fn knobs(sides: &[Side<'_>]) -> Vec<Line> {
    let line = |knob: &'static crate::config::Knob| {
        let values: Vec<_> = sides.iter().map(|side| knob.read(&side.config)).collect();
        let is_told = values.windows(2).any(|pair| pair[0] != pair[1]);
        is_told.then(|| (knob.label.to_owned(), values.iter().map(|value| knob.say(value)).collect()))
    };
    KNOBS.iter().filter_map(line).collect()
}

/// The last figures.
fn figures(sides: &[Side<'_>]) -> Vec<Line> {
    let each = |name: &str, text: fn(&Side<'_>) -> String| -> Line {
        (name.into(), sides.iter().map(text).collect())
    };
    let loss =
        |side: &Side<'_>| side.history.latest.as_ref().map_or("–".into(), |report| figure(report.loss));
    vec![
        each("steps", |side| count(side.history.step())),
        each("loss", loss),
        each("clean", |side| share(side.history.held_out_accuracy().map_or(f64::NAN, |(clean, _)| clean))),
        each("worst case", |side| share(worst(side).unwrap_or(f64::NAN))),
        each("discriminator", |side| {
            share(side.history.latest.as_ref().map_or(f64::NAN, |report| report.auxiliary_accuracy))
        }),
    ]
}

/// What the worst case leaves at the radius attacked with that is nearest to the run's own.
fn worst(side: &Side<'_>) -> Option<f64> {
    let found = side.history.complete_evaluation()?;
    let epsilon = side.config.hyper.in_pixels(found.input_deviation).epsilon;
    let points = &found.worst.first()?.points;
    let off = |point: &&crate::protocol::Point| (point.epsilon - epsilon).abs();
    points.iter().min_by(|one, other| off(one).total_cmp(&off(other))).map(|point| point.robust.value())
}

/// How high the table is.
pub(super) fn height(scope: &Scope<'_>) -> f32 {
    let sides = sides(scope);
    ROW * (knobs(&sides).len() + figures(&sides).len()) as f32 + 52.0
}

/// Draws the table.
pub(super) fn ui(ui: &mut Ui, scope: &Scope<'_>) {
    let palette = &scope.palette;
    let sides = sides(scope);
    ui.add_space(6.0);
    ui.label(RichText::new("Versus: knobs that differ, and last figures").strong().size(12.0));
    egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
        egui::Grid::new("versus").spacing(vec2(18.0, 2.0)).min_row_height(ROW - 2.0).show(ui, |ui| {
            ui.label("");
            for side in &sides {
                title_ui(ui, palette, side);
            }
            ui.end_row();
            lines_ui(ui, &knobs(&sides), palette.text, palette);
            lines_ui(ui, &figures(&sides), palette.text, palette);
        });
    });
}

fn title_ui(ui: &mut Ui, palette: &Palette, side: &Side<'_>) {
    ui.horizontal(|ui| {
        let (chip, _) = ui.allocate_exact_size(vec2(12.0, 8.0), egui::Sense::hover());
        ui.painter().hline(chip.x_range(), chip.center().y, egui::Stroke::new(3.0, side.color));
        let title = RichText::new(shortened(side.title, LONGEST)).font(small()).color(palette.text);
        ui.label(title).on_hover_text(side.title);
    });
}

fn lines_ui(ui: &mut Ui, lines: &[Line], color: egui::Color32, palette: &Palette) {
    for (name, texts) in lines {
        ui.label(RichText::new(name).font(tiny()).color(palette.weak));
        for text in texts {
            ui.label(RichText::new(shortened(text, LONGEST)).font(small()).color(color));
        }
        ui.end_row();
    }
}
