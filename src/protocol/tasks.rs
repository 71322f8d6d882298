//! How well several tasks are learned: the figures of each, how their gradients lie to each other, and Δm, how much tasks gain by
//! being learned together, in the two conventions that are published, of opposite sign.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::exact;
use super::nullable;
use super::run::RunId;

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Nothing, or pixel values in [0, 1].
    One,
    /// A count over its total, in [0, 1].
    Share,
    /// Metres along the optical axis.
    Metres,
    /// Degrees of an angle.
    Degrees,
    /// Pixels of the image.
    Pixels,
}

impl Unit {
    /// What is written behind a number; nothing where the number says it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::One | Self::Share => "",
            Self::Metres => "m",
            Self::Degrees => "°",
            Self::Pixels => "px",
        }
    }
}

/// One figure of one task, over all held-out images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// As it is called where it is published.
    pub name: Cow<'static, str>,
    /// NaN where nothing was known that it could be of.
    #[serde(with = "nullable")]
    pub value: f64,
    /// What it is measured in.
    pub unit: Unit,
    /// Whether less is better, as of an error.
    pub is_lower_better: bool,
}

impl Figure {
    /// One of which less is better.
    pub fn error(name: impl Into<Cow<'static, str>>, value: f64, unit: Unit) -> Self {
        Self { name: name.into(), value, unit, is_lower_better: true }
    }
}

/// How well several tasks are learned, on held-out images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskFigures {
    /// Names of the tasks, `M` of them.
    pub tasks: Vec<String>,
    /// The figures of each on all held-out images; the first of a task is its test error.
    pub figures: Vec<Vec<Figure>>,
    /// Norms of the tasks' gradients at the shared representation, before and behind the alignment layers, over a batch.
    #[serde(with = "exact")]
    pub norms: [Vec<f64>; 2],
    /// Cosines of the angles between them, `M × M`, before and behind.
    #[serde(with = "exact")]
    pub cosines: [Vec<f64>; 2],
    /// Height and width of the representation; of points, whose is one place, its numbers and 1.
    pub map: [usize; 2],
    /// The weights of each task's alignment layer, averaged over the channels: `[H', W']`; of points each of them.
    #[serde(with = "exact")]
    pub alignment: Vec<Vec<f32>>,
    /// A few images.
    pub shown: Vec<TaskSample>,
    /// Height and width of an image.
    pub size: [usize; 2],
}

impl TaskFigures {
    /// Δm in percent against the same tasks learned `alone`, in the two published conventions: the mean loss over all
    /// figures, where lower is better, and the mean gain by task, where higher is. None where they are not the same
    /// tasks, or a figure alone is 0.
    pub fn delta_m(&self, alone: &Self) -> Option<(f64, f64)> {
        let gains = self.gains(alone)?;
        loss_over_metrics(&gains).zip(gain_by_task(&gains))
    }

    /// Every figure beside what it is `alone`, task by task; None where they are not the same tasks.
    pub fn gains(&self, alone: &Self) -> Option<Vec<Vec<Gain>>> {
        let gain = |(joint, single): (&Figure, &Figure)| Gain {
            joint: joint.value,
            single: single.value,
            is_lower_better: joint.is_lower_better,
        };
        let of_task =
            |(joint, single): (&Vec<Figure>, &Vec<Figure>)| joint.iter().zip(single).map(gain).collect();
        (self.tasks == alone.tasks).then(|| self.figures.iter().zip(&alone.figures).map(of_task).collect())
    }

    /// The mean cosine of a task's gradient with the others', before (0) or behind (1) the alignment layers; NaN where
    /// there is no other.
    pub fn mean_cosine(&self, side: usize, task: usize) -> f64 {
        let row = &self.cosines[side][task * self.tasks.len()..][..self.tasks.len()];
        let others = row.iter().enumerate().filter(|(other, _)| *other != task).map(|(_, cosine)| cosine);
        others.sum::<f64>() / (row.len() as f64 - 1.0)
    }
}

/// An image, what was to be said of it, and what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSample {
    /// What the encoder read, `[H, W]`.
    #[serde(with = "exact")]
    pub input: Vec<f32>,
    /// For each task what is so and what was said: `[C, H, W]`, `K` numbers of a class.
    #[serde(with = "exact")]
    pub tasks: Vec<[Vec<f32>; 2]>,
}

/// The figures of several tasks at a step of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tasks {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// The figures.
    pub found: TaskFigures,
}

/// One figure of one task, learned together and alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// Learned together.
    pub joint: f64,
    /// Learned alone.
    pub single: f64,
    /// Whether less is better, as of an error.
    pub is_lower_better: bool,
}

impl Gain {
    /// How much better than alone, in percent of that; None where that is 0, or one of the two is no number.
    pub fn percent(&self) -> Option<f64> {
        let change = 100.0 * (self.joint - self.single) / self.single;
        change.is_finite().then_some(if self.is_lower_better { -change } else { change })
    }
}

/// Δm as CAGrad (Liu et al. 2021) and Nash-MTL (Navon et al. 2022) print it: the mean loss over all figures, in percent,
/// whichever task they are of. **Lower is better.** None where a figure has no gain, or there is none.
pub fn loss_over_metrics(tasks: &[Vec<Gain>]) -> Option<f64> {
    mean(tasks.iter().flatten().map(Gain::percent)).map(|gain| -gain)
}

/// Δm as `LibMTL` (Lin & Zhang 2023) prints it: the mean gain of each task's figures, then the mean over tasks, in
/// percent. **Higher is better.** None where a figure has no gain, or there is none for a task.
pub fn gain_by_task(tasks: &[Vec<Gain>]) -> Option<f64> {
    mean(tasks.iter().map(|metrics| mean(metrics.iter().map(Gain::percent))))
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

    fn tasks(joint: [f64; 9]) -> Vec<Vec<Gain>> {
        let metric =
            |at: usize| Gain { joint: joint[at], single: SINGLE[at], is_lower_better: (2..6).contains(&at) };
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
        let metric = |single: f64| Gain { joint: 1.0, single, is_lower_better: true };
        assert_eq!(metric(2.0).percent(), Some(50.0));
        for tasks in
            [vec![], vec![vec![]], vec![vec![metric(2.0)], vec![metric(0.0)]], vec![vec![metric(f64::NAN)]]]
        {
            assert_eq!((loss_over_metrics(&tasks), gain_by_task(&tasks)), (None, None));
        }
    }
}
