//! Times a training step of the lab beside PyTorch's, on one machine and in one run, and says where its time goes.
//!
//! Each measurement has a process of its own, so that time to first step and peak memory are its own too.
//! `scripts/bench` brings the Python that it needs and runs it.

mod contender;
mod measure;
mod pieces;
mod profile;
mod table;

use std::{error::Error, path::PathBuf};

use clap::{Parser, value_parser};
use contender::Contender;
use great_lab::config::NetworkKind;
use measure::{Job, Task};
use table::{Machine, Phases, Row};

/// Milliseconds per training step: the lab on GPU and CPU, and PyTorch doing the same work.
#[derive(Parser)]
struct Options {
    /// Write the tables to this file, too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Measure ResNet-18, too: seconds per step on a CPU.
    #[arg(long)]
    all: bool,
    /// Measure software Vulkan drivers, too: minutes to the first step.
    #[arg(long)]
    software: bool,
    /// Say where the time of a full step goes.
    #[arg(long)]
    profile: bool,
    /// Timed steps in each measurement; their median counts.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = value_parser!(u32).range(1..))]
    steps: u32,
    /// Threads on the CPU, the lab's and PyTorch's.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u32).range(1..))]
    threads: u32,
    /// A Python that has PyTorch; without one the lab is measured alone.
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
    /// The one measurement to take in this process, as JSON.
    #[arg(long, hide = true)]
    job: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if let Some(job) = &options.job {
        println!("{}", measure::line(&serde_json::from_str(job)?)?);
        return Ok(());
    }
    let mut networks = vec![(NetworkKind::CnnSmall, [1, 28, 28]), (NetworkKind::CnnMedium, [3, 32, 32])];
    if options.all {
        networks.push((NetworkKind::Resnet18, [3, 32, 32]));
    }
    let contenders = contender::all(options.python.as_deref(), options.software);
    let (mut rows, mut phases) = (Vec::new(), Vec::new());
    for (network, image) in networks {
        let job = |task, contender: &Contender| Job {
            task,
            network,
            image,
            batch: 64,
            device: contender.device.clone(),
            steps: options.steps,
            threads: options.threads,
            started: 0.0,
        };
        for task in [Task::Plain, Task::Full] {
            for contender in &contenders {
                let timing = contender.run(job(task, contender));
                let row = Row { network, task, contender: contender.clone(), timing };
                eprintln!("{row}");
                rows.push(row);
            }
        }
        for contender in contenders.iter().filter(|contender| options.profile && contender.is_lab()) {
            let laps = contender.run(job(Task::Profile, contender))?;
            phases.push(Phases { network, path: contender.path.clone(), laps });
        }
    }
    let text = table::markdown(&Machine::this(options.threads), &rows, &phases);
    println!("{text}");
    if let Some(file) = options.out {
        std::fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    Ok(())
}
