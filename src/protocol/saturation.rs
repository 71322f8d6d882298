//! What is left of the gradients of held-out images: how far `f32` rounds them away, and how far they stand above the noise
//! through which the auxiliary network reads them.

use serde::{Deserialize, Serialize};

use super::exact;
use super::robustness::Share;
use super::run::RunId;

/// Margin from which on `f32` rounds the label's probability to 1: `e^−m ≤ 2⁻²⁴`.
pub const CERTAIN_MARGIN: f32 = 24.0 * std::f32::consts::LN_2;
/// Margin above which every other probability is 0 in `f32`: `e^−m < 2⁻¹⁵⁰`, half the least number above 0. A device that
/// knows no numbers below 2⁻¹²⁶ is there at 87.
pub const VANISHED_MARGIN: f32 = 150.0 * std::f32::consts::LN_2;

/// Edges between the bars of margins, ascending; the first bar and the last are open.
pub const MARGIN_EDGES: [f32; 23] = [
    -32.0,
    -16.0,
    -8.0,
    -6.0,
    -4.0,
    -3.0,
    -2.0,
    -1.0,
    0.0,
    1.0,
    2.0,
    3.0,
    4.0,
    6.0,
    8.0,
    12.0,
    CERTAIN_MARGIN,
    24.0,
    32.0,
    48.0,
    64.0,
    VANISHED_MARGIN,
    208.0,
];

/// Bars of margins.
pub const MARGIN_BARS: usize = MARGIN_EDGES.len() + 1;

/// What is left of the gradients of some held-out images. Of several tasks it is the class's gradient at the shared
/// representation, and behind the alignment layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saturation {
    /// Which run.
    pub run: RunId,
    /// Steps done.
    pub step: u64,
    /// Image by image.
    pub images: Vec<ImageMargin>,
    /// Mean over images and classes of the main logits: a push on all of them shows here, and softmax does not see it.
    #[serde(with = "exact")]
    pub mean_logit: f64,
    /// Origin by origin, in the order of the confusion: what the auxiliary network takes gradient tensors for.
    pub masses: Vec<Mass>,
    /// How the gradients stand to the channel's noise, where there is some.
    pub noise: Option<NoiseLevel>,
}

/// How sure the main network is of an image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageMargin {
    /// Its number among the held-out images.
    pub index: u32,
    /// True class.
    pub label: u8,
    /// What the network says.
    pub said: u8,
    /// The label's logit less the largest other one.
    #[serde(with = "exact")]
    pub margin: f32,
    /// Probability of the label, as the softmax in `f32` rounds it.
    #[serde(with = "exact")]
    pub probability: f32,
    /// Whether every entry of its gradient tensor is exactly 0.
    pub is_zero: bool,
}

/// The share of `S = softmax(a')` that lies on one origin; those of all origins sum to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mass {
    /// On gradient tensors that come from there.
    #[serde(with = "exact")]
    pub right: f64,
    /// On others: with GREACE, β times this is how hard the class's logit is pushed down.
    #[serde(with = "exact")]
    pub wrong: f64,
}

/// Gradients beside the noise that is added to them once they are scaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseLevel {
    /// Its standard deviation.
    #[serde(with = "exact")]
    pub deviation: f64,
    /// The same in the units of a gradient tensor's entries, before they are scaled.
    #[serde(with = "exact")]
    pub in_gradient: f64,
    /// Root mean square of the scaled gradient tensors of each origin over the noise's deviation.
    #[serde(with = "exact")]
    pub signal: Vec<f64>,
}

impl Saturation {
    /// Images whose label has a probability of exactly 1.
    pub fn certain(&self) -> Share {
        self.share(|image| image.probability == 1.0)
    }

    /// Images whose gradient tensor is exactly 0.
    pub fn zero(&self) -> Share {
        self.share(|image| image.is_zero)
    }

    /// The margin that half of the images do not reach; NaN of none.
    pub fn median_margin(&self) -> f64 {
        let mut margins: Vec<f32> = self.images.iter().map(|image| image.margin).collect();
        margins.sort_by(f32::total_cmp);
        match margins.len() {
            0 => f64::NAN,
            n => f64::midpoint(f64::from(margins[(n - 1) / 2]), f64::from(margins[n / 2])),
        }
    }

    /// Images in each bar.
    pub fn counts(&self) -> [u32; MARGIN_BARS] {
        let mut counts = [0; MARGIN_BARS];
        self.images.iter().filter_map(ImageMargin::bar).for_each(|bar| counts[bar] += 1);
        counts
    }

    /// The images of a bar, those with the largest margins first.
    pub fn in_bar(&self, bar: usize) -> Vec<ImageMargin> {
        let mut images: Vec<ImageMargin> =
            self.images.iter().filter(|image| image.bar() == Some(bar)).copied().collect();
        images.sort_by(|a, b| b.margin.total_cmp(&a.margin));
        images
    }

    fn share(&self, counts: impl Fn(&ImageMargin) -> bool) -> Share {
        let hits = self.images.iter().filter(|image| counts(image)).count();
        Share { hits: hits as u32, total: self.images.len() as u32 }
    }
}

impl ImageMargin {
    /// The bar that its margin is in; none where that is no number.
    pub fn bar(&self) -> Option<usize> {
        (!self.margin.is_nan()).then(|| MARGIN_EDGES.partition_point(|edge| *edge <= self.margin))
    }
}

/// Held-out images, to be looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pictures {
    /// Which run.
    pub run: RunId,
    /// Their numbers among the held-out images.
    pub indices: Vec<u32>,
    /// `[C, H, W]` of each.
    pub shape: [usize; 3],
    /// Pixels in [0, 1], image by image, `C × H × W`, row by row.
    #[serde(with = "exact")]
    pub pixels: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(margins: &[f32]) -> Saturation {
        let image = |(index, margin): (usize, &f32)| ImageMargin {
            index: index as u32,
            label: 0,
            said: 0,
            margin: *margin,
            probability: 1.0 / (1.0 + (-margin).exp()),
            is_zero: *margin > VANISHED_MARGIN,
        };
        Saturation {
            run: 1,
            step: 1,
            images: margins.iter().enumerate().map(image).collect(),
            mean_logit: 0.0,
            masses: Vec::new(),
            noise: None,
        }
    }

    #[test]
    fn bars_begin_at_their_lower_edge_and_the_outer_ones_are_open() {
        let found =
            images(&[-1e9, -32.0, -0.1, 0.0, 16.6, CERTAIN_MARGIN, 103.9, VANISHED_MARGIN, 208.0, 1e9]);
        let bars: Vec<_> = found.images.iter().filter_map(ImageMargin::bar).collect();
        assert_eq!(bars, [0, 1, 8, 9, 16, 17, 21, 22, 23, 23]);
        assert_eq!(found.counts().iter().sum::<u32>(), 10);
        let last: Vec<_> = found.in_bar(23).iter().map(|image| image.index).collect();
        assert_eq!(last, [9, 8], "the largest margin first");
        assert_eq!(images(&[f32::NAN]).counts(), [0; MARGIN_BARS]);
    }

    #[test]
    fn edges_are_where_f32_rounds() {
        // The next number below the margin leaves something; 2⁻²³ is the least that 1 can grow by.
        assert_eq!(1.0f32 + (-CERTAIN_MARGIN).exp(), 1.0);
        assert!(1.0f32 + (-CERTAIN_MARGIN + 1e-4).exp() > 1.0);
        assert_eq!((-VANISHED_MARGIN - 1e-4).exp(), 0.0f32);
        assert!((-VANISHED_MARGIN + 1e-3).exp() > 0.0f32);
        assert!(MARGIN_EDGES.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn shares_and_median_count_what_they_say() {
        let found = images(&[1.0, 3.0, 20.0, 200.0]);
        assert_eq!(found.certain(), Share { hits: 2, total: 4 });
        assert_eq!(found.zero(), Share { hits: 1, total: 4 });
        assert_eq!(found.median_margin(), 11.5);
        assert_eq!(images(&[2.0, 7.0, 9.0]).median_margin(), 7.0);
        assert!(images(&[]).median_margin().is_nan());
    }
}
