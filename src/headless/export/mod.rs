//! `great-lab export`: a trained network as a file that other tools read.

mod torch;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};
use ndarray_npy::NpzWriter;

use crate::config::InputTransform;
use crate::headless::error::HeadlessError;
use crate::headless::evaluate::open_checkpoint;
use crate::headless::print::print;
use crate::nn::Network;
use crate::nn::onnx::{self, About, OnnxError};
use crate::platform;
use crate::runs::write::{try_out, write_whole};
use crate::show::number::count;
use crate::train::checkpoint::{Checkpoint, Header};

/// What is wrong with a file's name.
const KINDS: &str = "expected a name that ends in .onnx (the network) or .npz (its weights, for NumPy), or a folder with --torch";

/// The flags of `great-lab export`.
#[derive(clap::Args, Debug)]
pub struct ExportOptions {
    /// A checkpoint.safetensors, or the run folder that holds one
    #[arg(value_name = "CHECKPOINT")]
    pub checkpoint: PathBuf,
    /// The file: .onnx (the network, for ONNX Runtime, Netron and others) or .npz (its weights by their names, for NumPy)
    #[arg(value_name = "FILE|FOLDER")]
    pub file: PathBuf,
    /// Write a folder for PyTorch in place of a file: network.py (its definition), network.json and weights.pt (a state_dict)
    #[arg(long)]
    pub torch: bool,
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
    if platform::is_network(&options.checkpoint.to_string_lossy()) && options.checkpoint.is_file() {
        let problem = format!("{} is an ONNX file already; name a run", options.checkpoint.display());
        return Err(HeadlessError::Flag { flag: "CHECKPOINT", problem });
    }
    if options.torch {
        return as_torch(options);
    }
    let kind = kind(&options.file)?;
    try_out(&options.file)?;
    let (checkpoint, _) = open_checkpoint(&options.checkpoint)?;
    let (network, values) = checkpoint.main();
    let bytes = match kind {
        Kind::Onnx => as_onnx(&checkpoint, &network, &values).map_err(|error| HeadlessError::Malformed {
            path: options.checkpoint.clone(),
            expected: "a network that ONNX can say",
            problem: error.to_string(),
        })?,
        Kind::Npz => weights(&network, values)?,
    };
    write_whole(&options.file, &bytes)?;
    print(&said((&options.file, kind), &checkpoint.header, &network, bytes.len()))
}

/// A folder for PyTorch, which is not there yet, or empty.
fn as_torch(options: &ExportOptions) -> Result<(), HeadlessError> {
    let folder = &options.file;
    let is_taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if is_taken {
        let problem = format!("{} is there and is no empty folder; name another", folder.display());
        return Err(HeadlessError::Flag { flag: "FOLDER", problem });
    }
    let (checkpoint, _) = open_checkpoint(&options.checkpoint)?;
    let (network, values) = checkpoint.main();
    let files =
        torch::files(&checkpoint.header, &network, &values).map_err(|error| HeadlessError::Malformed {
            path: options.checkpoint.clone(),
            expected: "a network that PyTorch has a definition of",
            problem: error.to_string(),
        })?;
    std::fs::create_dir_all(folder).map_err(|error| HeadlessError::Flag {
        flag: "FOLDER",
        problem: format!("cannot make {}: {error}", folder.display()),
    })?;
    for (name, bytes) in files {
        write_whole(&folder.join(name), &bytes)?;
    }
    print(&format!(
        "{}: network.py, network.json, weights.pt; there, in Python: from network import load; model = load()\n",
        folder.display()
    ))
}

/// The file of a network; where it came from one, that one with other weights.
fn as_onnx(checkpoint: &Checkpoint, network: &Network, values: &[Vec<f32>]) -> Result<Vec<u8>, OnnxError> {
    let about = about(checkpoint);
    let Some(pretrained) = checkpoint.header.pretrained() else {
        return onnx::write(network, values, &about);
    };
    let setup = &checkpoint.header.config.setup;
    // What the lab does to an image first no such file has.
    match setup.input_transform {
        InputTransform::None => {}
        InputTransform::Quantize => return Err(OnnxError::Quantize { levels: setup.input_levels }),
        InputTransform::Noise => return Err(OnnxError::Noise),
    }
    pretrained.written(values, &about).map_err(|error| OnnxError::Imported(error.to_string()))
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
        ("network", setup.network_in_words()),
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
        Kind::Onnx if header.pretrained().is_some() => {
            "as the file that it came from, with other weights".into()
        }
        Kind::Onnx => format!(
            "from images [N, {channels}, {height}, {width}] with pixels in [0, 1] to logits [N, {}]",
            network.interface.classes
        ),
        Kind::Npz => "an array for each of its weights' names".into(),
    };
    format!(
        "{}: {}, {what}, {} weights, {} bytes\n",
        file.display(),
        setup.network_in_words(),
        count(network.weight_count() as u64),
        count(bytes as u64)
    )
}
