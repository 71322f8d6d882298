//! The readers under test, and nothing else of the lab but what they name of it.
//!
//! The module is taken in by its path, because depending on `great-lab` would compile burn, wgpu and egui under the
//! sanitizer: most of an hour in place of a minute.

#[path = "../src/data/mod.rs"]
pub mod data;

#[path = "../src/platform/text.rs"]
mod text;

/// What the readers name of the lab's settings.
pub mod config {
    /// Built-in data, which no target reads.
    pub const BUILT_IN_DATA: [&str; 2] = ["fashion-mnist", "solids"];
}

/// What the readers name of the platform.
pub mod platform {
    pub use crate::text;
    use std::{collections::BTreeMap, rc::Rc};

    /// Name and bytes of each file that people gave.
    pub type Files = Rc<BTreeMap<String, Vec<u8>>>;

    /// None: there is no page here.
    pub fn given_files(_folder: &str) -> Option<Files> {
        None
    }
}
