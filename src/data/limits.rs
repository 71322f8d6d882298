//! What a data set may be at most.

use std::ops::RangeInclusive;

/// Heights and widths that the networks take, in pixels.
pub const SIZES: RangeInclusive<usize> = 8..=96;
/// Most classes a data set may have.
pub const MAX_CLASSES: usize = 100;
/// Most bytes in a file, and of what a packed one unpacks to: a page has 4 GiB in all, and the largest of the known
/// data sets needs 0.6.
pub const MAX_FILE_BYTES: u64 = 1 << 31;
