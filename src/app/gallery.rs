//! The gallery: ready-made runs as cards, each with a picture of its end and the one thing to see, over whatever else is open.

use egui::{
    Align2, Button, Color32, ColorImage, Context, CornerRadius, Rect, Response, RichText, Role, ScrollArea,
    Sense, Stroke, StrokeKind, TextWrapMode, TextureHandle, TextureOptions, Ui, UiBuilder, WidgetInfo,
    WidgetText, pos2, vec2,
};

use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::run::controls::Controls;
use crate::config::{EXAMPLES, GALLERY, Piece};

/// Width of a card and height of its picture, which is half as high as it is wide.
const CARD: f32 = 208.0;
/// Around a card's words.
const INSET: f32 = 8.0;
/// Height of what stands below a picture.
const WORDS: f32 = 84.0;
/// Between cards.
const GAP: f32 = 10.0;
/// Columns of cards where the window has room for them.
const COLUMNS: usize = 4;
/// What of the window stays free at its sides, and above and below.
const FREE: (f32, f32) = (24.0, 130.0);

/// The gallery, shown or not.
#[derive(Default)]
pub struct Gallery {
    is_open: bool,
    /// A picture for each piece, once they have been shown.
    pictures: Vec<TextureHandle>,
}

impl Gallery {
    /// Shows it.
    pub fn open(&mut self) {
        self.is_open = true;
    }

    /// Draws it, and begins the run that somebody chooses.
    pub fn ui(&mut self, ctx: &Context, palette: &Palette, controls: &mut Controls) {
        if !self.is_open {
            return;
        }
        if self.pictures.is_empty() {
            self.pictures = GALLERY.iter().map(|piece| load(ctx, piece)).collect();
        }
        let screen = ctx.content_rect();
        let fitting = ((screen.width() - FREE.0 + GAP) / (CARD + GAP)) as usize;
        let columns = fitting.clamp(1, COLUMNS);
        // A single column takes the room there is.
        let room = screen.width() - FREE.0 - 3.0 * GAP;
        let card = if columns == 1 { room.clamp(0.6 * CARD, 1.6 * CARD) } else { CARD };
        let mut is_open = true;
        let mut chosen = false;
        let window = egui::Window::new("Examples").open(&mut is_open).collapsible(false).resizable(false);
        window.pivot(Align2::CENTER_CENTER).default_pos(screen.center()).show(ctx, |ui| {
            ui.set_width(columns as f32 * (card + GAP) + GAP);
            let height = screen.height() - FREE.1;
            ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
                ui.spacing_mut().item_spacing = vec2(GAP, GAP);
                let cards: Vec<_> = GALLERY.iter().zip(&self.pictures).collect();
                for row in cards.chunks(columns) {
                    ui.horizontal(|ui| {
                        for (piece, picture) in row {
                            if card_ui(ui, palette, piece, picture, card).clicked() {
                                controls.begin_piece(piece);
                                chosen = true;
                            }
                        }
                    });
                }
                chosen |= rows_ui(ui, palette, controls);
            });
        });
        self.is_open = is_open && !chosen;
    }
}

/// A piece: its picture, its title, and what to see.
fn card_ui(ui: &mut Ui, palette: &Palette, piece: &Piece, picture: &TextureHandle, width: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(width, 0.5 * width + WORDS), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, piece.title));
    let is_touched = response.hovered() || response.has_focus();
    let edge = Stroke::new(
        if is_touched { 2.0 } else { 1.0 },
        if is_touched { palette.accent } else { palette.line },
    );
    let painter = ui.painter();
    painter.rect(rect, 6.0, palette.raised, edge, StrokeKind::Inside);
    let top = Rect::from_min_size(rect.min, vec2(width, 0.5 * width)).shrink(2.0);
    let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    let rounded = CornerRadius { nw: 5, ne: 5, sw: 0, se: 0 };
    egui::Image::new((picture.id(), top.size())).uv(whole).corner_radius(rounded).paint_at(ui, top);
    let words = Rect::from_min_max(rect.min + vec2(INSET, 0.5 * width + 4.0), rect.max - vec2(INSET, 4.0));
    let mut inner = ui.new_child(UiBuilder::new().max_rect(words));
    inner.spacing_mut().item_spacing.y = 1.0;
    // Said of the card as a whole already.
    let text =
        |text: &str, font, color: Color32| WidgetText::from(RichText::new(text).font(font).color(color));
    let title = text(piece.title, small(), palette.text).into_galley(
        &inner,
        Some(TextWrapMode::Truncate),
        words.width(),
        small(),
    );
    let see = text(piece.see, tiny(), palette.weak).into_galley(
        &inner,
        Some(TextWrapMode::Wrap),
        words.width(),
        tiny(),
    );
    let below = words.min + vec2(0.0, title.size().y + 1.0);
    inner.painter().galley(words.min, title, palette.text);
    inner.painter().with_clip_rect(words).galley(below, see, palette.weak);
    response.on_hover_text(piece.see).on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// The rows of the paper, on the data at hand; whether one was begun.
fn rows_ui(ui: &mut Ui, palette: &Palette, controls: &mut Controls) -> bool {
    let mut begun = false;
    ui.label(
        RichText::new("The paper's rows and what they are held against, on the data at hand:")
            .font(small())
            .color(palette.weak),
    );
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
        for example in &EXAMPLES {
            let button = ui.add(Button::new(RichText::new(example.title).font(small())));
            if button.on_hover_text(example.about).clicked() {
                controls.begin(example);
                begun = true;
            }
        }
    });
    begun
}

/// A piece's picture as a texture; empty where it cannot be read, which a test rules out.
fn load(ctx: &Context, piece: &Piece) -> TextureHandle {
    let picture = decode(picture_of(piece.name)).unwrap_or_default();
    ctx.load_texture(piece.name, picture, TextureOptions::LINEAR)
}

fn decode(bytes: &[u8]) -> Option<ColorImage> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let info = reader.next_frame(&mut pixels).ok()?;
    let size = [info.width as usize, info.height as usize];
    (info.color_type == png::ColorType::Rgb).then(|| ColorImage::from_rgb(size, &pixels))
}

/// The file of a piece's picture: its run seen whole, made by `scripts/make-gallery`.
fn picture_of(name: &str) -> &'static [u8] {
    macro_rules! pictures {
        ($($name:literal)*) => {
            match name {
                $($name => include_bytes!(concat!("../../assets/gallery/", $name, ".png")),)*
                _ => &[],
            }
        };
    }
    pictures! {
        "gives-away" "mixed" "moons" "rings" "redundant" "adversarial-training" "gradient-penalty" "masked" "thin-gap"
        "drawing" "jacobian-matching" "tasks" "alignment" "pictures"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_has_a_picture_twice_as_wide_as_high() {
        for (index, piece) in GALLERY.iter().enumerate() {
            let picture = decode(picture_of(piece.name)).expect("a picture");
            assert_eq!(picture.size[0], 2 * picture.size[1], "{}", piece.name);
            let colours: std::collections::HashSet<_> = picture.pixels.iter().collect();
            assert!(colours.len() > 8, "{} is of {} colours", piece.name, colours.len());
            let is_known =
                GALLERY[..index].iter().any(|other| picture_of(other.name) == picture_of(piece.name));
            assert!(!is_known, "{} has another's picture", piece.name);
        }
        assert!(decode(b"no picture").is_none());
    }
}
