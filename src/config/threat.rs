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
        /// k signed steps of size ε/k along a momentum of 1.0 (Dong et al. 2018).
        MiFgsm = "mi-fgsm",
        /// The same in L2.
        MiFgsmL2 = "mi-fgsm-l2",
        /// The nearest boundary by linear steps, L∞ (Moosavi-Dezfooli et al. 2016).
        DeepFool = "deepfool",
        /// The same in L2.
        DeepFoolL2 = "deepfool-l2",
        /// The smallest L2 perturbation by Adam, with a binary search over c (Carlini & Wagner 2017).
        CarliniWagner = "cw-l2",
        /// Auto-PGD on the cross-entropy, L∞ (Croce & Hein 2020).
        ApgdCe = "apgd-ce",
        /// The same in L2.
        ApgdCeL2 = "apgd-ce-l2",
        /// Auto-PGD on the difference of logits ratio, L∞ (Croce & Hein 2020).
        ApgdDlr = "apgd-dlr",
        /// The same in L2.
        ApgdDlrL2 = "apgd-dlr-l2",
        /// Auto-PGD on the targeted difference of logits ratio, at nine classes in turn, L∞ (Croce & Hein 2020).
        ApgdT = "apgd-t",
        /// The same in L2.
        ApgdTL2 = "apgd-t-l2",
        /// Fast adaptive boundary attack at nine classes in turn, L∞ (Croce & Hein 2020).
        FabT = "fab-t",
        /// The same in L2.
        FabTL2 = "fab-t-l2",
        /// Random squares: reads no gradient, L∞ (Andriushchenko et al. 2020).
        Square = "square",
        /// The same in L2.
        SquareL2 = "square-l2",
        /// PGD on an undefended network of another seed, whose examples are then shown to this one, L∞.
        Transfer = "transfer",
        /// AutoAttack's standard version: APGD-CE, APGD-T, FAB-T, Square, each on what is left, L∞ (Croce & Hein 2020).
        AutoAttack = "autoattack",
        /// The same in L2.
        AutoAttackL2 = "autoattack-l2",
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

/// The geometry of an attack's ball.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// The largest change of a pixel.
    Linf,
    /// The Euclidean length over the whole image.
    L2,
}

impl Norm {
    /// Both, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Linf, Self::L2];

    /// The name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linf => "linf",
            Self::L2 => "l2",
        }
    }
}

/// Iterations of APGD and FAB, as in AutoAttack.
pub const AUTO_ITERATIONS: usize = 100;
/// Queries of Square, as in AutoAttack.
pub const SQUARE_QUERIES: usize = 5000;
/// Iterations of DeepFool: more than it ever needs.
const DEEP_FOOL_ITERATIONS: usize = 50;
/// Iterations of Carlini & Wagner for each of its nine values of c.
const CARLINI_WAGNER_ITERATIONS: usize = 100;

impl AttackKind {
    /// Whether the attack can aim at one target.
    pub const fn is_targetable(self) -> bool {
        use AttackKind::{ApgdCe, ApgdCeL2, CarliniWagner, Fgsm, Ifgsm, MiFgsm, MiFgsmL2, Pgd, PgdL2};
        matches!(self, Fgsm | Ifgsm | Pgd | PgdL2 | MiFgsm | MiFgsmL2 | CarliniWagner | ApgdCe | ApgdCeL2)
    }

    /// In which norm the radius is measured.
    pub const fn norm(self) -> Norm {
        use AttackKind::{
            ApgdCeL2, ApgdDlrL2, ApgdTL2, AutoAttackL2, CarliniWagner, DeepFoolL2, FabTL2, MiFgsmL2, PgdL2,
            SquareL2,
        };
        match self {
            PgdL2 | MiFgsmL2 | DeepFoolL2 | CarliniWagner | ApgdCeL2 | ApgdDlrL2 | ApgdTL2 | FabTL2
            | SquareL2 | AutoAttackL2 => Norm::L2,
            _ => Norm::Linf,
        }
    }

    /// The iterations that the attack's authors give it; None where the run's own count.
    pub const fn own_steps(self) -> Option<usize> {
        use AttackKind::{
            ApgdCe, ApgdCeL2, ApgdDlr, ApgdDlrL2, ApgdT, ApgdTL2, AutoAttack, AutoAttackL2, CarliniWagner,
            DeepFool, DeepFoolL2, FabT, FabTL2, Square, SquareL2,
        };
        match self {
            DeepFool | DeepFoolL2 => Some(DEEP_FOOL_ITERATIONS),
            CarliniWagner => Some(CARLINI_WAGNER_ITERATIONS),
            ApgdCe | ApgdCeL2 | ApgdDlr | ApgdDlrL2 | ApgdT | ApgdTL2 | FabT | FabTL2 | AutoAttack
            | AutoAttackL2 => Some(AUTO_ITERATIONS),
            Square | SquareL2 => Some(SQUARE_QUERIES),
            _ => None,
        }
    }
}

/// Draws of a network's own noise over which attacks average their gradients, as in AutoAttack's version for random
/// defences (Croce & Hein 2020).
pub const EOT_DRAWS: usize = 20;

/// One attack at one radius.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threat {
    /// The attack.
    pub attack: AttackKind,
    /// What it aims at.
    pub target: TargetKind,
    /// Radius in the attack's norm, pixels in [0, 1].
    pub epsilon: f64,
    /// Iterations k; ignored by one-step attacks and by AutoAttack, which has its own.
    pub steps: usize,
    /// Random restarts; the worst result of each example counts. Ignored where nothing is drawn, and by AutoAttack.
    pub restarts: usize,
}

impl Threat {
    /// Every one of `attacks` at every one of `radii`, with the knobs' steps or the attack's own, and a single start.
    pub fn grid(attacks: &[(AttackKind, TargetKind)], radii: &[f64], hyper: &Hyper) -> Vec<Self> {
        let at = |(attack, target): (AttackKind, TargetKind)| {
            let steps = attack.own_steps().unwrap_or(hyper.attack_steps);
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
