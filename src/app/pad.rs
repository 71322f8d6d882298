//! The pad on which a world is drawn: points of up to six classes, by mouse or finger, over whatever else is open.

use egui::{
    Align2, Button, Context, Response, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2,
};

use crate::app::draw::sheet::{Mark, Sheet, point};
use crate::app::draw::theme::{Palette, small};
use crate::app::run::controls::Controls;
use crate::config::{DRAWN_CLASSES, DRAWN_POINTS, Drawing, DrawnPoint, WorldKind};
use crate::protocol::Command;
use crate::show::number::count;

/// Names of the classes on their buttons.
const CLASSES: [&str; DRAWN_CLASSES] = ["A", "B", "C", "D", "E", "F"];
/// How far apart points are set along a stroke, and how far the eraser reaches, in sides of the pad.
const APART: f64 = 0.03;
/// See [`APART`].
const ERASED: f64 = 0.05;
/// How far off the stroke a wide one sets its points.
const WIDE: f64 = 0.07;
/// The pad's side, in points, where the window has room for it, and what else of it needs room above and below.
const SIDE: f32 = 380.0;
/// See [`SIDE`].
const BESIDE: f32 = 250.0;
/// Strokes that can be taken back.
const UNDONE: usize = 50;
/// The angle that spreads points most evenly about a place, in radians, and its like for how far off they lie.
const GOLDEN: (f64, f64) = (2.399_963_229_728_653, 0.618_033_988_749_894_9);

/// What a stroke does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Brush {
    /// Points along it.
    #[default]
    Line,
    /// Points about it.
    Wide,
    /// Takes points away.
    Eraser,
}

impl Brush {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Line, "Line", "Points along the stroke"),
        (Self::Wide, "Spray", "Points scattered about the stroke"),
        (Self::Eraser, "Eraser", "Takes points away"),
    ];
}

/// The pad, shown or not.
#[derive(Default)]
pub struct Pad {
    is_open: bool,
    points: Vec<DrawnPoint>,
    /// The drawing of the next run when the pad was opened last, or what was made of the points.
    opened: Drawing,
    class: u8,
    brush: Brush,
    /// What the points were before each stroke.
    before: Vec<Vec<DrawnPoint>>,
    /// Where the stroke under way has set its last point.
    last: Option<[f64; 2]>,
    /// Points set since the pad was opened, which says where a wide stroke sets its next one.
    set: u32,
    /// The data of the next run as they were in the last frame.
    data: String,
}

impl Pad {
    /// Shows it with what was drawn before.
    pub fn open(&mut self, drawing: &Drawing) {
        if self.is_open {
            return;
        }
        (self.last, self.is_open) = (None, true);
        // What was painted and not used is there again, unless another drawing has come since.
        if *drawing != self.opened {
            self.remember();
            self.points = drawing.points().to_vec();
            self.opened = drawing.clone();
        }
    }

    /// Opens where a drawn world was just chosen and nothing is drawn that could be learned.
    fn follow(&mut self, controls: &Controls) {
        let setup = &controls.config.setup;
        if setup.data != self.data {
            let is_chosen = !self.data.is_empty() && setup.data == WorldKind::Drawn.name();
            self.data.clone_from(&setup.data);
            if is_chosen && setup.drawing.classes() < 2 {
                self.open(&setup.drawing);
            }
        }
    }

    /// Draws it, and begins a run on what was drawn where that is wanted.
    pub fn ui(&mut self, ctx: &Context, palette: &Palette, controls: &mut Controls) {
        self.follow(controls);
        if !self.is_open {
            return;
        }
        let screen = ctx.content_rect();
        let side = SIDE.min(screen.width() - 40.0).min(screen.height() - BESIDE).max(120.0);
        let mut is_open = true;
        let mut is_used = false;
        let window = egui::Window::new("Draw a world").open(&mut is_open).collapsible(false).resizable(false);
        window.default_width(side).pivot(Align2::CENTER_CENTER).default_pos(screen.center()).show(
            ctx,
            |ui| {
                ui.set_width(side);
                self.brushes_ui(ui, palette);
                self.sheet_ui(ui, palette, side);
                is_used = self.end_ui(ui, palette);
            },
        );
        self.is_open &= is_open;
        if is_used && let Ok(drawing) = Drawing::new(self.points.clone()) {
            self.is_open = false;
            self.opened = drawing.clone();
            begin(controls, drawing);
            self.data.clone_from(&controls.config.setup.data);
        }
    }

    /// The class and the brush.
    fn brushes_ui(&mut self, ui: &mut Ui, palette: &Palette) {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for (class, name) in (0u8..).zip(CLASSES) {
                let is_chosen = self.class == class && self.brush != Brush::Eraser;
                let colour = palette.class(class.into());
                let ring = Stroke::new(if is_chosen { 2.5 } else { 0.0 }, palette.text);
                let text = RichText::new(name).strong().color(palette.card);
                let size = vec2(28.0, ui.spacing().interact_size.y);
                let button = ui.add(Button::new(text).fill(colour).stroke(ring).min_size(size));
                if button.on_hover_text(format!("Paint points of class {name}")).clicked() {
                    self.class = class;
                    if self.brush == Brush::Eraser {
                        self.brush = Brush::default();
                    }
                }
            }
        });
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for (brush, name, about) in Brush::ALL {
                ui.selectable_value(&mut self.brush, brush, name).on_hover_text(about);
            }
            ui.separator();
            let undo = ui.add_enabled(!self.before.is_empty(), Button::new("Undo"));
            if undo.on_hover_text("Take the last stroke back").clicked() {
                self.points = self.before.pop().unwrap_or_default();
            }
            if ui.add_enabled(!self.points.is_empty(), Button::new("Clear")).clicked() {
                self.remember();
                self.points.clear();
            }
        });
    }

    /// The sheet that is drawn on.
    fn sheet_ui(&mut self, ui: &mut Ui, palette: &Palette, side: f32) {
        let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click_and_drag());
        let sheet = Sheet { rect, low: 0.0, high: 1.0 };
        let said = format!("Sheet to draw on, {}", self.counted());
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, &said));
        self.stroke(&response, &sheet);
        let painter = ui.painter_at(rect.expand(1.0));
        painter.rect(rect, 4.0, palette.raised, Stroke::new(1.0, palette.line), StrokeKind::Middle);
        for drawn in &self.points {
            let colour = palette.class(drawn.class.into());
            point(&painter, sheet.at(drawn.place()), Mark::Safe, colour, [palette.card, palette.bad]);
        }
        if self.points.is_empty() {
            let text = "Paint here: at least two classes.";
            painter.text(rect.center(), Align2::CENTER_CENTER, text, small(), palette.weak);
        }
        let pointer = response.hover_pos().filter(|_| self.brush != Brush::Line);
        if let Some(pointer) = pointer {
            let reach = if self.brush == Brush::Wide { WIDE } else { ERASED };
            painter.circle_stroke(pointer, reach as f32 * side, Stroke::new(1.0, palette.weak));
        }
    }

    /// How much is drawn, and what to do with it; whether a run shall begin on it.
    fn end_ui(&mut self, ui: &mut Ui, palette: &Palette) -> bool {
        let is_full = self.points.len() >= DRAWN_POINTS;
        let (text, colour) = match is_full {
            true => {
                (format!("{}: all that a link can carry. Erase some to go on.", self.counted()), palette.bad)
            }
            false => (self.counted(), palette.weak),
        };
        ui.add(egui::Label::new(RichText::new(text).font(small()).color(colour)).wrap());
        let is_fit = self.classes() > 1;
        ui.horizontal(|ui| {
            let title = RichText::new("Train on it");
            let button = match is_fit {
                true => Button::new(title.color(egui::Color32::WHITE)).fill(palette.accent),
                false => Button::new(title),
            };
            let about = "Starts a new run on points scattered about those drawn, as far as the knob “world noise” says; other such points are held out. A class without points is left out";
            let why = "There is nothing to tell apart yet: paint points of a second class.";
            let is_used =
                ui.add_enabled(is_fit, button).on_hover_text(about).on_disabled_hover_text(why).clicked();
            if ui.button("Close").on_hover_text("The run at hand goes on as it is").clicked() {
                self.is_open = false;
            }
            is_used
        })
        .inner
    }

    /// Points by class, in words.
    fn counted(&self) -> String {
        let of = |class: usize| self.points.iter().filter(|point| usize::from(point.class) == class).count();
        let by_class = CLASSES.iter().enumerate().map(|(class, name)| (name, of(class)));
        let by_class: Vec<String> =
            by_class.filter(|(_, found)| *found > 0).map(|(name, found)| format!("{name} {found}")).collect();
        let all = format!("{} of {} points", count(self.points.len() as u64), count(DRAWN_POINTS as u64));
        if by_class.is_empty() { all } else { format!("{all}: {}", by_class.join(", ")) }
    }

    fn classes(&self) -> usize {
        let has = |class: &usize| self.points.iter().any(|point| usize::from(point.class) == *class);
        (0..DRAWN_CLASSES).filter(has).count()
    }

    /// Draws or erases where the pointer goes.
    fn stroke(&mut self, response: &Response, sheet: &Sheet) {
        let Some(pointer) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on())
        else {
            self.last = None;
            return;
        };
        let to = sheet.place(pointer).map(|along| along.clamp(0.0, 1.0));
        let Some(from) = self.last else {
            self.remember();
            self.touch(to);
            self.last = Some(to);
            return;
        };
        // A fast pointer leaps.
        let far = (to[0] - from[0]).hypot(to[1] - from[1]);
        let steps = (far / APART).floor();
        for step in 1..=steps as usize {
            let share = step as f64 * APART / far;
            let place = [0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis]));
            self.touch(place);
            self.last = Some(place);
        }
    }

    /// What the brush does at a place.
    fn touch(&mut self, place: [f64; 2]) {
        match self.brush {
            Brush::Line => self.put(place),
            Brush::Wide => {
                self.set += 1;
                let (sin, cos) = (f64::from(self.set) * GOLDEN.0).sin_cos();
                let off = WIDE * (f64::from(self.set) * GOLDEN.1).fract().sqrt();
                self.put([place[0] + off * cos, place[1] + off * sin]);
            }
            Brush::Eraser => {
                let is_far = |point: &DrawnPoint| {
                    let [x, y] = point.place();
                    (x - place[0]).hypot(y - place[1]) > ERASED
                };
                self.points.retain(is_far);
            }
        }
    }

    /// Sets a point; one that lies at the same place gives way.
    fn put(&mut self, place: [f64; 2]) {
        let new = DrawnPoint::near(place, self.class);
        self.points.retain(|point| point.at != new.at);
        if self.points.len() < DRAWN_POINTS {
            self.points.push(new);
        }
    }

    /// Keeps what there is, so that it can be gone back to.
    fn remember(&mut self) {
        if self.before.len() == UNDONE {
            self.before.remove(0);
        }
        self.before.push(self.points.clone());
    }
}

/// Begins a run on what was drawn, with the knobs at hand.
fn begin(controls: &mut Controls, drawing: Drawing) {
    let setup = &mut controls.config.setup;
    setup.data = WorldKind::Drawn.name().into();
    setup.drawing = drawing;
    controls.reset();
    controls.send(Command::Run);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(pad: &mut Pad, brush: Brush, class: u8, place: [f64; 2]) {
        (pad.brush, pad.class) = (brush, class);
        pad.touch(place);
    }

    #[test]
    fn a_place_has_one_point_and_the_eraser_takes_what_is_near() {
        let mut pad = Pad::default();
        at(&mut pad, Brush::Line, 0, [0.5, 0.5]);
        at(&mut pad, Brush::Line, 1, [0.5, 0.5]);
        at(&mut pad, Brush::Line, 3, [0.52, 0.5]);
        at(&mut pad, Brush::Line, 3, [0.9, 0.9]);
        assert_eq!((pad.points.len(), pad.classes(), &*pad.counted()), (3, 2, "3 of 500 points: B 1, D 2"));
        at(&mut pad, Brush::Eraser, 3, [0.5, 0.5]);
        assert_eq!(pad.points, [DrawnPoint::near([0.9, 0.9], 3)]);
    }

    #[test]
    fn no_more_is_drawn_than_a_link_can_carry_and_no_point_lies_outside() {
        let mut pad = Pad::default();
        for index in 0..5000u32 {
            let place = [f64::from(index % 97) / 96.0, f64::from(index % 89) / 88.0];
            at(&mut pad, Brush::Wide, (index % 6) as u8, place);
        }
        assert_eq!(pad.points.len(), DRAWN_POINTS);
        assert!(pad.points.iter().all(|point| point.at.iter().all(|at| *at < 128)));
        assert!(Drawing::new(pad.points).is_ok());
    }

    #[test]
    fn strokes_are_taken_back() {
        let mut pad = Pad::default();
        for index in 0..2 * UNDONE {
            pad.remember();
            at(&mut pad, Brush::Line, 0, [index as f64 / 120.0, 0.5]);
        }
        assert_eq!(
            (pad.before.len(), pad.before.pop().map(|points| points.len())),
            (UNDONE, Some(2 * UNDONE - 1))
        );
    }
}
