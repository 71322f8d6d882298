//! The main network's objective and its gradients on the host, in plain loops.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};

use super::terms::{NO_TERMS, Terms};
use super::{Objective, ObjectiveGradients};
use crate::config::Push;
use crate::gpu::host::{Real, host_tensor, in_precision, log_sum};

impl Objective for Flex {
    fn cross_entropy(logits: FloatTensor<Self>, targets: FloatTensor<Self>) -> FloatTensor<Self> {
        in_precision!(logits, T => {
            let [objective, ..] = on_host::<T>(logits, None, targets, None, NO_TERMS);
            objective
        })
    }

    fn great_objective(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        terms: Terms,
    ) -> FloatTensor<Self> {
        in_precision!(logits, T => {
            let [objective, ..] = on_host::<T>(logits, Some(auxiliary_logits), one_hot, None, terms);
            objective
        })
    }
}

impl ObjectiveGradients for Flex {
    fn cross_entropy_vjp(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        in_precision!(logits, T => {
            let [_, gradient, _] = on_host::<T>(logits, None, targets, Some(cotangent), NO_TERMS);
            gradient
        })
    }

    fn great_objective_vjp(
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        cotangent: FloatTensor<Self>,
        terms: Terms,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        in_precision!(logits, T => {
            let [_, gradient, auxiliary_gradient] =
                on_host::<T>(logits, Some(auxiliary_logits), one_hot, Some(cotangent), terms);
            (gradient, auxiliary_gradient)
        })
    }
}

/// The objective and, for a cotangent of 1 or the given one, its gradients; the second is empty without `a'`.
pub(super) fn on_host<T: Real>(
    logits: FlexTensor,
    auxiliary_logits: Option<FlexTensor>,
    targets: FlexTensor,
    cotangent: Option<FlexTensor>,
    terms: Terms,
) -> [FlexTensor; 3] {
    let [n, k] = logits.shape().dims();
    let cotangent = cotangent.map_or(T::ONE, |cotangent| cotangent.to_contiguous().storage::<T>()[0]);
    let (logits, targets) = (logits.to_contiguous(), targets.to_contiguous());
    let auxiliary_logits = auxiliary_logits.map(|logits| logits.to_contiguous());
    let (weight, uniform) = terms.adversary();
    let [beta, weight, share] = [terms.beta, weight, 1.0 / k as f64].map(T::of);
    let [kept, spread] = [1.0 - terms.smoothing, terms.smoothing / k as f64].map(T::of);
    let factor = T::ONE / T::of(n as f64);
    let mut loss = T::ZERO;
    let (mut gradient, mut auxiliary_gradient) = (Vec::with_capacity(n * k), Vec::new());
    let rows = logits.storage::<T>().chunks_exact(k.max(1));
    for (row, (a, t)) in rows.zip(targets.storage::<T>().chunks_exact(k.max(1))).enumerate() {
        let [largest, sum] = log_sum(a);
        let of_main = [largest, sum];
        for (a, t) in a.iter().zip(t) {
            let (log_p, t) = (*a - largest - sum, *t * kept + spread);
            loss += -(t * log_p);
            gradient.push((log_p.exp() - t) * factor * cotangent);
        }
        let Some(auxiliary_logits) = &auxiliary_logits else { continue };
        let b = &auxiliary_logits.storage::<T>()[row * k..][..k];
        let [largest, sum] = log_sum(b);
        let pressure = |b: T, t: T| beta * (b - largest - sum).exp() * (T::ONE - t);
        let total = b.iter().zip(t).fold(T::ZERO, |total, (b, t)| total + pressure(*b, *t));
        let mean = a.iter().fold(T::ZERO, |sum, a| sum + *a) * share;
        for (class, ((a, b), t)) in a.iter().zip(b).zip(t).enumerate() {
            let log_q = *b - largest - sum;
            let target = if uniform { share } else { *t };
            let pressure = pressure(*b, *t);
            let (pushed, back) = match terms.push {
                Push::Raw => (*a, T::ZERO),
                Push::Centred => (*a - mean, total * share),
                Push::LogSoftmax => {
                    let log_p = *a - of_main[0] - of_main[1];
                    (log_p, total * log_p.exp())
                }
            };
            loss += pressure * pushed - weight * target * log_q;
            gradient[row * k + class] += (pressure - back) * factor * cotangent;
            auxiliary_gradient.push(weight * (log_q.exp() - target) * factor * cotangent);
        }
    }
    let auxiliary_rows = auxiliary_gradient.len() / k.max(1);
    [
        host_tensor(vec![loss * factor], [1]),
        host_tensor(gradient, [n, k]),
        host_tensor(auxiliary_gradient, [auxiliary_rows, k]),
    ]
}
