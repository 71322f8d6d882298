//! Exact counts and moments of gradient tensors by class, as kernels and as plain loops.

pub mod bins;
mod kernel;
#[cfg(test)]
mod tests;

pub(in crate::gpu) use kernel::shaders;

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Int, IntDType, Tensor, TensorData};

use crate::gpu::launch::{MOST_ELEMENTS, MOST_WORKGROUPS};
use bins::{COLUMNS, column_of};

/// Moments of a class: sum, sum of squares, smallest, largest.
pub const MOMENTS: usize = 4;
/// Moments of no entries at all.
const NO_MOMENTS: [f32; MOMENTS] = [0.0, 0.0, f32::MAX, f32::MIN];

/// Gradient entries by class, still on the device.
#[derive(Clone, Debug)]
pub struct HistogramCounts {
    /// `[classes, COLUMNS]`, of the labels' integer type: entries in each bin of [`edges`](bins::edges), and
    /// last the number of those that are not finite and in no bin. Counts of several batches may be added.
    pub counts: Tensor<2, Int>,
    /// `[classes, 4]`: sum, sum of squares, smallest and largest of the finite entries, in `f32`; where there are
    /// none the smallest is `f32::MAX` and the largest `f32::MIN`.
    pub moments: Tensor<2>,
}

/// Counts the entries of each class, every one of them; samples whose label is not in `0..classes` count nowhere.
///
/// `gradient` is `[samples, pixels]`, `labels` is `[samples]`. The result carries no autodiff graph.
///
/// # Panics
/// Where there are not as many labels as samples, the gradient is not of `f32`, there are 2³¹ entries or no class.
pub fn histogram(gradient: Tensor<2>, labels: Tensor<1, Int>, classes: usize) -> HistogramCounts {
    let (gradient, labels) = (gradient.without_autodiff(), labels.without_autodiff());
    assert_eq!(gradient.dims()[0], labels.dims()[0], "histogram: as many labels as samples");
    assert_eq!(gradient.dtype(), DType::F32, "histogram: the gradient must be f32");
    assert!(gradient.shape().num_elements() <= MOST_ELEMENTS, "histogram: split a batch of 2³¹ entries");
    assert!((1..=MOST_WORKGROUPS as usize).contains(&classes), "histogram: {classes} classes");
    let integers: IntDType = labels.dtype().into();
    let (counts, moments) = Dispatch::histogram(
        gradient.into_dispatch(),
        as_type(labels, IntDType::I32).into_dispatch(),
        classes,
    );
    HistogramCounts {
        counts: as_type(Tensor::from_dispatch(counts), integers),
        moments: Tensor::from_dispatch(moments),
    }
}

/// The tensor itself where it is of that type, so that no kernel of burn's runs in vain.
fn as_type<const D: usize>(tensor: Tensor<D, Int>, wanted: IntDType) -> Tensor<D, Int> {
    if tensor.dtype() == DType::from(wanted) { tensor } else { tensor.cast(wanted) }
}

/// What [`histogram`] computes, in plain loops: counts `[classes, COLUMNS]` and moments `[classes, 4]`, row by row.
///
/// `gradient` has `pixels` entries for each label, sample by sample.
pub fn histogram_reference(
    gradient: &[f32],
    labels: &[i32],
    pixels: usize,
    classes: usize,
) -> (Vec<i32>, Vec<f32>) {
    let mut counts = vec![0; classes * COLUMNS];
    let mut moments = vec![NO_MOMENTS.map(f64::from); classes];
    for (sample, &label) in labels.iter().enumerate() {
        let Some(class) = usize::try_from(label).ok().filter(|class| *class < classes) else { continue };
        let counts = &mut counts[class * COLUMNS..][..COLUMNS];
        let [sum, squares, min, max] = &mut moments[class];
        for &value in &gradient[sample * pixels..][..pixels] {
            counts[column_of(value)] += 1;
            if value.is_finite() {
                let value = f64::from(value);
                *sum += value;
                *squares += value * value;
                *min = min.min(value);
                *max = max.max(value);
            }
        }
    }
    (counts, moments.iter().flatten().map(|moment| *moment as f32).collect())
}

/// How burn routes the operation to the kernels.
#[backend_extension(Cube, Flex)]
pub trait Histogram: Backend {
    /// See [`histogram`]; `f32` and `i32` in, `i32` counts and `f32` moments out, all without autodiff.
    fn histogram(
        gradient: FloatTensor<Self>,
        labels: IntTensor<Self>,
        classes: usize,
    ) -> (IntTensor<Self>, FloatTensor<Self>);
}

impl Histogram for Flex {
    fn histogram(
        gradient: FloatTensor<Self>,
        labels: IntTensor<Self>,
        classes: usize,
    ) -> (IntTensor<Self>, FloatTensor<Self>) {
        let pixels = gradient.layout().shape()[1];
        let (gradient, labels) = (gradient.to_contiguous(), labels.to_contiguous());
        let (counts, moments) =
            histogram_reference(gradient.storage::<f32>(), labels.storage::<i32>(), pixels, classes);
        (
            FlexTensor::from_data(TensorData::new(counts, [classes, COLUMNS])),
            FlexTensor::from_data(TensorData::new(moments, [classes, MOMENTS])),
        )
    }
}
