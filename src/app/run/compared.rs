//! How a fork differs from its parent on the same held-out images, evaluation by evaluation; what is kept is bounded.

use std::collections::VecDeque;

use crate::protocol::{Difference, Met, Paired, Robustness, Unpaired, differences};

/// Evaluations that may wait for the other run's of the same step.
const WAITING: usize = 8;
/// Comparisons kept: of more, every second one goes.
const MOST: usize = 512;

/// All differences at a step.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Steps done by both.
    pub step: u64,
    /// Fork less parent.
    pub differences: Vec<Difference>,
    /// Whether both met the same attacks.
    pub met_the_same: bool,
}

impl Comparison {
    /// What was counted where that was done to the images.
    pub fn of(&self, met: Met) -> Option<Paired> {
        self.differences.iter().find(|found| found.met == met).map(|found| found.paired)
    }
}

/// The comparisons of a run and its fork.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// Complete evaluations of the parent, and of the fork, of which the other one has none yet.
    waiting: [VecDeque<Robustness>; 2],
    rows: Vec<Comparison>,
    /// Why the last two could not be compared.
    problem: Option<Unpaired>,
}

impl Compared {
    /// Takes a complete evaluation in, of the fork or of its parent.
    pub fn take(&mut self, is_fork: bool, found: &Robustness) {
        let (own, other) = (usize::from(is_fork), usize::from(!is_fork));
        let Some(at) = self.waiting[other].iter().position(|waits| waits.step == found.step) else {
            // Of one step the last one counts.
            self.waiting[own].retain(|waits| waits.step != found.step);
            if self.waiting[own].len() >= WAITING {
                self.waiting[own].pop_front();
            }
            self.waiting[own].push_back(found.clone());
            return;
        };
        let partner = self.waiting[other].remove(at);
        let Some(partner) = &partner else { return };
        let [parent, fork] = if is_fork { [partner, found] } else { [found, partner] };
        match differences(parent, fork) {
            Ok(differences) => {
                let shared = differences.iter().filter(|found| matches!(found.met, Met::Threat(_))).count();
                let threats = [parent, fork].map(|found| found.verdicts.threats.len());
                let met_the_same = threats == [shared; 2];
                self.push(Comparison { step: found.step, differences, met_the_same });
                self.problem = None;
            }
            Err(problem) => self.problem = Some(problem),
        }
    }

    fn push(&mut self, comparison: Comparison) {
        // Who asks for an evaluation once more gets the newer figures.
        self.rows.retain(|known| known.step != comparison.step);
        let at = self.rows.partition_point(|known| known.step < comparison.step);
        self.rows.insert(at, comparison);
        if self.rows.len() > MOST {
            let last = self.rows.len() - 1;
            let mut at = 0;
            self.rows.retain(|_| {
                let stays = at % 2 == 0 || at == last;
                at += 1;
                stays
            });
        }
    }

    /// By step, ascending.
    pub fn rows(&self) -> &[Comparison] {
        &self.rows
    }

    /// The newest.
    pub fn last(&self) -> Option<&Comparison> {
        self.rows.last()
    }

    /// Why the last two evaluations could not be compared, if they could not.
    pub const fn problem(&self) -> Option<Unpaired> {
        self.problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn evaluations_of_one_step_find_each_other_in_any_order() {
        let mut compared = Compared::default();
        compared.take(true, &made_up::robustness(2, 200, true));
        assert!(compared.last().is_none());
        compared.take(false, &made_up::robustness(1, 400, true));
        assert!(compared.last().is_none(), "of another step");
        compared.take(true, &made_up::robustness(2, 400, true));
        compared.take(false, &made_up::robustness(1, 200, true));
        let steps: Vec<u64> = compared.rows().iter().map(|row| row.step).collect();
        assert_eq!(steps, [200, 400]);
        let found = compared.last().unwrap().of(Met::Nothing).unwrap();
        assert!(found.images == 256 && compared.waiting.iter().all(VecDeque::is_empty));
    }

    #[test]
    fn the_sign_is_that_of_the_fork() {
        let better = |run: u64, is_better: bool| {
            let mut found = made_up::robustness(run, 200, true);
            found.verdicts.clean = (0..256).map(|image| image < if is_better { 200 } else { 150 }).collect();
            found
        };
        for fork_first in [true, false] {
            let mut compared = Compared::default();
            let both = [(false, better(1, false)), (true, better(2, true))];
            let in_order = if fork_first { [1, 0] } else { [0, 1] };
            in_order.iter().for_each(|at| compared.take(both[*at].0, &both[*at].1));
            let clean = compared.last().unwrap().of(Met::Nothing).unwrap();
            assert_eq!((clean.gained, clean.lost), (50, 0));
        }
    }

    #[test]
    fn a_long_pair_stays_small_and_keeps_its_ends() {
        let mut compared = Compared::default();
        for step in 1..=5_000 {
            compared.take(false, &Robustness { step, ..made_up::robustness(1, 200, true) });
            compared.take(true, &Robustness { step, ..made_up::robustness(2, 200, true) });
        }
        let rows = compared.rows();
        assert!(rows.len() <= MOST && rows.len() > MOST / 4, "{}", rows.len());
        assert_eq!((rows[0].step, compared.last().map(|row| row.step)), (1, Some(5_000)));
        // One that never finds its like takes no room for ever.
        (1..100).for_each(|step| compared.take(true, &made_up::robustness(2, 10_000 + step, true)));
        assert!(compared.waiting.iter().all(|waiting| waiting.len() <= WAITING));
    }

    #[test]
    fn what_cannot_be_compared_says_why() {
        let mut compared = Compared::default();
        let mut few = made_up::robustness(2, 200, true);
        few.clean.total = 128;
        compared.take(true, &few);
        compared.take(false, &made_up::robustness(1, 200, true));
        assert_eq!(compared.problem(), Some(Unpaired::Images(256, 128)));
        assert!(compared.last().is_none());
    }
}
