//! Batches made on the device are the bytes that were uploaded, shifted and mirrored as asked, on both backends.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
#![allow(clippy::unwrap_used, reason = "where a helper of a test fails, so does the test")]

use burn::tensor::{Device, Element, Tensor, TensorData};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use super::{Batch, DeviceImages, Take};
use crate::gpu::launch::test_device::devices;

fn values<T: Element>(data: TensorData) -> Vec<T> {
    data.try_into_vec().unwrap()
}

/// Some bytes with their labels.
struct Set {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    shape: [usize; 3],
    classes: usize,
}

impl Set {
    fn draw(count: usize, shape: [usize; 3], classes: usize, rng: &mut StdRng) -> Self {
        let mut pixels = vec![0; count * shape.iter().product::<usize>()];
        rng.fill_bytes(&mut pixels);
        let labels = (0..count).map(|_| rng.random_range(0..classes) as u8).collect();
        Self { pixels, labels, shape, classes }
    }

    fn upload(&self, device: &Device) -> DeviceImages {
        DeviceImages::upload(&self.pixels, &self.labels, self.shape, self.classes, device)
    }

    /// A pixel of image `index`, or 0 outside.
    fn pixel(&self, index: u32, channel: usize, row: i32, column: i32) -> f32 {
        let [channels, height, width] = self.shape;
        if !(0..height as i32).contains(&row) || !(0..width as i32).contains(&column) {
            return 0.0;
        }
        let place = (index as usize * channels + channel) * height + row as usize;
        f32::from(self.pixels[place * width + column as usize]) / 255.0
    }

    /// What a batch of `takes` must be: images, labels, rows.
    fn expected(&self, takes: &[Take]) -> (Vec<f32>, Vec<i32>, Vec<f32>) {
        let [channels, height, width] = self.shape;
        let (mut images, mut labels, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for take in takes {
            for channel in 0..channels {
                for row in 0..height as i32 {
                    for column in 0..width as i32 {
                        let column = if take.mirrored { width as i32 - 1 - column } else { column };
                        images.push(self.pixel(take.index, channel, row + take.down, column + take.right));
                    }
                }
            }
            let label = self.labels[take.index as usize];
            labels.push(i32::from(label));
            rows.extend((0..self.classes).map(|class| if class == usize::from(label) { 1.0 } else { 0.0 }));
        }
        (images, labels, rows)
    }

    fn check(&self, batch: Batch, takes: &[Take], what: &str) {
        let (n, [channels, height, width]) = (takes.len(), self.shape);
        assert_eq!(batch.images.dims(), [n, channels, height, width], "{what}");
        assert_eq!((batch.labels.dims(), batch.one_hot.dims()), ([n], [n, self.classes]), "{what}");
        let (images, labels, rows) = self.expected(takes);
        // To the bit: a run has to repeat on every device.
        assert!(values::<f32>(batch.images.into_data()) == images, "{what}: images");
        assert_eq!(values::<i32>(batch.labels.into_data()), labels, "{what}");
        assert_eq!(values::<f32>(batch.one_hot.into_data()), rows, "{what}");
    }
}

#[test]
fn batches_are_the_bytes() {
    let mut rng = StdRng::seed_from_u64(1);
    let cases = [
        (1, [1, 1, 1], 2, 1),
        (9, [1, 28, 28], 10, 64),
        (5, [3, 7, 5], 3, 1),
        (12, [3, 32, 32], 100, 17),
        (3, [2, 2, 9], 256, 300),
        (4, [1, 4, 4], 5, 0),
    ];
    for (count, shape, classes, batch) in cases {
        let set = Set::draw(count, shape, classes, &mut rng);
        let indices: Vec<u32> = (0..batch).map(|_| rng.random_range(0..count as u32)).collect();
        let untouched: Vec<Take> =
            indices.iter().map(|index| Take { index: *index, ..Take::default() }).collect();
        let moved: Vec<Take> = indices
            .iter()
            .map(|index| Take {
                index: *index,
                right: rng.random_range(-10..=10),
                down: rng.random_range(-10..=10),
                mirrored: rng.random(),
            })
            .collect();
        for (name, device) in devices() {
            let images = set.upload(&device);
            let what = format!("{name}: {batch} of {count}×{shape:?}");
            set.check(images.gather(&indices), &untouched, &what);
            set.check(images.take(&moved), &moved, &what);
        }
    }
}

#[test]
fn every_byte_is_its_fraction() {
    let set = Set { pixels: (0..=255).collect(), labels: vec![0], shape: [1, 16, 16], classes: 1 };
    let expected: Vec<f32> = (0..=255).map(|byte| byte as f32 / 255.0).collect();
    for (name, device) in devices() {
        assert_eq!(values::<f32>(set.upload(&device).gather(&[0]).images.into_data()), expected, "{name}");
    }
}

#[test]
fn a_shift_and_a_mirror_by_hand() {
    let set = Set { pixels: vec![51, 102, 153, 204, 255, 0], labels: vec![1], shape: [1, 2, 3], classes: 2 };
    let untouched = Take { index: 0, right: 0, down: 0, mirrored: false };
    let cases = [
        (Take { right: 1, ..untouched }, [0.4, 0.6, 0.0, 1.0, 0.0, 0.0]),
        (Take { down: -1, ..untouched }, [0.0, 0.0, 0.0, 0.2, 0.4, 0.6]),
        (Take { mirrored: true, ..untouched }, [0.6, 0.4, 0.2, 0.0, 1.0, 0.8]),
        (Take { right: -1, mirrored: true, ..untouched }, [0.4, 0.2, 0.0, 1.0, 0.8, 0.0]),
    ];
    for (name, device) in devices() {
        let images = set.upload(&device);
        for (take, expected) in cases {
            let got = values::<f32>(images.take(&[take]).images.into_data());
            assert_eq!(got, expected, "{name}: {take:?}");
        }
    }
}

#[test]
fn rows_from_the_host_are_those_of_a_batch() {
    let set = Set { pixels: vec![0; 4], labels: vec![2, 0, 1, 2], shape: [1, 1, 1], classes: 3 };
    for (name, device) in devices() {
        let images = set.upload(&device);
        let rows: Tensor<2> = images.one_hot(&[2, 0, 1, 2]);
        let batch = images.gather(&[0, 1, 2, 3]).one_hot;
        assert_eq!(rows.into_data(), batch.into_data(), "{name}");
    }
}

#[test]
#[should_panic(expected = "there are 4 images")]
fn an_image_that_is_not_there_is_refused() {
    let set = Set { pixels: vec![0; 4], labels: vec![0; 4], shape: [1, 1, 1], classes: 1 };
    let _ = set.upload(&Device::flex()).gather(&[4]);
}

#[test]
fn images_are_found_in_every_block() {
    let (count, pixels) = (11, 3);
    let bytes: Vec<u8> = (0..count * pixels).map(|index| index as u8).collect();
    let labels: Vec<u8> = (0..count).map(|index| index as u8).collect();
    for (name, device) in devices() {
        // Words of a block: two images each, were there blocks enough; then three of them; all.
        for most_words in [4, 6, 100] {
            let images =
                DeviceImages::upload_in_blocks(&bytes, &labels, [1, 1, pixels], count, &device, most_words);
            let batch = images.gather(&[10, 0, 3, 8, 2, 5]);
            let (pixels, labels) = (batch.images.into_data(), batch.labels.into_data());
            let expected = [10, 0, 3, 8, 2, 5].map(|image| [0, 1, 2].map(|pixel| 3 * image + pixel));
            let pixels: Vec<i32> = pixels.iter::<f32>().map(|pixel| (pixel * 255.0).round() as i32).collect();
            assert_eq!(pixels, expected.as_flattened(), "{name}");
            assert_eq!(labels.iter::<i32>().collect::<Vec<_>>(), [10, 0, 3, 8, 2, 5]);
        }
    }
}
