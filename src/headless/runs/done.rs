//! What a deed says when it is done.

use serde_json::Value;

use crate::headless::error::HeadlessError;
use crate::runs::library::LibraryError;

/// What came of a deed, for people and for programs.
pub(super) struct Done {
    pub(super) text: String,
    pub(super) json: Value,
}

impl Done {
    pub(super) fn line(text: String, json: Value) -> Self {
        Self { text: text + "\n", json }
    }

    /// Of several runs.
    pub(super) fn all(
        each: impl IntoIterator<Item = Result<Self, LibraryError>>,
    ) -> Result<Self, HeadlessError> {
        let each = each.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (text, json) =
            each.into_iter().map(|done| (done.text, done.json)).unzip::<_, _, String, Vec<Value>>();
        Ok(Self { text, json: json.into() })
    }
}
