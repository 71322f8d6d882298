//! Another run that a picture of one moment is held against: beside it, or as the difference from it.

use egui::{ComboBox, RichText, Ui};

use crate::app::draw::beside::short_title;
use crate::app::draw::theme::small;
use crate::app::pane::Scope;
use crate::app::run::history::History;

/// Which run, and how.
#[derive(Default)]
pub struct Against {
    title: Option<String>,
    is_difference: bool,
}

/// The runs that there are besides the one that is shown: the other of two, and those that were ticked.
fn candidates<'s>(scope: &'s Scope<'_>) -> Vec<(&'s str, &'s History)> {
    let other = scope.pair.as_ref().map(|pair| (pair.names()[1], &pair.other));
    let ticked = scope.shelf.beside.iter().map(|kept| (&*kept.title, &kept.history));
    other.into_iter().chain(ticked).collect()
}

impl Against {
    /// The choice; nothing where there is no other run.
    pub fn ui(&mut self, ui: &mut Ui, scope: &Scope<'_>, id: &str) {
        let candidates = candidates(scope);
        if candidates.is_empty() {
            return;
        }
        ui.spacing_mut().button_padding = egui::vec2(5.0, 1.0);
        if self.title.is_some() {
            let about = "This run's shares less the other one's, instead of both beside each other";
            let text = RichText::new("difference").font(small());
            ui.toggle_value(&mut self.is_difference, text).on_hover_text(about);
        }
        let chosen = self.run(scope).map_or("alone".into(), |(title, _)| short_title(title));
        ComboBox::from_id_salt(id)
            .selected_text(RichText::new(chosen).font(small()))
            .width(104.0)
            .truncate()
            .show_ui(ui, |ui| {
                ui.selectable_value(&mut self.title, None, "alone");
                for (title, _) in candidates {
                    ui.selectable_value(&mut self.title, Some(title.to_owned()), title);
                }
            })
            .response
            .on_hover_text("Another run that this one is held against; tick runs in Runs");
    }

    /// That run, as long as it is there.
    pub fn run<'s>(&self, scope: &'s Scope<'_>) -> Option<(&'s str, &'s History)> {
        let wanted = self.title.as_deref()?;
        candidates(scope).into_iter().find(|(title, _)| *title == wanted)
    }

    /// Whether the difference is wanted.
    pub fn is_difference(&self) -> bool {
        self.is_difference
    }
}
