//! How many held-out images withstand attacks.

mod batch_size;
mod found;
mod outcome;
mod run;
mod worst;

pub use batch_size::BatchSizes;
pub use found::{curves, found};
pub use outcome::{Outcome, Outcomes};
pub use run::{Attacked, Counts, Evaluation, Tally, Turn};
pub use worst::{smallest_radii, worst_cases};
