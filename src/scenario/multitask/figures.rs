//! The figures of several tasks on held-out images: each task's error, the angles between the tasks' gradients, the
//! weights of the alignment layers, and what the decoders predict beside the ground truth.

use burn::tensor::{Tensor, Transaction};

use super::errors::figures;
use super::task::Task;
use crate::gpu::{WRONG_NUMBER, read_all};
use crate::protocol::{TaskFigures, TaskSample};

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
