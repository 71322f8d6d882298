//! Slow motion: the auxiliary network's step, then the main one's, each with the sentence of the algorithm that was done and
//! with what it moved.

use egui::{Color32, ColorImage, Context, TextureHandle, TextureOptions};
use web_time::{Duration, Instant};

use super::shows::Shows;
use crate::app::draw::theme::Palette;
use crate::app::run::controls::Controls;
use crate::app::run::history::History;
use crate::config::{Method, Players, Setup};
use crate::protocol::{Activity, Command, PLANE_SIDE, Plane, READ_SIDE, RunId};
use crate::show::number::count;

/// Between two steps: time to read the sentence.
const PAUSE: Duration = Duration::from_millis(2500);
/// Between looks at how far it is.
const POLL: Duration = Duration::from_millis(100);
/// How strongly a place is marked that says something else than before.
const MARK: f32 = 0.55;

/// How long the picture after a step is waited for: one may be lost on the way.
const LOST: Duration = Duration::from_secs(6);

/// Slow motion under way.
pub struct Slow {
    run: RunId,
    /// Runs that had been asked for when it began.
    begun: u64,
    /// Whose step was asked for last; none before the first.
    stepped: Option<Players>,
    asked: Instant,
    /// Since when there is something to see of it.
    seen: Option<Instant>,
    /// Steps done when it was.
    from: u64,
    /// The world before that step, and how many planes had come then.
    before: Option<Plane>,
    received: u64,
    marks: Option<Marks>,
}

/// The places of both planes that say something else than before, and of which planes.
pub struct Marks {
    of: u64,
    /// Of the plane of points, then of gradients.
    pub textures: [TextureHandle; 2],
    /// How many they are.
    counts: [usize; 2],
}

impl Slow {
    /// Begins with the run that is shown, which pauses.
    pub fn begin(history: &History, controls: &mut Controls) -> Self {
        if history.activity() == Activity::Running {
            controls.send(Command::Pause);
        }
        Self {
            run: history.run(),
            begun: controls.begun(),
            stepped: None,
            asked: Instant::now(),
            seen: None,
            from: history.step(),
            before: None,
            received: history.planes_received,
            marks: None,
        }
    }

    /// Asks for the next step once the last was looked at. False where it is over: another run was asked for, a teacher is
    /// trained first, there are no pictures, or somebody else takes steps.
    pub fn advance(&mut self, ctx: &Context, history: &History, controls: &mut Controls) -> bool {
        let activity = history.activity();
        let is_another = history.run() != self.run || controls.begun() != self.begun;
        let has_pictures = controls.config.hyper.histogram_every_steps > 0;
        let is_taught = history.preparing.is_some() && history.step() == 0;
        if is_another || is_taught || !has_pictures || activity == Activity::Finished {
            return false;
        }
        ctx.request_repaint_after(POLL);
        let Some(stepped) = self.stepped else {
            // It pauses first.
            if activity == Activity::Paused {
                self.step(Players::Auxiliary, history, controls);
            }
            return true;
        };
        if history.step() > self.from + 1 {
            return false;
        }
        let is_done = activity == Activity::Paused && history.step() == self.from + 1;
        if history.planes_received > self.received || self.asked.elapsed() >= LOST {
            self.seen.get_or_insert_with(Instant::now);
        }
        if is_done && self.seen.is_some_and(|seen| seen.elapsed() >= PAUSE) {
            let next = if stepped == Players::Auxiliary { Players::Main } else { Players::Auxiliary };
            self.step(next, history, controls);
        }
        true
    }

    fn step(&mut self, players: Players, history: &History, controls: &mut Controls) {
        (self.before, self.received) = (history.plane.clone(), history.planes_received);
        (self.stepped, self.asked, self.from) = (Some(players), Instant::now(), history.step());
        self.seen = None;
        controls.step(players);
    }

    /// The plane before the step whose outcome is shown; none while that is on its way, or where it is of something else.
    pub fn before(&self, history: &History) -> Option<&Plane> {
        let shown = history.plane.as_ref()?;
        let is_next = |before: &&Plane| before.step == self.from && shown.step == self.from + 1;
        self.before.as_ref().filter(is_next)
    }

    /// The places that changed, as textures.
    pub fn marks(
        &mut self,
        ctx: &Context,
        history: &History,
        plane: &Plane,
        palette: &Palette,
    ) -> Option<&Marks> {
        let of = history.planes_received;
        let Some(before) = self.before(history) else {
            self.marks = None;
            return None;
        };
        if self.marks.as_ref().is_none_or(|marks| marks.of != of) {
            let both = [(&before.said, &plane.said, PLANE_SIDE), (&before.read, &plane.read, READ_SIDE)];
            let textures = both.map(|(old, new, side)| {
                let picture = changes(old, new, side, palette.text);
                ctx.load_texture("what changed", picture, TextureOptions::NEAREST)
            });
            let counts =
                both.map(|(old, new, _)| old.iter().zip(new).filter(|(old, new)| old != new).count());
            self.marks = Some(Marks { of, textures, counts });
        }
        self.marks.as_ref()
    }

    /// What was done last, in the words of the algorithm, and what it moved.
    pub fn sentence(&self, history: &History, shows: Shows) -> String {
        let Some(players) = self.stepped else { return "Slow motion: the auxiliary network begins.".into() };
        let setup = history.info.as_ref().map(|info| &info.config.setup);
        let sentence = sentence(players, setup.map(Setup::method));
        let moved = self.marks.as_ref();
        let moved = moved.map_or(String::new(), |marks| {
            let [said, read] = marks.counts.map(|changed| count(changed as u64));
            let rests = if marks.counts == [0; 2] {
                " Nothing moves any more: begin anew (R) to see more."
            } else {
                ""
            };
            let left = if shows == Shows::Points {
                format!("{said} places of the left picture, ")
            } else {
                String::new()
            };
            format!(" Changed, and marked: {left}{read} of the right one.{rests}")
        });
        format!("{sentence}{moved}")
    }
}

/// The sentence of the algorithm.
fn sentence(players: Players, method: Option<Method>) -> String {
    let has_adversary = method.is_some_and(Method::alpha);
    let aligns = matches!(method, Some(Method::Multitask(method)) if method.row().aligns);
    let (whose, cannot) = match method {
        Some(Method::Distillation(_)) => {
            ("whether a gradient is the student's or the teacher's", "student and teacher")
        }
        Some(Method::Multitask(_)) => ("which task a gradient is of", "tasks"),
        Some(Method::Defense(_)) | None => ("a gradient's class", "classes"),
    };
    match players {
        Players::Auxiliary => format!(
            "Auxiliary step: h, which reads gradients g as n(g), descends CE(h(n(g)), y) to tell {whose}. Only what lies behind the gradients, right, moves."
        ),
        Players::Main | Players::Both if has_adversary => format!(
            "Main step: it descends J − α·CE(h(n(g)), y), its task and against being read. The boundary moves, left, and the gradients, right, go where {cannot} look alike."
        ),
        Players::Main | Players::Both if aligns => {
            "Main step: encoder and decoders descend all tasks by ĝ = w ⊙ g, what the alignment layers let through; the layers climb CE(h(n(ĝ)), y), against being read. What is said moves, left, and the gradients, right.".into()
        }
        Players::Main | Players::Both => {
            "Main step: it descends its task, and nobody plays against the auxiliary network. The boundary moves, left, and the gradients with it.".into()
        }
    }
}

/// A picture of the places that differ.
fn changes(old: &[u8], new: &[u8], side: usize, color: Color32) -> ColorImage {
    let marked = color.gamma_multiply(MARK);
    let mut picture = ColorImage::filled([side, side], Color32::TRANSPARENT);
    for (place, _) in old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new) {
        // The lowest row comes first.
        let (row, column) = (place / side, place % side);
        if let Some(pixel) = picture.pixels.get_mut((side - 1 - row.min(side - 1)) * side + column) {
            *pixel = marked;
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DistillationMethod, Mode, MultitaskMethod};

    #[test]
    fn what_changed_is_marked_where_it_is() {
        let mut new = vec![0u8; 16];
        new[1] = 1;
        let picture = changes(&[0; 16], &new, 4, Color32::WHITE);
        let marked: Vec<_> = (0..16).filter(|place| picture.pixels[*place] != Color32::TRANSPARENT).collect();
        assert_eq!(marked, [13], "in the lowest row");
        assert_eq!(changes(&[], &[], 4, Color32::WHITE).pixels, vec![Color32::TRANSPARENT; 16]);
    }

    #[test]
    fn the_sentence_is_that_of_the_method() {
        let says = |players, mode| sentence(players, Some(Method::Defense(mode)));
        assert!(says(Players::Auxiliary, Mode::Great).contains("a gradient's class"));
        assert!(says(Players::Main, Mode::Great).contains("J − α·CE"));
        assert!(says(Players::Main, Mode::Baseline).contains("nobody plays"));
        let student = sentence(Players::Auxiliary, Some(Method::Distillation(DistillationMethod::Great)));
        assert!(student.contains("the student's or the teacher's"));
        let tasks = |players| sentence(players, Some(Method::Multitask(MultitaskMethod::Great)));
        assert!(tasks(Players::Auxiliary).contains("which task a gradient is of"));
        assert!(tasks(Players::Main).contains("what the alignment layers let through"));
    }
}
