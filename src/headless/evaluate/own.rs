//! A network of somebody's own, out of an ONNX file: which images it sees, and how their pixels are scaled for it.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::key::checksum;
use crate::data::{self, Dataset};
use crate::headless::error::HeadlessError;
use crate::nn::onnx::{self, Imported, ReadError};
use crate::nn::{Layer, Network};
use crate::show::number::count;

/// What the pixels of well-known training recipes are scaled by: name, mean, standard deviation.
const PRESETS: [(&str, [f32; 3], [f32; 3]); 3] = [
    ("half", [0.5; 3], [0.5; 3]),
    ("cifar10", [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    ("imagenet", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
];

/// The flags that say how a network of somebody's own sees images.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Scaling {
    /// Of an ONNX file: the mean that is taken off pixels in [0, 1] before it sees them, one number or one a channel; or
    /// half, cifar10 or imagenet, with the standard deviations that go with it [default: none, it scales them itself]
    #[arg(long, value_name = "LIST|NAME", value_delimiter = ',', allow_hyphen_values = true)]
    pub mean: Vec<String>,
    /// Of an ONNX file: the standard deviation that pixels are divided by, one number or one a channel
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    pub std: Vec<f32>,
}

/// Of each channel.
type MeanAndDeviation = (Vec<f32>, Vec<f32>);

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

/// Ends of the names of other programs' networks.
const FOREIGN: [&str; 9] = ["pt", "pth", "pkl", "ckpt", "h5", "keras", "pb", "tflite", "mlmodel"];

/// Refuses networks in other programs' own formats, by their names.
///
/// # Errors
/// Of such a name.
pub fn refuse_foreign(path: &Path) -> Result<(), HeadlessError> {
    let end = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    if !FOREIGN.contains(&&*end) || path.is_dir() {
        return Ok(());
    }
    Err(HeadlessError::Malformed {
        path: path.into(),
        expected: "a network that the lab can open",
        problem: "write it as ONNX (torch.onnx.export; docs/own-networks.md says how)".into(),
    })
}

/// Whether a path is that of an ONNX file, by its name.
pub fn is_own(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("onnx"))
}

impl Scaling {
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

    /// Mean and deviation of so many channels; none where pixels go in as they are.
    fn of(&self, channels: usize) -> Result<Option<MeanAndDeviation>, HeadlessError> {
        let wrong = |flag, problem| HeadlessError::Flag { flag, problem };
        if let [name] = &self.mean[..]
            && let Some((name, mean, std)) = PRESETS.iter().find(|(known, ..)| known == name)
        {
            if !self.std.is_empty() {
                return Err(wrong("--std", format!("--mean {name} has its own; leave it out")));
            }
            let of = |three: &[f32; 3]| match channels {
                3 => Ok(three.to_vec()),
                1 if three[0] == three[1] && three[1] == three[2] => Ok(vec![three[0]]),
                _ => Err(wrong(
                    "--mean",
                    format!("{name} is of three channels, and the images have {channels}"),
                )),
            };
            return Ok(Some((of(mean)?, of(std)?)));
        }
        let spread = |flag, values: Vec<f32>, otherwise: f32| match values.len() {
            0 => Ok(vec![otherwise; channels]),
            1 => Ok(vec![values[0]; channels]),
            count if count == channels => Ok(values),
            count => Err(wrong(
                flag,
                format!("{count} numbers for {channels} channels: give one, or one a channel"),
            )),
        };
        if self.mean.is_empty() && self.std.is_empty() {
            return Ok(None);
        }
        let number = |text: &String| {
            let known: Vec<&str> = PRESETS.iter().map(|(name, ..)| *name).collect();
            let problem = || match known.contains(&&**text) {
                true => format!("{text} has a number for each channel already; give it alone"),
                false => format!("{text} is no number, and none of {}", known.join(", ")),
            };
            text.parse::<f32>().map_err(|_| wrong("--mean", problem()))
        };
        let mean: Vec<f32> = self.mean.iter().map(number).collect::<Result<_, _>>()?;
        let (mean, std) = (spread("--mean", mean, 0.0)?, spread("--std", self.std.clone(), 1.0)?);
        if let Some(mean) = mean.iter().find(|mean| !(-1.0..=1.0).contains(*mean)) {
            let problem = format!(
                "{mean} is no mean of pixels in [0, 1]; of pixels up to 255, divide it by 255, and --std too"
            );
            return Err(wrong("--mean", problem));
        }
        if let Some(std) = std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            return Err(wrong("--std", format!("{std} is no standard deviation: it is above 0")));
        }
        Ok(Some((mean, std)))
    }
}

impl Own {
    /// Opens a file for images of that size, or of that which the file says.
    ///
    /// # Errors
    /// A file that is not there, or is no network that the lab can run; a scaling that does not fit.
    pub fn open(path: &Path, image: Option<[usize; 3]>, scaling: &Scaling) -> Result<Self, HeadlessError> {
        let unreadable = |source| HeadlessError::Unreadable { path: path.into(), source };
        let bytes = prost::bytes::Bytes::from(std::fs::read(path).map_err(unreadable)?);
        let beside = |name: &str, offset: usize, length: usize| {
            part(&path.with_file_name(name), offset, length).map_err(|error| error.to_string())
        };
        let file = (bytes.len(), checksum([&bytes[..]]).sum());
        let imported = onnx::read(bytes, image, &beside).map_err(|error| refused(path, &error))?;
        let mut network = imported.network.clone();
        let channels = network.interface.image[0];
        let scaled = scaling.of(channels)?;
        let words =
            scaled.as_ref().map(|(mean, deviation)| format!("pixels less {mean:?}, by {deviation:?}"));
        if let Some((mean, deviation)) = scaled {
            network.layers.insert(0, Layer::Normalize { mean, deviation });
        }
        Ok(Self { network, imported, path: path.into(), file, scaling: words })
    }

    /// The same for data by their name or folder, which it must fit.
    ///
    /// # Errors
    /// As [`Self::open`], or data that cannot be read or have other classes.
    pub fn open_for(
        path: &Path,
        source: Option<&str>,
        scaling: &Scaling,
    ) -> Result<(Self, Dataset), HeadlessError> {
        let source = source.ok_or_else(|| HeadlessError::Flag {
            flag: "--data",
            problem: "an ONNX file does not say what it was trained on; name the data, or their folder"
                .into(),
        })?;
        let data = data::load_from(source)?;
        let own = Self::open(path, Some(data.shape), scaling)?;
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

/// A part of a file.
fn part(path: &Path, offset: usize, length: usize) -> std::io::Result<Vec<u8>> {
    let about = std::fs::metadata(path)?;
    let (total, end) = (about.len(), (offset as u64).checked_add(length as u64));
    if !about.is_file() || end.is_none_or(|end| end > total) {
        let problem = format!("it has {total} bytes, and {length} from {offset} on are wanted");
        return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, problem));
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset as u64))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
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
