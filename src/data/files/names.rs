//! Names of classes, one a line of a text file.

use crate::data::{
    error::{Advice, DataError, Place},
    limits::MAX_CLASSES,
};
use crate::platform::text;

/// Reads a class name a line, class 0 first, blank lines at the end; `name` stands in errors. A byte-order mark, and what
/// systems end lines with, are no part of a name.
///
/// # Errors
/// Where the bytes are no text, a line between names is blank, or there are not 2 to [`MAX_CLASSES`] names.
pub fn parse(bytes: &[u8], name: &str) -> Result<Vec<String>, DataError> {
    let error = |place: Place, expected: String, found: String| DataError::Format {
        file: name.into(),
        place,
        expected,
        found,
        advice: Advice::WrongKind,
    };
    let text = text::decode(bytes)
        .map_err(|at| error(Place::Byte(at), "text in UTF-8".into(), "other bytes".into()))?;
    let names: Vec<String> = text.trim_end().lines().map(|line| shown(line.trim())).collect();
    if let Some(blank) = names.iter().position(String::is_empty).filter(|_| names.len() > 1) {
        // Left out, it would move every name behind it to another class.
        let expected = format!("the name of class {blank}");
        return Err(error(Place::Line(blank + 1), expected, "a blank line".into()));
    }
    if (2..=MAX_CLASSES).contains(&names.len()) {
        Ok(names)
    } else {
        let expected = format!("2 to {MAX_CLASSES} class names, one a line");
        Err(error(
            Place::Byte(0),
            expected,
            format!("{} of them", names.iter().filter(|name| !name.is_empty()).count()),
        ))
    }
}

/// A name without characters that only steer a terminal.
fn shown(name: &str) -> String {
    name.chars().filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_are_lines() {
        let owls = ["cat", "dog", "owl"];
        for text in [
            &b"cat\ndog\r\nowl\n\n"[..],
            b"\xef\xbb\xbfcat\ndog\nowl",
            b"\xff\xfec\0a\0t\0\n\0d\0o\0g\0\n\0o\0w\0l\0",
        ] {
            assert_eq!(parse(text, "meta").unwrap(), owls);
        }
        assert_eq!(parse("短袖\n裤子\n".as_bytes(), "meta").unwrap(), ["短袖", "裤子"]);
        for (text, expected) in [
            (&b"cat\n"[..], "1 of them"),
            (b"", "0 of them"),
            (b"\xef\xbb\xbf", "0 of them"),
            (b"cat\n\xff", "byte 4"),
            (b"cat\n\nowl\n", "line 2: expected the name of class 1, found a blank line"),
            (b"\ncat\nowl\n", "line 1"),
        ] {
            let error = parse(text, "meta").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}: {expected}");
        }
    }
}
