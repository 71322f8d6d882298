//! Where the panes lie: in columns, in rows with tabs, or one at a time under the game, by the room there is.

mod frame;
mod stack;

use egui::{Rect, Ui};
use egui_tiles::{Container, Linear, LinearDir, Tabs, Tile, TileId, Tiles, Tree};

use crate::app::layout::Layout;
use crate::app::pane::{About, Column, Pane, Scope};
use crate::app::panes;
use crate::config::ScenarioKind;
use frame::{Name, PaneFrame};
use stack::Stack;

/// All panes.
pub struct Board {
    panes: Vec<Box<dyn Pane>>,
    /// By their names: in columns, and in rows.
    trees: [Tree<Name>; 2],
    stack: Stack,
    /// Those that lie somewhere and have something to say of the run.
    shown: Vec<Name>,
    enlarged: Option<Name>,
    rects: Vec<(Name, Rect)>,
}

/// Shares of the height that rows have.
const ROWS: [f32; 3] = [0.3, 0.35, 0.35];

impl Default for Board {
    fn default() -> Self {
        let panes = panes::all();
        let trees = [columns(&panes), rows(&panes)];
        Self { trees, panes, stack: Stack::default(), shown: Vec::new(), enlarged: None, rects: Vec::new() }
    }
}

impl Board {
    /// Draws the panes into what room there is.
    pub fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        self.rects.clear();
        let of_run = scope.history.info.as_ref().map(|info| info.config.setup.scenario);
        let scenario = of_run.unwrap_or(scope.controls.config.setup.scenario);
        self.show_those_of(scenario, scope.pair.is_some());
        let (enlarged, layout) = (self.enlarged, scope.layout);
        let mut frame =
            PaneFrame { panes: &mut self.panes, enlarged: &mut self.enlarged, rects: &mut self.rects, scope };
        let [columns, rows] = &mut self.trees;
        match (enlarged, layout) {
            (Some(pane), _) => {
                let _not_draggable = frame.show(ui, pane);
            }
            (None, Layout::Wide) => columns.ui(&mut frame, ui),
            (None, Layout::Tablet) => rows.ui(&mut frame, ui),
            (None, Layout::Upright | Layout::Lying) => self.stack.ui(ui, &mut frame, &self.shown),
        }
    }

    /// Shows the panes that have something to say of such a run, wherever they were put; and that of a fork where there is
    /// one.
    fn show_those_of(&mut self, scenario: ScenarioKind, is_forked: bool) {
        self.shown.clear();
        for about in self.panes.iter().map(|pane| pane.about()) {
            let is_its = about.name != panes::FORK || is_forked;
            let has_something = about.scenarios.contains(&scenario) && is_its;
            for tree in &mut self.trees {
                if let Some(tile) = tree.tiles.find_pane(&about.name) {
                    tree.tiles.set_visible(tile, has_something);
                }
            }
            if has_something && about.share > 0.0 {
                self.shown.push(about.name);
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
        self.trees = [columns(&self.panes), rows(&self.panes)];
        (self.stack, self.enlarged) = (Stack::default(), None);
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
fn columns(panes: &[Box<dyn Pane>]) -> Tree<Name> {
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

/// The same with less width: the game and its knobs above, the other two columns as tabs below.
fn rows(panes: &[Box<dyn Pane>]) -> Tree<Name> {
    let mut tiles = Tiles::default();
    let rows = Column::ALL.map(|column| {
        let of_column =
            panes.iter().map(|pane| pane.about()).filter(|about| about.column == column && about.share > 0.0);
        let children: Vec<_> = of_column.map(|about| tiles.insert_pane(about.name)).collect();
        match column {
            Column::Left => {
                let beside: Vec<_> = children.into_iter().map(|child| (child, 1.0)).collect();
                (linear(&mut tiles, LinearDir::Horizontal, &beside), ROWS[0])
            }
            Column::Middle => (tabs(&mut tiles, children), ROWS[1]),
            Column::Right => (tabs(&mut tiles, children), ROWS[2]),
        }
    });
    let root = linear(&mut tiles, LinearDir::Vertical, &rows);
    Tree::new(egui::Id::unique("rows"), root, tiles)
}

fn tabs(tiles: &mut Tiles<Name>, children: Vec<TileId>) -> TileId {
    tiles.insert_new(Tile::Container(Container::Tabs(Tabs::new(children))))
}

fn linear(tiles: &mut Tiles<Name>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(child, _)| *child).collect());
    for (child, share) in children {
        linear.shares.set_share(*child, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(linear)))
}
