//! Several runs that are held against each other: the plan of a comparison, what its finished cells measured, and the tables
//! and charts that are drawn of it. `great-lab compare` makes comparisons, here they are read.

pub mod charts;
mod metrics;
pub mod outcome;
mod plan;
pub mod progress;
pub mod published;
mod statistics;
pub mod table;

pub use metrics::Metric;
pub use outcome::Results;
pub use plan::{Cell, Evaluating, PLAN_FILE, Plan, family, in_order, measured_at_the_end, said_elsewhere};
pub use progress::{CellState, Comparison};

/// Whether `folder` holds a comparison, and no run.
pub fn is_in(folder: &std::path::Path) -> bool {
    folder.join(PLAN_FILE).is_file()
}
