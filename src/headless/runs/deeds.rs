//! What can be done with the runs of a library, and what is said of it.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::done::Done;
use super::list;
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::Completed;
use crate::headless::print::print;
use crate::runs::bundle::EXTENSION;
use crate::runs::library::{Library, LibraryError};
use crate::runs::run_folder::make_folder;
use crate::runs::write::write_whole;

/// The flags of `great-lab runs`.
#[derive(clap::Args, Debug)]
pub struct RunsOptions {
    /// What to do [default: list]
    #[command(subcommand)]
    deed: Option<Deed>,
    /// The folder of runs [default: where the window keeps its own]
    #[arg(long, value_name = "DIR", global = true)]
    runs: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

/// What can be done. A run is named by its folder, or by the name that it was given.
#[derive(clap::Subcommand, Debug)]
enum Deed {
    /// List the runs, the last that changed first
    List {
        /// Only those of which something has all of these words: name, mode, data, a knob, a tag
        #[arg(value_name = "WORD")]
        words: Vec<String>,
        /// Those that were deleted
        #[arg(long)]
        trash: bool,
    },
    /// Say all that is known of a run, and where it is
    Show {
        /// Which
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// Give a run another name; its folder keeps its own
    Rename {
        /// Which
        #[arg(value_name = "RUN")]
        run: String,
        /// Its name from now on; "" for that of its folder
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Put runs above others in every list
    Pin {
        /// Which
        #[arg(value_name = "RUN", required = true)]
        which: Vec<String>,
    },
    /// Put them back among the others
    Unpin {
        /// Which
        #[arg(value_name = "RUN", required = true)]
        which: Vec<String>,
    },
    /// Give a run tags, in place of those that it has
    Tag {
        /// Which
        #[arg(value_name = "RUN")]
        run: String,
        /// Its tags from now on; none takes them away
        #[arg(value_name = "TAG")]
        tags: Vec<String>,
    },
    /// Move runs into the library's trash
    Delete {
        /// Which
        #[arg(value_name = "RUN", required = true)]
        which: Vec<String>,
    },
    /// Bring runs back from the trash
    Undelete {
        /// Which
        #[arg(value_name = "RUN", required = true)]
        which: Vec<String>,
    },
    /// Write a run as one file to pass on
    Export {
        /// Which
        #[arg(value_name = "RUN")]
        run: String,
        /// The file [default: RUN.greatlab, here]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Overwrite the file
        #[arg(long)]
        force: bool,
    },
    /// Take runs in that somebody passed on
    Import {
        /// Their files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

/// The library that people mean: that in a folder, or the window's own.
///
/// # Errors
/// [`HeadlessError::Flag`] where the system has no place for one.
pub fn library(runs: Option<&Path>) -> Result<Library, HeadlessError> {
    let root = runs.map(Path::to_path_buf).or_else(Library::standard);
    root.map(Library::at).ok_or_else(|| HeadlessError::Flag {
        flag: "--runs",
        problem: "this system names no place for what programs keep (HOME and XDG_DATA_HOME are not set); name a folder"
            .into(),
    })
}

/// Does what is asked, and prints what came of it.
///
/// # Errors
/// [`HeadlessError`]; what was done before a run was refused stays done.
pub fn runs(options: RunsOptions) -> Result<Completed, HeadlessError> {
    let library = library(options.runs.as_deref())?;
    let deed = options.deed.unwrap_or(Deed::List { words: Vec::new(), trash: false });
    let done = obey(&library, deed)?;
    let said = match options.json {
        true => format!("{:#}\n", done.json),
        false => done.text,
    };
    print(&said)?;
    Ok(Completed::Finished)
}

fn obey(library: &Library, deed: Deed) -> Result<Done, HeadlessError> {
    match deed {
        Deed::List { words, trash } => list::list(library, &words.join(" "), trash),
        Deed::Show { run } => Ok(list::show(library, &library.find(&run)?)?),
        Deed::Rename { run, name } => {
            let id = library.find(&run)?;
            let label = library.relabel(&id, |label| label.rename(&name))?;
            let called = label.name.as_deref().unwrap_or(&id);
            Ok(Done::line(format!("{id} is called '{called}' now"), json!({ "run": id, "name": label.name })))
        }
        Deed::Pin { which } => Done::all(which.iter().map(|run| pin(library, run, true))),
        Deed::Unpin { which } => Done::all(which.iter().map(|run| pin(library, run, false))),
        Deed::Tag { run, tags } => {
            let id = library.find(&run)?;
            let label = library.relabel(&id, |label| label.retag(&tags.join(",")))?;
            let said = if label.tags.is_empty() { "no tags".into() } else { label.tags.join(", ") };
            Ok(Done::line(format!("{id}: {said}"), json!({ "run": id, "tags": label.tags })))
        }
        Deed::Delete { which } => Done::all(which.iter().map(|run| {
            let id = library.find(run)?;
            let there = library.delete(&id)?;
            let text = format!("deleted {id}; 'great-lab runs undelete {there}' brings it back");
            Ok(Done::line(text, json!({ "run": id, "trash": there })))
        })),
        Deed::Undelete { which } => Done::all(which.iter().map(|run| {
            let there = library.find_in_trash(run)?;
            let id = library.undelete(&there)?;
            Ok(Done::line(format!("{id} is back"), json!({ "run": id })))
        })),
        Deed::Export { run, out, force } => export(library, &run, out, force),
        Deed::Import { files } => {
            let each = files.iter().map(|file| import(library, file)).collect::<Result<Vec<_>, _>>()?;
            Done::all(each.into_iter().map(Ok))
        }
    }
}

fn pin(library: &Library, run: &str, pinned: bool) -> Result<Done, LibraryError> {
    let id = library.find(run)?;
    library.relabel(&id, |label| {
        label.pinned = pinned;
        Ok(())
    })?;
    let verb = if pinned { "pinned" } else { "unpinned" };
    Ok(Done::line(format!("{verb} {id}"), json!({ "run": id, "pinned": pinned })))
}

fn export(library: &Library, run: &str, out: Option<PathBuf>, force: bool) -> Result<Done, HeadlessError> {
    let id = library.find(run)?;
    let (name, bytes) = library.bundle(&id)?;
    let out = out.unwrap_or_else(|| PathBuf::from(name));
    if out.exists() && !force {
        let problem =
            format!("{} is there already; name another file, or overwrite it with --force", out.display());
        return Err(HeadlessError::Flag { flag: "--out", problem });
    }
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    write_whole(&out, &bytes)?;
    let said = format!("wrote {} ({} bytes)", out.display(), bytes.len());
    Ok(Done::line(said, json!({ "run": id, "file": out, "bytes": bytes.len() })))
}

fn import(library: &Library, file: &Path) -> Result<Done, HeadlessError> {
    let unreadable = |source| HeadlessError::Unreadable { path: file.into(), source };
    let reader = std::fs::File::open(file).map_err(unreadable)?;
    if reader.metadata().map_err(unreadable)?.is_dir() {
        let problem = format!("it is a folder; a bundle is a file that ends in .{EXTENSION}");
        return Err(HeadlessError::Malformed { path: file.into(), expected: "the bundle of a run", problem });
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let id = library.import(&name, std::io::BufReader::new(reader))?;
    let text = format!("{} is the run {id} now", file.display());
    Ok(Done::line(text, json!({ "run": id, "folder": library.folder(&id) })))
}
