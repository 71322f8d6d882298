//! What a multi-task run has come to on held-out images: each task's error, how the tasks' gradients lie to each other,
//! what the alignment layers have become, and what the decoders say beside what is so.

use burn::tensor::{Tensor, Transaction};

use super::errors::{Figure, figures};
use super::gain::{Metric, gain_by_task, loss_over_metrics};
use super::task::Task;
use crate::gpu::{WRONG_NUMBER, read_all};

/// What several tasks have come to, on held-out images.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskFigures {
    /// Names of the tasks, `M` of them.
    pub tasks: Vec<String>,
    /// The figures of each on all held-out images; the first of a task is its test error.
    pub figures: Vec<Vec<Figure>>,
    /// Norms of the tasks' gradients at the shared representation, before and behind the alignment layers, over a batch.
    pub norms: [Vec<f64>; 2],
    /// Cosines of the angles between them, `M × M`, before and behind.
    pub cosines: [Vec<f64>; 2],
    /// Height and width of the representation.
    pub map: [usize; 2],
    /// The weights of each task's alignment layer, meaned over the channels: `[H', W']`.
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
        let metrics = self.metrics(alone)?;
        loss_over_metrics(&metrics).zip(gain_by_task(&metrics))
    }

    /// Every figure beside what it is `alone`, task by task; None where they are not the same tasks.
    pub fn metrics(&self, alone: &Self) -> Option<Vec<Vec<Metric>>> {
        let metric = |(joint, single): (&Figure, &Figure)| Metric {
            joint: joint.value,
            single: single.value,
            is_lower_better: joint.is_lower_better,
        };
        let of_task =
            |(joint, single): (&Vec<Figure>, &Vec<Figure>)| joint.iter().zip(single).map(metric).collect();
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
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSample {
    /// What the encoder read, `[H, W]`.
    pub input: Vec<f32>,
    /// For each task what is so and what was said: `[C, H, W]`, `K` numbers of a class.
    pub tasks: Vec<[Vec<f32>; 2]>,
}

/// [`TaskFigures`] that are still on the device.
pub struct PendingFigures {
    pub(super) tasks: Vec<Task>,
    pub(super) map: [usize; 2],
    pub(super) size: [usize; 2],
    pub(super) images: usize,
    /// Standard deviation of depths, in metres.
    pub(super) deviation: f32,
    /// The sums of each task that its figures are made of.
    pub(super) sums: Vec<Tensor<1>>,
    /// The cosines of normals, none where there are no such; norms and cosines of gradients before and behind;
    /// alignment `[M, H', W']`; input.
    pub(super) numbers: [Tensor<1>; 7],
    /// What is so and what was said, task by task.
    pub(super) shown: Vec<Tensor<1>>,
}

impl PendingFigures {
    /// The one read from the device.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(self) -> impl Future<Output = Result<TaskFigures, String>> {
        let Self { tasks, map, size, images, deviation, sums, numbers, shown } = self;
        let tensors = numbers.into_iter().chain(sums).chain(shown);
        let read = read_all(tensors.fold(Transaction::default(), Transaction::register));
        async move {
            let data = read.await?;
            let numbers: Vec<Vec<f32>> = data.iter().map(|data| data.iter::<f32>().collect()).collect();
            let [normals, before, behind, angles_before, angles_behind, alignment, input, rest @ ..] =
                numbers.as_slice()
            else {
                return Err(WRONG_NUMBER.into());
            };
            let (sums, shown) = rest.split_at_checked(tasks.len()).ok_or(WRONG_NUMBER)?;
            let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<_>>();
            let area = size[0] * size[1];
            let count = input.len() / area;
            let part = |values: &[f32], index: usize| {
                let length = values.len() / count;
                values[index * length..][..length].to_vec()
            };
            let one = |index: usize| TaskSample {
                input: part(input, index),
                tasks: shown
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[wanted, said]| [part(wanted, index), part(said, index)])
                    .collect(),
            };
            Ok(TaskFigures {
                figures: tasks
                    .iter()
                    .zip(sums)
                    .map(|(task, sums)| figures(*task, sums, normals, images, deviation))
                    .collect(),
                tasks: tasks.iter().map(ToString::to_string).collect(),
                norms: [wide(before), wide(behind)],
                cosines: [wide(angles_before), wide(angles_behind)],
                alignment: alignment.chunks_exact(map[0] * map[1]).map(<[f32]>::to_vec).collect(),
                map,
                shown: (0..count).map(one).collect(),
                size,
            })
        }
    }
}
