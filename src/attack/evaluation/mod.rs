//! How many held-out images withstand attacks.

mod batch_size;
mod counts;
mod found;
mod outcome;
mod run;
mod worst;

pub use batch_size::BatchSizes;
pub use counts::{Counts, Tally};
pub use found::{curves, found};
pub use outcome::{Outcome, Outcomes};
pub use run::{Attacked, Evaluation, Turn};
pub use worst::{smallest_radii, worst_cases};
