//! The lab from outside: its commands, the protocol of its trainer, the data and the files that it takes.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "where a helper of a test fails so does the test, and a test waits for what it checks"
)]

#[path = "../common/adapter.rs"]
mod adapter;
#[path = "../common/mod.rs"]
mod common;

mod before;
mod command_line;
mod compare;
mod controller;
mod data;
mod files;
mod logits;
#[cfg(unix)]
mod lost_work;
mod own;
mod past;
mod paths;
mod predict;
mod protocol;
mod resume;
mod runs;
#[cfg(target_os = "linux")]
mod script;
mod stopping;
mod turns;
mod verdicts;

/// A command that hears all signals, though whoever runs the tests ignores some: under `nohup`, or behind a shell's `&`.
#[cfg(unix)]
fn listening(program: &str) -> std::process::Command {
    if !cfg!(target_os = "linux") {
        return std::process::Command::new(program);
    }
    let mut command = std::process::Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM", program]);
    command
}
