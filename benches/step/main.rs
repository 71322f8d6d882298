//! Times a training step of the lab beside PyTorch's, on one machine and in one run, and says where its time goes.
//!
//! The lab's half is `great-lab bench`, PyTorch's `benches/pytorch_step.py`. Each measurement has a process of its own,
//! so that time to first step and peak memory are its own too. `scripts/bench` brings the Python that it needs.

mod contender;
mod measure;
mod table;

use std::{error::Error, path::PathBuf};

use clap::{Parser, builder::PossibleValuesParser, value_parser};
use contender::{Effort, Kind};
use great_lab::config::NetworkKind;
use measure::{Step, Workload};
use table::{Machine, Row};

/// Milliseconds per training step: the lab on GPU and CPU, and PyTorch doing the same work.
#[derive(Parser)]
struct Options {
    /// Write the tables to this file, too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Measure this network alone; otherwise cnn-small, cnn-medium and a small ResNet (resnet-18, width 0.25).
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(NetworkKind::NAMES))]
    network: Option<String>,
    /// Factor on the channels of the network named.
    #[arg(long, value_name = "W", default_value_t = 1.0, requires = "network")]
    width: f64,
    /// Images in a batch, one or several numbers.
    #[arg(long, value_name = "N", default_value = "64", value_delimiter = ',',
          value_parser = value_parser!(u32).range(1..))]
    batch: Vec<u32>,
    /// Measure ResNet-18 in full width, too: seconds per step on a CPU.
    #[arg(long, conflicts_with = "network")]
    all: bool,
    /// Measure on this kind of device alone.
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(["cpu", "gpu"]))]
    on: Option<String>,
    /// Measure software Vulkan drivers, too, with nothing cached: seconds per step.
    #[arg(long)]
    software: bool,
    /// Say where the time of the lab's GREAT+GREACE step goes.
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
}

impl Options {
    fn workloads(&self) -> Result<Vec<Workload>, String> {
        let networks = match &self.network {
            Some(name) => vec![(name.parse()?, self.width)],
            None => {
                let resnet = |width| (NetworkKind::Resnet18, width);
                let small = [(NetworkKind::CnnSmall, 1.0), (NetworkKind::CnnMedium, 1.0), resnet(0.25)];
                small.into_iter().chain(self.all.then(|| resnet(1.0))).collect()
            }
        };
        let workload = |(network, width), batch: &u32| Workload { network, width, batch: *batch as usize };
        Ok(networks
            .into_iter()
            .flat_map(|network| self.batch.iter().map(move |batch| workload(network, batch)))
            .collect())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut contenders = contender::all(options.python.as_deref(), options.software);
    if let Some(on) = &options.on {
        contenders.retain(|contender| (contender.kind == Kind::Cpu) == (on == "cpu"));
        if contenders.is_empty() {
            return Err("there is no GPU here (great-lab devices tells what there is)".into());
        }
    }
    let effort = Effort { steps: options.steps, threads: options.threads };
    let (mut rows, mut profiles) = (Vec::new(), Vec::new());
    for workload in options.workloads()? {
        for contender in &contenders {
            let [plain, great] =
                [Step::Plain, Step::Great].map(|step| contender.time(&workload, step, effort));
            let row = Row { workload, contender: contender.clone(), plain, great };
            eprintln!("{row}");
            rows.push(row);
            if options.profile && contender.is_lab() {
                profiles.push(contender.profile(&workload, effort)?);
            }
        }
    }
    let text = table::markdown(&Machine::this(options.threads), &rows, &profiles);
    println!("{text}");
    if let Some(file) = options.out {
        std::fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    }
    Ok(())
}
