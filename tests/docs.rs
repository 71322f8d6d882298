//! Every Markdown file of the repository: what it links to exists, as file and as heading, and so do the files and
//! folders that it names in backticks and in blocks of code.

#![allow(clippy::unwrap_used, reason = "where a helper of a test fails, so does the test")]

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

/// Folders of the repository whose files are named from its root, in text and in commands.
const FOLDERS: [&str; 8] =
    ["assets/", "benches/", "docs/", "fuzz/", "scripts/", "shaders/", "src/", "tests/"];
/// Folders that are no part of the repository: those of `.gitignore`.
const IGNORED: [&str; 6] = ["target", "dist", "runs", "data", "fuzz/target", "fuzz/corpus"];

/// The source files of the repository.
static SOURCES: LazyLock<Vec<PathBuf>> = LazyLock::new(|| {
    let folders = ["benches", "fuzz", "src", "tests"];
    folders.iter().flat_map(|folder| files(&root().join(folder), "rs")).collect()
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of that kind in `folder` and below, without those in hidden and ignored folders.
fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let is_ignored = IGNORED.iter().any(|ignored| path == root().join(ignored));
            if !is_ignored && !name.starts_with('.') {
                found.extend(files(&path, kind));
            }
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A part of a document.
#[derive(Debug, PartialEq)]
enum Part<'a> {
    /// A line of text.
    Text(&'a str),
    /// A line in a block of code.
    Code(&'a str),
}

/// The lines of a document, each with its number from 1.
fn parts(text: &str) -> impl Iterator<Item = (usize, Part<'_>)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            return None;
        }
        Some((number, if is_code { Part::Code(line) } else { Part::Text(line) }))
    })
}

/// What stands between backticks in a line of text.
fn code(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// Where the links and pictures of a line lead: `[text](target)`. Code is text of a link, but holds none.
fn links(line: &str) -> Vec<&str> {
    let (mut found, mut rest, mut is_code) = (Vec::new(), line, false);
    while let Some(at) = rest.find(['`', ']']) {
        let (byte, after) = (rest.as_bytes()[at], &rest[at + 1..]);
        rest = after;
        if byte == b'`' {
            is_code = !is_code;
        } else if let (false, Some(target)) = (is_code, after.strip_prefix('(')) {
            found.extend(target.split_once(')').map(|(target, _)| target.trim()));
        }
    }
    found
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = parts(text).filter_map(|(_, part)| match part {
        Part::Text(line) => line.strip_prefix('#').map(|rest| rest.trim_start_matches('#')),
        Part::Code(_) => None,
    });
    let anchor = |heading: &str| {
        let kept = |char: &char| char.is_alphanumeric() || "-_ ".contains(*char);
        let plain: String = heading.trim().to_lowercase().chars().filter(kept).collect();
        let name = plain.replace(' ', "-");
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 { format!("{name}-{}", *times - 1) } else { name }
    };
    headings.map(anchor).collect()
}

/// What code names of the repository, if it does: a path from its root, or a source file without its folder.
fn named(code: &str) -> Option<&str> {
    let word = code.split_whitespace().next()?.trim_end_matches([':', ',']);
    let is_path = word.chars().all(|char| char.is_ascii_alphanumeric() || "-_./".contains(char));
    let is_rooted = FOLDERS.iter().any(|folder| word.starts_with(folder));
    let is_source = word.len() > ".rs".len() && word.ends_with(".rs") && !word.contains('/');
    (is_path && (is_rooted || is_source)).then_some(word)
}

/// Whether there is a file or folder of that path, or a source file of that name in any folder.
fn exists(name: &str) -> bool {
    if name.contains('/') {
        return root().join(name).exists();
    }
    SOURCES.iter().any(|path| path.file_name().is_some_and(|known| known == name))
}

/// `path` without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            other => plain.push(other),
        }
        plain
    })
}

/// What is wrong with a link of the document at `path`, whose text is `text`.
fn refusal(path: &Path, text: &str, link: &str) -> Option<String> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = plain(&path.parent().unwrap().join(file));
    let known = if file.is_empty() {
        anchors(text)
    } else if target.starts_with(root()) && target.exists() {
        anchors(&fs::read_to_string(&target).unwrap_or_default())
    } else {
        return Some(format!("{link} leads nowhere"));
    };
    let is_known = anchor.is_empty() || known.iter().any(|name| name == anchor);
    (!is_known).then(|| format!("{link}: there is no such heading"))
}

/// What is broken in the document at `path`, whose text is `text`, each with its line.
fn broken(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (line, part) in parts(text) {
        let (links, names): (Vec<&str>, Vec<&str>) = match part {
            Part::Text(text) => (links(text), code(text)),
            // Commands and paths in a drawing: any word of the line may be one.
            Part::Code(code) => (Vec::new(), code.split_whitespace().collect()),
        };
        let missing = |name: &&str| !exists(name);
        let names = names.into_iter().filter_map(named).filter(missing).map(|name| format!("no {name}"));
        let refused = links.into_iter().filter_map(|link| refusal(path, text, link)).chain(names);
        found.extend(refused.map(|problem| format!("{}:{line}: {problem}", path.display())));
    }
    found
}

#[test]
fn nothing_in_the_documents_leads_nowhere() {
    let documents = files(root(), "md");
    for expected in ["README.md", "CHANGELOG.md", "docs/algorithms.md", "tests/oracle/README.md"] {
        assert!(documents.contains(&root().join(expected)), "{expected} was not looked at");
    }
    let problems: Vec<String> =
        documents.iter().flat_map(|path| broken(path, &fs::read_to_string(path).unwrap())).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// The lines in which a merge was left to be finished.
fn unfinished(text: &str) -> Vec<usize> {
    let is_mark = |line: &str| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark));
    (1..).zip(text.lines()).filter(|(_, line)| is_mark(line)).map(|(number, _)| number).collect()
}

#[test]
fn no_merge_was_left_unfinished() {
    let kinds = ["md", "toml", "html", "yml", "wgsl", "py", "mjs"];
    let texts = kinds.iter().flat_map(|kind| files(root(), kind)).chain(SOURCES.iter().cloned());
    let left: Vec<_> = texts
        .map(|path| (unfinished(&fs::read_to_string(&path).unwrap()), path))
        .filter(|(lines, _)| !lines.is_empty())
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(unfinished(&format!("a\n{} HEAD\nb\n{0}{0}", "<".repeat(7))), [2]);
}

#[test]
fn the_readme_fits_one_look() {
    let bytes = fs::metadata(root().join("README.md")).unwrap().len();
    assert!(bytes <= 7000, "README.md has {bytes} bytes: what it says in detail belongs into docs");
}

#[test]
fn what_leads_nowhere_is_seen() {
    let text = "# A heading, twice\n## A heading, twice\n\
        [a](../README.md) ![b](window.png) [c](#a-heading-twice-1) [`d`](algorithms.md#2-distillation)\n\
        [e](https://example.org/nowhere) `[f](nowhere.md)` `src/lib.rs` `lib.rs` `scripts/test --test docs` `src/*/mod.rs`\n\
        ```sh\nscripts/run [g](nowhere.md)\n```\n";
    let path = root().join("docs/made-up.md");
    assert_eq!(broken(&path, text), Vec::<String>::new());
    for (bad, expected) in [
        ("[a](nowhere.md)", "nowhere.md leads nowhere"),
        ("![a](../docs/nowhere.png)", "leads nowhere"),
        ("[`a` b](nowhere.md#there)", "leads nowhere"),
        ("[a](../../elsewhere)", "leads nowhere"),
        ("[a](algorithms.md#nowhere)", "there is no such heading"),
        ("[a](#a-heading-twice-2)", "there is no such heading"),
        ("see `src/nowhere.rs`", "no src/nowhere.rs"),
        ("see `nowhere.rs`", "no nowhere.rs"),
        ("`scripts/nowhere --quick`", "no scripts/nowhere"),
        ("```\ncd x && scripts/nowhere\n```", "no scripts/nowhere"),
    ] {
        let found = broken(&path, &format!("{text}{bad}\n"));
        assert_eq!(found.len(), 1, "{bad}: {found:?}");
        assert!(found[0].contains(expected), "{bad}: {found:?}");
        assert!(found[0].contains("made-up.md:8") || found[0].contains("made-up.md:9"), "{found:?}");
    }
}
