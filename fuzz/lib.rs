//! The readers under test, and nothing else of the lab.
//!
//! The module is taken in by its path, because depending on `great-lab` would compile burn, wgpu and egui under the
//! sanitizer: most of an hour in place of a minute.

#[path = "../src/data/mod.rs"]
pub mod data;
