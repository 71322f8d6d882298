//! ONNX's own tests of single operators (`tests/oracle/pack_node_tests.py` packs them): which of them the lab passes.

#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;

use burn::tensor::{Device, Tensor, TensorData};
use prost::Message as _;
use zip::ZipArchive;

use super::builder::Builder;
use super::constants::{Constant, Entries};
use super::file::{constants, in_order, learned, title};
use super::operators::{Given, add};
use crate::nn::Weights;
use crate::nn::graph::{Graph, Slot};
use crate::nn::onnx::proto::{ModelProto, TensorProto};

/// Of the largest entry of an output.
const TOLERANCE: f32 = 1e-4;

/// What is asked of infinite numbers only, of which no network of images has any.
const INFINITE: &str = "test_mod_float_edge_cases_fmod_0_float32";
/// How many are passed.
const PASSED: usize = 494;
/// Of how many of them the derivative with respect to their first input was held against a difference.
const DIFFERENTIATED: usize = 417;
/// By how much, of the larger, both may differ.
const DERIVATIVE: f32 = 2e-2;
fn archive() -> BTreeMap<String, HashMap<String, Vec<u8>>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/golden/onnx-nodes.zip");
    let mut zip = ZipArchive::new(std::fs::File::open(path).expect("it is there")).expect("an archive");
    let mut tests: BTreeMap<String, HashMap<String, Vec<u8>>> = BTreeMap::new();
    for at in 0..zip.len() {
        let mut file = zip.by_index(at).expect("an entry");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("whole");
        let (test, name) =
            file.name().split_once('/').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a folder");
        tests.entry(test).or_default().insert(name, bytes);
    }
    tests
}

fn tensor(bytes: &[u8]) -> Result<Constant, String> {
    let nothing = |_: &str, _: usize, _: usize| Err("there is none".to_owned());
    let tensor = TensorProto::decode(bytes).map_err(|error| error.to_string())?;
    Constant::read(&tensor, &nothing).map_err(|problem| problem.to_string())
}

fn floats(constant: &Constant) -> Vec<f32> {
    match &constant.entries {
        Entries::Floats(values) => values.clone(),
        Entries::Whole(values) => values.iter().map(|value| *value as f32).collect(),
    }
}

/// Entries and sizes of an output.
type Output = (Vec<f32>, Vec<usize>);

/// A test's model: all that it reads is a constant but, where one is `left`, that input, which is made of an image of as many
/// pixels.
struct Read {
    builder: Builder,
    outputs: Vec<Slot>,
}

impl Read {
    fn of(files: &HashMap<String, Vec<u8>>, left: Option<usize>) -> Result<Self, String> {
        let nothing = |_: &str, _: usize, _: usize| Err("there is none".to_owned());
        let model = ModelProto::decode(&*files["model.onnx"]).map_err(|error| error.to_string())?;
        let graph = model.graph.as_ref().ok_or("no graph")?;
        let opset = model.opset_import.iter().filter_map(|set| set.version).max().unwrap_or(0);
        let mut known = constants(graph, &nothing).map_err(|error| error.to_string())?;
        let mut free = None;
        for (at, value) in graph.input.iter().enumerate() {
            let (name, constant) =
                (value.name.clone().unwrap_or_default(), tensor(&files[&format!("input_{at}.pb")])?);
            if left == Some(at) {
                free = Some((name, constant.shape));
            } else {
                known.insert(name, constant);
            }
        }
        let mut builder = Builder::new(known);
        builder.learned(learned(graph));
        let mut image = String::new();
        if let Some((name, shape)) = free {
            let shape: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
            let slot = builder.reshaped(Slot::Image, &shape);
            builder.name(&name, slot);
            image = name;
        }
        for node in in_order(graph, &image, &builder).map_err(|error| error.to_string())? {
            builder.begin(title(node));
            let made = add(&mut builder, Given { node, opset, siblings: &nothing });
            for (name, slot) in node.output.iter().zip(made.map_err(|problem| problem.to_string())?) {
                builder.name(name, slot);
            }
        }
        let mut outputs = Vec::new();
        for output in &graph.output {
            let name = output.name.as_deref().unwrap_or_default();
            outputs.push(builder.slot(name).map_err(|problem| problem.to_string())?);
        }
        Ok(Self { builder, outputs })
    }

    fn graph(&self, output: Slot) -> Graph {
        let Builder { nodes, arrays, specs, .. } = &self.builder;
        Graph::new(nodes.clone(), arrays.clone(), specs, output)
    }

    fn weights(&self, device: &Device) -> Weights {
        Weights::from_values(self.builder.values.iter().cloned(), device)
    }
}

/// What comes out of a test's model.
fn computed(files: &HashMap<String, Vec<u8>>) -> Result<Vec<Output>, String> {
    let (read, device) = (Read::of(files, None)?, Device::flex());
    let mut found = Vec::new();
    for output in &read.outputs {
        let images = Tensor::zeros([1, 1, 1, 1], &device);
        let (value, _) =
            read.graph(*output).run(&read.weights(&device), images).map_err(|error| error.to_string())?;
        found.push((entries(value.flat()), value.shape().to_vec()));
    }
    Ok(found)
}

fn entries(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("32 bits")
}

/// How far the product of the first input with what goes back through the model is from a difference of what comes out, of the
/// larger of both; none where there is none, for the first input is no tensor of floats, or nothing can be told.
fn error_of_derivative(files: &HashMap<String, Vec<u8>>) -> Option<f32> {
    let x = tensor(files.get("input_0.pb")?).ok()?;
    let Constant { entries: Entries::Floats(x), .. } = x else { return None };
    let (read, device) = (Read::of(files, Some(0)).ok()?, Device::flex());
    let (graph, weights) = (read.graph(*read.outputs.first()?), read.weights(&device));
    let wave = |count: usize, by: f32| -> Vec<f32> {
        (0..count).map(|at| 0.6 + 0.4 * (by * at as f32).sin()).collect()
    };
    let along = wave(x.len(), 12.9898);
    let image = |step: f32| -> Tensor<4> {
        let moved: Vec<f32> = x.iter().zip(&along).map(|(x, along)| x + step * along).collect();
        Tensor::from_data(TensorData::new(moved, [1, 1, 1, x.len()]), &device)
    };
    let (y, record) = graph.run(&weights, image(0.0)).ok()?;
    let towards = wave(y.len(), 78.233);
    let said = |step: f32| -> Option<f64> {
        let y = entries(graph.run(&weights, image(step)).ok()?.0.flat());
        Some(y.iter().zip(&towards).map(|(y, towards)| f64::from(*y) * f64::from(*towards)).sum())
    };
    let step = 2e-3;
    let [ahead, at, behind] = [said(step)?, said(0.0)?, said(-step)?];
    let difference = (ahead - behind) / (2.0 * f64::from(step));
    // An edge, a jump, or more than f32 can tell.
    let is_straight = ((ahead - at) - (at - behind)).abs() <= 0.05 * (ahead - behind).abs();
    if !is_straight || x.iter().any(|x| x.abs() > 100.0) {
        return None;
    }
    let gy: Tensor<1> = Tensor::from_data(TensorData::new(towards.clone(), [towards.len()]), &device);
    let gradient = entries(graph.back(&record, gy).ok()?.flat());
    let found: f64 = gradient.iter().zip(&along).map(|(g, along)| f64::from(*g) * f64::from(*along)).sum();
    let size = entries(y.flat()).iter().fold(0.0f32, |size, y| size.max(y.abs()));
    let largest = found.abs().max(difference.abs());
    // Where f32 cannot tell, nothing is said.
    (difference.is_finite() && largest > 1e-2 * f64::from(size).max(1.0))
        .then(|| ((found - difference).abs() / largest) as f32)
}

#[test]
fn what_is_claimed_is_computed_as_onnx_says() {
    let (mut passed, mut refused) = (0, BTreeMap::<String, Vec<String>>::new());
    let (mut wrong, mut differentiated) = (Vec::new(), 0);
    for (name, files) in archive() {
        let found = match std::panic::catch_unwind(|| computed(&files)) {
            Ok(Ok(found)) => found,
            Err(_) => {
                wrong.push(format!("{name} panics"));
                continue;
            }
            Ok(Err(why)) => {
                refused.entry(why).or_default().push(name);
                continue;
            }
        };
        if name == INFINITE {
            continue;
        }
        for (at, (values, shape)) in found.iter().enumerate() {
            let expected = tensor(&files[&format!("output_{at}.pb")]).expect("an output");
            let entries = floats(&expected);
            let largest =
                entries.iter().filter(|entry| entry.is_finite()).fold(1e-3f32, |a, b| a.max(b.abs()));
            let is_same = |(a, b): (&f32, &f32)| {
                a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * largest
            };
            if *shape != expected.shape || !values.iter().zip(&entries).all(is_same) {
                wrong.push(format!("{name}, output {at}: {shape:?} for {:?}", expected.shape));
            }
        }
        passed += 1;
        match std::panic::catch_unwind(|| error_of_derivative(&files)) {
            Ok(None) => {}
            Ok(Some(off)) => {
                differentiated += 1;
                if off > DERIVATIVE {
                    wrong.push(format!("{name}: its derivative is off by {off}"));
                }
            }
            Err(_) => wrong.push(format!("{name} panics on the way back")),
        }
    }
    assert!(wrong.is_empty(), "computed wrongly: {wrong:#?}");
    // The others are refused, in these words.
    assert_eq!((passed, differentiated), (PASSED, DIFFERENTIATED), "{refused:#?}");
}
