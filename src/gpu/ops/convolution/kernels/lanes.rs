//! The convolution's kernels for [`Hardware::Lanes`](crate::gpu::launch::Hardware): an invocation is a lane of a vector,
//! a load takes as long as twenty multiplications because its lanes are loaded one after the other, and a barrier costs a
//! coroutine. So nothing goes through workgroup memory; what a subgroup's lanes loaded they pass round in registers.
//! A step of `cnn-small` takes less than a third of the time there that it takes with the kernels for GPUs.

use burn_wgpu::{CubeTensor, SourceTemplate};

use crate::gpu::launch::{LANES, Shader, Storage, Wgsl, dispatch, info, shader, unroll, workgroups};
use crate::gpu::ops::convolution::geometry::{Kind, Sizes};

const OUTPUT: Shader = shader!("convolution/lanes.wgsl");
const INPUT: Shader = shader!("convolution/input_lanes.wgsl");
/// Invocations of a workgroup.
pub(super) const WORKGROUP: u32 = 4 * LANES;

/// Fills `y` with a convolution of `x`, or where `kind` is that one with the input vector-Jacobian product of stride 2.
/// `turned` is 1 where the kernel is to be turned around.
pub(super) fn sum_patches(
    kind: Kind,
    sizes: Sizes,
    turned: u32,
    [x, weight]: [&CubeTensor; 2],
    y: &CubeTensor,
) {
    let kernel = Kernel::new(kind, sizes, Storage::of(x));
    let [patches, across] = kernel.patches(sizes);
    let blocks = (y.meta.shape()[1] as u32).div_ceil(kernel.channels());
    let info = info(x, &[sizes.values().as_slice(), &[turned, across]].concat());
    let buffers = [&x.handle, &weight.handle, &y.handle, &info];
    dispatch(x, kernel, WORKGROUP, workgroups(patches, blocks, WORKGROUP), &buffers);
}

/// A kernel whose invocations sum patches four outputs wide, and all that its source depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    /// Whether it is the input vector-Jacobian product of stride 2, and no convolution.
    is_input: bool,
    stride: u32,
    kernel: u32,
    /// Whether a row has more patches than a subgroup, so that lanes load what is beside their patch themselves.
    is_wide: bool,
    storage: Storage,
}

impl Kernel {
    fn new(kind: Kind, sizes: Sizes, storage: Storage) -> Self {
        let is_wide = sizes.geometry.output()[1] > (4 * LANES) as usize;
        let kernel = sizes.geometry.kernel as u32;
        Self { is_input: kind == Kind::Input, stride: kind.stride() as u32, kernel, is_wide, storage }
    }

    /// Rows of the output, or its cotangent, in a patch.
    fn rows(self) -> u32 {
        match (self.is_input, self.stride) {
            (true, _) => 1,
            (false, 1) => 4,
            (false, _) => 2,
        }
    }

    /// Blocks of [`LANES`] channels that an invocation sums: a convolution with stride 2 has so much to load for each pixel
    /// that it spends that on two.
    fn blocks(self) -> u32 {
        if self.stride == 2 && !self.is_input { 2 } else { 1 }
    }

    /// Channels that an invocation sums.
    fn channels(self) -> u32 {
        LANES * self.blocks()
    }

    /// Rows of the first operand that a patch meets.
    fn near_rows(self) -> u32 {
        if self.is_input {
            self.rows() + self.kernel / 2
        } else {
            (self.rows() - 1) * self.stride + self.kernel
        }
    }

    /// Patches, and patches in a row: 1, 2, 4 or a multiple of 8, so that rows begin with a lane that begins a subgroup
    /// or 1, 2 or 4 of them share one.
    fn patches(self, sizes: Sizes) -> [u32; 2] {
        let [batch, .., rows, columns] = sizes.values();
        let across = columns.div_ceil(4);
        let across = if across > LANES { across.next_multiple_of(LANES) } else { across.next_power_of_two() };
        [batch * rows.div_ceil(self.rows()) * across, across]
    }
}

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        if self.is_input { INPUT } else { OUTPUT }
    }

    fn source(&self) -> SourceTemplate {
        let Self { kernel, stride, .. } = *self;
        let counts = [
            ("kernel", kernel),
            ("taps", kernel * kernel),
            ("rows", self.rows()),
            ("near_rows", self.near_rows()),
            ("own", 4 * stride),
            ("lanes", LANES),
            ("blocks", self.blocks()),
            ("turns", LANES * (self.blocks() - 1)),
            ("moves", self.channels() - 1),
            ("two", 2),
            ("four", 4),
            // Those that are 0 or 1 say whether what they enclose is there.
            ("halo", u32::from(kernel > 1 && !self.is_wide)),
            ("several", u32::from(self.blocks() > 1)),
            ("far", u32::from(kernel > 1 && self.is_wide)),
        ];
        let source = SourceTemplate::new(self.storage.enabled(&unroll(self.shader().text, &counts)))
            .register("stored", self.storage.name())
            .register("workgroup", WORKGROUP.to_string())
            .register("stride", stride.to_string());
        counts.iter().fold(source, |source, (name, count)| source.register(*name, count.to_string()))
    }

    fn label(&self) -> String {
        let Self { stride, kernel, storage, .. } = self;
        format!("{} stride {stride} kernel {kernel}{}", self.shader().words(), storage.suffix())
    }
}

/// Every variant that there is.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = Vec::new();
    for variant in 0..8 {
        let is = |bit: u32| variant >> bit & 1 == 1;
        let storage = Storage::ALL[usize::from(is(0))];
        let convolution =
            Kernel { is_input: false, stride: 1, kernel: if is(1) { 1 } else { 3 }, is_wide: is(2), storage };
        let mut add = |kernel: Kernel| shaders.push(kernel.complete());
        add(convolution);
        add(Kernel { stride: 2, ..convolution });
        add(Kernel { stride: 2, is_input: true, ..convolution });
    }
    shaders
}
