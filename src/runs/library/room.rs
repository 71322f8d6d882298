//! The bounds of a library where what it lies in has some: which runs are given up when it takes more.

use std::path::Path;

use super::{Library, LibraryError, refused};
use crate::platform::files;
use crate::runs::label::Label;

/// A run that was given up for want of room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The name of its folder.
    pub id: String,
    /// What it was called.
    pub name: String,
    /// Whether it was deleted before.
    pub was_deleted: bool,
}

/// What came of making room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeRoom {
    /// What was given up, in that order.
    pub given_up: Vec<GivenUp>,
    /// Bytes that the library takes now.
    pub used: u64,
    /// Bytes that it may take.
    pub most: u64,
}

impl MadeRoom {
    /// Whether it takes more than it may, although there is nothing to give up.
    pub const fn is_full(&self) -> bool {
        self.used > self.most
    }

    /// What was given up and why, in a sentence; nothing where nothing was.
    pub fn told(&self) -> Option<String> {
        let said = |run: &GivenUp| {
            let id = if run.name == run.id { String::new() } else { format!(" ({})", run.id) };
            format!("{}{id}{}", run.name, if run.was_deleted { ", from the trash" } else { "" })
        };
        let all: Vec<String> = self.given_up.iter().map(said).collect();
        let which = match self.given_up.iter().any(|run| !run.was_deleted) {
            true => ": the oldest that nobody had pinned",
            false => "",
        };
        (!all.is_empty()).then(|| {
            format!(
                "The {} MB in which runs are kept here were full. Given up for good{which}: {}.",
                self.most / 1_000_000,
                all.join("; ")
            )
        })
    }
}

impl Library {
    /// Bytes of all that is in it, and in its trash.
    pub fn size(&self) -> u64 {
        size_of(self.root())
    }

    /// Gives up what is in the trash, then runs that are neither pinned nor being written, each time what changed longest ago,
    /// until all takes no more than `most` bytes.
    ///
    /// # Errors
    /// [`LibraryError::Refused`].
    pub fn make_room(&self, most: u64) -> Result<MadeRoom, LibraryError> {
        let mut room = MadeRoom { given_up: Vec::new(), used: self.size(), most };
        if !room.is_full() {
            return Ok(room);
        }
        let trash = self.list_trash()?.into_iter().rev().map(|found| (found.id, true));
        let runs = self.list()?.into_iter().rev().map(|found| (found.id, false));
        for (id, was_deleted) in trash.chain(runs) {
            let folder = if was_deleted { self.trashed(&id) } else { self.folder(&id) };
            let label = Label::read(&folder);
            // What cannot be read may say that it is pinned.
            let is_pinned = label.as_ref().map_or(true, |label| label.pinned);
            if !room.is_full() || !was_deleted && (is_pinned || self.holder(&id).is_some()) {
                continue;
            }
            let bytes = size_of(&folder);
            files::remove_dir_all(&folder).map_err(|source| refused("remove", &folder, source))?;
            room.used -= bytes.min(room.used);
            let name = label.ok().and_then(|label| label.name).unwrap_or_else(|| id.clone());
            room.given_up.push(GivenUp { id, name, was_deleted });
        }
        Ok(room)
    }
}

/// Bytes of all files in a folder and in those in it; of one that cannot be read none.
fn size_of(folder: &Path) -> u64 {
    let entries = files::entries(folder).unwrap_or_default().into_iter();
    entries.map(|(name, found)| if found.is_folder { size_of(&folder.join(name)) } else { found.bytes }).sum()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use web_time::UNIX_EPOCH;

    use super::*;

    /// Runs of so many bytes, of which each changed a day after the one before.
    fn library(root: &Path, runs: &[(&str, usize)]) -> Library {
        for (day, (id, bytes)) in runs.iter().enumerate() {
            let folder = root.join(id);
            std::fs::create_dir_all(&folder).unwrap();
            let record = folder.join("run.json");
            std::fs::write(&record, vec![b' '; *bytes]).unwrap();
            let time = UNIX_EPOCH + Duration::from_secs(86_400 * day as u64);
            File::options().write(true).open(record).unwrap().set_modified(time).unwrap();
        }
        Library::at(root)
    }

    fn given_up(room: &MadeRoom) -> Vec<&str> {
        room.given_up.iter().map(|run| &*run.id).collect()
    }

    #[test]
    fn the_trash_goes_first_and_then_the_oldest_run() {
        let scratch = tempfile::tempdir().unwrap();
        let library =
            library(scratch.path(), &[("a", 100), ("b", 100), ("c", 100), (".trash/z", 100), ("d", 100)]);
        assert_eq!(library.size(), 500);
        let room = library.make_room(500).unwrap();
        assert_eq!((given_up(&room), room.is_full(), room.told()), (Vec::new(), false, None));
        let room = library.make_room(450).unwrap();
        assert_eq!((given_up(&room), room.used), (vec!["z"], 400));
        assert!(room.told().unwrap().contains("z, from the trash"));
        let room = library.make_room(250).unwrap();
        assert_eq!((given_up(&room), room.used), (vec!["a", "b"], 200));
        assert_eq!(library.size(), 200);
        let left: Vec<String> = library.list().unwrap().into_iter().map(|found| found.id).collect();
        assert_eq!(left, ["d", "c"]);
    }

    #[test]
    fn what_is_pinned_or_being_written_stays_whatever_it_takes() {
        let scratch = tempfile::tempdir().unwrap();
        let library = library(scratch.path(), &[("a", 100), ("b", 100), ("c", 100), ("d", 100)]);
        // The label changes when the run was changed last, so the pinned one is the youngest of all; the damaged one is not.
        for (id, label) in [("a", "{\"pinned\":true}"), ("b", "{\"pinned\"")] {
            std::fs::write(library.folder(id).join(Label::FILE), label).unwrap();
        }
        let lock = crate::runs::lock::Lock::take(&library.folder("c")).unwrap();
        let room = library.make_room(0).unwrap();
        assert_eq!(given_up(&room), ["d"]);
        assert!(room.is_full() && room.used > 300, "{room:?}");
        drop(lock);
        assert_eq!(given_up(&library.make_room(250).unwrap()), ["c"]);
    }

    #[test]
    fn what_is_given_up_is_told_by_its_names() {
        let run =
            |id: &str, name: &str, was_deleted| GivenUp { id: id.into(), name: name.into(), was_deleted };
        let given_up = vec![run("b", "b", true), run("great-seed1", "wider", false)];
        let told = MadeRoom { given_up, used: 0, most: 200_000_000 }.told().unwrap();
        for expected in ["200 MB", "b, from the trash; wider (great-seed1)", "pinned", "for good"] {
            assert!(told.contains(expected), "{told}");
        }
    }
}
