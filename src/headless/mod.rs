//! The commands: what people type, and what comes back as an exit status and one line.

pub mod bench;
mod command_line;
pub mod compare;
pub mod devices;
pub mod error;
pub mod evaluate;
mod examples;
mod export;
pub mod files;
mod inspect;
pub mod interrupt;
pub mod keeping;
pub mod options;
pub mod predict;
mod print;
pub mod progress;
pub mod runs;
pub mod train;

use std::path::PathBuf;
use std::process::ExitCode;

pub use command_line::{Command, CommandLine, WindowOptions, has_display, parse};

use error::HeadlessError;
use interrupt::Completed;
use print::{print, say};

/// Obeys `command` and says what went wrong, if anything, in one line; what needs the window is done by `window`.
pub fn run(command: Command, window: impl FnOnce(&WindowOptions, Vec<PathBuf>) -> ExitCode) -> ExitCode {
    let outcome = match command {
        Command::Train(options) => train::train(*options),
        Command::Distill(options) => train::distill(*options),
        Command::Multitask(options) => train::multitask(*options),
        Command::Compare(options) => compare::compare(*options),
        Command::Evaluate(options) => evaluate::evaluate(&options),
        Command::Predict(options) => predict::predict(&options).map(|()| Completed::Finished),
        Command::Inspect(options) => inspect::inspect(&options).map(|()| Completed::Finished),
        Command::Export(options) => export::export(&options).map(|()| Completed::Finished),
        Command::Bench(options) => match bench::bench(&options) {
            Ok(status) => return status,
            Err(error) => Err(error),
        },
        Command::Runs(options) => runs::runs(options),
        Command::Open(options) => match options.sources() {
            Ok(()) => return window(&options.window, options.paths),
            Err(error) => Err(error),
        },
        Command::Examples => print(&examples::list()).map(|()| Completed::Finished),
        Command::Devices => print(&devices::list()).map(|()| Completed::Finished),
    };
    match outcome {
        Ok(Completed::Interrupted(status)) => ExitCode::from(status),
        Ok(Completed::Finished) => ExitCode::SUCCESS,
        Err(error) => complain(&error),
    }
}

/// Says what went wrong, in one line, and gives its exit status.
pub fn complain(error: &HeadlessError) -> ExitCode {
    let line: Vec<_> = error.to_string().split_whitespace().map(String::from).collect();
    say(&format!("error: {}", line.join(" ")));
    ExitCode::from(error.exit_status())
}
