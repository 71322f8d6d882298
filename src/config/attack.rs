//! The attacks (algorithms, section 4): of each one row that says all there is to know, from its name to its colour.
//!
//! Lists of attacks, help, colours and checks of what people ask for all come from [`ATTACKS`].

#![deny(clippy::wildcard_enum_match_arm)]

use serde::{Deserialize, Serialize};

use super::choices::choices;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

    /// The name in text.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Linf => "L∞",
            Self::L2 => "L2",
        }
    }

    /// What ε measures, for an axis.
    pub const fn measure(self) -> &'static str {
        match self {
            Self::Linf => "L∞, pixels in [0, 1]",
            Self::L2 => "L2, length over the image",
        }
    }
}

/// The attacks of one construction, whatever their norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Random signs.
    Noise,
    /// One signed step (Goodfellow et al. 2015).
    Fgsm,
    /// Signed steps from the clean image (Kurakin et al. 2017).
    Ifgsm,
    /// Projected steps from a random start (Madry et al. 2018).
    Pgd,
    /// FGSM along the cross-entropy's exact direction: without the factor that `f32` rounds away.
    FgsmExact,
    /// iFGSM along the exact direction.
    IfgsmExact,
    /// PGD along the exact direction.
    PgdExact,
    /// PGD on the margin, the loss of Carlini & Wagner (2017).
    PgdMargin,
    /// PGD on the cross-entropy of logits whose margin is made 1 (Yu & Xu 2023).
    PgdScaled,
    /// Signed steps along a momentum (Dong et al. 2018).
    MiFgsm,
    /// Linear steps to the nearest boundary (Moosavi-Dezfooli et al. 2016).
    DeepFool,
    /// The smallest perturbation by a search over its price (Carlini & Wagner 2017).
    CarliniWagner,
    /// Auto-PGD on the cross-entropy (Croce & Hein 2020).
    ApgdCe,
    /// Auto-PGD on the difference of logits ratio.
    ApgdDlr,
    /// Auto-PGD on the targeted difference of logits ratio.
    ApgdT,
    /// Fast adaptive boundary attack, targeted (Croce & Hein 2020).
    FabT,
    /// Random squares (Andriushchenko et al. 2020).
    Square,
    /// PGD on a surrogate.
    Transfer,
    /// AutoAttack's standard version (Croce & Hein 2020).
    AutoAttack,
    /// Every place of a grid over the ball: of worlds alone, whose points have two coordinates.
    Grid,
}

/// Iterations of APGD and FAB, as in AutoAttack.
pub const AUTO_ITERATIONS: usize = 100;
/// Queries of Square, as in AutoAttack.
pub const SQUARE_QUERIES: usize = 5000;
/// Iterations of DeepFool: more than it ever needs.
const DEEP_FOOL_ITERATIONS: usize = 50;
/// Iterations of Carlini & Wagner for each of its nine values of c.
const CARLINI_WAGNER_ITERATIONS: usize = 100;

/// Places of [`Family::Grid`] along each coordinate of the ball.
const GRID_SIDE: usize = 21;

/// Draws of a network's own noise over which attacks average their gradients, as in AutoAttack's version for random
/// defences (Croce & Hein 2020).
pub const EOT_DRAWS: usize = 20;

/// Draws of a network's own noise whose mean logits decide what it says of an image; the same ones for every image and
/// attack, so that no attack is lucky or unlucky in them.
pub const VERDICT_DRAWS: usize = 32;

/// All there is to know of an attack.
#[derive(Debug)]
pub struct AttackRow {
    /// Which one.
    pub kind: AttackKind,
    /// What it is one of.
    pub family: Family,
    /// In which norm its radius is measured.
    pub norm: Norm,
    /// Whether it can aim at one target.
    pub aims: bool,
    /// The iterations that its authors give it; None where the run's own count.
    pub own_steps: Option<usize>,
    /// Whether its examples depend on random numbers.
    pub draws: bool,
    /// Whether it reads the network's gradient.
    pub reads_gradient: bool,
    /// Whether it makes its examples on another network than the one it attacks.
    pub needs_surrogate: bool,
    /// One line: what it does.
    pub about: &'static str,
    /// Its colour in the window: the class whose colour it shares.
    pub slot: u8,
    /// Where it is tried unasked.
    pub offered: Offered,
}

/// Where an attack is tried unasked, and at which targets.
#[derive(Debug)]
pub struct Offered {
    /// In the evaluations of a run in progress.
    pub running: &'static [TargetKind],
    /// By the window's "Evaluate now".
    pub window: &'static [TargetKind],
    /// At the end of a run.
    pub at_end: &'static [TargetKind],
    /// By `evaluate` where no attack is named.
    pub by_default: bool,
}

impl Offered {
    /// Where somebody names the attack, and nowhere else.
    const WHEN_NAMED: Self = Self { running: &[], window: &[], at_end: &[], by_default: false };
}

/// Declares [`AttackKind`] and its table: a row each, with what the attack does as its documentation.
macro_rules! attacks {
    (@steps own) => { None };
    (@steps $steps:ident) => { Some($steps) };
    (@offered) => { Offered::WHEN_NAMED };
    (@offered $running:tt $window:tt $at_end:tt $by_default:literal) => {
        Offered {
            running: attacks!(@targets $running), window: attacks!(@targets $window),
            at_end: attacks!(@targets $at_end), by_default: $by_default,
        }
    };
    (@targets [$($target:ident)*]) => { &[$(TargetKind::$target),*] };
    ($($kind:ident = $name:literal: $about:literal,
        $family:ident $norm:ident, aims $aims:literal, steps $steps:ident, draws $draws:literal,
        gradient $gradient:literal, surrogate $surrogate:literal, slot $slot:literal
        $(, running $running:tt window $window:tt at_end $at_end:tt by_default $by_default:literal)?;)+) => {
        choices! {
            /// The attacks (algorithms, section 4). All in pixel space, inside the ε-ball and inside [0, 1].
            AttackKind { $(#[doc = $about] $kind = $name),+ }
        }

        /// The table of attacks, in the order of [`AttackKind::ALL`].
        pub static ATTACKS: [AttackRow; AttackKind::ALL.len()] = [$(AttackRow {
            kind: AttackKind::$kind, family: Family::$family, norm: Norm::$norm, aims: $aims,
            own_steps: attacks!(@steps $steps), draws: $draws, reads_gradient: $gradient,
            needs_surrogate: $surrogate, about: $about, slot: $slot,
            offered: attacks!(@offered $($running $window $at_end $by_default)?),
        }),+];
    };
}

attacks! {
    Noise = "noise": "x + ε · sign(N(0, 1))",
        Noise Linf, aims false, steps own, draws true, gradient false, surrogate false, slot 7,
        running [Untargeted] window [Untargeted] at_end [] by_default false;
    Fgsm = "fgsm": "one signed step of size ε (Goodfellow et al. 2015)",
        Fgsm Linf, aims true, steps own, draws false, gradient true, surrogate false, slot 0,
        running [Untargeted Random] window [Untargeted Random] at_end [Untargeted Random] by_default true;
    Ifgsm = "ifgsm": "k signed steps of size ε/k from x (Kurakin et al. 2017); also called BIM",
        Ifgsm Linf, aims true, steps own, draws false, gradient true, surrogate false, slot 1,
        running [] window [Untargeted] at_end [] by_default false;
    Pgd = "pgd": "k signed steps of size 2.5 ε/k from a uniform random start, L∞ (Madry et al. 2018)",
        Pgd Linf, aims true, steps own, draws true, gradient true, surrogate false, slot 5,
        running [Untargeted] window [Untargeted Random] at_end [Untargeted Random] by_default true;
    PgdL2 = "pgd-l2": "PGD in L2: steps along the normalised gradient, projected onto the L2 ball",
        Pgd L2, aims true, steps own, draws true, gradient true, surrogate false, slot 6;
    FgsmExact = "fgsm-exact": "FGSM along the cross-entropy's exact direction, which f32 cannot round away",
        FgsmExact Linf, aims true, steps own, draws false, gradient true, surrogate false, slot 2,
        running [Untargeted] window [Untargeted] at_end [Untargeted] by_default false;
    IfgsmExact = "ifgsm-exact": "iFGSM along the exact direction",
        IfgsmExact Linf, aims true, steps own, draws false, gradient true, surrogate false, slot 3;
    PgdExact = "pgd-exact": "PGD along the exact direction, L∞",
        PgdExact Linf, aims true, steps own, draws true, gradient true, surrogate false, slot 4;
    PgdExactL2 = "pgd-exact-l2": "PGD along the exact direction in L2",
        PgdExact L2, aims true, steps own, draws true, gradient true, surrogate false, slot 2;
    PgdMargin = "pgd-margin": "PGD on the margin between the label's logit and the largest other, L∞ (Carlini & Wagner 2017)",
        PgdMargin Linf, aims true, steps own, draws true, gradient true, surrogate false, slot 8;
    PgdMarginL2 = "pgd-margin-l2": "PGD on the margin in L2",
        PgdMargin L2, aims true, steps own, draws true, gradient true, surrogate false, slot 3;
    PgdScaled = "pgd-scaled": "PGD on the cross-entropy of logits divided by their margin, L∞ (Yu & Xu 2023)",
        PgdScaled Linf, aims true, steps own, draws true, gradient true, surrogate false, slot 9;
    MiFgsm = "mi-fgsm": "k signed steps of size ε/k along a momentum of 1.0 (Dong et al. 2018)",
        MiFgsm Linf, aims true, steps own, draws false, gradient true, surrogate false, slot 5;
    MiFgsmL2 = "mi-fgsm-l2": "MI-FGSM in L2",
        MiFgsm L2, aims true, steps own, draws false, gradient true, surrogate false, slot 6;
    DeepFool = "deepfool": "the nearest boundary by linear steps, L∞ (Moosavi-Dezfooli et al. 2016)",
        DeepFool Linf, aims false, steps DEEP_FOOL_ITERATIONS, draws false, gradient true, surrogate false, slot 7;
    DeepFoolL2 = "deepfool-l2": "DeepFool in L2",
        DeepFool L2, aims false, steps DEEP_FOOL_ITERATIONS, draws false, gradient true, surrogate false, slot 8;
    CarliniWagner = "cw-l2": "the smallest L2 perturbation by Adam, with a binary search over c (Carlini & Wagner 2017)",
        CarliniWagner L2, aims true, steps CARLINI_WAGNER_ITERATIONS, draws false, gradient true, surrogate false, slot 9;
    ApgdCe = "apgd-ce": "Auto-PGD on the cross-entropy, L∞ (Croce & Hein 2020)",
        ApgdCe Linf, aims true, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 0;
    ApgdCeL2 = "apgd-ce-l2": "APGD-CE in L2",
        ApgdCe L2, aims true, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 1;
    ApgdDlr = "apgd-dlr": "Auto-PGD on the difference of logits ratio, L∞ (Croce & Hein 2020)",
        ApgdDlr Linf, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 2;
    ApgdDlrL2 = "apgd-dlr-l2": "APGD-DLR in L2",
        ApgdDlr L2, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 3;
    ApgdT = "apgd-t": "Auto-PGD on the targeted difference of logits ratio, at nine classes in turn, L∞ (Croce & Hein 2020)",
        ApgdT Linf, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 4;
    ApgdTL2 = "apgd-t-l2": "APGD-T in L2",
        ApgdT L2, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 5;
    FabT = "fab-t": "fast adaptive boundary attack at nine classes in turn, L∞ (Croce & Hein 2020)",
        FabT Linf, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 6;
    FabTL2 = "fab-t-l2": "FAB-T in L2",
        FabT L2, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 7;
    Square = "square": "random squares, L∞ (Andriushchenko et al. 2020)",
        Square Linf, aims false, steps SQUARE_QUERIES, draws true, gradient false, surrogate false, slot 8;
    SquareL2 = "square-l2": "Square in L2",
        Square L2, aims false, steps SQUARE_QUERIES, draws true, gradient false, surrogate false, slot 9;
    Transfer = "transfer": "PGD on an undefended network of another seed, whose examples are then shown to this one, L∞",
        Transfer Linf, aims false, steps own, draws true, gradient false, surrogate true, slot 0;
    AutoAttack = "autoattack": "AutoAttack's standard version: APGD-CE, APGD-T, FAB-T, Square, each on what is left, L∞ (Croce & Hein 2020)",
        AutoAttack Linf, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 8;
    AutoAttackL2 = "autoattack-l2": "AutoAttack's standard version in L2",
        AutoAttack L2, aims false, steps AUTO_ITERATIONS, draws true, gradient true, surrogate false, slot 8;
    Grid = "grid": "every place of a grid over the square, k a side: exact but for what lies between; of worlds alone",
        Grid Linf, aims true, steps GRID_SIDE, draws false, gradient false, surrogate false, slot 9,
        running [Untargeted] window [Untargeted] at_end [Untargeted] by_default true;
    GridL2 = "grid-l2": "the same of those places that lie in the L2 ball",
        Grid L2, aims true, steps GRID_SIDE, draws false, gradient false, surrogate false, slot 0;
}

impl AttackRow {
    /// What people read of it: what it does, whether it aims, and where it reads no gradient.
    pub fn help(&self) -> String {
        let aims = if self.aims { "; can aim at a target" } else { "" };
        let blind = if self.reads_gradient { "" } else { "; reads no gradient of this network" };
        format!("{}{aims}{blind}", self.about)
    }

    /// Whether it can attack such data: one that looks at every place needs a world, whose points have two coordinates.
    pub const fn suits(&self, is_world: bool) -> bool {
        is_world || !matches!(self.family, Family::Grid)
    }
}

impl AttackKind {
    /// All there is to know of it.
    pub const fn row(self) -> &'static AttackRow {
        &ATTACKS[self as usize]
    }

    /// Whether the attack can aim at one target.
    pub const fn is_targetable(self) -> bool {
        self.row().aims
    }

    /// In which norm the radius is measured.
    pub const fn norm(self) -> Norm {
        self.row().norm
    }

    /// The iterations that the attack's authors give it; None where the run's own count.
    pub const fn own_steps(self) -> Option<usize> {
        self.row().own_steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_is_in_its_row() {
        for kind in AttackKind::ALL {
            assert_eq!(kind.row().kind, *kind);
        }
    }

    #[test]
    fn a_row_does_not_contradict_itself() {
        for row in &ATTACKS {
            let Offered { running, window, at_end, .. } = &row.offered;
            for target in [running, window, at_end].into_iter().copied().flatten() {
                assert!(row.aims || *target == TargetKind::Untargeted, "{} cannot aim", row.kind);
            }
            assert!(row.slot < 10, "{}: there are ten colours", row.kind);
            let twin = ATTACKS.iter().find(|other| other.family == row.family).expect("its own at least");
            assert_eq!(
                (row.aims, row.own_steps, row.draws, row.reads_gradient, row.needs_surrogate),
                (twin.aims, twin.own_steps, twin.draws, twin.reads_gradient, twin.needs_surrogate),
                "{} and {} differ in their norm alone",
                row.kind,
                twin.kind
            );
        }
    }
}
