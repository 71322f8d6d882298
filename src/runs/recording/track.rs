//! Events of one kind in bounded memory. Where the room is full, the least missed one loses its details: the first and the
//! last keep theirs, and between them those whose steps are evenly spaced on a logarithmic scale.

use std::sync::Arc;

use super::husk::memory;
use crate::protocol::Event;
use crate::runs::spacing::least_missed;

/// What an event is kept as.
pub(super) trait Held {
    /// Bytes that it takes.
    fn size(&self) -> usize;
}

/// A line of the file.
impl Held for Vec<u8> {
    fn size(&self) -> usize {
        self.len()
    }
}

/// The event itself, in memory.
impl Held for Arc<Event> {
    fn size(&self) -> usize {
        memory(self)
    }
}

/// An event.
struct Kept<H> {
    /// Its place among the events of all kinds.
    order: u64,
    step: u64,
    /// With all that it says; none where that was given up.
    full: Option<H>,
    /// What stays of it then; of some kinds nothing does.
    husk: Option<H>,
}

impl<H: Held> Kept<H> {
    fn size(&self) -> usize {
        [&self.full, &self.husk].into_iter().flatten().map(H::size).sum()
    }

    /// What there is of it.
    fn held(&self) -> Option<&H> {
        self.full.as_ref().or(self.husk.as_ref())
    }
}

/// The events of one kind.
pub(super) struct Track<H> {
    /// Bytes that they may take.
    room: usize,
    used: usize,
    events: Vec<Kept<H>>,
}

impl<H: Held> Track<H> {
    /// Room for so many bytes.
    pub(super) const fn new(room: usize) -> Self {
        Self { room, used: 0, events: Vec::new() }
    }

    /// Keeps an event, later than all before it.
    pub(super) fn push(&mut self, order: u64, step: u64, full: Option<H>, husk: Option<H>) {
        // Two of them have to fit: the first and the last.
        let full = full.filter(|full| full.size() <= self.room / 2);
        let kept = Kept { order, step, full, husk };
        if kept.held().is_none() {
            return;
        }
        self.used += kept.size();
        self.events.push(kept);
        while self.used > self.room && self.thin() {}
    }

    /// What there is, each with its place among the events of all kinds.
    pub(super) fn held(&self) -> impl Iterator<Item = (u64, &H)> {
        self.events.iter().filter_map(|kept| Some((kept.order, kept.held()?)))
    }

    /// Gives up a little; whether there was something to give up.
    fn thin(&mut self) -> bool {
        if let Some(at) = self.least_missed() {
            let kept = &mut self.events[at];
            self.used -= kept.full.take().map_or(0, |full| full.size());
            if kept.husk.is_none() {
                self.events.remove(at);
            }
            return true;
        }
        if self.events.len() <= 2 {
            return false;
        }
        // Nothing but husks between the first and the last: every second goes.
        let last = self.events.len() - 1;
        let mut at = 0;
        self.events.retain(|_| {
            let stays = at == 0 || at == last || at % 2 == 0;
            at += 1;
            stays
        });
        self.used = self.events.iter().map(Kept::size).sum();
        true
    }

    /// The event with all its details that is missed least.
    fn least_missed(&self) -> Option<usize> {
        let whole = || (0..self.events.len()).filter(|at| self.events[*at].full.is_some());
        let among = least_missed(whole().map(|at| self.events[at].step))?;
        whole().nth(among)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(track: &Track<Vec<u8>>, is_whole: bool) -> Vec<u64> {
        let kept = track.events.iter().filter(|kept| kept.full.is_some() == is_whole);
        kept.map(|kept| kept.step).collect()
    }

    #[test]
    fn details_are_kept_at_both_ends_and_evenly_on_a_logarithmic_scale() {
        let mut track = Track::new(10_000);
        for step in 0..2_000 {
            track.push(step, step, Some(vec![b'x'; 500]), None);
            assert!(track.used <= 10_000);
        }
        let kept = steps(&track, true);
        assert_eq!((kept.first(), kept.last(), kept.len()), (Some(&0), Some(&1999), 20));
        let gaps: Vec<f64> =
            kept.windows(2).map(|pair| ((pair[1] + 1) as f64).ln() - ((pair[0] + 1) as f64).ln()).collect();
        let largest = gaps.iter().copied().fold(0.0, f64::max);
        assert!(largest < 3.0 * 2000_f64.ln() / 19.0, "{kept:?}");
    }

    #[test]
    fn husks_stay_where_details_go_and_thin_out_last() {
        let mut track = Track::new(10_000);
        for step in 0..100 {
            track.push(step, step, Some(vec![b'x'; 500]), Some(vec![b'-'; 10]));
        }
        assert_eq!(track.held().count(), 100, "each is there, whole or not");
        assert!(steps(&track, true).len() >= 15, "{:?}", steps(&track, true));
        for step in 100..3_000 {
            track.push(step, step, Some(vec![b'x'; 500]), Some(vec![b'-'; 10]));
            assert!(track.used <= 10_000);
        }
        let orders: Vec<u64> = track.held().map(|(order, _)| order).collect();
        assert!(orders.windows(2).all(|pair| pair[0] < pair[1]) && orders.len() > 400, "{}", orders.len());
        assert_eq!((orders[0], orders.last()), (0, Some(&2999)));
        assert!(steps(&track, true).contains(&2999));
    }

    #[test]
    fn what_does_not_fit_is_a_husk_or_left_out() {
        let mut track = Track::new(100);
        track.push(0, 0, Some(vec![b'x'; 60]), Some(vec![b'-'; 10]));
        track.push(1, 1, Some(vec![b'x'; 60]), None);
        let held: Vec<_> = track.held().collect();
        assert_eq!(held, [(0, &vec![b'-'; 10])]);
    }
}
