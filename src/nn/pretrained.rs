//! A network that somebody else trained and that a run begins with: it comes from an ONNX file, and goes into the run's
//! checkpoints with it.

use std::path::Path;

use prost::bytes::Bytes;

use super::Network;
use super::network::Interface;
use super::onnx::{self, About, Imported, ReadError, Siblings};
use super::scaling::{MeanAndDeviation, Scaling, ScalingError};

/// What the names of other programs' own files of networks end in.
const FOREIGN: [&str; 9] = ["pt", "pth", "pkl", "ckpt", "h5", "keras", "pb", "tflite", "mlmodel"];

/// What to do about a file whose name says that another program wrote a network in its own way; none of any other.
pub fn foreign(path: &Path) -> Option<&'static str> {
    let end = path.extension()?.to_string_lossy().to_lowercase();
    let is_foreign = FOREIGN.contains(&&*end) && !path.is_dir();
    is_foreign.then_some("write it as ONNX (torch.onnx.export; docs/own-networks.md says how)")
}

/// A network out of a file, without the weights that training changes.
#[derive(Clone, Debug)]
pub struct Pretrained {
    network: Network,
    /// Mean and deviation by which its pixels are scaled, if they are.
    scaling: Option<MeanAndDeviation>,
    /// A whole ONNX file: its graph is what the network computes.
    file: Bytes,
}

/// Why a file is no network that a run could begin with.
#[derive(Debug, thiserror::Error)]
pub enum PretrainedError {
    /// It is no network that the lab can run.
    #[error("{0}")]
    Refused(#[from] ReadError),
    /// Its pixels cannot be scaled so.
    #[error("how its pixels are scaled: {0}")]
    Pixels(#[from] ScalingError),
}

fn scaled(scaling: &Scaling, network: Network) -> Result<(Option<MeanAndDeviation>, Network), ScalingError> {
    let numbers = scaling.of(network.interface.image[0])?;
    Ok((numbers, scaling.before(network)?.0))
}

impl PartialEq for Pretrained {
    fn eq(&self, other: &Self) -> bool {
        self.file == other.file && self.network == other.network
    }
}

impl Pretrained {
    /// Reads a file for images of that size, with pixels scaled as the text `pixels` says ([`Scaling::parse`]); with what else
    /// the file says, its weights among it.
    ///
    /// # Errors
    /// [`PretrainedError`].
    pub fn read(
        file: Bytes,
        image: [usize; 3],
        pixels: &str,
        siblings: &Siblings<'_>,
    ) -> Result<(Self, Imported), PretrainedError> {
        let scaling = Scaling::parse(pixels)?;
        let imported = onnx::read(file.clone(), Some(image), siblings)?;
        let (scaling, network) = scaled(&scaling, imported.network.clone())?;
        Ok((Self { network, scaling, file: onnx::whole(file, siblings)? }, imported))
    }

    /// The same of a file that was kept: [`Self::file`].
    ///
    /// # Errors
    /// [`PretrainedError`].
    pub fn read_again(file: Bytes, interface: &Interface, pixels: &str) -> Result<Self, PretrainedError> {
        let imported = onnx::read_again(file.clone(), interface)?;
        let (scaling, network) = scaled(&Scaling::parse(pixels)?, imported.network)?;
        Ok(Self { network, scaling, file })
    }

    /// The network, with the scaling of its pixels.
    pub fn network(&self) -> Network {
        self.network.clone()
    }

    /// Its file with these weights, with the scaling of pixels in it.
    ///
    /// # Errors
    /// [`ReadError`], where it is no file that the lab reads any more.
    pub fn written(&self, values: &[Vec<f32>], about: &About) -> Result<Vec<u8>, ReadError> {
        onnx::rewrite(&self.file, &self.network.interface, (values, self.scaling.as_ref()), about)
    }

    /// The bytes that it is read from again.
    pub const fn file(&self) -> &Bytes {
        &self.file
    }
}
