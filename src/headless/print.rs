//! What commands print.

use std::io::Write as _;

/// Prints to standard output; where its reader is gone, as behind `| head`, there is nobody to tell.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
