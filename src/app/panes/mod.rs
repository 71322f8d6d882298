//! The panes: a file each, and a line in [`all`].

mod audit;
mod compass;
mod curves;
mod discriminator;
mod fooled;
mod fork;
mod game;
mod gradients;
mod knobs;
mod plane;
mod robustness;
mod runs;
mod samples;
mod saturation;
mod sweep;
mod tasks;

pub use fork::NAME as FORK;
pub use game::NAME as GAME;
pub use knobs::NAME as KNOBS;
pub use runs::NAME as RUNS;
pub use sweep::NAME as SWEEP;

use crate::app::pane::Pane;

/// Every pane, column by column from the top.
pub fn all() -> Vec<Box<dyn Pane>> {
    vec![
        Box::<game::Game>::default(),
        Box::<knobs::Knobs>::default(),
        Box::<gradients::Gradients>::default(),
        Box::<discriminator::Discriminator>::default(),
        Box::<curves::Curves>::default(),
        Box::<saturation::SaturationPane>::default(),
        Box::<robustness::RobustnessPane>::default(),
        Box::<fork::ForkPane>::default(),
        Box::<audit::AuditPane>::default(),
        Box::<samples::SamplesPane>::default(),
        Box::<plane::PlanePane>::default(),
        Box::<tasks::TasksPane>::default(),
        Box::<runs::RunsPane>::default(),
        Box::<sweep::SweepPane>::default(),
    ]
}
