//! What a figure looks like, for window, PNG and HTML alike; it knows no toolkit.

pub mod number;
mod smooth;

pub use smooth::{SMOOTHING, smooth};
