//! The order in which images come: seeded, and any step's batch can be had without the steps before it.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use crate::config::steps_per_epoch;

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
        steps_per_epoch(self.order.len(), self.batch_size)
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

/// Epochs in `steps` training steps.
pub const fn epochs(steps: u64, images: usize, batch_size: usize) -> f64 {
    steps as f64 / steps_per_epoch(images, batch_size) as f64
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
/// file order: as many of each class, as far as the classes last. For what is looked at class by class; a share of such
/// images says nothing of the data, where classes are not equally frequent ([`proportional_subset`]).
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

/// Indices of `n` images drawn by `seed`, all of them where there are fewer, in which each class is as frequent as among
/// all: a share of them is an estimate of the share of all. What is left over goes to the largest remainders.
///
/// Any beginning of the result has nearly the same frequencies, so an evaluation that is cut short is still a fair one.
/// The same on every machine.
pub fn proportional_subset(labels: &[u8], n: usize, seed: u64) -> Vec<u32> {
    let (all, n) = (labels.len() as u64, n.min(labels.len()) as u64);
    let mut classes: Vec<(u8, Vec<u32>)> = (0..=u8::MAX)
        .map(|class| (class, members(labels, class)))
        .filter(|(_, all)| !all.is_empty())
        .collect();
    let exact = |members: &[u32]| n * members.len() as u64;
    let mut wanted: Vec<u64> = classes.iter().map(|(_, members)| exact(members) / all).collect();
    let mut by_remainder: Vec<usize> = (0..classes.len()).collect();
    // A stable sort: of equal remainders the first class has it.
    by_remainder.sort_by_key(|place| std::cmp::Reverse(exact(&classes[*place].1) % all));
    let rest = n - wanted.iter().sum::<u64>();
    by_remainder.into_iter().take(rest as usize).for_each(|place| wanted[place] += 1);
    let mut chosen: Vec<(u64, u64, u32)> = Vec::with_capacity(n as usize);
    for ((class, members), wanted) in classes.iter_mut().zip(wanted) {
        shuffle(members, seed, u64::from(*class));
        chosen.extend((0..wanted).zip(&*members).map(|(rank, index)| (2 * rank + 1, wanted, *index)));
    }
    // Each class evenly over the whole: image `rank` of `wanted` at (rank + 1/2) / wanted.
    chosen.sort_by(|(a, of_a, _), (b, of_b, _)| (a * of_b).cmp(&(b * of_a)));
    chosen.into_iter().map(|(.., index)| index).collect()
}

/// The indices of the images of a class, ascending.
fn members(labels: &[u8], class: u8) -> Vec<u32> {
    (0..).zip(labels).filter(|(_, label)| **label == class).map(|(index, _)| index).collect()
}

/// So large a share of the images of each class, drawn by `seed`, in ascending order: of `n` images of a class
/// `⌈fraction · n⌉`, so that none goes without. The same on every machine.
pub fn stratified_subset(labels: &[u8], fraction: f64, seed: u64) -> Vec<u32> {
    let mut subset = Vec::new();
    for class in 0..=u8::MAX {
        let mut members = members(labels, class);
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

    use proptest::prelude::*;

    use super::*;

    /// How many of these images are of each class.
    fn frequencies(labels: &[u8], indices: &[u32]) -> [usize; 256] {
        let mut counts = [0; 256];
        indices.iter().for_each(|index| counts[usize::from(labels[*index as usize])] += 1);
        counts
    }

    #[test]
    fn a_sample_of_unequal_classes_is_as_unequal() {
        let labels: Vec<u8> = (0..1000).map(|index| u8::from(index >= 900)).collect();
        for n in [10, 100, 200, 999] {
            let sample = proportional_subset(&labels, n, 5);
            let rare = frequencies(&labels, &sample)[1];
            assert_eq!((sample.len(), rare), (n, (n as f64 / 10.0).round() as usize));
        }
        let beginning = &proportional_subset(&labels, 200, 5)[..50];
        assert_eq!(frequencies(&labels, beginning)[..2], [45, 5], "a beginning is as unequal too");
        let all = proportional_subset(&labels, 1_000_000, 5);
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 1000, "all of them");
        assert_ne!(proportional_subset(&labels, 100, 5), proportional_subset(&labels, 100, 6));
        assert!(proportional_subset(&labels, 0, 5).is_empty() && proportional_subset(&[], 9, 5).is_empty());
    }

    proptest! {
        #[test]
        fn a_sample_has_the_shares_of_all(
            labels in prop::collection::vec(0_u8..7, 1..300),
            n in 0_usize..350,
            seed: u64,
        ) {
            let sample = proportional_subset(&labels, n, seed);
            prop_assert_eq!(sample.len(), n.min(labels.len()));
            prop_assert_eq!(sample.iter().collect::<HashSet<_>>().len(), sample.len());
            let all: Vec<u32> = (0..labels.len() as u32).collect();
            let (found, of_all) = (frequencies(&labels, &sample), frequencies(&labels, &all));
            for (found, of_all) in found.iter().zip(of_all) {
                let exact = sample.len() as f64 * of_all as f64 / labels.len() as f64;
                prop_assert!((*found as f64 - exact).abs() < 1.0, "{} where {} is exact", found, exact);
            }
        }
    }

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
    fn an_epoch_is_a_pass_over_the_images_that_there_are() {
        // Images, batch size, steps, epochs.
        for (images, batch_size, steps, expected) in [
            (100, 8192, 2, 2.0),
            (127, 64, 10, 10.0),
            (128, 64, 10, 5.0),
            (10_000, 64, 156, 1.0),
            (10_000, 64, 39, 0.25),
            (64, 64, 3, 3.0),
            (1, 1, 0, 0.0),
        ] {
            let found = epochs(steps, images, batch_size);
            assert_eq!(found, expected, "{images} images, batches of {batch_size}");
            let mut order = BatchOrder::new(images, batch_size, 1);
            let begins = |order: &mut BatchOrder, step| order.indices(step).to_vec();
            let next = order.steps_per_epoch();
            // The order is drawn anew where an epoch begins, and nowhere else.
            if images >= 64 {
                assert_ne!(begins(&mut order, 0), begins(&mut order, next));
            }
            assert_eq!(steps_per_epoch(images, batch_size), next);
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
