//! What an evaluation attacks with: the attack, its target and its radius; and what is tried where nobody asks.

use serde::{Deserialize, Serialize};

use super::attack::{ATTACKS, AttackKind, AttackRow, Norm, TargetKind};
use super::choices::ScenarioKind;
use super::table::{Hyper, Setup};

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
    fn grid(attacks: &[(AttackKind, TargetKind)], radii: &[f64], hyper: &Hyper) -> Vec<Self> {
        let at = |(attack, target): (AttackKind, TargetKind)| {
            let steps = attack.own_steps().unwrap_or(hyper.attack_steps);
            radii.iter().map(move |&epsilon| Self { attack, target, epsilon, steps, restarts: 1 })
        };
        attacks.iter().copied().flat_map(at).collect()
    }
}

/// When a network is attacked without anybody having named an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Every so many steps of a run.
    Running,
    /// On the window's "Evaluate now".
    Window,
    /// After the last step of a run.
    AtEnd,
}

/// What scenarios that are not about robustness are attacked with, at ε alone.
const GLANCE: (AttackKind, TargetKind) = (AttackKind::Fgsm, TargetKind::Untargeted);
/// Radii of a run in progress, as multiples of its ε.
const WHILE_RUNNING: [f64; 3] = [0.5, 1.0, 2.0];
/// Radii of the window's evaluation, as multiples of ε.
const IN_WINDOW: [f64; 5] = [0.25, 0.5, 1.0, 1.5, 2.0];
/// Radii of an evaluation where none are asked for, as multiples of ε.
const BY_DEFAULT: [f64; 5] = [0.25, 0.5, 0.75, 1.0, 1.5];
/// L2 radii where none are asked for: the field's 0.5 for small colour images, and around it.
const L2_BY_DEFAULT: [f64; 4] = [0.25, 0.5, 1.0, 2.0];

impl Occasion {
    /// What is tried on such a run, in the order of the table of attacks.
    pub fn threats(self, setup: &Setup, hyper: &Hyper) -> Vec<Threat> {
        let (is_defense, is_world) = (setup.scenario == ScenarioKind::Defense, setup.world().is_some());
        match self {
            Self::Running | Self::AtEnd if !is_defense => Threat::grid(&[GLANCE], &[hyper.epsilon], hyper),
            Self::Running | Self::Window | Self::AtEnd => {
                let aimed =
                    |row: &'static AttackRow| self.targets(row).iter().map(|target| (row.kind, *target));
                let attacks: Vec<_> =
                    ATTACKS.iter().filter(|row| row.suits(is_world)).flat_map(aimed).collect();
                Threat::grid(&attacks, &self.radii(hyper.epsilon), hyper)
            }
        }
    }

    fn targets(self, row: &AttackRow) -> &'static [TargetKind] {
        match self {
            Self::Running => row.offered.running,
            Self::Window => row.offered.window,
            Self::AtEnd => row.offered.at_end,
        }
    }

    fn radii(self, epsilon: f64) -> Vec<f64> {
        match self {
            Self::Running => radii_around(epsilon, &WHILE_RUNNING),
            Self::Window => radii_around(epsilon, &IN_WINDOW),
            Self::AtEnd => default_radii(Norm::Linf, epsilon),
        }
    }
}

/// The L2 radius at which robustness is told where nobody says another: the field's for small colour images.
const L2_HEADLINE: f64 = 0.5;

/// The radius at which robustness in a norm is told: a run's own `epsilon` in L∞, in which it trains.
pub const fn headline_radius(norm: Norm, epsilon: f64) -> f64 {
    match norm {
        Norm::Linf => epsilon,
        Norm::L2 => L2_HEADLINE,
    }
}

/// Ascending radii where none are asked for: L∞ ones around `epsilon`, or around the default's where it is 0.
pub fn default_radii(norm: Norm, epsilon: f64) -> Vec<f64> {
    match norm {
        Norm::Linf => {
            radii_around(if epsilon > 0.0 { epsilon } else { Hyper::default().epsilon }, &BY_DEFAULT)
        }
        Norm::L2 => L2_BY_DEFAULT.to_vec(),
    }
}

/// L∞ radii: ascending `multiples` of `epsilon`, none above 1, none twice.
fn radii_around(epsilon: f64, multiples: &[f64]) -> Vec<f64> {
    let mut radii: Vec<f64> = multiples.iter().map(|multiple| (multiple * epsilon).min(1.0)).collect();
    radii.dedup();
    radii
}

#[cfg(test)]
mod tests {
    use super::*;
    use AttackKind::{Fgsm, FgsmExact, Ifgsm, Noise, Pgd};
    use TargetKind::{Random, Untargeted};

    /// The lists as they were written out before they came from the table, and since then FGSM along the exact direction.
    fn expected(occasion: Occasion, scenario: ScenarioKind) -> (Vec<(AttackKind, TargetKind)>, Vec<f64>) {
        match (occasion, scenario) {
            (Occasion::Window, _) => (
                vec![
                    (Noise, Untargeted),
                    (Fgsm, Untargeted),
                    (Fgsm, Random),
                    (Ifgsm, Untargeted),
                    (Pgd, Untargeted),
                    (Pgd, Random),
                    (FgsmExact, Untargeted),
                ],
                vec![0.25, 0.5, 1.0, 1.5, 2.0],
            ),
            (Occasion::Running, ScenarioKind::Defense) => (
                vec![
                    (Noise, Untargeted),
                    (Fgsm, Untargeted),
                    (Fgsm, Random),
                    (Pgd, Untargeted),
                    (FgsmExact, Untargeted),
                ],
                vec![0.5, 1.0, 2.0],
            ),
            (Occasion::AtEnd, ScenarioKind::Defense) => (
                vec![
                    (Fgsm, Untargeted),
                    (Fgsm, Random),
                    (Pgd, Untargeted),
                    (Pgd, Random),
                    (FgsmExact, Untargeted),
                ],
                vec![0.25, 0.5, 0.75, 1.0, 1.5],
            ),
            (_, ScenarioKind::Distillation | ScenarioKind::Multitask) => {
                (vec![(Fgsm, Untargeted)], vec![1.0])
            }
        }
    }

    fn of(scenario: ScenarioKind) -> Setup {
        Setup { scenario, ..Setup::default() }
    }

    #[test]
    fn every_place_is_looked_at_in_a_world_alone() {
        let (hyper, moons) = (Hyper::default(), Setup { data: "moons".into(), ..Setup::default() });
        for occasion in [Occasion::Running, Occasion::Window, Occasion::AtEnd] {
            let looks = |setup: &Setup| {
                occasion.threats(setup, &hyper).iter().any(|threat| threat.attack == AttackKind::Grid)
            };
            assert!(looks(&moons) && !looks(&Setup::default()), "{occasion:?}");
        }
    }

    #[test]
    fn what_is_tried_unasked_is_what_was_tried() {
        let hyper = Hyper { epsilon: 0.1, attack_steps: 7, ..Hyper::default() };
        for occasion in [Occasion::Running, Occasion::Window, Occasion::AtEnd] {
            for scenario in ScenarioKind::ALL {
                let (attacks, multiples) = expected(occasion, *scenario);
                let mut threats = Vec::new();
                for (attack, target) in attacks {
                    for multiple in &multiples {
                        let epsilon = multiple * 0.1;
                        threats.push(Threat { attack, target, epsilon, steps: 7, restarts: 1 });
                    }
                }
                assert_eq!(occasion.threats(&of(*scenario), &hyper), threats, "{occasion:?}, {scenario}");
            }
        }
    }

    #[test]
    fn radii_stay_in_reach() {
        let [zero, one] = [0.0, 1.0].map(|epsilon| Hyper { epsilon, ..Hyper::default() });
        let at = |occasion: Occasion, hyper: &Hyper| -> Vec<f64> {
            let threats = occasion.threats(&Setup::default(), hyper);
            let first = (threats[0].attack, threats[0].target);
            threats
                .iter()
                .filter(|threat| (threat.attack, threat.target) == first)
                .map(|threat| threat.epsilon)
                .collect()
        };
        assert_eq!(at(Occasion::Running, &zero), [0.0]);
        assert_eq!(at(Occasion::Running, &one), [0.5, 1.0], "radii above 1 are one");
        assert_eq!(at(Occasion::AtEnd, &one), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(at(Occasion::AtEnd, &zero), at(Occasion::AtEnd, &Hyper::default()));
        assert_eq!(default_radii(Norm::L2, 0.0), [0.25, 0.5, 1.0, 2.0]);
    }

    #[test]
    fn radii_ascend_within_the_pixel_range() {
        let hyper = Hyper { epsilon: 1.0, attack_steps: 7, ..Hyper::default() };
        for occasion in [Occasion::Running, Occasion::Window, Occasion::AtEnd] {
            let threats = occasion.threats(&Setup::default(), &hyper);
            assert!(threats.iter().all(|threat| threat.epsilon <= 1.0 && threat.steps == 7));
            let is_same =
                |pair: &&[Threat]| (pair[0].attack, pair[0].target) == (pair[1].attack, pair[1].target);
            assert!(threats.windows(2).filter(is_same).all(|pair| pair[0].epsilon < pair[1].epsilon));
        }
    }
}
