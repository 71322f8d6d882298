//! How the window draws: theme, charts, textures, arrows, icons.

pub mod against;
pub mod arrows;
pub mod beside;
pub mod chart;
pub mod fields;
pub mod icons;
pub mod planes;
pub mod reading;
pub mod sheet;
pub mod textures;
pub mod theme;
mod thin;
