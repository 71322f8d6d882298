//! Where somebody is in a run that is looked at as it was, and how it is gone through: by a slider, by keys, or played.

use crate::app::run::history::History;
use crate::app::run::reel::{Place, Reel};
use crate::runs::checkpoints::Kept;
use crate::runs::run_folder::CHECKPOINT;

/// How fast a run is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// As fast as it was trained.
    #[default]
    Recorded,
    /// Four times as fast.
    Fast,
    /// Sixteen times as fast.
    Fastest,
}

impl Speed {
    /// From slow to fast.
    pub const ALL: [Self; 3] = [Self::Recorded, Self::Fast, Self::Fastest];

    /// How many times as fast as it was trained.
    pub const fn factor(self) -> f64 {
        match self {
            Self::Recorded => 1.0,
            Self::Fast => 4.0,
            Self::Fastest => 16.0,
        }
    }

    /// As it stands on its button.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "×1",
            Self::Fast => "×4",
            Self::Fastest => "×16",
        }
    }
}

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// To the last place of no more than so many steps.
    Step(u64),
    /// A report back.
    Back,
    /// A report on.
    Forth,
    /// To the checkpoint before.
    CheckpointBack,
    /// To the next checkpoint.
    CheckpointForth,
    /// Play from here, or from the beginning where this is the end; stop where it is played.
    PlayOrStop,
}

/// A run that is looked at as it was.
pub struct Past {
    /// Its events.
    pub reel: Reel,
    /// Its checkpoints, that of the fewest steps first.
    pub checkpoints: Vec<Kept>,
    /// Whether it is the present run, which goes on meanwhile.
    pub is_present: bool,
    /// How fast it is played.
    pub speed: Speed,
    /// The seconds of training at which playing is, while it is played.
    playing: Option<f64>,
    place: usize,
}

impl Past {
    /// At the end of what there is.
    pub fn new(reel: Reel, checkpoints: Vec<Kept>, is_present: bool) -> Self {
        let place = reel.places().len().saturating_sub(1);
        Self { reel, checkpoints, is_present, speed: Speed::default(), playing: None, place }
    }

    /// Where it is; none of a run of which nothing was recorded.
    pub fn at(&self) -> Option<Place> {
        self.reel.places().get(self.place).copied()
    }

    /// Steps of the last place.
    pub fn last_step(&self) -> u64 {
        self.reel.places().last().map_or(0, |place| place.step)
    }

    /// The checkpoint from which the run can be gone on with here: the last one that is no later.
    pub fn checkpoint(&self) -> Option<&Kept> {
        let step = self.at()?.step;
        self.checkpoints.iter().rev().find(|kept| kept.step <= step)
    }

    /// The file from which it is gone on with here: that of [`Self::checkpoint`], or of the last one where nothing is known of
    /// any; none where all of them are later.
    pub fn file(&self) -> Option<&str> {
        if self.checkpoints.is_empty() {
            return Some(CHECKPOINT);
        }
        self.checkpoint().map(|kept| &*kept.file)
    }

    /// Whether it is played.
    pub fn is_played(&self) -> bool {
        self.playing.is_some()
    }

    /// Goes there, and makes of `history` what was known then.
    pub fn go(&mut self, to: Move, history: &mut History) {
        let last = self.reel.places().len().saturating_sub(1);
        let place = match to {
            Move::Step(step) => self.reel.at_step(step),
            Move::Back => self.place.saturating_sub(1),
            Move::Forth => (self.place + 1).min(last),
            Move::CheckpointBack => {
                let before = |kept: &&Kept| self.reel.from_step(kept.step) < self.place;
                self.checkpoints.iter().rfind(before).map_or(0, |kept| self.reel.from_step(kept.step))
            }
            Move::CheckpointForth => {
                let behind = |kept: &&Kept| self.reel.from_step(kept.step) > self.place;
                self.checkpoints.iter().find(behind).map_or(last, |kept| self.reel.from_step(kept.step))
            }
            Move::PlayOrStop => {
                let is_end = self.place >= last;
                let begin = if is_end { 0 } else { self.place };
                self.playing = match self.playing {
                    Some(_) => None,
                    None => self.reel.places().get(begin).map(|place| place.seconds),
                };
                if self.playing.is_some() { begin } else { self.place }
            }
        };
        if to != Move::PlayOrStop {
            self.playing = None;
        }
        self.show(place, history);
    }

    /// Plays on by so many seconds of whoever looks.
    pub fn play(&mut self, seconds: f64, history: &mut History) {
        let Some(playing) = &mut self.playing else { return };
        *playing += seconds * self.speed.factor();
        let place = self.reel.at_seconds(*playing);
        if place + 1 >= self.reel.places().len() {
            self.playing = None;
        }
        // A run that was gone on with may have lost time between two places.
        if place > self.place {
            self.show(place, history);
        }
    }

    fn show(&mut self, place: usize, history: &mut History) {
        self.place = place;
        self.reel.go(place, history);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::made_up;

    fn checkpoint(step: u64) -> Kept {
        Kept { step, file: format!("checkpoint-{step}.safetensors"), bytes: 1 }
    }

    /// A run of 400 steps, a report every 10 and about 12 steps a second, with checkpoints of these steps.
    fn past(checkpoints: &[u64]) -> (Past, History) {
        let mut history = History::default();
        let mut events = made_up::a_run(1, 400).into_iter();
        history.accept(events.next().expect("a run begins"));
        let reel = Reel::new(events.map(Arc::new), &history);
        let mut past = Past::new(reel, checkpoints.iter().copied().map(checkpoint).collect(), false);
        past.show(past.place, &mut history);
        (past, history)
    }

    #[test]
    fn keys_go_report_by_report_and_from_checkpoint_to_checkpoint() {
        let (mut past, mut history) = past(&[95, 203, 400]);
        let mut went = |to| {
            past.go(to, &mut history);
            assert_eq!(history.step(), past.at().expect("a place").step, "{to:?}");
            (history.step(), past.checkpoint().map(|kept| kept.step))
        };
        assert_eq!(went(Move::Back), (390, Some(203)));
        assert_eq!(went(Move::Step(57)), (50, None));
        assert_eq!(went(Move::CheckpointForth), (100, Some(95)), "the first report behind it");
        assert_eq!(went(Move::Forth), (110, Some(95)));
        assert_eq!(went(Move::CheckpointForth), (210, Some(203)));
        assert_eq!(went(Move::CheckpointForth), (400, Some(400)));
        assert_eq!(went(Move::CheckpointForth), (400, Some(400)));
        assert_eq!(went(Move::CheckpointBack), (210, Some(203)));
        assert_eq!(went(Move::CheckpointBack), (100, Some(95)));
        assert_eq!(went(Move::CheckpointBack), (10, None), "the beginning");
        assert_eq!(went(Move::Back), (10, None));
        assert_eq!(went(Move::Step(9_999)), (400, Some(400)));
    }

    #[test]
    fn before_its_first_checkpoint_a_run_is_not_gone_on_with_from_a_later_one() {
        let (mut past, mut history) = past(&[95, 203]);
        assert_eq!(past.file(), Some("checkpoint-203.safetensors"));
        past.go(Move::Step(120), &mut history);
        assert_eq!(past.file(), Some("checkpoint-95.safetensors"));
        past.go(Move::Step(57), &mut history);
        assert_eq!(past.file(), None);
        assert_eq!(self::past(&[]).0.file(), Some(CHECKPOINT), "whether it is there is seen when it is read");
    }

    #[test]
    fn it_is_played_at_the_pace_of_then_and_stops_at_the_end() {
        let (mut past, mut history) = past(&[]);
        past.go(Move::PlayOrStop, &mut history);
        assert_eq!((history.step(), past.is_played()), (10, true), "from the end it begins anew");
        // 12.3 steps a second.
        past.play(10.0, &mut history);
        assert_eq!(history.step(), 130);
        past.speed = Speed::Fast;
        past.play(4.0, &mut history);
        assert_eq!(history.step(), 320);
        past.go(Move::PlayOrStop, &mut history);
        past.play(10.0, &mut history);
        assert_eq!((history.step(), past.is_played()), (320, false), "it was stopped");
        past.go(Move::PlayOrStop, &mut history);
        past.speed = Speed::Fastest;
        past.play(10.0, &mut history);
        assert_eq!((history.step(), past.is_played()), (400, false));
    }

    #[test]
    fn a_run_of_which_nothing_was_recorded_has_no_place() {
        let mut history = History::default();
        history.accept(made_up::started(1));
        let mut past = Past::new(Reel::new([], &history), Vec::new(), false);
        for to in [
            Move::Back,
            Move::Forth,
            Move::CheckpointBack,
            Move::CheckpointForth,
            Move::PlayOrStop,
            Move::Step(3),
        ] {
            past.go(to, &mut history);
            past.play(1.0, &mut history);
            assert_eq!((past.at(), past.checkpoint(), history.step()), (None, None, 0), "{to:?}");
        }
    }
}
