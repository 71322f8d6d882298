//! The representation that tasks share: where each point lies in it, and where each task's gradient points there, before and
//! behind the alignment layers.

use egui::{Color32, Painter, Pos2, Rect, Response, Sense, Ui, vec2};

use super::view::{Drawn, View, backdrop, captions, legend, ring, square};
use crate::app::draw::sheet::{Mark, Sheet, arrow, arrow_share, point};
use crate::config::MultitaskMethod;
use crate::protocol::SharedPlane;
use crate::show::number::short;

/// Points with arrows: at most one in each of so many squares along a side, of about that side where there is room for so many.
const CELLS: (usize, usize) = (3, 8);
/// See [`CELLS`].
const CELL: f32 = 60.0;
/// How strong the arrows before alignment are, where those behind it are drawn too.
const BEFORE: f32 = 0.4;
/// Length of the longest arrow, as a share of such a square, and of a chosen point's.
const LONGEST: (f32, f32) = (0.8, 1.6);

impl View<'_> {
    /// The plane of representations; the place of the point that was clicked.
    pub(super) fn shared_ui(
        &self,
        ui: &mut Ui,
        area: Rect,
        drawn: &Drawn,
        shared: &SharedPlane,
    ) -> Option<usize> {
        let palette = &self.palette;
        let sheet = Sheet { rect: square(area), low: 0.0, high: 1.0 };
        captions(ui, palette, area, ["representation: what the class's decoder says", ""]);
        self.legend_ui(ui, area, !shared.behind.is_empty());
        let response = ui.allocate_rect(sheet.rect, Sense::click());
        let painter = ui.painter_at(sheet.rect.expand(2.0));
        backdrop(&painter, palette, &sheet, &drawn.points);
        let places: Vec<[f64; 2]> = shared.places.iter().map(|place| shared.share(*place)).collect();
        for place in &places {
            point(&painter, sheet.at(*place), Mark::Trained, palette.weak, [palette.card, palette.bad]);
        }
        if !self.hides.arrows {
            self.arrows_ui(&painter, &sheet, shared, &places);
        }
        if let Some(place) = self.chosen.and_then(|chosen| places.get(chosen)) {
            ring(&painter, palette, sheet.at(*place));
        }
        let pointer = response.hover_pos()?;
        let found = sheet.nearest(pointer, places.iter().copied());
        let is_clicked = response.clicked();
        self.shared_hint(response, shared, found);
        found.filter(|_| is_clicked)
    }

    /// The arrows of one point in each square, or of the chosen one alone.
    fn arrows_ui(&self, painter: &Painter, sheet: &Sheet, shared: &SharedPlane, places: &[[f64; 2]]) {
        let length = |[x, y]: &[f32; 2]| x.hypot(*y);
        let all = shared.before.iter().chain(&shared.behind);
        let largest = all.map(length).filter(|length| length.is_finite()).fold(0.0, f32::max);
        let cells = ((sheet.rect.width() / CELL) as usize).clamp(CELLS.0, CELLS.1);
        let cell = sheet.rect.width() / cells as f32;
        let longest = cell * if self.chosen.is_some() { LONGEST.1 } else { LONGEST.0 };
        let draw = |at: Pos2, gradient: &[f32; 2], color: Color32| {
            let long = longest * arrow_share(length(gradient), largest);
            let [x, y] = *gradient;
            // It begins at its point.
            let half = vec2(x, -y).normalized() * (0.5 * long);
            let middle = if half.any_nan() { at } else { at + half };
            arrow(painter, middle, *gradient, long, color);
        };
        let count = places.len().max(1);
        let shown = match self.chosen {
            Some(chosen) => vec![chosen],
            None => spread(places, cells),
        };
        let behind = shared.behind.chunks(count);
        for (task, before) in shared.before.chunks(count).enumerate().filter(|(task, _)| self.is_here(*task))
        {
            let color = self.palette.class(task);
            let behind = behind.clone().nth(task);
            let weaker = color.gamma_multiply(if behind.is_some() { BEFORE } else { 1.0 });
            for index in &shown {
                let Some(at) = places.get(*index).map(|place| sheet.at(*place)) else { continue };
                if let Some(gradient) = before.get(*index) {
                    draw(at, gradient, weaker);
                }
                if let Some(gradient) = behind.and_then(|behind| behind.get(*index)) {
                    draw(at, gradient, color);
                }
            }
        }
    }

    /// Whether the task reads this representation: where each has an encoder of its own, only the first does.
    fn is_here(&self, task: usize) -> bool {
        let method = self.history.info.as_ref().map(|info| info.config.setup.multitask_method);
        task == 0 || method != Some(MultitaskMethod::SingleTask)
    }

    /// Whose arrows are of which colour.
    fn legend_ui(&self, ui: &mut Ui, area: Rect, aligns: bool) {
        let weak = self.palette.weak;
        let tasks = self.history.info.as_ref().map_or(0, |info| info.origins.len());
        let tasks = (0..tasks).filter(|task| self.is_here(*task));
        let named =
            tasks.map(|task| (format!("{} ", self.history.origin_name(task)), self.palette.class(task)));
        let pale = aligns.then(|| ("· pale: before alignment".to_owned(), weak));
        legend(ui, area, std::iter::once(("∇s of ".to_owned(), weak)).chain(named).chain(pale));
    }

    fn shared_hint(&self, response: Response, shared: &SharedPlane, found: Option<usize>) {
        let Some(index) = found else {
            response.on_hover_text(
                "What the encoder makes of each held-out point, two numbers. Arrows: where the loss of each task rises; longer is larger, by its logarithm.",
            );
            return;
        };
        let label = self.plane.points.get(index).map_or(0, |point| point.label);
        let mut text = format!("A point of class {}.", self.history.class_name(label.into()));
        let count = shared.places.len().max(1);
        for (task, before) in shared.before.chunks(count).enumerate().filter(|(task, _)| self.is_here(*task))
        {
            let Some(gradient) = before.get(index) else { continue };
            let said = |[x, y]: [f32; 2]| format!("({}, {})", short(x.into()), short(y.into()));
            text = format!("{text}\n{}: g = {}", self.history.origin_name(task), said(*gradient));
            if let Some(behind) = shared.behind.get(task * count + index) {
                text = format!("{text}, aligned {}", said(*behind));
            }
        }
        response.on_hover_text_at_pointer(format!("{text}\nClick: its arrows alone, and its gradients."));
    }
}

/// The first point of each of `cells`² squares, of those that have one.
fn spread(places: &[[f64; 2]], cells: usize) -> Vec<usize> {
    let mut taken = vec![false; cells * cells];
    let is_first = |(index, place): (usize, &[f64; 2])| {
        let [column, row] = place.map(|along| ((along * cells as f64) as usize).min(cells - 1));
        let cell = &mut taken[row * cells + column];
        (!std::mem::replace(cell, true)).then_some(index)
    };
    places.iter().enumerate().filter_map(is_first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_point_of_each_square_has_arrows() {
        let places = [[0.01, 0.01], [0.02, 0.1], [0.99, 0.99], [1.0, 1.0], [0.5, 0.01], [f64::NAN, 0.9]];
        assert_eq!(spread(&places, 7), [0, 2, 4, 5]);
        assert_eq!(spread(&places, 1), [0]);
    }
}
