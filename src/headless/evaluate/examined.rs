//! Who is evaluated: a network that the lab trained, or one of somebody's own.

use std::path::Path;

use burn::tensor::Device;

use super::own::{Own, ScalingFlags, is_own, refuse_foreign};
use super::report::Description;
use crate::attack::audit::{Reader, Subject};
use crate::config::{Config, Hyper, Setup};
use crate::data::{self, Dataset};
use crate::headless::error::HeadlessError;
use crate::nn::channel::Channel;
use crate::nn::network::Statistics;
use crate::nn::weights::first_values;
use crate::nn::{Network, Weights};
use crate::scenario::auxiliary_network;
use crate::train::checkpoint::Checkpoint;

/// The radius at which a network of somebody's own is attacked where none is asked for: the field's.
const EPSILON: f64 = 8.0 / 255.0;

/// Who is evaluated.
pub enum Examined {
    /// What a run of the lab left.
    Trained(Box<Checkpoint>),
    /// A file of somebody's own, with what a run on such data would begin with.
    Own(Box<Own>, Box<Config>),
}

/// A network, the data that it is asked for, and what tells it from others.
pub struct Opened {
    /// Who.
    pub examined: Examined,
    /// The data.
    pub data: Dataset,
    /// Bytes that tell its network from any other.
    pub bytes: Vec<u8>,
}

impl Opened {
    /// Opens what is at `path`: an ONNX file, which needs to be told its data, or a checkpoint or its run folder, whose own
    /// data are taken where none are named.
    ///
    /// # Errors
    /// A file that is neither, or data that cannot be read or do not fit.
    pub fn open(path: &Path, source: Option<&str>, scaling: &ScalingFlags) -> Result<Self, HeadlessError> {
        if is_own(path) {
            let (own, data) = Own::open_for(path, source, scaling)?;
            let setup = Setup { data: source.unwrap_or_default().into(), ..Setup::default() };
            let config = Config { setup, hyper: Hyper { epsilon: EPSILON, ..Hyper::default() } };
            let bytes = own.fingerprint();
            return Ok(Self { examined: Examined::Own(Box::new(own), Box::new(config)), data, bytes });
        }
        refuse_foreign(path)?;
        scaling.refuse()?;
        let (checkpoint, bytes) = open_checkpoint(path)?;
        let run = if path.is_dir() { Some(path) } else { path.parent() };
        let source = match source {
            Some(asked) => asked.to_owned(),
            None => checkpoint.header.data(run)?,
        };
        let data = data::load(&Setup { data: source, ..checkpoint.header.config.setup.clone() })?;
        checkpoint.fits(&data).map_err(|unfit| HeadlessError::Flag {
            flag: "--data",
            problem: format!("the network {unfit}; give data like what it was trained on"),
        })?;
        Ok(Self { examined: Examined::Trained(Box::new(checkpoint)), data, bytes })
    }
}

/// The checkpoint in a file, or in a run folder; and its bytes.
///
/// # Errors
/// A file that is not there, or is no checkpoint.
pub fn open_checkpoint(path: &Path) -> Result<(Checkpoint, Vec<u8>), HeadlessError> {
    let file = if path.is_dir() { path.join(Checkpoint::FILE) } else { path.into() };
    let bytes = std::fs::read(&file).map_err(|source| HeadlessError::Unreadable { path: file, source })?;
    match Checkpoint::read(&bytes) {
        Ok(checkpoint) => Ok((checkpoint, bytes)),
        Err(error) => Err(HeadlessError::Malformed {
            path: path.into(),
            expected: "a checkpoint",
            problem: error.to_string(),
        }),
    }
}

impl Examined {
    /// Opens what is at `path` without any data: an ONNX file that says how large its images are, a checkpoint or its run
    /// folder.
    ///
    /// # Errors
    /// A file that is none of these.
    pub fn open(path: &Path, scaling: &ScalingFlags) -> Result<Self, HeadlessError> {
        if is_own(path) {
            return Ok(Self::Own(Box::new(Own::open(path, None, scaling)?), Box::default()));
        }
        refuse_foreign(path)?;
        scaling.refuse()?;
        Ok(Self::Trained(Box::new(open_checkpoint(path)?.0)))
    }

    /// Setup and knobs of its run, or of one that would begin on its data.
    pub fn config(&self) -> &Config {
        match self {
            Self::Trained(checkpoint) => &checkpoint.header.config,
            Self::Own(_, config) => config,
        }
    }

    /// Steps that it was trained for by the lab.
    pub fn step(&self) -> u64 {
        match self {
            Self::Trained(checkpoint) => checkpoint.header.step,
            Self::Own(..) => 0,
        }
    }

    /// What was made of its file otherwise than it says, and what speaks against attacking it as it is.
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Trained(_) => &[],
            Self::Own(own, _) => &own.imported.notes,
        }
    }

    /// Names of its classes: of an ONNX file those that the lab wrote into one, else none.
    pub fn classes(&self) -> Vec<String> {
        match self {
            Self::Trained(checkpoint) => checkpoint.header.classes.clone(),
            Self::Own(own, _) => own.classes(),
        }
    }

    /// The network itself.
    pub fn network(&self) -> Network {
        match self {
            Self::Trained(checkpoint) => checkpoint.header.main_network(),
            Self::Own(own, _) => own.network.clone(),
        }
    }

    /// With its weights on a device, as attacks and audits take it.
    pub fn subject(&self, device: &Device) -> Subject {
        match self {
            Self::Trained(checkpoint) => checkpoint.subject(device),
            Self::Own(own, config) => {
                let device = device.clone().without_autodiff();
                let upload = |values: Vec<Vec<f32>>| Weights::from_values(values, &device);
                let Config { setup, hyper } = &**config;
                let network = auxiliary_network(setup, own.network.interface.clone());
                let reader = Reader {
                    weights: upload(first_values(&network.specs, setup.seed)),
                    network,
                    channel: Channel::of(hyper, setup.batch_size),
                    is_trained: false,
                };
                let weights = upload(own.imported.values.clone());
                Subject { network: own.network.clone(), weights, reader: Some(reader), surrogate: None }
            }
        }
    }

    /// By what a network that is trained beside it on such data scales their pixels.
    pub fn statistics(&self, data: &Dataset) -> Statistics {
        match self {
            Self::Trained(checkpoint) => checkpoint.header.statistics(),
            Self::Own(..) => {
                let (mean, deviation) = data.channel_statistics();
                Statistics { mean, deviation }
            }
        }
    }

    /// What it is, for the report: its file does not name its classes, its data do.
    pub fn describe(&self, data: Option<&Dataset>) -> Description {
        match self {
            Self::Trained(checkpoint) => {
                let header = &checkpoint.header;
                let setup = &header.config.setup;
                Description {
                    title: format!(
                        "{} trained by {} on {}",
                        setup.network_name(),
                        setup.method().name(),
                        setup.data
                    ),
                    lines: (setup.pretrained().is_none().then(|| format!("width × {}", setup.width)))
                        .into_iter()
                        .chain([
                            format!("{} steps of {} images", header.step, setup.batch_size),
                            format!("seed {}", setup.seed),
                        ])
                        .collect(),
                    classes: header.classes.clone(),
                    shape: header.image,
                }
            }
            Self::Own(own, _) => Description {
                title: own.name(),
                lines: own.lines(),
                classes: data.map_or_else(|| own.classes(), |data| data.classes.clone()),
                shape: own.network.interface.image,
            },
        }
    }
}
