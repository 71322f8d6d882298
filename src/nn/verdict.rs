//! What an auxiliary network says of gradient tensors: a row of logits for each of them, or, where it judges each place of
//! a tensor, one for each place, tensor by tensor. With a row each nothing here computes anything.

use burn::tensor::Tensor;

use super::loss;
use crate::gpu::{hits, softmax};

/// Least probability that is told apart from none.
const LEAST: f32 = 1e-30;

/// One-hot rows of where the tensors come from `[N, K]`, as often as there are `rows` of verdicts, `N · P` of them.
///
/// # Panics
/// Where there is another number of verdicts of some tensors.
pub fn origins(origins: &Tensor<2>, rows: usize) -> Tensor<2> {
    let [n, k] = origins.dims();
    if rows == n {
        return origins.clone();
    }
    assert_eq!(rows % n.max(1), 0, "as many verdicts of each tensor");
    let repeated: Tensor<3> = origins.clone().reshape([n, 1, k]).repeat_dim(1, rows / n.max(1));
    repeated.reshape([rows, k])
}

/// The cross-entropy `[1]` of the verdicts `said` `[N · P, K]` to the tensors' `of` `[N, K]`: a mean over tensors and places.
pub fn cross_entropy(said: Tensor<2>, of: &Tensor<2>) -> Tensor<1> {
    let rows = said.dims()[0];
    loss::cross_entropy(said, origins(of, rows))
}

/// Whether each verdict of `said` `[N · P, K]` is right, `[N · P]`, and how many are, `[1]`.
pub fn right(said: Tensor<2>, of: &Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    let rows = said.dims()[0];
    let found = hits(said, origins(of, rows));
    (found.each, found.count)
}

/// Logits `[N, K]` of `tensors` tensors whose softmax is the mean over the places of what `said` `[N · P, K]` says there;
/// where there are several places, outside every autodiff graph.
pub fn of_tensors(said: Tensor<2>, tensors: usize) -> Tensor<2> {
    let [rows, k] = said.dims();
    if rows == tensors {
        return said;
    }
    let places: Tensor<3> = softmax(said).reshape([tensors, rows / tensors.max(1), k]);
    places.mean_dim(1).reshape([tensors, k]).clamp_min(LEAST).log()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().expect("f32")
    }

    fn rows<const N: usize>(rows: [[f32; 2]; N]) -> Tensor<2> {
        Tensor::from_data(rows, &Device::flex())
    }

    #[test]
    fn a_verdict_each_is_left_as_it_is() {
        let (said, of) = (rows([[0.5, -1.0], [2.0, 0.0]]), rows([[1.0, 0.0], [0.0, 1.0]]));
        assert_eq!(values(of_tensors(said.clone(), 2)), values(said.clone()));
        assert_eq!(values(origins(&of, 2)), values(of.clone()));
        assert_eq!(values(cross_entropy(said.clone(), &of)), values(loss::cross_entropy(said, of)));
    }

    #[test]
    fn places_are_counted_one_by_one_and_a_tensor_is_their_mean() {
        let of = rows([[1.0, 0.0], [0.0, 1.0]]);
        // Two places each: of the first tensor one is right, of the second both are.
        let said = rows([[0.0, 3.0f32.ln()], [3.0f32.ln(), 0.0], [-9.0, 9.0], [0.0, 1.0]]);
        let (each, count) = right(said.clone(), &of);
        assert_eq!((values(each), values(count)), (vec![0.0, 1.0, 1.0, 1.0], vec![3.0]));
        let probabilities = values(softmax(of_tensors(said.clone(), 2)));
        let second = (1.0 + 1.0 / (1.0 + (-1.0f32).exp())) / 2.0;
        for (found, expected) in probabilities.iter().zip([0.5, 0.5, 1.0 - second, second]) {
            assert!((found - expected).abs() < 1e-6, "{probabilities:?}");
        }
        let losses = [4.0f32.ln(), (4.0f32 / 3.0).ln(), 0.0, (1.0 + (-1.0f32).exp()).ln()];
        let mean = losses.iter().sum::<f32>() / 4.0;
        assert!((values(cross_entropy(said, &of))[0] - mean).abs() < 1e-6);
    }
}
