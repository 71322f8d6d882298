//! Where the panes lie, and what all of them have: a title to move them by, export, and a way to fill the window.

use egui::{Rect, RichText, Sense, Ui, UiBuilder, pos2, vec2};
use egui_tiles::{Behavior, Container, Linear, LinearDir, Tile, TileId, Tiles, Tree, UiResponse};

use crate::app::draw::icons::{self, Icon};
use crate::app::pane::{About, Column, Pane, Scope};
use crate::app::panes;
use crate::config::ScenarioKind;

/// All panes.
pub struct Board {
    panes: Vec<Box<dyn Pane>>,
    /// By their names.
    tree: Tree<Name>,
    enlarged: Option<Name>,
    rects: Vec<(Name, Rect)>,
}

/// A pane's own name.
type Name = &'static str;

impl Default for Board {
    fn default() -> Self {
        let panes = panes::all();
        Self { tree: arrangement(&panes), panes, enlarged: None, rects: Vec::new() }
    }
}

impl Board {
    /// Draws the panes into what room there is.
    pub fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        self.rects.clear();
        let of_run = scope.history.info.as_ref().map(|info| info.config.setup.scenario);
        let scenario = of_run.unwrap_or(scope.controls.config.setup.scenario);
        self.show_those_of(scenario, scope.pair.is_some());
        if let Some(pane) = self.enlarged {
            let mut frame = PaneFrame {
                panes: &mut self.panes,
                enlarged: &mut self.enlarged,
                rects: &mut self.rects,
                scope,
            };
            let _not_draggable = frame.show(ui, pane);
            return;
        }
        let mut behavior =
            PaneFrame { panes: &mut self.panes, enlarged: &mut self.enlarged, rects: &mut self.rects, scope };
        self.tree.ui(&mut behavior, ui);
    }

    /// Shows the panes that have something to say of such a run, wherever they were put; and that of a fork where there is
    /// one.
    fn show_those_of(&mut self, scenario: ScenarioKind, is_forked: bool) {
        for about in self.panes.iter().map(|pane| pane.about()) {
            let is_its = about.name != panes::FORK || is_forked;
            let has_something = about.scenarios.contains(&scenario) && is_its;
            if let Some(tile) = self.tree.tiles.find_pane(&about.name) {
                self.tree.tiles.set_visible(tile, has_something);
            }
            self.enlarged.take_if(|pane| *pane == about.name && !has_something);
        }
    }

    /// Where the panes were drawn last, in points.
    pub fn rects(&self) -> &[(Name, Rect)] {
        &self.rects
    }

    /// What each pane says of itself.
    pub fn abouts(&self) -> impl Iterator<Item = &'static About> {
        self.panes.iter().map(|pane| pane.about())
    }

    /// Puts every pane back to its place.
    pub fn arrange(&mut self) {
        self.tree = arrangement(&self.panes);
        self.enlarged = None;
    }

    /// Lets a pane fill the window.
    pub fn enlarge(&mut self, name: &str) {
        self.enlarged = self.panes.iter().map(|pane| pane.about().name).find(|known| *known == name);
    }

    /// The same, or puts it back.
    pub fn toggle(&mut self, name: &str) {
        match self.enlarged {
            Some(enlarged) if enlarged == name => self.enlarged = None,
            _ => self.enlarge(name),
        }
    }

    /// Puts an enlarged pane back; whether there was one.
    pub fn restore(&mut self) -> bool {
        self.enlarged.take().is_some()
    }
}

/// The arrangement of the design: column by column, each pane with its share.
fn arrangement(panes: &[Box<dyn Pane>]) -> Tree<Name> {
    let mut tiles = Tiles::default();
    let columns = Column::ALL.map(|column| {
        let of_column =
            panes.iter().map(|pane| pane.about()).filter(|about| about.column == column && about.share > 0.0);
        let children: Vec<_> = of_column.map(|about| (tiles.insert_pane(about.name), about.share)).collect();
        (linear(&mut tiles, LinearDir::Vertical, &children), column.share())
    });
    let root = linear(&mut tiles, LinearDir::Horizontal, &columns);
    Tree::new(egui::Id::unique("panes"), root, tiles)
}

fn linear(tiles: &mut Tiles<Name>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(child, _)| *child).collect());
    for (child, share) in children {
        linear.shares.set_share(*child, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(linear)))
}

/// Draws a pane's frame and title, then the pane.
struct PaneFrame<'a, 'b> {
    panes: &'a mut [Box<dyn Pane>],
    enlarged: &'a mut Option<Name>,
    rects: &'a mut Vec<(Name, Rect)>,
    scope: &'a mut Scope<'b>,
}

/// Height of a pane's title.
const TITLE: f32 = 24.0;
/// Between panes.
const GAP: f32 = 6.0;

impl PaneFrame<'_, '_> {
    fn show(&mut self, ui: &mut Ui, name: Name) -> UiResponse {
        let Some(at) = self.panes.iter().position(|pane| pane.about().name == name) else {
            return UiResponse::None;
        };
        let palette = self.scope.palette;
        let rect = ui.max_rect();
        self.rects.push((name, rect));
        let outline = egui::Stroke::new(1.0, palette.line);
        ui.painter().rect(rect, 7.0, palette.card, outline, egui::StrokeKind::Inside);
        let inner = rect.shrink2(vec2(9.0, 0.0));
        let title = Rect::from_min_size(inner.min + vec2(0.0, 3.0), vec2(inner.width(), TITLE));
        let dragged = self.title_ui(ui, at, title, rect);
        let body = Rect::from_min_max(pos2(inner.left(), title.bottom() + 1.0), inner.max - vec2(0.0, 7.0));
        let mut body_ui = ui.new_child(UiBuilder::new().max_rect(body).id_salt(("body", name)));
        body_ui.shrink_clip_rect(rect.shrink(1.0));
        self.panes[at].ui(&mut body_ui, self.scope);
        if dragged { UiResponse::DragStarted } else { UiResponse::None }
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
        let buttons = 48.0;
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
        handle.drag_started() && !is_enlarged
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
