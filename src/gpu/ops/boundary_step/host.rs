//! The step on the host, sample by sample, in loops for each norm.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use rayon::prelude::*;

use super::{BoundaryStep, Reach};
use crate::config::Norm;
use crate::gpu::host::{Real, host_tensor, in_precision, sums};

/// Least length of a projection where the two are weighed against each other.
const LEAST_LENGTH: f64 = 1e-8;
/// Entries of an L2 normal below this do not move.
const LEAST_SLOPE: f64 = 1e-8;
/// Least fill per level that anything is divided by.
const LEAST_WEIGHT: f64 = 1e-20;
/// Newton's steps for the level of a projection. Each lands exactly or passes a pixel's bound, and soon none is left.
const LEVEL_STEPS: usize = 10;

impl BoundaryStep for Flex {
    fn boundary_step(
        images: FloatTensor<Self>,
        clean: FloatTensor<Self>,
        normal: FloatTensor<Self>,
        excess: FloatTensor<Self>,
        reach: Reach,
    ) -> FloatTensor<Self> {
        let shape = images.shape();
        let pixels = shape.iter().skip(1).product::<usize>().max(1);
        let [images, clean, normal, excess] =
            [images, clean, normal, excess].map(|tensor| tensor.to_contiguous());
        in_precision!(images, T => {
            let mut moved = vec![T::ZERO; shape.num_elements()];
            moved
                .par_chunks_mut(pixels)
                .zip(images.storage::<T>().par_chunks(pixels))
                .zip(clean.storage::<T>().par_chunks(pixels))
                .zip(normal.storage::<T>().par_chunks(pixels))
                .zip(excess.storage::<T>())
                .for_each(|((((output, images), clean), normal), excess)| match reach.norm {
                    Norm::Linf => step::<T, Largest>(reach, output, images, clean, normal, *excess),
                    Norm::L2 => step::<T, Euclidean>(reach, output, images, clean, normal, *excess),
                });
            host_tensor(moved, shape)
        })
    }
}

/// How a pixel moves: in a ball of a norm that the compiler knows, so that loops become vectors.
trait Ball {
    /// How much a pixel at `value` fills per level, and up to which level.
    fn room<T: Real>(value: T, slope: T) -> [T; 2];
    /// How far it moves at that level.
    fn offset<T: Real>(value: T, slope: T, level: T) -> T;
    /// The length of the offsets.
    fn length<T: Real>(offsets: impl Iterator<Item = T>) -> T;
}

/// L∞.
struct Largest;

/// L2.
struct Euclidean;

impl Ball for Largest {
    #[inline(always)]
    fn room<T: Real>(value: T, slope: T) -> [T; 2] {
        [slope.abs(), wall(value, slope)]
    }

    #[inline(always)]
    fn offset<T: Real>(value: T, slope: T, level: T) -> T {
        way(slope) * least(wall(value, slope), level)
    }

    fn length<T: Real>(offsets: impl Iterator<Item = T>) -> T {
        offsets.fold(T::ZERO, |length, offset| most(length, offset.abs()))
    }
}

impl Ball for Euclidean {
    #[inline(always)]
    fn room<T: Real>(value: T, slope: T) -> [T; 2] {
        let (steep, least_slope) = (slope.abs(), T::of(LEAST_SLOPE));
        let weight = if steep > least_slope { steep * steep } else { T::ZERO };
        [weight, wall(value, slope) / most(steep, least_slope)]
    }

    #[inline(always)]
    fn offset<T: Real>(value: T, slope: T, level: T) -> T {
        let [weight, cap] = Self::room(value, slope);
        if weight > T::ZERO { way(slope) * slope.abs() * least(cap, level) } else { T::ZERO }
    }

    fn length<T: Real>(offsets: impl Iterator<Item = T>) -> T {
        offsets.map(|offset| offset * offset).sum::<T>().sqrt()
    }
}

/// How far a pixel is from black where it falls, else from white.
#[inline(always)]
fn wall<T: Real>(value: T, slope: T) -> T {
    if slope > T::ZERO { value } else { T::ONE - value }
}

/// Against the slope: −1, 0 or 1.
#[inline(always)]
fn way<T: Real>(slope: T) -> T {
    let [up, down] = [slope < T::ZERO, slope > T::ZERO].map(|is_so| if is_so { T::ONE } else { T::ZERO });
    up - down
}

#[inline(always)]
fn least<T: Real>(a: T, b: T) -> T {
    if a < b { a } else { b }
}

#[inline(always)]
fn most<T: Real>(a: T, b: T) -> T {
    if a > b { a } else { b }
}

/// One sample's step.
fn step<T: Real, G: Ball>(
    reach: Reach,
    output: &mut [T],
    images: &[T],
    clean: &[T],
    normal: &[T],
    excess: T,
) {
    let [back] = sums(
        [normal, clean, images],
        #[inline(always)]
        |[normal, clean, image]| [normal * (clean - image)],
    );
    let own = Projection::of::<G>(images, normal, excess);
    let biased = Projection::of::<G>(clean, normal, excess + back);
    let [own_length, biased_length] = [own.length::<G>(images, normal), biased.length::<G>(clean, normal)]
        .map(|length| most(length, T::of(LEAST_LENGTH)));
    let [overshoot, most_bias] = [reach.overshoot, reach.most_bias].map(|value| T::of(f64::from(value)));
    let bias = least(own_length / (own_length + biased_length), most_bias);
    for (((output, image), clean), normal) in output.iter_mut().zip(images).zip(clean).zip(normal) {
        let from_image = *image + overshoot * own.offset::<G>(*image, *normal);
        let from_clean = *clean + overshoot * biased.offset::<G>(*clean, *normal);
        *output = least(most(from_image * (T::ONE - bias) + from_clean * bias, T::ZERO), T::ONE);
    }
}

/// The way of one image onto the boundary.
#[derive(Clone, Copy)]
struct Projection<T> {
    /// −1 where the image lies below the boundary.
    side: T,
    level: T,
}

impl<T: Real> Projection<T> {
    fn of<G: Ball>(values: &[T], normal: &[T], excess: T) -> Self {
        let side = if excess >= T::ZERO { T::ONE } else { -T::ONE };
        let (amount, mut level) = (excess.abs(), T::ZERO);
        for _ in 0..LEVEL_STEPS {
            let [filled, more] = sums(
                [values, normal],
                #[inline(always)]
                |[value, normal]| {
                    let [weight, cap] = G::room(value, side * normal);
                    [weight * least(cap, level), if cap > level { weight } else { T::ZERO }]
                },
            );
            let missing = amount - filled;
            if missing <= T::ZERO {
                break;
            }
            // Where nothing more can move, the level is as high as any.
            level += missing / most(more, T::of(LEAST_WEIGHT));
        }
        Self { side, level }
    }

    #[inline(always)]
    fn offset<G: Ball>(self, value: T, normal: T) -> T {
        G::offset(value, self.side * normal, self.level)
    }

    fn length<G: Ball>(self, values: &[T], normal: &[T]) -> T {
        G::length(values.iter().zip(normal).map(|(value, normal)| self.offset::<G>(*value, *normal)))
    }
}
