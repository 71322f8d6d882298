//! Adam and SGD with momentum, as PyTorch defines them, on the device.

use burn::tensor::{Device, Tensor, TensorData};

use super::weights::Init;
use super::{WeightSpec, Weights};
use crate::config::OptimizerKind;
use crate::gpu::optimizer_step::{self, Coefficients};

const ADAM_BETAS: [f64; 2] = [0.9, 0.999];
const ADAM_EPSILON: f64 = 1e-8;
/// Most floats of a buffer: the 128 MiB that WebGPU promises for a binding.
const MOST_FLOATS: usize = 1 << 25;

/// What one step is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub learning_rate: f64,
    /// L2 weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Momentum of SGD.
    pub momentum: f64,
}

/// The weights of a network, and what their optimiser remembers of the way there.
///
/// All tensors share a buffer, weights and moments, or as many as it holds, so that a step takes few launches. A step makes
/// new buffers: clones, and the weights that were read before, stay as they are.
#[derive(Clone, Debug)]
pub struct Optimizer {
    /// Which one.
    pub kind: OptimizerKind,
    /// Steps taken.
    pub steps: u64,
    groups: Vec<Group>,
}

/// Tensors that share a buffer.
#[derive(Clone, Debug)]
struct Group {
    /// Whether no step changes them.
    is_fixed: bool,
    /// The planes one after the other, each padded as [`optimizer_step::layout`] says.
    state: Tensor<1>,
    /// Entries of each tensor.
    lengths: Vec<usize>,
}

impl Optimizer {
    /// An optimiser that has not taken a step, of weight tensors with these entries.
    pub fn new(kind: OptimizerKind, weights: &[Vec<f32>], device: &Device) -> Self {
        Self::resumed(kind, 0, &[weights], device)
    }

    /// The same of a network's weights, of which it leaves those alone that are fixed.
    pub fn of(kind: OptimizerKind, specs: &[WeightSpec], weights: &[Vec<f32>], device: &Device) -> Self {
        Self::gone_on(kind, 0, (specs, &[weights]), device)
    }

    /// An optimiser after `steps` steps. `planes` are the entries of the weights, of Adam's first moments or SGD's
    /// velocities, and of Adam's second moments, tensor by tensor; those that are not given are zero.
    ///
    /// # Panics
    /// Where a plane has other lengths than the weights.
    pub fn resumed(kind: OptimizerKind, steps: u64, planes: &[&[Vec<f32>]], device: &Device) -> Self {
        Self::gone_on(kind, steps, (&[], planes), device)
    }

    /// The same of a network's weights, of which it leaves those alone that are fixed.
    ///
    /// # Panics
    /// As [`Self::resumed`].
    pub fn gone_on(
        kind: OptimizerKind,
        steps: u64,
        (specs, planes): (&[WeightSpec], &[&[Vec<f32>]]),
        device: &Device,
    ) -> Self {
        let is_fixed = |at: usize| specs.get(at).is_some_and(|spec| spec.init == Init::Fixed);
        let mut groups = Vec::new();
        let mut rest = 0..planes[0].len();
        while !rest.is_empty() {
            let lengths = |count: usize| -> Vec<usize> {
                planes[0][rest.start..][..count].iter().map(Vec::len).collect()
            };
            // One tensor too large for a buffer has none to share.
            let fits =
                |count: &usize| planes_of(kind) * optimizer_step::layout(&lengths(*count)).1 <= MOST_FLOATS;
            let first = is_fixed(rest.start);
            let alike = rest.clone().take_while(|at| is_fixed(*at) == first).count();
            let count = (1..=alike).rev().find(fits).unwrap_or(1);
            groups.push(Group {
                is_fixed: first,
                ..Group::upload(kind, lengths(count), planes, rest.start, device)
            });
            rest.start += count;
        }
        Self { kind, steps, groups }
    }

    /// The weights; on a GPU nothing is copied.
    pub fn weights(&self) -> Weights {
        self.plane(0)
    }

    /// Adam's first and second moments, or SGD's velocities.
    pub fn moments(&self) -> Vec<Weights> {
        (1..planes_of(self.kind)).map(|plane| self.plane(plane)).collect()
    }

    fn plane(&self, plane: usize) -> Weights {
        let parts = self.groups.iter().flat_map(|group| {
            let (starts, entries) = optimizer_step::layout(&group.lengths);
            let part = move |(start, length): (usize, &usize)| {
                optimizer_step::part(&group.state, plane * entries + start, *length)
            };
            starts.into_iter().zip(&group.lengths).map(part)
        });
        Weights(parts.collect())
    }

    /// Takes a step along `gradients`, which are shaped like the weights.
    pub fn step(&mut self, gradients: &Weights, rates: Rates) {
        self.step_scaled(gradients, 1.0, rates);
    }

    /// The same along gradients that are `scale` times too long.
    pub fn step_scaled(&mut self, gradients: &Weights, scale: f64, rates: Rates) {
        self.steps += 1;
        let coefficients = Coefficients { gradient_factor: 1.0 / scale, ..self.coefficients(rates) };
        let mut rest = gradients.0.as_slice();
        for group in &mut self.groups {
            let (gradients, others) = rest.split_at(group.lengths.len());
            if !group.is_fixed {
                group.state = optimizer_step::optimizer_step(group.state.clone(), gradients, coefficients);
            }
            rest = others;
        }
    }

    fn coefficients(&self, Rates { learning_rate, weight_decay, momentum }: Rates) -> Coefficients {
        match self.kind {
            OptimizerKind::Adam => {
                // The share of the gradients in each moment so far: Adam divides by it (Kingma & Ba 2015, section 3).
                let [seen1, seen2] = ADAM_BETAS.map(|beta| 1.0 - beta.powf(self.steps as f64));
                let [first, second] = ADAM_BETAS.map(|beta| [beta, 1.0 - beta]);
                Coefficients {
                    learning_rate: learning_rate / seen1,
                    weight_decay,
                    first,
                    second: Some(second),
                    correction: seen2.sqrt(),
                    epsilon: ADAM_EPSILON,
                    gradient_factor: 1.0,
                }
            }
            // PyTorch's form: the first step's velocity is the gradient itself.
            OptimizerKind::Sgd => Coefficients {
                learning_rate,
                weight_decay,
                first: [momentum, 1.0],
                second: None,
                correction: 1.0,
                epsilon: 0.0,
                gradient_factor: 1.0,
            },
        }
    }
}

impl Group {
    /// The tensors of these lengths from number `first` on.
    fn upload(
        kind: OptimizerKind,
        lengths: Vec<usize>,
        planes: &[&[Vec<f32>]],
        first: usize,
        device: &Device,
    ) -> Self {
        let (starts, entries) = optimizer_step::layout(&lengths);
        let mut state = vec![0.0; planes_of(kind) * entries];
        for (plane, tensors) in state.chunks_exact_mut(entries).zip(planes) {
            for ((start, length), tensor) in starts.iter().zip(&lengths).zip(&tensors[first..]) {
                plane[*start..][..*length].copy_from_slice(tensor);
            }
        }
        let shape = [state.len()];
        Self {
            is_fixed: false,
            state: Tensor::from_data(TensorData::new(state, shape), &device.clone().without_autodiff()),
            lengths,
        }
    }
}

/// Weights and moments.
const fn planes_of(kind: OptimizerKind) -> usize {
    match kind {
        OptimizerKind::Adam => 3,
        OptimizerKind::Sgd => 2,
    }
}
