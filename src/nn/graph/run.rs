//! A graph, and how it is run forward and back.

use burn::tensor::Tensor;

use super::dense::Dense;
use super::host::Host;
use super::inputs::Inputs;
use super::op::Op;
use super::problem::{Problem, check};
use super::room::Room;
use super::value::Value;
use crate::nn::{WeightSpec, Weights};

/// Where an input of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The images, `[N, C, H, W]`.
    Image,
    /// The weight of that number.
    Weight(usize),
    /// The array of that number.
    Array(usize),
    /// What the node of that number makes.
    Made(usize),
}

/// An operation with what it reads; its inputs are made before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name, and the name of its operation, as the file has them.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Of what; none where an input is left out.
    pub inputs: Vec<Option<Slot>>,
}

/// A graph from images to logits `[N, K]`, without its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    arrays: Vec<Host>,
    /// The shape of each weight.
    weights: Vec<Vec<usize>>,
    output: Slot,
    /// Which nodes follow from the image in such a way that they change a little where it does.
    follows: Vec<bool>,
    /// Which nodes the output follows from.
    needed: Vec<bool>,
}

/// Why a graph cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{node}: {problem}")]
pub struct GraphError {
    /// Which node.
    pub node: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What a pass leaves for the way back: what each node made.
#[derive(Clone, Debug)]
pub struct Record {
    images: Dense,
    weights: Vec<Dense>,
    made: Vec<Value>,
}

impl Record {
    /// `[N, C, H, W]` of the images.
    pub fn image_dims(&self) -> [usize; 4] {
        std::array::from_fn(|axis| self.images.shape()[axis])
    }

    /// The same values outside every autodiff graph.
    pub fn untracked(self) -> Self {
        Self {
            images: self.images.untracked(),
            weights: self.weights.into_iter().map(Dense::untracked).collect(),
            made: self.made.into_iter().map(Value::untracked).collect(),
        }
    }
}

impl Graph {
    /// Of nodes in an order in which each comes behind what it reads.
    pub fn new(nodes: Vec<Node>, arrays: Vec<Host>, specs: &[WeightSpec], output: Slot) -> Self {
        let mut follows: Vec<bool> = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let does = |slot: &Slot| match slot {
                Slot::Image => true,
                Slot::Made(at) => follows[*at],
                Slot::Weight(_) | Slot::Array(_) => false,
            };
            let any = !node.op.is_flat() && node.inputs.iter().flatten().any(does);
            follows.push(any);
        }
        let mut needed = vec![false; nodes.len()];
        if let Slot::Made(last) = output {
            needed[last] = true;
        }
        for (at, node) in nodes.iter().enumerate().rev() {
            if !needed[at] {
                continue;
            }
            for slot in node.inputs.iter().flatten() {
                if let Slot::Made(from) = slot {
                    needed[*from] = true;
                }
            }
        }
        let weights = specs.iter().map(|spec| spec.shape.clone()).collect();
        Self { nodes, arrays, weights, output, follows, needed }
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Its arrays on the host.
    pub fn arrays(&self) -> &[Host] {
        &self.arrays
    }

    /// Runs images `[N, C, H, W]` forward; what comes out, with all that was made on the way.
    ///
    /// # Errors
    /// Which node does not fit what it gets.
    pub fn run(&self, weights: &Weights, images: Tensor<4>) -> Result<(Dense, Record), GraphError> {
        let weights = self.weights.iter().zip(&weights.0);
        let weights = weights.map(|(shape, weight)| Dense::new(weight.clone(), shape.clone())).collect();
        let mut record =
            Record { images: Dense::of(images), weights, made: Vec::with_capacity(self.nodes.len()) };
        let room = Room::of(record.images.shape()[0], record.images.device());
        for (node, is_needed) in self.nodes.iter().zip(&self.needed) {
            if !is_needed {
                // Nobody reads it.
                record.made.push(Host::number(0.0).into());
                continue;
            }
            let made = self.with_inputs(node, &record, |inputs| {
                let is_empty =
                    |input: &Option<&Value>| matches!(input, Some(Value::Dense(dense)) if dense.is_empty());
                check(!inputs.iter().any(is_empty), || "it takes a tensor without entries".into())?;
                node.op.value(inputs, &room)
            });
            record.made.push(made.map_err(|problem| failed(node, problem))?);
        }
        let device = record.images.device();
        let output = self.get(self.output, &record, |value| value.dense(&device));
        Ok((output, record))
    }

    /// The cotangent of the images from that of the output, which may have more axes of one entry.
    ///
    /// # Errors
    /// Which node has no product back to what follows from the image.
    pub fn back<const D: usize>(&self, record: &Record, gy: Tensor<D>) -> Result<Dense, GraphError> {
        let shape = self.get(self.output, record, |value| value.shape().to_vec());
        let gy = Dense::of(gy).reshaped(shape);
        let mut images: Option<Dense> = None;
        let mut made: Vec<Option<Dense>> = vec![None; self.nodes.len()];
        let add = |sum: &mut Option<Dense>, part: Dense| {
            *sum = Some(match sum.take() {
                Some(sum) => sum.zip(&part, |sum, part| sum + part),
                None => part,
            });
        };
        match self.output {
            Slot::Made(last) => made[last] = Some(gy),
            Slot::Image => images = Some(gy),
            Slot::Weight(_) | Slot::Array(_) => {}
        }
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let Some(gy) = made[at].take() else { continue };
            for (which, slot) in node.inputs.iter().enumerate() {
                let follows = match slot {
                    Some(Slot::Image) => true,
                    Some(Slot::Made(from)) => self.follows[*from],
                    Some(Slot::Weight(_) | Slot::Array(_)) | None => false,
                };
                if !follows {
                    continue;
                }
                let part = self
                    .with_inputs(node, record, |inputs| node.op.vjp(which, inputs, &record.made[at], &gy));
                let part = part.map_err(|problem| failed(node, problem))?;
                match slot {
                    Some(Slot::Made(from)) => add(&mut made[*from], part),
                    _ => add(&mut images, part),
                }
            }
        }
        // Where nothing follows from the image, it changes nothing.
        Ok(images.unwrap_or_else(|| record.images.map(|images| images.zeros_like())))
    }

    fn with_inputs<T>(&self, node: &Node, record: &Record, of: impl FnOnce(&Inputs<'_>) -> T) -> T {
        // Only those of this node are put together.
        let outside: Vec<Option<Value>> = node
            .inputs
            .iter()
            .map(|slot| match slot {
                Some(Slot::Image) => Some(record.images.clone().into()),
                Some(Slot::Weight(at)) => Some(record.weights[*at].clone().into()),
                Some(Slot::Array(at)) => Some(self.arrays[*at].clone().into()),
                Some(Slot::Made(_)) | None => None,
            })
            .collect();
        let inputs: Vec<Option<&Value>> = node
            .inputs
            .iter()
            .zip(&outside)
            .map(|(slot, outside)| match slot {
                Some(Slot::Made(at)) => record.made.get(*at),
                _ => outside.as_ref(),
            })
            .collect();
        of(&inputs)
    }

    fn get<T>(&self, slot: Slot, record: &Record, of: impl FnOnce(&Value) -> T) -> T {
        match slot {
            Slot::Image => of(&record.images.clone().into()),
            Slot::Weight(at) => of(&record.weights[at].clone().into()),
            Slot::Array(at) => of(&self.arrays[at].clone().into()),
            Slot::Made(at) => of(&record.made[at]),
        }
    }
}

fn failed(node: &Node, problem: Problem) -> GraphError {
    GraphError { node: node.name.clone(), problem }
}
