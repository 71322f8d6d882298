//! The sizes of a convolution, and which of its three operations is computed.

use burn::tensor::Shape;

/// Kernel, stride and image of all three operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Pixels along a side of the kernel: 1 or 3; half of it, rounded down, is the padding on every side.
    pub kernel: usize,
    /// Pixels from one output to the next: 1 or 2.
    pub stride: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
}

impl Geometry {
    pub(super) fn new(kernel: usize, stride: usize, height: usize, width: usize) -> Self {
        assert!([1, 3].contains(&kernel), "convolution: a kernel of {kernel}×{kernel}, not 1×1 or 3×3");
        assert!([1, 2].contains(&stride), "convolution: a stride of {stride}, not 1 or 2");
        Self { kernel, stride, height, width }
    }

    /// Rows and columns of the output.
    pub(super) fn output(self) -> [usize; 2] {
        [self.height, self.width].map(|size| (size + 2 * self.padding() - self.kernel) / self.stride + 1)
    }

    /// Pixels by which an image is framed on every side.
    pub(super) fn padding(self) -> usize {
        self.kernel / 2
    }
}

/// All sizes of the three operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Images.
    pub batch: usize,
    /// Channels of `x`.
    pub channels: usize,
    /// Channels of `y`.
    pub outputs: usize,
    /// Kernel and stride, rows and columns of `x`.
    pub geometry: Geometry,
}

impl Sizes {
    /// From the shape of `x`.
    pub fn of(x: &Shape, outputs: usize, geometry: Geometry) -> Self {
        let [batch, channels, ..] = x.dims::<4>();
        Self { batch, channels, outputs, geometry }
    }

    /// Floats of the weight per output.
    pub fn taps(self) -> usize {
        self.channels * self.geometry.kernel.pow(2)
    }

    /// Floats of `x` per image.
    pub fn image(self) -> usize {
        self.channels * self.geometry.height * self.geometry.width
    }

    /// Floats of `y` per image.
    pub fn output(self) -> usize {
        let [rows, columns] = self.geometry.output();
        self.outputs * rows * columns
    }

    /// Floats of the weight.
    pub fn weights(self) -> usize {
        self.outputs * self.taps()
    }

    /// Floating-point operations of each of the three operations.
    pub fn operations(self) -> u64 {
        let [rows, columns] = self.geometry.output();
        let sizes = [self.batch, self.outputs, rows, columns, self.taps()];
        2 * sizes.map(|size| size as u64).into_iter().product::<u64>()
    }

    /// As kernels read them: batch, channels, height, width, outputs, rows and columns of `y`.
    pub fn values(self) -> [u32; 7] {
        let Self { batch, channels, outputs, geometry } = self;
        let [rows, columns] = geometry.output();
        [batch, channels, geometry.height, geometry.width, outputs, rows, columns].map(|size| size as u32)
    }
}

/// What a kernel sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The convolution; at stride 1 its input vector-Jacobian product, too.
    Output { stride: usize },
    /// The input vector-Jacobian product at stride 2.
    Input,
    /// The parts of the weight gradient.
    Weight { stride: usize },
}

impl Kind {
    pub(super) fn stride(self) -> usize {
        match self {
            Self::Output { stride } | Self::Weight { stride } => stride,
            Self::Input => 2,
        }
    }
}
