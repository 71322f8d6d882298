//! How often something may be done that takes time from what it is done for: checkpoints of a training, tables and recordings
//! of a run. It is the one rule of all that is written while something goes on.

use web_time::Duration;

/// Of all time one part in so many goes into it at most.
pub const COSTS_ONE_IN: u32 = 20;
/// The shortest time between two while what they are of is young.
const YOUNGEST: Duration = Duration::from_secs(1);
/// While it is young there is another each time it has grown by one part in so many.
const GROWTH: u32 = 3;

/// Time from one to the next: `every`, and longer where the last one `cost` so much that it would be more than its share.
pub fn between(every: Duration, cost: Duration) -> Duration {
    every.max(cost.saturating_mul(COSTS_ONE_IN))
}

/// The same for what most is to be seen of at the beginning: after an `age` that is short, sooner, so that they lie evenly on a
/// logarithmic scale until they are `every` apart.
pub fn while_young(every: Duration, age: Duration, cost: Duration) -> Duration {
    between(every.min((age / GROWTH).max(YOUNGEST)), cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_A_MINUTE: Duration = Duration::from_secs(30);

    /// When something is done in so many seconds, where each time costs that.
    fn times(seconds: u64, cost: Duration) -> Vec<Duration> {
        let (mut at, mut last) = (Vec::new(), Duration::ZERO);
        for milliseconds in (0..seconds * 1000).step_by(10) {
            let age = Duration::from_millis(milliseconds);
            // Before the first nobody knows what one costs.
            let known = if at.is_empty() { Duration::ZERO } else { cost };
            if age - last >= while_young(HALF_A_MINUTE, age, known) {
                at.push(age);
                last = age;
            }
        }
        at
    }

    #[test]
    fn there_are_many_at_the_beginning_and_then_one_every_so_often() {
        let at = times(600, Duration::from_millis(5));
        assert_eq!(at[0], Duration::from_secs(1));
        assert!(at.iter().filter(|at| **at < Duration::from_secs(30)).count() > 6, "{at:?}");
        let gaps: Vec<Duration> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.is_sorted() && gaps.last() == Some(&HALF_A_MINUTE), "{gaps:?}");
    }

    #[test]
    fn what_costs_much_is_done_seldom() {
        for cost in [1, 50, 300, 2_000, 60_000].map(Duration::from_millis) {
            let at = times(7200, cost);
            assert!(cost * (at.len() as u32 - 1) <= Duration::from_secs(7200) / COSTS_ONE_IN, "{cost:?}");
            assert!(at.len() > 1, "{cost:?}");
        }
        assert_eq!(between(HALF_A_MINUTE, Duration::MAX), Duration::MAX);
    }
}
