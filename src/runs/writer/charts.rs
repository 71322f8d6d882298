//! The charts of a run, which whoever can draw makes files of.

use super::gather::RunWriter;
use crate::config::ScenarioKind;
use crate::show::columns::Metric;
use crate::show::gradients::{gradients, saturation};
use crate::show::{Chart, charts};

impl RunWriter {
    /// The charts that there is something to draw of, each with the name of its file.
    pub(super) fn charts(&self) -> Vec<(&'static str, Chart)> {
        let mut all = Vec::new();
        if !self.reports.is_empty() {
            let points = |metric: Metric| -> Vec<[f64; 2]> {
                self.reports.iter().map(|report| [report.step as f64, metric.of(report)]).collect()
            };
            all.push(("losses.png", charts::losses(&points(Metric::Loss), &points(Metric::AuxiliaryLoss))));
            let held_out = self.evaluations.iter().map(|found| [found.step as f64, found.clean.value()]);
            let held_out: Vec<_> = self.held_out.iter().copied().chain(held_out).collect();
            let accuracies = charts::accuracies(
                &points(Metric::Accuracy),
                &points(Metric::AuxiliaryAccuracy),
                &held_out,
                &self.probes,
                self.info.origins.len(),
            );
            let target = self.reports.last().map_or(0.0, |report| report.hyper.alpha_target);
            let controlled = charts::controlled(&points(Metric::Alpha), target);
            let marks = [accuracies.marks, controlled].concat();
            all.push(("accuracies.png", Chart { marks, ..accuracies }));
        }
        if let Some(histograms) = &self.last_histograms {
            let title = match self.scenario() {
                ScenarioKind::Defense => "Gradient tensors, by class",
                ScenarioKind::Distillation => "Gradient tensors, by network",
                ScenarioKind::Multitask => "Gradient tensors behind alignment, by task",
            };
            all.push(("histograms.png", gradients(histograms, &self.info.origins, title)));
            if let Some(before) = &histograms.before {
                let title = "Gradient tensors before alignment, by task";
                all.push(("histograms_before.png", gradients(before, &self.info.origins, title)));
            }
        }
        if let Some(found) = &self.last_saturation {
            all.push(("saturation.png", saturation::margins(found)));
        }
        if let Some(evaluation) = self.evaluations.last() {
            for norm in evaluation.norms() {
                let epsilon = self.in_pixels(&self.info.config.hyper).epsilon;
                let chart = charts::robustness(evaluation, norm, epsilon);
                all.push((charts::robustness_file(norm), chart));
            }
        }
        all
    }
}
