//! CIFAR-10 binary.
#![no_main]

use great_lab_fuzz::data::cifar;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(images) = cifar::parse(bytes, "fuzz", 10) {
        assert_eq!(images.len() * (1 + cifar::IMAGE_BYTES), bytes.len());
        assert_eq!(images.pixels.len(), images.len() * cifar::IMAGE_BYTES);
        assert!(images.labels.iter().all(|&label| label < 10));
    }
});
