//! The optimisers' one launch over several tensors computes what PyTorch's formulas say, and leaves older states alone.

use crate::adapter::devices;
use great_lab::config::OptimizerKind;
use great_lab::nn::{Optimizer, Weights, optimizer::Rates};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// One entry, one less and more than a part is padded to, more than a launch takes, more than a thread takes at a time.
const LENGTHS: [&[usize]; 6] =
    [&[1], &[64, 64, 64, 64, 64], &[63, 65, 1, 10, 128, 7], &[40_000, 3], &[1; 16], &[70; 37]];
const RATES: Rates = Rates { learning_rate: 0.01, weight_decay: 0.02, momentum: 0.9 };

fn draw(lengths: &[usize], rng: &mut StdRng) -> Vec<Vec<f32>> {
    lengths.iter().map(|length| (0..*length).map(|_| rng.random_range(-1.0..1.0)).collect()).collect()
}

fn entries(weights: &Weights) -> Vec<Vec<f32>> {
    weights.0.iter().map(|tensor| tensor.clone().into_data().try_into_vec().unwrap()).collect()
}

/// `torch.optim.Adam` and `torch.optim.SGD` in plain f64 loops: the weights, then the moments.
struct Reference {
    kind: OptimizerKind,
    steps: i32,
    weights: Vec<Vec<f64>>,
    first: Vec<Vec<f64>>,
    second: Vec<Vec<f64>>,
}

impl Reference {
    fn new(kind: OptimizerKind, values: &[Vec<f32>]) -> Self {
        let weights: Vec<Vec<f64>> =
            values.iter().map(|values| values.iter().map(|value| f64::from(*value)).collect()).collect();
        let zeros: Vec<Vec<f64>> = weights.iter().map(|weights| vec![0.0; weights.len()]).collect();
        Self { kind, steps: 0, weights, first: zeros.clone(), second: zeros }
    }

    fn step(&mut self, gradients: &[Vec<f32>], rates: Rates) {
        self.steps += 1;
        for (tensor, gradients) in gradients.iter().enumerate() {
            for (entry, gradient) in gradients.iter().enumerate() {
                let weight = &mut self.weights[tensor][entry];
                let gradient = f64::from(*gradient) + rates.weight_decay * *weight;
                let (first, second) = (&mut self.first[tensor][entry], &mut self.second[tensor][entry]);
                *weight -= rates.learning_rate
                    * match self.kind {
                        OptimizerKind::Adam => {
                            *first = 0.9 * *first + 0.1 * gradient;
                            *second = 0.999 * *second + 0.001 * gradient * gradient;
                            let unbiased = *second / (1.0 - 0.999f64.powi(self.steps));
                            *first / (1.0 - 0.9f64.powi(self.steps)) / (unbiased.sqrt() + 1e-8)
                        }
                        OptimizerKind::Sgd => {
                            *first =
                                if self.steps == 1 { gradient } else { rates.momentum * *first + gradient };
                            *first
                        }
                    };
            }
        }
    }

    /// Fails where `optimizer` is elsewhere.
    fn compare(&self, optimizer: &Optimizer, what: &str) {
        let planes = [&self.weights, &self.first, &self.second];
        let got = [optimizer.weights()].into_iter().chain(optimizer.moments());
        for (plane, (got, expected)) in got.zip(planes).enumerate() {
            for (got, expected) in entries(&got).iter().zip(expected) {
                assert_eq!(got.len(), expected.len(), "{what}");
                for (got, expected) in got.iter().zip(expected) {
                    // Some ulp a step of values below 4.
                    let error = (f64::from(*got) - expected).abs();
                    assert!(error < 2e-6, "{what}, plane {plane}: {got} is not {expected}");
                }
            }
        }
    }
}

#[test]
fn steps_are_pytorchs() {
    let mut rng = StdRng::seed_from_u64(1);
    for (name, device) in devices() {
        for kind in OptimizerKind::ALL {
            for lengths in LENGTHS {
                let values = draw(lengths, &mut rng);
                let mut reference = Reference::new(*kind, &values);
                let mut optimizer = Optimizer::new(*kind, &values, &device);
                let what = format!("{name}, {kind}, {lengths:?}");
                reference.compare(&optimizer, &what);
                for step in 0..3 {
                    let gradients = draw(lengths, &mut rng);
                    let rates = Rates { weight_decay: if step == 1 { 0.0 } else { 0.02 }, ..RATES };
                    optimizer.step(&Weights::from_values(gradients.clone(), &device), rates);
                    reference.step(&gradients, rates);
                    reference.compare(&optimizer, &what);
                }
            }
        }
    }
}

#[test]
fn older_states_stay_and_can_be_gone_on_from() {
    let lengths = [70, 3, 64, 5, 9, 130];
    let mut rng = StdRng::seed_from_u64(2);
    for (name, device) in devices() {
        let gradients = Weights::from_values(draw(&lengths, &mut rng), &device);
        let mut optimizer = Optimizer::new(OptimizerKind::Adam, &draw(&lengths, &mut rng), &device);
        optimizer.step(&gradients, RATES);
        let (kept, weights) = (optimizer.clone(), optimizer.weights());
        let before = entries(&weights);
        optimizer.step(&gradients, RATES);
        let after = entries(&optimizer.weights());
        assert_ne!(before, after, "{name}");
        assert_eq!(before, entries(&weights), "{name}: weights that were read before");
        assert_eq!(before, entries(&kept.weights()), "{name}: a clone");

        // What a checkpoint does: every number to the host and back.
        let planes: Vec<_> =
            [kept.weights()].into_iter().chain(kept.moments()).map(|plane| entries(&plane)).collect();
        let planes: Vec<_> = planes.iter().map(Vec::as_slice).collect();
        let mut resumed = Optimizer::resumed(kept.kind, kept.steps, &planes, &device);
        resumed.step(&gradients, RATES);
        assert_eq!(after, entries(&resumed.weights()), "{name}: resumed");
    }
}

#[test]
fn weights_are_leaves_and_what_the_loss_does_not_reach_stays() {
    for (name, device) in devices() {
        let mut optimizer =
            Optimizer::new(OptimizerKind::Sgd, &[vec![1.0, 2.0], vec![3.0], vec![4.0]], &device);
        let leaves = optimizer.weights().tracked();
        let loss = (leaves.0[0].clone() * leaves.0[2].clone()).sum();
        let gradients = leaves.gradients(&mut loss.backward());
        optimizer.step(&gradients, Rates { learning_rate: 1.0, weight_decay: 0.0, momentum: 0.0 });
        assert_eq!(entries(&optimizer.weights()), [vec![-3.0, -2.0], vec![3.0], vec![1.0]], "{name}");
    }
}
