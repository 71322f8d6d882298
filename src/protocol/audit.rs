//! Whether robustness figures can be trusted: the checks of an audit, each with its figure and its reason.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::exact;
use super::run::RunId;

/// One check of whether the figures of a robustness report can be trusted (Athalye et al. 2018; Carlini et al. 2019).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Light {
    /// A stable key, in lower case with hyphens: `epsilon-zero`.
    pub name: Cow<'static, str>,
    /// Whether the check holds.
    pub verdict: Verdict,
    /// The numbers that decided it, in words: `FGSM 23.8 %, PGD-10 10.5 % (n = 256)`.
    pub figure: String,
    /// One sentence of why it matters.
    pub why: Cow<'static, str>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not: the figures that depend on it are not to be trusted.
    Failed,
    /// Too little was run to tell; the light's figure says what to run.
    Unknown,
}

/// Whether robustness figures can be trusted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Audited {
    /// Which run.
    pub run: RunId,
    /// Steps done when the audit began; the weights are of that step.
    pub step: u64,
    /// Whether this is the last of the audit.
    pub complete: bool,
    /// Share of the work done, in [0, 1].
    #[serde(with = "exact")]
    pub progress: f64,
    /// Check by check, in the order in which they are shown.
    pub lights: Vec<Light>,
}
