//! Which file of `src` uses which, and the circles among them.
//!
//! A file uses another where it names something that stands there, with its whole path, by a `use`, or by the name of a
//! child module. What a file only re-exports is looked for where it comes from. `mod x;` and `pub use` are no use of
//! what they name, and what is compiled for tests alone does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::source::{Source, resolve};

/// A use of one file by another: both as indices, the line, and what is named there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The file that uses.
    pub from: usize,
    /// The file that is used.
    pub to: usize,
    /// Line in the file that uses.
    pub line: usize,
    /// The last part of the path.
    pub name: String,
}

/// A name that a file re-exports, and the path from the root that it stands for.
type Exported = (String, Vec<String>);

struct Tree<'a> {
    sources: &'a [Source],
    by_module: BTreeMap<&'a [String], usize>,
    exports: Vec<Vec<Exported>>,
}

/// Every use of one file by another.
pub fn arrows(sources: &[Source]) -> Vec<Arrow> {
    let by_module = sources.iter().enumerate().map(|(index, source)| (&source.module[..], index)).collect();
    let exports = sources.iter().map(exported).collect();
    let tree = Tree { sources, by_module, exports };
    let for_tests: Vec<_> = sources.iter().flat_map(Source::test_modules).collect();
    let is_for_tests =
        |source: &Source| for_tests.iter().any(|module| source.module.starts_with(&module[..]));
    let files = (0..sources.len()).filter(|file| !is_for_tests(&sources[*file]));
    let found: BTreeSet<_> = files.flat_map(|file| tree.arrows_of(file)).collect();
    found.into_iter().collect()
}

/// The circles: files that use each other, directly or through others; each sorted.
pub fn circles(files: usize, arrows: &[Arrow]) -> Vec<Vec<usize>> {
    let mut uses = vec![BTreeSet::new(); files];
    for arrow in arrows {
        uses[arrow.from].insert(arrow.to);
    }
    let reached: Vec<BTreeSet<usize>> = (0..files)
        .map(|file| {
            let (mut seen, mut next) = (BTreeSet::new(), vec![file]);
            while let Some(at) = next.pop() {
                next.extend(uses[at].iter().copied().filter(|to| seen.insert(*to)));
            }
            seen
        })
        .collect();
    let circle = |file: usize| -> Vec<usize> {
        (0..files).filter(|other| reached[file].contains(other) && reached[*other].contains(&file)).collect()
    };
    let found: BTreeSet<_> = (0..files).map(circle).filter(|circle| !circle.is_empty()).collect();
    found.into_iter().collect()
}

impl Tree<'_> {
    fn arrows_of(&self, from: usize) -> Vec<Arrow> {
        let source = &self.sources[from];
        let left_out = [source.test_items(), exports_of(source)].concat();
        let children = children(source);
        let mut named = source.located();
        // `pub(in crate::a)` says who may use, and uses nothing.
        named.retain(|(_, at)| !is_behind(source, *at, &["in"]));
        for at in 0..source.tokens.len() {
            let is_child = source.text(at + 1) == "::" && !is_behind(source, at, &["::", "."]);
            if is_child && children.iter().any(|child| *child == source.text(at)) {
                let mut written = Vec::new();
                source.expand(at, &[], &mut written);
                named.extend(written.iter().map(|path| (resolve(&source.module, path), at)));
            }
            // What a file re-exports and uses itself.
            let own = self.exports[from].iter().find(|(name, _)| name != "*" && name == source.text(at));
            named.extend(
                own.filter(|_| !is_behind(source, at, &["::", ".", "mod"]))
                    .map(|(_, path)| (path.clone(), at)),
            );
        }
        let counts = |at: usize| !left_out.iter().any(|range| range.contains(&at));
        let found = named.into_iter().filter(|(_, at)| counts(*at)).filter_map(|(path, at)| {
            let to = self.file_of(&path, 0)?;
            let name = path.last().cloned().unwrap_or_default();
            (to != from).then(|| Arrow { from, to, line: source.tokens[at].line, name })
        });
        found.collect()
    }

    /// The file in which a path ends: where one only re-exports the next name, that in which the name stands.
    fn file_of(&self, path: &[String], followed: usize) -> Option<usize> {
        let length = (0..=path.len()).rev().find(|length| self.by_module.contains_key(&path[..*length]))?;
        let file = self.by_module[&path[..length]];
        let (Some(next), true) = (path.get(length), followed < 8) else { return Some(file) };
        let exports = &self.exports[file];
        let by_name = exports.iter().find(|(name, _)| name == next).map(|(_, path)| path.clone());
        let by_star = || {
            let stars = exports.iter().filter(|(name, _)| name == "*");
            let mut paths =
                stars.map(|(_, path)| [&path[..path.len() - 1], std::slice::from_ref(next)].concat());
            paths.find(|path| self.file_of(path, followed + 1).is_some_and(|file| self.declares(file, next)))
        };
        let Some(target) = by_name.or_else(by_star) else { return Some(file) };
        self.file_of(&[&target[..], &path[length + 1..]].concat(), followed + 1)
    }

    fn declares(&self, file: usize, name: &str) -> bool {
        let source = &self.sources[file];
        let kinds = ["struct", "enum", "trait", "type", "fn", "const", "static", "mod", "union"];
        (1..source.tokens.len()).any(|at| source.text(at) == name && kinds.contains(&source.text(at - 1)))
    }
}

fn is_behind(source: &Source, at: usize, before: &[&str]) -> bool {
    at > 0 && before.contains(&source.text(at - 1))
}

/// Modules below this one that stand in files of their own.
fn children(source: &Source) -> Vec<&str> {
    let declared =
        (0..source.tokens.len()).filter(|at| source.text(*at) == "mod" && source.text(at + 2) == ";");
    declared.map(|at| source.text(at + 1)).collect()
}

/// The tokens of each `pub use`, however far it is seen.
fn exports_of(source: &Source) -> Vec<Range<usize>> {
    let starts = (0..source.tokens.len()).filter(|at| source.text(*at) == "pub");
    starts.filter_map(|start| Some(start..source.item_end(use_of(source, start)?))).collect()
}

/// Where the `use` stands that is made public at `start`, if it is one.
fn use_of(source: &Source, start: usize) -> Option<usize> {
    let mut at = start + 1;
    if source.text(at) == "(" {
        at = (at..source.tokens.len()).find(|at| source.text(*at) == ")")? + 1;
    }
    (source.text(at) == "use").then_some(at)
}

/// What a file re-exports.
fn exported(source: &Source) -> Vec<Exported> {
    let mut found = Vec::new();
    for range in exports_of(source) {
        if let Some(start) = use_of(source, range.start) {
            leaves(source, start + 1, &[], &mut found);
        }
    }
    let from_root = |path: &[String]| resolve(&source.module, path);
    found.into_iter().map(|(name, path)| (name, from_root(&path))).collect()
}

/// Collects name and path of each leaf of the `use` tree at `at`, and says where it ends.
fn leaves(source: &Source, at: usize, prefix: &[String], into: &mut Vec<Exported>) -> usize {
    if source.text(at) == "{" {
        let mut at = at + 1;
        while !matches!(source.text(at), "}" | "") {
            at = if source.text(at) == "," { at + 1 } else { leaves(source, at, prefix, into) };
        }
        return at + 1;
    }
    let path = [prefix, &[source.text(at).to_owned()]].concat();
    if source.text(at + 1) == "::" {
        return leaves(source, at + 2, &path, into);
    }
    if source.text(at + 1) == "as" {
        into.push((source.text(at + 2).to_owned(), path));
        return at + 3;
    }
    // `a::{self}` is `a` itself.
    let name = path.iter().rev().find(|part| *part != "self").cloned().unwrap_or_default();
    into.push((name, path));
    at + 1
}
