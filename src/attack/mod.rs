//! Adversarial examples, and how many of them a network withstands: algorithms, section 4.
//!
//! All in pixel space; every adversarial image is inside the ε-ball and inside [0, 1]. No attack needs automatic
//! differentiation: each chooses the logits' cotangent and reads `∇x` from the network's vector-Jacobian product.

mod assault;
pub mod audit;
mod ball;
mod dice;
pub mod evaluation;
mod exact_bytes;
mod goal;
mod loss;
mod methods;
mod pace;
mod routine;
mod smallest;
mod survivors;
mod training;
mod victim;

pub use assault::{Assault, Start};
pub use audit::Audit;
pub use dice::Dice;
pub use evaluation::Evaluation;
pub use exact_bytes::exact_bytes;
pub use goal::{Goal, goal, random_targets};
pub use methods::{descent::Recipe, square::Tries};
pub use pace::Pace;
pub use smallest::{Smallest, smallest_change};
pub use training::uniform_noise;
pub use victim::Victim;
