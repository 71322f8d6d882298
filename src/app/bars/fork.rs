//! The line above the panes while a run and its fork go on in turn: which one is shown, in what they differ, and how to go on
//! with one of them alone.

use egui::{Label, Layout, RichText, Ui};

use crate::app::draw::theme::small;
use crate::app::pane::Scope;
use crate::config::knobs;
use crate::protocol::RunId;
use crate::show::number::count;

/// Draws the line, and does what is pressed in it.
pub fn ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let Some(pair) = scope.pair.as_ref() else { return };
    let palette = scope.palette;
    let runs = [pair.parent(scope.history).run(), pair.fork(scope.history).run()];
    let (shows_fork, step) = (pair.shows_fork, pair.step);
    let differ = differ(scope);
    let (mut is_switched, mut given_up) = (false, None);
    let has_library = scope.shelf.absent.is_none();
    let mut which_ui = |ui: &mut Ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (is_fork, name) in [(true, "Fork"), (false, "Parent")] {
            let about = format!("Knobs and panes show the {}; X changes", name.to_lowercase());
            let is_shown = shows_fork == is_fork;
            is_switched |= ui.selectable_label(is_shown, name).on_hover_text(about).clicked() && !is_shown;
        }
    };
    if scope.layout.is_phone() {
        let text = format!("Forked at step {}: {differ}", count(step));
        ui.add(Label::new(RichText::new(text).font(small())).truncate());
        ui.horizontal(|ui| {
            which_ui(ui);
            ui.add_space(6.0);
            given_up = keep_ui(ui, runs, has_library);
        });
    } else {
        ui.horizontal_centered(|ui| {
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                ui.spacing_mut().button_padding = egui::vec2(8.0, 1.0);
                given_up = keep_ui(ui, runs, has_library);
                ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.label(RichText::new(format!("Forked at step {}", count(step))).strong());
                    ui.label(RichText::new("shown:").font(small()).color(palette.weak));
                    which_ui(ui);
                    ui.add_space(8.0);
                    let text = RichText::new(&differ).font(small()).color(palette.text);
                    ui.add(Label::new(text).truncate()).on_hover_text(format!(
                        "{differ}\nBoth go on in turn, each step on the same batch. What is turned is turned of the one that is shown."
                    ));
                });
            });
        });
    }
    if is_switched {
        scope.switch();
    }
    if let Some(run) = given_up {
        scope.controls.give_up(run);
    }
}

/// The ways to end it; which run goes on no more, if any.
fn keep_ui(ui: &mut Ui, [parent, fork]: [RunId; 2], has_library: bool) -> Option<RunId> {
    let after = match has_library {
        true => "stays in the library, with its checkpoint",
        false => "is gone: this window keeps no runs",
    };
    let mut button = |name: &str, other: &str| {
        let about = format!("Go on with the {name} alone; the {other} {after}");
        ui.button(format!("Keep the {name}")).on_hover_text(about).clicked()
    };
    let (keeps_parent, keeps_fork) = (button("parent", "fork"), button("fork", "parent"));
    match (keeps_parent, keeps_fork) {
        (true, _) => Some(fork),
        (_, true) => Some(parent),
        (false, false) => None,
    }
}

/// In which knobs the fork differs: `α adversary 0.1 → 0.5`.
fn differ(scope: &Scope<'_>) -> String {
    let turned =
        scope.controls.both().map(|[parent, fork]| knobs::turned_live(parent, fork)).unwrap_or_default();
    let said: Vec<String> =
        turned.iter().map(|(knob, from, to)| format!("{} {from} → {to}", knob.label)).collect();
    match said.is_empty() {
        true => "both have the same knobs: turn one of the fork's".into(),
        false => said.join(", "),
    }
}
