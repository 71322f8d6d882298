//! A world seen whole: what the main network says everywhere, and what the auxiliary one reads off every gradient.

mod pane;
mod shared;
mod shows;
mod slow;
mod view;

pub use pane::PlanePane;
