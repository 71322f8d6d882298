//! The pane: at the left what a sweep is to go through, beside it what has come of the one that is looked at.

use egui::{
    Button, ComboBox, Frame, Grid, Layout, Margin, Panel, Rect, RichText, ScrollArea, Ui, UiBuilder, pos2,
    vec2,
};

use super::{form, grid};
use crate::app::draw::chart;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::config::ScenarioKind;
use crate::platform;
use crate::runs::comparison::charts::{parallel, pareto};
use crate::runs::comparison::table::{self, Line};
use crate::runs::comparison::{Comparison, Metric};
use crate::runs::librarian::Source;
use crate::show::number::count;
use crate::show::{Chart, Table};

/// The pane's own name.
pub const NAME: &str = "sweep";

/// Width of what is filled in.
const FORM: f32 = 244.0;
const FORM_MARGIN: Margin = Margin { left: 0, right: 14, top: 0, bottom: 0 };
/// Share of the height that the runs take at most, above the charts.
const RUNS: f32 = 0.5;
/// Room around charts.
const GAP: f32 = 12.0;

static ABOUT: About = About {
    name: NAME,
    title: "Sweep",
    question: "what would other values have led to?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Middle,
    // It fills the window.
    share: 0.0,
};

/// The pane of the sweep.
#[derive(Default)]
pub struct SweepPane {
    /// Whether the figures of the methods are shown in place of the runs.
    shows_figures: bool,
    /// The key of the metric by which runs are coloured, once somebody has chosen one.
    metric: Option<&'static str>,
    drawn: Option<Drawn>,
}

/// What is drawn of a comparison, until it is looked at again.
struct Drawn {
    version: u64,
    pareto: Option<Chart>,
    parallel: Option<Chart>,
    /// The lines of each setting.
    lines: Vec<(String, Vec<Line>)>,
}

impl Drawn {
    fn of(found: &Comparison, version: u64) -> Self {
        let rows = table::rows(&found.plan, &found.results);
        let lines = |setting: &&str| ((*setting).to_owned(), table::lines(&found.plan, &rows, setting));
        Self {
            version,
            pareto: pareto(&found.plan, &found.results),
            parallel: parallel(&found.plan, &found.results),
            lines: found.plan.settings().iter().map(lines).collect(),
        }
    }
}

impl Pane for SweepPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let absent = scope.shelf.absent.as_deref().or(platform::NO_PROGRAMS);
        if let Some(absent) = absent {
            let what = "Several runs, one after the other: values of knobs, seeds.";
            chart::empty(ui, &scope.palette, what, absent);
            return;
        }
        let panel = Panel::left("sweep form").frame(Frame::new().inner_margin(FORM_MARGIN)).exact_size(FORM);
        panel.resizable(false).show_separator_line(false).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| form::ui(ui, scope));
        });
        ui.add_space(4.0);
        // The pane asks the window for things while it draws what is found.
        match scope.sweep.shown.take() {
            None => nothing_ui(ui, scope),
            Some(found) => {
                let is_closed = self.found_ui(ui, scope, &found);
                if is_closed {
                    scope.sweep.close();
                } else {
                    scope.sweep.shown = Some(found);
                }
            }
        }
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        match &scope.sweep.shown {
            Some(found) => table::cells(&found.plan, &found.results),
            None => Table::new(["setting", "method", "seed"]),
        }
    }
}

/// What is said before there is a comparison to look at.
fn nothing_ui(ui: &mut Ui, scope: &Scope<'_>) {
    let palette = &scope.palette;
    let (line, problems) = scope.sweep.said(None);
    problems_ui(ui, palette, problems);
    if scope.sweep.is_under_way() {
        chart::empty(ui, palette, "The sweep begins.", line);
    } else {
        chart::empty(
            ui,
            palette,
            "What other values of a knob lead to, seed by seed.",
            "Choose them at the left and begin: the runs follow one another behind the present one. Or open one in Runs.",
        );
    }
}

impl SweepPane {
    /// Draws what is found; whether it is to be put away.
    fn found_ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>, found: &Comparison) -> bool {
        let palette = scope.palette;
        let version = scope.sweep.version;
        if self.drawn.as_ref().is_none_or(|drawn| drawn.version != version) {
            self.drawn = Some(Drawn::of(found, version));
        }
        let metrics = found.plan.metrics();
        let chosen = metrics.iter().position(|metric| Some(metric.key) == self.metric);
        let metric = chosen.unwrap_or(found.plan.headline());
        let is_closed = head_ui(ui, scope, found);
        ui.horizontal(|ui| {
            ui.selectable_value(&mut self.shows_figures, false, RichText::new("Grid").font(small()));
            ui.selectable_value(&mut self.shows_figures, true, RichText::new("Figures").font(small()));
            if !self.shows_figures {
                ui.add_space(8.0);
                self.metric_ui(ui, metrics, metric);
            }
        });
        let Some(drawn) = &self.drawn else { return is_closed };
        let charts = [("sweep pareto", &drawn.pareto), ("sweep parallel", &drawn.parallel)];
        let charts: Vec<_> = charts.into_iter().filter_map(|(id, it)| Some((id, it.as_ref()?))).collect();
        let all = ui.available_rect_before_wrap();
        let height = match (charts.is_empty(), self.shows_figures) {
            (true, _) => all.height(),
            (false, true) => figures_height(&drawn.lines).min(all.height() * RUNS),
            (false, false) => grid::height(found).min(all.height() * RUNS),
        };
        let (above, below) = all.split_top_bottom_at_y(all.top() + height);
        let width = (below.width() + GAP) / charts.len().max(1) as f32;
        for (place, (id, it)) in charts.iter().enumerate() {
            let left = below.left() + width * place as f32;
            let rect =
                Rect::from_min_max(pos2(left, below.top() + GAP), pos2(left + width - GAP, below.bottom()));
            let mut ui = ui.new_child(UiBuilder::new().max_rect(rect));
            chart::printed(&mut ui, id, &palette, it);
        }
        let mut ui = ui.new_child(UiBuilder::new().max_rect(above));
        let ui = &mut ui;
        let area = ScrollArea::both().auto_shrink(false);
        if self.shows_figures {
            area.show(ui, |ui| figures_ui(ui, &palette, found, &drawn.lines));
        } else if let Some(cell) = area.show(ui, |ui| grid::ui(ui, &palette, found, metric)).inner {
            scope.shelf.show(Source::Path(found.folder.join(&cell.name)));
        }
        is_closed
    }

    fn metric_ui(&mut self, ui: &mut Ui, metrics: &[Metric], metric: usize) {
        let mut chosen = metric;
        ComboBox::from_id_salt("sweep metric")
            .selected_text(RichText::new(metrics[metric].name).font(small()))
            .width(150.0)
            .show_ui(ui, |ui| {
                for (place, metric) in metrics.iter().enumerate() {
                    ui.selectable_value(&mut chosen, place, metric.name);
                }
            })
            .response
            .on_hover_text("The figure in the squares, by which they are coloured");
        if chosen != metric {
            self.metric = Some(metrics[chosen].key);
        }
    }
}

fn problems_ui(ui: &mut Ui, palette: &Palette, problems: [Option<&str>; 2]) {
    for problem in problems.into_iter().flatten() {
        ui.label(RichText::new(problem).font(small()).color(palette.bad));
    }
}

/// How high the figures of all settings are.
fn figures_height(lines: &[(String, Vec<Line>)]) -> f32 {
    lines.iter().map(|(_, lines)| 20.0 * (lines.len() as f32 + 2.0) + 8.0).sum()
}

/// What it is, how far it is, and what can be done about it; whether it is to be put away.
fn head_ui(ui: &mut Ui, scope: &mut Scope<'_>, found: &Comparison) -> bool {
    let palette = scope.palette;
    let is_own = scope.sweep.is_under_way_in(&found.folder);
    let mut is_closed = false;
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let close = ui.add_enabled(!is_own, Button::new("Close"));
            is_closed = close.on_hover_text("Look at none; it stays in the library").clicked();
            if is_own {
                let text = if scope.sweep.is_stopping() { "Stopping" } else { "Stop" };
                let stop = ui.add_enabled(!scope.sweep.is_stopping(), Button::new(text));
                let about =
                    "End the run that is trained; what is finished stays, and the rest can be gone on with";
                if stop.on_hover_text(about).clicked() {
                    scope.sweep.stop();
                }
            } else if !found.is_complete() {
                let can_go_on = !scope.sweep.is_under_way() && !found.is_under_way();
                let about = match (can_go_on, found.is_under_way()) {
                    (true, _) => "Run what is missing",
                    (false, true) => "Another process carries it out",
                    (false, false) => "One sweep goes on already",
                };
                let go_on = ui.add_enabled(can_go_on, Button::new("Go on"));
                if go_on.on_hover_text(about).on_disabled_hover_text(about).clicked() {
                    let device = scope.history.info.as_ref().map(|info| &info.device);
                    let wake = ui.ctx().clone();
                    scope.sweep.go_on(&found.folder, device, move || wake.request_repaint());
                }
            }
            ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                let title = RichText::new(&found.plan.title).font(small()).strong();
                ui.add(egui::Label::new(title).truncate()).on_hover_text(found.folder.display().to_string());
            });
        });
    });
    let all = found.states.len() as u64;
    let mut text = format!("{} of {} runs finished", count(found.finished() as u64), count(all));
    let (line, problems) = scope.sweep.said(Some(&found.folder));
    if !line.is_empty() {
        text += &format!(" · {line}");
    } else if let Some(holder) = &found.holder {
        text += &format!(" · being carried out by {holder}");
    }
    ui.add(egui::Label::new(RichText::new(text).font(tiny()).color(palette.weak)).truncate());
    problems_ui(ui, &palette, problems);
    is_closed
}

/// Mean ± deviation of each method by each metric.
fn figures_ui(ui: &mut Ui, palette: &Palette, found: &Comparison, lines: &[(String, Vec<Line>)]) {
    let metrics = found.plan.metrics();
    let headline = metrics[found.plan.headline()].name;
    let first = found.plan.methods().first().copied().unwrap_or_default();
    for (setting, lines) in lines {
        ui.label(RichText::new(setting).font(small()).strong());
        Grid::new(("sweep figures", setting)).spacing(vec2(16.0, 2.0)).striped(true).show(ui, |ui| {
            let weak = |ui: &mut Ui, text: &str| {
                ui.label(RichText::new(text).font(tiny()).color(palette.weak));
            };
            weak(ui, "method");
            weak(ui, "n");
            metrics.iter().for_each(|metric| weak(ui, metric.name));
            weak(ui, &format!("{headline} − {first} (95 %)"));
            ui.end_row();
            for line in lines {
                ui.label(RichText::new(&line.method).font(small()).color(palette.text));
                ui.label(RichText::new(line.n.to_string()).font(small()));
                for figure in &line.figures {
                    ui.label(RichText::new(figure).font(small()));
                }
                ui.label(RichText::new(&line.difference).font(small()));
                ui.end_row();
            }
        });
        ui.add_space(6.0);
    }
}
