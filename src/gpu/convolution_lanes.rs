//! The kernels of [`convolution_kernels`](super::convolution_kernels) for adapters whose subgroups are 8 invocations.
//!
//! Such an adapter is llvmpipe, which computes on the processor: an invocation is a lane of a vector, a load takes as
//! long as twenty multiplications because its lanes are loaded one after the other, and a barrier costs a coroutine.
//! So nothing goes through workgroup memory; what a subgroup's lanes loaded they pass round in registers.

use burn_wgpu::{CubeTensor, KernelSource, SourceTemplate};
use cubecl::prelude::KernelId;

use super::convolution_kernels::{Kind, Sizes};
use super::storage::Storage;
use super::unroll::unroll;

/// Invocations of a subgroup, patches of pixels that it has side by side, and channels for which it loads weights.
pub(super) const LANES: u32 = 8;
/// Invocations of a workgroup.
pub(super) const WORKGROUP: u32 = 4 * LANES;
/// Subgroups beyond which a weight gradient is not divided further: some for each of a processor's cores.
const ENOUGH_SUBGROUPS: u32 = 256;
/// Most parts into which the sums of a weight gradient are divided: they are added up one after the other.
const MOST_PARTS: u32 = 128;

/// Whether these kernels are for the adapter of a tensor.
///
/// GPUs say a range of sizes or another one; a browser's adapter says none, and burn a range for it.
pub(super) fn suit(tensor: &CubeTensor) -> bool {
    let hardware = &tensor.client.properties().hardware;
    [hardware.plane_size_min, hardware.plane_size_max] == [LANES; 2]
}

/// A kernel whose invocations sum patches four outputs wide, and all that its source depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kernel {
    kind: Kind,
    kernel: usize,
    /// Whether rows are loaded and stored in vectors of four: where that fits all of them, because each combination would
    /// be another pipeline, for which the driver takes longer than it saves.
    in_vectors: bool,
    /// Whether a row has more patches than a subgroup, so that lanes load what is beside their patch themselves.
    is_wide: bool,
    /// Whether a subgroup sums taps of one input channel and eight outputs, for [`Kind::Weight`], and not of two and four:
    /// where there is but one, and with stride 2, where patches of images have more to load than those of cotangents.
    is_single: bool,
    storage: Storage,
}

impl Kernel {
    pub(super) fn new(kind: Kind, sizes: Sizes, storage: Storage) -> Self {
        let [width, out_width] = [sizes.geometry.width, sizes.geometry.output()[1]];
        Self {
            kind,
            kernel: sizes.geometry.kernel,
            in_vectors: width % 4 == 0 && out_width % 4 == 0,
            is_wide: out_width > (4 * LANES) as usize,
            is_single: kind == Kind::Weight { stride: 2 }
                || kind == Kind::Weight { stride: 1 } && sizes.channels == 1,
            storage,
        }
    }

    /// Rows of the output, or its cotangent, in a patch.
    fn rows(self) -> u32 {
        match self.kind {
            Kind::Output { stride: 1 } => 4,
            Kind::Output { .. } | Kind::Weight { .. } => 2,
            Kind::Input => 1,
        }
    }

    /// Rows of the first operand that a patch meets.
    fn near_rows(self) -> u32 {
        let kernel = self.kernel as u32;
        match self.kind {
            Kind::Output { stride } | Kind::Weight { stride } => (self.rows() - 1) * stride as u32 + kernel,
            Kind::Input => self.rows() + kernel / 2,
        }
    }

    fn stride(self) -> u32 {
        match self.kind {
            Kind::Output { stride } | Kind::Weight { stride } => stride as u32,
            Kind::Input => 2,
        }
    }

    /// Input channels and outputs of a weight gradient whose taps a subgroup sums.
    fn block(self) -> [u32; 2] {
        if self.is_single { [1, 8] } else { [2, 4] }
    }

    /// Patches, and patches in a row: 1, 2, 4 or a multiple of 8, so that rows begin with a lane that begins a subgroup
    /// or 1, 2 or 4 of them share one.
    pub(super) fn patches(self, sizes: Sizes) -> [u32; 2] {
        let [rows, columns] = sizes.geometry.output().map(|size| size as u32);
        let across = columns.div_ceil(4);
        let across = if across > LANES { across.next_multiple_of(LANES) } else { across.next_power_of_two() };
        [sizes.batch * rows.div_ceil(self.rows()) * across, across]
    }

    /// Parts of a weight gradient, and subgroups for all of them.
    pub(super) fn parts(self, sizes: Sizes) -> [u32; 2] {
        let [channels, outputs] = self.block();
        let blocks = sizes.channels.div_ceil(channels) * sizes.outputs.div_ceil(outputs);
        let steps = self.patches(sizes)[0].div_ceil(LANES);
        let parts = (ENOUGH_SUBGROUPS / blocks).min(MOST_PARTS).min(steps).max(1);
        [parts, blocks * parts]
    }
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let text = match self.kind {
            Kind::Output { .. } => include_str!("../../shaders/convolution_lanes.wgsl"),
            Kind::Input => include_str!("../../shaders/convolution_input_lanes.wgsl"),
            Kind::Weight { .. } => include_str!("../../shaders/convolution_weight_lanes.wgsl"),
        };
        let (kernel, stride, [channels, outputs]) = (self.kernel as u32, self.stride(), self.block());
        // Vectors of the first operand under a patch, or its single values.
        let vectors = if self.kind == Kind::Input { 1 } else { stride };
        let counts = [
            ("kernel", kernel),
            ("taps", kernel * kernel),
            ("rows", self.rows()),
            ("near_rows", self.near_rows()),
            ("channels", channels),
            ("outputs", outputs),
            ("lanes", LANES),
            ("moves", LANES - 1),
            ("tap_moves", kernel * kernel - 1),
            ("two", 2),
            ("four", 4),
            // Those that are 0 or 1 say whether what they enclose is there.
            ("halo", u32::from(kernel > 1 && !self.is_wide)),
            ("far_vectors", u32::from(kernel > 1 && self.is_wide && self.in_vectors)),
            ("far_singles", u32::from(kernel > 1 && self.is_wide && !self.in_vectors)),
            ("vectors", if self.in_vectors { vectors } else { 0 }),
            ("singles", if self.in_vectors { 0 } else { 4 * vectors }),
            ("whole", u32::from(self.in_vectors)),
            ("apart", u32::from(!self.in_vectors)),
        ];
        let stored = self.storage.name();
        let element = if self.in_vectors { format!("vec4<{stored}>") } else { stored.into() };
        let source = SourceTemplate::new(self.storage.enabled(&unroll(text, &counts)))
            .register("stored", stored)
            .register("workgroup", WORKGROUP.to_string())
            .register("stride", stride.to_string())
            .register("element", element);
        counts.iter().fold(source, |source, (name, count)| source.register(*name, count.to_string()))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(*self)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Every variant that there is.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = Vec::new();
    for variant in 0..32 {
        let is = |bit: u32| variant >> bit & 1 == 1;
        let (kernel, in_vectors, is_wide) = (if is(0) { 1 } else { 3 }, is(1), is(2));
        let storage = Storage::ALL[usize::from(is(3))];
        let mut add = |name, kind, is_single| {
            let kernel = Kernel { kind, kernel, in_vectors, is_wide, is_single, storage };
            shaders.push((name, kernel.source().complete()));
        };
        let stride = if is(4) { 2 } else { 1 };
        add("convolution_lanes.wgsl", Kind::Output { stride }, false);
        add("convolution_weight_lanes.wgsl", Kind::Weight { stride }, true);
        if stride == 1 {
            add("convolution_weight_lanes.wgsl", Kind::Weight { stride }, false);
        } else {
            add("convolution_input_lanes.wgsl", Kind::Input, false);
        }
    }
    shaders
}
