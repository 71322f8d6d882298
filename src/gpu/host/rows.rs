//! What is read off a row of logits.

use super::real::Real;

/// Where the first of the largest values is.
pub(in crate::gpu) fn largest<T: Real>(row: &[T]) -> usize {
    (1..row.len()).fold(0, |best, index| if row[index] > row[best] { index } else { best })
}

/// The largest of a row of logits, and the logarithm of the sum of exponentials of the logits less the largest.
pub(in crate::gpu) fn log_sum<T: Real>(row: &[T]) -> [T; 2] {
    let largest = row.iter().skip(1).fold(row[0], |max, value| if *value > max { *value } else { max });
    [largest, row.iter().map(|value| (*value - largest).exp()).sum::<T>().ln()]
}
