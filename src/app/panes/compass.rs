//! The compass: cosines between the gradients of tasks before and behind the alignment layers, and those layers' weights.

use egui::{Align2, Mesh, Rect, Sense, Ui, Vec2, pos2, vec2};

use crate::app::draw::theme::{Palette, tiny};
use crate::protocol::TaskFigures;
use crate::show::number::figure;

/// Room for a name beside a matrix.
const NAMES: f32 = 58.0;
/// Height of a caption.
const CAPTION: f32 = 13.0;
/// What a weight is off 1 to be drawn in full colour, at least.
const LEAST_SPREAD: f32 = 0.01;

/// Draws both matrices in a line, and the layers in the next.
pub fn ui(ui: &mut Ui, palette: &Palette, tasks: &TaskFigures) {
    let side = ((ui.available_width() - NAMES - 20.0) / 2.0).clamp(48.0, 132.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        matrix_ui(ui, palette, tasks, (0, "cosines of g, before alignment"), (NAMES, side));
        matrix_ui(ui, palette, tasks, (1, "of ĝ, behind it"), (0.0, side));
    });
    let count = tasks.alignment.len().max(1) as f32;
    let side = ((ui.available_width() - 12.0 * count) / count).clamp(32.0, 84.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 10.0;
        for (task, weights) in tasks.tasks.iter().zip(&tasks.alignment) {
            layer_ui(ui, palette, tasks, (task, weights), side);
        }
    });
}

/// A square of `M × M` cells, blue where gradients disagree and orange where they agree.
fn matrix_ui(
    ui: &mut Ui,
    palette: &Palette,
    tasks: &TaskFigures,
    (which, caption): (usize, &str),
    (names, side): (f32, f32),
) {
    let count = tasks.tasks.len();
    let (rect, response) = ui.allocate_exact_size(vec2(names + side, side + CAPTION), Sense::hover());
    let grid = Rect::from_min_size(rect.min + vec2(names, CAPTION), Vec2::splat(side));
    let cell = side / count as f32;
    let painter = ui.painter();
    painter.text(grid.min - vec2(0.0, 1.0), Align2::LEFT_BOTTOM, caption, tiny(), palette.weak);
    let mut cells = Mesh::default();
    for (index, cosine) in tasks.cosines[which].iter().enumerate() {
        let at = cell_of(grid, cell, index, count);
        cells.add_colored_rect(at.shrink(0.5), palette.diverging(*cosine as f32));
    }
    painter.add(cells);
    for (row, name) in tasks.tasks.iter().enumerate().filter(|_| names > 0.0) {
        let at = pos2(grid.left() - 4.0, grid.top() + (row as f32 + 0.5) * cell);
        painter.text(at, Align2::RIGHT_CENTER, name, tiny(), palette.class(row));
    }
    if cell >= 24.0 {
        for (index, cosine) in tasks.cosines[which].iter().enumerate() {
            let color = if cosine.abs() > 0.5 { palette.card } else { palette.text };
            let text = format!("{cosine:.2}").replace('-', "−");
            let at = cell_of(grid, cell, index, count).center();
            painter.text(at, Align2::CENTER_CENTER, text, tiny(), color);
        }
    }
    let Some(pointer) = response.hover_pos().filter(|pointer| grid.contains(*pointer)) else { return };
    let at = (pointer - grid.min) / cell;
    let (row, column) = ((at.y as usize).min(count - 1), (at.x as usize).min(count - 1));
    let cosine = tasks.cosines[which][row * count + column];
    response.on_hover_text_at_pointer(format!(
        "{} and {}: cosine {}",
        tasks.tasks[row],
        tasks.tasks[column],
        figure(cosine)
    ));
}

fn cell_of(grid: Rect, cell: f32, index: usize, count: usize) -> Rect {
    let (row, column) = (index / count, index % count);
    Rect::from_min_size(grid.min + vec2(column as f32, row as f32) * cell, Vec2::splat(cell))
}

/// The weights of a task's layer: orange above 1, blue below.
fn layer_ui(ui: &mut Ui, palette: &Palette, tasks: &TaskFigures, (task, weights): (&str, &[f32]), side: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(side, side + CAPTION), Sense::hover());
    let caption = format!("w, {task}");
    ui.painter().text(rect.left_top(), Align2::LEFT_TOP, caption, tiny(), palette.weak);
    let off = tasks.alignment.iter().flatten().map(|weight| (weight - 1.0).abs());
    let spread = off.fold(LEAST_SPREAD, f32::max);
    let [height, width] = tasks.map;
    let size = vec2(side / width as f32, side / height as f32);
    let mut cells = Mesh::default();
    for (index, weight) in weights.iter().enumerate() {
        let corner =
            rect.min + vec2(0.0, CAPTION) + vec2((index % width) as f32, (index / width) as f32) * size;
        cells.add_colored_rect(Rect::from_min_size(corner, size), palette.diverging((weight - 1.0) / spread));
    }
    ui.painter().add(cells);
    let (low, high) = weights.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), weight| {
        (low.min(*weight), high.max(*weight))
    });
    let averaged = if tasks.size == [1, 1] { ", number by number" } else { ", averaged over the channels" };
    response.on_hover_text(format!(
        "What {task}'s gradient is multiplied with on its way back{averaged}: {} to {}. Full colour is {} off 1.",
        figure(low.into()),
        figure(high.into()),
        figure(spread.into())
    ));
}
