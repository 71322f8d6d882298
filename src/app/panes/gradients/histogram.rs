//! Histograms: how many entries of the gradient tensors are how large, class by class; of one run, or of two.

use egui::{Align2, RichText, Ui, vec2};
use egui_plot::{Line, LineStyle, PlotPoints, Span, VLine};

use crate::app::draw::chart;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::protocol::{ClassHistogram, Histograms, NoiseLevel};
use crate::show::bins::Bins;
use crate::show::number::{count, points};

/// The histograms of a run.
pub(super) struct Picture<'a> {
    pub(super) history: &'a History,
    pub(super) histograms: &'a Histograms,
    /// Which classes are switched on.
    pub(super) shown: Vec<bool>,
    /// Whether counts are on a logarithmic axis.
    pub(super) logarithmic: bool,
}

impl<'a> Picture<'a> {
    /// The classes that are switched on.
    fn classes(&self) -> impl Iterator<Item = (usize, &'a ClassHistogram)> {
        let is_shown = |(class, _): &(usize, _)| self.shown.get(*class).copied().unwrap_or(true);
        self.histograms.classes.iter().enumerate().filter(is_shown)
    }

    /// Where a count lies on the axis.
    fn height(&self, count: u32) -> f64 {
        if self.logarithmic { logarithmic_height(count) } else { f64::from(count) }
    }

    /// Where the largest count lies.
    pub(super) fn tallest(&self) -> f64 {
        self.height(self.classes().flat_map(|(_, class)| class.counts.iter().copied()).max().unwrap_or(0))
    }

    /// Draws them so high, on an axis up to `tallest`; `title` says whose they are, where there are two.
    pub(super) fn ui(
        &self,
        ui: &mut Ui,
        palette: &Palette,
        (id, title): (&str, &str),
        (height, tallest): (f32, f64),
    ) {
        let axis = axis(self.histograms);
        let names = (id, tensor(self.history));
        let mut plot = binned_plot(palette, &axis, names, "entries", y_format(self.logarithmic));
        if self.logarithmic {
            let powers = (0..10).map(|power| logarithmic_height(10_u32.pow(power)));
            plot = plot.y_grid_spacer(chart::marks(std::iter::once(0.0).chain(powers).collect(), 0.7));
        }
        let (first, last) = axis.bins();
        let response = plot.height(height).include_y(tallest).show(ui, |plot| {
            let hovered = plot.pointer_coordinate().filter(|_| plot.response().hovered());
            let hovered = hovered.and_then(|at| axis.bin_at(at.x));
            let ground = |low: f64, high: f64, strength: f32| {
                Span::new("", low..=high).fill(palette.weak.gamma_multiply(strength)).border_width(0.0)
            };
            axis.squeezed().for_each(|(low, high)| plot.span(ground(low, high, 0.12)));
            if let Some(bin) = hovered {
                plot.span(ground(axis.edge(bin), axis.edge(bin + 1), 0.35));
            }
            for side in
                noise(self.history).into_iter().flat_map(|noise| [-1.0, 1.0].map(|s| s * noise.in_gradient))
            {
                let style = LineStyle::dashed_dense();
                let line = VLine::new("", axis.place(side)).color(palette.adversary).width(1.2);
                plot.vline(line.style(style).allow_hover(false));
            }
            for (class, histogram) in self.classes() {
                let y = |bin: usize| self.height(histogram.counts.get(bin).copied().unwrap_or(0));
                let line = Line::new(self.history.origin_name(class), stairs(&axis, (first, last), y));
                plot.line(line.color(palette.class(class)).width(1.2).allow_band(false).allow_hover(false));
            }
            hovered
        });
        title_ui(ui, palette, response.response.rect, title);
        if let Some(bin) = response.inner {
            let figures = |histogram: &ClassHistogram, _: usize| {
                count(histogram.counts.get(bin).copied().unwrap_or(0).into())
            };
            self.hover_ui(&response.response, palette, &axis, bin, figures);
        }
    }

    /// What each class has more of its entries in each bin than in the other run, in percentage points.
    pub(super) fn less(&self, ui: &mut Ui, palette: &Palette, other: &Self, title: &str, height: f32) {
        let (own, of) = (self.histograms, other.histograms);
        if own.edges != of.edges || own.classes.len() != of.classes.len() {
            let text = format!("{title} has other bins or classes");
            return self.ui(ui, palette, ("histogram", &text), (height, self.tallest()));
        }
        let both = own.classes.iter().chain(&of.classes).map(|class| &class.counts[..]);
        let axis = Bins::new(&own.edges, both);
        let share = |class: &ClassHistogram, bin: usize| {
            let total: u64 = class.counts.iter().map(|count| u64::from(*count)).sum();
            let count = class.counts.get(bin).copied().unwrap_or(0);
            if total == 0 { 0.0 } else { f64::from(count) / total as f64 }
        };
        let difference =
            |class: usize, bin: usize| share(&own.classes[class], bin) - share(&of.classes[class], bin);
        let names = ("histogram difference", tensor(self.history));
        let plot = binned_plot(palette, &axis, names, "points", |share| points(share).replace(".0", ""));
        let response = plot.height(height).show(ui, |plot| {
            let hovered = plot.pointer_coordinate().filter(|_| plot.response().hovered());
            for (class, _) in self.classes() {
                let line = stairs(&axis, axis.bins(), |bin| difference(class, bin));
                let line = Line::new(self.history.origin_name(class), line).color(palette.class(class));
                plot.line(line.width(1.2).allow_band(false).allow_hover(false));
            }
            hovered.and_then(|at| axis.bin_at(at.x))
        });
        title_ui(ui, palette, response.response.rect, &format!("this run − {title}, shares of the entries"));
        if let Some(bin) = response.inner {
            let figures =
                |_: &ClassHistogram, class: usize| format!("{} points", points(difference(class, bin)));
            self.hover_ui(&response.response, palette, &axis, bin, figures);
        }
    }

    /// The bin under the pointer: its range and a figure of each shown class.
    fn hover_ui(
        &self,
        response: &egui::Response,
        palette: &Palette,
        axis: &Bins,
        bin: usize,
        figure: impl Fn(&ClassHistogram, usize) -> String,
    ) {
        response.clone().on_hover_ui_at_pointer(|ui| {
            ui.label(RichText::new(axis.range_label(bin)).font(small()).strong());
            egui::Grid::new("bin").num_columns(2).spacing([12.0, 1.0]).show(ui, |ui| {
                for (class, histogram) in self.classes() {
                    ui.label(class_label(self.history, palette, class));
                    ui.label(RichText::new(figure(histogram, class)).font(small()));
                    ui.end_row();
                }
            });
        });
    }
}

/// Whose a picture is, in its corner.
fn title_ui(ui: &Ui, palette: &Palette, rect: egui::Rect, title: &str) {
    let at = rect.right_top() + vec2(-6.0, 3.0);
    ui.painter().text(at, Align2::RIGHT_TOP, title, tiny(), palette.weak);
}

/// The outline of bars.
fn stairs<'p>(axis: &Bins, (first, last): (usize, usize), y: impl Fn(usize) -> f64) -> PlotPoints<'p> {
    (first..last)
        .flat_map(|bin| {
            let y = y(bin);
            [[axis.edge(bin), y], [axis.edge(bin + 1), y]]
        })
        .collect()
}

/// How gradients stand to the channel's noise, where there is some.
pub(super) fn noise(history: &History) -> Option<&NoiseLevel> {
    history.saturation.as_ref()?.noise.as_ref()
}

/// What the entries are of.
pub(super) fn tensor(history: &History) -> &'static str {
    match history.info.as_ref().map(|info| info.config.setup.scenario) {
        Some(ScenarioKind::Multitask) => "∇s L",
        _ if history.reads_masked() => "∇x a_y",
        _ => "∇x J",
    }
}

pub(super) fn axis(histograms: &Histograms) -> Bins {
    Bins::new(&histograms.edges, histograms.classes.iter().map(|class| &class.counts[..]))
}

/// Height of a count on a logarithmic axis that has a zero.
pub(super) fn logarithmic_height(count: u32) -> f64 {
    f64::from(count).ln_1p() / std::f64::consts::LN_10
}

/// Ticks of counts, whatever their axis.
pub(super) fn y_format(logarithmic: bool) -> impl Fn(f64) -> String {
    move |y| chart::count_tick(if logarithmic { (10f64.powf(y) - 1.0).round() } else { y })
}

/// A chart whose horizontal axis runs bin by bin, with the powers of ten marked.
pub(super) fn binned_plot<'a>(
    palette: &Palette,
    axis: &Bins,
    (id, tensor): (&str, &str),
    y_label: &str,
    y_format: impl Fn(f64) -> String + 'a,
) -> egui_plot::Plot<'a> {
    let ticks = axis.ticks(10);
    let marks = chart::marks(ticks.iter().map(|tick| tick.at).collect(), 1e3);
    let x_format = move |x: f64| {
        let nearest = ticks.iter().find(|tick| (tick.at - x).abs() < 1e-6);
        nearest.map_or(String::new(), |tick| tick.label.clone())
    };
    let (from, to) = axis.ends();
    let x_label = format!("entry of {tensor} (logarithmic, with sign)");
    let x = chart::x_axis(palette, &x_label, x_format);
    chart::chart(id, palette, x, chart::y_axis(palette, y_label, y_format))
        .include_x(from)
        .include_x(to)
        .x_grid_spacer(marks)
}

/// A class's name after a dot in its colour: pale colours cannot carry small type.
pub(super) fn class_label(history: &History, palette: &Palette, class: usize) -> egui::text::LayoutJob {
    let mut job = egui::text::LayoutJob::default();
    let format = |color| egui::TextFormat::simple(small(), color);
    job.append("● ", 0.0, format(palette.class(class)));
    job.append(&history.origin_name(class), 0.0, format(palette.text));
    job
}
