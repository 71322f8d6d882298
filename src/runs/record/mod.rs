//! What a run and an evaluation leave behind as `run.json` and `robustness.json`, written and read here alone.

mod evaluation;
mod file;
mod run;
mod saturation;

pub use evaluation::{
    AttackRecord, ConfusionRecord, EvaluationRecord, Expectation, Incomplete, ShareRecord, WorstPoint,
    WorstRecord,
};
pub use file::{RecordError, VERSION};
pub use run::{
    Before, DataRecord, Ended, LastFigures, Latest, Origin, Resumption, RunRecord, TaskRecord, Turned,
    read_config, read_run,
};
pub use saturation::SaturationRecord;

#[cfg(test)]
mod tests;
