//! A kept run of which a copy is about to take the place of the present one.

use std::path::PathBuf;

use web_time::Duration;

use crate::app::run::history::History;
use crate::protocol::{Event, GoOn, RunInfo};
use crate::runs::librarian::Left;
use crate::runs::recording::Replay;

/// What is kept for when the copy has begun.
pub struct GoingOn {
    /// The folder of the run that is copied.
    pub folder: PathBuf,
    replay: Option<Replay>,
}

impl GoingOn {
    /// What the trainer gets of it, and what the window keeps.
    pub fn of(left: Left) -> (GoOn, Self) {
        let Left { folder, checkpoint, replay } = left;
        let events = replay.iter().flat_map(|replay| &replay.events);
        let trained: Vec<(u64, Duration)> = events
            .filter_map(|event| if let Event::Report(report) = event { Some(report) } else { None })
            .map(|report| (report.step, report.elapsed))
            .collect();
        let go_on = GoOn { checkpoint, folder: folder.display().to_string(), trained };
        (go_on, Self { folder, replay })
    }

    /// What came of the other run until its checkpoint, as if it were of the copy that has begun.
    pub fn events(&self, info: &RunInfo) -> impl Iterator<Item = Event> {
        let (run, until) = (info.run, info.forked.map_or(0, |forked| forked.step));
        let belongs = move |event: &&Event| event.step().is_some_and(|step| step <= until);
        let all = self.replay.iter().flat_map(|replay| &replay.events);
        all.filter(belongs).map(move |event| event.clone().of_run(run))
    }

    /// What is known of the copy that has begun: all of that; none where there is no recording. `pictures` as in
    /// [`History::of`].
    pub fn history(self, info: &RunInfo, pictures: u64) -> Option<History> {
        self.replay.as_ref()?;
        let events = self.events(info).collect();
        Some(History::of(Replay { info: info.clone(), events, problem: None }, pictures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hyper;
    use crate::protocol::{Forked, made_up};

    #[test]
    fn a_copy_knows_what_came_until_its_checkpoint_and_nothing_later() {
        let mut events = made_up::a_run(1, 300);
        let Event::Started(info) = events.remove(0) else { panic!("a run begins so") };
        let left = Left {
            folder: "runs/a".into(),
            checkpoint: vec![1],
            replay: Some(Replay { info: *info, events, problem: None }),
        };
        let (go_on, going_on) = GoingOn::of(left);
        assert_eq!((&*go_on.folder, go_on.trained.len()), ("runs/a", 30));
        let seconds = |step: u64| made_up::report(1, step, Hyper::default()).elapsed;
        assert_eq!((go_on.trained_until(205), go_on.trained_until(9)), (seconds(200), Duration::ZERO));
        let info =
            RunInfo { forked: Some(Forked { run: 0, step: 205 }), ..made_up::info(7, made_up::config()) };
        let history = going_on.history(&info, 1 << 40).expect("a recording");
        assert_eq!((history.run(), history.reports.rows().len()), (7, 20));
        assert_eq!(history.complete_evaluation().map(|found| (found.run, found.step)), Some((7, 200)));
        assert!(history.samples_received > 1 << 40);
    }
}
