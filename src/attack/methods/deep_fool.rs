//! DeepFool (Moosavi-Dezfooli et al. 2016): steps onto the nearest boundary of the linearised network until it is crossed.

use burn::tensor::Tensor;

use crate::{
    attack::{
        ball::{length, pick, sign, sum, unit},
        goal::Goal,
        loss::{at_rank, ranks, row_sum},
        pace::Pace,
        victim::Victim,
    },
    config::Norm,
    gpu::read,
};

/// Classes that are candidates: those with the largest clean logits.
const CANDIDATES: usize = 10;
/// What the whole perturbation is lengthened by, so that it ends beyond the boundary.
const OVERSHOOT: f64 = 0.02;
/// What each step is longer than the linear distance, and what no slope is shorter than; both as in Foolbox.
const LEAST_STEP: f64 = 1e-4;
const LEAST_SLOPE: f64 = 1e-8;

/// An upper bound on the passes of `iterations` through a network of `classes`.
pub(in crate::attack) fn passes(iterations: usize, classes: usize) -> usize {
    iterations * classes.min(CANDIDATES)
}

/// Images across a near boundary; those that are never crossed are where the last iteration left them.
///
/// # Errors
/// Where the device failed, or the goal is a target.
pub(in crate::attack) async fn nearest(
    victim: &Victim<'_>,
    norm: Norm,
    clean: &Tensor<4>,
    goal: &Goal,
    iterations: usize,
    pace: &Pace,
) -> Result<Tensor<4>, String> {
    let Goal::AwayFrom(_) = goal else { return Err("DeepFool cannot aim at a target".into()) };
    let n = clean.dims()[0];
    let ranks = ranks(victim.estimate(clean));
    let candidates = ranks.dims()[1].min(CANDIDATES);
    let said = at_rank(&ranks, 0);
    let mut images = clean.clone();
    let mut perturbation = clean.zeros_like();
    for _ in 0..iterations {
        let (logits, tapes) = victim.network.forward(victim.weights, images.clone());
        let says = if victim.network.draws().is_some() { victim.estimate(&images) } else { logits.clone() };
        let crossed = goal.reached(says);
        if read(crossed.clone()).await?.into_iter().all(|crossed| crossed > 0.5) {
            break;
        }
        let mut nearest: Option<(Tensor<4>, Tensor<4>)> = None;
        for candidate in 1..candidates {
            let towards = at_rank(&ranks, candidate) - said.clone();
            let gap: Tensor<4> = row_sum(logits.clone() * towards.clone()).abs().reshape([n, 1, 1, 1]);
            let gradient = victim.network.input_vjp(tapes.clone(), towards);
            pace.pass().await;
            let distance = gap / (dual_length(norm, &gradient) + LEAST_SLOPE);
            nearest = Some(match nearest {
                None => (distance, gradient),
                Some((least, direction)) => {
                    let nearer = distance.clone().lower(least.clone()).float();
                    (pick(&nearer, distance, least), pick(&nearer, gradient, direction))
                }
            });
        }
        let Some((distance, gradient)) = nearest else { break };
        let direction = match norm {
            Norm::Linf => sign(&gradient),
            Norm::L2 => unit(norm, gradient),
        };
        perturbation = perturbation + direction * (distance + LEAST_STEP);
        let moved = (clean.clone() + perturbation.clone() * (1.0 + OVERSHOOT)).clamp(0.0, 1.0);
        images = pick(&crossed.reshape([n, 1, 1, 1]), images, moved);
    }
    Ok(images)
}

/// How much the linearised network can change by a perturbation of length 1, `[N, 1, 1, 1]`.
fn dual_length(norm: Norm, gradient: &Tensor<4>) -> Tensor<4> {
    match norm {
        Norm::Linf => sum(gradient.clone().abs()),
        Norm::L2 => length(norm, gradient.clone()),
    }
}
