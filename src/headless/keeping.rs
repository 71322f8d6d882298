//! The flag that says how much of the disk a run may take for looking back at it.

use crate::runs::checkpoints::ROOM;

/// Bytes of a megabyte.
const MEGABYTE: u64 = 1_000_000;
/// Megabytes that may be asked for: more than a disk has.
const MOST: u64 = 1_000_000_000;

/// How much a run keeps.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Keeping {
    /// Megabytes for a run's recording and for checkpoints that newer ones have replaced: of these some are kept, evenly
    /// spaced on a logarithmic scale of steps; 0 keeps the last one alone
    #[arg(long, value_name = "MB", default_value_t = ROOM / MEGABYTE, value_parser = clap::value_parser!(u64).range(..=MOST))]
    keep_checkpoints: u64,
}

impl Default for Keeping {
    fn default() -> Self {
        Self { keep_checkpoints: ROOM / MEGABYTE }
    }
}

impl Keeping {
    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.keep_checkpoints * MEGABYTE
    }
}
