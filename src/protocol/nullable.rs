//! A number that JSON may not hold: NaN and the infinities are written as `null`, and `null` is read as NaN.
//!
//! For `#[serde(with = "nullable")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the number, or `null` where it is none.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    value.is_finite().then_some(*value).serialize(serializer)
}

/// Reads a number, or NaN from `null`.
///
/// # Errors
/// Where there is neither.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
