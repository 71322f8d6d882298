//! What `run.json` says of what is left of the gradients.

use serde::{Deserialize, Serialize};

use crate::protocol::{MARGIN_EDGES, Mass, Saturation, Share, nullable};

/// What is left of the gradients of some held-out images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaturationRecord {
    /// Steps done.
    pub step: u64,
    /// Images whose label has a probability of exactly 1.
    pub certain: Share,
    /// Images whose gradient tensor is exactly 0.
    pub zero_gradient: Share,
    /// Mean over images and classes of the main logits.
    #[serde(with = "nullable")]
    pub mean_logit: f64,
    /// The margin that half of the images do not reach.
    #[serde(with = "nullable")]
    pub median_margin: f64,
    /// Edges between the bars of margins.
    pub margin_edges: Vec<f32>,
    /// Images in each bar: one more than edges.
    pub margin_counts: Vec<u32>,
    /// The share of `softmax(a')` on each origin, on gradient tensors that come from there.
    pub mass_right: Vec<Option<f64>>,
    /// The same on others.
    pub mass_wrong: Vec<Option<f64>>,
    /// Root mean square of each origin's scaled gradient tensors over the channel's noise, where there is some.
    pub signal_to_noise: Option<Vec<Option<f64>>>,
}

impl SaturationRecord {
    pub(super) fn of(found: &Saturation) -> Self {
        // What is no number would be read back as nothing.
        let known = |value: f64| value.is_finite().then_some(value);
        let masses = |of: fn(&Mass) -> f64| found.masses.iter().map(of).map(known).collect();
        Self {
            step: found.step,
            certain: found.certain(),
            zero_gradient: found.zero(),
            mean_logit: found.mean_logit,
            median_margin: found.median_margin(),
            margin_edges: MARGIN_EDGES.to_vec(),
            margin_counts: found.counts().to_vec(),
            mass_right: masses(|mass| mass.right),
            mass_wrong: masses(|mass| mass.wrong),
            signal_to_noise: found
                .noise
                .as_ref()
                .map(|noise| noise.signal.iter().copied().map(known).collect()),
        }
    }
}
