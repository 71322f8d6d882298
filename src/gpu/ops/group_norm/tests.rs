//! Group normalisation, the activation, their vector-Jacobian products and the derivatives of all four are what burn's
//! own operations give, on software Vulkan and on the CPU backend.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, FloatDType, Tensor, TensorData, activation, f16};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{NormForm, group_norm, group_norm_input_vjp};
use crate::config::Activation;
use crate::gpu::launch::test_device::{devices, with_16_bits};
use crate::gpu::{activate, activate_vjp};

const ACTIVATIONS: [Option<Activation>; 3] = [None, Some(Activation::Relu), Some(Activation::Silu)];

/// Batch, channels, height, width, groups: one entry a group; one pixel; odd sizes; more pixels than lanes; more
/// channels than lanes; as many channels as a group may have; many small groups; no samples; no pixels.
const SIZES: [[usize; 5]; 9] = [
    [1, 2, 1, 1, 2],
    [3, 6, 1, 1, 1],
    [2, 6, 3, 5, 2],
    [1, 4, 28, 29, 2],
    [2, 140, 3, 2, 1],
    [1, 512, 2, 5, 2],
    [33, 24, 2, 2, 8],
    [0, 4, 3, 3, 2],
    [2, 4, 0, 3, 2],
];

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the type it was converted to")
}

/// x, scale, shift, gy and a direction v of these sizes.
struct Operands {
    shape: [usize; 4],
    values: [Vec<f32>; 5],
}

impl Operands {
    fn new([batch, channels, height, width, _]: [usize; 5]) -> Self {
        let mut rng = StdRng::seed_from_u64(5);
        let entries = batch * channels * height * width;
        let mut draw = |count: usize, offset: f32| -> Vec<f32> {
            (0..count).map(|_| rng.random_range(-1.0..1.0) + offset).collect()
        };
        let values = [
            draw(entries, 0.7),
            draw(channels, 0.2),
            draw(channels, 0.0),
            draw(entries, 0.1),
            draw(entries, 0.2),
        ];
        Self { shape: [batch, channels, height, width], values }
    }

    /// The same, so rounded that 16 bits hold what has pixels.
    fn rounded(mut self) -> Self {
        for operand in [0, 3, 4] {
            for value in &mut self.values[operand] {
                *value = f16::from_f32(*value).to_f32();
            }
        }
        self
    }

    fn image(&self, operand: usize, device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.values[operand].clone(), self.shape), device)
    }

    fn weight(&self, operand: usize, device: &Device) -> Tensor<1> {
        Tensor::from_data(TensorData::new(self.values[operand].clone(), [self.shape[1]]), device)
    }
}

fn per_channel(values: Tensor<1>) -> Tensor<4> {
    let channels = values.dims()[0];
    values.reshape([1, channels, 1, 1])
}

/// Value, slope and curvature of an activation, by burn's operations; the slope may be differentiated.
fn reference_activation(kind: Option<Activation>, z: Tensor<4>) -> [Tensor<4>; 2] {
    match kind {
        None => [z.clone(), z.ones_like()],
        Some(Activation::Relu) => {
            let slope = z.clone().without_autodiff().greater_scalar(0.0).float();
            [activation::relu(z), slope]
        }
        Some(Activation::Silu) => {
            let gate = activation::sigmoid(z.clone());
            let y = z * gate.clone();
            [y.clone(), gate.clone() + y * (gate * -1.0 + 1.0)]
        }
    }
}

/// `y` and `gx` by burn's operations, both differentiable.
fn reference_norm([x, gy]: [Tensor<4>; 2], [scale, shift]: [Tensor<1>; 2], form: NormForm) -> [Tensor<4>; 2] {
    let [n, c, h, w] = x.dims();
    let entries = [n, form.groups, c / form.groups * h * w];
    let grouped = x.reshape(entries);
    let centred = grouped.clone() - grouped.mean_dim(2);
    let variance = (centred.clone() * centred.clone()).mean_dim(2);
    let inverse = (variance + 1e-5).sqrt().recip();
    let normalized = centred * inverse.clone();
    let z = normalized.clone().reshape([n, c, h, w]) * per_channel(scale.clone()) + per_channel(shift);
    let [y, slope] = reference_activation(form.activation, z);
    let u = (gy * slope * per_channel(scale)).reshape(entries);
    let along = (u.clone() * normalized.clone()).mean_dim(2);
    let gx = (u.clone() - u.mean_dim(2) - normalized * along) * inverse;
    [y, gx.reshape([n, c, h, w])]
}

/// `y` and `gx` by ours.
fn our_norm([x, gy]: [Tensor<4>; 2], [scale, shift]: [Tensor<1>; 2], form: NormForm) -> [Tensor<4>; 2] {
    let (y, tape) = group_norm(x.clone(), scale, shift, form);
    let gx = group_norm_input_vjp(x, tape, gy, form);
    [y, gx]
}

/// `y` and `gx` by ours, stored in 16 bits: inputs, outputs, and cotangents of both.
fn our_narrow_norm(images: [Tensor<4>; 2], weights: [Tensor<1>; 2], form: NormForm) -> [Tensor<4>; 2] {
    our_norm(images.map(narrow), weights, form).map(|image| image.cast(FloatDType::F32))
}

fn narrow(image: Tensor<4>) -> Tensor<4> {
    image.cast(FloatDType::F16)
}

type Norm = fn([Tensor<4>; 2], [Tensor<1>; 2], NormForm) -> [Tensor<4>; 2];

/// `y` and `gx`, and the gradients of `Σ y v` and `Σ gx v` in x, scale, shift and, of the latter, gy.
fn everything(
    operands: &Operands,
    form: NormForm,
    norm: Norm,
    device: &Device,
) -> Vec<(&'static str, Vec<f32>)> {
    let device = device.clone().autodiff();
    let mut results = Vec::new();
    for (output, names) in [
        ["y", "y to x", "y to scale", "y to shift", "y to gy"],
        ["gx", "gx to x", "gx to scale", "gx to shift", "gx to gy"],
    ]
    .iter()
    .enumerate()
    {
        let [x, gy, v] = [0, 3, 4].map(|operand| operands.image(operand, &device));
        let [scale, shift] = [1, 2].map(|operand| operands.weight(operand, &device).require_grad());
        let (x, gy) = (x.require_grad(), gy.require_grad());
        let result = norm([x.clone(), gy.clone()], [scale.clone(), shift.clone()], form)[output].clone();
        let gradients = (result.clone() * v).sum().backward();
        let image = |tensor: Tensor<4>| tensor.grad(&gradients).map(values).unwrap_or_default();
        let weight = |tensor: Tensor<1>| tensor.grad(&gradients).map(values).unwrap_or_default();
        let all = [values(result), image(x), weight(scale), weight(shift), image(gy)];
        results.extend(names.iter().copied().zip(all));
    }
    results
}

/// Rounding of sums in another order, against the largest of the values; no gradient at all is one of zeros.
fn assert_close(got: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    let zeros = vec![0.0; got.len().max(expected.len())];
    let [got, expected] = [got, expected].map(|values| if values.is_empty() { &zeros } else { values });
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got - expected).abs();
        assert!(error <= tolerance * largest, "{what}: {got} for {expected} at {index}");
    }
}

#[test]
fn norms_and_their_derivatives_are_burns() {
    for (name, device) in devices() {
        for sizes in SIZES {
            for activation in ACTIVATIONS {
                let form = NormForm { groups: sizes[4], activation };
                let operands = Operands::new(sizes);
                let got = everything(&operands, form, our_norm, &device);
                let expected = everything(&operands, form, reference_norm, &Device::flex());
                for ((part, got), (_, expected)) in got.iter().zip(&expected) {
                    // Means over groups of a deviation well above ε; one entry a group has none: x̂ is all cancellation.
                    let tolerance = if sizes[0] * sizes[1] == sizes[4] { 1e-2 } else { 5e-5 };
                    assert_close(
                        got,
                        expected,
                        tolerance,
                        &format!("{name} {sizes:?} {activation:?} {part}"),
                    );
                }
            }
        }
    }
}

/// As in a network: `y`, and `gx` of a cotangent that depends on `y`.
fn our_chain([x, gy]: [Tensor<4>; 2], [scale, shift]: [Tensor<1>; 2], form: NormForm) -> [Tensor<4>; 2] {
    let (y, tape) = group_norm(x.clone(), scale, shift, form);
    let gx = group_norm_input_vjp(x, tape, gy + y.clone(), form);
    [y, gx]
}

fn reference_chain([x, gy]: [Tensor<4>; 2], weights: [Tensor<1>; 2], form: NormForm) -> [Tensor<4>; 2] {
    let [y, _] = reference_norm([x.clone(), gy.clone()], weights.clone(), form);
    let [_, gx] = reference_norm([x, gy + y.clone()], weights, form);
    [y, gx]
}

/// The gradients of `Σ (y + gx) v` in x, scale and shift, where x is a leaf of the graph, or is not.
fn of_both(operands: &Operands, form: NormForm, is_leaf: bool, norm: Norm, device: &Device) -> [Vec<f32>; 3] {
    let device = device.clone().autodiff();
    let [leaf, gy, v] = [0, 3, 4].map(|operand| operands.image(operand, &device));
    let [scale, shift] = [1, 2].map(|operand| operands.weight(operand, &device).require_grad());
    let leaf = leaf.require_grad();
    let x = if is_leaf { leaf.clone() } else { leaf.clone() * 1.0 };
    let [y, gx] = norm([x, gy], [scale.clone(), shift.clone()], form);
    let gradients = ((y + gx) * v).sum().backward();
    let gradient = |weight: Tensor<1>| weight.grad(&gradients).map(values).unwrap_or_default();
    [leaf.grad(&gradients).map(values).unwrap_or_default(), gradient(scale), gradient(shift)]
}

#[test]
fn cotangents_from_both_ways_back_add_up() {
    let chains: [[Norm; 2]; 2] = [[our_norm, reference_norm], [our_chain, reference_chain]];
    for (name, device) in devices() {
        for sizes in [[2, 6, 3, 5, 2], [33, 24, 2, 2, 8], [0, 4, 3, 3, 2]] {
            for (activation, is_leaf) in ACTIVATIONS.iter().flat_map(|kind| [(*kind, true), (*kind, false)]) {
                for (chain, [ours, reference]) in chains.iter().enumerate() {
                    let (form, operands) = (NormForm { groups: sizes[4], activation }, Operands::new(sizes));
                    let got = of_both(&operands, form, is_leaf, *ours, &device);
                    let expected = of_both(&operands, form, is_leaf, *reference, &Device::flex());
                    for (part, (got, expected)) in got.iter().zip(&expected).enumerate() {
                        let what = format!("{name} {sizes:?} {activation:?} {is_leaf} {chain} {part}");
                        assert_close(got, expected, 5e-5, &what);
                    }
                }
            }
        }
    }
}

/// Half a unit in the last place of 16 bits is 2⁻¹¹ = 5e-4 of an entry; results are rounded once, and so are cotangents,
/// of which sums over pixels then have an average.
const NARROW_TOLERANCE: f32 = 1e-3;

#[test]
fn norms_in_16_bits_are_those_in_32() {
    let Some(gpu) = with_16_bits() else { return };
    let (name, device) = ("GPU", gpu.device);
    for sizes in SIZES {
        for activation in ACTIVATIONS {
            let form = NormForm { groups: sizes[4], activation };
            let operands = Operands::new(sizes).rounded();
            let got = everything(&operands, form, our_narrow_norm, &device);
            let expected = everything(&operands, form, our_norm, &device);
            for ((part, got), (_, expected)) in got.iter().zip(&expected) {
                assert_close(
                    got,
                    expected,
                    NARROW_TOLERANCE,
                    &format!("{name} {sizes:?} {activation:?} {part}"),
                );
            }
        }
    }
}

#[test]
fn activations_in_16_bits_are_those_in_32() {
    let Some(gpu) = with_16_bits() else { return };
    let (name, device) = ("GPU", gpu.device);
    let device = device.autodiff();
    for sizes in SIZES {
        let operands = Operands::new(sizes).rounded();
        for kind in [Activation::Relu, Activation::Silu] {
            let results = [false, true].map(|is_narrow| {
                let stored = |image: Tensor<4>| if is_narrow { narrow(image) } else { image };
                let [x, gy, v] = [0, 3, 4].map(|operand| operands.image(operand, &device));
                let (x, gy) = (x.require_grad(), gy.require_grad());
                let [y, gx] = [
                    activate(stored(x.clone()), kind),
                    activate_vjp(stored(x.clone()), stored(gy.clone()), kind),
                ]
                .map(|image| image.cast(FloatDType::F32));
                let gradients = ((y.clone() + gx.clone()) * v).sum().backward();
                [Some(y), Some(gx), x.grad(&gradients), gy.grad(&gradients)]
                    .map(|tensor| tensor.map(values).unwrap_or_default())
            });
            let [expected, got] = results;
            for (got, expected) in got.iter().zip(&expected) {
                assert_close(got, expected, NARROW_TOLERANCE, &format!("{name} {sizes:?} {kind:?}"));
            }
        }
    }
}

/// Weights that are not tracked, as in attacks and where the auxiliary network is read, and inputs that are not.
#[test]
fn only_tracked_operands_get_gradients() {
    for (name, device) in devices() {
        let operands = Operands::new([2, 6, 3, 5, 2]);
        let form = NormForm { groups: 2, activation: Some(Activation::Silu) };
        let expected = everything(&operands, form, reference_norm, &Device::flex());
        let tracked = device.clone().autodiff();
        for output in [0, 1] {
            let [x, gy, v] = [0, 3, 4].map(|operand| operands.image(operand, &tracked));
            let [scale, shift] = [1, 2].map(|operand| operands.weight(operand, &device));
            let x = x.require_grad();
            let result = our_norm([x.clone(), gy.clone()], [scale, shift], form)[output].clone();
            let gradients = (result * v.clone()).sum().backward();
            assert!(gy.grad(&gradients).is_none());
            assert_close(&values(x.grad(&gradients).unwrap()), &expected[5 * output + 1].1, 5e-5, name);

            let [scale, shift] = [1, 2].map(|operand| operands.weight(operand, &tracked));
            let (x, shift) = (operands.image(0, &device), shift.require_grad());
            let result = our_norm([x, gy], [scale.clone(), shift.clone()], form)[output].clone();
            let gradients = (result * v).sum().backward();
            assert!(scale.grad(&gradients).is_none());
            assert_close(&values(shift.grad(&gradients).unwrap()), &expected[5 * output + 3].1, 5e-5, name);
        }
    }
}

#[test]
fn activations_and_their_derivatives_are_burns() {
    let gradients_of = |operands: &Operands, kind, device: &Device, ours: bool| {
        let device = device.clone().autodiff();
        [0, 1].map(|output| {
            let [x, gy, v] = [0, 3, 4].map(|operand| operands.image(operand, &device));
            let (x, gy) = ((x * 4.0 - 2.0).without_autodiff().autodiff().require_grad(), gy.require_grad());
            let results = if ours {
                [activate(x.clone(), kind), activate_vjp(x.clone(), gy.clone(), kind)]
            } else {
                let [value, slope] = reference_activation(Some(kind), x.clone());
                [value, slope * gy.clone()]
            };
            let result = results[output].clone();
            let gradients = (result.clone() * v).sum().backward();
            [Some(result), x.grad(&gradients), gy.grad(&gradients)]
                .map(|tensor| tensor.map(values).unwrap_or_default())
        })
    };
    for (name, device) in devices() {
        for sizes in SIZES {
            for kind in [Activation::Relu, Activation::Silu] {
                let operands = Operands::new(sizes);
                let got = gradients_of(&operands, kind, &device, true);
                let expected = gradients_of(&operands, kind, &Device::flex(), false);
                for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
                    assert_close(got, expected, 1e-5, &format!("{name} {sizes:?} {kind:?}"));
                }
            }
        }
    }
}

/// Far from zero, at zero and where there is no number.
#[test]
fn activations_at_special_values() {
    let points = [0.0, -0.0, 200.0, -200.0, f32::NAN];
    for (name, device) in devices() {
        let at =
            |points: &[f32]| Tensor::<4>::from_data(TensorData::new(points.to_vec(), [1, 1, 1, 5]), &device);
        for kind in [Activation::Relu, Activation::Silu] {
            let value = values(activate(at(&points), kind));
            assert_close(&value[..4], &[0.0, 0.0, 200.0, 0.0], 1e-30, name);
            assert!(value[4].is_nan(), "{name} {kind:?}");
            let slope = values(activate_vjp(at(&points), at(&[1.0; 5]), kind));
            let at_zero = if kind == Activation::Relu { 0.0 } else { 0.5 };
            assert_close(&slope[..4], &[at_zero, at_zero, 1.0, 0.0], 1e-30, name);
        }
    }
}

#[test]
fn views_and_groups_far_from_zero() {
    for (name, device) in devices() {
        let operands = Operands::new([2, 6, 3, 5, 2]);
        let form = NormForm { groups: 2, activation: None };
        let [scale, shift] = [1, 2].map(|operand| operands.weight(operand, &device));
        // The same values, stored in another order, and so far away that their squares would lose them.
        let x = operands.image(0, &device);
        let turned = (x.clone().permute([3, 1, 0, 2]) + 1000.0).permute([2, 1, 3, 0]);
        let y = values(group_norm(turned, scale.clone(), shift.clone(), form).0);
        let expected = values(group_norm(x, scale, shift, form).0);
        // Pixels near 1000 are rounded to 6e-5.
        assert_close(&y, &expected, 5e-4, name);
    }
}

#[test]
fn the_gradients_are_the_same_in_every_run() {
    for (name, device) in devices() {
        let operands = Operands::new([33, 24, 2, 2, 8]);
        let form = NormForm { groups: 8, activation: Some(Activation::Relu) };
        let bits = || {
            let results = everything(&operands, form, our_norm, &device);
            results.into_iter().flat_map(|(_, values)| values).map(f32::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(bits(), bits(), "{name}");
    }
}
