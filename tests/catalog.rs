//! Every shader is valid WGSL within WebGPU's default limits, and becomes a pipeline on a device that was asked for these
//! and for no feature but those that it is for: subgroups, or 16-bit floats.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

#[path = "common/adapter.rs"]
mod adapter;

use std::cell::Cell;
use std::path::Path;

use adapter::gpu;
use great_lab::gpu::shaders;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use wgpu::{
    Adapter, ComputePipelineDescriptor, Device, DeviceDescriptor, Features, Limits, ShaderModuleDescriptor,
};

/// The paths of all files below a folder, from there on.
fn below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let name = entry.file_name().into_string().expect("ours are UTF-8");
        if entry.path().is_dir() {
            found.extend(below(&entry.path()).into_iter().map(|file| format!("{name}/{file}")));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn shaders_are_valid_within_webgpus_default_limits() {
    let mut files = below(Path::new("shaders"));
    files.sort();
    let shaders = shaders();
    let mut names: Vec<_> = shaders.iter().map(|(name, _)| name.to_string()).collect();
    names.dedup();
    assert_eq!(files, names);
    for (name, source) in shaders {
        assert!(!source.contains("{{") && !source.contains('$'), "{name} has a placeholder without a value");
        let module = naga::front::wgsl::parse_str(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Only adapters that have subgroups get the kernels for lanes.
        let mut capabilities =
            if name.contains("lanes") { Capabilities::SUBGROUP } else { Capabilities::empty() };
        // Only those that have 16-bit floats and nine buffers get the kernels for mixed precision.
        let is_half = source.starts_with("enable f16;");
        capabilities.set(Capabilities::SHADER_FLOAT16, is_half);
        Validator::new(ValidationFlags::all(), capabilities)
            .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
            .subgroup_operations(naga::valid::SubgroupOperationSet::all())
            .validate(&module)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let entry = &module.entry_points[0];
        assert_eq!((entry.name.as_str(), module.entry_points.len()), ("main", 1), "{name}");
        assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{name}: {:?}", entry.workgroup_size);
        let (mut shared, mut bindings) = (0, Vec::new());
        for (_, variable) in module.global_variables.iter() {
            match variable.space {
                naga::AddressSpace::WorkGroup => {
                    shared += module.types[variable.ty].inner.size(module.to_ctx());
                }
                // Tensors may share a buffer, and a buffer has one usage within a dispatch.
                naga::AddressSpace::Storage { access } => {
                    assert!(
                        access.contains(naga::StorageAccess::LOAD | naga::StorageAccess::STORE),
                        "{name}"
                    );
                    bindings.push(variable.binding.as_ref().map(|binding| (binding.group, binding.binding)));
                }
                space => panic!("{name}: {space:?}"),
            }
        }
        assert!(shared <= 16 * 1024, "{name}: {shared} bytes of workgroup memory");
        // Only those that take more buffers move more weight tensors at once.
        let is_wide = name == "optimizer_step.wgsl" && source.contains("gradient_5");
        let most = if is_wide { 19 } else { 8 + usize::from(is_half) };
        assert!(bindings.len() <= most, "{name}: {} storage buffers", bindings.len());
        bindings.sort();
        assert_eq!(bindings, (0..bindings.len() as u32).map(|index| Some((0, index))).collect::<Vec<_>>());
    }
}

/// What a device of `features` says of a shader; none where it takes it.
fn refusal(device: &Device, source: &str) -> Option<String> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let module = device.create_shader_module(ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let _pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    pollster::block_on(scope.pop()).map(|error| error.to_string())
}

/// A device of an adapter, with that of what it can do.
fn device(adapter: &Adapter, features: Features) -> Device {
    let descriptor = DeviceDescriptor {
        required_features: features,
        required_limits: Limits::default(),
        ..Default::default()
    };
    pollster::block_on(adapter.request_device(&descriptor)).expect("every adapter has the default limits").0
}

#[test]
fn default_limits_are_enough() {
    let Some(opened) = gpu() else { return };
    let adapter = opened.setup.expect("an adapter has a device").adapter;
    let features = [Features::empty(), Features::SUBGROUP, Features::SHADER_F16];
    let features = features.into_iter().chain([Features::SUBGROUP | Features::SHADER_F16]);
    let devices: Vec<_> =
        features.map(|features| (features, device(&adapter, features), Cell::new(0))).collect();
    for (name, source) in shaders() {
        // Only adapters that take more buffers move more weight tensors at once.
        if name == "optimizer_step.wgsl" && source.contains("gradient_5") {
            continue;
        }
        let mut needed = Features::empty();
        needed.set(Features::SUBGROUP, name.contains("lanes"));
        needed.set(Features::SHADER_F16, source.starts_with("enable f16;"));
        let (_, device, shaders) = devices.iter().find(|(features, ..)| *features == needed).unwrap();
        if let Some(error) = refusal(device, &source) {
            panic!("{name}: {error}");
        }
        shaders.set(shaders.get() + 1);
    }
    assert!(devices.iter().all(|(_, _, shaders)| shaders.get() > 0));
}

#[test]
fn a_shader_beyond_the_limits_is_seen() {
    let source = "@compute @workgroup_size(512) fn main() {}";
    let Some(opened) = gpu() else { return };
    let adapter = opened.setup.expect("an adapter has a device").adapter;
    assert!(refusal(&device(&adapter, Features::empty()), source).is_some());
}
