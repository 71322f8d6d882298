//! The order in which images come: seeded, and any step's batch can be had without the steps before it.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// A shuffle of the images for every epoch, cut into batches.
///
/// The batch of a step follows from the number of images, the batch size and the seed alone, so a run that goes on
/// from a checkpoint sees what it would have seen.
#[derive(Clone, Debug)]
pub struct BatchOrder {
    batch_size: usize,
    seed: u64,
    /// The epoch that `order` is of; none yet.
    epoch: Option<u64>,
    order: Vec<u32>,
}

impl BatchOrder {
    /// Batches of exactly `batch_size` of `images` images; what is left over at an epoch's end is left out of it.
    /// With fewer images than that, a batch is all of them.
    ///
    /// # Panics
    /// Where there are no images, none in a batch, or more than `u32` counts.
    pub fn new(images: usize, batch_size: usize, seed: u64) -> Self {
        assert!(images > 0 && batch_size > 0, "an order needs images and a batch size");
        let count = u32::try_from(images).expect("a data set in memory has fewer than 2^32 images");
        Self { batch_size: batch_size.min(images), seed, epoch: None, order: (0..count).collect() }
    }

    /// Images in a batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Batches in an epoch, at least 1.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.order.len() / self.batch_size) as u64
    }

    /// Indices of the images of `step`, counted from 0 at the start of the run.
    pub fn indices(&mut self, step: u64) -> &[u32] {
        let (epoch, batch) = (step / self.steps_per_epoch(), step % self.steps_per_epoch());
        if self.epoch != Some(epoch) {
            self.shuffle(epoch);
        }
        // Below the number of images, so it fits.
        let start = batch as usize * self.batch_size;
        &self.order[start..start + self.batch_size]
    }

    fn shuffle(&mut self, epoch: u64) {
        self.order.iter_mut().zip(0..).for_each(|(place, index)| *place = index);
        shuffle(&mut self.order, self.seed, epoch);
        self.epoch = Some(epoch);
    }
}

/// Fisher and Yates's shuffle number `turn` of a seed, written out so that a new version of a library cannot change the
/// order under a checkpoint; the generator's stream is fixed by its name.
fn shuffle(indices: &mut [u32], seed: u64, turn: u64) {
    let key = Xoshiro256PlusPlus::seed_from_u64(seed).next_u64();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(key ^ turn);
    for last in (1..indices.len()).rev() {
        // Lemire's multiplication: the bias is below 2^-32.
        let other = (u128::from(random.next_u64()) * (last as u128 + 1)) >> 64;
        indices.swap(last, other as usize);
    }
}

/// Indices of `n` images, all of them where there are fewer, taken class by class in turn and within a class in
/// file order.
///
/// Any beginning of the result is balanced too (as far as the classes last), and a larger `n` only adds to it, so an
/// evaluation that is cut short is still a fair one.
pub fn balanced_subset(labels: &[u8], n: usize) -> Vec<u32> {
    let mut seen = [0_u32; 256];
    let mut turns: Vec<(u32, u8, u32)> = Vec::with_capacity(labels.len());
    for (index, &label) in (0..).zip(labels) {
        let rank = &mut seen[usize::from(label)];
        turns.push((*rank, label, index));
        *rank += 1;
    }
    turns.sort_unstable();
    turns.into_iter().take(n).map(|(_, _, index)| index).collect()
}

/// So large a share of the images of each class, drawn by `seed`, in ascending order: of `n` images of a class
/// `⌈fraction · n⌉`, so that none goes without. The same on every machine.
pub fn stratified_subset(labels: &[u8], fraction: f64, seed: u64) -> Vec<u32> {
    let mut subset = Vec::new();
    for class in 0..=u8::MAX {
        let mut members: Vec<u32> =
            (0..).zip(labels).filter(|(_, label)| **label == class).map(|(index, _)| index).collect();
        // What rounding adds to a product must not cost an image.
        let wanted = (fraction * members.len() as f64 - 1e-9).ceil().max(0.0) as usize;
        shuffle(&mut members, seed, u64::from(class));
        subset.extend(members.into_iter().take(wanted));
    }
    subset.sort_unstable();
    subset
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_stratified_subset_is_exact_seeded_and_pinned() {
        let labels: Vec<u8> = (0..1000).map(|index| (index % 7 / 2) as u8).collect();
        let of = |fraction, seed| stratified_subset(&labels, fraction, seed);
        for fraction in [0.01, 0.05, 0.3, 0.5] {
            let subset = of(fraction, 3);
            assert!(subset.is_sorted_by(|a, b| a < b), "each image once");
            for class in 0..4 {
                let count = |indices: &mut dyn Iterator<Item = u32>| {
                    indices.filter(|index| labels[*index as usize] == class).count()
                };
                let members = count(&mut (0..1000)) as f64;
                let expected = (fraction * members - 1e-9).ceil() as usize;
                assert_eq!(count(&mut subset.iter().copied()), expected, "{fraction} of class {class}");
            }
        }
        assert_eq!(of(1.0, 3), (0..1000).collect::<Vec<_>>(), "all of them");
        assert_ne!(of(0.05, 3), of(0.05, 4));
        assert_eq!(
            of(0.01, 3),
            [47, 239, 270, 301, 398, 451, 672, 732, 811, 870, 877],
            "another order would change what runs mean"
        );
    }

    #[test]
    fn an_epoch_takes_each_image_at_most_once_and_full_batches_only() {
        let mut order = BatchOrder::new(103, 10, 7);
        assert_eq!(order.steps_per_epoch(), 10);
        for epoch in 0..3 {
            let mut seen = HashSet::new();
            for step in epoch * 10..epoch * 10 + 10 {
                let batch = order.indices(step);
                assert_eq!(batch.len(), 10);
                assert!(batch.iter().all(|&index| index < 103 && seen.insert(index)));
            }
        }
    }

    #[test]
    fn a_step_is_the_same_whatever_came_before_it() {
        let mut walked = BatchOrder::new(50, 8, 3);
        let all: Vec<Vec<u32>> = (0..20).map(|step| walked.indices(step).to_vec()).collect();
        for step in [19, 0, 7, 6, 13] {
            assert_eq!(BatchOrder::new(50, 8, 3).indices(step), all[step as usize]);
            assert_eq!(walked.indices(step), all[step as usize]);
        }
        assert_ne!(all[0], all[6], "the second epoch repeats the first");
        assert_ne!(BatchOrder::new(50, 8, 4).indices(0), all[0], "the seed does nothing");
    }

    #[test]
    fn the_order_is_pinned() {
        // By a second implementation, in Python. Changing it breaks every checkpoint's place in its data.
        assert_eq!(BatchOrder::new(10, 10, 1).indices(0), [3, 9, 4, 8, 5, 2, 6, 7, 0, 1]);
    }

    #[test]
    fn a_small_set_is_one_batch() {
        let mut order = BatchOrder::new(3, 64, 1);
        assert_eq!(order.steps_per_epoch(), 1);
        let mut batch = order.indices(5).to_vec();
        batch.sort_unstable();
        assert_eq!(batch, [0, 1, 2]);
    }

    #[test]
    fn a_subset_is_balanced_and_so_is_its_beginning() {
        let labels = [2, 2, 2, 0, 0, 1, 2, 0];
        assert_eq!(balanced_subset(&labels, 5), [3, 5, 0, 4, 1]);
        assert_eq!(balanced_subset(&labels, 100), [3, 5, 0, 4, 1, 7, 2, 6]);
        assert_eq!(balanced_subset(&labels, 0), [0_u32; 0]);
    }
}
