//! A record's file: JSON that says of which format it is, where that is not the first.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::platform::files;
use crate::platform::text::decode;

/// Number of the format; a reader refuses larger ones. Files that name none are of format 0.
pub const VERSION: u32 = 0;

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Its file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its file holds something else.
    #[error("{} is not {expected}: {problem}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Written by a later version.
    #[error("{} has format {found}, this program reads up to {VERSION}: use a newer version", path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// Format of the file.
        found: u64,
    },
}

/// The JSON in `path`, which should be `expected`, of a format that is known here.
///
/// # Errors
/// [`RecordError`].
pub(super) fn read(path: &Path, expected: &'static str) -> Result<Value, RecordError> {
    let bytes = files::read(path).map_err(|source| RecordError::Unreadable { path: path.into(), source })?;
    let text =
        decode(&bytes).map_err(|at| malformed(path, expected, &format!("byte {at} is no text in UTF-8")))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| malformed(path, expected, &error))?;
    match json.get("version").and_then(Value::as_u64) {
        Some(found) if found > u64::from(VERSION) => Err(RecordError::Version { path: path.into(), found }),
        _ => Ok(json),
    }
}

/// That the file at `path` is not `expected`.
pub(super) fn malformed(path: &Path, expected: &'static str, problem: &impl ToString) -> RecordError {
    RecordError::Malformed { path: path.into(), expected, problem: problem.to_string() }
}

/// The text of a record's file.
pub(super) fn text(record: &impl Serialize) -> String {
    serde_json::to_string_pretty(record).expect("plain data whose keys are text always becomes JSON")
}

/// The file of that name in a folder, or the file itself.
pub(super) fn locate(folder_or_file: &Path, name: &str) -> PathBuf {
    if files::find(folder_or_file).is_ok_and(|found| found.is_folder) {
        folder_or_file.join(name)
    } else {
        folder_or_file.into()
    }
}
