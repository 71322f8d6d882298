//! What a figure looks like, for window, PNG and HTML alike; it knows no toolkit.

pub mod columns;
pub mod number;
pub mod palette;
pub mod picture;
pub mod png;
mod smooth;
mod table;

pub use smooth::{SMOOTHING, smooth};
pub use table::Table;
