//! Above, below and over the panes: toolbar, the guided tour, what two runs go on, status bar, the slider through a run, shortcuts.

pub mod fork;
pub mod offer;
pub mod past;
pub mod setup;
pub mod shortcuts;
pub mod status;
pub mod toolbar;
pub mod tour;
