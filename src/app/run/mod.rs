//! What the window knows of a run, and what it asks of it.

pub mod along;
pub mod compared;
pub mod controls;
pub mod export;
pub mod going_on;
pub mod history;
pub mod pair;
pub mod past;
pub mod reel;
pub mod script;
pub mod series;
pub mod shelf;
pub mod sweep;
