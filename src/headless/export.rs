//! `great-lab export`: a trained network as a file that other tools read.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};
use ndarray_npy::NpzWriter;

use crate::headless::error::HeadlessError;
use crate::headless::evaluate::open_checkpoint;
use crate::headless::print::print;
use crate::nn::Network;
use crate::nn::onnx::{self, About};
use crate::runs::write::{try_out, write_whole};
use crate::show::number::count;
use crate::train::checkpoint::{Checkpoint, Header};

/// What is wrong with a file's name.
const KINDS: &str = "expected a name that ends in .onnx (the network) or .npz (its weights, for NumPy)";

/// The flags of `great-lab export`.
#[derive(clap::Args, Debug)]
pub struct ExportOptions {
    /// A checkpoint.safetensors, or the run folder that holds one
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// The file: .onnx (the network, for ONNX Runtime, Netron and others) or .npz (its weights by their names, for NumPy)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// What a file is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Onnx,
    Npz,
}

/// Writes the main network of a checkpoint.
///
/// # Errors
/// [`HeadlessError`]: no checkpoint, a name of another kind, a network that no such file says the same as, or a place that
/// cannot be written to.
pub fn export(options: &ExportOptions) -> Result<(), HeadlessError> {
    let kind = kind(&options.file)?;
    try_out(&options.file)?;
    let (checkpoint, _) = open_checkpoint(&options.checkpoint)?;
    let (network, values) = checkpoint.main();
    let bytes = match kind {
        Kind::Onnx => {
            onnx::write(&network, &values, &about(&checkpoint)).map_err(|error| HeadlessError::Malformed {
                path: options.checkpoint.clone(),
                expected: "a network that ONNX can say",
                problem: error.to_string(),
            })?
        }
        Kind::Npz => weights(&network, values)?,
    };
    write_whole(&options.file, &bytes)?;
    print(&said((&options.file, kind), &checkpoint.header, &network, bytes.len()))
}

fn kind(file: &Path) -> Result<Kind, HeadlessError> {
    match file.extension().and_then(|end| end.to_str()) {
        Some("onnx") => Ok(Kind::Onnx),
        Some("npz") => Ok(Kind::Npz),
        _ => {
            let problem = format!("{}: {KINDS}", file.display());
            Err(HeadlessError::Flag { flag: "FILE", problem })
        }
    }
}

fn about(checkpoint: &Checkpoint) -> About {
    let Header { config, classes, step, .. } = &checkpoint.header;
    let setup = &config.setup;
    let words = [
        ("network", setup.network_kind().to_string()),
        ("width", setup.width.to_string()),
        ("trained by", setup.method().name().into()),
        ("trained on", setup.data.clone()),
        ("steps", step.to_string()),
    ];
    About { classes: classes.clone(), words: words.map(|(key, word)| (key.to_owned(), word)).into() }
}

/// Each weight as an array.
fn weights(network: &Network, values: Vec<Vec<f32>>) -> Result<Vec<u8>, HeadlessError> {
    let packing =
        |error: &dyn std::error::Error| HeadlessError::System(format!("cannot pack the weights: {error}"));
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    for (spec, values) in network.specs.iter().zip(values) {
        let array = ArrayD::from_shape_vec(IxDyn(&spec.shape), values).map_err(|error| packing(&error))?;
        archive.add_array(&spec.name, &array).map_err(|error| packing(&error))?;
    }
    archive.finish().map(Cursor::into_inner).map_err(|error| packing(&error))
}

fn said((file, kind): (&Path, Kind), header: &Header, network: &Network, bytes: usize) -> String {
    let setup = &header.config.setup;
    let [channels, height, width] = network.interface.image;
    let what = match kind {
        Kind::Onnx => format!(
            "from images [N, {channels}, {height}, {width}] with pixels in [0, 1] to logits [N, {}]",
            network.interface.classes
        ),
        Kind::Npz => "an array for each of its weights' names".into(),
    };
    format!(
        "{}: {} × {}, {what}, {} weights, {} bytes\n",
        file.display(),
        setup.network_kind(),
        setup.width,
        count(network.weight_count() as u64),
        count(bytes as u64)
    )
}
