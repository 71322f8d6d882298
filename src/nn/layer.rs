//! The layers: each knows its forward pass and its vector-Jacobian product with respect to its input.
//!
//! Every activation is `[N, C, H, W]`; after pooling or flattening `[N, F, 1, 1]`. Both passes are made of
//! differentiable tensor operations alone, so the product can itself be differentiated with respect to the weights
//! (double backpropagation).

use std::sync::Arc;

use burn::tensor::{FloatDType, Tensor};

use super::{
    Weights,
    draws::Draws,
    graph::{Graph, GraphError, Record},
};
use crate::config::Activation;
use crate::gpu::{
    Layout, NormForm, NormTape, Shared, activate, activate_vjp, conv2d, conv2d_input_vjp, global_mean,
    global_mean_vjp, group_norm, group_norm_input_vjp, linear, matrix_product, normalize_pixels,
    normalize_pixels_vjp,
};

/// One layer; `usize` fields named after weights are positions in [`Weights`].
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `(x − mean) / deviation`, channel by channel.
    Normalize {
        /// Per channel.
        mean: Vec<f32>,
        /// Per channel.
        deviation: Vec<f32>,
    },
    /// Pixels rounded to this number of levels from 0 to 1; its vector-Jacobian product is zero, as that of a staircase is.
    Quantize {
        /// 2 or more.
        levels: usize,
    },
    /// `x` plus normal noise that is drawn anew in every pass.
    Noise {
        /// Standard deviation.
        deviation: f64,
        /// Which noise.
        draws: Draws,
    },
    /// The same entries as 16-bit floats; their cotangents come back as `f32`.
    Narrow,
    /// The same entries as `f32`; their cotangents come back as 16-bit floats.
    Widen,
    /// Convolution without bias.
    Conv {
        /// `[out, in, k, k]`.
        weight: usize,
        /// `[out, in, k, k]`.
        shape: [usize; 4],
        /// 1 or 2.
        stride: usize,
    },
    /// A number for each channel, added.
    Bias {
        /// `[C]`.
        weight: usize,
        /// `C`.
        channels: usize,
    },
    /// Group normalisation (Wu & He 2018) with scale and shift per channel, and the activation behind it, if any.
    GroupNorm {
        /// `[C]`.
        scale: usize,
        /// `[C]`.
        shift: usize,
        /// Groups of channels, and the activation.
        form: NormForm,
    },
    /// Element by element.
    Activation(Activation),
    /// Mean over the channels, by a convolution that is not trained: `[N, C, H, W]` to `[N, 1, H, W]`.
    Grey {
        /// `C`.
        channels: usize,
    },
    /// Four channels become one of twice the height and width (Shi et al. 2016), cut to `to` at the right and below:
    /// `[N, 4C, H, W]` to `[N, C, to]`.
    DepthToSpace {
        /// `[2H or 2H − 1, 2W or 2W − 1]`.
        to: [usize; 2],
    },
    /// Mean over the pixels: `[N, C, H, W]` to `[N, C, 1, 1]`.
    GlobalPool,
    /// `[N, C, H, W]` to `[N, C·H·W, 1, 1]`.
    Flatten,
    /// `x Wᵀ + b` on `[N, F, 1, 1]`.
    Linear {
        /// `[out, in]`.
        weight: usize,
        /// `[out]`.
        bias: usize,
        /// `[out, in]`.
        shape: [usize; 2],
    },
    /// `body(x) + shortcut(x)`; an empty shortcut is the identity.
    Residual {
        /// The long way.
        body: Vec<Layer>,
        /// The short way.
        shortcut: Vec<Layer>,
    },
    /// A network of somebody's own, which has all weights to itself: from images to logits `[N, K, 1, 1]`.
    Graph(Arc<Graph>),
}

/// What a forward pass leaves for the way back, which reads the same weights.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one a layer exists at a time; a box would be one more allocation each"
)]
pub enum Tape {
    /// Nothing is needed.
    Nothing,
    /// The input's shape.
    Shape([usize; 4]),
    /// The activation's input.
    Input(Tensor<4>),
    /// A convolution: rows and columns of its input, and its weight.
    Convolved([usize; 2], Shared),
    /// GroupNorm: its input, and how that was normalised.
    Grouped(Tensor<4>, NormTape),
    /// The linear layer: its weight, `[out, in]`.
    Weight(Tensor<2>),
    /// The tapes of both ways.
    Residual(Vec<Tape>, Vec<Tape>),
    /// What each node of a graph made.
    Graph(Box<Record>),
}

impl Tape {
    /// The same values outside every autodiff graph.
    pub fn untracked(self) -> Self {
        let all = |tapes: Vec<Self>| tapes.into_iter().map(Self::untracked).collect();
        match self {
            Self::Nothing | Self::Shape(_) => self,
            Self::Input(x) => Self::Input(x.without_autodiff()),
            Self::Convolved(input, weight) => Self::Convolved(input, weight.untracked()),
            Self::Grouped(x, tape) => Self::Grouped(x.without_autodiff(), tape.untracked()),
            Self::Weight(weight) => Self::Weight(weight.without_autodiff()),
            Self::Residual(body, shortcut) => Self::Residual(all(body), all(shortcut)),
            Self::Graph(record) => Self::Graph(Box::new(record.untracked())),
        }
    }
}

/// Runs `x` through `layers`; one tape a layer.
pub fn forward(layers: &[Layer], weights: &Weights, mut x: Tensor<4>) -> (Tensor<4>, Vec<Tape>) {
    let mut tapes = Vec::with_capacity(layers.len());
    for layer in layers {
        let (y, tape) = layer.forward(weights, x);
        tapes.push(tape);
        x = y;
    }
    (x, tapes)
}

/// Runs the output's cotangent `gy` back through `layers` to the input's.
pub fn input_vjp(layers: &[Layer], tapes: Vec<Tape>, gy: Tensor<4>) -> Tensor<4> {
    layers.iter().zip(tapes).rev().fold(gy, |gy, (layer, tape)| layer.input_vjp(tape, gy))
}

impl Layer {
    /// The layer's output, and what its way back needs.
    ///
    /// # Panics
    /// Of a graph that does not fit these images: it was run on such when it was opened.
    pub fn forward(&self, weights: &Weights, x: Tensor<4>) -> (Tensor<4>, Tape) {
        match self {
            Self::Normalize { mean, deviation } => (normalize_pixels(x, mean, deviation), Tape::Nothing),
            Self::Quantize { levels } => {
                let steps = (*levels - 1) as f64;
                ((x * steps).round() / steps, Tape::Nothing)
            }
            Self::Noise { deviation, draws } => {
                let noise = draws.next(&x) * *deviation;
                (x + noise, Tape::Nothing)
            }
            Self::Narrow => (x.cast(FloatDType::F16), Tape::Nothing),
            Self::Widen => (x.cast(FloatDType::F32), Tape::Nothing),
            Self::Conv { weight, shape, stride } => {
                let [.., height, width] = x.dims();
                let kernel = Shared::new(weights.0[*weight].clone(), *shape);
                (conv2d(x, kernel.clone(), *stride), Tape::Convolved([height, width], kernel))
            }
            Self::Bias { weight, channels } => {
                (x + weights.0[*weight].clone().reshape([1, *channels, 1, 1]), Tape::Nothing)
            }
            Self::GroupNorm { scale, shift, form } => {
                let [scale, shift] = [*scale, *shift].map(|index| weights.0[index].clone());
                let (y, tape) = group_norm(x.clone(), scale, shift, *form);
                (y, Tape::Grouped(x, tape))
            }
            Self::Activation(kind) => (activate(x.clone(), *kind), Tape::Input(x)),
            Self::Grey { channels } => {
                let [.., height, width] = x.dims();
                let kernel = Shared::from(mean_of_channels(*channels, &x));
                (conv2d(x, kernel.clone(), 1), Tape::Convolved([height, width], kernel))
            }
            Self::DepthToSpace { to } => {
                let dims = x.dims();
                (depth_to_space(x, *to), Tape::Shape(dims))
            }
            Self::GlobalPool => {
                let dims = x.dims();
                (global_mean(x), Tape::Shape(dims))
            }
            Self::Flatten => {
                let [n, c, h, w] = x.dims();
                (x.reshape([n, c * h * w, 1, 1]), Tape::Shape([n, c, h, w]))
            }
            Self::Linear { weight, bias, shape: [out, features] } => {
                let n = x.dims()[0];
                let matrix = weights.0[*weight].clone().reshape([*out, *features]);
                let y = linear(x.reshape([n, *features]), matrix.clone(), weights.0[*bias].clone()); // [n, out]
                (y.reshape([n, *out, 1, 1]), Tape::Weight(matrix))
            }
            Self::Residual { body, shortcut } => {
                let (long, body_tapes) = forward(body, weights, x.clone());
                let (short, shortcut_tapes) = forward(shortcut, weights, x);
                (long + short, Tape::Residual(body_tapes, shortcut_tapes))
            }
            Self::Graph(graph) => {
                let n = x.dims()[0];
                let (y, record) = graph.run(weights, x).unwrap_or_else(|error| broken(&error));
                (y.as_shape([n, y.len() / n, 1, 1]), Tape::Graph(Box::new(record)))
            }
        }
    }

    /// `gyᵀ · ∂y/∂x`: the cotangent of the layer's input.
    ///
    /// # Panics
    /// With the tape of another layer.
    pub fn input_vjp(&self, tape: Tape, gy: Tensor<4>) -> Tensor<4> {
        match (self, tape) {
            (Self::Normalize { deviation, .. }, Tape::Nothing) => normalize_pixels_vjp(gy, deviation),
            (Self::Quantize { .. }, Tape::Nothing) => gy.zeros_like(),
            (Self::Noise { .. } | Self::Bias { .. }, Tape::Nothing) => gy,
            (Self::Narrow, Tape::Nothing) => gy.cast(FloatDType::F32),
            (Self::Widen, Tape::Nothing) => gy.cast(FloatDType::F16),
            (Self::Conv { stride, .. }, Tape::Convolved(input, weight)) => {
                conv2d_input_vjp(gy, weight, *stride, input)
            }
            (Self::GroupNorm { form, .. }, Tape::Grouped(x, tape)) => {
                group_norm_input_vjp(x, tape, gy, *form)
            }
            (Self::Activation(kind), Tape::Input(x)) => activate_vjp(x, gy, *kind),
            (Self::Grey { .. }, Tape::Convolved(input, kernel)) => conv2d_input_vjp(gy, kernel, 1, input),
            (Self::DepthToSpace { .. }, Tape::Shape(input)) => space_to_depth(gy, input),
            (Self::GlobalPool, Tape::Shape([.., height, width])) => global_mean_vjp(gy, [height, width]),
            (Self::Flatten, Tape::Shape(input)) => gy.reshape(input),
            (Self::Linear { shape: [out, features], .. }, Tape::Weight(matrix)) => {
                let n = gy.dims()[0];
                matrix_product(gy.reshape([n, *out]), matrix, Layout::Nn).reshape([n, *features, 1, 1])
            }
            (Self::Residual { body, shortcut }, Tape::Residual(body_tapes, shortcut_tapes)) => {
                input_vjp(body, body_tapes, gy.clone()) + input_vjp(shortcut, shortcut_tapes, gy)
            }
            (Self::Graph(graph), Tape::Graph(record)) => {
                let images = graph.back(&record, gy).unwrap_or_else(|error| broken(&error));
                images.as_shape(record.image_dims())
            }
            (layer, tape) => unreachable!("the tape {tape:?} is not one of {layer:?}"),
        }
    }
}

fn broken(error: &GraphError) -> ! {
    panic!("the network cannot be computed: {error}")
}

/// The kernel `[1, C, 1, 1]` of a mean, where `like` is.
fn mean_of_channels(channels: usize, like: &Tensor<4>) -> Tensor<4> {
    Tensor::full([1, channels, 1, 1], 1.0 / channels as f64, &like.device())
}

fn depth_to_space(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let split: Tensor<6> = x.reshape([n, c / 4, 2, 2, h, w]);
    let whole: Tensor<4> = split.permute([0, 1, 4, 2, 5, 3]).reshape([n, c / 4, 2 * h, 2 * w]);
    if [height, width] == [2 * h, 2 * w] { whole } else { whole.slice([0..n, 0..c / 4, 0..height, 0..width]) }
}

/// The cotangent of [`depth_to_space`]'s input, `[N, C, H, W]`: zero where its output was cut off.
fn space_to_depth(gy: Tensor<4>, [n, c, h, w]: [usize; 4]) -> Tensor<4> {
    let [.., height, width] = gy.dims();
    let grow = |gy: Tensor<4>, dim: usize, missing: usize| {
        let mut strip = gy.dims();
        strip[dim] = missing;
        let zeros = Tensor::zeros(strip, &gy.device());
        if missing == 0 { gy } else { Tensor::cat(vec![gy, zeros], dim) }
    };
    let whole = grow(grow(gy, 2, 2 * h - height), 3, 2 * w - width);
    let split: Tensor<6> = whole.reshape([n, c / 4, h, 2, w, 2]);
    split.permute([0, 1, 3, 5, 2, 4]).reshape([n, c, h, w])
}
