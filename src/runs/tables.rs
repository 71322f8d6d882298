//! Rows of `metrics.csv`, `timing.csv`, `histograms.csv` and `robustness.csv`, and the table people read.
//!
//! No clock goes into them but `timing.csv`: the same seed and device give the same bytes.

use crate::protocol::{Histograms, Point, Report, Robustness, Share, TaskFigures, Tasks, Unit};
use crate::protocol::{Light, Verdict};
use crate::show::Table;
use crate::show::columns::{self, Metric};
use crate::show::gradients::{probe, saturation};
use crate::show::number::{decimal, figure, interval, percent, standardised};

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
        report.steps_per_second.to_string(),
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

    /// A table with the header of one that was written before; none where that is no such header.
    pub fn of_header(header: &[String]) -> Option<Self> {
        let bins = header.iter().filter_map(|name| name.split_once(".."));
        let ends: Vec<[f32; 2]> =
            bins.map(|(low, high)| Some([low.parse().ok()?, high.parse().ok()?])).collect::<Option<_>>()?;
        let edges: Vec<f32> =
            ends.first().map(|[low, _]| *low).into_iter().chain(ends.iter().map(|[_, high]| *high)).collect();
        let table = Table::new(columns::histogram_header(&edges));
        (columns::histogram_header(&edges) == header).then_some(Self { table, edges })
    }

    /// Adds a row that was written before, of as many cells as the header has.
    pub fn push_row<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        self.table.push(cells);
    }

    /// Rows so far.
    pub const fn rows(&self) -> u64 {
        self.table.rows()
    }

    /// Adds a row for each class. Counts over other bins than the table's have no column, so their cells stay empty.
    pub fn push(&mut self, histograms: &Histograms, classes: &[String]) {
        self.table.extend(columns::histograms(histograms, &self.edges, classes));
    }

    /// The file so far.
    pub fn bytes(&mut self) -> &[u8] {
        self.table.bytes()
    }

    /// The same rows, to go on with otherwise.
    pub fn copy(&mut self) -> Self {
        Self { table: self.table.copy(), edges: self.edges.clone() }
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
        let [before, behind] = [0, 1].map(|side| figure(tasks.mean_cosine(side, index)));
        let figures: Vec<String> = tasks.figures[index]
            .iter()
            .map(|known| match known.unit {
                Unit::Share => format!("{} {}", known.name, percent(known.value)),
                unit => format!("{} {} {}", known.name, figure(known.value), unit.symbol()).trim_end().into(),
            })
            .collect();
        text += &format!("{name:<12} {before:>16} {behind:>13}  {}\n", figures.join(", "));
    }
    text + "figures: on all held-out images; cosines: of the tasks' gradients at the shared representation\n"
}

/// An empty `saturation.csv`: one row a figure, each time gradient tensors were looked at.
pub fn saturation() -> Table {
    Table::new(saturation::COLUMNS)
}

/// An empty `probe.csv`: one row a fresh auxiliary network.
pub fn probe() -> Table {
    Table::new(probe::COLUMNS)
}

/// `robustness.csv`: one row a radius of an attack, after one without attack.
pub fn robustness() -> Table {
    Table::new(columns::ROBUSTNESS)
}

/// An evaluation for people: aligned columns, shares in percent. Where classes are not equally frequent, balanced accuracy
/// has a column of its own.
pub fn robustness_text(evaluation: &Robustness) -> String {
    let is_unequal = evaluation.has_unequal_classes();
    let deviation = evaluation.input_deviation;
    let heading =
        ["attack", "target", "ε", "robust accuracy", "95 % interval", "balanced", "n", "success rate"];
    let row = |attack: &str, target: &str, point: &Point| {
        let Point { epsilon, robust, balanced, fooled } = *point;
        let rate = if fooled.total == 0 { "-".into() } else { percent(fooled.value()) };
        let (share, n) = (percent(robust.value()), robust.total.to_string());
        let epsilon = decimal(epsilon) + &standardised(epsilon, deviation);
        [attack.into(), target.into(), epsilon, share, interval(robust), percent(balanced), n, rate]
    };
    let (robust, balanced) = (evaluation.clean, evaluation.clean_balanced);
    let mut rows = vec![heading.map(String::from)];
    rows.push(row("none", "-", &Point { epsilon: 0.0, robust, balanced, fooled: Share::default() }));
    for curve in &evaluation.curves {
        let (attack, target) = (curve.attack.name(), curve.target.name());
        rows.extend(curve.points.iter().map(|point| row(attack, target, point)));
    }
    for case in &evaluation.worst {
        let name = format!("worst, {}", case.norm.symbol());
        rows.extend(case.points.iter().map(|point| row(&name, "-", point)));
    }
    aligned(&rows, |column| is_unequal || heading[column] != "balanced")
}

/// Rows with their columns under each other: the first two and intervals to the left, numbers to the right.
fn aligned<const N: usize>(rows: &[[String; N]], is_shown: impl Fn(usize) -> bool) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().filter(|(column, _)| is_shown(*column));
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 1 | 4 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text += &cells.collect::<Vec<_>>().join("  ");
        text.push('\n');
    }
    text
}

/// How many of the images attacked are of which class, where that differs; nothing where it does not.
pub fn classes_text(evaluation: &Robustness, classes: &[String]) -> String {
    if !evaluation.has_unequal_classes() {
        return String::new();
    }
    let total = evaluation.class_images.iter().sum::<u32>().max(1);
    let mut counted: Vec<(usize, u32)> = evaluation.class_images.iter().copied().enumerate().collect();
    // The most frequent first; of equally frequent ones that with the smaller number.
    counted.sort_by_key(|(_, images)| std::cmp::Reverse(*images));
    let named = |(class, images): &(usize, u32)| {
        let share = percent(f64::from(*images) / f64::from(total));
        format!("{} {share} ({images})", columns::class_name(classes, *class))
    };
    let left_out = counted.len().saturating_sub(MOST_CLASSES);
    let (begin, end) =
        (counted.len().min(MOST_CLASSES) / 2, counted.len() - counted.len().min(MOST_CLASSES).div_ceil(2));
    let mut names: Vec<String> = counted.iter().map(named).collect();
    if left_out > 0 {
        names.splice(begin..end, [format!("… {left_out} classes between …")]);
    }
    format!("images by class: {}; accuracy counts images, balanced accuracy classes\n", names.join(", "))
}

/// Classes that are named in a line at most.
const MOST_CLASSES: usize = 12;

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
        assert!(text.contains("  0.05  ") && text.contains(" to ") && text.contains("worst, L∞"), "{text}");
        assert!(!text.contains("balanced"), "accuracy says it all: {text}");
    }

    #[test]
    fn unequal_classes_are_told_and_balanced_accuracy_has_a_column() {
        let mut evaluation = made_up::robustness(1, 200, true);
        assert_eq!(classes_text(&evaluation, &[]), "", "they differ by one image");
        evaluation.class_images = vec![180, 20];
        evaluation.clean_balanced = 0.5;
        evaluation.clean = Share { hits: 180, total: 200 };
        evaluation.curves[0].points[0].epsilon = 0.000_01;
        let names = ["many".into(), "few".into()];
        let said = classes_text(&evaluation, &names);
        assert!(said.starts_with("images by class: many 90.0 % (180), few 10.0 % (20);"), "{said}");
        let text = robustness_text(&evaluation);
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        let clean: Vec<&str> = text.lines().nth(1).unwrap().split("  ").map(str::trim).collect();
        let clean: Vec<&str> = clean.into_iter().filter(|cell| !cell.is_empty()).collect();
        assert_eq!(clean, ["none", "-", "0", "90.0 %", "85.1 to 93.4 %", "50.0 %", "200", "-"]);
        assert!(text.contains(" 0.00001 "), "{text}");
        evaluation.class_images = (0..40).map(|class| 1 + 5 * class).collect();
        let said = classes_text(&evaluation, &[]);
        assert!(said.contains("39 5.0 % (196)") && said.contains("… 28 classes between …"), "{said}");
        assert!(said.contains("0 0.03 % (1)"), "{said}");
    }
}
