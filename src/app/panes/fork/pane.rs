//! The pane: the difference in one sentence, attack by attack, and over time.

use egui::{RichText, Ui, UiBuilder};

use super::band::band_ui;
use super::rows::{Key, Row, rows, rows_ui};
use crate::app::draw::chart;
use crate::app::draw::theme::tiny;
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::compared::Comparison;
use crate::config::ScenarioKind;
use crate::protocol::Met;
use crate::show::Table;
use crate::show::number::count;

/// The pane's own name.
pub const NAME: &str = "fork";

/// The pane of a fork.
#[derive(Default)]
pub struct ForkPane {
    /// What is shown over time; the worst case where nobody chose.
    selected: Option<Key>,
}

static ABOUT: About = About {
    name: NAME,
    title: "Fork and parent",
    question: "what does the change do, on the same data?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Right,
    share: 0.3,
};

impl Pane for ForkPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let what = format!(
            "Fork less parent, in accuracy on the same held-out {} under the same attacks.",
            scope.history.examples()
        );
        let Some(pair) = scope.pair.as_ref() else {
            return chart::empty(ui, &scope.palette, &what, "Fork a run (F): it is filled then.");
        };
        let (Some(comparison), None) = (pair.compared.last(), pair.compared.problem()) else {
            return chart::empty(ui, &scope.palette, &what, &waits(scope));
        };
        let palette = scope.palette;
        let deviation = scope.history.info.as_ref().and_then(|info| info.input_deviation);
        let rows = rows(comparison, scope.controls.config.hyper.in_pixels(deviation).epsilon);
        let shown = self.selected.and_then(|key| rows.iter().find(|row| row.key == key));
        let Some(shown) = shown.or(rows.first()) else { return };
        headline_ui(ui, scope, comparison, shown);
        let area = ui.available_rect_before_wrap();
        let left = area.with_max_x(area.left() + area.width() * 0.56);
        let mut list = ui.new_child(UiBuilder::new().max_rect(left));
        if let Some(key) = rows_ui(&mut list, &palette, &rows, shown.key) {
            self.selected = Some(key);
        }
        let mut band = ui.new_child(UiBuilder::new().max_rect(area.with_min_x(left.right() + 8.0)));
        band_ui(&mut band, &palette, shown, pair.compared.rows(), pair.step);
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let mut table = Table::new([
            "step",
            "attack",
            "target",
            "epsilon",
            "images",
            "gained",
            "lost",
            "difference",
            "difference_low",
            "difference_high",
            "p",
        ]);
        let comparisons = scope.pair.as_ref().map_or(&[][..], |pair| pair.compared.rows());
        for comparison in comparisons {
            for found in &comparison.differences {
                let what = match found.met {
                    Met::Nothing => ["none".into(), String::new(), String::new()],
                    Met::Worst(norm, epsilon) => {
                        [format!("worst case, {}", norm.name()), String::new(), epsilon.to_string()]
                    }
                    Met::Threat(threat) => {
                        [threat.attack.name().into(), threat.target.to_string(), threat.epsilon.to_string()]
                    }
                };
                let (low, high) = found.paired.interval();
                let counts = [found.paired.images, found.paired.gained, found.paired.lost];
                let figures = [found.paired.difference(), low, high, found.paired.probability()];
                let step = [comparison.step.to_string()];
                let counts = counts.map(|count| count.to_string());
                let figures = figures.map(|figure| figure.to_string());
                table.push(step.into_iter().chain(what).chain(counts).chain(figures));
            }
        }
        table
    }
}

/// `fork − parent: +3.1 points [+0.8, +5.4]`, of what, and of how many images at which step.
fn headline_ui(ui: &mut Ui, scope: &Scope<'_>, comparison: &Comparison, row: &Row) {
    let palette = &scope.palette;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        let text = format!("fork − parent: {}", row.figure().replacen(" [", " points [", 1));
        ui.label(RichText::new(text).strong().color(row.color(palette))).on_hover_text(row.about());
        let mut of = format!(
            "{}, {} {}, step {}",
            row.whole_name(),
            count(row.paired.images.into()),
            scope.history.examples(),
            count(comparison.step)
        );
        if !comparison.met_the_same {
            of += "; the attacks differ (ε or steps), so only what both met is compared";
        }
        ui.add(egui::Label::new(RichText::new(&of).font(tiny()).color(palette.weak)).truncate())
            .on_hover_text(of);
    });
}

/// Why nothing can be said yet, and when it will be.
fn waits(scope: &Scope<'_>) -> String {
    let Some(pair) = scope.pair.as_ref() else { return String::new() };
    if let Some(problem) = pair.compared.problem() {
        return format!("The last evaluations cannot be compared: {problem}.");
    }
    let Some([parent, fork]) = scope.controls.both() else { return String::new() };
    match (parent.evaluate_every_steps, fork.evaluate_every_steps) {
        (0, _) | (_, 0) => {
            "Evaluations are off: set “robustness every” of both above 0, or press Evaluate now (E).".into()
        }
        (one, other) => {
            // The first number of steps after which both are evaluated.
            let both = (1..=other).map(|times| times * one).find(|steps| steps.is_multiple_of(other));
            let both = both.unwrap_or(one);
            let next = (pair.step / both + 1) * both;
            format!(
                "It comes with the next evaluation of both, at step {}; Evaluate now (E) asks for one.",
                count(next)
            )
        }
    }
}
