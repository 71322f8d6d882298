//! The architectures: the main networks and the auxiliary one, and what they compute.
//!
//! Convolutions are 3×3 with padding 1 and without bias, each followed by GroupNorm: it is per sample, as every gradient
//! tensor must be. Only plain and per-pixel auxiliary networks have biases in its place. The head is linear, on the mean of
//! every channel or on all its pixels. Networks of linear layers alone have neither convolution nor norm. Initialisation: He
//! normal (He et al. 2015) for convolutions and hidden layers, deviation 1/√fan-in for the head.

use burn::tensor::Tensor;

use super::{
    Layer, Tape, WeightSpec, Weights,
    draws::Draws,
    layer::{forward, input_vjp},
    weights::Init,
};
use crate::config::{
    Activation, Architecture, AuxiliaryKind, HeadKind, InputTransform, NetworkKind, Precision, Setup, Stream,
};
use crate::gpu::{NormForm, logit_gradient};

/// Groups of every GroupNorm; channels are multiples of it.
const GROUPS: usize = 8;
/// Units of each hidden layer of a main network of linear layers, times its width.
pub(super) const UNITS: usize = 16;
/// The same of an auxiliary network that reads a single place.
const AUXILIARY_UNITS: usize = 32;

/// To what the largest entry of a cotangent of logits is scaled before it goes back through 16-bit floats: what comes of it
/// may be 64 times larger before it is infinite, and 2²⁴ times smaller before it loses digits.
const LARGEST_COTANGENT: f64 = 1024.0;
/// What counts as the largest entry of a cotangent that has none, so that nothing is divided by 0.
const LEAST_COTANGENT: f64 = 1e-30;

/// The deviation of images that do not vary, as they are read, and the rounding of it.
const SMALLEST_DEVIATION: f64 = 1.001e-3;

/// What a network reads and says.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// `[C, H, W]` of an image.
    pub image: [usize; 3],
    /// Classes `K`.
    pub classes: usize,
}

/// Mean and deviation of the training images, channel by channel, pixels in [0, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Mean.
    pub mean: Vec<f32>,
    /// Standard deviation, above 0.
    pub deviation: Vec<f32>,
}

/// A network without its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// From input to logits.
    pub layers: Vec<Layer>,
    /// The weights that the layers expect.
    pub specs: Vec<WeightSpec>,
    /// What it reads and says.
    pub interface: Interface,
}

impl Network {
    /// A main network: normalisation first, so that attacks and `∇x` live in pixel space.
    pub fn main(architecture: Architecture, interface: Interface, statistics: &Statistics) -> Self {
        let Architecture { network, width, activation, head, depth } = architecture;
        let mut builder = Builder::new(interface.image[0], activation);
        builder.layers.push(Layer::Normalize {
            mean: statistics.mean.clone(),
            deviation: statistics.deviation.clone(),
        });
        if network == NetworkKind::Mlp {
            return builder.linear_layers(&vec![units(UNITS, width); depth], interface);
        }
        builder.trunk(network, width);
        let features = match head {
            HeadKind::Pooled => {
                builder.layers.push(Layer::GlobalPool);
                builder.channels
            }
            HeadKind::Flat => {
                builder.layers.push(Layer::Flatten);
                let halved = |size: usize| (0..halvings(network)).fold(size, |size, _| size.div_ceil(2));
                builder.channels * halved(interface.image[1]) * halved(interface.image[2])
            }
        };
        builder.head(features, interface.classes);
        builder.finish(interface)
    }

    /// The same network behind what `setup` does to its input first. Pixels go in, so attacks meet it too.
    pub fn behind_input_of(mut self, setup: &Setup) -> Self {
        let first = match setup.input_transform {
            InputTransform::None => return self,
            InputTransform::Quantize => Layer::Quantize { levels: setup.input_levels },
            InputTransform::Noise => {
                Layer::Noise { deviation: setup.transform_noise, draws: Draws::default() }
            }
        };
        self.layers.insert(0, first);
        self
    }

    /// The same network as it is trained in that precision: with mixed one, what stands between the normalised pixels and
    /// the head is stored as 16-bit floats, and so are its cotangents.
    pub fn in_precision(mut self, precision: Precision) -> Self {
        if precision == Precision::Mixed {
            let around = |layer: Layer| match layer {
                Layer::Normalize { .. } => vec![layer, Layer::Narrow],
                Layer::GlobalPool | Layer::Flatten => vec![Layer::Widen, layer],
                _ => vec![layer],
            };
            self.layers = self.layers.into_iter().flat_map(around).collect();
        }
        self
    }

    /// Whether it stores 16-bit floats.
    fn is_mixed(&self) -> bool {
        self.layers.contains(&Layer::Narrow)
    }

    /// By what a loss that is a mean over `images` images must be multiplied for its derivatives to fit what the network
    /// stores; the gradients of the weights come out as many times too large.
    pub fn loss_scale(&self, images: usize) -> f64 {
        if self.is_mixed() { LARGEST_COTANGENT * images as f64 } else { 1.0 }
    }

    /// The auxiliary network `h`: reads a gradient tensor as it comes through the channel, says whose class it is. Always
    /// ReLU. Where an image is a single place, its layers are linear, whatever `kind` says.
    pub fn auxiliary(kind: AuxiliaryKind, width: f64, interface: Interface) -> Self {
        let mut builder = Builder::new(interface.image[0], Activation::Relu);
        if interface.image[1..] == [1, 1] {
            return builder.linear_layers(&[units(AUXILIARY_UNITS, width); 2], interface);
        }
        let w = channels(16, width);
        for (index, out) in [w, 2 * w, 4 * w].into_iter().enumerate() {
            match kind {
                AuxiliaryKind::GroupNorm => builder.block(index + 1, out, 2),
                AuxiliaryKind::Plain => builder.plain_block(index + 1, out, 2),
                AuxiliaryKind::PerPixel => return builder.per_pixel(channels(32, width), interface),
            }
        }
        builder.layers.push(Layer::Flatten);
        // Three times halved, rounded up: ⌈size / 8⌉.
        let pixels = interface.image[1].div_ceil(8) * interface.image[2].div_ceil(8);
        builder.head(4 * w * pixels, interface.classes);
        builder.finish(interface)
    }

    /// Places of an image at each of which it says something: 1 where it says something of the whole.
    pub fn places(&self) -> usize {
        let is_whole = |layer: &Layer| matches!(layer, Layer::Flatten | Layer::GlobalPool | Layer::Graph(_));
        let [_, height, width] = self.interface.image;
        if self.layers.iter().any(is_whole) { 1 } else { height * width }
    }

    /// Logits `[N, K]` of `x` `[N, C, H, W]`, and the tape for [`Self::input_vjp`]. Where it says something at each of P
    /// places, `[N · P, K]`, sample by sample.
    pub fn forward(&self, weights: &Weights, x: Tensor<4>) -> (Tensor<2>, Vec<Tape>) {
        let (y, tapes) = forward(&self.layers, weights, x);
        let [n, classes, height, width] = y.dims();
        let y = if height * width == 1 { y } else { y.permute([0, 2, 3, 1]) };
        (y.reshape([n * height * width, classes]), tapes)
    }

    /// Logits `[N, K]` alone.
    pub fn logits(&self, weights: &Weights, x: Tensor<4>) -> Tensor<2> {
        self.forward(weights, x).0
    }

    /// The standard deviation by which the network divides pixels in [0, 1], the mean over the channels: an ε divided by it
    /// is that of standardised inputs. None where it divides by none, or where the images do not vary: see
    /// `Dataset::channel_statistics`.
    pub fn input_deviation(&self) -> Option<f64> {
        let deviation = self.layers.iter().find_map(|layer| match layer {
            Layer::Normalize { deviation, .. } => Some(deviation),
            _ => None,
        })?;
        let mean = deviation.iter().copied().map(f64::from).sum::<f64>() / deviation.len() as f64;
        (mean > SMALLEST_DEVIATION).then_some(mean)
    }

    /// Where the network's own noise comes from, if it draws any.
    pub fn draws(&self) -> Option<&Draws> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::Noise { draws, .. } => Some(draws),
            _ => None,
        })
    }

    /// What the network says, whoever asks: logits `[N, K]`, and where it draws noise their mean over `draws` draws, the same
    /// ones for every image and each time.
    pub fn expected_logits(&self, weights: &Weights, x: &Tensor<4>, draws: usize) -> Tensor<2> {
        let fixed = self.clone();
        let Some(noise) = fixed.draws() else { return self.logits(weights, x.clone()) };
        noise.restart_shared(Stream::Verdict.number());
        let one = || fixed.logits(weights, x.clone());
        (1..draws).fold(one(), |sum, _| sum + one()) / draws.max(1) as f64
    }

    /// The input's cotangent `[N, C, H, W]` from the logits' `[N, K]`, with the weights of the forward pass.
    pub fn input_vjp(&self, tapes: Vec<Tape>, logit_gradient: Tensor<2>) -> Tensor<4> {
        let [n, k] = logit_gradient.dims();
        if !self.is_mixed() {
            return input_vjp(&self.layers, tapes, logit_gradient.reshape([n, k, 1, 1]));
        }
        // A sample that the network is sure of has a cotangent that 16 bits cannot tell from 0. The product is linear in
        // it, and samples do not meet, so each is scaled by its own constant there and back.
        let largest = logit_gradient.clone().detach().abs().max_dim(1).clamp_min(LEAST_COTANGENT); // [n, 1]
        let factor = largest / LARGEST_COTANGENT;
        let cotangent = (logit_gradient / factor.clone()).reshape([n, k, 1, 1]);
        input_vjp(&self.layers, tapes, cotangent) * factor.reshape([n, 1, 1, 1])
    }

    /// The gradient tensor `∇x Σᵢ CE(f(xᵢ), yᵢ)` and the logits it came with; `one_hot` `[N, K]` holds `y`.
    pub fn input_gradient(
        &self,
        weights: &Weights,
        x: Tensor<4>,
        one_hot: Tensor<2>,
    ) -> (Tensor<4>, Tensor<2>) {
        let (logits, tapes) = self.forward(weights, x);
        let gradient = self.input_vjp(tapes, logit_gradient(logits.clone(), one_hot));
        (gradient, logits)
    }

    /// Trainable weights.
    pub fn weight_count(&self) -> usize {
        self.specs.iter().map(WeightSpec::len).sum()
    }
}

/// `base · width` channels, rounded to a multiple of [`GROUPS`], at least one such.
pub(super) fn channels(base: usize, width: f64) -> usize {
    ((base as f64 * width / GROUPS as f64).round() as usize).max(1) * GROUPS
}

/// `base · width` units of a hidden layer, rounded, at least one.
pub(super) fn units(base: usize, width: f64) -> usize {
    ((base as f64 * width).round() as usize).max(1)
}

/// How many times what a main network makes of an image halves its height and width, rounded up.
pub(super) fn halvings(kind: NetworkKind) -> usize {
    match kind {
        NetworkKind::CnnSmall | NetworkKind::CnnMedium => 2,
        NetworkKind::Resnet18 => 3,
        NetworkKind::Mlp => 0,
    }
}

/// Puts layers and the specifications of their weights side by side.
pub(super) struct Builder {
    pub(super) layers: Vec<Layer>,
    pub(super) specs: Vec<WeightSpec>,
    /// Of what the last layer says.
    pub(super) channels: usize,
    /// What the names of the weights begin with.
    pub(super) prefix: String,
    activation: Activation,
}

impl Builder {
    pub(super) fn new(channels: usize, activation: Activation) -> Self {
        Self { layers: Vec::new(), specs: Vec::new(), channels, prefix: String::new(), activation }
    }

    /// All of a main network between its first layer and its last two.
    pub(super) fn trunk(&mut self, kind: NetworkKind, width: f64) {
        match kind {
            NetworkKind::CnnSmall => {
                let w = channels(16, width);
                let blocks = [(w, 1), (2 * w, 2), (3 * w, 1), (4 * w, 2)];
                for (index, (out, stride)) in blocks.into_iter().enumerate() {
                    self.block(index + 1, out, stride);
                }
            }
            NetworkKind::CnnMedium => {
                let w = channels(32, width);
                let blocks = [(w, 1), (w, 1), (2 * w, 2), (2 * w, 1), (4 * w, 2), (4 * w, 1)];
                for (index, (out, stride)) in blocks.into_iter().enumerate() {
                    self.block(index + 1, out, stride);
                }
            }
            NetworkKind::Resnet18 => {
                let w = channels(64, width);
                self.block(1, w, 1);
                for stage in 1..=4 {
                    for index in 0..2 {
                        let stride = if stage > 1 && index == 0 { 2 } else { 1 };
                        self.residual(&format!("layer{stage}.{index}"), w << (stage - 1), stride);
                    }
                }
            }
            // It makes no maps: `linear_layers`.
            NetworkKind::Mlp => {}
        }
    }

    /// A whole network: all pixels, hidden layers of so many units with an activation after each, logits.
    fn linear_layers(mut self, hidden: &[usize], interface: Interface) -> Network {
        self.layers.push(Layer::Flatten);
        let features = self.hidden(interface.image.iter().product(), hidden);
        self.head(features, interface.classes);
        self.finish(interface)
    }

    /// Hidden layers of so many units with an activation after each, on so many features; how many features come out.
    pub(super) fn hidden(&mut self, mut features: usize, hidden: &[usize]) -> usize {
        for (index, units) in hidden.iter().enumerate() {
            let deviation = (2.0 / features as f32).sqrt();
            self.linear(&format!("hidden{}", index + 1), (features, *units), deviation);
            self.layers.push(Layer::Activation(self.activation));
            features = *units;
        }
        features
    }

    fn weight(&mut self, name: String, shape: Vec<usize>, init: Init) -> usize {
        let name = format!("{}{name}", self.prefix);
        self.specs.push(WeightSpec { name, shape, init });
        self.specs.len() - 1
    }

    pub(super) fn conv(
        &mut self,
        name: &str,
        input: usize,
        out: usize,
        kernel: usize,
        stride: usize,
    ) -> Layer {
        let shape = [out, input, kernel, kernel];
        let deviation = (2.0 / (input * kernel * kernel) as f32).sqrt();
        let weight = self.weight(format!("{name}.weight"), shape.to_vec(), Init::Normal(deviation));
        Layer::Conv { weight, shape, stride }
    }

    fn norm(&mut self, name: &str, size: usize, activation: Option<Activation>) -> Layer {
        let scale = self.weight(format!("{name}.weight"), vec![size], Init::Constant(1.0));
        let shift = self.weight(format!("{name}.bias"), vec![size], Init::Constant(0.0));
        Layer::GroupNorm { scale, shift, form: NormForm { groups: GROUPS, activation } }
    }

    /// Convolution, norm, activation.
    pub(super) fn block(&mut self, index: usize, out: usize, stride: usize) {
        let conv = self.conv(&format!("conv{index}"), self.channels, out, 3, stride);
        let norm = self.norm(&format!("norm{index}"), out, Some(self.activation));
        self.layers.extend([conv, norm]);
        self.channels = out;
    }

    /// Convolution, bias, activation.
    fn plain_block(&mut self, index: usize, out: usize, stride: usize) {
        let conv = self.conv(&format!("conv{index}"), self.channels, out, 3, stride);
        let weight = self.weight(format!("conv{index}.bias"), vec![out], Init::Constant(0.0));
        self.layers.extend([conv, Layer::Bias { weight, channels: out }, Layer::Activation(self.activation)]);
        self.channels = out;
    }

    /// A plain block of stride 1, and a verdict at each place.
    fn per_pixel(mut self, out: usize, interface: Interface) -> Network {
        self.plain_block(1, out, 1);
        let shape = [interface.classes, out, 1, 1];
        let deviation = (1.0 / out as f32).sqrt();
        let weight = self.weight("head.weight".into(), shape.to_vec(), Init::Normal(deviation));
        let bias = self.weight("head.bias".into(), vec![interface.classes], Init::Constant(0.0));
        let verdicts = Layer::Conv { weight, shape, stride: 1 };
        self.layers.extend([verdicts, Layer::Bias { weight: bias, channels: interface.classes }]);
        self.finish(interface)
    }

    /// The basic block of He et al. (2016): two convolutions and a shortcut.
    fn residual(&mut self, name: &str, out: usize, stride: usize) {
        let input = self.channels;
        let mut body = vec![self.conv(&format!("{name}.conv1"), input, out, 3, stride)];
        body.push(self.norm(&format!("{name}.norm1"), out, Some(self.activation)));
        body.push(self.conv(&format!("{name}.conv2"), out, out, 3, 1));
        body.push(self.norm(&format!("{name}.norm2"), out, None));
        let mut shortcut = Vec::new();
        if stride != 1 || input != out {
            shortcut.push(self.conv(&format!("{name}.shortcut.conv"), input, out, 1, stride));
            shortcut.push(self.norm(&format!("{name}.shortcut.norm"), out, None));
        }
        self.layers.extend([Layer::Residual { body, shortcut }, Layer::Activation(self.activation)]);
        self.channels = out;
    }

    pub(super) fn head(&mut self, features: usize, classes: usize) {
        self.linear("head", (features, classes), (1.0 / features as f32).sqrt());
    }

    pub(super) fn linear(&mut self, name: &str, (features, out): (usize, usize), deviation: f32) {
        let weight = self.weight(format!("{name}.weight"), vec![out, features], Init::Normal(deviation));
        let bias = self.weight(format!("{name}.bias"), vec![out], Init::Constant(0.0));
        self.layers.push(Layer::Linear { weight, bias, shape: [out, features] });
    }

    fn finish(self, interface: Interface) -> Network {
        Network { layers: self.layers, specs: self.specs, interface }
    }
}
