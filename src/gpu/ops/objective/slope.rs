//! Along what attacks climb at the logits: the cross-entropy's gradient, and three slopes that `f32` does not round away.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::{CubeBackend, CubeTensor};

use super::softmax::logit_gradient;
use crate::gpu::host::{Real, host_tensor, in_precision};
use crate::gpu::launch::{Plain, allocate, info, operand, shader};

/// All slopes; its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("objective/slope.wgsl"), workgroup: 64 };

/// Least margin that logits are divided by.
const LEAST_MARGIN: f64 = 1e-12;

/// Along what an attack climbs at the logits `z`, away from a class `c`; `e` are one-hot rows.
///
/// The gradient of the cross-entropy is `softmax(z) − e_c = (1 − p_c) (q − e_c)` with `q` the softmax of the other classes
/// among themselves. Where `p_c` is near 1 the factor `1 − p_c` is small, and in `f32` it is lost: `p_c` is 1 from a margin of
/// ln 2²⁴ ≈ 17 on, and every other `p` is 0 from about 104 on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slope {
    /// `softmax(z) − e_c`.
    #[default]
    CrossEntropy = 0,
    /// `q − e_c`: the direction of the former without its factor, and the gradient of the log-odds
    /// `ln Σ_{j≠c} exp z_j − z_c`, of which the cross-entropy is `ln(1 + exp ·)`.
    Exact = 1,
    /// `e_r − e_c` with `r` the largest of the other logits: the gradient of Carlini & Wagner's loss `max_{j≠c} z_j − z_c`
    /// (2017), not cut off.
    Margin = 2,
    /// `softmax(z / s) − e_c` with `s` the margin `|z_c − max_{j≠c} z_j|`, a constant: the cross-entropy of logits whose
    /// margin is 1, less the factor 1/s (Yu & Xu 2023).
    Scaled = 3,
}

/// The slope `[N, K]` at `logits` `[N, K]`, away from the classes that are the one-hot rows of `classes` `[N, K]`. Each row
/// sums to 0; one without another class is 0. Only the cross-entropy's can be differentiated, and may have other targets
/// than one class: it is [`logit_gradient`]. The others are outside every autodiff graph.
///
/// # Panics
/// Where the shapes differ.
pub fn logit_slope(logits: Tensor<2>, classes: Tensor<2>, slope: Slope) -> Tensor<2> {
    assert_eq!(logits.dims(), classes.dims(), "logit_slope: logits and classes differ in shape");
    if slope == Slope::CrossEntropy {
        return logit_gradient(logits, classes);
    }
    let [logits, classes] = [logits, classes].map(|rows| rows.without_autodiff().into_dispatch());
    Tensor::from_dispatch(Dispatch::logit_slope(logits, classes, slope))
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Cube, Flex)]
pub trait LogitSlope: Backend {
    /// See [`logit_slope`].
    fn logit_slope(logits: FloatTensor<Self>, classes: FloatTensor<Self>, slope: Slope) -> FloatTensor<Self>;
}

impl LogitSlope for Flex {
    fn logit_slope(logits: FloatTensor<Self>, classes: FloatTensor<Self>, slope: Slope) -> FloatTensor<Self> {
        in_precision!(logits, T => on_host::<T>(&logits, &classes, slope))
    }
}

impl LogitSlope for CubeBackend {
    fn logit_slope(logits: FloatTensor<Self>, classes: FloatTensor<Self>, slope: Slope) -> FloatTensor<Self> {
        launch(logits, classes, slope)
    }
}

fn on_host<T: Real>(logits: &FlexTensor, classes: &FlexTensor, slope: Slope) -> FlexTensor {
    let shape = logits.shape();
    let (logits, classes) = (logits.to_contiguous(), classes.to_contiguous());
    let mut slopes = vec![T::ZERO; logits.storage::<T>().len()];
    let k = shape[1].max(1);
    let rows = logits.storage::<T>().chunks_exact(k).zip(classes.storage::<T>().chunks_exact(k));
    for ((logits, given), out) in rows.zip(slopes.chunks_exact_mut(k)) {
        let is_given = |class: &usize| given[*class] > T::of(0.5);
        let higher = |best: usize, class: usize| if logits[class] > logits[best] { class } else { best };
        let rival = (0..k).filter(|class| !is_given(class)).reduce(higher);
        let (Some(own), Some(rival)) = ((0..k).rfind(is_given), rival) else { continue };
        let above = logits[higher(rival, own)];
        match slope {
            Slope::Margin => out[rival] = T::ONE,
            Slope::Exact => softmax_into(out, logits, (logits[rival], T::ONE), Some(own)),
            Slope::CrossEntropy => softmax_into(out, logits, (above, T::ONE), None),
            Slope::Scaled => {
                let (margin, least) = ((logits[own] - logits[rival]).abs(), T::of(LEAST_MARGIN));
                let scale = if margin > least { margin } else { least };
                softmax_into(out, logits, (above, scale), None);
            }
        }
        out[own] -= T::ONE;
    }
    host_tensor(slopes, shape)
}

/// The softmax of `(logits − largest) / scale` over all classes but the one `without`, which gets 0.
fn softmax_into<T: Real>(out: &mut [T], logits: &[T], (largest, scale): (T, T), without: Option<usize>) {
    let mut sum = T::ZERO;
    for (class, (out, logit)) in out.iter_mut().zip(logits).enumerate() {
        if Some(class) != without {
            *out = ((*logit - largest) / scale).exp();
            sum += *out;
        }
    }
    out.iter_mut().for_each(|out| *out /= sum);
}

fn launch(logits: CubeTensor, classes: CubeTensor, slope: Slope) -> CubeTensor {
    let [logits, classes] = [logits, classes].map(operand);
    let [rows, k] = logits.meta.shape().dims();
    let output = allocate::<f32>(&logits, [rows, k]);
    let info = info(&logits, &[rows as u32, k as u32, slope as u32]);
    if k > 0 {
        KERNEL.over(rows, &logits, &[&logits.handle, &classes.handle, &output.handle, &info]);
    }
    output
}
