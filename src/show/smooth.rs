//! Noisy curves, smoothed for the eye.

/// Weight of the past in a smoothed curve, as TensorBoard's default.
pub const SMOOTHING: f64 = 0.6;

/// Exponential moving average, corrected for its start; what is not finite is left out.
///
/// `weight` of the past, in [0, 1); 0 gives the points back.
pub fn smooth(points: &[[f64; 2]], weight: f64) -> Vec<[f64; 2]> {
    let (mut average, mut total) = (0.0, 0.0);
    points
        .iter()
        .filter(|[_, y]| y.is_finite())
        .map(|[x, y]| {
            average = weight * average + (1.0 - weight) * y;
            total = weight * total + (1.0 - weight);
            [*x, average / total]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_is_unbiased_at_the_start_and_zero_changes_nothing() {
        let points = [[0.0, 4.0], [1.0, 4.0], [2.0, f64::NAN], [3.0, 4.0]];
        assert_eq!(smooth(&points, 0.0), vec![[0.0, 4.0], [1.0, 4.0], [3.0, 4.0]]);
        for [_, y] in smooth(&points, 0.999) {
            assert!((y - 4.0).abs() < 1e-9);
        }
        // By hand: (0.5 · 0.5 · 1 + 0.5 · 3) / 0.75.
        assert!((smooth(&[[0.0, 1.0], [1.0, 3.0]], 0.5)[1][1] - 7.0 / 3.0).abs() < 1e-12);
    }
}
