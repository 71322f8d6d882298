//! The pane: both planes side by side, a point that is chosen in one of them marked in both.

use egui::{
    Color32, Label, Painter, Rect, Response, RichText, Sense, Shape, Stroke, StrokeKind, TextureHandle,
    TextureId, TextureOptions, Ui, Vec2, pos2, vec2,
};

use super::slow::Slow;
use crate::app::draw::chart;
use crate::app::draw::planes;
use crate::app::draw::sheet::{Mark, Sheet, arrow, arrow_share, point, way};
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::history::History;
use crate::config::{ScenarioKind, TargetKind};
use crate::protocol::{AttackPath, Command, FIELD_SIDE, PLANE_SIDE, Plane, PlanePoint, Traced};
use crate::show::Table;
use crate::show::number::{count, short, short_percent, whole_percent};
use crate::show::palette::Ground;

/// Height of what stands above and below a plane.
const CAPTION: f32 = 15.0;
/// Between both.
const GAP: f32 = 12.0;
/// Narrower than this each, they are drawn one above the other.
const NARROW: f32 = 150.0;

/// Height of what slow motion says.
const SENTENCE: f32 = 44.0;

/// Parts of the ring of the noise.
const RING: u32 = 48;

/// The pane of a world.
#[derive(Default)]
pub struct PlanePane {
    drawn: Option<Drawn>,
    /// The number, among the held-out points, of the one that was chosen.
    chosen: Option<u32>,
    /// The point whose attacks were asked for last, of which plane, and the bits of their ε.
    asked: Option<(u32, u64, u64)>,
    hides: Hides,
    slow: Option<Slow>,
    shows: Shows,
}

/// Whose the plane of points is, where there is a teacher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shows {
    /// The main network's.
    #[default]
    Student,
    /// The teacher's.
    Teacher,
    /// How far apart their gradients point.
    Angle,
}

/// What is left out of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hides {
    arrows: bool,
    trained: bool,
}

/// What follows from a plane once, and not with each frame.
struct Drawn {
    of: (u64, Ground, Shows),
    points: TextureHandle,
    gradients: TextureHandle,
    marks: Vec<Mark>,
}

static ABOUT: About = About {
    name: "plane",
    title: "Plane",
    question: "who says what where?",
    scenarios: &[ScenarioKind::Defense, ScenarioKind::Distillation],
    data: DataKind::Worlds,
    column: Column::Right,
    share: 0.6,
};

impl Pane for PlanePane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let history = &*scope.history;
        let Some(plane) = &history.plane else {
            let what = "The whole world: what the network says everywhere, the gradient at every place, and what the auxiliary network reads off it.";
            let when = match scope.controls.config.hyper.histogram_every_steps {
                0 => "It is off with the histograms: set “histograms every” above 0.".into(),
                every => format!("It comes every {} steps: press Run.", count(every)),
            };
            chart::empty(ui, &scope.palette, what, &when);
            return;
        };
        let palette = scope.palette;
        if plane.teacher.is_some() {
            shows_ui(ui, &mut self.shows);
        } else {
            self.shows = Shows::Student;
        }
        self.refresh(ui, history, plane, &palette);
        let Some(drawn) = &self.drawn else { return };
        let wants_slow =
            choices_ui(ui, &palette, (plane, &drawn.marks), (&mut self.hides, self.slow.is_some()));
        let has_slow = wants_slow && !scope.is_kept;
        if has_slow != self.slow.is_some() {
            self.slow = has_slow.then(|| Slow::begin(history, scope.controls));
        }
        if self.slow.as_mut().is_some_and(|slow| !slow.advance(ui.ctx(), history, scope.controls)) {
            self.slow = None;
        }
        let changed = self.slow.as_mut().and_then(|slow| slow.marks(ui.ctx(), history, plane, &palette));
        let changed = changed.map(|marks| [marks.textures[0].id(), marks.textures[1].id()]);
        if let Some(slow) = &self.slow {
            // Of as many lines whatever is said, so that the planes stay where they are.
            let text = RichText::new(slow.sentence(history)).font(small()).color(palette.auxiliary);
            let room = vec2(ui.available_width(), SENTENCE);
            ui.allocate_ui(room, |ui| {
                ui.set_min_size(room);
                ui.add(Label::new(text).wrap());
            });
        }
        let before = self.slow.as_ref().and_then(|slow| slow.before(history));
        let hides = self.hides;
        let chosen = plane.points.iter().position(|point| Some(point.index) == self.chosen);
        let shows = self.shows;
        let view = View { plane, history, palette, chosen, hides, before, changed, shows };
        let area = ui.available_rect_before_wrap();
        let [left, right] = places(area);
        let touched = [view.points_ui(ui, left, drawn), view.gradients_ui(ui, right, drawn)];
        if let Some(touched) = touched.into_iter().flatten().next() {
            let index = plane.points[touched].index;
            self.chosen = (self.chosen != Some(index)).then_some(index);
        }
        let epsilon = scope.controls.config.hyper.epsilon.to_bits();
        let wanted = self.chosen.map(|index| (index, history.planes_received, epsilon));
        if let Some((index, ..)) = wanted.filter(|_| wanted != self.asked && !scope.is_kept) {
            scope.controls.send(Command::Trace(index));
            self.asked = wanted;
        }
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new([
            "step",
            "epsilon",
            "point",
            "x",
            "y",
            "label",
            "said",
            "withstands",
            "nearest_x",
            "nearest_y",
            "gradient_x",
            "gradient_y",
            "read",
        ]);
        let Some(plane) = &history.plane else { return table };
        for (point, gradient) in plane.points.iter().zip(&plane.gradients) {
            let [x, y] = point.place();
            let nearest = plane.nearest_misread([x, y], point.label, plane.epsilon);
            let along = |axis: usize| nearest.map_or(String::new(), |place| place[axis].to_string());
            let [label, said] = [point.label, point.said].map(|class| history.whole_class_name(class.into()));
            let withstands = plane.withstands(point, plane.epsilon).to_string();
            let numbers = [plane.step.to_string(), plane.epsilon.to_string(), point.index.to_string()];
            let place = [x.to_string(), y.to_string(), label, said, withstands, along(0), along(1)];
            let read = history.whole_origin_name(gradient.read.into());
            let gradient = [gradient.at[0].to_string(), gradient.at[1].to_string(), read];
            table.push(numbers.into_iter().chain(place).chain(gradient));
        }
        table
    }
}

impl PlanePane {
    /// Draws the textures and tries every point against the ball, where the plane is another one.
    fn refresh(&mut self, ui: &Ui, history: &History, plane: &Plane, palette: &Palette) {
        let of = (history.planes_received, palette.ground, self.shows);
        if self.drawn.as_ref().is_some_and(|drawn| drawn.of == of) {
            return;
        }
        let info = history.info.as_ref();
        let [classes, origins] =
            [info.map_or(2, |info| info.classes.len()), info.map_or(2, |info| info.origins.len())];
        let load = |name: &str, picture| ui.ctx().load_texture(name, picture, TextureOptions::LINEAR);
        let teacher = plane.teacher.as_deref();
        let mark = |point: &PlanePoint| match (self.shows, teacher) {
            (Shows::Teacher, Some(teacher)) => {
                let [x, y] = point.at.map(|at| usize::from(at) * PLANE_SIDE / 256);
                let is_right = teacher.said.get(y * PLANE_SIDE + x) == Some(&point.label);
                if is_right { Mark::Safe } else { Mark::Misread }
            }
            _ if point.said != point.label => Mark::Misread,
            _ if plane.withstands(point, plane.epsilon) => Mark::Safe,
            _ => Mark::Unsafe,
        };
        let points = match (self.shows, teacher) {
            (Shows::Teacher, Some(teacher)) => planes::of_teacher(teacher, classes, palette),
            (Shows::Angle, Some(teacher)) => planes::of_angles(teacher, palette),
            _ => planes::of_points(plane, classes, palette),
        };
        self.drawn = Some(Drawn {
            of,
            points: load("plane of points", points),
            gradients: load("plane of gradients", planes::of_gradients(plane, origins, palette)),
            marks: plane.points.iter().map(mark).collect(),
        });
    }
}

/// How many points withstand, and what is left out; whether slow motion is wanted.
fn choices_ui(
    ui: &mut Ui,
    palette: &Palette,
    (plane, marks): (&Plane, &[Mark]),
    (hides, is_slow): (&mut Hides, bool),
) -> bool {
    let mut wants_slow = is_slow;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        for (hidden, title, about) in [
            (&mut hides.arrows, "∇x J", "The gradient of the loss as arrows; their length is its logarithm."),
            (&mut hides.trained, "trained", "Points that are trained on, small. The others are held out."),
        ] {
            let mut shown = !*hidden;
            ui.checkbox(&mut shown, RichText::new(title).font(small())).on_hover_text(about);
            *hidden = !shown;
        }
        ui.checkbox(&mut wants_slow, RichText::new("slow motion").font(small()))
            .on_hover_text("One network's step after the other, each with what it does and what it moved.");
        let of = |mark: Mark| marks.iter().filter(|other| **other == mark).count();
        let safe = of(Mark::Safe);
        let share = safe as f64 / marks.len().max(1) as f64;
        let text = format!(
            "{safe} of {} points ({}) stay right within ε = {}",
            marks.len(),
            whole_percent(share),
            short(plane.epsilon)
        );
        let about = format!(
            "Step {}. Each of {PLANE_SIDE}² places was looked at: no attack was needed. {} points change inside the square (ringed), {} are wrong as they are (crosses).",
            count(plane.step),
            of(Mark::Unsafe),
            of(Mark::Misread)
        );
        ui.add(Label::new(RichText::new(text).font(small()).color(palette.text)).truncate()).on_hover_text(about);
    });
    wants_slow
}

/// Whose plane of points is shown.
fn shows_ui(ui: &mut Ui, shows: &mut Shows) {
    ui.horizontal(|ui| {
        for (one, title, about) in [
            (Shows::Student, "student", "What the student says, and its gradient."),
            (Shows::Teacher, "teacher", "What the teacher says, and its gradient."),
            (
                Shows::Angle,
                "angle",
                "How far apart the gradients of both point at each place; the arrows are the student's.",
            ),
        ] {
            ui.selectable_value(shows, one, RichText::new(title).font(small())).on_hover_text(about);
        }
    });
}

/// Where both planes are drawn, captions and all.
fn places(area: Rect) -> [Rect; 2] {
    let beside = 0.5 * (area.width() - GAP);
    if beside >= NARROW || area.height() < area.width() {
        let side = beside.min(area.height() - 2.0 * CAPTION).max(8.0);
        let left = area.left() + 0.5 * (area.width() - 2.0 * side - GAP);
        [left, left + side + GAP]
            .map(|x| Rect::from_min_size(pos2(x, area.top()), vec2(side, side + 2.0 * CAPTION)))
    } else {
        let side = (0.5 * (area.height() - GAP) - 2.0 * CAPTION).min(area.width()).max(8.0);
        [0.0, side + 2.0 * CAPTION + GAP].map(|down| {
            let corner = pos2(area.center().x - 0.5 * side, area.top() + down);
            Rect::from_min_size(corner, vec2(side, side + 2.0 * CAPTION))
        })
    }
}

/// A plane as it is drawn now.
struct View<'a> {
    plane: &'a Plane,
    history: &'a History,
    palette: Palette,
    /// The place of the chosen point among those of the plane.
    chosen: Option<usize>,
    hides: Hides,
    /// In slow motion: the world before the last step.
    before: Option<&'a Plane>,
    /// And the places that it changed, of both planes.
    changed: Option<[TextureId; 2]>,
    shows: Shows,
}

impl View<'_> {
    /// The plane of points; the place of the one that was clicked.
    fn points_ui(&self, ui: &mut Ui, area: Rect, drawn: &Drawn) -> Option<usize> {
        let (plane, palette) = (self.plane, &self.palette);
        let sheet = Sheet { rect: square(area), low: 0.0, high: 1.0 };
        let above = match (self.shows, plane.teacher.as_deref()) {
            (Shows::Teacher, Some(_)) => "points: what the teacher says".to_owned(),
            (Shows::Angle, Some(teacher)) => {
                let mean = teacher.mean_cosine().map_or("–".into(), short);
                format!("green: gradients point alike, red: opposed; mean cosine {mean}")
            }
            (_, Some(_)) => "points: what the student says".to_owned(),
            (_, None) => "points: what the network says".to_owned(),
        };
        let below = "striped: no gradient left in f32".to_owned();
        let has_flat = plane.flat.contains(&1);
        let ends = self.traced().map(|traced| self.ends(traced));
        captions(ui, palette, area, [&above, ends.as_deref().unwrap_or(if has_flat { &below } else { "" })]);
        let response = ui.allocate_rect(sheet.rect, Sense::click());
        let painter = ui.painter_at(sheet.rect.expand(2.0));
        backdrop(&painter, palette, &sheet, &drawn.points);
        self.changed_ui(&painter, &sheet, 0);
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
            let places: Vec<_> = path.places.iter().map(|place| sheet.at(place.map(f64::from))).collect();
            way(painter, &places, [palette.attack(path.attack, TargetKind::Untargeted), palette.card]);
        }
        if let Some(nearest) = self.plane.nearest_misread([x, y], point.label, epsilon) {
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

    /// Where they end, in words.
    fn ends(&self, traced: &Traced) -> String {
        let end =
            |path: &AttackPath| format!("{} → {}", path.attack, self.history.class_name(path.said.into()));
        traced.paths.iter().map(end).collect::<Vec<_>>().join(", ")
    }

    /// The plane of gradients; the place of the point whose gradient was clicked.
    fn gradients_ui(&self, ui: &mut Ui, area: Rect, drawn: &Drawn) -> Option<usize> {
        let (plane, palette) = (self.plane, &self.palette);
        let sheet = Sheet { rect: square(area), low: -1.0, high: 1.0 };
        let right = plane.gradients.iter().filter(|one| one.origin == one.read).count();
        let read = right as f64 / plane.gradients.len().max(1) as f64;
        let chance = self
            .history
            .chance()
            .map_or(String::new(), |chance| format!(", chance {}", short_percent(chance)));
        let above = format!("gradients: read {}{chance}", whole_percent(read));
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
fn square(area: Rect) -> Rect {
    Rect::from_min_size(area.min + vec2(0.0, CAPTION), Vec2::splat(area.width()))
}

/// What stands above a plane, and below it.
fn captions(ui: &mut Ui, palette: &Palette, area: Rect, [above, below]: [&str; 2]) {
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

fn backdrop(painter: &Painter, palette: &Palette, sheet: &Sheet, texture: &TextureHandle) {
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    painter.image(texture.id(), sheet.rect, whole, Color32::WHITE);
    painter.rect_stroke(sheet.rect, 0.0, Stroke::new(1.0, palette.line), StrokeKind::Outside);
}

/// Round what was chosen.
fn ring(painter: &Painter, palette: &Palette, at: egui::Pos2) {
    painter.circle_stroke(at, 7.0, Stroke::new(3.5, palette.card));
    painter.circle_stroke(at, 7.0, Stroke::new(1.8, palette.text));
}
