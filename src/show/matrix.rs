//! What is taken for what: matrices of `K × K` counts, a row a true class, a column what was said.

use crate::config::{Norm, TargetKind};
use crate::protocol::Mistakes;

/// `K` of a matrix of `K × K` entries.
pub fn classes(entries: usize) -> usize {
    entries.isqrt()
}

/// Each entry over the sum of its row; 0 where that is none.
pub fn shares<N: Copy + Into<f64>>(matrix: &[N]) -> Vec<f64> {
    let share = |row: &[N]| {
        let total: f64 = row.iter().map(|count| (*count).into()).sum();
        let share = move |count: &N| if total > 0.0 { (*count).into() / total } else { 0.0 };
        row.iter().map(share).collect::<Vec<_>>()
    };
    matrix.chunks_exact(classes(matrix.len()).max(1)).flat_map(share).collect()
}

/// The sum of a row.
pub fn total(matrix: &[u32], row: usize) -> u32 {
    let classes = classes(matrix.len());
    matrix.iter().skip(row * classes).take(classes).sum()
}

/// What lies on the diagonal: what was said rightly.
pub fn right(matrix: &[u32]) -> u32 {
    matrix.iter().step_by(classes(matrix.len()) + 1).sum()
}

/// Of the untargeted attacks in a norm at the radius nearest to `epsilon`, that which left the fewest images right.
pub fn strongest(mistakes: &[Mistakes], norm: Norm, epsilon: f64) -> Option<&Mistakes> {
    let untargeted = || {
        let is_one =
            |found: &&Mistakes| found.attack.norm() == norm && found.target == TargetKind::Untargeted;
        mistakes.iter().filter(is_one)
    };
    let off = |found: &Mistakes| (found.epsilon - epsilon).abs();
    let nearest = untargeted().map(off).min_by(f64::total_cmp)?;
    untargeted().filter(|found| off(found) == nearest).min_by_key(|found| right(&found.confusion))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AttackKind;

    #[test]
    fn rows_have_shares_and_the_diagonal_is_right() {
        let matrix = [3_u32, 1, 0, 0, 2, 2, 0, 0, 0];
        assert_eq!(shares(&matrix), [0.75, 0.25, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0]);
        assert_eq!((right(&matrix), total(&matrix, 1), total(&matrix, 9)), (5, 4, 0));
        assert!(shares::<u32>(&[]).is_empty());
        assert_eq!(right(&[]), 0);
    }

    #[test]
    fn the_strongest_attack_at_the_nearest_radius_is_found() {
        let mistakes = |attack, target, epsilon, confusion: [u32; 4]| Mistakes {
            attack,
            target,
            epsilon,
            confusion: confusion.to_vec(),
        };
        let all = [
            mistakes(AttackKind::Fgsm, TargetKind::Untargeted, 0.1, [5, 1, 1, 5]),
            mistakes(AttackKind::Pgd, TargetKind::Untargeted, 0.1, [3, 3, 1, 5]),
            mistakes(AttackKind::Pgd, TargetKind::Untargeted, 0.2, [0, 6, 6, 0]),
            mistakes(AttackKind::Pgd, TargetKind::Random, 0.1, [0, 6, 6, 0]),
            mistakes(AttackKind::PgdL2, TargetKind::Untargeted, 0.1, [0, 6, 6, 0]),
        ];
        assert_eq!(strongest(&all, Norm::Linf, 0.11), Some(&all[1]));
        assert_eq!(strongest(&all[3..], Norm::Linf, 0.1), None);
        assert_eq!(strongest(&all, Norm::L2, 0.5), Some(&all[4]));
    }
}
