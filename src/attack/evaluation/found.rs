//! From what was counted to what people are told: accuracy attack by attack, the worst case, and what was taken for what.

use super::{counts::Counts, worst::worst_cases};
use crate::{
    config::{TargetKind, Threat},
    protocol::{Curve, Mistakes, Point, Robustness, Share, Verdicts},
};

/// The figures of a complete evaluation on images of `classes` classes, without a run.
pub fn found(threats: &[Threat], counts: &Counts, classes: usize) -> Robustness {
    Robustness {
        run: 0,
        step: 0,
        complete: true,
        progress: 1.0,
        clean: Share { hits: counts.clean, total: counts.total },
        clean_balanced: counts.balanced(|image| counts.images[image].first() == Some(&true)),
        class_images: counts.by_class(|_| false, classes).into_iter().map(|(_, all)| all).collect(),
        input_deviation: None,
        curves: curves(threats, counts),
        worst: worst_cases(threats, counts),
        mistakes: mistakes(threats, counts, classes),
        verdicts: verdicts(threats, counts),
    }
}

/// Which images were right, threat by threat.
fn verdicts(threats: &[Threat], counts: &Counts) -> Verdicts {
    let right = |place: usize| counts.images.iter().map(|right| right.get(place) == Some(&true)).collect();
    let of = |(position, threat): (usize, &Threat)| (*threat, right(1 + position));
    Verdicts { clean: right(0), threats: threats.iter().enumerate().map(of).collect() }
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
    for (position, (threat, tally)) in threats.iter().zip(&counts.threats).enumerate() {
        let share = |hits: u32| Share { hits, total: counts.total };
        let aimed = threat.attack.is_targetable() && threat.target != TargetKind::Untargeted;
        let point = Point {
            epsilon: threat.epsilon,
            robust: share(tally.robust),
            balanced: counts.balanced(|image| counts.images[image].get(1 + position) == Some(&true)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::evaluation::Tally;
    use crate::config::AttackKind;
    use crate::protocol::Share;

    /// Nine images of class 0 and one of class 1, of a network that always says 0, under one attack that changes nothing
    /// and one that has the first three misclassified.
    #[test]
    fn unequal_classes_are_seen_in_every_figure() {
        let threat = |attack, epsilon| Threat {
            attack,
            target: TargetKind::Untargeted,
            epsilon,
            steps: 1,
            restarts: 1,
        };
        let threats = [threat(AttackKind::Fgsm, 0.1), threat(AttackKind::PgdL2, 1.0)];
        let images: Vec<Vec<bool>> =
            (0..10).map(|image| vec![image < 9, image < 9, (3..9).contains(&image)]).collect();
        let tally = |place: usize| Tally {
            robust: images.iter().filter(|right| right[1 + place]).count() as u32,
            fooled: 0,
        };
        let counts = Counts {
            total: 10,
            clean: 9,
            threats: vec![tally(0), tally(1)],
            labels: (0..10).map(|image| u8::from(image == 9)).collect(),
            said: (0..10).map(|image| vec![0, u8::from(image < 3)]).collect(),
            distances: vec![vec![0.1, 1.0]; 10],
            images,
        };
        let found = found(&threats, &counts, 3);
        assert_eq!((found.clean, found.clean_balanced), (Share { hits: 9, total: 10 }, 0.5));
        assert_eq!((&found.class_images[..], found.has_unequal_classes()), (&[9, 1, 0][..], true));
        let of = |attack| found.curves.iter().find(|curve| curve.attack == attack).unwrap().points[0];
        assert_eq!((of(AttackKind::Fgsm).robust.hits, of(AttackKind::Fgsm).balanced), (9, 0.5));
        assert_eq!((of(AttackKind::PgdL2).robust.hits, of(AttackKind::PgdL2).balanced), (6, 1.0 / 3.0));
        let worst = found.worst_in(crate::config::Norm::L2).unwrap();
        assert_eq!((worst.points[0].robust.hits, worst.points[0].balanced), (6, 1.0 / 3.0));
        assert_eq!(
            found.verdicts.clean.iter().collect::<Vec<_>>(),
            (0..10).map(|image| image < 9).collect::<Vec<_>>()
        );
        let (threat, right) = &found.verdicts.threats[1];
        assert_eq!((threat.attack, right.iter().filter(|right| *right).count()), (AttackKind::PgdL2, 6));
    }
}
