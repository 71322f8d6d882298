//! Curves of many points, thinned to what a screen shows of them: the picture is the same, and its triangles are few.

use egui_plot::PlotUi;

/// Points on a pixel's width from which on a curve is thinned.
const A_PIXEL: f64 = 4.0;

/// Where points lie on the screen.
#[derive(Clone, Copy, Debug)]
struct Pixels {
    /// Ends of what a chart shows of its axis, and its width in pixels.
    view: [f64; 2],
    width: f64,
    /// Ends of the curve.
    whole: [f64; 2],
}

impl Pixels {
    /// The column of pixels in which a point lies. What is out of view is never drawn, and only says how far the curve goes:
    /// of it as much is kept as if the whole of it were in view.
    fn column(&self, x: f64) -> (bool, i64) {
        let is_seen = (self.view[0]..=self.view[1]).contains(&x);
        let [low, high] = if is_seen { self.view } else { self.whole };
        (is_seen, ((x - low) / (high - low) * self.width).floor() as i64)
    }
}

/// What is seen of a curve in this chart: of the points in one column of pixels the first, the lowest, the highest and the last.
/// Zooming in shows the others.
pub fn seen(plot: &PlotUi<'_>, points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let bounds = plot.plot_bounds();
    let view = [bounds.min()[0], bounds.max()[0]];
    let width = f64::from(plot.response().rect.width());
    thinned(points, view, width)
}

fn thinned(points: Vec<[f64; 2]>, view: [f64; 2], width: f64) -> Vec<[f64; 2]> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return points };
    let pixels = Pixels { view, width, whole: [first[0], last[0]] };
    let is_drawn = width >= 1.0 && view[1] > view[0] && last[0] > first[0];
    if !is_drawn || points.len() as f64 <= A_PIXEL * width {
        return points;
    }
    let mut kept = Vec::with_capacity((2.0 * A_PIXEL * width) as usize);
    for column in points.chunk_by(|one, other| pixels.column(one[0]) == pixels.column(other[0])) {
        let last = column.len() - 1;
        let by_height = |at: &usize, other: &usize| column[*at][1].total_cmp(&column[*other][1]);
        let lowest = (0..=last).min_by(by_height).unwrap_or(0);
        let highest = (0..=last).max_by(by_height).unwrap_or(0);
        let mut some = [0, lowest.min(highest), lowest.max(highest), last].to_vec();
        some.dedup();
        kept.extend(some.into_iter().map(|at| column[at]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve that goes up and down, with a point that stands out.
    fn curve() -> Vec<[f64; 2]> {
        let mut points: Vec<[f64; 2]> = (0..10_000).map(|at| [f64::from(at), f64::from(at % 7)]).collect();
        points[6_543][1] = 50.0;
        points
    }

    #[test]
    fn a_curve_has_few_points_on_a_pixel_and_all_that_stand_out() {
        let few = thinned(curve(), [0.0, 9_999.0], 400.0);
        assert!(few.len() <= 4 * 401 && few.len() > 400, "{}", few.len());
        assert!(few.contains(&[6_543.0, 50.0]) && few.is_sorted_by(|one, other| one[0] < other[0]));
        assert_eq!((few[0], few.last()), ([0.0, 0.0], curve().last()));
    }

    #[test]
    fn zooming_in_shows_the_others_and_the_ends_stay() {
        let near = thinned(curve(), [5_000.0, 5_100.0], 400.0);
        let in_view = near.iter().filter(|point| (5_000.0..=5_100.0).contains(&point[0])).count();
        assert_eq!(in_view, 101, "all of them");
        assert!(near.len() < 1_800, "{}", near.len());
        assert_eq!((near[0], near.last()), ([0.0, 0.0], curve().last()));
        assert!(near.contains(&[6_543.0, 50.0]), "the axis reaches as high as it did");
    }

    #[test]
    fn a_short_curve_and_a_chart_that_is_not_drawn_yet_are_left_alone() {
        let short = curve()[..300].to_vec();
        assert_eq!(thinned(short.clone(), [0.0, 300.0], 400.0), short);
        for (view, width) in [([0.0, 0.0], 400.0), ([0.0, 9_999.0], 0.0), ([f64::NAN; 2], 400.0)] {
            assert_eq!(thinned(curve(), view, width), curve());
        }
        assert!(thinned(Vec::new(), [0.0, 1.0], 400.0).is_empty());
    }
}
