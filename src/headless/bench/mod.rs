//! `great-lab bench`: what a training step costs on a device, where its time goes, whether a long run drifts.
//!
//! Each kind of step is timed in a process of its own, so that time to first step and peak memory are its own too.

mod measured;
mod table;

use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::sync_channel;

use clap::builder::PossibleValuesParser;
use serde::Serialize;
use web_time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::knobs::assign;
use crate::config::{Config, NetworkKind, Precision, Setup};
use crate::gpu::Opened;
use crate::headless::error::{FAILED, HeadlessError};
use crate::headless::options::open_device;
use crate::headless::print::{print, say};
use crate::platform;
use crate::show::number::figure;
use crate::train::benchmark::{
    self, Ceilings, Drift, MOST_STEPS, Profile, Results, STEPS, Sample, Step, Timing,
};
use measured::{Measured, mebibytes};

/// What `bench` is told.
#[derive(clap::Args, Debug)]
pub struct BenchOptions {
    /// Architecture of the main network; cnn-small reads images of 1×28×28, the others of 3×32×32
    #[arg(long, value_name = "NAME", default_value = "cnn-small",
          value_parser = PossibleValuesParser::new(NetworkKind::NAMES))]
    network: String,
    /// Factor on the main network's channels
    #[arg(long, value_name = "W", default_value = "1", allow_hyphen_values = true)]
    width: String,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value = "64", allow_hyphen_values = true)]
    batch: String,
    /// Precision of the main network; mixed needs a GPU with 16-bit floats
    #[arg(long, value_name = "NAME", default_value = "f32",
          value_parser = PossibleValuesParser::new(Precision::NAMES))]
    precision: String,
    /// Where to compute: auto (a real GPU, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, value_name = "auto|gpu|cpu|NAME", default_value = "auto")]
    device: String,
    /// Timed steps of each kind; their median counts
    #[arg(long, value_name = "N", default_value_t = STEPS, allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_STEPS)))]
    steps: u32,
    /// Say where the time of a GREAT+GREACE step goes, operation by operation
    #[arg(long)]
    profile: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Instead take this number of GREAT+GREACE steps; exit status 1 if the last tenth is over a quarter slower than the
    /// first, or holds over a twentieth (and 16 MiB) more memory
    #[arg(long, value_name = "N", allow_hyphen_values = true, conflicts_with_all = ["profile", "steps"],
          value_parser = clap::value_parser!(u64).range(1..))]
    soak: Option<u64>,
    /// The one kind of step to time in this process, which began this number of seconds after 1970
    #[arg(long, value_name = "KIND", hide = true, requires = "started", value_parser = ["plain", "great"])]
    measure: Option<String>,
    #[arg(long, value_name = "SECONDS", hide = true)]
    started: Option<f64>,
}

/// Measures and prints.
///
/// # Errors
/// Bad flags, a device that is not there or fails.
pub fn bench(options: &BenchOptions) -> Result<ExitCode, HeadlessError> {
    let setup = options.setup()?;
    let opened = open_device(&options.device)?;
    if let Some(problem) = setup.refusal(&opened.info) {
        return Err(HeadlessError::Flag { flag: "--precision", problem });
    }
    if let (Some(measure), Some(started)) = (&options.measure, options.started) {
        let step = if measure == "plain" { Step::Plain } else { Step::Great };
        // A clock before 1970 tells nothing.
        let started = UNIX_EPOCH + Duration::try_from_secs_f64(started).unwrap_or_default();
        let steps = options.steps;
        let timing =
            wait(move || async move { benchmark::time(&setup, step, steps, &opened, started).await })?;
        print(&json(&timing))?;
        return Ok(ExitCode::SUCCESS);
    }
    opened.info.notice.iter().for_each(|notice| say(notice));
    if let Some(steps) = options.soak {
        return options.soak(setup, steps, opened);
    }
    let plain = options.measure_apart("plain")?;
    let great = options.measure_apart("great")?;
    let measured = options.measured(setup, &plain, &great, opened)?;
    print(&if options.json { json(&measured) } else { table::text(&measured) })?;
    Ok(ExitCode::SUCCESS)
}

impl BenchOptions {
    fn setup(&self) -> Result<Setup, HeadlessError> {
        let mut config = Config::default();
        let knobs = ["network", "width", "batch_size", "precision"];
        for (knob, value) in knobs.iter().zip([&self.network, &self.width, &self.batch, &self.precision]) {
            assign(&mut config, &format!("{knob}={value}"))?;
        }
        Ok(config.setup)
    }

    /// Times one kind of step in a new process.
    fn measure_apart(&self, measure: &str) -> Result<Timing, HeadlessError> {
        let failed = |problem: String| HeadlessError::Measurement(problem);
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["bench", "--network", &self.network, "--width", &self.width, "--batch", &self.batch]);
        command.args(["--precision", &self.precision, "--device", &self.device]);
        command.args(["--steps", &self.steps.to_string(), "--measure", measure]);
        // The clock begins before the process does.
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        command.args(["--started", &started.to_string()]);
        let output = command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
            return Err(failed(if last.is_empty() { output.status.to_string() } else { last.into() }));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
    }

    fn measured(
        &self,
        setup: Setup,
        plain: &Timing,
        great: &Timing,
        opened: Opened,
    ) -> Result<Measured, HeadlessError> {
        let (workload, wanted, on_host) = (setup.clone(), self.profile, opened.setup.is_none());
        let (ceilings, profile) = wait(move || async move {
            let ceilings = Ceilings::measure(&opened.device, on_host).await?;
            let profile = if wanted { Some(benchmark::profile(&workload, &opened).await?) } else { None };
            Ok::<(Ceilings, Option<Profile>), String>((ceilings, profile))
        })?;
        Ok(Measured {
            results: Results::new(&setup, self.steps, plain, great, &ceilings),
            operations: profile
                .map_or_else(Vec::new, |profile| measured::operations(&profile, &ceilings, on_host)),
        })
    }

    fn soak(&self, setup: Setup, steps: u64, opened: Opened) -> Result<ExitCode, HeadlessError> {
        let mut tenths = 0;
        let tell = move |sample: Sample| {
            if sample.step * 10 / steps > tenths {
                tenths = sample.step * 10 / steps;
                let memory = sample.bytes.map_or(String::new(), |bytes| format!(" · {}", mebibytes(bytes)));
                say(&format!("step {}/{steps} · {} ms{memory}", sample.step, figure(sample.ms)));
            }
        };
        let drift: Drift = wait(move || async move { benchmark::soak(&setup, steps, &opened, tell).await })?;
        print(&if self.json { json(&drift) } else { table::drift(&drift) })?;
        Ok(if drift.is_there() { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
    }
}

/// What comes of a measurement on a thread of its own, which may wait for the device.
fn wait<T: Send + 'static, F: Future<Output = Result<T, String>>>(
    make: impl FnOnce() -> F + Send + 'static,
) -> Result<T, HeadlessError> {
    let (sender, receiver) = sync_channel(1);
    let thread = platform::spawn("benchmark", move || async move {
        // Without a receiver the command is over already.
        let _ = sender.send(make().await);
    });
    thread.map_err(|error| HeadlessError::System(error.to_string()))?;
    receiver.recv().map_err(|_| HeadlessError::Gone)?.map_err(HeadlessError::Measurement)
}

fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("numbers and names are always JSON");
    format!("{text}\n")
}
