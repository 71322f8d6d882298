//! What a kept run consists of: its folder, its record, its tables, and what writes them.

pub mod record;
pub mod rescue;
pub mod run_folder;
pub mod tables;
pub mod write;
pub mod writer;
