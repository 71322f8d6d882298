//! Where panes lie, as data: what a window remembers from one time to the next.

use egui_tiles::{Container, Linear, LinearDir, Tabs, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use super::frame::Name;

/// A pane, or places beside, above or over each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A pane, by its name.
    Pane(String),
    /// From left to right, each with its share of the width.
    Row(Vec<(f32, Place)>),
    /// From top to bottom, each with its share of the height.
    Column(Vec<(f32, Place)>),
    /// One at a time.
    Tabs {
        /// The one that is shown, counted from 0.
        shown: usize,
        /// All of them.
        of: Vec<Place>,
    },
}

impl Place {
    /// Where the panes of a tree lie; nothing where they lie as no window of the lab's puts them.
    pub fn of(tree: &Tree<Name>) -> Option<Self> {
        Self::of_tile(&tree.tiles, tree.root()?)
    }

    fn of_tile(tiles: &Tiles<Name>, tile: TileId) -> Option<Self> {
        Some(match tiles.get(tile)? {
            Tile::Pane(name) => Self::Pane((*name).into()),
            Tile::Container(Container::Linear(linear)) => {
                let children = linear.children.iter();
                let children = children
                    .map(|child| Some((linear.shares[*child], Self::of_tile(tiles, *child)?)))
                    .collect::<Option<_>>()?;
                match linear.dir {
                    LinearDir::Horizontal => Self::Row(children),
                    LinearDir::Vertical => Self::Column(children),
                }
            }
            Tile::Container(Container::Tabs(tabs)) => Self::Tabs {
                shown: tabs.children.iter().position(|child| tabs.active == Some(*child)).unwrap_or_default(),
                of: tabs.children.iter().map(|child| Self::of_tile(tiles, *child)).collect::<Option<_>>()?,
            },
            Tile::Container(Container::Grid(_)) => return None,
        })
    }

    /// The tree called `id` in which just these panes lie so; nothing where these are other panes, as those of another version
    /// of the lab, or a share is none.
    pub fn tree(&self, id: &'static str, panes: &[Name]) -> Option<Tree<Name>> {
        let (mut tiles, mut left) = (Tiles::default(), panes.to_vec());
        let root = self.put(&mut tiles, &mut left)?;
        left.is_empty().then(|| Tree::new(egui::Id::unique(id), root, tiles))
    }

    /// Puts panes that are `left` into `tiles`.
    fn put(&self, tiles: &mut Tiles<Name>, left: &mut Vec<Name>) -> Option<TileId> {
        let mut lined = |dir, children: &[(f32, Self)], left: &mut Vec<Name>| {
            let put = |(share, child): &(f32, Self)| {
                let is_share = share.is_finite() && *share > 0.0;
                Some((child.put(tiles, left)?, is_share.then_some(*share)?))
            };
            let children = children.iter().map(put).collect::<Option<Vec<_>>>()?;
            Some(linear(tiles, dir, &children))
        };
        match self {
            Self::Pane(pane) => {
                let at = left.iter().position(|name| name == pane)?;
                Some(tiles.insert_pane(left.swap_remove(at)))
            }
            Self::Row(children) => lined(LinearDir::Horizontal, children, left),
            Self::Column(children) => lined(LinearDir::Vertical, children, left),
            Self::Tabs { shown, of } => {
                let children = of.iter().map(|child| child.put(tiles, left)).collect::<Option<Vec<_>>>()?;
                let shown = *children.get(*shown)?;
                let tile = tabs(tiles, children);
                if let Some(Tile::Container(Container::Tabs(tabs))) = tiles.get_mut(tile) {
                    tabs.set_active(shown);
                }
                Some(tile)
            }
        }
    }
}

/// Tiles of which one is shown at a time.
pub fn tabs(tiles: &mut Tiles<Name>, children: Vec<TileId>) -> TileId {
    tiles.insert_new(Tile::Container(Container::Tabs(Tabs::new(children))))
}

/// Tiles beside or above each other, each with its share.
pub fn linear(tiles: &mut Tiles<Name>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(child, _)| *child).collect());
    for (child, share) in children {
        linear.shares.set_share(*child, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(linear)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANES: [Name; 3] = ["game", "curves", "samples"];

    fn pane(name: &str) -> Place {
        Place::Pane(name.into())
    }

    fn arranged() -> Place {
        let tabs = Place::Tabs { shown: 1, of: vec![pane("curves"), pane("samples")] };
        Place::Row(vec![(0.25, pane("game")), (0.75, Place::Column(vec![(1.0, tabs)]))])
    }

    #[test]
    fn panes_lie_again_as_they_lay() {
        let text = serde_json::to_string(&arranged()).unwrap();
        let read: Place = serde_json::from_str(&text).unwrap();
        let tree = read.tree("tree", &PANES).unwrap();
        assert_eq!(Place::of(&tree), Some(arranged()));
    }

    #[test]
    fn what_no_window_can_have_is_not_taken() {
        let row = |children: Vec<(f32, Place)>| Place::Row(children);
        for (what, place) in [
            ("a pane that there is not", row(vec![(1.0, arranged()), (1.0, pane("smell"))])),
            ("a pane twice", row(vec![(1.0, arranged()), (1.0, pane("game"))])),
            ("a pane too few", row(vec![(1.0, pane("game")), (1.0, pane("curves"))])),
            ("no room", row(vec![(0.0, arranged())])),
            ("no number", row(vec![(f32::NAN, arranged())])),
            ("no such tab", Place::Tabs { shown: 3, of: PANES.map(pane).into() }),
            (
                "tabs of nothing",
                row(vec![(1.0, arranged()), (1.0, Place::Tabs { shown: 0, of: Vec::new() })]),
            ),
        ] {
            assert!(place.tree("tree", &PANES).is_none(), "{what}");
        }
    }
}
