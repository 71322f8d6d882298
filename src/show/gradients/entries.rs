//! The chart of gradient tensors by class: their histograms over each other, cut to where there is something to see.

use crate::protocol::Histograms;
use crate::show::chart::{Axis, Chart, Mark, Shape};
use crate::show::columns::class_name;
use crate::show::number::{decimal, figure};
use crate::show::palette::Role;

/// Share of all entries that may be merged into the middle column, besides those of the middle bin itself.
const MERGED: f64 = 0.005;
/// Columns that are left on each side at least.
const LEAST_COLUMNS: usize = 8;
/// Labelled powers of ten on each side at most.
const TICKS: usize = 5;

/// The histograms over each other.
pub fn gradients(histograms: &Histograms, classes: &[String], title: &str) -> Chart {
    let view = View::of(histograms);
    let mut marks = Vec::new();
    let mut largest = 0.0_f64;
    for (k, class) in histograms.classes.iter().enumerate() {
        let columns = view.columns(&class.counts);
        let total = columns.iter().sum::<f64>().max(1.0);
        let shares: Vec<f64> = columns.iter().map(|count| count / total).collect();
        largest = shares.iter().copied().fold(largest, f64::max);
        // The outline of the bars: up and down at each edge.
        let mut outline = vec![[0.0, 0.0]];
        outline.extend(
            shares.iter().zip(0_u32..).flat_map(|(share, x)| [[x.into(), *share], [(x + 1).into(), *share]]),
        );
        outline.push([shares.len() as f64, 0.0]);
        let line = Mark::new(Shape::Line(3), outline, Role::Class(k));
        marks.push(line.faint(0.85).named(class_name(classes, k)));
    }
    Chart {
        title: title.into(),
        note: format!(
            "step {}; Jensen-Shannon distance {}, of shuffled labels {}",
            histograms.step,
            figure(histograms.distance),
            figure(histograms.floor)
        ),
        x: Axis {
            label: "entry of the gradient tensor, logarithmic with sign".into(),
            range: [0.0, view.width().max(1) as f64],
            ticks: view.ticks(),
        },
        y: Axis::linear("share of the origin's entries", [0.0, 1.05 * largest], |x| {
            format!("{} %", decimal(100.0 * x))
        }),
        marks,
    }
}

/// The bins that are shown: on each side of the middle one, those from `inner` to before `outer`, counted outwards.
///
/// What is nearer to 0 than `inner` is merged into the middle column; farther than `outer` there is nothing.
struct View {
    /// Edges of the bins on the positive side, ascending; one more than bins.
    magnitudes: Vec<f32>,
    inner: usize,
    outer: usize,
}

impl View {
    fn of(histograms: &Histograms) -> Self {
        let side = (histograms.edges.len() / 2).saturating_sub(1);
        let both = |m: usize| {
            let counts = histograms.classes.iter().map(|class| &class.counts);
            counts
                .map(|counts| f64::from(counts[side - 1 - m]) + f64::from(counts[side + 1 + m]))
                .sum::<f64>()
        };
        let entries: Vec<f64> = (0..side).map(both).collect();
        let outer = entries.iter().rposition(|count| *count > 0.0).map_or(side, |last| last + 1);
        let allowed = MERGED * entries.iter().sum::<f64>();
        let mut merged = 0.0;
        let fits = |count: &&f64| {
            merged += **count;
            merged <= allowed
        };
        let inner = entries.iter().take_while(fits).count().min(outer.saturating_sub(LEAST_COLUMNS));
        Self { magnitudes: histograms.edges[histograms.edges.len() / 2..].to_vec(), inner, outer }
    }

    /// Columns on each side of the middle one.
    fn side(&self) -> usize {
        self.outer - self.inner
    }

    /// All columns.
    fn width(&self) -> usize {
        2 * self.side() + 1
    }

    /// Entries in each column, from the most negative to the most positive.
    fn columns(&self, counts: &[u32]) -> Vec<f64> {
        let middle = counts.len() / 2;
        let sum =
            |bins: std::ops::RangeInclusive<usize>| counts[bins].iter().map(|count| f64::from(*count)).sum();
        let left = (self.inner..self.outer).rev().map(|m| middle - 1 - m);
        let right = (self.inner..self.outer).map(|m| middle + 1 + m);
        left.map(|bin| sum(bin..=bin))
            .chain([sum(middle - self.inner..=middle + self.inner)])
            .chain(right.map(|bin| sum(bin..=bin)))
            .collect()
    }

    /// Powers of ten at their place among the columns, the same on both sides, and 0 in the middle.
    fn ticks(&self) -> Vec<(f64, String)> {
        let centre = self.side() as f64 + 0.5;
        let mut ticks = vec![(centre, "0".to_string())];
        if self.side() == 0 {
            return ticks;
        }
        let lowest = f64::from(self.magnitudes[self.inner]).log10().ceil() as i32;
        let highest = f64::from(self.magnitudes[self.outer]).log10().floor() as i32;
        let stride = ((highest - lowest + 1).max(1) as usize).div_ceil(TICKS);
        for exponent in (lowest..=highest).rev().step_by(stride) {
            let offset = self.place(10_f64.powi(exponent)) + 0.5;
            // A label right beside the one of the middle would lie on it.
            if offset > 0.08 * self.width() as f64 {
                ticks.push((centre - offset, format!("-1e{exponent}")));
                ticks.push((centre + offset, format!("1e{exponent}")));
            }
        }
        ticks
    }

    /// Where `magnitude` lies, in columns from the start of those on its side.
    fn place(&self, magnitude: f64) -> f64 {
        let after = self.magnitudes.partition_point(|edge| f64::from(*edge) <= magnitude);
        let bin = after.saturating_sub(1).min(self.magnitudes.len() - 2);
        let (low, high) = (f64::from(self.magnitudes[bin]), f64::from(self.magnitudes[bin + 1]));
        bin as f64 + (magnitude / low).ln() / (high / low).ln() - self.inner as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn the_view_loses_no_entry_and_cuts_what_is_empty() {
        let histograms = made_up::histograms(1, 1);
        let view = View::of(&histograms);
        assert!(view.width() < histograms.edges.len() - 1, "nothing was cut");
        for class in &histograms.classes {
            let shown: f64 = view.columns(&class.counts).iter().sum();
            assert_eq!(shown, f64::from(class.counts.iter().sum::<u32>()));
        }
    }

    #[test]
    fn ticks_lie_where_their_value_is_and_mirror_each_other() {
        let view = View::of(&made_up::histograms(1, 1));
        let ticks = view.ticks();
        let width = view.width() as f64;
        assert!((5..=11).contains(&ticks.len()), "{ticks:?}");
        assert!(ticks.iter().all(|(x, _)| ticks.iter().any(|(other, _)| (width - x - other).abs() < 1e-9)));
        // The bins are quarters of an octave, so that powers of ten are 4 log₂ 10 columns apart.
        let powers: Vec<(f64, f64)> =
            ticks.iter().filter_map(|(x, name)| Some((*x, name.strip_prefix("1e")?.parse().ok()?))).collect();
        assert!(powers.len() >= 2, "{ticks:?}");
        for pair in powers.windows(2) {
            let columns = 4.0 * 10_f64.log2() * (pair[1].1 - pair[0].1);
            assert!((pair[1].0 - pair[0].0 - columns).abs() < 1e-3, "{ticks:?}");
        }
    }

    #[test]
    fn empty_histograms_have_a_view_too() {
        let mut empty = made_up::histograms(1, 1);
        empty.classes.iter_mut().for_each(|class| class.counts.fill(0));
        assert!(gradients(&empty, &[], "").marks[0].points.iter().all(|[_, y]| *y == 0.0));
        empty.classes.clear();
        assert!(gradients(&empty, &[], "").marks.is_empty());
        empty.edges.clear();
        assert_eq!(gradients(&empty, &[], "").x.range, [0.0, 1.0]);
    }
}
