//! Networks that can be differentiated twice, their losses and their optimisers.
//!
//! A network is a list of [`layer::Layer`]s without state, but for where the noise of one that draws it stands; its
//! [`Weights`] are handed in. One of somebody's own is a single layer, a [`graph::Graph`]. `forward` leaves a tape, `input_vjp` walks it back, both in ordinary tensor operations, so that
//! an input gradient is an expression whose own gradient burn's first-order autodiff computes.

pub mod channel;
mod draws;
pub mod graph;
pub mod layer;
pub mod loss;
pub mod multitask;
pub mod network;
pub mod onnx;
pub mod optimizer;
pub mod pretrained;
pub mod scaling;
pub mod verdict;
pub mod weights;

pub use draws::Drawn;
pub use layer::{Layer, Tape};
pub use multitask::MultitaskNetwork;
pub use network::Network;
pub use optimizer::Optimizer;
pub use pretrained::Pretrained;
pub use scaling::Scaling;
pub use weights::{WeightSpec, Weights};
