//! A multi-task run's outputs for held-out images, and the figures made of them.

use burn::tensor::Tensor;

use super::{
    balance::rows,
    errors::TaskSums,
    figures::PendingFigures,
    game::{Decoded, Multitask},
    pcgrad::compass,
    targets::{grey, targets},
    task::Target,
};
use crate::{
    config::{Hyper, Stream},
    data::proportional_subset,
    gpu::images::Batch,
    nn::layer::forward,
    scenario::interface::{Part, Scenario},
};

/// Held-out images read at once.
const CHUNK: usize = 256;
/// Held-out images whose gradients make the compass.
const COMPASS_IMAGES: usize = 64;
/// Held-out images shown.
const SHOWN: usize = 4;

/// The networks' outputs for some held-out images.
struct HeldOut {
    /// With noise.
    input: Tensor<4>,
    targets: Vec<Target>,
    /// The mean loss of each task, `[1]`.
    losses: Vec<Tensor<1>>,
    said: Vec<Tensor<4>>,
}

impl Multitask {
    /// The figures as they stand.
    pub(super) fn figures(&self, hyper: &Hyper) -> PendingFigures {
        let all: Vec<u32> = (0..self.held_out.len() as u32).collect();
        let (depth, bell) = self.scales();
        let mut sums: Vec<Tensor<1>> = Vec::new();
        let mut cosines = Vec::new();
        for chunk in all.chunks(CHUNK) {
            let HeldOut { losses, said, targets, .. } = self.held_out_said(chunk, hyper);
            for (index, task) in self.tasks().iter().enumerate() {
                let of_chunk =
                    TaskSums::of(*task, (&losses[index], &said[index], &targets[index]), depth, bell);
                cosines.extend(of_chunk.cosines);
                match sums.get_mut(index) {
                    Some(sums) => *sums = sums.clone() + of_chunk.sums,
                    None => sums.push(of_chunk.sums),
                }
            }
        }
        // Files may have their images class by class.
        let few = proportional_subset(self.held_out.labels(), COMPASS_IMAGES, Stream::Sample.number());
        let compasses =
            self.task_gradients(Part::HeldOut, &few, hyper).map(|gradients| compass(rows(&gradients)));
        let [before, behind] = compasses;
        let flat = |cosines: Tensor<2>| cosines.flatten(0, 1);
        let layers = self.alignment().weights();
        // Of the channels their mean; of points each of both.
        let [channels, height, width] = layers[0].dims();
        let [map, weights] = if self.is_world() {
            [[channels, 1], [1, channels]]
        } else {
            [[height, width], [channels, height * width]]
        };
        let shown = |layer: &Tensor<3>| layer.clone().reshape(weights).mean_dim(0).reshape([weights[1]]);
        let alignment = Tensor::cat(layers.iter().map(shown).collect(), 0);
        let found = self.held_out_said(&few[..SHOWN.min(few.len())], hyper);
        let [n, _, image_height, image_width] = found.input.dims();
        let input = grey(found.input).reshape([n * image_height * image_width]);
        let pairs = found.targets.into_iter().zip(found.said);
        let shown = pairs.flat_map(|(target, said)| [target.wanted.flatten(0, 3), said.flatten(0, 3)]);
        PendingFigures {
            tasks: self.tasks().to_vec(),
            map,
            size: [image_height, image_width],
            images: all.len(),
            deviation: depth[1],
            numbers: [
                if cosines.is_empty() {
                    Tensor::zeros([1], &input.device())
                } else {
                    Tensor::cat(cosines, 0)
                },
                before.norms,
                behind.norms,
                flat(before.cosines),
                flat(behind.cosines),
                alignment,
                input,
            ],
            shown: shown.collect(),
            sums,
        }
    }

    /// Images at `indices` with a noise that is always the same, and what the tasks want of them.
    fn noisy_batch(&self, of: Part, indices: &[u32], hyper: &Hyper) -> (Batch, Tensor<4>, Vec<Target>) {
        let batch = self.images(of).gather(indices);
        let seeds: Vec<u64> = indices
            .iter()
            .map(|index| Stream::HeldOutNoise.number() ^ u64::from(*index).rotate_left(32))
            .collect();
        let input = self.noisy(batch.images.clone(), &seeds, hyper);
        let scenes = self.scenes.as_ref().map(|[train, held_out]| match of {
            Part::Training => train,
            Part::HeldOut => held_out,
        });
        let targets = targets(&self.tasks, &batch, indices, scenes);
        (batch, input, targets)
    }

    /// What the figures need of held-out images: what was read, wanted and said.
    fn held_out_said(&self, indices: &[u32], hyper: &Hyper) -> HeldOut {
        let (_, input, targets) = self.noisy_batch(Part::HeldOut, indices, hyper);
        let shared = self.encode(&self.main.weights, &input);
        let by_task: Vec<Tensor<4>> =
            (0..self.tasks.len()).map(|task| shared[self.network.encoder_of(task)].clone()).collect();
        let Decoded { losses, said } = self.decode(&self.main.weights, &by_task, &targets);
        HeldOut { input, targets, losses, said }
    }

    /// The representation of held-out images by the first encoder, `[N, C', H', W']`.
    pub(super) fn held_out_shared(&self, indices: &[u32], hyper: &Hyper) -> Tensor<4> {
        let (_, input, _) = self.noisy_batch(Part::HeldOut, indices, hyper);
        forward(&self.network.encoders[0], &self.main.weights, input).0
    }

    /// The tasks' gradients of images, before and behind the alignment layers.
    pub(super) fn task_gradients(&self, of: Part, indices: &[u32], hyper: &Hyper) -> [Vec<Tensor<4>>; 2] {
        let (_, input, targets) = self.noisy_batch(of, indices, hyper);
        let weights = &self.main.weights;
        let tapped = self.tap(weights, &self.encode(weights, &input), &targets, false);
        let aligned = self.aligned(&tapped.gradients);
        [tapped.gradients, aligned]
    }
}
