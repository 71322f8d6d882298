//! The confusion matrix: a row a true origin, a column what was read; shares of the row, or how they differ from another run's.

use egui::{Align2, Color32, Rect, RichText, Sense, Stroke, Ui, pos2, vec2};

use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::run::history::History;
use crate::show::matrix::{classes, shares, total};
use crate::show::number::{self, points, whole_percent};

/// Room for what stands below.
const CAPTION: f32 = 13.0;

/// A matrix to be drawn.
pub(super) struct Confusion<'a> {
    history: &'a History,
    /// Gradients, row by row; of a difference the run's own.
    counts: &'a [u32],
    classes: usize,
    /// Of each row the share that each column has, or what it has more than another run's.
    shares: Vec<f64>,
    is_difference: bool,
}

impl<'a> Confusion<'a> {
    /// That of a run's last report.
    pub(super) fn of(history: &'a History) -> Option<Self> {
        let counts = &history.latest.as_ref()?.confusion;
        let classes = classes(counts.len());
        (classes > 0).then(|| Self { history, counts, classes, shares: shares(counts), is_difference: false })
    }

    /// Its shares less the other one's; none where that has other classes.
    pub(super) fn less(&self, other: &Self) -> Option<Self> {
        let difference = || self.shares.iter().zip(&other.shares).map(|(own, other)| own - other).collect();
        (self.classes == other.classes).then(|| Self { shares: difference(), is_difference: true, ..*self })
    }

    /// Draws it into `area`, with so much room for names at the left; `title` says which run it is of, where there are two.
    pub(super) fn ui(&self, ui: &Ui, palette: &Palette, area: Rect, names: f32, title: &str) {
        let side = (area.width() - names).min(area.height() - CAPTION - 9.0);
        // Columns get names too where they are wide enough.
        let above = if side / self.classes as f32 >= 47.0 { 22.0 } else { 6.0 };
        let side = side.min(area.height() - CAPTION - 3.0 - above).max(1.0);
        let grid = Rect::from_min_size(pos2(area.right() - side, area.top() + above), vec2(side, side));
        self.cells_ui(ui, palette, grid);
        self.names_ui(ui, palette, grid, names);
        if side / self.classes as f32 >= 26.0 {
            self.figures_ui(ui, palette, grid);
        }
        let at = pos2(grid.right(), grid.bottom() + 2.0);
        let axes = "read as (across) · true (down)";
        let text = if title.is_empty() { axes.to_owned() } else { format!("{title} · {axes}") };
        let room = (area.width() / 5.2) as usize;
        let text = if text.chars().count() > room { number::shortened(title, room) } else { text };
        ui.painter().text(at, Align2::RIGHT_TOP, text, tiny(), palette.weak);
        self.hover(ui, palette, grid, title);
    }

    /// The colour of a cell: from the ground to the auxiliary network's, or of less and more.
    fn color(&self, palette: &Palette, share: f64) -> Color32 {
        // The square root shows rare confusions too.
        let strength = (share.abs() as f32).sqrt();
        match self.is_difference {
            false => palette.raised.lerp_to_gamma(palette.auxiliary, strength),
            true => palette.diverging(strength.copysign(share as f32)),
        }
    }

    fn cells_ui(&self, ui: &Ui, palette: &Palette, grid: Rect) {
        let mut cells = egui::Mesh::default();
        for (at, share) in self.shares.iter().enumerate() {
            cells.add_colored_rect(self.cell(grid, at).shrink(0.5), self.color(palette, *share));
        }
        let cell = grid.width() / self.classes as f32;
        for class in 0..self.classes {
            let middle = (class as f32 + 0.5) * cell;
            let left = pos2(grid.left() - 6.0, grid.top() + middle);
            let above = pos2(grid.left() + middle, grid.top() - 4.0);
            let long = (cell - 2.0).min(9.0);
            for (at, size) in [(left, vec2(4.0, long)), (above, vec2(long, 4.0))] {
                cells.add_colored_rect(Rect::from_center_size(at, size), palette.class(class));
            }
        }
        ui.painter().add(cells);
    }

    fn names_ui(&self, ui: &Ui, palette: &Palette, grid: Rect, names: f32) {
        let cell = grid.width() / self.classes as f32;
        for class in 0..self.classes {
            let middle = (class as f32 + 0.5) * cell;
            if cell >= 9.0 {
                let galley = self.name(ui, palette, class, names - 14.0);
                let at = pos2(grid.left() - 11.0, grid.top() + middle);
                let at = at - vec2(galley.size().x, galley.size().y / 2.0);
                ui.painter().galley(at, galley, palette.text);
            }
            if cell >= 46.0 {
                let galley = self.name(ui, palette, class, cell - 4.0);
                let at = pos2(grid.left() + middle, grid.top() - 15.0) - galley.size() / 2.0;
                ui.painter().galley(at, galley, palette.text);
            }
        }
    }

    /// A class's name, cut to `width`.
    fn name(&self, ui: &Ui, palette: &Palette, class: usize, width: f32) -> std::sync::Arc<egui::Galley> {
        let name = self.history.origin_name(class);
        let mut job = egui::text::LayoutJob::simple_singleline(name, tiny(), palette.text);
        job.wrap = egui::text::TextWrapping::truncate_at_width(width);
        ui.painter().layout_job(job)
    }

    /// Where the cell of that number lies.
    fn cell(&self, grid: Rect, at: usize) -> Rect {
        let cell = grid.width() / self.classes as f32;
        let (row, column) = (at / self.classes, at % self.classes);
        Rect::from_min_size(grid.min + vec2(column as f32, row as f32) * cell, vec2(cell, cell))
    }

    /// Shares in percent, or differences in points, where the cells have room for them.
    fn figures_ui(&self, ui: &Ui, palette: &Palette, grid: Rect) {
        for (at, share) in self.shares.iter().enumerate() {
            let text = match self.is_difference {
                false => number::cell(*share),
                true if share.abs() < 0.005 => continue,
                true => points(*share),
            };
            let color = if share.abs() > 0.3 { palette.card } else { palette.text };
            ui.painter().text(self.cell(grid, at).center(), Align2::CENTER_CENTER, text, tiny(), color);
        }
    }

    fn hover(&self, ui: &Ui, palette: &Palette, grid: Rect, title: &str) {
        let response = ui.interact(grid, ui.scope_id().with(("confusion", title)), Sense::hover());
        let Some(pointer) = response.hover_pos() else { return };
        let at = (pointer - grid.min) / (grid.width() / self.classes as f32);
        let last = self.classes - 1;
        let (row, column) = ((at.y as usize).min(last), (at.x as usize).min(last));
        let at = row * self.classes + column;
        let outline = Stroke::new(1.5, palette.text);
        ui.painter().rect_stroke(self.cell(grid, at), 1.0, outline, egui::StrokeKind::Inside);
        let (hits, total) = (self.counts[at], total(self.counts, row));
        response.on_hover_ui_at_pointer(|ui| {
            let names = [row, column].map(|class| self.history.origin_name(class));
            let sentence = match row == column {
                true => format!("{} read rightly", names[0]),
                false => format!("{} read as {}", names[0], names[1]),
            };
            ui.label(RichText::new(sentence).strong());
            let text = match self.is_difference {
                true => format!("{} points: {title}", points(self.shares[at])),
                false => {
                    let share = whole_percent(f64::from(hits) / f64::from(total));
                    format!("{hits} of {total} gradients ({share})")
                }
            };
            ui.label(RichText::new(text).font(small()));
        });
    }
}
