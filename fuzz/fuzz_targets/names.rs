//! Names of classes: whatever is taken has a name for each class.
#![no_main]

use great_lab_fuzz::data::{MAX_CLASSES, names};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(names) = names::parse(bytes, "fuzz") {
        assert!((2..=MAX_CLASSES).contains(&names.len()));
        assert!(names.iter().all(|name| !name.is_empty() && !name.contains('\n')));
    }
});
