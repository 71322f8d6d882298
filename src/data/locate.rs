//! Where that is which a run was given by a path, when somebody asks for it from another folder or after a move.

use std::path::{Path, PathBuf};

use crate::config::BUILT_IN_DATA;
use crate::platform;

use super::{
    error::DataError,
    files::folder::{self, absolute},
};

/// Folders above a run's own in which is looked: `runs/a` lies two below where it was begun.
const FOLDERS_ABOVE: usize = 3;

/// Where the data of a run are: `given` is how it named them, `recorded` the absolute path that it found them at, if it
/// wrote that down, and `run` its folder, if it is known. What comes with the lab, or was given to a page, is where it is.
///
/// # Errors
/// [`DataError::NotFound`], naming every place that was looked at.
pub fn locate(given: &str, recorded: Option<&str>, run: Option<&Path>) -> Result<String, DataError> {
    if BUILT_IN_DATA.contains(&given) || platform::given_files(given).is_some() {
        return Ok(given.into());
    }
    let is_data = |place: &Path| folder::is_data(&place.to_string_lossy());
    find(given, recorded, run, is_data)
        .map_err(|looked_at| DataError::NotFound { asked: given.into(), looked_at: looked_at.join(", ") })
}

/// The first place where there is one, as `is_one` says: where it was found before, where `given` leads from here, then beside the
/// run and in the folders above it. A path that leads from here to where it was found before stays as it was given.
///
/// # Errors
/// Every place that was looked at.
pub fn find(
    given: &str,
    recorded: Option<&str>,
    run: Option<&Path>,
    is_one: impl Fn(&Path) -> bool,
) -> Result<String, Vec<String>> {
    let here = absolute(given);
    let recorded = recorded.map(PathBuf::from);
    let places = recorded.into_iter().chain([here.clone()]).chain(near(Path::new(given), run));
    let mut looked_at: Vec<String> = Vec::new();
    for place in places {
        if is_one(&place) {
            let is_here = place == here;
            return Ok(if is_here { given.into() } else { place.display().to_string() });
        }
        let place = place.display().to_string();
        if !looked_at.contains(&place) {
            looked_at.push(place);
        }
    }
    Err(looked_at)
}

/// Where `given` might lie beside a run: its whole path from the run's folder and from those above it, else its last part.
fn near(given: &Path, run: Option<&Path>) -> Vec<PathBuf> {
    let Some(run) = run.and_then(|run| std::path::absolute(run).ok()) else { return Vec::new() };
    let folders: Vec<&Path> = run.ancestors().take(1 + FOLDERS_ABOVE).collect();
    let paths = [given.is_relative().then_some(given), given.file_name().map(Path::new)];
    paths.into_iter().flatten().flat_map(|path| folders.iter().map(move |folder| folder.join(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a folder that looks like data.
    fn make_data(path: &Path) -> String {
        std::fs::create_dir_all(path).unwrap();
        std::fs::write(path.join("train-images-idx3-ubyte"), "").unwrap();
        path.display().to_string()
    }

    /// A folder, and in it a run.
    fn scratch() -> (tempfile::TempDir, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let run = scratch.path().join("work/runs/a");
        std::fs::create_dir_all(&run).unwrap();
        (scratch, run)
    }

    #[test]
    fn what_comes_with_the_lab_is_where_it_is() {
        for name in BUILT_IN_DATA {
            assert_eq!(locate(name, Some("/nowhere"), None).unwrap(), name);
        }
    }

    #[test]
    fn the_recorded_place_wins_over_another_of_the_same_name() {
        let (scratch, run) = scratch();
        let [recorded, beside] = ["elsewhere/digits", "work/digits"].map(|path| scratch.path().join(path));
        let [recorded, beside] = [&recorded, &beside].map(|path| make_data(path));
        assert_eq!(locate("digits", Some(&recorded), Some(&run)).unwrap(), recorded);
        assert_eq!(
            locate("digits", Some("/gone/digits"), Some(&run)).unwrap(),
            beside,
            "it was moved with its run"
        );
        assert_eq!(locate("digits", None, Some(&run)).unwrap(), beside, "an older run recorded nothing");
        assert_eq!(locate("../x/digits", None, Some(&run)).unwrap(), beside, "by its last part");
        assert_eq!(locate("/gone/digits", None, Some(&run)).unwrap(), beside, "absolute, and moved");
    }

    #[test]
    fn what_leads_from_here_stays_as_it_was_given() {
        // Tests run in the package's folder.
        let here = absolute("assets/fashion-mnist").display().to_string();
        for recorded in [None, Some(&*here), Some("/gone/fashion-mnist")] {
            assert_eq!(locate("assets/fashion-mnist", recorded, None).unwrap(), "assets/fashion-mnist");
        }
    }

    #[test]
    fn a_folder_of_the_same_name_that_holds_no_data_is_passed_over() {
        let (scratch, run) = scratch();
        // The run is called like its data.
        let named = run.with_file_name("digits");
        std::fs::create_dir_all(&named).unwrap();
        std::fs::write(named.join("run.json"), "{}").unwrap();
        let beside = make_data(&scratch.path().join("work/digits"));
        assert_eq!(locate("digits", Some("/gone/digits"), Some(&named)).unwrap(), beside);
        std::fs::remove_dir_all(&beside).unwrap();
        assert!(locate("digits", Some("/gone/digits"), Some(&named)).is_err());
    }

    #[test]
    fn every_place_that_was_looked_at_is_told() {
        let (scratch, run) = scratch();
        let error = locate("digits", Some("/gone/digits"), Some(&run)).unwrap_err().to_string();
        let work = scratch.path().join("work");
        for place in [
            "/gone/digits".into(),
            absolute("digits"),
            run.join("digits"),
            work.join("runs/digits"),
            work.join("digits"),
        ] {
            assert!(error.contains(&place.display().to_string()), "{} is not in {error}", place.display());
        }
        assert!(error.contains("'digits'") && error.contains("--data"), "{error}");
    }
}
