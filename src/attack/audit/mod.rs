//! The audit: whether the robustness that attacks report can be trusted (Athalye, Carlini & Wagner 2018; Carlini et al.
//! 2019). It runs attacks that must order themselves in a certain way, and says where they do not.

mod probe;
mod pupil;
mod run;
mod trial;
mod verdicts;

pub use pupil::{Pupil, Reader, Tensors};
pub use run::{Audit, Subject};
pub use trial::Severity;
