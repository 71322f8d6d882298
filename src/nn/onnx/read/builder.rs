//! A graph as it grows out of a file's nodes.

use std::collections::HashMap;

use super::constants::{Constant, Entries};
use crate::nn::WeightSpec;
use crate::nn::graph::{Curve, Host, Move, Node, Op, Pair, Problem, Size, Slot, check};
use crate::nn::weights::Init;

/// A graph, and what its names stand for so far.
#[derive(Default)]
pub struct Builder {
    constants: HashMap<String, Constant>,
    names: HashMap<String, Slot>,
    /// Other names of constants.
    aliases: HashMap<String, String>,
    pub nodes: Vec<Node>,
    pub arrays: Vec<Host>,
    pub specs: Vec<WeightSpec>,
    pub values: Vec<Vec<f32>>,
    /// The name of the node at hand.
    at: String,
}

impl Builder {
    /// With these constants.
    pub fn new(constants: HashMap<String, Constant>) -> Self {
        Self { constants, ..Self::default() }
    }

    /// From now on nodes have this name.
    pub fn begin(&mut self, name: String) {
        self.at = name;
    }

    /// Gives something a name.
    pub fn name(&mut self, name: &str, slot: Slot) {
        self.names.insert(name.into(), slot);
    }

    /// Gives a constant a name.
    pub fn keep(&mut self, name: &str, constant: Constant) {
        self.constants.insert(name.into(), constant);
    }

    /// Another name of a constant.
    pub fn alias(&mut self, name: &str, of: &str) {
        let first = self.first_name(of).to_owned();
        self.aliases.insert(name.into(), first);
    }

    fn first_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// What a name stands for: a weight and an array are made of a constant where it is first read.
    ///
    /// # Errors
    /// Where nothing has that name.
    pub fn slot(&mut self, name: &str) -> Result<Slot, Problem> {
        let name = &*self.first_name(name).to_owned();
        if let Some(slot) = self.names.get(name) {
            return Ok(*slot);
        }
        let slot = match self.constants.get(name) {
            None => return Err(Problem::new(format!("it reads {name:?}, which no node before it makes"))),
            // Single numbers are no weights, and cheaper as they are.
            Some(Constant { entries: Entries::Floats(values), shape }) if values.len() != 1 => {
                let (values, shape) = (values.clone(), shape.clone());
                self.weight(name, shape, values)
            }
            Some(constant) => {
                let array = host(constant)?;
                self.array(array)
            }
        };
        self.name(name, slot);
        Ok(slot)
    }

    /// The same as a weight in any case.
    ///
    /// # Errors
    /// As [`Self::slot`].
    pub fn weight_slot(&mut self, name: &str) -> Result<Slot, Problem> {
        let name = &*self.first_name(name).to_owned();
        let single = match self.constants.get(name) {
            Some(Constant { entries: Entries::Floats(values), shape }) if values.len() == 1 => {
                Some((values.clone(), shape.clone()))
            }
            Some(_) | None => None,
        };
        match single {
            Some((values, shape)) => Ok(self.weight(name, shape, values)),
            None => self.slot(name),
        }
    }

    /// A weight of that name.
    pub fn weight(&mut self, name: &str, shape: Vec<usize>, values: Vec<f32>) -> Slot {
        self.specs.push(WeightSpec { name: name.into(), shape, init: Init::Constant(0.0) });
        self.values.push(values);
        Slot::Weight(self.specs.len() - 1)
    }

    /// An array on the host.
    pub fn array(&mut self, array: Host) -> Slot {
        self.arrays.push(array);
        Slot::Array(self.arrays.len() - 1)
    }

    /// Whole numbers.
    pub fn integers(&mut self, numbers: &[i64]) -> Slot {
        self.array(Host::integers(numbers.iter().copied()))
    }

    /// A single float.
    pub fn number(&mut self, number: f64) -> Slot {
        self.array(Host::number(number))
    }

    /// The floats of a constant.
    ///
    /// # Errors
    /// Where the name stands for something else.
    pub fn floats(&self, name: &str) -> Result<&[f32], Problem> {
        match self.constant(name) {
            Some(Constant { entries: Entries::Floats(values), .. }) => Ok(values),
            Some(_) | None => Err(Problem::new(format!("{name:?} must be a constant of floats"))),
        }
    }

    /// A constant that a name stands for, with its shape.
    pub fn constant(&self, name: &str) -> Option<&Constant> {
        self.constants.get(self.first_name(name))
    }

    /// A constant as an array on the host, whatever it has.
    ///
    /// # Errors
    /// Where the name stands for something else.
    pub fn host_slot(&mut self, name: &str) -> Result<Slot, Problem> {
        match self.constant(name) {
            Some(constant) => {
                let array = host(constant)?;
                Ok(self.array(array))
            }
            None => self.slot(name),
        }
    }

    /// A node; where its output is.
    pub fn op(&mut self, op: Op, inputs: impl IntoIterator<Item = Slot>) -> Slot {
        self.op_with(op, inputs.into_iter().map(Some).collect())
    }

    /// The same with inputs that may be left out.
    pub fn op_with(&mut self, op: Op, inputs: Vec<Option<Slot>>) -> Slot {
        self.nodes.push(Node { name: self.at.clone(), op, inputs });
        Slot::Made(self.nodes.len() - 1)
    }

    /// Entries moved.
    pub fn moved(&mut self, by: Move, inputs: impl IntoIterator<Item = Slot>) -> Slot {
        self.op(Op::Move(by), inputs)
    }

    /// Sizes.
    pub fn sized(&mut self, size: Size, inputs: impl IntoIterator<Item = Slot>) -> Slot {
        self.op(Op::Size(size), inputs)
    }

    /// A function of each entry.
    pub fn curve(&mut self, curve: Curve, x: Slot) -> Slot {
        self.op(Op::Curve(curve), [x])
    }

    /// Two tensors, entry by entry.
    pub fn pair(&mut self, pair: Pair, a: Slot, b: Slot) -> Slot {
        self.op(Op::Pair(pair), [a, b])
    }

    /// A tensor and a number.
    pub fn with_number(&mut self, pair: Pair, a: Slot, number: f64) -> Slot {
        let number = self.number(number);
        self.pair(pair, a, number)
    }

    /// Something in a shape.
    pub fn reshaped(&mut self, x: Slot, shape: &[i64]) -> Slot {
        let shape = self.integers(shape);
        self.moved(Move::Reshape { keeps_zero: false }, [x, shape])
    }
}

/// A constant as sizes are kept.
fn host(constant: &Constant) -> Result<Host, Problem> {
    let (values, is_float): (Vec<f64>, bool) = match &constant.entries {
        Entries::Floats(values) => (values.iter().copied().map(f64::from).collect(), true),
        Entries::Whole(values) => (values.iter().map(|value| *value as f64).collect(), false),
    };
    check(values.len() <= 1 << 20, || format!("{} entries are no sizes", values.len()))?;
    Host::new(values, constant.shape.clone(), is_float)
}
