//! `great-lab train`: from flags to a run folder.

use std::path::PathBuf;

use crate::gpu;
use crate::train::protocol::Delivery;

use super::drive::{Plan, drive};
use super::error::HeadlessError;
use super::interrupt::Interrupt;
use super::options::{RunOptions, open_device};
use super::progress::duration;
use super::record::Record;
use super::run_folder::RunFolder;
use super::summary::Outcome;
use super::tables;

/// What can be trained.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub enum Scenario {
    /// Adversarial defence: GREAT, GREACE, and what they compete with
    #[default]
    Defense,
}

/// The flags of `great-lab train`.
#[derive(clap::Args, Debug, Default)]
pub struct TrainOptions {
    /// What is trained
    #[arg(value_name = "SCENARIO", default_value = "defense")]
    pub scenario: Scenario,
    /// What a run is.
    #[command(flatten)]
    pub run: RunOptions,
    /// Length of the run in passes over the training data, in place of --steps
    #[arg(long, value_name = "N", allow_hyphen_values = true, conflicts_with = "steps",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub epochs: Option<u32>,
    /// Folder for the results [default: runs/<mode>-<data>-seed<seed>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write into --out even if it is not empty
    #[arg(long)]
    pub force: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
}

/// Trains, writes the run folder, and says how it ended.
///
/// # Errors
/// [`HeadlessError`]: bad flags, no device, a failure of the trainer, a folder that cannot be written.
pub fn train(options: TrainOptions) -> Result<Outcome, HeadlessError> {
    let Scenario::Defense = options.scenario;
    let config = options.run.config(options.epochs)?;
    if let Some(out) = &options.out {
        RunFolder::check(out, options.force)?;
    }
    let opened = open_device(&options.run.device)?;
    let plan = Plan { epochs: options.epochs, out: options.out, force: options.force, quiet: options.quiet };
    let notices = opened.info.notice.iter().cloned().collect();
    let remote = spawn(config, &opened)?;
    let interrupt = Interrupt::listen(remote.commands.clone())?;
    let (outcome, record) = drive(remote, &plan, &interrupt, notices)?;
    if !plan.quiet {
        super::print(&summary(outcome, &record));
    }
    Ok(outcome)
}

fn spawn(
    config: crate::config::Config,
    opened: &gpu::Opened,
) -> Result<crate::train::protocol::Remote, HeadlessError> {
    crate::train::spawn(config, opened, Delivery::Complete)
        .map_err(|error| HeadlessError::System(error.to_string()))
}

/// The last figures, for people.
fn summary(outcome: Outcome, record: &Record) -> String {
    let mut text = String::new();
    if let Some(report) = record.last_report() {
        let verb = if outcome == Outcome::Finished { "finished" } else { "interrupted" };
        text += &format!(
            "{verb} at step {} after {} of training: loss {:.3}, accuracy {:.1} %, auxiliary accuracy {:.1} %\n\n",
            report.step,
            duration(report.elapsed.as_secs_f64()),
            report.loss,
            100.0 * report.accuracy,
            100.0 * report.auxiliary_accuracy,
        );
    }
    if let Some(evaluation) = record.last_evaluation() {
        text += &tables::robustness_text(evaluation);
        text.push('\n');
    }
    text + &format!("everything is in {}\n", record.folder().path().display())
}
