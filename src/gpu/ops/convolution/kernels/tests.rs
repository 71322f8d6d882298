//! All kinds of kernels, whichever the adapter here gets, against the host's.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{DType, FloatDType, f16};
use burn_wgpu::{CubeBackend, CubeTensor};

use super::{Geometry, Hardware, Kind, PartSums, Sizes, Storage, Variant, tiles};
use crate::gpu::Opened;
use crate::gpu::launch::test_device::{self, entries as values, test_device};
use crate::gpu::ops::convolution::host;

/// Small integers, so that every sum is exact, whatever its order.
fn tensor(gpu: &Opened, shape: [usize; 4], seed: usize) -> CubeTensor {
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|index| ((index * 37 + seed) * 41 % 127 % 9) as f32 - 4.0).collect();
    test_device::tensor(gpu, values, shape)
}

/// The same in 16 bits.
fn narrow(tensor: &CubeTensor) -> CubeTensor {
    CubeBackend::float_cast(tensor.clone(), FloatDType::F16)
}

fn weight_vjp(variant: Variant, x: CubeTensor, gy: CubeTensor, geometry: Geometry) -> CubeTensor {
    CubeBackend::sum(variant.weight_parts(x, gy, geometry), None)
}

/// The convolution, or at stride 2 the input vector-Jacobian product, by tiles of small patches or large ones.
fn by_tiles(is_small: bool, kind: Kind, sizes: Sizes, [a, b]: [&CubeTensor; 2]) -> CubeTensor {
    let Sizes { batch, channels, outputs, geometry } = sizes;
    let [rows, columns] = geometry.output();
    let shape = match kind {
        Kind::Input => [batch, channels, geometry.height, geometry.width],
        _ => [batch, outputs, rows, columns],
    };
    let y = Storage::of(a).allocate(a, shape);
    tiles::sum_patches_as(is_small, kind, sizes, 0, [a, b], &y);
    y
}

#[test]
fn all_variants_of_1_by_1_are_the_hosts() {
    check_all_variants(1);
}

#[test]
fn all_variants_of_3_by_3_are_the_hosts() {
    check_all_variants(3);
}

fn check_all_variants(kernel: usize) {
    let Some(gpu) = test_device() else { return };
    // One pixel; odd sizes; one channel; rows of many patches; many channels, and many images with and without a channel
    // to share, so that sums are divided into parts.
    let sizes = [
        [1, 1, 1, 1, 1],
        [2, 3, 5, 7, 9],
        [2, 9, 17, 5, 36],
        [2, 70, 16, 3, 5],
        [24, 2, 3, 8, 9],
        [40, 1, 9, 6, 12],
    ];
    for [batch, channels, outputs, height, width] in sizes {
        for stride in [1, 2] {
            let geometry = Geometry { kernel, stride, height, width };
            let [rows, columns] = geometry.output();
            let sizes = Sizes { batch, channels, outputs, geometry };
            let x = tensor(&gpu, [batch, channels, height, width], 1);
            let weight = tensor(&gpu, [outputs, channels, kernel, kernel], 2);
            let gy = tensor(&gpu, [batch, outputs, rows, columns], 3);
            let [a, b, c] = [&x, &weight, &gy].map(|operand| values(operand.clone()));
            let y = host::conv2d(&a, &b, sizes);
            let gx = host::input_vjp(&c, &b, sizes);
            let gw = host::weight_vjp(&a, &c, sizes);
            let mut variants = vec![Variant::Tiles, Variant::Loops];
            // Its subgroups are of one size alone.
            variants.extend((Hardware::of(&x) == Hardware::Lanes).then_some(Variant::Lanes));
            for variant in variants.iter().copied() {
                let [x, weight, gy] = [&x, &weight, &gy].map(Clone::clone);
                let what = format!("{variant:?} {sizes:?}");
                assert_eq!(values(variant.convolution(x.clone(), weight.clone(), geometry)), y, "{what}");
                assert_eq!(values(variant.input_vjp(gy.clone(), weight, geometry)), gx, "{what}");
                assert_eq!(values(weight_vjp(variant, x, gy, geometry)), gw, "{what}");
            }
            for is_small in [false, true] {
                let what = format!("small patches: {is_small}, {sizes:?}");
                let output = by_tiles(is_small, Kind::Output { stride }, sizes, [&x, &weight]);
                assert_eq!(values(output), y, "{what}");
                if stride == 2 {
                    let input = by_tiles(is_small, Kind::Input, sizes, [&gy, &weight]);
                    assert_eq!(values(input), gx, "{what}");
                }
            }
            if gpu.info.has_f16 {
                check_in_16_bits(&variants, sizes, [&x, &weight, &gy], [&y, &gx, &gw]);
            }
        }
    }
}

/// Sums are in f32, and the operands and these results small enough for 16 bits to be exact.
fn check_in_16_bits(
    variants: &[Variant],
    sizes: Sizes,
    [x, weight, gy]: [&CubeTensor; 3],
    [y, gx, gw]: [&[f32]; 3],
) {
    let geometry = sizes.geometry;
    let [x, gy] = [x, gy].map(narrow);
    let halves = |tensor: CubeTensor| {
        assert_eq!(tensor.dtype, DType::F16);
        values(CubeBackend::float_cast(tensor, FloatDType::F32))
    };
    let rounded =
        |values: &[f32]| -> Vec<f32> { values.iter().map(|value| f16::from_f32(*value).to_f32()).collect() };
    for variant in variants {
        let what = format!("{variant:?} {sizes:?} in 16 bits");
        assert_eq!(halves(variant.convolution(x.clone(), weight.clone(), geometry)), rounded(y), "{what}");
        assert_eq!(halves(variant.input_vjp(gy.clone(), weight.clone(), geometry)), rounded(gx), "{what}");
        assert_eq!(values(weight_vjp(*variant, x.clone(), gy.clone(), geometry)), gw, "{what}");
    }
}
