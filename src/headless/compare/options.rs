//! The flags that every comparison has.

use std::path::PathBuf;

use super::cells::Part;
use super::vary::Varied;
use crate::headless::options::RunOptions;

/// The flags that every comparison has.
#[derive(clap::Args, Debug)]
pub struct SharedOptions {
    /// How many seeds, counted up from --seed (default: 5); a seed means the same data, order and first weights for every
    /// method
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub seeds: Option<u64>,
    /// A knob that is gone through, by every method that uses it, or by the one before the colon; more than one: every pair
    #[arg(long, value_name = "[METHOD:]KNOB=V,V,…", allow_hyphen_values = true)]
    pub vary: Vec<Varied>,
    /// Folder for the runs and the tables; one that holds a part of this comparison is gone on with
    #[arg(long, value_name = "DIR", default_value = "runs/compare")]
    pub out: PathBuf,
    /// Run only part I of N of the cells, for a process on another device or machine; see --merge
    #[arg(long, value_name = "I/N")]
    pub cell: Option<Part>,
    /// Print nothing but the result
    #[arg(long, short)]
    pub quiet: bool,
    /// What every run is.
    #[command(flatten)]
    pub run: RunOptions,
}

impl SharedOptions {
    /// Where and how a comparison runs, and what its runs are.
    pub fn split(self) -> (Running, RunOptions) {
        let part = self.cell.unwrap_or(Part::ALL);
        let Self { out, quiet, .. } = self;
        let running = Running { out, part, device: self.run.device.clone(), quiet, data: None };
        (running, self.run)
    }
}

/// Seeds where nobody says how many.
pub const SEEDS: u64 = 5;

/// Where and how a comparison runs.
pub struct Running {
    /// The folder of its runs and tables.
    pub out: PathBuf,
    /// Which of its cells.
    pub part: Part,
    /// As `--device` has it.
    pub device: String,
    /// Whether nothing is printed but the result.
    pub quiet: bool,
    /// Where its data are now, where they are not where they were.
    pub data: Option<String>,
}
