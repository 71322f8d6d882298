//! The device of a page: the adapter that the browser gives, opened without waiting; else the CPU backend.

use burn::tensor::Device;

use super::open::{Opened, cpu, has_f16};
use crate::config::DeviceInfo;

/// Opens the GPU that the browser gives, called `name`; or the CPU backend where `missing` says what the browser lacks,
/// or where the browser refuses.
pub async fn open_in_page(name: &str, missing: Option<String>) -> Opened {
    if missing.is_some() {
        return cpu(missing);
    }
    let (device, setup) = match Device::wgpu_options().init_with_setup_async().await {
        Ok(opened) => opened,
        Err(error) => {
            return cpu(Some(format!("Computing on the CPU: the browser opens no GPU ({error}).")));
        }
    };
    let about = setup.adapter.get_info();
    let is_gpu = about.device_type != wgpu::DeviceType::Cpu;
    let name = if name.is_empty() { "WebGPU" } else { name };
    let notice = (!is_gpu).then(|| {
        format!("{name} computes on the processor, slowly. Switch hardware acceleration on in the browser's settings.")
    });
    let backend = format!("{:?}", about.backend);
    let info = DeviceInfo { name: name.into(), backend, is_gpu, has_f16: has_f16(&setup), notice };
    Opened { device, info, setup: Some(setup) }
}
