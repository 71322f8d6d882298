//! A plane as it is drawn: what lies behind, points, gradients, attacks, and what is said where the pointer rests.

use egui::text::{LayoutJob, TextFormat};
use egui::{
    Color32, Label, Painter, Rect, Response, RichText, Sense, Shape, Stroke, StrokeKind, TextureHandle,
    TextureId, Ui, Vec2, pos2, vec2,
};

use super::shows::Shows;
use crate::app::draw::sheet::{Mark, Sheet, arrow, arrow_share, point, tries, way};
use crate::app::draw::theme::{Palette, tiny};
use crate::app::run::history::History;
use crate::config::{AttackKind, TargetKind};
use crate::protocol::{FIELD_SIDE, PLANE_SIDE, Plane, PlanePoint, Traced};
use crate::show::number::{short, short_percent, whole_percent};
use crate::show::palette::Ground;

/// Height of what stands above and below a plane.
pub(super) const CAPTION: f32 = 15.0;
/// Parts of the ring of the noise.
const RING: u32 = 48;

/// What is left out of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hides {
    pub arrows: bool,
    pub trained: bool,
}

/// What follows from a plane once, and not with each frame.
pub(super) struct Drawn {
    pub of: (u64, Ground, Shows),
    pub points: TextureHandle,
    pub gradients: TextureHandle,
    pub marks: Vec<Mark>,
}

/// A plane as it is drawn now.
pub(super) struct View<'a> {
    pub plane: &'a Plane,
    pub history: &'a History,
    pub palette: Palette,
    /// The place of the chosen point among those of the plane.
    pub chosen: Option<usize>,
    pub hides: Hides,
    /// In slow motion: the world before the last step.
    pub before: Option<&'a Plane>,
    /// And the places that it changed, of both planes.
    pub changed: Option<[TextureId; 2]>,
    pub shows: Shows,
}

impl View<'_> {
    /// The plane of points; the place of the one that was clicked.
    pub fn points_ui(&self, ui: &mut Ui, area: Rect, drawn: &Drawn) -> Option<usize> {
        let (plane, palette) = (self.plane, &self.palette);
        let sheet = Sheet { rect: square(area), low: 0.0, high: 1.0 };
        let above = match (self.shows, plane.teacher.as_deref()) {
            (Shows::Teacher, Some(_)) => "points: what the teacher says".to_owned(),
            (Shows::Angle, Some(teacher)) => {
                let mean = teacher.mean_cosine().map_or("–".into(), short);
                format!("green: gradients point alike, red: opposed; mean cosine {mean}")
            }
            (_, Some(_)) => "points: what the student says".to_owned(),
            (_, None) if plane.shared.is_some() => "points, by class: what the network says".to_owned(),
            (_, None) => "points: what the network says".to_owned(),
        };
        let below = "striped: no gradient left in f32".to_owned();
        let has_flat = plane.flat.contains(&1);
        let ends = self.traced();
        captions(ui, palette, area, [&above, if has_flat && ends.is_none() { &below } else { "" }]);
        if let Some(traced) = ends {
            self.ends_ui(ui, area, traced);
        }
        let response = ui.allocate_rect(sheet.rect, Sense::click());
        let painter = ui.painter_at(sheet.rect.expand(2.0));
        backdrop(&painter, palette, &sheet, &drawn.points);
        if self.shows == Shows::Points {
            self.changed_ui(&painter, &sheet, 0);
        }
        if !self.hides.arrows {
            self.field_ui(&painter, &sheet);
        }
        let colours = [palette.card, palette.bad];
        if !self.hides.trained {
            for (at, label) in &plane.trained {
                let at = sheet.at(at.map(|at| f64::from(at) / 255.0));
                point(&painter, at, Mark::Trained, palette.class((*label).into()), colours);
            }
        }
        for (of, mark) in plane.points.iter().zip(&drawn.marks) {
            point(&painter, sheet.at(of.place()), *mark, palette.class(of.label.into()), colours);
        }
        if let Some(chosen) = self.chosen {
            self.chosen_ui(&painter, &sheet, &plane.points[chosen]);
        }
        let pointer = response.hover_pos()?;
        let found = sheet.nearest(pointer, plane.points.iter().map(PlanePoint::place));
        let is_clicked = response.clicked();
        self.place_hint(response, sheet.place(pointer), found);
        found.filter(|_| is_clicked)
    }

    /// In slow motion, the places of a plane that say something else than before the step.
    fn changed_ui(&self, painter: &Painter, sheet: &Sheet, which: usize) {
        if let Some(changed) = self.changed {
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(changed[which], sheet.rect, whole, Color32::WHITE);
        }
    }

    /// The ways of the gradients in that step, at the scale of the plane as it is now.
    fn moved_ui(&self, painter: &Painter, sheet: &Sheet) {
        let Some(before) = self.before else { return };
        for (old, new) in before.gradients.iter().zip(&self.plane.gradients) {
            let [from, to] =
                [old, new].map(|gradient| sheet.at(gradient.at.map(|along| self.plane.drawn(along.into()))));
            painter.line_segment([from, to], Stroke::new(1.2, self.palette.class(new.origin.into())));
        }
    }

    fn field_ui(&self, painter: &Painter, sheet: &Sheet) {
        let length = |[x, y]: &[f32; 2]| x.hypot(*y);
        let teacher = self.plane.teacher.as_deref().filter(|_| self.shows == Shows::Teacher);
        let field = teacher.map_or(&self.plane.field, |teacher| &teacher.field);
        let largest = field.iter().map(length).filter(|length| length.is_finite()).fold(0.0, f32::max);
        let cell = sheet.rect.width() / FIELD_SIDE as f32;
        for (index, towards) in field.iter().enumerate() {
            let place = [index % FIELD_SIDE, index / FIELD_SIDE];
            let middle = sheet.at(place.map(|at| (at as f64 + 0.5) / FIELD_SIDE as f64));
            let share = arrow_share(length(towards), largest);
            arrow(painter, middle, *towards, 0.85 * cell * share, self.palette.text.gamma_multiply(0.55));
        }
    }

    /// The ball of the chosen point, and the nearest place in it that is misread.
    fn chosen_ui(&self, painter: &Painter, sheet: &Sheet, point: &PlanePoint) {
        // The ways may be of a newer ε than the picture.
        let epsilon = self.traced().map_or(self.plane.epsilon, |traced| traced.epsilon);
        let palette = &self.palette;
        let [x, y] = point.place();
        let ball = Rect::from_two_pos(
            sheet.at([(x - epsilon).max(0.0), (y - epsilon).max(0.0)]),
            sheet.at([(x + epsilon).min(1.0), (y + epsilon).min(1.0)]),
        );
        painter.rect_stroke(ball, 0.0, Stroke::new(1.5, palette.text), StrokeKind::Middle);
        ring(painter, palette, sheet.at([x, y]));
        for path in self.traced().iter().flat_map(|traced| &traced.paths) {
            let at = |place: &[f32; 2]| sheet.at(place.map(f64::from));
            let places: Vec<_> = path.places.iter().map(at).collect();
            let colours = [palette.attack(path.attack, TargetKind::Untargeted), palette.card];
            if path.attack == AttackKind::Square {
                tries(painter, &path.tries.iter().map(at).collect::<Vec<_>>(), places.last(), colours);
            } else {
                way(painter, &places, colours);
            }
        }
        if let Some(nearest) = self.plane.nearest(point, epsilon) {
            let line = [sheet.at([x, y]), sheet.at(nearest)];
            painter.line_segment(line, Stroke::new(1.8, palette.bad));
            painter.circle(line[1], 3.0, palette.card, Stroke::new(1.8, palette.bad));
        }
    }

    /// The ways of attacks from the chosen point, where they have come.
    fn traced(&self) -> Option<&Traced> {
        let chosen = &self.plane.points[self.chosen?];
        self.history.traced.as_ref().filter(|traced| traced.index == chosen.index)
    }

    /// What they end in, each in the colour of its way, and what the line to the nearest misread place is.
    fn ends_ui(&self, ui: &mut Ui, area: Rect, traced: &Traced) {
        let mut words: Vec<(String, Color32)> = Vec::new();
        for path in &traced.paths {
            let said = self.history.class_name(path.said.into());
            let joint = if words.is_empty() { "" } else { ", " };
            let color = self.palette.attack(path.attack, TargetKind::Untargeted);
            words.push((format!("{joint}{} → {said}", path.attack), color));
        }
        words.push((" · nearest misread".into(), self.palette.bad));
        legend(ui, area, words);
    }

    /// The plane of gradients; the place of the point whose gradient was clicked.
    pub fn gradients_ui(&self, ui: &mut Ui, area: Rect, drawn: &Drawn) -> Option<usize> {
        let (plane, palette) = (self.plane, &self.palette);
        let sheet = Sheet { rect: square(area), low: -1.0, high: 1.0 };
        let right = plane.gradients.iter().filter(|one| one.origin == one.read).count();
        let read = right as f64 / plane.gradients.len().max(1) as f64;
        let chance = self
            .history
            .chance()
            .map_or(String::new(), |chance| format!(", chance {}", short_percent(chance)));
        let by = if plane.shared.is_some() { ", by task" } else { "" };
        let above = format!("gradients{by}: read {}{chance}", whole_percent(read));
        let below = if plane.noise > 0.0 { "; ring: the noise" } else { "" };
        captions(ui, palette, area, [&above, &format!("edge: ±{}{below}", short(plane.reach.into()))]);
        let response = ui.allocate_rect(sheet.rect, Sense::click());
        let painter = ui.painter_at(sheet.rect.expand(2.0));
        backdrop(&painter, palette, &sheet, &drawn.gradients);
        self.changed_ui(&painter, &sheet, 1);
        let axis = Stroke::new(1.0, palette.line);
        let origin = sheet.at([0.0, 0.0]);
        painter.hline(sheet.rect.x_range(), origin.y, axis);
        painter.vline(origin.x, sheet.rect.y_range(), axis);
        if plane.noise > 0.0 {
            let around = (0..=RING).map(|part| {
                let (sin, cos) = (std::f64::consts::TAU * f64::from(part) / f64::from(RING)).sin_cos();
                sheet.at([cos, sin].map(|along| plane.drawn(plane.noise * along)))
            });
            painter.add(Shape::line(around.collect(), Stroke::new(1.2, palette.weak)));
        }
        let drawn_at = |along: f32| plane.drawn(along.into());
        let places = || plane.gradients.iter().map(|gradient| gradient.at.map(drawn_at));
        self.moved_ui(&painter, &sheet);
        for (gradient, place) in plane.gradients.iter().zip(places()) {
            let mark = if gradient.origin == gradient.read { Mark::Safe } else { Mark::Misread };
            let colour = palette.class(gradient.origin.into());
            point(&painter, sheet.at(place), mark, colour, [palette.card, palette.bad]);
        }
        let count = plane.points.len().max(1);
        let of_chosen = plane.gradients.iter().zip(places()).enumerate();
        let of_chosen = of_chosen.filter(|(at, _)| Some(at % count) == self.chosen);
        of_chosen.for_each(|(_, (_, place))| ring(&painter, palette, sheet.at(place)));
        let pointer = response.hover_pos()?;
        let found = sheet.nearest(pointer, places());
        let is_clicked = response.clicked();
        self.gradient_hint(response, found);
        found.map(|found| found % count).filter(|_| is_clicked)
    }

    /// What is where the pointer rests.
    fn place_hint(&self, response: Response, [x, y]: [f64; 2], found: Option<usize>) {
        let cell = |at: f64| ((at * PLANE_SIDE as f64) as usize).min(PLANE_SIDE - 1);
        let place = cell(y) * PLANE_SIDE + cell(x);
        let name = |class: u8| self.history.class_name(class.into());
        let mut text = format!("({}, {})", short(x), short(y));
        if let (Some(said), Some(sure)) = (self.plane.said.get(place), self.plane.sure.get(place)) {
            let sure = whole_percent(f64::from(*sure) / 255.0);
            text = format!("{text}: the network says {}, {sure} sure", name(*said));
        }
        if self.plane.flat.get(place).is_some_and(|flat| *flat > 0) {
            text.push_str("\nThe gradient is exactly 0 here: an attack that follows it goes nowhere.");
        }
        if let Some(point) = found.map(|found| &self.plane.points[found]) {
            let [label, said] = [point.label, point.said].map(name);
            text = format!(
                "{text}\nHeld-out point of class {label}, taken for {said}. Click: its ball and its gradient."
            );
        }
        response.on_hover_text_at_pointer(text);
    }

    fn gradient_hint(&self, response: Response, found: Option<usize>) {
        let Some(gradient) = found.map(|found| &self.plane.gradients[found]) else {
            response.on_hover_text(
                "The gradient of each held-out point, at the scale that the auxiliary network reads. Behind them: what it says of a gradient there.",
            );
            return;
        };
        let [own, read] =
            [gradient.origin, gradient.read].map(|origin| self.history.origin_name(origin.into()));
        let [x, y] = gradient.at.map(|along| short(along.into()));
        response.on_hover_text_at_pointer(format!(
            "Gradient ({x}, {y}) of {own}, taken for {read}. Click: its point."
        ));
    }
}

/// The square between the captions.
pub(super) fn square(area: Rect) -> Rect {
    Rect::from_min_size(area.min + vec2(0.0, CAPTION), Vec2::splat(area.width()))
}

/// What stands above a plane, and below it.
pub(super) fn captions(ui: &mut Ui, palette: &Palette, area: Rect, [above, below]: [&str; 2]) {
    for (text, rect) in [
        (above, area.with_max_y(area.top() + CAPTION)),
        (below, area.with_min_y(area.top() + CAPTION + area.width())),
    ] {
        if !text.is_empty() {
            let text = RichText::new(text).font(tiny()).color(palette.weak);
            ui.put(rect, Label::new(text).truncate());
        }
    }
}

/// What stands below a plane, in colours.
pub(super) fn legend(ui: &mut Ui, area: Rect, words: impl IntoIterator<Item = (String, Color32)>) {
    let mut text = LayoutJob::default();
    for (said, color) in words {
        text.append(&said, 0.0, TextFormat { font_id: tiny(), color, ..TextFormat::default() });
    }
    ui.put(area.with_min_y(area.top() + CAPTION + area.width()), Label::new(text).truncate());
}

pub(super) fn backdrop(painter: &Painter, palette: &Palette, sheet: &Sheet, texture: &TextureHandle) {
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    painter.image(texture.id(), sheet.rect, whole, Color32::WHITE);
    painter.rect_stroke(sheet.rect, 0.0, Stroke::new(1.0, palette.line), StrokeKind::Outside);
}

/// Round what was chosen.
pub(super) fn ring(painter: &Painter, palette: &Palette, at: egui::Pos2) {
    painter.circle_stroke(at, 7.0, Stroke::new(3.5, palette.card));
    painter.circle_stroke(at, 7.0, Stroke::new(1.8, palette.text));
}
