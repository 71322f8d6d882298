//! Text from files, as editors and shells of every system write it.

use std::borrow::Cow;

/// What begins a text that says that it is UTF-8 (EF BB BF), UTF-16 with the low byte first, and with the high byte first.
const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

/// Text in UTF-8, with a byte-order mark or without, or in UTF-16 with one; the mark is no part of it.
///
/// # Errors
/// Where it is neither: the offset of the first byte that does not fit.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, usize> {
    let [utf8, low_first, high_first] = MARKS;
    if let Some(units) = bytes.strip_prefix(low_first) {
        return utf16(units, u16::from_le_bytes).map(Cow::Owned);
    }
    if let Some(units) = bytes.strip_prefix(high_first) {
        return utf16(units, u16::from_be_bytes).map(Cow::Owned);
    }
    let (text, skipped) = bytes.strip_prefix(utf8).map_or((bytes, 0), |text| (text, utf8.len()));
    std::str::from_utf8(text).map(Cow::Borrowed).map_err(|bad| skipped + bad.valid_up_to())
}

/// The text of these units, each two bytes, behind a mark of two bytes.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, usize> {
    let (units, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(units.len());
    let mut read = 2;
    for char in char::decode_utf16(units.iter().copied().map(unit)) {
        let char = char.map_err(|_| read)?;
        read += 2 * char.len_utf16();
        text.push(char);
    }
    if rest.is_empty() { Ok(text) } else { Err(read) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_no_part_of_a_text() {
        for bytes in
            [&b"\xef\xbb\xbfa\xc3\xa4"[..], b"a\xc3\xa4", b"\xff\xfea\x00\xe4\x00", b"\xfe\xff\x00a\x00\xe4"]
        {
            assert_eq!(decode(bytes).as_deref(), Ok("aä"), "{bytes:?}");
        }
        for (bytes, at) in [
            (&b"a\xff"[..], 1),
            (b"\xef\xbb\xbfa\xff", 4),
            (b"\xff\xfea\x00b", 4),
            (b"\xff\xfea\x00\x00\xd8", 4),
        ] {
            assert_eq!(decode(bytes), Err(at), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_however_it_is_marked(text in ".{0,40}") {
            let units: Vec<u16> = text.encode_utf16().collect();
            let low: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
            let high: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
            for (mark, bytes) in MARKS.into_iter().zip([text.as_bytes(), &low, &high]) {
                let marked = [mark, bytes].concat();
                let decoded = decode(&marked);
                prop_assert_eq!(decoded.as_deref(), Ok(&*text));
            }
        }

        #[test]
        fn no_bytes_whatever_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
