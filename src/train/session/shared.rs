//! The representation that several tasks share, where it is two numbers: a plane of its own, with the tasks' gradients in it.

use burn::tensor::{Tensor, Transaction};

use crate::config::Hyper;
use crate::gpu::softmax;
use crate::protocol::{READ_SIDE, SharedPlane, likeliest};
use crate::scenario::{GradientTensors, Scenario};

/// How far the plane reaches beyond its points, as a share of what they span.
const MARGIN: f64 = 0.08;
/// What it spans at least, so that points in one place have a plane about them.
const LEAST_SPAN: f64 = 1e-6;

/// What was asked, beside what is always.
pub(super) struct Shared {
    /// Whether there are alignment layers.
    aligns: bool,
}

/// Asks for it where there is one: `places` are those of a plane from −1 to 1, `[R, 2, 1, 1]`, and `tensors` are of the
/// held-out points at `indices`.
pub(super) fn registered(
    scenario: &dyn Scenario,
    (tensors, indices): (&GradientTensors, &[u32]),
    hyper: &Hyper,
    places: &Tensor<4>,
    reading: &mut Transaction,
) -> Option<Shared> {
    let shared = scenario.shared(indices, hyper)?;
    let [low, high] = [shared.clone().min_dim(0), shared.clone().max_dim(0)]; // [1, 2, 1, 1]
    let middle = (low.clone() + high.clone()) * 0.5;
    // As far along both axes, so that arrows point where gradients do.
    let half = ((high - low) * (0.5 + MARGIN)).max_dim(1).clamp_min(LEAST_SPAN); // [1, 1, 1, 1]
    let said = scenario.says_of_shared(places.clone() * half.clone() + middle.clone())?;
    let mut asked = std::mem::take(reading).register(softmax(said)).register(shared);
    asked = asked.register(Tensor::cat(vec![middle.clone() - half.clone(), middle + half], 0));
    let before = tensors.before.as_ref();
    asked = asked.register(before.unwrap_or(&tensors.gradients).clone());
    if before.is_some() {
        asked = asked.register(tensors.gradients.clone());
    }
    *reading = asked;
    Some(Shared { aligns: before.is_some() })
}

impl Shared {
    /// What the answers show; none where they are too few.
    pub fn picture(&self, rows: &[Vec<f32>]) -> Option<SharedPlane> {
        let [said, places, ends, before, behind @ ..] = rows else { return None };
        let pairs = |values: &[f32]| values.as_chunks().0.to_vec();
        let behind = if self.aligns { pairs(behind.first()?) } else { Vec::new() };
        let (said, sure) = verdicts(said, READ_SIDE * READ_SIDE);
        let ends = ends.as_chunks().0;
        Some(SharedPlane {
            low: *ends.first()?,
            high: *ends.get(1)?,
            said,
            sure,
            places: pairs(places),
            before: pairs(before),
            behind,
        })
    }
}

/// Of each of so many rows of probabilities the likeliest, and how likely it is in parts of 255.
pub(super) fn verdicts(probabilities: &[f32], rows: usize) -> (Vec<u8>, Vec<u8>) {
    let each = probabilities.len() / rows.max(1);
    let of = |row: &[f32]| {
        let best = likeliest(row);
        (best as u8, (255.0 * row[best].clamp(0.0, 1.0)).round() as u8)
    };
    probabilities.chunks_exact(each.max(1)).map(of).unzip()
}
