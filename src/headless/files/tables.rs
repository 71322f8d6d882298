//! Rows of `metrics.csv`, `timing.csv`, `histograms.csv` and `robustness.csv`, and the table people read.
//!
//! No clock goes into them but `timing.csv`: the same seed and device give the same bytes.

use crate::protocol::{Histograms, Report, Robustness, Share, TaskFigures, Tasks, Unit};
use crate::protocol::{Light, Verdict};
use crate::show::Table;
use crate::show::columns::{self, Metric};
use crate::show::number::{decimal, percent};

/// An empty `metrics.csv`: one row a report.
pub fn metrics() -> Table {
    Table::new(["step"].into_iter().chain(Metric::ALL.iter().map(|metric| metric.name())))
}

/// The row of `report` in [`metrics`].
pub fn metrics_row(report: &Report) -> Vec<String> {
    let values = Metric::ALL.iter().map(|metric| metric.of(report).to_string());
    std::iter::once(report.step.to_string()).chain(values).collect()
}

/// An empty `timing.csv`: one row a report.
pub fn timing() -> Table {
    Table::new(["step", "seconds", "steps_per_second"])
}

/// The row of `report` in [`timing`].
pub fn timing_row(report: &Report) -> Vec<String> {
    vec![
        report.step.to_string(),
        format!("{:.3}", report.elapsed.as_secs_f64()),
        format!("{:.3}", report.steps_per_second),
    ]
}

/// `histograms.csv`: one row a class and histogram, one column a bin, named `low..high`.
pub struct HistogramTable {
    table: Table,
    edges: Vec<f32>,
}

impl HistogramTable {
    /// A table whose bins are those of `first`.
    pub fn new(first: &Histograms) -> Self {
        Self { table: Table::new(columns::histogram_header(&first.edges)), edges: first.edges.clone() }
    }

    /// Adds a row for each class. Counts over other bins than the table's have no column, so their cells stay empty.
    pub fn push(&mut self, histograms: &Histograms, classes: &[String]) {
        self.table.extend(columns::histograms(histograms, &self.edges, classes));
    }

    /// The file so far.
    pub fn bytes(&mut self) -> &[u8] {
        self.table.bytes()
    }
}

/// The empty `comparison.csv`: student beside teacher on the same held-out images.
pub fn comparison() -> Table {
    Table::new([
        "step",
        "images",
        "student_right",
        "teacher_right",
        "agreements",
        "cosine",
        "distance",
        "floor",
    ])
}

/// A row of `comparison.csv`, where there is a teacher.
pub fn comparison_row(histograms: &Histograms) -> Option<Vec<String>> {
    let comparison = histograms.comparison?;
    let shares =
        [comparison.student, comparison.teacher, comparison.agreement].map(|share| share.hits.to_string());
    let figures = [comparison.cosine, histograms.distance, histograms.floor].map(|figure| figure.to_string());
    let begin = [histograms.step.to_string(), comparison.student.total.to_string()];
    Some(begin.into_iter().chain(shares).chain(figures).collect())
}

/// An empty `tasks.csv`: one row a figure of a task, each time it was measured.
pub fn tasks() -> Table {
    Table::new(["step", "task", "figure", "unit", "value"])
}

/// The rows of [`tasks`]: the task's figures, then what its gradient is like; cosines are means over the other tasks.
pub fn tasks_rows(tasks: &Tasks) -> Vec<Vec<String>> {
    let Tasks { step, found, .. } = tasks;
    let rows = |(index, task): (usize, &String)| {
        let own =
            found.figures[index].iter().map(|figure| (&*figure.name, figure.unit.symbol(), figure.value));
        let gradient = [
            ("gradient norm", found.norms[0][index]),
            ("aligned gradient norm", found.norms[1][index]),
            ("mean cosine", found.mean_cosine(0, index)),
            ("aligned mean cosine", found.mean_cosine(1, index)),
        ];
        let all = own.chain(gradient.map(|(name, value)| (name, "", value)));
        let row = |(name, unit, value): (&str, &str, f64)| {
            vec![step.to_string(), task.clone(), name.into(), unit.into(), value.to_string()]
        };
        all.map(row).collect::<Vec<_>>()
    };
    found.tasks.iter().enumerate().flat_map(rows).collect()
}

/// The figures of several tasks, for people.
pub fn tasks_text(tasks: &TaskFigures) -> String {
    let mut text = format!("{:<12} {:>16} {:>13}  figures\n", "task", "cosine to others", "behind layers");
    for (index, name) in tasks.tasks.iter().enumerate() {
        let [before, behind] = [0, 1].map(|side| tasks.mean_cosine(side, index));
        let figures: Vec<String> = tasks.figures[index]
            .iter()
            .map(|figure| match figure.unit {
                Unit::Share => format!("{} {}", figure.name, percent(figure.value)),
                unit => format!("{} {:.4} {}", figure.name, figure.value, unit.symbol()).trim_end().into(),
            })
            .collect();
        text += &format!("{name:<12} {before:>16.3} {behind:>13.3}  {}\n", figures.join(", "));
    }
    text + "figures: on all held-out images; cosines: of the tasks' gradients at the shared representation\n"
}

/// `robustness.csv`: one row a radius of an attack, after one without attack.
pub fn robustness() -> Table {
    Table::new(columns::ROBUSTNESS)
}

/// An evaluation for people: aligned columns, shares in percent.
pub fn robustness_text(evaluation: &Robustness) -> String {
    let names = evaluation.curves.iter().map(|curve| curve.attack.name().len());
    let width = names.max().unwrap_or(0).max("attack".len());
    let mut text = format!(
        "{:<width$} {:<13} {:>8}  {:>15}  {:<17} {:>6}  {:>12}\n",
        "attack", "target", "ε", "robust accuracy", "95 % interval", "n", "success rate"
    );
    let mut row = |attack: &str, target: &str, epsilon: f64, robust: Share, fooled: Share| {
        let (low, high) = robust.interval();
        let interval = format!("{} to {}", percent(low), percent(high));
        let rate = if fooled.total == 0 { "-".into() } else { percent(fooled.value()) };
        text += &format!(
            "{attack:<width$} {target:<13} {:>8}  {:>15}  {interval:<17} {:>6}  {rate:>12}\n",
            decimal(epsilon),
            percent(robust.value()),
            robust.total,
        );
    };
    row("none", "-", 0.0, evaluation.clean, Share::default());
    for curve in &evaluation.curves {
        for point in &curve.points {
            row(curve.attack.name(), curve.target.name(), point.epsilon, point.robust, point.fooled);
        }
    }
    for case in &evaluation.worst {
        for point in &case.points {
            row("worst", case.norm.name(), point.epsilon, point.robust, Share::default());
        }
    }
    text
}

/// The lights of an audit for people: verdict, figure, and why it matters where it failed.
pub fn audit_text(lights: &[Light]) -> String {
    let failed = lights.iter().filter(|light| light.verdict == Verdict::Failed).count();
    let mut text = match failed {
        0 => "\naudit: nothing speaks against these figures\n".to_owned(),
        _ => format!(
            "\naudit: {failed} of {} checks failed; do not trust these figures before they are explained\n",
            lights.len()
        ),
    };
    for light in lights {
        let verdict = match light.verdict {
            Verdict::Passed => "pass",
            Verdict::Failed => "FAIL",
            Verdict::Unknown => "–",
        };
        text += &format!("{verdict:4}  {:26} {}\n", light.name, light.figure);
        if light.verdict == Verdict::Failed {
            text += &format!("{:32} {}\n", "", light.why);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn the_printed_table_is_aligned() {
        let text = robustness_text(&made_up::robustness(1, 200, true));
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(text.contains("0.05 ") && text.contains(" % to "), "{text}");
    }
}
