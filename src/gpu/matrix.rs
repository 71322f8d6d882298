//! The matrix products of small heads, each the derivative of the others: a kernel, and burn's own product.

use burn::backend::autodiff::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_wgpu::{CubeBackend, CubeTensor, KernelSource, SourceTemplate};
use cubecl::prelude::KernelId;
use cubecl::server::Handle;

use super::bilinear::{Bilinear, ToRight};
use super::hardware::Hardware;
use super::info::info;
use super::kernel::{MOST_WORKGROUPS, allocate, apart, dispatch, operand, unused, upload};
use super::profile::{self, Work};
use super::shared::Share;
use super::unroll::unroll;

/// Invocations of a workgroup: few, so that small products still make many workgroups.
const LANES: u32 = 64;
/// Terms of an entry from which on a workgroup of a GPU shares it, and entries up to which there is room for so many.
const LONG: usize = 128;
const FEW: usize = 1 << 13;

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
        profile::on_host("matrix product", work, || product_reference::<Self>(a, b, layout))
    }
}

/// What [`matrix_product`] computes, by burn's product.
fn product_reference<B: Backend>(a: FloatTensor<B>, b: FloatTensor<B>, layout: Layout) -> FloatTensor<B> {
    match layout {
        Layout::Nn => B::float_matmul(a, b),
        Layout::Nt => B::float_matmul(a, B::float_transpose(b)),
        Layout::Tn => B::float_matmul(B::float_transpose(a), b),
    }
}

impl<B: MatrixProduct + Share, C: CheckpointStrategy> MatrixProduct for Autodiff<B, C> {
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

impl MatrixProduct for CubeBackend {
    fn matrix_product(a: FloatTensor<Self>, b: FloatTensor<Self>, layout: Layout) -> FloatTensor<Self> {
        if [&a, &b].iter().any(|tensor| tensor.dtype != DType::F32) {
            return product_reference::<Self>(a, b, layout);
        }
        let vector = unused(&a, 0);
        launch(a, b, layout, Vector::Nothing, &vector)
    }
}

/// What the kernel's vector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vector {
    /// Not used.
    Nothing = 0,
    /// A bias, added to each row of the product: as long as it has columns.
    Bias = 1,
    /// Written: the sums of `a` over its inner index, as long as the product has rows.
    Sums = 2,
}

/// The product, and what `kind` says of `vector`, in one launch; zero where the inner size is 0, whatever the kind.
pub(super) fn launch(
    a: CubeTensor,
    b: CubeTensor,
    layout: Layout,
    kind: Vector,
    vector: &Handle,
) -> CubeTensor {
    let [rows, inner, _, columns] = layout.sizes(a.meta.shape().dims(), b.meta.shape().dims());
    let kernel = if Hardware::of(&a).is_software() {
        Kernel::Tiled
    } else if kind != Vector::Sums && inner >= LONG && rows * columns <= FEW {
        Kernel::Together
    } else {
        Kernel::Apart
    };
    launch_as(kernel, [a, b], layout, kind, vector)
}

/// The same by one of the kernels; of [`FEW`] entries at most where workgroups share them.
fn launch_as(
    kernel: Kernel,
    operands: [CubeTensor; 2],
    layout: Layout,
    kind: Vector,
    vector: &Handle,
) -> CubeTensor {
    let [a, b] = operands.map(operand);
    let b = apart(b, &[&a.handle]);
    let sizes = layout.sizes(a.meta.shape().dims(), b.meta.shape().dims());
    let [rows, inner, _, columns] = sizes.map(|size| size as u32);
    if sizes.contains(&0) {
        return upload(&a, [sizes[0], sizes[3]], &vec![0f32; sizes[0] * sizes[3]]);
    }
    let product = allocate::<f32>(&a, [sizes[0], sizes[3]]);
    let ([a_row, a_inner], [b_inner, b_column]) = match layout {
        Layout::Nn => ([inner, 1], [columns, 1]),
        Layout::Nt => ([inner, 1], [1, inner]),
        Layout::Tn => ([1, rows], [columns, 1]),
    };
    let info = info(&a, &[rows, columns, inner, a_row, a_inner, b_inner, b_column, kind as u32]);
    profile::computes(2 * [rows, columns, inner].map(u64::from).iter().product::<u64>());
    let groups = match kernel {
        Kernel::Together => rows * columns,
        Kernel::Apart => (rows * columns).div_ceil(LANES).min(MOST_WORKGROUPS),
        Kernel::Tiled => (rows.div_ceil(4) * columns.div_ceil(4)).div_ceil(LANES).min(MOST_WORKGROUPS),
    };
    let buffers = [&a.handle, &b.handle, &product.handle, vector, &info];
    dispatch(&a, kernel, LANES, [groups, 1, 1], &buffers);
    product
}

/// The product, and a bias or its gradient with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kernel {
    /// A workgroup shares an entry.
    Together,
    /// An invocation has an entry.
    Apart,
    /// An invocation has a tile of 4 × 4 entries, for which it loads a quarter as much: on software drivers loads are what
    /// takes time, and there are no invocations to keep busy.
    Tiled,
}

impl Kernel {
    const ALL: [Self; 3] = [Self::Together, Self::Apart, Self::Tiled];
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let counts = [
            ("together", u32::from(*self == Self::Together)),
            ("apart", u32::from(*self == Self::Apart)),
            ("tiled", u32::from(*self == Self::Tiled)),
            ("summing", u32::from(*self != Self::Together)),
            ("three", 3),
            ("four", 4),
        ];
        SourceTemplate::new(unroll(include_str!("../../shaders/matrix_product.wgsl"), &counts))
            .register("workgroup", LANES.to_string())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(("matrix_product.wgsl", *self))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Every variant.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    Kernel::ALL.map(|kernel| ("matrix_product.wgsl", kernel.source().complete())).into()
}

#[cfg(test)]
mod tests {
    use burn::backend::ops::FloatTensorOps;
    use burn::tensor::TensorData;
    use burn_wgpu::WgpuDevice;
    use cubecl::wgpu::WgpuDeviceKind;

    use super::*;

    /// Small integers, so that every sum is exact, whatever its order.
    fn tensor<const D: usize>(shape: [usize; D], seed: usize) -> CubeTensor {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|index| ((index * 37 + seed) % 127 % 9) as f32 - 4.0).collect();
        let device = WgpuDevice::new(WgpuDeviceKind::Cpu).into();
        CubeBackend::float_from_data(TensorData::new(values, shape), &device)
    }

    #[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
    fn values(tensor: CubeTensor) -> Vec<f32> {
        let data = pollster::block_on(CubeBackend::float_into_data(tensor)).expect("llvmpipe computes");
        data.try_into_vec().expect("they are floats")
    }

    #[test]
    fn all_kernels_are_one_product() {
        for [rows, inner, columns] in [[1, 1, 1], [3, 63, 5], [7, 64, 2], [2, 65, 9], [5, 1024, 10]] {
            let shapes = [
                (Layout::Nn, [rows, inner], [inner, columns]),
                (Layout::Nt, [rows, inner], [columns, inner]),
                (Layout::Tn, [inner, rows], [inner, columns]),
            ];
            for (layout, a, b) in shapes {
                let [a, b, bias] = [tensor(a, 1), tensor(b, 2), tensor([columns], 3)];
                let [together, apart, tiled] = Kernel::ALL.map(|kernel| {
                    let operands = [a.clone(), b.clone()];
                    values(launch_as(kernel, operands, layout, Vector::Bias, &bias.handle))
                });
                assert!(together == apart && apart == tiled, "{layout:?} {rows}×{inner}×{columns}");
            }
        }
    }
}
