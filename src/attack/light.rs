//! A light of the audit: one check of whether a robustness figure can be trusted, with its own figure and its reason.

use serde::Serialize;

/// One check of whether the figures of a robustness report can be trusted (Athalye et al. 2018; Carlini et al. 2019).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Light {
    /// A stable key, in lower case with hyphens: `epsilon-zero`.
    pub name: &'static str,
    /// Whether the check holds.
    pub verdict: Verdict,
    /// The numbers that decided it, in words: `FGSM 23.8 %, PGD-10 10.5 % (n = 256)`.
    pub figure: String,
    /// One sentence of why it matters.
    pub why: &'static str,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not: the figures that depend on it are not to be trusted.
    Failed,
    /// Too little was run to tell; the light's figure says what to run.
    Unknown,
}
