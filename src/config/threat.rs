//! What an evaluation attacks with: the attack, its target and its radius.

use serde::{Deserialize, Serialize};

use super::{Hyper, choices};

choices! {
    /// The attacks (algorithms, section 4). All in pixel space, inside the ε-ball and inside [0, 1].
    AttackKind {
        /// `x + ε · sign(N(0, 1))`: reads no gradient.
        Noise = "noise",
        /// One signed step of size ε (Goodfellow et al. 2015).
        Fgsm = "fgsm",
        /// k signed steps of size ε/k from `x` (Kurakin et al. 2017); also called BIM.
        Ifgsm = "ifgsm",
        /// k signed steps of size 2.5 ε/k from a uniform random start, L∞ (Madry et al. 2018).
        Pgd = "pgd",
        /// The same in L2: steps along the normalised gradient, projected onto the L2 ball.
        PgdL2 = "pgd-l2",
    }
}

choices! {
    /// What an attack tries to have predicted.
    TargetKind {
        /// Anything but the label.
        Untargeted = "untargeted",
        /// A class other than the label, drawn once from the seed.
        Random = "random",
        /// The class with the smallest clean logit.
        LeastLikely = "least-likely",
    }
}

impl AttackKind {
    /// Whether the attack reads gradients and so can aim at a target.
    pub const fn is_targetable(self) -> bool {
        !matches!(self, Self::Noise)
    }

    /// Whether the attack takes more than one step.
    pub const fn is_iterative(self) -> bool {
        matches!(self, Self::Ifgsm | Self::Pgd | Self::PgdL2)
    }
}

/// One attack at one radius.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threat {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Radius: L∞ in pixel units [0, 1], or the L2 norm over the whole image for `pgd-l2`.
    pub epsilon: f64,
    /// Iterations k; ignored by one-step attacks.
    pub steps: usize,
    /// Random restarts; the worst result of each example counts. Ignored where there is no random start.
    pub restarts: usize,
}

impl Threat {
    /// Every one of `attacks` at every one of `radii`, with the knobs' steps and a single start.
    pub fn grid(attacks: &[(AttackKind, TargetKind)], radii: &[f64], hyper: &Hyper) -> Vec<Self> {
        let at = |(attack, target): (AttackKind, TargetKind)| {
            let steps = hyper.attack_steps;
            radii.iter().map(move |&epsilon| Self { attack, target, epsilon, steps, restarts: 1 })
        };
        attacks.iter().copied().flat_map(at).collect()
    }
}

/// L∞ radii: ascending `shares` of `epsilon`, none above 1, none twice.
pub fn radii_around(epsilon: f64, shares: &[f64]) -> Vec<f64> {
    let mut radii: Vec<f64> = shares.iter().map(|share| (share * epsilon).min(1.0)).collect();
    radii.dedup();
    radii
}
