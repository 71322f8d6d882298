//! Matrix products on the GPU, and with them a bias or its gradient.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, SourceTemplate};
use cubecl::server::Handle;

use super::{Layout, MatrixProduct, product_reference};
use crate::gpu::launch::{
    Hardware, MOST_WORKGROUPS, Shader, Wgsl, allocate, apart, dispatch, info, operand, profile, shader,
    unroll, unused, upload,
};

const SHADER: Shader = shader!("matrix_product.wgsl");
/// Invocations of a workgroup: few, so that small products still make many workgroups.
const LANES: u32 = 64;
/// Terms of an entry from which on a workgroup of a GPU shares it, and entries up to which there is room for as many workgroups.
const LONG: usize = 128;
const FEW: usize = 1 << 13;

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

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        let counts = [
            ("together", u32::from(*self == Self::Together)),
            ("apart", u32::from(*self == Self::Apart)),
            ("tiled", u32::from(*self == Self::Tiled)),
            ("summing", u32::from(*self != Self::Together)),
            ("three", 3),
            ("four", 4),
        ];
        SourceTemplate::new(unroll(SHADER.text, &counts)).register("workgroup", LANES.to_string())
    }
}

/// Every variant.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    Kernel::ALL.map(|kernel| kernel.complete()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Opened;
    use crate::gpu::launch::test_device::{self, entries, test_device};

    /// Small integers, so that every sum is exact, whatever its order.
    fn tensor<const D: usize>(gpu: &Opened, shape: [usize; D], seed: usize) -> CubeTensor {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|index| ((index * 37 + seed) % 127 % 9) as f32 - 4.0).collect();
        test_device::tensor(gpu, values, shape)
    }

    #[test]
    fn all_kernels_are_one_product() {
        let Some(gpu) = test_device() else { return };
        for [rows, inner, columns] in [[1, 1, 1], [3, 63, 5], [7, 64, 2], [2, 65, 9], [5, 1024, 10]] {
            let shapes = [
                (Layout::Nn, [rows, inner], [inner, columns]),
                (Layout::Nt, [rows, inner], [columns, inner]),
                (Layout::Tn, [inner, rows], [inner, columns]),
            ];
            for (layout, a, b) in shapes {
                let [a, b, bias] = [tensor(&gpu, a, 1), tensor(&gpu, b, 2), tensor(&gpu, [columns], 3)];
                let [together, apart, tiled] = Kernel::ALL.map(|kernel| {
                    let operands = [a.clone(), b.clone()];
                    entries(launch_as(kernel, operands, layout, Vector::Bias, &bias.handle))
                });
                assert!(together == apart && apart == tiled, "{layout:?} {rows}×{inner}×{columns}");
            }
        }
    }
}
