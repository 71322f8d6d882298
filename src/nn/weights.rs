//! The trainable tensors of a network: names, shapes, seeded first values, gradients.

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand::{SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, Normal};

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

    /// Entries of all tensors together.
    pub fn count(&self) -> usize {
        self.0.iter().map(|tensor| tensor.dims()[0]).sum()
    }
}
