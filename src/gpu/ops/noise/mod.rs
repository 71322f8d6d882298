//! Standard normal noise that is a function of its key: the same on every device and in every run, as a kernel and as plain
//! loops.

mod host;
mod kernel;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

/// What noise is a function of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoiseKey {
    /// Tells streams apart.
    pub stream: u64,
    /// The number of the draw within the stream.
    pub pass: u32,
}

/// Standard normal noise of that shape, on the device of `like`: the entry at each place is a function of the key and of
/// the place alone. Where devices compute logarithms and cosines differently, entries differ in the third decimal at most.
/// No entry is beyond ±6. The result carries no autodiff graph.
///
/// # Panics
/// Where `like` on a GPU is not of `f32`.
pub fn noise(like: &Tensor<4>, shape: [usize; 4], key: NoiseKey) -> Tensor<4> {
    let like = like.clone().without_autodiff().into_dispatch();
    let entries = shape.iter().product();
    Tensor::<1>::from_dispatch(Dispatch::noise(like, entries, key)).reshape(shape)
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Cube, Flex)]
pub trait Noise: Backend {
    /// See [`noise`]: `[entries]`.
    fn noise(like: FloatTensor<Self>, entries: usize, key: NoiseKey) -> FloatTensor<Self>;
}
