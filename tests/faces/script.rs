//! `scripts/run` hands all that is typed to the program, which knows its commands.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use clap::CommandFactory as _;
use great_lab::headless::CommandLine;

/// A machine on which the script has nothing to install or to build: the program is there, and tools that say so.
fn machine(folder: &Path) {
    let root = env!("CARGO_MANIFEST_DIR");
    let tool = |path: &str, text: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    tool("bin/cargo", "echo cargo 999.0.0");
    tool("bin/dpkg-query", "echo installed");
    tool("bin/apt-get", "exit 1");
    std::fs::create_dir_all(folder.join("target/release/deps")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_great-lab"), folder.join("target/release/great-lab"))
        .unwrap();
    // Else the script would have all of our sources built anew.
    std::fs::write(folder.join("target/.last-clone"), format!("{root}\n")).unwrap();
}

fn script(folder: &Path, arguments: &[&str]) -> Output {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/run"));
    command.args(arguments).current_dir(folder).env("PATH", path);
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY").env_remove("RUST_LOG");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_command_stays_itself_where_there_is_no_display() {
    let scratch = tempfile::tempdir().unwrap();
    machine(scratch.path());
    let commands: Vec<String> =
        CommandLine::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in &commands {
        let output = script(scratch.path(), &[command, "--help"]);
        let usage = format!("Usage: great-lab {command}");
        assert!(text(&output.stdout).contains(&usage), "{command}: {}", text(&output.stdout));
        assert!(output.status.success() && !text(&output.stderr).contains("no display"), "{command}");
    }
    let misspelt = script(scratch.path(), &["distil"]);
    assert_eq!(misspelt.status.code(), Some(2));
    assert!(
        text(&misspelt.stderr).contains("unrecognized subcommand 'distil'"),
        "{}",
        text(&misspelt.stderr)
    );
}

#[test]
fn without_a_command_and_a_display_it_trains_and_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    machine(scratch.path());
    let tiny = ["--steps", "2", "--device", "cpu", "--set", "batch_size=8", "--set", "evaluate_samples=8"];
    for (first, out) in [(&["--run", "--mode", "baseline"][..], "a"), (&["--quiet"], "b")] {
        let output = script(scratch.path(), &[first, &tiny, &["--out", out]].concat());
        let said = text(&output.stderr);
        assert!(output.status.success() && said.contains("no display: training without a window"), "{said}");
        assert!(scratch.path().join(out).join("checkpoint.safetensors").is_file(), "{out}");
    }
}
