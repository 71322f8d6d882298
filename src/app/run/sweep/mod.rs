//! A sweep: a comparison of several runs that is carried out behind the present one, and what has come of it so far.

pub mod form;
mod work;

use std::path::{Path, PathBuf};

use web_time::{Duration, Instant};

use crate::app::run::shelf::Shelf;
use crate::config::DeviceInfo;
use crate::protocol::pace;
use crate::runs::comparison::Comparison;
use crate::runs::librarian::Ask;
use form::{Form, Request};
use work::Work;

/// Least time between two looks at the folder of a comparison under way.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// What a command's last line begins with where it failed.
const ERROR: &str = "error: ";

/// The sweep of a window.
#[derive(Default)]
pub struct Sweep {
    /// What the next one is to go through.
    pub form: Form,
    /// The comparison that is looked at, as far as it is.
    pub shown: Option<Comparison>,
    /// Counts what came of comparisons, so that pictures follow them.
    pub version: u64,
    /// What is wrong with the folder that is looked at, in a sentence.
    pub unread: Option<String>,
    /// What is wrong with what was begun or gone on with last, in a sentence.
    pub problem: Option<String>,
    /// What the process said last.
    pub line: String,
    /// The comparison that was begun or gone on with last.
    pub own: Option<PathBuf>,
    /// Whether a comparison was opened since the window asked last.
    pub has_opened: bool,
    work: Option<Work>,
    program: Option<PathBuf>,
    /// As `--device` has it, where the present run has not said yet where it computes.
    device: Option<String>,
    looked: Option<Instant>,
}

impl Sweep {
    /// Of a window whose comparisons `program` carries out, this one where none is named, on that device unless the present
    /// run computes on another.
    pub fn new(program: Option<PathBuf>, device: Option<String>) -> Self {
        Self { program, device, ..Self::default() }
    }

    /// Whether one is carried out.
    pub fn is_under_way(&self) -> bool {
        self.work.is_some()
    }

    /// Whether it has been asked to end, and has not yet.
    pub fn is_stopping(&self) -> bool {
        self.work.as_ref().is_some_and(|work| work.is_stopping)
    }

    /// Whether the one in that folder is carried out.
    pub fn is_under_way_in(&self, folder: &Path) -> bool {
        self.work.as_ref().is_some_and(|work| work.folder == folder)
    }

    /// Begins a sweep in a new folder of the library at `root`, on the device of the present run.
    pub fn begin(
        &mut self,
        request: &Request,
        root: &Path,
        device: Option<&DeviceInfo>,
        wake: impl Fn() + Send + 'static,
    ) {
        let folder = unused(root, &request.stem);
        let mut words = request.words.clone();
        words.extend(["--out".into(), folder.display().to_string()]);
        self.shown = None;
        self.work(words, folder, device, wake);
    }

    /// Goes on with the comparison in that folder.
    pub fn go_on(&mut self, folder: &Path, device: Option<&DeviceInfo>, wake: impl Fn() + Send + 'static) {
        let words = ["compare".into(), "--resume".into(), folder.display().to_string()].into();
        self.work(words, folder.into(), device, wake);
    }

    fn work(
        &mut self,
        mut words: Vec<String>,
        folder: PathBuf,
        device: Option<&DeviceInfo>,
        wake: impl Fn() + Send + 'static,
    ) {
        let name = |device: &DeviceInfo| match device.backend == DeviceInfo::CPU_BACKEND {
            true => "cpu".into(),
            false => device.name.clone(),
        };
        if let Some(device) = device.map(name).or_else(|| self.device.clone()) {
            words.extend(["--device".into(), device]);
        }
        (self.problem, self.unread, self.line) = (None, None, "beginning".into());
        self.own = Some(folder.clone());
        match Work::begin(self.program.as_deref(), &words, folder, wake) {
            Ok(work) => self.work = Some(work),
            Err(error) => {
                self.line.clear();
                self.problem = Some(format!("The sweep cannot begin: {error}."));
            }
        }
    }

    /// Ends the run that is trained for it; what is finished stays, and the rest can be gone on with.
    pub fn stop(&mut self) {
        self.work.iter_mut().for_each(Work::stop);
    }

    /// Puts what is looked at away.
    pub fn close(&mut self) {
        (self.shown, self.unread) = (None, None);
    }

    /// What is to be said of the comparison in that folder, or where none is looked at: how it stands, and what is wrong.
    pub fn said(&self, folder: Option<&Path>) -> (&str, [Option<&str>; 2]) {
        let is_own = folder.is_none() || folder == self.own.as_deref();
        let line = if is_own { &*self.line } else { "" };
        (line, [self.unread.as_deref(), self.problem.as_deref().filter(|_| is_own)])
    }

    /// Takes in what has come since the last time, and asks for more.
    pub fn advance(&mut self, shelf: &mut Shelf) {
        if let Some((found, is_opened)) = shelf.compared.take() {
            match found {
                Ok(found) => {
                    let is_wanted = is_opened || self.is_of_interest(&found.folder);
                    self.has_opened |= is_opened;
                    if is_wanted {
                        self.unread = None;
                        self.version += 1;
                        self.shown = Some(found);
                    }
                }
                // Before it has begun there is nothing to be read.
                Err(_) if self.work.is_some() && self.shown.is_none() => {}
                Err(why) => self.unread = Some(format!("{why}.")),
            }
        }
        let has_ended = self.listen();
        let folder = match (&self.work, &self.shown) {
            (_, Some(shown)) if has_ended || self.is_under_way_in(&shown.folder) || shown.is_under_way() => {
                &shown.folder
            }
            (Some(work), None) => &work.folder,
            _ => return,
        };
        // Comparisons of hundreds of runs take a while to read.
        let took = self.shown.as_ref().map_or(Duration::ZERO, |shown| shown.took);
        let every = pace::between(BETWEEN_LOOKS, took);
        if has_ended || self.looked.is_none_or(|looked| looked.elapsed() > every) {
            self.looked = Some(Instant::now());
            shelf.ask(Ask::Compare(folder.clone()));
        }
    }

    /// Whether what is read of that folder is to be shown.
    fn is_of_interest(&self, folder: &Path) -> bool {
        match &self.shown {
            Some(shown) => shown.folder == folder,
            None => self.is_under_way_in(folder),
        }
    }

    /// What the process says; whether it has ended.
    fn listen(&mut self) -> bool {
        let Some(work) = &mut self.work else { return false };
        let mut error = None;
        while let Some(line) = work.said() {
            match line.strip_prefix(ERROR) {
                Some(why) => error = Some(why.to_owned()),
                None => self.line = line,
            }
        }
        if let Some(why) = error {
            self.problem = Some(format!("{}.", why.trim_end_matches('.')));
        }
        let Some(ended) = work.ended() else { return false };
        match ended {
            Ok(status) if status.success() => self.line = "finished".into(),
            _ if work.is_stopping => {
                (self.line, self.problem) = ("stopped; it can be gone on with".into(), None);
            }
            Ok(status) => {
                let said = format!("The sweep ended with {status}; it can be gone on with.");
                self.problem.get_or_insert(said);
            }
            Err(error) => self.problem = Some(format!("Nothing is known of the sweep: {error}.")),
        }
        self.work = None;
        true
    }
}

/// A folder of the library that is not there, called `stem`, or with a number behind it.
fn unused(root: &Path, stem: &str) -> PathBuf {
    let numbered = (2..).map(|number| format!("{stem}-{number}"));
    let names = std::iter::once(stem.to_owned()).chain(numbered);
    let mut places = names.map(|name| root.join(name));
    places.find(|place| !place.exists()).unwrap_or_else(|| root.join(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_has_a_folder_of_its_own() {
        let scratch = tempfile::tempdir().unwrap();
        assert_eq!(unused(scratch.path(), "sweep-alpha"), scratch.path().join("sweep-alpha"));
        std::fs::create_dir(scratch.path().join("sweep-alpha")).unwrap();
        assert_eq!(unused(scratch.path(), "sweep-alpha"), scratch.path().join("sweep-alpha-2"));
    }

    #[cfg(unix)]
    #[test]
    fn what_a_process_says_last_is_told_and_why_it_failed() {
        let end = |words: &[&str], stop: bool| {
            let mut sweep = Sweep::new(Some("/bin/sh".into()), None);
            let words = words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let work = Work::begin(sweep.program.as_deref(), &words, PathBuf::from("nowhere"), || {});
            sweep.work = Some(work.unwrap());
            if stop {
                sweep.stop();
            }
            let begin = Instant::now();
            while !sweep.listen() && begin.elapsed() < Duration::from_secs(20) {
                std::thread::yield_now();
            }
            sweep
        };
        let wait = "cat >/dev/null; exit 130";
        let stopped = end(&["-c", wait], true);
        assert!(stopped.line.contains("gone on with") && stopped.problem.is_none());
        let done = end(&["-c", "exit 0"], false);
        assert!(done.line == "finished" && done.problem.is_none() && !done.is_under_way());
        let failed = end(&["-c", "exit 3"], false);
        assert!(failed.problem.unwrap().contains('3'));
        let refused = end(&["-c", "echo begin >&2; echo 'error: there is no such data' >&2; exit 2"], false);
        assert_eq!(refused.problem.as_deref(), Some("there is no such data."));
        let mut absent = Sweep::new(Some("/nowhere/great-lab".into()), None);
        absent.work(Vec::new(), PathBuf::new(), None, || {});
        assert!(absent.line.is_empty() && absent.work.is_none());
        assert!(absent.problem.unwrap().contains("cannot begin"));
    }
}
