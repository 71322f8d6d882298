//! Which images were right, image by image: a bit each, so that two evaluations can be held against each other.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::Threat;

/// Images that a text may be of at most: many times those of any data.
const MOST: u32 = 1 << 24;

/// A bit for each image, in the order in which they were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    count: u32,
    bytes: Vec<u8>,
}

impl Bits {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = bool> {
        (0..self.len()).map(|at| self.bytes[at / 8] >> (at % 8) & 1 == 1)
    }
}

impl FromIterator<bool> for Bits {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut all = Self::default();
        for bit in bits {
            let place = all.count % 8;
            if place == 0 {
                all.bytes.push(0);
            }
            if let Some(last) = all.bytes.last_mut() {
                *last |= u8::from(bit) << place;
            }
            all.count += 1;
        }
        all
    }
}

impl fmt::Display for Bits {
    /// How many, and the bytes: `10:ff03`, the first image in the lowest bit of the first byte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.count)?;
        self.bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).ok_or_else(|| D::Error::custom("this is no list of bits such as '10:ff03'"))
    }
}

/// What [`Bits`] wrote.
fn read(text: &str) -> Option<Bits> {
    let (count, digits) = text.split_once(':')?;
    let count: u32 = count.parse().ok().filter(|count| *count <= MOST)?;
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != (count as usize).div_ceil(8) {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8; 2]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    Some(Bits { count, bytes: pairs.iter().map(byte).collect::<Option<_>>()? })
}

/// Which images of an evaluation were right; nothing in those of before it was written down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdicts {
    /// Without attack.
    pub clean: Bits,
    /// Under each threat, in the order asked for.
    pub threats: Vec<(Threat, Bits)>,
}

impl Verdicts {
    /// Whether they can be of so many images.
    pub fn are_of(&self, images: u32) -> bool {
        let fits = |bits: &Bits| bits.count == images;
        *self == Self::default() || fits(&self.clean) && self.threats.iter().all(|(_, bits)| fits(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_as_they_were() {
        for count in [0, 1, 7, 8, 9, 256] {
            let bits: Vec<bool> = (0..count).map(|at| at % 3 == 0).collect();
            let packed: Bits = bits.iter().copied().collect();
            assert_eq!((packed.len(), packed.is_empty()), (count, count == 0));
            let json = serde_json::to_string(&packed).unwrap();
            let back: Bits = serde_json::from_str(&json).unwrap();
            assert_eq!(back.iter().collect::<Vec<_>>(), bits, "{json}");
        }
        assert_eq!((0..10).map(|_| true).collect::<Bits>().to_string(), "10:ff03");
    }

    #[test]
    fn what_is_no_list_of_bits_is_refused() {
        for text in ["", "8", "8:", "8:f", "8:fg", "8:ffff", "-1:", "99999999999:00", "20000000:00", "8:é"] {
            assert!(serde_json::from_value::<Bits>(text.into()).is_err(), "{text}");
        }
    }

    #[test]
    fn verdicts_are_of_as_many_images_as_were_looked_at() {
        let bits = |count: usize| (0..count).map(|_| true).collect::<Bits>();
        assert!(Verdicts::default().are_of(9), "an earlier version wrote none");
        let verdicts = Verdicts { clean: bits(9), threats: Vec::new() };
        assert!(verdicts.are_of(9) && !verdicts.are_of(8));
    }
}
