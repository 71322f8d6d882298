//! A network of somebody's own, out of an ONNX file: which images it sees, and how their pixels are scaled for it.

use std::path::{Path, PathBuf};

use super::key::checksum;
use crate::data::{self, Dataset};
use crate::headless::error::HeadlessError;
use crate::nn::onnx::{self, Imported, ReadError};
use crate::nn::pretrained::foreign;
use crate::nn::scaling::{Half, ScalingError};
use crate::nn::{Network, Scaling};
use crate::platform;
use crate::show::number::count;
use crate::train::{part, proposal};

/// The flags that say how a network of somebody's own sees images.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct ScalingFlags {
    /// Of an ONNX file: the mean that is taken off pixels in [0, 1] before it sees them, one number or one a channel; or
    /// half, cifar10 or imagenet, with the standard deviations that go with it [default: none, it scales them itself]
    #[arg(long, value_name = "LIST|NAME", value_delimiter = ',', allow_hyphen_values = true)]
    pub mean: Vec<String>,
    /// Of an ONNX file: the standard deviation that pixels are divided by, one number or one a channel
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    pub std: Vec<f32>,
}

/// A network of somebody's own.
#[derive(Clone, Debug)]
pub struct Own {
    /// With the scaling of its pixels.
    pub network: Network,
    /// The rest of what its file says.
    pub imported: Imported,
    /// Its file.
    pub path: PathBuf,
    /// How many bytes its file has, and their checksum.
    file: (usize, u32),
    /// How its pixels are scaled, in words; none where they are not.
    pub scaling: Option<String>,
}

/// Refuses networks in other programs' own formats, by their names.
///
/// # Errors
/// Of such a name.
pub fn refuse_foreign(path: &Path) -> Result<(), HeadlessError> {
    match foreign(path) {
        None => Ok(()),
        Some(problem) => Err(HeadlessError::Malformed {
            path: path.into(),
            expected: "a network that the lab can open",
            problem: problem.into(),
        }),
    }
}

/// Whether a path is that of an ONNX file, by its name; a run's folder may have any.
pub fn is_own(path: &Path) -> bool {
    platform::is_network(&path.to_string_lossy()) && !path.is_dir()
}

impl ScalingFlags {
    /// Refuses these flags beside a checkpoint, which says itself how it sees images.
    ///
    /// # Errors
    /// Where one of them is given.
    pub fn refuse(&self) -> Result<(), HeadlessError> {
        let flag = match (self.mean.is_empty(), self.std.is_empty()) {
            (true, true) => return Ok(()),
            (false, _) => "--mean",
            (true, false) => "--std",
        };
        let problem = "a network that the lab trained scales its pixels itself; leave it out".into();
        Err(HeadlessError::Flag { flag, problem })
    }

    /// What they say.
    pub fn said(&self) -> Scaling {
        Scaling { mean: self.mean.clone(), deviation: self.std.clone() }
    }
}

/// By its flag.
fn wrong(error: ScalingError) -> HeadlessError {
    let flag = match error.half {
        Half::Mean => "--mean",
        Half::Deviation => "--std",
    };
    HeadlessError::Flag { flag, problem: error.problem }
}

impl Own {
    /// Opens a file for images of that size, or of that which the file says.
    ///
    /// # Errors
    /// A file that is not there, or is no network that the lab can run; a scaling that does not fit.
    pub fn open(
        path: &Path,
        image: Option<[usize; 3]>,
        scaling: &ScalingFlags,
    ) -> Result<Self, HeadlessError> {
        let unreadable = |source| HeadlessError::Unreadable { path: path.into(), source };
        let bytes = prost::bytes::Bytes::from(std::fs::read(path).map_err(unreadable)?);
        let beside = |name: &str, offset: usize, length: usize| {
            part(&path.to_string_lossy(), name, offset, length).map_err(|error| error.to_string())
        };
        let file = (bytes.len(), checksum([&bytes[..]]).sum());
        let imported = onnx::read(bytes, image, &beside).map_err(|error| refused(path, &error))?;
        let (network, words) = scaling.said().before(imported.network.clone()).map_err(wrong)?;
        Ok(Self { network, imported, path: path.into(), file, scaling: words })
    }

    /// The same for data by their name or folder, which it must fit.
    ///
    /// # Errors
    /// As [`Self::open`], or data that cannot be read or have other classes.
    pub fn open_for(
        path: &Path,
        source: Option<&str>,
        scaling: &ScalingFlags,
    ) -> Result<(Self, Dataset), HeadlessError> {
        let source = source.ok_or_else(|| HeadlessError::Flag {
            flag: "--data",
            problem: "an ONNX file does not say what it was trained on; name the data, or their folder"
                .into(),
        })?;
        let data = data::load_from(source)?;
        let mut own = Self::open(path, Some(data.shape), scaling)?;
        let named = own.classes();
        if !named.is_empty() && named.len() == data.classes.len() && named != data.classes {
            let problem = format!(
                "the network's classes are {}, and those of {} are {}",
                named.join(", "),
                data.name,
                data.classes.join(", ")
            );
            return Err(HeadlessError::Flag { flag: "--data", problem });
        }
        let (knows, classes) = (own.network.interface.classes, data.classes.len());
        if knows != classes {
            let problem = format!("the network tells {knows} classes apart, and {} has {classes}", data.name);
            return Err(HeadlessError::Flag { flag: "--data", problem });
        }
        if own.scaling.is_none()
            && let Some(proposed) = proposal(&own.network, &own.imported.values, &data)
        {
            own.imported.notes.push(format!("{proposed}: give --mean"));
        }
        Ok((own, data))
    }

    /// What tells it from others: its file, the entries that may lie in other files, and the scaling.
    pub fn fingerprint(&self) -> Vec<u8> {
        let values = self.imported.values.iter().map(|values| bytemuck::cast_slice(values));
        let arrays = self.imported.arrays().iter().map(|array| bytemuck::cast_slice(&array.values));
        let (entries, (length, file)) = (checksum(values.chain(arrays)).sum(), self.file);
        let scaling = self.scaling.as_deref().unwrap_or_default();
        format!("{length}:{file:08x}:{entries:08x}:{scaling}").into_bytes()
    }

    /// Names of its classes, where its file has them as the lab writes them.
    pub fn classes(&self) -> Vec<String> {
        let words = self.imported.words.iter().find(|(key, _)| key == onnx::CLASSES);
        let names: Vec<String> =
            words.map_or(Vec::new(), |(_, names)| names.lines().map(str::to_owned).collect());
        if names.len() == self.network.interface.classes { names } else { Vec::new() }
    }

    /// Its file's name.
    pub fn name(&self) -> String {
        self.path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
    }

    /// What it is, in lines.
    pub fn lines(&self) -> Vec<String> {
        let mut operators: Vec<(&String, &usize)> = self.imported.operators.iter().collect();
        operators.sort_by(|(a, many), (b, more)| more.cmp(many).then(a.cmp(b)));
        let nodes: usize = operators.iter().map(|(_, count)| **count).sum();
        let listed: Vec<String> = operators.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let weights = count(self.network.weight_count() as u64);
        let scaled = match &self.scaling {
            Some(scaling) => format!("before it sees them: {scaling}"),
            None => "pixels in [0, 1] go in as they are (--mean and --std say otherwise)".into(),
        };
        [format!("{nodes} nodes: {}", listed.join(", ")), format!("{weights} weights"), scaled]
            .into_iter()
            .chain(self.imported.notes.iter().cloned())
            .collect()
    }
}

fn refused(path: &Path, error: &ReadError) -> HeadlessError {
    // Names come from the file, and may be anything.
    let in_line = |character: char| if character.is_control() { ' ' } else { character };
    HeadlessError::Malformed {
        path: path.into(),
        expected: "a network that the lab can run",
        problem: error.to_string().chars().map(in_line).collect(),
    }
}
