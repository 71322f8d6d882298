//! The noise is normal, the same everywhere, and another one for each key and place.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use super::host::normal;
use super::{NoiseKey, noise};
use crate::gpu::launch::test_device::devices;
use crate::gpu::ops::checks::{tensor, values};

const KEY: NoiseKey = NoiseKey { stream: 0x0123_4567_89ab_cdef, pass: 5 };

#[test]
fn every_device_draws_what_the_formula_says() {
    for (name, device) in devices() {
        let like = tensor(&[0.0], [1, 1, 1, 1], &device);
        for shape in [[1, 1, 1, 1], [3, 2, 5, 7], [70, 3, 32, 32], [0, 1, 2, 2]] {
            let drawn = noise(&like, shape, KEY);
            assert_eq!(drawn.dims(), shape);
            for (place, value) in values(drawn).into_iter().enumerate() {
                let expected = normal(place as u32, KEY);
                // What WGSL allows cosines and logarithms to be off.
                assert!((value - expected).abs() < 4e-3, "{name} {shape:?} {place}: {value} for {expected}");
            }
        }
    }
}

#[test]
fn its_moments_and_tails_are_those_of_a_normal() {
    let count = 400_000;
    let draws: Vec<f64> = (0..count).map(|place| f64::from(normal(place, KEY))).collect();
    let mean_of = |power: i32| draws.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(count);
    // Four standard errors of each.
    for (power, expected, deviation) in
        [(1, 0.0, 1.0), (2, 1.0, 2.0f64.sqrt()), (3, 0.0, 15.0f64.sqrt()), (4, 3.0, 96.0f64.sqrt())]
    {
        let error = 4.0 * deviation / f64::from(count).sqrt();
        assert!((mean_of(power) - expected).abs() < error, "moment {power}: {}", mean_of(power));
    }
    let beyond = |limit: f64| draws.iter().filter(|x| x.abs() > limit).count() as f64 / f64::from(count);
    for (limit, expected) in [(1.0, 0.317_31), (2.0, 0.045_50), (3.0, 0.002_70)] {
        let error = 4.0 * (expected / f64::from(count)).sqrt();
        assert!((beyond(limit) - expected).abs() < error, "beyond {limit}: {}", beyond(limit));
    }
}

#[test]
fn neighbours_in_place_pass_and_stream_are_strangers() {
    let of = |key: NoiseKey| -> Vec<f64> { (0..50_000).map(|place| f64::from(normal(place, key))).collect() };
    let own = of(KEY);
    let mut shifted = own.clone();
    shifted.rotate_left(1);
    let others = [
        ("place", shifted),
        ("pass", of(NoiseKey { pass: KEY.pass + 1, ..KEY })),
        ("low half", of(NoiseKey { stream: KEY.stream + 1, ..KEY })),
        ("high half", of(NoiseKey { stream: KEY.stream + (1 << 32), ..KEY })),
    ];
    for (what, other) in others {
        let correlation = own.iter().zip(&other).map(|(a, b)| a * b).sum::<f64>() / own.len() as f64;
        assert!(correlation.abs() < 4.0 / (own.len() as f64).sqrt(), "{what}: {correlation}");
    }
}
