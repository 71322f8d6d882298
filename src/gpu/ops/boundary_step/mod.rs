//! One step of FAB towards the linearised boundary (Croce & Hein 2020), as a kernel and as plain loops: both projections
//! and what is made of them, without a tensor between.

mod host;
mod kernel;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::config::Norm;

/// How far a step goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// In which distance the projections are nearest.
    pub norm: Norm,
    /// Each projection's offset is taken this often.
    pub overshoot: f32,
    /// Largest share of the projection of the clean image.
    pub most_bias: f32,
}

/// Projects `images` and `clean` `[N, C, H, W]` onto the boundary where the linear function with gradient `normal`
/// `[N, C, H, W]` and value `excess` `[N]` at the images is 0, inside [0, 1], and goes to a point between the two: the
/// share of the clean image's is that of the images' projection in the lengths of both, and at most `reach.most_bias`.
///
/// A projection moves every pixel against its slope by the same level, L∞, or by the level times its slope, L2, until
/// the pixel is black or white; where the boundary is out of reach, as far as that goes. The level λ with
/// `Σ weight · min(λ, cap) = amount` comes by Newton's method: the sum is concave in λ, so it comes from below and never
/// overshoots, without sorting. The result carries no autodiff graph.
///
/// # Panics
/// Where shapes differ, or a tensor on a GPU is not of `f32`.
pub fn boundary_step(
    images: Tensor<4>,
    clean: Tensor<4>,
    normal: Tensor<4>,
    excess: Tensor<1>,
    reach: Reach,
) -> Tensor<4> {
    let dims = images.dims();
    let fits = clean.dims() == dims && normal.dims() == dims && excess.dims() == [dims[0]];
    assert!(fits, "boundary_step: images, clean images, normals and excesses differ in shape");
    let [images, clean, normal] =
        [images, clean, normal].map(|tensor| tensor.without_autodiff().into_dispatch());
    let excess = excess.without_autodiff().into_dispatch();
    Tensor::from_dispatch(Dispatch::boundary_step(images, clean, normal, excess, reach))
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Cube, Flex)]
pub trait BoundaryStep: Backend {
    /// See [`boundary_step`].
    fn boundary_step(
        images: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        normal: FloatTensor<Self>,
        excess: FloatTensor<Self>,
        reach: Reach,
    ) -> FloatTensor<Self>;
}
