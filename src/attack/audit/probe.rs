//! The adversary probe: a fresh discriminator trained on gradient tensors that no longer change, and the same on shuffled
//! labels. Says whether gradient tensors became indistinguishable, or the running discriminator was only lazy.

use burn::tensor::{Device, Tensor};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::pupil::{Pupil, Reader, Tensors};
use crate::{
    config::Stream,
    data::proportional_subset,
    gpu::{images::DeviceImages, read},
    nn::{Network, Weights},
};

/// Training images whose gradient tensors it learns from, at most; of these one in [`ONE_IN`] says when to stop.
const IMAGES: usize = 2048;
const ONE_IN: usize = 8;
const BATCH_SIZE: usize = 64;
/// Steps between two looks at how well it reads, and the most steps.
const STEPS_A_LOOK: u64 = 50;
const MOST_STEPS: u64 = 600;
/// Looks without a better one after which it has levelled.
const PATIENCE: u64 = 3;

/// What the probe found: whether the class of each held-out gradient tensor was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Probed {
    /// By the running discriminator.
    pub running: Vec<bool>,
    /// By the fresh one.
    pub fresh: Vec<bool>,
    /// By one that was trained for as long on shuffled labels.
    pub floor: Vec<bool>,
    /// Steps that the fresh one took.
    pub steps: u64,
}

/// A probe under way.
pub(super) struct Probe {
    reader: Reader,
    learn: Tensors,
    look: Tensors,
    test: Tensors,
    seed: u64,
    device: Device,
    fresh: Pupil,
    /// Most read at a look, the weights of then, and looks since.
    best: (usize, Weights, u64),
    /// The one on shuffled labels, once the fresh one has levelled.
    floor: Option<Pupil>,
    result: Option<Probed>,
}

impl Probe {
    /// Of gradient tensors of `victim`: of images of `train` to learn from, of those of `held_out` at `indices` to be
    /// tested on.
    pub fn new(
        victim: (&Network, &Weights),
        reader: &Reader,
        (train, held_out): (&DeviceImages, &DeviceImages),
        indices: &[u32],
        seed: u64,
    ) -> Self {
        let images = Stream::ProbeImages.of(seed);
        let mut chosen = proportional_subset(train.labels(), IMAGES, images);
        chosen.shuffle(&mut StdRng::seed_from_u64(Stream::Probe.of(seed)));
        let (look, learn) = chosen.split_at((chosen.len() / ONE_IN).max(1).min(chosen.len() - 1));
        let of = |images: &DeviceImages, indices: &[u32]| tensors(victim, reader, images, indices);
        let learn = of(train, learn);
        let device = learn[0].0.device();
        let fresh = Pupil::new(reader, learn.len(), Stream::Probe.of(seed), &device);
        Self {
            best: (0, fresh.weights(), 0),
            fresh,
            look: of(train, look),
            test: of(held_out, indices),
            learn,
            reader: reader.clone(),
            seed,
            device,
            floor: None,
            result: None,
        }
    }

    /// Share of the work done, in [0, 1], if it needs all its steps.
    pub fn progress(&self) -> f64 {
        match (&self.floor, &self.result) {
            (_, Some(_)) => 1.0,
            (Some(floor), _) => 0.5 + 0.5 * floor.step() as f64 / self.fresh.step().max(1) as f64,
            (None, None) => 0.5 * self.fresh.step() as f64 / MOST_STEPS as f64,
        }
    }

    /// What was found; none before the end.
    pub fn result(&self) -> Option<Probed> {
        self.result.clone()
    }

    /// Goes on for some steps.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn advance(&mut self) -> Result<(), String> {
        if self.result.is_some() {
            return Ok(());
        }
        if let Some(mut floor) = self.floor.take() {
            let steps = STEPS_A_LOOK.min(self.fresh.step() - floor.step());
            let shuffled = self.shuffled();
            floor.train(&self.reader, &shuffled, steps);
            if floor.step() == self.fresh.step() {
                self.result = Some(self.conclude(&floor).await?);
            }
            self.floor = Some(floor);
            return Ok(());
        }
        self.fresh.train(&self.reader, &self.learn, STEPS_A_LOOK);
        let weights = self.fresh.weights();
        let read = right(&self.reader, &weights, &self.look).await?.iter().filter(|right| **right).count();
        let (most, _, since) = &mut self.best;
        if read > *most {
            self.best = (read, weights, 0);
        } else {
            *since += 1;
        }
        if self.best.2 >= PATIENCE || self.fresh.step() >= MOST_STEPS {
            self.floor =
                Some(Pupil::new(&self.reader, self.learn.len(), Stream::Probe.of(self.seed), &self.device));
        }
        Ok(())
    }

    /// The tensors to learn from, each with another one's class.
    fn shuffled(&self) -> Tensors {
        let mut others: Vec<usize> = (0..self.learn.len()).collect();
        others.rotate_left(1);
        let classes = |batch: usize, rows: usize| {
            let classes = self.learn[batch].1.clone();
            let [n, _] = classes.dims();
            // A batch may be shorter than the others.
            let numbers: Vec<i32> = (0..rows).map(|row| ((row * 7 + 3) % n) as i32).collect();
            let numbers = burn::tensor::TensorData::new(numbers, [rows]);
            classes.select(0, Tensor::from_data(numbers, &self.device))
        };
        let pairs = self.learn.iter().zip(others);
        pairs
            .map(|((gradients, _), other)| (gradients.clone(), classes(other, gradients.dims()[0])))
            .collect()
    }

    async fn conclude(&self, floor: &Pupil) -> Result<Probed, String> {
        let reader = &self.reader;
        Ok(Probed {
            running: right(reader, &reader.weights, &self.test).await?,
            fresh: right(reader, &self.best.1, &self.test).await?,
            floor: right(reader, &floor.weights(), &self.test).await?,
            steps: self.fresh.step(),
        })
    }
}

/// The gradient tensors of some images at the scale that `reader` reads, in batches.
fn tensors(
    (network, weights): (&Network, &Weights),
    reader: &Reader,
    images: &DeviceImages,
    indices: &[u32],
) -> Tensors {
    let of = |indices: &[u32]| {
        let batch = images.gather(indices);
        let (gradient, _) = reader.channel.gradient((network, weights), batch.images, batch.one_hot.clone());
        (reader.channel.scaled(gradient), batch.one_hot)
    };
    indices.chunks(BATCH_SIZE).map(of).collect()
}

/// Whether the class of each tensor is read, by a network like `reader`'s with those weights; through the same noise each
/// time.
async fn right(reader: &Reader, weights: &Weights, tensors: &Tensors) -> Result<Vec<bool>, String> {
    match reader.right(weights, tensors) {
        Some(each) => Ok(read(each).await?.iter().map(|one| *one > 0.5).collect()),
        None => Ok(Vec::new()),
    }
}
