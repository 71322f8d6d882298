//! Means, deviations, and intervals of paired differences by Student's t distribution.

/// Quantiles 0.975 of the t distribution with 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004, 2.262_157,
    2.228_139, 2.200_985, 2.178_813, 2.160_369, 2.144_787, 2.131_450, 2.119_905, 2.109_816, 2.100_922,
    2.093_024, 2.085_963, 2.079_614, 2.073_873, 2.068_658, 2.063_899, 2.059_539, 2.055_529, 2.051_831,
    2.048_407, 2.045_230, 2.042_272,
];
/// The same of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard deviation of a sample (n − 1 in the denominator); none of fewer than two.
pub fn deviation(values: &[f64]) -> Option<f64> {
    let n = values.len();
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (n > 1).then(|| (squares / (n as f64 - 1.0)).sqrt())
}

/// Mean of the differences and half the width of its 95 % interval, `t · s / √n`; none of fewer than two.
pub fn paired(differences: &[f64]) -> Option<(f64, f64)> {
    let half = quantile(differences.len().checked_sub(1)?) * deviation(differences)?
        / (differences.len() as f64).sqrt();
    Some((mean(differences), half))
}

/// The quantile 0.975 of the t distribution; above the table by Cornish and Fisher's expansion about the normal one.
fn quantile(degrees: usize) -> f64 {
    match degrees {
        0 => f64::INFINITY,
        1..=30 => T[degrees - 1],
        _ => {
            let v = degrees as f64;
            let first = (Z.powi(3) + Z) / (4.0 * v);
            let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * v * v);
            Z + first + second
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_worked_sample() {
        // Differences 1, 2, 3, 4, 5: mean 3, deviation √2.5, half-width 2.776445 · √2.5 / √5 = 1.963243.
        let differences = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert!((deviation(&differences).unwrap() - 2.5_f64.sqrt()).abs() < 1e-12);
        let (mean, half) = paired(&differences).unwrap();
        assert!((mean - 3.0).abs() < 1e-12 && (half - 1.963_243).abs() < 1e-6, "{mean} {half}");
    }

    #[test]
    fn one_seed_has_no_interval() {
        assert!(paired(&[1.0]).is_none() && paired(&[]).is_none() && deviation(&[1.0]).is_none());
    }

    #[test]
    fn the_expansion_continues_the_table() {
        // scipy.stats.t.ppf(0.975, [31, 60, 120])
        for (degrees, expected) in [(31, 2.039_513), (60, 2.000_298), (120, 1.979_930)] {
            assert!((quantile(degrees) - expected).abs() < 1e-4, "{degrees}: {}", quantile(degrees));
        }
        assert!(T.is_sorted_by(|a, b| a > b) && quantile(31) < T[29]);
    }
}
