//! Every shader becomes a pipeline on a device that was asked for WebGPU's default limits and for no feature but those
//! that it is for: subgroups, or 16-bit floats.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

#[path = "common/adapter.rs"]
mod adapter;

use adapter::gpu;
use std::cell::Cell;

use great_lab::gpu::shaders;
use wgpu::{ComputePipelineDescriptor, Device, DeviceDescriptor, Features, Limits, ShaderModuleDescriptor};

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

fn device(features: Features) -> Device {
    let adapter = gpu().setup.expect("an adapter has a device").adapter;
    let descriptor = DeviceDescriptor {
        required_features: features,
        required_limits: Limits::default(),
        ..Default::default()
    };
    pollster::block_on(adapter.request_device(&descriptor)).expect("every adapter has the default limits").0
}

#[test]
fn default_limits_are_enough() {
    let features = [Features::empty(), Features::SUBGROUP, Features::SHADER_F16];
    let features = features.into_iter().chain([Features::SUBGROUP | Features::SHADER_F16]);
    let devices: Vec<_> = features.map(|features| (features, device(features), Cell::new(0))).collect();
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
    assert!(refusal(&device(Features::empty()), source).is_some());
}
