//! The tasks: what a decoder is to say of an image, and how far it is off.

use burn::tensor::Tensor;

use crate::config::{TaskSet, choices};
use crate::nn::loss;

/// What is added under a root, so that it has a derivative at 0.
const EPSILON: f64 = 1e-12;

choices! {
    /// What is learned of an image.
    Task {
        /// Its class: cross-entropy.
        Class = "class",
        /// Its colours: root mean square error.
        Color = "color",
        /// How steep its grey is (Sobel): root mean square error.
        Edge = "edge",
        /// Its grey without the noise: root mean square error.
        Denoise = "denoise",
        /// How far its pixels are, in standard deviations of the training images': root mean square error.
        Depth = "depth",
        /// Which way the surfaces face: 1 − |cos|.
        Normals = "normals",
        /// Where its key points are, as heat maps: root mean square error.
        KeyPoints = "keypoints",
    }
}

/// What there is to learn of some images.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Channels of an image.
    pub channels: usize,
    /// Classes.
    pub classes: usize,
    /// Key points in each image.
    pub key_points: usize,
}

/// The tasks of a set, with how many channels each decoder has: colours of grey images, and key points where there are
/// none, are left out.
pub fn tasks(set: TaskSet, source: Source) -> Vec<(Task, usize)> {
    let all = match set {
        TaskSet::Pictures => vec![
            (Task::Class, source.classes),
            (Task::Color, if source.channels > 1 { source.channels } else { 0 }),
            (Task::Edge, 1),
            (Task::Denoise, 1),
        ],
        TaskSet::Scenes => vec![
            (Task::Class, source.classes),
            (Task::Depth, 1),
            (Task::Normals, 3),
            (Task::KeyPoints, source.key_points),
        ],
    };
    all.into_iter().filter(|(_, outputs)| *outputs > 0).collect()
}

/// What a decoder is to say, `N` images.
#[derive(Clone, Debug)]
pub struct Target {
    /// `[N, C, H, W]`; one-hot rows `[N, K, 1, 1]` of a class.
    pub wanted: Tensor<4>,
    /// 1 where it is known, `[N, 1, H, W]`; none where it is known everywhere.
    pub known: Option<Tensor<4>>,
}

impl Target {
    /// A target that may meet what is in an autodiff graph.
    pub fn autodiff(self) -> Self {
        Self { wanted: self.wanted.autodiff(), known: self.known.map(Tensor::autodiff) }
    }
}

impl Task {
    /// The mean loss `[1]` of what a decoder says; each image's part of it depends on that image alone.
    pub fn loss(self, said: Tensor<4>, target: Target) -> Tensor<1> {
        let n = said.dims()[0];
        let rows = |x: Tensor<4>| -> Tensor<2> {
            let entries = x.dims()[1..].iter().product();
            x.reshape([n, entries])
        };
        match self {
            Self::Class => loss::cross_entropy(rows(said), rows(target.wanted)),
            Self::Normals => {
                let dot = |a: &Tensor<4>, b: &Tensor<4>| (a.clone() * b.clone()).sum_dim(1);
                let length = (dot(&said, &said) + EPSILON).sqrt();
                let off = -(dot(&said, &target.wanted) / length).abs() + 1.0; // [N, 1, H, W]
                match target.known {
                    None => rows(off).mean(),
                    Some(known) => {
                        let count = rows(known.clone()).sum_dim(1).clamp_min(1.0);
                        (rows(off * known).sum_dim(1) / count).mean()
                    }
                }
            }
            Self::Color | Self::Edge | Self::Denoise | Self::Depth | Self::KeyPoints => {
                let channels = said.dims()[1] as f64;
                let off = said - target.wanted;
                let square = off.clone() * off;
                let mean = match target.known {
                    None => rows(square).mean_dim(1),
                    Some(known) => {
                        let count = rows(known.clone()).sum_dim(1).clamp_min(1.0) * channels;
                        rows(square * known).sum_dim(1) / count
                    }
                };
                (mean + EPSILON).sqrt().mean()
            }
        }
    }
}
