//! The log-magnitude bins with sign that histograms of gradient tensors use, and what is read off counts in them.

/// Octaves of magnitude on either side of the middle bin: from 2⁻⁴⁰ to 2⁸.
const OCTAVES: std::ops::Range<i32> = -40..8;
/// Magnitude bins on either side of the middle one: quarter octaves.
pub(super) const SIDE: usize = 4 * (OCTAVES.end - OCTAVES.start) as usize;
/// Bins of a histogram, from most negative to most positive. The middle one takes what is smaller than 2⁻⁴⁰ in
/// magnitude, the outermost ones also what is larger than 2⁸.
pub const BINS: usize = 2 * SIDE + 1;
/// Columns of the counts of a class: its bins, then the number of entries that are not finite.
pub const COLUMNS: usize = BINS + 1;
/// Bits of the mantissas of 1, 2^¼, 2^½ and 2^¾.
pub(super) const QUARTERS: [u32; 4] = [0, 1_587_184, 3_474_675, 5_719_293];
/// Bits of 2⁻⁴⁰.
pub(super) const LEAST: u32 = ((127 + OCTAVES.start) as u32) << 23;
const MANTISSA: u32 = (1 << 23) - 1;
const SIGN: u32 = 1 << 31;

/// Edges of the bins, ascending, `BINS + 1` of them: −2⁸, …, −2⁻⁴⁰, 2⁻⁴⁰, …, 2⁸.
///
/// An edge belongs to the bin that is farther from 0.
pub fn edges() -> Vec<f32> {
    let magnitudes: Vec<f32> = (0..=SIDE as u32)
        .map(|bin| f32::from_bits((LEAST + ((bin / 4) << 23)) | QUARTERS[bin as usize % 4]))
        .collect();
    magnitudes.iter().rev().map(|magnitude| -magnitude).chain(magnitudes.iter().copied()).collect()
}

/// The column that counts a value: from its bits, as in the kernel, so that both agree exactly.
pub fn column_of(value: f32) -> usize {
    let bits = value.to_bits();
    let magnitude = bits & !SIGN;
    if !value.is_finite() {
        return BINS;
    }
    if magnitude < LEAST {
        return SIDE;
    }
    let quarter = QUARTERS[1..].iter().filter(|&&edge| magnitude & MANTISSA >= edge).count();
    let bin = (4 * ((magnitude - LEAST) >> 23) as usize + quarter).min(SIDE - 1);
    if bits & SIGN == 0 { SIDE + 1 + bin } else { SIDE - 1 - bin }
}

/// Percentiles of the counted entries, linear inside a bin; 0 where nothing was counted.
///
/// `counts` has one entry fewer than `edges`; `min` and `max` are the smallest and largest entry, which bound the
/// bins they lie in; `percents` are in [0, 100].
pub fn percentiles<const P: usize>(
    counts: &[u32],
    edges: &[f32],
    min: f64,
    max: f64,
    percents: &[f64; P],
) -> [f64; P] {
    let total: u64 = counts.iter().copied().map(u64::from).sum();
    if total == 0 {
        return [0.0; P];
    }
    percents.map(|percent| {
        let rank = percent / 100.0 * total as f64;
        let mut below = 0.0;
        for (bin, &count) in counts.iter().enumerate() {
            let count = f64::from(count);
            if count > 0.0 && below + count >= rank {
                // The outermost bins take all that lies beyond their edges.
                let low = if bin == 0 { min } else { f64::from(edges[bin]).max(min) };
                let high = if bin + 1 == counts.len() { max } else { f64::from(edges[bin + 1]).min(max) };
                return low + (rank - below) / count * (high - low);
            }
            below += count;
        }
        max
    })
}

/// Jensen-Shannon distance between the histograms of K classes, in [0, 1].
///
/// `sqrt((H(Σ pₖ / K) − Σ H(pₖ) / K) / log₂ K)` with the entropy `H` in bits: the generalised Jensen-Shannon
/// divergence with equal weights (Lin 1991) over its largest value. 0 where all are alike, 1 where no two share a
/// bin, the usual distance for K = 2. Classes without entries are left out; fewer than two others are 0 apart.
pub fn jensen_shannon_distance(classes: &[Vec<u32>]) -> f64 {
    let shares: Vec<Vec<f64>> = classes.iter().filter_map(|counts| shares(counts)).collect();
    if shares.len() < 2 {
        return 0.0;
    }
    let weight = 1.0 / shares.len() as f64;
    let mut mixture = vec![0.0; shares.iter().map(Vec::len).max().unwrap_or(0)];
    for class in &shares {
        for (mixed, share) in mixture.iter_mut().zip(class) {
            *mixed += weight * share;
        }
    }
    let within: f64 = shares.iter().map(|class| weight * entropy(class)).sum();
    ((entropy(&mixture) - within) / (shares.len() as f64).log2()).clamp(0.0, 1.0).sqrt()
}

/// Counts over their sum; none where that is 0.
fn shares(counts: &[u32]) -> Option<Vec<f64>> {
    let total: u64 = counts.iter().copied().map(u64::from).sum();
    (total > 0).then(|| counts.iter().map(|&count| f64::from(count) / total as f64).collect())
}

/// In bits.
fn entropy(shares: &[f64]) -> f64 {
    shares.iter().filter(|&&share| share > 0.0).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_quarter_octaves() {
        let edges = edges();
        assert_eq!(edges.len(), BINS + 1);
        assert_eq!((edges[0], edges[BINS]), (-256.0, 256.0));
        assert_eq!((edges[SIDE], edges[SIDE + 1]), (-f32::exp2(-40.0), f32::exp2(-40.0)));
        for (bin, edge) in edges[SIDE + 1..].iter().enumerate() {
            let exact = (bin as f64 / 4.0 - 40.0).exp2();
            assert!((f64::from(*edge) / exact - 1.0).abs() < 6e-8, "{edge} is not 2^({bin}/4 - 40)");
        }
    }

    #[test]
    fn every_value_lies_in_its_bin() {
        let edges = edges();
        for (bin, &edge) in edges.iter().enumerate() {
            // An edge belongs to the bin farther from 0, its neighbour nearer to 0 to the other.
            let nearer = f32::from_bits(edge.to_bits() - 1);
            let (outer, inner) = if edge < 0.0 { (bin.saturating_sub(1), bin) } else { (bin, bin - 1) };
            assert_eq!(column_of(edge), outer.min(BINS - 1), "{edge}");
            assert_eq!(column_of(nearer), inner, "{nearer}");
        }
    }

    #[test]
    fn special_values_have_their_columns() {
        for tiny in [0.0, -0.0, f32::from_bits(1), -1e-39, 9e-13, -9e-13] {
            assert_eq!(column_of(tiny), SIDE, "{tiny}");
        }
        assert_eq!((column_of(f32::MAX), column_of(f32::MIN)), (BINS - 1, 0));
        for other in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(column_of(other), BINS);
        }
    }

    #[test]
    fn percentiles_are_linear_inside_a_bin() {
        // 4 entries in [0, 1), 4 in [2, 4]: the median is where the first bin ends, 75 % in the middle of the third.
        let (counts, edges) = ([4, 0, 4], [0.0, 1.0, 2.0, 4.0]);
        assert_eq!(percentiles(&counts, &edges, 0.0, 4.0, &[25.0, 50.0, 75.0, 100.0]), [0.5, 1.0, 3.0, 4.0]);
        // Smallest and largest entry bound the outermost bins, inwards and outwards.
        assert_eq!(percentiles(&counts, &edges, 0.5, 6.0, &[0.0, 25.0, 75.0]), [0.5, 0.75, 4.0]);
        assert_eq!(percentiles(&[0, 0, 0], &edges, 0.0, 0.0, &[50.0]), [0.0]);
    }

    #[test]
    fn the_distance_is_jensen_and_shannons() {
        let distance = |classes: &[&[u32]]| {
            jensen_shannon_distance(&classes.iter().map(|counts| counts.to_vec()).collect::<Vec<_>>())
        };
        assert_eq!(distance(&[&[1, 2, 3], &[2, 4, 6]]), 0.0);
        assert_eq!(distance(&[&[5, 0], &[0, 1]]), 1.0);
        assert!((distance(&[&[1, 0, 0], &[0, 1, 0], &[0, 0, 1]]) - 1.0).abs() < 1e-12);
        // p = (1, 0), q = (1/2, 1/2): H(3/4, 1/4) = 2 − (3/4)·log2(3) bits, less (0 + 1)/2 bits.
        let by_hand = (2.0 - 0.75 * 3f64.log2() - 0.5).sqrt();
        assert!((distance(&[&[7, 0], &[3, 3]]) - by_hand).abs() < 1e-12);
        // A class without entries changes nothing; one class alone is at no distance.
        assert!((distance(&[&[7, 0], &[0, 0], &[3, 3]]) - by_hand).abs() < 1e-12);
        assert_eq!(distance(&[&[7, 1], &[0, 0]]), 0.0);
        assert_eq!(distance(&[]), 0.0);
    }
}
