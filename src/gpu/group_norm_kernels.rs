//! The three passes of [`group_norm`](super::group_norm) on the GPU: a launch each, and one that adds up over the batch
//! what each sample does to the weights.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, KernelSource, SourceTemplate, into_contiguous};
use cubecl::prelude::KernelId;
use cubecl::server::Handle;

use super::activation::formulas;
use super::group_norm::{Cotangents, GROUP_NORM_EPSILON, GroupNormPasses, Operands};
use super::info::info;
use super::kernel::{MOST_ELEMENTS, MOST_WORKGROUPS, allocate, dispatch, unused, upload, within};
use super::shared::Parts;
use super::storage::Storage;
use super::unroll::unroll;
use crate::config::Activation;

/// Invocations of a workgroup. Software drivers have small subgroups and get two of them, enough to hide a load: with
/// them a barrier costs as much as there are subgroups. GPUs get an invocation for every so many entries, within bounds;
/// they are fewer where sums of many kinds must fit workgroup memory.
const SOFTWARE_LANES: u32 = 16;
const LANES: [u32; 2] = [64, 256];
const ENTRIES_OF_LANE: usize = 16;
/// Sums by channel that a workgroup has memory for, so that a group has at most as many channels.
const SLOTS: u32 = 256;

impl GroupNormPasses for CubeBackend {
    fn forward(operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let sizes = Sizes::of(&operands);
        let kernel = Kernel::new(Pass::Forward, &operands, sizes);
        let [x, scale, shift] = [operands.x, operands.scale, operands.shift].map(into_contiguous);
        let y = kernel.storage.allocate(&x, x.meta.shape().clone());
        let statistics = allocate::<f32>(&x, [sizes.batch, sizes.groups, 2]);
        let handles = [&x, &scale, &shift, &statistics, &y].map(|tensor| tensor.handle.clone());
        launch(&x, kernel, sizes, [0; 4], handles.into());
        (y, statistics)
    }

    fn back(
        operands: Operands<Self>,
        statistics: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        earlier: Option<FloatTensor<Self>>,
        weights: bool,
    ) -> Cotangents<Self> {
        way_back(Pass::Back, operands, statistics, vec![gy], earlier, weights).0
    }

    fn back_again(
        operands: Operands<Self>,
        statistics: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        v: FloatTensor<Self>,
        weights: bool,
    ) -> (Cotangents<Self>, FloatTensor<Self>) {
        way_back(Pass::BackAgain, operands, statistics, vec![gy, v], None, weights)
    }
}

/// The cotangents of x, to which an earlier one is added where the pass reads one, and of scale and shift; and of gy where
/// the pass gives that, else of x once more.
fn way_back(
    pass: Pass,
    operands: Operands<CubeBackend>,
    statistics: CubeTensor,
    mut cotangents: Vec<CubeTensor>,
    earlier: Option<CubeTensor>,
    weights: bool,
) -> (Cotangents<CubeBackend>, CubeTensor) {
    let sizes = Sizes::of(&operands);
    let kernel = Kernel::new(pass, &operands, sizes);
    let shape = operands.x.meta.shape().clone();
    let [x, scale, shift, statistics] =
        [operands.x, operands.scale, operands.shift, statistics].map(into_contiguous);
    let adds = earlier.is_some();
    cotangents.extend(earlier);
    let cotangents: Vec<_> = cotangents.into_iter().map(into_contiguous).collect();
    let storage = kernel.storage;
    assert!(cotangents.iter().all(|cotangent| cotangent.dtype == x.dtype), "group_norm: cotangents as x");

    let entries = shape.num_elements().next_multiple_of(storage.alignment());
    let channels = sizes.groups * sizes.channels;
    let padded = channels.next_multiple_of(Storage::F32.alignment());
    let to_gy = if pass == Pass::BackAgain { entries } else { 0 };
    let (end, count) = (to_gy + entries, sizes.batch * 2 * padded);
    // One buffer for all results, because WebGPU promises no more than eight. Adapters with 16-bit floats have more.
    let (results, parts, start) = match storage {
        Storage::F32 => (allocate::<f32>(&x, [end + count]), None, end),
        Storage::F16 => (storage.allocate(&x, [end]), Some(allocate::<f32>(&x, [count.max(1)])), 0),
    };
    let operands = [&x, &scale, &shift, &statistics, &results];
    let mut handles: Vec<_> =
        operands.into_iter().chain(&cotangents).map(|tensor| tensor.handle.clone()).collect();
    handles.extend((pass == Pass::Back && !adds).then(|| unused(&x)));
    handles.extend(parts.as_ref().map(|parts| parts.handle.clone()));
    launch(&x, kernel, sizes, [to_gy, start, padded, usize::from(adds)], handles);

    let weights = weights.then(|| {
        if shape.num_elements() == 0 {
            return Parts::sum(upload(&x, [2 * padded], &vec![0f32; 2 * padded]));
        }
        let values = within(parts.as_ref().unwrap_or(&results), start, [sizes.batch, 2 * padded].into());
        // Among the results, they would keep all of those.
        Parts { values, parts: sizes.batch, may_wait: false }
    });
    (Cotangents { x: within(&results, 0, shape.clone()), weights }, within(&results, to_gy, shape))
}

/// What the kernel reads of the sizes.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    groups: usize,
    /// Of a group.
    channels: usize,
    pixels: usize,
}

impl Sizes {
    /// Entries that a kernel loads at a time.
    fn per(self) -> usize {
        if self.pixels.is_multiple_of(4) { 4 } else { 1 }
    }

    fn of(operands: &Operands<CubeBackend>) -> Self {
        let Operands { x, scale, shift, form } = operands;
        for tensor in [scale, shift] {
            assert_eq!(tensor.dtype, DType::F32, "group_norm: the kernel takes weights of f32");
        }
        let [batch, channels, height, width] = x.meta.shape().dims();
        let channels = channels / form.groups;
        assert!(channels <= SLOTS as usize, "group_norm: {channels} channels in a group, at most {SLOTS}");
        assert!(
            x.meta.shape().num_elements() <= MOST_ELEMENTS / 4,
            "group_norm: split a batch of 2²⁹ entries"
        );
        Self { batch, groups: form.groups, channels, pixels: height * width }
    }

    /// Of so many lanes, those that share a channel: no more than it has loads, or than there are slots for.
    fn across(self, lanes: u32) -> u32 {
        let mut across = lanes.min((self.pixels / self.per()).next_power_of_two() as u32);
        while across * self.channels as u32 > SLOTS {
            across /= 2;
        }
        across
    }
}

/// Runs a pass; `places` are those of its results beside the first one, the padded channels, and whether it adds to an
/// earlier cotangent.
fn launch(beside: &CubeTensor, kernel: Kernel, sizes: Sizes, places: [usize; 4], mut handles: Vec<Handle>) {
    let Sizes { batch, groups, channels, pixels } = sizes;
    let workgroups = (batch * groups) as u32;
    if workgroups as usize * channels * pixels == 0 {
        return;
    }
    let [groups, channels, pixels] = [groups, channels, pixels].map(|size| size as u32);
    let own = [workgroups, groups, channels, pixels, sizes.across(kernel.lanes)];
    let sizes = [own.as_slice(), &places.map(|place| place as u32)].concat();
    handles.insert(5, info(beside, &sizes));
    let along = workgroups.min(MOST_WORKGROUPS);
    let buffers: Vec<_> = handles.iter().collect();
    dispatch(beside, kernel, kernel.lanes, [along, 1, workgroups.div_ceil(along)], &buffers);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pass {
    Forward,
    Back,
    BackAgain,
}

/// A pass, and all that its source depends on.
#[derive(Clone, Copy)]
struct Kernel {
    pass: Pass,
    activation: Option<Activation>,
    lanes: u32,
    storage: Storage,
    /// Whether entries are loaded four at a time.
    in_vectors: bool,
}

impl Kernel {
    fn new(pass: Pass, operands: &Operands<CubeBackend>, sizes: Sizes) -> Self {
        let subgroup = operands.x.client.properties().hardware.plane_size_max;
        let activation = operands.form.activation;
        let wanted = (sizes.channels * sizes.pixels / ENTRIES_OF_LANE).next_power_of_two() as u32;
        let lanes = if subgroup <= SOFTWARE_LANES / 2 {
            SOFTWARE_LANES
        } else {
            wanted.clamp(LANES[0], most_lanes(pass, activation))
        };
        Self { pass, activation, lanes, storage: Storage::of(&operands.x), in_vectors: sizes.per() > 1 }
    }
}

/// Most invocations whose sums fit workgroup memory, for GPUs.
fn most_lanes(pass: Pass, activation: Option<Activation>) -> u32 {
    match (pass, activation) {
        (Pass::BackAgain, Some(Activation::Silu)) => LANES[0],
        (Pass::BackAgain, _) => LANES[1] / 2,
        _ => LANES[1],
    }
}

impl KernelSource for Kernel {
    fn source(&self) -> SourceTemplate {
        let again = self.pass == Pass::BackAgain;
        let curved = again && self.activation == Some(Activation::Silu);
        let apart = self.storage == Storage::F16 && self.pass != Pass::Forward;
        let flags = [
            ("apart", apart),
            ("single", !self.in_vectors),
            ("several", self.in_vectors),
            ("forward_single", self.pass == Pass::Forward && !self.in_vectors),
            ("forward_several", self.pass == Pass::Forward && self.in_vectors),
            ("forward", self.pass == Pass::Forward),
            ("back", self.pass == Pass::Back),
            ("again", again),
            ("backward", self.pass != Pass::Forward),
            ("curved", curved),
            ("straight", again && !curved),
        ];
        let mut counts: Vec<_> = flags.iter().map(|(name, is_so)| (*name, u32::from(*is_so))).collect();
        counts.push(("quads", 1 + u32::from(again) + u32::from(curved)));
        counts.push(("quad", if self.in_vectors { 4 } else { 0 }));
        let [value, slope, curvature] = formulas(self.activation);
        let stored = self.storage.name();
        let loaded = if self.in_vectors { format!("vec4<{stored}>") } else { stored.into() };
        let text = unroll(include_str!("../../shaders/group_norm.wgsl"), &counts);
        SourceTemplate::new(self.storage.enabled(&text))
            .register("stored", stored)
            .register("loaded", loaded)
            .register("per", if self.in_vectors { "4" } else { "1" })
            .register("entries", if self.in_vectors { "vec4<f32>" } else { "f32" })
            .register("bits", if self.in_vectors { "vec4<i32>" } else { "i32" })
            .register("parts", if apart { "parts" } else { "results" })
            .register("last", "8")
            .register("lanes", self.lanes.to_string())
            .register("slots", SLOTS.to_string())
            .register("epsilon", format!("{GROUP_NORM_EPSILON:?}"))
            .register("sums", if again { "vec4<f32>" } else { "vec2<f32>" })
            .register("value", value)
            .register("slope", slope)
            .register("curvature", curvature)
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info((self.pass, self.activation, self.lanes, self.storage, self.in_vectors))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Every pass with every activation.
pub(super) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = Vec::new();
    for pass in [Pass::Forward, Pass::Back, Pass::BackAgain] {
        for activation in [None, Some(Activation::Relu), Some(Activation::Silu)] {
            for lanes in [SOFTWARE_LANES, 64, 128, 256] {
                for (storage, in_vectors) in
                    Storage::ALL.into_iter().flat_map(|one| [(one, false), (one, true)])
                {
                    let kernel = Kernel { pass, activation, lanes, storage, in_vectors };
                    if lanes <= most_lanes(pass, activation) {
                        shaders.push(("group_norm.wgsl", kernel.source().complete()));
                    }
                }
            }
        }
    }
    shaders
}
