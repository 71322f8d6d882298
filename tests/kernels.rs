//! Every kernel computes what its plain reference computes, on software Vulkan and on the CPU backend; every shader is
//! valid WGSL within WebGPU's default limits.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

#[path = "common/adapter.rs"]
mod adapter;

use std::path::Path;

use adapter::{devices, gpu};
use burn::tensor::{Device, Int, Tensor, TensorData};
use great_lab::gpu::bins::{BINS, COLUMNS, column_of, edges};
use great_lab::gpu::histogram::{MOMENTS, histogram_reference};
use great_lab::gpu::{Choice, adapters, attack_step, attack_step_l2, histogram, open, shaders};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().expect("the type it was converted to")
}

/// Gradients over the whole range of floats, each special value among them.
fn gradients(count: usize, specials: &[f32], rng: &mut StdRng) -> Vec<f32> {
    (0..count)
        .map(|index| match index % 11 {
            0 if !specials.is_empty() => specials[index / 11 % specials.len()],
            _ => (rng.random_range(-44.0..10.0f32)).exp2() * if rng.random() { 1.0 } else { -1.0 },
        })
        .collect()
}

const SPECIALS: [f32; 8] = [0.0, -0.0, -1e-45, 1e-40, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1.0];

#[test]
fn a_device_opens_once_and_a_software_one_warns() {
    let (first, again) = (gpu(), gpu());
    assert_eq!(first.device, again.device);
    assert!(first.setup.is_some());
    let warns = first.info.notice.as_ref().is_some_and(|notice| notice.contains("--device cpu"));
    assert_eq!(warns, !first.info.is_gpu);
    let error = open(&Choice::Named("no such adapter".into())).unwrap_err().to_string();
    assert!(error.contains(&first.info.name), "{error}");
}

#[test]
fn auto_never_takes_a_software_driver() {
    let opened = open(&Choice::Auto).unwrap();
    assert_eq!(opened.info.is_gpu, opened.setup.is_some());
    assert_eq!(opened.info.is_gpu, opened.info.notice.is_none(), "{:?}", opened.info);
    assert_eq!(
        adapters().iter().filter(|adapter| adapter.is_default).count(),
        usize::from(opened.info.is_gpu)
    );
}

#[test]
fn one_attack_step_by_hand() {
    for (name, device) in devices() {
        let x = tensor(&[0.5, 0.5, 0.5, 0.95, 0.05, 0.6], [1, 1, 2, 3], &device);
        let gradient = tensor(&[3.0, -0.1, 0.0, 1.0, -1.0, 1.0], [1, 1, 2, 3], &device);
        let clean = tensor(&[0.5, 0.5, 0.5, 0.95, 0.05, 0.5], [1, 1, 2, 3], &device);
        let stepped = values(attack_step(x, gradient, clean, 0.25, 0.125));
        // Up and down to ε, not at all, to white, to black, back into the ball.
        assert_eq!(stepped, [0.625, 0.375, 0.5, 1.0, 0.0, 0.625], "{name}");
    }
}

#[test]
fn an_attack_starts_at_the_clean_images_themselves() {
    for (name, device) in devices() {
        let clean = tensor(&[0.5, 0.5, 0.95], [1, 1, 1, 3], &device);
        let gradient = tensor(&[3.0, -0.1, 1.0], [1, 1, 1, 3], &device);
        let stepped = values(attack_step(clean.clone(), gradient, clean, 0.25, 0.125));
        assert_eq!(stepped, [0.625, 0.375, 1.0], "{name}");
    }
}

/// What [`attack_step`] computes, in plain tensor operations.
fn attack_step_reference(
    x_adv: Tensor<4>,
    gradient: Tensor<4>,
    clean: Tensor<4>,
    step: f32,
    epsilon: f32,
) -> Tensor<4> {
    // Not `sign()`: what that makes of NaN differs from backend to backend.
    let sign = gradient.clone().greater_elem(0.0).float() - gradient.lower_elem(0.0).float();
    let near = (x_adv + sign * step).max_pair(clean.clone() - epsilon).min_pair(clean + epsilon);
    near.clamp(0.0, 1.0)
}

/// What [`attack_step_l2`] computes, in plain tensor operations.
fn attack_step_l2_reference(
    x_adv: Tensor<4>,
    gradient: Tensor<4>,
    clean: Tensor<4>,
    step: f32,
    epsilon: f32,
) -> Tensor<4> {
    let norm = |images: Tensor<4>| {
        let [n, c, h, w] = images.dims();
        let flat = images.reshape([n, c * h * w]);
        (flat.clone() * flat).sum_dim(1).sqrt().clamp_min(1e-12).reshape([n, 1, 1, 1])
    };
    let offset = x_adv + gradient.clone() / norm(gradient) * step - clean.clone();
    let factor = (norm(offset.clone()).recip() * epsilon).clamp_max(1.0);
    (clean + offset * factor).clamp(0.0, 1.0)
}

#[test]
fn l2_attack_step_is_its_reference() {
    let mut rng = StdRng::seed_from_u64(3);
    for (name, device) in devices() {
        for shape in [[1, 1, 1, 1], [3, 1, 5, 17], [70, 2, 7, 9], [2, 3, 32, 32], [0, 3, 4, 4]] {
            let count = shape.iter().product();
            let clean: Vec<f32> = (0..count).map(|_| rng.random()).collect();
            let x: Vec<f32> = clean.iter().map(|pixel| pixel + rng.random_range(-0.1..0.1)).collect();
            // A gradient of nothing moves nothing.
            let scale = if count == 1 { 0.0 } else { 1e-3 };
            let gradient: Vec<f32> = (0..count).map(|_| scale * rng.random_range(-1.0..1.0)).collect();
            // Out of the ball, and not.
            for (step, epsilon) in [(0.2, 0.5), (-3.0, 0.5), (0.3, 9.0)] {
                for at_clean in [false, true] {
                    let start = if at_clean { &clean } else { &x };
                    let on = |device: &Device| {
                        [start, &gradient, &clean].map(|values| tensor(values, shape, device))
                    };
                    let [x, gradient, clean] = on(&device);
                    let x = if at_clean { clean.clone() } else { x };
                    let got = values(attack_step_l2(x, gradient, clean, step, epsilon));
                    let [x, gradient, clean] = on(&Device::flex());
                    let expected = values(attack_step_l2_reference(x, gradient, clean, step, epsilon));
                    assert_eq!(got.len(), expected.len());
                    for (got, expected) in got.iter().zip(&expected) {
                        assert!(
                            (got - expected).abs() < 1e-5,
                            "{name} {shape:?} {step}: {got} for {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn attack_step_is_its_reference() {
    let mut rng = StdRng::seed_from_u64(1);
    let shapes = [[1, 1, 1, 1], [0, 3, 4, 4], [3, 1, 5, 17], [1, 1, 16, 16], [2, 3, 7, 9], [70, 3, 128, 130]];
    for (name, device) in devices() {
        for shape in shapes {
            let count = shape.iter().product();
            let clean: Vec<f32> = (0..count).map(|_| rng.random()).collect();
            let x: Vec<f32> = clean.iter().map(|pixel| pixel + rng.random_range(-0.1..0.1)).collect();
            let gradient = gradients(count, &SPECIALS, &mut rng);
            for (step, epsilon) in [(0.02, 0.1), (-0.02, 0.1), (0.3, 0.0)] {
                let on =
                    |device: &Device| [&x, &gradient, &clean].map(|values| tensor(values, shape, device));
                let [x, gradient, clean] = on(&device);
                let stepped = attack_step(x, gradient, clean, step, epsilon);
                assert_eq!(stepped.dims(), shape);
                let [x, gradient, clean] = on(&Device::flex());
                let expected = values(attack_step_reference(x, gradient, clean, step, epsilon));
                let stepped = values(stepped);
                assert!(stepped == expected, "{name} {shape:?} step {step} ε {epsilon}");
            }
        }
    }
}

/// Counts and moments of `gradient` on a device; the counts as `i32`.
fn on_device(
    gradient: &[f32],
    labels: &[i32],
    pixels: usize,
    classes: usize,
    device: &Device,
) -> (Vec<i32>, Vec<f32>) {
    let gradient = tensor(gradient, [labels.len(), pixels], device);
    let labels = Tensor::<1, Int>::from_data(TensorData::from(labels), device);
    let result = histogram(gradient, labels.clone(), classes);
    assert_eq!(result.counts.dims(), [classes, COLUMNS]);
    assert_eq!(result.moments.dims(), [classes, MOMENTS]);
    assert_eq!(result.counts.dtype(), labels.dtype());
    (
        result.counts.into_data().convert::<i32>().try_to_vec().expect("the type it was converted to"),
        values(result.moments),
    )
}

#[test]
fn histogram_is_its_reference() {
    let mut rng = StdRng::seed_from_u64(2);
    // Samples, pixels, classes: one, none, no multiple of a workgroup, more than a chunk, more samples than
    // workgroups along a dimension, three million entries.
    let sizes = [
        (1, 1, 1),
        (0, 784, 10),
        (4, 0, 3),
        (5, 257, 3),
        (64, 784, 10),
        (3, 16_385, 2),
        (65_600, 2, 7),
        (100, 30_011, 10),
    ];
    for (name, device) in devices() {
        for (samples, pixels, classes) in sizes {
            let gradient = gradients(samples * pixels, &SPECIALS, &mut rng);
            // Some labels name no class.
            let labels: Vec<i32> = (0..samples).map(|_| rng.random_range(-1..=classes as i32)).collect();
            let (counts, moments) = on_device(&gradient, &labels, pixels, classes, &device);
            let (expected, expected_moments) = histogram_reference(&gradient, &labels, pixels, classes);
            assert!(counts == expected, "{name}: counts of {samples}×{pixels} in {classes} classes");
            for (class, (got, expected)) in moments.chunks(4).zip(expected_moments.chunks(4)).enumerate() {
                let row = &counts[class * COLUMNS..][..BINS];
                let entries = row.iter().sum::<i32>() as f32;
                // A sum of n numbers that is halved again and again is off by a few ulp of Σ|x| ≤ sqrt(n Σx²).
                let scale = [(entries * expected[1]).sqrt(), expected[1]];
                for moment in 0..2 {
                    let error = (got[moment] - expected[moment]).abs();
                    assert!(
                        error <= 1e-5 * scale[moment],
                        "{name}: moment {moment} of {class}: {got:?} {expected:?}"
                    );
                }
                assert_eq!(got[2..], expected[2..], "{name}: extremes of {class}");
            }
        }
    }
}

#[test]
fn histogram_counts_edges_and_extremes_in_their_bins() {
    let mut gradient = edges();
    gradient.extend(edges().iter().map(|edge| f32::from_bits(edge.to_bits() - 1)));
    gradient.extend(SPECIALS);
    gradient.extend([f32::MAX, f32::MIN, f32::MIN_POSITIVE, -f32::MIN_POSITIVE]);
    let mut expected = vec![0; COLUMNS];
    for &value in &gradient {
        expected[column_of(value)] += 1;
    }
    assert_eq!(expected[BINS], 3, "NaN and both infinities are no numbers");
    for (name, device) in devices() {
        let (counts, _) = on_device(&gradient, &[0], gradient.len(), 1, &device);
        assert_eq!(counts, expected, "{name}");
    }
}

#[test]
fn kernels_take_views_and_autodiff_tensors() {
    let gradient = [1.0, -2.0, 0.5, 4.0, -8.0, 0.25];
    for (name, device) in devices() {
        let device = device.autodiff();
        let labels = Tensor::<1, Int>::from_data(TensorData::from([1, 0, 1]), &device);
        let result = histogram(tensor(&gradient, [2, 3], &device).transpose(), labels, 2);
        // Columns become samples: (1, 4), (−2, −8), (0.5, 0.25).
        assert_eq!(values(result.moments), [-10.0, 68.0, -8.0, -2.0, 5.75, 17.3125, 0.25, 4.0], "{name}");
        let ones = || tensor(&[1.0; 6], [1, 1, 2, 3], &device);
        let stepped = attack_step(ones(), tensor(&gradient, [1, 1, 2, 3], &device), ones(), 0.5, 0.25);
        assert!(!stepped.is_autodiff());
        assert_eq!(values(stepped.clone()), [1.0, 0.75, 1.0, 1.0, 0.75, 1.0], "{name}");
        // Between burn's own operations, which it fuses and defers.
        let halved = attack_step(stepped.clone() * 0.5, stepped.clone(), stepped, 0.125, 0.5) * 2.0;
        assert_eq!(values(halved), [1.25, 1.0, 1.25, 1.25, 1.0, 1.25], "{name}");
    }
}

/// The paths of all files below a folder, from there on.
fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let name = entry.file_name().into_string().expect("ours are UTF-8");
        if entry.path().is_dir() {
            found.extend(below(&entry.path()).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn shaders_are_valid_within_webgpus_default_limits() {
    let mut files = below(Path::new("shaders"));
    files.sort();
    let shaders = shaders();
    let mut names: Vec<_> = shaders.iter().map(|(name, _)| name.to_string()).collect();
    names.dedup();
    assert_eq!(files, names);
    for (name, source) in shaders {
        assert!(!source.contains("{{") && !source.contains('$'), "{name} has a placeholder without a value");
        let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Only adapters that have subgroups get the kernels for lanes.
        let mut capabilities =
            if name.contains("lanes") { Capabilities::SUBGROUP } else { Capabilities::empty() };
        // Only those that have 16-bit floats and nine buffers get the kernels for mixed precision.
        let is_half = source.starts_with("enable f16;");
        capabilities.set(Capabilities::SHADER_FLOAT16, is_half);
        Validator::new(ValidationFlags::all(), capabilities)
            .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
            .subgroup_operations(naga::valid::SubgroupOperationSet::all())
            .validate(&module)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let entry = &module.entry_points[0];
        assert_eq!((entry.name.as_str(), module.entry_points.len()), ("main", 1), "{name}");
        assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{name}: {:?}", entry.workgroup_size);
        let (mut shared, mut bindings) = (0, Vec::new());
        for (_, variable) in module.global_variables.iter() {
            match variable.space {
                naga::AddressSpace::WorkGroup => {
                    shared += module.types[variable.ty].inner.size(module.to_ctx());
                }
                // Tensors may share a buffer, and a buffer has one usage within a dispatch.
                naga::AddressSpace::Storage { access } => {
                    assert!(
                        access.contains(naga::StorageAccess::LOAD | naga::StorageAccess::STORE),
                        "{name}"
                    );
                    bindings.push(variable.binding.as_ref().map(|binding| (binding.group, binding.binding)));
                }
                space => panic!("{name}: {space:?}"),
            }
        }
        assert!(shared <= 16 * 1024, "{name}: {shared} bytes of workgroup memory");
        // Only those that take more buffers move more weight tensors at once.
        let is_wide = name == "optimizer_step.wgsl" && source.contains("gradient_5");
        let most = if is_wide { 19 } else { 8 + usize::from(is_half) };
        assert!(bindings.len() <= most, "{name}: {} storage buffers", bindings.len());
        bindings.sort();
        assert_eq!(bindings, (0..bindings.len() as u32).map(|index| Some((0, index))).collect::<Vec<_>>());
    }
}
