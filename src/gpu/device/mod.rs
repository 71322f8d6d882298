//! The adapters of this machine, the device that one of them gives, and what is read back from it.

mod adapter;
mod open;
mod page;
mod read;
#[cfg(test)]
mod tests;

pub use adapter::{Adapter, AdapterKind};
pub use open::{Choice, DeviceError, Opened, adapters, open};
pub use page::open_in_page;
pub use read::{Reading, WRONG_NUMBER, read, read_all};
