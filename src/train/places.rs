//! Where a run's data and its teacher are: written down when it begins, and looked for when somebody comes back to it.

use std::path::Path;

use super::checkpoint::Checkpoint;
use crate::{
    config::{BUILT_IN_DATA, KEPT_TEACHER, ScenarioKind, Setup, TRAIN_TEACHER},
    data::{self, DataError},
    platform,
    protocol::Places,
};

/// A teacher that a run names and that is not there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the teacher '{asked}' of the run is not found; looked at {looked_at}; say with --teacher where it is"
)]
pub struct NoTeacher {
    /// As the run named it.
    pub asked: String,
    /// Every place.
    pub looked_at: String,
}

/// What a run that begins here, with this setup, finds by a path.
pub fn of(setup: &Setup) -> Places {
    let is_built_in = BUILT_IN_DATA.contains(&&*setup.data) || platform::given_files(&setup.data).is_some();
    let absolute = |path: &str| data::absolute(path).display().to_string();
    Places {
        data: (!is_built_in).then(|| absolute(&setup.data)),
        teacher: names_a_teacher(setup).then(|| absolute(&setup.teacher)),
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
/// [`NoTeacher`].
pub fn find_teacher(setup: &mut Setup, places: &Places, run: Option<&Path>) -> Result<(), NoTeacher> {
    if names_a_teacher(setup) {
        let is_checkpoint = |place: &Path| place.is_file() || place.join(Checkpoint::FILE).is_file();
        let found = data::find(&setup.teacher, places.teacher.as_deref(), run, is_checkpoint);
        setup.teacher = found.map_err(|looked_at| NoTeacher {
            asked: setup.teacher.clone(),
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
        assert_eq!(of(&distilled("runs/a")), Places { data: path("digits"), teacher: path("runs/a") });
        assert_eq!(of(&distilled(TRAIN_TEACHER)).teacher, None);
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
}
