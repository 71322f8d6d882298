//! A graph as it grows out of a file's nodes.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::constants::{Constant, Entries};
use crate::nn::WeightSpec;
use crate::nn::graph::{Curve, Host, Kind, Move, Node, Op, Pair, Problem, Size, Slot, check};
use crate::nn::weights::Init;

/// What no weight is as large as: constants with such entries are masks, which nobody learned.
const MASKING: f32 = 1e4;

/// What of its file a weight is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A constant.
    Constant(String),
    /// What a batch normalisation multiplies by or adds, of the node that makes this.
    Norm {
        /// What it makes.
        output: String,
        /// Whether it is added.
        is_shift: bool,
    },
}

/// A graph, and what its names stand for so far.
#[derive(Default)]
pub struct Builder {
    constants: HashMap<String, Constant>,
    names: HashMap<String, Slot>,
    /// Other names of constants.
    aliases: HashMap<String, String>,
    /// Constants that became weights, which have their entries now: a large file is not held twice.
    became: HashMap<String, usize>,
    /// Constants that stand among the nodes, or follow from such: masks, means, places. They are not what was learned, unless
    /// such a node reads them.
    fixed: HashSet<String>,
    /// The names of the weights so far.
    taken: HashSet<String>,
    /// Constants that convolutions, products and norms read: they are weights, wherever else they are read.
    learned: HashSet<String>,
    /// Constants that are sizes or axes.
    sizes: HashSet<String>,
    pub nodes: Vec<Node>,
    pub arrays: Vec<Host>,
    pub specs: Vec<WeightSpec>,
    pub values: Vec<Vec<f32>>,
    pub origins: Vec<Origin>,
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

    /// From now on these constants are weights: convolutions, products and norms read them.
    pub fn learned(&mut self, names: impl IntoIterator<Item = String>) {
        self.learned.extend(names);
    }

    /// From now on these constants are none that was learned.
    pub fn fix(&mut self, names: impl IntoIterator<Item = String>) {
        self.fixed.extend(names);
    }

    /// Gives a constant a name that stands among the nodes.
    pub fn keep_fixed(&mut self, name: &str, constant: Constant) {
        self.fixed.insert(name.into());
        self.constants.insert(name.into(), constant);
    }

    /// Gives a constant a name that follows from another one.
    pub fn keep_as(&mut self, name: &str, constant: Constant, from: &str) {
        if self.fixed.contains(self.first_name(from)) {
            self.fixed.insert(name.into());
        }
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

    /// What a name stands for: a weight and an array are made of a constant where it is first read. A constant among the
    /// nodes is a weight that is fixed: nobody learned it.
    ///
    /// # Errors
    /// Where nothing has that name.
    pub fn slot(&mut self, name: &str) -> Result<Slot, Problem> {
        let name = &*self.first_name(name).to_owned();
        if let Some(slot) = self.names.get(name) {
            return Ok(*slot);
        }
        let slot = match self.constants.remove(name) {
            None => return Err(Problem::new(format!("it reads {name:?}, which no node before it makes"))),
            // Single numbers are no weights, and cheaper as they are.
            Some(Constant { entries: Entries::Floats(values), shape })
                if values.len() != 1 || self.learned.contains(name) =>
            {
                self.learn(name, (shape, values))?
            }
            Some(constant) => {
                let array = host(&constant);
                self.constants.insert(name.into(), constant);
                self.array(array?)
            }
        };
        self.name(name, slot);
        Ok(slot)
    }

    /// A weight of a constant of that name, which it has not been made of yet.
    fn learn(&mut self, name: &str, (shape, values): (Vec<usize>, Vec<f32>)) -> Result<Slot, Problem> {
        check(!self.sizes.contains(name), || format!("{name:?} is a size and a weight at once"))?;
        let is_mask = values.iter().any(|value| value.abs() >= MASKING);
        let is_fixed = is_mask || (self.fixed.contains(name) && !self.learned.contains(name));
        // What is infinite is as far off as can be told, and multiplied by 0 still a number.
        let values = values.into_iter().map(|value| value.clamp(f32::MIN, f32::MAX)).collect();
        self.became.insert(name.into(), self.values.len());
        let slot = self.weight(name, (shape, values), Origin::Constant(name.into()));
        if let (true, Some(spec)) = (is_fixed, self.specs.last_mut()) {
            spec.init = Init::Fixed;
        }
        Ok(slot)
    }

    /// A weight of that name, or of one that begins with it where several nodes make one of the same constant.
    pub fn weight(&mut self, name: &str, (shape, values): (Vec<usize>, Vec<f32>), origin: Origin) -> Slot {
        // In a checkpoint these stand for something else.
        let is_taken = name.starts_with("optimizer.") || name == "onnx";
        let name = if is_taken { format!("weight.{name}") } else { name.to_owned() };
        let others = (2..).map(|number| format!("{name}.{number}"));
        let mut names = std::iter::once(name.clone()).chain(others);
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(name.clone());
        self.specs.push(WeightSpec { name, shape, init: Init::Constant(0.0) });
        self.values.push(values);
        self.origins.push(origin);
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
        let name = self.first_name(name);
        match (self.constants.get(name), self.became.get(name)) {
            (Some(Constant { entries: Entries::Floats(values), .. }), _) => Ok(values),
            (None, Some(weight)) => Ok(&self.values[*weight]),
            (Some(_) | None, _) => Err(Problem::new(format!("{name:?} must be a constant of floats"))),
        }
    }

    /// Whether a name stands for a constant.
    pub fn is_constant(&self, name: &str) -> bool {
        let name = self.first_name(name);
        self.constants.contains_key(name) || self.became.contains_key(name)
    }

    /// A constant that a name stands for, with its shape.
    fn constant(&self, name: &str) -> Option<Cow<'_, Constant>> {
        let name = self.first_name(name);
        let of_weight = |weight: &usize| Constant {
            entries: Entries::Floats(self.values[*weight].clone()),
            shape: self.specs[*weight].shape.clone(),
        };
        let kept = self.constants.get(name).map(Cow::Borrowed);
        kept.or_else(|| self.became.get(name).map(|weight| Cow::Owned(of_weight(weight))))
    }

    /// A constant in another kind of numbers.
    pub fn cast(&self, name: &str, kind: Kind) -> Option<Constant> {
        self.constant(name).map(|constant| constant.cast(kind))
    }

    /// A constant as an array on the host, whatever it has.
    ///
    /// # Errors
    /// Where the name stands for something else.
    pub fn host_slot(&mut self, name: &str) -> Result<Slot, Problem> {
        match self.constant(name) {
            Some(constant) => {
                let array = host(&constant)?;
                let name = self.first_name(name).to_owned();
                check(!self.became.contains_key(&name), || {
                    format!("{name:?} is a size and a weight at once")
                })?;
                self.sizes.insert(name);
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
