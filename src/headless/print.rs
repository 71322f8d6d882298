//! What commands say: results on standard output, all else on standard error. Where the reader of either is gone, as
//! behind `| head`, there is nobody to tell, and the work goes on.

use std::io::{ErrorKind, Write};

use crate::headless::error::HeadlessError;

/// Prints a result to standard output. Whoever has closed it wants no more of it.
///
/// # Errors
/// [`HeadlessError::Unprintable`] where somebody waits for it and it cannot be written, as on a full disk.
pub fn print(text: &str) -> Result<(), HeadlessError> {
    print_to(&mut std::io::stdout().lock(), text)
}

fn print_to(output: &mut impl Write, text: &str) -> Result<(), HeadlessError> {
    // Without the flush a part may wait in a buffer, whose loss at the end nobody would hear of.
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(HeadlessError::Unprintable(error)),
        _ => Ok(()),
    }
}

/// Says a line on standard error.
pub fn say(line: &str) {
    // One write a line, so that lines of several processes do not mix.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing, for this reason.
    struct Refusing(ErrorKind);

    impl Write for Refusing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_gone_is_none_of_our_business_and_a_full_disk_is() {
        assert!(print_to(&mut Refusing(ErrorKind::BrokenPipe), "x").is_ok());
        let error = print_to(&mut Refusing(ErrorKind::StorageFull), "x").unwrap_err();
        assert_eq!(error.exit_status(), 1);
        assert!(error.to_string().starts_with("cannot write to standard output: "), "{error}");
    }
}
