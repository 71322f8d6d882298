//! How many images are attacked at once: as many as make a pass fastest for each on this device, found by a short trial.

use std::{cell::RefCell, rc::Rc};

use burn::tensor::{Device, Tensor};
use web_time::Instant;

use crate::gpu::read;
use crate::nn::{Network, Weights, network::Interface};

/// What is tried, ascending.
const SIZES: [usize; 7] = [16, 32, 64, 128, 256, 512, 1024];
/// A larger batch must take less than this share of the least time an image took so far, to be chosen.
const GAIN: f64 = 0.97;
/// One whose time an image is this many times the least so far ends the trial.
const LOSS: f64 = 1.25;
/// Passes of each size: the fastest of them counts, which other work has slowed least.
const TRIES: usize = 3;
/// Seconds of a pass after which nothing larger is tried.
const LONGEST_PASS: f64 = 0.25;
/// Bytes of the largest tensor of a pass: half of what WebGPU binds by default.
const MOST_BYTES: usize = 64 << 20;

/// What was found, for each device and architecture: whoever evaluates again keeps it, so that it is tried once.
#[derive(Clone, Debug, Default)]
pub struct BatchSizes(Rc<RefCell<Vec<Known>>>);

/// How many images at once are fastest there.
#[derive(Debug)]
struct Known {
    device: Device,
    architecture: Architecture,
    images: usize,
}

/// All of a network that its speed depends on.
#[derive(Debug, PartialEq)]
struct Architecture {
    interface: Interface,
    shapes: Vec<Vec<usize>>,
}

impl Architecture {
    fn of(network: &Network) -> Self {
        let shapes = network.specs.iter().map(|spec| spec.shape.clone()).collect();
        Self { interface: network.interface.clone(), shapes }
    }
}

impl BatchSizes {
    /// The size of a batch, at most `images` where that is above 0, at which a forward and backward pass is fastest an
    /// image; tried once for a device and an architecture.
    ///
    /// # Errors
    /// Where the device failed.
    pub(super) async fn fastest(
        &self,
        network: &Network,
        weights: &Weights,
        device: &Device,
        images: usize,
    ) -> Result<usize, String> {
        let architecture = Architecture::of(network);
        let is_same = |known: &&Known| known.device == *device && known.architecture == architecture;
        let known = self.0.borrow().iter().find(is_same).map(|known| known.images);
        let found = match known {
            Some(found) => found,
            None => {
                let most = most_images(network);
                // What few images leave untried, the next evaluation may try.
                let found = trial(network, weights, device, most.min(images.next_power_of_two())).await?;
                if most <= images {
                    let device = device.clone();
                    self.0.borrow_mut().push(Known { device, architecture, images: found });
                }
                found
            }
        };
        Ok(found.min(images.max(1)))
    }
}

/// How many images are few enough for the widest layer, which is as large as the images.
fn most_images(network: &Network) -> usize {
    let [channels, height, width] = network.interface.image;
    let widest = network.specs.first().map_or(channels, |first| first.shape[0].max(channels));
    MOST_BYTES / (widest * height * width * size_of::<f32>()).max(1)
}

/// Tries what is at most `most`, or the least.
async fn trial(network: &Network, weights: &Weights, device: &Device, most: usize) -> Result<usize, String> {
    let (mut found, mut least) = (SIZES[0], f64::INFINITY);
    // The first pass compiles.
    seconds(network, weights, device, SIZES[0]).await?;
    for size in SIZES.into_iter().take_while(|size| *size == SIZES[0] || *size <= most) {
        let mut pass = f64::INFINITY;
        for _ in 0..TRIES {
            pass = pass.min(seconds(network, weights, device, size).await?);
            if pass > LONGEST_PASS {
                break;
            }
        }
        let each = pass / size as f64;
        if each < GAIN * least {
            (found, least) = (size, each);
        }
        if each > LOSS * least || pass > LONGEST_PASS {
            break;
        }
    }
    Ok(found)
}

/// How long a forward and backward pass takes.
async fn seconds(network: &Network, weights: &Weights, device: &Device, n: usize) -> Result<f64, String> {
    let [channels, height, width] = network.interface.image;
    let images = Tensor::<4>::full([n, channels, height, width], 0.5, device);
    let labels = Tensor::<2>::zeros([n, network.interface.classes], device);
    let begin = Instant::now();
    let (gradient, _) = network.input_gradient(weights, images, labels);
    // One entry of the last tensor: read when all before it is computed.
    read(gradient.slice([0..1, 0..1, 0..1, 0..1])).await?;
    Ok(begin.elapsed().as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use super::*;
    use crate::{
        config::Setup,
        nn::{network::Statistics, weights::first_values},
    };

    #[test]
    fn what_was_found_is_kept_for_its_device_and_its_architecture() {
        let device = Device::flex();
        let network = |side: usize| {
            let interface = Interface { image: [1, side, side], classes: 2 };
            let statistics = Statistics { mean: vec![0.5], deviation: vec![0.5] };
            Network::main(Setup { width: 0.25, ..Setup::default() }.architecture(), interface, &statistics)
        };
        let sizes = BatchSizes::default();
        let architecture = Architecture::of(&network(8));
        sizes.0.borrow_mut().push(Known { device: device.clone(), architecture, images: 48 });
        let of_another = sizes.clone();
        let ask = |side: usize, images: usize| {
            let network = network(side);
            let weights = Weights::from_values(first_values(&network.specs, 1), &device);
            pollster::block_on(of_another.fastest(&network, &weights, &device, images)).expect("it runs")
        };
        assert_eq!((ask(8, 1000), ask(8, 20)), (48, 20));
        assert_eq!(ask(16, 4), 4, "another architecture is tried, at the smallest size for so few images");
        assert_eq!(sizes.0.borrow().len(), 1, "which says nothing of more");
    }
}
