//! Adversarial images as bytes that lie in the ε-ball too, so that they can be stored and read back without a change.

use crate::config::Norm;

/// Levels of a pixel in [0, 1].
const LEVELS: f64 = 255.0;
/// Share of a radius by which it may be missed: 8/255 times 255 need not be 8.
const ROUNDING: f64 = 1e-9;

/// The bytes of one image nearest to `adversarial`, pixels in [0, 1], that differ from the bytes of `clean` by at most
/// `epsilon` · 255 in `norm`; as many as `clean` has. Where the nearest lie outside, some are taken one level nearer to
/// `clean`: those first that rounding moved away most.
pub fn exact_bytes(norm: Norm, epsilon: f64, clean: &[u8], adversarial: &[f32]) -> Vec<u8> {
    let reach = epsilon * LEVELS * (1.0 + ROUNDING);
    let exact: Vec<f64> = clean
        .iter()
        .zip(adversarial)
        .map(|(clean, pixel)| f64::from(pixel.clamp(0.0, 1.0)) * LEVELS - f64::from(*clean))
        .collect();
    let mut offsets: Vec<i32> = exact.iter().map(|offset| offset.round() as i32).collect();
    match norm {
        Norm::Linf => {
            let most = reach.min(LEVELS) as i32;
            offsets.iter_mut().for_each(|offset| *offset = (*offset).clamp(-most, most));
        }
        Norm::L2 => shorten(&mut offsets, &exact, reach * reach),
    }
    clean.iter().zip(offsets).map(|(clean, offset)| (i32::from(*clean) + offset) as u8).collect()
}

/// Takes offsets one nearer to 0, none twice, until their squares sum to at most `most`.
fn shorten(offsets: &mut [i32], exact: &[f64], most: f64) {
    let mut squares: i64 = offsets.iter().map(|offset| i64::from(offset * offset)).sum();
    let moved_away = |index: usize| f64::from(offsets[index].abs()) - exact[index].abs();
    let mut order: Vec<usize> = (0..offsets.len()).filter(|index| offsets[*index] != 0).collect();
    order.sort_by(|&a, &b| moved_away(b).total_cmp(&moved_away(a)));
    for index in order {
        if squares as f64 <= most {
            break;
        }
        squares -= i64::from(2 * offsets[index].abs() - 1);
        offsets[index] -= offsets[index].signum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    /// The distance in levels, squared in L2.
    fn distance(norm: Norm, clean: &[u8], bytes: &[u8]) -> i64 {
        let offsets = clean.iter().zip(bytes).map(|(a, b)| (i64::from(*a) - i64::from(*b)).abs());
        match norm {
            Norm::Linf => offsets.max().unwrap_or(0),
            Norm::L2 => offsets.map(|offset| offset * offset).sum(),
        }
    }

    #[test]
    fn bytes_are_in_the_ball_and_near() {
        let mut random = StdRng::seed_from_u64(1);
        for (radius, levels) in [(8.0 / 255.0, 8), (0.1, 25), (0.0, 0), (1.0 / 300.0, 0), (1.0, 255)] {
            let clean: Vec<u8> = (0..300).map(|_| random.random()).collect();
            let at_edge = |clean: &u8, side: bool| {
                (f32::from(*clean) / 255.0 + if side { radius } else { -radius }).clamp(0.0, 1.0)
            };
            let adversarial: Vec<f32> = clean.iter().map(|clean| at_edge(clean, random.random())).collect();
            let bytes = exact_bytes(Norm::Linf, f64::from(radius), &clean, &adversarial);
            assert!(distance(Norm::Linf, &clean, &bytes) <= levels, "{radius}");
            let off = |(byte, pixel): (&u8, &f32)| (f32::from(*byte) - pixel * 255.0).abs();
            assert!(bytes.iter().zip(&adversarial).map(off).fold(0.0, f32::max) < 1.0, "{radius}");
        }
    }

    #[test]
    fn bytes_are_in_the_l2_ball_although_rounding_leaves_it() {
        let clean = vec![100u8; 400];
        // 0.6 levels everywhere: 12 levels long, and 20 once every pixel is rounded up.
        let adversarial: Vec<f32> = vec![100.6 / 255.0; 400];
        let nearest = exact_bytes(Norm::L2, 1.0, &clean, &adversarial);
        assert_eq!(distance(Norm::L2, &clean, &nearest), 400, "the nearest bytes where there is room");
        let radius = 12.0 / 255.0;
        let bytes = exact_bytes(Norm::L2, radius, &clean, &adversarial);
        assert_eq!(distance(Norm::L2, &clean, &bytes), 144, "as many as the ball holds");
        assert_eq!(exact_bytes(Norm::L2, 0.0, &clean, &adversarial), clean);
    }

    #[test]
    fn bytes_stay_bytes() {
        let bytes = exact_bytes(Norm::Linf, 1.0, &[0, 255, 7], &[-0.2, 1.4, f32::NAN]);
        assert_eq!(bytes[..2], [0, 255]);
    }
}
