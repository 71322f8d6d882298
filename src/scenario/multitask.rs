//! What sets methods of multi-task learning apart, as tensor operations: algorithms, section 3.
//!
//! Every method reads the same thing, the gradients of the tasks' losses with respect to the shared representation
//! `s` `[N, C', H', W']`, and ends in one gradient for `s` and, where it has them, new weights of the tasks.

mod alignment;
mod gain;
mod gradnorm;
mod pcgrad;
mod uncertainty;

pub use alignment::Alignment;
pub use gain::{Metric, gain_by_task, loss_over_metrics};
pub use gradnorm::{GRADNORM_ALPHA, gradnorm};
pub use pcgrad::{Compass, compass, conflict_orders, pcgrad};
pub use uncertainty::{FIRST_LOG_VARIANCE, Uncertainty, uncertainty};
