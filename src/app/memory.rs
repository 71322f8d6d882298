//! What a window remembers from one time to the next: where its panes lie, and its theme.

use egui::{Context, Theme, ThemePreference};
use serde::{Deserialize, Serialize};
use web_time::{Duration, Instant};

use crate::app::board::{Arrangement, Board};
use crate::platform;

/// Time between two looks at what is to be remembered.
const LOOK_AFTER: Duration = Duration::from_secs(1);
/// What is written now. What another version has written is not read.
const VERSION: u32 = 1;

/// What is remembered, as it is written.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Look {
    version: u32,
    /// The theme that somebody has chosen; the system's otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    theme: Option<Theme>,
    /// Whether somebody has taken the guided tour, or declined it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_toured: bool,
    /// Where the panes lie.
    board: Arrangement,
}

/// Keeps what a window remembers.
pub struct Memory {
    /// What is written, if this window remembers.
    written: Option<String>,
    looked: Instant,
    is_toured: bool,
}

impl Memory {
    /// Lets a window look as it did. Where that was not kept, or cannot be read, it looks as a new one does.
    pub fn recall(remembers: bool, ctx: &Context, board: &mut Board) -> Self {
        let written = remembers.then(|| platform::recall().unwrap_or_default());
        let look = written.as_ref().and_then(|text| serde_json::from_str::<Look>(text).ok());
        let mut is_toured = !remembers;
        if let Some(look) = look.filter(|look| look.version == VERSION) {
            if let Some(theme) = look.theme {
                ctx.set_theme(theme);
            }
            board.lie(&look.board);
            is_toured |= look.is_toured;
        }
        Self { written, looked: Instant::now(), is_toured }
    }

    /// Whether the guided tour is to be offered: to whoever has neither taken nor declined it, in a window that remembers.
    pub const fn offers_tour(&self) -> bool {
        !self.is_toured
    }

    /// Offers it no more.
    pub const fn tour_is_known(&mut self) {
        self.is_toured = true;
    }

    /// Remembers how the window looks, if it is another look than before; now and then, or `at_once`.
    pub fn follow(&mut self, ctx: &Context, board: &Board, at_once: bool) {
        let Some(written) = &mut self.written else { return };
        if !at_once && self.looked.elapsed() < LOOK_AFTER {
            return;
        }
        self.looked = Instant::now();
        let theme = match ctx.options(|options| options.theme_preference) {
            ThemePreference::Dark => Some(Theme::Dark),
            ThemePreference::Light => Some(Theme::Light),
            ThemePreference::System => None,
        };
        let Ok(text) = serde_json::to_string(&Look {
            version: VERSION,
            theme,
            is_toured: self.is_toured,
            board: board.arrangement(),
        }) else {
            return;
        };
        if text != *written {
            // A window that cannot remember is as good as any.
            platform::retain(&text);
            *written = text;
        }
    }
}
