//! From what was counted to what people are told: accuracy attack by attack, the worst case, and what was taken for what.

use super::{
    run::Counts,
    worst::{smallest_radii, worst_cases},
};
use crate::{
    config::{Norm, TargetKind, Threat},
    protocol::{Curve, Mistakes, Point, Robustness, Share},
};

/// The figures of a complete evaluation on images of `classes` classes, without a run.
pub fn found(threats: &[Threat], counts: &Counts, classes: usize) -> Robustness {
    let has_linf = threats.iter().any(|threat| threat.attack.norm() == Norm::Linf);
    Robustness {
        run: 0,
        step: 0,
        complete: true,
        progress: 1.0,
        clean: Share { hits: counts.clean, total: counts.total },
        curves: curves(threats, counts),
        worst: worst_cases(threats, counts),
        smallest: if has_linf { smallest_radii(Norm::Linf, threats, counts) } else { Vec::new() },
        mistakes: mistakes(threats, counts, classes),
    }
}

/// One matrix for each threat, in the order asked for.
fn mistakes(threats: &[Threat], counts: &Counts, classes: usize) -> Vec<Mistakes> {
    let of = |(position, threat): (usize, &Threat)| {
        let mut confusion = vec![0; classes * classes];
        for (label, said) in counts.labels.iter().zip(&counts.said) {
            confusion[usize::from(*label) * classes + usize::from(said[position])] += 1;
        }
        Mistakes { attack: threat.attack, target: threat.target, epsilon: threat.epsilon, confusion }
    };
    threats.iter().enumerate().map(of).collect()
}

/// One curve for each attack and target, in the order asked for.
pub fn curves(threats: &[Threat], counts: &Counts) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (threat, tally) in threats.iter().zip(&counts.threats) {
        let share = |hits: u32| Share { hits, total: counts.total };
        let aimed = threat.attack.is_targetable() && threat.target != TargetKind::Untargeted;
        let point = Point {
            epsilon: threat.epsilon,
            robust: share(tally.robust),
            fooled: if aimed { share(tally.fooled) } else { Share::default() },
        };
        match curves.iter_mut().find(|curve| (curve.attack, curve.target) == (threat.attack, threat.target)) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { attack: threat.attack, target: threat.target, points: vec![point] }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.epsilon.total_cmp(&b.epsilon));
    }
    curves
}
