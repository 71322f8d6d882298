//! The probe of a run under way: a new auxiliary network, trained for a few steps on gradient tensors of the main network as
//! it stood, beside training and a few steps at a time.

use burn::tensor::{Tensor, TensorData, Transaction};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::measure::Answer;
use crate::{
    attack::audit::{Pupil, Reader, Tensors},
    config::{Hyper, Normalization, Setup, Stream},
    data::proportional_subset,
    gpu::{WRONG_NUMBER, read_all},
    nn::channel::Channel,
    protocol::{Event, Probed, Readings, RunId, Share},
    scenario::{GradientTensors, Part, Scenario},
};

/// Training images whose gradient tensors it learns from, at most, and gradient tensors in a batch.
const IMAGES: usize = 512;
const BATCH_SIZE: usize = 64;
/// Steps of a fresh network, and how many it takes in a turn.
const STEPS: u64 = 64;
const STEPS_A_TURN: u64 = 2;

/// A probe under way.
pub struct Probe {
    run: RunId,
    step: u64,
    running: Attempt,
    /// What is trained, the first first: through the channel, and without its noise.
    fresh: Vec<(Attempt, Pupil)>,
}

/// A network that reads gradient tensors, those that it is tested on, and those that it learns from.
struct Attempt {
    reader: Reader,
    learn: Tensors,
    test: Tensors,
}

impl Probe {
    /// Of the networks of `scenario` as they stand, tested on the held-out images at `tested`.
    pub fn new(
        (run, step): (RunId, u64),
        scenario: &dyn Scenario,
        (setup, hyper): (&Setup, &Hyper),
        tested: &[u32],
        origins: usize,
    ) -> Self {
        let seed = Stream::FreshProbe.of(setup.seed) ^ step.rotate_left(32);
        let mut learned =
            proportional_subset(scenario.train().labels(), IMAGES, Stream::ProbeImages.of(setup.seed));
        learned.shuffle(&mut StdRng::seed_from_u64(seed));
        let of = |part: Part, indices: &[u32]| -> Vec<GradientTensors> {
            // Of an image there may be a tensor for each origin.
            let copies = scenario.gradient_tensors(part, &indices[..1], hyper).origins.len();
            let chunks = indices.chunks((BATCH_SIZE / copies).max(1));
            chunks.map(|indices| scenario.gradient_tensors(part, indices, hyper)).collect()
        };
        let (learn, test) = (of(Part::Training, &learned), of(Part::HeldOut, tested));
        let channel = Channel::of(hyper, setup.batch_size);
        let auxiliary = scenario.auxiliary();
        let attempt = |channel: Channel| {
            let scaled = |tensors: &GradientTensors| {
                (channel.scaled(tensors.gradients.clone()), one_hot(tensors, origins))
            };
            Attempt {
                learn: learn.iter().map(scaled).collect(),
                test: test.iter().map(scaled).collect(),
                reader: Reader {
                    network: auxiliary.network.clone(),
                    weights: auxiliary.weights.untracked(),
                    channel,
                    is_trained: true,
                },
            }
        };
        let noiseless = Channel { normalization: Normalization::Rms, noise: 0.0, ..channel };
        let channels = std::iter::once(channel).chain((channel.noise > 0.0).then_some(noiseless));
        let device = learn[0].gradients.device();
        let fresh = channels.map(|channel| {
            let attempt = attempt(channel);
            let pupil = Pupil::new(&attempt.reader, attempt.learn.len(), seed, &device);
            (attempt, pupil)
        });
        Self { run, step, fresh: fresh.collect(), running: attempt(channel) }
    }

    /// How many turns it takes, the last of which asks what was read.
    pub fn turns(&self) -> u64 {
        self.fresh.len() as u64 * STEPS.div_ceil(STEPS_A_TURN) + 1
    }

    /// Goes on for a turn, which only queues work; what was read, once all is done.
    pub fn advance(&mut self) -> Option<impl Future<Output = Result<Answer, String>> + use<>> {
        match self.fresh.iter_mut().find(|(_, pupil)| pupil.step() < STEPS) {
            Some((attempt, pupil)) => {
                pupil.train(&attempt.reader, &attempt.learn, STEPS_A_TURN.min(STEPS - pupil.step()));
                None
            }
            None => Some(self.conclude()),
        }
    }

    fn conclude(&self) -> impl Future<Output = Result<Answer, String>> + use<> {
        let running = self.running.reader.right_verdicts(&self.running.reader.weights, &self.running.test);
        let fresh = self
            .fresh
            .iter()
            .map(|(attempt, pupil)| attempt.reader.right_verdicts(&pupil.weights(), &attempt.test));
        let reading = std::iter::once(running)
            .chain(fresh)
            .flatten()
            .fold(Transaction::default(), Transaction::register);
        let reading = read_all(reading);
        let (run, step) = (self.run, self.step);
        async move {
            let shares: Vec<Share> = reading.await?.iter().map(share).collect();
            let (running, fresh, noiseless) = match shares[..] {
                [running, fresh] => (running, fresh, None),
                [running, fresh, noiseless] => (running, fresh, Some(noiseless)),
                _ => return Err(WRONG_NUMBER.into()),
            };
            let readings = Readings { step, probe_steps: STEPS, running, fresh, noiseless };
            Ok(Answer::Tell(Event::Probed(Probed { run, readings })))
        }
    }
}

/// One-hot rows of where gradient tensors come from.
fn one_hot(tensors: &GradientTensors, origins: usize) -> Tensor<2> {
    let mut rows = vec![0.0f32; tensors.origins.len() * origins];
    for (row, origin) in rows.chunks_exact_mut(origins).zip(&tensors.origins) {
        row[usize::from(*origin)] = 1.0;
    }
    let rows = TensorData::new(rows, [tensors.origins.len(), origins]);
    Tensor::from_data(rows, &tensors.gradients.device())
}

fn share(right: &TensorData) -> Share {
    let hits = right.iter::<f32>().filter(|one| *one > 0.5).count();
    Share { hits: hits as u32, total: right.num_elements() as u32 }
}
