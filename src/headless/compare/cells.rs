//! Runs the cells of a comparison, each in a process of its own: one that is cut off loses its own run and no other.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use web_time::{Duration, Instant};

use crate::config::Config;
use crate::show::number::seconds;
use crate::train::places;
use crate::train::record::Ended;

use super::outcome::{finished, headline};
use super::plan::{Cell, Plan};
use crate::headless::error::{HeadlessError, INTERRUPTED};
use crate::headless::files::run_folder::{FolderError, make_folder, write_whole};

/// Which of a comparison's cells a process runs: part `index` (from 0) of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    index: usize,
    count: usize,
}

impl Part {
    /// All of them.
    pub const ALL: Self = Self { index: 0, count: 1 };

    /// Whether cell number `cell` is among them.
    fn has(self, cell: usize) -> bool {
        cell % self.count == self.index
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some((index.trim().parse::<usize>().ok()?, count.trim().parse::<usize>().ok()?))
        });
        match parts {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Self { index: index - 1, count }),
            _ => Err("say I/N, with I from 1 to N: 3/8".into()),
        }
    }
}

/// What a run says, in its folder.
const LOG_FILE: &str = "log.txt";
/// Time between two looks at whether a run has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Where cells are run.
pub struct Workshop<'a> {
    /// The comparison's folder.
    folder: &'a Path,
    /// The device, as `--device` has it.
    device: &'a str,
    /// Whether somebody wants it to end.
    interrupt: Arc<AtomicBool>,
}

impl<'a> Workshop<'a> {
    /// One that ends, and its run with it, on Ctrl-C, SIGTERM and SIGHUP.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub fn open(folder: &'a Path, device: &'a str) -> Result<Self, HeadlessError> {
        let interrupt = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&interrupt);
        ctrlc::set_handler(move || asked.store(true, Ordering::SeqCst))
            .map_err(|error| HeadlessError::System(error.to_string()))?;
        Ok(Self { folder, device, interrupt })
    }

    /// Runs the cells of `part` that are not finished, and what they need before them.
    ///
    /// # Errors
    /// Where a run fails, with its last words.
    pub fn run(&self, plan: &Plan, part: Part) -> Result<Ended, HeadlessError> {
        let own: Vec<&Cell> = plan
            .cells
            .iter()
            .enumerate()
            .filter(|(number, _)| part.has(*number))
            .map(|(_, cell)| cell)
            .collect();
        let mut to_do: Vec<&Cell> = Vec::new();
        for cell in &own {
            if finished(&self.folder.join(&cell.name))?.is_none() {
                to_do.push(cell);
            }
        }
        eprintln!("{} cells, {} of them finished already", own.len(), own.len() - to_do.len());
        let begin = Instant::now();
        for (done, cell) in to_do.iter().enumerate() {
            let mut config = cell.config.clone();
            self.find(plan, &mut config)?;
            if let Some(name) = &cell.teacher {
                if self.make_teacher(plan, name)? == Ended::Interrupted {
                    return Ok(Ended::Interrupted);
                }
                config.setup.teacher = self.folder.join(name).display().to_string();
            }
            if self.train(&cell.name, &config)? == Ended::Interrupted {
                return Ok(Ended::Interrupted);
            }
            let headline = headline(&self.folder.join(&cell.name))?;
            let spent = begin.elapsed().as_secs_f64();
            let left = spent / (done + 1) as f64 * (to_do.len() - done - 1) as f64;
            eprintln!("{}/{} {}: {headline} · {} left", done + 1, to_do.len(), cell.name, seconds(left));
        }
        Ok(Ended::Finished)
    }

    /// Has a run's data, and a teacher that was given, where they were when the comparison began, or are now.
    fn find(&self, plan: &Plan, config: &mut Config) -> Result<(), HeadlessError> {
        places::find_data(&mut config.setup, &plan.places, Some(self.folder))?;
        Ok(places::find_teacher(&mut config.setup, &plan.places, Some(self.folder))?)
    }

    /// Trains the run of that name that others need, unless it is there.
    fn make_teacher(&self, plan: &Plan, name: &str) -> Result<Ended, HeadlessError> {
        let Some(teacher) = plan.teachers.iter().find(|teacher| teacher.name == name) else {
            return Ok(Ended::Finished);
        };
        if finished(&self.folder.join(name))?.is_some() {
            return Ok(Ended::Finished);
        }
        // Other processes may need the same one, so it appears whole or not at all.
        let aside = format!("{name}.{}", std::process::id());
        let mut config = teacher.config.clone();
        self.find(plan, &mut config)?;
        if self.train(&aside, &config)? == Ended::Interrupted {
            return Ok(Ended::Interrupted);
        }
        let (aside, place) = (self.folder.join(aside), self.folder.join(name));
        if std::fs::rename(&aside, &place).is_err() {
            if finished(&place)?.is_some() {
                // Another process was faster, and its teacher is the same.
                let _ = std::fs::remove_dir_all(&aside);
            } else {
                let replaced = std::fs::remove_dir_all(&place).and_then(|()| std::fs::rename(&aside, &place));
                replaced.map_err(|source| HeadlessError::Unreadable { path: place.clone(), source })?;
            }
        }
        eprintln!("{name}: {}", headline(&place)?);
        Ok(Ended::Finished)
    }

    /// Trains a run into the folder of that name; what an interrupted one left there is replaced.
    fn train(&self, name: &str, config: &Config) -> Result<Ended, HeadlessError> {
        let folder = self.folder.join(name);
        make_folder(&folder)?;
        let path: PathBuf = folder.join("config.json");
        let json = serde_json::to_string_pretty(config).expect("plain data always becomes JSON");
        write_whole(&path, json.as_bytes())?;
        let program = std::env::current_exe().map_err(|error| HeadlessError::System(error.to_string()))?;
        let log = folder.join(LOG_FILE);
        let unwritable = |source| FolderError::Unwritable { path: log.clone(), source };
        let mut child = Command::new(program)
            .args(["train", "--quiet", "--force", "--device", self.device, "--config"])
            .arg(&path)
            .arg("--out")
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).map_err(unwritable)?)
            .spawn()
            .map_err(|error| HeadlessError::System(error.to_string()))?;
        let status = loop {
            if self.interrupt.load(Ordering::SeqCst) {
                // An unfinished cell is run again anyway.
                let _ = child.kill();
                let _ = child.wait();
                return Ok(Ended::Interrupted);
            }
            match child.try_wait().map_err(|error| HeadlessError::System(error.to_string()))? {
                Some(status) => break status,
                #[expect(clippy::disallowed_methods, reason = "no page runs a command")]
                None => std::thread::sleep(BETWEEN_LOOKS),
            }
        };
        match status.code() {
            Some(0) => Ok(Ended::Finished),
            Some(code) if code == i32::from(INTERRUPTED) => Ok(Ended::Interrupted),
            _ => {
                let words = std::fs::read_to_string(&log).unwrap_or_default();
                let last =
                    words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
                Err(HeadlessError::Cell {
                    name: name.into(),
                    said: last.trim_start_matches("error: ").into(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_cell_once() {
        let parts: Vec<Part> = ["1/3", "2/3", " 3 / 3"].iter().map(|text| text.parse().unwrap()).collect();
        for cell in 0..20 {
            assert_eq!(parts.iter().filter(|part| part.has(cell)).count(), 1);
        }
        for text in ["0/3", "4/3", "3", "a/b", "1/0", "-1/3", ""] {
            assert!(text.parse::<Part>().unwrap_err().contains("I/N"), "{text}");
        }
    }
}
