//! The loop (nothing else loops), the protocol with its faces, and checkpoints.

pub mod protocol;
