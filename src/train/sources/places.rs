//! Where a run's data and its teacher are: written down when it begins, and looked for when somebody comes back to it.

use std::path::Path;

use crate::train::checkpoint::Checkpoint;
use crate::{
    config::{BUILT_IN_DATA, KEPT_TEACHER, ScenarioKind, Setup, TRAIN_TEACHER},
    data::{self, DataError},
    platform,
    protocol::Places,
};

/// A teacher, or the network that a run began as, that the run names and that is not there.
#[derive(Debug, thiserror::Error)]
#[error("the {what} '{asked}' of the run is not found; looked at {looked_at}; say with {flag} where it is")]
pub struct Lost {
    /// What it is.
    pub what: &'static str,
    /// The flag that says where it is.
    pub flag: &'static str,
    /// As the run named it.
    pub asked: String,
    /// Every place.
    pub looked_at: String,
}

/// What a run that begins here, with this setup, finds by a path; of one that goes on from `saved`, the network that it has
/// in it lies where it did.
pub fn of_run(setup: &Setup, saved: Option<&Checkpoint>) -> Places {
    let kept = saved.filter(|saved| saved.header.pretrained().is_some());
    let kept = kept.and_then(|saved| saved.header.places.pretrained.clone());
    let places = of(setup);
    Places { pretrained: kept.or(places.pretrained), ..places }
}

/// What a run that begins here, with this setup, finds by a path.
pub fn of(setup: &Setup) -> Places {
    let is_built_in = BUILT_IN_DATA.contains(&&*setup.data) || platform::given_files(&setup.data).is_some();
    let absolute = |path: &str| data::absolute(path).display().to_string();
    Places {
        data: (!is_built_in).then(|| absolute(&setup.data)),
        teacher: names_a_teacher(setup).then(|| absolute(&setup.teacher)),
        pretrained: setup.pretrained().filter(|name| platform::given_files(name).is_none()).map(absolute),
    }
}

/// Whether the run has a teacher from a path.
fn names_a_teacher(setup: &Setup) -> bool {
    setup.scenario == ScenarioKind::Distillation && ![TRAIN_TEACHER, KEPT_TEACHER].contains(&&*setup.teacher)
}

/// The same setup with its data where they are now, for a run whose folder is `run`, if it is known.
///
/// # Errors
/// [`DataError::NotFound`].
pub fn find_data(setup: &mut Setup, places: &Places, run: Option<&Path>) -> Result<(), DataError> {
    setup.data = data::locate(&setup.data, places.data.as_deref(), run)?;
    Ok(())
}

/// The same setup with its teacher where it is now, if it names one.
///
/// # Errors
/// [`Lost`].
pub fn find_teacher(setup: &mut Setup, places: &Places, run: Option<&Path>) -> Result<(), Lost> {
    if names_a_teacher(setup) {
        let is_checkpoint = |place: &Path| place.is_file() || place.join(Checkpoint::FILE).is_file();
        let found = data::find(&setup.teacher, places.teacher.as_deref(), run, is_checkpoint);
        setup.teacher = found.map_err(|looked_at| Lost {
            what: "teacher",
            flag: "--teacher",
            asked: setup.teacher.clone(),
            looked_at: looked_at.join(", "),
        })?;
    }
    Ok(())
}

/// The same setup with the network that it begins as where that is now, if it names one.
///
/// # Errors
/// [`Lost`].
pub fn find_pretrained(setup: &mut Setup, places: &Places, run: Option<&Path>) -> Result<(), Lost> {
    let Some(asked) = setup.pretrained() else { return Ok(()) };
    if platform::given_files(asked).is_none() {
        let found = data::find(asked, places.pretrained.as_deref(), run, Path::is_file);
        setup.pretrained = found.map_err(|looked_at| Lost {
            what: "network",
            flag: "--pretrained",
            asked: asked.into(),
            looked_at: looked_at.join(", "),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_names_is_written_down_absolutely() {
        let distilled = |teacher: &str| Setup {
            scenario: ScenarioKind::Distillation,
            teacher: teacher.into(),
            data: "digits".into(),
            ..Setup::default()
        };
        let here = std::env::current_dir().unwrap();
        let path = |name: &str| Some(here.join(name).display().to_string());
        assert_eq!(
            of(&distilled("runs/a")),
            Places { data: path("digits"), teacher: path("runs/a"), pretrained: None }
        );
        assert_eq!(of(&distilled(TRAIN_TEACHER)).teacher, None);
        let begun = Setup { pretrained: "nets/a.onnx".into(), ..distilled("runs/a") };
        assert_eq!(of(&begun).pretrained, path("nets/a.onnx"));
        assert!(
            of(&Setup { teacher: "runs/a".into(), ..Setup::default() }).is_empty(),
            "a defence has no teacher"
        );
    }

    #[test]
    fn a_teacher_is_found_again_or_every_place_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let teacher = scratch.path().join("work/runs/teacher");
        std::fs::create_dir_all(&teacher).unwrap();
        std::fs::write(teacher.join(Checkpoint::FILE), "").unwrap();
        let run = scratch.path().join("work/runs/a");
        let mut setup = Setup {
            scenario: ScenarioKind::Distillation,
            teacher: "runs/teacher".into(),
            ..Setup::default()
        };
        find_teacher(&mut setup, &Places::default(), Some(&run)).unwrap();
        assert_eq!(setup.teacher, teacher.display().to_string());
        setup.teacher = "runs/gone".into();
        let places = Places { teacher: Some("/gone".into()), ..Places::default() };
        let error = find_teacher(&mut setup, &places, Some(&run)).unwrap_err().to_string();
        assert!(error.contains("looked at /gone, ") && error.contains("--teacher"), "{error}");
        assert_eq!(setup.teacher, "runs/gone");
        setup.scenario = ScenarioKind::Defense;
        find_teacher(&mut setup, &places, Some(&run)).unwrap();
    }

    #[test]
    fn a_network_is_found_beside_its_run_or_every_place_is_told() {
        let scratch = tempfile::tempdir().unwrap();
        let (file, run) = (scratch.path().join("work/a.onnx"), scratch.path().join("work/runs/b"));
        std::fs::create_dir_all(&run).unwrap();
        std::fs::write(&file, "").unwrap();
        let mut setup = Setup { pretrained: "a.onnx".into(), ..Setup::default() };
        find_pretrained(&mut setup, &Places::default(), Some(&run)).unwrap();
        assert_eq!(setup.pretrained, file.display().to_string());
        std::fs::remove_file(&file).unwrap();
        let error = find_pretrained(&mut setup, &Places::default(), Some(&run)).unwrap_err().to_string();
        assert!(error.contains("a.onnx") && error.contains("--pretrained"), "{error}");
        setup.scenario = ScenarioKind::Multitask;
        find_pretrained(&mut setup, &Places::default(), None).unwrap();
    }
}
