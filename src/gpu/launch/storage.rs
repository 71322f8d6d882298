//! How kernels store activations: in single precision or in half of it. They compute in `f32` either
//! way.

use burn::tensor::{DType, Shape, f16};
use burn_wgpu::CubeTensor;

use super::tensors::allocate;

/// Bytes of which a binding within a larger buffer starts at a multiple.
const ALIGNMENT: usize = 256;

/// The type of a tensor's entries in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::gpu) enum Storage {
    F32,
    /// Only adapters with 16-bit floats get its kernels.
    F16,
}

impl Storage {
    pub const ALL: [Self; 2] = [Self::F32, Self::F16];

    /// Whether kernels read such a tensor.
    pub fn is_known(tensor: &CubeTensor) -> bool {
        matches!(tensor.dtype, DType::F32 | DType::F16)
    }

    /// That of a tensor.
    ///
    /// # Panics
    /// Where kernels read no such tensor.
    pub fn of(tensor: &CubeTensor) -> Self {
        match tensor.dtype {
            DType::F32 => Self::F32,
            DType::F16 => Self::F16,
            other => panic!("the kernels take f32 or f16, not {other:?}"),
        }
    }

    /// Entries of which a part of a buffer starts at a multiple.
    pub fn alignment(self) -> usize {
        match self {
            Self::F32 => ALIGNMENT / size_of::<f32>(),
            Self::F16 => ALIGNMENT / size_of::<f16>(),
        }
    }

    /// A contiguous tensor of whatever is in memory, on the device of another.
    pub fn allocate(self, beside: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
        match self {
            Self::F32 => allocate::<f32>(beside, shape),
            Self::F16 => allocate::<f16>(beside, shape),
        }
    }

    /// The type's name in WGSL.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// What it adds to a kernel's label.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::F32 => "",
            Self::F16 => " f16",
        }
    }

    /// A kernel's text, which may name the type.
    pub fn enabled(self, text: &str) -> String {
        match self {
            Self::F32 => text.into(),
            Self::F16 => format!("enable f16;\n{text}"),
        }
    }
}
