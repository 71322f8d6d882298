//! Every figure and every picture can leave the window: as a table, to the clipboard or a file, or as a PNG.

use std::sync::Arc;

use egui::{ColorImage, Rect};
use tokio::sync::oneshot;

use crate::app::draw::textures::to_png;
use crate::platform::{self, Asked, FileAnswer};
use crate::show::Table;

/// A part of the window to save, `delay` frames from now, when the menu that asked for it is gone.
struct Picture {
    name: String,
    area: Rect,
    delay: u8,
}

/// Pictures being taken and files being asked for.
#[derive(Default)]
pub struct Exports {
    wanted: Option<Picture>,
    taken: Option<(String, Rect, oneshot::Receiver<Arc<ColorImage>>)>,
    asked: Vec<Asked>,
}

impl Exports {
    /// Waits for an answer from a file dialog.
    pub fn await_answer(&mut self, asked: Asked) {
        self.asked.push(asked);
    }

    /// Saves a table under a name that people choose.
    pub fn save_csv(&mut self, name: &str, table: Table) {
        self.await_answer(platform::save_bytes(&format!("{name}.csv"), table.into_bytes()));
    }

    /// Saves what is seen in `area`.
    pub fn save_picture(&mut self, name: &str, area: Rect) {
        self.wanted = Some(Picture { name: format!("{name}.png"), area, delay: 2 });
    }

    /// Whether an answer or a picture is outstanding.
    pub fn is_busy(&self) -> bool {
        self.wanted.is_some() || self.taken.is_some() || !self.asked.is_empty()
    }

    /// Moves what is under way on by a frame; what people answered meanwhile.
    pub fn advance(&mut self, ctx: &egui::Context) -> Vec<FileAnswer> {
        if let Some(picture) = &mut self.wanted {
            picture.delay = picture.delay.saturating_sub(1);
        }
        if let Some(picture) = self.wanted.take_if(|picture| picture.delay == 0) {
            let (sender, receiver) = oneshot::channel();
            // The receiver is gone only where the window is.
            ctx.request_screenshot(move |image| drop(sender.send(image)));
            self.taken = Some((picture.name, picture.area, receiver));
        }
        if let Some((name, area, mut receiver)) = self.taken.take() {
            match receiver.try_recv() {
                Ok(image) => {
                    let bytes = to_png(&image.region(&area, Some(ctx.pixels_per_point())));
                    self.await_answer(platform::save_bytes(&name, bytes));
                }
                Err(oneshot::error::TryRecvError::Empty) => self.taken = Some((name, area, receiver)),
                Err(oneshot::error::TryRecvError::Closed) => {}
            }
        }
        let mut answers = Vec::new();
        self.asked.retain_mut(|asked| match asked.try_recv() {
            Ok(answer) => {
                answers.push(answer);
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            Err(oneshot::error::TryRecvError::Closed) => false,
        });
        answers
    }
}
