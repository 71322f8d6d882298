//! The convolution's kernels for GPUs.
//!
//! An invocation sums a patch of pixels in several channels in its registers, or several taps of several filters; what a
//! workgroup's invocations have in common it loads once into workgroup memory, and loads the next while it computes.
//! Where that makes too few invocations to fill a GPU, patches are smaller, and the sums are divided into parts, which are
//! added up afterwards.
//! The constants were chosen on an NVIDIA H200; workgroup memory stays within what WebGPU promises.

use burn_wgpu::{CubeTensor, SourceTemplate};

use crate::gpu::launch::{MOST_WORKGROUPS, Shader, Storage, Wgsl, allocate, dispatch, info, shader, unroll};
use crate::gpu::ops::convolution::geometry::{Kind, Sizes};
use crate::gpu::ops::sum_parts::sum_parts;

const SUMS: Shader = shader!("convolution/tiles.wgsl");
const WEIGHT: Shader = shader!("convolution/weight_tiles.wgsl");
const WEIGHT_SINGLE: Shader = shader!("convolution/weight_single.wgsl");
/// Patches of pixels of a workgroup: the lanes of a GPU's subgroup, so that those of one have the same channels.
const PATCHES: u32 = 32;
/// Most blocks of channels of a workgroup.
const MOST_BLOCKS: u32 = 8;
/// Fewest and most input channels of a workgroup that sums a weight gradient.
const CHANNELS: [u32; 2] = [8, 16];
/// Invocations of a workgroup that shares a single input channel.
const SINGLE_WORKGROUP: u32 = 64;
/// Patches for each of them.
const SINGLE_PATCHES: u32 = 2;
/// Invocations beyond which patches are large and nothing is divided into parts.
const ENOUGH_INVOCATIONS: u32 = 1 << 16;
/// Most parts of a weight gradient.
const MOST_PARTS: u32 = 256;
/// Fewest patches of such a part, and fewest channels of a part of other sums: to sum those takes about as long as to
/// launch a kernel that adds parts up.
const LEAST_PATCHES: u32 = 16;
const LEAST_CHANNELS: u32 = 16;
/// What is loaded at a time: most values of an invocation, which holds them in registers, and most channels or
/// patches.
const MOST_LOADS: u32 = 24;
const MOST_CHUNK: u32 = 4;
/// Bytes of workgroup memory that WebGPU promises, less what a kernel needs besides its tiles.
const MEMORY: u32 = 16384 - 16;

/// Fills `y` with a convolution of `x`, or where `kind` is that one with the input vector-Jacobian product of stride 2.
/// `turned` is 1 where the kernel is to be turned around.
pub(super) fn sum_patches(kind: Kind, sizes: Sizes, turned: u32, inputs: [&CubeTensor; 2], y: &CubeTensor) {
    let [_, to] = ends(kind, sizes);
    let large = Kernel::new(kind, sizes.geometry.kernel, to[0], Storage::of(y));
    let [tiles, groups] = large.tiles(sizes.batch as u32, to);
    let is_small = tiles * groups * large.workgroup() < ENOUGH_INVOCATIONS;
    sum_patches_as(is_small, kind, sizes, turned, inputs, y);
}

/// The same with small patches or large ones.
pub(super) fn sum_patches_as(
    is_small: bool,
    kind: Kind,
    sizes: Sizes,
    turned: u32,
    [x, weight]: [&CubeTensor; 2],
    y: &CubeTensor,
) {
    let [from, to] = ends(kind, sizes);
    let turned = if kind == Kind::Input { 1 } else { turned };
    let mut kernel = Kernel { is_small, ..Kernel::new(kind, sizes.geometry.kernel, to[0], Storage::of(x)) };
    let batch = sizes.batch as u32;
    let [tiles, groups] = kernel.tiles(batch, to);
    let wanted = ENOUGH_INVOCATIONS / (tiles * groups * kernel.workgroup()).max(1);
    let [parts, of_part] = divide(from[0], wanted.min(from[0] / LEAST_CHANNELS), kernel.chunk());
    let partial_sums = (parts > 1).then(|| {
        kernel.written = Storage::F32;
        allocate::<f32>(x, [parts as usize * y.meta.shape().num_elements()])
    });
    let info = info(x, &[&[batch][..], &from, &to, &[turned, parts, of_part]].concat());
    let target = partial_sums.as_ref().unwrap_or(y);
    let along = tiles.clamp(1, MOST_WORKGROUPS);
    let workgroups = [along, groups, tiles.div_ceil(along) * parts];
    dispatch(x, kernel, kernel.workgroup(), workgroups, &[&x.handle, &weight.handle, &target.handle, &info]);
    if let Some(partial_sums) = partial_sums {
        sum_parts((&partial_sums, parts), None, y);
    }
}

/// Channels, height and width of what is summed, and of the sums.
fn ends(kind: Kind, sizes: Sizes) -> [[u32; 3]; 2] {
    let [_, channels, height, width, outputs, out_height, out_width] = sizes.values();
    let (near, far) = ([channels, height, width], [outputs, out_height, out_width]);
    if kind == Kind::Input { [far, near] } else { [near, far] }
}

/// Parts of a weight gradient, one after the other, and how many.
pub(super) fn sum_taps(stride: usize, sizes: Sizes, [x, gy]: [&CubeTensor; 2]) -> (CubeTensor, u32) {
    let [batch, channels, .., outputs, out_height, out_width] = sizes.values();
    let kind = Kind::Weight { stride };
    let mut kernel = Kernel::new(kind, sizes.geometry.kernel, outputs, Storage::of(x));
    if channels == 1 {
        (kernel.channels, kernel.blocks) = (1, 1);
    } else {
        kernel.channels = channels.next_power_of_two().clamp(CHANNELS[0], CHANNELS[1]);
    }
    let [rows, columns] = kernel.patch();
    let patches = batch * out_height.div_ceil(rows) * out_width.div_ceil(columns);
    let groups = [channels.div_ceil(kernel.channels), outputs.div_ceil(kernel.outputs())];
    let wanted = if kernel.is_single() {
        patches.div_ceil(SINGLE_WORKGROUP * SINGLE_PATCHES)
    } else {
        (ENOUGH_INVOCATIONS / (groups[0] * groups[1] * kernel.workgroup())).min(patches / LEAST_PATCHES)
    };
    let [parts, of_part] = divide(patches, wanted.min(MOST_PARTS), kernel.chunk());
    let partial_sums = allocate::<f32>(x, [parts as usize * sizes.weights()]);
    let info = info(x, &[sizes.values().as_slice(), &[of_part]].concat());
    let workgroups = [parts, groups[0], groups[1]];
    let buffers = [&x.handle, &gy.handle, &partial_sums.handle, &info];
    dispatch(x, kernel, kernel.workgroup(), workgroups, &buffers);
    (partial_sums, parts)
}

/// About the given number of parts of the summands, and the summands of a part: a multiple of a chunk.
fn divide(summands: u32, parts: u32, chunk: u32) -> [u32; 2] {
    let of_part = summands.div_ceil(parts.max(1)).next_multiple_of(chunk);
    [summands.div_ceil(of_part), of_part]
}

/// A kernel, and all that its source depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    kind: Kind,
    kernel: usize,
    storage: Storage,
    /// How the result is stored.
    written: Storage,
    /// Whether patches of pixels are small; those of a weight gradient are not.
    is_small: bool,
    /// Of outputs in a workgroup.
    blocks: u32,
    /// Of a workgroup that sums a weight gradient; a single one has a shader of its own, and one block.
    channels: u32,
}

impl Kernel {
    /// One for that number of outputs.
    fn new(kind: Kind, kernel: usize, outputs: u32, storage: Storage) -> Self {
        let (written, channels) = (storage, CHANNELS[0]);
        let sums = Self { kind, kernel, storage, written, is_small: false, blocks: 1, channels };
        // As many blocks as leave none of a workgroup's without work.
        let blocks = outputs.div_ceil(4 * sums.quads()).max(1);
        Self { blocks: (1 << blocks.trailing_zeros()).min(MOST_BLOCKS), ..sums }
    }

    /// Whether its workgroups share a single input channel.
    fn is_single(self) -> bool {
        matches!(self.kind, Kind::Weight { .. }) && self.channels == 1
    }

    /// Rows and columns of a patch.
    fn patch(self) -> [u32; 2] {
        match self.kind {
            Kind::Weight { stride: 1 } if !self.is_single() => [4, 4],
            // Even where it is an input vector-Jacobian product, as the shader wants them.
            Kind::Output { .. } | Kind::Input if self.is_small => [2, 2],
            Kind::Output { .. } | Kind::Weight { .. } => [2, 4],
            Kind::Input => [4, 4],
        }
    }

    /// Vectors of four outputs that an invocation sums.
    fn quads(self) -> u32 {
        if matches!(self.kind, Kind::Weight { .. }) && !self.is_single() { 2 } else { 1 }
    }

    /// Outputs of a workgroup.
    fn outputs(self) -> u32 {
        4 * self.quads() * self.blocks
    }

    fn workgroup(self) -> u32 {
        match self.kind {
            Kind::Weight { .. } if self.is_single() => SINGLE_WORKGROUP,
            Kind::Weight { .. } => self.channels * self.blocks,
            Kind::Output { .. } | Kind::Input => PATCHES * self.blocks,
        }
    }

    /// Workgroups that have other pixels of the images, and those that have other channels of the same ones.
    fn tiles(self, batch: u32, [channels, height, width]: [u32; 3]) -> [u32; 2] {
        let [rows, columns] = self.patch();
        let patches = batch * height.div_ceil(rows) * width.div_ceil(columns);
        [patches.div_ceil(PATCHES), channels.div_ceil(self.outputs())]
    }

    /// Rows and columns of what a patch meets of a channel.
    fn near(self) -> [u32; 2] {
        let kernel = self.kernel as u32;
        match self.kind {
            Kind::Output { stride } | Kind::Weight { stride } => {
                self.patch().map(|size| (size - 1) * stride as u32 + kernel)
            }
            Kind::Input => self.patch().map(|size| size / 2 + kernel / 2),
        }
    }

    /// Vectors of outputs from one tap's or pixel's to the next one's: one more than there are, so that fewer meet in a bank
    /// of memory.
    fn pitch(self) -> u32 {
        self.quads() * self.blocks + 1
    }

    /// Values that an invocation loads of each channel or patch, of either operand, and bytes of workgroup memory for
    /// them.
    fn loads(self) -> ([u32; 2], u32) {
        let [rows, columns] = self.near();
        let (near, taps, outputs) = (rows * columns, (self.kernel * self.kernel) as u32, self.outputs());
        let loads = near.div_ceil(self.blocks);
        match self.kind {
            Kind::Output { .. } | Kind::Input => {
                let weights = (outputs * taps).div_ceil(self.workgroup());
                ([loads, weights], 4 * near * PATCHES + 16 * taps * self.pitch())
            }
            Kind::Weight { .. } => {
                let [rows, columns] = self.patch();
                let cotangents = (outputs * rows * columns).div_ceil(self.workgroup());
                let memory = 4 * near * (self.channels + 1) + 16 * rows * columns * self.pitch();
                ([loads, cotangents], memory)
            }
        }
    }

    /// Channels, or patches of a weight gradient, that are loaded at a time.
    fn chunk(self) -> u32 {
        if self.is_single() {
            return SINGLE_WORKGROUP;
        }
        let ([loads, others], memory) = self.loads();
        let most = (MOST_LOADS / (loads + others)).min(MEMORY / memory).clamp(1, MOST_CHUNK);
        1 << most.ilog2()
    }
}

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        match self.kind {
            Kind::Output { .. } | Kind::Input => SUMS,
            Kind::Weight { .. } if self.is_single() => WEIGHT_SINGLE,
            Kind::Weight { .. } => WEIGHT,
        }
    }

    fn source(&self) -> SourceTemplate {
        let ([rows, columns], [near_rows, near_columns]) = (self.patch(), self.near());
        let (chunk, [loads, others]) = (self.chunk(), self.loads().0);
        let taps = (self.kernel * self.kernel) as u32;
        let counts = [
            ("kernel", self.kernel as u32),
            ("rows", rows),
            ("columns", columns),
            ("near_rows", near_rows),
            ("near_columns", near_columns),
            ("near", near_rows * near_columns),
            ("stride", self.kind.stride() as u32),
            ("quads", self.quads()),
            ("blocks", self.blocks),
            ("channels", self.channels),
            ("patches", PATCHES),
            ("chunk", chunk),
            ("loads", loads),
            // Of a chunk together, or of each patch of it.
            ("weight_loads", (self.outputs() * chunk * taps).div_ceil(self.workgroup())),
            ("cotangent_loads", others),
            ("taps", taps),
            ("pitch", self.pitch()),
            ("four", 4),
            // Those that are 0 or 1 say whether what they enclose is there.
            ("dense", u32::from(self.kind != Kind::Input)),
            ("spread", u32::from(self.kind == Kind::Input)),
        ];
        let is_half = [self.storage, self.written].contains(&Storage::F16);
        let enabling = if is_half { Storage::F16 } else { Storage::F32 };
        let source = SourceTemplate::new(enabling.enabled(&unroll(self.shader().text, &counts)))
            .register("workgroup", self.workgroup().to_string())
            .register("stored", self.storage.name())
            .register("written", self.written.name());
        counts.iter().fold(source, |source, (name, count)| source.register(*name, count.to_string()))
    }

    fn label(&self) -> String {
        let what = match self.kind {
            Kind::Output { stride } => format!("output stride {stride}"),
            Kind::Input => "input".into(),
            Kind::Weight { stride } => format!("stride {stride}"),
        };
        format!("{} {what} kernel {}{}", self.shader().words(), self.kernel, self.storage.suffix())
    }
}

/// Every variant that there is.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = Vec::new();
    let storages = [(Storage::F32, Storage::F32), (Storage::F16, Storage::F16), (Storage::F16, Storage::F32)];
    let mut add = |kernel: Kernel| shaders.push(kernel.complete());
    for kernel in [1, 3] {
        for blocks in [1, 2, 4, MOST_BLOCKS] {
            for (storage, written) in storages {
                let sums = |kind| Kernel { written, blocks, ..Kernel::new(kind, kernel, 1, storage) };
                for is_small in [false, true] {
                    for kind in [Kind::Input, Kind::Output { stride: 1 }, Kind::Output { stride: 2 }] {
                        add(Kernel { is_small, ..sums(kind) });
                    }
                }
                for stride in [1, 2] {
                    if storage != written {
                        continue;
                    }
                    let weight = |channels| Kernel { channels, ..sums(Kind::Weight { stride }) };
                    for channels in CHANNELS {
                        add(weight(channels));
                    }
                    if blocks == 1 {
                        add(weight(1));
                    }
                }
            }
        }
    }
    shaders
}
