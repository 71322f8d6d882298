//! The panes, where they lie, and what all of them have: a title to move them by, export, and a way to fill the window.

use egui::{Rect, RichText, Sense, Ui, UiBuilder, Vec2, pos2, vec2};
use egui_tiles::{Behavior, Container, Linear, LinearDir, Tile, TileId, Tiles, Tree, UiResponse};

use crate::app::draw::icons::{self, Icon};
use crate::app::draw::theme::Palette;
use crate::app::panes::audit::AuditPane;
use crate::app::panes::curves::Curves;
use crate::app::panes::discriminator::Discriminator;
use crate::app::panes::game::Game;
use crate::app::panes::gradients::Gradients;
use crate::app::panes::knobs::Knobs;
use crate::app::panes::robustness::RobustnessPane;
use crate::app::panes::samples::SamplesPane;
use crate::app::panes::tasks::TasksPane;
use crate::app::run::controls::Controls;
use crate::app::run::export::Exports;
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::show::Table;

/// Which pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pane {
    /// The two networks and what flows between them.
    Game,
    /// What can be set.
    Knobs,
    /// Histograms of the gradient tensors.
    Gradients,
    /// What the auxiliary network reads.
    Discriminator,
    /// Losses and accuracies.
    Curves,
    /// Accuracy under attack.
    Robustness,
    /// Whether that can be trusted.
    Audit,
    /// Images, attacked.
    Samples,
    /// What several tasks have come to; in place of the three before it, where there are several.
    Tasks,
}

impl Pane {
    /// Every pane.
    pub const ALL: [Self; 9] = [
        Self::Game,
        Self::Knobs,
        Self::Gradients,
        Self::Discriminator,
        Self::Curves,
        Self::Robustness,
        Self::Audit,
        Self::Samples,
        Self::Tasks,
    ];

    /// Whether it has something to show of such a run.
    const fn is_of(self, scenario: ScenarioKind) -> bool {
        let has_tasks = matches!(scenario, ScenarioKind::Multitask);
        match self {
            Self::Game | Self::Knobs | Self::Gradients | Self::Discriminator | Self::Curves => true,
            Self::Robustness | Self::Audit | Self::Samples => !has_tasks,
            Self::Tasks => has_tasks,
        }
    }

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Game => "The game",
            Self::Knobs => "Knobs",
            Self::Gradients => "Gradient tensors",
            Self::Discriminator => "Discriminator",
            Self::Curves => "Losses and accuracies",
            Self::Robustness => "Robustness",
            Self::Audit => "Audit",
            Self::Samples => "Samples",
            Self::Tasks => "Tasks",
        }
    }

    /// The question it answers.
    const fn question(self) -> &'static str {
        match self {
            Self::Game => "who is winning?",
            Self::Knobs => "live: from the next step on",
            Self::Gradients => "do they differ?",
            Self::Discriminator => "can it be read off a gradient where it comes from?",
            Self::Curves => "is it learning?",
            Self::Robustness => "how much attack does it withstand?",
            Self::Audit => "can the figures be trusted?",
            Self::Samples => "what does an attack change?",
            Self::Tasks => "do they help each other?",
        }
    }

    /// The name of its files.
    const fn file_name(self) -> &'static str {
        match self {
            Self::Game => "game",
            Self::Knobs => "knobs",
            Self::Gradients => "histograms",
            Self::Discriminator => "discriminator",
            Self::Curves => "metrics",
            Self::Robustness => "robustness",
            Self::Audit => "audit",
            Self::Samples => "samples",
            Self::Tasks => "tasks",
        }
    }
}

/// What a pane may see and touch.
pub struct Scope<'a> {
    /// What is known of the run.
    pub history: &'a mut History,
    /// The knobs, and the way to the trainer.
    pub controls: &'a mut Controls,
    /// Files being asked for.
    pub exports: &'a mut Exports,
    /// The colours.
    pub palette: Palette,
}

/// What each pane remembers between frames.
#[derive(Default)]
struct States {
    game: Game,
    knobs: Knobs,
    gradients: Gradients,
    discriminator: Discriminator,
    curves: Curves,
    robustness: RobustnessPane,
    audit: AuditPane,
    samples: SamplesPane,
    tasks: TasksPane,
}

impl States {
    fn ui(&mut self, pane: Pane, ui: &mut Ui, scope: &mut Scope<'_>) {
        match pane {
            Pane::Game => self.game.ui(ui, scope),
            Pane::Knobs => self.knobs.ui(ui, scope),
            Pane::Gradients => self.gradients.ui(ui, scope),
            Pane::Discriminator => self.discriminator.ui(ui, scope),
            Pane::Curves => self.curves.ui(ui, scope),
            Pane::Robustness => self.robustness.ui(ui, scope),
            Pane::Audit => self.audit.ui(ui, scope),
            Pane::Samples => self.samples.ui(ui, scope),
            Pane::Tasks => self.tasks.ui(ui, scope),
        }
    }

    fn table(&self, pane: Pane, scope: &Scope<'_>) -> Table {
        match pane {
            Pane::Game => self.game.table(scope.history),
            Pane::Knobs => self.knobs.table(scope.controls),
            Pane::Gradients => self.gradients.table(scope.history),
            Pane::Discriminator => self.discriminator.table(scope.history),
            Pane::Curves => self.curves.table(scope.history),
            Pane::Robustness => self.robustness.table(scope.history),
            Pane::Audit => self.audit.table(scope.history),
            Pane::Samples => self.samples.table(scope.history),
            Pane::Tasks => self.tasks.table(scope.history),
        }
    }
}

/// All panes.
pub struct Panes {
    tree: Tree<Pane>,
    states: States,
    enlarged: Option<Pane>,
    rects: Vec<(Pane, Rect)>,
}

impl Default for Panes {
    fn default() -> Self {
        Self { tree: arrangement(), states: States::default(), enlarged: None, rects: Vec::new() }
    }
}

impl Panes {
    /// Draws the panes into what room there is.
    pub fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        self.rects.clear();
        let of_run = scope.history.info.as_ref().map(|info| info.config.setup.scenario);
        self.show_those_of(of_run.unwrap_or(scope.controls.config.setup.scenario));
        if let Some(pane) = self.enlarged {
            let mut frame = PaneFrame {
                states: &mut self.states,
                enlarged: &mut self.enlarged,
                rects: &mut self.rects,
                scope,
            };
            let _not_draggable = frame.show(ui, pane);
            return;
        }
        let mut behavior = PaneFrame {
            states: &mut self.states,
            enlarged: &mut self.enlarged,
            rects: &mut self.rects,
            scope,
        };
        self.tree.ui(&mut behavior, ui);
    }

    /// Shows the panes that have something to say of such a run, wherever they were put.
    fn show_those_of(&mut self, scenario: ScenarioKind) {
        for pane in Pane::ALL {
            if let Some(tile) = self.tree.tiles.find_pane(&pane) {
                self.tree.tiles.set_visible(tile, pane.is_of(scenario));
            }
        }
        self.enlarged = self.enlarged.filter(|pane| pane.is_of(scenario));
    }

    /// Where the panes were drawn last, in points.
    pub fn rects(&self) -> &[(Pane, Rect)] {
        &self.rects
    }

    /// Puts every pane back to its place.
    pub fn arrange(&mut self) {
        self.tree = arrangement();
        self.enlarged = None;
    }

    /// Puts an enlarged pane back; whether there was one.
    pub fn restore(&mut self) -> bool {
        self.enlarged.take().is_some()
    }
}

/// The arrangement of the design: game and knobs, then gradients, discriminator and curves, then robustness, audit and
/// samples, or the tasks.
fn arrangement() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let column = |tiles: &mut Tiles<Pane>, panes: &[(Pane, f32)]| {
        let children: Vec<_> = panes.iter().map(|(pane, share)| (tiles.insert_pane(*pane), *share)).collect();
        linear(tiles, LinearDir::Vertical, &children)
    };
    let left = column(&mut tiles, &[(Pane::Game, 0.47), (Pane::Knobs, 0.53)]);
    let middle =
        column(&mut tiles, &[(Pane::Gradients, 0.36), (Pane::Discriminator, 0.32), (Pane::Curves, 0.32)]);
    let right = column(
        &mut tiles,
        &[(Pane::Robustness, 0.42), (Pane::Audit, 0.22), (Pane::Samples, 0.36), (Pane::Tasks, 1.0)],
    );
    let root = linear(&mut tiles, LinearDir::Horizontal, &[(left, 0.25), (middle, 0.385), (right, 0.365)]);
    Tree::new(egui::Id::unique("panes"), root, tiles)
}

fn linear(tiles: &mut Tiles<Pane>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(child, _)| *child).collect());
    for (child, share) in children {
        linear.shares.set_share(*child, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(linear)))
}

/// Draws a pane's frame and title, then the pane.
struct PaneFrame<'a, 'b> {
    states: &'a mut States,
    enlarged: &'a mut Option<Pane>,
    rects: &'a mut Vec<(Pane, Rect)>,
    scope: &'a mut Scope<'b>,
}

/// Height of a pane's title.
const TITLE: f32 = 24.0;
/// Between panes.
const GAP: f32 = 6.0;

impl PaneFrame<'_, '_> {
    fn show(&mut self, ui: &mut Ui, pane: Pane) -> UiResponse {
        let palette = self.scope.palette;
        let rect = ui.max_rect();
        self.rects.push((pane, rect));
        let outline = egui::Stroke::new(1.0, palette.line);
        ui.painter().rect(rect, 7.0, palette.card, outline, egui::StrokeKind::Inside);
        let inner = rect.shrink2(vec2(9.0, 0.0));
        let title = Rect::from_min_size(inner.min + vec2(0.0, 3.0), vec2(inner.width(), TITLE));
        let dragged = self.title_ui(ui, pane, title, rect);
        let body = Rect::from_min_max(pos2(inner.left(), title.bottom() + 1.0), inner.max - vec2(0.0, 7.0));
        let mut body_ui = ui.new_child(UiBuilder::new().max_rect(body).id_salt(("body", pane)));
        body_ui.shrink_clip_rect(rect.shrink(1.0));
        self.states.ui(pane, &mut body_ui, self.scope);
        if dragged { UiResponse::DragStarted } else { UiResponse::None }
    }

    /// The title, its question and its buttons; whether the pane is being dragged away by it.
    fn title_ui(&mut self, ui: &mut Ui, pane: Pane, title: Rect, rect: Rect) -> bool {
        let palette = self.scope.palette;
        let handle = ui.interact(title, ui.scope_id().with(("title", pane)), Sense::click_and_drag());
        let is_enlarged = *self.enlarged == Some(pane);
        if handle.double_clicked() {
            *self.enlarged = (!is_enlarged).then_some(pane);
        }
        let buttons = 48.0;
        let mut text = ui.new_child(UiBuilder::new().max_rect(title.with_max_x(title.right() - buttons)));
        text.horizontal_centered(|ui| {
            ui.add(egui::Label::new(RichText::new(pane.title()).strong().size(13.0)).extend());
            ui.add(
                egui::Label::new(RichText::new(pane.question()).size(11.0).color(palette.weak)).truncate(),
            );
        });
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        let mut right = ui.new_child(
            UiBuilder::new()
                .max_rect(title.with_min_x(title.right() - buttons))
                .layout(layout)
                .id_salt(("menu", pane)),
        );
        right.spacing_mut().item_spacing.x = 3.0;
        let (icon, verb) = if is_enlarged { (Icon::Restore, "Restore") } else { (Icon::Enlarge, "Enlarge") };
        if icons::quiet_button(&mut right, icon, &format!("{verb} {}", pane.title())).clicked() {
            *self.enlarged = (!is_enlarged).then_some(pane);
        }
        let more = icons::quiet_button(&mut right, Icon::More, &format!("Export {}", pane.title()));
        egui::Popup::menu(&more).show(|ui| self.export_menu(ui, pane, rect));
        let handle = handle.on_hover_and_drag_cursor(egui::CursorIcon::Grab);
        handle.context_menu(|ui| self.export_menu(ui, pane, rect));
        handle.drag_started() && !is_enlarged
    }

    fn export_menu(&mut self, ui: &mut Ui, pane: Pane, rect: Rect) {
        ui.set_min_width(120.0);
        if ui.button("Copy as CSV").clicked() {
            ui.ctx().copy_text(self.states.table(pane, self.scope).into_csv());
            self.scope.history.notice = Some(format!("{}: copied as CSV.", pane.title()));
        }
        if ui.button("Save CSV…").clicked() {
            self.scope.exports.save_csv(pane.file_name(), self.states.table(pane, self.scope));
        }
        if ui.button("Save picture…").clicked() {
            self.scope.exports.save_picture(pane.file_name(), rect);
        }
    }
}

impl Behavior<Pane> for PaneFrame<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile_id: TileId, pane: &mut Pane) -> UiResponse {
        self.show(ui, *pane)
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> egui::WidgetText {
        pane.title().into()
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

/// Room for `count` equal things side by side with `gap` between them.
pub fn split_width(ui: &Ui, count: usize, gap: f32) -> Vec2 {
    let width = (ui.available_width() - gap * (count as f32 - 1.0)) / count as f32;
    vec2(width.max(0.0), ui.available_height())
}
