//! Images with their labels, whole in memory, as bytes.

use super::error::DataError;

/// Images with their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `N × C × H × W` bytes, 0 black to 255 full.
    pub pixels: Vec<u8>,
    /// `N` classes, each below the number of the data set's classes.
    pub labels: Vec<u8>,
}

impl Images {
    /// How many images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of image `index`, `C × H × W` bytes.
    ///
    /// # Panics
    /// Where `index` is not below [`Self::len`].
    pub fn image(&self, index: usize) -> &[u8] {
        let size = self.pixels.len() / self.len();
        &self.pixels[index * size..(index + 1) * size]
    }

    /// Those at `indices`, in that order.
    ///
    /// # Panics
    /// Where an index is not below [`Self::len`].
    pub fn select(&self, indices: &[u32]) -> Self {
        let indices = || indices.iter().map(|index| *index as usize);
        Self {
            pixels: indices().flat_map(|index| self.image(index)).copied().collect(),
            labels: indices().map(|index| self.labels[index]).collect(),
        }
    }
}

/// A data set, whole in memory, as bytes. Neither part is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The built-in name, or the folder's.
    pub name: String,
    /// Names of the classes, `K` of them, 2 to [`MAX_CLASSES`](super::MAX_CLASSES); numbers where the files name none.
    pub classes: Vec<String>,
    /// `[C, H, W]` of every image: 1 or 3 channels, height and width in [`SIZES`](super::SIZES).
    pub shape: [usize; 3],
    /// What is trained on.
    pub train: Images,
    /// What is held out.
    pub test: Images,
}

impl Dataset {
    /// Puts two parts of the same shape together. `known_classes` are the names that the format or the files give;
    /// where they do not reach to the largest label, the classes are named by numbers.
    ///
    /// # Errors
    /// Where the parts differ in shape, or all labels are 0 and no class has a name.
    pub(super) fn new(
        name: &str,
        known_classes: &[String],
        (shape, train): ([usize; 3], Images),
        (test_shape, test): ([usize; 3], Images),
    ) -> Result<Self, DataError> {
        if shape != test_shape {
            return Err(DataError::ShapeMismatch { name: name.into(), train: shape, test: test_shape });
        }
        let largest = train.labels.iter().chain(&test.labels).copied().max().unwrap_or(0);
        let labelled = usize::from(largest) + 1;
        let classes = if known_classes.len() >= labelled {
            known_classes.to_vec()
        } else {
            (0..labelled).map(|class| class.to_string()).collect()
        };
        if classes.len() < 2 {
            return Err(DataError::SingleClass { name: name.into() });
        }
        Ok(Self { name: name.into(), classes, shape, train, test })
    }

    /// Mean and standard deviation of each channel over the training images, pixels in [0, 1]; `C` of each.
    ///
    /// The deviation is at least 1e-3, a quarter of one of the 255 steps: a network divides by it, and a channel
    /// that is the same everywhere must come out as zeros, not as NaN.
    pub fn channel_statistics(&self) -> (Vec<f32>, Vec<f32>) {
        let [channels, height, width] = self.shape;
        let plane = height * width;
        let statistics = |channel: usize| {
            // Whole numbers: exact, so the same on every machine.
            let (mut sum, mut squares) = (0_u64, 0_u64);
            for pixels in self.train.pixels.chunks_exact(plane).skip(channel).step_by(channels) {
                sum += pixels.iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
                squares += pixels.iter().map(|&pixel| u64::from(pixel).pow(2)).sum::<u64>();
            }
            let count = (self.train.len() * plane) as f64;
            let mean = sum as f64 / count;
            let variance = (squares as f64 / count - mean * mean).max(0.0);
            ((mean / 255.0) as f32, (variance.sqrt() / 255.0).max(1e-3) as f32)
        };
        (0..channels).map(statistics).unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of three planes of 8×8, each plane constant.
    fn flat(levels: [[u8; 3]; 2]) -> Images {
        Images {
            pixels: levels.iter().flatten().flat_map(|&level| [level; 64]).collect(),
            labels: vec![0, 1],
        }
    }

    #[test]
    fn statistics_are_per_channel_and_of_the_training_images_alone() {
        let train = flat([[0, 51, 7], [255, 102, 7]]);
        let test = flat([[255, 255, 255], [255, 255, 255]]);
        let data = Dataset::new("flat", &[], ([3, 8, 8], train), ([3, 8, 8], test)).unwrap();
        let (mean, deviation) = data.channel_statistics();
        for (found, expected) in mean.iter().zip([0.5, 0.3, 7.0 / 255.0]) {
            assert!((found - expected).abs() < 1e-6, "{mean:?}");
        }
        for (found, expected) in deviation.iter().zip([0.5, 0.1, 1e-3]) {
            assert!((found - expected).abs() < 1e-6, "{deviation:?}");
        }
    }

    #[test]
    fn parts_that_do_not_belong_together_are_refused() {
        let part = |label| Images { pixels: vec![0; 64], labels: vec![label] };
        let shapes = Dataset::new("a", &[], ([1, 8, 8], part(0)), ([1, 4, 16], part(1)));
        assert!(shapes.unwrap_err().to_string().contains("[1, 8, 8], but test images [1, 4, 16]"));
        let single = Dataset::new("b", &[], ([1, 8, 8], part(0)), ([1, 8, 8], part(0)));
        assert!(single.unwrap_err().to_string().contains("at least 2 classes"));
    }

    #[test]
    fn classes_without_names_are_numbered() {
        let part = |label| ([1, 8, 8], Images { pixels: vec![0; 64], labels: vec![label] });
        let names = ["cat".to_owned(), "dog".to_owned(), "owl".to_owned()];
        assert_eq!(Dataset::new("c", &names, part(0), part(1)).unwrap().classes, names);
        assert_eq!(Dataset::new("c", &names, part(3), part(1)).unwrap().classes, ["0", "1", "2", "3"]);
    }

    #[test]
    fn an_image_is_its_own_bytes() {
        let images = Images { pixels: (0..128).collect(), labels: vec![3, 4] };
        assert_eq!((images.len(), images.is_empty()), (2, false));
        assert_eq!(images.image(1), (64..128).collect::<Vec<u8>>());
    }
}
