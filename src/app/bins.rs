//! Where logarithmic bins with a sign lie on an axis: bin by bin, with the powers of ten marked.

use crate::app::format::figure;

/// A marked place on the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// In bins from the lowest edge.
    pub position: f64,
    /// What is there: `−1e−4`, `0`, `1e−2`.
    pub label: String,
}

/// Where `value` lies among ascending `edges`, in bins: 2.5 is the middle of the third; logarithmic inside a bin.
pub fn position(edges: &[f32], value: f64) -> f64 {
    let above = edges.partition_point(|edge| f64::from(*edge) <= value);
    let (Some(low), Some(high)) = (above.checked_sub(1).and_then(|low| edges.get(low)), edges.get(above))
    else {
        return if above == 0 { 0.0 } else { edges.len() as f64 - 1.0 };
    };
    let (low, high) = (f64::from(*low), f64::from(*high));
    let within = if !low.is_finite() || !high.is_finite() {
        0.5
    } else if low * high > 0.0 && value != 0.0 {
        (value / low).ln() / (high / low).ln()
    } else {
        (value - low) / (high - low)
    };
    (above - 1) as f64 + within.clamp(0.0, 1.0)
}

/// Zero and powers of ten between `from` and `to` bins, at most about `most` of them.
pub fn ticks(edges: &[f32], from: f64, to: f64, most: usize) -> Vec<Tick> {
    let finite =
        edges.iter().map(|edge| f64::from(edge.abs())).filter(|edge| edge.is_finite() && *edge > 0.0);
    let (smallest, largest) =
        finite.fold((f64::INFINITY, 0.0_f64), |(low, high), edge| (low.min(edge), high.max(edge)));
    if largest == 0.0 {
        return Vec::new();
    }
    let exponents = (smallest.log10().ceil() as i32)..=(largest.log10().floor() as i32);
    let all: Vec<(f64, f64, i32)> = exponents
        .flat_map(|exponent| [(-1.0, exponent), (1.0, exponent)])
        .map(|(sign, exponent)| (position(edges, sign * 10f64.powi(exponent)), sign, exponent))
        .filter(|(position, ..)| (from..=to).contains(position))
        .collect();
    let every = all.len().div_ceil(most.max(1)).max(1) as i32;
    let mut ticks: Vec<_> = all
        .into_iter()
        .filter(|(_, _, exponent)| exponent.rem_euclid(every) == 0)
        .map(|(position, sign, exponent)| {
            let sign = if sign < 0.0 { "−" } else { "" };
            Tick { position, label: format!("{sign}1e{exponent}").replace('-', "−") }
        })
        .collect();
    let zero = position(edges, 0.0);
    if (from..=to).contains(&zero) {
        ticks.push(Tick { position: zero, label: "0".into() });
    }
    ticks.sort_by(|a, b| a.position.total_cmp(&b.position));
    ticks
}

/// First and last bin in which any class has an entry, with a bin of air on either side.
pub fn occupied<'a>(counts: impl Iterator<Item = &'a [u32]>) -> Option<(usize, usize)> {
    counts
        .filter_map(|counts| {
            let first = counts.iter().position(|count| *count > 0)?;
            let last = counts.iter().rposition(|count| *count > 0)?;
            Some((first.saturating_sub(1), (last + 1).min(counts.len() - 1)))
        })
        .reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
}

/// What lies in a bin: `1.0e−4 to 1.3e−4`.
pub fn range_label(edges: &[f32], bin: usize) -> String {
    match (edges.get(bin), edges.get(bin + 1)) {
        (Some(low), Some(high)) => format!("{} to {}", figure(f64::from(*low)), figure(f64::from(*high))),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [f32; 6] = [-1e-1, -1e-2, -1e-3, 1e-3, 1e-2, 1e-1];

    #[test]
    fn positions_are_logarithmic_with_a_sign() {
        for (value, expected) in [
            (-1e-1, 0.0),
            (0.0, 2.5),
            (1e-3, 3.0),
            (10f64.powf(-1.5), 4.5),
            (-10f64.powf(-1.5), 0.5),
            (9.0, 5.0),
            (-9.0, 0.0),
        ] {
            assert!(
                (position(&EDGES, value) - expected).abs() < 1e-3,
                "{value}: {}",
                position(&EDGES, value)
            );
        }
        let open = [f32::NEG_INFINITY, -1.0, 1.0, f32::INFINITY];
        assert_eq!(position(&open, 7.0), 2.5);
    }

    #[test]
    fn ticks_are_powers_of_ten_about_zero() {
        let labels =
            |most| ticks(&EDGES, 0.0, 5.0, most).into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels(9), ["−1e−1", "−1e−2", "−1e−3", "0", "1e−3", "1e−2", "1e−1"]);
        assert_eq!(labels(3), ["−1e−2", "0", "1e−2"]);
        assert!(ticks(&[], 0.0, 1.0, 5).is_empty());
    }

    #[test]
    fn empty_tails_are_cut_off() {
        assert_eq!(occupied([&[0, 0, 0, 1, 0, 0, 0][..], &[0, 0, 0, 0, 2, 0, 0]].into_iter()), Some((2, 5)));
        assert_eq!(occupied([&[0, 0][..]].into_iter()), None);
    }
}
