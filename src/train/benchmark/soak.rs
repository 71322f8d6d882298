//! Whether a long run slows down or grows.

use serde::Serialize;

use super::{Learner, Step, burst, median, memory};
use crate::{config::Setup, gpu::Opened};

/// Samples of a whole soak, at most.
const SAMPLES: u64 = 1000;
/// Steps before the first sample.
const SETTLING: u32 = 20;
/// The most by which the last tenth's median step may exceed the first's: the machine has other work, too.
const SLOWER: f64 = 1.25;
/// The most by which memory may grow, and what is too little to count.
const GROWN: f64 = 1.05;
const GROWN_BYTES: u64 = 16 << 20;

/// A moment of a soak.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Steps taken.
    pub step: u64,
    /// Milliseconds per step since the sample before.
    pub ms: f64,
    /// Bytes held, where someone tells.
    pub bytes: Option<u64>,
}

/// How a soak's last tenth differs from its first: medians of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// Steps taken.
    pub steps: u64,
    /// Milliseconds per step in the first tenth.
    pub first_ms: f64,
    /// And in the last.
    pub last_ms: f64,
    /// Bytes held in the first tenth, where someone tells.
    pub first_bytes: Option<u64>,
    /// And in the last.
    pub last_bytes: Option<u64>,
    /// Whether steps became more than a quarter slower.
    pub slower: bool,
    /// Whether memory grew by more than a twentieth and 16 MiB.
    pub grown: bool,
}

/// Takes so many GREAT+GREACE steps and tells of them in samples.
///
/// # Errors
/// Where the device failed.
pub async fn soak(
    setup: &Setup,
    steps: u64,
    opened: &Opened,
    mut tell: impl FnMut(Sample),
) -> Result<Drift, String> {
    let mut learner = Learner::new(setup, Step::Great, opened)?;
    learner.steps(SETTLING).await?;
    let each = steps.div_ceil(SAMPLES).max(u64::from(burst(opened)));
    let mut samples = Vec::new();
    let mut done = 0;
    while done < steps {
        let count = each.min(steps - done);
        let ms = learner.timed(count as u32).await?;
        done += count;
        let sample = Sample { step: done, ms, bytes: memory(opened).map(|memory| memory.now) };
        tell(sample);
        samples.push(sample);
    }
    Ok(Drift::of(&samples))
}

impl Drift {
    /// Of samples in their order.
    fn of(samples: &[Sample]) -> Self {
        let tenth = samples.len().div_ceil(10);
        let (first, last) = (&samples[..tenth], &samples[samples.len() - tenth..]);
        let ms = |part: &[Sample]| median(part.iter().map(|sample| sample.ms).collect());
        let bytes = |part: &[Sample]| -> Option<u64> {
            let bytes: Option<Vec<_>> = part.iter().map(|sample| Some(sample.bytes? as f64)).collect();
            bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| median(bytes) as u64)
        };
        let (first_ms, last_ms) = (ms(first), ms(last));
        let (first_bytes, last_bytes) = (bytes(first), bytes(last));
        let grown = first_bytes
            .zip(last_bytes)
            .is_some_and(|(first, last)| last as f64 > first as f64 * GROWN && last > first + GROWN_BYTES);
        Self {
            steps: samples.last().map_or(0, |sample| sample.step),
            first_ms,
            last_ms,
            first_bytes,
            last_bytes,
            slower: last_ms > first_ms * SLOWER,
            grown,
        }
    }

    /// Whether anything did.
    pub fn is_there(&self) -> bool {
        self.slower || self.grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(ms: impl Fn(u64) -> f64, bytes: impl Fn(u64) -> u64) -> Vec<Sample> {
        (1..=100).map(|step| Sample { step, ms: ms(step), bytes: Some(bytes(step)) }).collect()
    }

    #[test]
    fn what_drifts_is_seen() {
        let steady = Drift::of(&samples(|step| 5.0 + (step % 3) as f64, |step| (1 << 30) + (step % 7)));
        assert!(!steady.is_there() && steady.steps == 100, "{steady:?}");
        let outlier = samples(|step| if step == 100 { 900.0 } else { 5.0 }, |_| 1 << 30);
        assert!(!Drift::of(&outlier).is_there(), "one slow step is no drift");
        let slower = Drift::of(&samples(|step| 5.0 + 0.02 * step as f64, |_| 1 << 30));
        assert!(slower.slower && !slower.grown, "{slower:?}");
        let grown = Drift::of(&samples(|_| 5.0, |step| (100 << 20) + (step << 18)));
        assert!(grown.grown && !grown.slower, "{grown:?}");
        let small = Drift::of(&samples(|_| 5.0, |step| (1 << 20) + (step << 10)));
        assert!(!small.grown, "megabytes are no growth: {small:?}");
    }

    #[test]
    fn nothing_drifts_where_nothing_is_told() {
        let untold: Vec<_> =
            samples(|_| 5.0, |_| 0).into_iter().map(|sample| Sample { bytes: None, ..sample }).collect();
        assert_eq!(Drift::of(&untold).last_bytes, None);
        assert!(!Drift::of(&untold).is_there() && !Drift::of(&[]).is_there());
    }
}
