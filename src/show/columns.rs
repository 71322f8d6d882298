//! The columns of the tables that every face writes, and their rows: metrics, robustness, histograms.

use crate::config::Norm;
use crate::protocol::{Histograms, PERCENTILES, Point, Report, Robustness, Share};

/// A measurement of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Passes over the training data.
    Epoch,
    /// α, ramp included.
    Alpha,
    /// Cross-entropy of the main network.
    Loss,
    /// Training accuracy of the main network.
    Accuracy,
    /// Cross-entropy of the auxiliary network.
    AuxiliaryLoss,
    /// Accuracy of the auxiliary network on gradient tensors.
    AuxiliaryAccuracy,
    /// Root mean square of the gradient tensors.
    GradientRms,
}

impl Metric {
    /// Every one, in the order of the columns.
    pub const ALL: [Self; 7] = [
        Self::Epoch,
        Self::Alpha,
        Self::Loss,
        Self::Accuracy,
        Self::AuxiliaryLoss,
        Self::AuxiliaryAccuracy,
        Self::GradientRms,
    ];

    /// The name of its column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Alpha => "alpha",
            Self::Loss => "loss",
            Self::Accuracy => "accuracy",
            Self::AuxiliaryLoss => "auxiliary_loss",
            Self::AuxiliaryAccuracy => "auxiliary_accuracy",
            Self::GradientRms => "gradient_rms",
        }
    }

    /// Its value.
    pub const fn of(self, report: &Report) -> f64 {
        match self {
            Self::Epoch => report.epoch,
            Self::Alpha => report.alpha,
            Self::Loss => report.loss,
            Self::Accuracy => report.accuracy,
            Self::AuxiliaryLoss => report.auxiliary_loss,
            Self::AuxiliaryAccuracy => report.auxiliary_accuracy,
            Self::GradientRms => report.gradient_rms,
        }
    }
}

/// The columns of an evaluation: one row a radius of an attack, after one without attack. `fooled` is the share of the
/// images that were taken for the attack's target, `fooled_hits` their count; what each means: `docs/files.md`.
pub const ROBUSTNESS: [&str; 13] = [
    "step",
    "attack",
    "target",
    "epsilon",
    "images",
    "correct",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "fooled_hits",
    "fooled",
    "balanced_accuracy",
    "norm",
];

/// The rows of an evaluation under [`ROBUSTNESS`]; intervals are 95 % Wilson scores.
pub fn robustness(evaluation: &Robustness) -> Vec<Vec<String>> {
    let row = |attack: &str, target: &str, norm: Option<Norm>, point: &Point| {
        let Point { epsilon, robust, balanced, fooled } = point;
        let (low, high) = robust.interval();
        let [hits, share] = if fooled.total == 0 {
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
            share,
            balanced.to_string(),
            norm.map_or("", Norm::name).into(),
        ]
    };
    let (robust, balanced) = (evaluation.clean, evaluation.clean_balanced);
    let clean = row("none", "", None, &Point { epsilon: 0.0, robust, balanced, fooled: Share::default() });
    let attacked = evaluation.curves.iter().flat_map(|curve| {
        let (attack, target, norm) = (curve.attack.name(), curve.target.name(), curve.attack.norm());
        curve.points.iter().map(move |point| row(attack, target, Some(norm), point))
    });
    let worst = evaluation
        .worst
        .iter()
        .flat_map(|case| case.points.iter().map(|point| row("worst", "", Some(case.norm), point)));
    std::iter::once(clean).chain(attacked).chain(worst).collect()
}

/// The columns of histograms over bins with these edges: one row a class and histogram, one column a bin, named
/// `low..high`.
pub fn histogram_header(edges: &[f32]) -> Vec<String> {
    let percentiles = PERCENTILES.iter().map(|p| format!("percentile_{p}"));
    ["step", "class", "distance", "floor", "mean", "deviation", "minimum"]
        .into_iter()
        .map(String::from)
        .chain(percentiles)
        .chain([String::from("maximum")])
        .chain(edges.windows(2).map(|edge| format!("{:e}..{:e}", edge[0], edge[1])))
        .collect()
}

/// The rows of histograms under [`histogram_header`] of `edges`. Counts over other bins than those have no column, so
/// their cells stay empty.
pub fn histograms(histograms: &Histograms, edges: &[f32], classes: &[String]) -> Vec<Vec<String>> {
    let row = |(k, class): (usize, &crate::protocol::ClassHistogram)| {
        let counts = (0..edges.len().saturating_sub(1)).map(|bin| match class.counts.get(bin) {
            Some(count) if histograms.edges == edges => count.to_string(),
            _ => String::new(),
        });
        let figures = [histograms.distance, histograms.floor, class.mean, class.deviation];
        [histograms.step.to_string(), class_name(classes, k)]
            .into_iter()
            .chain(figures.iter().chain(&class.percentiles).map(f64::to_string))
            .chain(counts)
            .collect()
    };
    histograms.classes.iter().enumerate().map(row).collect()
}

/// The name of class `k`, or its number where it has none.
pub fn class_name(classes: &[String], k: usize) -> String {
    classes.get(k).cloned().unwrap_or_else(|| k.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hyper;
    use crate::protocol::made_up;

    #[test]
    fn metrics_hold_no_clock() {
        let report = made_up::report(1, 20, Hyper::default());
        let mut later = report.clone();
        later.elapsed += web_time::Duration::from_secs(5);
        later.steps_per_second *= 2.0;
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric.of(&report), metric.of(&later), "{}", metric.name());
            assert_eq!(metric as usize, place, "columns are found by their number");
        }
        assert_eq!(Metric::Loss.of(&report), report.loss);
    }

    #[test]
    fn histograms_have_a_column_a_bin() {
        let found = made_up::histograms(1, 50);
        let header = histogram_header(&found.edges);
        let rows = histograms(&found, &found.edges, &["T-shirt, top".into()]);
        assert_eq!(rows.len(), found.classes.len());
        assert_eq!(
            (&*rows[0][1], &*rows[1][1]),
            ("T-shirt, top", "1"),
            "a class without a name has its number"
        );
        let first_bin = header.iter().position(|name| name.contains("..")).unwrap();
        assert_eq!(header.len() - first_bin, found.edges.len() - 1);
        let counts: u32 = rows[0][first_bin..].iter().map(|cell| cell.parse::<u32>().unwrap()).sum();
        assert_eq!(counts, found.classes[0].counts.iter().sum::<u32>());
        let mut other = made_up::histograms(1, 100);
        other.edges[0] *= 2.0;
        let rows = histograms(&other, &found.edges, &[]);
        assert_eq!(
            (rows[0].len(), &*rows[0][first_bin]),
            (header.len(), ""),
            "counts over other bins are left out"
        );
    }

    #[test]
    fn robustness_has_intervals_and_what_was_fooled() {
        let evaluation = made_up::robustness(1, 200, true);
        let rows = robustness(&evaluation);
        let points: usize = evaluation.curves.iter().map(|curve| curve.points.len()).sum();
        assert_eq!(rows.len(), 1 + points + evaluation.worst[0].points.len());
        let at = |row: usize, name: &str| {
            rows[row][ROBUSTNESS.iter().position(|column| *column == name).unwrap()].clone()
        };
        assert_eq!((at(0, "attack"), at(0, "images")), ("none".into(), "256".into()));
        let (low, high) = evaluation.clean.interval();
        assert_eq!((at(0, "accuracy_low"), at(0, "accuracy_high")), (low.to_string(), high.to_string()));
        assert_eq!(at(1, "fooled"), "", "an untargeted attack has no target to reach");
        let [hits, share] = ["fooled_hits", "fooled"].map(|name| at(points, name).parse::<f64>().unwrap());
        assert!(hits >= 1.0 && share == hits / 256.0);
        let of_worst = ["attack", "target", "norm"].map(|name| at(points + 1, name));
        assert_eq!(of_worst, ["worst", "", "linf"], "a target is a target, and a norm a norm");
        assert_eq!((at(0, "norm"), at(1, "norm")), (String::new(), "linf".into()));
        assert_eq!(at(0, "balanced_accuracy"), evaluation.clean_balanced.to_string());
        for row in &rows {
            assert_eq!(row.len(), ROBUSTNESS.len());
        }
    }
}
