//! IDX: whatever is taken keeps the promises that the rest of the lab builds on.
#![no_main]

use great_lab_fuzz::data::{MAX_CLASSES, SIZES, idx};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(pictures) = idx::parse_images(bytes, "fuzz") {
        let [channels, height, width] = pictures.shape;
        assert!(channels == 1 && SIZES.contains(&height) && SIZES.contains(&width));
        assert!(!pictures.pixels.is_empty() && pictures.pixels.len().is_multiple_of(height * width));
    }
    if let Ok(labels) = idx::parse_labels(bytes, "fuzz") {
        assert!(!labels.is_empty() && labels.iter().all(|&label| usize::from(label) < MAX_CLASSES));
    }
});
