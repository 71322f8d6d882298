//! Above, below and over the panes: toolbar, status bar, shortcuts.

pub mod shortcuts;
pub mod status;
pub mod toolbar;
