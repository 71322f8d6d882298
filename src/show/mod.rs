//! What a figure looks like, for window, PNG and HTML alike; it knows no toolkit.

pub mod bins;
mod chart;
pub mod charts;
pub mod columns;
pub mod gradients;
pub mod matrix;
pub mod number;
pub mod palette;
pub mod picture;
pub mod planes;
pub mod png;
mod smooth;
mod table;

pub use chart::{Axis, Chart, Mark, Shape};
pub use number::shortened;
pub use smooth::{SMOOTHING, smooth};
pub use table::Table;
