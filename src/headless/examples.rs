//! Adversarial examples as an `.npz` that other tools read: exact images, what became of them, and what the network says.

use ndarray::{Array1, Array4, ShapeError};
use ndarray_npy::{NpzWriter, WriteNpzError};

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

/// `N` images, attacked.
#[derive(Debug, Default)]
pub struct Examples {
    /// The held-out images, `N × C × H × W` bytes as in the data.
    pub images: Vec<u8>,
    /// What the attack made of them, `N × C × H × W` pixels in [0, 1].
    pub adversarial: Vec<f32>,
    /// True classes.
    pub labels: Vec<i64>,
    /// Classes that the network says of the images.
    pub predictions: Vec<i64>,
    /// Classes that it says of the adversarial ones.
    pub adversarial_predictions: Vec<i64>,
    /// Which of the held-out images they are.
    pub indices: Vec<i64>,
}

impl Examples {
    /// The archive: `images`, `adversarial` `[N, C, H, W]`; `labels`, `predictions`, `adversarial_predictions`,
    /// `indices` `[N]`; `epsilon` `[1]`.
    ///
    /// # Errors
    /// [`ExamplesError`].
    pub fn pack(self, [c, h, w]: [usize; 3], epsilon: f64) -> Result<Vec<u8>, ExamplesError> {
        let shape = (self.labels.len(), c, h, w);
        let mut archive = NpzWriter::new(std::io::Cursor::new(Vec::new()));
        archive.add_array("images", &Array4::from_shape_vec(shape, self.images)?)?;
        archive.add_array("adversarial", &Array4::from_shape_vec(shape, self.adversarial)?)?;
        archive.add_array("labels", &Array1::from_vec(self.labels))?;
        archive.add_array("predictions", &Array1::from_vec(self.predictions))?;
        archive.add_array("adversarial_predictions", &Array1::from_vec(self.adversarial_predictions))?;
        archive.add_array("indices", &Array1::from_vec(self.indices))?;
        archive.add_array("epsilon", &Array1::from_vec(vec![epsilon]))?;
        Ok(archive.finish()?.into_inner())
    }
}

/// The position of the largest of each `classes` logits.
pub fn largest(logits: &[f32], classes: usize) -> Vec<i64> {
    let row = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0) as i64;
    logits.chunks(classes).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray_npy::NpzReader;

    #[test]
    fn an_archive_reads_back_exactly() {
        let examples = Examples {
            images: (0..16).collect(),
            adversarial: (0..16).map(|x| x as f32 / 17.0).collect(),
            labels: vec![3, 9],
            predictions: vec![3, 8],
            adversarial_predictions: vec![1, 8],
            indices: vec![5, 7],
        };
        let bytes = examples.pack([2, 2, 2], 0.1).unwrap();
        let mut archive = NpzReader::new(std::io::Cursor::new(bytes)).unwrap();
        let images: Array4<u8> = archive.by_name("images").unwrap();
        assert_eq!((images.dim(), images[[1, 1, 1, 1]]), ((2, 2, 2, 2), 15));
        let adversarial: Array4<f32> = archive.by_name("adversarial").unwrap();
        assert_eq!(adversarial[[0, 1, 0, 1]], 5.0 / 17.0);
        let labels: Array1<i64> = archive.by_name("labels").unwrap();
        assert_eq!(labels.to_vec(), [3, 9]);
        let epsilon: Array1<f64> = archive.by_name("epsilon").unwrap();
        assert_eq!(epsilon.to_vec(), [0.1]);
    }

    #[test]
    fn arrays_of_the_wrong_size_are_refused() {
        let examples = Examples { labels: vec![1], images: vec![0; 3], ..Examples::default() };
        assert!(matches!(examples.pack([1, 2, 2], 0.1), Err(ExamplesError::Size(_))));
    }

    #[test]
    fn predictions_are_the_largest_logits() {
        assert_eq!(largest(&[0.0, 2.0, 1.0, 5.0, -1.0, f32::NEG_INFINITY], 3), [1, 0]);
    }
}
