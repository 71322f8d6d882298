//! One array of NumPy's, where whole numbers are meant: of any type that holds them, as long as they fit.

use std::fmt::Display;

use ndarray::ArrayD;
use ndarray_npy::{ReadNpyExt, ReadableElement};

use crate::data::{error::Advice, limits::MAX_FILE_BYTES};

/// Most bytes of an array's header; NumPy writes 128, and a header is not to be a program.
const MAX_HEADER_BYTES: usize = 1024;

/// What is wrong with an array.
#[derive(Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What was expected.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What to do.
    pub advice: Advice,
}

/// The shape of an array, and its numbers, the last dimension fastest.
type Numbers<T> = (Vec<usize>, Vec<T>);

/// A type that whole numbers are read into.
pub trait Whole:
    Copy
    + Display
    + From<bool>
    + From<u8>
    + TryFrom<i8>
    + TryFrom<u16>
    + TryFrom<i16>
    + TryFrom<u32>
    + TryFrom<i32>
    + TryFrom<u64>
    + TryFrom<i64>
{
    /// The largest.
    const MOST: Self;
}

impl Whole for u8 {
    const MOST: Self = Self::MAX;
}

impl Whole for u16 {
    const MOST: Self = Self::MAX;
}

/// The shape and the numbers of an array, the last dimension fastest: NumPy's bool, or whole numbers of 8 to 64 bits with
/// either byte first, with sign or without, each of which is from 0 to [`Whole::MOST`].
///
/// # Errors
/// [`Unfit`]: no array, another type, a number that does not fit, bytes too few or too many.
pub fn parse<T: Whole>(bytes: &[u8]) -> Result<Numbers<T>, Unfit> {
    let Header { kind, promised, length } = Header::read(bytes)?;
    let read: fn(&[u8]) -> Result<Numbers<T>, Unfit> = match kind.trim_start_matches(['|', '<', '>', '=']) {
        "b1" => typed::<bool, T>,
        "u1" => typed::<u8, T>,
        "i1" => typed::<i8, T>,
        "u2" => typed::<u16, T>,
        "i2" => typed::<i16, T>,
        "u4" => typed::<u32, T>,
        "i4" => typed::<i32, T>,
        "u8" => typed::<u64, T>,
        "i8" => typed::<i64, T>,
        _ => {
            let found =
                if kind.is_empty() { "no type of numbers".into() } else { format!("the type {kind}") };
            return Err(Unfit { expected: of_type::<T>(), found, advice: Advice::Unsupported });
        }
    };
    // The reader sets aside what a header promises, so that is compared with what is there first.
    let there = (bytes.len() - length) as u64;
    if promised != there {
        let found = if promised > there {
            format!("{} missing", counted(promised - there))
        } else {
            format!("{} too many", counted(there - promised))
        };
        let advice = if promised > there { Advice::CutOff } else { Advice::Damaged };
        return Err(Unfit { expected: format!("{} of numbers", counted(promised)), found, advice });
    }
    read(bytes)
}

fn counted(bytes: u64) -> String {
    if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes") }
}

/// What an array of such numbers may be of.
fn of_type<T: Whole>() -> String {
    format!("whole numbers from 0 to {}, as bool, int or uint", T::MOST)
}

/// An array of numbers of type `A`.
fn typed<A, T: Whole + TryFrom<A>>(bytes: &[u8]) -> Result<Numbers<T>, Unfit>
where
    A: ReadableElement + Copy + Display,
{
    let array = ArrayD::<A>::read_npy(bytes).map_err(|error| Unfit {
        expected: of_type::<T>(),
        found: error.to_string(),
        advice: Advice::WrongKind,
    })?;
    let number = |(place, value): (usize, &A)| {
        T::try_from(*value).map_err(|_| Unfit {
            expected: format!("numbers from 0 to {}", T::MOST),
            found: format!("{value} at place {place}"),
            advice: Advice::Unsupported,
        })
    };
    let numbers = array.iter().enumerate().map(number).collect::<Result<_, _>>()?;
    Ok((array.shape().to_vec(), numbers))
}

/// What the beginning of an array says.
struct Header {
    /// The type of its numbers as NumPy writes it, such as `<u2`; empty where that is no single type.
    kind: String,
    /// Bytes of its numbers.
    promised: u64,
    /// Bytes before them.
    length: usize,
}

impl Header {
    /// Reads what `NumPy`'s own reader is to see only then: that one nests as deep as a header does, and panics where the
    /// dimensions beside a 0 overflow.
    fn read(bytes: &[u8]) -> Result<Self, Unfit> {
        let refuse = |expected: String, found: String| Unfit { expected, found, advice: Advice::WrongKind };
        if !bytes.starts_with(b"\x93NUMPY") {
            return Err(refuse("a NumPy array".into(), "something else".into()));
        }
        let (start, length) = match *bytes {
            [_, _, _, _, _, _, 1, _, low, high, ..] => (10, usize::from(u16::from_le_bytes([low, high]))),
            [_, _, _, _, _, _, _, _, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
            _ => (0, 0),
        };
        if length > MAX_HEADER_BYTES {
            return Err(refuse(format!("a header of at most {MAX_HEADER_BYTES} bytes"), length.to_string()));
        }
        let Some(header) = bytes.get(start..start + length).filter(|header| !header.is_empty()) else {
            return Err(refuse("a NumPy array's header".into(), "the end of the data".into()));
        };
        let header = String::from_utf8_lossy(header);
        let kind = kind(&header);
        let number_bytes =
            kind.trim_start_matches(|char: char| !char.is_ascii_digit()).parse::<u64>().unwrap_or(1);
        let words = header.split(|char: char| !char.is_alphanumeric() && char != '_');
        let dimensions = words.filter(|word| word.starts_with(|char: char| char.is_ascii_digit()));
        let (mut bound, mut promised) = (number_bytes.max(1), number_bytes);
        for word in dimensions {
            // A 0 hides no overflow of the others; what is no plain number, such as 0x10, is none of NumPy's writing.
            let dimension = word.parse::<u64>().ok();
            match dimension.and_then(|dimension| bound.checked_mul(dimension.max(1))) {
                Some(product) if product < MAX_FILE_BYTES => {
                    bound = product;
                    promised *= dimension.unwrap_or(0);
                }
                _ => {
                    let expected = format!("dimensions of less than {MAX_FILE_BYTES} bytes");
                    return Err(refuse(expected, header.trim().into()));
                }
            }
        }
        Ok(Self { kind, promised, length: start + length })
    }
}

/// The type that a header names; empty where it names none, or a list of them.
fn kind(header: &str) -> String {
    let after = header.split_once("descr").map_or("", |(_, after)| after);
    let value = after.trim_start_matches(['\'', '"']).trim_start().trim_start_matches(':').trim_start();
    let quoted = value.strip_prefix(['\'', '"']).and_then(|text| text.split(['\'', '"']).next());
    quoted.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An array of one dimension as NumPy writes it.
    fn npy(kind: &str, numbers: usize, body: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({numbers},), }}");
        header += &" ".repeat((64 - (10 + header.len() + 1) % 64) % 64);
        header.push('\n');
        let length = u16::try_from(header.len()).unwrap();
        [b"\x93NUMPY\x01\x00", length.to_le_bytes().as_slice(), header.as_bytes(), body].concat()
    }

    /// `numbers` in each type that is taken, with its name.
    fn in_every_type(numbers: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let of = |bytes: &dyn Fn(u8) -> Vec<u8>| numbers.iter().flat_map(|number| bytes(*number)).collect();
        vec![
            ("|u1", of(&|n| vec![n])),
            ("|i1", of(&|n| vec![n])),
            ("<u2", of(&|n| u16::from(n).to_le_bytes().into())),
            (">u2", of(&|n| u16::from(n).to_be_bytes().into())),
            ("<i2", of(&|n| i16::from(n).to_le_bytes().into())),
            ("<u4", of(&|n| u32::from(n).to_le_bytes().into())),
            ("<i4", of(&|n| i32::from(n).to_le_bytes().into())),
            (">i4", of(&|n| i32::from(n).to_be_bytes().into())),
            ("<u8", of(&|n| u64::from(n).to_le_bytes().into())),
            ("<i8", of(&|n| i64::from(n).to_le_bytes().into())),
        ]
    }

    proptest! {
        #[test]
        fn whole_numbers_come_out_whatever_their_type(numbers in prop::collection::vec(0_u8..=127, 0..40)) {
            for (kind, body) in in_every_type(&numbers) {
                let bytes = npy(kind, numbers.len(), &body);
                prop_assert_eq!(parse::<u8>(&bytes), Ok((vec![numbers.len()], numbers.clone())), "{}", kind);
                let wide = numbers.iter().map(|number| u16::from(*number)).collect();
                prop_assert_eq!(parse::<u16>(&bytes), Ok((vec![numbers.len()], wide)), "{}", kind);
            }
        }

        #[test]
        fn no_bytes_whatever_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in "[|<>]?[a-zA-Z][0-9]{0,3}") {
            let _ = parse::<u8>(&bytes);
            let _ = parse::<u16>(&npy(&kind, bytes.len(), &bytes));
        }
    }

    #[test]
    fn booleans_are_numbers() {
        assert_eq!(parse::<u8>(&npy("|b1", 3, &[0, 1, 1])), Ok((vec![3], vec![0, 1, 1])));
        assert!(parse::<u8>(&npy("|b1", 1, &[2])).is_err());
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let refused = |bytes: &[u8]| parse::<u8>(bytes).unwrap_err();
        for (kind, body, expected) in [
            ("<i4", &(-1_i32).to_le_bytes()[..], "-1 at place 0"),
            ("<u2", &256_u16.to_le_bytes(), "256 at place 0"),
            ("|i1", &[0x80], "-128 at place 0"),
            ("<i8", &i64::MAX.to_le_bytes(), "9223372036854775807 at place 0"),
            ("<f4", &1_f32.to_le_bytes(), "the type <f4"),
            ("<U3", &[0; 12], "the type <U3"),
        ] {
            let Unfit { expected: range, found, .. } = refused(&npy(kind, 1, body));
            assert!(found == expected && range.contains("from 0 to 255"), "{kind}: {range}, {found}");
        }
        let structured = npy("|u1", 1, &[0]);
        let at = structured.windows(5).position(|window| window == b"'|u1'").unwrap();
        let structured = [&structured[..at], b"[('a', '|u1')]", &structured[at + 5..]].concat();
        assert_eq!(refused(&structured).found, "no type of numbers");
        assert_eq!(refused(&npy("<i4", 2, &[0; 7])).found, "1 byte missing");
        assert_eq!(refused(&npy("<i4", 2, &[0; 10])).found, "2 bytes too many");
        assert_eq!(refused(b"PK").expected, "a NumPy array");
    }
}
