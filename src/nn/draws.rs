//! Where a network's own noise comes from.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::gpu::{NoiseKey, noise};

/// Where a stream of noise stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// Number of the stream.
    stream: u64,
    /// Draws taken.
    pass: u32,
    /// Whether all images of a pass meet the same noise.
    is_shared: bool,
}

/// A stream of noise, of which each pass through the network takes the next draw. A clone goes on from where it was made,
/// on its own.
#[derive(Debug, Default)]
pub struct Draws {
    stream: AtomicU64,
    pass: AtomicU32,
    /// Whether all images of a pass meet the same noise.
    is_shared: AtomicBool,
}

impl Draws {
    /// Begins the stream of that number, with noise of its own for each image of a pass.
    pub fn restart(&self, stream: u64) {
        self.begin(stream, false);
    }

    /// The same with one noise a pass for all images, so that who else is in a batch changes nothing.
    pub fn restart_shared(&self, stream: u64) {
        self.begin(stream, true);
    }

    fn begin(&self, stream: u64, is_shared: bool) {
        self.stream.store(stream, Relaxed);
        self.pass.store(0, Relaxed);
        self.is_shared.store(is_shared, Relaxed);
    }

    /// Where it stands.
    pub fn drawn(&self) -> Drawn {
        Drawn {
            stream: self.stream.load(Relaxed),
            pass: self.pass.load(Relaxed),
            is_shared: self.is_shared.load(Relaxed),
        }
    }

    /// Goes on from where a stream stood.
    pub fn go_on(&self, Drawn { stream, pass, is_shared }: Drawn) {
        self.begin(stream, is_shared);
        self.pass.store(pass, Relaxed);
    }

    /// The next draw for images `[N, C, H, W]`, standard normal: `[N, C, H, W]`, or `[1, C, H, W]`.
    pub fn next(&self, images: &Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = images.dims();
        let key = NoiseKey { stream: self.stream.load(Relaxed), pass: self.pass.fetch_add(1, Relaxed) };
        noise(images, [if self.is_shared.load(Relaxed) { 1 } else { n }, c, h, w], key)
    }
}

impl Clone for Draws {
    fn clone(&self) -> Self {
        Self {
            stream: self.stream.load(Relaxed).into(),
            pass: self.pass.load(Relaxed).into(),
            is_shared: self.is_shared.load(Relaxed).into(),
        }
    }
}

/// Networks are equal wherever their noise stands.
impl PartialEq for Draws {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
