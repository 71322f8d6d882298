//! The three passes of [`group_norm`](super) on the GPU: a launch each, and one that adds up over the batch
//! what each sample does to the weights.

use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_wgpu::{CubeBackend, CubeTensor, SourceTemplate, into_contiguous};
use cubecl::server::Handle;

use super::{Cotangents, GROUP_NORM_EPSILON, GroupNormPasses, Operands};
use crate::config::Activation;
use crate::gpu::autodiff::Parts;
use crate::gpu::launch::{
    Hardware, MOST_ELEMENTS, MOST_WORKGROUPS, Shader, Storage, Wgsl, allocate, dispatch, info, shader,
    unroll, unused, upload,
};
use crate::gpu::ops::activation::curve::formulas;

const SHADER: Shader = shader!("group_norm.wgsl");
/// Invocations of a workgroup. Software drivers have small subgroups and get two of them, enough to hide a load: with
/// them a barrier costs as much as there are subgroups. GPUs get an invocation for every [`ENTRIES_OF_LANE`], within bounds;
/// they are fewer where sums of many kinds must fit workgroup memory.
const SOFTWARE_LANES: u32 = 16;
const LANES: [u32; 2] = [64, 256];
const ENTRIES_OF_LANE: usize = 16;
/// Sums by channel that a workgroup has memory for, so that a group has at most as many channels.
const SLOTS: u32 = 256;

impl GroupNormPasses for CubeBackend {
    fn forward(operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let sizes = Groups::of(&operands);
        let kernel = Kernel::new(Pass::Forward, &operands, sizes);
        let [x, scale, shift] = [operands.x, operands.scale, operands.shift].map(into_contiguous);
        let y = kernel.storage.allocate(&x, x.meta.shape().clone());
        let tape = allocate::<f32>(&x, [2 * (sizes.batch * sizes.groups + sizes.all_channels())]);
        launch(kernel, sizes, [0; 2], [&x, &tape, &y], &[&scale.handle, &shift.handle]);
        (y, tape)
    }

    fn backward(
        operands: Operands<Self>,
        tape: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        earlier: Option<FloatTensor<Self>>,
        weights: bool,
    ) -> Cotangents<Self> {
        let is_added = earlier.is_some();
        let earlier = earlier.map(into_contiguous);
        if let Some(earlier) = &earlier {
            assert_eq!(earlier.dtype, operands.x.dtype, "group_norm: cotangents as x");
        }
        let earlier = earlier.map_or_else(|| unused(&operands.x, 0), |earlier| earlier.handle);
        launch_backward(Pass::Backward, operands, [tape, gy], &[&earlier], is_added, weights)
    }

    fn double_backward(
        operands: Operands<Self>,
        tape: FloatTensor<Self>,
        gy: FloatTensor<Self>,
        v: FloatTensor<Self>,
        weights: bool,
    ) -> (Cotangents<Self>, FloatTensor<Self>) {
        let v = into_contiguous(v);
        assert_eq!(v.dtype, operands.x.dtype, "group_norm: cotangents as x");
        let to_gy = Storage::of(&v).allocate(&v, v.meta.shape().clone());
        let more = [&v.handle, &to_gy.handle];
        (launch_backward(Pass::DoubleBackward, operands, [tape, gy], &more, false, weights), to_gy)
    }
}

/// Runs one of the backward passes, whose kernel binds `more` last. It is told whether an earlier cotangent of x is to be added.
fn launch_backward(
    pass: Pass,
    operands: Operands<CubeBackend>,
    read: [CubeTensor; 2],
    more: &[&Handle],
    is_added: bool,
    weights: bool,
) -> Cotangents<CubeBackend> {
    let sizes = Groups::of(&operands);
    let kernel = Kernel::new(pass, &operands, sizes);
    let x = into_contiguous(operands.x);
    let [tape, gy] = read.map(into_contiguous);
    assert_eq!(gy.dtype, x.dtype, "group_norm: cotangents as x");
    let shape = x.meta.shape().clone();
    let padded = sizes.all_channels().next_multiple_of(Storage::F32.alignment());
    let to_x = kernel.storage.allocate(&x, shape.clone());
    let parts = allocate::<f32>(&x, [sizes.batch * 2 * padded]);
    let places = [padded, usize::from(is_added)];
    launch(kernel, sizes, places, [&x, &tape, &to_x], &[&[&gy.handle, &parts.handle], more].concat());
    let weights = weights.then(|| {
        if shape.num_elements() == 0 {
            return Parts::sum(upload(&x, [2 * padded], &vec![0f32; 2 * padded]));
        }
        Parts::of(parts, sizes.batch)
    });
    Cotangents { x: to_x, weights }
}

/// The groups of a batch, as the kernel reads their sizes.
#[derive(Clone, Copy)]
struct Groups {
    batch: usize,
    groups: usize,
    /// Of a group.
    channels: usize,
    pixels: usize,
}

impl Groups {
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

    /// Of all groups.
    fn all_channels(self) -> usize {
        self.groups * self.channels
    }

    /// Those of the lanes that share a channel: no more than it has loads, or than there are slots for.
    fn across(self, lanes: u32) -> u32 {
        let mut across = lanes.min((self.pixels / self.per()).next_power_of_two() as u32);
        while across * self.channels as u32 > SLOTS {
            across /= 2;
        }
        across
    }
}

/// Runs a pass; `numbers` are how many channels parts are padded to, and whether there is an earlier cotangent.
fn launch(
    kernel: Kernel,
    sizes: Groups,
    numbers: [usize; 2],
    [x, tape, result]: [&CubeTensor; 3],
    others: &[&Handle],
) {
    let Groups { batch, groups, channels, pixels } = sizes;
    let workgroups = (batch * groups) as u32;
    if workgroups as usize * channels * pixels == 0 {
        return;
    }
    let [groups, channels, pixels, padded, is_added] =
        [groups, channels, pixels, numbers[0], numbers[1]].map(|size| size as u32);
    let across = sizes.across(kernel.lanes);
    let info = info(x, &[workgroups, groups, channels, pixels, across, padded, is_added]);
    let along = workgroups.min(MOST_WORKGROUPS);
    let first = [&x.handle, &tape.handle, &result.handle, &info];
    let groups = [along, 1, workgroups.div_ceil(along)];
    dispatch(x, kernel, kernel.lanes, groups, &[first.as_slice(), others].concat());
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pass {
    Forward,
    Backward,
    DoubleBackward,
}

/// A pass, and all that its source depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kernel {
    pass: Pass,
    activation: Option<Activation>,
    lanes: u32,
    storage: Storage,
    /// Whether entries are loaded four at a time.
    in_vectors: bool,
}

impl Kernel {
    fn new(pass: Pass, operands: &Operands<CubeBackend>, sizes: Groups) -> Self {
        let is_software = Hardware::of(&operands.x).is_software();
        let activation = operands.form.activation;
        let wanted = (sizes.channels * sizes.pixels / ENTRIES_OF_LANE).next_power_of_two() as u32;
        let lanes =
            if is_software { SOFTWARE_LANES } else { wanted.clamp(LANES[0], most_lanes(pass, activation)) };
        // A software driver loads an entry after the other either way, and has one pipeline fewer to compile.
        let in_vectors = sizes.per() > 1 && !is_software;
        Self { pass, activation, lanes, storage: Storage::of(&operands.x), in_vectors }
    }
}

/// Most invocations whose sums fit workgroup memory, for GPUs.
fn most_lanes(pass: Pass, activation: Option<Activation>) -> u32 {
    match (pass, activation) {
        (Pass::DoubleBackward, Some(Activation::Silu)) => LANES[0],
        (Pass::DoubleBackward, _) => LANES[1] / 2,
        _ => LANES[1],
    }
}

impl Wgsl for Kernel {
    fn shader(&self) -> Shader {
        SHADER
    }

    fn source(&self) -> SourceTemplate {
        let again = self.pass == Pass::DoubleBackward;
        let curved = again && self.activation == Some(Activation::Silu);
        let flags = [
            ("single", !self.in_vectors),
            ("several", self.in_vectors),
            ("forward_single", self.pass == Pass::Forward && !self.in_vectors),
            ("forward_several", self.pass == Pass::Forward && self.in_vectors),
            ("forward", self.pass == Pass::Forward),
            ("back", self.pass == Pass::Backward),
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
        let text = unroll(SHADER.text, &counts);
        SourceTemplate::new(self.storage.enabled(&text))
            .register("stored", stored)
            .register("loaded", loaded)
            .register("per", if self.in_vectors { "4" } else { "1" })
            .register("entries", if self.in_vectors { "vec4<f32>" } else { "f32" })
            .register("bits", if self.in_vectors { "vec4<i32>" } else { "i32" })
            .register("lanes", self.lanes.to_string())
            .register("slots", SLOTS.to_string())
            .register("epsilon", format!("{GROUP_NORM_EPSILON:?}"))
            .register("sums", if again { "vec4<f32>" } else { "vec2<f32>" })
            .register("value", value)
            .register("slope", slope)
            .register("curvature", curvature)
    }

    fn label(&self) -> String {
        let pass = match self.pass {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
            Pass::DoubleBackward => "double backward",
        };
        let activation = self.activation.map_or_else(String::new, |activation| format!(" {activation}"));
        format!("{} {pass}{activation} {}{}", SHADER.words(), self.lanes, self.storage.suffix())
    }
}

/// Every pass with every activation.
pub(in crate::gpu) fn shaders() -> Vec<(&'static str, String)> {
    let mut shaders = Vec::new();
    for pass in [Pass::Forward, Pass::Backward, Pass::DoubleBackward] {
        for activation in [None, Some(Activation::Relu), Some(Activation::Silu)] {
            for lanes in [SOFTWARE_LANES, 64, 128, 256] {
                for (storage, in_vectors) in
                    Storage::ALL.into_iter().flat_map(|one| [(one, false), (one, true)])
                {
                    let kernel = Kernel { pass, activation, lanes, storage, in_vectors };
                    if lanes <= most_lanes(pass, activation) {
                        shaders.push(kernel.complete());
                    }
                }
            }
        }
    }
    shaders
}
