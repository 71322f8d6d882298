//! A picture of somebody's own: drawn here, opened or dropped, and what the network says of it while it trains.

use egui::{
    Color32, ColorImage, Context, Event, Rect, Response, RichText, Role, Sense, Stroke, StrokeKind,
    TextureHandle, TextureId, TextureOptions, Ui, WidgetInfo, pos2, vec2,
};

use super::says::{likeliest, line};
use crate::app::draw::textures;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::Scope;
use crate::app::run::history::History;
use crate::app::run::pair::Pair;
use crate::platform::{PASTED, PICTURES, open_bytes, paste_picture};
use crate::protocol::{OwnPicture, Predicted};
use crate::show::number::{count, short, whole_percent};
use crate::show::palette::Ground;
use crate::show::picture::largest;
use crate::show::png;

/// What a drawing is called.
const DRAWING: &str = "your drawing";
/// Radius of the pen, in widths of the picture.
const PEN: f32 = 0.04;
/// Classes that are told.
const TOLD: usize = 3;
/// Between pictures.
const GAP: f32 = 4.0;
/// Largest side of a picture.
const SIDE: f32 = 96.0;

/// The view, with what is drawn in it.
#[derive(Default)]
pub struct Own {
    /// Bytes of a grey picture, row by row, where something is drawn.
    canvas: Option<Canvas>,
    /// The name of the picture that was told of last.
    seen: Option<String>,
    shown: Option<Shown>,
}

/// A grey picture under the pen.
struct Canvas {
    size: [usize; 2],
    pixels: Vec<u8>,
    /// Where the pen was last, in pixels, while it is down.
    last: Option<[f32; 2]>,
    erases: bool,
    /// As it is, until the pen moves.
    texture: Option<TextureHandle>,
}

/// Textures of a moment: the gradient tensor, the changed picture, the change; and the picture itself.
struct Shown {
    of: (u64, Ground),
    textures: [TextureHandle; 4],
}

impl Own {
    /// Whether a picture has come that was not there before: somebody wants to see it.
    pub fn has_come(&mut self, history: &History) -> bool {
        let name = history.predicted.as_ref().map(|found| &found.name);
        let is_new = name.is_some() && name != self.seen.as_ref();
        if is_new {
            self.seen = name.cloned();
        }
        is_new
    }

    /// Draws the view.
    pub fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let palette = scope.palette;
        if scope.is_kept {
            ui.label(
                RichText::new("Of a kept run nothing can be asked: go on with it.")
                    .font(small())
                    .color(palette.weak),
            );
            return;
        }
        let Some(shape) = scope.history.info.as_ref().map(|info| info.image_shape) else { return };
        self.choices_ui(ui, scope);
        take_pasted(ui, scope);
        let side = ((ui.available_width() - 3.0 * GAP) / 4.0).clamp(40.0, SIDE);
        self.refresh(ui, scope.history, &palette);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 3.0;
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                if let Some(drawn) = self.sheet_ui(ui, scope.history, shape, &palette, side) {
                    scope.controls.predict(Some(drawn));
                }
                let titles = [
                    ("∇x J", "The gradient tensor of the class that the network says: blue lowers the loss, orange raises it."),
                    ("changed", "The picture after the smallest change found that fools the network."),
                    ("change", "That change: full colour is its ε."),
                ];
                for (index, (title, about)) in titles.into_iter().enumerate() {
                    let texture = self.shown.as_ref().map(|shown| shown.textures[index].id());
                    picture_ui(ui, &palette, texture, (title, about), side);
                }
            });
            match &scope.history.predicted {
                _ if scope.controls.is_asking() => {
                    let asking = RichText::new("The network is asked…").font(small()).color(palette.weak);
                    ui.label(asking);
                }
                Some(found) => says_ui(ui, scope.history, &palette, found),
                None => {
                    let hint = "Draw in the first square, open or paste a picture, or drop one on the window: what the network says of it, its gradient tensor, and the smallest change that fools it, live while it trains.";
                    ui.add(egui::Label::new(RichText::new(hint).font(small()).color(palette.weak)).wrap());
                }
            }
        });
    }

    fn choices_ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        ui.horizontal(|ui| {
            let open = ui
                .small_button("Open picture…")
                .on_hover_text("PNG, JPEG, WebP, BMP or GIF; its middle is scaled");
            if open.clicked() {
                scope.exports.await_answer(open_bytes("picture", &PICTURES));
            }
            let paste = ui.small_button("Paste").on_hover_text("The picture that was copied last");
            if paste.clicked() {
                scope.exports.await_answer(paste_picture());
            }
            let can_clear = self.canvas.is_some() || scope.history.predicted.is_some();
            if ui.add_enabled(can_clear, egui::Button::new("Clear").small()).clicked() {
                *self = Self::default();
                scope.history.predicted = None;
                scope.pair.iter_mut().for_each(Pair::forget_prediction);
                scope.controls.predict(None);
            }
            if let Some(canvas) = &mut self.canvas {
                ui.checkbox(&mut canvas.erases, RichText::new("erase").font(small()));
            }
        });
    }

    /// The textures, where they are of something older.
    fn refresh(&mut self, ui: &Ui, history: &History, palette: &Palette) {
        let Some(found) = &history.predicted else {
            self.shown = None;
            return;
        };
        let of = (history.predicted_received, palette.ground);
        if self.shown.as_ref().is_some_and(|shown| shown.of == of) {
            return;
        }
        let (shape, sample) = (found.shape, &found.sample);
        let change: Vec<f32> =
            sample.adversarial.iter().zip(&sample.image).map(|(after, before)| after - before).collect();
        let pictures = [
            textures::signed(shape, &sample.gradient, largest(&sample.gradient), palette),
            textures::image(shape, &sample.adversarial),
            textures::signed(shape, &change, largest(&change), palette),
            textures::image(shape, &sample.image),
        ];
        let textures =
            pictures.map(|picture| ui.ctx().load_texture("own picture", picture, TextureOptions::NEAREST));
        self.shown = Some(Shown { of, textures });
    }

    /// The picture, on which can be drawn; the drawing, when a stroke ends.
    fn sheet_ui(
        &mut self,
        ui: &mut Ui,
        history: &History,
        [_, height, width]: [usize; 3],
        palette: &Palette,
        side: f32,
    ) -> Option<OwnPicture> {
        let mut drawn = None;
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.label(RichText::new("draw here").font(tiny()).color(palette.weak));
            let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click_and_drag());
            response
                .widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Sheet for a picture of your own"));
            // A drawing for networks of another size says nothing here.
            if self.canvas.as_ref().is_some_and(|canvas| canvas.size != [width, height]) {
                self.canvas = None;
            }
            let is_other = self.seen.as_deref().is_some_and(|name| name != DRAWING);
            if response.is_pointer_button_down_on()
                && self.canvas.as_ref().is_none_or(|canvas| is_other && canvas.last.is_none())
            {
                // What was opened is drawn upon.
                let before = history.predicted.as_ref().filter(|found| found.shape[1..] == [height, width]);
                self.canvas = Some(Canvas::of([width, height], before));
            }
            drawn = self.canvas.as_mut().and_then(|canvas| canvas.stroke(&response, rect));
            ui.painter().rect_filled(rect, 0.0, Color32::BLACK);
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            // What was opened after it hides a drawing.
            let is_drawn = self.seen.as_deref().is_none_or(|name| name == DRAWING) || drawn.is_some();
            if let Some(canvas) = self.canvas.as_mut().filter(|canvas| is_drawn || canvas.last.is_some()) {
                ui.painter().image(canvas.texture(ui.ctx()), rect, whole, Color32::WHITE);
            } else if let Some(shown) = &self.shown {
                ui.painter().image(shown.textures[3].id(), rect, whole, Color32::WHITE);
            }
            ui.painter().rect_stroke(rect, 2.0, Stroke::new(1.0, palette.line), StrokeKind::Outside);
        });
        drawn
    }
}

impl Canvas {
    /// Black, or what the network was shown before, in grey.
    fn of(size: [usize; 2], before: Option<&Predicted>) -> Self {
        let area = size[0] * size[1];
        let pixels = before.map_or(vec![0; area], |found| {
            let channels = found.shape[0].max(1);
            let grey = |place: usize| -> f32 {
                (0..channels).filter_map(|channel| found.sample.image.get(channel * area + place)).sum()
            };
            (0..area).map(|place| (255.0 * grey(place) / channels as f32).round() as u8).collect()
        });
        Self { size, pixels, last: None, erases: false, texture: None }
    }

    /// Draws where the pen goes; the drawing, once it is lifted.
    fn stroke(&mut self, response: &Response, rect: Rect) -> Option<OwnPicture> {
        let pointer = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on());
        let Some(pointer) = pointer else {
            return self.last.take().map(|_| self.file());
        };
        let share = (pointer - rect.min) / rect.size();
        let to = [share.x * self.size[0] as f32, share.y * self.size[1] as f32];
        let from = self.last.unwrap_or(to);
        let far = (to[0] - from[0]).hypot(to[1] - from[1]);
        let steps = (2.0 * far).ceil().max(1.0);
        for step in 1..=steps as usize {
            let share = step as f32 / steps;
            self.touch([0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis])));
        }
        (self.last, self.texture) = (Some(to), None);
        None
    }

    /// What the pen does at a place, in pixels: a round spot with a soft edge.
    fn touch(&mut self, [x, y]: [f32; 2]) {
        let [width, height] = self.size;
        let radius = (PEN * width as f32).max(0.7);
        let reach = |at: f32, most: usize| {
            let low = (at - radius - 1.0).floor().max(0.0) as usize;
            low..((at + radius + 1.0).ceil().max(0.0) as usize).min(most)
        };
        for row in reach(y, height) {
            for column in reach(x, width) {
                let far = (column as f32 + 0.5 - x).hypot(row as f32 + 0.5 - y);
                let ink = (255.0 * (radius + 0.5 - far).clamp(0.0, 1.0)) as u8;
                let pixel = &mut self.pixels[row * width + column];
                *pixel = if self.erases { (*pixel).min(u8::MAX - ink) } else { (*pixel).max(ink) };
            }
        }
    }

    /// The texture of what is drawn now.
    fn texture(&mut self, ctx: &Context) -> TextureId {
        let load = || {
            let picture = ColorImage::from_rgb(self.size, &rgb(&self.pixels));
            ctx.load_texture("own drawing", picture, TextureOptions::NEAREST)
        };
        self.texture.get_or_insert_with(load).id()
    }

    fn file(&self) -> OwnPicture {
        OwnPicture { name: DRAWING.into(), bytes: png::encode(self.size, &rgb(&self.pixels)) }
    }
}

/// Grey pixels, three bytes each.
fn rgb(grey: &[u8]) -> Vec<u8> {
    grey.iter().flat_map(|pixel| [*pixel; 3]).collect()
}

/// Asks about a picture that was pasted by keys; of a text is said that it is none.
fn take_pasted(ui: &Ui, scope: &mut Scope<'_>) {
    if ui.ctx().egui_wants_keyboard_input() {
        return;
    }
    let pasted = ui.input(|input| {
        input
            .events
            .iter()
            .rev()
            .find(|event| matches!(event, Event::Paste(_) | Event::PasteImage(_)))
            .cloned()
    });
    match pasted {
        Some(Event::PasteImage(image)) => {
            scope.controls.predict(Some(OwnPicture { name: PASTED.into(), bytes: textures::to_png(&image) }));
        }
        Some(_) => {
            scope.history.notice = Some("What was pasted is text: copy a picture, and press Paste.".into());
        }
        None => {}
    }
}

fn picture_ui(
    ui: &mut Ui,
    palette: &Palette,
    texture: Option<egui::TextureId>,
    (title, about): (&str, &str),
    side: f32,
) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        ui.label(RichText::new(title).font(tiny()).color(palette.weak));
        let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
        if let Some(texture) = texture {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture, rect, whole, Color32::WHITE);
        }
        ui.painter().rect_stroke(rect, 2.0, Stroke::new(1.0, palette.line), StrokeKind::Outside);
        response.on_hover_text(about);
    });
}

/// What the network says of it, and how little changes that.
fn says_ui(ui: &mut Ui, history: &History, palette: &Palette, found: &Predicted) {
    let sample = &found.sample;
    let mut order: Vec<usize> = (0..sample.clean_probabilities.len()).collect();
    order.sort_by(|a, b| sample.clean_probabilities[*b].total_cmp(&sample.clean_probabilities[*a]));
    for class in order.into_iter().take(TOLD) {
        let probability = sample.clean_probabilities[class];
        line(ui, palette, "", (history.class_name(class), probability), palette.text);
    }
    let (origin, read) = likeliest(&sample.auxiliary_probabilities);
    if !sample.auxiliary_probabilities.is_empty() {
        line(ui, palette, "gradient read as ", (history.origin_name(origin), read), palette.auxiliary);
    }
    let mut notes = Vec::new();
    if found.epsilon.is_finite() {
        let (after, sure) = likeliest(&sample.adversarial_probabilities);
        notes.push(format!(
            "The smallest change found that fools it: ε = {} ({}/255), then {}, {}.",
            short(found.epsilon),
            short(255.0 * found.epsilon),
            history.class_name(after),
            whole_percent(sure.into())
        ));
    } else {
        notes.push("No change was found that fools it.".into());
    }
    let changes =
        if found.changes.is_empty() { String::new() } else { format!(": {}", found.changes.join("; ")) };
    notes.push(format!("{}, step {}{changes}.", found.name, count(found.step)));
    for note in notes {
        ui.add(egui::Label::new(RichText::new(note).font(small()).color(palette.weak)).wrap());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pen_leaves_a_line_and_an_eraser_takes_it_away() {
        let mut canvas = Canvas::of([28, 28], None);
        for x in 4..24 {
            canvas.touch([x as f32, 14.0]);
        }
        assert!(canvas.pixels[14 * 28 + 10] > 200 && canvas.pixels[4 * 28 + 10] == 0);
        canvas.erases = true;
        (0..280).for_each(|part| canvas.touch([0.1 * part as f32, 14.0]));
        assert!(canvas.pixels.iter().all(|pixel| *pixel < 130), "but for soft edges");
        canvas.touch([-50.0, 900.0]);
    }

    #[test]
    fn what_was_opened_is_drawn_upon() {
        let mut found = crate::protocol::made_up::predicted(1, 1);
        found.shape = [3, 1, 2];
        found.sample.image = vec![0.0, 1.0, 0.3, 1.0, 0.6, 1.0];
        assert_eq!(Canvas::of([2, 1], Some(&found)).pixels, [77, 255]);
    }
}
