//! Events of one kind in bounded memory. Where the room is full, the least missed one loses its details: the first and the
//! last keep theirs, and between them those whose steps are evenly spaced on a logarithmic scale.

/// An event as a line of the file.
struct Kept {
    /// Its place among the events of all kinds.
    order: u64,
    step: u64,
    /// With all that it says; none where that was given up.
    full: Option<Vec<u8>>,
    /// What stays of it then; of some kinds nothing does.
    husk: Option<Vec<u8>>,
}

impl Kept {
    fn size(&self) -> usize {
        [&self.full, &self.husk].into_iter().flatten().map(Vec::len).sum()
    }

    /// Its line.
    fn line(&self) -> Option<&[u8]> {
        self.full.as_deref().or(self.husk.as_deref())
    }
}

/// The events of one kind.
pub(super) struct Track {
    /// Bytes that they may take.
    room: usize,
    used: usize,
    events: Vec<Kept>,
}

impl Track {
    /// Room for so many bytes.
    pub(super) const fn new(room: usize) -> Self {
        Self { room, used: 0, events: Vec::new() }
    }

    /// Keeps an event, later than all before it.
    pub(super) fn push(&mut self, order: u64, step: u64, full: Vec<u8>, husk: Option<Vec<u8>>) {
        // Two of them have to fit: the first and the last.
        let full = Some(full).filter(|full| full.len() <= self.room / 2);
        let kept = Kept { order, step, full, husk };
        if kept.line().is_none() {
            return;
        }
        self.used += kept.size();
        self.events.push(kept);
        while self.used > self.room && self.thin() {}
    }

    /// The lines, each with its place among the events of all kinds.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.events.iter().filter_map(|kept| Some((kept.order, kept.line()?)))
    }

    /// Gives up a little; whether there was something to give up.
    fn thin(&mut self) -> bool {
        if let Some(at) = self.least_missed() {
            let kept = &mut self.events[at];
            self.used -= kept.full.take().map_or(0, |full| full.len());
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

    /// The event with all its details, neither the first nor the last, whose neighbours are nearest to each other on a
    /// logarithmic scale of steps.
    fn least_missed(&self) -> Option<usize> {
        let last = self.events.len().checked_sub(1)?;
        let whole: Vec<usize> = (0..=last).filter(|at| self.events[*at].full.is_some()).collect();
        let place = |at: usize| (self.events[at].step as f64 + 1.0).ln();
        let inner = whole.windows(3).map(|three| (three[1], place(three[2]) - place(three[0])));
        inner.min_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(track: &Track, is_whole: bool) -> Vec<u64> {
        let kept = track.events.iter().filter(|kept| kept.full.is_some() == is_whole);
        kept.map(|kept| kept.step).collect()
    }

    #[test]
    fn details_are_kept_at_both_ends_and_evenly_on_a_logarithmic_scale() {
        let mut track = Track::new(10_000);
        for step in 0..2_000 {
            track.push(step, step, vec![b'x'; 500], None);
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
            track.push(step, step, vec![b'x'; 500], Some(vec![b'-'; 10]));
        }
        assert_eq!(track.lines().count(), 100, "each is there, whole or not");
        assert!(steps(&track, true).len() >= 15, "{:?}", steps(&track, true));
        for step in 100..3_000 {
            track.push(step, step, vec![b'x'; 500], Some(vec![b'-'; 10]));
            assert!(track.used <= 10_000);
        }
        let orders: Vec<u64> = track.lines().map(|(order, _)| order).collect();
        assert!(orders.windows(2).all(|pair| pair[0] < pair[1]) && orders.len() > 400, "{}", orders.len());
        assert_eq!((orders[0], orders.last()), (0, Some(&2999)));
        assert!(steps(&track, true).contains(&2999));
    }

    #[test]
    fn what_does_not_fit_is_a_husk_or_left_out() {
        let mut track = Track::new(100);
        track.push(0, 0, vec![b'x'; 60], Some(vec![b'-'; 10]));
        track.push(1, 1, vec![b'x'; 60], None);
        let lines: Vec<_> = track.lines().collect();
        assert_eq!(lines, [(0, &[b'-'; 10][..])]);
    }
}
