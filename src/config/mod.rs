//! What a run is: [`Setup`] (fixed from start to end), [`Hyper`] (live, read once a step), and the names of both.
//!
//! Every fact stands once: a knob's in the table of [`KNOBS`], a method's in [`method`], an attack's in [`attack`].

pub mod attack;
mod begin;
mod choices;
mod device;
pub mod knob;
pub mod knobs;
pub mod link;
pub mod method;
mod run;
mod seed;
mod table;
pub mod threat;
mod world;

pub use attack::{ATTACKS, AttackKind, AttackRow, Family, Norm, Offered, TargetKind, VERDICT_DRAWS};
pub use begin::examples::{EXAMPLES, Example};
pub use begin::gallery::{GALLERY, Piece};
#[cfg(feature = "tensors")]
pub(crate) use choices::choices;
pub use choices::{
    Activation, Adversary, AlphaSchedule, Augmentation, AuxiliaryKind, AuxiliaryLabels, AuxiliaryReads,
    BUILT_IN_DATA, EpsilonScale, HeadKind, InputTransform, KEPT_TEACHER, NO_PRETRAINED, NetworkKind,
    Normalization, OptimizerKind, PenaltyNorm, Precision, Push, ScenarioKind, Schedule, TRAIN_TEACHER,
    TaskSet, WorldKind,
};
pub use device::DeviceInfo;
pub use knob::{KnobError, Section};
pub use knobs::Knob;
pub use method::{DistillationMethod, Method, Mode, MultitaskMethod};
pub use run::{Architecture, Players, steps_per_epoch};
pub use seed::{Stream, number_of_name};
pub use table::{Config, Hyper, KNOBS, Setup};
pub use threat::{Occasion, Threat};
pub use world::drawing::{DRAWN_CLASSES, DRAWN_POINTS, DRAWN_SIDE, Drawing, DrawingError, DrawnPoint};
pub use world::{HELD_OUT_POINTS, POINT_SHAPE, World};
