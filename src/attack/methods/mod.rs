//! The attacks, a file for each way of making examples.

pub(super) mod auto_pgd;
pub(super) mod autoattack;
pub(super) mod boundary;
pub(super) mod carlini_wagner;
pub(super) mod deep_fool;
pub(super) mod descent;
pub(super) mod grid;
pub(super) mod square;
