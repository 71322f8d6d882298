//! Images of which more is known than a class: how far every pixel is, which way its surface faces, what it is of.

use super::dataset::Images;

/// Images with what is known of their pixels; the camera's frame is x to the right, y down, z away from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scenes {
    /// `[H, W]` of every image, in pixels.
    pub size: [usize; 2],
    /// `[N, 3, H, W]` bytes, with the class of each whole image.
    pub images: Images,
    /// `[N, H, W]`: metres along the optical axis; 0 where it is not known.
    pub depth: Vec<f32>,
    /// `[N, 3, H, W]`: unit vectors towards the camera's side; zeros where they are not known.
    pub normals: Vec<f32>,
    /// `[N, H, W]`: what each pixel is of; empty where the source does not say.
    pub segments: Vec<u8>,
    /// `[N, K]`: `[x, y]` in pixels from the upper left corner, also outside the image; empty where the source has none.
    pub key_points: Vec<[f32; 2]>,
}

impl Scenes {
    /// None yet, of this height and width.
    pub fn empty(size: [usize; 2]) -> Self {
        Self { size, ..Self::default() }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// A map for each key point of image `index`, `K × H × W` numbers in [0, 1]: a bell of standard deviation
    /// `deviation`, in pixels, that is 1 at the point itself.
    ///
    /// # Panics
    /// Where `index` is not below [`Self::len`].
    pub fn heat_maps(&self, index: usize, deviation: f32) -> Vec<f32> {
        assert!(index < self.len(), "image {index} of {}", self.len());
        let [height, width] = self.size;
        let points = self.key_points.len() / self.len();
        let mut maps = Vec::with_capacity(points * height * width);
        for [x, y] in &self.key_points[index * points..(index + 1) * points] {
            for place in 0..height * width {
                let (column, row) = ((place % width) as f32 + 0.5, (place / width) as f32 + 0.5);
                let square = (column - x).powi(2) + (row - y).powi(2);
                maps.push((-square / (2.0 * deviation * deviation)).exp());
            }
        }
        maps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heat_map_is_a_bell_about_its_point() {
        let scenes = Scenes {
            size: [4, 6],
            images: Images { pixels: vec![0; 2 * 72], labels: vec![0, 1] },
            key_points: vec![[0.0, 0.0], [1.0, 1.0], [4.5, 2.5], [100.0, 2.0]],
            ..Scenes::default()
        };
        let maps = scenes.heat_maps(1, 2.0);
        assert_eq!(maps.len(), 2 * 24);
        // The middle of column 4 in row 2; two pixels away is one standard deviation.
        assert_eq!(maps[2 * 6 + 4], 1.0);
        assert!((maps[2 * 6 + 2] - (-0.5_f32).exp()).abs() < 1e-6 && maps[4] == maps[2 * 6 + 2]);
        assert!(maps[24..].iter().all(|&value| value < 1e-6), "a point outside shows");
    }
}
