//! Keeps checkpoints of a run in its folder as it goes: each that a newer one replaces is put aside, which writes nothing, and
//! where there are too many those go that are missed least.

use std::path::Path;

use super::files::{Kept, in_folder, known, name_of};
use crate::platform::files;
use crate::runs::run_folder::CHECKPOINT;
use crate::runs::spacing::least_missed;

/// Bytes that earlier checkpoints and the recording of a run may take unless somebody says otherwise.
pub const ROOM: u64 = 100_000_000;
/// Earlier checkpoints at most, however small: a bundle holds so many files.
const MOST: usize = 24;

/// The checkpoints of a run under way.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    /// Bytes that the earlier ones and the recording may take.
    room: u64,
    /// Step and bytes of the last one, where it says its step.
    last: Option<(u64, u64)>,
    /// Step and bytes of each that was put aside, that of the fewest steps first.
    earlier: Vec<(u64, u64)>,
}

impl Checkpoints {
    /// Of a run that has none yet.
    pub const fn new(room: u64) -> Self {
        Self { room, last: None, earlier: Vec::new() }
    }

    /// Takes note of those that an earlier part of the run left in its folder.
    pub fn find(&mut self, folder: &Path) {
        let size = |kept: &Kept| (kept.step, kept.bytes);
        let (last, earlier): (Vec<_>, Vec<_>) =
            in_folder(folder).into_iter().partition(|kept| kept.file == CHECKPOINT);
        (self.last, self.earlier) = (last.first().map(size), earlier.iter().map(size).collect());
    }

    /// Of another run with the same room, which has none yet.
    pub const fn fresh(&self) -> Self {
        Self::new(self.room)
    }

    /// Forgets all of them, of a folder that is gone.
    pub fn forget(&mut self) {
        *self = self.fresh();
    }

    /// Puts the last checkpoint in the folder aside, before one of step `newer`, where that is known, takes its place.
    pub fn put_aside(&mut self, folder: &Path, newer: Option<u64>) {
        // A run that was put back takes the later steps again.
        for (step, _) in self.earlier.extract_if(.., |(step, _)| newer.is_some_and(|newer| newer <= *step)) {
            let _ = files::remove_file(folder.join(name_of(step)));
        }
        // Nothing has been learned before the first step, and what does not fit would go at once.
        let fits = |(step, bytes): &(u64, u64)| *step > 0 && *bytes <= self.room;
        let Some((step, bytes)) = self.last.filter(fits) else { return };
        if newer.is_none_or(|newer| newer <= step) || self.earlier.iter().any(|(known, _)| *known == step) {
            return;
        }
        let (from, to) = (folder.join(CHECKPOINT), folder.join(name_of(step)));
        // Another name of the same bytes, where the system has such; it is no loss where neither can be.
        if files::duplicate(&from, &to).is_ok() {
            self.earlier.push((step, bytes));
            self.earlier.sort_unstable();
        }
    }

    /// Takes note of the last checkpoint: its bytes, and its step where that is known.
    pub fn taken(&mut self, step: Option<u64>, bytes: u64) {
        self.last = step.map(|step| (step, bytes));
    }

    /// Gives up what there is no room for beside a recording of so many bytes.
    pub fn thin(&mut self, folder: &Path, recording: u64) {
        let room = self.room.saturating_sub(recording);
        while self.earlier.len() > MOST || self.earlier.iter().map(|(_, bytes)| bytes).sum::<u64>() > room {
            // The last one of all stays in any case, and is what those before it are spaced to.
            let steps = self.earlier.iter().chain(&self.last).map(|(step, _)| *step);
            let at = least_missed(steps).filter(|at| *at < self.earlier.len()).unwrap_or(0);
            let (step, _) = self.earlier.remove(at);
            // Whatever cannot be removed was removed by somebody else.
            let _ = files::remove_file(folder.join(name_of(step)));
        }
    }

    /// What there is, that of the fewest steps first.
    pub fn all(&self) -> Vec<Kept> {
        let earlier: Vec<(String, u64)> =
            self.earlier.iter().map(|(step, bytes)| (name_of(*step), *bytes)).collect();
        let last = self.last.map(|(_, bytes)| (CHECKPOINT, bytes));
        known(
            earlier.iter().map(|(name, bytes)| (&**name, *bytes)).chain(last),
            self.last.map(|(step, _)| step),
        )
    }
}

/// Removes the earlier checkpoints of another run from a folder that is written anew.
pub fn clear(folder: &Path) {
    for kept in in_folder(folder).iter().filter(|kept| kept.file != CHECKPOINT) {
        let _ = files::remove_file(folder.join(&kept.file));
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::step_in;
    use super::super::files::tests::made_up;
    use super::*;

    /// Writes a checkpoint of `step` steps as a writer does.
    fn write(checkpoints: &mut Checkpoints, folder: &Path, (step, bytes): (u64, usize)) {
        let bytes = made_up(step, bytes);
        checkpoints.put_aside(folder, step_in(&*bytes));
        // Whole or not at all: the file of before is as it was for whoever has it under another name.
        crate::runs::write::write_whole(&folder.join(CHECKPOINT), &bytes).unwrap();
        checkpoints.taken(step_in(&*bytes), bytes.len() as u64);
        checkpoints.thin(folder, 0);
    }

    fn steps(kept: &[Kept]) -> Vec<u64> {
        kept.iter().map(|kept| kept.step).collect()
    }

    #[test]
    fn earlier_ones_stay_as_they_were_and_in_bounds() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let mut checkpoints = Checkpoints::new(10_000);
        for step in 1..200 {
            write(&mut checkpoints, folder, (10 * step, 900));
            let found = in_folder(folder);
            assert_eq!(found, checkpoints.all(), "what is known is what is there");
            assert_eq!(found.last().unwrap().file, CHECKPOINT);
            let earlier: u64 = found.iter().rev().skip(1).map(|kept| kept.bytes).sum();
            assert!(earlier <= 10_000, "{earlier}");
        }
        let found = steps(&in_folder(folder));
        assert_eq!((found[0], found.last()), (10, Some(&1990)));
        assert!(found.len() == 11, "{found:?}");
        let ratios: Vec<f64> = found.windows(2).map(|pair| pair[1] as f64 / pair[0] as f64).collect();
        assert!(ratios.iter().all(|ratio| *ratio < 5.0), "{found:?}");
        for kept in in_folder(folder) {
            let bytes = std::fs::read(folder.join(&kept.file)).unwrap();
            assert_eq!((step_in(&*bytes), bytes.len() as u64), (Some(kept.step), kept.bytes), "{kept:?}");
        }
        let mut found = Checkpoints::new(10_000);
        found.find(folder);
        assert_eq!(found.all(), checkpoints.all(), "a run that goes on has them");
        checkpoints.thin(folder, 7_000);
        assert!(in_folder(folder).len() <= 4, "the recording takes its room: {:?}", in_folder(folder));
        clear(folder);
        assert_eq!(steps(&in_folder(folder)), [1990]);
    }

    #[test]
    fn there_are_few_however_small_they_are() {
        let scratch = tempfile::tempdir().unwrap();
        let mut checkpoints = Checkpoints::new(ROOM);
        (1..100).for_each(|step| write(&mut checkpoints, scratch.path(), (step, 0)));
        assert_eq!(in_folder(scratch.path()).len(), MOST + 1);
    }

    #[test]
    fn what_has_no_room_or_no_step_is_not_put_aside() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        for room in [0, 500] {
            let mut checkpoints = Checkpoints::new(room);
            (1..5).for_each(|step| write(&mut checkpoints, folder, (step, 1000)));
            assert_eq!(steps(&in_folder(folder)), [4], "a room of {room} bytes");
        }
        let mut checkpoints = Checkpoints::new(ROOM);
        write(&mut checkpoints, folder, (0, 10));
        write(&mut checkpoints, folder, (5, 10));
        checkpoints.put_aside(folder, None);
        checkpoints.taken(None, 10);
        checkpoints.thin(folder, 0);
        assert_eq!(
            std::fs::read_dir(folder).unwrap().count(),
            1,
            "neither that of step 0 nor one without a newer"
        );
        assert_eq!(checkpoints.all(), []);
    }

    #[test]
    fn a_run_that_was_put_back_has_none_of_later_steps() {
        let scratch = tempfile::tempdir().unwrap();
        let mut checkpoints = Checkpoints::new(ROOM);
        for step in [10, 20, 30, 30, 15] {
            write(&mut checkpoints, scratch.path(), (step, 10));
        }
        assert_eq!(steps(&in_folder(scratch.path())), [10, 15], "{:?}", in_folder(scratch.path()));
    }
}
