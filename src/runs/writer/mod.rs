//! Writes a run down: gathers its events and puts them into the run folder. Who draws its charts is given.

mod charts;
mod earlier;
mod files;
mod forked;
mod gather;
#[cfg(test)]
mod tests;

pub use earlier::{Earlier, EarlierError};
pub use files::{FILES, PLANE};
pub use gather::RunWriter;
