//! Loops over floats that the compiler turns into vectors, in either precision.

use std::ops::Range;

use super::real::Real;

/// Sums that run side by side: a vector of the widest machines. Fixed, so that a sum has the same bits on all of them.
const LANES: usize = 16;

/// Sums of terms that each depend on one entry of every input; all inputs are as long as the first.
///
/// The closure must be `#[inline(always)]`, here and in [`map`]: one that is called makes no vectors.
#[expect(clippy::needless_range_loop, reason = "an index is one of several arrays, here or in the vectors")]
#[inline(always)]
pub(in crate::gpu) fn sums<T: Real, const INPUTS: usize, const SUMS: usize>(
    inputs: [&[T]; INPUTS],
    terms: impl Fn([T; INPUTS]) -> [T; SUMS],
) -> [T; SUMS] {
    let zero = T::of(0.0);
    let mut lanes = [[zero; LANES]; SUMS];
    for_blocks(
        inputs,
        #[inline(always)]
        |block, _, new| {
            for lane in 0..LANES {
                let terms = terms(across(block, lane));
                for sum in 0..SUMS {
                    lanes[sum][lane] += if new.contains(&lane) { terms[sum] } else { zero };
                }
            }
        },
    );
    let mut half = LANES / 2;
    while half > 0 {
        for sum in 0..SUMS {
            for lane in 0..half {
                lanes[sum][lane] += lanes[sum][lane + half];
            }
        }
        half /= 2;
    }
    lanes.map(|lanes| lanes[0])
}

/// Sets entries of the outputs, each from the same one of every input; all slices are as long as the first input.
#[expect(clippy::needless_range_loop, reason = "an index is one of several arrays, here or in the vectors")]
#[inline(always)]
pub(in crate::gpu) fn map<T: Real, const INPUTS: usize, const OUTPUTS: usize>(
    inputs: [&[T]; INPUTS],
    outputs: [&mut [T]; OUTPUTS],
    values: impl Fn([T; INPUTS]) -> [T; OUTPUTS],
) {
    for_blocks(
        inputs,
        #[inline(always)]
        |block, start, new| {
            let mut results = [[T::of(0.0); LANES]; OUTPUTS];
            for lane in 0..LANES {
                let values = values(across(block, lane));
                for output in 0..OUTPUTS {
                    results[output][lane] = values[output];
                }
            }
            for output in 0..OUTPUTS {
                // Those that are not new come out as they did before.
                outputs[output][start..start + new.end].copy_from_slice(&results[output][..new.end]);
            }
        },
    );
}

/// Calls `work` with [`LANES`] entries of every input at a time, where they start, and which of them it has not had
/// before: the last ones begin where they end with the input.
#[inline(always)]
fn for_blocks<T: Real, const INPUTS: usize>(
    inputs: [&[T]; INPUTS],
    mut work: impl FnMut(&[[T; LANES]; INPUTS], usize, Range<usize>),
) {
    let length = inputs[0].len();
    if length < LANES {
        return work(&block(inputs, 0, length), 0, 0..length);
    }
    let rest = length % LANES;
    for start in (0..length - rest).step_by(LANES) {
        // A constant range, so that this call of it asks no lane whether it is new.
        work(&block(inputs, start, LANES), start, 0..LANES);
    }
    if rest > 0 {
        let start = length - LANES;
        work(&block(inputs, start, LANES), start, LANES - rest..LANES);
    }
}

/// The next entries of every input, and zeros behind them.
#[inline(always)]
fn block<T: Real, const INPUTS: usize>(
    inputs: [&[T]; INPUTS],
    start: usize,
    filled: usize,
) -> [[T; LANES]; INPUTS] {
    let mut block = [[T::ZERO; LANES]; INPUTS];
    for input in 0..INPUTS {
        block[input][..filled].copy_from_slice(&inputs[input][start..start + filled]);
    }
    block
}

/// One lane of a block.
#[inline(always)]
fn across<T: Real, const INPUTS: usize>(block: &[[T; LANES]; INPUTS], lane: usize) -> [T; INPUTS] {
    let mut entries = [T::of(0.0); INPUTS];
    for input in 0..INPUTS {
        entries[input] = block[input][lane];
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::{map, sums};

    #[test]
    fn sums_and_maps_reach_every_entry_of_any_length() {
        for length in [0, 1, 15, 16, 17, 100] {
            let entries: Vec<f64> = (0..length).map(f64::from).collect();
            let ones = vec![1.0; entries.len()];
            let [sum, count] = sums([&entries, &ones], |[entry, one]| [entry, one]);
            assert_eq!([sum, count], [entries.iter().sum(), f64::from(length)]);
            let (mut twice, mut less) = (ones.clone(), ones.clone());
            map([&entries, &ones], [&mut twice, &mut less], |[entry, one]| [2.0 * entry, entry - one]);
            for (index, entry) in entries.iter().enumerate() {
                assert_eq!([twice[index], less[index]], [2.0 * entry, entry - 1.0]);
            }
        }
    }
}
