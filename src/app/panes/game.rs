//! The game itself, drawn: what flows forward, what flows back, and who is winning.

use egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, Sense, Stroke, TextureHandle, Ui, Vec2, pos2, vec2,
};

use crate::app::draw::arrows;
use crate::app::draw::planes;
use crate::app::draw::textures;
use crate::app::draw::theme::{Palette, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::config::{AuxiliaryReads, Hyper, ScenarioKind, Setup};
use crate::protocol::{Activity, Readings};
use crate::show::Table;
use crate::show::gradients::probe;
use crate::show::number::{figure, magnitude, percent, short, short_percent, whole_percent};
use crate::show::palette::Ground;
use crate::show::picture::largest;
use crate::show::planes::{of_gradients, of_points};

/// Readable shares of gradients (0 at chance, 1 for all) from which either side is said to be winning.
const HIDDEN_BELOW: f64 = 0.25;
const READ_ABOVE: f64 = 0.6;

/// The pane's own name.
pub const NAME: &str = "game";

/// The drawing and the two pictures in it.
#[derive(Default)]
pub struct Game {
    pictures: Option<Pictures>,
}

/// The first sample's image and gradient tensor, as textures of a moment.
struct Pictures {
    of: (u64, Ground),
    image: TextureHandle,
    gradient: TextureHandle,
}

/// What things are called in a scenario.
struct Words {
    main: &'static str,
    /// Whoever hides the origin, as the beginning of a sentence about it.
    hider: &'static str,
    main_short: &'static str,
    guess: &'static str,
    /// What comes back from the auxiliary network.
    adversary: &'static str,
    /// What is read off a gradient tensor.
    origin: &'static str,
    hidden: &'static str,
    readable: &'static str,
    before: &'static str,
    about_main: &'static str,
    about_auxiliary: &'static str,
}

impl Words {
    fn of(scenario: ScenarioKind) -> &'static Self {
        match scenario {
            ScenarioKind::Defense => &Self {
                main: "Main network",
                hider: "The main network is",
                main_short: "Main",
                guess: "which class?",
                adversary: "−α∇",
                origin: "the class",
                hidden: "gradients hide their class",
                readable: "gradients give it away",
                before: "One network learns to classify; the other tries to read the class off its gradient alone.",
                about_main: "The network that is wanted: it classifies x. It descends its loss J and, with α > 0, also the negative of the auxiliary network's loss.",
                about_auxiliary: "The discriminator: it sees only the gradient tensor and tries to say which class x had.",
            },
            ScenarioKind::Distillation => &Self {
                main: "Student",
                hider: "The student is",
                main_short: "Student",
                guess: "told apart",
                adversary: "α∇",
                origin: "the network",
                hidden: "gradients look like the teacher's",
                readable: "they are told apart",
                before: "The student learns to classify; the other network tries to tell its gradients from the teacher's.",
                about_main: "The network that is wanted: it classifies x. It descends 1 − α times its loss and, with α > 0, α times what is missing for its gradients to pass for the teacher's.",
                about_auxiliary: "The discriminator: it sees only a gradient tensor and tries to say whether it is the student's or the teacher's.",
            },
            ScenarioKind::Multitask => &Self {
                main: "Encoder, decoders",
                hider: "The encoder and decoders are",
                main_short: "Main",
                guess: "whose task?",
                adversary: "ĝ = w ⊙ g",
                origin: "the task",
                hidden: "gradients hide their task",
                readable: "gradients give it away",
                before: "Tasks share an encoder; the other network tries to tell whose task's gradient comes back to it.",
                about_main: "The network that is wanted: an encoder that all tasks share, and a decoder for each. J is the sum of their losses.",
                about_auxiliary: "The discriminator: it sees only a task's gradient at the encoder's output and tries to say whose it is.",
            },
        }
    }
}

/// What the auxiliary network reads: of an image, or of what the encoder makes of it.
fn gradient_name(setup: &Setup, hyper: &Hyper) -> &'static str {
    match (setup.scenario, hyper.auxiliary_reads) {
        (ScenarioKind::Multitask, _) => "∇s L",
        (ScenarioKind::Defense | ScenarioKind::Distillation, AuxiliaryReads::Gradient) => "∇x J",
        (ScenarioKind::Defense | ScenarioKind::Distillation, AuxiliaryReads::Masked) => "∇x a_y",
    }
}

/// Where things stand in the drawing.
struct Layout {
    input: Rect,
    main: Rect,
    loss: Rect,
    gradient: Rect,
    auxiliary: Rect,
    guess: Rect,
}

impl Layout {
    fn within(area: Rect) -> Self {
        let at = |x: f32, y: f32, size: Vec2| Rect::from_center_size(area.lerp_inside(vec2(x, y)), size);
        let side = (area.width() * 0.22).min(area.height() * 0.32).clamp(40.0, 96.0);
        let network = vec2((area.width() * 0.34).clamp(84.0, 190.0), side);
        let end = vec2(area.width() * 0.235, side);
        let (top, bottom) = (0.22, 0.78);
        let margin = 0.5 * end.x / area.width() + 0.002;
        Self {
            input: at(margin, top, Vec2::splat(side)),
            main: at(0.5, top, network),
            loss: at(1.0 - margin, top, end),
            gradient: at(1.0 - margin, bottom, Vec2::splat(side)),
            auxiliary: at(0.5, bottom, network),
            guess: at(margin, bottom, end),
        }
    }
}

static ABOUT: About = About {
    name: NAME,
    title: "The game",
    question: "who is winning?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Left,
    share: 0.47,
};

impl Pane for Game {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let area = ui.available_rect_before_wrap();
        let verdict_height = 54.0;
        let drawing = area.with_max_y(area.bottom() - verdict_height).shrink2(vec2(1.0, 2.0));
        let layout = Layout::within(drawing);
        let setup = scope
            .history
            .info
            .as_ref()
            .map_or(&scope.controls.config.setup, |info| &info.config.setup)
            .clone();
        let words = Words::of(setup.scenario);
        self.refresh_pictures(ui, scope);
        draw_flows(ui, scope, &layout, &setup);
        self.draw_boxes(ui, scope, &layout, &setup);
        explain(ui, &layout, words);
        verdict(ui, scope, area.with_min_y(area.bottom() - verdict_height), &setup);
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new(["figure", "value"]);
        if let Some(report) = &history.latest {
            for (name, value) in [
                ("step", report.step as f64),
                ("loss", report.loss),
                ("accuracy", report.accuracy),
                ("gradient_rms", report.gradient_rms),
                ("auxiliary_loss", report.auxiliary_loss),
                ("auxiliary_accuracy", report.auxiliary_accuracy),
                ("chance", history.chance().unwrap_or(f64::NAN)),
                ("alpha", report.alpha),
                ("beta", report.hyper.beta),
            ] {
                table.push([name, &value.to_string()]);
            }
        }
        table
    }
}

impl Game {
    fn refresh_pictures(&mut self, ui: &Ui, scope: &Scope<'_>) {
        let received = scope.history.samples_received + scope.history.planes_received;
        let of = (received, scope.palette.ground);
        if self.pictures.as_ref().is_some_and(|pictures| pictures.of == of) {
            return;
        }
        let (history, palette) = (&*scope.history, &scope.palette);
        let sample = history.samples.as_ref().and_then(|samples| {
            let sample = samples.samples.first()?;
            let image = textures::image(samples.shape, &sample.image);
            let scale = largest(&sample.gradient);
            Some((image, textures::signed(samples.shape, &sample.gradient, scale, palette)))
        });
        // Of a world both planes.
        let planes = history.plane.as_ref().zip(history.info.as_ref()).map(|(plane, info)| {
            let look = planes::look(palette);
            let points = of_points(plane, info.classes.len(), look);
            (planes::image(points), planes::image(of_gradients(plane, info.origins.len(), look)))
        });
        let load = |name: &str, picture| ui.ctx().load_texture(name, picture, egui::TextureOptions::NEAREST);
        self.pictures = sample.or(planes).map(|(image, gradient)| Pictures {
            of,
            image: load("game x", image),
            gradient: load("game gradient", gradient),
        });
    }

    fn draw_boxes(&self, ui: &Ui, scope: &Scope<'_>, layout: &Layout, setup: &Setup) {
        let (painter, palette, history) = (ui.painter(), &scope.palette, &*scope.history);
        let report = history.latest.as_ref();
        let weights = |count: fn(&crate::protocol::RunInfo) -> usize| {
            history
                .info
                .as_ref()
                .map_or(String::new(), |info| format!("{} weights", magnitude(count(info) as u64)))
        };
        let words = Words::of(setup.scenario);
        let network = setup.network_name();
        let narrow = layout.main.width() < 92.0;
        let titles = if narrow { [words.main_short, "Auxiliary"] } else { [words.main, "Auxiliary network"] };
        node(
            painter,
            palette,
            layout.main,
            palette.main,
            titles[0],
            &[network, &weights(|i| i.main_weights)],
        );
        let auxiliary = ["reads gradients", &weights(|i| i.auxiliary_weights)];
        node(painter, palette, layout.auxiliary, palette.auxiliary, titles[1], &auxiliary);
        let loss = report.map_or("–".into(), |report| figure(report.loss));
        let right =
            report.map_or("of x right".into(), |report| format!("{} right", whole_percent(report.accuracy)));
        big_figure(painter, palette, layout.loss, palette.main, "loss J", &loss, &right);
        let read = report.map_or("–".into(), |report| whole_percent(report.auxiliary_accuracy));
        let chance = history.chance().map_or("chance 1/K".into(), |c| format!("chance {}", short_percent(c)));
        big_figure(painter, palette, layout.guess, palette.auxiliary, words.guess, &read, &chance);
        let pictures = self.pictures.as_ref();
        picture(painter, palette, layout.input, pictures.map(|p| &p.image), "x");
        let gradient = pictures.map(|p| &p.gradient);
        let hyper = report.map_or(scope.controls.config.hyper, |report| report.hyper);
        picture(painter, palette, layout.gradient, gradient, gradient_name(setup, &hyper));
    }
}

/// The arrows, with what is on them.
fn draw_flows(ui: &Ui, scope: &Scope<'_>, layout: &Layout, setup: &Setup) {
    let (painter, palette) = (ui.painter(), &scope.palette);
    let report = scope.history.latest.as_ref();
    // Without a GPU there are too few frames for things to move.
    let moving = scope.history.activity() == Activity::Running && scope.history.computes_on_gpu();
    // Somebody may have asked for things to stand still.
    let moving = moving && ui.style().animation_time > 0.0;
    let time = if moving { Some(ui.input(|input| input.time)) } else { None };
    let forward = palette.main;
    let flow = |points: &[Pos2], color, used| arrows::flow(painter, points, color, used, time);
    flow(&[layout.input.right_center(), layout.main.left_center()], forward, true);
    flow(&[layout.main.right_center(), layout.loss.left_center()], forward, true);
    flow(&[layout.loss.center_bottom(), layout.gradient.center_top()], forward, true);
    flow(&[layout.gradient.left_center(), layout.auxiliary.right_center()], palette.auxiliary, true);
    flow(&[layout.auxiliary.left_center(), layout.guess.right_center()], palette.auxiliary, true);
    let rms = report.map_or(String::new(), |report| format!("rms {}", figure(report.gradient_rms)));
    let beside = layout.loss.center_bottom().lerp(layout.gradient.center_top(), 0.5) - vec2(7.0, 0.0);
    let hyper = report.map_or(scope.controls.config.hyper, |report| report.hyper);
    let name = gradient_name(setup, &hyper);
    label(painter, beside - vec2(0.0, 6.0), Align2::RIGHT_CENTER, name, palette.text);
    // Where the drawing is narrow, α stands there.
    if layout.loss.left() - layout.main.right() > 18.0 {
        label(painter, beside + vec2(0.0, 6.0), Align2::RIGHT_CENTER, &rms, palette.weak);
    }

    // α: from the auxiliary network back into the main one.
    let middle = layout.main.center_bottom().lerp(layout.auxiliary.center_top(), 0.5);
    let x = layout.main.left() + layout.main.width() * 0.2;
    let (from, to) = (pos2(x, layout.auxiliary.top()), pos2(x, layout.main.bottom()));
    let method = setup.method();
    let is_fed_back = method.alpha() || method.aligns();
    flow(&[from, to], palette.adversary, is_fed_back);
    let alpha = report.map_or(0.0, |report| report.alpha);
    let alpha = match (method.aligns(), method.alpha()) {
        (true, _) if hyper.alpha_target > 0.0 => format!("rate {}", short(alpha)),
        (true, _) => "aligned".into(),
        (_, true) => format!("α = {}", short(alpha)),
        _ => "not in this mode".into(),
    };
    let color = if method.alpha() { palette.adversary } else { palette.weak };
    label(
        painter,
        pos2(x + 7.0, middle.y - 6.0),
        Align2::LEFT_CENTER,
        Words::of(setup.scenario).adversary,
        color,
    );
    label(painter, pos2(x + 7.0, middle.y + 6.0), Align2::LEFT_CENTER, &alpha, palette.weak);

    // β: what the gradients were mistaken for weighs the loss.
    if method.beta() {
        let start = pos2(layout.guess.center().x, layout.guess.top());
        let end = pos2(layout.main.left() + 8.0, layout.main.bottom());
        flow(&[start, pos2(start.x, middle.y), pos2(end.x, middle.y), end], palette.auxiliary, true);
        let at = pos2(start.x + 5.0, middle.y - 7.0);
        label(painter, at, Align2::LEFT_CENTER, &format!("β = {}", short(hyper.beta)), palette.auxiliary);
    }
}

/// A network: a box with a coloured edge, its name and what it is.
fn node(painter: &Painter, palette: &Palette, rect: Rect, color: Color32, title: &str, lines: &[&str]) {
    let fill = palette.shade(color, 0.12);
    painter.rect(rect, 6.0, fill, Stroke::new(1.5, color), egui::StrokeKind::Inside);
    let line_height = 13.0;
    let lines: Vec<_> = lines.iter().filter(|line| !line.is_empty()).collect();
    let top = rect.center().y - line_height * lines.len() as f32 / 2.0;
    painter.text(
        pos2(rect.center().x, top),
        Align2::CENTER_CENTER,
        title,
        FontId::proportional(11.0),
        palette.text,
    );
    for (row, line) in lines.iter().enumerate() {
        let at = pos2(rect.center().x, top + line_height * (row as f32 + 1.0));
        let line = fitted(painter, line, rect.width() - 8.0);
        painter.text(at, Align2::CENTER_CENTER, line, tiny(), palette.weak);
    }
}

/// A text, shortened to what there is room for: the name of a file may be of any length.
fn fitted(painter: &Painter, text: &str, room: f32) -> String {
    let wide = |text: &str| painter.layout_no_wrap(text.into(), tiny(), Color32::WHITE).size().x > room;
    let mut letters: Vec<char> = text.chars().collect();
    if !wide(text) {
        return text.into();
    }
    while letters.len() > 1 && wide(&format!("{}…", letters.iter().collect::<String>())) {
        letters.pop();
    }
    format!("{}…", letters.iter().collect::<String>())
}

/// A figure with what it is above and what it compares with below.
fn big_figure(
    painter: &Painter,
    palette: &Palette,
    rect: Rect,
    color: Color32,
    above: &str,
    value: &str,
    below: &str,
) {
    let outline = Stroke::new(1.0, palette.line);
    painter.rect(rect, 6.0, palette.raised, outline, egui::StrokeKind::Inside);
    let at = |y: f32| pos2(rect.center().x, rect.center().y + y);
    painter.text(at(-16.0), Align2::CENTER_CENTER, above, tiny(), palette.weak);
    painter.text(at(0.0), Align2::CENTER_CENTER, value, FontId::proportional(16.0), color);
    painter.text(at(16.0), Align2::CENTER_CENTER, below, tiny(), palette.weak);
}

/// A thumbnail, or its name where there is no picture yet.
fn picture(painter: &Painter, palette: &Palette, rect: Rect, texture: Option<&TextureHandle>, name: &str) {
    painter.rect_filled(rect, 4.0, palette.raised);
    if let Some(texture) = texture {
        let whole = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));
        painter.image(texture.id(), rect.shrink(1.0), whole, Color32::WHITE);
    } else {
        painter.text(rect.center(), Align2::CENTER_CENTER, name, FontId::proportional(14.0), palette.weak);
    }
    painter.rect_stroke(rect, 4.0, Stroke::new(1.0, palette.line), egui::StrokeKind::Inside);
    if texture.is_some() {
        let at = rect.left_bottom() + vec2(4.0, -2.0);
        let text = painter.layout_no_wrap(name.into(), tiny(), Color32::WHITE);
        let ground = Rect::from_min_size(at - vec2(2.0, text.size().y), text.size() + vec2(4.0, 1.0));
        painter.rect_filled(ground, 2.0, Color32::from_black_alpha(170));
        painter.galley(at - vec2(0.0, text.size().y), text, Color32::WHITE);
    }
}

fn label(painter: &Painter, at: Pos2, align: Align2, text: &str, color: Color32) {
    painter.text(at, align, text, tiny(), color);
}

/// What hovering each part of the drawing says.
fn explain(ui: &Ui, layout: &Layout, words: &Words) {
    for (rect, name, text) in [
        (layout.input, "x", "What is learned from: an image, or a point of the plane."),
        (layout.main, "main", words.about_main),
        (
            layout.loss,
            "loss",
            "J: cross-entropy of the main network, and the share of the training data that it gets right.",
        ),
        (
            layout.gradient,
            "gradient",
            "The gradient tensor: how J changes with each pixel of x. An attack follows it, so what can be read off it can be used. Blue lowers J, orange raises it.",
        ),
        (layout.auxiliary, "auxiliary", words.about_auxiliary),
        (
            layout.guess,
            "guess",
            "Share of gradient tensors whose origin the auxiliary network reads, beside what guessing would get.",
        ),
    ] {
        ui.interact(rect, ui.scope_id().with(name), Sense::hover()).on_hover_text(text);
    }
}

/// Who is winning, as a bar and as a sentence.
fn verdict(ui: &mut Ui, scope: &Scope<'_>, area: Rect, setup: &Setup) {
    let words = Words::of(setup.scenario);
    let palette = &scope.palette;
    let accuracy = scope.history.latest.as_ref().map(|report| report.auxiliary_accuracy);
    let chance = scope.history.chance().unwrap_or(0.0);
    let readable = accuracy.map(|accuracy| ((accuracy - chance) / (1.0 - chance).max(1e-9)).min(1.0));
    let bar = Rect::from_min_size(area.min + vec2(0.0, 15.0), vec2(area.width(), 7.0));
    let painter = ui.painter();
    // Each gets one half, and is cut where it does not fit.
    for (words, color, align, at) in [
        (words.hidden, palette.main, 0.0, bar.left_top()),
        (words.readable, palette.auxiliary, 1.0, bar.right_top()),
    ] {
        let mut job = egui::text::LayoutJob::simple_singleline(words.into(), tiny(), color);
        job.wrap = egui::text::TextWrapping::truncate_at_width(0.5 * area.width() - 4.0);
        let galley = painter.layout_job(job);
        let corner = at - vec2(align * galley.size().x, galley.size().y + 2.0);
        painter.galley(corner, galley, color);
    }
    let strength = if readable.is_some() { 0.8 } else { 0.25 };
    let ends = [palette.main, palette.auxiliary].map(|color| palette.shade(color, strength));
    painter.add(blend(bar, ends));
    if let Some(readable) = readable {
        let x = bar.left() + bar.width() * readable.max(0.0) as f32;
        painter.circle(pos2(x, bar.center().y), 6.0, palette.text, Stroke::new(2.0, palette.card));
    }
    let blind = scope.history.probes.back().filter(|found| probe::is_blind(found));
    let sentence = match blind {
        Some(found) if setup.method().alpha() || setup.method().aligns() => {
            // Of what there is room for, that is what matters.
            probe::sentence(&Readings { noiseless: None, ..*found }, chance)
        }
        _ => {
            let is_played = scope.history.latest.as_ref().is_none_or(|report| report.hyper.alpha > 0.0);
            sentence(accuracy.zip(readable), (chance, is_played), setup)
        }
    };
    let text = Rect::from_min_max(pos2(area.left(), bar.bottom() + 5.0), area.max);
    let mut below = ui.new_child(egui::UiBuilder::new().max_rect(text));
    below.add(egui::Label::new(egui::RichText::new(sentence).size(11.5)).wrap());
}

/// A bar from one colour to another.
fn blend(rect: Rect, [from, to]: [Color32; 2]) -> egui::Mesh {
    let mut mesh = egui::Mesh::default();
    for (at, color) in [
        (rect.left_top(), from),
        (rect.right_top(), to),
        (rect.left_bottom(), from),
        (rect.right_bottom(), to),
    ] {
        mesh.colored_vertex(at, color);
    }
    mesh.add_triangle(0, 1, 2);
    mesh.add_triangle(1, 2, 3);
    mesh
}

fn sentence(measured: Option<(f64, f64)>, (chance, is_played): (f64, bool), setup: &Setup) -> String {
    let words = Words::of(setup.scenario);
    let Some((accuracy, readable)) = measured else {
        return words.before.into();
    };
    let read = percent(accuracy);
    let method = setup.method();
    if !method.alpha() && !method.aligns() {
        let method = method.name();
        return format!(
            "Read off {read} of the gradients. With {method} the auxiliary network only watches."
        );
    }
    if method.alpha() && !is_played {
        let origin = words.origin;
        return format!("Nobody plays against it, α is 0: {origin} is read off {read} of the gradients.");
    }
    let place = if accuracy < chance / 2.0 { "below" } else { "near" };
    let (origin, hider, chance) = (words.origin, words.hider, short_percent(chance));
    match readable {
        r if r >= READ_ABOVE => {
            format!("The auxiliary network is winning: it reads {origin} off {read} of the gradients.")
        }
        r if r <= HIDDEN_BELOW => {
            format!("{hider} winning: only {read} are read, {place} chance ({chance}).")
        }
        _ => format!("An open game: {origin} is read off {read} of the gradients; chance is {chance}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, MultitaskMethod};

    #[test]
    fn the_verdict_names_the_winner() {
        let setup = |mode| Setup { mode, ..Setup::default() };
        let of = |accuracy: f64, mode| {
            sentence(Some((accuracy, (accuracy - 0.1) / 0.9)), (0.1, true), &setup(mode))
        };
        assert!(of(0.95, Mode::Great).contains("auxiliary network is winning"));
        assert!(of(0.2, Mode::Great).contains("main network is winning"));
        assert!(of(0.5, Mode::GreatGreace).contains("open game"));
        let unplayed = sentence(Some((0.2, 0.1)), (0.1, false), &setup(Mode::Great));
        assert!(unplayed.starts_with("Nobody plays against it"), "{unplayed}");
        assert!(of(0.95, Mode::Baseline).contains("only watches"));
        let tasks = |multitask_method| Setup {
            scenario: ScenarioKind::Multitask,
            multitask_method,
            ..Setup::default()
        };
        let of_tasks = |method| sentence(Some((0.99, 0.99)), (0.25, true), &tasks(method));
        assert!(of_tasks(MultitaskMethod::Great).contains("auxiliary network is winning"));
        assert!(of_tasks(MultitaskMethod::Equal).contains("only watches"));
        let told = sentence(Some((0.02, -0.31)), (0.25, true), &tasks(MultitaskMethod::Great));
        assert!(
            told.starts_with("The encoder and decoders are winning") && told.contains("below chance"),
            "{told}"
        );
        assert!(sentence(None, (0.1, true), &setup(Mode::Great)).contains("tries to read"));
        let distillation = Setup { scenario: ScenarioKind::Distillation, ..Setup::default() };
        let told = sentence(Some((0.55, 0.1)), (0.5, true), &distillation);
        assert!(told.starts_with("The student is winning"), "{told}");
    }
}
