//! What every operation on the CPU backend shares: precisions, loops that become vectors, and memory.

mod buffers;
mod free;
mod loops;
mod real;
mod rows;

pub(in crate::gpu) use buffers::{buffer, keep, recycle};
pub(in crate::gpu) use loops::{map, sums};
pub(in crate::gpu) use real::{Real, host_tensor, in_precision};
pub(in crate::gpu) use rows::{largest, log_sum};
