//! Every place of a grid over the ball of a point with two coordinates: what an attack can find at best, but for what lies
//! between the places.

use burn::tensor::{Tensor, TensorData};

use crate::{
    attack::{
        assault::Assault,
        ball::pick,
        goal::{Goal, rows},
        pace::Pace,
    },
    config::{Norm, POINT_SHAPE, Threat},
};

/// The nearest place of the grid that comes closest to the goal, `[N, 2, 1, 1]`; the clean point where none does more than it.
/// `threat.steps` places a side, the outermost at the edge of the ball. A pass looks at a column of them.
///
/// # Errors
/// Where the images have not two numbers each.
pub(in crate::attack) async fn search(on: &Assault<'_>, pace: &Pace) -> Result<Tensor<4>, String> {
    let Assault { victim, clean, goal, threat, .. } = on;
    let [n, channels, height, width] = clean.dims();
    if [channels, height, width] != POINT_SHAPE {
        return Err(format!("{} needs points of two numbers, not images", threat.attack));
    }
    let mut kept = (*clean).clone();
    let mut score = goal.degree(victim.says(clean));
    for column in columns(threat) {
        let places = column.len();
        if places == 0 {
            continue;
        }
        // Point by point, each with all places of the column.
        let again: Vec<usize> = (0..n).flat_map(|point| vec![point; places]).collect();
        let again = rows(&again, clean);
        let offsets: Vec<f32> = column.iter().flatten().copied().collect::<Vec<_>>().repeat(n);
        let offsets =
            Tensor::<4>::from_data(TensorData::new(offsets, [n * places, 2, 1, 1]), &clean.device());
        let tried = ((*clean).clone().select(0, again.clone()) + offsets).clamp(0.0, 1.0);
        let repeated: Goal = goal.select(&again);
        let found: Tensor<2> = repeated.degree(victim.says(&tried)).reshape([n, places]);
        // Of places that do as much the nearest: a distance weighs less than any degree.
        let far: Vec<f32> = column.iter().map(|offset| share_of_reach(offset, threat.epsilon)).collect();
        let far = Tensor::<2>::from_data(TensorData::new(far, [1, places]), &clean.device());
        let (best, at) = (found - far).max_dim_with_indices(1);
        let chosen: Tensor<3> =
            tried.reshape([n, places, 2]).gather(1, at.reshape([n, 1, 1]).repeat_dim(2, 2));
        let best: Tensor<1> = best.reshape([n]);
        let better = best.clone().greater(score.clone()).float();
        kept = pick(&better.clone().reshape([n, 1, 1, 1]), chosen.reshape([n, 2, 1, 1]), kept);
        score = best.clone() * better.clone() + score * (better * -1.0 + 1.0);
        pace.pass().await;
    }
    Ok(kept)
}

/// Below 1/2: how far an offset leads, of the farthest that there is.
fn share_of_reach([x, y]: &[f32; 2], epsilon: f64) -> f32 {
    if epsilon > 0.0 { x.hypot(*y) / (3.0 * epsilon as f32) } else { 0.0 }
}

/// The offsets of the grid that lie in the ball, column by column.
fn columns(threat: &Threat) -> Vec<Vec<[f32; 2]>> {
    let side = threat.steps.max(2);
    let at = |index: usize| threat.epsilon * (2.0 * index as f64 / (side - 1) as f64 - 1.0);
    let column = |x: f64| {
        let places = (0..side).map(|row| [x, at(row)]);
        let inside = |[x, y]: &[f64; 2]| match threat.attack.norm() {
            Norm::Linf => true,
            Norm::L2 => x.hypot(*y) <= threat.epsilon * (1.0 + 1e-9),
        };
        places.filter(inside).map(|place| place.map(|along| along as f32)).collect()
    };
    (0..side).map(|index| column(at(index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AttackKind, TargetKind};

    fn threat(attack: AttackKind, steps: usize) -> Threat {
        Threat { attack, target: TargetKind::Untargeted, epsilon: 0.2, steps, restarts: 1 }
    }

    #[test]
    fn the_grid_reaches_the_edge_and_stays_in_the_ball() {
        let square = columns(&threat(AttackKind::Grid, 5)).concat();
        assert_eq!(square.len(), 25);
        assert!(
            square.contains(&[-0.2, 0.2]) && square.contains(&[0.0, 0.0]) && square.contains(&[0.1, -0.2])
        );
        let disc = columns(&threat(AttackKind::GridL2, 5)).concat();
        // All but the corners and their neighbours along the edge.
        assert_eq!(disc.len(), 13);
        assert!(disc.contains(&[-0.2, 0.0]) && !disc.contains(&[0.2, 0.2]));
        assert_eq!(columns(&threat(AttackKind::Grid, 1)).concat().len(), 4, "at least its corners");
        assert!(square.iter().all(|offset| share_of_reach(offset, 0.2) < 0.5));
    }
}
