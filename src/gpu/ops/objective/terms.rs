//! What is added to the cross-entropy, and by which factors.

use crate::config::Adversary;

/// What is added to the cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Factor of GREACE's addition.
    pub beta: f64,
    /// Factor of the adversary.
    pub alpha: f64,
    /// The adversary's form.
    pub adversary: Adversary,
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
pub(super) const NO_TERMS: Terms = Terms { beta: 0.0, alpha: 0.0, adversary: Adversary::Reversal };
