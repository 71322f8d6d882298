//! What a benchmark finds out of both kinds of step, for the command line and for a page.

use std::str::FromStr;

use serde::Serialize;
use web_time::SystemTime;

use super::ceiling::Ceilings;
use super::{Step, Timing, image, time};
use crate::{
    config::{Config, NetworkKind, Precision, Setup, knobs},
    gpu::Opened,
};

/// Timed steps of each kind where nobody says how many.
pub const STEPS: u32 = 30;
/// The most of them.
pub const MOST_STEPS: u32 = 100_000;

/// Both kinds of step on one device, and what that device can do at best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Results {
    /// Of the lab.
    pub version: &'static str,
    /// The device's name.
    pub device: String,
    /// The interface to it.
    pub backend: String,
    /// Architecture of the main network.
    pub network: NetworkKind,
    /// Factor on its channels.
    pub width: f64,
    /// `[C, H, W]` of an image.
    pub image: [usize; 3],
    /// Images in a batch.
    pub batch: usize,
    /// Of the main network.
    pub precision: Precision,
    /// Timed steps of each kind.
    pub steps: u32,
    /// Milliseconds to the end of the first GREAT+GREACE step, compilation included.
    pub first_step_ms: f64,
    /// Milliseconds of a plain step, the median.
    pub plain_step_ms: f64,
    /// Milliseconds of a GREAT+GREACE step, the median.
    pub great_step_ms: f64,
    /// How many plain steps that is.
    pub great_over_plain: f64,
    /// Training images in a second of GREAT+GREACE.
    pub great_images_per_second: f64,
    /// Most bytes held by plain steps, where someone tells.
    pub plain_peak_bytes: Option<u64>,
    /// Most bytes held by GREAT+GREACE steps, where someone tells.
    pub great_peak_bytes: Option<u64>,
    /// The larger kind's.
    pub peak_bytes: Option<u64>,
    /// Bytes read and written in a second by a large copy.
    pub copied_bytes_per_second: f64,
    /// Floating-point operations in a second of a large matrix product.
    pub matrix_product_operations_per_second: f64,
}

impl Results {
    /// Puts together what was measured of a run like `setup`, in so many steps of each kind.
    pub fn new(setup: &Setup, steps: u32, plain: &Timing, great: &Timing, ceilings: &Ceilings) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            device: great.device.clone(),
            backend: great.backend.clone(),
            network: setup.network,
            width: setup.width,
            image: image(setup.network),
            batch: setup.batch_size,
            precision: setup.precision,
            steps,
            first_step_ms: great.first_step_ms,
            plain_step_ms: plain.ms,
            great_step_ms: great.ms,
            great_over_plain: great.ms / plain.ms,
            great_images_per_second: setup.batch_size as f64 * 1e3 / great.ms,
            plain_peak_bytes: plain.peak_bytes,
            great_peak_bytes: great.peak_bytes,
            peak_bytes: great.peak_bytes,
            copied_bytes_per_second: ceilings.copied_bytes_per_second,
            matrix_product_operations_per_second: ceilings.operations_per_second,
        }
    }
}

/// What a script asks to be timed: one line such as `network=cnn-medium width=0.5 batch=16 steps=10`, each part with the
/// name and the default of the command's flag.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Network, width, batch size and precision.
    pub setup: Setup,
    /// Timed steps of each kind, 1 to [`MOST_STEPS`].
    pub steps: u32,
}

impl FromStr for Request {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut config = Config::default();
        let mut steps = STEPS;
        for part in line.split_whitespace() {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("'{part}' is not of the form NAME=VALUE"))?;
            let knob = match name {
                "network" | "width" | "precision" => name,
                "batch" => "batch_size",
                "steps" => {
                    let number = value.parse().ok().filter(|number| (1..=MOST_STEPS).contains(number));
                    steps = number.ok_or_else(|| {
                        format!("steps: '{value}' is not a whole number from 1 to {MOST_STEPS}")
                    })?;
                    continue;
                }
                _ => {
                    return Err(format!(
                        "there is no '{name}'; there are: network, width, batch, precision, steps"
                    ));
                }
            };
            knobs::assign(&mut config, &format!("{knob}={value}")).map_err(|error| error.to_string())?;
        }
        Ok(Self { setup: config.setup, steps })
    }
}

/// Times both kinds of step one after the other in this process. The first step counts from here on; what plain steps
/// hold is not told, because nobody can tell it from what the other kind held before.
///
/// # Errors
/// Where the device failed.
pub async fn measure(request: &Request, opened: &Opened) -> Result<Results, String> {
    let Request { setup, steps } = request;
    // GREAT+GREACE first: what its first step compiles would else be there from the plain one.
    let great = time(setup, Step::Great, *steps, opened, SystemTime::now()).await?;
    let plain = time(setup, Step::Plain, *steps, opened, SystemTime::now()).await?;
    let plain = Timing { peak_bytes: None, ..plain };
    let ceilings = Ceilings::measure(&opened.device, opened.setup.is_none()).await?;
    Ok(Results::new(setup, *steps, &plain, &great, &ceilings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_commands_defaults() {
        let request: Request = "".parse().unwrap();
        assert_eq!(request, Request { setup: Config::default().setup, steps: STEPS });
        let request: Request = " network=cnn-medium  width=1/2 batch=16 steps=7".parse().unwrap();
        let Setup { network, width, batch_size, .. } = request.setup;
        assert_eq!((network, width, batch_size, request.steps), (NetworkKind::CnnMedium, 0.5, 16, 7));
    }

    #[test]
    fn nonsense_is_refused() {
        for (line, expected) in [
            ("fast", "NAME=VALUE"),
            ("seed=1", "there is no 'seed'"),
            ("width=5", "out of range"),
            ("network=resnet-19", "one of: cnn-small"),
            ("batch=0", "out of range"),
            ("steps=0", "from 1 to"),
            ("steps=1e9", "from 1 to"),
        ] {
            let error = line.parse::<Request>().unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
