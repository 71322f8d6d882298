//! Where the time of a full step goes: the step of the defence scenario, phase by phase.

use burn::tensor::{Device, ExecutionError};
use great_lab::{gpu::logit_gradient, nn::loss};
use serde::{Deserialize, Serialize};
use web_time::Instant;

use crate::{
    measure::{Job, WARM_UP, median},
    pieces::{Pieces, hyper},
};

/// A phase of the step and its median time.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lap {
    /// Which phase.
    pub phase: String,
    /// Its milliseconds.
    pub ms: f64,
}

/// Ends a phase; what was queued for the device counts to it.
struct Watch<'a> {
    device: &'a Device,
    begin: Instant,
    laps: Vec<(&'static str, f64)>,
}

impl Watch<'_> {
    fn lap(&mut self, phase: &'static str) -> Result<(), ExecutionError> {
        self.device.sync()?;
        self.laps.push((phase, self.begin.elapsed().as_secs_f64() * 1e3));
        self.begin = Instant::now();
        Ok(())
    }
}

/// The phases in their order.
///
/// # Errors
/// Where the device fails.
pub fn laps(job: &Job, device: &Device) -> Result<Vec<Lap>, ExecutionError> {
    let mut pieces = Pieces::new(job, device);
    let mut steps = Vec::new();
    for step in 0..WARM_UP + u64::from(job.steps) {
        let mut watch = Watch { device, begin: Instant::now(), laps: Vec::new() };
        one_step(&mut pieces, step, &mut watch)?;
        steps.push(watch.laps);
    }
    let timed = &steps[WARM_UP as usize..];
    let lap = |index: usize| Lap {
        phase: timed[0][index].0.into(),
        ms: median(timed.iter().map(|laps| laps[index].1).collect()),
    };
    Ok((0..timed[0].len()).map(lap).collect())
}

fn one_step(pieces: &mut Pieces, step: u64, watch: &mut Watch) -> Result<(), ExecutionError> {
    let hyper = hyper();
    let batch = pieces.batch(step);
    watch.lap("gather")?;

    let theta = pieces.main.weights.tracked();
    let (logits, tapes) = pieces.main.network.forward(&theta, batch.images);
    watch.lap("forward")?;

    let cotangent = logit_gradient(logits.clone(), batch.one_hot.clone());
    let gradient = pieces.main.network.input_vjp(&theta, tapes, cotangent);
    watch.lap("input vector-Jacobian product")?;

    let read = loss::normalize(hyper.normalization, gradient.clone().without_autodiff());
    let phi = pieces.auxiliary.weights.tracked();
    let said = pieces.auxiliary.network.logits(&phi, read);
    let gradients = phi.gradients(&mut loss::cross_entropy(said, batch.one_hot.clone()).backward());
    pieces.auxiliary.update(gradients);
    watch.lap("auxiliary step")?;

    let read = loss::normalize(hyper.normalization, gradient);
    let said = pieces.auxiliary.network.logits(&pieces.auxiliary.weights, read);
    let terms = loss::Terms { beta: hyper.beta, alpha: hyper.alpha, adversary: hyper.adversary };
    let objective = loss::great_objective(logits, said, batch.one_hot, terms);
    watch.lap("objective")?;

    let gradients = theta.gradients(&mut objective.backward());
    watch.lap("backward")?;

    pieces.main.update(gradients);
    watch.lap("optimiser")
}
