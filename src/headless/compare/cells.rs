//! Runs the cells of a comparison, each in a process of its own: one that is cut off loses its own run and no other.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;

use web_time::{Duration, Instant};

use crate::config::Config;
use crate::platform::ATTENDED;
use crate::runs::record::Ended;
use crate::show::number::seconds;
use crate::train::places;

use crate::headless::error::HeadlessError;
use crate::headless::interrupt::{Interrupt, is_interruption};
use crate::headless::progress::Progress;
use crate::runs::comparison::outcome::{evaluated, finished, headline, whole};
use crate::runs::comparison::progress::{LOG_FILE, last_step};
use crate::runs::comparison::{Cell, Evaluating, PLAN_FILE, Plan};
use crate::runs::rescue::write_anew;
use crate::runs::run_folder::make_folder;
use crate::runs::write::FolderError;

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

    /// Those of a comparison.
    pub fn cells(self, plan: &Plan) -> impl Iterator<Item = &Cell> {
        plan.cells.iter().enumerate().filter(move |(number, _)| self.has(*number)).map(|(_, cell)| cell)
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

/// Time between two looks at whether a run has ended, and between two at what it says.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const BETWEEN_READS: Duration = Duration::from_secs(1);

/// Where cells are run.
pub struct Workshop<'a> {
    /// The comparison's folder.
    pub folder: &'a Path,
    /// The device, as `--device` has it.
    pub device: &'a str,
    /// Whether somebody wants it to end, and the run with it.
    pub interrupt: &'a Interrupt,
    /// Where it says how far it is.
    pub progress: Progress,
}

/// Where in a comparison a run stands.
#[derive(Clone, Copy)]
struct Place {
    /// Cells finished before it.
    done: usize,
    /// Cells to do in all.
    of: usize,
}

impl Workshop<'_> {
    /// Runs the cells of `part` that are not finished, and what they need before them.
    ///
    /// # Errors
    /// Where a run fails, with its last words.
    pub fn run(&mut self, plan: &Plan, part: Part) -> Result<Ended, HeadlessError> {
        let own: Vec<&Cell> = part.cells(plan).collect();
        let mut to_do: Vec<&Cell> = Vec::new();
        for cell in &own {
            if whole(cell, self.folder)?.is_none() {
                to_do.push(cell);
            }
        }
        let done = own.len() - to_do.len();
        let cells = if own.len() == 1 { "cell" } else { "cells" };
        self.progress.say(&format!("{} {cells}, {done} of them finished already", own.len()));
        let begin = Instant::now();
        for (done, cell) in to_do.iter().enumerate() {
            let place = Place { done, of: to_do.len() };
            let mut config = cell.config.clone();
            self.find(plan, &mut config)?;
            if let Some(name) = &cell.teacher {
                if self.make_teacher(plan, name, place)? == Ended::Interrupted {
                    return Ok(Ended::Interrupted);
                }
                config.setup.teacher = self.folder.join(name).display().to_string();
            }
            let is_trained = finished(&self.folder.join(&cell.name))?.is_some();
            if !is_trained && self.train(plan, &cell.name, &config, place)? == Ended::Interrupted {
                return Ok(Ended::Interrupted);
            }
            if self.evaluate(cell, place)? == Ended::Interrupted {
                return Ok(Ended::Interrupted);
            }
            let headline = headline(&self.folder.join(&cell.name))?;
            let spent = begin.elapsed().as_secs_f64();
            let left = spent / (done + 1) as f64 * (to_do.len() - done - 1) as f64;
            let number = format!("{}/{}", done + 1, to_do.len());
            self.progress.say(&format!("{number} {}: {headline} · {} left", cell.name, seconds(left)));
        }
        Ok(Ended::Finished)
    }

    /// Has a run's data, and a teacher that was given, where they were when the comparison began, or are now.
    fn find(&self, plan: &Plan, config: &mut Config) -> Result<(), HeadlessError> {
        places::find_data(&mut config.setup, &plan.places, Some(self.folder))?;
        places::find_pretrained(&mut config.setup, &plan.places, Some(self.folder))?;
        Ok(places::find_teacher(&mut config.setup, &plan.places, Some(self.folder))?)
    }

    /// Trains the run of that name that others need, unless it is there.
    fn make_teacher(&mut self, plan: &Plan, name: &str, place: Place) -> Result<Ended, HeadlessError> {
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
        if self.train(plan, &aside, &config, place)? == Ended::Interrupted {
            return Ok(Ended::Interrupted);
        }
        let (aside, own) = (self.folder.join(aside), self.folder.join(name));
        if std::fs::rename(&aside, &own).is_err() {
            if finished(&own)?.is_some() {
                // Another process was faster, and its teacher is the same.
                let _ = std::fs::remove_dir_all(&aside);
            } else {
                let replaced = std::fs::remove_dir_all(&own).and_then(|()| std::fs::rename(&aside, &own));
                replaced.map_err(|source| HeadlessError::Unreadable { path: own.clone(), source })?;
            }
        }
        self.progress.say(&format!("{name}: {}", headline(&own)?));
        Ok(Ended::Finished)
    }

    /// Trains a run into the folder of that name; what an interrupted one left there is replaced.
    fn train(
        &mut self,
        plan: &Plan,
        name: &str,
        config: &Config,
        place: Place,
    ) -> Result<Ended, HeadlessError> {
        if !self.folder.join(PLAN_FILE).exists() {
            plan.write(self.folder)?;
            let folder = self.folder.display();
            self.progress
                .warn(&format!("{folder} was gone, with the runs in it; it is there again, without them"));
        }
        let folder = self.folder.join(name);
        make_folder(&folder)?;
        let path: PathBuf = folder.join("config.json");
        let json = serde_json::to_string_pretty(config).expect("plain data always becomes JSON");
        write_anew(&path, json.as_bytes())?;
        let config = path.display().to_string();
        // Nobody looks back at a cell, and there are many of them.
        let train = ["train", "--force", "--keep-checkpoints", "0", "--config", &config];
        self.command(&train, (name, &folder), place)
    }

    /// Attacks the network of a cell as its evaluations say, those that are not complete; what an interrupted one left is
    /// gone on with.
    fn evaluate(&mut self, cell: &Cell, place: Place) -> Result<Ended, HeadlessError> {
        let run = self.folder.join(&cell.name);
        for Evaluating { name, flags } in &cell.evaluations {
            let out = run.join(name);
            if evaluated(&out)?.is_some() {
                continue;
            }
            make_folder(&out)?;
            let network = run.display().to_string();
            let words: Vec<&str> =
                ["evaluate", &network].into_iter().chain(flags.iter().map(String::as_str)).collect();
            let title = format!("{}, {name}", cell.name);
            if self.command(&words, (&title, &out), place)? == Ended::Interrupted {
                return Ok(Ended::Interrupted);
            }
        }
        Ok(Ended::Finished)
    }

    /// Runs a command of this program into a folder, beside which its log is.
    fn command(
        &mut self,
        words: &[&str],
        (name, folder): (&str, &Path),
        place: Place,
    ) -> Result<Ended, HeadlessError> {
        let program = std::env::current_exe().map_err(|error| HeadlessError::System(error.to_string()))?;
        let log = match words.first() {
            Some(&"train") => folder.join(LOG_FILE),
            // An evaluation takes no folder with something else in it.
            _ => folder.with_extension("log.txt"),
        };
        let unwritable = |source| FolderError::Unwritable { path: log.clone(), source };
        let child = Command::new(program)
            .args(words)
            .args(["--device", self.device, "--out"])
            .arg(folder)
            // It ends with this process, however that ends.
            .env(ATTENDED, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).map_err(unwritable)?)
            .spawn()
            .map_err(|error| HeadlessError::System(error.to_string()))?;
        let Some(status) = self.wait(child, name, &log, place)? else { return Ok(Ended::Interrupted) };
        match status.code() {
            Some(0) => Ok(Ended::Finished),
            Some(code) if is_interruption(code) => Ok(Ended::Interrupted),
            _ => {
                let words = std::fs::read_to_string(&log).unwrap_or_default();
                Err(HeadlessError::Cell { name: name.into(), said: last_words(&words, &status.to_string()) })
            }
        }
    }

    /// Waits for a run, and shows meanwhile what it says; none where somebody wants an end, and the run is ended.
    fn wait(
        &mut self,
        mut child: Child,
        name: &str,
        log: &Path,
        place: Place,
    ) -> Result<Option<ExitStatus>, HeadlessError> {
        let mut last_read = Instant::now();
        loop {
            if self.interrupt.is_asked() {
                // An unfinished cell is run again anyway.
                let _ = child.kill();
                let _ = child.wait();
                return Ok(None);
            }
            if let Some(status) =
                child.try_wait().map_err(|error| HeadlessError::System(error.to_string()))?
            {
                return Ok(Some(status));
            }
            if last_read.elapsed() >= BETWEEN_READS {
                last_read = Instant::now();
                // A log that cannot be read says nothing of how far the run is.
                let words = std::fs::read_to_string(log).unwrap_or_default();
                if let Some((share, line)) = last_step(&words) {
                    let share = (place.done as f64 + share) / place.of as f64;
                    let number = format!("{}/{}", place.done + 1, place.of);
                    self.progress.of_run(share, format!("{number} {name}: {line}"));
                }
            }
            #[expect(clippy::disallowed_methods, reason = "no page runs a command")]
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
}

/// Why a run ended, by its log: the error that it ended with, or else how the system says that it ended.
fn last_words(log: &str, status: &str) -> String {
    let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match last.strip_prefix("error: ") {
        Some(error) => error.into(),
        None if last.is_empty() => format!("it ended with {status} and said nothing"),
        None => format!("it ended with {status}; its last words: {last}"),
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

    #[test]
    fn a_log_tells_why_a_run_ended() {
        assert_eq!(last_words("step 1/2 · x\nerror: no data\n\n", "exit status: 2"), "no data");
        assert_eq!(
            last_words("step 1/2 · x\n", "signal: 9 (SIGKILL)"),
            "it ended with signal: 9 (SIGKILL); its last words: step 1/2 · x"
        );
        assert_eq!(last_words("", "signal: 9"), "it ended with signal: 9 and said nothing");
    }
}
