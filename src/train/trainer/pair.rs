//! A run and its fork: they go on in turn, each with its own knobs, until one of them is given up.

use super::Trainer;
use crate::{
    config::Hyper,
    protocol::{Event, RunId, RunState},
    train::{readings::guarded, session::Session},
};

impl Trainer {
    /// Both runs with their knobs, the one at hand first.
    pub(super) fn both(&mut self) -> impl Iterator<Item = (&mut Session, Hyper)> {
        let knobs = self.hyper();
        let own = self.session.iter_mut().map(move |session| (session, knobs));
        own.chain(self.fork.iter_mut().map(|(fork, hyper)| (fork, *hyper)))
    }

    /// Asks something of the run that is attended to, which has these knobs; nobody where there is none.
    pub(super) fn ask(&mut self, ask: impl FnOnce(&mut Session, Hyper)) {
        let place = usize::from(self.attends_fork && self.fork.is_some());
        if let Some((session, hyper)) = self.both().nth(place) {
            ask(session, hyper);
        }
    }

    pub(super) fn is_fork(&self, run: RunId) -> bool {
        self.fork.as_ref().is_some_and(|(fork, _)| fork.info.run == run)
    }

    fn is_own(&self, run: RunId) -> bool {
        self.session.as_ref().is_some_and(|session| session.info.run == run)
    }

    /// Turns the knobs of a fork; of one that is alone now they were on their way.
    pub(super) fn turn_knobs(&mut self, run: RunId, knobs: Hyper) {
        let is_alone = self.fork.is_none() && self.is_own(run);
        match &mut self.fork {
            Some((fork, hyper)) if fork.info.run == run => *hyper = knobs,
            None if is_alone => self.knobs = knobs,
            Some(_) | None => {}
        }
    }

    /// A copy of the run at hand that goes on beside it.
    pub(super) async fn fork(&mut self, hyper: Hyper) {
        // What was measured until here is of both: it is told first.
        if let Err(what) = self.answers(true).await {
            return self.fail(what).await;
        }
        let Some(session) = self.session.as_ref().filter(|_| self.fork.is_none()) else {
            let why =
                if self.fork.is_some() { "Two runs go on already: give one up." } else { "There is no run." };
            return self.tell(Event::Notice(format!("{why} Nothing was forked."))).await;
        };
        self.runs += 1;
        let fork = session.fork(self.runs, hyper);
        let (info, state) =
            (fork.info.clone(), RunState { run: self.runs, activity: self.activity(), step: fork.step });
        (self.fork, self.attends_fork) = (Some((fork, hyper)), false);
        self.tell(Event::Started(Box::new(info))).await;
        self.tell(Event::State(state)).await;
    }

    /// Goes on with the other of two runs alone.
    pub(super) async fn give_up(&mut self, run: RunId) {
        let (is_fork, is_own) = (self.is_fork(run), self.is_own(run));
        let own_knobs = self.hyper();
        let leaving = match self.fork.take() {
            Some(fork) if is_fork => Some(fork),
            Some((fork, hyper)) if is_own => {
                (self.at_hand, self.knobs) = (fork.info.run, hyper);
                self.session.replace(fork).map(|own| (own, own_knobs))
            }
            fork => {
                self.fork = fork;
                self.tell(Event::Notice(format!(
                    "Run {run} is none of two that go on: nothing was given up."
                )))
                .await;
                None
            }
        };
        if let Some((session, hyper)) = leaving {
            self.attends_fork = false;
            self.conclude(session, hyper).await;
        }
        self.tell_state(self.activity()).await;
    }

    /// Tells all that is still to be told of a run that is given up, and a checkpoint to go on with it another time.
    async fn conclude(&mut self, mut leaving: Session, hyper: Hyper) {
        leaving.tell_checkpoint(&hyper);
        loop {
            match guarded(leaving.answer(true)).await {
                Ok(Some(event)) => self.tell(event).await,
                Ok(None) => break,
                Err(what) => {
                    self.fail(what).await;
                    break;
                }
            }
        }
        self.tell(Event::GivenUp(leaving.info.run)).await;
    }
}
