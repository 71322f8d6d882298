//! Above, below and over the panes: toolbar, status bar, the slider through a run, shortcuts.

pub mod past;
pub mod shortcuts;
pub mod status;
pub mod toolbar;
