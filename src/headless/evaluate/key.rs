//! Which evaluation one is, so that another is not gone on with in its place.

use flate2::Crc;
use serde::{Deserialize, Serialize};

use crate::config::Threat;
use crate::data::Dataset;

/// Which evaluation it is: two are the same where all of this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Version of the program, whose attacks may be others.
    pub program: String,
    /// The checkpoint's bytes: length and checksum, as of images.
    pub checkpoint: String,
    /// The images attacked and their classes; and those that a surrogate is trained on, where there is one.
    pub images: String,
    /// The threats, in order, each as JSON: reading a number back may miss its last bit.
    pub threats: Vec<String>,
    /// What random numbers come from.
    pub seed: u64,
    /// Draws of the network's own noise.
    pub draws: usize,
    /// Whether all adversarial images are kept.
    pub examples: bool,
}

impl Key {
    /// That of attacks with these threats on the held-out images at `indices`, of a network whose file has these bytes.
    pub fn new(
        checkpoint: &[u8],
        (data, indices): (&Dataset, &[u32]),
        threats: &[Threat],
        (seed, draws): (u64, usize),
        examples: bool,
    ) -> Self {
        let mut images = Crc::new();
        for index in indices {
            images.update(&index.to_le_bytes());
            images.update(data.test.image(*index as usize));
            images.update(&[data.test.labels[*index as usize]]);
        }
        if threats.iter().any(|threat| threat.attack.row().needs_surrogate) {
            images.update(&data.train.pixels);
            images.update(&data.train.labels);
        }
        let json = |threat| serde_json::to_string(threat).expect("plain data always becomes JSON");
        Self {
            program: env!("CARGO_PKG_VERSION").into(),
            checkpoint: fingerprint(checkpoint.len(), &checksum([checkpoint])),
            images: fingerprint(indices.len(), &images),
            threats: threats.iter().map(json).collect(),
            seed,
            draws,
            examples,
        }
    }

    /// What another one has otherwise, in words.
    pub fn difference(&self, other: &Self) -> String {
        let all = [
            (self.program != other.program, "the version of the program"),
            (self.checkpoint != other.checkpoint, "the checkpoint"),
            (self.images != other.images, "the images"),
            (self.threats != other.threats, "the attacks"),
            (self.seed != other.seed, "the seed"),
            (self.draws != other.draws, "the draws of the network's noise"),
            (self.examples != other.examples, "whether examples are saved"),
        ];
        let differing: Vec<_> = all.iter().filter(|(differs, _)| *differs).map(|(_, what)| *what).collect();
        differing.join(", ")
    }
}

/// The checksum of these bytes, one after the other.
pub fn checksum<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Crc {
    let mut crc = Crc::new();
    parts.into_iter().for_each(|part| crc.update(part));
    crc
}

/// Tells apart what differs by chance, not by intent.
fn fingerprint(length: usize, crc: &Crc) -> String {
    format!("{length}:{:08x}", crc.sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AttackKind, TargetKind};

    #[test]
    fn another_evaluation_has_another_key() {
        let mut data = crate::data::load_from("solids").unwrap();
        let threat = |attack| Threat {
            attack,
            target: TargetKind::Untargeted,
            epsilon: 8.0 / 255.0,
            steps: 3,
            restarts: 1,
        };
        let (pgd, transfer) = (threat(AttackKind::Pgd), threat(AttackKind::Transfer));
        let of = |data: &Dataset, attacks: &[Threat], indices: &[u32]| {
            Key::new(b"weights", (data, indices), attacks, (1, 1), false)
        };
        let key = of(&data, &[pgd], &[0, 5]);
        assert_eq!((&key, &*key.difference(&key)), (&of(&data, &[pgd], &[0, 5]), ""));
        assert_eq!(key.difference(&of(&data, &[pgd], &[5, 0])), "the images");
        assert_eq!(key.difference(&of(&data, &[pgd, pgd], &[0, 5])), "the attacks");
        let other = Key::new(b"wights", (&data, &[0, 5]), &[pgd], (2, 20), true);
        let expected =
            "the checkpoint, the seed, the draws of the network's noise, whether examples are saved";
        assert_eq!(key.difference(&other), expected);
        let surrogate = of(&data, &[transfer], &[0, 5]);
        data.train.pixels[0] ^= 1;
        assert_eq!(of(&data, &[pgd], &[0, 5]), key, "nothing is trained on them");
        assert_eq!(of(&data, &[transfer], &[0, 5]).difference(&surrogate), "the images");
    }
}
