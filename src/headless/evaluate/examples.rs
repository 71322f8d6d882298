//! Adversarial examples as an `.npz` that other tools read: as the attack made them and as exact bytes, beside the clean
//! images, with what the network says of each.

use std::path::{Path, PathBuf};

use burn::tensor::{Tensor, TensorData};
use ndarray::{Array1, Array2, Array4, ShapeError};
use ndarray_npy::{NpzWriter, WritableElement, WriteNpzError};

use crate::attack::{Victim, exact_bytes};
use crate::config::{TargetKind, Threat, VERDICT_DRAWS};
use crate::data::Images;
use crate::gpu::images::DeviceImages;
use crate::gpu::read;
use crate::show::number::percent;

/// Why examples could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum ExamplesError {
    /// The arrays do not have the sizes they should.
    #[error("the device answered with another number of pixels than asked for: {0}")]
    Size(#[from] ShapeError),
    /// The archive could not be made.
    #[error("cannot pack the examples: {0}")]
    Packing(#[from] WriteNpzError),
}

/// `N` images, and what the network says of them.
#[derive(Clone, Debug, Default)]
struct Seen<P> {
    /// `N × C × H × W`.
    pixels: Vec<P>,
    /// `N × K`.
    logits: Vec<f32>,
}

/// Where the examples of a threat are written if `path` was asked for: there, or beside it under a name of their own where
/// they are `one_of_several`.
pub fn path(threat: &Threat, path: &Path, one_of_several: bool) -> PathBuf {
    if !one_of_several {
        return path.into();
    }
    let Threat { attack, target, epsilon, .. } = *threat;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let aim = if target == TargetKind::Untargeted { String::new() } else { format!("-{target}") };
    path.with_file_name(format!("{stem}-{attack}{aim}-{epsilon}.npz"))
}

/// What one threat made of some images.
#[derive(Clone, Debug)]
pub struct Examples {
    threat: Threat,
    shape: [usize; 3],
    classes: usize,
    /// True classes.
    labels: Vec<i64>,
    /// Which of the held-out images they are.
    indices: Vec<i64>,
    clean: Seen<u8>,
    /// As the attack made them, pixels in [0, 1].
    float: Seen<f32>,
    /// Rounded, inside the ball.
    uint8: Seen<u8>,
}

impl Examples {
    /// No examples as yet, of images `[C, H, W]` of this number of classes.
    pub fn new(threat: Threat, shape: [usize; 3], classes: usize) -> Self {
        let (clean, float, uint8) = (Seen::default(), Seen::default(), Seen::default());
        Self { threat, shape, classes, labels: Vec::new(), indices: Vec::new(), clean, float, uint8 }
    }

    /// Adds the adversarial examples `[N, C, H, W]` of the held-out images at `indices`.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn add(
        &mut self,
        victim: &Victim<'_>,
        (images, held_out): (&Images, &DeviceImages),
        indices: &[u32],
        adversarial: Tensor<4>,
    ) -> Result<(), String> {
        let logits =
            |images: Tensor<4>| read(victim.network.expected_logits(victim.weights, &images, VERDICT_DRAWS));
        let (shape, device) = (adversarial.dims(), adversarial.device());
        self.clean.logits.extend(logits(held_out.gather(indices).images).await?);
        self.float.logits.extend(logits(adversarial.clone()).await?);
        let float = read(adversarial).await?;
        let size = self.shape.iter().product();
        let mut bytes = Vec::with_capacity(float.len());
        for (&index, adversarial) in indices.iter().zip(float.chunks(size)) {
            let clean = images.image(index as usize);
            bytes.extend(exact_bytes(self.threat.attack.norm(), self.threat.epsilon, clean, adversarial));
            self.clean.pixels.extend(clean);
            self.labels.push(images.labels[index as usize].into());
            self.indices.push(index.into());
        }
        let pixels: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect();
        self.uint8.logits.extend(logits(Tensor::from_data(TensorData::new(pixels, shape), &device)).await?);
        self.float.pixels.extend(float);
        self.uint8.pixels.extend(bytes);
        Ok(())
    }

    /// The archive: `clean`, `uint8` (bytes) and `float` (f32 in [0, 1]) `[N, C, H, W]`; what the network says of each,
    /// `clean_logits` … `[N, K]` and `clean_predictions` … `[N]`; `labels` and `indices` `[N]`; `epsilon` `[1]`.
    ///
    /// # Errors
    /// [`ExamplesError`].
    pub fn pack(&self) -> Result<Vec<u8>, ExamplesError> {
        let mut archive = Archive { zip: NpzWriter::new(std::io::Cursor::new(Vec::new())), examples: self };
        archive.add("clean", &self.clean)?;
        archive.add("float", &self.float)?;
        archive.add("uint8", &self.uint8)?;
        let mut zip = archive.zip;
        zip.add_array("labels", &Array1::from_vec(self.labels.clone()))?;
        zip.add_array("indices", &Array1::from_vec(self.indices.clone()))?;
        zip.add_array("epsilon", &Array1::from_vec(vec![self.threat.epsilon]))?;
        Ok(zip.finish()?.into_inner())
    }

    /// Where they are written: see [`path`].
    pub fn path(&self, asked: &Path, one_of_several: bool) -> PathBuf {
        path(&self.threat, asked, one_of_several)
    }

    /// One line: how many are still classified correctly as the attack made them, and as bytes.
    pub fn summary(&self) -> String {
        let right = |logits: &[f32]| {
            let said = largest(logits, self.classes);
            let hits = said.iter().zip(&self.labels).filter(|(said, label)| said == label).count();
            percent(hits as f64 / self.labels.len().max(1) as f64)
        };
        let [float, uint8] = [&self.float.logits, &self.uint8.logits].map(|logits| right(logits));
        format!("{float} robust as float, {uint8} as uint8, {} images", self.labels.len())
    }
}

/// An archive under way.
struct Archive<'a> {
    zip: NpzWriter<std::io::Cursor<Vec<u8>>>,
    examples: &'a Examples,
}

impl Archive<'_> {
    fn add<P: WritableElement + Clone>(&mut self, name: &str, seen: &Seen<P>) -> Result<(), ExamplesError> {
        let Examples { shape: [c, h, w], classes, ref labels, .. } = *self.examples;
        let n = labels.len();
        self.zip.add_array(name, &Array4::from_shape_vec((n, c, h, w), seen.pixels.clone())?)?;
        let logits = Array2::from_shape_vec((n, classes), seen.logits.clone())?;
        self.zip.add_array(format!("{name}_logits"), &logits)?;
        let predictions = Array1::from_vec(largest(&seen.logits, classes));
        self.zip.add_array(format!("{name}_predictions"), &predictions)?;
        Ok(())
    }
}

/// The position of the largest of each `classes` logits, the first of equal ones.
fn largest(logits: &[f32], classes: usize) -> Vec<i64> {
    let row = |row: &[f32]| {
        let larger = |best: usize, next: usize| if row[next] > row[best] { next } else { best };
        (1..row.len()).fold(0, larger) as i64
    };
    logits.chunks(classes).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AttackKind;
    use ndarray_npy::NpzReader;

    const THREAT: Threat = Threat {
        attack: AttackKind::Pgd,
        target: TargetKind::Untargeted,
        epsilon: 0.1,
        steps: 1,
        restarts: 1,
    };

    fn two() -> Examples {
        Examples {
            labels: vec![2, 1],
            indices: vec![5, 7],
            clean: Seen { pixels: (0..16).collect(), logits: vec![0.0, 1.0, 2.0, 0.0, 1.0, 0.0] },
            float: Seen {
                pixels: (0..16).map(|x| x as f32 / 17.0).collect(),
                logits: vec![0.0, 1.0, 0.0, 0.0, 1.0, 0.0],
            },
            uint8: Seen { pixels: (0..16).rev().collect(), logits: vec![0.0, 1.0, 1.5, 0.0, 1.0, 0.0] },
            ..Examples::new(THREAT, [2, 2, 2], 3)
        }
    }

    #[test]
    fn an_archive_reads_back_exactly() {
        let mut archive = NpzReader::new(std::io::Cursor::new(two().pack().unwrap())).unwrap();
        let clean: Array4<u8> = archive.by_name("clean").unwrap();
        assert_eq!((clean.dim(), clean[[1, 1, 1, 1]]), ((2, 2, 2, 2), 15));
        let float: Array4<f32> = archive.by_name("float").unwrap();
        assert_eq!(float[[0, 1, 0, 1]], 5.0 / 17.0);
        let uint8: Array4<u8> = archive.by_name("uint8").unwrap();
        assert_eq!(uint8[[0, 0, 0, 0]], 15);
        let logits: Array2<f32> = archive.by_name("uint8_logits").unwrap();
        assert_eq!(logits[[0, 2]], 1.5);
        for (name, expected) in [("clean", [2, 1]), ("float", [1, 1]), ("uint8", [2, 1])] {
            let said: Array1<i64> = archive.by_name(&format!("{name}_predictions")).unwrap();
            assert_eq!(said.to_vec(), expected, "{name}");
        }
        for (name, expected) in [("labels", [2, 1]), ("indices", [5, 7])] {
            let numbers: Array1<i64> = archive.by_name(name).unwrap();
            assert_eq!(numbers.to_vec(), expected, "{name}");
        }
        let epsilon: Array1<f64> = archive.by_name("epsilon").unwrap();
        assert_eq!(epsilon.to_vec(), [0.1]);
    }

    #[test]
    fn both_accuracies_are_told() {
        assert_eq!(two().summary(), "50.0 % robust as float, 100.0 % as uint8, 2 images");
    }

    #[test]
    fn several_threats_have_names_of_their_own() {
        let asked = Path::new("runs/a.npz");
        assert_eq!(two().path(asked, false), asked);
        assert_eq!(two().path(asked, true), Path::new("runs/a-pgd-0.1.npz"));
        let aimed = Examples { threat: Threat { target: TargetKind::LeastLikely, ..THREAT }, ..two() };
        assert_eq!(aimed.path(asked, true), Path::new("runs/a-pgd-least-likely-0.1.npz"));
    }

    #[test]
    fn arrays_of_the_wrong_size_are_refused() {
        let examples = Examples { labels: vec![1], ..two() };
        assert!(matches!(examples.pack(), Err(ExamplesError::Size(_))));
    }

    #[test]
    fn predictions_are_the_largest_logits() {
        assert_eq!(largest(&[0.0, 2.0, 1.0, 5.0, -1.0, f32::NEG_INFINITY, 3.0, 1.0, 3.0], 3), [1, 0, 0]);
    }
}
