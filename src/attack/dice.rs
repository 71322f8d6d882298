//! What attacks draw: each image of a batch has a generator of its own, so that who else is in the batch, or how large
//! it is, changes nothing.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Keeps the generators of images and the one that all share apart.
const OF_IMAGE: u64 = 0;
const OF_ALL: u64 = 1;

/// The generators of a batch.
#[derive(Debug)]
pub struct Dice {
    /// Of what all images share, such as the places of Square's windows.
    shared: StdRng,
    rows: Vec<StdRng>,
}

impl Dice {
    /// For a batch of `n` images, seeded by what `random` says next.
    pub fn of_batch(random: &mut StdRng, n: usize) -> Self {
        let shared = StdRng::seed_from_u64(random.random());
        Self { shared, rows: (0..n).map(|_| StdRng::seed_from_u64(random.random())).collect() }
    }

    /// For the held-out images at `indices`, under the attack of that number: of nothing else, so that an attack finds the
    /// same whatever else is tried.
    pub fn of_images(seed: u64, attack: u64, indices: &[u32]) -> Self {
        let generator = |number: u64, kind: u64| {
            let mut bytes = [0; 32];
            for (part, number) in bytes.chunks_exact_mut(8).zip([seed, number, attack, kind]) {
                part.copy_from_slice(&number.to_le_bytes());
            }
            StdRng::from_seed(bytes)
        };
        let rows = indices.iter().map(|index| generator(u64::from(*index), OF_IMAGE)).collect();
        Self { shared: generator(0, OF_ALL), rows }
    }

    /// For what is drawn for the image in that row of the batch alone.
    pub fn row(&mut self, row: usize) -> &mut StdRng {
        &mut self.rows[row]
    }

    /// For what the images share in one start of an attack: however much of it is used, the next start's is the same.
    pub fn fork(&mut self) -> StdRng {
        StdRng::seed_from_u64(self.shared.random())
    }
}
