//! The guided tour: where somebody is on it, and whether what the stop asks for is done.

mod stops;

pub use stops::{Done, STOPS, Stop};

use crate::app::run::controls::Controls;
use crate::app::run::history::History;
use crate::app::run::series::Row;
use crate::config::link::{self, Linked};
use crate::config::{AttackKind, Hyper};
use crate::protocol::{Activity, Command, Point, Robustness, Verdict};
use crate::show::columns::Metric;

/// α where somebody has raised it.
const RAISED: f64 = 0.1;

/// A tour under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tour {
    at: usize,
    /// Whether the run that the stop needs was asked for.
    is_begun: bool,
    /// Whether the act was done: it stays so.
    is_done: bool,
}

impl Tour {
    /// At the stop of that number, counted from 1; the nearest that there is.
    pub fn at_stop(number: usize) -> Self {
        Self { at: number.clamp(1, STOPS.len()) - 1, is_begun: false, is_done: false }
    }

    /// The number of its stop, counted from 1.
    pub const fn number(self) -> usize {
        self.at + 1
    }

    /// Where it is.
    pub fn stop(self) -> &'static Stop {
        &STOPS[self.at]
    }

    /// Whether what is asked for here is done.
    pub const fn is_done(self) -> bool {
        self.is_done
    }

    /// The stop before, or the next one; none behind the last.
    pub fn moved(self, forth: bool) -> Option<Self> {
        let at = if forth { self.at + 1 } else { self.at.saturating_sub(1) };
        (at < STOPS.len()).then(|| Self::at_stop(at + 1))
    }

    /// Begins the run that the stop needs, where another one is at hand, and sees whether the act is done.
    pub fn follow(&mut self, history: &History, controls: &mut Controls) {
        let Some(needed) = self.needed() else { return };
        let begun = history.info.as_ref().map(|info| &info.config);
        // α may have been raised on the way here, or begin as if it had been.
        let is_there = begun.is_some_and(|begun| {
            let of_link = Hyper { alpha: begun.hyper.alpha, ..needed.config.hyper };
            begun.setup == needed.config.setup && begun.hyper == of_link
        });
        if !is_there && !std::mem::replace(&mut self.is_begun, true) {
            controls.take(needed.config);
            controls.reset();
            if needed.run {
                controls.send(Command::Run);
            }
        }
        self.is_begun |= is_there;
        // Of another run nothing is seen.
        self.is_done |= is_there && self.stop().done.holds(history);
    }

    /// The run of this stop: its own, or that of the nearest stop before.
    fn needed(self) -> Option<Linked> {
        let begin = STOPS[..=self.at].iter().rposition(|stop| stop.link.is_some())?;
        let mut linked = link::read(STOPS[begin].link?);
        // What somebody has done who comes from the stops between.
        if STOPS[begin..self.at].iter().any(|stop| matches!(stop.done, Done::Blinded(..))) {
            linked.config.hyper.alpha = RAISED;
        }
        // Somebody who comes from elsewhere has not pressed Run.
        linked.run |= self.stop().link.is_none();
        Some(linked)
    }
}

impl Done {
    /// Whether it is done in the run that is known.
    fn holds(self, history: &History) -> bool {
        let latest = history.latest.as_ref();
        let read = |holds: &dyn Fn(f64, &Hyper, u64) -> bool| {
            latest.is_some_and(|report| holds(report.auxiliary_accuracy, &report.hyper, report.step))
        };
        match self {
            Self::Read => true,
            Self::Trains => history.activity() == Activity::Running || history.step() > 0,
            Self::Chosen => history.traced.is_some(),
            // Once is enough: who has been reading meanwhile finds it done.
            Self::Reads(share) => {
                let read = |row: &Row<_>| row.values[Metric::AuxiliaryAccuracy as usize] > share;
                history.reports.rows().iter().any(read)
                    || latest.is_some_and(|report| report.auxiliary_accuracy > share)
            }
            Self::Blinded(share, after) => {
                read(&|read, hyper, step| read < share && hyper.alpha > 0.0 && step > after)
            }
            Self::Certain(share) => {
                history.saturation.as_ref().is_some_and(|found| found.certain().value() > share)
            }
            Self::Attacked => history.complete_evaluation().is_some(),
            Self::Masked(by) => history.complete_evaluation().is_some_and(|found| {
                let epsilon = history.info.as_ref().map_or(0.0, |info| info.config.hyper.epsilon);
                let left = |attack| left(found, attack, epsilon);
                left(AttackKind::Fgsm)
                    .zip(left(AttackKind::Grid))
                    .is_some_and(|(fgsm, grid)| fgsm > grid + by)
            }),
            Self::Red => history
                .audited
                .as_ref()
                .is_some_and(|audited| audited.lights.iter().any(|light| light.verdict == Verdict::Failed)),
        }
    }
}

/// What an attack leaves at the radius that is nearest to ε.
fn left(found: &Robustness, attack: AttackKind, epsilon: f64) -> Option<f64> {
    let curve = found.curves.iter().find(|curve| curve.attack == attack)?;
    let far = |point: &&Point| (point.epsilon - epsilon).abs();
    let nearest = curve.points.iter().min_by(|a, b| far(a).total_cmp(&far(b)))?;
    Some(nearest.robust.value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Knob;

    #[test]
    fn every_stop_is_short_and_its_run_is_a_run() {
        for (index, stop) in STOPS.iter().enumerate() {
            assert!(stop.text.len() < 180 && stop.asks.len() < 90, "{}", stop.title);
            let linked = Tour::at_stop(index + 1).needed().expect("the first has a run");
            assert!(linked.refused.is_empty(), "{}: {:?}", stop.title, linked.refused);
            for item in
                stop.link.iter().flat_map(|link| link.split('&')).filter_map(|item| item.split_once('='))
            {
                let knob = Knob::find(item.0).expect("a knob");
                assert_eq!(knob.unused(&linked.config, None), None, "{}: {}", stop.title, item.0);
            }
        }
        assert!(STOPS[0].link.is_some() && STOPS[9].done == Done::Read);
    }

    #[test]
    fn it_goes_to_and_fro_and_ends() {
        let first = Tour::at_stop(0);
        assert_eq!((first.number(), Tour::at_stop(99).number()), (1, 10));
        assert_eq!(first.moved(false), Some(first));
        assert_eq!(first.moved(true).and_then(|tour| tour.moved(false)), Some(first));
        assert_eq!(Tour::at_stop(10).moved(true), None);
    }

    #[test]
    fn who_comes_from_elsewhere_finds_what_the_stops_before_have_done() {
        let needed = |number: usize| Tour::at_stop(number).needed().expect("a run");
        assert_eq!([1, 4, 5, 6].map(|number| needed(number).config.hyper.alpha), [0.0, 0.0, RAISED, RAISED]);
        assert_eq!([1, 2, 7].map(|number| needed(number).run), [false, true, true]);
        assert_eq!(needed(8).config.setup.data, "redundant");
    }
}
