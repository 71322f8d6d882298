//! The tables of a comparison: for people as Markdown, for programs as CSV and JSON.

use serde::Serialize;

use crate::show::Table;

use super::metrics::Metric;
use super::outcome::Results;
use super::plan::Plan;
use super::statistics::{deviation, mean, paired};

/// A method's figures by one metric over all seeds, and how they differ from the first method's.
#[derive(Debug, PartialEq, Serialize)]
pub struct Row<'a> {
    setting: &'a str,
    method: &'a str,
    metric: &'static str,
    /// Seeds of which there is a figure.
    n: usize,
    mean: Option<f64>,
    deviation: Option<f64>,
    /// Seeds of which the first method has one too.
    pairs: usize,
    /// Mean of the method's figure less the first method's, seed by seed.
    difference: Option<f64>,
    /// Ends of that mean's 95 % interval.
    low: Option<f64>,
    high: Option<f64>,
}

/// A row for each setting, method and metric.
pub fn rows<'a>(plan: &'a Plan, results: &Results) -> Vec<Row<'a>> {
    let methods = plan.methods();
    let first = methods.first().copied().unwrap_or_default();
    let mut rows = Vec::new();
    for setting in plan.settings() {
        for method in &methods {
            for (index, metric) in plan.metrics().iter().enumerate() {
                let figures = results.by_seed(plan, setting, method, index);
                let others = results.by_seed(plan, setting, first, index);
                let differences = if *method == first { Vec::new() } else { pairwise(&figures, &others) };
                let figures: Vec<f64> = figures.into_iter().map(|(_, figure)| figure).collect();
                let interval = paired(&differences);
                rows.push(Row {
                    setting,
                    method,
                    metric: metric.key,
                    n: figures.len(),
                    mean: (!figures.is_empty()).then(|| mean(&figures)),
                    deviation: deviation(&figures),
                    pairs: differences.len(),
                    difference: (!differences.is_empty()).then(|| mean(&differences)),
                    low: interval.map(|(mean, half)| mean - half),
                    high: interval.map(|(mean, half)| mean + half),
                });
            }
        }
    }
    rows
}

/// Figures less others, seed by seed, where both are there.
fn pairwise(figures: &[(u64, f64)], others: &[(u64, f64)]) -> Vec<f64> {
    let other = |seed: u64| others.iter().find(|(of, _)| *of == seed).map(|(_, figure)| *figure);
    figures.iter().filter_map(|(seed, figure)| Some(figure - other(*seed)?)).collect()
}

/// Mean ± standard deviation by method, and paired differences to the first by the first metric.
pub fn markdown(plan: &Plan, results: &Results) -> String {
    let (metrics, rows) = (plan.metrics(), rows(plan, results));
    let headline = &metrics[plan.headline()];
    let mut text = format!("## {}\n\n", plan.title);
    let teachers = &results.teachers;
    if !teachers.is_empty() {
        let accuracy = spread(&metrics[0], Some(mean(teachers)), deviation(teachers));
        text += &format!("{} teachers: accuracy {accuracy}.\n\n", teachers.len());
    }
    let first = plan.methods().first().copied().unwrap_or_default();
    for setting in plan.settings() {
        let names: String = metrics.iter().map(|metric| format!(" {} |", metric.name)).collect();
        text += &format!("### {setting}\n\n| method | n |{names} {} − {first} (95 %) |\n", headline.name);
        text += &format!("| --- | --- |{}\n", " --- |".repeat(metrics.len() + 1));
        for Line { method, n, figures, difference } in lines(plan, &rows, setting) {
            let figures: String = figures.iter().map(|figure| format!(" {figure} |")).collect();
            text += &format!("| {method} | {n} |{figures} {difference} |\n");
        }
        text.push('\n');
    }
    let unit = if headline.is_share { ", in percentage points" } else { "" };
    text += &format!(
        "Mean ± standard deviation over the seeds; the differences are paired by seed{unit}, with Student's t interval. {}\n",
        plan.note()
    );
    if !results.missing.is_empty() {
        text += &format!("\n{} cells are missing.\n", results.missing.len());
    }
    text
}

/// A method in the table of a setting, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which.
    pub method: String,
    /// Seeds of which there are figures, by the metric that has most.
    pub n: usize,
    /// Mean ± standard deviation by each metric, behind which the paper's figure stands where it has one.
    pub figures: Vec<String>,
    /// How it differs from the first method by the headline metric, with the 95 % interval; nothing of that one itself.
    pub difference: String,
}

/// The table of a setting, of which `rows` are.
pub fn lines(plan: &Plan, rows: &[Row<'_>], setting: &str) -> Vec<Line> {
    let metrics = plan.metrics();
    let first = plan.methods().first().copied().unwrap_or_default();
    let of_setting: Vec<&Row<'_>> = rows.iter().filter(|row| row.setting == setting).collect();
    let line = |of_method: &[&Row<'_>]| {
        let row = of_method[plan.headline()];
        let figure = |(row, metric): (&&Row<'_>, &Metric)| {
            let published = plan.paper.and_then(|table| table.figure(row.method, metric.key));
            let published = published.map(|share| format!(" ({:.2})", 100.0 * share));
            spread(metric, row.mean, row.deviation) + &published.unwrap_or_default()
        };
        let is_first = row.method == first;
        Line {
            method: row.method.into(),
            // The headline may need others' runs, as Δm does.
            n: of_method.iter().map(|row| row.n).max().unwrap_or(0),
            figures: of_method.iter().zip(metrics).map(figure).collect(),
            difference: if is_first { String::new() } else { interval(&metrics[plan.headline()], row) },
        }
    };
    of_setting.chunks(metrics.len()).map(line).collect()
}

/// [`rows`] as CSV.
pub fn summary(rows: &[Row]) -> Table {
    let mut table = Table::new([
        "setting",
        "method",
        "metric",
        "n",
        "mean",
        "deviation",
        "pairs",
        "difference",
        "low",
        "high",
    ]);
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    for row in rows {
        table.push([
            row.setting.to_owned(),
            row.method.to_owned(),
            row.metric.to_owned(),
            row.n.to_string(),
            number(row.mean),
            number(row.deviation),
            row.pairs.to_string(),
            number(row.difference),
            number(row.low),
            number(row.high),
        ]);
    }
    table
}

/// [`rows`] as JSON, with what is compared.
pub fn json(plan: &Plan, rows: &[Row]) -> String {
    let first = plan.methods().first().copied();
    let json = serde_json::json!({ "title": plan.title, "differences_to": first, "rows": rows });
    serde_json::to_string_pretty(&json).expect("plain data whose keys are text always becomes JSON")
}

/// A row for each finished cell.
pub fn cells(plan: &Plan, results: &Results) -> Table {
    let keys = plan.metrics().iter().map(|metric| metric.key);
    let mut table = Table::new(["setting", "method", "seed"].into_iter().chain(keys));
    for cell in &plan.cells {
        let Some(figures) = results.of(cell) else { continue };
        let figures = figures.iter().map(|figure| figure.map_or(String::new(), |figure| figure.to_string()));
        let begin = [cell.setting.clone(), cell.method.clone(), cell.seed.to_string()];
        table.push(begin.into_iter().chain(figures));
    }
    table
}

/// What a metric's figures are shown in: a factor, decimals and a unit. Small figures have more decimals, so that two that
/// differ are not shown alike.
fn scale(metric: &Metric, mean: f64) -> (f64, usize, &'static str) {
    let (scale, least, unit) = if metric.is_share { (100.0, 2, " %") } else { (1.0, 3, "") };
    let size = (scale * mean).abs();
    let digits = if size > 0.0 && size.is_finite() { (2.0 - size.log10().floor()) as usize } else { 0 };
    (scale, digits.clamp(least, MOST_DIGITS), unit)
}

/// Decimals at most.
const MOST_DIGITS: usize = 12;

/// A figure alone, as a table writes it.
pub fn one(metric: &Metric, figure: Option<f64>) -> String {
    spread(metric, figure, None)
}

/// Mean ± standard deviation.
fn spread(metric: &Metric, mean: Option<f64>, deviation: Option<f64>) -> String {
    let Some(mean) = mean else { return "–".into() };
    let (scale, digits, unit) = scale(metric, mean);
    // Nothing is written as -0.
    let mean = scale * mean + 0.0;
    match deviation {
        Some(deviation) => format!("{mean:.digits$} ± {:.digits$}{unit}", scale * deviation),
        None => format!("{mean:.digits$}{unit}"),
    }
}

/// Mean difference and its interval.
fn interval(metric: &Metric, row: &Row) -> String {
    let (scale, digits, _) = scale(metric, row.mean.unwrap_or(0.0));
    let number = |value: f64| format!("{:+.digits$}", scale * value);
    match (row.difference, row.low, row.high) {
        (Some(mean), Some(low), Some(high)) => {
            format!("{} [{}, {}]", number(mean), number(low), number(high))
        }
        (Some(mean), ..) => number(mean),
        _ => "–".into(),
    }
}

#[cfg(test)]
mod tests {
    use web_time::{Duration, SystemTime};

    use super::super::outcome;
    use super::*;
    use crate::config::{AttackKind, Config, Hyper, Mode, TargetKind};
    use crate::protocol::made_up;
    use crate::runs::record::{AttackRecord, Ended, EvaluationRecord, Latest, RunRecord, ShareRecord};

    /// The record of a finished run with this accuracy, which PGD brings down to 0.25 at its own radius.
    fn record(accuracy: f64) -> RunRecord {
        let info = made_up::info(1, Config::default());
        let report = made_up::report(1, 10, Hyper::default());
        let latest = Latest { report: Some(&report), ..Latest::default() };
        let time = (SystemTime::now(), Duration::ZERO);
        let mut record = RunRecord::new(Ended::Finished, &info, latest, &[], time);
        let share = |value: f64| ShareRecord { hits: 0, n: 0, value, low: 0.0, high: 1.0 };
        let attack = |target, epsilon, robust| AttackRecord {
            attack: AttackKind::Pgd,
            target,
            epsilon,
            robust: share(robust),
            balanced: None,
            success: None,
        };
        record.last.as_mut().unwrap().evaluation = Some(EvaluationRecord {
            incomplete: None,
            step: 10,
            clean: share(accuracy),
            clean_balanced: None,
            input_deviation: None,
            class_images: vec![],
            worst_case: vec![],
            eot: None,
            verdict_draws: None,
            attacks: vec![
                attack(TargetKind::Untargeted, 0.05, 0.9),
                attack(TargetKind::Random, 0.1, 0.8),
                attack(TargetKind::Untargeted, 0.1, 0.25),
            ],
            smallest_epsilon: vec![],
            smallest_epsilon_l2: vec![],
            confusion: vec![],
            audit: vec![],
        });
        record
    }

    /// A comparison of three defences with three seeds whose cells ended in these accuracies.
    fn finished(folder: &std::path::Path, accuracies: &[(&str, u64, f64)]) -> (Plan, Results) {
        let modes = [Mode::Great, Mode::Baseline, Mode::Greace];
        let plan = Plan::defense(Config::default(), &modes, 3);
        for (mode, seed, accuracy) in accuracies {
            let cell = folder.join(format!("{mode}-seed{seed}"));
            std::fs::create_dir_all(&cell).unwrap();
            std::fs::write(cell.join(RunRecord::FILE), record(*accuracy).text()).unwrap();
        }
        let results = outcome::read(&plan, &[folder]).unwrap();
        (plan, results)
    }

    #[test]
    fn differences_are_paired_by_seed() {
        let scratch = tempfile::tempdir().unwrap();
        // Differences of baseline and great: seeds 0, 1 and 2 give 1, 2 and 3 points, mean 2, deviation 1; their
        // half-width is 4.302653 · 1 / √3 = 2.484138. The spread of the figures themselves, 10 points, must not matter.
        let seed = Config::default().setup.seed;
        let accuracies = [
            ("great", seed, 0.50),
            ("great", seed + 1, 0.60),
            ("great", seed + 2, 0.70),
            ("baseline", seed + 2, 0.73),
            ("baseline", seed, 0.51),
            ("baseline", seed + 1, 0.62),
            ("greace", seed + 1, 0.65),
        ];
        let (plan, results) = finished(scratch.path(), &accuracies);
        let rows = rows(&plan, &results);
        let of = |method: &str| rows.iter().find(|row| row.method == method && row.metric == "accuracy");
        let (great, baseline, greace) =
            (of("great").unwrap(), of("baseline").unwrap(), of("greace").unwrap());
        let close = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 1e-8;
        assert!(close(great.mean, 0.6) && close(great.deviation, 0.1), "{great:?}");
        assert_eq!((great.difference, great.pairs), (None, 0), "nothing differs from itself");
        assert_eq!((baseline.n, baseline.pairs), (3, 3));
        assert!(close(baseline.difference, 0.02), "{baseline:?}");
        assert!(close(baseline.low, 0.02 - 0.024_841_38) && close(baseline.high, 0.02 + 0.024_841_38));
        assert_eq!((greace.n, greace.pairs, greace.low), (1, 1, None), "one pair has no interval");
        assert!(close(greace.difference, 0.05));
        assert_eq!(results.missing.len(), 2);

        let text = markdown(&plan, &results);
        assert!(text.contains("| baseline | 3 | 62.00 ± 11.00 % |"), "{text}");
        assert!(text.contains("| +2.00 [-0.48, +4.48] |"), "{text}");
        assert!(text.contains("2 cells are missing"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&json(&plan, &rows)).unwrap();
        assert_eq!(json["differences_to"], "great");
        assert_eq!(json["rows"].as_array().unwrap().len(), 3 * plan.metrics().len());
        let csv = String::from_utf8(summary(&rows).bytes().to_vec()).unwrap();
        assert_eq!(csv.lines().count(), 1 + rows.len());
    }

    #[test]
    fn seeds_count_where_the_headline_is_missing() {
        let scratch = tempfile::tempdir().unwrap();
        let seed = Config::default().setup.seed;
        let (plan, results) = finished(scratch.path(), &[("great", seed, 0.5), ("great", seed + 1, 0.6)]);
        let mut rows = rows(&plan, &results);
        let headline = plan.metrics()[plan.headline()].key;
        rows.iter_mut().filter(|row| row.metric == headline).for_each(|row| row.n = 0);
        assert_eq!(lines(&plan, &rows, plan.settings()[0])[0].n, 2);
    }

    #[test]
    fn small_figures_keep_their_digits() {
        let plan = Plan::defense(Config::default(), &[Mode::Great], 1);
        let of = |key: &str| plan.metrics().iter().find(|metric| metric.key == key).unwrap();
        let distance = of("histogram_distance");
        assert_eq!(spread(distance, Some(0.000_412_3), Some(0.000_01)), "0.000412 ± 0.000010");
        assert_eq!(spread(distance, Some(0.25), Some(0.01)), "0.250 ± 0.010");
        assert_eq!(spread(of("accuracy"), Some(0.9), None), "90.00 %");
        assert_eq!(spread(of("accuracy"), Some(0.000_012), None), "0.00120 %");
        assert_eq!(spread(distance, Some(0.0), None), "0.000");
    }

    #[test]
    fn a_robust_accuracy_is_that_at_the_runs_own_radius() {
        let scratch = tempfile::tempdir().unwrap();
        let seed = Config::default().setup.seed;
        let (plan, results) = finished(scratch.path(), &[("great", seed, 0.5)]);
        let rows = rows(&plan, &results);
        let robust = rows.iter().find(|row| row.metric == "pgd_accuracy" && row.n == 1).unwrap();
        assert_eq!(robust.mean, Some(0.25));
        assert!(rows.iter().all(|row| row.metric != "fgsm_accuracy" || row.mean.is_none()), "nobody ran it");
    }
}
