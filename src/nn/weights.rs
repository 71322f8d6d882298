//! The trainable tensors of a network: names, shapes, seeded first values, gradients.

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Normal};

/// Keeps a norm from 0; as in PyTorch's `clip_grad_norm_`.
const LEAST_NORM: f64 = 1e-6;

/// What one weight tensor is.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightSpec {
    /// Dotted name, as in a PyTorch `state_dict`.
    pub name: String,
    /// Shape, as in a PyTorch `state_dict`.
    pub shape: Vec<usize>,
    /// First values.
    pub init: Init,
}

/// How a weight tensor begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// All the same.
    Constant(f32),
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// As a file has it, and so it stays: nobody learned it.
    Fixed,
}

impl WeightSpec {
    /// Entries of the tensor.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// First values of each tensor, drawn on the host, so that a seed means the same weights on every device.
pub fn first_values(specs: &[WeightSpec], seed: u64) -> Vec<Vec<f32>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let draw = |spec: &WeightSpec| -> Vec<f32> {
        match spec.init {
            Init::Constant(value) => vec![value; spec.len()],
            // Its values come with it.
            Init::Fixed => vec![0.0; spec.len()],
            Init::Normal(deviation) => {
                let normal = Normal::new(0.0, deviation).expect("a deviation computed from a fan is finite");
                (0..spec.len()).map(|_| normal.sample(&mut rng)).collect()
            }
        }
    };
    specs.iter().map(draw).collect()
}

/// The weights of one network, each flattened, in the order of its specification.
///
/// Also what is shaped like them: gradients, an optimiser's moments.
#[derive(Clone, Debug)]
pub struct Weights(pub Vec<Tensor<1>>);

impl Weights {
    /// Weights with the given entries.
    pub fn from_values(values: impl IntoIterator<Item = Vec<f32>>, device: &Device) -> Self {
        let upload = |entries: Vec<f32>| {
            let length = entries.len();
            Tensor::from_data(TensorData::new(entries, [length]), device)
        };
        Self(values.into_iter().map(upload).collect())
    }

    /// The same values as leaves of a new autodiff graph.
    pub fn tracked(&self) -> Self {
        Self(self.0.iter().map(|tensor| tensor.clone().autodiff().require_grad()).collect())
    }

    /// The same values outside every autodiff graph.
    pub fn untracked(&self) -> Self {
        Self(self.0.iter().map(|tensor| tensor.clone().without_autodiff()).collect())
    }

    /// The gradients of these leaves; zero where the loss does not depend on one.
    pub fn gradients(&self, gradients: &mut Gradients) -> Self {
        let take = |leaf: &Tensor<1>| {
            leaf.grad_remove(gradients).unwrap_or_else(|| leaf.clone().without_autodiff().zeros_like())
        };
        Self(self.0.iter().map(take).collect())
    }

    /// The same gradients without those of weights that are fixed, which are 0.
    pub fn of_learned(self, specs: &[WeightSpec]) -> Self {
        let of = |(tensor, spec): (Tensor<1>, &WeightSpec)| match spec.init {
            Init::Fixed => tensor.zeros_like(),
            Init::Constant(_) | Init::Normal(_) => tensor,
        };
        Self(self.0.into_iter().zip(specs).map(of).collect())
    }

    /// The same gradients, scaled down where their norm, over all tensors together, is above `longest`: as PyTorch's
    /// `clip_grad_norm_` does. Nothing is read from the device.
    pub fn clipped(self, longest: f64) -> Self {
        let squares = self.0.iter().map(|tensor| (tensor.clone() * tensor.clone()).sum());
        let Some(norm) = squares.reduce(|sum, square| sum + square).map(Tensor::sqrt) else { return self };
        let factor = ((norm + LEAST_NORM).recip() * longest).clamp_max(1.0); // [1]
        Self(self.0.into_iter().map(|tensor| tensor * factor.clone()).collect())
    }

    /// Entries of all tensors together.
    pub fn count(&self) -> usize {
        self.0.iter().map(|tensor| tensor.dims()[0]).sum()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use super::*;

    #[test]
    fn long_gradients_are_shortened_together_and_short_ones_stay() {
        let gradients = Weights::from_values([vec![3.0, 0.0], vec![0.0, 4.0]], &Device::flex());
        let entries = |weights: Weights| -> Vec<f32> {
            weights
                .0
                .into_iter()
                .flat_map(|tensor| tensor.into_data().try_into_vec::<f32>().expect("f32"))
                .collect()
        };
        let clipped = entries(gradients.clone().clipped(1.0));
        let distance =
            clipped.iter().zip([0.6f32, 0.0, 0.0, 0.8]).map(|(got, expected)| (got - expected).abs());
        assert!(distance.fold(0.0, f32::max) < 1e-6, "{clipped:?}");
        assert_eq!(entries(gradients.clone().clipped(6.0)), entries(gradients), "5 is below 6");
    }
}
