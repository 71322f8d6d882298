//! GREAT Lab.
fn main() {}
