//! What each pane is: what it says of itself, what it may see and touch, what it draws and what it exports.

use egui::{Ui, Vec2, vec2};

use crate::app::draw::theme::Palette;
use crate::app::layout::Layout;
use crate::app::pad::Pad;
use crate::app::run::along::Along;
use crate::app::run::controls::Controls;
use crate::app::run::export::Exports;
use crate::app::run::history::History;
use crate::app::run::pair::Pair;
use crate::app::run::shelf::Shelf;
use crate::app::run::sweep::Sweep;
use crate::config::ScenarioKind;
use crate::protocol::Activity;
use crate::show::Table;

/// A column of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The game and its knobs.
    Left,
    /// How training goes.
    Middle,
    /// How robust the network is, and what its tasks gain.
    Right,
}

impl Column {
    /// From left to right.
    pub const ALL: [Self; 3] = [Self::Left, Self::Middle, Self::Right];

    /// Its share of the window's width.
    pub const fn share(self) -> f32 {
        match self {
            Self::Left => 0.25,
            Self::Middle => 0.385,
            Self::Right => 0.365,
        }
    }
}

/// Data of which a pane has something to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// All.
    Any,
    /// Pictures.
    Pictures,
    /// Worlds of points, which are seen whole.
    Worlds,
}

impl DataKind {
    /// Whether it is such data.
    pub const fn includes(self, is_world: bool) -> bool {
        match self {
            Self::Any => true,
            Self::Pictures => !is_world,
            Self::Worlds => is_world,
        }
    }
}

/// What a pane says of itself.
#[derive(Debug, PartialEq)]
pub struct About {
    /// Its own name: of its files, and where it lies.
    pub name: &'static str,
    /// What stands above it.
    pub title: &'static str,
    /// The question it answers.
    pub question: &'static str,
    /// Runs of which it has something to show.
    pub scenarios: &'static [ScenarioKind],
    /// Data of which it has.
    pub data: DataKind,
    /// Where it stands at first.
    pub column: Column,
    /// Its share of the column's height; a pane without one lies in no column and fills the window when it is asked for.
    pub share: f32,
}

/// A pane of the window.
pub trait Pane {
    /// What it says of itself.
    fn about(&self) -> &'static About;

    /// Draws it.
    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>);

    /// Its figures.
    fn table(&self, scope: &Scope<'_>) -> Table;
}

/// What a pane may see and touch.
pub struct Scope<'a> {
    /// What is known of the run.
    pub history: &'a mut History,
    /// The knobs, and the way to the trainer.
    pub controls: &'a mut Controls,
    /// The other one of two runs, where the one that is shown has been forked or is a fork.
    pub pair: &'a mut Option<Pair>,
    /// Where a world is drawn.
    pub pad: &'a mut Pad,
    /// Files being asked for.
    pub exports: &'a mut Exports,
    /// Runs that were kept.
    pub shelf: &'a mut Shelf,
    /// The comparison that is carried out behind the run.
    pub sweep: &'a mut Sweep,
    /// What runs are laid along in charts.
    pub along: &'a mut Along,
    /// Whether `history` and `controls` are those of a run that was kept: nothing can be asked of it.
    pub is_kept: bool,
    /// The colours.
    pub palette: Palette,
    /// How the window is laid out.
    pub layout: Layout,
    /// Whether it is a part of somebody's page.
    pub is_embedded: bool,
}

impl Scope<'_> {
    /// Whether a copy of the run can go on beside it.
    pub fn can_fork(&self) -> bool {
        let is_under_way = matches!(self.history.activity(), Activity::Running | Activity::Paused);
        self.pair.is_none() && self.history.info.is_some() && is_under_way
    }

    /// Shows the other one of two runs, knobs and all.
    pub fn switch(&mut self) {
        if let Some(pair) = self.pair.as_mut() {
            pair.switch(self.history);
            self.controls.switch();
            self.shelf.begin(self.history.run());
        }
    }
}

/// Room for `count` equal things side by side with `gap` between them.
pub fn split_width(ui: &Ui, count: usize, gap: f32) -> Vec2 {
    let width = (ui.available_width() - gap * (count as f32 - 1.0)) / count as f32;
    vec2(width.max(0.0), ui.available_height())
}
