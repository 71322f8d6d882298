//! The matrix products of small heads, each the derivative of the others: a kernel, and burn's own product.

mod kernel;
mod linear;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;
pub use linear::linear;

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Slice, Tensor};

use crate::gpu::autodiff::{Bilinear, PartSums, ToRight};
use crate::gpu::launch::profile::{self, Work};

/// Which operand of a product is transposed, as BLAS writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `a b`
    Nn,
    /// `a bᵀ`
    Nt,
    /// `aᵀ b`
    Tn,
}

impl Layout {
    /// Rows, inner size of `a`, inner size of `b`, columns.
    fn sizes(self, a: [usize; 2], b: [usize; 2]) -> [usize; 4] {
        match self {
            Self::Nn => [a[0], a[1], b[0], b[1]],
            Self::Nt => [a[0], a[1], b[1], b[0]],
            Self::Tn => [a[1], a[0], b[0], b[1]],
        }
    }
}

/// The product of two matrices, one of them transposed where the layout says so.
///
/// # Panics
/// Where the inner sizes differ.
pub fn matrix_product(a: Tensor<2>, b: Tensor<2>, layout: Layout) -> Tensor<2> {
    let [_, inner, expected, _] = layout.sizes(a.dims(), b.dims());
    assert_eq!(inner, expected, "matrix_product: the inner sizes of a and b differ");
    Tensor::from_dispatch(Dispatch::matrix_product(a.into_dispatch(), b.into_dispatch(), layout))
}

/// How burn routes the operation to the kernel; without one, it is burn's own product.
#[backend_extension(Autodiff, Cube, Flex)]
pub trait MatrixProduct: Backend {
    /// See [`matrix_product`].
    fn matrix_product(a: FloatTensor<Self>, b: FloatTensor<Self>, layout: Layout) -> FloatTensor<Self> {
        product_reference::<Self>(a, b, layout)
    }
}

impl MatrixProduct for Flex {
    fn matrix_product(a: FloatTensor<Self>, b: FloatTensor<Self>, layout: Layout) -> FloatTensor<Self> {
        let [rows, inner, _, columns] = layout.sizes(a.shape().dims(), b.shape().dims());
        let bytes = 4 * (rows * inner + inner * columns + rows * columns) as u64;
        let work = Work { bytes, operations: 2 * (rows * inner * columns) as u64 };
        profile::on_host("matrix product", work, || match layout {
            Layout::Nn | Layout::Nt => product_row_by_row::<Self>(a, b, layout),
            // A sum over the rows, which depends on them anyway.
            Layout::Tn => product_reference::<Self>(a, b, layout),
        })
    }
}

/// Entries of a product up to which burn's product on the host sums in another order than above.
const FEW: usize = 256;
/// Rows up to which it sums long rows in parts of one size, and entries of a row up to which it sums them whole.
const ROWS: usize = 64;
const INNER: usize = 512;

/// The product on the host, such that no bit of a row depends on how many other rows there are: an image under attack is
/// rounded alike in every batch.
fn product_row_by_row<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>, layout: Layout) -> FloatTensor<B> {
    let [rows, inner, _, columns] = layout.sizes(a.shape().dims(), b.shape().dims());
    let least = FEW / columns.max(1) + 1;
    let at_once = if inner > INNER { ROWS } else { usize::MAX };
    if rows == 0 || columns == 0 || (least..=at_once).contains(&rows) {
        return product_reference::<B>(a, b, layout);
    }
    let part = |tensor: &FloatTensor<B>, first: usize, count: usize| {
        let every = |start: usize, end: usize| Slice::new(start as isize, Some(end as isize), 1);
        let width = tensor.shape()[1];
        B::float_slice(tensor.clone(), &[every(first, first + count), every(0, width)])
    };
    let block = |first: usize| {
        let count = at_once.min(rows - first);
        let mut of_block = part(&a, first, count);
        if count < least {
            let device = of_block.device();
            let zeros = B::float_zeros(Shape::from([least - count, inner]), &device, a.dtype().into());
            of_block = B::float_cat(vec![of_block, zeros], 0);
        }
        part(&product_reference::<B>(of_block, b.clone(), layout), 0, count)
    };
    let mut blocks: Vec<FloatTensor<B>> = (0..rows).step_by(at_once).map(block).collect();
    if blocks.len() > 1 { B::float_cat(blocks, 0) } else { blocks.remove(0) }
}

/// What [`matrix_product`] computes, by burn's product.
fn product_reference<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>, layout: Layout) -> FloatTensor<B> {
    match layout {
        Layout::Nn => B::float_matmul(a, b),
        Layout::Nt => B::float_matmul(a, B::float_transpose(b)),
        Layout::Tn => B::float_matmul(B::float_transpose(a), b),
    }
}

impl<B: MatrixProduct + PartSums, C: CheckpointStrategy> MatrixProduct for Autodiff<B, C> {
    fn matrix_product(a: FloatTensor<Self>, b: FloatTensor<Self>, layout: Layout) -> FloatTensor<Self> {
        let backward = match layout {
            Layout::Nn => Bilinear::<B, Layout> {
                to_left: |cotangent, b, _| B::matrix_product(cotangent, b, Layout::Nt),
                to_right: ToRight::Alone(|cotangent, a, _| B::matrix_product(a, cotangent, Layout::Tn)),
            },
            Layout::Nt => Bilinear {
                to_left: |cotangent, b, _| B::matrix_product(cotangent, b, Layout::Nn),
                to_right: ToRight::Alone(|cotangent, a, _| B::matrix_product(cotangent, a, Layout::Tn)),
            },
            Layout::Tn => Bilinear {
                to_left: |cotangent, b, _| B::matrix_product(b, cotangent, Layout::Nt),
                to_right: ToRight::Alone(|cotangent, a, _| B::matrix_product(a, cotangent, Layout::Nn)),
            },
        };
        backward.record::<C>(B::matrix_product, a, b, layout)
    }
}
