//! Files in memory, as a page has them, and which of them are still to be brought to where they outlast it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use web_time::Duration;

use super::Found;

/// The bytes of a file.
pub type Bytes = Arc<[u8]>;

/// What is to be done with what a path stands for, where it outlasts the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// There is to be a folder.
    Folder,
    /// There is to be a file of these bytes.
    File(Bytes),
    /// There is to be nothing.
    Nothing,
}

enum Node {
    Folder { changed: Duration },
    File { bytes: Bytes, changed: Duration, written: u64, is_held: bool },
}

impl Node {
    fn found(&self) -> Found {
        match self {
            Self::Folder { changed } => {
                Found { is_folder: true, is_file: false, bytes: 0, changed: Some(*changed) }
            }
            Self::File { bytes, changed, .. } => {
                let (bytes, changed) = (bytes.len() as u64, Some(*changed));
                Found { is_folder: false, is_file: true, bytes, changed }
            }
        }
    }
}

/// Folders and files. Paths are taken from its root; there is no way out of it.
#[derive(Default)]
pub struct Tree {
    /// All but the root.
    nodes: BTreeMap<PathBuf, Node>,
    /// What was changed, in the order of the last changes.
    due: VecDeque<PathBuf>,
    /// Counts the writes.
    writes: u64,
    /// Why nothing may be changed, where that is so.
    refusal: Option<String>,
    now: Duration,
}

/// The same path without what stands for where one is.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

impl Tree {
    /// What is changed from now on has changed at that time, since 1970.
    pub const fn set_clock(&mut self, now: Duration) {
        self.now = now;
    }

    /// From now on nothing may be changed, for that reason.
    pub fn refuse(&mut self, reason: String) {
        self.refusal = Some(reason);
    }

    /// Puts a file that is where it outlasts the page into its folder, which is made where there is none.
    pub fn put(&mut self, path: &Path, bytes: Vec<u8>, changed: Duration) {
        let path = plain(path);
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            self.nodes.entry(folder.into()).or_insert(Node::Folder { changed });
        }
        // Which was written first is known by the times alone.
        self.writes += 1;
        let written = self.writes;
        self.nodes.insert(path, Node::File { bytes: bytes.into(), changed, written, is_held: false });
    }

    /// The same with a folder.
    pub fn put_folder(&mut self, path: &Path, changed: Duration) {
        self.nodes.entry(plain(path)).or_insert(Node::Folder { changed });
    }

    /// What is at a path.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn find(&self, path: &Path) -> Result<Found> {
        let path = plain(path);
        if path.as_os_str().is_empty() {
            return Ok(Found { is_folder: true, is_file: false, bytes: 0, changed: None });
        }
        self.nodes.get(&path).map(Node::found).ok_or_else(|| ErrorKind::NotFound.into())
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and [`ErrorKind::IsADirectory`].
    pub fn read(&self, path: &Path) -> Result<Bytes> {
        match self.nodes.get(&plain(path)) {
            Some(Node::File { bytes, .. }) => Ok(bytes.clone()),
            Some(Node::Folder { .. }) => Err(ErrorKind::IsADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    /// What lies in a folder, by its names.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and [`ErrorKind::NotADirectory`].
    pub fn entries(&self, folder: &Path) -> Result<Vec<(String, Found)>> {
        let folder = plain(folder);
        if !self.find(&folder)?.is_folder {
            return Err(ErrorKind::NotADirectory.into());
        }
        let children = self.below(&folder).filter(|(path, _)| path.parent() == Some(&folder));
        let entry =
            |(path, node): (&PathBuf, &Node)| Some((path.file_name()?.to_str()?.to_owned(), node.found()));
        Ok(children.filter_map(entry).collect())
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.nodes.values().map(|node| node.found().bytes).sum()
    }

    /// Puts `bytes` into a file.
    ///
    /// # Errors
    /// Where its folder is not there, or a folder is in its place.
    pub fn write(&mut self, path: &Path, bytes: impl Into<Bytes>) -> Result<()> {
        let path = self.place(path)?;
        if matches!(self.nodes.get(&path), Some(Node::Folder { .. })) {
            return Err(ErrorKind::IsADirectory.into());
        }
        self.writes += 1;
        let (bytes, changed, written) = (bytes.into(), self.now, self.writes);
        let is_held = false;
        let before =
            self.nodes.insert(path.clone(), Node::File { bytes: bytes.clone(), changed, written, is_held });
        // Most tables of a run stay as they are from one write to the next.
        if !matches!(before, Some(Node::File { bytes: before, is_held: false, .. }) if before == bytes) {
            self.touch(path);
        }
        Ok(())
    }

    /// Puts the bytes of a file into another one; they are in memory once.
    ///
    /// # Errors
    /// As [`Self::read`] and [`Self::write`].
    pub fn duplicate(&mut self, from: &Path, to: &Path) -> Result<()> {
        let bytes = self.read(from)?;
        self.write(to, bytes)
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], and where the one that it is to lie in is not there.
    pub fn make(&mut self, folder: &Path) -> Result<()> {
        let folder = self.place(folder)?;
        if self.nodes.contains_key(&folder) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        self.nodes.insert(folder.clone(), Node::Folder { changed: self.now });
        self.touch(folder);
        Ok(())
    }

    /// Makes a folder and those that it lies in, where they are missing.
    ///
    /// # Errors
    /// Where a file is in the place of one.
    pub fn make_all(&mut self, folder: &Path) -> Result<()> {
        let folder = plain(folder);
        let mut all: Vec<&Path> = folder.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
        all.reverse();
        for folder in all {
            match self.find(folder) {
                Ok(found) if found.is_folder => {}
                Ok(_) => return Err(ErrorKind::NotADirectory.into()),
                Err(_) => self.make(folder)?,
            }
        }
        Ok(())
    }

    /// Moves a file, in place of the one that is there, or a folder with all that is in it, to where nothing is.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and [`ErrorKind::AlreadyExists`].
    pub fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (plain(from), self.place(to)?);
        let is_folder = self.find(&from)?.is_folder;
        if to.starts_with(&from) {
            return if to == from { Ok(()) } else { Err(ErrorKind::InvalidInput.into()) };
        }
        let is_taken = self.find(&to).is_ok_and(|there| is_folder || there.is_folder);
        if is_taken {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let moved: Vec<PathBuf> = self.below(&from).map(|(path, _)| path.clone()).collect();
        let mut moved: Vec<(PathBuf, Node)> = std::iter::once(from.clone())
            .chain(moved)
            .filter_map(|path| {
                let node = self.nodes.remove(&path)?;
                let rest = path.strip_prefix(&from).unwrap_or(Path::new(""));
                Some((plain(&to.join(rest)), node))
            })
            .collect();
        // Folders first; then files as they were written, the last of which speaks of those before it.
        moved.sort_by_key(|(_, node)| match node {
            Node::Folder { .. } => 0,
            Node::File { written, .. } => *written,
        });
        self.due.retain(|due| !due.starts_with(&from));
        for (path, node) in moved {
            self.nodes.insert(path.clone(), node);
            self.touch(path);
        }
        self.touch(from);
        Ok(())
    }

    /// Removes a file, a folder that is empty, or with `is_all` a folder and all that is in it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and [`ErrorKind::DirectoryNotEmpty`].
    pub fn remove(&mut self, path: &Path, is_all: bool) -> Result<()> {
        let path = self.place(path)?;
        self.find(&path)?;
        let is_kept = self.held(&path).is_none();
        let below: Vec<PathBuf> = self.below(&path).map(|(path, _)| path.clone()).collect();
        if !is_all && !below.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        below.iter().chain([&path]).for_each(|path| drop(self.nodes.remove(path)));
        self.due.retain(|due| !due.starts_with(&path));
        if is_kept {
            self.touch(path);
        }
        Ok(())
    }

    /// Puts `text` into a file that is held from now on until it is removed: it does not outlast the page.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] where it is held, and as [`Self::write`].
    pub fn hold(&mut self, path: &Path, text: &str) -> Result<()> {
        if self.held(path).is_some() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.write(path, text.as_bytes())?;
        let path = plain(path);
        if let Some(Node::File { is_held, .. }) = self.nodes.get_mut(&path) {
            *is_held = true;
        }
        self.due.retain(|due| *due != path);
        Ok(())
    }

    /// The bytes of a file, if it is held.
    pub fn held(&self, path: &Path) -> Option<Bytes> {
        match self.nodes.get(&plain(path)) {
            Some(Node::File { bytes, is_held: true, .. }) => Some(bytes.clone()),
            _ => None,
        }
    }

    /// How many changes are still to be brought to where they outlast the page.
    pub fn due(&self) -> usize {
        self.due.len()
    }

    /// What is to be done next. Of several changes of a file the last one alone; a file after those that were written before it.
    pub fn next_due(&mut self) -> Option<(PathBuf, Due)> {
        let path = self.due.pop_front()?;
        let due = match self.nodes.get(&path) {
            Some(Node::File { bytes, .. }) => Due::File(bytes.clone()),
            Some(Node::Folder { .. }) => Due::Folder,
            None => Due::Nothing,
        };
        Some((path, due))
    }

    /// That could not be done, and is to be tried again before all else.
    pub fn put_back(&mut self, path: PathBuf) {
        if !self.due.contains(&path) {
            self.due.push_front(path);
        }
    }

    fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Node)> {
        let from = self.nodes.range(folder.to_path_buf()..);
        let inside = from.take_while(move |(path, _)| path.starts_with(folder));
        inside.filter(move |(path, _)| *path != folder)
    }

    /// Where something may be changed: in a folder that is there.
    fn place(&self, path: &Path) -> Result<PathBuf> {
        if let Some(reason) = &self.refusal {
            return Err(Error::new(ErrorKind::ReadOnlyFilesystem, reason.clone()));
        }
        let path = plain(path);
        let Some(parent) = path.parent() else { return Err(ErrorKind::InvalidInput.into()) };
        if !self.find(parent)?.is_folder {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(path)
    }

    fn touch(&mut self, path: PathBuf) {
        self.due.retain(|due| *due != path);
        if !matches!(self.nodes.get(&path), Some(Node::File { is_held: true, .. })) {
            self.due.push_back(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.make_all("runs/a".as_ref()).unwrap();
        tree.write("runs/a/metrics.csv".as_ref(), b"1".to_vec()).unwrap();
        tree.write("runs/a/run.json".as_ref(), b"{}".to_vec()).unwrap();
        tree
    }

    /// All that is to be done, as text.
    fn due(tree: &mut Tree) -> Vec<String> {
        let said = |(path, due): (PathBuf, Due)| match due {
            Due::Folder => format!("{}/", path.display()),
            Due::File(bytes) => format!("{} {}", path.display(), String::from_utf8_lossy(&bytes)),
            Due::Nothing => format!("-{}", path.display()),
        };
        std::iter::from_fn(|| tree.next_due()).map(said).collect()
    }

    fn names(tree: &Tree, folder: &str) -> Vec<String> {
        tree.entries(folder.as_ref()).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn it_behaves_as_folders_on_a_disk_do() {
        let scratch = tempfile::tempdir().unwrap();
        let disk = |path: &str| scratch.path().join(path);
        let mut tree = Tree::default();
        let kind = |result: Result<()>| result.map_err(|error| error.kind());
        assert_eq!(
            kind(tree.write("a/x".as_ref(), Vec::new())),
            kind(std::fs::write(disk("a/x"), "")),
            "no folder"
        );
        for path in ["a", "a", "a/b/c"] {
            assert_eq!(kind(tree.make(path.as_ref())), kind(std::fs::create_dir(disk(path))), "{path}");
        }
        tree.write("a/x".as_ref(), b"x".to_vec()).unwrap();
        std::fs::write(disk("a/x"), "x").unwrap();
        for path in ["a", "a/x/y", "nowhere"] {
            let read = |result: Result<Vec<u8>>| result.map(drop).map_err(|error| error.kind());
            let ours = read(tree.read(path.as_ref()).map(|bytes| bytes.to_vec()));
            // Whatever a system says of a path through a file.
            if path != "a/x/y" {
                assert_eq!(ours, read(std::fs::read(disk(path))), "{path}");
            }
            assert!(ours.is_err(), "{path}");
        }
        assert_eq!(kind(tree.remove("a".as_ref(), false)), kind(std::fs::remove_dir(disk("a"))));
        assert_eq!(
            kind(tree.rename("b".as_ref(), "c".as_ref())),
            kind(std::fs::rename(disk("b"), disk("c")))
        );
        assert!(tree.make_all("a/x/y".as_ref()).is_err() && std::fs::create_dir_all(disk("a/x/y")).is_err());
        tree.make_all("a/b/c".as_ref()).unwrap();
        assert_eq!(names(&tree, "a"), ["b", "x"]);
        tree.remove("a".as_ref(), true).unwrap();
        assert_eq!(names(&tree, ""), [""; 0]);
    }

    #[test]
    fn what_is_written_twice_is_due_once_and_after_what_came_before_it() {
        let mut tree = tree();
        tree.write("runs/a/metrics.csv".as_ref(), b"2".to_vec()).unwrap();
        tree.write("runs/a/run.json".as_ref(), b"{2}".to_vec()).unwrap();
        assert_eq!(tree.due(), 4);
        assert_eq!(due(&mut tree), ["runs/", "runs/a/", "runs/a/metrics.csv 2", "runs/a/run.json {2}"]);
        assert_eq!(tree.due(), 0);
        tree.write("runs/a/metrics.csv".as_ref(), b"3".to_vec()).unwrap();
        let (path, _) = tree.next_due().unwrap();
        tree.put_back(path.clone());
        tree.put_back(path);
        assert_eq!(due(&mut tree), ["runs/a/metrics.csv 3"], "what failed is done once more, once");
        tree.write("runs/a/metrics.csv".as_ref(), b"3".to_vec()).unwrap();
        assert_eq!(due(&mut tree), [""; 0], "what is there already is not written again");
    }

    #[test]
    fn a_folder_that_moves_is_written_as_it_was_and_then_gone() {
        let mut tree = tree();
        tree.write("runs/a/b.csv".as_ref(), b"b".to_vec()).unwrap();
        tree.write("runs/a/run.json".as_ref(), b"{}".to_vec()).unwrap();
        due(&mut tree);
        tree.make("runs/.trash".as_ref()).unwrap();
        tree.rename("runs/a".as_ref(), "runs/.trash/a".as_ref()).unwrap();
        let expected = [
            "runs/.trash/",
            "runs/.trash/a/",
            "runs/.trash/a/metrics.csv 1",
            "runs/.trash/a/b.csv b",
            "runs/.trash/a/run.json {}",
            "-runs/a",
        ];
        assert_eq!(due(&mut tree), expected);
        assert_eq!(names(&tree, "runs"), [".trash"]);
        tree.make("runs/a".as_ref()).unwrap();
        let taken = tree.rename("runs/a".as_ref(), "runs/.trash/a".as_ref()).unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
        assert!(tree.rename("runs".as_ref(), "runs/a/runs".as_ref()).is_err());
        tree.write("runs/a/x".as_ref(), Vec::new()).unwrap();
        tree.remove("runs/a".as_ref(), true).unwrap();
        assert_eq!(due(&mut tree), ["-runs/a"], "what is gone is not written first");
    }

    #[test]
    fn a_folder_is_no_part_of_one_whose_name_begins_so() {
        let mut tree = tree();
        tree.make("runs/a-2".as_ref()).unwrap();
        tree.write("runs/a-2/x".as_ref(), vec![0; 100]).unwrap();
        tree.duplicate("runs/a-2/x".as_ref(), "runs/a-2/y".as_ref()).unwrap();
        assert_eq!(tree.size(), 203);
        tree.remove("runs/a".as_ref(), true).unwrap();
        assert_eq!(names(&tree, "runs"), ["a-2"]);
        assert_eq!(tree.entries("/../runs/./a-2".as_ref()).unwrap().len(), 2, "there is no way out");
    }

    #[test]
    fn what_is_held_has_one_holder_and_does_not_outlast_the_page() {
        let mut tree = tree();
        due(&mut tree);
        let path: &Path = "runs/a/lock".as_ref();
        tree.hold(path, "mine").unwrap();
        assert_eq!(tree.hold(path, "yours").unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(tree.held(path).as_deref(), Some(&b"mine"[..]));
        assert_eq!(due(&mut tree), [""; 0]);
        tree.rename("runs/a".as_ref(), "runs/b".as_ref()).unwrap();
        assert!(tree.held(path).is_none() && tree.held("runs/b/lock".as_ref()).is_some());
        assert!(!due(&mut tree).iter().any(|due| due.contains("lock")));
        tree.remove("runs/b/lock".as_ref(), false).unwrap();
        assert_eq!(due(&mut tree), [""; 0], "and is not missed");
        tree.write("runs/b/lock".as_ref(), b"left behind".to_vec()).unwrap();
        assert!(tree.held("runs/b/lock".as_ref()).is_none());
    }

    #[test]
    fn what_may_not_be_changed_is_as_it_was() {
        let mut tree = Tree::default();
        tree.put("runs/a/run.json".as_ref(), b"{}".to_vec(), Duration::from_secs(5));
        tree.refuse("another tab keeps them".into());
        let errors = [
            tree.write("runs/a/run.json".as_ref(), Vec::new()),
            tree.make("runs/b".as_ref()),
            tree.remove("runs/a".as_ref(), true),
            tree.rename("runs/a".as_ref(), "runs/b".as_ref()),
            tree.hold("runs/a/lock".as_ref(), ""),
        ];
        for error in errors {
            assert!(error.unwrap_err().to_string().contains("another tab"));
        }
        assert_eq!(tree.read("runs/a/run.json".as_ref()).unwrap()[..], *b"{}");
        let found = tree.find("runs/a/run.json".as_ref()).unwrap();
        assert_eq!((found.changed, tree.due()), (Some(Duration::from_secs(5)), 0), "it is there already");
    }
}
