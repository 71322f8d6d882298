//! Every shader becomes a pipeline on a device that was asked for WebGPU's default limits and for no feature.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use great_lab::gpu::{Choice, open, shaders};
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
    let opened = open(&Choice::Named("llvmpipe".into())).unwrap_or_else(|error| {
        panic!("{error}\nThis test needs software Vulkan: install mesa-vulkan-drivers (scripts/test does).")
    });
    let adapter = opened.setup.expect("an adapter has a device").adapter;
    let descriptor = DeviceDescriptor {
        required_features: features,
        required_limits: Limits::default(),
        ..Default::default()
    };
    pollster::block_on(adapter.request_device(&descriptor)).expect("every adapter has the default limits").0
}

#[test]
fn default_limits_are_enough() {
    let (plain, subgroups) = (device(Features::empty()), device(Features::SUBGROUP));
    let mut needing_subgroups = 0;
    for (name, source) in shaders() {
        let needs_subgroups = name.contains("_lanes");
        needing_subgroups += usize::from(needs_subgroups);
        if let Some(error) = refusal(if needs_subgroups { &subgroups } else { &plain }, &source) {
            panic!("{name}: {error}");
        }
    }
    assert!(needing_subgroups > 0 && needing_subgroups < shaders().len());
}

#[test]
fn a_shader_beyond_the_limits_is_seen() {
    let source = "@compute @workgroup_size(512) fn main() {}";
    assert!(refusal(&device(Features::empty()), source).is_some());
}
