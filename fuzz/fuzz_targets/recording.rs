//! Recordings: rubbish as it comes, soundly packed, and behind sound first lines. Whatever is taken is recorded again as it is.
#![no_main]

use std::io::Write;

use great_lab_fuzz::{
    protocol::Event,
    runs::recording::{Memory, Recording, Replay},
};

/// The first two lines of a recording: what it is, and of which run.
const HEAD: &[u8] = include_bytes!("../seeds/recording/head.jsonl");

fn packed(parts: &[&[u8]]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    parts.iter().for_each(|part| encoder.write_all(part).expect("writing into memory"));
    encoder.finish().expect("writing into memory")
}

/// Reads a recording, and records what is in it.
fn read(file: &[u8]) {
    let Ok(replay) = Replay::unpack(file) else { return };
    assert!(matches!(replay.events.last(), Some(Event::State(_))));
    let mut recording = Recording::new(&replay.info);
    let mut memory = Memory::new(replay.info.clone());
    for event in &replay.events {
        recording.take(event);
        memory.take(event);
    }
    let again = Replay::unpack(&*recording.bytes()).expect("what was just written");
    assert_eq!(again.problem, None);
    assert!(again.events.len() <= replay.events.len() && memory.events().len() < replay.events.len());
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&packed(&[bytes]));
    read(&packed(&[HEAD, bytes]));
});
