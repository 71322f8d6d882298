//! What was counted of the images attacked so far, image by image.

use crate::protocol::balanced;

/// What was counted for one threat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Images still classified correctly.
    pub robust: u32,
    /// Images predicted as the target; 0 for untargeted attacks.
    pub fooled: u32,
}

/// What was counted so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// Images counted.
    pub total: u32,
    /// Of these, classified correctly without attack.
    pub clean: u32,
    /// One for each threat, in the order asked for.
    pub threats: Vec<Tally>,
    /// For each image counted, whether it was classified correctly: without attack, then under each threat.
    pub images: Vec<Vec<bool>>,
    /// The class of each image counted.
    pub labels: Vec<u8>,
    /// For each image counted, the class it was taken for under each threat.
    pub said: Vec<Vec<u8>>,
    /// For each image counted, how far each threat moved it, in the threat's norm.
    pub distances: Vec<Vec<f32>>,
}

impl Counts {
    /// Of each of `classes` classes, the images counted that are `right`, and all.
    pub(super) fn by_class(&self, right: impl Fn(usize) -> bool, classes: usize) -> Vec<(u32, u32)> {
        let mut counted = vec![(0, 0); classes];
        for (image, label) in self.labels.iter().enumerate() {
            if let Some((hits, all)) = counted.get_mut(usize::from(*label)) {
                *hits += u32::from(right(image));
                *all += 1;
            }
        }
        counted
    }

    /// The balanced share of the images counted that are `right`.
    pub(super) fn balanced(&self, right: impl Fn(usize) -> bool) -> f64 {
        let classes = self.labels.iter().max().map_or(0, |largest| usize::from(*largest) + 1);
        balanced(self.by_class(right, classes))
    }
}
