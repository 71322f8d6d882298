//! An attack on a batch: on whom, what for, with what.

use burn::tensor::Tensor;

use super::{goal::Goal, victim::Victim};
use crate::config::Threat;

/// An attack on a batch.
#[derive(Clone, Copy, Debug)]
pub struct Assault<'a> {
    /// On whom.
    pub victim: Victim<'a>,
    /// On whom a transfer attack makes its examples; no other attack looks at it.
    pub surrogate: Option<Victim<'a>>,
    /// `[N, C, H, W]`.
    pub clean: &'a Tensor<4>,
    /// What for.
    pub goal: &'a Goal,
    /// With what.
    pub threat: Threat,
    /// Where it begins.
    pub start: Start,
}

/// Where an attack begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// Where its authors begin, at random for some.
    #[default]
    Own,
    /// At the clean images: what a comparison with another tool needs.
    Clean,
}
