//! A network with its weights, layer by layer, as a file that other tools run and draw.
//!
//! Normalisation is inside, so that pixels in [0, 1] go in, `[N, C, H, W]` with any N; logits `[N, K]` come out. Opset 17 has no
//! GroupNormalization of a scale for each channel (21 has): it is written as PyTorch's exporter does, by InstanceNormalization
//! of the groups.

use prost::Message as _;

use super::proto::{
    AttributeProto, Dimension, FLOAT, GraphProto, INT64, ModelProto, NodeProto, OperatorSetIdProto, Size,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorType, TypeProto, ValueInfoProto,
};
use crate::config::Activation;
use crate::gpu::GROUP_NORM_EPSILON;
use crate::nn::{Layer, Network};

/// The version of the file's own form.
const IR_VERSION: i64 = 8;
/// The version of the operators.
const OPSET: i64 = 17;
/// What goes in and what comes out.
const INPUT: &str = "images";
/// See [`INPUT`].
const OUTPUT: &str = "logits";

/// The word under which names of classes stand, one a line.
pub const CLASSES: &str = "classes";

/// Why a network cannot be written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnnxError {
    /// Its noise is another one in every pass.
    #[error(
        "it adds noise to its input that is drawn anew each time, which ONNX does not repeat; no file says the same"
    )]
    Noise,
    /// Only decoders of maps have such a layer, and they say no class.
    #[error("it says maps and no logits; export what says a class")]
    Maps,
    /// It came from such a file, which is no longer one that can be read.
    #[error("the ONNX file that it came from: {0}")]
    Imported(String),
    /// Rounding half-way cases differs between programs.
    #[error(
        "it rounds its input to {levels} levels, and tools round what lies half-way differently; no file says the same"
    )]
    Quantize {
        /// How many.
        levels: usize,
    },
}

/// What is said of the file.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Other words, each with its key.
    pub words: Vec<(String, String)>,
}

/// The file of a network with these weights, in the order of its specifications.
///
/// # Errors
/// [`OnnxError`].
pub fn write(network: &Network, values: &[Vec<f32>], about: &About) -> Result<Vec<u8>, OnnxError> {
    let mut graph = Graph { network, values, nodes: Vec::new(), constants: Vec::new() };
    let last = graph.layers(&network.layers, INPUT.into())?;
    // Behind a linear layer there are two axes already.
    graph.node("Flatten", &[last], vec![int("axis", 1)], OUTPUT.into());
    let [channels, height, width] = network.interface.image.map(|size| Size::DimValue(size as i64));
    let batch = || Size::DimParam("N".into());
    let classes = Size::DimValue(network.interface.classes as i64);
    let words = about.words.iter().cloned().chain([(CLASSES.into(), about.classes.join("\n"))]);
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("GREAT Lab".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: Some("Pixels in [0, 1] go in, logits come out; normalisation is inside.".into()),
        graph: Some(GraphProto {
            node: graph.nodes,
            name: Some("main".into()),
            initializer: graph.constants,
            input: vec![value(INPUT, [batch(), channels, height, width])],
            output: vec![value(OUTPUT, [batch(), classes])],
        }),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) }],
        metadata_props: words
            .map(|(key, value)| StringStringEntryProto { key: Some(key), value: Some(value) })
            .collect(),
    };
    Ok(model.encode_to_vec())
}

/// A graph as it grows.
struct Graph<'a> {
    network: &'a Network,
    values: &'a [Vec<f32>],
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Graph<'_> {
    /// Layers one behind the other; the name of what comes out.
    fn layers(&mut self, layers: &[Layer], mut x: String) -> Result<String, OnnxError> {
        for layer in layers {
            x = self.layer(layer, x)?;
        }
        Ok(x)
    }

    fn layer(&mut self, layer: &Layer, x: String) -> Result<String, OnnxError> {
        Ok(match layer {
            Layer::Normalize { mean, deviation } => {
                let column = |values: &[f32]| (vec![values.len(), 1, 1], values.to_vec());
                let centred = self.with_constant("Sub", x, column(mean));
                self.with_constant("Div", centred, column(deviation))
            }
            Layer::Quantize { levels } => return Err(OnnxError::Quantize { levels: *levels }),
            Layer::Noise { .. } => return Err(OnnxError::Noise),
            // The file is in single precision throughout.
            Layer::Narrow | Layer::Widen => x,
            Layer::Conv { weight, shape, stride } => {
                let kernel = self.weight(*weight, shape.to_vec());
                self.convolution(x, kernel, shape[2], *stride)
            }
            Layer::Bias { weight, channels } => {
                let bias = self.weight(*weight, vec![*channels, 1, 1]);
                self.op("Add", &[x, bias], Vec::new())
            }
            Layer::GroupNorm { scale, shift, form } => {
                let normal = self.normalized_groups(&x, form.groups);
                let channels = self.values[*scale].len();
                let [scale, shift] = [*scale, *shift].map(|index| self.weight(index, vec![channels, 1, 1]));
                let scaled = self.op("Mul", &[normal, scale], Vec::new());
                let shifted = self.op("Add", &[scaled, shift], Vec::new());
                form.activation.map_or(shifted.clone(), |kind| self.activation(kind, shifted))
            }
            Layer::Activation(kind) => self.activation(*kind, x),
            Layer::Grey { channels } => {
                let share = vec![1.0 / *channels as f32; *channels];
                let kernel = self.constant(vec![1, *channels, 1, 1], &share);
                self.convolution(x, kernel, 1, 1)
            }
            Layer::DepthToSpace { .. } => return Err(OnnxError::Maps),
            Layer::Graph(_) => return Err(OnnxError::Imported("it is written by that file itself".into())),
            Layer::GlobalPool => self.op("GlobalAveragePool", &[x], Vec::new()),
            Layer::Flatten => self.op("Flatten", &[x], vec![int("axis", 1)]),
            Layer::Linear { weight, bias, shape } => {
                let row = self.op("Flatten", &[x], vec![int("axis", 1)]);
                let matrix = self.weight(*weight, shape.to_vec());
                let bias = self.weight(*bias, vec![shape[0]]);
                self.op("Gemm", &[row, matrix, bias], vec![int("transB", 1)])
            }
            Layer::Residual { body, shortcut } => {
                let long = self.layers(body, x.clone())?;
                let short = self.layers(shortcut, x)?;
                self.op("Add", &[long, short], Vec::new())
            }
        })
    }

    /// An operator whose only output has a name of its own, which comes back.
    fn op(&mut self, kind: &str, inputs: &[String], attributes: Vec<AttributeProto>) -> String {
        let output = format!("{}_{}", kind.to_lowercase(), self.nodes.len());
        self.node(kind, inputs, attributes, output.clone());
        output
    }

    fn node(&mut self, kind: &str, inputs: &[String], attribute: Vec<AttributeProto>, output: String) {
        self.nodes.push(NodeProto {
            input: inputs.to_vec(),
            name: Some(format!("{kind}_{}", self.nodes.len())),
            output: vec![output],
            op_type: Some(kind.into()),
            attribute,
            domain: None,
        });
    }

    fn with_constant(&mut self, kind: &str, x: String, (shape, values): (Vec<usize>, Vec<f32>)) -> String {
        let constant = self.constant(shape, &values);
        self.op(kind, &[x, constant], Vec::new())
    }

    fn convolution(&mut self, x: String, kernel: String, size: usize, stride: usize) -> String {
        let [size, stride, pad] = [size, stride, size / 2].map(|number| number as i64);
        let attributes =
            vec![ints("kernel_shape", &[size; 2]), ints("pads", &[pad; 4]), ints("strides", &[stride; 2])];
        self.op("Conv", &[x, kernel], attributes)
    }

    /// Each group of channels of each image with mean 0 and variance 1.
    fn normalized_groups(&mut self, x: &str, groups: usize) -> String {
        let shape = self.op("Shape", &[x.into()], Vec::new());
        let by_group = self.integers(&[0, groups as i64, -1]);
        let grouped = self.op("Reshape", &[x.into(), by_group], Vec::new());
        let [ones, zeros] = [1.0, 0.0].map(|value| self.constant(vec![groups], &vec![value; groups]));
        let epsilon = AttributeProto { f: Some(GROUP_NORM_EPSILON as f32), ..attribute("epsilon", 1) };
        let normal = self.op("InstanceNormalization", &[grouped, ones, zeros], vec![epsilon]);
        self.op("Reshape", &[normal, shape], Vec::new())
    }

    fn activation(&mut self, kind: Activation, x: String) -> String {
        match kind {
            Activation::Relu => self.op("Relu", &[x], Vec::new()),
            Activation::Silu => {
                let gate = self.op("Sigmoid", std::slice::from_ref(&x), Vec::new());
                self.op("Mul", &[x, gate], Vec::new())
            }
        }
    }

    /// A weight of the network under its own name, once.
    fn weight(&mut self, index: usize, shape: Vec<usize>) -> String {
        let name = self.network.specs[index].name.clone();
        if self.constants.iter().all(|known| known.name.as_deref() != Some(&*name)) {
            self.constants.push(floats(&name, shape, &self.values[index]));
        }
        name
    }

    fn constant(&mut self, shape: Vec<usize>, values: &[f32]) -> String {
        let name = format!("constant_{}", self.constants.len());
        self.constants.push(floats(&name, shape, values));
        name
    }

    fn integers(&mut self, numbers: &[i64]) -> String {
        let name = format!("constant_{}", self.constants.len());
        self.constants.push(TensorProto {
            dims: vec![numbers.len() as i64],
            data_type: Some(INT64),
            name: Some(name.clone()),
            raw_data: Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
            ..TensorProto::default()
        });
        name
    }
}

fn floats(name: &str, shape: Vec<usize>, values: &[f32]) -> TensorProto {
    TensorProto {
        dims: shape.into_iter().map(|size| size as i64).collect(),
        data_type: Some(FLOAT),
        name: Some(name.into()),
        raw_data: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        ..TensorProto::default()
    }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(kind), ..AttributeProto::default() }
}

fn int(name: &str, number: i64) -> AttributeProto {
    AttributeProto { i: Some(number), ..attribute(name, 2) }
}

fn ints(name: &str, numbers: &[i64]) -> AttributeProto {
    AttributeProto { ints: numbers.to_vec(), ..attribute(name, 7) }
}

fn value<const D: usize>(name: &str, sizes: [Size; D]) -> ValueInfoProto {
    let dim = sizes.into_iter().map(|size| Dimension { value: Some(size) }).collect();
    let tensor = TensorType { elem_type: Some(FLOAT), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: Some(name.into()), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use std::collections::HashMap;

    use burn::tensor::{Device, Tensor, TensorData, activation};

    use super::*;
    use crate::config::{InputTransform, NetworkKind, Setup};
    use crate::gpu::conv2d;
    use crate::nn::multitask::MultitaskInterface;
    use crate::nn::network::{Interface, Statistics};
    use crate::nn::{MultitaskNetwork, Weights, weights::first_values};

    fn network(setup: &Setup, image: [usize; 3]) -> (Network, Vec<Vec<f32>>) {
        let statistics = Statistics { mean: vec![0.4; image[0]], deviation: vec![0.3; image[0]] };
        let interface = Interface { image, classes: 5 };
        let network = Network::main(setup.architecture(), interface, &statistics).behind_input_of(setup);
        let mut values = first_values(&network.specs, 3);
        // Norms and biases that begin at 1 and 0 would not be missed.
        for (index, value) in values.iter_mut().flatten().enumerate() {
            *value += 0.05 * (index as f32 * 12.9898).sin();
        }
        (network, values)
    }

    fn numbers(tensor: &TensorProto) -> Vec<i64> {
        let bytes = tensor.raw_data.as_deref().unwrap_or_default();
        bytes.as_chunks().0.iter().map(|number| i64::from_le_bytes(*number)).collect()
    }

    /// A file as it is read back: its constants, and what is known by name so far.
    struct Reader<'a> {
        constants: HashMap<&'a str, &'a TensorProto>,
        known: HashMap<String, Tensor<4>>,
        device: Device,
    }

    impl Reader<'_> {
        /// A tensor by its name; of a constant of fewer axes the first are 1.
        fn get(&self, name: &str) -> Tensor<4> {
            if let Some(known) = self.known.get(name) {
                return known.clone();
            }
            let tensor = self.constants[name];
            let bytes = tensor.raw_data.as_deref().unwrap_or_default();
            let values: Vec<f32> =
                bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
            let mut shape = vec![1; 4 - tensor.dims.len()];
            shape.extend(tensor.dims.iter().map(|size| *size as usize));
            Tensor::from_data(TensorData::new(values, shape), &self.device)
        }

        /// What an operator makes, as onnx.ai defines it.
        fn run(&self, node: &NodeProto) -> Tensor<4> {
            let [first, rest @ ..] = &node.input[..] else { panic!("{node:?}") };
            let x = self.get(first);
            let second = || self.get(&rest[0]);
            let ints = |name: &str| {
                let found = node.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name));
                found.expect("it is there").ints.clone()
            };
            let [n, c, h, w] = x.dims();
            match node.op_type.as_deref().expect("it has a kind") {
                "Sub" => x - second(),
                "Div" => x / second(),
                "Mul" => x * second(),
                "Add" => x + second(),
                "Conv" => {
                    assert_eq!(ints("pads"), [ints("kernel_shape")[0] / 2; 4]);
                    conv2d(x, second(), ints("strides")[0] as usize)
                }
                "Relu" => x.clamp_min(0.0),
                "Sigmoid" => activation::sigmoid(x),
                // Of it only the reshape behind it makes use.
                "Shape" => x,
                "Reshape" => match self.constants.get(&*rest[0]).map(|shape| numbers(shape)) {
                    Some(shape) => {
                        assert_eq!((shape[0], shape[2]), (0, -1));
                        let groups = shape[1] as usize;
                        x.reshape([n, groups, 1, c * h * w / groups])
                    }
                    None => x.reshape(second().dims()),
                },
                "InstanceNormalization" => {
                    let epsilon = f64::from(node.attribute[0].f.expect("a number"));
                    let centred = x.clone() - x.mean_dim(3);
                    let variance = (centred.clone() * centred.clone()).mean_dim(3);
                    let [scale, shift] = [0, 1].map(|which| self.get(&rest[which]).reshape([1, c, 1, 1]));
                    centred / (variance + epsilon).sqrt() * scale + shift
                }
                "GlobalAveragePool" => x.mean_dim(3).mean_dim(2),
                "Flatten" => x.reshape([n, c * h * w, 1, 1]),
                "Gemm" => {
                    let [.., out, features] = second().dims();
                    let matrix: Tensor<2> = second().reshape([out, features]);
                    let bias: Tensor<2> = self.get(&rest[1]).reshape([1, out]);
                    (x.reshape([n, features]).matmul(matrix.transpose()) + bias).reshape([n, out, 1, 1])
                }
                other => panic!("{other}"),
            }
        }
    }

    /// What a file says of images.
    fn run(bytes: &[u8], images: Tensor<4>) -> Vec<f32> {
        let graph = ModelProto::decode(bytes).expect("a file").graph.expect("a graph");
        let named = |tensor: &'_ TensorProto| tensor.name.clone().expect("it has a name");
        let names: Vec<String> = graph.initializer.iter().map(named).collect();
        let constants = names.iter().map(String::as_str).zip(&graph.initializer).collect();
        let device = images.device();
        let mut reader = Reader { constants, known: HashMap::from([(INPUT.to_owned(), images)]), device };
        for node in &graph.node {
            let made = reader.run(node);
            reader.known.insert(node.output[0].clone(), made);
        }
        reader.get(OUTPUT).into_data().try_into_vec().expect("32 bits")
    }

    #[test]
    fn a_file_says_what_its_network_says() {
        let device = Device::flex();
        let of = |network, change: fn(&mut Setup)| {
            let mut setup = Setup { network, width: 0.5, ..Setup::default() };
            change(&mut setup);
            setup
        };
        for (setup, image) in [
            (of(NetworkKind::CnnSmall, |_| {}), [1, 9, 12]),
            (of(NetworkKind::CnnSmall, |setup| setup.head = crate::config::HeadKind::Flat), [3, 8, 8]),
            (of(NetworkKind::CnnMedium, |setup| setup.activation = Activation::Silu), [3, 8, 9]),
            (of(NetworkKind::Resnet18, |setup| setup.width = 0.25), [3, 16, 16]),
            (of(NetworkKind::Mlp, |_| {}), [2, 1, 1]),
        ] {
            let (network, values) = network(&setup, image);
            let count = 3 * image.iter().product::<usize>();
            let pixels: Vec<f32> = (0..count).map(|pixel| 0.5 + 0.5 * (pixel as f32).sin()).collect();
            let [c, h, w] = image;
            let images = Tensor::<4>::from_data(TensorData::new(pixels, [3, c, h, w]), &device);
            let weights = Weights::from_values(values.clone(), &device);
            let expected: Vec<f32> =
                network.logits(&weights, images.clone()).into_data().try_into_vec().expect("32 bits");
            let file = write(&network, &values, &About::default()).expect("it can be said");
            let found = run(&file, images);
            let largest = expected.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(found.len() == 15 && off <= 1e-5 * largest, "{setup:?}: {off} of {largest}");
            let graph = ModelProto::decode(&*file).expect("a file").graph.expect("a graph");
            let named = |spec: &crate::nn::WeightSpec| {
                graph.initializer.iter().filter(|tensor| tensor.name.as_deref() == Some(&*spec.name)).count()
            };
            assert!(network.specs.iter().all(|spec| named(spec) == 1), "each weight is there once");
        }
    }

    #[test]
    fn of_several_tasks_the_class_is_said_and_no_maps() {
        let tasks = [("class", 5), ("color", 3)].map(|(name, n)| (name.to_owned(), n));
        let interface = MultitaskInterface { image: [3, 8, 8], tasks: tasks.into(), apart: false };
        let statistics = Statistics { mean: vec![0.4; 3], deviation: vec![0.3; 3] };
        let architecture = Setup { width: 0.5, ..Setup::default() }.architecture();
        let whole = MultitaskNetwork::new(architecture, &interface, &statistics);
        let values = whole.first_values(3);
        let pixels: Vec<f32> = (0..2 * 192).map(|pixel| 0.5 + 0.5 * (pixel as f32).sin()).collect();
        let images = Tensor::<4>::from_data(TensorData::new(pixels, [2, 3, 8, 8]), &Device::flex());
        let weights = Weights::from_values(values.clone(), &images.device());
        let class = whole.main();
        let expected: Vec<f32> =
            class.logits(&weights, images.clone()).into_data().try_into_vec().expect("32 bits");
        let found = run(&write(&class, &values, &About::default()).expect("it can be said"), images);
        let largest = expected.iter().fold(0.0f32, |largest, logit| largest.max(logit.abs()));
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 1e-5 * largest), "{found:?}");
        let maps = Network { layers: whole.decoders[1].clone(), ..class };
        assert_eq!(write(&maps, &values, &About::default()), Err(OnnxError::Maps));
    }

    #[test]
    fn what_no_file_says_is_refused() {
        let about =
            About { classes: vec!["A".into(), "B".into()], words: vec![("network".into(), "mlp".into())] };
        for (input_transform, expected) in [
            (InputTransform::Noise, OnnxError::Noise),
            (InputTransform::Quantize, OnnxError::Quantize { levels: 4 }),
        ] {
            let (network, values) = network(&Setup { input_transform, ..Setup::default() }, [1, 8, 8]);
            assert_eq!(write(&network, &values, &about), Err(expected));
        }
        let (network, values) = network(&Setup::default(), [1, 8, 8]);
        let model = ModelProto::decode(&*write(&network, &values, &about).expect("a file")).expect("a file");
        let words: Vec<_> =
            model.metadata_props.iter().map(|entry| (entry.key.as_deref(), entry.value.as_deref())).collect();
        assert_eq!(words, [(Some("network"), Some("mlp")), (Some("classes"), Some("A\nB"))]);
        assert_eq!(model.opset_import[0].version, Some(17));
    }
}
