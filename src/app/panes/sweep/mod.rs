//! The sweep: what other values of a knob or two lead to, seed by seed, run by run behind the present one.

mod form;
mod grid;
mod pane;

pub use pane::{NAME, SweepPane};
