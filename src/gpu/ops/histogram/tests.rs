//! Counts and moments are what plain loops count.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::bins::{BINS, COLUMNS, column_of, edges};
use super::{MOMENTS, histogram, histogram_reference};
use crate::gpu::launch::test_device::devices;
use crate::gpu::ops::checks::{SPECIALS, gradients, tensor, values};

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
fn counts_of_views_and_autodiff_tensors() {
    let gradient = [1.0, -2.0, 0.5, 4.0, -8.0, 0.25];
    for (name, device) in devices() {
        let device = device.autodiff();
        let labels = Tensor::<1, Int>::from_data(TensorData::from([1, 0, 1]), &device);
        let result = histogram(tensor(&gradient, [2, 3], &device).transpose(), labels, 2);
        // Columns become samples: (1, 4), (−2, −8), (0.5, 0.25).
        assert_eq!(values(result.moments), [-10.0, 68.0, -8.0, -2.0, 5.75, 17.3125, 0.25, 4.0], "{name}");
    }
}
