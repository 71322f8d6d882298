//! Which samples a network says the wanted class of, and how many.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_wgpu::CubeBackend;

use crate::gpu::host::{host_tensor, in_precision, largest};
use crate::gpu::launch::{Plain, Wgsl, allocate, info, operand, shader, upload};

/// Its source depends on constants alone.
pub(super) const KERNEL: Plain = Plain { shader: shader!("measures/hits.wgsl"), workgroup: 64 };

/// Rows of logits held against the classes wanted of them.
#[derive(Clone, Debug)]
pub struct Hits {
    /// One for each row whose largest logit is the wanted one, else zero: `[N]`.
    pub each: Tensor<1>,
    /// How many rows those are, `[1]`.
    pub count: Tensor<1>,
}

/// Holds `logits` `[N, K]` against one-hot rows `[N, K]`; without autodiff.
///
/// Where several logits are the largest, the first of them counts.
///
/// # Panics
/// Where the shapes differ.
pub fn hits(logits: Tensor<2>, one_hot: Tensor<2>) -> Hits {
    let (logits, one_hot) = (logits.without_autodiff(), one_hot.without_autodiff());
    assert_eq!(logits.dims(), one_hot.dims(), "hits: logits and one-hot rows differ in shape");
    let (each, count) = Dispatch::hits(logits.into_dispatch(), one_hot.into_dispatch());
    Hits { each: Tensor::from_dispatch(each), count: Tensor::from_dispatch(count) }
}

/// How burn routes the operation to the kernel and to the loops.
#[backend_extension(Cube, Flex)]
pub trait HitsOfRows: Backend {
    /// See [`hits`].
    fn hits(logits: FloatTensor<Self>, one_hot: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl HitsOfRows for Flex {
    fn hits(logits: FloatTensor<Self>, one_hot: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [rows, classes] = logits.shape().dims();
        let (logits, one_hot) = (logits.to_contiguous(), one_hot.to_contiguous());
        in_precision!(logits, T => {
            let logits = logits.storage::<T>().chunks_exact(classes.max(1));
            let one_hot = one_hot.storage::<T>().chunks_exact(classes.max(1));
            let each: Vec<T> = logits.zip(one_hot).map(|(row, wanted)| wanted[largest(row)]).collect();
            let count = each.iter().copied().sum();
            (host_tensor(each, [rows]), host_tensor::<T>(vec![count], [1]))
        })
    }
}

impl HitsOfRows for CubeBackend {
    fn hits(logits: FloatTensor<Self>, one_hot: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (logits, one_hot) = (operand(logits), operand(one_hot));
        let [rows, classes] = logits.meta.shape().dims();
        let each = allocate::<f32>(&logits, [rows]);
        if rows * classes == 0 {
            return (each, upload(&logits, [1], &[0f32]));
        }
        let count = allocate::<f32>(&logits, [1]);
        let info = info(&logits, &[rows as u32, classes as u32]);
        let buffers = [&logits.handle, &one_hot.handle, &each.handle, &count.handle, &info];
        // One workgroup, as the count is one sum.
        KERNEL.over(1, &logits, &buffers);
        (each, count)
    }
}

/// The one kernel.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    vec![KERNEL.complete()]
}
