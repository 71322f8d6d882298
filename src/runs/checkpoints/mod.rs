//! The checkpoints of a run: the last one, and of those before it some, by which it can be gone on with from there.

mod files;
mod keep;

#[cfg(test)]
pub use files::tests::made_up as made_up_checkpoint;
pub use files::{Kept, in_folder, is_earlier, known, name_of, step_in};
pub use keep::{Checkpoints, ROOM, clear};
