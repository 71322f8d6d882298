//! What the window knows of a run, and what it asks of it.

pub mod controls;
pub mod export;
pub mod history;
pub mod past;
pub mod reel;
pub mod script;
pub mod series;
pub mod shelf;
