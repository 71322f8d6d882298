//! The readers under test, and nothing else of the lab but what they name of it.
//!
//! The modules are taken in by their paths, because depending on `great-lab` would compile burn, wgpu and egui under the
//! sanitizer: most of an hour in place of a minute.

#[path = "../src/data/mod.rs"]
pub mod data;

#[path = "../src/platform/text.rs"]
pub mod text;

#[allow(unused_imports, reason = "others of the lab's modules use them")]
#[path = "../src/config/mod.rs"]
pub mod config;

#[path = "../src/protocol/mod.rs"]
pub mod protocol;

pub mod runs;

/// What the readers name of the platform.
pub mod platform {
    /// The disk.
    pub mod files {
        /// A file, to be read.
        pub fn open(path: &std::path::Path) -> std::io::Result<std::fs::File> {
            std::fs::File::open(path)
        }
    }

    pub use crate::text;
    use std::{collections::BTreeMap, rc::Rc};

    /// Name and bytes of each file that people gave.
    pub type Files = Rc<BTreeMap<String, Vec<u8>>>;

    /// None: there is no page here.
    pub fn given_files(_folder: &str) -> Option<Files> {
        None
    }
}
