//! Who is measured: PyTorch and the lab, each on the devices that it has here; every measurement in a new process.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use great_lab::config::Precision;
use great_lab::gpu::{AdapterKind, adapters};
use web_time::{SystemTime, UNIX_EPOCH};

use crate::measure::{Step, Timing, Workload};

/// PyTorch's half of the benchmark.
const PYTORCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch_step.py");
/// The lab's.
const LAB: &str = env!("CARGO_BIN_EXE_great-lab");

/// An implementation on a device.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What the table calls it.
    pub path: String,
    /// As the implementation names it.
    device: String,
    /// What it runs on.
    pub kind: Kind,
    program: Program,
}

/// What a contender runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The processor.
    Cpu,
    /// A real GPU.
    Gpu,
    /// A driver that computes on the processor.
    Software,
}

#[derive(Clone, Debug)]
enum Program {
    Lab { precision: Precision },
    PyTorch { python: PathBuf, compile: bool },
}

/// How long and on how many threads of the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Timed steps.
    pub steps: u32,
    /// Threads.
    pub threads: u32,
}

/// All there are here, in the table's order.
pub fn all(python: Option<&Path>, software: bool) -> Vec<Contender> {
    let mut all = Vec::new();
    if let Some(python) = python {
        for (device, kind) in [("cpu", Kind::Cpu), ("cuda", Kind::Gpu)] {
            if kind == Kind::Gpu && !has_cuda(python) {
                continue;
            }
            for (compile, form) in [(false, "eager"), (true, "torch.compile")] {
                all.push(Contender {
                    path: format!("PyTorch, {form}, {}", device.to_uppercase()),
                    device: device.into(),
                    kind,
                    program: Program::PyTorch { python: python.into(), compile },
                });
            }
        }
    }
    let lab = |path, device: &str, kind, precision| Contender {
        path,
        device: device.into(),
        kind,
        program: Program::Lab { precision },
    };
    all.push(lab("GREAT Lab, CPU".into(), "cpu", Kind::Cpu, Precision::Single));
    for adapter in adapters() {
        let (path, kind) = if adapter.kind == AdapterKind::Software && software {
            (format!("GREAT Lab, software {}", adapter.backend), Kind::Software)
        } else if adapter.is_default {
            (format!("GREAT Lab, {}", adapter.backend), Kind::Gpu)
        } else {
            continue;
        };
        all.push(lab(path.clone(), &adapter.name, kind, Precision::Single));
        if adapter.shader_f16 {
            all.push(lab(format!("{path}, mixed precision"), &adapter.name, kind, Precision::Mixed));
        }
    }
    all
}

fn has_cuda(python: &Path) -> bool {
    let question = "import sys, torch; sys.exit(not torch.cuda.is_available())";
    Command::new(python).args(["-c", question]).status().is_ok_and(|status| status.success())
}

impl Contender {
    /// Whether it is ours.
    pub fn is_lab(&self) -> bool {
        matches!(self.program, Program::Lab { .. })
    }

    /// Whether the others on that kind of device are held against it.
    pub fn is_reference(&self) -> bool {
        matches!(self.program, Program::PyTorch { compile: false, .. })
    }

    /// Takes one measurement in a process of its own.
    ///
    /// # Errors
    /// What the process said last, where it failed.
    pub fn time(&self, workload: &Workload, step: Step, effort: Effort) -> Result<Timing, String> {
        let mut command = self.command(workload, effort);
        command.args(["--steps", &effort.steps.to_string()]);
        match (&self.program, step) {
            (Program::Lab { .. }, Step::Plain) => command.args(["--measure", "plain"]),
            (Program::Lab { .. }, Step::Great) => command.args(["--measure", "great"]),
            (Program::PyTorch { .. }, Step::Plain) => command.args(["--step", "plain"]),
            (Program::PyTorch { .. }, Step::Great) => command.args(["--step", "full"]),
        };
        // The clock begins before the process does.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        let said = output(command.args(["--started", &now.as_secs_f64().to_string()]))?;
        // PyTorch may say other things before.
        let last = said.rfind("\n{").map_or(said.as_str(), |start| &said[start..]);
        serde_json::from_str(last).map_err(|error| format!("{error} in '{said}'"))
    }

    /// Where the time of the lab's GREAT+GREACE step goes, as `great-lab bench --profile` tells it.
    ///
    /// # Errors
    /// What it said last, where it failed.
    pub fn profile(&self, workload: &Workload, effort: Effort) -> Result<String, String> {
        output(self.command(workload, effort).args(["--steps", "10", "--profile"]))
    }

    fn command(&self, workload: &Workload, effort: Effort) -> Command {
        let threads = effort.threads.to_string();
        let mut command = match &self.program {
            Program::Lab { precision } => {
                let mut command = Command::new(LAB);
                command.args(["bench", "--precision", precision.name()]);
                command
            }
            Program::PyTorch { python, compile } => {
                let mut command = Command::new(python);
                let image = workload.image().map(|size| size.to_string()).join(",");
                command.args([PYTORCH, "--size", &image, "--threads", &threads]);
                command.args(compile.then_some("--compile"));
                command
            }
        };
        let (width, batch) = (workload.width.to_string(), workload.batch.to_string());
        command.args(["--network", workload.network.name(), "--width", &width, "--batch", &batch]);
        command.args(["--device", &self.device]);
        // Threads that wait must not take the cores from those that work.
        command.env("OMP_WAIT_POLICY", "PASSIVE").env("RAYON_NUM_THREADS", threads);
        if self.kind == Kind::Software {
            // The first step is that of a machine that never ran the lab.
            command.env("MESA_SHADER_CACHE_DISABLE", "true");
        }
        command
    }
}

/// What a process prints, or what it said last where it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("it failed and said nothing").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into())
}
