//! A figure with two axes, marks and a legend, drawn into a PNG without a screen or the system's fonts.

use std::ops::Range;
use std::sync::Once;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::show::number::whole_percent;
use crate::show::palette::{Ground, Rgb, Role, colour};
use crate::show::png;

/// Width and height of the picture, in pixels.
const SIZE: (u32, u32) = (1600, 960);
/// Each pixel is the average of so many times so many: plotters draws wide lines without smoothing their edges.
const SUPERSAMPLING: u32 = 2;
/// Width of the column that holds the legend.
const LEGEND_WIDTH: u32 = 300;
/// The name under which the font is registered.
const FONT: &str = "lab";
/// Text.
const INK: RGBColor = RGBColor(45, 48, 56);
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

/// One axis.
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// Smallest and largest value shown.
    pub range: (f64, f64),
    /// Values that get a line and a label.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis over `range` with about six round ticks, written by `format`; an empty or infinite range becomes [0, 1].
    pub fn linear(label: &str, range: (f64, f64), format: impl Fn(f64) -> String) -> Self {
        let usable = range.0.is_finite() && range.1.is_finite() && range.0 < range.1;
        let range = if usable { range } else { (0.0, 1.0) };
        let raw = (range.1 - range.0) / 6.0;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0].map(|digit| digit * power).into_iter().find(|step| *step >= raw);
        let step = step.unwrap_or(10.0 * power);
        let (first, last) = ((range.0 / step).ceil() as i64, (range.1 / step + 1e-9).floor() as i64);
        let ticks = (first..=last).map(|i| i as f64 * step).map(|x| (x, format(x))).collect();
        Self { label: label.into(), range, ticks }
    }

    /// An axis from 0 to 100 %.
    pub fn percent(label: &str) -> Self {
        Self::linear(label, (0.0, 1.0), whole_percent)
    }
}

/// An axis as plotters asks for it.
struct Scale<'a>(&'a Axis);

impl Ranged for Scale<'_> {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let (low, high) = self.0.range;
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
        self.0.range.0..self.0.range.1
    }
}

impl ValueFormatter<f64> for Scale<'_> {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.0.ticks.iter().find(|(tick, _)| tick == value);
        tick.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// How the points of a [`Mark`] are drawn.
#[derive(Clone, Copy, PartialEq)]
pub enum Shape {
    /// A line of this width in pixels.
    Line(u32),
    /// A dashed line.
    Dashes,
    /// A dot on each point.
    Dots,
    /// The polygon around the points.
    Area,
}

/// Something drawn on the axes.
pub struct Mark {
    /// How.
    pub shape: Shape,
    /// In the units of the axes; points that are not finite are left out.
    pub points: Vec<[f64; 2]>,
    /// Of what colour.
    pub role: Role,
    /// From 0 (invisible) to 1.
    pub opacity: f64,
    /// The legend's entry, if it has one.
    pub name: Option<String>,
}

/// A figure.
pub struct Figure {
    /// What is to be seen.
    pub title: String,
    /// What it takes to read it.
    pub note: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// In the order in which they are drawn.
    pub marks: Vec<Mark>,
}

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>;
type Plot<'a, 'b, 'c> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<Scale<'c>, Scale<'c>>>;
type Drawn = Result<(), DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>>;

impl Figure {
    /// The figure as a PNG.
    ///
    /// # Errors
    /// [`ChartError`], naming the figure.
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        register_fonts();
        let (width, height) = (SIZE.0 * SUPERSAMPLING, SIZE.1 * SUPERSAMPLING);
        let mut pixels = vec![255; width as usize * height as usize * 3];
        self.draw(&mut pixels, (width, height))
            .map_err(|error| ChartError::Drawing { title: self.title.clone(), problem: error.to_string() })?;
        Ok(png::encode([SIZE.0, SIZE.1].map(|side| side as usize), &shrink(&pixels, width as usize)))
    }

    fn draw(&self, pixels: &mut [u8], size: (u32, u32)) -> Drawn {
        let root = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
        root.fill(&WHITE)?;
        let (title, rest) = root.split_vertically(scaled(104));
        title.draw(&label(&self.title, (scaled(40), scaled(30)), 34, INK))?;
        title.draw(&label(&self.note, (scaled(40), scaled(74)), 22, FAINT_INK))?;
        let (plot, legend) = rest.split_horizontally(size.0 as i32 - scaled(LEGEND_WIDTH));
        self.draw_plot(&plot)?;
        self.draw_legend(&legend)?;
        root.present()
    }

    fn draw_plot(&self, area: &Canvas<'_>) -> Drawn {
        let mut plot = ChartBuilder::on(area)
            .margin(scaled(24))
            .x_label_area_size(scaled(80))
            .y_label_area_size(scaled(110))
            .build_cartesian_2d(Scale(&self.x), Scale(&self.y))?;
        plot.configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(SUPERSAMPLING))
            .axis_style(FAINT_INK.stroke_width(SUPERSAMPLING))
            .set_all_tick_mark_size(scaled(9))
            .x_labels(self.x.ticks.len().max(1))
            .y_labels(self.y.ticks.len().max(1))
            .label_style((FONT, scaled(22)).into_font().color(&INK))
            .axis_desc_style((FONT, scaled(24)).into_font().color(&INK))
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .draw()?;
        self.marks.iter().try_for_each(|mark| draw_mark(&mut plot, mark))
    }

    fn draw_legend(&self, area: &Canvas<'_>) -> Drawn {
        let mut y = scaled(40);
        for mark in &self.marks {
            let Some(name) = &mark.name else { continue };
            let (left, right) = (scaled(4), scaled(40));
            let style = ink(mark.role).mix(mark.opacity);
            match mark.shape {
                Shape::Line(width) => {
                    let line = style.stroke_width(width.max(4) * SUPERSAMPLING);
                    area.draw(&PathElement::new([(left, y), (right, y)], line))?;
                }
                Shape::Dashes => {
                    for start in [left, left + scaled(14), left + scaled(28)] {
                        let line = style.stroke_width(3 * SUPERSAMPLING);
                        area.draw(&PathElement::new([(start, y), (start + scaled(8), y)], line))?;
                    }
                }
                Shape::Dots => {
                    area.draw(&Circle::new(((left + right) / 2, y), scaled(7), style.filled()))?;
                }
                Shape::Area => {
                    let corners = [(left, y - scaled(8)), (right, y + scaled(8))];
                    area.draw(&Rectangle::new(corners, style.filled()))?;
                }
            }
            area.draw(&label(name, (scaled(54), y), 22, INK))?;
            y += scaled(36);
        }
        Ok(())
    }
}

/// The colour of a role on paper.
fn ink(role: Role) -> RGBColor {
    let Rgb(red, green, blue) = colour(role, Ground::Print);
    RGBColor(red, green, blue)
}

/// So many pixels of the picture, in pixels of the canvas.
const fn scaled(pixels: u32) -> i32 {
    (pixels * SUPERSAMPLING) as i32
}

/// A line of text whose left end is at `place` and whose middle is as high.
fn label(text: &str, place: (i32, i32), size: u32, colour: RGBColor) -> Text<'static, (i32, i32), String> {
    let style = (FONT, scaled(size)).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Center));
    Text::new(text.to_string(), place, style)
}

fn draw_mark(plot: &mut Plot<'_, '_, '_>, mark: &Mark) -> Drawn {
    let points: Vec<_> =
        mark.points.iter().filter(|[x, y]| x.is_finite() && y.is_finite()).map(|[x, y]| (*x, *y)).collect();
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

/// Makes the font known to plotters, once.
fn register_fonts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A font that is refused shows as the error of the first text drawn with it.
        let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

/// Averages each square of [`SUPERSAMPLING`]² pixels of an RGB picture of this width.
fn shrink(pixels: &[u8], width: usize) -> Vec<u8> {
    let side = SUPERSAMPLING as usize;
    let (rows, columns) = (SIZE.1 as usize, SIZE.0 as usize);
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

    #[test]
    fn ticks_are_round_and_in_range() {
        for (range, ticks) in [
            ((0.0, 1.0), "0, 0.2, 0.4, 0.6, 0.8, 1"),
            ((0.0, 1000.0), "0, 200, 400, 600, 800, 1000"),
            ((-0.3, 2.3), "0, 0.5, 1, 1.5, 2"),
            ((5.0, 5.0), "0, 0.2, 0.4, 0.6, 0.8, 1"),
            ((0.0, f64::NAN), "0, 0.2, 0.4, 0.6, 0.8, 1"),
        ] {
            let axis = Axis::linear("x", range, |x| format!("{}", (x * 1e6).round() / 1e6));
            let found: Vec<_> = axis.ticks.iter().map(|(_, text)| text.clone()).collect();
            assert_eq!(found.join(", "), ticks, "{range:?}");
        }
    }

    #[test]
    fn a_figure_without_points_is_still_a_picture() {
        let figure = Figure {
            title: "empty".into(),
            note: String::new(),
            x: Axis::linear("x", (0.0, 0.0), |x| x.to_string()),
            y: Axis::percent("y"),
            marks: [Shape::Line(2), Shape::Dashes, Shape::Dots, Shape::Area]
                .map(|shape| Mark {
                    shape,
                    points: vec![[f64::NAN, 0.5]],
                    role: Role::Main,
                    opacity: 1.0,
                    name: Some("nothing".into()),
                })
                .into(),
        };
        let bytes = figure.png().unwrap();
        let decoder = ::png::Decoder::new(std::io::Cursor::new(bytes));
        let info = decoder.read_info().unwrap().info().clone();
        assert_eq!((info.width, info.height), SIZE);
    }
}
