//! The line of the guided tour above the panes, and the frame about the pane that it speaks of.

use egui::{Button, Color32, Context, Id, Label, LayerId, Order, Rect, RichText, Stroke, StrokeKind, Ui};

use crate::app::draw::theme::{Palette, small};
use crate::app::tour::{STOPS, Tour};

/// What somebody has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The stop before.
    Back,
    /// The next one, or behind the last: the end.
    Next,
    /// To leave it.
    Leave,
}

/// What was pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Where to go, on the tour.
    pub moved: Option<Moved>,
    /// To begin it, or go on with it.
    pub is_taken: bool,
    /// Not to be asked again.
    pub is_declined: bool,
    /// To be shown the ready-made runs.
    pub wants_examples: bool,
}

/// Draws the line.
pub fn ui(ui: &mut Ui, palette: &Palette, tour: Tour) -> Answer {
    let stop = tour.stop();
    let mut moved = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let number = format!("{} of {}", tour.number(), STOPS.len());
        ui.label(RichText::new(number).font(small()).color(palette.weak));
        ui.label(RichText::new(stop.title).strong());
        ui.add(Label::new(stop.text).wrap());
        let (sign, color) = if tour.is_done() { ("● ", palette.good) } else { ("→ ", palette.auxiliary) };
        ui.add(Label::new(RichText::new(format!("{sign}{}", stop.asks)).strong().color(color)).wrap());
        let is_last = tour.number() == STOPS.len();
        let title = match (is_last, tour.is_done()) {
            (true, _) => "End the tour",
            (false, true) => "Next stop",
            (false, false) => "Skip",
        };
        let next = Button::new(RichText::new(title).color(Color32::WHITE)).fill(palette.accent);
        let next = if tour.is_done() { next } else { Button::new(title) };
        if ui.add(next).clicked() {
            moved = Some(Moved::Next);
        }
        if tour.number() > 1 && ui.button("Back").on_hover_text("To the stop before").clicked() {
            moved = Some(Moved::Back);
        }
        if !is_last
            && ui
                .button("Leave")
                .on_hover_text("It can be gone on with: the sheet of shortcuts (?)")
                .clicked()
        {
            moved = Some(Moved::Leave);
        }
    });
    Answer { moved, ..Answer::default() }
}

/// Offers the tour.
pub fn offer_ui(ui: &mut Ui) -> Answer {
    let mut answer = Answer::default();
    ui.horizontal_wrapped(|ui| {
        ui.add(Label::new("New here? A guided tour shows in ten stops what there is to see; or begin with a ready-made run.").wrap());
        answer.is_taken = ui.button("Take the tour").clicked();
        answer.wants_examples = ui.button("Examples").on_hover_text("Each has one thing to see").clicked();
        let declines = ui.button("No, thanks");
        answer.is_declined =
            declines.on_hover_text("It is in the File menu, and in the sheet of shortcuts (?)").clicked();
    });
    answer
}

/// A frame about the pane that it speaks of.
pub fn point_at(ctx: &Context, palette: &Palette, pane: Rect) {
    let painter = ctx.layer_painter(LayerId::new(Order::Middle, Id::unique("tour")));
    painter.rect_stroke(pane.expand(1.0), 8.0, Stroke::new(2.5, palette.auxiliary), StrokeKind::Middle);
}
