//! What one training step does, scenario by scenario.

mod augmentation;
mod controller;
pub mod defense;
pub mod distillation;
mod images;
mod interface;
mod measures;
pub mod multitask;
mod player;
pub mod teacher;

pub use controller::{CONTROL_EVERY, Control, Controller, OutOfReach};
pub use defense::Defense;
pub use distillation::Distillation;
pub use images::upload;
pub use interface::{GradientTensors, Part, Scenario, State};
pub use measures::{Measures, PendingMeasures, Sums};
pub use multitask::Multitask;
pub use player::{Player, auxiliary_network};
pub use teacher::{Preparation, Teacher};
