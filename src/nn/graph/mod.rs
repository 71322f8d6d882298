//! Networks that are no list of layers: graphs of operations on tensors of any number of axes, as other programs write them.
//!
//! Sizes are computed with on the host in every pass, so a graph takes any number of images that its operations take. Forward
//! and back both are made of differentiable tensor operations, as layers are.

mod dense;
mod host;
mod inputs;
mod op;
mod ops;
mod problem;
mod room;
mod run;
mod value;

pub use host::Host;
pub use op::Op;
pub use ops::Curve;
pub use ops::einsum::Einsum;
pub use ops::fold::Fold;
pub use ops::moving::Move;
pub use ops::pair::Pair;
pub use ops::resize::{Between, Nearest, Place, Resize};
pub use ops::sizes::{Kind, Size};
pub use ops::window::{Padding, Window};
pub use problem::{Problem, check};
pub use run::{Graph, GraphError, Node, Record, Slot};
