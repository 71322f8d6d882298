//! Which font draws a text in a PNG: the lab's own, or, for characters that it lacks, one that the system has.

use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef};
use plotters::style::{FontStyle, register_font};

use crate::platform;

/// The name under which the lab's own font is registered: Ubuntu Light, which the window has too.
pub const OWN: &str = "lab";
/// The name of the system's.
const SYSTEMS: &str = "system";

/// The fonts that there are.
struct Fonts {
    own: Option<FontRef<'static>>,
    systems: Option<FontRef<'static>>,
}

/// Makes the fonts known to plotters, once in a process.
fn fonts() -> &'static Fonts {
    static FONTS: OnceLock<Fonts> = OnceLock::new();
    FONTS.get_or_init(|| {
        let systems = platform::system_font().and_then(|bytes| known(SYSTEMS, bytes.leak()));
        Fonts { own: known(OWN, epaint_default_fonts::UBUNTU_LIGHT), systems }
    })
}

/// A font that plotters knows by this name from now on; none where it is refused.
fn known(name: &str, bytes: &'static [u8]) -> Option<FontRef<'static>> {
    register_font(name, FontStyle::Normal, bytes).ok()?;
    FontRef::try_from_slice(bytes).ok()
}

/// Registers the fonts, so that texts can be drawn; one that is refused shows as the error of the first text drawn with it.
pub fn register() {
    fonts();
}

/// The name of the font that has every character of `text`; none where none has.
pub fn of(text: &str) -> Option<&'static str> {
    let has = |font: &FontRef<'_>| text.chars().all(|char| char == ' ' || font.glyph_id(char).0 != 0);
    let Fonts { own, systems } = fonts();
    if own.as_ref().is_some_and(has) {
        Some(OWN)
    } else {
        systems.as_ref().filter(|font| has(font)).map(|_| SYSTEMS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_drawn_by_a_font_that_has_it_or_by_none() {
        assert_eq!(of("T-shirt/top, α = 0.1, ε, L∞, ü"), Some(OWN));
        assert_eq!(of(""), Some(OWN));
        let expected = if platform::system_font().is_some() { Some(SYSTEMS) } else { None };
        assert_eq!(of("短袖 a"), expected, "Chinese, where the system has a font for it");
        assert_eq!(of("\u{f8fff}"), None, "a character for private use");
    }
}
