//! The matrix products of small heads, each the derivative of the others: a kernel, and burn's own product.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_wgpu::{CubeBackend, KernelSource, SourceTemplate, into_contiguous};
use cubecl::prelude::KernelId;

use super::bilinear::Bilinear;
use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, WORKGROUP, allocate, dispatch, info, upload};
use super::profile;

/// Invocations of a workgroup: few, so that small products still make many workgroups.
const LANES: u32 = WORKGROUP / 4;

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

impl MatrixProduct for Flex {}

/// What [`matrix_product`] computes, by burn's product.
fn product_reference<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>, layout: Layout) -> FloatTensor<B> {
    match layout {
        Layout::Nn => B::float_matmul(a, b),
        Layout::Nt => B::float_matmul(a, B::float_transpose(b)),
        Layout::Tn => B::float_matmul(B::float_transpose(a), b),
    }
}

impl<B: MatrixProduct, C: CheckpointStrategy> MatrixProduct for Autodiff<B, C> {
    fn matrix_product(a: FloatTensor<Self>, b: FloatTensor<Self>, layout: Layout) -> FloatTensor<Self> {
        let backward = match layout {
            Layout::Nn => Bilinear::<B, Layout> {
                to_left: |cotangent, b, _| B::matrix_product(cotangent, b, Layout::Nt),
                to_right: |cotangent, a, _| B::matrix_product(a, cotangent, Layout::Tn),
            },
            Layout::Nt => Bilinear {
                to_left: |cotangent, b, _| B::matrix_product(cotangent, b, Layout::Nn),
                to_right: |cotangent, a, _| B::matrix_product(cotangent, a, Layout::Tn),
            },
            Layout::Tn => Bilinear {
                to_left: |cotangent, b, _| B::matrix_product(b, cotangent, Layout::Nt),
                to_right: |cotangent, a, _| B::matrix_product(a, cotangent, Layout::Nn),
            },
        };
        backward.record::<C>(B::matrix_product, a, b, layout)
    }
}

impl MatrixProduct for CubeBackend {
    fn matrix_product(a: FloatTensor<Self>, b: FloatTensor<Self>, layout: Layout) -> FloatTensor<Self> {
        let sizes = layout.sizes(a.meta.shape().dims(), b.meta.shape().dims());
        let [rows, inner, _, columns] = sizes.map(|size| size as u32);
        let taken = [&a, &b]
            .iter()
            .all(|tensor| tensor.dtype == DType::F32 && tensor.meta.shape().num_elements() <= MOST_ELEMENTS);
        if !taken {
            return product_reference::<Self>(a, b, layout);
        }
        if rows * columns * inner == 0 {
            return upload(&a, [sizes[0], sizes[3]], &vec![0f32; sizes[0] * sizes[3]]);
        }
        let (a, b) = (into_contiguous(a), into_contiguous(b));
        let product = allocate::<f32>(&a, [sizes[0], sizes[3]]);
        let ([a_row, a_inner], [b_inner, b_column]) = match layout {
            Layout::Nn => ([inner, 1], [columns, 1]),
            Layout::Nt => ([inner, 1], [1, inner]),
            Layout::Tn => ([1, rows], [columns, 1]),
        };
        let info = info(&a, &[rows, columns, inner, a_row, a_inner, b_inner, b_column]);
        let workgroups = [(rows * columns).div_ceil(LANES).min(MOST_WORKGROUPS), 1, 1];
        profile::computes(2 * [rows, columns, inner].map(u64::from).iter().product::<u64>());
        dispatch(&a, Kernel, LANES, workgroups, &[&a.handle, &b.handle, &product.handle, &info]);
        product
    }
}

/// The kernel; its source depends on constants alone.
pub(super) struct Kernel;

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(include_str!("../../shaders/matrix_product.wgsl"))
            .register("workgroup", LANES.to_string())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>()
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
