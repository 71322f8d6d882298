//! Which teacher a distillation has: one to be trained, a checkpoint's, or the one that the run's own checkpoint holds.

use std::path::Path;

use super::checkpoint::{Checkpoint, TeacherHeader};
use crate::{
    config::{KEPT_TEACHER, ScenarioKind, Setup, TRAIN_TEACHER},
    data::Dataset,
    nn::{Network, network::Statistics},
};

/// The file of a run folder that is meant where the folder is named.
const CHECKPOINT: &str = "checkpoint.safetensors";

/// A teacher: what it is, and network and weights where it needs no training.
pub type Chosen = (TeacherHeader, Option<(Network, Vec<Vec<f32>>)>);

/// Why a teacher will not do.
#[derive(Debug, thiserror::Error)]
pub enum TeacherError {
    /// Its file cannot be read.
    #[error("cannot read the teacher {path}: {source}")]
    Unreadable {
        /// As it was given.
        path: String,
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
        source: super::checkpoint::CheckpointError,
    },
    /// It was made for other images.
    #[error(
        "the teacher {path} reads {found:?} images of {found_classes} classes, and the data has {wanted:?} images of {wanted_classes}"
    )]
    Unfit {
        /// As it was given.
        path: String,
        /// `[C, H, W]` that it reads.
        found: [usize; 3],
        /// Classes that it knows.
        found_classes: usize,
        /// `[C, H, W]` of the data.
        wanted: [usize; 3],
        /// Classes of the data.
        wanted_classes: usize,
    },
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
        return Ok(Some((header, if is_trained_here { None } else { checkpoint.teacher() })));
    }
    if is_trained_here {
        return Ok(Some((TeacherHeader::to_train(setup, statistics), None)));
    }
    let checkpoint = match (setup.teacher == KEPT_TEACHER, kept) {
        (true, Some(kept)) => kept.clone(),
        (true, None) => return Err(TeacherError::NotKept),
        (false, _) => load(&setup.teacher)?,
    };
    fitting(&checkpoint, &setup.teacher, data).map(Some)
}

/// The checkpoint at `path`, or of the run folder there.
fn load(path: &str) -> Result<Checkpoint, TeacherError> {
    let folder = Path::new(path);
    let file = if folder.is_dir() { folder.join(CHECKPOINT) } else { folder.into() };
    let bytes =
        std::fs::read(file).map_err(|source| TeacherError::Unreadable { path: path.into(), source })?;
    Checkpoint::read(&bytes).map_err(|source| TeacherError::Malformed { path: path.into(), source })
}

/// The main network of a checkpoint, if it was made for such data.
fn fitting(checkpoint: &Checkpoint, path: &str, data: &Dataset) -> Result<Chosen, TeacherError> {
    let header = &checkpoint.header;
    let interface = header.interface();
    if interface.image != data.shape || interface.classes != data.classes.len() {
        return Err(TeacherError::Unfit {
            path: path.into(),
            found: interface.image,
            found_classes: interface.classes,
            wanted: data.shape,
            wanted_classes: data.classes.len(),
        });
    }
    let Setup { network, width, activation, .. } = header.config.setup;
    let facts = TeacherHeader::new(network, width, activation, &header.statistics());
    Ok((facts, Some(checkpoint.main())))
}
