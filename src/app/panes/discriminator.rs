//! What the auxiliary network reads: its accuracy over the run beside chance, and which classes it takes for which.

use egui::{Align2, Rect, RichText, Sense, Stroke, Ui, pos2, vec2};
use egui_plot::{HLine, LineStyle};

use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::draw::{beside, chart};
use crate::app::pane::{About, Column, Pane, Scope};
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::protocol::Command;
use crate::show::Table;
use crate::show::columns::Metric;
use crate::show::gradients::probe;
use crate::show::matrix::{classes, shares, total};
use crate::show::number::{self, count, percent, whole_percent};
use crate::show::palette::Role;
use crate::show::{Mark, SMOOTHING, Shape, charts};

/// Lower than this there is no room for a sentence.
const LOW: f32 = 220.0;

/// The pane of the auxiliary network.
#[derive(Default)]
pub struct Discriminator;

static ABOUT: About = About {
    name: "discriminator",
    title: "Discriminator",
    question: "can it be read off a gradient where it comes from?",
    scenarios: ScenarioKind::ALL,
    column: Column::Middle,
    share: 0.32,
};

impl Pane for Discriminator {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let Some(report) = &scope.history.latest else {
            let what = "How often the auxiliary network reads off a gradient where it comes from.";
            chart::empty(ui, &scope.palette, what, "The first report fills this: press Run.");
            return;
        };
        let palette = scope.palette;
        let area = ui.available_rect_before_wrap();
        let side = area.height().min(area.width() * 0.52);
        let names = (side * 0.28).clamp(40.0, 110.0);
        let matrix_width = (side + names).min(area.width() * 0.6);
        let left = area.with_max_x(area.right() - matrix_width - 10.0);
        let mut plot_ui = ui.new_child(egui::UiBuilder::new().max_rect(left));
        plot_ui.horizontal(|ui| {
            ui.label(RichText::new(percent(report.auxiliary_accuracy)).strong().color(palette.auxiliary));
            let chance = scope
                .history
                .chance()
                .map_or(String::new(), |c| format!("read · chance {}", number::short_percent(c)));
            let chance = match report.hyper.alpha_target {
                0.0 => chance,
                target => format!(
                    "{chance} · target {} · α {}",
                    number::short_percent(target),
                    number::short(report.alpha)
                ),
            };
            ui.add(egui::Label::new(RichText::new(chance).size(11.0).color(palette.weak)).truncate());
        });
        probe_ui(&mut plot_ui, scope, area.height() < LOW);
        accuracy_ui(&mut plot_ui, scope);
        let right = area.with_min_x(area.right() - matrix_width);
        confusion_ui(ui, scope.history, &palette, right, names);
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new(["true_class", "read_as", "count"]);
        let Some(report) = &history.latest else { return table };
        let classes = classes(report.confusion.len());
        for (index, count) in report.confusion.iter().enumerate() {
            let (row, column) = (index / classes.max(1), index % classes.max(1));
            let names = [row, column].map(|origin| history.whole_origin_name(origin));
            table.push(names.into_iter().chain([count.to_string()]));
        }
        table
    }
}

/// The button that asks for a fresh network, and what the newest one reads.
fn probe_ui(ui: &mut Ui, scope: &mut Scope<'_>, is_low: bool) {
    let palette = scope.palette;
    let chance = scope.history.chance().unwrap_or(0.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().button_padding = vec2(5.0, 0.0);
        ui.spacing_mut().item_spacing = vec2(5.0, 1.0);
        let is_under_way = scope.history.awaits_probe;
        let text = RichText::new(if is_under_way { "Probing" } else { "Probe now" }).font(tiny());
        let about = "Trains a new auxiliary network for a few steps on the gradients as they stand, beside training: what the running one no longer reads, it may still.";
        if ui.add_enabled(!is_under_way && !scope.is_kept, egui::Button::new(text)).on_hover_text(about).clicked() {
            scope.history.awaits_probe = true;
            scope.controls.send(Command::Probe);
        }
        let mut job = egui::text::LayoutJob::default();
        let format = |color| egui::TextFormat::simple(tiny(), color);
        let Some(found) = scope.history.probes.back() else {
            job.append("with a fresh network", 0.0, format(palette.weak));
            ui.add(egui::Label::new(job).truncate());
            return;
        };
        let sentence = format!("{} Step {}.", probe::sentence(found, chance), count(found.step));
        for ((role, _, share), name) in charts::fresh().into_iter().zip(["fresh", "noiseless"]) {
            if let Some(share) = share(found) {
                job.append("● ", 0.0, format(palette.role(role)));
                if is_low {
                    let read = format!("{name} {}  ", whole_percent(share.value()));
                    job.append(&read, 0.0, format(palette.text));
                }
            }
        }
        if is_low {
            ui.add(egui::Label::new(job).truncate()).on_hover_text(sentence);
        } else {
            job.append(&sentence, 0.0, format(palette.text));
            ui.add(egui::Label::new(job).wrap());
        }
    });
}

fn accuracy_ui(ui: &mut Ui, scope: &Scope<'_>) {
    let (history, palette) = (&*scope.history, &scope.palette);
    let x = chart::x_axis(palette, "step", chart::count_tick);
    let y = chart::y_axis(palette, "accuracy", chart::percent_tick);
    let plot = chart::chart("discriminator accuracy", palette, x, y)
        .include_y(0.0)
        .include_y(1.0)
        .include_x(0.0)
        .include_x(history.end(false))
        .y_grid_spacer(chart::percent_marks(ui.available_height()))
        .label_formatter(|position| {
            chart::point_label(position, |step| format!("step {}", count(step as u64)), percent)
        });
    let raw = history.points(Metric::AuxiliaryAccuracy, false);
    let alpha = history.points(Metric::Alpha, false);
    let target = history.latest.as_ref().map_or(0.0, |report| report.hyper.alpha_target);
    plot.show(ui, |plot| {
        if let Some(chance) = history.chance() {
            let style = LineStyle::dashed_dense();
            plot.hline(HLine::new("chance", chance).color(palette.weak).width(1.0).style(style));
        }
        beside::curves_ui(plot, palette, &scope.shelf.beside, SMOOTHING, |history| {
            history.points(Metric::AuxiliaryAccuracy, false)
        });
        beside::other_ui(plot, palette, scope.pair.as_ref(), SMOOTHING, |history| {
            vec![(palette.auxiliary, history.points(Metric::AuxiliaryAccuracy, false))]
        });
        let marks = charts::smoothed(&raw, SMOOTHING, Role::Auxiliary, "auxiliary accuracy");
        chart::marks_ui(plot, palette, marks);
        chart::marks_ui(plot, palette, charts::controlled(&alpha, target));
        for (role, name, share) in charts::fresh() {
            let read =
                history.probes.iter().filter_map(|found| Some([found.step as f64, share(found)?.value()]));
            let dots = Mark::new(Shape::Dots, read.collect(), role).named(name);
            chart::marks_ui(plot, palette, vec![dots]);
        }
    });
}

/// The confusion matrix: a row a true class, a column what was read; shares of the row.
fn confusion_ui(ui: &mut Ui, history: &History, palette: &Palette, area: Rect, names: f32) {
    let Some(report) = &history.latest else { return };
    let classes = classes(report.confusion.len());
    if classes == 0 {
        return;
    }
    let caption = 13.0;
    let side = (area.width() - names).min(area.height() - caption - 9.0);
    // Columns get names too where they are wide enough.
    let above = if side / classes as f32 >= 47.0 { 22.0 } else { 6.0 };
    let side = side.min(area.height() - caption - 3.0 - above);
    let grid = Rect::from_min_size(pos2(area.right() - side, area.top() + above), vec2(side, side));
    let cell = side / classes as f32;
    let painter = ui.painter();
    let mut cells = egui::Mesh::default();
    let shares = shares(&report.confusion);
    for row in 0..classes {
        for (column, share) in shares[row * classes..][..classes].iter().enumerate() {
            let at = cell_rect(grid, cell, row, column);
            // The square root shows rare confusions too.
            cells.add_colored_rect(
                at.shrink(0.5),
                palette.raised.lerp_to_gamma(palette.auxiliary, (*share as f32).sqrt()),
            );
        }
        let y = grid.top() + (row as f32 + 0.5) * cell;
        let chip = Rect::from_center_size(pos2(grid.left() - 6.0, y), vec2(4.0, (cell - 2.0).min(9.0)));
        cells.add_colored_rect(chip, palette.class(row));
        if cell >= 9.0 {
            origin_name(painter, palette, history, row, pos2(chip.left() - 3.0, y), names - 14.0);
        }
        let x = grid.left() + (row as f32 + 0.5) * cell;
        if cell >= 46.0 {
            let centre = pos2(x, grid.top() - 15.0);
            centred_name(painter, palette, history, row, centre, cell - 4.0);
        }
        let chip = Rect::from_center_size(pos2(x, grid.top() - 4.0), vec2((cell - 2.0).min(9.0), 4.0));
        cells.add_colored_rect(chip, palette.class(row));
    }
    painter.add(cells);
    if cell >= 26.0 {
        cell_figures(painter, palette, &shares, classes, grid);
    }
    let at = pos2(grid.right(), grid.bottom() + 2.0);
    painter.text(at, Align2::RIGHT_TOP, "read as (across) · true (down)", tiny(), palette.weak);
    confusion_hover(ui, history, palette, &report.confusion, classes, grid);
}

fn cell_rect(grid: Rect, cell: f32, row: usize, column: usize) -> Rect {
    Rect::from_min_size(grid.min + vec2(column as f32, row as f32) * cell, vec2(cell, cell))
}

/// A class's name, cut to `width`.
fn name_galley(
    painter: &egui::Painter,
    palette: &Palette,
    history: &History,
    class: usize,
    width: f32,
) -> std::sync::Arc<egui::Galley> {
    let mut job = egui::text::LayoutJob::simple_singleline(history.origin_name(class), tiny(), palette.text);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    painter.layout_job(job)
}

/// A class's name that ends at `at`.
fn origin_name(
    painter: &egui::Painter,
    palette: &Palette,
    history: &History,
    class: usize,
    at: egui::Pos2,
    width: f32,
) {
    let galley = name_galley(painter, palette, history, class, width);
    painter.galley(at - vec2(galley.size().x, galley.size().y / 2.0), galley, palette.text);
}

/// A class's name about `at`.
fn centred_name(
    painter: &egui::Painter,
    palette: &Palette,
    history: &History,
    class: usize,
    at: egui::Pos2,
    width: f32,
) {
    let galley = name_galley(painter, palette, history, class, width);
    painter.galley(at - galley.size() / 2.0, galley, palette.text);
}

/// Shares in percent, where the cells have room for them.
fn cell_figures(painter: &egui::Painter, palette: &Palette, shares: &[f64], classes: usize, grid: Rect) {
    let cell = grid.width() / classes as f32;
    for (index, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        let (row, column) = (index / classes, index % classes);
        let color = if *share > 0.3 { palette.card } else { palette.text };
        let at = cell_rect(grid, cell, row, column).center();
        painter.text(at, Align2::CENTER_CENTER, number::cell(*share), tiny(), color);
    }
}

fn confusion_hover(
    ui: &Ui,
    history: &History,
    palette: &Palette,
    confusion: &[u32],
    classes: usize,
    grid: Rect,
) {
    let response = ui.interact(grid, ui.scope_id().with("confusion"), Sense::hover());
    let Some(pointer) = response.hover_pos() else { return };
    let cell = grid.width() / classes as f32;
    let at = (pointer - grid.min) / cell;
    let (row, column) = ((at.y as usize).min(classes - 1), (at.x as usize).min(classes - 1));
    let outline = Stroke::new(1.5, palette.text);
    ui.painter().rect_stroke(cell_rect(grid, cell, row, column), 1.0, outline, egui::StrokeKind::Inside);
    let hits = confusion[row * classes + column];
    let total = total(confusion, row);
    response.on_hover_ui_at_pointer(|ui| {
        let sentence = match row == column {
            true => format!("{} read rightly", history.origin_name(row)),
            false => format!("{} read as {}", history.origin_name(row), history.origin_name(column)),
        };
        ui.label(RichText::new(sentence).strong());
        let share = whole_percent(f64::from(hits) / f64::from(total));
        ui.label(RichText::new(format!("{hits} of {total} gradients ({share})")).font(small()));
    });
}
