//! What a network says of a picture, as a line.

use egui::{Color32, Ui};

use crate::app::draw::theme::{Palette, small};
use crate::protocol;
use crate::show::number::whole_percent;

/// A line: what is said, in `color`, and how likely it is.
pub fn line(ui: &mut Ui, palette: &Palette, what: &str, (name, probability): (String, f32), color: Color32) {
    let mut job = egui::text::LayoutJob::default();
    let format = |color| egui::TextFormat::simple(small(), color);
    job.append(what, 0.0, format(palette.weak));
    job.append(&name, 0.0, format(color));
    job.append(&format!("  {}", whole_percent(probability.into())), 0.0, format(palette.text));
    ui.add(egui::Label::new(job).truncate());
}

/// The class with the largest probability, and that; class 0 of none.
pub fn likeliest(probabilities: &[f32]) -> (usize, f32) {
    let class = protocol::likeliest(probabilities);
    (class, probabilities.get(class).copied().unwrap_or(f32::NAN))
}
