//! The operations, a room each: functions, autodiff and reference, the kernel's binding, and the loops of the CPU backend.

pub mod activation;
pub mod attack_step;
pub mod boundary_step;
#[cfg(test)]
mod checks;
pub mod convolution;
pub mod group_norm;
pub mod histogram;
pub mod images;
pub mod matrix_product;
pub mod measures;
pub mod noise;
pub mod normalization;
pub mod objective;
pub mod optimizer_step;
pub mod pooling;
pub(in crate::gpu) mod sum_parts;

#[cfg(test)]
mod tests;
