//! Δm, how much tasks gain by being learned together: in the two conventions that are published, of opposite sign.

/// One figure of one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Learned together.
    pub joint: f64,
    /// Learned alone.
    pub single: f64,
    /// Whether less is better, as of an error.
    pub is_lower_better: bool,
}

impl Metric {
    /// How much better than alone, in percent of that; None where that is 0, or one of the two is no number.
    pub fn gain(&self) -> Option<f64> {
        let change = 100.0 * (self.joint - self.single) / self.single;
        change.is_finite().then_some(if self.is_lower_better { -change } else { change })
    }
}

/// Δm as CAGrad (Liu et al. 2021) and Nash-MTL (Navon et al. 2022) print it: the mean loss over all figures, in percent,
/// whichever task they are of. **Lower is better.** None where a figure has no gain, or there is none.
pub fn loss_over_metrics(tasks: &[Vec<Metric>]) -> Option<f64> {
    mean(tasks.iter().flatten().map(Metric::gain)).map(|gain| -gain)
}

/// Δm as `LibMTL` (Lin & Zhang 2023) prints it: the mean gain of each task's figures, then the mean over tasks, in
/// percent. **Higher is better.** None where a figure has no gain, or there is none for a task.
pub fn gain_by_task(tasks: &[Vec<Metric>]) -> Option<f64> {
    mean(tasks.iter().map(|metrics| mean(metrics.iter().map(Metric::gain))))
}

/// None where one of the values is, or there are none.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values = values.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty())?;
    Some(values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NYU Depth v2 as Navon et al. (2022, table 1) print it: mIoU and pixel accuracy; absolute and relative error; mean
    /// and median angle, and the shares within 11.25°, 22.5° and 30°.
    const SINGLE: [f64; 9] = [38.30, 63.76, 0.6754, 0.2780, 25.01, 19.21, 30.14, 57.20, 69.15];
    const EQUAL: [f64; 9] = [39.29, 65.33, 0.5493, 0.2263, 28.15, 23.96, 22.09, 47.50, 61.08];
    const UNCERTAINTY: [f64; 9] = [36.87, 63.17, 0.5446, 0.2260, 27.04, 22.61, 23.54, 49.05, 63.65];
    const NASH: [f64; 9] = [40.13, 65.93, 0.5261, 0.2171, 25.26, 20.08, 28.40, 55.47, 68.15];

    fn tasks(joint: [f64; 9]) -> Vec<Vec<Metric>> {
        let metric = |at: usize| Metric {
            joint: joint[at],
            single: SINGLE[at],
            is_lower_better: (2..6).contains(&at),
        };
        [0..2, 2..4, 4..9].map(|task| task.map(metric).collect()).into()
    }

    #[test]
    fn the_published_rows_come_out_in_both_conventions() {
        // Printed: 5.59, 4.05 (their rows are rounded) and -4.04; by task as LibMTL's formula has it.
        for (joint, flat, by_task) in [(EQUAL, 5.59, 0.88), (UNCERTAINTY, 4.06, 0.91), (NASH, -4.05, 7.65)] {
            let tasks = tasks(joint);
            assert!((loss_over_metrics(&tasks).unwrap() - flat).abs() < 0.005, "{flat}");
            assert!((gain_by_task(&tasks).unwrap() - by_task).abs() < 0.005, "{by_task}");
        }
    }

    #[test]
    fn what_cannot_be_compared_has_no_gain() {
        let metric = |single: f64| Metric { joint: 1.0, single, is_lower_better: true };
        assert_eq!(metric(2.0).gain(), Some(50.0));
        for tasks in
            [vec![], vec![vec![]], vec![vec![metric(2.0)], vec![metric(0.0)]], vec![vec![metric(f64::NAN)]]]
        {
            assert_eq!((loss_over_metrics(&tasks), gain_by_task(&tasks)), (None, None));
        }
    }
}
