//! The tables of a comparison: for people as Markdown, for programs as CSV.

use super::super::tables::Table;
use super::outcome::{METRICS, Metric, Results};
use super::plan::Plan;
use super::statistics::{deviation, mean, paired};

/// Mean ± standard deviation by method, and paired differences to the first with their 95 % intervals.
pub fn markdown(plan: &Plan, results: &Results) -> String {
    let mut text = format!("## {}\n\n", plan.title);
    if !results.teachers.is_empty() {
        let teachers = &results.teachers;
        text += &format!("{} teachers: accuracy {}.\n\n", teachers.len(), spread(&METRICS[0], teachers));
    }
    let methods = plan.methods();
    let first = methods.first().copied().unwrap_or_default();
    for setting in plan.settings() {
        text += &format!("### {setting}\n\n| method | n |");
        let names = METRICS.iter().map(|metric| metric.name);
        text += &names.map(|name| format!(" {name} |")).collect::<String>();
        text +=
            &format!(" accuracy − {first} (95 %) |\n| --- | --- |{}\n", " --- |".repeat(METRICS.len() + 1));
        for method in &methods {
            let figures = |metric| values(results, plan, setting, method, metric);
            text += &format!("| {method} | {} |", figures(0).len());
            for (index, metric) in METRICS.iter().enumerate() {
                text += &format!(" {} |", spread(metric, &figures(index)));
            }
            let difference = match paired(&differences(results, plan, setting, [method, first])) {
                _ if *method == first => String::new(),
                None => "–".into(),
                Some((mean, half)) => {
                    let [mean, half] = [mean, half].map(|share| 100.0 * share);
                    format!("{mean:+.2} [{:+.2}, {:+.2}]", mean - half, mean + half)
                }
            };
            text += &format!(" {difference} |\n");
        }
        text.push('\n');
    }
    text += "Mean ± standard deviation over the seeds; the differences are paired by seed, in percentage points, with Student's t interval. Discriminator: share of gradient tensors that the auxiliary network told apart, over the last report; chance is 50 %.\n";
    if !results.missing.is_empty() {
        text += &format!("\n{} cells are missing.\n", results.missing.len());
    }
    text
}

/// A row for each setting, method and metric.
pub fn summary(plan: &Plan, results: &Results) -> Table {
    let mut table =
        Table::new(["setting", "method", "metric", "n", "mean", "deviation", "difference", "low", "high"]);
    let methods = plan.methods();
    let first = methods.first().copied().unwrap_or_default();
    for setting in plan.settings() {
        for method in &methods {
            for (index, metric) in METRICS.iter().enumerate() {
                let figures = values(results, plan, setting, method, index);
                let difference = (index == 0 && *method != first)
                    .then(|| paired(&differences(results, plan, setting, [method, first])))
                    .flatten();
                let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
                table.push([
                    setting.to_owned(),
                    (*method).to_owned(),
                    metric.key.to_owned(),
                    figures.len().to_string(),
                    number((!figures.is_empty()).then(|| mean(&figures))),
                    number(deviation(&figures)),
                    number(difference.map(|(mean, _)| mean)),
                    number(difference.map(|(mean, half)| mean - half)),
                    number(difference.map(|(mean, half)| mean + half)),
                ]);
            }
        }
    }
    table
}

/// A row for each finished cell.
pub fn cells(plan: &Plan, results: &Results) -> Table {
    let mut table =
        Table::new(["setting", "method", "seed"].into_iter().chain(METRICS.iter().map(|metric| metric.key)));
    for cell in &plan.cells {
        let Some(figures) = results.of(cell) else { continue };
        let figures = figures.iter().map(|figure| figure.map_or(String::new(), |figure| figure.to_string()));
        let begin = [cell.setting.clone(), cell.method.clone(), cell.seed.to_string()];
        table.push(begin.into_iter().chain(figures));
    }
    table
}

fn values(results: &Results, plan: &Plan, setting: &str, method: &str, metric: usize) -> Vec<f64> {
    results.by_seed(plan, setting, method, metric).into_iter().map(|(_, figure)| figure).collect()
}

/// Accuracies of a method less those of another, seed by seed, where both are there.
fn differences(results: &Results, plan: &Plan, setting: &str, [method, other]: [&str; 2]) -> Vec<f64> {
    let others = results.by_seed(plan, setting, other, 0);
    let of = |seed: u64| others.iter().find(|(other, _)| *other == seed).map(|(_, figure)| *figure);
    let own = results.by_seed(plan, setting, method, 0);
    own.into_iter().filter_map(|(seed, figure)| Some(figure - of(seed)?)).collect()
}

/// Mean ± standard deviation.
fn spread(metric: &Metric, figures: &[f64]) -> String {
    if figures.is_empty() {
        return "–".into();
    }
    let scale = if metric.is_share { 100.0 } else { 1.0 };
    let digits = if metric.is_share { 2 } else { 3 };
    let unit = if metric.is_share { " %" } else { "" };
    let mean = scale * mean(figures);
    match deviation(figures) {
        Some(deviation) => format!("{mean:.digits$} ± {:.digits$}{unit}", scale * deviation),
        None => format!("{mean:.digits$}{unit}"),
    }
}
