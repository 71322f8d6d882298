//! How far a comparison is: cell by cell, as its folder tells while another process carries it out.

use std::path::{Path, PathBuf};

use web_time::{Duration, Instant};

use super::outcome::{self, Results};
use super::plan::{Cell, Plan};
use crate::runs::lock;
use crate::runs::record::RecordError;

/// What a run of a comparison says, in its folder.
pub const LOG_FILE: &str = "log.txt";

/// How far a cell is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CellState {
    /// Nothing of it is there.
    Waiting,
    /// Somebody trains it; the share of its steps that are done, in [0, 1].
    UnderWay(f64),
    /// It was trained, wholly or in part, and nobody goes on with it: it is completed, or run again.
    Begun,
    /// All is measured.
    Finished,
}

/// A comparison in its folder, as it is at the moment.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Where it is.
    pub folder: PathBuf,
    /// What it consists of.
    pub plan: Plan,
    /// What its finished cells measured.
    pub results: Results,
    /// How far each cell of the plan is, in its order.
    pub states: Vec<CellState>,
    /// Who carries it out at the moment, in words.
    pub holder: Option<String>,
    /// How long it took to read all this.
    pub took: Duration,
}

impl Comparison {
    /// What `folder` holds.
    ///
    /// # Errors
    /// That there is no comparison in it, or one of a later version.
    pub fn read(folder: &Path) -> Result<Self, RecordError> {
        let begin = Instant::now();
        let plan = Plan::read(folder)?;
        let results = outcome::read(&plan, &[folder])?;
        let state = |cell: &Cell| match results.of(cell) {
            Some(_) => CellState::Finished,
            None => state(&folder.join(&cell.name)),
        };
        let states = plan.cells.iter().map(state).collect();
        let holder = lock::holder(folder);
        Ok(Self { folder: folder.into(), plan, results, states, holder, took: begin.elapsed() })
    }

    /// How many of its cells are finished.
    pub fn finished(&self) -> usize {
        self.states.iter().filter(|state| **state == CellState::Finished).count()
    }

    /// Whether all are.
    pub fn is_complete(&self) -> bool {
        self.finished() == self.states.len()
    }

    /// Whether somebody carries it out at the moment, or a part of it.
    pub fn is_under_way(&self) -> bool {
        self.holder.is_some() || self.states.iter().any(|state| matches!(state, CellState::UnderWay(_)))
    }
}

/// How far the cell in `folder` is, of which not all is measured.
fn state(folder: &Path) -> CellState {
    if lock::holder(folder).is_some() {
        let log = std::fs::read_to_string(folder.join(LOG_FILE)).unwrap_or_default();
        CellState::UnderWay(last_step(&log).map_or(0.0, |(share, _)| share))
    } else if folder.exists() {
        CellState::Begun
    } else {
        CellState::Waiting
    }
}

/// The last line of a log that tells a step, and the share of the run that it stands for, in [0, 1].
pub fn last_step(log: &str) -> Option<(f64, &str)> {
    log.lines().rev().find_map(|line| {
        let (done, all) = line.strip_prefix("step ")?.split_once(' ')?.0.split_once('/')?;
        let (done, all): (f64, f64) = (done.parse().ok()?, all.parse().ok()?);
        (all > 0.0).then_some((done / all, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::protocol::Places;
    use crate::runs::comparison::PLAN_FILE;
    use crate::runs::lock::Lock;

    #[test]
    fn a_log_tells_how_far_a_run_is() {
        let log = "great on x · 40 steps\nstep 10/40 · 2.0 steps/s\nstep 30/40 · 1.9 steps/s\nattacking held-out images: 0 %\n";
        assert_eq!(last_step(log), Some((0.75, "step 30/40 · 1.9 steps/s")));
        for nothing in ["", "step \n", "step x/40 · ", "step 1/0 · ", "teacher, step 3/4"] {
            assert_eq!(last_step(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_folder_tells_how_far_each_cell_is() {
        let scratch = tempfile::tempdir().unwrap();
        let cell = |name: &str| Cell {
            name: name.into(),
            setting: "ε = 0.1".into(),
            method: name.into(),
            seed: 1,
            teacher: None,
            config: Config::default(),
            evaluations: Vec::new(),
        };
        let cells = ["waits", "goes", "was-cut-off"].map(cell).into();
        let places = Places::default();
        let plan = Plan { title: "Defence".into(), teachers: Vec::new(), cells, places, paper: None };
        assert!(Comparison::read(scratch.path()).is_err());
        std::fs::write(scratch.path().join(PLAN_FILE), plan.json()).unwrap();
        for name in ["goes", "was-cut-off"] {
            std::fs::create_dir(scratch.path().join(name)).unwrap();
            std::fs::write(scratch.path().join(name).join(LOG_FILE), "step 10/40 · 2.0 steps/s\n").unwrap();
        }
        let lock = Lock::take(&scratch.path().join("goes")).unwrap();
        let found = Comparison::read(scratch.path()).unwrap();
        assert_eq!(found.states, [CellState::Waiting, CellState::UnderWay(0.25), CellState::Begun]);
        assert!(found.is_under_way() && !found.is_complete() && found.finished() == 0);
        drop(lock);
        let found = Comparison::read(scratch.path()).unwrap();
        assert!(found.states[1] == CellState::Begun && !found.is_under_way());
        // Between two runs none of them is trained.
        let lock = Lock::take(scratch.path()).unwrap();
        assert!(Comparison::read(scratch.path()).unwrap().is_under_way());
        drop(lock);
        std::fs::write(scratch.path().join(PLAN_FILE), &plan.json()[..40]).unwrap();
        assert!(Comparison::read(scratch.path()).unwrap_err().to_string().contains("plan of a comparison"));
    }
}
