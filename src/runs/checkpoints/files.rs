//! What the files of a run's checkpoints are called, and at which step each was taken.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::platform::files;
use crate::runs::run_folder::CHECKPOINT;

/// How the name of an earlier checkpoint begins and ends; its step stands between.
const EARLIER: (&str, &str) = ("checkpoint-", ".safetensors");
/// Bytes that a checkpoint's header has at most: more than any that is written.
const MOST_HEADER: u64 = 16 << 20;

/// A checkpoint that a run has kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Steps done.
    pub step: u64,
    /// Its file in the run's folder.
    pub file: String,
    /// Bytes of that.
    pub bytes: u64,
}

/// What the file of an earlier checkpoint is called.
pub fn name_of(step: u64) -> String {
    let (begin, end) = EARLIER;
    format!("{begin}{step}{end}")
}

/// Whether a file is called as an earlier checkpoint is.
pub fn is_earlier(name: &str) -> bool {
    step_of(name).is_some()
}

/// The step in the name of an earlier checkpoint.
fn step_of(name: &str) -> Option<u64> {
    let (begin, end) = EARLIER;
    let step = name.strip_prefix(begin)?.strip_suffix(end)?.parse().ok()?;
    // One name a step: no `+7`, no `007`.
    (name == name_of(step)).then_some(step)
}

/// The checkpoints among these files, each with its name and its bytes; that of the fewest steps first. `last` is the step of
/// the last one, whose name does not say it.
pub fn known<'a>(files: impl IntoIterator<Item = (&'a str, u64)>, last: Option<u64>) -> Vec<Kept> {
    let step = |name: &str| if name == CHECKPOINT { last } else { step_of(name) };
    let kept = |(file, bytes): (&str, u64)| Some(Kept { step: step(file)?, file: file.into(), bytes });
    let mut all: Vec<Kept> = files.into_iter().filter_map(kept).collect();
    // Where the last one was put aside as well, it is one.
    all.sort_by(|one, other| one.step.cmp(&other.step).then_with(|| one.file.len().cmp(&other.file.len())));
    all.dedup_by_key(|kept| kept.step);
    all
}

/// The checkpoints in a folder, that of the fewest steps first; none where it cannot be read.
pub fn in_folder(folder: &Path) -> Vec<Kept> {
    let Ok(entries) = files::entries(folder) else { return Vec::new() };
    let files = entries.iter().filter(|(_, found)| found.is_file);
    let last = files::open(&folder.join(CHECKPOINT)).ok().and_then(step_in);
    known(files.map(|(name, found)| (&**name, found.bytes)), last)
}

/// The header of a checkpoint, as far as it matters here.
#[derive(Deserialize)]
struct Head {
    #[serde(rename = "__metadata__")]
    metadata: Metadata,
}

/// What a checkpoint says beside its tensors.
#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "great-lab")]
    run: String,
}

/// What that says.
#[derive(Deserialize)]
struct Run {
    step: u64,
}

/// How many steps a checkpoint had done, from how it begins; none where it is no checkpoint.
pub fn step_in(mut checkpoint: impl Read) -> Option<u64> {
    let mut length = [0; 8];
    checkpoint.read_exact(&mut length).ok()?;
    let length = Some(u64::from_le_bytes(length)).filter(|length| *length <= MOST_HEADER)?;
    let mut header = Vec::new();
    checkpoint.take(length).read_to_end(&mut header).ok()?;
    let head: Head = serde_json::from_slice(&header).ok()?;
    serde_json::from_str::<Run>(&head.metadata.run).ok().map(|run| run.step)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Something that begins as a checkpoint of `step` steps does, and has so many bytes behind that.
    pub fn made_up(step: u64, bytes: usize) -> Vec<u8> {
        let run = serde_json::json!({ "version": 1, "step": step }).to_string();
        let header = serde_json::json!({ "__metadata__": { "great-lab": run } }).to_string();
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; bytes]].concat()
    }

    #[test]
    fn a_step_is_read_from_a_header_and_from_a_name() {
        assert_eq!(step_in(&*made_up(1240, 100)), Some(1240));
        for none in
            [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xffx", b"\x02\0\0\0\0\0\0\0{}", &made_up(7, 0)[..40]]
        {
            assert_eq!(step_in(none), None, "{none:?}");
        }
        assert_eq!(step_of(&name_of(1240)), Some(1240));
        for other in [
            "checkpoint.safetensors",
            "checkpoint-07.safetensors",
            "checkpoint-+7.safetensors",
            "checkpoint-7.npz",
        ] {
            assert!(!is_earlier(other), "{other}");
        }
    }

    #[test]
    fn they_are_listed_by_their_steps_and_the_last_one_once() {
        let files = [
            (CHECKPOINT, 9),
            ("checkpoint-100.safetensors", 8),
            ("checkpoint-20.safetensors", 7),
            ("run.json", 1),
        ];
        let steps =
            |last| known(files, last).into_iter().map(|kept| (kept.step, kept.bytes)).collect::<Vec<_>>();
        assert_eq!(steps(Some(300)), [(20, 7), (100, 8), (300, 9)]);
        assert_eq!(steps(Some(100)), [(20, 7), (100, 9)]);
        assert_eq!(steps(None), [(20, 7), (100, 8)]);
    }
}
