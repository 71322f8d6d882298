//! The figures of the paper's tables 1 and 2, and the names of the evaluations in which ours are measured.

use serde::{Deserialize, Serialize};

/// The evaluation of all held-out images without attack.
pub const CLEAN: &str = "clean";
/// The evaluation in the paper's own columns, and what is behind them.
pub const OWN: &str = "paper";
/// That by attacks that rounding does not mislead.
pub const BEHIND: &str = "behind";
/// That by AutoAttack.
pub const AUTOATTACK: &str = "autoattack";

/// A table of the paper: what of all images is right in each of [`COLUMNS`], in percent, row by row.
#[derive(Debug)]
struct Published {
    /// What it is of.
    about: &'static str,
    /// Its radius, pixels in [0, 1] where the paper does not say of which scale.
    epsilon: f64,
    rows: [(&'static str, [f64; 8]); 5],
}

/// The keys of the paper's columns, in its order.
const COLUMNS: [&str; 8] = [
    "train_accuracy",
    "clean_accuracy",
    "fgsm",
    "ifgsm",
    "fgsm_least_likely",
    "fgsm_random",
    "ifgsm_least_likely",
    "ifgsm_random",
];

/// Tables 1 and 2 of Sinha et al. (2018).
static PUBLISHED: [Published; 2] = [
    Published {
        about: "table 1 (CIFAR-10, ResNet-18, ε = 0.1)",
        epsilon: 0.1,
        rows: [
            ("baseline", [99.97, 93.32, 32.75, 1.99, 72.89, 10.43, 89.59, 18.29]),
            ("adversarial", [99.97, 89.91, 56.88, 16.73, 82.07, 45.26, 89.81, 69.89]),
            ("greace", [92.56, 89.84, 77.90, 72.40, 83.39, 66.23, 87.13, 79.10]),
            ("great", [99.53, 91.95, 47.51, 15.45, 72.73, 12.78, 89.62, 21.95]),
            ("great+greace", [90.87, 89.97, 81.28, 77.04, 84.53, 73.52, 88.57, 82.38]),
        ],
    },
    Published {
        about: "table 2 (SVHN, ε = 0.2)",
        epsilon: 0.2,
        rows: [
            ("baseline", [99.97, 96.20, 45.97, 6.26, 96.20, 96.20, 80.27, 15.65]),
            ("adversarial", [99.98, 94.92, 58.70, 8.41, 94.92, 94.92, 83.70, 19.19]),
            ("greace", [93.52, 93.71, 73.65, 80.13, 93.70, 93.70, 89.26, 88.09]),
            ("great", [99.76, 95.58, 45.95, 5.95, 95.58, 95.58, 79.09, 15.68]),
            ("great+greace", [92.95, 93.90, 74.12, 79.36, 93.89, 93.90, 89.56, 87.37]),
        ],
    },
];

/// Which of the paper's tables a comparison is beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperTable(u8);

impl PaperTable {
    /// Of that number, 1 or 2.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its radius.
    pub fn epsilon(self) -> f64 {
        self.published().epsilon
    }

    /// The table itself.
    fn published(self) -> &'static Published {
        &PUBLISHED[usize::from(self.0.clamp(1, 2)) - 1]
    }

    /// What it is of.
    pub fn about(self) -> &'static str {
        self.published().about
    }

    /// What the paper says of a row by the metric of that key, as a share; none where it says nothing.
    pub fn figure(self, row: &str, metric: &str) -> Option<f64> {
        let column = COLUMNS.iter().position(|key| *key == metric)?;
        let (_, figures) = self.published().rows.iter().find(|(name, _)| *name == row)?;
        Some(figures[column] / 100.0)
    }
}

/// What a reader of such a table must know; `epsilon` is as it is given: `0.1`, `0.1 σ`.
pub fn note(table: PaperTable, epsilon: &str) -> String {
    let scale = if epsilon.ends_with('σ') {
        "counts standard deviations of the inputs (σ)"
    } else {
        "is of pixels in [0, 1]"
    };
    format!(
        "In brackets: {} of Sinha et al. (2018), which does not say on which scale its ε is; ours {scale}, k = 10. FGSM and iFGSM are untargeted, then aimed at the least likely class and at a random one, at ε = {epsilon}; behind them stand attacks that are not misled where f32 rounds a gradient away. Zero gradients: share of images whose gradient f32 rounds to nothing. Discriminator: share of gradient tensors that the auxiliary network told apart, over the last report; fresh probe: the share that a new one tells apart, without the channel's noise.",
        table.about()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_on_which_scale_its_radius_is() {
        let of = |epsilon: &str| note(PaperTable(1), epsilon);
        assert!(of("0.1").contains("ours is of pixels in [0, 1], k = 10."), "{}", of("0.1"));
        assert!(
            of("0.1 σ").contains("ours counts standard deviations of the inputs (σ), k"),
            "{}",
            of("0.1 σ")
        );
    }
}
