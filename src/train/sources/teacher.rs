//! Which teacher a distillation has: one to be trained, a checkpoint's, or the one that the run's own checkpoint holds.

use std::path::Path;

use super::pretrained::{OpenError, read};
use crate::train::checkpoint::{Checkpoint, CheckpointError, TeacherHeader, Unfit};
use crate::{
    config::{KEPT_TEACHER, ScenarioKind, Setup, TRAIN_TEACHER},
    data::{self, Dataset},
    nn::{Network, network::Statistics, pretrained::foreign},
    platform,
};

/// A teacher.
pub struct Chosen {
    /// What it is.
    pub header: TeacherHeader,
    /// Network and weights where it needs no training.
    pub trained: Option<(Network, Vec<Vec<f32>>)>,
    /// What was made of its file otherwise than it says, in sentences.
    pub notes: Vec<String>,
}

impl Chosen {
    fn new(header: TeacherHeader, trained: Option<(Network, Vec<Vec<f32>>)>) -> Self {
        Self { header, trained, notes: Vec::new() }
    }
}

/// Why a teacher will not do.
#[derive(Debug, thiserror::Error)]
pub enum TeacherError {
    /// Its file cannot be read.
    #[error("cannot read the teacher {path} (looked at {looked_at}): {source}")]
    Unreadable {
        /// As it was given.
        path: String,
        /// The absolute path.
        looked_at: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// None was kept.
    #[error(
        "no network was kept as a teacher since the lab was opened; train or load one, and make it the teacher (File menu)"
    )]
    NotKept,
    /// Its file is no checkpoint.
    #[error("the teacher {path}: {source}")]
    Malformed {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// It is a network from a file that cannot be one's teacher.
    #[error("the teacher {0}")]
    File(#[from] OpenError),
    /// It was made for other images.
    #[error("the teacher {path} {source}")]
    Unfit {
        /// As it was given.
        path: String,
        /// What does not fit.
        source: Unfit,
    },
}

impl TeacherError {
    /// Why the checkpoint at `path` cannot be opened.
    fn of(path: &str, error: CheckpointError) -> Self {
        let path = path.to_owned();
        match error {
            CheckpointError::Unreadable { path: file, source } => Self::Unreadable {
                path,
                looked_at: data::absolute(&file.to_string_lossy()).display().to_string(),
                source,
            },
            source => Self::Malformed { path, source },
        }
    }
}

/// The teacher of a run of `setup` on `data`; of the run that `saved` is a checkpoint of, where there is one. None where
/// the scenario has no teacher. `kept` is the network that was kept as one.
///
/// # Errors
/// [`TeacherError`].
pub fn choose(
    setup: &Setup,
    data: &Dataset,
    statistics: &Statistics,
    saved: Option<&Checkpoint>,
    kept: Option<&Checkpoint>,
) -> Result<Option<Chosen>, TeacherError> {
    if setup.scenario != ScenarioKind::Distillation {
        return Ok(None);
    }
    let is_trained_here = setup.teacher == TRAIN_TEACHER;
    if let Some((checkpoint, header)) = saved.and_then(|saved| Some((saved, saved.header.teacher.clone()?))) {
        return Ok(Some(Chosen::new(header, if is_trained_here { None } else { checkpoint.teacher() })));
    }
    if is_trained_here {
        return Ok(Some(Chosen::new(TeacherHeader::to_train(setup, statistics), None)));
    }
    // A run's folder may have any name.
    let path = Path::new(&setup.teacher);
    if (platform::is_network(&setup.teacher) || foreign(path).is_some()) && !path.is_dir() {
        let opened = read(&setup.teacher, (&setup.teacher_pixels, "teacher_pixels (--set)"), data)?;
        let trained = Some((opened.pretrained.network(), opened.values));
        let header = TeacherHeader::new(setup.teacher_architecture(), statistics)
            .from_file(Some((opened.pretrained, setup.teacher_pixels.clone())));
        return Ok(Some(Chosen { header, trained, notes: opened.notes }));
    }
    let checkpoint = match (setup.teacher == KEPT_TEACHER, kept) {
        (true, Some(kept)) => kept.clone(),
        (true, None) => return Err(TeacherError::NotKept),
        (false, _) => Checkpoint::open(Path::new(&setup.teacher))
            .map_err(|error| TeacherError::of(&setup.teacher, error))?,
    };
    checkpoint.fits(data).map_err(|source| TeacherError::Unfit { path: setup.teacher.clone(), source })?;
    let header = &checkpoint.header;
    let setup = &header.config.setup;
    let from_file = header.pretrained().map(|network| (network.clone(), setup.pretrained_pixels.clone()));
    let facts = TeacherHeader::new(setup.architecture(), &header.statistics());
    let facts = facts.behind_input_of(setup).from_file(from_file);
    Ok(Some(Chosen::new(facts, Some(checkpoint.main()))))
}
