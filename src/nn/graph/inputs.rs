//! What a node reads.

use super::dense::Dense;
use super::problem::Problem;
use super::value::Value;

/// What a node reads, in order; none where an input is left out.
pub type Inputs<'a> = [Option<&'a Value>];

/// The input of that number.
///
/// # Errors
/// Where it is left out.
pub fn get<'a>(inputs: &Inputs<'a>, at: usize) -> Result<&'a Value, Problem> {
    let input = inputs.get(at).copied().flatten();
    input.ok_or_else(|| Problem::new(format!("its input {at} is missing")))
}

/// The same on the device.
pub fn dense<'a>(inputs: &Inputs<'a>, at: usize) -> Result<&'a Dense, Problem> {
    match get(inputs, at)? {
        Value::Dense(dense) => Ok(dense.as_ref()),
        Value::Host(_) => Err(Problem::new(format!("its input {at} is a size and no tensor"))),
    }
}

/// Whole numbers that may be left out.
///
/// # Errors
/// Where they follow from the image.
pub fn numbers(inputs: &Inputs<'_>, at: usize) -> Result<Option<Vec<i64>>, Problem> {
    inputs.get(at).copied().flatten().map(|value| Ok(value.host()?.whole())).transpose()
}

/// Whole numbers.
///
/// # Errors
/// Where they are left out or follow from the image.
pub fn needed(inputs: &Inputs<'_>, at: usize) -> Result<Vec<i64>, Problem> {
    Ok(get(inputs, at)?.host()?.whole())
}
