//! The runs of a comparison: a line for each method and its values, a square for each seed.

use egui::{Align2, Color32, CursorIcon, Rect, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::app::draw::theme::{Palette, small, tiny};
use crate::runs::comparison::table::one;
use crate::runs::comparison::{Cell, CellState, Comparison, Metric, family, in_order};
use crate::show::number::{shortened, whole_percent};

/// Height of a line, width of a square, room between two.
const LINE: f32 = 21.0;
const SQUARE: f32 = 62.0;
const GAP: f32 = 3.0;
/// Characters of a method with its values at most, and of the method at least.
const LONGEST: usize = 46;
const SHORTEST: usize = 10;

/// A line of the grid.
struct Row<'a> {
    title: String,
    method: &'a str,
    setting: &'a str,
}

/// How high all of it is.
pub(super) fn height(found: &Comparison) -> f32 {
    LINE * (rows(found).len() as f32 + 1.0)
}

fn rows(found: &Comparison) -> Vec<Row<'_>> {
    let (settings, methods) = (found.plan.settings(), found.plan.methods());
    let is_one = settings.len() == 1;
    let of = |setting: &'_ str, method: &str| {
        if is_one { method.to_owned() } else { format!("{method} · {setting}") }
    };
    let mut rows = Vec::new();
    for setting in settings {
        rows.extend(methods.iter().map(|method| Row { title: of(setting, method), method, setting }));
    }
    rows
}

/// Draws the grid, coloured by a metric; the cell that was clicked.
pub(super) fn ui<'a>(
    ui: &mut Ui,
    palette: &Palette,
    found: &'a Comparison,
    metric: usize,
) -> Option<&'a Cell> {
    let rows = rows(found);
    let seeds = in_order(found.plan.cells.iter().map(|cell| cell.seed));
    let figure = |cell: &Cell| found.results.of(cell)?[metric];
    let (low, high) = found
        .plan
        .cells
        .iter()
        .filter_map(figure)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let left = title_width(ui, &rows);
    let mut clicked = None;
    ui.spacing_mut().item_spacing.y = 0.0;
    let size = vec2(left + (SQUARE + GAP) * seeds.len() as f32, LINE * (rows.len() as f32 + 1.0));
    let (all, _) = ui.allocate_exact_size(size, Sense::hover());
    let line =
        |at: usize| Rect::from_min_size(all.min + vec2(0.0, LINE * at as f32), vec2(all.width(), LINE));
    for (at, row) in rows.iter().enumerate() {
        for (place, seed) in seeds.iter().enumerate() {
            let is_its =
                |cell: &Cell| cell.seed == *seed && cell.method == row.method && cell.setting == row.setting;
            let rect = square(line(at + 1), left, place);
            if !ui.is_rect_visible(rect) {
                continue;
            }
            let Some(cell_at) = found.plan.cells.iter().position(is_its) else { continue };
            let cell = &found.plan.cells[cell_at];
            let share = figure(cell).map(|value| if high > low { (value - low) / (high - low) } else { 0.5 });
            let text = match found.states[cell_at] {
                CellState::Finished => one(&found.plan.metrics()[metric], figure(cell)),
                CellState::UnderWay(share) => whole_percent(share),
                CellState::Begun => "…".into(),
                CellState::Waiting => String::new(),
            };
            square_ui(ui, palette, rect, found.states[cell_at], (share, &text));
            if touched(ui, rect, cell, found, cell_at) {
                clicked = Some(cell);
            }
        }
    }
    heads_ui(ui, palette, &rows, (all, left), &seeds);
    clicked
}

/// Names and seeds, which stay where they are seen, over what is scrolled under them.
fn heads_ui(ui: &Ui, palette: &Palette, rows: &[Row<'_>], (all, left): (Rect, f32), seeds: &[u64]) {
    let families = in_order(rows.iter().map(|row| family(row.method)));
    let (painter, seen) = (ui.painter(), ui.clip_rect());
    let (x, y) = (all.left().max(seen.left()), all.top().max(seen.top()));
    let names = Rect::from_min_max(pos2(x, seen.top()), pos2(x + left - GAP, seen.bottom()));
    painter.rect_filled(names, 0.0, palette.card);
    for (at, row) in rows.iter().enumerate() {
        let middle = all.top() + LINE * (at as f32 + 1.5);
        let place = families.iter().position(|name| *name == family(row.method)).unwrap_or(0);
        painter.circle_filled(pos2(x + 5.0, middle), 3.5, palette.class(place));
        let title = title(&row.title);
        painter.text(pos2(x + 14.0, middle), Align2::LEFT_CENTER, title, small(), palette.text);
    }
    let head = Rect::from_min_max(pos2(seen.left(), y), pos2(seen.right(), y + LINE));
    painter.rect_filled(head, 0.0, palette.card);
    for (place, seed) in seeds.iter().enumerate() {
        let at = pos2(square(all, left, place).center().x, y + LINE / 2.0);
        if at.x - SQUARE / 2.0 >= x + left - GAP - 1.0 {
            painter.text(at, Align2::CENTER_CENTER, format!("seed {seed}"), tiny(), palette.weak);
        }
    }
}

/// A line's name as there is room for it: its values are what tells it from others.
fn title(whole: &str) -> String {
    let (method, values) = whole.split_at(whole.find(' ').unwrap_or(whole.len()));
    let room = LONGEST.saturating_sub(values.chars().count()).max(SHORTEST);
    format!("{}{}", shortened(method, room), short_end(values, LONGEST - SHORTEST))
}

/// The end of a text, behind an ellipsis where it is longer than that.
fn short_end(text: &str, most: usize) -> String {
    let count = text.chars().count();
    match count <= most {
        true => text.into(),
        false => format!(" …{}", text.chars().skip(count + 2 - most).collect::<String>()),
    }
}

/// Room for the longest title.
fn title_width(ui: &Ui, rows: &[Row<'_>]) -> f32 {
    let width = |row: &Row<'_>| {
        let title = title(&row.title);
        ui.painter().layout_no_wrap(title, small(), Color32::PLACEHOLDER).size().x
    };
    rows.iter().map(width).fold(60.0, f32::max) + 26.0
}

fn square(line: Rect, left: f32, place: usize) -> Rect {
    let x = line.left() + left + (SQUARE + GAP) * place as f32;
    Rect::from_min_max(pos2(x, line.top() + 1.5), pos2(x + SQUARE, line.bottom() - 1.5))
}

/// A square: outlined while its run waits, filled as far as it is, coloured by its figure when it is done.
fn square_ui(ui: &Ui, palette: &Palette, rect: Rect, state: CellState, (share, text): (Option<f64>, &str)) {
    let painter = ui.painter();
    match state {
        CellState::Finished => {
            let strength = 0.12 + 0.55 * share.unwrap_or(0.0) as f32;
            painter.rect_filled(rect, 4.0, palette.shade(palette.main, strength));
        }
        CellState::UnderWay(share) => {
            let width = (rect.width() * share as f32).max(4.0);
            let done = rect.with_max_x(rect.left() + width);
            painter.rect_filled(done, 4.0, palette.shade(palette.auxiliary, 0.45));
        }
        CellState::Begun | CellState::Waiting => {}
    }
    if state != CellState::Finished {
        let line = egui::Stroke::new(1.0, palette.line);
        painter.rect_stroke(rect, 4.0, line, egui::StrokeKind::Inside);
    }
    painter.text(rect.center(), Align2::CENTER_CENTER, text, small(), palette.text);
}

/// What hovering it tells; whether it was clicked.
fn touched(ui: &Ui, rect: Rect, cell: &Cell, found: &Comparison, at: usize) -> bool {
    let response = ui.interact(rect, ui.scope_id().with(("cell", at)), Sense::click());
    let state = match found.states[at] {
        CellState::Waiting => "waits".to_owned(),
        CellState::UnderWay(share) => format!("under way, {} of its steps", whole_percent(share)),
        CellState::Begun if found.holder.is_some() => "begun".into(),
        CellState::Begun => "begun; it is completed or run again when the sweep goes on".into(),
        CellState::Finished => {
            let figures = found.results.of(cell).unwrap_or_default();
            let each = |(metric, figure): (&Metric, &Option<f64>)| {
                format!("{} {}", metric.name, one(metric, *figure))
            };
            found.plan.metrics().iter().zip(figures).map(each).collect::<Vec<_>>().join(", ")
        }
    };
    let said = format!("{}, seed {}: {state}", cell.method, cell.seed);
    response.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, &said));
    let can_be_shown = matches!(found.states[at], CellState::Finished | CellState::Begun);
    let response = response.on_hover_text(match can_be_shown {
        true => format!("{said}\nClick to look at this run"),
        false => said.clone(),
    });
    let response = if can_be_shown { response.on_hover_cursor(CursorIcon::PointingHand) } else { response };
    can_be_shown && response.clicked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_values() {
        assert_eq!(title("great alpha=0.1"), "great alpha=0.1");
        let wide =
            |value: &str| title(&format!("input-gradient-regularization input_gradient_weight={value}"));
        assert_ne!(wide("0.01"), wide("0.03"));
        assert!(wide("0.03").ends_with("input_gradient_weight=0.03") && wide("0.03").starts_with("input-g"));
        let two = "input-gradient-regularization auxiliary_learning_rate=0.001 input_gradient_weight=0.03";
        let two = title(two);
        assert!(two.ends_with("input_gradient_weight=0.03") && two.chars().count() <= LONGEST + 1, "{two}");
    }
}
