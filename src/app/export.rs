//! Every figure and every picture can leave the window: as a table, to the clipboard or a file, or as a PNG.

use std::sync::Arc;

use egui::{ColorImage, Rect};
use tokio::sync::oneshot;

use crate::platform::{self, Asked, FileAnswer};

/// Figures of a pane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// One entry a column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Comma-separated values, quoted where they have to be (RFC 4180, with bare line feeds).
    pub fn to_csv(&self) -> String {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        for row in std::iter::once(&self.header).chain(&self.rows) {
            writer.write_record(row).expect("writing to memory cannot fail, and rows may differ in length");
        }
        let bytes = writer.into_inner().expect("flushing to memory cannot fail");
        String::from_utf8(bytes).expect("made of strings and ASCII separators")
    }
}

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
    pub fn save_csv(&mut self, name: &str, table: &Table) {
        self.await_answer(platform::save_bytes(&format!("{name}.csv"), table.to_csv().into_bytes()));
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

/// A PNG of opaque pixels.
pub fn to_png(image: &ColorImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let [width, height] = image.size.map(|side| side as u32);
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let pixels: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .expect("writing to memory cannot fail, and there are width × height pixels");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_quote_what_would_break_them() {
        let mut table = Table::new(&["class", "share, %"]);
        table.rows.push(vec!["T-shirt/\"top\"".into(), "10".into()]);
        assert_eq!(table.to_csv(), "class,\"share, %\"\n\"T-shirt/\"\"top\"\"\",10\n");
    }

    #[test]
    fn a_picture_reads_back() {
        let image = ColorImage::filled([3, 2], egui::Color32::from_rgb(1, 2, 3));
        let decoder = png::Decoder::new(std::io::Cursor::new(to_png(&image)));
        let mut reader = decoder.read_info().expect("a header");
        let mut pixels = vec![0; 18];
        reader.next_frame(&mut pixels).expect("a frame");
        assert_eq!(pixels, [1, 2, 3].repeat(6));
    }
}
