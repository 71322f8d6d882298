//! How the host divides a convolution among tasks, and adds up what they summed.

use rayon::prelude::*;

/// Tasks of a weight gradient, at the least: fixed, so that neither threads nor their order reach a bit of the result.
pub(super) const TASKS: usize = 16;
/// Sums of all parts that are added up together.
const SUMMED: usize = 1 << 12;

/// Values of a function over rows and columns.
pub(super) fn grid<T>([rows, columns]: [usize; 2], value: impl Fn(usize, usize) -> T) -> Vec<T> {
    let value = &value;
    (0..rows).flat_map(|row| (0..columns).map(move |column| value(row, column))).collect()
}

/// Adds up parts of `of_part` sums each, where there are any, into the first.
pub(super) fn add_parts(sums: &mut [f32], of_part: usize) -> &[f32] {
    let (sum, others) = sums.split_at_mut(of_part.min(sums.len()));
    sum.par_chunks_mut(SUMMED).enumerate().for_each(|(chunk, sum)| {
        for other in others.chunks_exact(of_part.max(1)) {
            sum.iter_mut().zip(&other[chunk * SUMMED..]).for_each(|(sum, other)| *sum += other);
        }
    });
    sum
}
