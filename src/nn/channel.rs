//! What the auxiliary network reads of a gradient tensor: at which scale, and through how much noise.
//!
//! Whether it sees how large a gradient is, and how much of a small one drowns in noise, decides what GREAT does: a network
//! that reads every gradient at one scale, without noise, reads the class off nearly all of them, whatever the main network
//! does.

use std::cell::Cell;

use burn::tensor::Tensor;

use super::{Network, Weights};
use crate::{
    config::{AuxiliaryReads, Hyper, Normalization, Setup, Stream},
    gpu::{NoiseKey, gradient_normalization::Scale, logit_gradient, noise, normalize_gradient},
};

/// Keeps the root of a batch's mean square, and a pixel's length, from 0.
const LEAST_SQUARE: f64 = 1e-12;

/// The way from the main network to the auxiliary one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channel {
    /// Of what the gradient tensor is.
    pub reads: AuxiliaryReads,
    /// What the tensor is divided by.
    pub normalization: Normalization,
    /// What it is multiplied by, where that is a constant.
    pub scale: f64,
    /// Images in a training batch.
    pub batch: usize,
    /// Standard deviation of the normal noise that is then added.
    pub noise: f64,
}

impl Channel {
    /// That of a run with these knobs, whose training batches have `batch` images.
    pub const fn of(hyper: &Hyper, batch: usize) -> Self {
        Self {
            reads: hyper.auxiliary_reads,
            batch,
            normalization: hyper.normalization,
            scale: hyper.gradient_scale,
            noise: hyper.gradient_noise,
        }
    }

    /// From what at the `logits` `[N, K]` the way back to the image begins, at whose end is what is read; `one_hot` `[N, K]`
    /// holds the labels.
    pub fn cotangent(&self, logits: Tensor<2>, one_hot: Tensor<2>) -> Tensor<2> {
        match self.reads {
            AuxiliaryReads::Gradient => logit_gradient(logits, one_hot),
            AuxiliaryReads::Masked if logits.is_autodiff() => one_hot.autodiff(),
            AuxiliaryReads::Masked => one_hot,
        }
    }

    /// The same of the whole cross-entropy, where this one is not.
    pub fn of_loss(&self) -> Option<Self> {
        (self.reads != AuxiliaryReads::Gradient).then_some(Self { reads: AuxiliaryReads::Gradient, ..*self })
    }

    /// The gradient tensors `[N, C, H, W]` of images `x` that are read, as they are, and the logits they came with.
    pub fn gradient(
        &self,
        (network, weights): (&Network, &Weights),
        x: Tensor<4>,
        one_hot: Tensor<2>,
    ) -> (Tensor<4>, Tensor<2>) {
        let (logits, tapes) = network.forward(weights, x);
        (network.input_vjp(tapes, self.cotangent(logits.clone(), one_hot)), logits)
    }

    /// Per-sample gradient tensors `[N, C, H, W]` at the scale that is read, without noise.
    pub fn scaled(&self, gradient: Tensor<4>) -> Tensor<4> {
        match self.normalization {
            Normalization::None => gradient,
            Normalization::Rms => normalize_gradient(gradient, Scale::RootMeanSquare),
            Normalization::Max => normalize_gradient(gradient, Scale::Largest),
            Normalization::Pixel => {
                let square = (gradient.clone() * gradient.clone()).sum_dim(1) + LEAST_SQUARE;
                gradient / square.sqrt()
            }
            // However many are looked at at once.
            Normalization::BatchMean => gradient / self.batch as f64,
            Normalization::BatchRms => {
                let mean = (gradient.clone() * gradient.clone()).mean() + LEAST_SQUARE;
                gradient / mean.sqrt().reshape([1, 1, 1, 1])
            }
            Normalization::Constant => gradient * self.scale,
        }
    }

    /// The same with the noise of that key: what is read.
    pub fn noisy(&self, scaled: Tensor<4>, key: NoiseKey) -> Tensor<4> {
        if self.noise == 0.0 {
            return scaled;
        }
        let noise = noise(&scaled, scaled.dims(), key) * self.noise;
        scaled.clone() + if scaled.is_autodiff() { noise.autodiff() } else { noise }
    }

    /// What is read of gradient tensors that are only looked at: with the same noise each time.
    pub fn looked_at(&self, gradient: Tensor<4>) -> Tensor<4> {
        self.noisy(self.scaled(gradient), NoiseKey { stream: Stream::Look.number(), pass: 0 })
    }
}

/// The channel in a training step: each time something is read, the noise is another.
#[derive(Debug)]
pub struct Reading {
    /// What is read, and how.
    pub channel: Channel,
    stream: u64,
    pass: Cell<u32>,
}

impl Reading {
    /// Of training step `step` of a run.
    pub const fn of(hyper: &Hyper, setup: &Setup, step: u64) -> Self {
        let stream = Stream::Channel.of(setup.seed) ^ step.rotate_left(32);
        Self { channel: Channel::of(hyper, setup.batch_size), stream, pass: Cell::new(0) }
    }

    /// See [`Channel::scaled`].
    pub fn scaled(&self, gradient: Tensor<4>) -> Tensor<4> {
        self.channel.scaled(gradient)
    }

    /// Scaled gradient tensors with fresh noise.
    pub fn noisy(&self, scaled: Tensor<4>) -> Tensor<4> {
        let pass = self.pass.replace(self.pass.get() + 1);
        self.channel.noisy(scaled, NoiseKey { stream: self.stream, pass })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    fn values(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().try_to_vec().expect("f32")
    }

    fn gradients(device: &Device) -> Tensor<4> {
        let values: Vec<f32> = (0..2000).map(|entry| (entry as f32 * 0.37).sin() * 1e-2).collect();
        Tensor::from_data(TensorData::new(values, [20, 1, 10, 10]), device)
    }

    const PLAIN: Channel = Channel {
        reads: AuxiliaryReads::Gradient,
        normalization: Normalization::Constant,
        scale: 3.0,
        batch: 20,
        noise: 0.0,
    };

    #[test]
    fn noise_is_added_after_the_scale_and_has_its_deviation() {
        let channel = Channel { noise: 0.5, ..PLAIN };
        let scaled = channel.scaled(gradients(&Device::flex()));
        let key = NoiseKey { stream: 9, pass: 3 };
        let added = values(channel.noisy(scaled.clone(), key) - scaled.clone());
        let deviation = (added.iter().map(|x| f64::from(x * x)).sum::<f64>() / added.len() as f64).sqrt();
        // Four standard errors of 2,000 draws.
        assert!((deviation - 0.5).abs() < 4.0 * 0.5 / (2.0 * 2000.0f64).sqrt(), "{deviation}");
        assert_eq!(values(PLAIN.noisy(scaled.clone(), key)), values(scaled), "none where it is 0");
    }

    #[test]
    fn each_reading_of_a_step_meets_other_noise_and_a_look_the_same() {
        let hyper = Hyper { gradient_noise: 1.0, normalization: Normalization::Constant, ..Hyper::default() };
        let setup = Setup::default();
        let g = gradients(&Device::flex());
        let read = |step: u64, times: usize| {
            let reading = Reading::of(&hyper, &setup, step);
            let all = (0..times).map(|_| values(reading.noisy(reading.scaled(g.clone()))));
            all.last().expect("at least one")
        };
        assert_eq!(read(4, 2), read(4, 2), "a step can be repeated");
        assert_ne!(read(4, 1), read(4, 2), "the auxiliary network's turn and the main network's");
        assert_ne!(read(4, 1), read(5, 1));
        let channel = Channel::of(&hyper, setup.batch_size);
        assert_eq!(values(channel.looked_at(g.clone())), values(channel.looked_at(g)));
    }

    #[test]
    fn the_derivative_passes_through_the_noise() {
        let channel = Channel { noise: 1.0, ..PLAIN };
        let g = gradients(&Device::flex().autodiff()).require_grad();
        let key = NoiseKey { stream: 1, pass: 0 };
        let slopes = channel.noisy(channel.scaled(g.clone()), key).sum().backward();
        let slope = values(g.grad(&slopes).expect("it is tracked"));
        assert!(slope.iter().all(|slope| *slope == 3.0));
    }

    #[test]
    fn a_pixel_is_read_as_the_direction_of_its_channels() {
        let device = Device::flex().autodiff();
        let channel = Channel { normalization: Normalization::Pixel, ..PLAIN };
        let from =
            |values: &[f32]| Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 2, 1, 3]), &device);
        // Three pixels of two channels: (3, 4), (0, 0), (-1, 0).
        let g = from(&[3.0, 0.0, -1.0, 4.0, 0.0, 0.0]).require_grad();
        let scaled = channel.scaled(g.clone());
        let read = values(scaled.clone().without_autodiff());
        for (read, expected) in read.iter().zip([0.6, 0.0, -1.0, 0.8, 0.0, 0.0]) {
            assert!((read - expected).abs() < 1e-6, "{read} {expected}");
        }
        // (c − u ⟨u, c⟩) / ‖g‖ for the cotangent c = (1, 2): of (3, 4) with u = (0.6, 0.8), ⟨u, c⟩ = 2.2.
        let cotangent = from(&[1.0, 0.0, 1.0, 2.0, 0.0, 2.0]);
        let mut slopes = (scaled * cotangent).sum().backward();
        let slope = values(g.grad_remove(&mut slopes).expect("it is tracked"));
        for (slope, expected) in slope.iter().zip([-0.064, 0.0, 0.0, 0.048, 0.0, 2.0]) {
            assert!((slope - expected).abs() < 1e-5, "{slope} {expected}");
        }
    }

    #[test]
    fn what_is_seen_of_a_size_is_what_the_name_says() {
        let g = gradients(&Device::flex());
        let of = |normalization: Normalization, gradient: &Tensor<4>| {
            values(Channel { normalization, ..PLAIN }.scaled(gradient.clone()))
        };
        let half = g.clone().narrow(0, 0, 10);
        for normalization in [Normalization::None, Normalization::BatchMean, Normalization::Constant] {
            let [all, part] = [&g, &half].map(|gradient| of(normalization, gradient));
            assert_eq!(all[..1000], part[..], "{normalization}: who else is read changes nothing");
            let tenfold = of(normalization, &(g.clone() * 10.0));
            assert!(tenfold.iter().zip(&all).all(|(ten, one)| (ten - 10.0 * one).abs() <= 1e-5 * ten.abs()));
        }
        let size = |values: &[f32]| {
            (values.iter().map(|x| f64::from(x * x)).sum::<f64>() / values.len() as f64).sqrt()
        };
        assert!((size(&of(Normalization::BatchRms, &(g * 7.0))) - 1.0).abs() < 1e-4);
    }
}
