//! Accuracy under attack against its radius: each attack a curve with its 95 % interval, and what it compares with.

use egui::{RichText, Ui};
use egui_plot::{HLine, Line, LineStyle, PlotUi, Points, VLine};

use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::draw::{beside, chart};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::panes::fooled;
use crate::config::threat::headline_radius;
use crate::config::{AttackKind, Norm, ScenarioKind, TargetKind};
use crate::protocol::{Curve, Point, Robustness, WorstCase};
use crate::show::Table;
use crate::show::number::{count, percent, short, standardised, whole_percent};
use crate::show::palette::Role;
use crate::show::{Mark, Shape, charts, columns};

/// The pane of robustness.
#[derive(Default)]
pub struct RobustnessPane {
    hidden: Vec<(AttackKind, TargetKind)>,
    /// Whether the L2 attacks are shown, whose radii are on another scale, where there are others.
    l2: bool,
    view: View,
}

/// Room that the headline and its switches need side by side.
const WIDE: f32 = 340.0;

/// What of an evaluation is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    /// Accuracy against ε.
    #[default]
    Curves,
    /// The smallest ε that fooled each image.
    Smallest,
    /// What was taken for what.
    Mistakes,
}

static ABOUT: About = About {
    name: "robustness",
    title: "Robustness",
    question: "how much attack does it withstand?",
    scenarios: &[ScenarioKind::Defense, ScenarioKind::Distillation],
    data: DataKind::Any,
    column: Column::Right,
    share: 0.42,
};

impl Pane for RobustnessPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        self.actions_ui(ui, scope);
        let Some(evaluation) = &scope.history.evaluation else {
            let every = scope.controls.config.hyper.evaluate_every_steps;
            let when = match every {
                0 => "It is off: set “robustness every” above 0, or press Evaluate now.".into(),
                _ => format!("It comes every {} steps while training, or press Evaluate now.", count(every)),
            };
            let what = format!("Accuracy on held-out {} under attack, against ε.", scope.history.examples());
            chart::empty(ui, &scope.palette, &what, &when);
            return;
        };
        let norm = self.norm(evaluation);
        self.headline_ui(ui, scope, evaluation);
        let palette = scope.palette;
        match self.view {
            View::Curves => {}
            View::Smallest => {
                return fooled::smallest_ui(ui, &palette, (evaluation, scope.history.examples()), norm);
            }
            View::Mistakes => {
                let epsilon = headline_radius(norm, set_epsilon(scope, evaluation));
                return fooled::mistakes_ui(ui, &palette, scope.history, evaluation, (norm, epsilon));
            }
        }
        self.keys_ui(ui, &scope.palette, evaluation);
        let advice = 28.0;
        self.plot_ui(ui, scope, evaluation, ui.available_height() - advice);
        let text = "One-step attacks alone prove nothing: a defence may only hide its gradient. Trust the lowest curve, and trust it only if PGD is in it.";
        ui.add(egui::Label::new(RichText::new(text).font(tiny()).color(scope.palette.weak)).wrap());
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new(["evaluation"].into_iter().chain(columns::ROBUSTNESS));
        let baseline = history.baseline.as_ref().map(|baseline| &baseline.robustness);
        for (what, robustness) in [
            ("current", history.evaluation.as_ref()),
            ("previous", history.previous.as_ref()),
            ("baseline", baseline),
        ] {
            let rows = robustness.map(columns::robustness).unwrap_or_default();
            table.extend(rows.into_iter().map(|row| [vec![what.to_owned()], row].concat()));
        }
        table
    }
}

impl RobustnessPane {
    /// The norm that is shown: the one chosen, or the only one there is.
    fn norm(&self, evaluation: &Robustness) -> Norm {
        let chosen = if self.l2 { Norm::L2 } else { Norm::Linf };
        let only = evaluation.curves.first().map_or(chosen, |curve| curve.attack.norm());
        if evaluation.curves_in(chosen).next().is_some() { chosen } else { only }
    }

    fn actions_ui(&self, ui: &mut Ui, scope: &mut Scope<'_>) {
        ui.horizontal(|ui| {
            ui.spacing_mut().button_padding = egui::vec2(7.0, 1.0);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if let Some(evaluation) = &scope.history.evaluation {
                    state_ui(ui, &scope.palette, (evaluation, scope.history.examples()));
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| buttons_ui(ui, scope));
            });
        });
    }

    /// What is left of each image under the attack that harms it most, at the radius attacked with that is nearest to ε.
    fn headline_ui(&mut self, ui: &mut Ui, scope: &Scope<'_>, evaluation: &Robustness) {
        let norm = self.norm(evaluation);
        let set = headline_radius(norm, set_epsilon(scope, evaluation));
        let Some(case) = evaluation.worst_in(norm) else { return };
        let off = |point: &&Point| (point.epsilon - set).abs();
        let Some(point) = case.points.iter().min_by(|a, b| off(a).total_cmp(&off(b))) else { return };
        let (low, high) = point.robust.interval();
        let view_shown = &mut self.view;
        let figures = |ui: &mut Ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.label(RichText::new(percent(point.robust.value())).strong().color(scope.palette.text));
            let text = format!(
                "worst case at ε = {}{} ({} to {})",
                short(point.epsilon),
                standardised(point.epsilon, evaluation.input_deviation),
                whole_percent(low),
                whole_percent(high)
            );
            ui.label(RichText::new(text).font(tiny()).color(scope.palette.weak))
                .on_hover_text(describe_worst(case, (evaluation, scope.history.examples())));
        };
        let mut views = [
            (View::Curves, "curves", "Accuracy against ε"),
            (View::Smallest, "smallest ε", "At which radius each image falls"),
            (View::Mistakes, "mistakes", "Which class is taken for which under attack"),
        ];
        let mut switches = |ui: &mut Ui, views: &[(View, &str, &str)]| {
            ui.spacing_mut().button_padding = egui::vec2(4.0, 0.0);
            for (view, name, about) in views {
                let text = RichText::new(*name).font(tiny());
                ui.selectable_value(view_shown, *view, text).on_hover_text(*about);
            }
        };
        if ui.available_width() < WIDE {
            ui.horizontal_wrapped(|ui| {
                figures(ui);
                switches(ui, &views);
            });
            return;
        }
        views.reverse();
        ui.horizontal(|ui| {
            figures(ui);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| switches(ui, &views));
        });
    }

    /// A switch a curve, with its accuracy at the set ε on hover; L∞ or L2.
    fn keys_ui(&mut self, ui: &mut Ui, palette: &Palette, evaluation: &Robustness) {
        chart::toggles(ui, "keys", |ui| {
            ui.spacing_mut().item_spacing = egui::vec2(8.0, 1.0);
            for curve in evaluation.curves_in(self.norm(evaluation)) {
                let key = (curve.attack, curve.target);
                let mut on = !self.hidden.contains(&key);
                let color = palette.attack(curve.attack, curve.target);
                chart::toggle(ui, palette, color, &charts::curve_name(curve), &mut on)
                    .on_hover_text(describe(curve, evaluation));
                self.hidden.retain(|hidden| *hidden != key);
                if !on {
                    self.hidden.push(key);
                }
            }
            if Norm::ALL.iter().all(|norm| evaluation.curves_in(*norm).next().is_some()) {
                ui.selectable_value(&mut self.l2, false, RichText::new("L∞").font(tiny()));
                ui.selectable_value(&mut self.l2, true, RichText::new("L2").font(tiny()));
            }
        });
    }

    fn plot_ui(&self, ui: &mut Ui, scope: &Scope<'_>, evaluation: &Robustness, height: f32) {
        let palette = &scope.palette;
        let norm = self.norm(evaluation);
        let deviation = evaluation.input_deviation;
        let unit = match (norm, scope.history.is_world()) {
            (Norm::Linf, true) => "ε (L∞, sides of the plane",
            (Norm::L2, true) => "ε (L2, sides of the plane",
            (Norm::Linf, false) => "ε (L∞, pixels in [0, 1]",
            (Norm::L2, false) => "ε (L2 over the image",
        };
        let scale = deviation.map_or(String::new(), |deviation| format!("; 1 σ = {}", short(deviation)));
        let unit = format!("{unit}{scale})");
        let x = chart::x_axis(palette, &unit, chart::figure_tick);
        let y = chart::y_axis(palette, "accuracy", chart::percent_tick);
        let plot = chart::chart("robustness", palette, x, y)
            .height(height.max(60.0))
            .include_y(0.0)
            .include_y(1.0)
            .include_x(0.0)
            .y_grid_spacer(chart::percent_marks(height))
            .label_formatter(|position| {
                let at =
                    |epsilon: f64| format!("at ε = {}{}", short(epsilon), standardised(epsilon, deviation));
                chart::point_label(position, at, percent)
            });
        plot.show(ui, |plot| {
            if let Some(chance) = scope.history.chance() {
                let style = LineStyle::dotted_dense();
                plot.hline(HLine::new("guessing", chance).color(palette.line).width(1.0).style(style));
            }
            if norm == Norm::Linf {
                let epsilon = set_epsilon(scope, evaluation);
                let style = LineStyle::dashed_dense();
                plot.vline(
                    VLine::new("", epsilon).color(palette.weak).width(1.0).style(style).allow_hover(false),
                );
            }
            beside_ui(plot, scope, norm);
            if let Some(baseline) = &scope.history.baseline {
                let curves = self.visible(&baseline.robustness, norm);
                let style = Some(LineStyle::dashed_loose());
                reference(plot, palette, (&baseline.robustness, curves), "baseline", style);
            }
            if let Some(previous) = &scope.history.previous {
                let curves = self.visible(previous, norm);
                reference(plot, palette, (previous, curves), "before", None);
            }
            self.other_ui(plot, scope, norm);
            for curve in self.visible(evaluation, norm) {
                chart::marks_ui(plot, palette, curve_marks(evaluation, curve));
            }
            let clean = evaluation.clean.value();
            if let Some(case) = evaluation.worst_in(norm) {
                let line = charts::values(&charts::from_clean(evaluation, &case.points));
                let style = LineStyle::dashed_dense();
                let line = Line::new("worst case", line);
                plot.line(line.color(palette.text).width(2.4).style(style));
            }
            let points = Points::new(format!("clean (n = {})", evaluation.clean.total), vec![[0.0, clean]]);
            plot.points(points.color(palette.text).radius(4.0));
        });
    }

    /// The curves of the other of two runs, dashed, and its worst case.
    fn other_ui(&self, plot: &mut PlotUi<'_>, scope: &Scope<'_>, norm: Norm) {
        let Some(pair) = scope.pair.as_ref() else { return };
        let Some(found) = pair.other.complete_evaluation() else { return };
        let (palette, name) = (&scope.palette, pair.names()[1]);
        let style = Some(LineStyle::dashed_dense());
        reference(plot, palette, (found, self.visible(found, norm)), name, style);
        if let Some(case) = found.worst_in(norm) {
            let line = charts::values(&charts::from_clean(found, &case.points));
            let line = Line::new(format!("worst case, {name}"), line);
            plot.line(line.color(palette.text).width(1.4).style(LineStyle::dotted_dense()));
        }
    }

    /// The curves in a norm that are switched on.
    fn visible<'r>(&self, evaluation: &'r Robustness, norm: Norm) -> Vec<&'r Curve> {
        let shown = |curve: &&Curve| !self.hidden.contains(&(curve.attack, curve.target));
        evaluation.curves_in(norm).filter(shown).collect()
    }
}

/// The ε of the knobs, in pixels.
fn set_epsilon(scope: &Scope<'_>, evaluation: &Robustness) -> f64 {
    scope.controls.config.hyper.in_pixels(evaluation.input_deviation).epsilon
}

/// The headlines of other runs: eight of each attack's curves could not be told apart.
fn beside_ui(plot: &mut PlotUi<'_>, scope: &Scope<'_>, norm: Norm) {
    beside::curves_ui(plot, &scope.palette, &scope.shelf.beside, 0.0, |history| {
        let found = history.complete_evaluation();
        let case = found.and_then(|found| Some((found, found.worst_in(norm)?)));
        case.map_or(Vec::new(), |(found, case)| charts::values(&charts::from_clean(found, &case.points)))
    });
}

/// Another evaluation to compare with, faint or dashed, without intervals.
fn reference(
    plot: &mut PlotUi<'_>,
    palette: &Palette,
    (evaluation, curves): (&Robustness, Vec<&Curve>),
    what: &str,
    style: Option<LineStyle>,
) {
    for curve in curves {
        let points = charts::values(&charts::from_clean(evaluation, &curve.points));
        let strength = if style.is_some() { 0.75 } else { 0.3 };
        let color = palette.shade(palette.attack(curve.attack, curve.target), strength);
        let line =
            Line::new(format!("{what}: {}", charts::curve_name(curve)), points).color(color).width(1.2);
        plot.line(line.style(style.unwrap_or(LineStyle::Solid)).allow_hover(style.is_some()));
    }
}

/// What the evaluation is of, or how far it is.
fn state_ui(ui: &mut Ui, palette: &Palette, (evaluation, examples): (&Robustness, &str)) {
    if evaluation.complete {
        let total = count(evaluation.clean.total.into());
        let text = format!("step {} · {total} {examples}", count(evaluation.step));
        ui.label(RichText::new(text).font(tiny()).color(palette.weak));
    } else {
        chart::progress(ui, palette, evaluation.progress, 70.0);
        ui.label(RichText::new("attacking").font(tiny()).color(palette.weak));
    }
}

fn buttons_ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let ready = scope.history.info.is_some() && !scope.is_kept;
    let text = RichText::new("Evaluate now").font(small());
    let hover = &format!("Attack held-out {} with the weights as they are (E)", scope.history.examples());
    if ui.add_enabled(ready, egui::Button::new(text)).on_hover_text(hover).clicked() {
        scope.controls.evaluate(scope.history);
    }
    let keep = scope.history.complete_evaluation().is_some();
    let text = RichText::new("Keep as baseline").font(small());
    let hover = "Keep this evaluation, dashed, to compare later runs with";
    if ui.add_enabled(keep, egui::Button::new(text)).on_hover_text(hover).clicked() {
        scope.history.keep_baseline();
    }
    if let Some(baseline) = &scope.history.baseline {
        let text = format!("dashed: {}", baseline.label);
        let label = RichText::new(text).font(tiny()).color(scope.palette.weak);
        let label = egui::Label::new(label).truncate().sense(egui::Sense::click());
        if ui.add(label).on_hover_text("The baseline; click to drop it").clicked() {
            scope.history.baseline = None;
        }
    }
}

/// A curve with its interval, and a dot on each radius attacked with.
fn curve_marks(evaluation: &Robustness, curve: &Curve) -> Vec<Mark> {
    let role = Role::Attack(curve.attack, curve.target, 0);
    let shares = charts::from_clean(evaluation, &curve.points);
    let points = charts::values(&shares);
    let dots = points.iter().filter(|[epsilon, _]| *epsilon > 0.0).copied().collect();
    vec![
        // On a screen a little more of it has to be seen.
        charts::band(&shares, role).faint(0.14),
        Mark::new(Shape::Line(4), points, role),
        Mark::new(Shape::Dots, dots, role).named(charts::curve_name(curve)),
    ]
}

/// Balanced accuracy, where classes are not equally frequent and it says something else.
fn balanced(point: &Point, evaluation: &Robustness) -> String {
    if evaluation.has_unequal_classes() {
        format!(", balanced over the classes {}", percent(point.balanced))
    } else {
        String::new()
    }
}

/// What the worst case means, and its figures.
fn describe_worst(case: &WorstCase, (evaluation, examples): (&Robustness, &str)) -> String {
    let mut text =
        format!("Those {examples} that no attack fooled, at this ε or a smaller one: what to report.");
    if evaluation.input_deviation.is_some() {
        text += " σ is the standard deviation of the network's inputs.";
    }
    for point in &case.points {
        let epsilon = short(point.epsilon) + &standardised(point.epsilon, evaluation.input_deviation);
        text += &format!("\nε = {epsilon}: {}", percent(point.robust.value()));
        text += &balanced(point, evaluation);
    }
    match case.median {
        Some(median) => text + &format!("\nHalf of the {examples} fall at ε = {} or below.", short(median)),
        None => text + &format!("\nMore than half of the {examples} were never fooled."),
    }
}

/// A curve's figures with their intervals.
fn describe(curve: &Curve, evaluation: &Robustness) -> String {
    let mut text = format!("{}, {}", curve.attack, curve.target);
    for point in &curve.points {
        let (low, high) = point.robust.interval();
        text += &format!(
            "\nε = {}{}: {} ({} to {})",
            short(point.epsilon),
            standardised(point.epsilon, evaluation.input_deviation),
            percent(point.robust.value()),
            whole_percent(low),
            whole_percent(high)
        );
        text += &balanced(point, evaluation);
        if point.fooled.total > 0 {
            text += &format!(", {} hit the target", whole_percent(point.fooled.value()));
        }
    }
    text
}
