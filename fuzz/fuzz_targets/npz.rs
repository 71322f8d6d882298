//! Scenes: whatever is taken keeps the promises that the rest of the lab builds on.
#![no_main]

use great_lab_fuzz::data::{MAX_CLASSES, SIZES, npz};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(parts) = npz::parse(bytes, "fuzz") {
        for part in parts {
            let area = part.size[0] * part.size[1];
            assert!(!part.is_empty() && part.size.iter().all(|side| SIZES.contains(side)));
            assert!(part.images.labels.iter().all(|&label| usize::from(label) < MAX_CLASSES));
            assert_eq!(part.images.pixels.len(), part.len() * 3 * area);
            assert_eq!((part.depth.len(), part.segments.len()), (part.len() * area, part.len() * area));
            assert!(
                part.normals.len() == 3 * part.depth.len()
                    && part.normals.iter().all(|part| part.abs() <= 1.001)
            );
        }
    }
});
