//! How training images are changed each time they come: drawn on the host, so that a run repeats on every device.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::config::{Augmentation, Stream};
use crate::gpu::images::Take;

/// Most pixels that an image is moved by, in each direction.
const MOST_PIXELS: i32 = 4;

/// The images at `indices` as they go into the batch of `step`.
///
/// The order of draws is written out, and the generator's stream is fixed by its name, so that a new version of a
/// library cannot change a run that goes on from a checkpoint.
pub fn draw(kind: Augmentation, indices: &[u32], seed: u64, step: u64) -> Vec<Take> {
    let key = Xoshiro256PlusPlus::seed_from_u64(Stream::Augmentation.of(seed)).next_u64();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(key ^ step);
    let mut take = |index: &u32| {
        let untouched = Take { index: *index, ..Take::default() };
        if kind == Augmentation::None {
            return untouched;
        }
        let (right, down) = (offset(random.next_u64()), offset(random.next_u64()));
        let mirrored = kind == Augmentation::ShiftFlip && random.next_u64() >> 63 == 1;
        Take { right, down, mirrored, ..untouched }
    };
    indices.iter().map(&mut take).collect()
}

/// From −4 to 4, by Lemire's multiplication: the bias is below 2⁻⁶⁰.
fn offset(random: u64) -> i32 {
    let choices = 2 * MOST_PIXELS as u128 + 1;
    ((u128::from(random) * choices) >> 64) as i32 - MOST_PIXELS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_changes_nothing() {
        let takes = draw(Augmentation::None, &[3, 1], 1, 0);
        assert_eq!(takes, [3, 1].map(|index| Take { index, ..Take::default() }));
    }

    #[test]
    fn every_offset_and_side_comes_about_as_often() {
        let indices: Vec<u32> = (0..9000).collect();
        for kind in [Augmentation::Shift, Augmentation::ShiftFlip] {
            let takes = draw(kind, &indices, 7, 11);
            assert!(takes.iter().map(|take| take.index).eq(indices.iter().copied()));
            for offset in -5..=5 {
                // Binomial: 1000 of 9000, deviation 30.
                let expected = if offset == -5 || offset == 5 { 0..=0 } else { 850..=1150 };
                assert!(expected.contains(&takes.iter().filter(|take| take.right == offset).count()));
                assert!(expected.contains(&takes.iter().filter(|take| take.down == offset).count()));
            }
            let both = takes.iter().filter(|take| take.right == take.down).count();
            assert!((850..=1150).contains(&both), "down does not follow from right: {both}");
            let mirrored = takes.iter().filter(|take| take.mirrored).count();
            let expected = if kind == Augmentation::Shift { 0..=0 } else { 4200..=4800 };
            assert!(expected.contains(&mirrored), "{mirrored}");
        }
    }

    #[test]
    fn the_step_and_the_seed_decide() {
        let draw = |seed, step| draw(Augmentation::ShiftFlip, &[0; 64], seed, step);
        assert_eq!(draw(1, 5), draw(1, 5));
        assert_ne!(draw(1, 5), draw(1, 6));
        assert_ne!(draw(1, 5), draw(2, 5));
        // The same on every machine and in every version: checkpoints rely on it.
        assert_eq!(draw(1, 0)[0], Take { index: 0, right: 2, down: -1, mirrored: false });
    }
}
