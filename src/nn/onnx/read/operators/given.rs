//! A node as its file has it.

use crate::nn::graph::{Problem, Slot};
use crate::nn::onnx::proto::NodeProto;
use crate::nn::onnx::read::builder::Builder;
use crate::nn::onnx::read::constants::Siblings;
use crate::nn::onnx::read::windows::Attributes;

/// A node of the file with the version of its operators.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The node.
    pub node: &'a NodeProto,
    /// The version of its operators.
    pub opset: i64,
    /// Files beside the network's.
    pub siblings: &'a Siblings<'a>,
}

impl<'a> Given<'a> {
    /// Its attributes.
    pub fn attributes(self) -> Attributes<'a> {
        Attributes(self.node)
    }

    /// The name of an input; none where it is left out.
    pub fn input(self, at: usize) -> Option<&'a str> {
        self.node.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The same of one that must be there.
    ///
    /// # Errors
    /// Where it is not.
    pub fn needed(self, at: usize) -> Result<&'a str, Problem> {
        self.input(at).ok_or_else(|| Problem::new(format!("its input {at} is missing")))
    }

    /// Where an input is.
    ///
    /// # Errors
    /// Where it is left out, or nothing has its name.
    pub fn slot(self, builder: &mut Builder, at: usize) -> Result<Slot, Problem> {
        builder.slot(self.needed(at)?)
    }

    /// Where an input is that may be left out; constants of any size stay on the host.
    ///
    /// # Errors
    /// Where nothing has its name.
    pub fn maybe(self, builder: &mut Builder, at: usize) -> Result<Option<Slot>, Problem> {
        self.input(at).map(|name| builder.host_slot(name)).transpose()
    }

    /// Sizes or axes, which later versions have as an input and earlier ones as an attribute.
    ///
    /// # Errors
    /// As [`Self::maybe`].
    pub fn sizes(self, builder: &mut Builder, at: usize, name: &str) -> Result<Option<Slot>, Problem> {
        match (self.input(at), self.attributes().ints(name)) {
            (Some(input), _) => Ok(Some(builder.host_slot(input)?)),
            (None, Some(numbers)) => Ok(Some(builder.integers(numbers))),
            (None, None) => Ok(None),
        }
    }
}
