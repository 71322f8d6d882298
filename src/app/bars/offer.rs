//! The line above the panes while the page's address asks for another run than the one at hand.

use egui::{Button, Label, RichText, Ui};

use crate::app::draw::theme::Palette;

/// What somebody has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Start the run of the address.
    Start,
    /// Keep the one at hand.
    Keep,
}

/// Draws the line; what was pressed in it.
pub fn ui(ui: &mut Ui, palette: &Palette) -> Option<Decided> {
    let mut decided = None;
    ui.horizontal_wrapped(|ui| {
        ui.add(Label::new("The address now asks for another run than this one.").wrap());
        let start = Button::new(RichText::new("Start it").color(egui::Color32::WHITE)).fill(palette.accent);
        if ui.add(start).on_hover_text("Set the knobs as the address says, and start anew").clicked() {
            decided = Some(Decided::Start);
        }
        if ui.button("Keep this run").on_hover_text("And put the address back").clicked() {
            decided = Some(Decided::Keep);
        }
    });
    decided
}
