//! Losses and accuracies over the run: smoothed, the raw curve kept faint, every turn of a knob marked.

use egui::{RichText, Ui};
use egui_plot::{
    Corner, Legend, Line, LineStyle, PlotPoint, PlotPoints, PlotResponse, PlotUi, Points, VLine,
};

use crate::app::draw::theme::{Palette, small};
use crate::app::draw::{beside, chart};
use crate::app::pane::{About, Column, Pane, Scope, split_width};
use crate::app::run::history::{History, column};
use crate::config::ScenarioKind;
use crate::show::Table;
use crate::show::columns::Metric;
use crate::show::number::{count, duration, figure, percent};
use crate::show::palette::Role;
use crate::show::{SMOOTHING, charts};
use web_time::Duration;

/// The pane of curves.
pub struct Curves {
    /// Weight of the past, in [0, 0.999].
    smoothing: f64,
    by_time: bool,
}

impl Default for Curves {
    fn default() -> Self {
        Self { smoothing: SMOOTHING, by_time: false }
    }
}

static ABOUT: About = About {
    name: "metrics",
    title: "Losses and accuracies",
    question: "is it learning?",
    scenarios: ScenarioKind::ALL,
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
        self.options_ui(ui, &scope.palette);
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
    fn options_ui(&mut self, ui: &mut Ui, palette: &Palette) {
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
                ui.selectable_value(&mut self.by_time, true, RichText::new("Time").font(small()));
                ui.selectable_value(&mut self.by_time, false, RichText::new("Step").font(small()));
            });
        });
    }

    fn losses_ui(&self, ui: &mut Ui, scope: &Scope<'_>) {
        let (history, palette) = (&*scope.history, &scope.palette);
        let y = chart::y_axis(palette, "cross-entropy, nats", chart::figure_tick);
        let plot = self.plot(palette, "losses", y, figure).include_x(history.end(self.by_time));
        let response = plot.include_y(0.0).show(ui, |plot| {
            beside::curves_ui(plot, palette, &scope.shelf.beside, self.smoothing, |history| {
                history.points(Metric::Loss, self.by_time)
            });
            beside::other_ui(plot, palette, scope.pair.as_ref(), self.smoothing, |history| {
                let points = |metric| history.points(metric, self.by_time);
                vec![(palette.main, points(Metric::Loss)), (palette.auxiliary, points(Metric::AuxiliaryLoss))]
            });
            self.fork(plot, scope);
            self.curve(plot, (palette, history), Metric::Loss, Role::Main, "main J");
            self.curve(plot, (palette, history), Metric::AuxiliaryLoss, Role::Auxiliary, "auxiliary");
            self.edits(plot, palette, history);
        });
        self.hover_edit(history, response);
    }

    fn accuracies_ui(&self, ui: &mut Ui, scope: &Scope<'_>) {
        let (history, palette) = (&*scope.history, &scope.palette);
        let y = chart::y_axis(palette, "accuracy", chart::percent_tick);
        let plot = self.plot(palette, "accuracies", y, percent).include_y(0.0).include_y(1.0);
        let plot = plot.include_x(history.end(self.by_time));
        let plot = plot.y_grid_spacer(chart::percent_marks(ui.available_height()));
        let response = plot.show(ui, |plot| {
            // On the same images for all of them, where there are such.
            beside::curves_ui(plot, palette, &scope.shelf.beside, self.smoothing, |history| {
                let held_out = column(&history.held_out, 0, self.by_time);
                if held_out.len() > 1 { held_out } else { history.points(Metric::Accuracy, self.by_time) }
            });
            beside::other_ui(plot, palette, scope.pair.as_ref(), self.smoothing, |history| {
                vec![
                    (palette.main, history.points(Metric::Accuracy, self.by_time)),
                    (palette.good, column(&history.held_out, 0, self.by_time)),
                ]
            });
            self.fork(plot, scope);
            self.curve(plot, (palette, history), Metric::Accuracy, Role::Main, "training");
            let held_out = column(&history.held_out, 0, self.by_time);
            if !held_out.is_empty() {
                let color = palette.good;
                plot.line(
                    Line::new("held out", PlotPoints::new(held_out.clone()))
                        .color(color)
                        .width(1.0)
                        .allow_hover(false),
                );
                plot.points(Points::new("held out", PlotPoints::new(held_out)).color(color).radius(2.5));
            }
            for (index, (name, color)) in [
                ("teacher", palette.accent),
                ("agreement", palette.adversary),
                ("cosine of gradients", palette.auxiliary),
            ]
            .into_iter()
            .enumerate()
            {
                let points = column(&history.comparisons, index, self.by_time);
                if !points.is_empty() {
                    plot.line(Line::new(name, PlotPoints::new(points)).color(color).width(1.3));
                }
            }
            self.edits(plot, palette, history);
        });
        self.hover_edit(history, response);
    }

    fn plot<'a>(
        &self,
        palette: &Palette,
        id: &str,
        y: egui_plot::AxisHints<'a>,
        format: fn(f64) -> String,
    ) -> egui_plot::Plot<'a> {
        let by_time = self.by_time;
        let x = match by_time {
            true => chart::x_axis(palette, "training time, s", chart::count_tick),
            false => chart::x_axis(palette, "step", chart::count_tick),
        };
        let at = move |x: f64| match by_time {
            true => format!("after {}", duration(Duration::from_secs_f64(x.max(0.0)))),
            false => format!("step {}", count(x as u64)),
        };
        let corner = if id == "losses" { Corner::RightTop } else { Corner::RightBottom };
        let legend =
            Legend::default().position(corner).background_alpha(0.75).text_style(egui::TextStyle::Small);
        chart::chart(id, palette, x, y)
            .include_x(0.0)
            .legend(legend.follow_insertion_order(true))
            .link_axis(egui::Id::unique("curves"), [true, false])
            .label_formatter(move |position| chart::point_label(position, at, format))
    }

    fn curve(
        &self,
        plot: &mut PlotUi<'_>,
        (palette, history): (&Palette, &History),
        metric: Metric,
        role: Role,
        name: &str,
    ) {
        let raw = history.points(metric, self.by_time);
        chart::marks_ui(plot, palette, charts::smoothed(&raw, self.smoothing, role, name));
    }

    /// A line where the run was forked.
    fn fork(&self, plot: &mut PlotUi<'_>, scope: &Scope<'_>) {
        let Some(pair) = scope.pair.as_ref() else { return };
        let step = pair.step as f64;
        let row = scope.history.reports.rows().iter().find(|row| row.step >= step);
        let seconds = row.map_or(0.0, |row| row.seconds);
        let x = if self.by_time { seconds } else { step };
        plot.vline(VLine::new("", x).color(scope.palette.weak).width(1.0).allow_hover(false));
    }

    /// A line where a knob was turned.
    fn edits(&self, plot: &mut PlotUi<'_>, palette: &Palette, history: &History) {
        for edit in &history.edits {
            let x = if self.by_time { edit.seconds } else { edit.step as f64 };
            let style = LineStyle::dashed_dense();
            plot.vline(VLine::new("", x).color(palette.adversary).width(1.0).style(style).allow_hover(false));
        }
    }

    /// What was turned at the line under the pointer.
    fn hover_edit(&self, history: &History, response: PlotResponse<()>) {
        let Some(pointer) = response.response.hover_pos() else { return };
        let x = |edit: &crate::app::run::history::Edit| {
            if self.by_time { edit.seconds } else { edit.step as f64 }
        };
        let near: Vec<_> = history
            .edits
            .iter()
            .filter(|edit| {
                let at = response.transform.position_from_point(&PlotPoint::new(x(edit), 0.0));
                (at.x - pointer.x).abs() < 4.0
            })
            .map(|edit| format!("step {}: {} {} → {}", count(edit.step), edit.knob, edit.from, edit.to))
            .collect();
        if !near.is_empty() {
            response.response.on_hover_text_at_pointer(near.join("\n"));
        }
    }
}
