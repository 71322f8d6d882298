//! The adapters of this machine, as burn counts them, and which of them `auto` takes.

use std::fmt;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use burn::tensor::DeviceKind;
use burn::tensor::wgpu::WgpuBackend;

/// The interfaces to adapters, best first. OpenGL is none of them: a window cannot share such a device.
const INTERFACES: [(wgpu::Backend, WgpuBackend); 3] = [
    (wgpu::Backend::Vulkan, WgpuBackend::Vulkan),
    (wgpu::Backend::Metal, WgpuBackend::Metal),
    (wgpu::Backend::Dx12, WgpuBackend::Dx12),
];

/// What burn needs of an adapter at the least: WebGPU's default limits.
const LEAST_INVOCATIONS: u32 = 256;
const LEAST_STORAGE_BUFFERS: u32 = 8;

/// What kind of thing an adapter is, in the order in which `auto` prefers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU passed through to a virtual machine.
    Virtual,
    /// A driver that computes on the processor.
    Software,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Discrete => "discrete",
            Self::Integrated => "integrated",
            Self::Virtual => "virtual",
            Self::Software => "software",
        })
    }
}

/// An adapter of this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    /// Its name; the second of two alike ends in ` #2`, and so on.
    pub name: String,
    /// The interface to it: `Vulkan`, `Metal` or `Dx12`.
    pub backend: String,
    /// What kind of thing it is.
    pub kind: AdapterKind,
    /// The driver and its version, as it names itself.
    pub driver: String,
    /// Most invocations of a workgroup.
    pub workgroup_invocations: u32,
    /// Bytes of memory that a workgroup can share.
    pub workgroup_bytes: u32,
    /// Bytes of the largest buffer.
    pub buffer_bytes: u64,
    /// Storage buffers that a kernel can bind.
    pub storage_buffers: u32,
    /// Whether kernels can use 16-bit floats.
    pub shader_f16: bool,
    /// Whether kernels can use subgroup operations.
    pub subgroups: bool,
    /// Whether the adapter can time its own work.
    pub timestamps: bool,
    /// Whether `auto` takes this one.
    pub is_default: bool,
    /// How burn selects it: the interface, and its place among the adapters of its kind there.
    pub(in crate::gpu) selector: (WgpuBackend, DeviceKind),
    /// The name as the interface reports it, to make sure that burn opened this one.
    pub(in crate::gpu) reported_name: String,
}

impl Adapter {
    /// Whether `auto` and `gpu` may take it.
    fn is_real_gpu(&self) -> bool {
        self.kind != AdapterKind::Software
            && self.workgroup_invocations >= LEAST_INVOCATIONS
            && self.storage_buffers >= LEAST_STORAGE_BUFFERS
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.backend, self.kind)
    }
}

/// Every adapter, in the order in which burn counts them.
pub(in crate::gpu) fn enumerate() -> Vec<Adapter> {
    let compiled = wgpu::Instance::enabled_backend_features();
    let mut adapters = Vec::new();
    for (backend, interface) in INTERFACES {
        if !compiled.contains(backend.into()) {
            continue;
        }
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: backend.into(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let found = at_once(instance.enumerate_adapters(backend.into())).unwrap_or_default();
        let first_of_interface = adapters.len();
        for adapter in &found {
            if let Some(adapter) = describe(adapter, interface, &adapters[first_of_interface..]) {
                adapters.push(adapter);
            }
        }
    }
    mark_default(&mut adapters);
    adapters
}

/// What a future has to say without waiting: natively, adapters are listed at once.
pub(in crate::gpu) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// An adapter after those `before` it on the same interface; none where burn has no way to select it.
fn describe(adapter: &wgpu::Adapter, interface: WgpuBackend, before: &[Adapter]) -> Option<Adapter> {
    let (about, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
    let kind = match about.device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => return None,
    };
    let place = before.iter().filter(|other| other.kind == kind).count();
    let selector = match kind {
        AdapterKind::Discrete => DeviceKind::DiscreteGpu(place),
        AdapterKind::Integrated => DeviceKind::IntegratedGpu(place),
        AdapterKind::Virtual => DeviceKind::VirtualGpu(place),
        AdapterKind::Software if place == 0 => DeviceKind::Cpu,
        AdapterKind::Software => return None,
    };
    let twins = before.iter().filter(|other| other.reported_name == about.name).count();
    Some(Adapter {
        name: if twins == 0 { about.name.clone() } else { format!("{} #{}", about.name, twins + 1) },
        backend: format!("{:?}", about.backend),
        kind,
        driver: format!("{} {}", about.driver, about.driver_info).trim().into(),
        workgroup_invocations: limits.max_compute_invocations_per_workgroup,
        workgroup_bytes: limits.max_compute_workgroup_storage_size,
        buffer_bytes: limits.max_buffer_size.min(limits.max_storage_buffer_binding_size),
        storage_buffers: limits.max_storage_buffers_per_shader_stage,
        shader_f16: features.contains(wgpu::Features::SHADER_F16),
        subgroups: features.contains(wgpu::Features::SUBGROUP),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        is_default: false,
        selector: (interface, selector),
        reported_name: about.name,
    })
}

/// Marks the adapter that `auto` takes: the first of the best kind, if any is a GPU.
pub(in crate::gpu) fn mark_default(adapters: &mut [Adapter]) {
    let best = adapters.iter_mut().filter(|adapter| adapter.is_real_gpu()).min_by_key(|adapter| adapter.kind);
    if let Some(best) = best {
        best.is_default = true;
    }
}

#[cfg(test)]
pub(in crate::gpu) mod tests {
    use super::*;

    /// An adapter just good enough for burn.
    pub(crate) fn adapter(name: &str, kind: AdapterKind) -> Adapter {
        Adapter {
            name: name.into(),
            backend: "Vulkan".into(),
            kind,
            driver: String::new(),
            workgroup_invocations: LEAST_INVOCATIONS,
            workgroup_bytes: 16384,
            buffer_bytes: 1 << 28,
            storage_buffers: LEAST_STORAGE_BUFFERS,
            shader_f16: false,
            subgroups: false,
            timestamps: false,
            is_default: false,
            selector: (WgpuBackend::Vulkan, DeviceKind::Cpu),
            reported_name: name.into(),
        }
    }

    #[test]
    fn a_gpu_too_weak_for_burn_is_not_taken_unasked() {
        let mut weak = [adapter("old", AdapterKind::Integrated)];
        weak[0].workgroup_invocations = 128;
        mark_default(&mut weak);
        assert!(!weak[0].is_default);
        weak[0].workgroup_invocations = 256;
        mark_default(&mut weak);
        assert!(weak[0].is_default);
    }
}
