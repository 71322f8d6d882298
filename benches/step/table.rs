//! The tables, in Markdown.

use std::{fmt, fmt::Write, fs};

use great_lab::config::NetworkKind;

use crate::{
    contender::Contender,
    measure::{Task, Timing},
    profile::Lap,
};

/// The machine that everything ran on.
pub struct Machine {
    processor: String,
    cores: usize,
    threads: u32,
}

impl Machine {
    /// This one.
    pub fn this(threads: u32) -> Self {
        // Elsewhere than on Linux no file tells the name.
        let described = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = described.lines().find(|line| line.starts_with("model name"));
        let processor =
            model.and_then(|line| line.split_once(": ")).map_or(std::env::consts::ARCH, |(_, name)| name);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { processor: processor.into(), cores, threads }
    }
}

/// A contender's result.
pub struct Row {
    /// Of which network.
    pub network: NetworkKind,
    /// Of which step.
    pub task: Task,
    /// Whose.
    pub contender: Contender,
    /// What came out, or why nothing did.
    pub timing: Result<Timing, String>,
}

impl Row {
    fn ms(&self) -> Option<f64> {
        self.timing.as_ref().ok()?.ms
    }

    /// Why there are no figures.
    fn reason(&self) -> &str {
        self.timing.as_ref().map_or_else(String::as_str, |timing| &timing.form)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} step, {}: ", self.network, self.task.name(), self.contender.path)?;
        match self.ms() {
            Some(ms) => write!(f, "{ms:.1} ms"),
            None => f.write_str(self.reason()),
        }
    }
}

/// Where one contender's time goes.
pub struct Phases {
    /// Of which network.
    pub network: NetworkKind,
    /// Whose.
    pub path: String,
    /// In the step's order.
    pub laps: Vec<Lap>,
}

/// Everything as Markdown.
pub fn markdown(machine: &Machine, rows: &[Row], phases: &[Phases]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_steps(&mut text, machine, rows);
    let _ = write_phases(&mut text, phases);
    text
}

fn write_steps(text: &mut String, machine: &Machine, rows: &[Row]) -> fmt::Result {
    let told = |pick: fn(&Timing) -> Option<&String>| {
        rows.iter().find_map(|row| row.timing.as_ref().ok().and_then(pick)).map_or("none", String::as_str)
    };
    let mut devices: Vec<&str> =
        rows.iter().filter_map(|row| row.timing.as_ref().ok()?.device.as_deref()).collect();
    devices.sort_unstable();
    devices.dedup();
    writeln!(
        text,
        "{} ({} cores, {} threads used); devices: {}. great-lab {}, PyTorch {}. f32, batches of 64.\n",
        machine.processor,
        machine.cores,
        machine.threads,
        devices.join(", "),
        env!("CARGO_PKG_VERSION"),
        told(|timing| timing.torch.as_ref()),
    )?;
    writeln!(
        text,
        "| network | step | path | ms per step | fastest | × PyTorch eager | first step, s | peak memory, MiB |"
    )?;
    writeln!(text, "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")?;
    for row in rows {
        write!(text, "| {} | {} | {} ", row.network, row.task.name(), row.contender.path)?;
        let Some(ms) = row.ms() else {
            writeln!(text, "| {} | | | | |", row.reason())?;
            continue;
        };
        let number =
            |number: Option<f64>, digits| number.map_or("–".into(), |number| format!("{number:.digits$}"));
        let timing = row.timing.as_ref().ok();
        let fastest = timing.and_then(|timing| timing.fastest_ms);
        let first = timing.and_then(|timing| timing.first_step_ms).map(|first| first / 1e3);
        let memory = timing.and_then(|timing| timing.peak_memory_mb);
        let ratio = reference(rows, row).map(|reference| ms / reference);
        let rest = [number(fastest, 1), number(ratio, 2), number(first, 1), number(memory, 0)].join(" | ");
        writeln!(text, "| {ms:.1} | {rest} |")?;
    }
    Ok(())
}

/// What eager PyTorch takes for the same: on the same kind of device where it has one, on the CPU otherwise.
fn reference(rows: &[Row], row: &Row) -> Option<f64> {
    let on = |gpu: bool| {
        rows.iter()
            .find(|other| {
                (other.network, other.task, other.contender.on_gpu) == (row.network, row.task, gpu)
                    && other.contender.is_reference()
            })
            .and_then(Row::ms)
    };
    on(row.contender.on_gpu).or_else(|| on(false))
}

fn write_phases(text: &mut String, phases: &[Phases]) -> fmt::Result {
    for Phases { network, path, laps } in phases {
        let total: f64 = laps.iter().map(|lap| lap.ms).sum();
        writeln!(text, "\nWhere a GREAT+GREACE step of {network} goes, {path}, waiting for each phase:\n")?;
        writeln!(text, "| phase | ms | share |")?;
        writeln!(text, "| --- | ---: | ---: |")?;
        for Lap { phase, ms } in laps {
            writeln!(text, "| {phase} | {ms:.1} | {:.0} % |", 100.0 * ms / total)?;
        }
        writeln!(text, "| together | {total:.1} | 100 % |")?;
    }
    Ok(())
}
