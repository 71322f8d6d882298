//! Numbers in JSON that come back as they were: NaN and the infinities, which JSON has no numbers for, are written as text.
//! All others come back to the last bit by themselves (serde_json's `float_roundtrip`).
//!
//! For `#[serde(with = "exact")]`, on a number and on lists, arrays and options of numbers.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number, or several.
pub trait Exact: Sized {
    /// Writes it.
    ///
    /// # Errors
    /// Those of the serializer.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads it.
    ///
    /// # Errors
    /// Where there is something else.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// Writes numbers.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Exact, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.write(serializer)
}

/// Reads numbers.
///
/// # Errors
/// Where there is something else.
pub fn deserialize<'de, T: Exact, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(deserializer)
}

/// Something exact, to be written.
struct Written<'a, T>(&'a T);

impl<T: Exact> Serialize for Written<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

/// Something exact that was read.
struct Read<T>(T);

impl<'de, T: Exact> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer).map(Self)
    }
}

/// Takes a number, or the text of one; nothing is NaN.
struct Number;

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<f64, E> {
        value.parse().map_err(|_| E::custom(format!("'{value}' is no number")))
    }

    fn visit_unit<E: Error>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }
}

impl Exact for f64 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_finite() { serializer.serialize_f64(*self) } else { serializer.collect_str(self) }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number)
    }
}

impl Exact for f32 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_finite() { serializer.serialize_f32(*self) } else { serializer.collect_str(self) }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number).map(|value| value as Self)
    }
}

impl<T: Exact> Exact for Option<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Written).serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<Read<T>>::deserialize(deserializer)?.map(|Read(value)| value))
    }
}

impl<T: Exact> Exact for Vec<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Written))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Read<T>>::deserialize(deserializer)?.into_iter().map(|Read(value)| value).collect())
    }
}

impl<T: Exact, const N: usize> Exact for [T; N] {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Written))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Vec::<T>::read(deserializer)?;
        let count = all.len();
        all.try_into().map_err(|_| D::Error::custom(format!("{count} numbers where {N} belong")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Numbers {
        #[serde(with = "super")]
        one: f64,
        #[serde(with = "super")]
        small: Vec<f32>,
        #[serde(with = "super")]
        pairs: [Vec<f64>; 2],
        #[serde(default, with = "super")]
        perhaps: Option<Vec<f64>>,
    }

    fn again(numbers: &Numbers) -> Numbers {
        serde_json::from_str(&serde_json::to_string(numbers).unwrap()).unwrap()
    }

    #[test]
    fn what_json_has_no_number_for_comes_back() {
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.1 + 0.2, 5e-324, f64::MAX];
        let numbers = Numbers {
            one: f64::NAN,
            small: vec![f32::INFINITY, f32::MIN_POSITIVE, 0.1, f32::NAN],
            pairs: [special.into(), vec![]],
            perhaps: Some(special.into()),
        };
        assert_eq!(format!("{:?}", again(&numbers)), format!("{numbers:?}"));
        let none: Numbers =
            serde_json::from_str(r#"{"one": null, "small": [1], "pairs": [[], [2]]}"#).unwrap();
        assert!(none.one.is_nan() && none.perhaps.is_none() && none.pairs[1] == [2.0]);
        for bad in [
            r#"{"one": "much", "small": [], "pairs": [[], []]}"#,
            r#"{"one": 1, "small": [], "pairs": [[]]}"#,
        ] {
            assert!(serde_json::from_str::<Numbers>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back_to_the_bit(one in any::<f64>(), small in any::<f32>()) {
            let numbers = Numbers { one, small: vec![small], pairs: [vec![], vec![one]], perhaps: None };
            let back = again(&numbers);
            prop_assert!(one.is_nan() || back.one.to_bits() == one.to_bits());
            prop_assert!(small.is_nan() || back.small[0].to_bits() == small.to_bits());
        }
    }
}
