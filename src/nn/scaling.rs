//! How pixels in [0, 1] are scaled for a network that somebody else trained.

use super::{Layer, Network};

/// What the pixels of well-known training recipes are scaled by: name, mean, standard deviation.
const PRESETS: [(&str, [f32; 3], [f32; 3]); 3] = [
    ("half", [0.5; 3], [0.5; 3]),
    ("cifar10", [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    ("imagenet", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
];
/// The text of pixels that go in as they are.
const AS_THEY_ARE: &str = "none";

/// Of each channel.
pub type MeanAndDeviation = (Vec<f32>, Vec<f32>);

/// A mean that is taken off and a deviation that is divided by, as somebody gives them; neither where pixels go in as they
/// are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// Numbers, one or one a channel; or the name of a preset.
    pub mean: Vec<String>,
    /// One or one a channel.
    pub deviation: Vec<f32>,
}

/// Which half of a scaling is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// What is taken off.
    Mean,
    /// What is divided by.
    Deviation,
}

/// Why pixels cannot be scaled so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ScalingError {
    /// Which half of it.
    pub half: Half,
    /// What is wrong.
    pub problem: String,
}

impl ScalingError {
    fn new(half: Half, problem: impl Into<String>) -> Self {
        Self { half, problem: problem.into() }
    }
}

impl Scaling {
    /// Reads `none`, the name of a preset, or means and deviations such as `0.5/0.25` or `0.49,0.48,0.45/0.25,0.24,0.26`.
    ///
    /// # Errors
    /// Where a deviation is no number; what else is wrong, [`Self::of`] says.
    pub fn parse(text: &str) -> Result<Self, ScalingError> {
        let text = text.trim();
        if text == AS_THEY_ARE || text.is_empty() {
            return Ok(Self::default());
        }
        let listed = |half: &str| -> Vec<String> { half.split(',').map(|part| part.trim().into()).collect() };
        let Some((mean, deviation)) = text.split_once('/') else {
            return Ok(Self { mean: listed(text), deviation: Vec::new() });
        };
        let number = |part: String| {
            part.parse().map_err(|_| ScalingError::new(Half::Deviation, format!("{part:?} is no number")))
        };
        let deviation = listed(deviation).into_iter().map(number).collect::<Result<_, _>>()?;
        Ok(Self { mean: listed(mean), deviation })
    }

    /// The presets that there are for so many channels, by their names.
    pub fn presets(channels: usize) -> Vec<(&'static str, Self)> {
        let of = |name: &'static str| (name, Self { mean: vec![name.into()], deviation: Vec::new() });
        PRESETS.iter().map(|(name, ..)| of(name)).filter(|(_, preset)| preset.of(channels).is_ok()).collect()
    }

    /// The text that [`Self::parse`] reads back.
    pub fn text(&self) -> String {
        let deviation: Vec<String> = self.deviation.iter().map(f32::to_string).collect();
        match (self.mean.is_empty(), deviation.is_empty()) {
            (true, true) => AS_THEY_ARE.into(),
            (false, true) => self.mean.join(","),
            (true, false) => format!("0/{}", deviation.join(",")),
            (false, false) => format!("{}/{}", self.mean.join(","), deviation.join(",")),
        }
    }

    /// Mean and deviation of so many channels; none where pixels go in as they are.
    ///
    /// # Errors
    /// What cannot be a mean or a deviation, or is not of so many channels.
    pub fn of(&self, channels: usize) -> Result<Option<MeanAndDeviation>, ScalingError> {
        let wrong = ScalingError::new;
        if let [name] = &self.mean[..]
            && let Some((name, mean, deviation)) = PRESETS.iter().find(|(known, ..)| known == name)
        {
            if !self.deviation.is_empty() {
                return Err(wrong(Half::Deviation, format!("the mean {name} has its own; leave it out")));
            }
            let of = |three: &[f32; 3]| match channels {
                3 => Ok(three.to_vec()),
                1 if three[0] == three[1] && three[1] == three[2] => Ok(vec![three[0]]),
                _ => Err(wrong(
                    Half::Mean,
                    format!("{name} is of three channels, and the images have {channels}"),
                )),
            };
            return Ok(Some((of(mean)?, of(deviation)?)));
        }
        let spread = |half, values: Vec<f32>, otherwise: f32| match values.len() {
            0 => Ok(vec![otherwise; channels]),
            1 => Ok(vec![values[0]; channels]),
            count if count == channels => Ok(values),
            count => Err(wrong(
                half,
                format!("{count} numbers for {channels} channels: give one, or one a channel"),
            )),
        };
        if self.mean.is_empty() && self.deviation.is_empty() {
            return Ok(None);
        }
        let number = |text: &String| text.parse::<f32>().map_err(|_| wrong(Half::Mean, no_mean(text)));
        let mean: Vec<f32> = self.mean.iter().map(number).collect::<Result<_, _>>()?;
        let mean = spread(Half::Mean, mean, 0.0)?;
        let deviation = spread(Half::Deviation, self.deviation.clone(), 1.0)?;
        if let Some(mean) = mean.iter().find(|mean| !(-1.0..=1.0).contains(*mean)) {
            let problem = format!(
                "{mean} is no mean of pixels in [0, 1]; of pixels up to 255, divide it by 255, and the deviation too"
            );
            return Err(wrong(Half::Mean, problem));
        }
        if let Some(deviation) =
            deviation.iter().find(|deviation| !(deviation.is_finite() && **deviation > 0.0))
        {
            let problem = format!("{deviation} is no standard deviation: it is above 0");
            return Err(wrong(Half::Deviation, problem));
        }
        Ok(Some((mean, deviation)))
    }

    /// The same network with its pixels scaled so before it sees them, and in words how; none where they go in as they are.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn before(&self, mut network: Network) -> Result<(Network, Option<String>), ScalingError> {
        let scaled = self.of(network.interface.image[0])?;
        let words =
            scaled.as_ref().map(|(mean, deviation)| format!("pixels less {mean:?}, by {deviation:?}"));
        if let Some((mean, deviation)) = scaled {
            network.layers.insert(0, Layer::Normalize { mean, deviation });
        }
        Ok((network, words))
    }
}

/// Why a text is no mean.
fn no_mean(text: &str) -> String {
    let known: Vec<&str> = PRESETS.iter().map(|(name, ..)| *name).collect();
    match known.contains(&text) {
        true => format!("{text} has a number for each channel already; give it alone"),
        false => format!("{text} is no number, and none of {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaling_is_read_from_its_text_and_written_back() {
        for text in ["none", "cifar10", "0.5/0.25", "0.49,0.48,0.45/0.25,0.24,0.26", "0.1", "0/0.5"] {
            assert_eq!(Scaling::parse(text).unwrap().text(), text);
        }
        assert_eq!(Scaling::parse("none").unwrap().of(3), Ok(None));
        assert_eq!(Scaling::parse("half").unwrap().of(1), Ok(Some((vec![0.5], vec![0.5]))));
        let both = Scaling::parse("0.5 / 0.25, 0.5").unwrap().of(2);
        assert_eq!(both, Ok(Some((vec![0.5, 0.5], vec![0.25, 0.5]))));
    }

    #[test]
    fn what_scales_nothing_is_refused_and_says_which_half_is_wrong() {
        let wrong =
            |text: &str, channels| Scaling::parse(text).and_then(|scaling| scaling.of(channels)).unwrap_err();
        for (text, channels, half, says) in [
            ("half/0.5", 3, Half::Deviation, "has its own"),
            ("cifar10", 1, Half::Mean, "three channels"),
            ("0.1,0.2", 3, Half::Mean, "2 numbers for 3 channels"),
            ("120/60", 1, Half::Mean, "divide it by 255"),
            ("0.5/0", 1, Half::Deviation, "above 0"),
            ("0.5/NaN", 1, Half::Deviation, "above 0"),
            ("0.5/x", 1, Half::Deviation, "no number"),
            ("lenet", 1, Half::Mean, "none of half"),
            ("half,half,half", 3, Half::Mean, "give it alone"),
        ] {
            let error = wrong(text, channels);
            assert!(error.half == half && error.problem.contains(says), "{text}: {error:?}");
        }
    }
}
