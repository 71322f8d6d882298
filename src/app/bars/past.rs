//! The strip under the charts of a run that is looked at as it was: where in it one is, a slider through it, and playing it.

use egui::{
    Align2, EventFilter, Key, Layout as Flow, Modifiers, Rect, Response, RichText, Sense, Stroke, Ui,
    WidgetInfo,
};
use egui::{pos2, vec2};
use web_time::Duration;

use crate::app::draw::icons::{self, Icon};
use crate::app::draw::theme::{self, Palette, small, tiny};
use crate::app::layout::Layout;
use crate::app::run::history::History;
use crate::app::run::past::{Move, Past, Speed};
use crate::app::run::shelf::Kept;
use crate::show::number::{count, duration, percent};

/// Height of the strip: for a pointer, and for a thumb.
pub fn height(layout: Layout) -> f32 {
    if layout.is_touch() { 76.0 } else { 46.0 }
}

/// Room for the buttons before the slider: for a pointer, and for a thumb.
const BUTTONS: [f32; 2] = [150.0, 190.0];
/// Radius of the slider's handle.
const HANDLE: f32 = 6.5;
/// How near a checkpoint's mark the pointer takes hold of it.
const NEAR: f32 = 4.0;
/// Time between two frames while a run is played.
const FRAME: Duration = Duration::from_millis(33);

/// Draws the strip, and takes the run to where somebody wants it.
pub fn ui(ui: &mut Ui, palette: &Palette, kept: &mut Kept) {
    let seconds = ui.input(|input| f64::from(input.stable_dt));
    kept.play(seconds);
    let Some(past) = &mut kept.past else { return };
    if past.at().is_none() {
        ui.centered_and_justified(|ui| {
            ui.label(RichText::new("Nothing of it was recorded.").color(palette.weak))
        });
        return;
    }
    if past.is_played() {
        ui.ctx().request_repaint_after(FRAME);
    }
    let mut wanted = None;
    let room = if theme::is_touch(ui) { BUTTONS[1] } else { BUTTONS[0] };
    ui.add_space(3.0);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let buttons =
            ui.allocate_ui(vec2(room, ui.spacing().interact_size.y), |ui| buttons_ui(ui, past, &mut wanted));
        ui.add_space((room - buttons.response.rect.width()).max(0.0));
        wanted = wanted.or(track_ui(ui, palette, past));
    });
    let (says, older) = (says(past, &kept.history), past.reel.missing());
    ui.horizontal(|ui| {
        // Under the slider's line, which begins where its handle has its middle.
        ui.add_space(room + 4.0 + HANDLE);
        ui.with_layout(Flow::right_to_left(egui::Align::Center), |ui| {
            if let Some(older) = older {
                let text = RichText::new(&older).font(tiny()).color(palette.auxiliary);
                ui.add(egui::Label::new(text).truncate()).on_hover_text(format!(
                    "The recording has no room for every detail of every step. Shown are: {older}."
                ));
            }
            ui.with_layout(Flow::left_to_right(egui::Align::Center), |ui| {
                ui.add(egui::Label::new(RichText::new(says).font(small())).truncate());
            });
        });
    });
    if let Some(to) = wanted {
        kept.go(to);
    }
}

/// Play or stop, and how fast.
fn buttons_ui(ui: &mut Ui, past: &mut Past, wanted: &mut Option<Move>) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.spacing_mut().button_padding = vec2(5.0, 1.0);
        let (icon, name) = if past.is_played() { (Icon::Pause, "Stop playing") } else { (Icon::Run, "Play") };
        if icons::quiet_button(ui, icon, name).clicked() {
            *wanted = Some(Move::PlayOrStop);
        }
        ui.add_space(4.0);
        for speed in Speed::ALL {
            let about = match speed {
                Speed::Recorded => "As fast as it was trained".into(),
                Speed::Fast | Speed::Fastest => format!("{} times as fast as it was trained", speed.factor()),
            };
            ui.selectable_value(&mut past.speed, speed, RichText::new(speed.name()).font(small()))
                .on_hover_text(about);
        }
    });
}

/// The slider: a line from step 0 to the last, a mark where there is a checkpoint. Where somebody wants to be.
fn track_ui(ui: &mut Ui, palette: &Palette, past: &Past) -> Option<Move> {
    let size = vec2(ui.available_width(), ui.spacing().interact_size.y);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let step = past.at().map_or(0, |at| at.step);
    response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), step as f64, "Step that is shown"));
    let track = Track { line: rect.shrink2(vec2(HANDLE, 0.0)), last: past.last_step() };
    let pointed = |pointer: egui::Pos2| track.at(pointer.x, past);
    let wanted =
        response.interact_pointer_pos().map(pointed).filter(|_| response.is_pointer_button_down_on());
    track.paint(ui, palette, past, (step, &response));
    if let Some(pointer) = response.hover_pos() {
        let at = track.at(pointer.x, past);
        let is_checkpoint =
            past.checkpoints.iter().any(|kept| (track.x(kept.step) - pointer.x).abs() <= NEAR);
        let kept = past.checkpoints.iter().rev().find(|kept| kept.step <= at);
        let text = match kept.filter(|_| is_checkpoint) {
            Some(kept) => format!("step {}\ncheckpoint of step {}", count(at), count(kept.step)),
            None => format!("step {}", count(at)),
        };
        response.clone().on_hover_text_at_pointer(text);
    }
    wanted.filter(|wanted| *wanted != step).map(Move::Step).or_else(|| focused(ui, &response))
}

/// What arrows want of a slider that has the focus.
fn focused(ui: &Ui, response: &Response) -> Option<Move> {
    if !response.has_focus() {
        return None;
    }
    let arrows = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    ui.input_mut(|input| {
        if input.consume_key(Modifiers::NONE, Key::ArrowLeft) {
            Some(Move::Back)
        } else if input.consume_key(Modifiers::NONE, Key::ArrowRight) {
            Some(Move::Forth)
        } else {
            None
        }
    })
}

/// Where steps lie.
struct Track {
    line: Rect,
    last: u64,
}

impl Track {
    fn x(&self, step: u64) -> f32 {
        self.line.left() + self.line.width() * (step as f64 / self.last.max(1) as f64) as f32
    }

    /// The step of a place at this x, that of the first place behind a checkpoint where its mark is.
    fn at(&self, x: f32, past: &Past) -> u64 {
        let places = past.reel.places();
        let marked = past.checkpoints.iter().find(|kept| (self.x(kept.step) - x).abs() <= NEAR);
        let place = match marked {
            Some(kept) => past.reel.from_step(kept.step),
            None => {
                let share = ((x - self.line.left()) / self.line.width().max(1.0)).clamp(0.0, 1.0);
                let step = (f64::from(share) * self.last as f64).round() as u64;
                past.reel.at_step(step)
            }
        };
        places.get(place).map_or(0, |place| place.step)
    }

    fn paint(&self, ui: &Ui, palette: &Palette, past: &Past, (step, response): (u64, &Response)) {
        let painter = ui.painter();
        let (middle, handle) = (self.line.center().y, pos2(self.x(step), self.line.center().y));
        let bar = |to: f32| Rect::from_min_max(pos2(self.line.left(), middle - 2.0), pos2(to, middle + 2.0));
        painter.rect_filled(bar(self.line.right()), 2.0, palette.rail);
        painter.rect_filled(bar(handle.x), 2.0, palette.main);
        for kept in &past.checkpoints {
            let (x, color) = (self.x(kept.step), if kept.step <= step { palette.main } else { palette.weak });
            painter.vline(x, middle - 7.0..=middle + 7.0, Stroke::new(1.5, color));
        }
        let grown = if response.hovered() || response.has_focus() { 1.0 } else { 0.0 };
        painter.circle(handle, HANDLE + grown, palette.main, Stroke::new(2.0, palette.window));
        if past.checkpoints.is_empty() && self.line.width() > 300.0 {
            let at = pos2(self.line.right(), middle - 4.0);
            painter.text(at, Align2::RIGHT_BOTTOM, "no checkpoints", tiny(), palette.weak);
        }
    }
}

/// Where one is, in words.
fn says(past: &Past, history: &History) -> String {
    let Some(at) = past.at() else { return String::new() };
    let mut said = vec![
        format!("step {} of {}", count(at.step), count(past.last_step())),
        format!("after {} of training", duration(Duration::from_secs_f64(at.seconds.max(0.0)))),
    ];
    if let Some(report) = &history.latest {
        said.push(format!("accuracy {}", percent(report.accuracy)));
    }
    if let Some((held_out, _)) = history.held_out_accuracy() {
        said.push(format!("held out {}", percent(held_out)));
    }
    if let Some(kept) = past.checkpoint() {
        said.push(format!("checkpoint of step {}", count(kept.step)));
    }
    said.join(" · ")
}
