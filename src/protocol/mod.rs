//! What the trainer and its faces say to each other: plain data, and the channels that carry it.
//!
//! Window, page and command line hold a [`Remote`]; the trainer holds the other end and never waits for a window.

mod audit;
mod channel;
pub mod exact;
mod gradients;
#[doc(hidden)]
pub mod made_up;
mod message;
pub mod nullable;
mod probe;
mod robustness;
mod run;
mod saturation;
mod tasks;

pub use audit::{Audited, Light, Verdict};
pub use channel::{Delivery, Local, Remote, connect, end, wire};
pub use gradients::plane::{
    AttackPath, BORDER, FIELD_SIDE, NO_ANGLE, NONE_MISREAD, PLANE_SIDE, Plane, PlanePoint, READ_SIDE,
    ReadGradient, SharedPlane, TeacherPlane, Traced, border,
};
pub use gradients::predicted::{OwnPicture, Predicted};
pub use gradients::{ClassHistogram, Comparison, Histograms, PERCENTILES, Sample, Samples, likeliest};
pub use message::pace;
pub use message::{Activity, Cadence, Checkpointed, Command, Event, Failure, GoOn, RunState};
pub use probe::{Probed, Readings};
pub use robustness::{
    Bits, Curve, Difference, Met, Mistakes, Paired, Point, Robustness, Share, Stopped, Unpaired, Verdicts,
    WorstCase, balanced, differences, sign_test,
};
pub use run::{Forked, Places, Preparing, Report, RunId, RunInfo};
pub use saturation::{
    CERTAIN_MARGIN, ImageMargin, MARGIN_BARS, MARGIN_EDGES, Mass, NoiseLevel, Pictures, Saturation,
    VANISHED_MARGIN,
};
pub use tasks::{Figure, Gain, TaskFigures, TaskSample, Tasks, Unit, gain_by_task, loss_over_metrics};
