//! The tasks: what a decoder is to say of an image, and how far it is off.

use burn::tensor::Tensor;

use crate::config::{TaskSet, choices};
use crate::gpu::logit_gradient;
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
        /// Where a point of a world lies: root mean square error.
        Place = "place",
        /// How far it is from the middle of the plane: root mean square error.
        Distance = "distance",
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
/// none, are left out. Without a set they are those of points.
pub fn tasks(set: Option<TaskSet>, source: Source) -> Vec<(Task, usize)> {
    let all = match set {
        None => vec![(Task::Class, source.classes), (Task::Place, source.channels), (Task::Distance, 1)],
        Some(TaskSet::Pictures) => vec![
            (Task::Class, source.classes),
            (Task::Color, if source.channels > 1 { source.channels } else { 0 }),
            (Task::Edge, 1),
            (Task::Denoise, 1),
        ],
        Some(TaskSet::Scenes) => vec![
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
        match self {
            Self::Class => loss::cross_entropy(rows(said), rows(target.wanted)),
            Self::Normals => {
                let off = -cosine(&said, &target.wanted).abs() + 1.0; // [N, 1, H, W]
                match target.known {
                    None => rows(off).mean(),
                    Some(known) => (rows(off * known.clone()).sum_dim(1) / count(&known)).mean(),
                }
            }
            Self::Color
            | Self::Edge
            | Self::Denoise
            | Self::Depth
            | Self::KeyPoints
            | Self::Place
            | Self::Distance => {
                (mean_square(&(said - target.wanted), target.known.as_ref()) + EPSILON).sqrt().mean()
            }
        }
    }

    /// The derivative `[N, C, H, W]` of each image's loss, of which [`Self::loss`] is the mean, with respect to what a
    /// decoder says of it: an expression that can itself be differentiated.
    pub fn slope(self, said: Tensor<4>, target: Target) -> Tensor<4> {
        let [n, _, height, width] = said.dims();
        let column = |x: Tensor<2>| x.reshape([n, 1, 1, 1]);
        let Target { wanted, known } = target;
        match self {
            Self::Class => {
                let shape = said.dims();
                logit_gradient(rows(said), rows(wanted)).reshape(shape)
            }
            Self::Normals => {
                let cosine = cosine(&said, &wanted);
                let length = length(&said);
                let of_cosine = wanted / length.clone() - said * (cosine.clone() / (length.clone() * length));
                let slope = -(of_cosine * cosine.sign());
                match known {
                    None => slope / (height * width) as f64,
                    Some(known) => slope * known.clone() / column(count(&known)),
                }
            }
            Self::Color
            | Self::Edge
            | Self::Denoise
            | Self::Depth
            | Self::KeyPoints
            | Self::Place
            | Self::Distance => {
                let channels = said.dims()[1] as f64;
                let off = said - wanted;
                let size = column((mean_square(&off, known.as_ref()) + EPSILON).sqrt());
                match known {
                    None => off / size / (channels * (height * width) as f64),
                    Some(known) => off * known.clone() / (size * column(count(&known)) * channels),
                }
            }
        }
    }
}

/// `[N, C, H, W]` as `[N, CHW]`.
fn rows(x: Tensor<4>) -> Tensor<2> {
    let [n, channels, height, width] = x.dims();
    x.reshape([n, channels * height * width])
}

/// Pixels of each image of which something is known, at least 1, `[N, 1]`.
fn count(known: &Tensor<4>) -> Tensor<2> {
    rows(known.clone()).sum_dim(1).clamp_min(1.0)
}

/// Mean square over the known pixels of each image and all channels, `[N, 1]`.
fn mean_square(off: &Tensor<4>, known: Option<&Tensor<4>>) -> Tensor<2> {
    let channels = off.dims()[1] as f64;
    let square = off.clone() * off.clone();
    match known {
        None => rows(square).mean_dim(1),
        Some(known) => rows(square * known.clone()).sum_dim(1) / (count(known) * channels),
    }
}

/// The length of the vector at each pixel, `[N, 1, H, W]`.
fn length(x: &Tensor<4>) -> Tensor<4> {
    ((x.clone() * x.clone()).sum_dim(1) + EPSILON).sqrt()
}

/// The cosine of what is said and the unit vector that is wanted, `[N, 1, H, W]`.
fn cosine(said: &Tensor<4>, wanted: &Tensor<4>) -> Tensor<4> {
    (said.clone() * wanted.clone()).sum_dim(1) / length(said)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// `[3, C, 4, 5]` of numbers in [−1, 1) that look random.
    fn numbers(channels: usize, salt: f32, device: &Device) -> Tensor<4> {
        let values: Vec<f32> =
            (0..3 * channels * 20).map(|entry| ((entry as f32 + salt) * 12.9898).sin()).collect();
        Tensor::from_data(TensorData::new(values, [3, channels, 4, 5]), device)
    }

    #[test]
    fn slopes_are_the_derivatives_of_the_losses() {
        let device = Device::flex().autodiff();
        for task in Task::ALL.iter().filter(|task| **task != Task::Class) {
            let channels = if *task == Task::Normals { 3 } else { 2 };
            for is_partly_known in [false, true] {
                // The second image has no known pixel at all.
                let mask: Vec<f32> =
                    (0..60).map(|pixel| f32::from(u8::from(pixel % 3 > 0 && pixel / 20 != 1))).collect();
                let mask = Tensor::from_data(TensorData::new(mask, [3, 1, 4, 5]), &device);
                let wanted = numbers(channels, 0.5, &device);
                let wanted = wanted.clone() / length(&wanted);
                let target = Target { wanted, known: is_partly_known.then_some(mask) };
                let said = numbers(channels, 100.0, &device).require_grad();
                let mut found = task.loss(said.clone(), target.clone()).backward();
                let expected = said.grad_remove(&mut found).unwrap() * 3.0;
                let slope = task.slope(said.without_autodiff().autodiff(), target).without_autodiff();
                let [slope, expected]: [Vec<f32>; 2] =
                    [slope, expected].map(|tensor| tensor.into_data().try_to_vec().unwrap());
                for (slope, expected) in slope.iter().zip(&expected) {
                    assert!((slope - expected).abs() < 1e-5, "{task}, {is_partly_known}: {slope} {expected}");
                }
            }
        }
    }

    #[test]
    fn the_slope_of_a_class_is_that_of_the_cross_entropy() {
        let device = Device::flex().autodiff();
        let said = numbers(20, 3.0, &device).narrow(2, 0, 1).narrow(3, 0, 1).require_grad();
        let rows: Vec<f32> = (0..60).map(|entry| f32::from(u8::from([4, 27, 59].contains(&entry)))).collect();
        let wanted = Tensor::from_data(TensorData::new(rows, [3, 20, 1, 1]), &device);
        let target = Target { wanted, known: None };
        let mut found = Task::Class.loss(said.clone(), target.clone()).backward();
        let expected = said.grad_remove(&mut found).unwrap() * 3.0;
        let slope = Task::Class.slope(said.without_autodiff().autodiff(), target).without_autodiff();
        let worst: f32 = (slope - expected).abs().max().into_data().try_to_vec::<f32>().unwrap()[0];
        assert!(worst < 1e-6, "{worst}");
    }
}
