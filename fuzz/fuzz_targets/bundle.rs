//! Bundles: rubbish as it comes, and rubbish as a file of a sound bundle. Whatever is taken has plain names and unpacks to no
//! more than it may.
#![no_main]

use std::io::Cursor;

use great_lab_fuzz::runs::bundle::{Bundle, MOST_FILES, is_plain, pack};

/// Unpacks all of a bundle, as far as it is one.
fn unpack(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut bundle = Bundle::open(Cursor::new(bytes)).ok()?;
    let names = bundle.names();
    assert!((1..=MOST_FILES).contains(&names.len()));
    assert!(names.iter().all(|name| is_plain(name) && !name.contains(['/', '\\'])));
    assert_eq!(bundle.sizes().map(|sizes| sizes.len()).ok(), Some(names.len()));
    let files = names.into_iter().map(|name| {
        let bytes = bundle.read(&name).ok()??;
        Some((name, bytes))
    });
    files.collect()
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    unpack(bytes);
    let files = [("run.json", b"{}".to_vec()), ("recording.jsonl.gz", bytes.to_vec())];
    let packed = pack(Cursor::new(Vec::new()), files).expect("writing into memory").into_inner();
    let found = unpack(&packed).expect("a sound bundle");
    assert!(found.iter().any(|(name, found)| name == "recording.jsonl.gz" && found == bytes));
});
