//! A chart with its legend, drawn into a PNG without a screen.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::paint::{Canvas, Drawn, INK, SUPERSAMPLING, ink, label, scaled};
use super::{fonts, legend};
use crate::show::{Axis, Chart, Mark, Shape, png as encoder};

/// Width and height of the picture, in pixels.
const SIZE: (u32, u32) = (1600, 960);
/// Height of what stands above the chart.
const HEAD: u32 = 104;
/// Less important text.
const FAINT_INK: RGBColor = RGBColor(110, 114, 124);
/// Lines behind the data.
const GRID: RGBColor = RGBColor(228, 230, 235);

/// Why a chart could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The drawing library refused.
    #[error("cannot draw the chart '{title}': {problem}")]
    Drawing {
        /** Which chart. */
        title: String,
        /** What it said. */
        problem: String,
    },
}

/// An axis as plotters asks for it.
struct Scale<'a>(&'a Axis);

impl Ranged for Scale<'_> {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let [low, high] = self.0.range;
        start + ((value - low) / (high - low) * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Asked for light lines between the ticks, it has none.
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.0.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.0.range[0]..self.0.range[1]
    }
}

impl ValueFormatter<f64> for Scale<'_> {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.0.ticks.iter().find(|(tick, _)| tick == value);
        // What has more lines gets them from `second_lines`.
        let first = tick.and_then(|(_, text)| text.lines().next());
        first.unwrap_or_default().to_owned()
    }
}

type Plot<'a, 'b, 'c> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<Scale<'c>, Scale<'c>>>;
/// The chart as a PNG.
///
/// # Errors
/// [`ChartError`], naming the chart.
pub fn png(chart: &Chart) -> Result<Vec<u8>, ChartError> {
    fonts::register();
    let (width, height) = (SIZE.0 * SUPERSAMPLING, SIZE.1 * SUPERSAMPLING);
    let mut pixels = vec![255; width as usize * height as usize * 3];
    draw(chart, &mut pixels, (width, height))
        .map_err(|error| ChartError::Drawing { title: chart.title.clone(), problem: error.to_string() })?;
    Ok(encoder::encode([SIZE.0, SIZE.1].map(|side| side as usize), &shrink(&pixels, width as usize)))
}

fn draw(chart: &Chart, pixels: &mut [u8], size: (u32, u32)) -> Drawn {
    let root = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, rest) = root.split_vertically(scaled(HEAD));
    let note = chart.note.clone() + &legend::note(chart);
    let font = |text: &str| fonts::of(text).unwrap_or(fonts::OWN);
    head.draw(&label(&chart.title, font(&chart.title), (scaled(40), scaled(30)), 34, INK))?;
    head.draw(&label(&note, font(&note), (scaled(40), scaled(74)), 22, FAINT_INK))?;
    let layout = legend::Layout::of(chart, SIZE.1 - HEAD);
    let (plot, beside) = rest.split_horizontally(size.0 as i32 - scaled(layout.width()));
    draw_plot(chart, &plot)?;
    legend::draw(chart, &beside, layout)?;
    root.present()
}

fn draw_plot(chart: &Chart, area: &Canvas<'_>) -> Drawn {
    let mut plot = ChartBuilder::on(area)
        .margin(scaled(24))
        .x_label_area_size(scaled(80))
        .y_label_area_size(scaled(110))
        .build_cartesian_2d(Scale(&chart.x), Scale(&chart.y))?;
    plot.configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(SUPERSAMPLING))
        .axis_style(FAINT_INK.stroke_width(SUPERSAMPLING))
        .set_all_tick_mark_size(scaled(9))
        .x_labels(chart.x.ticks.len().max(1))
        .y_labels(chart.y.ticks.len().max(1))
        .label_style((fonts::OWN, scaled(22)).into_font().color(&INK))
        .axis_desc_style((fonts::OWN, scaled(24)).into_font().color(&INK))
        .x_desc(&chart.x.label)
        .y_desc(&chart.y.label)
        .draw()?;
    second_lines(chart, area, &plot)?;
    chart.marks.iter().try_for_each(|mark| draw_mark(&mut plot, mark))
}

/// The second lines of the labels under a chart, each below the place of its tick.
fn second_lines(chart: &Chart, area: &Canvas<'_>, plot: &Plot<'_, '_, '_>) -> Drawn {
    let (left, top) = area.get_base_pixel();
    let centred = Pos::new(HPos::Center, VPos::Top);
    for (x, text) in &chart.x.ticks {
        let Some(second) = text.lines().nth(1) else { continue };
        let (at, bottom) = plot.backend_coord(&(*x, chart.y.range[0]));
        let style = (fonts::OWN, scaled(18)).into_font().color(&FAINT_INK).pos(centred);
        area.draw(&Text::new(second.to_owned(), (at - left, bottom - top + scaled(40)), style))?;
    }
    Ok(())
}

fn draw_mark(plot: &mut Plot<'_, '_, '_>, mark: &Mark) -> Drawn {
    let points: Vec<_> = mark.finite_points().map(|[x, y]| (x, y)).collect();
    if points.is_empty() {
        return Ok(());
    }
    let style = ink(mark.role).mix(mark.opacity);
    match mark.shape {
        Shape::Line(width) => {
            let line = style.stroke_width(width * SUPERSAMPLING);
            plot.draw_series([PathElement::new(points, line)])?;
        }
        Shape::Dashes => {
            let line = style.stroke_width(3 * SUPERSAMPLING);
            plot.draw_series(DashedLineSeries::new(points, scaled(12), scaled(9), line))?;
        }
        Shape::Dots => {
            plot.draw_series(points.iter().map(|point| Circle::new(*point, scaled(6), style.filled())))?;
        }
        Shape::Area => {
            plot.draw_series([Polygon::new(points, style.filled())])?;
        }
    }
    Ok(())
}

/// Averages each square of [`SUPERSAMPLING`]² pixels of an RGB picture of this width.
pub fn shrink(pixels: &[u8], width: usize) -> Vec<u8> {
    let side = SUPERSAMPLING as usize;
    let (rows, columns) = (pixels.len() / 3 / width.max(1) / side, width / side);
    let mut small = Vec::with_capacity(rows * columns * 3);
    for row in 0..rows {
        for column in 0..columns {
            for channel in 0..3 {
                let at = |i: usize| {
                    let (y, x) = (row * side + i / side, column * side + i % side);
                    u32::from(pixels[(y * width + x) * 3 + channel])
                };
                small.push(((0..side * side).map(at).sum::<u32>() / (side * side) as u32) as u8);
            }
        }
    }
    small
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Hyper, Norm};
    use crate::protocol::{Histograms, Report, Robustness, made_up};
    use crate::show::palette::Role;
    use crate::show::{charts, gradients::gradients};

    fn pixels(bytes: &[u8]) -> (png::OutputInfo, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info, pixels)
    }

    #[test]
    fn a_chart_without_points_is_still_a_picture() {
        let mark = |shape| Mark::new(shape, vec![[f64::NAN, 0.5]], Role::Main).named("nothing");
        let chart = Chart {
            title: "empty".into(),
            note: String::new(),
            x: Axis::linear("x", [0.0, 0.0], |x| x.to_string()),
            y: Axis::percent("y"),
            marks: [Shape::Line(2), Shape::Dashes, Shape::Dots, Shape::Area].map(mark).into(),
        };
        let (info, _) = pixels(&png(&chart).unwrap());
        assert_eq!((info.width, info.height), SIZE);
    }

    /// The pixels of a chart that have a colour, apart from white, grey and black.
    fn coloured(chart: &Chart) -> usize {
        let (_, pixels) = pixels(&png(chart).unwrap());
        pixels.chunks(3).filter(|p| p.iter().max().unwrap() - p.iter().min().unwrap() > 40).count()
    }

    #[test]
    fn a_label_of_two_lines_is_drawn_in_two() {
        let chart = |text: &str| Chart {
            title: String::new(),
            note: String::new(),
            x: Axis { label: String::new(), range: [0.0, 1.0], ticks: vec![(0.5, text.into())] },
            y: Axis { label: String::new(), range: [0.0, 1.0], ticks: Vec::new() },
            marks: Vec::new(),
        };
        // Rows of pixels, of the lower part, in which something is drawn.
        let rows = |text: &str| {
            let (info, pixels) = pixels(&png(&chart(text)).unwrap());
            let row = info.width as usize * 3;
            let below = pixels.chunks(row).skip(info.height as usize - 90);
            below.filter(|row| row.iter().any(|value| *value < 200)).count()
        };
        assert!(rows("alpha\n0.1 to 0.3") > rows("alpha") + 8);
    }

    #[test]
    fn charts_show_their_curves() {
        let reports: Vec<_> = (1..=100).map(|i| made_up::report(1, 10 * i, Hyper::default())).collect();
        let points = |value: fn(&Report) -> f64| -> Vec<[f64; 2]> {
            reports.iter().map(|report| [report.step as f64, value(report)]).collect()
        };
        let [loss, auxiliary_loss] = [points(|report| report.loss), points(|report| report.auxiliary_loss)];
        let [main, auxiliary] =
            [points(|report| report.accuracy), points(|report| report.auxiliary_accuracy)];
        let evaluation = made_up::robustness(1, 1000, true);
        let held_out = [[1000.0, evaluation.clean.value()]];
        let names = made_up::CLASSES.map(String::from);
        let none = Histograms { classes: vec![], edges: vec![], ..made_up::histograms(1, 1) };
        let charts = [
            (charts::losses(&loss, &auxiliary_loss), charts::losses(&[], &[])),
            (
                charts::accuracies(&main, &auxiliary, &held_out, &[], 10),
                charts::accuracies(&[], &[], &[], &[], 10),
            ),
            (gradients(&made_up::histograms(1, 1000), &names, "by class"), gradients(&none, &[], "by class")),
            (
                charts::robustness(&evaluation, Norm::Linf, 0.1),
                charts::robustness(&Robustness { curves: vec![], ..evaluation }, Norm::Linf, 0.1),
            ),
        ];
        for (full, empty) in charts {
            let (name, full, empty) = (&full.title, coloured(&full), coloured(&empty));
            assert!(full > empty + 2000, "{name}: {full} coloured pixels, {empty} without data");
        }
    }
}
