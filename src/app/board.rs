//! Where the panes lie: in columns, in rows or halves with tabs, or one at a time under the game, by the room there is.

mod frame;
mod place;
mod stack;

use egui::{Rect, Ui};
use egui_tiles::{LinearDir, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use crate::app::layout::Layout;
use crate::app::pane::{About, Column, Pane, Scope};
use crate::app::panes;
use crate::config::ScenarioKind;
use frame::{Name, PaneFrame};
use place::{Place, linear, tabs};
use stack::Stack;

/// Where the panes lie in each layout, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrangement {
    /// Nothing where they lie as they first do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    halves: Option<Place>,
    /// The pane beside the game, on a telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chosen: Option<String>,
}

/// All panes.
pub struct Board {
    panes: Vec<Box<dyn Pane>>,
    /// By their names: in columns, in rows, and in halves.
    trees: [Tree<Name>; 3],
    stack: Stack,
    /// Those that lie somewhere and have something to say of the run.
    shown: Vec<Name>,
    enlarged: Option<Name>,
    rects: Vec<(Name, Rect)>,
}

/// What the trees are called.
const TREES: [&str; 3] = ["panes", "rows", "halves"];
/// Shares of the height that rows have.
const HEIGHTS: [f32; 3] = [0.3, 0.35, 0.35];
/// The share of the width that the game and its knobs have beside tabs.
const HALF: f32 = 0.36;

impl Default for Board {
    fn default() -> Self {
        let panes = panes::all();
        let trees = trees(&panes);
        Self { trees, panes, stack: Stack::default(), shown: Vec::new(), enlarged: None, rects: Vec::new() }
    }
}

impl Board {
    /// Draws the panes into what room there is.
    pub fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        self.rects.clear();
        let of_run = scope.history.info.as_ref().map(|info| &info.config.setup);
        let setup = of_run.unwrap_or(&scope.controls.config.setup);
        let (scenario, is_world) = (setup.scenario, setup.world().is_some());
        self.show_those_of(scenario, is_world, scope.pair.is_some());
        let (enlarged, layout) = (self.enlarged, scope.layout);
        let mut frame =
            PaneFrame { panes: &mut self.panes, enlarged: &mut self.enlarged, rects: &mut self.rects, scope };
        let [columns, rows, halves] = &mut self.trees;
        let is_upright = ui.max_rect().height() > ui.max_rect().width();
        match (enlarged, layout) {
            (Some(pane), _) => {
                let _not_draggable = frame.show(ui, pane);
            }
            (None, Layout::Wide) => columns.ui(&mut frame, ui),
            (None, Layout::Tablet) if is_upright => rows.ui(&mut frame, ui),
            (None, Layout::Tablet) => halves.ui(&mut frame, ui),
            (None, Layout::Upright | Layout::Lying) => self.stack.ui(ui, &mut frame, &self.shown),
        }
    }

    /// Shows the panes that have something to say of such a run, wherever they were put; and that of a fork where there is
    /// one.
    fn show_those_of(&mut self, scenario: ScenarioKind, is_world: bool, is_forked: bool) {
        self.shown.clear();
        for about in self.panes.iter().map(|pane| pane.about()) {
            let is_its = about.name != panes::FORK || is_forked;
            let is_of_it = about.scenarios.contains(&scenario) && about.data.includes(is_world);
            let has_something = is_of_it && is_its;
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
        self.trees = trees(&self.panes);
        (self.stack, self.enlarged) = (Stack::default(), None);
    }

    /// Where every pane lies.
    pub fn arrangement(&self) -> Arrangement {
        let places = |trees: &[Tree<Name>; 3]| trees.each_ref().map(Place::of);
        let (now, first) = (places(&self.trees), places(&trees(&self.panes)));
        let [columns, rows, halves] =
            std::array::from_fn(|at| now[at].clone().filter(|place| first[at].as_ref() != Some(place)));
        Arrangement { columns, rows, halves, chosen: self.stack.chosen().map(String::from) }
    }

    /// Puts every pane where it lay. What is not said, or does not fit these panes, is as it first is.
    pub fn lie(&mut self, arrangement: &Arrangement) {
        self.arrange();
        let panes: Vec<Name> =
            self.abouts().filter(|about| about.share > 0.0).map(|about| about.name).collect();
        let places = [&arrangement.columns, &arrangement.rows, &arrangement.halves];
        for ((tree, id), place) in self.trees.iter_mut().zip(TREES).zip(places) {
            if let Some(kept) = place.as_ref().and_then(|place| place.tree(id, &panes)) {
                *tree = kept;
            }
        }
        let chosen = |name: &&Name| arrangement.chosen.as_deref() == Some(**name);
        if let Some(name) = panes.iter().find(chosen) {
            self.stack.choose(name);
        }
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

/// How the panes lie before somebody moves them.
fn trees(panes: &[Box<dyn Pane>]) -> [Tree<Name>; 3] {
    let [columns_id, rows_id, halves_id] = TREES.map(egui::Id::unique);
    let tree = |id, put: fn(&mut Tiles<Name>, [Vec<&About>; 3]) -> TileId| {
        let of = |column| {
            let abouts = panes.iter().map(|pane| pane.about());
            abouts.filter(|about| about.column == column && about.share > 0.0).collect::<Vec<_>>()
        };
        let mut tiles = Tiles::default();
        let root = put(&mut tiles, Column::ALL.map(of));
        Tree::new(id, root, tiles)
    };
    [tree(columns_id, columns), tree(rows_id, rows), tree(halves_id, halves)]
}

/// The arrangement of the design: column by column, each pane with its share.
fn columns(tiles: &mut Tiles<Name>, panes: [Vec<&About>; 3]) -> TileId {
    let shares = Column::ALL.map(Column::share).into_iter();
    let columns: Vec<_> = panes.iter().map(|panes| stacked(tiles, panes)).zip(shares).collect();
    linear(tiles, LinearDir::Horizontal, &columns)
}

/// The same with less width: the game and its knobs above, the other two columns as tabs below.
fn rows(tiles: &mut Tiles<Name>, panes: [Vec<&About>; 3]) -> TileId {
    let [left, middle, right] = panes;
    let beside: Vec<_> = left.iter().map(|about| (tiles.insert_pane(about.name), 1.0)).collect();
    let left = linear(tiles, LinearDir::Horizontal, &beside);
    let rows = [left, tabbed(tiles, &middle), tabbed(tiles, &right)];
    linear(tiles, LinearDir::Vertical, &[0, 1, 2].map(|at| (rows[at], HEIGHTS[at])))
}

/// The same with less height: the game and its knobs to the left, the tabs to the right.
fn halves(tiles: &mut Tiles<Name>, panes: [Vec<&About>; 3]) -> TileId {
    let [left, middle, right] = panes;
    let left = stacked(tiles, &left);
    let tabs = [tabbed(tiles, &middle), tabbed(tiles, &right)].map(|tabs| (tabs, 1.0));
    let right = linear(tiles, LinearDir::Vertical, &tabs);
    linear(tiles, LinearDir::Horizontal, &[(left, HALF), (right, 1.0 - HALF)])
}

/// Panes one above the other, each with its share.
fn stacked(tiles: &mut Tiles<Name>, panes: &[&About]) -> TileId {
    let children: Vec<_> = panes.iter().map(|about| (tiles.insert_pane(about.name), about.share)).collect();
    linear(tiles, LinearDir::Vertical, &children)
}

/// Panes that share a place.
fn tabbed(tiles: &mut Tiles<Name>, panes: &[&About]) -> TileId {
    let children = panes.iter().map(|about| tiles.insert_pane(about.name)).collect();
    tabs(tiles, children)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_lie_where_they_lay_and_what_is_no_place_is_the_first() {
        let mut board = Board::default();
        let first = board.arrangement();
        assert_eq!(serde_json::to_string(&first).unwrap(), "{}", "nothing is said of what nobody moved");
        // Over each other, all of them.
        let names = board.abouts().filter(|about| about.share > 0.0).map(|about| about.name);
        let of: Vec<Place> = names.map(|name| Place::Pane(name.into())).collect();
        let moved = Arrangement {
            columns: Some(Place::Tabs { shown: 2, of }),
            rows: Some(Place::Pane("smell".into())),
            halves: None,
            chosen: Some("discriminator".into()),
        };
        board.lie(&moved);
        assert_eq!(board.arrangement(), Arrangement { rows: None, ..moved });
        board.lie(&Arrangement { chosen: Some("smell".into()), ..first.clone() });
        assert_eq!(board.arrangement(), first);
    }
}
