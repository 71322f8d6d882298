//! What a training step amounts to, added to running sums on the device.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, TensorData};
use burn_wgpu::CubeBackend;

use crate::gpu::host::{self, Real, host_tensor, in_precision, largest, log_sum};
use crate::gpu::launch::{Plain, Wgsl, allocate, apart, info, operand, shader};

/// What the sums need of each sample; its source depends on constants alone.
pub(super) const SAMPLES: Plain = Plain { shader: shader!("measures/samples.wgsl"), workgroup: 64 };

/// The sums; its source depends on constants alone.
pub(super) const SUMS: Plain = Plain { shader: shader!("measures/sums.wgsl"), workgroup: 64 };

/// Numbers before the confusion matrix in the sums of [`add_measures`].
pub const SCALARS: usize = 5;
/// What [`SAMPLES`] writes for each sample.
const COLUMNS: usize = 8;

/// A step of `N` samples in `K` classes; all outside every autodiff graph.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What the main network says, `[N, K]`.
    pub logits: Tensor<2>,
    /// What the auxiliary network says, `[N, K]`.
    pub auxiliary_logits: Tensor<2>,
    /// The labels, which are the gradient tensors' origins: one-hot rows `[N, K]`.
    pub one_hot: Tensor<2>,
    /// The gradient tensors, `[N, C, H, W]`.
    pub gradient: Tensor<4>,
}

/// `sums` (none: zero) and the step's own, `[5 + K²]`: mean cross-entropy of the main network, how many samples it has
/// right, the same of the auxiliary network, mean square of the gradient tensors; then how many of each origin (row)
/// the auxiliary network took for each class (column).
///
/// The same bits in every run. Where several logits are the largest, the first of them counts.
///
/// # Panics
/// Where the shapes do not fit.
pub fn add_measures(sums: Option<Tensor<1>>, measured: Measured) -> Tensor<1> {
    let Measured { logits, auxiliary_logits, one_hot, gradient } = measured;
    let [n, k] = one_hot.dims();
    for logits in [&logits, &auxiliary_logits] {
        assert_eq!(logits.dims(), [n, k], "add_measures: logits and labels differ in shape");
    }
    assert_eq!(gradient.dims()[0], n, "add_measures: a gradient tensor for each label");
    let length = SCALARS + k * k;
    let zero = || Tensor::from_data(TensorData::new(vec![0f32; length], [length]), &one_hot.device());
    let sums = sums.unwrap_or_else(zero);
    assert_eq!(sums.dims(), [length], "add_measures: sums of as many classes");
    Tensor::from_dispatch(Dispatch::add_measures(
        sums.into_dispatch(),
        logits.into_dispatch(),
        auxiliary_logits.into_dispatch(),
        one_hot.into_dispatch(),
        gradient.into_dispatch(),
    ))
}

/// How burn routes the operation to the kernels and to the loops.
#[backend_extension(Cube, Flex)]
pub trait Measures: Backend {
    /// See [`add_measures`].
    fn add_measures(
        sums: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl Measures for Flex {
    fn add_measures(
        sums: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        in_precision!(sums, T => {
            let step = on_host::<T>(&logits, &auxiliary_logits, &one_hot, &gradient);
            let before = sums.to_contiguous();
            let length = step.len();
            let sums = step.iter().zip(before.storage::<T>()).map(|(step, sum)| *sum + *step).collect();
            host_tensor(sums, [length])
        })
    }
}

/// The step's own sums.
fn on_host<T: Real>(
    logits: &FlexTensor,
    auxiliary_logits: &FlexTensor,
    one_hot: &FlexTensor,
    gradient: &FlexTensor,
) -> Vec<T> {
    let [n, k] = one_hot.shape().dims();
    let [logits, auxiliary_logits, one_hot, gradient] =
        [logits, auxiliary_logits, one_hot, gradient].map(FlexTensor::to_contiguous);
    let mut sums = vec![T::ZERO; SCALARS + k * k];
    for (sample, targets) in one_hot.storage::<T>().chunks_exact(k.max(1)).enumerate() {
        let origin = largest(targets);
        for (at, logits) in [(0, &logits), (2, &auxiliary_logits)] {
            let row = &logits.storage::<T>()[sample * k..][..k];
            let ([most, sum], said) = (log_sum(row), largest(row));
            sums[at] += sum + (most - row[origin]);
            if said == origin {
                sums[at + 1] += T::ONE;
            }
            if at == 2 {
                sums[SCALARS + origin * k + said] += T::ONE;
            }
        }
    }
    let gradient = gradient.storage::<T>();
    for at in [0, 2] {
        sums[at] /= T::of(n as f64);
    }
    let [square] = host::sums([gradient], |[x]| [x * x]);
    sums[4] = square / T::of(gradient.len() as f64);
    sums
}

impl Measures for CubeBackend {
    fn add_measures(
        sums: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        auxiliary_logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [samples, classes] = one_hot.meta.shape().dims();
        let pixels: usize = gradient.meta.shape().iter().skip(1).product();
        let [sums, logits, auxiliary_logits, one_hot, gradient] =
            [sums, logits, auxiliary_logits, one_hot, gradient].map(operand);
        let auxiliary_logits = apart(auxiliary_logits, &[&logits.handle]);
        let sizes = [samples, classes, pixels].map(|size| size as u32);
        let rows = allocate::<f32>(&sums, [samples.max(1), COLUMNS]);
        let [logits, auxiliary_logits, one_hot] =
            [logits, auxiliary_logits, one_hot].map(|tensor| tensor.handle);
        let info_samples = info(&sums, &sizes);
        let buffers = [&logits, &auxiliary_logits, &one_hot, &gradient.handle, &rows.handle, &info_samples];
        SAMPLES.for_each(samples, &sums, &buffers);
        let after = allocate::<f32>(&sums, sums.meta.shape().clone());
        let info_sums = info(&sums, &sizes);
        let buffers = [&rows.handle, &sums.handle, &after.handle, &info_sums];
        SUMS.over(SCALARS + classes * classes, &sums, &buffers);
        after
    }
}

/// Both kernels.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![SAMPLES.complete(), SUMS.complete()]
}
