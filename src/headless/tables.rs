//! Rows of `metrics.csv`, `timing.csv`, `histograms.csv` and `robustness.csv`, and the table people read.
//!
//! No clock goes into them but `timing.csv`: the same seed and device give the same bytes.

use crate::protocol::{Histograms, PERCENTILES, Report, Robustness, Share, TaskFigures, Tasks, Unit};
use crate::protocol::{Light, Verdict};
use crate::show::number::{decimal, percent};

/// A table that grows row by row and is a CSV file at any time.
pub struct Table {
    writer: csv::Writer<Vec<u8>>,
}

/// Why writing to a [`Table`] cannot fail.
const IN_MEMORY: &str = "memory takes every byte, and each row has as many cells as the header";

impl Table {
    /// A table of no rows.
    pub fn new<C: AsRef<[u8]>>(header: impl IntoIterator<Item = C>) -> Self {
        let mut table = Self { writer: csv::Writer::from_writer(Vec::new()) };
        table.push(header);
        table
    }

    /// Adds a row of as many cells as the header has.
    pub fn push<C: AsRef<[u8]>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.writer.write_record(cells).expect(IN_MEMORY);
    }

    /// The file so far.
    pub fn bytes(&mut self) -> &[u8] {
        self.writer.flush().expect(IN_MEMORY);
        self.writer.get_ref()
    }
}

/// A column of `metrics.csv`: its name, and where its value is.
type Metric = (&'static str, fn(&Report) -> f64);

/// The columns of `metrics.csv` after `step`.
const METRICS: [Metric; 7] = [
    ("epoch", |report| report.epoch),
    ("alpha", |report| report.alpha),
    ("loss", |report| report.loss),
    ("accuracy", |report| report.accuracy),
    ("auxiliary_loss", |report| report.auxiliary_loss),
    ("auxiliary_accuracy", |report| report.auxiliary_accuracy),
    ("gradient_rms", |report| report.gradient_rms),
];

/// An empty `metrics.csv`: one row a report.
pub fn metrics() -> Table {
    Table::new(["step"].into_iter().chain(METRICS.iter().map(|(name, _)| *name)))
}

/// The row of `report` in [`metrics`].
pub fn metrics_row(report: &Report) -> Vec<String> {
    let values = METRICS.iter().map(|(_, value)| value(report).to_string());
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
        let percentiles = PERCENTILES.iter().map(|p| format!("percentile_{p}"));
        let header = ["step", "class", "distance", "floor", "mean", "deviation", "minimum"]
            .into_iter()
            .map(String::from)
            .chain(percentiles)
            .chain([String::from("maximum")])
            .chain(first.edges.windows(2).map(|edge| format!("{:e}..{:e}", edge[0], edge[1])));
        Self { table: Table::new(header), edges: first.edges.clone() }
    }

    /// Adds a row for each class. Counts over other bins than the table's have no column, so their cells stay empty.
    pub fn push(&mut self, histograms: &Histograms, classes: &[String]) {
        let bins = self.edges.len().saturating_sub(1);
        for (k, class) in histograms.classes.iter().enumerate() {
            let counts = (0..bins).map(|bin| match class.counts.get(bin) {
                Some(count) if histograms.edges == self.edges => count.to_string(),
                _ => String::new(),
            });
            let figures = [histograms.distance, histograms.floor, class.mean, class.deviation];
            let row = [histograms.step.to_string(), class_name(classes, k)]
                .into_iter()
                .chain(figures.iter().chain(&class.percentiles).map(f64::to_string))
                .chain(counts);
            self.table.push(row);
        }
    }

    /// The file so far.
    pub fn bytes(&mut self) -> &[u8] {
        self.table.bytes()
    }
}

/// The name of class `k`, or its number where it has none.
pub fn class_name(classes: &[String], k: usize) -> String {
    classes.get(k).cloned().unwrap_or_else(|| k.to_string())
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

/// What several tasks have come to, for people.
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

/// An empty `robustness.csv`: one row a radius of an attack, after one without attack.
pub fn robustness() -> Table {
    Table::new([
        "step",
        "attack",
        "target",
        "epsilon",
        "images",
        "correct",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "fooled",
        "success_rate",
    ])
}

/// The rows of a finished evaluation in [`robustness`]; intervals are 95 % Wilson scores.
pub fn robustness_rows(evaluation: &Robustness) -> Vec<Vec<String>> {
    let row = |attack: &str, target: &str, epsilon: f64, robust: Share, fooled: Share| {
        let (low, high) = robust.interval();
        let [hits, rate] = if fooled.total == 0 {
            [String::new(), String::new()]
        } else {
            [fooled.hits.to_string(), fooled.value().to_string()]
        };
        vec![
            evaluation.step.to_string(),
            attack.into(),
            target.into(),
            epsilon.to_string(),
            robust.total.to_string(),
            robust.hits.to_string(),
            robust.value().to_string(),
            low.to_string(),
            high.to_string(),
            hits,
            rate,
        ]
    };
    let clean = row("none", "", 0.0, evaluation.clean, Share::default());
    let attacked = evaluation.curves.iter().flat_map(|curve| {
        let (attack, target) = (curve.attack.name(), curve.target.name());
        curve.points.iter().map(move |point| row(attack, target, point.epsilon, point.robust, point.fooled))
    });
    let worst = evaluation.worst.iter().flat_map(|case| {
        case.points.iter().map(|p| row("worst", case.norm.name(), p.epsilon, p.robust, Share::default()))
    });
    std::iter::once(clean).chain(attacked).chain(worst).collect()
}

/// The same for people: aligned columns, shares in percent.
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
    use crate::config::Hyper;
    use crate::protocol::made_up;

    fn read(bytes: &[u8]) -> (Vec<String>, Vec<csv::StringRecord>) {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().unwrap().iter().map(String::from).collect();
        (header, reader.records().map(Result::unwrap).collect())
    }

    #[test]
    fn metrics_read_back_exactly_and_hold_no_clock() {
        let mut report = made_up::report(1, 20, Hyper::default());
        let mut table = metrics();
        table.push(metrics_row(&report));
        report.elapsed += web_time::Duration::from_secs(5);
        report.steps_per_second *= 2.0;
        table.push(metrics_row(&report));
        let (header, rows) = read(table.bytes());
        assert_eq!(rows[0], rows[1], "time must not show");
        let loss = header.iter().position(|name| name == "loss").unwrap();
        assert_eq!(rows[0][loss].parse::<f64>().unwrap(), report.loss);
        assert_eq!(&rows[0][0], "20");
    }

    #[test]
    fn histograms_have_a_column_a_bin() {
        let histograms = made_up::histograms(1, 50);
        let mut table = HistogramTable::new(&histograms);
        table.push(&histograms, &["T-shirt, top".into()]);
        let mut other = made_up::histograms(1, 100);
        other.edges[0] *= 2.0;
        table.push(&other, &[]);
        let (header, rows) = read(table.bytes());
        assert_eq!(rows.len(), 2 * histograms.classes.len());
        assert_eq!(&rows[0][1], "T-shirt, top");
        assert_eq!(&rows[1][1], "1", "a class without a name has its number");
        let first_bin = header.iter().position(|name| name.contains("..")).unwrap();
        assert_eq!(header.len() - first_bin, histograms.edges.len() - 1);
        let counts: u32 = rows[0].iter().skip(first_bin).map(|cell| cell.parse::<u32>().unwrap()).sum();
        assert_eq!(counts, histograms.classes[0].counts.iter().sum::<u32>());
        assert_eq!(&rows.last().unwrap()[first_bin], "", "counts over other bins are left out");
    }

    #[test]
    fn robustness_has_intervals_and_success_rates() {
        let evaluation = made_up::robustness(1, 200, true);
        let mut table = robustness();
        robustness_rows(&evaluation).into_iter().for_each(|row| table.push(row));
        let (header, rows) = read(table.bytes());
        let points: usize = evaluation.curves.iter().map(|curve| curve.points.len()).sum();
        assert_eq!(rows.len(), 1 + points + evaluation.worst[0].points.len());
        let at =
            |row: usize, name: &str| rows[row][header.iter().position(|h| h == name).unwrap()].to_string();
        assert_eq!((at(0, "attack"), at(0, "images")), ("none".into(), "256".into()));
        let (low, high) = evaluation.clean.interval();
        assert_eq!((at(0, "accuracy_low"), at(0, "accuracy_high")), (low.to_string(), high.to_string()));
        assert_eq!(at(1, "success_rate"), "", "an untargeted attack has no target to reach");
        assert!(at(points, "success_rate").parse::<f64>().unwrap() > 0.0);
        assert_eq!((at(points + 1, "attack"), at(points + 1, "target")), ("worst".into(), "linf".into()));
    }

    #[test]
    fn the_printed_table_is_aligned() {
        let text = robustness_text(&made_up::robustness(1, 200, true));
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(text.contains("0.05 ") && text.contains(" % to "), "{text}");
    }
}
