//! What is measured is what plain loops count.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use burn::tensor::Device;
use burn::tensor::activation::log_softmax;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{Measured, SCALARS, add_measures, hits};
use crate::gpu::launch::test_device::devices;
use crate::gpu::ops::checks::{Operand, ROWS, one_hot, values};

/// Where the largest value of each row is.
fn said(rows: &Operand<2>) -> Vec<usize> {
    let largest = |row: &[f32]| (0..row.len()).max_by(|i, j| row[*i].total_cmp(&row[*j])).expect("a class");
    rows.values.chunks_exact(rows.shape[1]).map(largest).collect()
}

#[test]
fn measures_of_steps_add_up() {
    let mut rng = StdRng::seed_from_u64(11);
    for ([n, k], image) in
        [([1, 1], [1, 1, 1]), ([7, 3], [3, 5, 5]), ([200, 10], [1, 9, 9]), ([3, 70], [2, 8, 9])]
    {
        let steps: Vec<_> = (0..2)
            .map(|_| {
                let [a, b] = [0, 1].map(|_| Operand::random([n, k], &mut rng));
                let [c, h, w] = image;
                (a, b, one_hot([n, k], &mut rng), Operand::random([n, c, h, w], &mut rng))
            })
            .collect();
        let mut expected = vec![0.0; SCALARS + k * k];
        for (a, b, targets, gradient) in &steps {
            let device = Device::flex();
            let origins = said(targets);
            for (at, logits) in [(0, a), (2, b)] {
                let loss = (log_softmax(logits.on(&device), 1) * targets.on(&device)).sum() / -(n as f64);
                expected[at] += values(loss)[0];
                expected[at + 1] +=
                    said(logits).iter().zip(&origins).filter(|(said, y)| said == y).count() as f32;
            }
            expected[4] += values(gradient.on(&device).square().mean())[0];
            for (said, origin) in said(b).into_iter().zip(origins) {
                expected[SCALARS + origin * k + said] += 1.0;
            }
        }
        for (name, device) in devices() {
            let sum = || {
                let add =
                    |sums, (a, b, targets, gradient): &(Operand<2>, Operand<2>, Operand<2>, Operand<4>)| {
                        Some(add_measures(
                            sums,
                            Measured {
                                logits: a.on(&device),
                                auxiliary_logits: b.on(&device),
                                one_hot: targets.on(&device),
                                gradient: gradient.on(&device),
                            },
                        ))
                    };
                values(steps.iter().fold(None, add).expect("two steps"))
            };
            let got = sum();
            for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
                let near = if [0, 2, 4].contains(&index) { 2e-5 * expected.abs().max(1.0) } else { 0.0 };
                assert!((got - expected).abs() <= near, "{name} {n}×{k}: {got} for {expected} at {index}");
            }
            assert_eq!(got, sum(), "{name}: the same bits in every run");
        }
    }
}

#[test]
fn hits_are_rows_whose_largest_logit_is_the_wanted_one() {
    let mut rng = StdRng::seed_from_u64(12);
    for shape in ROWS {
        let (logits, wanted) = (Operand::random(shape, &mut rng), one_hot(shape, &mut rng));
        let each: Vec<f32> = said(&logits)
            .iter()
            .zip(said(&wanted))
            .map(|(said, wanted)| f32::from(u8::from(*said == wanted)))
            .collect();
        for (name, device) in devices() {
            let got = hits(logits.on(&device), wanted.on(&device));
            assert_eq!(values(got.each), each, "{name} {shape:?}");
            assert_eq!(values(got.count), [each.iter().sum::<f32>()], "{name} {shape:?}");
        }
    }
}
