//! What sets methods of multi-task learning apart, as tensor operations: algorithms, section 3.
//!
//! Every method reads the same thing, the gradients of the tasks' losses with respect to the shared representation
//! `s` `[N, C', H', W']`, and ends in one gradient for `s` and, where it has them, new weights of the tasks.

mod alignment;
mod balance;
mod errors;
mod figures;
mod game;
mod held_out;
mod network;
mod pcgrad;
mod play;
mod reversal;
mod targets;
mod task;
mod weighing;

pub use alignment::Alignment;
pub use figures::PendingFigures;
pub use game::{Multitask, TaskError};
pub use network::{balance_specs, discriminator, network};
pub use pcgrad::{Compass, compass, conflict_orders, pcgrad};
pub use task::Task;
pub use weighing::{FIRST_LOG_VARIANCE, GRADNORM_ALPHA, Uncertainty, gradnorm, uncertainty};
