//! Keys, and the sheet that lists them; both come from one table.

use egui::{Context, Key, RichText};

use crate::app::bars::toolbar;
use crate::app::board::Board;
use crate::app::pane::Scope;
use crate::app::panes;
use crate::app::run::past::Move;
use crate::config::Players;
use crate::protocol::Activity;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    RunOrPause,
    Step(Players),
    Reset,
    Fork,
    Switch,
    Evaluate,
    Save,
    CopyLink,
    Runs,
    Sweep,
    LookBack,
    Past(Move),
    Sheet,
    Back,
}

/// Key, how it is written, what it does, in words.
const TABLE: &[(Key, &str, Deed, &str)] = &[
    (Key::Space, "Space", Deed::RunOrPause, "run or pause"),
    (Key::ArrowRight, "→", Deed::Step(Players::Both), "one step of both networks"),
    (Key::A, "A", Deed::Step(Players::Auxiliary), "one step of the auxiliary network"),
    (Key::M, "M", Deed::Step(Players::Main), "one step of the main network"),
    (Key::R, "R", Deed::Reset, "reset: start anew with the chosen setup"),
    (Key::F, "F", Deed::Fork, "fork: a copy of the run goes on beside it"),
    (Key::X, "X", Deed::Switch, "of a run and its fork, show the other one"),
    (Key::E, "E", Deed::Evaluate, "evaluate robustness now"),
    (Key::S, "S", Deed::Save, "save a checkpoint"),
    (Key::L, "L", Deed::CopyLink, "copy a link to this run"),
    (Key::O, "O", Deed::Runs, "show or hide the runs that were kept"),
    (Key::W, "W", Deed::Sweep, "show or hide the sweep: values of knobs, seeds"),
    (Key::T, "T", Deed::LookBack, "look at this run as it was, or as it is again"),
    (Key::Comma, ",", Deed::Past(Move::Back), "of a run as it was: a report back"),
    (Key::Period, ".", Deed::Past(Move::Forth), "a report on"),
    (Key::OpenBracket, "[", Deed::Past(Move::CheckpointBack), "to the checkpoint before"),
    (Key::CloseBracket, "]", Deed::Past(Move::CheckpointForth), "to the next checkpoint"),
    (Key::P, "P", Deed::Past(Move::PlayOrStop), "play it, or stop"),
    (Key::F1, "F1 or ?", Deed::Sheet, "show or hide this sheet"),
    (Key::Questionmark, "", Deed::Sheet, ""),
    (Key::Escape, "Esc", Deed::Back, "put an enlarged pane back, close this sheet"),
];

/// What the mouse does beyond the obvious.
const MOUSE: &[(&str, &str)] = &[
    ("drag a title", "move a pane"),
    ("double-click a title", "enlarge a pane, or put it back"),
    ("double-click a knob's name", "its default"),
    ("double-click a chart", "show all of it again"),
    ("Ctrl + scroll", "zoom a chart"),
    ("drop data", "train on it"),
    ("drop a checkpoint", "load it"),
    ("drop a run or a comparison", "look at it"),
];

/// Does what keys ask for. Before any widget sees them: Space must not also press a focused button.
pub fn handle(ctx: &Context, scope: &mut Scope<'_>, board: &mut Board, sheet: &mut bool) {
    if ctx.text_edit_focused() {
        return;
    }
    let focused = ctx.memory(|memory| memory.focused().is_some());
    for (key, _, deed, _) in TABLE {
        // A focused slider keeps its arrows.
        if focused && *key == Key::ArrowRight {
            continue;
        }
        if !ctx.input_mut(|input| consume(input, *key)) {
            continue;
        }
        let can_step = scope.history.activity() == Activity::Paused;
        match deed {
            Deed::RunOrPause => scope.controls.run_or_pause(scope.history),
            Deed::Step(players) if can_step => scope.controls.step(*players),
            Deed::Step(_) => {}
            Deed::Reset => scope.controls.reset(),
            Deed::Fork if scope.can_fork() => scope.controls.fork(),
            Deed::Fork => {}
            Deed::Switch => scope.switch(),
            Deed::Evaluate if scope.history.info.is_some() => scope.controls.evaluate(scope.history),
            Deed::Evaluate => {}
            Deed::Save => scope.controls.save(),
            Deed::CopyLink => toolbar::copy_link(ctx, scope),
            Deed::Runs => board.toggle(panes::RUNS),
            Deed::Sweep => board.toggle(panes::SWEEP),
            Deed::LookBack => scope.shelf.look_back(scope.history),
            Deed::Past(to) => scope.shelf.shown.iter_mut().for_each(|kept| kept.go(*to)),
            Deed::Sheet => *sheet = !*sheet,
            Deed::Back => {
                let restored = board.restore();
                *sheet &= restored;
            }
        }
    }
}

/// Takes a key out of the input, unless it is held down or part of another shortcut.
fn consume(input: &mut egui::InputState, key: Key) -> bool {
    let mut pressed = false;
    input.events.retain(|event| {
        let egui::Event::Key { key: is, pressed: true, repeat, modifiers, .. } = event else { return true };
        let matches = *is == key && !modifiers.command && !modifiers.ctrl && !modifiers.alt;
        // A key held down steps on, but it does not run and pause by turns.
        pressed |= matches && (!repeat || matches!(key, Key::ArrowRight | Key::Comma | Key::Period));
        !matches
    });
    pressed
}

/// The sheet: a window that can stay open while training; whether the guided tour was asked for.
pub fn sheet_ui(ctx: &Context, scope: &Scope<'_>, open: &mut bool) -> bool {
    let mut is_toured = false;
    let window = egui::Window::new("Shortcuts").open(open).collapsible(false).resizable(false);
    let at = egui::Align2::RIGHT_TOP;
    window.anchor(at, egui::vec2(-12.0, 48.0)).show(ctx, |ui| {
        egui::Grid::new("shortcuts").num_columns(2).spacing([18.0, 1.0]).show(ui, |ui| {
            let keys = TABLE.iter().map(|(_, written, _, what)| (*written, *what));
            for (how, what) in keys.filter(|(written, _)| !written.is_empty()).chain(MOUSE.iter().copied()) {
                ui.label(RichText::new(how).strong().color(scope.palette.main));
                ui.label(what);
                ui.end_row();
            }
        });
        ui.separator();
        is_toured = ui.button("Take the guided tour").clicked();
    });
    is_toured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        for (index, (key, ..)) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|(other, ..)| other != key), "{key:?}");
        }
    }
}
