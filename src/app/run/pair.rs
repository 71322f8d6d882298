//! A run and its fork, which go on in turn: the one that is not shown, and what is known of both together.

use crate::app::run::compared::Compared;
use crate::app::run::history::{Consequence, History};
use crate::protocol::Event;

/// The two, but for the one that is shown.
pub struct Pair {
    /// What was heard of the run that is not shown.
    pub other: History,
    /// Whether the fork is the one that is shown.
    pub shows_fork: bool,
    /// Steps done when it was forked.
    pub step: u64,
    /// How they differ on held-out images.
    pub compared: Compared,
}

impl Pair {
    /// The run that was there before, of which `shown` may be what is known.
    pub const fn parent<'a>(&'a self, shown: &'a History) -> &'a History {
        if self.shows_fork { &self.other } else { shown }
    }

    /// The fork.
    pub const fn fork<'a>(&'a self, shown: &'a History) -> &'a History {
        if self.shows_fork { shown } else { &self.other }
    }

    /// What the run that is shown is called, and the other.
    pub const fn names(&self) -> [&'static str; 2] {
        if self.shows_fork { ["fork", "parent"] } else { ["parent", "fork"] }
    }

    /// Forgets what the other one said of a picture of somebody's own.
    pub fn forget_prediction(&mut self) {
        self.other.predicted = None;
    }

    /// Shows the other one.
    pub fn switch(&mut self, shown: &mut History) {
        shown.hand_over(&mut self.other);
        std::mem::swap(shown, &mut self.other);
        self.shows_fork ^= true;
    }
}

/// Takes in an event of the run that is shown, or of the other one; `pictures` gives a number that no other history counts
/// its pictures from.
pub fn hear(
    (shown, pair): (&mut History, &mut Option<Pair>),
    event: Event,
    pictures: impl FnOnce() -> u64,
) -> Option<Consequence> {
    match event {
        Event::Started(info) => match info.forked {
            Some(forked) if forked.run == shown.run() && pair.is_none() => {
                let (runs, hyper) = ((forked.run, info.run), Box::new(info.config.hyper));
                let mut fork = shown.forked(*info, pictures());
                shown.hand_over(&mut fork);
                let other = std::mem::replace(shown, fork);
                let (step, compared) = (forked.step, Compared::default());
                *pair = Some(Pair { other, shows_fork: true, step, compared });
                Some(Consequence::Forked(runs, hyper))
            }
            _ => {
                *pair = None;
                shown.accept(Event::Started(info))
            }
        },
        Event::GivenUp(run) => {
            let mut gone = pair.take_if(|pair| [pair.other.run(), shown.run()].contains(&run))?;
            if gone.other.run() != run {
                gone.switch(shown);
            }
            Some(Consequence::Left(run))
        }
        event => {
            let Some(pair) = pair else { return shown.accept(event) };
            if let Event::Robustness(found) = &event
                && found.complete
                && [pair.other.run(), shown.run()].contains(&found.run)
            {
                let is_fork = found.run == pair.fork(shown).run();
                pair.compared.take(is_fork, found);
            }
            pair.accept(shown, event)
        }
    }
}

impl Pair {
    fn accept(&mut self, shown: &mut History, event: Event) -> Option<Consequence> {
        if event.run() != Some(self.other.run()) {
            return shown.accept(event);
        }
        match event {
            Event::Failed(mut failure) => {
                self.other.awaits_probe = false;
                failure.what = format!("The {}: {}", self.names()[1], failure.what);
                shown.fail(failure);
                Some(Consequence::Failed)
            }
            event => self.other.accept(event),
        }
    }
}
