//! The noise on the host.

use std::f32::consts::TAU;

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use rayon::prelude::*;

use super::{Noise, NoiseKey};
use crate::gpu::host::{Real, host_tensor, in_precision};

/// Of each 32 bits that were hashed, those that a fraction is made of.
const FRACTION: f32 = 1.0 / (1 << 24) as f32;
/// Entries that are worth a task of their own.
const PART: usize = 4096;

impl Noise for Flex {
    fn noise(like: FloatTensor<Self>, entries: usize, key: NoiseKey) -> FloatTensor<Self> {
        in_precision!(like, T => {
            let mut values = vec![T::ZERO; entries];
            values.par_chunks_mut(PART).enumerate().for_each(|(part, values)| {
                for (place, value) in values.iter_mut().enumerate() {
                    *value = T::of(f64::from(normal((part * PART + place) as u32, key)));
                }
            });
            host_tensor(values, Shape::from([entries]))
        })
    }
}

/// The standard normal at that place.
pub(super) fn normal(place: u32, key: NoiseKey) -> f32 {
    let [first, second, ..] = hash([place, key.stream as u32, (key.stream >> 32) as u32, key.pass]);
    let share = ((first >> 8) as f32 + 0.5) * FRACTION;
    let angle = ((second >> 8) as f32 * FRACTION - 0.5) * TAU;
    (-2.0 * share.ln()).sqrt() * angle.cos()
}

/// Four words made of four: pcg4d.
fn hash(words: [u32; 4]) -> [u32; 4] {
    let mixed = |[mut x, mut y, mut z, mut w]: [u32; 4]| {
        x = x.wrapping_add(y.wrapping_mul(w));
        y = y.wrapping_add(z.wrapping_mul(x));
        z = z.wrapping_add(x.wrapping_mul(y));
        w = w.wrapping_add(y.wrapping_mul(z));
        [x, y, z, w]
    };
    let spread = words.map(|word| word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    mixed(mixed(spread).map(|word| word ^ (word >> 16)))
}
