//! Saliency maps of the same images by several runs (Sinha et al. 2018, figure 4): the run that is shown, and those that are
//! ticked.

use egui::{Color32, ColorImage, Rect, RichText, Sense, TextureHandle, Ui, pos2, vec2};

use crate::app::draw::beside::{colour, short_title};
use crate::app::draw::textures;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::Scope;
use crate::protocol::Samples;
use crate::show::number::count;
use crate::show::palette::Ground;
use crate::show::picture::largest;

/// Room for a run's name.
const NAMES: f32 = 96.0;
const GAP: f32 = 4.0;

/// The gradient tensors of a run, image by image; none of an image that it was not shown.
struct Row {
    name: String,
    /// Steps done, where it is a run.
    step: Option<u64>,
    /// Its place among those beside; none of the run that is shown.
    beside: Option<usize>,
    maps: Vec<Option<Vec<f32>>>,
}

/// The view, with its pictures of a moment.
#[derive(Default)]
pub struct Maps {
    atlas: Option<Atlas>,
}

struct Atlas {
    /// Which samples it was drawn of.
    of: (Vec<u64>, Ground),
    texture: TextureHandle,
    rows: Vec<Row>,
    columns: usize,
}

impl Maps {
    /// Draws it.
    pub fn ui(&mut self, ui: &mut Ui, scope: &Scope<'_>, samples: &Samples) {
        let palette = &scope.palette;
        let beside = &scope.shelf.beside;
        let received = beside.iter().map(|kept| kept.history.samples_received);
        let of = (std::iter::once(scope.history.samples_received).chain(received).collect(), palette.ground);
        if self.atlas.as_ref().is_none_or(|atlas| atlas.of != of) {
            let others: Vec<(&str, Option<&Samples>)> =
                beside.iter().map(|kept| (kept.title.as_str(), kept.history.samples.as_ref())).collect();
            let rows = rows(samples, &others);
            let picture = atlas(samples, &rows, palette);
            let texture = ui.ctx().load_texture("maps", picture, egui::TextureOptions::NEAREST);
            self.atlas = Some(Atlas { of, texture, rows, columns: samples.samples.len() });
        }
        let Some(atlas) = &self.atlas else { return };
        let columns = atlas.columns.max(1) as f32;
        let side = ((ui.available_width() - NAMES - 12.0) / columns - GAP).clamp(20.0, 72.0);
        egui::ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing = vec2(GAP, GAP);
            for (index, row) in atlas.rows.iter().enumerate() {
                row_ui(ui, palette, atlas, (index, row), side);
            }
            if beside.is_empty() {
                let hint =
                    "Tick runs in the pane Runs (key O), and their maps of the same images stand below.";
                ui.label(RichText::new(hint).font(small()).color(palette.weak));
            }
        });
    }
}

fn row_ui(ui: &mut Ui, palette: &Palette, atlas: &Atlas, (index, row): (usize, &Row), side: f32) {
    ui.horizontal(|ui| {
        let (rect, response) = ui.allocate_exact_size(vec2(NAMES, side), Sense::hover());
        let color = match (row.step, row.beside) {
            (None, _) => palette.weak,
            (Some(_), None) => palette.text,
            (Some(_), Some(place)) => colour(palette, place),
        };
        let at = rect.left_center();
        let text = short_title(&row.name);
        ui.painter().text(at, egui::Align2::LEFT_CENTER, text, small(), color);
        if let Some(step) = row.step {
            let below = at + vec2(0.0, 12.0);
            let step = format!("step {}", count(step));
            ui.painter().text(below, egui::Align2::LEFT_CENTER, step, tiny(), palette.weak);
        }
        response.on_hover_text(&row.name);
        let rows = atlas.rows.len().max(1) as f32;
        for column in 0..atlas.columns {
            let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
            let (width, height) = (1.0 / atlas.columns as f32, 1.0 / rows);
            let corner = pos2(column as f32 * width, index as f32 * height);
            let uv = Rect::from_min_size(corner, vec2(width, height));
            let map = row.maps.get(column).and_then(Option::as_ref);
            let line = egui::Stroke::new(1.0, palette.line);
            if row.step.is_some() && map.is_none() {
                ui.painter().rect_stroke(rect, 2.0, line, egui::StrokeKind::Inside);
                response.on_hover_text("This run was not shown this image.");
                continue;
            }
            ui.painter().image(atlas.texture.id(), rect, uv, Color32::WHITE);
            ui.painter().rect_stroke(rect, 2.0, line, egui::StrokeKind::Outside);
            let is_nothing = map.is_some_and(|map| largest(map) == 0.0);
            if is_nothing {
                let center = egui::Align2::CENTER_CENTER;
                ui.painter().text(rect.center(), center, "0", small(), palette.bad);
            }
            response.on_hover_ui(|ui| {
                ui.add(egui::Image::new((atlas.texture.id(), vec2(224.0, 224.0))).uv(uv));
                ui.label(match (row.step, is_nothing) {
                    (None, _) => "A held-out image.",
                    (Some(_), true) => "Its gradient tensor is exactly 0: f32 has rounded it away.",
                    (Some(_), false) => {
                        "Its gradient tensor: blue lowers the loss, orange raises it; scaled to its largest entry."
                    }
                });
            });
        }
    });
}

/// The images, then the maps of the run that is shown and of `others`, of the images that both were shown.
fn rows(samples: &Samples, others: &[(&str, Option<&Samples>)]) -> Vec<Row> {
    let own = samples.samples.iter().map(|sample| Some(sample.gradient.clone())).collect();
    let mut rows = vec![
        Row { name: "x".into(), step: None, beside: None, maps: Vec::new() },
        Row { name: "this run".into(), step: Some(samples.step), beside: None, maps: own },
    ];
    for (place, (title, other)) in others.iter().enumerate() {
        let Some(other) = other else { continue };
        let of = |image: &Vec<f32>| {
            let same =
                other.samples.iter().find(|sample| other.shape == samples.shape && sample.image == *image);
            same.map(|sample| sample.gradient.clone())
        };
        let maps = samples.samples.iter().map(|sample| of(&sample.image)).collect();
        rows.push(Row { name: (*title).to_owned(), step: Some(other.step), beside: Some(place), maps });
    }
    rows
}

/// Every picture, row by row; the first are the images.
fn atlas(samples: &Samples, rows: &[Row], palette: &Palette) -> ColorImage {
    let [_, height, width] = samples.shape;
    let size = [(samples.samples.len() * width).max(1), (rows.len() * height).max(1)];
    let mut atlas = ColorImage::filled(size, Color32::TRANSPARENT);
    for (column, sample) in samples.samples.iter().enumerate() {
        let image = textures::image(samples.shape, &sample.image);
        textures::paste(&mut atlas, &image, [column * width, 0]);
    }
    for (index, row) in rows.iter().enumerate() {
        for (column, map) in row.maps.iter().enumerate() {
            let Some(map) = map else { continue };
            let picture = textures::signed(samples.shape, map, largest(map), palette);
            textures::paste(&mut atlas, &picture, [column * width, index * height]);
        }
    }
    atlas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn a_run_has_maps_of_the_images_that_it_was_shown() {
        let own = made_up::samples(1, 100);
        let mut other = made_up::samples(2, 900);
        let count = own.samples.len();
        other.samples.reverse();
        other.samples[0].image[0] += 0.5;
        for (place, sample) in other.samples.iter_mut().enumerate() {
            sample.gradient[0] = place as f32;
        }
        let rows = rows(&own, &[("other", Some(&other)), ("nothing yet", None)]);
        assert_eq!(rows.len(), 3, "the images, this run and the other one");
        let entries: Vec<Option<f32>> =
            rows[2].maps.iter().map(|map| map.as_ref().map(|map| map[0])).collect();
        let mut expected: Vec<Option<f32>> = (0..count).rev().map(|place| Some(place as f32)).collect();
        expected[count - 1] = None;
        assert_eq!((entries, rows[2].step, rows[2].beside), (expected, Some(900), Some(0)));

        other.shape = [1, 2, 2];
        let rows = self::rows(&own, &[("other", Some(&other))]);
        assert!(rows[2].maps.iter().all(Option::is_none), "other images altogether");
    }
}
