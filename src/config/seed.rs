//! The one seed of a run, and the streams of random numbers that come from it: each generator has a number of its own.
//!
//! Weights of the main network and the order of the data are drawn from the seed itself. Results stand on these numbers.

/// What is drawn besides the first weights of a run's main network and the order of its data; its number is what tells it
/// from the others, and the compiler refuses the same one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// First weights of the auxiliary network.
    Auxiliary = 0x5eed_0001,
    /// Attacks and projections in training.
    TrainingAttacks = 0x5eed_0002,
    /// How training images are changed.
    Augmentation = 0x5eed_0003,
    /// The training of a teacher, beside its student or in a run of its own.
    Teacher = 0x5eed_0004,
    /// Which images are a student's share.
    StudentShare = 0x5eed_0005,
    /// First weights of the decoders.
    Decoders = 0x5eed_0006,
    /// The noise on the training images of several tasks.
    TaskNoise = 0x5eed_0007,
    /// The noise on their held-out images, which is the same for every seed; so its number is no other's and a small seed.
    HeldOutNoise = 0x6865_6c64_5eed_0008,
    /// The run that trains a surrogate, for an evaluation.
    Surrogate = 0x5eed_0009,
    /// The audit's probe.
    Probe = 0x5eed_000a,
    /// What a network that draws noise draws in training; numbers of steps and of its copies are mixed in.
    NetworkNoise = 0x5eed_000b,
    /// What it draws under attack.
    AttackedNoise = 0x5eed_000c,
    /// What it draws where it is decided what it says: the same for every seed, and far from the others for that.
    Verdict = 0x7665_7264_5eed_000d,
    /// Which held-out images are looked at, where not all are: the same for every seed, so that two networks are held
    /// against each other on the same images; and far from the others for that.
    Sample = 0x7361_6d70_5eed_000e,
    /// Which training images the audit's probe learns from.
    ProbeImages = 0x5eed_000f,
    /// The noise through which the auxiliary network reads in training.
    Channel = 0x5eed_0010,
    /// The same where gradient tensors are only looked at: the same for every seed, and far from the others for that.
    Look = 0x6c6f_6f6b_5eed_0011,
    /// How labels are shuffled for an auxiliary network that shall learn nothing.
    Shuffle = 0x5eed_0012,
    /// Uniform noise on training images.
    UniformNoise = 0x5eed_0013,
    /// The points of a world that are trained on.
    World = 0x5eed_0014,
    /// Its points that are held out.
    HeldOutWorld = 0x5eed_0015,
    /// The fresh auxiliary networks that a run under way is probed with; numbers of steps are mixed in.
    FreshProbe = 0x5eed_0020,
}

impl Stream {
    /// What tells it from the others.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// The seed of this stream in a run of `seed`.
    pub const fn of(self, seed: u64) -> u64 {
        seed ^ self.number()
    }
}

/// A number for a name, the same in every version: the 64 bits of Fowler, Noll & Vo (FNV-1a).
pub const fn number_of_name(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let (mut number, mut index) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while index < bytes.len() {
        number = (number ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::Stream::{
        AttackedNoise, Augmentation, Auxiliary, Channel, Decoders, FreshProbe, HeldOutNoise, HeldOutWorld,
        Look, NetworkNoise, Probe, ProbeImages, Sample, Shuffle, StudentShare, Surrogate, TaskNoise, Teacher,
        TrainingAttacks, UniformNoise, Verdict, World,
    };
    use super::*;
    use crate::config::ATTACKS;

    /// Of the runs that a seed makes: its own, its teacher's, its surrogate's.
    #[test]
    fn streams_are_apart_whatever_meets_in_a_run() {
        let drawn = [
            Auxiliary,
            TrainingAttacks,
            Augmentation,
            Teacher,
            StudentShare,
            Decoders,
            TaskNoise,
            Surrogate,
            Probe,
            NetworkNoise,
            AttackedNoise,
            ProbeImages,
            Channel,
            Shuffle,
            UniformNoise,
            FreshProbe,
            World,
            HeldOutWorld,
        ];
        let learns = [Auxiliary, TrainingAttacks, Augmentation, NetworkNoise];
        for seed in 0..2000 {
            let fixed = [seed, HeldOutNoise.number(), Verdict.number(), Sample.number(), Look.number()];
            let own = drawn.map(|stream| stream.of(seed));
            let others =
                [Teacher, Surrogate].map(|run| learns.map(|stream| stream.of(run.of(seed)))).concat();
            let mut seeds = [fixed.to_vec(), own.to_vec(), others].concat();
            seeds.sort_unstable();
            let twice = seeds.windows(2).find(|pair| pair[0] == pair[1]);
            assert!(twice.is_none(), "of seed {seed}, {twice:x?} is drawn twice");
        }
    }

    #[test]
    fn a_name_has_its_published_number_and_attacks_have_their_own() {
        // Of the authors' test vectors.
        assert_eq!(number_of_name(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(number_of_name("foobar"), 0x8594_4171_f739_67e8);
        for (index, row) in ATTACKS.iter().enumerate() {
            let number = number_of_name(row.kind.name());
            assert!(
                ATTACKS[..index].iter().all(|other| number_of_name(other.kind.name()) != number),
                "{}",
                row.kind
            );
        }
    }
}
