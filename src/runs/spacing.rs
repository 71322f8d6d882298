//! What is given up first of a row of things that a run leaves step by step: where there is not room for all of them, the
//! first and the last stay, and between them those whose steps are evenly spaced on a logarithmic scale.

/// The place of the one, neither the first nor the last, whose neighbours are nearest to each other on a logarithmic scale of
/// steps; none of two or fewer. `steps` ascend.
pub fn least_missed(steps: impl Iterator<Item = u64>) -> Option<usize> {
    let places: Vec<f64> = steps.map(|step| (step as f64 + 1.0).ln()).collect();
    let apart = places.windows(3).map(|three| three[2] - three[0]);
    apart.enumerate().min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_evenly_spaced_and_has_both_ends() {
        let mut left = Vec::new();
        for step in 1..5_000 {
            left.push(step);
            while left.len() > 12 {
                let at = least_missed(left.iter().copied()).expect("there are many");
                left.remove(at);
            }
        }
        assert_eq!((left[0], left[11]), (1, 4_999));
        let ratios: Vec<f64> = left.windows(2).map(|pair| pair[1] as f64 / pair[0] as f64).collect();
        assert!(ratios.iter().all(|ratio| *ratio < 6.0), "{left:?}");
    }

    #[test]
    fn ends_are_never_given_up() {
        assert_eq!(
            [[].as_slice(), &[1], &[1, 2]].map(|steps| least_missed(steps.iter().copied())),
            [None; 3]
        );
        assert_eq!(least_missed([1, 2, 3].into_iter()), Some(1));
        assert_eq!(least_missed([0, 1, 100, 101, 10_000].into_iter()), Some(2));
    }
}
