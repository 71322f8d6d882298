//! How far off the tasks are on held-out images, in the figures that the field publishes of each.

use burn::tensor::Tensor;

use super::task::{Target, Task};
use crate::gpu::hits;
use crate::protocol::{Figure, Unit};

/// The value of a wanted heat map at its largest pixel is at least this power of `e`, over the bell's variance, where the
/// point is in the image: no more than half a pixel's diagonal away.
const NEAREST: f32 = -0.25;
/// Angles that a normal may be off to be called right, in degrees (Eigen & Fergus 2015).
const WITHIN: [(f32, &str); 3] = [(11.25, "within 11.25°"), (22.5, "within 22.5°"), (30.0, "within 30°")];
/// The cosine of a pixel whose normal is not known.
const UNKNOWN: f64 = -1.0;

/// What the figures of a task are made of, on the device.
pub(super) struct TaskSums {
    /// Sums over the images; of what, the task says.
    pub sums: Tensor<1>,
    /// Of normals, pixel by pixel: |cos| of the angle between prediction and ground truth.
    pub cosines: Option<Tensor<1>>,
}

impl TaskSums {
    /// Of a decoder whose mean loss on these images is `loss`. `depth` are mean and standard deviation, in metres, by which
    /// depths are scaled; `bell` is the standard deviation of a heat map's bell, in pixels.
    pub fn of(
        task: Task,
        (loss, said, target): (&Tensor<1>, &Tensor<4>, &Target),
        depth: [f32; 2],
        bell: f32,
    ) -> Self {
        let [n, channels, height, width] = said.dims();
        let loss = loss.clone() * n as f64;
        let total = |x: Tensor<4>| x.reshape([n, height * width]).sum_dim(1).sum();
        let known =
            || target.known.clone().unwrap_or_else(|| Tensor::ones([n, 1, height, width], &loss.device()));
        let mut cosines = None;
        let sums = match task {
            Task::Class => {
                let labels = target.wanted.clone().reshape([n, channels]);
                let right = hits(said.clone().reshape([n, channels]), labels.clone()).each.reshape([n, 1]);
                let by_class = |rows: Tensor<2>| rows.sum_dim(0).reshape([channels]);
                vec![by_class(labels.clone() * right), by_class(labels)]
            }
            Task::Depth => {
                let [mean, deviation] = depth;
                let known = known();
                let off = (said.clone() - target.wanted.clone()).abs() * known.clone() * deviation;
                // Where a depth is known it is above 0; where it is not, nothing is off.
                let metres = (target.wanted.clone() * deviation + mean).clamp_min(1e-6);
                vec![loss, total(off.clone()), total(off / metres), total(known)]
            }
            Task::Normals => {
                let dot = |a: &Tensor<4>, b: &Tensor<4>| (a.clone() * b.clone()).sum_dim(1);
                let length = dot(said, said).sqrt().clamp_min(1e-12);
                let known = known();
                let cosine = (dot(said, &target.wanted) / length).abs();
                let unknown = (-known.clone() + 1.0) * UNKNOWN;
                cosines = Some((cosine * known + unknown).reshape([n * height * width]));
                vec![loss]
            }
            Task::KeyPoints => {
                let rows = |x: &Tensor<4>| x.clone().reshape([n * channels, height * width]);
                let (said, wanted) = (rows(said), rows(&target.wanted));
                let inside = wanted
                    .clone()
                    .max_dim(1)
                    .greater_equal_elem((NEAREST / bell.powi(2)).exp() * 0.999)
                    .float();
                let place = |maps: Tensor<2>| {
                    let at = maps.argmax(1).float();
                    // Half a pixel more, so that rounding cannot fall into the row above.
                    let row = ((at.clone() + 0.5) / width as f64).floor();
                    [at - row.clone() * width as f64, row]
                };
                let ([x, y], [true_x, true_y]) = (place(said), place(wanted));
                let distance = ((x - true_x).powi_scalar(2) + (y - true_y).powi_scalar(2)).sqrt();
                vec![loss, (distance * inside.clone()).sum(), inside.sum()]
            }
            Task::Color | Task::Edge | Task::Denoise | Task::Place | Task::Distance => vec![loss],
        };
        Self { sums: Tensor::cat(sums, 0), cosines }
    }
}

/// The figures of a task from the sums of [`TaskSums`] over `images` images and the cosines of all their pixels. The first is
/// the task's test error.
pub(super) fn figures(
    task: Task,
    sums: &[f32],
    cosines: &[f32],
    images: usize,
    deviation: f32,
) -> Vec<Figure> {
    let sum = |index: usize| f64::from(sums[index]);
    let loss = || sum(0) / images as f64;
    match task {
        Task::Class => {
            let (right, all) = sums.split_at(sums.len() / 2);
            let share = |right: f64, all: f64| 1.0 - right / all;
            let total = |sums: &[f32]| sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
            let there: Vec<f64> = right
                .iter()
                .zip(all)
                .filter(|(_, all)| **all > 0.0)
                .map(|(right, all)| share(f64::from(*right), f64::from(*all)))
                .collect();
            vec![
                Figure::error("error", share(total(right), total(all)), Unit::Share),
                Figure::error("balanced error", there.iter().sum::<f64>() / there.len() as f64, Unit::Share),
            ]
        }
        Task::Depth => vec![
            Figure::error("RMSE", loss() * f64::from(deviation), Unit::Metres),
            Figure::error("abs", sum(1) / sum(3), Unit::Metres),
            Figure::error("rel", sum(2) / sum(3), Unit::One),
        ],
        Task::Normals => {
            // A data set has millions of pixels: single precision, and few passes.
            let mut angles: Vec<f32> = cosines
                .iter()
                .filter(|cosine| **cosine != UNKNOWN as f32)
                .map(|cosine| if *cosine > 1.0 { 0.0 } else { cosine.acos().to_degrees() })
                .collect();
            let count = angles.len() as f64;
            let mean = angles.iter().map(|angle| f64::from(*angle)).sum::<f64>() / count;
            let within = WITHIN.map(|(most, name)| Figure {
                name: name.into(),
                value: angles.iter().filter(|angle| **angle < most).count() as f64 / count,
                unit: Unit::Share,
                is_lower_better: false,
            });
            let middle = median(&mut angles);
            let mut figures = vec![
                Figure::error("mean", mean, Unit::Degrees),
                Figure::error("median", middle, Unit::Degrees),
            ];
            figures.extend(within);
            figures
        }
        Task::KeyPoints => vec![
            Figure::error("RMSE", loss(), Unit::One),
            Figure::error("distance", sum(1) / sum(2), Unit::Pixels),
        ],
        Task::Color | Task::Edge | Task::Denoise | Task::Place | Task::Distance => {
            vec![Figure::error("RMSE", loss(), Unit::One)]
        }
    }
}

/// The middle one, or the mean of both; NaN of none.
fn median(values: &mut [f32]) -> f64 {
    let half = values.len() / 2;
    if values.is_empty() {
        return f64::NAN;
    }
    let is_even = values.len().is_multiple_of(2);
    let (below, middle, _) = values.select_nth_unstable_by(half, f32::total_cmp);
    let lower = below.iter().copied().max_by(f32::total_cmp).filter(|_| is_even).unwrap_or(*middle);
    f64::midpoint(lower.into(), (*middle).into())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::data::{Images, scenes::Scenes};

    fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    fn values(tensor: Tensor<1>) -> Vec<f32> {
        tensor.into_data().try_into_vec().expect("32 bits")
    }

    /// Name and value of each figure of what was said where that was wanted.
    fn of(task: Task, said: Tensor<4>, target: Target, depth: [f32; 2], bell: f32) -> Vec<(String, f64)> {
        let images = said.dims()[0];
        let loss = task.loss(said.clone(), target.clone());
        let sums = TaskSums::of(task, (&loss, &said, &target), depth, bell);
        let cosines = sums.cosines.map_or(Vec::new(), values);
        let found = figures(task, &values(sums.sums), &cosines, images, depth[1]);
        found.into_iter().map(|figure| (figure.name.into(), figure.value)).collect()
    }

    fn close(found: &[(String, f64)], expected: &[(&str, f64)]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((name, value), (expected_name, expected)) in found.iter().zip(expected) {
            assert!(
                name == expected_name && (value - expected).abs() < 2e-5,
                "{found:?}, not {name}: {expected}"
            );
        }
    }

    #[test]
    fn classes_count_by_image_and_by_class() {
        // Four of class 0, three of them right; one of class 1, wrong; none of class 2.
        let said = tensor(
            [[1., 0., 0.], [1., 0., 0.], [1., 0., 0.], [0., 0., 1.], [1., 0., 0.]].concat(),
            [5, 3, 1, 1],
        );
        let wanted = [[1., 0., 0.], [1., 0., 0.], [1., 0., 0.], [1., 0., 0.], [0., 1., 0.]].concat();
        let target = Target { wanted: tensor(wanted, [5, 3, 1, 1]), known: None };
        close(&of(Task::Class, said, target, [0., 1.], 1.0), &[("error", 0.4), ("balanced error", 0.625)]);
    }

    #[test]
    fn depths_are_off_in_metres_and_in_shares_of_the_way() {
        // Mean 2 m, deviation 0.5 m: true 1, 2, 4 m and one unknown; said 1.5, 2, 3 m and nonsense.
        let scaled =
            |metres: [f32; 4]| tensor(metres.map(|metre| (metre - 2.0) / 0.5).to_vec(), [1, 1, 1, 4]);
        let known = tensor(vec![1., 1., 1., 0.], [1, 1, 1, 4]);
        let target = Target { wanted: scaled([1., 2., 4., 0.]), known: Some(known) };
        let found = of(Task::Depth, scaled([1.5, 2., 3., 9.]), target, [2., 0.5], 1.0);
        let rmse = (1.25_f64 / 3.0).sqrt();
        close(&found, &[("RMSE", rmse), ("abs", 0.5), ("rel", 0.25)]);
    }

    #[test]
    fn normals_are_off_by_angles_whichever_side_they_face() {
        // True: towards the camera. Said: 0°, 10° on the other side, 20° at another length, 60°; one is not known.
        let angles = [0.0_f32, 170.0, 20.0, 60.0, 45.0].map(f32::to_radians);
        let said: Vec<f32> =
            [angles.map(f32::sin).to_vec(), vec![0.0; 5], angles.map(|angle| -angle.cos()).to_vec()]
                .concat()
                .into_iter()
                .enumerate()
                .map(|(index, value)| if index % 5 == 2 { 7.0 * value } else { value })
                .collect();
        let wanted = [vec![0.0; 10], vec![-1.0; 4], vec![0.0]].concat();
        let known = tensor(vec![1., 1., 1., 1., 0.], [1, 1, 1, 5]);
        let target = Target { wanted: tensor(wanted, [1, 3, 1, 5]), known: Some(known) };
        let found = of(Task::Normals, tensor(said, [1, 3, 1, 5]), target, [0., 1.], 1.0);
        let expected = [
            ("mean", 22.5),
            ("median", 15.0),
            ("within 11.25°", 0.5),
            ("within 22.5°", 0.75),
            ("within 30°", 0.75),
        ];
        assert_eq!(found.len(), expected.len());
        for ((name, value), (expected_name, expected)) in found.iter().zip(expected) {
            // The arc cosine near 1 takes a rounding in 32 bits for some hundredths of a degree.
            assert!(*name == expected_name && (value - expected).abs() < 0.03, "{found:?}");
        }
    }

    #[test]
    fn key_points_are_off_by_pixels_where_they_are_in_the_image() {
        let scenes = Scenes {
            size: [6, 12],
            images: Images { pixels: vec![0; 3 * 72], labels: vec![0] },
            // The third lies outside.
            key_points: vec![[4.5, 2.5], [11.4, 5.9], [14.0, 2.0]],
            ..Scenes::default()
        };
        let wanted = tensor(scenes.heat_maps(0, 2.0), [1, 3, 6, 12]);
        let mut said = vec![0.0; 3 * 72];
        // 3 to the right of the first and 2 below it; where the second is; anywhere.
        for (map, place) in [(0, 4 * 12 + 7), (1, 5 * 12 + 11), (2, 0)] {
            said[map * 72 + place] = 1.0;
        }
        let target = Target { wanted, known: None };
        let found = of(Task::KeyPoints, tensor(said, [1, 3, 6, 12]), target, [0., 1.], 2.0);
        assert_eq!((&*found[0].0, &*found[1].0), ("RMSE", "distance"));
        assert!((found[1].1 - 13_f64.sqrt() / 2.0).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn of_nothing_known_there_is_no_figure() {
        let nothing = || tensor(vec![0.0; 4], [1, 1, 2, 2]);
        let target = Target { wanted: nothing(), known: Some(nothing()) };
        assert!(of(Task::Depth, nothing(), target, [0., 1.], 1.0)[1].1.is_nan());
        let three = || tensor(vec![0.0; 12], [1, 3, 2, 2]);
        let target = Target { wanted: three(), known: Some(nothing()) };
        let found = of(Task::Normals, three(), target, [0., 1.], 1.0);
        assert!(found.iter().all(|(_, value)| value.is_nan()), "{found:?}");
    }

    #[test]
    fn the_median_of_an_even_number_is_between_both() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&mut [4.0]), 4.0);
    }
}
