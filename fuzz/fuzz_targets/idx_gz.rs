//! IDX.gz: rubbish as it comes, and rubbish soundly packed, which gets past the checksum.
#![no_main]

use std::io::Write;

use great_lab_fuzz::data::idx;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let images = idx::parse_images(bytes, "fuzz");
    let labels = idx::parse_labels(bytes, "fuzz");
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return;
    }
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writing into memory");
    let packed = encoder.finish().expect("writing into memory");
    assert_eq!(idx::parse_images(&packed, "fuzz").ok(), images.ok());
    assert_eq!(idx::parse_labels(&packed, "fuzz").ok(), labels.ok());
});
