//! Averages over training steps, summed on the device and read once.

use burn::tensor::{Int, Tensor};

use crate::{
    gpu::{
        Layout, add_measures, matrix_product,
        measures::{Measured, SCALARS},
        read,
    },
    nn::{loss, verdict},
};

/// [`add_measures`] of a step in which the auxiliary network may have said something at each of several places of each
/// gradient tensor, `[N · P, K]`: its mean cross-entropy and its counts are then those of the places.
pub(super) fn add_step(sums: Option<Tensor<1>>, measured: Measured) -> Tensor<1> {
    let [n, k] = measured.one_hot.dims();
    let said = measured.auxiliary_logits.clone();
    if said.dims()[0] == n {
        return add_measures(sums, measured);
    }
    let of = verdict::origins(&measured.one_hot, said.dims()[0]);
    let whole =
        add_measures(None, Measured { auxiliary_logits: verdict::of_tensors(said.clone(), n), ..measured });
    let classes = Tensor::<1, Int>::arange(0..k as i64, &said.device()).reshape([1, k]);
    let chosen = said.clone().argmax(1).equal(classes).float(); // [N · P, K]
    let confusion = matrix_product(of.clone(), chosen.clone(), Layout::Tn).reshape([k * k]);
    let right = (of.clone() * chosen).sum();
    let loss = loss::cross_entropy(said, of);
    let [main, square] = [(0, 2), (4, 1)].map(|(from, count)| whole.clone().narrow(0, from, count));
    let own = Tensor::cat(vec![main, loss, right, square, confusion], 0);
    sums.map_or(own.clone(), |sums| sums + own)
}

/// Averages over some steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Cross-entropy `J` on what the main network was trained on.
    pub loss: f64,
    /// Share of the batches that it got right.
    pub accuracy: f64,
    /// Cross-entropy of the auxiliary network before its step.
    pub auxiliary_loss: f64,
    /// Share of gradient tensors whose origin it read.
    pub auxiliary_accuracy: f64,
    /// Root mean square of the gradient tensors.
    pub gradient_rms: f64,
    /// `origins × origins`: origin (row) against what the auxiliary network said (column).
    pub confusion: Vec<u32>,
}

/// What has been summed since the last [`Measures`] were taken, on the device.
#[derive(Clone, Debug)]
pub struct Sums {
    /// The sums, as the scenario has them.
    pub parts: Vec<Tensor<1>>,
    /// Steps summed over.
    pub steps: u64,
}

impl Sums {
    /// Sums in one tensor.
    pub(super) fn whole((sums, steps): (Tensor<1>, u64)) -> Self {
        Self { parts: vec![sums], steps }
    }

    /// The tensor of [`Self::whole`].
    pub(super) fn into_whole(self) -> Option<(Tensor<1>, u64)> {
        Some((self.parts.into_iter().next()?, self.steps))
    }
}

/// [`Measures`] that are still on the device.
#[derive(Debug)]
pub struct PendingMeasures {
    /// Sums over the steps: loss, right, auxiliary loss, auxiliary right, mean square; then the confusion,
    /// `[5 + origins²]`.
    pub sums: Tensor<1>,
    /// Steps summed over.
    pub steps: u64,
    /// Images in each step's batch.
    pub batch_size: usize,
    /// Verdicts of the auxiliary network in each step: one for each gradient tensor, or for each of its places.
    pub gradient_tensors: usize,
}

impl PendingMeasures {
    /// The one read from the device.
    ///
    /// # Errors
    /// Where the device failed.
    pub fn read(self) -> impl Future<Output = Result<Measures, String>> {
        let reading = read(self.sums.clone());
        async move { Ok(self.averages(&reading.await?)) }
    }

    fn averages(&self, sums: &[f32]) -> Measures {
        let steps = self.steps as f64;
        let [images, gradient_tensors] =
            [self.batch_size, self.gradient_tensors].map(|samples| steps * samples as f64);
        let sum = |index: usize| f64::from(sums[index]);
        Measures {
            loss: sum(0) / steps,
            accuracy: sum(1) / images,
            auxiliary_loss: sum(2) / steps,
            auxiliary_accuracy: sum(3) / gradient_tensors,
            gradient_rms: (sum(4) / steps).sqrt(),
            confusion: sums[SCALARS..].iter().map(|count| *count as u32).collect(),
        }
    }
}
