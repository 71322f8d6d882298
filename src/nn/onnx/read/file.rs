//! A whole file: its constants, its nodes in order, what goes in and what comes out; and whether it can be run.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use prost::Message as _;
use prost::bytes::Bytes;

use super::builder::{Builder, Origin};
use super::constants::{Constant, Siblings};
use super::error::ReadError;
use super::operators::{Given, KNOWN, add, learned_inputs};
use crate::nn::graph::{Curve, Graph, Host, Move, Op, Problem, Slot};
use crate::nn::network::Interface;
use crate::nn::onnx::proto::{GraphProto, ModelProto, NodeProto, Size, ValueInfoProto};
use crate::nn::{Layer, Network, Weights};

/// The versions of the operators that are read.
const OPSETS: std::ops::RangeInclusive<i64> = 11..=23;
/// Images up to which a batch that a file may be written for is looked for.
const MOST_TRIED: usize = 16;
/// Most nodes of a file.
const MOST_NODES: usize = 1 << 16;
/// By how much, of how far logits lie apart, what is said of an image may depend on how many are asked at once.
const ALONE: f32 = 1e-3;

/// A network of somebody's own.
#[derive(Clone, Debug)]
pub struct Imported {
    /// From images to logits.
    pub network: Network,
    /// Its weights, in the order of its specifications.
    pub values: Vec<Vec<f32>>,
    /// What of the file each of them is made of.
    pub origins: Vec<Origin>,
    /// How many nodes of each operator the file has.
    pub operators: BTreeMap<String, usize>,
    /// What is said of itself: each key with its word.
    pub words: Vec<(String, String)>,
    /// What was made otherwise than the file says, in sentences.
    pub notes: Vec<String>,
}

impl Imported {
    /// Constants of its graph that are no weights.
    pub fn arrays(&self) -> &[Host] {
        match &self.network.layers[..] {
            [Layer::Graph(graph)] => graph.arrays(),
            _ => &[],
        }
    }
}

/// Reads an ONNX file; `image` are the sizes `[C, H, W]` of the images that it will see, which it must take, or none where it
/// is to say that itself. It is run forward and back, so that what it cannot do is said now.
///
/// # Errors
/// [`ReadError`].
pub fn read(file: Bytes, image: Option<[usize; 3]>, siblings: &Siblings<'_>) -> Result<Imported, ReadError> {
    opened(file, image, siblings, tried)
}

/// The same of a whole file that was read before, with what its network reads and says: it is not run again.
///
/// # Errors
/// [`ReadError`].
pub fn read_again(file: Bytes, interface: &Interface) -> Result<Imported, ReadError> {
    let none = |name: &str, _, _| Err(format!("{name} was not kept with it"));
    opened(file, Some(interface.image), &none, |_, _, _, _| Ok((interface.classes, Vec::new())))
}

/// Reads a file; `run` says how many classes its graph tells apart, and what speaks against attacking it.
fn opened(
    file: Bytes,
    image: Option<[usize; 3]>,
    siblings: &Siblings<'_>,
    run: impl FnOnce(&Graph, &Weights, [usize; 3], &Device) -> Result<(usize, Vec<&'static str>), ReadError>,
) -> Result<Imported, ReadError> {
    let model = ModelProto::decode(file).map_err(|error| ReadError::Format(error.to_string()))?;
    let graph = model.graph.as_ref().ok_or_else(|| ReadError::Format("there is no graph in it".into()))?;
    let opset = opset(&model)?;
    known(graph, opset)?;
    let mut notes = Vec::new();
    let mut builder = Builder::new(constants(graph, siblings)?);
    builder.learned(learned(graph));
    let (name, image) = input(graph, image, &mut builder, &mut notes)?;
    builder.fix(scaling(graph, &name));
    let output = output(graph)?;
    for node in in_order(graph, &name, &builder)? {
        builder.begin(title(node));
        let made = add(&mut builder, Given { node, opset, siblings });
        let made = made.map_err(|problem| ReadError::Node { node: title(node), problem })?;
        for (name, slot) in node.output.iter().zip(made) {
            builder.name(name, slot);
        }
    }
    let last =
        builder.slot(output).map_err(|problem| ReadError::Interface(format!("what comes out: {problem}")))?;
    let last = cut(&mut builder, last, &mut notes);
    let graph_read = Graph::new(builder.nodes, builder.arrays, &builder.specs, last);
    let device = Device::flex();
    let weights = Weights::from_values(std::mem::take(&mut builder.values), &device);
    let (classes, seems) = run(&graph_read, &weights, image, &device)?;
    #[expect(clippy::disallowed_methods, reason = "this device has them at once")]
    let values: Vec<Vec<f32>> = weights
        .0
        .into_iter()
        .map(|weight| weight.into_data().try_into_vec().expect("weights are f32"))
        .collect();
    notes.extend(seems.into_iter().map(str::to_owned));
    let network = Network {
        layers: vec![Layer::Graph(Arc::new(graph_read))],
        specs: builder.specs,
        interface: Interface { image, classes },
    };
    let mut operators = BTreeMap::new();
    graph.node.iter().for_each(|node| *operators.entry(kind(node).to_owned()).or_insert(0) += 1);
    let words = model.metadata_props.iter();
    let words = words.filter_map(|word| Some((word.key.clone()?, word.value.clone()?))).collect();
    Ok(Imported { network, values, origins: builder.origins, operators, words, notes })
}

fn kind(node: &NodeProto) -> &str {
    node.op_type.as_deref().unwrap_or_default()
}

/// A text out of a file, which may be anything, without what would leave a line.
fn in_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A node by its name and operator, or by what it makes.
pub(super) fn title(node: &NodeProto) -> String {
    let name = node.name.as_deref().filter(|name| !name.is_empty());
    let name = name.or(node.output.first().map(String::as_str)).unwrap_or_default();
    in_line(&format!("{name} ({})", kind(node)))
}

fn opset(model: &ModelProto) -> Result<i64, ReadError> {
    let own = |domain: &Option<String>| matches!(domain.as_deref(), None | Some("" | "ai.onnx"));
    let opset = model.opset_import.iter().find(|set| own(&set.domain)).and_then(|set| set.version);
    let opset = opset
        .ok_or_else(|| ReadError::Format("it does not say of which version its operators are".into()))?;
    if OPSETS.contains(&opset) {
        Ok(opset)
    } else {
        Err(ReadError::Opset { opset, first: *OPSETS.start(), last: *OPSETS.end() })
    }
}

/// Whether there are no more nodes than can be, and none of an operator that is not known.
fn known(graph: &GraphProto, opset: i64) -> Result<(), ReadError> {
    if graph.node.len() > MOST_NODES {
        return Err(ReadError::Format(format!("{} nodes are too many", graph.node.len())));
    }
    let is_own = |node: &NodeProto| matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"));
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in &graph.node {
        if !is_own(node) || !KNOWN.contains(&kind(node)) {
            let domain = if is_own(node) {
                String::new()
            } else {
                format!("{}.", node.domain.as_deref().unwrap_or(""))
            };
            unknown.entry(in_line(&format!("{domain}{}", kind(node)))).or_default().push(title(node));
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let list = unknown.into_iter().map(|(operator, nodes)| {
        let first = nodes.first().cloned().unwrap_or_default();
        let more = if nodes.len() > 1 { format!(" and {} more", nodes.len() - 1) } else { String::new() };
        format!("the operator {operator} of opset {opset} (node {first}{more})")
    });
    Err(ReadError::Operators(list.collect()))
}

pub(super) fn constants(
    graph: &GraphProto,
    siblings: &Siblings<'_>,
) -> Result<HashMap<String, Constant>, ReadError> {
    let read = |tensor: &crate::nn::onnx::proto::TensorProto| {
        let name = tensor.name.clone().unwrap_or_default();
        let constant = Constant::read(tensor, siblings);
        let constant = constant.map_err(|problem| ReadError::Constant { name: in_line(&name), problem })?;
        Ok((name, constant))
    };
    graph.initializer.iter().map(read).collect()
}

/// The names of what convolutions, products and norms read where weights stand, and of what these are other names or other
/// kinds of.
pub(super) fn learned(graph: &GraphProto) -> HashSet<String> {
    let mut before: HashMap<&str, &str> = HashMap::new();
    for node in graph.node.iter().filter(|node| matches!(kind(node), "Identity" | "Cast")) {
        if let (Some(input), Some(output)) = (node.input.first(), node.output.first()) {
            before.insert(output, input);
        }
    }
    let mut names = HashSet::new();
    for node in &graph.node {
        for at in learned_inputs(kind(node)).take(node.input.len()) {
            let mut name = node.input.get(at).map(String::as_str);
            // A name that is known leads to names that are, and a circle ends there.
            while let Some(new) = name.filter(|name| names.insert((*name).to_owned())) {
                name = before.get(new).copied();
            }
        }
    }
    names
}

/// The names of what pixels are scaled by before anything else sees them: nobody learned a mean and a deviation of the data.
fn scaling(graph: &GraphProto, input: &str) -> HashSet<String> {
    let mut pixels: HashSet<&str> = HashSet::from([input]);
    let mut names = HashSet::new();
    for node in &graph.node {
        let (of_pixels, others): (Vec<&String>, Vec<&String>) =
            node.input.iter().partition(|name| pixels.contains(name.as_str()));
        let scales = matches!(kind(node), "Add" | "Sub" | "Mul" | "Div");
        let passes = matches!(kind(node), "Identity" | "Cast" | "Transpose");
        if of_pixels.len() == 1 && (scales || passes) {
            names.extend(others.into_iter().cloned());
            pixels.extend(node.output.iter().map(String::as_str));
        }
    }
    names
}

/// Whether what goes in with such sizes has the channels of the images first, where it may be either; none where it takes no
/// such images.
pub fn has_channels_first(given: &[Option<i64>], [c, h, w]: [usize; 3]) -> Option<bool> {
    let fits = |expected: [usize; 3]| {
        given.len() == 4
            && given[1..].iter().zip(expected).all(|(size, own)| size.is_none_or(|size| size == own as i64))
    };
    if fits([c, h, w]) { Some(true) } else { fits([h, w, c]).then_some(false) }
}

/// The sizes of something; none where one is only known later.
pub fn sizes(value: &ValueInfoProto) -> Option<Vec<Option<i64>>> {
    let tensor = value.r#type.as_ref()?.tensor_type.as_ref()?;
    let dims = &tensor.shape.as_ref()?.dim;
    let size = |size: &Option<Size>| match size {
        Some(Size::DimValue(size)) => Some(*size),
        Some(Size::DimParam(_)) | None => None,
    };
    Some(dims.iter().map(|dim| size(&dim.value)).collect())
}

/// The name of what goes in, and the sizes of the images: it must take images `[N, C, H, W]` of that size, or `[N, H, W, C]`,
/// which are turned for it.
fn input(
    graph: &GraphProto,
    image: Option<[usize; 3]>,
    builder: &mut Builder,
    notes: &mut Vec<String>,
) -> Result<(String, [usize; 3]), ReadError> {
    let name = |value: &ValueInfoProto| value.name.clone().unwrap_or_default();
    let shown_name = |value: &&ValueInfoProto| in_line(&name(value));
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|value| !builder.is_constant(&name(value))).collect();
    let [value] = inputs[..] else {
        let names: Vec<String> = inputs.iter().map(shown_name).collect();
        let problem = format!("it takes {} inputs ({}), not images alone", names.len(), names.join(", "));
        return Err(ReadError::Interface(problem));
    };
    let kind = value.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref()?.elem_type);
    if !matches!(kind, None | Some(1 | 10 | 11 | 16)) {
        return Err(ReadError::Interface(
            "it takes images of whole numbers, and the lab gives floats in [0, 1]: write it without that conversion"
                .into(),
        ));
    }
    let given = sizes(value).unwrap_or_else(|| vec![None; 4]);
    let said = |size: &Option<i64>| size.map_or("any".to_owned(), |size| size.to_string());
    let shown = given.iter().map(said).collect::<Vec<_>>().join(", ");
    let image = image.or_else(|| own_size(&given)).ok_or_else(|| {
        ReadError::Interface(format!(
            "it takes [{shown}], which does not say how large its images are: give --data"
        ))
    })?;
    let slot = match has_channels_first(&given, image) {
        Some(true) => Slot::Image,
        Some(false) => {
            notes.push(
                "it takes images with their channels last, as TensorFlow does: they are turned for it".into(),
            );
            builder.begin("the turn of the images".into());
            builder.moved(Move::Transpose(Some(vec![0, 2, 3, 1])), [Slot::Image])
        }
        None => {
            let [c, h, w] = image;
            return Err(ReadError::Interface(format!(
                "it takes [{shown}], and the images of the data are [N, {c}, {h}, {w}]: give data like what it was trained on"
            )));
        }
    };
    builder.name(&name(value), slot);
    Ok((name(value), image))
}

/// `[C, H, W]` where the file says them; their channels are last where there are 1 or 3 of them and not so many rows.
fn own_size(given: &[Option<i64>]) -> Option<[usize; 3]> {
    let known: Option<Vec<usize>> = given
        .get(1..)?
        .iter()
        .map(|size| usize::try_from((*size)?).ok().filter(|size| (1..=4096).contains(size)))
        .collect();
    let [first, second, third] = <[usize; 3]>::try_from(known?).ok()?;
    let is_last = matches!(third, 1 | 3) && !matches!(first, 1 | 3);
    Some(if is_last { [third, first, second] } else { [first, second, third] })
}

/// The name of what comes out.
fn output(graph: &GraphProto) -> Result<&str, ReadError> {
    match &graph.output[..] {
        [value] => Ok(value.name.as_deref().unwrap_or_default()),
        several => Err(ReadError::Interface(format!(
            "it has {} outputs, and a classifier has one, its logits",
            several.len()
        ))),
    }
}

/// The nodes in an order in which each comes behind what it reads.
pub(super) fn in_order<'a>(
    graph: &'a GraphProto,
    input: &str,
    builder: &Builder,
) -> Result<Vec<&'a NodeProto>, ReadError> {
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut open: Vec<usize> = Vec::with_capacity(graph.node.len());
    for (at, node) in graph.node.iter().enumerate() {
        let waits = |name: &&str| !name.is_empty() && *name != input && !builder.is_constant(name);
        let names: HashSet<&str> = node.input.iter().map(String::as_str).filter(waits).collect();
        open.push(names.len());
        names.into_iter().for_each(|name| readers.entry(name).or_default().push(at));
    }
    let mut ready: BTreeSet<usize> = (0..open.len()).filter(|at| open[*at] == 0).collect();
    let mut order = Vec::with_capacity(graph.node.len());
    while let Some(at) = ready.pop_first() {
        let node = &graph.node[at];
        order.push(node);
        for name in &node.output {
            for reader in readers.remove(name.as_str()).unwrap_or_default() {
                open[reader] -= 1;
                if open[reader] == 0 {
                    ready.insert(reader);
                }
            }
        }
    }
    match open.iter().position(|open| *open > 0) {
        None => Ok(order),
        Some(at) => {
            let problem = Problem::new("what it reads is made by no node, or follows from itself");
            Err(ReadError::Node { node: title(&graph.node[at]), problem })
        }
    }
}

/// What comes out without a softmax at the end, or before shapes that change nothing: attacks need logits.
fn cut(builder: &mut Builder, last: Slot, notes: &mut Vec<String>) -> Slot {
    let mut reader: Option<usize> = None;
    let mut slot = last;
    while let Slot::Made(at) = slot {
        let node = &builder.nodes[at];
        let first = node.inputs.first().copied().flatten();
        let left_out = match &node.op {
            Op::Softmax { axis: 1 | -1, is_log: false } => Some("a softmax"),
            Op::Softmax { axis: 1 | -1, is_log: true } => Some("the logarithm of a softmax"),
            // It keeps the order of the classes, as a softmax does.
            Op::Curve(Curve::Sigmoid) => Some("a sigmoid"),
            _ => None,
        };
        match (&node.op, left_out, first) {
            (_, Some(what), Some(logits)) => {
                notes
                    .push(format!("it ends in {what}, which is left out: attacks need the logits before it"));
                let Some(reader) = reader else { return logits };
                builder.nodes[reader].inputs[0] = Some(logits);
                return last;
            }
            (Op::Move(Move::Reshape { .. } | Move::Flatten(_) | Move::Squeeze), None, Some(before)) => {
                (reader, slot) = (Some(at), before);
            }
            _ => return last,
        }
    }
    last
}

/// Runs the graph forward and back, for two images alone and together; how many classes it tells apart, and what speaks
/// against attacking it as it is.
fn tried(
    graph: &Graph,
    weights: &Weights,
    image: [usize; 3],
    device: &Device,
) -> Result<(usize, Vec<&'static str>), ReadError> {
    let [c, h, w] = image;
    let count = c * h * w;
    let images = |range: std::ops::Range<usize>| -> Tensor<4> {
        let pixel = |pixel: usize| 0.5 + 0.45 * (pixel as f32 * 12.9898).sin();
        let pixels: Vec<f32> = (range.start * count..range.end * count).map(pixel).collect();
        Tensor::from_data(TensorData::new(pixels, [range.len(), c, h, w]), device)
    };
    #[expect(clippy::disallowed_methods, reason = "this device has it at once")]
    let read = |entries: Tensor<1>| -> Vec<f32> { entries.into_data().try_into_vec().unwrap_or_default() };
    let (one, _) = graph.run(weights, images(0..1)).map_err(|error| {
        // One that takes another number alone is told by that.
        match (2..=MOST_TRIED).find(|many| graph.run(weights, images(0..*many)).is_ok()) {
            Some(many) => ReadError::Batch { images: many, problem: error.to_string() },
            None => error.into(),
        }
    })?;
    let classes = match *one.shape() {
        [1, classes] | [1, classes, 1, 1] if classes >= 2 => classes,
        ref shape => {
            return Err(ReadError::Interface(format!(
                "it says {shape:?} of an image, and a classifier says [1, K], a logit for each of its K classes"
            )));
        }
    };
    let (two, record) = match graph.run(weights, images(0..2)) {
        Ok((two, record)) if two.len() == 2 * classes => (two, record),
        Ok((two, _)) => {
            let problem = format!("two images make {:?}", two.shape());
            return Err(ReadError::Batch { images: 1, problem });
        }
        Err(error) => return Err(ReadError::Batch { images: 1, problem: error.to_string() }),
    };
    let (other, _) = graph.run(weights, images(1..2))?;
    let alone = [read(one.flat()), read(other.flat())].concat();
    let together = read(two.flat());
    if let Some(said) = alone.iter().chain(&together).find(|logit| !logit.is_finite()) {
        return Err(ReadError::NoNumber { said: *said });
    }
    // Of how much logits differ, for a constant in all of them says nothing.
    let (low, high) =
        alone.iter().fold((f32::MAX, f32::MIN), |(low, high), said| (low.min(*said), high.max(*said)));
    let most = (ALONE * (high - low)).max(f32::EPSILON * high.abs().max(low.abs()) * 16.0);
    if alone.iter().zip(&together).any(|(one, two)| (one - two).abs() > most) {
        return Err(ReadError::Together);
    }
    // The first class of each: what all of them say together may be the same whatever goes in.
    let mut towards = vec![0.0f32; 2 * classes];
    (towards[0], towards[classes]) = (1.0, 1.0);
    let towards: Tensor<1> = Tensor::from_data(TensorData::new(towards, [2 * classes]), device);
    let gradient = read(graph.back(&record, towards)?.flat());
    if let Some(said) = gradient.iter().find(|entry| !entry.is_finite()) {
        return Err(ReadError::NoGradient { said: *said });
    }
    Ok((classes, suspicions(&alone, &gradient, classes)))
}

/// What speaks against attacking a network that says these logits and has this gradient.
fn suspicions(said: &[f32], gradient: &[f32], classes: usize) -> Vec<&'static str> {
    let mut found = Vec::new();
    let is_one =
        |row: &[f32]| row.iter().all(|said| *said >= 0.0) && (row.iter().sum::<f32>() - 1.0).abs() < 1e-4;
    if said.chunks_exact(classes).all(is_one) {
        found.push("what it says sums to 1: probabilities and no logits, of which gradients vanish");
    }
    if gradient.iter().all(|entry| *entry == 0.0) {
        found.push(
            "its gradient is exactly 0: attacks that follow it go nowhere, and figures of these alone say nothing",
        );
    }
    found
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use super::*;
    use crate::config::{NetworkKind, Setup};
    use crate::nn::network::Statistics;
    use crate::nn::onnx::proto::{EXTERNAL, StringStringEntryProto};
    use crate::nn::onnx::write::{About, write};
    use crate::nn::weights::first_values;

    const IMAGE: [usize; 3] = [3, 8, 8];

    /// A network of the lab, its weights, and its file, changed.
    fn file(change: impl FnOnce(&mut ModelProto)) -> (Network, Vec<Vec<f32>>, Bytes) {
        let setup = Setup { network: NetworkKind::CnnSmall, width: 0.5, ..Setup::default() };
        let statistics = Statistics { mean: vec![0.4; 3], deviation: vec![0.3; 3] };
        let network =
            Network::main(setup.architecture(), Interface { image: IMAGE, classes: 5 }, &statistics);
        let values = first_values(&network.specs, 3);
        let about = About { classes: vec!["A".into()], words: vec![("steps".into(), "7".into())] };
        let bytes = write(&network, &values, &about).expect("it can be said");
        let mut model = ModelProto::decode(&*bytes).expect("a file");
        change(&mut model);
        (network, values, model.encode_to_vec().into())
    }

    fn opened(change: impl FnOnce(&mut ModelProto)) -> Result<Imported, ReadError> {
        let beside = |name: &str, offset: usize, length: usize| match name {
            "weights.bin" => Ok(vec![0x3e; length]),
            _ => Err(format!("there is no {name} from {offset} on")),
        };
        read(file(change).2, None, &beside)
    }

    fn refused(change: impl FnOnce(&mut ModelProto)) -> String {
        opened(change).map(|_| ()).expect_err("it is refused").to_string()
    }

    fn graph(model: &mut ModelProto) -> &mut GraphProto {
        model.graph.as_mut().expect("a graph")
    }

    #[test]
    fn what_was_written_is_read_back() {
        let (network, values, bytes) = file(|_| {});
        let nothing = |_: &str, _: usize, _: usize| Err(String::new());
        let found = read(bytes, None, &nothing).expect("it is one");
        assert_eq!(found.network.interface, network.interface);
        assert_eq!((found.operators["Conv"], found.words.len(), found.notes.len()), (4, 2, 0));
        let device = Device::flex();
        let pixels: Vec<f32> = (0..3 * 192).map(|pixel| 0.5 + 0.5 * (pixel as f32).sin()).collect();
        let images = Tensor::<4>::from_data(TensorData::new(pixels, [3, 3, 8, 8]), &device);
        let said = |network: &Network, values: Vec<Vec<f32>>| -> Vec<f32> {
            let logits = network.logits(&Weights::from_values(values, &device), images.clone());
            logits.into_data().try_into_vec().expect("32 bits")
        };
        let (expected, found) = (said(&network, values), said(&found.network, found.values));
        let largest = expected.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
        assert!(expected.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-5 * largest), "{found:?}");
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        let unknown = refused(|model| {
            graph(model).node.iter_mut().filter(|node| kind(node) == "Relu").for_each(|node| {
                node.op_type = Some("Sparkle".into());
            });
        });
        assert!(
            unknown.contains("the operator Sparkle of opset 17 (node Relu_")
                && unknown.contains("and 3 more"),
            "{unknown}"
        );
        let foreign = refused(|model| graph(model).node[0].domain = Some("com.example".into()));
        assert!(foreign.contains("com.example.Sub"), "{foreign}");
        let old = refused(|model| model.opset_import[0].version = Some(9));
        assert!(old.contains("of opset 9, and 11 to 23 are read"), "{old}");
        let cyclic = refused(|model| {
            let last =
                graph(model).node.last().and_then(|node| node.output.first().cloned()).expect("it is there");
            graph(model).node[0].input[0] = last;
        });
        assert!(cyclic.contains("is made by no node, or follows from itself"), "{cyclic}");
        let short = refused(|model| graph(model).initializer[0].raw_data = Some(Bytes::from_static(&[0; 3])));
        assert!(short.contains("it has 3 bytes in place of 12"), "{short}");
        let large = refused(|model| graph(model).initializer[0].dims = vec![1 << 40, 1 << 40]);
        assert!(large.contains("is too large"), "{large}");
        let negative = refused(|model| graph(model).initializer[0].dims = vec![-3]);
        assert!(negative.contains("[-3] is no shape"), "{negative}");
        let endless = refused(|model| {
            let tensor =
                graph(model).initializer.iter_mut().find(|tensor| tensor.dims.len() == 4).expect("a kernel");
            let count: i64 = tensor.dims.iter().product();
            tensor.raw_data = Some(f32::NAN.to_le_bytes().repeat(count as usize).into());
        });
        assert!(endless.contains("it says NaN of an image"), "{endless}");
        let two = refused(|model| {
            let mut other = graph(model).output[0].clone();
            other.name = graph(model).node[0].output.first().cloned();
            graph(model).output.push(other);
        });
        assert!(two.contains("it has 2 outputs"), "{two}");
        let map = refused(|model| graph(model).output[0].name = graph(model).node[1].output.first().cloned());
        assert!(map.contains("it says [1, 3, 8, 8] of an image"), "{map}");
        assert!(refused(|model| model.graph = None).contains("there is no graph in it"));
    }

    #[test]
    fn a_batch_of_one_and_images_that_depend_on_each_other_are_told() {
        let flatten = |model: &mut ModelProto, shape: [i64; 2]| {
            let node =
                graph(model).node.iter_mut().find(|node| kind(node) == "Flatten").expect("it is there");
            (node.op_type, node.attribute) = (Some("Reshape".into()), Vec::new());
            node.input.push("shape".into());
            graph(model).initializer.push(crate::nn::onnx::proto::TensorProto {
                dims: vec![2],
                data_type: Some(7),
                int64_data: shape.to_vec(),
                name: Some("shape".into()),
                ..Default::default()
            });
        };
        assert!(opened(|model| flatten(model, [0, 32])).is_ok());
        let single = refused(|model| flatten(model, [1, 32]));
        assert!(
            single.contains("it takes batches of 1 images only") && single.contains("dynamic_axes"),
            "{single}"
        );
        let together = refused(|model| {
            // The mean over the batch, in place of each image's own.
            let node = graph(model)
                .node
                .iter_mut()
                .find(|node| kind(node) == "GlobalAveragePool")
                .expect("it is there");
            let shared = node.output[0].clone();
            node.output[0] = "pooled".into();
            let mean = |kind: &str, inputs: [&str; 2], output: &str| NodeProto {
                input: inputs.map(str::to_owned).into(),
                output: vec![output.into()],
                op_type: Some(kind.into()),
                ..NodeProto::default()
            };
            graph(model).initializer.push(crate::nn::onnx::proto::TensorProto {
                dims: vec![1],
                data_type: Some(7),
                int64_data: vec![0],
                name: Some("first".into()),
                ..Default::default()
            });
            let nodes =
                [mean("ReduceMean", ["pooled", "first"], "mean"), mean("Sub", ["pooled", "mean"], &shared)];
            graph(model).node.extend(nodes);
        });
        assert!(together.contains("depends on the others in its batch"), "{together}");
    }

    /// A node of that operator behind the network, in place of its output.
    fn behind(model: &mut ModelProto, operator: &str) {
        let output = graph(model).output[0].name.clone().expect("it has a name");
        let last = graph(model).node.last_mut().expect("there is one");
        last.output[0] = "before".into();
        graph(model).node.push(NodeProto {
            input: vec!["before".into()],
            output: vec![output],
            op_type: Some(operator.into()),
            ..NodeProto::default()
        });
    }

    #[test]
    fn what_keeps_attacks_from_working_is_told() {
        let notes = |operator: &'static str| opened(|model| behind(model, operator)).expect("it runs").notes;
        let logits = opened(|_| {}).expect("it runs");
        for operator in ["Softmax", "LogSoftmax", "Sigmoid"] {
            let found = opened(|model| behind(model, operator)).expect("it runs");
            assert!(found.notes.len() == 1 && found.notes[0].contains("left out"), "{:?}", found.notes);
            let nodes = |network: &Network| match &network.layers[..] {
                [Layer::Graph(graph)] => graph.nodes().len(),
                _ => 0,
            };
            assert_eq!(
                nodes(&found.network),
                nodes(&logits.network) + 1,
                "it is there and not run for anything"
            );
        }
        assert!(notes("Floor")[0].contains("its gradient is exactly 0"));
        assert!(logits.notes.is_empty());
        assert_eq!(suspicions(&[0.25, 0.75, 1.0, 0.0], &[1.0], 2).len(), 1);
        assert_eq!(suspicions(&[0.25, 0.85], &[0.0, 1.0], 2).len(), 0);
    }

    #[test]
    fn weights_may_lie_beside_the_file_and_nowhere_else() {
        let outside = |location: &'static str| {
            move |model: &mut ModelProto| {
                let tensor = &mut graph(model).initializer[0];
                (tensor.raw_data, tensor.data_location) = (None, Some(EXTERNAL));
                let words = [("location", location), ("offset", "0"), ("length", "12")];
                let entry = |(key, value): (&str, &str)| StringStringEntryProto {
                    key: Some(key.into()),
                    value: Some(value.into()),
                };
                tensor.external_data = words.map(entry).into();
            }
        };
        assert!(opened(outside("weights.bin")).is_ok());
        assert!(refused(outside("other.bin")).contains("there is no other.bin from 0 on"));
        for elsewhere in ["../weights.bin", "/etc/passwd", "C:weights.bin", "..", ""] {
            let said = refused(outside(elsewhere));
            assert!(said.contains("only files beside the network are read"), "{said}");
        }
    }
}
