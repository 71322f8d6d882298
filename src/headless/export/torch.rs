//! A network as PyTorch has it: its definition in Python, what it is of, and its weights as a `state_dict`.

use std::io::{Cursor, Write as _};

use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::config::ScenarioKind;
use crate::nn::Network;
use crate::train::checkpoint::Header;

/// The definition of every main network, which the lab's own tests hold against it.
const DEFINITION: &str = include_str!("../../../scripts/export_torch/network.py");

/// Why there are no such files.
#[derive(Debug, thiserror::Error)]
pub enum TorchError {
    /// It came from a file.
    #[error("it came from an ONNX file; write it as one (a name that ends in .onnx)")]
    FromFile,
    /// It is of several tasks, of which only one says a class.
    #[error(
        "network.py defines networks of one task; write what says the class as ONNX (a name that ends in .onnx)"
    )]
    Tasks,
    /// It does something to its input.
    #[error("it transforms its input ({0}), which network.py does not define")]
    Transforms(&'static str),
    /// The archive of the weights could not be made.
    #[error("the weights could not be packed: {0}")]
    Zip(#[from] zip::result::ZipError),
    /// The same.
    #[error("the weights could not be packed: {0}")]
    Io(#[from] std::io::Error),
}

/// A tensor with its name and shape.
type Named<'a> = (&'a str, Vec<usize>, &'a [f32]);

/// The files, by their names: `network.load()` of the first gives the network.
///
/// # Errors
/// [`TorchError`].
pub fn files(
    header: &Header,
    network: &Network,
    values: &[Vec<f32>],
) -> Result<[(&'static str, Vec<u8>); 3], TorchError> {
    let setup = &header.config.setup;
    if header.pretrained().is_some() {
        return Err(TorchError::FromFile);
    }
    if setup.scenario == ScenarioKind::Multitask {
        return Err(TorchError::Tasks);
    }
    if setup.input_transform != crate::config::InputTransform::None {
        return Err(TorchError::Transforms(setup.input_transform.name()));
    }
    let kept = json!({
        "network": setup.network_kind().name(),
        "width": setup.width,
        "activation": setup.activation.name(),
        "head": setup.head.name(),
        "depth": setup.depth,
        "image": header.image,
        "classes": header.classes,
        "step": header.step,
    });
    let by_channel = |name, values| (name, vec![header.image[0]], values);
    let weights = network.specs.iter().zip(values);
    let weights = weights.map(|(spec, values)| (&*spec.name, spec.shape.clone(), &**values));
    let tensors: Vec<Named<'_>> = weights
        .chain([by_channel("normalize.mean", &*header.mean), by_channel("normalize.std", &*header.deviation)])
        .collect();
    Ok([
        ("network.py", DEFINITION.into()),
        ("network.json", format!("{kept:#}\n").into()),
        ("weights.pt", state_dict(&tensors)?),
    ])
}

/// The archive that `torch.save` makes of a `state_dict`, and `torch.load(…, weights_only=True)` reads.
fn state_dict(tensors: &[Named<'_>]) -> Result<Vec<u8>, TorchError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut put = |name: &str, bytes: &[u8]| -> Result<(), TorchError> {
        archive.start_file(format!("weights/{name}"), stored)?;
        Ok(archive.write_all(bytes)?)
    };
    put("data.pkl", &pickle(tensors))?;
    put("byteorder", b"little")?;
    for (number, (_, _, values)) in tensors.iter().enumerate() {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        put(&format!("data/{number}"), &bytes)?;
    }
    put("version", b"3\n")?;
    Ok(archive.finish()?.into_inner())
}

/// An ordered dictionary of tensors whose entries are in the archive, by their numbers, in the second version of the pickle
/// protocol.
fn pickle(tensors: &[Named<'_>]) -> Vec<u8> {
    const ORDERED: &[u8] = b"ccollections\nOrderedDict\n)R";
    let text = |said: &mut Vec<u8>, text: &str| {
        said.push(b'X');
        said.extend((text.len() as u32).to_le_bytes());
        said.extend(text.as_bytes());
    };
    let number = |said: &mut Vec<u8>, number: usize| {
        said.extend([0x8a, 8]);
        said.extend((number as i64).to_le_bytes());
    };
    let tuple = |said: &mut Vec<u8>, numbers: &[usize]| {
        said.push(b'(');
        numbers.iter().for_each(|entry| number(said, *entry));
        said.push(b't');
    };
    let mut said = b"\x80\x02".to_vec();
    said.extend(ORDERED);
    for (at, (name, shape, values)) in tensors.iter().enumerate() {
        let strides: Vec<usize> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        text(&mut said, name);
        said.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut said, "storage");
        said.extend(b"ctorch\nFloatStorage\n");
        text(&mut said, &at.to_string());
        text(&mut said, "cpu");
        number(&mut said, values.len());
        said.extend(b"tQ");
        number(&mut said, 0);
        tuple(&mut said, shape);
        tuple(&mut said, &strides);
        // It needs no gradient, and has no hooks.
        said.push(0x89);
        said.extend(ORDERED);
        said.extend(b"tRs");
    }
    said.push(b'.');
    said
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use zip::ZipArchive;

    use super::*;

    #[test]
    fn an_archive_has_each_tensor_by_its_number() {
        let tensors: [Named<'_>; 2] =
            [("head.weight", vec![2, 3], &[1.0; 6]), ("head.bias", vec![2], &[0.5, -0.5])];
        let mut archive = ZipArchive::new(Cursor::new(state_dict(&tensors).unwrap())).unwrap();
        let mut entry = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(&format!("weights/{name}")).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(entry("data/0").len(), 24);
        assert_eq!(entry("data/1"), [0.5f32.to_le_bytes(), (-0.5f32).to_le_bytes()].concat());
        assert_eq!((entry("byteorder"), entry("version")), (b"little".to_vec(), b"3\n".to_vec()));
        let pickle = entry("data.pkl");
        let count = |what: &[u8]| pickle.windows(what.len()).filter(|part| *part == what).count();
        assert_eq!((count(b"head.weight"), count(b"_rebuild_tensor_v2"), count(b"FloatStorage")), (1, 2, 2));
        assert!(pickle.starts_with(b"\x80\x02") && pickle.ends_with(b"tRs."));
    }
}
