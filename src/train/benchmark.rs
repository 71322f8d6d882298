//! How fast a device trains: first step, median step, memory, where the time goes, whether any of it drifts.
//!
//! Nothing here blocks or reads a file, so that a page can measure as the command line does. The images are noise: no
//! step's time depends on what it sees.

mod ceiling;
mod plain;
mod results;
mod soak;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};
use web_time::{Instant, SystemTime};

pub use ceiling::Ceilings;
pub use results::{MOST_STEPS, Request, Results, STEPS, measure};
pub use soak::{Drift, Sample, soak};

use crate::{
    config::{Hyper, NetworkKind, POINT_SHAPE, Players, Setup},
    data::{Dataset, Images},
    gpu::{Opened, profile::Cost, profile::Recording, read},
    nn::network::Statistics,
    platform,
    scenario::{Defense, Scenario},
};
use plain::Plain;

/// Enough that batches differ, few enough that shuffling them costs nothing.
const IMAGES: usize = 1024;
const CLASSES: usize = 10;
/// Steps after the first that are not timed, and after how many seconds there are enough of them: caches fill, memory
/// is found.
const WARM_UP: u32 = 5;
const WARM_UP_SECONDS: f64 = 2.0;
/// Steps timed together on a GPU: nobody waits for it after each.
const BURST: u32 = 10;
/// Steps of a profile, and before it of those that nobody records.
const PROFILED: u32 = 5;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Cross-entropy and Adam, nothing else.
    Plain,
    /// GREAT+GREACE: the auxiliary network's step, then the main one's through double backpropagation, α in full.
    Great,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The device's name.
    pub device: String,
    /// The interface to it.
    pub backend: String,
    /// Milliseconds per step, the median.
    pub ms: f64,
    /// Of the fastest: far below the median on a machine that had other work.
    pub fastest_ms: f64,
    /// Milliseconds from the start of the process to the end of the first step.
    pub first_step_ms: f64,
    /// Most bytes held: on a GPU what burn reserved there, on a CPU what was resident; none where nobody tells.
    pub peak_bytes: Option<u64>,
}

/// Where a step's time goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Milliseconds of a step: on a GPU of those that nobody recorded, the median.
    pub step_ms: f64,
    /// Per step, the costliest first.
    pub costs: Vec<Cost>,
}

/// `[C, H, W]` of the images that a network is timed on: Fashion-MNIST's or CIFAR-10's, or points of a world.
pub fn image(network: NetworkKind) -> [usize; 3] {
    match network {
        NetworkKind::CnnSmall => [1, 28, 28],
        NetworkKind::Mlp => POINT_SHAPE,
        NetworkKind::CnnMedium | NetworkKind::Resnet18 => [3, 32, 32],
    }
}

/// Times steps of a run like `setup`, in a process that began at `started`.
///
/// # Errors
/// Where the device failed.
pub async fn time(
    setup: &Setup,
    step: Step,
    steps: u32,
    opened: &Opened,
    started: SystemTime,
) -> Result<Timing, String> {
    let mut learner = Learner::new(setup, step, opened)?;
    learner.steps(1).await?;
    let first = SystemTime::now().duration_since(started).unwrap_or_default();
    learner.warm_up().await?;
    let burst = burst(opened).min(steps);
    let mut times = Vec::new();
    for _ in 0..steps / burst {
        times.push(learner.timed(burst).await?);
    }
    Ok(Timing {
        device: opened.info.name.clone(),
        backend: opened.info.backend.clone(),
        fastest_ms: times.iter().copied().fold(f64::INFINITY, f64::min),
        ms: median(times),
        first_step_ms: first.as_secs_f64() * 1e3,
        peak_bytes: memory(opened).map(|memory| memory.peak),
    })
}

/// Says where the time of GREAT+GREACE steps goes.
///
/// # Errors
/// Where the device failed.
pub async fn profile(setup: &Setup, opened: &Opened) -> Result<Profile, String> {
    let mut learner = Learner::new(setup, Step::Great, opened)?;
    learner.steps(1).await?;
    learner.warm_up().await?;
    let mut times = Vec::new();
    for _ in 0..PROFILED {
        times.push(learner.timed(1).await?);
    }
    let recording = Recording::start();
    let recorded = learner.timed(PROFILED).await?;
    let mut costs = recording.finish().await;
    for cost in &mut costs {
        let steps = u64::from(PROFILED);
        cost.launches = cost.launches.div_ceil(steps);
        cost.milliseconds /= steps as f64;
        cost.bytes /= steps;
        cost.operations /= steps;
    }
    // On the CPU a recording costs nothing, and the very steps that were recorded make the better whole.
    let step_ms = if opened.setup.is_some() { median(times) } else { recorded };
    Ok(Profile { step_ms, costs })
}

/// A run that is stepped and waited for.
struct Learner {
    game: Game,
    done: u64,
}

enum Game {
    Plain(Box<Plain>),
    Great(Box<Defense>),
}

impl Learner {
    fn new(setup: &Setup, step: Step, opened: &Opened) -> Result<Self, String> {
        if let Some(refusal) = setup.refusal(&opened.info) {
            return Err(refusal);
        }
        let data = dataset(image(setup.network), setup.seed);
        let statistics = Statistics { mean: vec![0.5; data.shape[0]], deviation: vec![0.29; data.shape[0]] };
        let device = opened.device.clone().without_autodiff();
        let game = match step {
            Step::Plain => Game::Plain(Box::new(Plain::new(setup, &data, &statistics, &device))),
            Step::Great => Game::Great(Box::new(Defense::new(setup, &data, &statistics, &device))),
        };
        Ok(Self { game, done: 0 })
    }

    /// Takes so many steps and waits until the device has taken them.
    async fn steps(&mut self, count: u32) -> Result<(), String> {
        for _ in 0..count {
            match &mut self.game {
                Game::Plain(plain) => plain.step(self.done),
                Game::Great(defense) => {
                    defense.step(self.done, &Hyper { ramp: 0.0, ..Hyper::default() }, Players::Both);
                }
            }
            self.done += 1;
            platform::breathe().await;
        }
        // What is read comes after everything that was asked for before it.
        let last = match &mut self.game {
            Game::Plain(plain) => Some(plain.last_weight()),
            Game::Great(defense) => defense.take_measures().map(|measures| measures.sums),
        };
        if let Some(last) = last {
            read(last).await?;
        }
        Ok(())
    }

    async fn warm_up(&mut self) -> Result<(), String> {
        let begin = Instant::now();
        for _ in 0..WARM_UP {
            self.steps(1).await?;
            if begin.elapsed().as_secs_f64() > WARM_UP_SECONDS {
                break;
            }
        }
        Ok(())
    }

    /// Milliseconds per step of so many.
    async fn timed(&mut self, count: u32) -> Result<f64, String> {
        let begin = Instant::now();
        self.steps(count).await?;
        Ok(begin.elapsed().as_secs_f64() * 1e3 / f64::from(count))
    }
}

/// Steps that are timed together.
fn burst(opened: &Opened) -> u32 {
    if opened.setup.is_some() { BURST } else { 1 }
}

/// Bytes that training holds.
fn memory(opened: &Opened) -> Option<platform::Memory> {
    if opened.setup.is_none() {
        return platform::memory();
    }
    // The pools give nothing back while training goes on.
    let reserved = opened.device.memory_pool_usage()?.bytes_reserved;
    Some(platform::Memory { now: reserved, peak: reserved })
}

/// Images of noise.
fn dataset(image: [usize; 3], seed: u64) -> Dataset {
    let mut pixels = vec![0; IMAGES * image.iter().product::<usize>()];
    StdRng::seed_from_u64(seed).fill_bytes(&mut pixels);
    let labels = (0..IMAGES).map(|index| (index % CLASSES) as u8).collect();
    let images = Images { pixels, labels };
    let classes = (0..CLASSES).map(|class| class.to_string()).collect();
    Dataset { name: "noise".into(), classes, shape: image, train: images.clone(), test: images }
}

/// The middle one; of an even number the mean of both; of none 0.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[half],
        _ => (numbers[half - 1] + numbers[half]) / 2.0,
    }
}
