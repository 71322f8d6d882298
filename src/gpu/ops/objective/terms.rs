//! What is added to the cross-entropy, and by which factors.

use crate::config::{Adversary, Push};

/// What is added to the cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Factor of GREACE's addition.
    pub beta: f64,
    /// What that pushes down.
    pub push: Push,
    /// Factor of the adversary.
    pub alpha: f64,
    /// The adversary's form.
    pub adversary: Adversary,
    /// Share of each label that is spread over all classes in the main network's cross-entropy, and there alone.
    pub smoothing: f64,
}

impl Terms {
    /// The signed factor of the cross-entropy of `a'`, and whether its targets are uniform.
    pub(super) fn adversary(self) -> (f64, bool) {
        match self.adversary {
            Adversary::Reversal => (-self.alpha, false),
            Adversary::Confusion => (self.alpha, true),
        }
    }
}

/// The terms of plain cross-entropy.
pub const NO_TERMS: Terms =
    Terms { beta: 0.0, push: Push::Raw, alpha: 0.0, adversary: Adversary::Reversal, smoothing: 0.0 };
