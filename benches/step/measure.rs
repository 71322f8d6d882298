//! One measurement of the lab: time to first step, median step, peak memory.

use std::{error::Error, fs};

use burn::tensor::Device;
use great_lab::{
    config::{NetworkKind, Players},
    gpu::{Choice, open},
    scenario::{Defense, Scenario},
};
use serde::{Deserialize, Serialize};
use web_time::{Instant, SystemTime, UNIX_EPOCH};

use crate::{pieces, pieces::Pieces, profile};

/// Steps that are not timed: caches fill, kernels are chosen.
pub const WARM_UP: u64 = 5;
/// Steps timed together on a GPU: nobody waits for it after each.
const BURST: u32 = 10;
const MEGABYTE: f64 = (1 << 20) as f64;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Cross-entropy and Adam.
    Plain,
    /// GREAT+GREACE: the auxiliary network's step, then the main one's through double backpropagation.
    Full,
    /// The full step, phase by phase.
    Profile,
}

impl Task {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Full => "GREAT+GREACE",
            Self::Profile => "profile",
        }
    }
}

/// One measurement.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// What.
    pub task: Task,
    /// Of which main network.
    pub network: NetworkKind,
    /// `[C, H, W]`.
    pub image: [usize; 3],
    /// Images in a batch.
    pub batch: usize,
    /// Where: `cpu`, or an adapter's name.
    pub device: String,
    /// Timed steps.
    pub steps: u32,
    /// Threads on the CPU.
    pub threads: u32,
    /// When the process was started, in seconds since 1970.
    pub started: f64,
}

/// What came out; PyTorch's half prints the same.
#[derive(Debug, Serialize, Deserialize)]
pub struct Timing {
    /// Milliseconds per step, the median; none where the form is not possible.
    pub ms: Option<f64>,
    /// The fastest of them: far below the median on a machine that had other work.
    pub fastest_ms: Option<f64>,
    /// Milliseconds from the start of the process to the end of the first step.
    pub first_step_ms: Option<f64>,
    /// Most memory held, in 2²⁰ bytes: the process's on a CPU, the device's on a GPU.
    pub peak_memory_mb: Option<f64>,
    /// The device's name.
    pub device: Option<String>,
    /// How it was computed, or why not.
    pub form: String,
    /// PyTorch's version.
    pub torch: Option<String>,
}

/// Takes the measurement; answers it as one line of JSON.
///
/// # Errors
/// Where the device is not there or fails.
pub fn line(job: &Job) -> Result<String, Box<dyn Error>> {
    let opened = open(&job.device.parse::<Choice>()?)?;
    let device = opened.device.clone().without_autodiff();
    if job.task == Task::Profile {
        return Ok(serde_json::to_string(&profile::laps(job, &device)?)?);
    }
    let on_device = opened.setup.is_some();
    let mut step = stepper(job, &device);
    let mut done = 0;
    let mut steps = |count: u32| -> Result<(), Box<dyn Error>> {
        for _ in 0..count {
            step(done);
            done += 1;
        }
        Ok(device.sync()?)
    };
    steps(1)?;
    let first = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() - job.started;
    steps(WARM_UP as u32)?;
    let burst = if on_device { BURST.min(job.steps) } else { 1 };
    let mut times = Vec::new();
    for _ in 0..job.steps / burst {
        let begin = Instant::now();
        steps(burst)?;
        times.push(begin.elapsed().as_secs_f64() * 1e3 / f64::from(burst));
    }
    let pool = device.memory_pool_usage().filter(|_| on_device);
    Ok(serde_json::to_string(&Timing {
        fastest_ms: times.iter().copied().reduce(f64::min),
        ms: Some(median(times)),
        first_step_ms: Some(first * 1e3),
        peak_memory_mb: pool.map_or_else(most_resident, |pool| Some(pool.bytes_reserved as f64 / MEGABYTE)),
        device: Some(opened.info.name),
        form: opened.info.backend,
        torch: None,
    })?)
}

/// A function that takes the step of that number.
fn stepper(job: &Job, device: &Device) -> Box<dyn FnMut(u64)> {
    if job.task == Task::Plain {
        let mut pieces = Pieces::new(job, device);
        return Box::new(move |step| pieces.plain_step(step));
    }
    let data = pieces::dataset(job.image);
    let mut defense = Defense::new(&pieces::setup(job), &data, &pieces::statistics(job.image[0]), device);
    Box::new(move |step| defense.step(step, &pieces::hyper(), Players::Both))
}

/// The middle one; of an even number the mean of both.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[half] } else { (numbers[half - 1] + numbers[half]) / 2.0 }
}

/// The most memory that this process has held, in 2²⁰ bytes, where the system tells it in a file: Linux.
fn most_resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}
