//! How the window is laid out, by the room there is: one set of panes for a desk, a tablet and a telephone.

use egui::Vec2;

/// A way to lay the window out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Three columns; for a pointer.
    Wide,
    /// Rows, with tabs in them; for a thumb, as those below, and for any large screen that is touched.
    Tablet,
    /// One column: the game above, one pane below.
    Upright,
    /// The game and one pane beside each other.
    Lying,
}

/// The least width for more than the game and one pane.
const LEAST: f32 = 600.0;
/// The least height for that, on screens that are no wider than [`COLUMNS`].
const LEAST_HEIGHT: f32 = 480.0;
/// The least width for three columns on a screen that stands upright.
const COLUMNS: f32 = 900.0;

impl Layout {
    /// The one for so much room, in points, and for a pointer or for thumbs.
    pub fn of(room: Vec2, is_coarse: bool) -> Self {
        let is_upright = room.y > room.x;
        if room.x < LEAST || (room.y < LEAST_HEIGHT && room.x < COLUMNS) {
            if is_upright { Self::Upright } else { Self::Lying }
        } else if is_coarse || is_upright && room.x < COLUMNS {
            Self::Tablet
        } else {
            Self::Wide
        }
    }

    /// Whether it is made for thumbs.
    pub const fn is_touch(self) -> bool {
        !matches!(self, Self::Wide)
    }

    /// Whether there is room for one pane besides the game.
    pub const fn is_phone(self) -> bool {
        matches!(self, Self::Upright | Self::Lying)
    }

    /// What scripts call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Tablet => "tablet",
            Self::Upright => "upright",
            Self::Lying => "lying",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_screen_has_its_layout() {
        for (width, height, layout) in [
            (1280.0, 800.0, Layout::Wide),
            (960.0, 600.0, Layout::Wide),
            (1180.0, 820.0, Layout::Wide),
            (680.0, 520.0, Layout::Wide),
            (1280.0, 420.0, Layout::Wide),
            (820.0, 1180.0, Layout::Tablet),
            (390.0, 844.0, Layout::Upright),
            (360.0, 640.0, Layout::Upright),
            (844.0, 390.0, Layout::Lying),
            // 1280×800 at 200 %, and the smallest window of a desktop.
            (640.0, 400.0, Layout::Lying),
        ] {
            assert_eq!(Layout::of(Vec2::new(width, height), false), layout, "{width}×{height}");
            let by_thumb = if layout == Layout::Wide { Layout::Tablet } else { layout };
            assert_eq!(Layout::of(Vec2::new(width, height), true), by_thumb, "{width}×{height}, by thumb");
        }
    }
}
