//! The window: drains events, lays the panes out, and says what people want as commands.
//!
//! It knows the trainer through its [`Remote`](crate::protocol::Remote) alone, and never waits for it.

mod bars;
mod board;
mod draw;
mod gallery;
mod lab;
mod layout;
mod memory;
mod mirror;
mod pad;
mod pane;
mod panes;
mod run;
mod tour;

pub use draw::{textures::to_png, theme::Contrast};
pub use lab::{Lab, Options};
pub use mirror::{Deed, Mirror};
pub use pane::{About, Column};
// What tests hold against what was told.
#[doc(hidden)]
pub use run::{along::Along, history::History, reel::Reel};
#[doc(hidden)]
pub use tour::STOPS;
