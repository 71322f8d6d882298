//! A file that a network was read from, with the weights that it has now: all else stays as it was.

use std::collections::{BTreeMap, HashSet};

use burn::tensor::{bf16, f16};
use prost::Message as _;
use prost::bytes::Bytes;

use super::proto::{
    FLOAT, GraphProto, ModelProto, NodeProto, Size, StringStringEntryProto, TensorProto, ValueInfoProto,
};
use super::read::{BATCH_NORM_EPSILON, Origin, ReadError, has_channels_first, read_again, sizes};
use super::write::{About, CLASSES};
use crate::nn::network::Interface;
use crate::nn::scaling::MeanAndDeviation;
use crate::nn::weights::Init;

/// The first version of the form in which constants need not be listed among what goes in.
const IR_WITH_OWN_CONSTANTS: i64 = 4;
/// `TensorProto.DataType`: floats of other widths.
const FLOAT16: i32 = 10;
const DOUBLE: i32 = 11;
const BFLOAT16: i32 = 16;

/// The whole file of a network that reads and says that, with these weights in the order of its specifications, and with the
/// scaling of pixels in it where there is one.
///
/// # Errors
/// [`ReadError`], where it is no such file.
pub fn rewrite(
    file: &Bytes,
    interface: &Interface,
    (values, pixels): (&[Vec<f32>], Option<&MeanAndDeviation>),
    about: &About,
) -> Result<Vec<u8>, ReadError> {
    let imported = read_again(file.clone(), interface)?;
    let decoded = ModelProto::decode(file.clone());
    let mut model = decoded.map_err(|error| ReadError::Format(error.to_string()))?;
    let Some(graph) = &mut model.graph else {
        return Err(ReadError::Format("there is no graph in it".into()));
    };
    let mut names = Names::of(graph);
    let mut norms: BTreeMap<&str, [&[f32]; 2]> = BTreeMap::new();
    for ((origin, spec), values) in imported.origins.iter().zip(&imported.network.specs).zip(values) {
        match origin {
            // Nothing changed it, and the file may have it larger than it is here.
            Origin::Constant(_) if spec.init == Init::Fixed => {}
            Origin::Constant(name) => put(graph, name, &spec.shape, values),
            Origin::Norm { output, is_shift } => {
                norms.entry(output).or_default()[usize::from(*is_shift)] = values;
            }
        }
    }
    for (output, both) in norms {
        norm(graph, &mut names, output, both)?;
    }
    if let Some(scaling) = pixels {
        scale(graph, &mut names, interface, scaling)?;
    }
    prune(graph);
    // The lab has run it with several, whatever it says.
    let is_constant =
        |value: &ValueInfoProto| graph.initializer.iter().any(|tensor| tensor.name == value.name);
    let images: Vec<bool> = graph.input.iter().map(|value| !is_constant(value)).collect();
    let inputs = graph.input.iter_mut().zip(images).filter_map(|(value, is_it)| is_it.then_some(value));
    for value in inputs.chain(&mut graph.output) {
        let shape = value.r#type.as_mut().and_then(|kind| kind.tensor_type.as_mut()?.shape.as_mut());
        if let Some(first) = shape.and_then(|shape| shape.dim.first_mut()) {
            first.value = Some(Size::DimParam("N".into()));
        }
    }
    model.ir_version = Some(model.ir_version.unwrap_or(0).max(IR_WITH_OWN_CONSTANTS));
    let words = about.words.iter().cloned().chain([(CLASSES.to_owned(), about.classes.join("\n"))]);
    for (key, value) in words {
        model.metadata_props.retain(|word| word.key.as_ref() != Some(&key));
        model.metadata_props.push(StringStringEntryProto { key: Some(key), value: Some(value) });
    }
    Ok(model.encode_to_vec())
}

/// The names that are taken.
struct Names(HashSet<String>);

impl Names {
    fn of(graph: &GraphProto) -> Self {
        let made = graph.node.iter().flat_map(|node| node.output.iter().cloned());
        let constants = graph.initializer.iter().filter_map(|tensor| tensor.name.clone());
        Self(made.chain(constants).chain(graph.input.iter().filter_map(|value| value.name.clone())).collect())
    }

    /// One that is not, and is from now on.
    fn fresh(&mut self, wanted: &str) -> String {
        let others = (2..).map(|number| format!("{wanted}.{number}"));
        let mut all = std::iter::once(wanted.to_owned()).chain(others);
        let name = all.find(|name| !self.0.contains(name)).unwrap_or_default();
        self.0.insert(name.clone());
        name
    }
}

/// Floats in the width of that kind (`TensorProto.DataType`).
fn tensor(name: &str, shape: &[usize], values: &[f32], kind: i32) -> TensorProto {
    let values = values.iter().copied();
    let bytes: Vec<u8> = match kind {
        FLOAT16 => values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect(),
        BFLOAT16 => values.flat_map(|value| bf16::from_f32(value).to_le_bytes()).collect(),
        DOUBLE => values.flat_map(|value| f64::from(value).to_le_bytes()).collect(),
        _ => values.flat_map(f32::to_le_bytes).collect(),
    };
    TensorProto {
        dims: shape.iter().map(|size| *size as i64).collect(),
        data_type: Some(if [FLOAT16, BFLOAT16, DOUBLE].contains(&kind) { kind } else { FLOAT }),
        name: Some(name.into()),
        raw_data: Some(bytes.into()),
        ..TensorProto::default()
    }
}

/// The kind of floats that a constant has, wherever it stands; single ones where it is none.
fn kind_of(graph: &GraphProto, name: &str) -> i32 {
    let constant = graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(name));
    let attribute = |node: &NodeProto, name: &str| {
        let found = node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name));
        found.and_then(|found| found.t.as_ref().map_or(found.i, |tensor| tensor.data_type.map(i64::from)))
    };
    let made = || {
        let node = graph.node.iter().find(|node| node.output.iter().any(|output| output == name))?;
        let kind = match node.op_type.as_deref() {
            Some("Constant") => attribute(node, "value"),
            Some("Cast") => attribute(node, "to"),
            Some("Identity") => return node.input.first().map(|input| kind_of(graph, input)),
            Some(_) | None => None,
        };
        kind.and_then(|kind| i32::try_from(kind).ok())
    };
    constant.map_or_else(made, |tensor| tensor.data_type).unwrap_or(FLOAT)
}

/// New entries of the constant of that name, or in place of the node that makes it.
fn put(graph: &mut GraphProto, name: &str, shape: &[usize], values: &[f32]) {
    let tensor = tensor(name, shape, values, kind_of(graph, name));
    graph.node.retain(|node| !node.output.iter().any(|output| output == name));
    match graph.initializer.iter_mut().find(|other| other.name == tensor.name) {
        Some(other) => *other = tensor,
        None => graph.initializer.push(tensor),
    }
}

/// A batch normalisation that multiplies by the first and adds the second: its mean is 0, its variance 1 with what is added.
fn norm(
    graph: &mut GraphProto,
    names: &mut Names,
    output: &str,
    [factor, term]: [&[f32]; 2],
) -> Result<(), ReadError> {
    let at = graph.node.iter().position(|node| node.output.first().is_some_and(|name| name == output));
    let at = at.ok_or_else(|| ReadError::Format(format!("no node makes {output:?} any more")))?;
    let kind = graph.node[at].input.get(1).map_or(FLOAT, |scale| kind_of(graph, scale));
    let node = &mut graph.node[at];
    let epsilon = node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some("epsilon"));
    let epsilon = epsilon.and_then(|attribute| attribute.f).map_or(BATCH_NORM_EPSILON, f64::from);
    let count = factor.len();
    let rest = [vec![0.0; count], vec![(1.0 - epsilon) as f32; count]];
    let parts = ["scale", "shift", "mean", "variance"].into_iter().zip([factor, term, &rest[0], &rest[1]]);
    node.input.truncate(1);
    for (part, values) in parts {
        let name = names.fresh(&format!("{output}.{part}"));
        node.input.push(name.clone());
        graph.initializer.push(tensor(&name, &[count], values, kind));
    }
    Ok(())
}

/// Has pixels scaled before anything else sees them.
fn scale(
    graph: &mut GraphProto,
    names: &mut Names,
    interface: &Interface,
    (mean, deviation): &MeanAndDeviation,
) -> Result<(), ReadError> {
    let constants: HashSet<String> =
        graph.initializer.iter().filter_map(|tensor| tensor.name.clone()).collect();
    let is_images =
        |value: &&ValueInfoProto| value.name.as_ref().is_some_and(|name| !constants.contains(name));
    let images = graph.input.iter().find(is_images);
    let images = images.ok_or_else(|| ReadError::Format("no images go into it any more".into()))?;
    let input = images.name.clone().unwrap_or_default();
    let is_first = has_channels_first(&sizes(images).unwrap_or_default(), interface.image) != Some(false);
    let shape = if is_first { vec![mean.len(), 1, 1] } else { vec![mean.len()] };
    let floats =
        images.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()?.elem_type).unwrap_or(FLOAT);
    let [centred, scaled] = ["pixels.centred", "pixels.scaled"].map(|name| names.fresh(name));
    for name in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if *name == input {
            name.clone_from(&scaled);
        }
    }
    let mut begins = Vec::new();
    for (kind, from, to, values) in
        [("Sub", input, centred.clone(), mean), ("Div", centred, scaled, deviation)]
    {
        let constant = names.fresh(&format!("{to}.by"));
        graph.initializer.push(tensor(&constant, &shape, values, floats));
        begins.push(NodeProto {
            input: vec![from, constant],
            output: vec![to.clone()],
            name: Some(to),
            op_type: Some(kind.into()),
            ..NodeProto::default()
        });
    }
    graph.node.splice(0..0, begins);
    Ok(())
}

/// Leaves constants out that nobody reads any more.
fn prune(graph: &mut GraphProto) {
    let read = graph.node.iter().flat_map(|node| &node.input);
    let read: HashSet<&String> =
        read.chain(graph.output.iter().filter_map(|value| value.name.as_ref())).collect();
    let is_read = |name: &Option<String>| name.as_ref().is_some_and(|name| read.contains(name));
    let constants: HashSet<String> =
        graph.initializer.iter().filter_map(|tensor| tensor.name.clone()).collect();
    graph.initializer.retain(|tensor| is_read(&tensor.name));
    graph.input.retain(|value| {
        is_read(&value.name) || value.name.as_ref().is_some_and(|name| !constants.contains(name))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NetworkKind, Setup};
    use crate::nn::Network;
    use crate::nn::network::Statistics;
    use crate::nn::onnx::proto::EXTERNAL;
    use crate::nn::onnx::read::whole;
    use crate::nn::onnx::write::write;
    use crate::nn::weights::first_values;

    /// A file of a network of the lab, what it reads and says, and as many weights as the file has.
    fn file() -> (ModelProto, Interface, Vec<Vec<f32>>) {
        let setup = Setup { network: NetworkKind::CnnSmall, width: 0.5, ..Setup::default() };
        let statistics = Statistics { mean: vec![0.4; 3], deviation: vec![0.3; 3] };
        let interface = Interface { image: [3, 8, 8], classes: 5 };
        let network = Network::main(setup.architecture(), interface.clone(), &statistics);
        let bytes = write(&network, &first_values(&network.specs, 3), &About::default()).unwrap();
        let imported = read_again(bytes.clone().into(), &interface).unwrap();
        let other = imported.values.iter().map(|values| values.iter().map(|value| value + 0.25).collect());
        (ModelProto::decode(&*bytes).unwrap(), interface, other.collect())
    }

    #[test]
    fn weights_stay_of_the_width_that_the_file_has() {
        let (mut model, interface, other) = file();
        let graph = model.graph.as_mut().unwrap();
        for constant in graph.initializer.iter_mut().filter(|tensor| tensor.data_type == Some(FLOAT)) {
            let bytes = constant.raw_data.take().unwrap();
            let values: Vec<f32> =
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            let shape: Vec<usize> = constant.dims.iter().map(|size| *size as usize).collect();
            let name = constant.name.clone().unwrap();
            *constant = tensor(&name, &shape, &values, FLOAT16);
        }
        let bytes = Bytes::from(model.encode_to_vec());
        let about = About::default();
        let written = rewrite(&bytes, &interface, (&other, None), &about).unwrap();
        let again = ModelProto::decode(&*written).unwrap().graph.unwrap();
        assert!(again.initializer.iter().all(|tensor| tensor.data_type != Some(FLOAT)), "halves stay halves");
        let found = read_again(written.into(), &interface).unwrap();
        for ((spec, found), expected) in found.network.specs.iter().zip(&found.values).zip(&other) {
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * b.abs().max(1.0);
            assert!(spec.init == Init::Fixed || found.iter().zip(expected).all(near), "{}", spec.name);
        }
    }

    #[test]
    fn a_file_is_whole_without_those_beside_it() {
        let (mut model, interface, _) = file();
        let plain = Bytes::from(model.encode_to_vec());
        let mut constants = model.graph.as_mut().unwrap().initializer.iter_mut();
        let constant = constants.rfind(|tensor| tensor.data_type == Some(FLOAT)).unwrap();
        let bytes = constant.raw_data.take().unwrap();
        constant.data_location = Some(EXTERNAL);
        let word = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.into()),
            value: Some(value.into()),
        };
        constant.external_data = vec![word("location", "model.data"), word("offset", "4")];
        let beside = |name: &str, offset: usize, length: usize| {
            assert_eq!((name, offset, length), ("model.data", 4, bytes.len()));
            Ok(bytes.to_vec())
        };
        let outside = Bytes::from(model.encode_to_vec());
        assert!(read_again(outside.clone(), &interface).is_err(), "a part of it is missing");
        let kept = whole(outside, &beside).unwrap();
        let values = |file: Bytes| read_again(file, &interface).unwrap().values;
        assert_eq!(values(kept), values(plain.clone()));
        assert_eq!(whole(plain.clone(), &beside).unwrap(), plain, "as it is where nothing is missing");
    }
}
