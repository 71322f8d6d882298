//! The worst case: what accuracy is left where each image meets the attack that harms it most.

use super::counts::Counts;
use crate::{
    config::{Norm, Threat},
    protocol::{Point, Share, WorstCase},
};

/// What rounding adds to a distance between images, at most.
const ROUNDING: f64 = 1e-6;

/// The worst case in each norm that was attacked in.
///
/// An image counts at a radius where it is classified correctly without attack and under every attack of that norm with
/// this radius or a smaller one, whose examples lie in the larger ball too.
pub fn worst_cases(threats: &[Threat], counts: &Counts) -> Vec<WorstCase> {
    Norm::ALL.into_iter().filter_map(|norm| worst_case(norm, threats, counts)).collect()
}

/// For each image counted, the smallest distance in that norm at which an attack had it misclassified: 0 where it is wrong
/// without attack, infinite where it never was. Never more than the attack's radius, and less where the attack looks for
/// the nearest boundary.
pub fn smallest_radii(norm: Norm, threats: &[Threat], counts: &Counts) -> Vec<f64> {
    let images = counts.images.iter().zip(&counts.distances);
    images.map(|(right, moved)| smallest_radius(norm, threats, right, moved)).collect()
}

fn worst_case(norm: Norm, threats: &[Threat], counts: &Counts) -> Option<WorstCase> {
    let mut radii: Vec<f64> = of(norm, threats).map(|(_, threat)| threat.epsilon).collect();
    radii.sort_by(f64::total_cmp);
    radii.dedup();
    if radii.is_empty() {
        return None;
    }
    let smallest = smallest_radii(norm, threats, counts);
    let point = |epsilon: f64| {
        let withstands = |image: usize| smallest[image] > epsilon;
        let hits = (0..smallest.len()).filter(|image| withstands(*image)).count() as u32;
        let balanced = counts.balanced(withstands);
        Point { epsilon, robust: Share { hits, total: counts.total }, balanced, fooled: Share::default() }
    };
    let points = radii.into_iter().map(point).collect();
    let mut sorted = smallest.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied().filter(|radius| radius.is_finite());
    Some(WorstCase { norm, points, median, smallest })
}

/// The threats in `norm`, and their positions.
fn of(norm: Norm, threats: &[Threat]) -> impl Iterator<Item = (usize, &Threat)> {
    threats.iter().enumerate().filter(move |(_, threat)| threat.attack.norm() == norm)
}

/// The smallest distance at which an image was misclassified: 0 without attack, infinite where it never was. `right` says
/// whether it was classified correctly without attack, then under each threat; `moved` how far each threat moved it.
fn smallest_radius(norm: Norm, threats: &[Threat], right: &[bool], moved: &[f32]) -> f64 {
    if !right.first().copied().unwrap_or(false) {
        return 0.0;
    }
    let harmful = of(norm, threats).filter(|(index, _)| !right[index + 1]);
    let needed = |(index, threat): (usize, &Threat)| {
        // All but the radius, or beyond it, is the radius and rounding; a distance that is no number says nothing.
        let distance = f64::from(moved[index]);
        if distance < threat.epsilon - ROUNDING { distance } else { threat.epsilon }
    };
    harmful.map(needed).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::evaluation::Tally;
    use crate::config::{AttackKind, TargetKind};

    fn threat(attack: AttackKind, epsilon: f64) -> Threat {
        Threat { attack, target: TargetKind::Untargeted, epsilon, steps: 1, restarts: 1 }
    }

    #[test]
    fn each_image_meets_its_worst_attack_and_no_larger_ball_is_safer() {
        let threats = [
            threat(AttackKind::Fgsm, 0.1),
            threat(AttackKind::Pgd, 0.1),
            threat(AttackKind::Fgsm, 0.2),
            threat(AttackKind::PgdL2, 1.0),
        ];
        let image = |right: [u8; 5]| right.map(|right| right == 1).to_vec();
        let images = vec![
            image([1, 1, 1, 1, 1]),
            image([0, 1, 1, 1, 1]),
            image([1, 0, 1, 1, 1]),
            image([1, 1, 0, 1, 0]),
            image([1, 1, 1, 0, 1]),
        ];
        let (labels, said) = (vec![0; 5], vec![vec![0; 4]; 5]);
        let mut distances = vec![vec![f32::NAN; 4]; 5];
        // An attack that went less far than it might: the image falls there already.
        distances[3][1] = 0.04;
        let threats_counted = vec![Tally::default(); 4];
        let counts = Counts { total: 5, clean: 4, threats: threats_counted, images, labels, said, distances };
        assert!((smallest_radii(Norm::Linf, &threats, &counts)[3] - 0.04).abs() < 1e-6);
        let worst = worst_cases(&threats, &counts);
        let hits = |case: &WorstCase| -> Vec<(f64, u32)> {
            case.points.iter().map(|point| (point.epsilon, point.robust.hits)).collect()
        };
        assert_eq!(worst.iter().map(|case| case.norm).collect::<Vec<_>>(), [Norm::Linf, Norm::L2]);
        assert_eq!(hits(&worst[0]), [(0.1, 2), (0.2, 1)]);
        assert_eq!(hits(&worst[1]), [(1.0, 3)]);
        assert_eq!(worst.iter().map(|case| case.median).collect::<Vec<_>>(), [Some(0.1), None]);
        assert_eq!(worst[1].smallest, smallest_radii(Norm::L2, &threats, &counts), "each norm has its own");
        assert_eq!(worst[1].points[0].balanced, 0.6, "of one class it is the accuracy");
        assert!(worst_cases(&[], &counts).is_empty());
    }

    #[test]
    fn rounding_makes_no_distance_of_its_own() {
        let threats = [threat(AttackKind::Pgd, 0.1)];
        for (moved, expected) in [(0.1_f32 - 2e-8, 0.1), (0.1 + 1e-7, 0.1), (f32::NAN, 0.1), (0.099, 0.099)] {
            let smallest = smallest_radius(Norm::Linf, &threats, &[true, false], &[moved]);
            assert!((smallest - expected).abs() < 1e-6, "{moved}: {smallest}");
            assert_eq!(smallest == 0.1, expected == 0.1, "{moved}: {smallest}");
        }
    }
}
