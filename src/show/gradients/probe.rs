//! What a fresh auxiliary network reads: in a sentence, and as a row of a table.

use crate::protocol::{Readings, Share};
use crate::show::number::{short_percent, whole_percent};

/// How much more a fresh network must read than the running one for that one to be called blind.
const MORE: f64 = 0.1;

/// Whether a fresh network reads far more than the running one.
pub fn is_blind(found: &Readings) -> bool {
    found.fresh.value() - found.running.value() >= MORE
}

/// Whether what the running network reads is all that can be read, where guessing reads `chance`.
pub fn sentence(found: &Readings, chance: f64) -> String {
    let [said_running, said_fresh] = [found.running, found.fresh].map(|share| whole_percent(share.value()));
    let noiseless = found.noiseless.map(|share| whole_percent(share.value()));
    let is_blind = is_blind(found);
    let reads_nothing = |share: Share| share.interval().0 <= chance;
    let text = if is_blind {
        format!("The running network is blind ({said_running}); a fresh one still reads {said_fresh}")
    } else if reads_nothing(found.fresh) && reads_nothing(found.running) {
        format!("A fresh network reads no more than chance ({said_fresh}, {})", short_percent(chance))
    } else {
        format!("A fresh network reads {said_fresh}, the running one {said_running}")
    };
    match noiseless {
        Some(noiseless) if is_blind => format!("{text}, and {noiseless} without the noise."),
        Some(noiseless) => format!("{text}; without the noise it reads {noiseless}."),
        None => format!("{text}."),
    }
}

/// The columns of [`row`]; what each means: `docs/files.md`.
pub const COLUMNS: [&str; 6] =
    ["step", "probe_steps", "tensors", "running_read", "fresh_read", "noiseless_read"];

/// A row of a table.
pub fn row(found: &Readings) -> Vec<String> {
    let noiseless = found.noiseless.map_or(String::new(), |share| share.hits.to_string());
    let numbers = [
        found.step,
        found.probe_steps,
        found.fresh.total.into(),
        found.running.hits.into(),
        found.fresh.hits.into(),
    ];
    numbers.map(|number| number.to_string()).into_iter().chain([noiseless]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(running: u32, fresh: u32, noiseless: Option<u32>) -> Readings {
        let share = |hits| Share { hits, total: 100 };
        let (running, fresh, noiseless) = (share(running), share(fresh), noiseless.map(share));
        Readings { step: 500, probe_steps: 64, running, fresh, noiseless }
    }

    #[test]
    fn a_blind_network_is_told_from_one_that_reads_all_there_is() {
        let said = |found: Readings| sentence(&found, 0.1);
        assert_eq!(
            said(read(52, 98, None)),
            "The running network is blind (52 %); a fresh one still reads 98 %."
        );
        assert_eq!(
            said(read(30, 60, Some(97))),
            "The running network is blind (30 %); a fresh one still reads 60 %, and 97 % without the noise."
        );
        assert_eq!(
            said(read(45, 47, Some(96))),
            "A fresh network reads 47 %, the running one 45 %; without the noise it reads 96 %."
        );
        assert_eq!(said(read(11, 12, None)), "A fresh network reads no more than chance (12 %, 10 %).");
        assert_eq!(said(read(95, 70, None)), "A fresh network reads 70 %, the running one 95 %.");
    }

    #[test]
    fn a_row_has_a_cell_a_column() {
        assert_eq!(row(&read(5, 6, None)), ["500", "64", "100", "5", "6", ""]);
        assert_eq!(row(&read(5, 6, Some(7))).len(), COLUMNS.len());
    }
}
