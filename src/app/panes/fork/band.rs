//! One difference over the steps, with its interval as a band about it.

use egui::Ui;
use egui_plot::{FilledArea, HLine, Line, Points, VLine};

use super::rows::Row;
use crate::app::draw::chart;
use crate::app::draw::theme::Palette;
use crate::app::run::compared::Comparison;
use crate::protocol::Paired;
use crate::show::number::{count, points};

/// Draws how what this row is of came about since the fork at `step`.
pub(super) fn band_ui(ui: &mut Ui, palette: &Palette, row: &Row, comparisons: &[Comparison], step: u64) {
    let of = |comparison: &Comparison| Some((comparison.step as f64, comparison.of(row.met)?));
    let found: Vec<(f64, Paired)> = comparisons.iter().filter_map(of).collect();
    let x = chart::x_axis(palette, "step", chart::count_tick);
    let y = chart::y_axis(palette, "points", |difference| points(difference).replace(".0", ""));
    let color = row.color(palette);
    let (first, last) = (step as f64, found.last().map_or(step as f64, |(step, _)| *step));
    let ends = vec![first, last];
    let plot = chart::chart("fork difference", palette, x, y)
        .height(ui.available_height().max(40.0))
        .include_y(-0.02)
        .include_y(0.02)
        .include_x(step as f64)
        .x_grid_spacer(chart::marks(ends, (last - first).max(1.0)))
        .label_formatter(|position| {
            chart::point_label(
                position,
                |step| format!("step {}", count(step as u64)),
                |difference| format!("{} points", points(difference)),
            )
        });
    plot.show(ui, |plot| {
        plot.hline(HLine::new("", 0.0).color(palette.weak).width(1.0).allow_hover(false));
        plot.vline(VLine::new("", step as f64).color(palette.weak).width(1.0).allow_hover(false));
        let xs: Vec<f64> = found.iter().map(|(step, _)| *step).collect();
        let (low, high): (Vec<f64>, Vec<f64>) = found.iter().map(|(_, paired)| paired.interval()).unzip();
        if xs.len() > 1 {
            let area = FilledArea::new("", &xs, &low, &high);
            plot.add(area.fill_color(color.gamma_multiply(0.22)).allow_hover(false));
        }
        for ((step, low), high) in xs.iter().zip(&low).zip(&high) {
            let ends = vec![[*step, *low], [*step, *high]];
            plot.line(Line::new("", ends).color(color.gamma_multiply(0.5)).width(1.0).allow_hover(false));
        }
        let middle: Vec<[f64; 2]> = found.iter().map(|(step, paired)| [*step, paired.difference()]).collect();
        plot.line(Line::new("", middle.clone()).color(color).width(1.6).allow_hover(false));
        plot.points(Points::new("fork − parent", middle).color(color).radius(2.6));
    });
}
