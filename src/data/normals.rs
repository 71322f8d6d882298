//! Which way a surface faces, from how far its pixels are.

use super::scenes::Scenes;

/// Standard deviation of the bell that smooths the depth, in pixels: a depth of 256 levels is a staircase, and the
/// slope of a staircase is nought nearly everywhere.
const SMOOTHING: f32 = 2.0;
/// Pixels that the bell reaches to each side.
const REACH: usize = 4;

/// Normals `[N, 3, H, W]` of the smoothed depth of `scenes`, in the camera's frame and towards the camera; zeros where
/// the depth of the pixel or of one beside it is not known. `focal` is the focal length in pixels across and down.
///
/// Where the depth jumps, the smoothed surface bridges the jump, and so does its normal.
pub fn from_depth(scenes: &Scenes, focal: [f32; 2]) -> Vec<f32> {
    let [height, width] = scenes.size;
    let mut normals = Vec::with_capacity(3 * scenes.depth.len());
    for depth in scenes.depth.chunks_exact(height * width) {
        normals.extend(of_one(&smoothed(depth, width), scenes.size, focal));
    }
    normals
}

/// `[3, H, W]` of one depth `[H, W]`.
fn of_one(depth: &[f32], [height, width]: [usize; 2], focal: [f32; 2]) -> Vec<f32> {
    let point = |row: usize, column: usize| {
        let z = depth[row * width + column];
        let offset =
            |pixel: usize, side: usize, focal: f32| (pixel as f32 + 0.5 - side as f32 / 2.0) / focal * z;
        [offset(column, width, focal[0]), offset(row, height, focal[1]), z]
    };
    // At an edge of the image the pixel itself stands for the one that is not there.
    let difference = |from: (usize, usize), to: (usize, usize)| {
        let (from, to) = (point(from.0, from.1), point(to.0, to.1));
        let is_known = from[2] > 0.0 && to[2] > 0.0;
        is_known.then(|| [to[0] - from[0], to[1] - from[1], to[2] - from[2]])
    };
    let mut normals = vec![0.0; 3 * height * width];
    for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
        let before = |at: usize| at.saturating_sub(1);
        let after = |at: usize, side: usize| (at + 1).min(side - 1);
        let right = difference((row, before(column)), (row, after(column, width)));
        let down = difference((before(row), column), (after(row, height), column));
        let (Some(a), Some(b), true) = (down, right, depth[row * width + column] > 0.0) else { continue };
        let normal = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
        let length = normal.iter().map(|part| part * part).sum::<f32>().sqrt();
        if length > 0.0 {
            for (axis, part) in normal.into_iter().enumerate() {
                normals[(axis * height + row) * width + column] = part / length;
            }
        }
    }
    normals
}

/// The mean of what is known about each known pixel, weighted by a bell; 0 stays 0.
fn smoothed(depth: &[f32], width: usize) -> Vec<f32> {
    let height = depth.len() / width;
    let weights: Vec<f32> =
        (0..=REACH).map(|away| (-((away * away) as f32) / (2.0 * SMOOTHING * SMOOTHING)).exp()).collect();
    let known: Vec<f32> = depth.iter().map(|&z| if z > 0.0 { 1.0 } else { 0.0 }).collect();
    let blur = |values: &[f32], is_across: bool| -> Vec<f32> {
        let (side, stride) = if is_across { (width, 1) } else { (height, width) };
        (0..values.len())
            .map(|place| {
                let at = place / stride % side;
                let reached = at.saturating_sub(REACH)..=(at + REACH).min(side - 1);
                reached
                    .map(|other| weights[at.abs_diff(other)] * values[place + other * stride - at * stride])
                    .sum()
            })
            .collect()
    };
    let sums = blur(&blur(depth, true), false);
    let shares = blur(&blur(&known, true), false);
    (0..depth.len()).map(|place| if known[place] > 0.0 { sums[place] / shares[place] } else { 0.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 20;
    const FOCAL: [f32; 2] = [25.0, 30.0];

    /// The depth of the plane `⟨normal, p⟩ = -distance` along each pixel's ray.
    fn plane(normal: [f32; 3], distance: f32) -> Scenes {
        let offset = |pixel: usize, focal: f32| (pixel as f32 + 0.5 - SIDE as f32 / 2.0) / focal;
        let depth = (0..SIDE * SIDE)
            .map(|place| {
                let ray = [offset(place % SIDE, FOCAL[0]), offset(place / SIDE, FOCAL[1]), 1.0];
                -distance / (0..3).map(|axis| ray[axis] * normal[axis]).sum::<f32>()
            })
            .collect();
        Scenes { depth, ..Scenes::empty([SIDE, SIDE]) }
    }

    fn at(normals: &[f32], row: usize, column: usize) -> [f32; 3] {
        std::array::from_fn(|axis| normals[(axis * SIDE + row) * SIDE + column])
    }

    #[test]
    fn a_plane_has_its_own_normal_everywhere() {
        for normal in [[0.0, 0.0, -1.0], [0.36, 0.48, -0.8], [-0.48, 0.36, -0.8]] {
            let normals = from_depth(&plane(normal, 2.0), FOCAL);
            // Within the bell's reach of an edge, the mean leans inwards; elsewhere it bends the plane a little.
            for (row, column) in
                (REACH + 1..SIDE - REACH - 1).flat_map(|row| [(row, 7), (row, 10), (row, 12)])
            {
                let found = at(&normals, row, column);
                let cosine: f32 = (0..3).map(|axis| found[axis] * normal[axis]).sum();
                assert!(cosine > 0.998, "{normal:?} at {row}, {column}: {found:?}");
            }
        }
    }

    #[test]
    fn what_is_not_known_stays_unknown_and_does_not_pull_its_neighbours() {
        let mut scenes = plane([0.0, 0.0, -1.0], 3.0);
        scenes.depth[9 * SIDE + 9] = 0.0;
        let normals = from_depth(&scenes, FOCAL);
        for (row, column) in [(9, 9), (9, 8), (9, 10), (8, 9), (10, 9)] {
            assert_eq!(at(&normals, row, column), [0.0; 3]);
        }
        for (row, column) in [(8, 8), (9, 7), (0, 0), (19, 19)] {
            let found = at(&normals, row, column);
            assert!(found[2] < -0.999_99, "{row}, {column}: {found:?}");
        }
    }
}
