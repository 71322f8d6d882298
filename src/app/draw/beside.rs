//! Curves of other runs beside those of the one that is shown: each run its colour and its dashes, the shown one on top.

use egui::Color32;
use egui_plot::{Line, LineStyle, PlotPoints, PlotUi};

use crate::app::draw::reading::Reading;
use crate::app::draw::theme::Palette;
use crate::app::draw::thin;
use crate::app::pane::Scope;
use crate::app::run::history::History;
use crate::app::run::pair::Pair;
use crate::app::run::shelf::Kept;
use crate::show::smooth;

/// Points from which on a curve is smoothed.
const MANY: usize = 32;

/// The colour of the run that was ticked as this one: those first that no network of the shown run has.
pub fn colour(palette: &Palette, index: usize) -> Color32 {
    const CLASSES: [usize; 8] = [2, 6, 3, 5, 9, 7, 8, 4];
    palette.class(CLASSES[index % CLASSES.len()])
}

/// Its dashes.
pub fn style(index: usize) -> LineStyle {
    match index % 4 {
        0 => LineStyle::dashed_loose(),
        1 => LineStyle::dotted_loose(),
        2 => LineStyle::dashed_dense(),
        _ => LineStyle::dotted_dense(),
    }
}

/// A curve a run, to be drawn before those of the run that is shown; `smoothing` is the weight of the past.
pub fn curves_ui<'a>(
    plot: &mut PlotUi<'a>,
    palette: &Palette,
    beside: &[Kept],
    smoothing: f64,
    points: impl Fn(&History) -> Vec<[f64; 2]>,
) {
    for (index, kept) in beside.iter().enumerate() {
        let raw = points(&kept.history);
        let weight = if raw.len() > MANY { smoothing } else { 0.0 };
        let drawn = thin::seen(plot, smooth(&raw, weight));
        if !drawn.is_empty() {
            let line = Line::new(short_title(&kept.title), PlotPoints::new(drawn));
            plot.line(line.color(colour(palette, index)).width(1.4).style(style(index)));
        }
    }
}

/// Curves of the other of two runs, each in the colour of what it shows, dashed, and with one entry in the legend for all; to
/// be drawn before those of the run that is shown.
pub fn other_ui<'a>(
    plot: &mut PlotUi<'a>,
    palette: &Palette,
    pair: Option<&Pair>,
    smoothing: f64,
    curves: impl Fn(&History) -> Vec<(Color32, Vec<[f64; 2]>)>,
) {
    let Some(pair) = pair else { return };
    for (color, raw) in curves(&pair.other) {
        let weight = if raw.len() > MANY { smoothing } else { 0.0 };
        let drawn = thin::seen(plot, smooth(&raw, weight));
        if !drawn.is_empty() {
            let line = Line::new(pair.names()[1], PlotPoints::new(drawn));
            plot.line(line.color(palette.shade(color, 0.8)).width(1.5).style(LineStyle::dashed_loose()));
        }
    }
}

/// The curves of the runs beside and of the other of two, to be read at one place.
pub fn readings(scope: &Scope<'_>, points: impl Fn(&History) -> Vec<[f64; 2]>) -> Vec<Reading> {
    let palette = &scope.palette;
    let other = scope.pair.as_ref().map(|pair| Reading {
        name: pair.names()[1].to_owned(),
        color: palette.weak,
        points: points(&pair.other),
    });
    let ticked = scope.shelf.beside.iter().enumerate().map(|(index, kept)| Reading {
        name: short_title(&kept.title),
        color: colour(palette, index),
        points: points(&kept.history),
    });
    other.into_iter().chain(ticked).collect()
}

/// A run's name as a legend has room for it: how it begins, which says what it is, and how it ends, which says which.
pub fn short_title(title: &str) -> String {
    let chars: Vec<char> = title.chars().collect();
    match chars.len() {
        0..=16 => title.into(),
        count => chars[..6].iter().chain(&['…']).chain(&chars[count - 9..]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_ends() {
        assert_eq!(short_title("wider"), "wider");
        assert_eq!(short_title("great+greace-fashion-mnist-seed1-12"), "great+…-seed1-12");
    }
}
