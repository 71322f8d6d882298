//! The data that comes with the lab: 10,000 + 2,000 images of Fashion-MNIST (Xiao et al. 2017), class-balanced.
//!
//! `scripts/make-assets` made the files; their licence lies beside them.

use crate::{
    data::{dataset::Dataset, error::DataError},
    platform,
};

use super::idx;

/// The name that people type.
pub const NAME: &str = crate::config::BUILT_IN_DATA[0];
/// Fashion-MNIST's classes.
pub const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// The bytes of a file and its name for errors.
fn asset(file: &str) -> Result<(&'static [u8], String), DataError> {
    let bytes = platform::asset(&format!("fashion-mnist/{file}"));
    let bytes = bytes.ok_or_else(|| DataError::MissingFile {
        folder: NAME.into(),
        format: "built-in",
        looked_for: file.into(),
    })?;
    Ok((bytes, format!("embedded {file}")))
}

/// Unpacks the Fashion-MNIST that comes with the lab: 1,000 training and 200 test images of every class, `[1, 28, 28]`.
///
/// # Errors
/// Where the program was built from damaged files, or a page did not get them whole.
pub fn load() -> Result<Dataset, DataError> {
    let part = |images, labels| {
        let ((images, images_file), (labels, labels_file)) = (asset(images)?, asset(labels)?);
        let pictures = idx::parse_images(images, &images_file)?;
        let labels = idx::parse_labels(labels, &labels_file)?;
        idx::pair((pictures, &images_file), (labels, &labels_file))
    };
    let train = part("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")?;
    let test = part("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")?;
    Dataset::new(NAME, &CLASSES.map(String::from), train, test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_comes_equally_often() {
        let data = load().unwrap();
        assert_eq!((data.shape, data.classes.len()), ([1, 28, 28], 10));
        for (images, each) in [(&data.train, 1000), (&data.test, 200)] {
            for class in 0..10 {
                assert_eq!(images.labels.iter().filter(|&&label| label == class).count(), each);
            }
            assert_eq!(images.pixels.len(), 10 * each * 28 * 28);
        }
        // The first image of Fashion-MNIST is an ankle boot; the whole training set's mean is 0.2860.
        assert_eq!(data.classes[usize::from(data.train.labels[0])], "Ankle boot");
        let (mean, deviation) = data.channel_statistics();
        assert!(
            (mean[0] - 0.286).abs() < 0.003 && (deviation[0] - 0.353).abs() < 0.003,
            "{mean:?} {deviation:?}"
        );
    }
}
