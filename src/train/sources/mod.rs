//! What a run is made from beside its config: its data, its teacher, the network that it begins as; and where these are.

pub mod places;
mod pretrained;
mod proposal;
mod teacher;

pub use pretrained::{Opened, open, part};
pub use proposal::proposal;
pub use teacher::{Chosen, choose};
