//! The three passes of [`group_norm`](super) on the host: the same bits whatever the number of threads.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use rayon::prelude::*;

use super::{Cotangents, GROUP_NORM_EPSILON, GroupNormPasses, NormForm, Operands};
use crate::gpu::autodiff::Parts;
use crate::gpu::host::{Real, buffer, host_tensor, in_precision, map, recycle, sums};
use crate::gpu::launch::profile;
use crate::gpu::ops::activation::curve::{Curve, WithCurve, with_curve};

impl GroupNormPasses for Flex {
    fn forward(operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let entries = operands.x.shape().num_elements();
        profile::moving_on_host(
            "group norm",
            2 * entries,
            || in_precision!(operands.x, T => forward::<T>(operands)),
        )
    }

    fn backward(
        operands: Operands<Self>,
        statistics: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        earlier: Option<FloatTensor<Self>>,
        weights: bool,
    ) -> Cotangents<Self> {
        let entries = operands.x.shape().num_elements();
        let floats = (3 + usize::from(earlier.is_some())) * entries;
        profile::moving_on_host(
            "group norm backward",
            floats,
            || in_precision!(operands.x, T => backward::<T>(operands, statistics, gy, earlier, weights)),
        )
    }

    fn double_backward(
        operands: Operands<Self>,
        statistics: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        v: FloatTensor<Self>,
        weights: bool,
    ) -> (Cotangents<Self>, FloatTensor<Self>) {
        let entries = operands.x.shape().num_elements();
        profile::moving_on_host(
            "group norm double backward",
            5 * entries,
            || in_precision!(operands.x, T => double_backward::<T>(operands, statistics, gy, v, weights)),
        )
    }
}

fn forward<T: Real>(operands: Operands<Flex>) -> (FlexTensor, FlexTensor) {
    let shape = operands.x.shape();
    let held = Held::of(operands);
    let groups = held.groups::<T>();
    let mut y = buffer(shape.num_elements());
    let mut statistics = vec![T::of(0.0); 2 * shape[0] * held.form.groups];
    let results = y.par_chunks_mut(held.entries()).zip(statistics.par_chunks_mut(2));
    results.enumerate().for_each(|(index, (y, statistics))| {
        with_curve(held.form.activation, Forward { group: groups.at(index), y, statistics });
    });
    recycle([held.x]);
    let record = host_tensor(statistics, [2 * shape[0] * held.form.groups]);
    (host_tensor(y, shape), record)
}

fn backward<T: Real>(
    operands: Operands<Flex>,
    statistics: FlexTensor,
    gy: FlexTensor,
    earlier: Option<FlexTensor>,
    weights: bool,
) -> Cotangents<Flex> {
    let shape = operands.x.shape();
    let held = Held::of(operands);
    let groups = held.groups::<T>();
    let [statistics, gy] = [statistics, gy].map(|tensor| tensor.to_contiguous());
    let earlier = earlier.map(|earlier| earlier.to_contiguous());
    let [statistics, gy_values] = [&statistics, &gy].map(FlexTensor::storage::<T>);
    let earlier_values = earlier.as_ref().map(FlexTensor::storage::<T>);
    let mut gx = buffer(shape.num_elements());
    let mut parts = vec![T::of(0.0); 2 * shape[0] * shape[1]];
    let entries = held.entries();
    let results = gx.par_chunks_mut(entries).zip(parts.par_chunks_mut(2 * held.channels));
    results.enumerate().for_each(|(index, (gx, parts))| {
        let gy = &gy_values[index * entries..][..entries];
        let earlier = earlier_values.map(|values| &values[index * entries..][..entries]);
        let statistics = [statistics[2 * index], statistics[2 * index + 1]];
        let group = groups.at(index);
        with_curve(held.form.activation, Backward { group, statistics, gy, earlier, gx, parts });
    });
    let weights = weights.then(|| sum_parts(&parts, shape[1]));
    recycle([held.x, gy].into_iter().chain(earlier));
    Cotangents { x: host_tensor(gx, shape), weights }
}

fn double_backward<T: Real>(
    operands: Operands<Flex>,
    statistics: FlexTensor,
    gy: FlexTensor,
    v: FlexTensor,
    weights: bool,
) -> (Cotangents<Flex>, FlexTensor) {
    let shape = operands.x.shape();
    let held = Held::of(operands);
    let groups = held.groups::<T>();
    let [statistics, gy, v] = [statistics, gy, v].map(|tensor| tensor.to_contiguous());
    let [statistics, gy_values, v_values] = [&statistics, &gy, &v].map(FlexTensor::storage::<T>);
    let [mut to_x, mut to_gy] = [(); 2].map(|()| buffer(shape.num_elements()));
    let mut parts = vec![T::of(0.0); 2 * shape[0] * shape[1]];
    let entries = held.entries();
    let results = to_x.par_chunks_mut(entries).zip(to_gy.par_chunks_mut(entries));
    let results = results.zip(parts.par_chunks_mut(2 * held.channels));
    results.enumerate().for_each(|(index, ((to_x, to_gy), parts))| {
        let [gy, v] = [gy_values, v_values].map(|values| &values[index * entries..][..entries]);
        let statistics = [statistics[2 * index], statistics[2 * index + 1]];
        let group = groups.at(index);
        let backward = Backward { group, statistics, gy, earlier: None, gx: to_x, parts };
        with_curve(held.form.activation, DoubleBackward { backward, v, to_gy });
    });
    let weights = weights.then(|| sum_parts(&parts, shape[1]));
    recycle([held.x, gy, v]);
    let [x, gy] = [to_x, to_gy].map(|values| host_tensor(values, shape.clone()));
    (Cotangents { x, weights }, gy)
}

/// `[2, channels]` from parts `[batch, channels, 2]`.
fn sum_parts<T: Real>(parts: &[T], channels: usize) -> Parts<Flex> {
    let mut sums = vec![T::of(0.0); 2 * channels];
    let (scale, shift) = sums.split_at_mut(channels);
    for sample in parts.chunks_exact(2 * channels.max(1)) {
        for ((scale, shift), part) in scale.iter_mut().zip(&mut *shift).zip(sample.chunks_exact(2)) {
            *scale += part[0];
            *shift += part[1];
        }
    }
    Parts::sum(host_tensor(sums, [2 * channels]))
}

/// The operands, contiguous.
struct Held {
    x: FlexTensor,
    scale: FlexTensor,
    shift: FlexTensor,
    form: NormForm,
    /// Of a group.
    channels: usize,
    pixels: usize,
}

impl Held {
    fn of(operands: Operands<Flex>) -> Self {
        let [_, channels, height, width] = operands.x.shape().dims();
        let [x, scale, shift] =
            [&operands.x, &operands.scale, &operands.shift].map(FlexTensor::to_contiguous);
        let form = operands.form;
        Self { x, scale, shift, form, channels: channels / form.groups, pixels: height * width }
    }

    /// Of a group; at least 1, as the length of a chunk must be.
    fn entries(&self) -> usize {
        (self.channels * self.pixels).max(1)
    }

    fn groups<T: Real>(&self) -> Groups<'_, T> {
        let Self { form, channels, pixels, .. } = *self;
        let [x, scale, shift] = [&self.x, &self.scale, &self.shift].map(FlexTensor::storage);
        Groups { x, scale, shift, groups: form.groups, channels, pixels }
    }
}

/// All groups of all samples.
struct Groups<'a, T> {
    x: &'a [T],
    scale: &'a [T],
    shift: &'a [T],
    groups: usize,
    channels: usize,
    pixels: usize,
}

impl<'a, T: Real> Groups<'a, T> {
    fn at(&self, index: usize) -> Group<'a, T> {
        let Self { channels, pixels, .. } = *self;
        let [scale, shift] =
            [self.scale, self.shift].map(|values| &values[index % self.groups * channels..][..channels]);
        Group { x: &self.x[index * channels * pixels..][..channels * pixels], scale, shift, pixels }
    }
}

/// A group of channels of one sample.
#[derive(Clone, Copy)]
struct Group<'a, T> {
    x: &'a [T],
    scale: &'a [T],
    shift: &'a [T],
    pixels: usize,
}

impl<T: Real> Group<'_, T> {
    /// Each channel with its entries' places, scale and shift.
    fn channels(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>, T, T)> {
        let channel = |channel: usize| {
            let start = channel * self.pixels;
            (channel, start..start + self.pixels, self.scale[channel], self.shift[channel])
        };
        (0..self.scale.len()).map(channel)
    }
}

struct Forward<'a, T> {
    group: Group<'a, T>,
    y: &'a mut [T],
    statistics: &'a mut [T],
}

impl<T: Real> WithCurve for Forward<'_, T> {
    #[inline(always)]
    fn with<A: Curve>(self, _: A) {
        let Self { group, y, statistics } = self;
        let entries = T::of(group.x.len() as f64);
        let mean = sums(
            [group.x],
            #[inline(always)]
            |[x]| [x],
        )[0] / entries;
        let variance = sums(
            [group.x],
            #[inline(always)]
            |[x]| [(x - mean) * (x - mean)],
        )[0] / entries;
        let inverse = T::of(1.0) / (variance + T::of(GROUP_NORM_EPSILON)).sqrt();
        for (_, place, gamma, beta) in group.channels() {
            map(
                [&group.x[place.clone()]],
                [&mut y[place]],
                #[inline(always)]
                |[x]| [A::value(gamma * ((x - mean) * inverse) + beta)],
            );
        }
        statistics.copy_from_slice(&[mean, inverse]);
    }
}

struct Backward<'a, T> {
    group: Group<'a, T>,
    statistics: [T; 2],
    gy: &'a [T],
    /// What is added to the result.
    earlier: Option<&'a [T]>,
    gx: &'a mut [T],
    /// `[channels, 2]`: what this group adds to the cotangents of scale and shift.
    parts: &'a mut [T],
}

impl<T: Real> WithCurve for Backward<'_, T> {
    #[inline(always)]
    fn with<A: Curve>(self, _: A) {
        let Self { group, statistics: [mean, inverse], gy, earlier, gx, parts } = self;
        let entries = T::of(group.x.len() as f64);
        let (mut u_mean, mut along) = (T::of(0.0), T::of(0.0));
        for (channel, place, gamma, beta) in group.channels() {
            let [h, h_n] = sums(
                [&group.x[place.clone()], &gy[place]],
                #[inline(always)]
                |[x, gy]| {
                    let n = (x - mean) * inverse;
                    let h = gy * A::slope(gamma * n + beta);
                    [h, h * n]
                },
            );
            parts[2 * channel..][..2].copy_from_slice(&[h_n, h]);
            u_mean += gamma * h;
            along += gamma * h_n;
        }
        (u_mean, along) = (u_mean / entries, along / entries);
        let means = [u_mean, along];
        for (_, place, gamma, beta) in group.channels() {
            let [x, gy] = [&group.x[place.clone()], &gy[place.clone()]];
            let (affine, gx) = ([gamma, beta], [&mut gx[place.clone()]]);
            match earlier {
                None => map(
                    [x, gy],
                    gx,
                    #[inline(always)]
                    |entries| [pulled_back::<T, A>(entries, [mean, inverse], affine, means)],
                ),
                Some(earlier) => map(
                    [x, gy, &earlier[place]],
                    gx,
                    #[inline(always)]
                    |[x, gy, earlier]| {
                        [earlier + pulled_back::<T, A>([x, gy], [mean, inverse], affine, means)]
                    },
                ),
            }
        }
    }
}

/// `r (u − m(u) − x̂ m(u x̂))` of an entry, from both means.
#[inline(always)]
fn pulled_back<T: Real, A: Curve>(
    [x, gy]: [T; 2],
    [mean, inverse]: [T; 2],
    [gamma, beta]: [T; 2],
    [u_mean, along]: [T; 2],
) -> T {
    let n = (x - mean) * inverse;
    let u = gamma * gy * A::slope(gamma * n + beta);
    inverse * (u - u_mean - n * along)
}

/// `gx` and `parts` of the backward pass are here the cotangent of x and what this group adds to the others.
struct DoubleBackward<'a, T> {
    backward: Backward<'a, T>,
    v: &'a [T],
    to_gy: &'a mut [T],
}

impl<T: Real> WithCurve for DoubleBackward<'_, T> {
    #[inline(always)]
    fn with<A: Curve>(self, _: A) {
        self.run::<A>();
    }
}

/// Sums over a channel, or a group, of: `h`, `h x̂`, `h v`, `v`, `v x̂`; and with `k = gy · act''(z)` of
/// `k`, `k v`, `k x̂`, `k v x̂`, `k x̂²`.
type ProductSums<T> = [T; 10];

impl<T: Real> DoubleBackward<'_, T> {
    #[inline(always)]
    fn run<A: Curve>(self) {
        let Self {
            backward: Backward { group, statistics: [mean, inverse], gy, gx: to_x, parts, .. },
            v,
            to_gy,
        } = self;
        let zero = T::of(0.0);
        let entries = T::of(group.x.len() as f64);
        let mut by_channel = vec![[zero; 10]; group.scale.len()];
        let mut means = [zero; 10];
        for (channel, place, gamma, beta) in group.channels() {
            let inputs = [&group.x[place.clone()], &gy[place.clone()], &v[place]];
            by_channel[channel] = product_sums::<T, A>(inputs, mean, inverse, gamma, beta);
            let square = gamma * gamma;
            let one = T::of(1.0);
            let weights = [gamma, gamma, gamma, one, one, square, square, square, square, square];
            for ((sum, part), weight) in means.iter_mut().zip(by_channel[channel]).zip(weights) {
                *sum += weight * part / entries;
            }
        }
        let [u, along_u, u_v, v_mean, along_v, k, k_v, k_n, k_v_n, k_n_n] = means;
        let along_n = u_v - u * v_mean - T::of(3.0) * along_u * along_v;
        let f = inverse * (k_v - v_mean * k - along_v * k_n);
        let along_f = inverse * (k_v_n - v_mean * k_n - along_v * k_n_n);
        for (channel, place, gamma, beta) in group.channels() {
            let inputs = [&group.x[place.clone()], &gy[place.clone()], &v[place.clone()]];
            map(
                inputs,
                [&mut to_x[place.clone()], &mut to_gy[place]],
                #[inline(always)]
                |[x, gy, v]| {
                    let n = (x - mean) * inverse;
                    let z = gamma * n + beta;
                    let slope = gamma * A::slope(z);
                    let q = inverse * (v - v_mean - n * along_v);
                    let product = along_v * (gy * slope - u) + along_u * (v - v_mean) + n * along_n;
                    let mut to_x = -inverse * inverse * product;
                    if A::CURVED {
                        let curved = gamma * gamma * gy * A::curvature(z) * q;
                        to_x += inverse * (curved - f - n * along_f);
                    }
                    [to_x, slope * q]
                },
            );
            let [h, h_n, h_v, _, _, k, k_v, k_n, k_v_n, k_n_n] = by_channel[channel];
            let scale = h_v - v_mean * h - along_v * h_n + gamma * (k_v_n - v_mean * k_n - along_v * k_n_n);
            let shift = gamma * (k_v - v_mean * k - along_v * k_n);
            parts[2 * channel..][..2].copy_from_slice(&[inverse * scale, inverse * shift]);
        }
    }
}

/// From x, gy and v of a channel.
#[inline(always)]
fn product_sums<T: Real, A: Curve>(
    inputs: [&[T]; 3],
    mean: T,
    inverse: T,
    gamma: T,
    beta: T,
) -> ProductSums<T> {
    if A::CURVED {
        return sums(
            inputs,
            #[inline(always)]
            |[x, gy, v]| {
                let (n, z, [h, h_n, h_v, v, v_n]) = straight::<T, A>([x, gy, v], mean, inverse, gamma, beta);
                let k = gy * A::curvature(z);
                [h, h_n, h_v, v, v_n, k, k * v, k * n, k * v * n, k * n * n]
            },
        );
    }
    let [h, h_n, h_v, v, v_n] = sums(
        inputs,
        #[inline(always)]
        |inputs| straight::<T, A>(inputs, mean, inverse, gamma, beta).2,
    );
    let zero = T::of(0.0);
    [h, h_n, h_v, v, v_n, zero, zero, zero, zero, zero]
}

/// `x̂`, `z` and the terms of the first five sums.
#[inline(always)]
fn straight<T: Real, A: Curve>([x, gy, v]: [T; 3], mean: T, inverse: T, gamma: T, beta: T) -> (T, T, [T; 5]) {
    let n = (x - mean) * inverse;
    let z = gamma * n + beta;
    let h = gy * A::slope(z);
    (n, z, [h, h * n, h * v, v, v * n])
}
