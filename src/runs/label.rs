//! What people say of a kept run: a name, tags, and that it is to stay on top. It lies in a file of its own, because the run
//! may still be under way.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::record::RecordError;
use super::write::{FolderError, write_whole};
use crate::platform::files;

/// Characters of a name at most.
const LONGEST_NAME: usize = 120;
/// Characters of a tag at most.
const LONGEST_TAG: usize = 40;
/// Tags of a run at most.
const MOST_TAGS: usize = 16;
/// Bytes of the file at most.
const MOST_BYTES: u64 = 64 << 10;

/// What people say of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Label {
    /// What it is called; where there is none, after its folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Words that it is found by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whether it stands above others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// Why a name or a tag was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// It is empty.
    #[error("a {0} needs a character that can be seen")]
    Empty(&'static str),
    /// It is too long.
    #[error("a {what} has {most} characters at most, and this has {found}")]
    Long {
        /** Name or tag. */
        what: &'static str,
        /** How long it may be. */
        most: usize,
        /** How long it is. */
        found: usize,
    },
    /// It holds something that is no character of a line.
    #[error("a {0} is one line, without control characters")]
    Control(&'static str),
    /// It holds what separates tags.
    #[error("'{0}' holds a comma, which separates tags")]
    Comma(String),
    /// There are too many tags.
    #[error("a run has {MOST_TAGS} tags at most")]
    Many,
}

impl Label {
    /// Its file's name in a run folder.
    pub const FILE: &'static str = "label.json";

    /// Of the run in this folder; of one that nobody has labelled, nothing.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn read(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join(Self::FILE);
        let is_large = files::find(&path).is_ok_and(|found| found.bytes > MOST_BYTES);
        let bytes = match files::read(&path) {
            Ok(_) if is_large => Vec::new(),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(RecordError::Unreadable { path, source }),
        };
        serde_json::from_slice(&bytes).map_err(|error| RecordError::Malformed {
            path,
            expected: "the label of a run",
            problem: error.to_string(),
        })
    }

    /// Puts it into a run folder.
    ///
    /// # Errors
    /// [`FolderError::Unwritable`].
    pub fn write(&self, folder: &Path) -> Result<(), FolderError> {
        let text = serde_json::to_string_pretty(self).expect("plain data always becomes JSON");
        write_whole(&folder.join(Self::FILE), text.as_bytes())
    }

    /// Gives it a name; an empty one takes the name away.
    ///
    /// # Errors
    /// [`LabelError`], and the label is as it was.
    pub fn rename(&mut self, name: &str) -> Result<(), LabelError> {
        self.name = match name.trim() {
            "" => None,
            name => Some(checked(name, "name", LONGEST_NAME)?),
        };
        Ok(())
    }

    /// Adds a tag, once.
    ///
    /// # Errors
    /// [`LabelError`], and the label is as it was.
    pub fn tag(&mut self, tag: &str) -> Result<(), LabelError> {
        let tag = checked(tag.trim(), "tag", LONGEST_TAG)?;
        if tag.contains(',') {
            return Err(LabelError::Comma(tag));
        }
        if !self.tags.contains(&tag) {
            if self.tags.len() >= MOST_TAGS {
                return Err(LabelError::Many);
            }
            self.tags.push(tag);
        }
        Ok(())
    }

    /// Gives it these tags and no others: words between commas.
    ///
    /// # Errors
    /// [`LabelError`], and the label is as it was.
    pub fn retag(&mut self, tags: &str) -> Result<(), LabelError> {
        let mut new = Self::default();
        tags.split(',').filter(|tag| !tag.trim().is_empty()).try_for_each(|tag| new.tag(tag))?;
        self.tags = new.tags;
        Ok(())
    }
}

/// A line that is no longer than `most`.
fn checked(text: &str, what: &'static str, most: usize) -> Result<String, LabelError> {
    let found = text.chars().count();
    if found == 0 {
        Err(LabelError::Empty(what))
    } else if found > most {
        Err(LabelError::Long { what, most, found })
    } else if text.chars().any(char::is_control) {
        Err(LabelError::Control(what))
    } else {
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_comes_back_and_nonsense_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let mut label = Label::read(scratch.path()).unwrap();
        assert_eq!(label, Label::default());
        label.rename(" Greace, wider ").unwrap();
        label.retag("good, paper ,,good").unwrap();
        label.pinned = true;
        label.write(scratch.path()).unwrap();
        let back = Label::read(scratch.path()).unwrap();
        assert_eq!(
            (back.name.as_deref(), &*back.tags),
            (Some("Greace, wider"), &["good".into(), "paper".into()][..])
        );
        assert!(back.pinned);

        assert_eq!(label.rename("a\nb"), Err(LabelError::Control("name")));
        assert!(label.rename(&"x".repeat(121)).is_err() && label.tag(&"x".repeat(41)).is_err());
        assert!(label.tag("a,b").is_err() && label.tag(" ").is_err());
        let many: Vec<String> = (0..17).map(|tag| tag.to_string()).collect();
        assert_eq!(label.retag(&many.join(",")), Err(LabelError::Many));
        assert_eq!(label, back, "what is refused changes nothing");
        label.rename("  ").unwrap();
        assert_eq!(label.name, None);

        std::fs::write(scratch.path().join(Label::FILE), "{\"name\": 3}").unwrap();
        let said = Label::read(scratch.path()).unwrap_err().to_string();
        assert!(said.contains("label.json is not the label of a run"), "{said}");
    }
}
