//! A data set's images on the device.

use burn::tensor::Device;

use crate::{
    data::{Dataset, Images},
    gpu::images::DeviceImages,
};

/// `images`, which are of the shape and the classes of `data`, on `device`.
pub fn upload(images: &Images, data: &Dataset, device: &Device) -> DeviceImages {
    DeviceImages::upload(&images.pixels, &images.labels, data.shape, data.classes.len(), device)
}
