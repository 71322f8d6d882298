//! The panes one at a time, for a telephone: the game stays where it is, and what is beside it is chosen by thumb.

use egui::{Rect, ScrollArea, Ui, UiBuilder, vec2};

use super::frame::{Name, PaneFrame};
use crate::app::layout::Layout;
use crate::app::panes::{GAME, KNOBS};

/// Height of the tabs.
const TABS: f32 = 48.0;
/// Between panes.
const GAP: f32 = 6.0;
/// The game's share: of the height where it lies above, of the width where it lies beside.
const GAME_SHARE: [f32; 2] = [0.4, 0.42];
/// The game's height, at least and at most.
const GAME_HEIGHT: std::ops::RangeInclusive<f32> = 228.0..=300.0;

/// Which pane is shown.
#[derive(Default)]
pub struct Stack {
    /// The first of all where nobody has chosen.
    chosen: Option<Name>,
    /// Whether the knobs lie over it.
    shows_knobs: bool,
}

impl Stack {
    /// The pane that somebody has chosen.
    pub const fn chosen(&self) -> Option<Name> {
        self.chosen
    }

    /// Shows a pane.
    pub fn choose(&mut self, name: Name) {
        self.chosen = Some(name);
    }

    /// Draws the game, the pane that was chosen of those `shown`, and the tabs.
    pub fn ui(&mut self, ui: &mut Ui, frame: &mut PaneFrame<'_, '_>, shown: &[Name]) {
        let others: Vec<Name> = shown.iter().copied().filter(|name| ![GAME, KNOBS].contains(name)).collect();
        let chosen = self.chosen.filter(|name| others.contains(name)).or(others.first().copied());
        let area = ui.max_rect();
        let (panes, tabs) = area.split_top_bottom_at_y(area.bottom() - TABS);
        let (game, pane) = split(panes, frame.scope.layout);
        let below = if self.shows_knobs { Some(KNOBS) } else { chosen };
        for (name, rect) in [(Some(GAME), game), (below, pane)] {
            let Some(name) = name else { continue };
            let mut place = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(name));
            let _not_draggable = frame.show(&mut place, name);
        }
        let mut bar = ui.new_child(UiBuilder::new().max_rect(tabs).id_salt("tabs"));
        self.tabs_ui(&mut bar, frame, &others, below);
    }

    fn tabs_ui(&mut self, ui: &mut Ui, frame: &PaneFrame<'_, '_>, others: &[Name], below: Option<Name>) {
        ScrollArea::horizontal().auto_shrink(false).show(ui, |ui| {
            ui.horizontal_centered(|ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                for name in [KNOBS].iter().chain(others) {
                    let about = frame.panes.iter().map(|pane| pane.about()).find(|about| about.name == *name);
                    let title = about.map_or(*name, |about| about.title);
                    let is_shown = below == Some(*name);
                    let button = egui::Button::selectable(is_shown, title).min_size(vec2(64.0, 44.0));
                    if !ui.add(button).clicked() {
                        continue;
                    }
                    if *name == KNOBS {
                        self.shows_knobs ^= true;
                    } else {
                        (self.chosen, self.shows_knobs) = (Some(*name), false);
                    }
                }
            });
        });
    }
}

/// Where the game lies, and where the other pane does.
fn split(area: Rect, layout: Layout) -> (Rect, Rect) {
    let [of_height, of_width] = GAME_SHARE;
    let (game, pane) = if layout == Layout::Lying {
        area.split_left_right_at_fraction(of_width)
    } else {
        let height = (of_height * area.height()).clamp(*GAME_HEIGHT.start(), *GAME_HEIGHT.end());
        area.split_top_bottom_at_y(area.top() + height)
    };
    let gap = if layout == Layout::Lying { vec2(GAP, 0.0) } else { vec2(0.0, GAP) };
    (game, Rect::from_min_max(pane.min + gap, pane.max))
}
