//! What attacks made of single images: the smallest ε that fooled each of them, and which class was taken for which, beside
//! which is read off gradients.

use egui::{Align2, Color32, Mesh, Rect, RichText, Sense, Ui, Vec2, pos2, vec2};
use egui_plot::{Bar, BarChart};

use crate::app::draw::chart;
use crate::app::draw::theme::{Palette, tiny};
use crate::app::run::history::History;
use crate::config::{Norm, ScenarioKind};
use crate::protocol::Robustness;
use crate::show::matrix::{classes, shares, strongest};
use crate::show::number::{cell as cell_text, short, whole_percent};

/// Room for names beside a matrix.
const NAMES: f32 = 70.0;
/// Height of a caption.
const CAPTION: f32 = 14.0;

/// How many images fall up to which ε: a bar each.
pub fn smallest_ui(ui: &mut Ui, palette: &Palette, (evaluation, examples): (&Robustness, &str), norm: Norm) {
    let Some(case) = evaluation.worst_in(norm) else { return };
    let bars = case.falls();
    let names: Vec<String> = bars.iter().map(|(radius, _)| radius_name(*radius)).collect();
    let total = case.smallest.len().max(1) as f64;
    let name_of = names.clone();
    let label = format!("{examples} that fall up to this ε ({})", norm.symbol());
    let x = chart::x_axis(palette, &label, move |at| {
        let is_bar = (at - at.round()).abs() < 1e-6 && at >= 0.0;
        if is_bar { name_of.get(at as usize).cloned().unwrap_or_default() } else { String::new() }
    });
    let y = chart::y_axis(palette, examples, chart::percent_tick);
    let marks = chart::marks((0..bars.len()).map(|at| at as f64).collect(), 1.0);
    let plot = chart::chart("smallest radii", palette, x, y)
        .height((ui.available_height() - 16.0).max(60.0))
        .include_y(0.0)
        .x_grid_spacer(marks);
    let bars = bars.iter().enumerate().map(|(at, (radius, fallen))| {
        let color = if radius.is_finite() { palette.bad } else { palette.good };
        Bar::new(at as f64, *fallen as f64 / total).width(0.8).fill(color).name(&names[at])
    });
    let bars: Vec<Bar> = bars.collect();
    plot.show(ui, |plot| plot.bar_chart(BarChart::new(examples, bars)));
    let text = format!(
        "{} {examples}; 0: wrong without attack. Upper bounds, tight with deepfool or fab-t.",
        case.smallest.len()
    );
    ui.add(egui::Label::new(RichText::new(text).font(tiny()).color(palette.weak)).truncate());
}

fn radius_name(radius: f64) -> String {
    if radius.is_finite() { short(radius) } else { "never".into() }
}

/// The matrix of the strongest untargeted attack in a norm at the radius nearest to `epsilon`, and what is read off
/// gradients.
pub fn mistakes_ui(
    ui: &mut Ui,
    palette: &Palette,
    history: &History,
    evaluation: &Robustness,
    (norm, epsilon): (Norm, f64),
) {
    let Some(mistakes) = strongest(&evaluation.mistakes, norm, epsilon) else {
        chart::empty(
            ui,
            palette,
            "Which class is taken for which.",
            &format!("It comes with an untargeted {} attack.", norm.symbol()),
        );
        return;
    };
    let reads_classes =
        history.info.as_ref().is_some_and(|info| info.config.setup.scenario == ScenarioKind::Defense);
    let read = history.latest.as_ref().filter(|_| reads_classes).map(|report| report.confusion.as_slice());
    let room = (ui.available_width() - NAMES - 24.0) / if read.is_some() { 2.0 } else { 1.0 };
    let side = room.min(ui.available_height() - CAPTION - 4.0).max(40.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 14.0;
        let caption =
            format!("{} at ε = {}: said across, true down", mistakes.attack, short(mistakes.epsilon));
        matrix_ui(
            ui,
            palette,
            history,
            (&mistakes.confusion, &caption, "taken for"),
            (NAMES, side),
            palette.bad,
        );
        if let Some(read) = read {
            let caption = "read off gradients, as GREACE weighs";
            matrix_ui(ui, palette, history, (read, caption, "read as"), (0.0, side), palette.auxiliary);
        }
    });
}

/// Shares of the rows of a matrix of `K × K` counts; what is right, on the diagonal, is drawn in another colour.
fn matrix_ui(
    ui: &mut Ui,
    palette: &Palette,
    history: &History,
    (counts, caption, verb): (&[u32], &str, &str),
    (names, side): (f32, f32),
    wrong: Color32,
) {
    let classes = classes(counts.len()).max(1);
    let (rect, response) = ui.allocate_exact_size(vec2(names + side, side + CAPTION), Sense::hover());
    let grid = Rect::from_min_size(rect.min + vec2(names, CAPTION), Vec2::splat(side));
    let cell = side / classes as f32;
    let painter = ui.painter();
    let fit = |text: String, width: f32, color: Color32| {
        let mut job = egui::text::LayoutJob::simple_singleline(text, tiny(), color);
        job.wrap = egui::text::TextWrapping::truncate_at_width(width);
        painter.layout_job(job)
    };
    painter.galley(rect.min, fit(caption.into(), names + side, palette.weak), palette.weak);
    let shares = shares(counts);
    let mut cells = Mesh::default();
    for (index, share) in shares.iter().enumerate() {
        let (row, column) = (index / classes, index % classes);
        let at = Rect::from_min_size(grid.min + vec2(column as f32, row as f32) * cell, Vec2::splat(cell));
        let color = if row == column { palette.main } else { wrong };
        // The square root shows rare ones too.
        cells.add_colored_rect(at.shrink(0.5), palette.raised.lerp_to_gamma(color, (*share as f32).sqrt()));
    }
    painter.add(cells);
    for row in (0..classes).filter(|_| names > 0.0 && cell >= 9.0) {
        let galley = fit(history.class_name(row), names - 6.0, palette.text);
        let y = grid.top() + (row as f32 + 0.5) * cell - galley.size().y / 2.0;
        painter.galley(pos2(grid.left() - 4.0 - galley.size().x, y), galley, palette.text);
    }
    if cell >= 24.0 {
        for index in (0..classes * classes).filter(|index| counts[*index] > 0) {
            let (row, column) = (index / classes, index % classes);
            let at = grid.min + vec2(column as f32 + 0.5, row as f32 + 0.5) * cell;
            painter.text(at, Align2::CENTER_CENTER, cell_text(shares[index]), tiny(), palette.text);
        }
    }
    let Some(pointer) = response.hover_pos().filter(|pointer| grid.contains(*pointer)) else { return };
    let at = (pointer - grid.min) / cell;
    let (row, column) = ((at.y as usize).min(classes - 1), (at.x as usize).min(classes - 1));
    let index = row * classes + column;
    response.on_hover_text_at_pointer(format!(
        "{} {verb} {}: {} ({})",
        history.class_name(row),
        history.class_name(column),
        counts[index],
        whole_percent(shares[index])
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_have_names() {
        assert_eq!([0.05, f64::INFINITY].map(radius_name), ["0.05", "never"]);
    }
}
