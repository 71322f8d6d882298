//! The pane: figures, switches, and one of three pictures of the distributions.

use egui::{RichText, Ui};
use egui_plot::{GridMark, Line, PlotPoints, VLine};

use super::histogram::{Picture, axis, binned_plot, class_label, noise, tensor};
use crate::app::draw::against::Against;
use crate::app::draw::chart;
use crate::app::draw::theme::{self, Palette, small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::along::Along;
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::protocol::{Histograms, PERCENTILES};
use crate::show::Table;
use crate::show::number::{count, figure, short};
use crate::show::shortened;

/// Room that figures and switches need side by side, without and with those of the alignment layers.
const WIDE: f32 = 350.0;
const WIDE_ALIGNED: f32 = 440.0;
/// What the figure about noise takes besides.
const WIDE_NOISE: f32 = 95.0;
/// Characters of a name on a switch, and lines of switches that are seen at once.
const CHIP_NAME: usize = 22;
const MOST_CHIP_LINES: f32 = 4.0;

/// Which picture of the distributions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    #[default]
    Histogram,
    Percentiles,
    Table,
}

/// The pane of gradient tensors.
pub struct Gradients {
    view: View,
    logarithmic: bool,
    /// Whether those before the alignment layers are shown, where there are such.
    is_before: bool,
    shown: Vec<bool>,
    against: Against,
}

impl Default for Gradients {
    fn default() -> Self {
        Self {
            view: View::default(),
            logarithmic: true,
            is_before: false,
            shown: Vec::new(),
            against: Against::default(),
        }
    }
}

static ABOUT: About = About {
    name: "histograms",
    title: "Gradient tensors",
    question: "do they differ?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Middle,
    share: 0.36,
};

impl Pane for Gradients {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let Some(histograms) = &scope.history.histograms else {
            let every = scope.controls.config.hyper.histogram_every_steps;
            let when = match every {
                0 => "They are off: set “histograms every” above 0.".into(),
                1 => "They come every step: press Run.".into(),
                _ => format!("They come every {} steps: press Run.", count(every)),
            };
            let what =
                format!("Histograms of the entries of {}, by where they come from.", tensor(scope.history));
            chart::empty(ui, &scope.palette, &what, &when);
            return;
        };
        self.shown.resize(histograms.classes.len(), true);
        let shown = self.side(histograms);
        self.header_ui(ui, scope, (shown, histograms.before.is_some()));
        let histograms = shown;
        match self.view {
            View::Histogram => self.histogram_ui(ui, scope, histograms),
            View::Percentiles => self.percentiles_ui(ui, scope, histograms),
            View::Table => self.table_ui(ui, scope, histograms),
        }
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new(["step", "alignment", "class", "statistic", "low", "high", "value"]);
        let Some(histograms) = &history.histograms else { return table };
        match &histograms.before {
            None => rows(&mut table, history, histograms, ""),
            Some(before) => {
                rows(&mut table, history, before, "before");
                rows(&mut table, history, histograms, "behind");
            }
        }
        table
    }
}

impl Gradients {
    /// The distance, its floor and how both went; which view. In a narrow pane one follows the other, line by line.
    fn header_ui(&mut self, ui: &mut Ui, scope: &Scope<'_>, (histograms, is_aligned): (&Histograms, bool)) {
        let (history, palette) = (&*scope.history, &scope.palette);
        let room = ui.available_width();
        let of_noise = if noise(history).is_some() { WIDE_NOISE } else { 0.0 };
        if room < of_noise + if is_aligned { WIDE_ALIGNED } else { WIDE } {
            ui.horizontal_wrapped(|ui| {
                figures_ui(ui, history, histograms, palette);
                self.views_ui(ui, is_aligned, false);
                self.against_ui(ui, scope);
            });
            return;
        }
        ui.horizontal(|ui| {
            figures_ui(ui, history, histograms, palette);
            if ui.available_width() > if is_aligned { 360.0 } else { 250.0 } {
                sparkline(ui, history, palette);
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                self.views_ui(ui, is_aligned, true);
                self.against_ui(ui, scope);
            });
        });
    }

    /// Another run that the histograms are held against.
    fn against_ui(&mut self, ui: &mut Ui, scope: &Scope<'_>) {
        if self.view == View::Histogram {
            self.against.ui(ui, scope, "histograms against");
        }
    }

    /// The switches of the view, in the direction in which they are laid out.
    fn views_ui(&mut self, ui: &mut Ui, is_aligned: bool, is_reversed: bool) {
        ui.spacing_mut().button_padding = egui::vec2(5.0, 1.0);
        ui.spacing_mut().item_spacing.x = 2.0;
        let mut groups: [fn(&mut Self, &mut Ui, bool, bool); 3] =
            [Self::sides_ui, Self::scale_ui, Self::kinds_ui];
        if is_reversed {
            groups.reverse();
        }
        for group in groups {
            group(self, ui, is_aligned, is_reversed);
        }
    }

    /// Before or behind the alignment layers, where there are such.
    fn sides_ui(&mut self, ui: &mut Ui, is_aligned: bool, is_reversed: bool) {
        let mut sides = [
            (true, "before", "The tasks' gradients before the alignment layers"),
            (false, "behind", "The tasks' gradients behind the alignment layers"),
        ];
        if is_reversed {
            sides.reverse();
        }
        for (is_before, name, help) in sides.into_iter().filter(|_| is_aligned) {
            let text = RichText::new(name).font(small());
            ui.selectable_value(&mut self.is_before, is_before, text).on_hover_text(help);
        }
    }

    /// Whether counts are on a logarithmic axis.
    fn scale_ui(&mut self, ui: &mut Ui, _is_aligned: bool, _is_reversed: bool) {
        if self.view == View::Histogram {
            ui.add_space(4.0);
            let text = RichText::new("log").font(small());
            ui.toggle_value(&mut self.logarithmic, text).on_hover_text("Counts on a logarithmic axis");
            ui.add_space(4.0);
        }
    }

    /// Which picture of the distributions.
    fn kinds_ui(&mut self, ui: &mut Ui, _is_aligned: bool, is_reversed: bool) {
        let mut views =
            [(View::Histogram, "Histogram"), (View::Percentiles, "Percentiles"), (View::Table, "Table")];
        if is_reversed {
            views.reverse();
        }
        for (view, name) in views {
            ui.selectable_value(&mut self.view, view, RichText::new(name).font(small()));
        }
    }

    /// Switches for the classes; a double-click shows one alone, or all again. Many of them scroll.
    fn chips_ui(&mut self, ui: &mut Ui, history: &History, palette: &Palette) {
        let area = egui::ScrollArea::vertical().id_salt("chips").auto_shrink([false, true]);
        area.show(ui, |ui| self.wrapped_chips_ui(ui, history, palette));
    }

    fn wrapped_chips_ui(&mut self, ui: &mut Ui, history: &History, palette: &Palette) {
        chart::toggles(ui, "chips", |ui| {
            ui.spacing_mut().item_spacing = egui::vec2(7.0, 1.0);
            let mut alone = None;
            for (class, shown) in self.shown.iter_mut().enumerate() {
                let chip =
                    chart::toggle(ui, palette, palette.class(class), &chip_name(history, class), shown);
                let chip = chip.on_hover_text(history.origin_name(class));
                if chip.double_clicked() {
                    alone = Some(class);
                }
            }
            if let Some(alone) = alone {
                let only = self.shown.iter().enumerate().all(|(class, shown)| *shown == (class == alone));
                self.shown.iter_mut().enumerate().for_each(|(class, shown)| *shown = only || class == alone);
            }
        });
    }

    fn histogram_ui(&mut self, ui: &mut Ui, scope: &Scope<'_>, histograms: &Histograms) {
        let palette = &scope.palette;
        let height = ui.available_height() - chips_height(ui, scope.history, self.shown.len());
        let own = self.picture(scope.history, histograms);
        let other = self.against.run(scope).map(|(title, history)| {
            let found = history.histograms.as_ref();
            (title, found.map(|found| self.picture(history, self.side(found))))
        });
        match other {
            None => own.ui(ui, palette, ("histogram", ""), (height, own.tallest())),
            Some((title, None)) => {
                own.ui(ui, palette, ("histogram", &format!("{title} has none")), (height, own.tallest()))
            }
            Some((title, Some(other))) if self.against.is_difference() => {
                own.less(ui, palette, &other, title, height)
            }
            Some((title, Some(other))) => {
                let tallest = own.tallest().max(other.tallest());
                let size = egui::vec2((ui.available_width() - 8.0) / 2.0, height);
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = 8.0;
                    for (picture, id, title) in
                        [(&own, "histogram", "this run"), (&other, "other histogram", title)]
                    {
                        ui.allocate_ui(size, |ui| picture.ui(ui, palette, (id, title), (height, tallest)));
                    }
                });
            }
        }
        self.chips_ui(ui, scope.history, palette);
    }

    fn picture<'a>(&self, history: &'a History, histograms: &'a Histograms) -> Picture<'a> {
        Picture { history, histograms, shown: self.shown.clone(), logarithmic: self.logarithmic }
    }

    /// Those before or behind the alignment layers, as it is chosen.
    fn side<'a>(&self, histograms: &'a Histograms) -> &'a Histograms {
        histograms.before.as_deref().filter(|_| self.is_before).unwrap_or(histograms)
    }

    /// Each class as nested bands, as TensorBoard's distributions are, on the histogram's axis.
    fn percentiles_ui(&mut self, ui: &mut Ui, scope: &Scope<'_>, histograms: &Histograms) {
        let palette = &scope.palette;
        let axis = axis(histograms);
        let names: Vec<_> =
            (0..histograms.classes.len()).map(|class| scope.history.origin_name(class)).collect();
        let name = |y: f64| {
            let class = -y;
            if class < 0.0 || class.fract().abs() > 1e-6 {
                return String::new();
            }
            names.get(class as usize).map(|name| shortened(name, 12)).unwrap_or_default()
        };
        let plot = binned_plot(palette, &axis, ("percentiles", tensor(scope.history)), "", name);
        let plot = plot.y_grid_spacer(|input| {
            let (low, high) = (input.bounds.0.ceil() as i64, input.bounds.1.floor() as i64);
            (low..=high).map(|y| GridMark { value: y as f64, step_size: 1.0 }).collect()
        });
        let response = plot.show(ui, |plot| {
            for (class, histogram) in histograms.classes.iter().enumerate() {
                let (y, color) = (-(class as f64), palette.class(class));
                let at = histogram.percentiles.map(|value| axis.place(value));
                let bar = |from: f64, to: f64, width: f32, strength: f32| {
                    let points = PlotPoints::new(vec![[from, y], [to, y]]);
                    Line::new("", points)
                        .color(palette.shade(color, strength))
                        .width(width)
                        .allow_hover(false)
                };
                for (low, high, width, strength) in
                    [(0, 8, 1.0, 0.6), (1, 7, 4.0, 0.35), (2, 6, 7.0, 0.6), (3, 5, 10.0, 1.0)]
                {
                    plot.line(bar(at[low], at[high], width, strength));
                }
                plot.line(bar(at[4] - 0.12, at[4] + 0.12, 12.0, 0.0));
            }
            plot.vline(VLine::new("", axis.place(0.0)).color(palette.line).allow_hover(false));
            plot.pointer_coordinate()
        });
        let class = response
            .inner
            .map(|at| (-at.y).round())
            .filter(|class| *class >= 0.0)
            .map(|class| class as usize);
        if let Some((class, histogram)) =
            class.and_then(|class| Some((class, histograms.classes.get(class)?)))
        {
            response.response.on_hover_ui_at_pointer(|ui| {
                ui.label(RichText::new(&names[class]).strong());
                for (name, value) in percentile_names().zip(histogram.percentiles) {
                    ui.label(RichText::new(format!("{name}: {}", figure(value))).font(small()));
                }
            });
        }
    }

    fn table_ui(&mut self, ui: &mut Ui, scope: &Scope<'_>, histograms: &Histograms) {
        egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().interact_size.y = 13.0;
            egui::Grid::new("percentiles").striped(true).spacing([10.0, 3.0]).show(ui, |ui| {
                let heading = |ui: &mut Ui, text: &str| {
                    ui.label(RichText::new(text).font(tiny()).color(scope.palette.weak));
                };
                ["class", "mean", "deviation"].iter().for_each(|name| heading(ui, name));
                let noise = noise(scope.history);
                noise.iter().for_each(|_| heading(ui, "signal to noise"));
                percentile_names().for_each(|name| heading(ui, &name));
                ui.end_row();
                for (class, histogram) in histograms.classes.iter().enumerate() {
                    ui.label(class_label(scope.history, &scope.palette, class));
                    let signal = noise.map(|noise| noise.signal.get(class).copied().unwrap_or(f64::NAN));
                    let figures = [histogram.mean, histogram.deviation].into_iter().chain(signal);
                    for value in figures.chain(histogram.percentiles) {
                        ui.add(egui::Label::new(RichText::new(figure(value)).font(small())).selectable(true));
                    }
                    ui.end_row();
                }
            });
        });
    }
}

/// The distance between the origins, its floor; how a student's gradients lie to its teacher's, and how all stand to noise.
fn figures_ui(ui: &mut Ui, history: &History, histograms: &Histograms, palette: &Palette) {
    ui.spacing_mut().item_spacing.x = 5.0;
    let help = "Jensen-Shannon distance between the histograms, 0 (the same) to 1 (no overlap), and its floor: what it is when it is shuffled where the gradient tensors come from. At the floor nothing distinguishes them here.";
    ui.label(RichText::new("D_JS").size(11.5).color(palette.weak)).on_hover_text(help);
    ui.label(RichText::new(figure(histograms.distance)).strong()).on_hover_text(help);
    let floor = format!("floor {}", figure(histograms.floor));
    ui.label(RichText::new(floor).size(11.0).color(palette.weak)).on_hover_text(help);
    if let Some(comparison) = &histograms.comparison {
        let help = "Cosine between the student's and the teacher's gradient tensor of the same image, averaged: 1 where they point the same way.";
        let cosine = format!("cosine {}", figure(comparison.cosine));
        ui.label(RichText::new(cosine).size(11.5)).on_hover_text(help);
    }
    if let Some(noise) = noise(history) {
        let help = "Signal to noise: how the gradients, once scaled, stand to the noise through which the auxiliary network reads them: root mean square over the noise's deviation, from the least class to the greatest. The dashed lines are where that deviation is among the entries; the table has it class by class.";
        let signal = format!("S/N {}", range(&noise.signal));
        ui.label(RichText::new(signal).size(11.0).color(palette.adversary)).on_hover_text(help);
    }
}

/// The least and the greatest of some numbers.
fn range(values: &[f64]) -> String {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    match (short(low), short(high)) {
        (low, high) if low == high => low,
        _ if low > high => "n/a".into(),
        (low, high) => format!("{low} to {high}"),
    }
}

/// Adds the rows of `histograms`, which are before or behind the alignment layers where there are such.
fn rows(table: &mut Table, history: &History, histograms: &Histograms, alignment: &str) {
    let step = histograms.step.to_string();
    let mut row = |class: &str, statistic: &str, low: String, high: String, value: String| {
        let begin = [step.clone(), alignment.into(), class.into(), statistic.into()];
        table.push(begin.into_iter().chain([low, high, value]));
    };
    let none = String::new;
    row("", "distance", none(), none(), histograms.distance.to_string());
    row("", "floor", none(), none(), histograms.floor.to_string());
    for (class, histogram) in histograms.classes.iter().enumerate() {
        let class = history.whole_origin_name(class);
        row(&class, "mean", none(), none(), histogram.mean.to_string());
        row(&class, "deviation", none(), none(), histogram.deviation.to_string());
        for (name, value) in percentile_names().zip(histogram.percentiles) {
            row(&class, &name, none(), none(), value.to_string());
        }
        for (edges, count) in histograms.edges.windows(2).zip(&histogram.counts) {
            row(&class, "count", edges[0].to_string(), edges[1].to_string(), count.to_string());
        }
    }
}

/// Names of a class's percentiles: smallest, 7th and so on, largest.
fn percentile_names() -> impl Iterator<Item = String> {
    let middle = PERCENTILES.iter().map(|percentile| format!("{percentile} %"));
    std::iter::once("smallest".into()).chain(middle).chain(std::iter::once("largest".into()))
}

/// How the distance and its floor went over the run.
fn sparkline(ui: &mut Ui, history: &History, palette: &Palette) {
    let (rect, response) = ui.allocate_exact_size(egui::vec2(64.0, 16.0), egui::Sense::hover());
    let rows = [0, 1].map(|at| history.column(&history.distances, at, Along::Step));
    let top = rows.iter().flatten().map(|[_, y]| *y).fold(1e-9, f64::max);
    let (Some(first), Some(last)) = (rows[0].first(), rows[0].last()) else { return };
    let width = (last[0] - first[0]).max(1e-9);
    for (points, color) in rows.iter().zip([palette.auxiliary, palette.weak]) {
        let line = points.iter().filter(|[_, y]| y.is_finite()).map(|[x, y]| {
            rect.lerp_inside(egui::vec2(((x - first[0]) / width) as f32, 1.0 - (y / top) as f32 * 0.9))
        });
        ui.painter().add(egui::Shape::line(line.collect(), egui::Stroke::new(1.2, color)));
    }
    response.on_hover_text(format!("D_JS (orange) and its floor (grey), steps {} to {}", first[0], last[0]));
}

/// Height of the chips, wrapped into the width there is, as far as they are seen.
fn chips_height(ui: &Ui, history: &History, classes: usize) -> f32 {
    if theme::is_touch(ui) {
        return ui.spacing().interact_size.y + 8.0;
    }
    let (mut lines, mut x) = (1.0, 0.0);
    for class in 0..classes {
        let galley =
            ui.painter().layout_no_wrap(chip_name(history, class), tiny(), egui::Color32::PLACEHOLDER);
        let width = galley.size().x + 20.0;
        if x + width > ui.available_width() {
            (lines, x) = (lines + 1.0, 0.0);
        }
        x += width;
    }
    f32::min(lines, MOST_CHIP_LINES) * 16.5 + 4.0
}

/// A name on a switch.
fn chip_name(history: &History, class: usize) -> String {
    shortened(&history.origin_name(class), CHIP_NAME)
}
