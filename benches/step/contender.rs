//! Who is measured: PyTorch and the lab, each on the devices that it has here; every measurement in a new process.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use great_lab::gpu::{AdapterKind, adapters};
use serde::de::DeserializeOwned;
use web_time::{SystemTime, UNIX_EPOCH};

use crate::measure::{Job, Task};

/// PyTorch's half of the benchmark.
const PYTORCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch_step.py");

/// An implementation on a device.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What the table calls it.
    pub path: String,
    /// As the implementation names it.
    pub device: String,
    /// Whether that is a real GPU.
    pub on_gpu: bool,
    program: Program,
}

#[derive(Clone, Debug)]
enum Program {
    Lab,
    PyTorch { python: PathBuf, compile: bool },
}

/// All there are here, in the table's order.
pub fn all(python: Option<&Path>, software: bool) -> Vec<Contender> {
    let mut all = Vec::new();
    if let Some(python) = python {
        for (device, on_gpu) in [("cpu", false), ("cuda", true)] {
            if on_gpu && !has_cuda(python) {
                continue;
            }
            for (compile, form) in [(false, "eager"), (true, "torch.compile")] {
                all.push(Contender {
                    path: format!("PyTorch, {form}, {}", device.to_uppercase()),
                    device: device.into(),
                    on_gpu,
                    program: Program::PyTorch { python: python.into(), compile },
                });
            }
        }
    }
    let lab =
        |path, device: &str, on_gpu| Contender { path, device: device.into(), on_gpu, program: Program::Lab };
    all.push(lab("GREAT Lab, CPU".into(), "cpu", false));
    for adapter in adapters() {
        let is_software = adapter.kind == AdapterKind::Software;
        if adapter.is_default || (is_software && software) {
            let path =
                format!("GREAT Lab, {}{}", if is_software { "software " } else { "" }, adapter.backend);
            all.push(lab(path, &adapter.name, !is_software));
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
        matches!(self.program, Program::Lab)
    }

    /// Whether the others on that kind of device are held against it.
    pub fn is_reference(&self) -> bool {
        matches!(self.program, Program::PyTorch { compile: false, .. })
    }

    /// Takes one measurement in a process of its own.
    ///
    /// # Errors
    /// What the process said last, where it failed.
    pub fn run<T: DeserializeOwned>(&self, mut job: Job) -> Result<T, String> {
        // The clock begins before the process does.
        job.started =
            SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs_f64();
        let output = self.command(&job)?.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.lines().last().unwrap_or("it failed and said nothing").into());
        }
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().last().unwrap_or_default();
        serde_json::from_str(line).map_err(|error| format!("{error} in '{line}'"))
    }

    fn command(&self, job: &Job) -> Result<Command, String> {
        let mut command = match &self.program {
            Program::Lab => {
                let mut command = Command::new(std::env::current_exe().map_err(|error| error.to_string())?);
                command.arg("--job").arg(serde_json::to_string(job).map_err(|error| error.to_string())?);
                command
            }
            Program::PyTorch { python, compile } => {
                let mut command = Command::new(python);
                let image = job.image.map(|size| size.to_string()).join(",");
                command.args([PYTORCH, "--network", job.network.name(), "--size", &image]);
                command.args(["--step", if job.task == Task::Full { "full" } else { "plain" }]);
                command.args(["--device", &self.device, "--batch", &job.batch.to_string()]);
                command.args(["--steps", &job.steps.to_string(), "--threads", &job.threads.to_string()]);
                command.args(["--started", &job.started.to_string()]);
                command.args(compile.then_some("--compile"));
                command
            }
        };
        // Threads that wait must not take the cores from those that work.
        command.env("OMP_WAIT_POLICY", "PASSIVE").env("RAYON_NUM_THREADS", job.threads.to_string());
        Ok(command)
    }
}
