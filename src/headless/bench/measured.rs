//! What `bench` measures: a step's time and memory, and the operations that its time goes into.

use serde::Serialize;

use crate::train::benchmark::{Ceilings, Profile, Results};

const MEBIBYTE: f64 = (1 << 20) as f64;

/// All that was measured; what `--json` prints.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Time and memory of a step.
    #[serde(flatten)]
    pub results: Results,
    /// Where its time goes, where that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
}

/// An operation of a step, all its launches together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    /// What is computed.
    pub name: String,
    /// Whether the kernel is ours.
    pub ours: bool,
    /// How often it is launched.
    pub launches: u64,
    /// Milliseconds of a step.
    pub ms: f64,
    /// Of the step.
    pub share: f64,
    /// Bytes read and written.
    pub bytes: u64,
    /// Additions and multiplications.
    pub floating_point_operations: u64,
    /// The least time that the nearer of both ceilings allows, as a share of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_ceiling: Option<f64>,
}

impl Operation {
    /// All of these together.
    pub fn sum(name: &str, operations: &[&Self]) -> Self {
        Self {
            name: name.into(),
            ours: false,
            launches: operations.iter().map(|operation| operation.launches).sum(),
            ms: operations.iter().fold(0.0, |sum, operation| sum + operation.ms),
            share: operations.iter().fold(0.0, |sum, operation| sum + operation.share),
            bytes: 0,
            floating_point_operations: 0,
            of_ceiling: None,
        }
    }
}

/// A profile's operations against the ceilings; last what is left of the step.
///
/// On a GPU that is the time between launches; on the CPU backend, `on_host`, burn's operations, which nobody times.
pub fn operations(profile: &Profile, ceilings: &Ceilings, on_host: bool) -> Vec<Operation> {
    let mut operations: Vec<_> = profile
        .costs
        .iter()
        .map(|cost| Operation {
            name: cost.name.clone(),
            ours: cost.ours,
            launches: cost.launches,
            ms: cost.milliseconds,
            share: cost.milliseconds / profile.step_ms,
            bytes: cost.bytes,
            floating_point_operations: cost.operations,
            of_ceiling: (cost.bytes > 0 && cost.milliseconds > 0.0)
                .then(|| ceilings.least_seconds(cost.bytes, cost.operations) * 1e3 / cost.milliseconds),
        })
        .collect();
    let together: f64 = operations.iter().map(|operation| operation.ms).sum();
    let rest = (profile.step_ms - together).max(0.0);
    let name = if on_host { "burn's operations and the rest" } else { "between launches" };
    operations.push(Operation { ms: rest, share: rest / profile.step_ms, ..Operation::sum(name, &[]) });
    operations
}

/// Memory as people read it: `512 MiB`.
pub fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / MEBIBYTE)
}
