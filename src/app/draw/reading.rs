//! What all curves of a chart say at one place: of every run at once, where the pointer is.

use egui::{Color32, Grid, Response, RichText};
use egui_plot::{PlotUi, VLine};

use crate::app::draw::theme::{Palette, small};

/// A curve that is read.
pub struct Reading {
    /// What it is called.
    pub name: String,
    /// Its colour in the chart.
    pub color: Color32,
    /// Its points as they were reported, from left to right.
    pub points: Vec<[f64; 2]>,
}

impl Reading {
    /// Its value at the last point that is not behind `x`; none where it has not begun, or was over long before: by more than
    /// a hundredth of `width`.
    fn at(&self, x: f64, width: f64) -> Option<f64> {
        let next = self.points.partition_point(|[at, _]| *at <= x);
        let [at, value] = *self.points.get(next.checked_sub(1)?)?;
        let is_over = next == self.points.len() && x - at > 0.01 * width;
        (value.is_finite() && !is_over).then_some(value)
    }
}

/// Draws a line at the pointer; where that is, and how wide the view is.
pub fn line_ui(plot: &mut PlotUi<'_>, palette: &Palette) -> Option<[f64; 2]> {
    let x = plot.pointer_coordinate().filter(|_| plot.response().hovered())?.x;
    let bounds = plot.plot_bounds();
    plot.vline(VLine::new("", x).color(palette.weak.gamma_multiply(0.6)).width(1.0).allow_hover(false));
    Some([x, bounds.width()])
}

/// Says beside the pointer what the curves are there, below `place` and above what else is to be `said`.
pub fn tell(
    response: Response,
    [x, width]: [f64; 2],
    (place, said): (String, &[String]),
    readings: &[Reading],
    format: impl Fn(f64) -> String,
) {
    response.on_hover_ui_at_pointer(|ui| {
        ui.label(RichText::new(place).font(small()).strong());
        Grid::new("reading").num_columns(2).spacing([12.0, 1.0]).show(ui, |ui| {
            for reading in readings {
                let Some(value) = reading.at(x, width) else { continue };
                let mut name = egui::text::LayoutJob::default();
                let part = |color| egui::TextFormat::simple(small(), color);
                name.append("● ", 0.0, part(reading.color));
                name.append(&reading.name, 0.0, part(ui.visuals().text_color()));
                ui.label(name);
                ui.label(RichText::new(format(value)).font(small()));
                ui.end_row();
            }
        });
        for line in said {
            ui.label(RichText::new(line).font(small()));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_read_at_its_last_point_and_nowhere_else() {
        let points = vec![[10.0, 1.0], [20.0, 2.0], [30.0, f64::NAN], [40.0, 4.0]];
        let reading = Reading { name: String::new(), color: Color32::RED, points };
        let at = |x: f64| reading.at(x, 100.0);
        assert_eq!([9.0, 10.0, 19.9, 20.0].map(at), [None, Some(1.0), Some(1.0), Some(2.0)]);
        assert_eq!([35.0, 40.5, 60.0].map(at), [None, Some(4.0), None], "no number, its end, long over");
        assert_eq!(Reading { points: Vec::new(), ..reading }.at(1.0, 1.0), None);
    }
}
