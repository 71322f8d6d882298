//! The pane: both planes side by side, a point that is chosen in one of them marked in both.

use egui::{Label, Rect, RichText, TextureOptions, Ui, pos2, vec2};

use super::shows::Shows;
use super::slow::Slow;
use super::view::{CAPTION, Drawn, Hides, View};
use crate::app::draw::chart;
use crate::app::draw::planes;
use crate::app::draw::sheet::Mark;
use crate::app::draw::theme::{Palette, small};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::protocol::{Command, PLANE_SIDE, Plane, PlanePoint, RunId};
use crate::show::Table;
use crate::show::number::{count, short, whole_percent};
use crate::show::planes::of_gradients;

/// Between both.
const GAP: f32 = 12.0;
/// Narrower than this each, they are drawn one above the other.
const NARROW: f32 = 150.0;

/// Height of what slow motion says.
const SENTENCE: f32 = 44.0;

/// The pane of a world.
#[derive(Default)]
pub struct PlanePane {
    drawn: Option<Drawn>,
    /// The number, among the held-out points, of the one that was chosen, in this run.
    chosen: Option<u32>,
    run: RunId,
    /// The point whose attacks were asked for last, of which plane, and the bits of their ε.
    asked: Option<(u32, u64, u64)>,
    hides: Hides,
    slow: Option<Slow>,
    shows: Shows,
}

static ABOUT: About = About {
    name: "plane",
    title: "Plane",
    question: "who says what where?",
    scenarios: ScenarioKind::ALL,
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
        // Another run's points are others.
        let is_new = plane.run != std::mem::replace(&mut self.run, plane.run);
        self.chosen = self.chosen.filter(|_| !is_new);
        self.shows.ui(ui, plane);
        self.refresh(ui, history, plane, &palette);
        let Some(drawn) = &self.drawn else { return };
        let wants_slow = choices_ui(
            ui,
            &palette,
            (plane, &drawn.marks, self.shows),
            (&mut self.hides, self.slow.is_some()),
        );
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
            let text =
                RichText::new(slow.sentence(history, self.shows)).font(small()).color(palette.auxiliary);
            let room = vec2(ui.available_width(), SENTENCE);
            ui.allocate_ui(room, |ui| {
                ui.set_min_size(room);
                ui.add(Label::new(text).wrap());
            });
        }
        let before = self.slow.as_ref().and_then(|slow| slow.before(history));
        let chosen = plane.points.iter().position(|point| Some(point.index) == self.chosen);
        let (shows, hides) = (self.shows, self.hides);
        let view = View { plane, history, palette, chosen, hides, before, changed, shows };
        let [left, right] = places(ui.available_rect_before_wrap());
        let in_left = match plane.shared.as_deref().filter(|_| shows == Shows::Shared) {
            Some(shared) => view.shared_ui(ui, left, drawn, shared),
            None => view.points_ui(ui, left, drawn),
        };
        let touched = [in_left, view.gradients_ui(ui, right, drawn)];
        if let Some(touched) = touched.into_iter().flatten().next() {
            let index = plane.points.get(touched).map(|point| point.index);
            self.chosen = index.filter(|_| self.chosen != index);
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
            let nearest = plane.nearest(point, plane.epsilon);
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
        let look = planes::look(palette);
        let load =
            |name: &str, pixels| ui.ctx().load_texture(name, planes::image(pixels), TextureOptions::LINEAR);
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
        self.drawn = Some(Drawn {
            of,
            points: load("plane of points", self.shows.picture(plane, classes, look)),
            gradients: load("plane of gradients", of_gradients(plane, origins, look)),
            marks: plane.points.iter().map(mark).collect(),
        });
    }
}

/// How many points withstand, and what is left out; whether slow motion is wanted.
fn choices_ui(
    ui: &mut Ui,
    palette: &Palette,
    (plane, marks, shows): (&Plane, &[Mark], Shows),
    (hides, is_slow): (&mut Hides, bool),
) -> bool {
    let mut wants_slow = is_slow;
    let gradient = if shows == Shows::Shared { "∇s" } else { "∇x J" };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let about = "The gradient of the loss as arrows; their length is its logarithm.";
        let arrows = (&mut hides.arrows, gradient, about);
        let about = "Points that are trained on, small. The others are held out.";
        // The representation is of held-out points alone.
        let trained = (shows != Shows::Shared).then_some((&mut hides.trained, "trained", about));
        for (hidden, title, about) in std::iter::once(arrows).chain(trained) {
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
