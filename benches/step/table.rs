//! The tables, in Markdown.

use std::{fmt, fmt::Write, fs};

use crate::{
    contender::{Contender, Kind},
    measure::{Timing, Workload},
};

const MEBIBYTE: f64 = (1 << 20) as f64;

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

/// A contender's results; where there is none, why.
pub struct Row {
    /// What was trained.
    pub workload: Workload,
    /// By whom.
    pub contender: Contender,
    /// The plain step.
    pub plain: Result<Timing, String>,
    /// The GREAT+GREACE step.
    pub great: Result<Timing, String>,
}

/// What is told of one kind of step, if anything is.
fn told<T>(timing: &Result<Timing, String>, pick: impl Fn(&Timing) -> Option<T>) -> Option<T> {
    timing.as_ref().ok().and_then(pick)
}

/// The median, with the fastest behind it, or why there is none.
fn step(timing: &Result<Timing, String>) -> String {
    match timing {
        Ok(Timing { ms: Some(ms), fastest_ms: Some(fastest), .. }) => format!("{ms:.1} ({fastest:.1})"),
        Ok(timing) => timing.form.clone(),
        Err(reason) => reason.clone(),
    }
}

fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or("–".into(), |number| format!("{number:.digits$}"))
}

fn ratio(of: Option<f64>, over: Option<f64>) -> Option<f64> {
    Some(of? / over?)
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workload, contender, plain, great } = self;
        write!(f, "{workload}, {}: plain {}, GREAT+GREACE {}", contender.path, step(plain), step(great))
    }
}

/// Everything as Markdown.
pub fn markdown(machine: &Machine, rows: &[Row], profiles: &[String]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_steps(&mut text, machine, rows);
    for profile in profiles {
        let _ = write!(text, "\n```\n{profile}```\n");
    }
    text
}

fn write_steps(text: &mut String, machine: &Machine, rows: &[Row]) -> fmt::Result {
    let mut devices: Vec<_> =
        rows.iter().filter_map(|row| told(&row.great, |timing| timing.device.clone())).collect();
    devices.sort_unstable();
    devices.dedup();
    writeln!(
        text,
        "{} ({} cores, {} threads used); devices: {}. great-lab {}, PyTorch {}. f32 unless said; milliseconds per step, the median \
         (the fastest).\n",
        machine.processor,
        machine.cores,
        machine.threads,
        devices.join(", "),
        env!("CARGO_PKG_VERSION"),
        rows.iter()
            .find_map(|row| told(&row.great, |timing| timing.torch.clone()))
            .unwrap_or_else(|| "none".into()),
    )?;
    writeln!(
        text,
        "| network, batch | path | plain | × eager | GREAT+GREACE | × eager | over plain | first step, s | memory plain, \
         MiB | GREAT+GREACE | over plain |"
    )?;
    writeln!(text, "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for row in rows {
        let ms = |timing: &Timing| timing.ms;
        let memory = |timing: &Timing| timing.peak_bytes.map(|bytes| bytes as f64 / MEBIBYTE);
        let first = told(&row.great, |timing| timing.first_step_ms).map(|first| first / 1e3);
        let (plain, great) = (told(&row.plain, ms), told(&row.great, ms));
        let (plain_memory, great_memory) = (told(&row.plain, memory), told(&row.great, memory));
        let cells = [
            row.workload.to_string(),
            row.contender.path.clone(),
            step(&row.plain),
            number(ratio(plain, reference(rows, row, |row| told(&row.plain, ms))), 2),
            step(&row.great),
            number(ratio(great, reference(rows, row, |row| told(&row.great, ms))), 2),
            number(ratio(great, plain), 2),
            number(first, 1),
            number(plain_memory, 0),
            number(great_memory, 0),
            number(ratio(great_memory, plain_memory), 2),
        ];
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// What eager PyTorch takes for the same: on the same kind of device where it has one, on the CPU otherwise.
fn reference(rows: &[Row], row: &Row, ms: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
    let on = |kind| {
        let same = |other: &&Row| (other.workload, other.contender.kind) == (row.workload, kind);
        rows.iter().filter(same).find(|other| other.contender.is_reference()).and_then(&ms)
    };
    on(row.contender.kind).or_else(|| on(Kind::Cpu))
}
