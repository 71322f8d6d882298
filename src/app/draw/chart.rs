//! What all charts have in common: quiet axes with units, no hijacked scrolling, and what is said before there is data.

use egui::{Color32, RichText, Ui};
use egui_plot::{
    AxisHints, FilledArea, GridMark, HoverPosition, Line, LineStyle, MarkerShape, Plot, PlotUi, Points,
};

use crate::app::draw::theme::{self, Palette, small, tiny};
use crate::app::draw::thin;
use crate::app::run::along::Along;
use crate::config::TargetKind;
use crate::show::number::{short, whole_percent};
use crate::show::palette::Role;
use crate::show::{Axis, Chart, Mark, Shape};

/// A chart with these axis labels, filling what room there is.
pub fn chart<'a>(id: &str, palette: &Palette, x: AxisHints<'a>, y: AxisHints<'a>) -> Plot<'a> {
    Plot::new(id)
        .allow_scroll(false)
        .show_background(false)
        .show_crosshair(false)
        .grid_color(palette.weak.gamma_multiply(0.45))
        .set_margin_fraction(egui::vec2(0.02, 0.06))
        .custom_x_axes(vec![x])
        .custom_y_axes(vec![y])
        .label_formatter(|_| None)
}

/// A horizontal axis.
pub fn x_axis<'a>(palette: &Palette, label: &str, format: impl Fn(f64) -> String + 'a) -> AxisHints<'a> {
    dress(AxisHints::new_x(), palette, label, format)
        .label_spacing(egui::Rangef::new(16.0, 30.0))
        .min_thickness(27.0)
}

/// The horizontal axis of a chart that runs are laid along.
pub fn along_axis<'a>(palette: &Palette, along: Along) -> AxisHints<'a> {
    match along {
        // Short runs are parts of one.
        Along::Epoch => x_axis(palette, along.label(), figure_tick),
        Along::Step | Along::Time | Along::Images => x_axis(palette, along.label(), count_tick),
    }
}

/// A vertical axis.
pub fn y_axis<'a>(palette: &Palette, label: &str, format: impl Fn(f64) -> String + 'a) -> AxisHints<'a> {
    dress(AxisHints::new_y(), palette, label, format)
        .label_spacing(egui::Rangef::new(8.0, 16.0))
        .min_thickness(24.0)
}

fn dress<'a>(
    axis: AxisHints<'a>,
    palette: &Palette,
    label: &str,
    format: impl Fn(f64) -> String + 'a,
) -> AxisHints<'a> {
    axis.label(RichText::new(label).font(tiny()).color(palette.weak))
        .tick_label_font(tiny())
        .tick_label_color(palette.weak)
        .formatter(move |mark: GridMark, _| format(mark.value))
}

/// Draws marks: those without a name answer no pointer and stand in no legend.
pub fn marks_ui<'a>(plot: &mut PlotUi<'a>, palette: &Palette, marks: Vec<Mark>) {
    for mark in marks {
        let points: Vec<[f64; 2]> = mark.finite_points().collect();
        let color = palette.role(mark.role);
        let shade = palette.shade(color, mark.opacity as f32);
        let is_named = mark.name.is_some();
        let name = mark.name.unwrap_or_default();
        match mark.shape {
            Shape::Line(width) => {
                let line = Line::new(name, thin::seen(plot, points)).color(shade).width(line_width(width));
                plot.line(line.allow_hover(is_named));
            }
            Shape::Dashes => {
                let line = Line::new(name, points).color(shade).width(1.0);
                plot.line(line.style(LineStyle::dashed_dense()).allow_hover(is_named));
            }
            Shape::Dots => {
                let dots = Points::new(name, points).color(shade).radius(3.0).shape(dot(mark.role));
                plot.points(dots.allow_hover(is_named));
            }
            Shape::Area => {
                // There, then back.
                let (there, back) = points.split_at(points.len() / 2);
                if there.len() > 1 {
                    let xs: Vec<f64> = there.iter().map(|[x, _]| *x).collect();
                    let high: Vec<f64> = there.iter().map(|[_, y]| *y).collect();
                    let low: Vec<f64> = back.iter().rev().map(|[_, y]| *y).collect();
                    let area = FilledArea::new(name, &xs, &low, &high);
                    plot.add(area.fill_color(color.gamma_multiply(mark.opacity as f32)).allow_hover(false));
                }
            }
        }
    }
}

/// The width on the screen of a line that is so wide on paper.
fn line_width(printed: u32) -> f32 {
    match printed {
        0..=2 => 1.0,
        3 => 1.2,
        4 => 1.8,
        _ => 2.4,
    }
}

/// The shape of a dot: attacks with a target have their own.
const fn dot(role: Role) -> MarkerShape {
    match role {
        Role::Attack(_, TargetKind::Random, _) => MarkerShape::Up,
        Role::Attack(_, TargetKind::LeastLikely, _) => MarkerShape::Diamond,
        _ => MarkerShape::Circle,
    }
}

/// Room for labels of several lines.
const TALL_LABELS: f32 = 50.0;

/// A chart as it is printed too, with its own title and ticks; hovering a line tells its name.
pub fn printed(ui: &mut Ui, id: &str, palette: &Palette, chart: &Chart) {
    ui.label(RichText::new(&chart.title).font(small()).strong().color(palette.text))
        .on_hover_text(&chart.note);
    let tick = |axis: &Axis| {
        let ticks = axis.ticks.clone();
        move |value: f64| {
            let near = ticks.iter().find(|(at, _)| (at - value).abs() < 1e-9);
            near.map_or_else(String::new, |(_, text)| text.clone())
        }
    };
    let spacer = |axis: &Axis| {
        let values: Vec<f64> = axis.ticks.iter().map(|(value, _)| *value).collect();
        let apart = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        marks(values, if apart.is_finite() { apart } else { 1.0 })
    };
    let (x, y) =
        (x_axis(palette, &chart.x.label, tick(&chart.x)), y_axis(palette, &chart.y.label, tick(&chart.y)));
    // Labels of several lines are not those that an axis draws.
    let is_tall = chart.x.ticks.iter().any(|(_, text)| text.contains('\n'));
    let height = ui.available_height() - if is_tall { TALL_LABELS } else { 0.0 };
    let response = self::chart(id, palette, x, y)
        .height(height.max(1.0))
        .show_axes([!is_tall, true])
        .x_grid_spacer(spacer(&chart.x))
        .y_grid_spacer(spacer(&chart.y))
        .include_x(chart.x.range[0])
        .include_x(chart.x.range[1])
        .include_y(chart.y.range[0])
        .include_y(chart.y.range[1])
        .label_formatter(|position| match position {
            HoverPosition::NearDataPoint { plot_name, .. } if !plot_name.is_empty() => {
                Some((*plot_name).to_owned())
            }
            _ => None,
        })
        .show(ui, |plot| marks_ui(plot, palette, chart.marks.clone()));
    if is_tall {
        let place = |x: f64| response.transform.position_from_point_x(x);
        tall_labels_ui(ui, palette, &chart.x, response.response.rect, place);
    }
}

/// Labels of several lines under a chart, each under the place of its tick.
fn tall_labels_ui(ui: &Ui, palette: &Palette, axis: &Axis, chart: egui::Rect, place: impl Fn(f64) -> f32) {
    let apart = match &*axis.ticks {
        [(one, _), (other, _), ..] => place(*other) - place(*one),
        _ => chart.width(),
    };
    for (x, text) in &axis.ticks {
        let mut job =
            egui::text::LayoutJob::simple(text.clone(), tiny(), palette.weak, (apart - 6.0).max(20.0));
        (job.halign, job.wrap.max_rows) = (egui::Align::Center, 4);
        let galley = ui.painter().layout_job(job);
        ui.painter().galley(egui::pos2(place(*x), chart.bottom() + 2.0), galley, palette.weak);
    }
}

/// What hovering a line says: its name and the point.
pub fn point_label(
    position: &HoverPosition<'_>,
    x: impl Fn(f64) -> String,
    y: impl Fn(f64) -> String,
) -> Option<String> {
    match position {
        HoverPosition::NearDataPoint { plot_name, position, .. } if !plot_name.is_empty() => {
            Some(format!("{plot_name}: {}\n{}", y(position.y), x(position.x)))
        }
        _ => None,
    }
}

/// Marks of an axis of shares: every tenth where there is room, else every fourth, half or whole.
pub fn percent_marks(height: f32) -> impl Fn(egui_plot::GridInput) -> Vec<GridMark> {
    let parts = match height {
        h if h > 260.0 => 10,
        h if h > 60.0 => 4,
        _ => 2,
    };
    let step = 1.0 / f64::from(parts);
    marks((0..=parts).map(|part| f64::from(part) * step).collect(), step)
}

/// Marks at these values, as far as they are in view; the farther `apart` they are, the stronger they are drawn.
pub fn marks(values: Vec<f64>, apart: f64) -> impl Fn(egui_plot::GridInput) -> Vec<GridMark> {
    move |view| {
        let in_view = values.iter().filter(|value| (view.bounds.0..=view.bounds.1).contains(*value));
        in_view.map(|value| GridMark { value: *value, step_size: apart }).collect()
    }
}

/// Ticks of an axis of shares in [0, 1], in percent.
pub fn percent_tick(share: f64) -> String {
    if (-1e-9..=1.0 + 1e-9).contains(&share) { whole_percent(share) } else { String::new() }
}

/// Ticks of an axis of figures.
pub fn figure_tick(value: f64) -> String {
    // Sums of a tick's width leave a rest where there is none.
    short((value * 1e9).round() / 1e9)
}

/// Ticks of an axis of counts: `500`, `2 k`.
pub fn count_tick(value: f64) -> String {
    match value {
        v if v < 0.0 || v.fract().abs() > 1e-6 => String::new(),
        v if v < 1e3 => format!("{v:.0}"),
        v if v < 1e6 => format!("{} k", v / 1e3),
        v => format!("{} M", v / 1e6),
    }
}

/// What an empty pane says: what will fill it, and when.
pub fn empty(ui: &mut Ui, palette: &Palette, what: &str, when: &str) {
    let height = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space((height / 2.0 - 22.0).max(0.0));
        ui.label(RichText::new(what).color(palette.text));
        ui.label(RichText::new(when).color(palette.weak));
    });
}

/// A thin bar of what is done.
pub fn progress(ui: &mut Ui, palette: &Palette, share: f64, width: f32) {
    let (rect, response) = ui.allocate_exact_size(egui::vec2(width, 6.0), egui::Sense::hover());
    let share = share.clamp(0.0, 1.0) as f32;
    ui.painter().rect_filled(rect, 3.0, palette.rail);
    if share > 0.0 {
        let done = rect.with_max_x(rect.left() + (rect.width() * share).max(6.0));
        ui.painter().rect_filled(done, 3.0, palette.main);
    }
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::new(egui::Role::ProgressIndicator);
        info.value = Some(f64::from(share));
        info
    });
}

/// Room for legend entries that switch: as many lines as they take, or, for a thumb, one that is moved sideways.
pub fn toggles(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui)) {
    if theme::is_touch(ui) {
        egui::ScrollArea::horizontal().id_salt(id).show(ui, |ui| ui.horizontal(add));
    } else {
        ui.horizontal_wrapped(add);
    }
}

/// A legend entry that also switches: a coloured square and a name, struck where it is off.
pub fn toggle(ui: &mut Ui, palette: &Palette, color: Color32, name: &str, on: &mut bool) -> egui::Response {
    let text = ui.painter().layout_no_wrap(name.into(), tiny(), Color32::PLACEHOLDER);
    let height = if theme::is_touch(ui) { ui.spacing().interact_size.y } else { text.size().y + 3.0 };
    let size = egui::vec2(text.size().x + 13.0, height);
    let (rect, mut response) = ui.allocate_exact_size(size, egui::Sense::click());
    if response.clicked() {
        *on = !*on;
        response.mark_changed();
    }
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, ui.is_enabled(), *on, name));
    let swatch =
        egui::Rect::from_center_size(egui::pos2(rect.left() + 4.5, rect.center().y), egui::Vec2::splat(8.0));
    let color = if *on { color } else { palette.rail };
    ui.painter().rect_filled(swatch, 2.0, color);
    let text_color = match (*on, response.hovered()) {
        (_, true) => palette.text,
        (true, _) => palette.text.gamma_multiply(0.85),
        (false, _) => palette.weak.gamma_multiply(0.6),
    };
    ui.painter().galley(
        egui::pos2(swatch.right() + 4.0, rect.center().y - text.size().y / 2.0),
        text,
        text_color,
    );
    response
}
