//! The network that a run begins as where somebody else trained it: opened from its file, and held against the data.

use std::io::{Error, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::proposal::proposal;
use crate::config::{NO_PRETRAINED, Setup};
use crate::data::{self, Dataset};
use crate::nn::Pretrained;
use crate::nn::pretrained::{PretrainedError, foreign};
use crate::platform;
use crate::train::checkpoint::Checkpoint;
use prost::bytes::Bytes;

/// A network from a file.
pub struct Opened {
    /// What a checkpoint keeps of it.
    pub pretrained: Pretrained,
    /// Its first weights.
    pub values: Vec<Vec<f32>>,
    /// What was made of its file otherwise than it says, in sentences.
    pub notes: Vec<String>,
}

/// Why a network from a file will not do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, or it cannot be read.
    #[error("{path} cannot be read (looked at {looked_at}): {source}")]
    Unreadable {
        /// As it was given.
        path: String,
        /// The absolute path.
        looked_at: String,
        /// What the system says.
        source: Error,
    },
    /// It is another program's own file, or a folder.
    #[error("{path}: {problem}")]
    Other {
        /// As it was given.
        path: String,
        /// What to do about it.
        problem: &'static str,
    },
    /// It is no network that the lab can run.
    #[error("{path}: {source}")]
    Refused {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        source: PretrainedError,
    },
    /// It tells other classes apart.
    #[error(
        "{path} tells {knows} classes apart, and {data} has {classes}: give data like what it was trained on"
    )]
    Classes {
        /// As it was given.
        path: String,
        /// Classes that it knows.
        knows: usize,
        /// Name of the data.
        data: String,
        /// Classes of the data.
        classes: usize,
    },
}

impl OpenError {
    /// What to do about it.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Refused { source: PretrainedError::Pixels(_), .. } => {
                "Say how its pixels are scaled (the knob pretrained pixels; --mean and --std), and reset."
            }
            Self::Unreadable { .. } | Self::Other { .. } | Self::Refused { .. } | Self::Classes { .. } => {
                "Open another network, or data that this one fits; or choose an architecture, and reset."
            }
        }
    }
}

/// The network that a run of `setup` on `data` begins as; that of its checkpoint `saved`, where there is one. None where it
/// begins anew.
///
/// # Errors
/// [`OpenError`].
pub fn open(setup: &Setup, data: &Dataset, saved: Option<&Checkpoint>) -> Result<Option<Opened>, OpenError> {
    let Some(path) = setup.pretrained() else { return Ok(None) };
    if let Some((checkpoint, kept)) = saved.and_then(|saved| Some((saved, saved.header.pretrained()?))) {
        let (_, values) = checkpoint.main();
        return Ok(Some(Opened { pretrained: kept.clone(), values, notes: Vec::new() }));
    }
    read(path, (&setup.pretrained_pixels, "pretrained_pixels (--mean and --std)"), data).map(Some)
}

/// The network in a file, for such data, with pixels scaled as a knob of that name says.
///
/// # Errors
/// [`OpenError`].
pub fn read(path: &str, (pixels, knob): (&str, &str), data: &Dataset) -> Result<Opened, OpenError> {
    let problem = match Path::new(path).is_dir() {
        true => Some(
            "it is a folder; a run goes on by --resume or --fork, and great-lab export writes it as ONNX",
        ),
        false => foreign(Path::new(path)),
    };
    if let Some(problem) = problem {
        return Err(OpenError::Other { path: path.into(), problem });
    }
    let beside = |name: &str, offset: usize, length: usize| {
        part(path, name, offset, length).map_err(|error| error.to_string())
    };
    let file = whole(path).map_err(|source| OpenError::Unreadable {
        path: path.into(),
        looked_at: data::absolute(path).display().to_string(),
        source,
    })?;
    let opened = Pretrained::read(file, data.shape, pixels, &beside);
    let (pretrained, imported) = opened.map_err(|source| OpenError::Refused { path: path.into(), source })?;
    let (knows, classes) = (imported.network.interface.classes, data.classes.len());
    if knows != classes {
        return Err(OpenError::Classes { path: path.into(), knows, data: data.name.clone(), classes });
    }
    let mut notes = imported.notes;
    if pixels == NO_PRETRAINED
        && let Some(proposed) = proposal(&imported.network, &imported.values, data)
    {
        notes.push(format!("{proposed}: {knob} says how they are scaled"));
    }
    Ok(Opened { pretrained, values: imported.values, notes })
}

/// All of a file: on the disk, or among those that a page was given.
fn whole(path: &str) -> Result<Bytes, Error> {
    match platform::given_files(path) {
        Some(given) => {
            let bytes = given.get(path).cloned();
            bytes.map(Bytes::from).ok_or_else(|| Error::from(ErrorKind::NotFound))
        }
        None => match std::fs::read(path) {
            Ok(bytes) => Ok(bytes.into()),
            // A page has no files but those that it was given.
            Err(error) if error.kind() == ErrorKind::Unsupported => Err(Error::new(
                ErrorKind::NotFound,
                "this page was not given it; open it: File → Open network…",
            )),
            Err(error) => Err(error),
        },
    }
}

/// A part of a file that lies beside a network's.
///
/// # Errors
/// Where there is none, or where it is shorter.
pub fn part(network: &str, name: &str, offset: usize, length: usize) -> Result<Vec<u8>, Error> {
    let cut = |total: usize| {
        let problem = format!("it has {total} bytes, and {length} from {offset} on are wanted");
        Error::new(ErrorKind::UnexpectedEof, problem)
    };
    if let Some(given) = platform::given_files(network) {
        let bytes = given.get(name).ok_or_else(|| Error::from(ErrorKind::NotFound))?;
        let part = offset.checked_add(length).and_then(|end| bytes.get(offset..end));
        return part.map(<[u8]>::to_vec).ok_or_else(|| cut(bytes.len()));
    }
    let path = Path::new(network).with_file_name(name);
    let about = std::fs::metadata(&path)?;
    let (total, end) = (about.len(), (offset as u64).checked_add(length as u64));
    if !about.is_file() || end.is_none_or(|end| end > total) {
        return Err(cut(usize::try_from(total).unwrap_or(usize::MAX)));
    }
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset as u64))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
