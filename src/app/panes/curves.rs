//! Losses and accuracies over the run: smoothed, the raw curve kept faint, every turn of a knob marked.

use egui::{RichText, Ui};
use egui_plot::{
    Corner, Legend, Line, LineStyle, PlotPoint, PlotPoints, PlotResponse, PlotUi, Points, VLine,
};

use crate::app::draw::reading::{self, Reading};
use crate::app::draw::theme::{Palette, small};
use crate::app::draw::{beside, chart};
use crate::app::pane::{About, Column, DataKind, Pane, Scope, split_width};
use crate::app::run::along::Along;
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::show::Table;
use crate::show::columns::Metric;
use crate::show::number::{count, figure, percent};
use crate::show::palette::Role;
use crate::show::{SMOOTHING, charts};

/// What the accuracy on held-out images is called.
const HELD_OUT: &str = "held out";

/// The pane of curves.
pub struct Curves {
    /// Weight of the past, in [0, 0.999].
    smoothing: f64,
}

impl Default for Curves {
    fn default() -> Self {
        Self { smoothing: SMOOTHING }
    }
}

static ABOUT: About = About {
    name: "metrics",
    title: "Losses and accuracies",
    question: "is it learning?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Middle,
    share: 0.32,
};

impl Pane for Curves {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        if scope.history.reports.rows().is_empty() {
            let every = count(scope.controls.config.hyper.report_every_steps);
            let when = format!("A point comes every {every} steps: press Run.");
            chart::empty(ui, &scope.palette, "Losses and accuracies of both networks.", &when);
            return;
        }
        self.options_ui(ui, scope);
        let size = split_width(ui, 2, 8.0);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            ui.allocate_ui(size, |ui| self.losses_ui(ui, scope));
            ui.allocate_ui(size, |ui| self.accuracies_ui(ui, scope));
        });
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let metrics = Metric::ALL.iter().map(|metric| metric.name());
        let mut table = Table::new(["step", "seconds"].into_iter().chain(metrics).chain(["edits"]));
        let mut before = -1.0;
        for row in history.reports.rows() {
            let mut line = vec![row.step.to_string(), format!("{:.3}", row.seconds)];
            line.extend(row.values.iter().map(ToString::to_string));
            let edits = history.edits.iter().filter(|edit| (before..=row.step).contains(&(edit.step as f64)));
            let edits: Vec<_> =
                edits.map(|edit| format!("{}: {} to {}", edit.knob, edit.from, edit.to)).collect();
            line.push(edits.join("; "));
            before = row.step + 0.5;
            table.push(line);
        }
        table
    }
}

impl Curves {
    fn options_ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let palette = scope.palette;
        ui.horizontal(|ui| {
            let label = ui.label(RichText::new("smoothing").font(small()).color(palette.weak));
            ui.spacing_mut().slider_width = 90.0;
            ui.add(egui::Slider::new(&mut self.smoothing, 0.0..=0.999).max_decimals(3))
                .labelled_by(label.id)
                .on_hover_text(
                    "Weight of the past in an exponential moving average; 0 shows the points themselves.",
                );
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                ui.spacing_mut().button_padding = egui::vec2(5.0, 1.0);
                ui.spacing_mut().item_spacing.x = 2.0;
                for along in Along::ALL.into_iter().rev() {
                    let text = RichText::new(along.name()).font(small());
                    let about = format!("Lay runs along their {}", along.label());
                    ui.selectable_value(scope.along, along, text).on_hover_text(about);
                }
            });
        });
    }

    fn losses_ui(&self, ui: &mut Ui, scope: &Scope<'_>) {
        let (history, palette, along) = (&*scope.history, &scope.palette, *scope.along);
        let y = chart::y_axis(palette, "cross-entropy, nats", chart::figure_tick);
        let plot = self.plot((palette, along), "losses", y).include_x(history.end(along));
        let response = plot.include_y(0.0).show(ui, |plot| {
            beside::curves_ui(plot, palette, &scope.shelf.beside, self.smoothing, |history| {
                history.points(Metric::Loss, along)
            });
            beside::other_ui(plot, palette, scope.pair.as_ref(), self.smoothing, |history| {
                let points = |metric| history.points(metric, along);
                vec![(palette.main, points(Metric::Loss)), (palette.auxiliary, points(Metric::AuxiliaryLoss))]
            });
            self.fork(plot, scope);
            self.curve(plot, (palette, history, along), Metric::Loss, Role::Main, "main J");
            self.curve(plot, (palette, history, along), Metric::AuxiliaryLoss, Role::Auxiliary, "auxiliary");
            self.edits(plot, scope);
            reading::line_ui(plot, palette)
        });
        let readings = || {
            let own = [
                ("main J", palette.main, Metric::Loss),
                ("auxiliary", palette.auxiliary, Metric::AuxiliaryLoss),
            ];
            let own = own.map(|(name, color, metric)| Reading {
                name: name.into(),
                color,
                points: history.points(metric, along),
            });
            own.into_iter()
                .chain(beside::readings(scope, |history| history.points(Metric::Loss, along)))
                .collect()
        };
        self.tell(scope, response, readings, figure);
    }

    fn accuracies_ui(&self, ui: &mut Ui, scope: &Scope<'_>) {
        let (history, palette, along) = (&*scope.history, &scope.palette, *scope.along);
        let y = chart::y_axis(palette, "accuracy", chart::percent_tick);
        let plot = self.plot((palette, along), "accuracies", y).include_y(0.0).include_y(1.0);
        let plot = plot.include_x(history.end(along));
        let plot = plot.y_grid_spacer(chart::percent_marks(ui.available_height()));
        // On the same images for all of them, where there are such.
        let of_other = |history: &History| {
            let held_out = history.column(&history.held_out, 0, along);
            if held_out.len() > 1 { held_out } else { history.points(Metric::Accuracy, along) }
        };
        let lines = lines(history, palette, along);
        let response = plot.show(ui, |plot| {
            beside::curves_ui(plot, palette, &scope.shelf.beside, self.smoothing, of_other);
            beside::other_ui(plot, palette, scope.pair.as_ref(), self.smoothing, |history| {
                vec![
                    (palette.main, history.points(Metric::Accuracy, along)),
                    (palette.good, history.column(&history.held_out, 0, along)),
                ]
            });
            self.fork(plot, scope);
            self.curve(plot, (palette, history, along), Metric::Accuracy, Role::Main, "training");
            for Reading { name, color, points } in &lines {
                let line = Line::new(name, PlotPoints::new(points.clone())).color(*color).allow_hover(false);
                if name == HELD_OUT {
                    plot.line(line.width(1.0));
                    plot.points(Points::new(name, PlotPoints::new(points.clone())).color(*color).radius(2.5));
                } else {
                    plot.line(line.width(1.3));
                }
            }
            self.edits(plot, scope);
            reading::line_ui(plot, palette)
        });
        let readings = || {
            let points = history.points(Metric::Accuracy, along);
            let training = Reading { name: "training".into(), color: palette.main, points };
            std::iter::once(training).chain(lines).chain(beside::readings(scope, of_other)).collect()
        };
        self.tell(scope, response, readings, percent);
    }

    fn plot<'a>(
        &self,
        (palette, along): (&Palette, Along),
        id: &str,
        y: egui_plot::AxisHints<'a>,
    ) -> egui_plot::Plot<'a> {
        let x = chart::along_axis(palette, along);
        let corner = if id == "losses" { Corner::RightTop } else { Corner::RightBottom };
        let legend =
            Legend::default().position(corner).background_alpha(0.75).text_style(egui::TextStyle::Small);
        chart::chart(id, palette, x, y)
            .include_x(0.0)
            .legend(legend.follow_insertion_order(true))
            .link_axis(egui::Id::unique("curves"), [true, false])
    }

    fn curve(
        &self,
        plot: &mut PlotUi<'_>,
        (palette, history, along): (&Palette, &History, Along),
        metric: Metric,
        role: Role,
        name: &str,
    ) {
        let raw = history.points(metric, along);
        chart::marks_ui(plot, palette, charts::smoothed(&raw, self.smoothing, role, name));
    }

    /// A line where the run was forked.
    fn fork(&self, plot: &mut PlotUi<'_>, scope: &Scope<'_>) {
        let Some(pair) = scope.pair.as_ref() else { return };
        let step = pair.step as f64;
        let row = scope.history.reports.rows().iter().find(|row| row.step >= step);
        let seconds = row.map_or(0.0, |row| row.seconds);
        let x = scope.history.place(*scope.along, step, seconds);
        plot.vline(VLine::new("", x).color(scope.palette.weak).width(1.0).allow_hover(false));
    }

    /// A line where a knob was turned.
    fn edits(&self, plot: &mut PlotUi<'_>, scope: &Scope<'_>) {
        for edit in &scope.history.edits {
            let x = scope.history.place(*scope.along, edit.step as f64, edit.seconds);
            let line = VLine::new("", x).color(scope.palette.adversary).width(1.0);
            plot.vline(line.style(LineStyle::dashed_dense()).allow_hover(false));
        }
    }

    /// What all curves are at the pointer, and what was turned at the line under it.
    fn tell(
        &self,
        scope: &Scope<'_>,
        response: PlotResponse<Option<[f64; 2]>>,
        readings: impl FnOnce() -> Vec<Reading>,
        format: fn(f64) -> String,
    ) {
        let (Some(place), Some(pointer)) = (response.inner, response.response.hover_pos()) else { return };
        let history = &*scope.history;
        let turned: Vec<_> = history
            .edits
            .iter()
            .filter(|edit| {
                let x = history.place(*scope.along, edit.step as f64, edit.seconds);
                let at = response.transform.position_from_point(&PlotPoint::new(x, 0.0));
                (at.x - pointer.x).abs() < 4.0
            })
            .map(|edit| format!("step {}: {} {} → {}", count(edit.step), edit.knob, edit.from, edit.to))
            .collect();
        reading::tell(response.response, place, (scope.along.said(place[0]), &turned), &readings(), format);
    }
}

/// What is drawn of accuracies besides that in training, as far as it is known.
fn lines(history: &History, palette: &Palette, along: Along) -> Vec<Reading> {
    let held_out = (HELD_OUT, palette.good, history.column(&history.held_out, 0, along));
    let compared = [
        ("teacher", palette.accent),
        ("agreement", palette.adversary),
        ("cosine of gradients", palette.auxiliary),
    ];
    let compared = compared
        .into_iter()
        .enumerate()
        .map(|(index, (name, color))| (name, color, history.column(&history.comparisons, index, along)));
    let all = std::iter::once(held_out).chain(compared);
    all.filter(|(.., points)| !points.is_empty())
        .map(|(name, color, points)| Reading { name: name.into(), color, points })
        .collect()
}
