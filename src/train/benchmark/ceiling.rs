//! What a device can do at best: bytes copied and floating-point operations of a large matrix product in a second.

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use serde::Serialize;
use web_time::Instant;

use crate::gpu::{conv2d, read};

/// Floats that are copied: more than any cache holds, less than the smallest limit of a buffer.
const COPIED: usize = 1 << 24;
/// Floats that a thread of the CPU copies at a time.
const PIECE: usize = 1 << 16;
/// Rounds of which the fastest counts.
const ROUNDS: usize = 5;
/// Sides of the products: the largest that is reached before one takes long enough to be timed.
const LEAST_SIDE: usize = 512;
const MOST_SIDE: usize = 4096;
const LONG_ENOUGH_SECONDS: f64 = 0.02;
const MOST_REPEATS: f64 = 100.0;
/// The convolution: images, their sides, channels in and out.
const IMAGES: usize = 64;
const SIZE: usize = 32;
const CHANNELS: usize = 64;

/// The ceilings of a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ceilings {
    /// Bytes read and written in a second by a large copy.
    pub copied_bytes_per_second: f64,
    /// Floating-point operations in a second of a large matrix product: burn's of two square matrices, or ours in the
    /// form of a 3×3 convolution, whichever is faster.
    pub operations_per_second: f64,
}

impl Ceilings {
    /// Measures them; `on_host` says that the device is the CPU backend. Takes about a second.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn measure(device: &Device, on_host: bool) -> Result<Self, String> {
        let device = device.clone().without_autodiff();
        let copy = if on_host { copy_on_host() } else { copy(&device).await? };
        let mut side = LEAST_SIDE;
        let mut product = multiply(&device, side).await?;
        while product < LONG_ENOUGH_SECONDS && side < MOST_SIDE {
            side *= 2;
            product = multiply(&device, side).await?;
        }
        let convolution = convolve(&device).await?;
        let [side, channels] = [side, CHANNELS].map(|size| size as f64);
        let product = 2.0 * side.powi(3) / product;
        let pixels = (IMAGES * SIZE * SIZE) as f64;
        let convolution = 2.0 * 9.0 * pixels * channels * channels / convolution;
        Ok(Self {
            copied_bytes_per_second: 8.0 * COPIED as f64 / copy,
            operations_per_second: product.max(convolution),
        })
    }

    /// The least seconds for so many bytes and operations.
    pub fn least_seconds(&self, bytes: u64, operations: u64) -> f64 {
        (bytes as f64 / self.copied_bytes_per_second).max(operations as f64 / self.operations_per_second)
    }
}

/// Seconds of one copy, in parallel.
fn copy_on_host() -> f64 {
    let source = vec![1f32; COPIED];
    let mut target = vec![0f32; COPIED];
    let rounds = (0..ROUNDS).map(|_| {
        let begin = Instant::now();
        target
            .par_chunks_mut(PIECE)
            .zip(source.par_chunks(PIECE))
            .for_each(|(to, from)| to.copy_from_slice(from));
        begin.elapsed().as_secs_f64()
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// Seconds of one pass over a large buffer that reads and writes each float.
async fn copy(device: &Device) -> Result<f64, String> {
    let source = Tensor::<1>::ones([COPIED], device);
    fastest(|| source.clone() * 2.0, |target| target.narrow(0, 0, 1)).await
}

/// Seconds of one product of two square matrices.
async fn multiply(device: &Device, side: usize) -> Result<f64, String> {
    let a = Tensor::<2>::ones([side, side], device);
    let b = a.clone() * 2.0;
    fastest(|| a.clone().matmul(b.clone()), |product| product.slice([0..1, 0..1]).reshape([1])).await
}

/// Seconds of one 3×3 convolution.
async fn convolve(device: &Device) -> Result<f64, String> {
    let x = Tensor::<4>::ones([IMAGES, CHANNELS, SIZE, SIZE], device);
    let weight = Tensor::<4>::ones([CHANNELS, CHANNELS, 3, 3], device);
    let first = |y: Tensor<4>| y.slice([0..1, 0..1, 0..1, 0..1]).reshape([1]);
    fastest(|| conv2d(x.clone(), weight.clone(), 1), first).await
}

/// Seconds of one run: of several rounds the fastest, each long enough. What `first` reads of the last one is waited
/// for.
async fn fastest<const D: usize>(
    run: impl Fn() -> Tensor<D>,
    first: impl Fn(Tensor<D>) -> Tensor<1>,
) -> Result<f64, String> {
    let mut fastest = f64::INFINITY;
    read(first(run())).await?;
    let mut repeats = 1;
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        (1..repeats).for_each(|_| drop(run()));
        read(first(run())).await?;
        fastest = fastest.min(begin.elapsed().as_secs_f64() / f64::from(repeats));
        repeats = (LONG_ENOUGH_SECONDS / fastest).ceil().clamp(1.0, MOST_REPEATS) as u32;
    }
    Ok(fastest)
}
