//! What the decoders are to say of a batch: made of its images on the device, or gathered from scenes on the host.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::task::{Target, Task};
use crate::data::scenes::Scenes;
use crate::gpu::{conv2d, images::Batch};

/// Standard deviation of a heat map's bell, as a share of the image's height.
pub const BELL: f32 = 1.0 / 16.0;
/// Sobel's kernels across and down, scaled so that a step from black to white has steepness 1.
const SOBEL: [f32; 18] =
    [-0.25, 0.0, 0.25, -0.5, 0.0, 0.5, -0.25, 0.0, 0.25, -0.25, -0.5, -0.25, 0.0, 0.0, 0.0, 0.25, 0.5, 0.25];

/// Scenes, and how far their pixels are on the whole.
#[derive(Clone, Debug)]
pub struct SceneTargets {
    scenes: Scenes,
    /// Mean and standard deviation of the known depths that are trained on, in metres.
    pub depth: [f32; 2],
}

impl SceneTargets {
    /// What is trained on, and what is held out.
    pub fn new([train, held_out]: [Scenes; 2]) -> [Self; 2] {
        let known = || train.depth.iter().filter(|depth| **depth > 0.0).map(|depth| f64::from(*depth));
        let count = known().count().max(1) as f64;
        let mean = known().sum::<f64>() / count;
        let variance = known().map(|depth| (depth - mean).powi(2)).sum::<f64>() / count;
        // Where all is equally far, nothing is divided by nothing.
        let depth = [mean as f32, variance.sqrt().max(1e-3) as f32];
        [Self { scenes: train, depth }, Self { scenes: held_out, depth }]
    }

    /// Key points in each image.
    pub fn key_points(&self) -> usize {
        self.scenes.key_points.len() / self.scenes.len().max(1)
    }

    /// What `task` wants of the images at `indices`; of a task that scenes say nothing of, nothing.
    fn take(&self, task: Task, indices: &[u32], device: &Device) -> Option<Target> {
        let [height, width] = self.scenes.size;
        let area = height * width;
        let upload = |values: Vec<f32>| {
            let channels = values.len() / (indices.len() * area).max(1);
            Tensor::from_data(TensorData::new(values, [indices.len(), channels, height, width]), device)
        };
        let gather = |values: &[f32], size: usize| -> Vec<f32> {
            indices.iter().flat_map(|index| &values[*index as usize * size..][..size]).copied().collect()
        };
        let depths = gather(&self.scenes.depth, area);
        let flag = |known: bool| f32::from(u8::from(known));
        match task {
            Task::Depth => {
                let [mean, deviation] = self.depth;
                let known = depths.iter().map(|depth| flag(*depth > 0.0)).collect();
                let wanted = depths.iter().map(|depth| (depth - mean) / deviation).collect();
                Some(Target { wanted: upload(wanted), known: Some(upload(known)) })
            }
            Task::Normals => {
                let normals = gather(&self.scenes.normals, 3 * area);
                let known = normals.chunks_exact(3 * area).flat_map(|normal| {
                    (0..area).map(move |place| flag((0..3).any(|axis| normal[axis * area + place] != 0.0)))
                });
                let known = known.collect();
                Some(Target { wanted: upload(normals), known: Some(upload(known)) })
            }
            Task::KeyPoints => {
                let maps = |index: &u32| self.scenes.heat_maps(*index as usize, BELL * height as f32);
                let maps: Vec<Vec<f32>> = indices.par_iter().map(maps).collect();
                Some(Target { wanted: upload(maps.concat()), known: None })
            }
            Task::Class | Task::Color | Task::Edge | Task::Denoise | Task::Place | Task::Distance => None,
        }
    }
}

/// What `tasks` want of the images of `batch`, which are those at `indices` of `scenes`, where there are such.
///
/// # Panics
/// Where a task needs scenes and there are none.
pub fn targets(tasks: &[Task], batch: &Batch, indices: &[u32], scenes: Option<&SceneTargets>) -> Vec<Target> {
    let of = |task: &Task| {
        let device = batch.images.device();
        if let Some(target) = scenes.and_then(|scenes| scenes.take(*task, indices, &device)) {
            return target;
        }
        let [n, k] = batch.one_hot.dims();
        let wanted = match task {
            Task::Class => batch.one_hot.clone().reshape([n, k, 1, 1]),
            Task::Color | Task::Place => batch.images.clone(),
            Task::Distance => distances(batch.images.clone()),
            Task::Edge => edges(grey(batch.images.clone())),
            Task::Denoise => grey(batch.images.clone()),
            Task::Depth | Task::Normals | Task::KeyPoints => unreachable!("{task} needs scenes"),
        };
        Target { wanted, known: None }
    };
    tasks.iter().map(of).collect()
}

/// How far points `[N, 2, 1, 1]` are from the middle of the plane, `[N, 1, 1, 1]`.
fn distances(points: Tensor<4>) -> Tensor<4> {
    let off = points - 0.5;
    (off.clone() * off).sum_dim(1).sqrt()
}

/// The mean over the channels, `[N, 1, H, W]`.
pub fn grey(images: Tensor<4>) -> Tensor<4> {
    let channels = images.dims()[1];
    let kernel = Tensor::full([1, channels, 1, 1], 1.0 / channels as f64, &images.device());
    conv2d(images, kernel, 1)
}

/// How steep grey images `[N, 1, H, W]` are at each pixel, from 0 to √2; beyond the border they go on as at it.
pub fn edges(grey: Tensor<4>) -> Tensor<4> {
    let [n, _, height, width] = grey.dims();
    let wide = Tensor::cat(vec![grey.clone().narrow(3, 0, 1), grey.clone(), grey.narrow(3, width - 1, 1)], 3);
    let whole =
        Tensor::cat(vec![wide.clone().narrow(2, 0, 1), wide.clone(), wide.narrow(2, height - 1, 1)], 2);
    let kernel = Tensor::from_data(TensorData::new(SOBEL.to_vec(), [2, 1, 3, 3]), &whole.device());
    let slopes = conv2d(whole, kernel, 1).slice([0..n, 0..2, 1..height + 1, 1..width + 1]);
    let squares = slopes.clone() * slopes;
    (squares.clone().narrow(1, 0, 1) + squares.narrow(1, 1, 1)).sqrt()
}

/// Noise `[N, 1, H, W]` of standard deviation 1, a seed for each image, drawn on the host.
pub fn noise(seeds: &[u64], [height, width]: [usize; 2], device: &Device) -> Tensor<4> {
    let draw = |seed: &u64| -> Vec<f32> {
        let mut random = StdRng::seed_from_u64(*seed);
        (0..height * width).map(|_| StandardNormal.sample(&mut random)).collect()
    };
    let drawn: Vec<Vec<f32>> = seeds.par_iter().map(draw).collect();
    Tensor::from_data(TensorData::new(drawn.concat(), [seeds.len(), 1, height, width]), device)
}
