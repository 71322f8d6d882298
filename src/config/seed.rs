//! The one seed of a run, and the streams of random numbers that come from it: each generator has a number of its own.
//!
//! Weights of the main network and the order of the data are drawn from the seed itself. Results stand on these numbers.

/// What is drawn from a run's seed besides the first weights of its main network and the order of its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// First weights of the auxiliary network.
    Auxiliary,
    /// Attacks and projections in training.
    TrainingAttacks,
    /// How training images are changed.
    Augmentation,
    /// The run that trains a surrogate, for an evaluation. It has the number of [`Self::Augmentation`], which is drawn in
    /// training alone.
    Surrogate,
    /// The training of a teacher, beside its student or in a run of its own.
    Teacher,
    /// Which images are a student's share.
    StudentShare,
    /// First weights of the decoders.
    Decoders,
    /// The audit's probe. It has the number of [`Self::Decoders`], which only a run of several tasks has, whose gradient
    /// tensors no probe reads.
    Probe,
    /// The noise on the training images of several tasks.
    TaskNoise,
    /// The noise on their held-out images, which is the same for every seed.
    HeldOutNoise,
    /// Which held-out images are looked at, where not all are: the same for every seed, so that two networks are held
    /// against each other on the same images.
    HeldOutSample,
    /// Which training images the audit's probe learns from.
    ProbeImages,
}

impl Stream {
    /// What tells it from the others.
    pub const fn number(self) -> u64 {
        match self {
            Self::Auxiliary => 0x5eed_0001,
            Self::TrainingAttacks => 0x5eed_0002,
            Self::Augmentation | Self::Surrogate => 0x5eed_0003,
            Self::Teacher => 0x5eed_0004,
            Self::StudentShare => 0x5eed_0005,
            Self::Decoders | Self::Probe => 0x5eed_0006,
            Self::TaskNoise => 0x5eed_0007,
            Self::HeldOutNoise => 0x5eed_0008,
            Self::HeldOutSample => 0x5eed_0009,
            Self::ProbeImages => 0x5eed_000a,
        }
    }

    /// The seed of this stream in a run of `seed`.
    pub const fn of(self, seed: u64) -> u64 {
        seed ^ self.number()
    }
}

#[cfg(test)]
mod tests {
    use super::Stream::{
        Augmentation, Auxiliary, Decoders, HeldOutNoise, HeldOutSample, Probe, ProbeImages, StudentShare,
        Surrogate, TaskNoise, Teacher, TrainingAttacks,
    };

    #[test]
    fn streams_that_meet_in_one_run_are_apart() {
        let seed = 7;
        let of_teacher = Teacher.of(seed);
        let together: [(&str, Vec<u64>); 4] = [
            ("defense", [Auxiliary, TrainingAttacks, Augmentation].map(|stream| stream.of(seed)).to_vec()),
            (
                "distillation",
                [Auxiliary, Augmentation, StudentShare]
                    .map(|stream| stream.of(seed))
                    .into_iter()
                    .chain([of_teacher, Augmentation.of(of_teacher)])
                    .collect(),
            ),
            (
                "multitask",
                [Auxiliary, Augmentation, Decoders, TaskNoise]
                    .map(|stream| stream.of(seed))
                    .into_iter()
                    .chain([HeldOutNoise, HeldOutSample].map(super::Stream::number))
                    .collect(),
            ),
            (
                "an evaluation",
                [Surrogate, Probe, ProbeImages]
                    .map(|stream| stream.of(seed))
                    .into_iter()
                    .chain([HeldOutSample.number()])
                    .collect(),
            ),
        ];
        for (run, mut seeds) in together {
            seeds.push(seed);
            for (index, one) in seeds.iter().enumerate() {
                assert!(!seeds[..index].contains(one), "{run}: stream {index} is drawn twice");
            }
        }
    }
}
