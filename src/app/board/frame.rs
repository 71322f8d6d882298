//! What all panes have: a title to move them by, export, and a way to fill the window.

use egui::{Rect, RichText, Sense, Ui, UiBuilder, pos2, vec2};
use egui_tiles::{Behavior, TileId, UiResponse};

use crate::app::draw::icons::{self, Icon};
use crate::app::pane::{About, Pane, Scope};

/// A pane's own name.
pub type Name = &'static str;

/// Draws a pane's frame and title, then the pane.
pub struct PaneFrame<'a, 'b> {
    /// All panes.
    pub panes: &'a mut [Box<dyn Pane>],
    /// The one that fills the window.
    pub enlarged: &'a mut Option<Name>,
    /// Where those are that were drawn.
    pub rects: &'a mut Vec<(Name, Rect)>,
    /// What they may see and touch.
    pub scope: &'a mut Scope<'b>,
}

/// Height of a pane's title, and the width of its buttons: for a pointer, and for a thumb.
const TITLE: [(f32, f32); 2] = [(24.0, 48.0), (44.0, 92.0)];
/// Between panes.
const GAP: f32 = 6.0;
/// Height of the tabs of panes that share a place: a thumb's.
const TABS: f32 = 44.0;

impl PaneFrame<'_, '_> {
    /// Draws a pane into what room there is.
    pub fn show(&mut self, ui: &mut Ui, name: Name) -> UiResponse {
        let Some(at) = self.panes.iter().position(|pane| pane.about().name == name) else {
            return UiResponse::None;
        };
        let palette = self.scope.palette;
        let rect = ui.max_rect();
        self.rects.push((name, rect));
        let outline = egui::Stroke::new(1.0, palette.line);
        ui.painter().rect(rect, 7.0, palette.card, outline, egui::StrokeKind::Inside);
        let inner = rect.shrink2(vec2(9.0, 0.0));
        let title = Rect::from_min_size(inner.min + vec2(0.0, 3.0), vec2(inner.width(), self.title_size().0));
        let dragged = self.title_ui(ui, at, title, rect);
        let body = Rect::from_min_max(pos2(inner.left(), title.bottom() + 1.0), inner.max - vec2(0.0, 7.0));
        let mut body_ui = ui.new_child(UiBuilder::new().max_rect(body).id_salt(("body", name)));
        body_ui.shrink_clip_rect(rect.shrink(1.0));
        self.panes[at].ui(&mut body_ui, self.scope);
        if dragged { UiResponse::DragStarted } else { UiResponse::None }
    }

    fn title_size(&self) -> (f32, f32) {
        TITLE[usize::from(self.scope.layout.is_touch())]
    }

    /// The title, its question and its buttons; whether the pane is being dragged away by it.
    fn title_ui(&mut self, ui: &mut Ui, at: usize, title: Rect, rect: Rect) -> bool {
        let about = self.panes[at].about();
        let palette = self.scope.palette;
        let handle = ui.interact(title, ui.scope_id().with(("title", about.name)), Sense::click_and_drag());
        let is_enlarged = *self.enlarged == Some(about.name);
        if handle.double_clicked() {
            *self.enlarged = (!is_enlarged).then_some(about.name);
        }
        let (_, buttons) = self.title_size();
        let mut text = ui.new_child(UiBuilder::new().max_rect(title.with_max_x(title.right() - buttons)));
        text.horizontal_centered(|ui| {
            ui.add(egui::Label::new(RichText::new(about.title).strong().size(13.0)).extend());
            ui.add(egui::Label::new(RichText::new(about.question).size(11.0).color(palette.weak)).truncate());
        });
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        let mut right = ui.new_child(
            UiBuilder::new()
                .max_rect(title.with_min_x(title.right() - buttons))
                .layout(layout)
                .id_salt(("menu", about.name)),
        );
        right.spacing_mut().item_spacing.x = 3.0;
        let (icon, verb) = if is_enlarged { (Icon::Restore, "Restore") } else { (Icon::Enlarge, "Enlarge") };
        if icons::quiet_button(&mut right, icon, &format!("{verb} {}", about.title)).clicked() {
            *self.enlarged = (!is_enlarged).then_some(about.name);
        }
        let more = icons::quiet_button(&mut right, Icon::More, &format!("Export {}", about.title));
        egui::Popup::menu(&more).show(|ui| self.export_menu(ui, at, rect));
        let handle = handle.on_hover_and_drag_cursor(egui::CursorIcon::Grab);
        handle.context_menu(|ui| self.export_menu(ui, at, rect));
        handle.drag_started() && !is_enlarged && !self.scope.layout.is_phone()
    }

    fn export_menu(&mut self, ui: &mut Ui, at: usize, rect: Rect) {
        let pane = &self.panes[at];
        let About { name, title, .. } = pane.about();
        ui.set_min_width(120.0);
        if ui.button("Copy as CSV").clicked() {
            ui.ctx().copy_text(pane.table(self.scope).into_csv());
            self.scope.history.notice = Some(format!("{title}: copied as CSV."));
        }
        if ui.button("Save CSV…").clicked() {
            self.scope.exports.save_csv(name, pane.table(self.scope));
        }
        if ui.button("Save picture…").clicked() {
            self.scope.exports.save_picture(name, rect);
        }
    }
}

impl Behavior<Name> for PaneFrame<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile_id: TileId, pane: &mut Name) -> UiResponse {
        self.show(ui, pane)
    }

    fn tab_title_for_pane(&mut self, pane: &Name) -> egui::WidgetText {
        let of = self.panes.iter().map(|pane| pane.about()).find(|about| about.name == *pane);
        of.map_or(*pane, |about| about.title).into()
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        GAP
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        TABS
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn resize_stroke(&self, _style: &egui::Style, state: egui_tiles::ResizeState) -> egui::Stroke {
        let color = match state {
            egui_tiles::ResizeState::Idle => egui::Color32::TRANSPARENT,
            _ => self.scope.palette.accent,
        };
        egui::Stroke::new(2.0, color)
    }

    fn tab_bar_color(&self, _visuals: &egui::Visuals) -> egui::Color32 {
        self.scope.palette.window
    }
}
