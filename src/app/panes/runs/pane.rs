//! The pane: what is done with runs, above the list of them.

use egui::{Layout, RichText, TextEdit, Ui};

use super::columns::{Field, order};
use super::list::{Did, Writing, lines_ui, titles_ui};
use super::versus;
use crate::app::draw::chart;
use crate::app::draw::theme::{small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::shelf::{MOST_TICKED, Row, Shelf};
use crate::config::ScenarioKind;
use crate::platform;
use crate::runs::bundle::EXTENSION;
use crate::runs::librarian::{Ask, Source};
use crate::show::Table;
use crate::show::number::count;

/// The pane's own name.
pub const NAME: &str = "runs";

static ABOUT: About = About {
    name: NAME,
    title: "Runs",
    question: "what was tried before, and how did it go?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Middle,
    // A line says too much for a column.
    share: 0.0,
};

/// The pane of runs.
pub struct RunsPane {
    search: String,
    sorted: (Field, bool),
    selected: Option<String>,
    writing: Option<Writing>,
    /// The places of what is listed, and of which list, search and order they are.
    places: Vec<usize>,
    of: Option<(u64, String, (Field, bool))>,
}

impl Default for RunsPane {
    fn default() -> Self {
        Self {
            search: String::new(),
            sorted: (Field::When, true),
            selected: None,
            writing: None,
            places: Vec::new(),
            of: None,
        }
    }
}

impl Pane for RunsPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let palette = scope.palette;
        if let Some(absent) = &scope.shelf.absent {
            chart::empty(ui, &palette, "Runs that were kept, to look at again and to compare.", absent);
            return;
        }
        scope.shelf.refresh();
        self.sort(scope.shelf);
        ui.horizontal(|ui| self.bar_ui(ui, scope));
        if let Some(remark) = &scope.shelf.remark {
            ui.label(RichText::new(remark).font(tiny()).color(palette.auxiliary));
        }
        if scope.shelf.rows.is_empty() {
            let place = scope.shelf.place();
            let when = match scope.shelf.is_listed {
                true => format!("Each run is kept by itself once it has taken a step, in {place}."),
                false => "Reading what there is.".into(),
            };
            chart::empty(ui, &palette, "Runs that were kept, to look at again and to compare.", &when);
            return;
        }
        if let Some(by) = titles_ui(ui, &palette, self.sorted) {
            let is_again = self.sorted.0 == by;
            self.sorted = (by, if is_again { !self.sorted.1 } else { by.is_largest_first() });
        }
        // What is held against each other stands below, and leaves the list most of the room.
        let compared = scope.shelf.beside.len();
        if compared > 0 {
            let height = versus::height(scope).min(ui.available_height() * 0.5);
            let panel = egui::Panel::bottom("versus").frame(egui::Frame::new()).exact_size(height);
            panel.show_separator_line(false).show(ui, |ui| versus::ui(ui, scope));
        }
        let selected = self.selected.clone();
        let (seen, done) =
            lines_ui(ui, &palette, (scope.shelf, &self.places), selected.as_deref(), &mut self.writing);
        let is_unread =
            |id: &String| scope.shelf.rows.iter().any(|row| row.id == *id && row.summary.is_none());
        let unread: Vec<String> = seen.into_iter().filter(is_unread).collect();
        if !unread.is_empty() {
            scope.shelf.ask(Ask::Look(unread));
        }
        if let Some((id, did)) = done {
            self.obey(scope.shelf, id, did);
        }
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let mut table = Table::new([
            "run",
            "name",
            "scenario",
            "mode",
            "data",
            "network",
            "differs",
            "step",
            "steps",
            "clean",
            "worst",
            "discriminator",
            "written_unix_seconds",
            "tags",
            "problem",
        ]);
        let figure = |value: f64| if value.is_nan() { String::new() } else { value.to_string() };
        for row in self.places.iter().filter_map(|place| scope.shelf.rows.get(*place)) {
            table.push(match &row.summary {
                Some(Ok(summary)) => {
                    let differs: Vec<_> =
                        summary.differs.iter().map(|it| format!("{}={}", it.knob, it.value)).collect();
                    [
                        row.id.clone(),
                        summary.label.name.clone().unwrap_or_default(),
                        summary.scenario.into(),
                        summary.mode.into(),
                        summary.data.clone(),
                        summary.network.clone(),
                        differs.join("; "),
                        summary.step.to_string(),
                        summary.steps.to_string(),
                        figure(summary.clean),
                        figure(summary.worst),
                        figure(summary.discriminator),
                        summary.written_unix_seconds.to_string(),
                        summary.label.tags.join("; "),
                        String::new(),
                    ]
                }
                of => {
                    let mut cells: [String; 15] = Default::default();
                    cells[0].clone_from(&row.id);
                    cells[14] = of.as_ref().and_then(|of| of.as_ref().err()).cloned().unwrap_or_default();
                    cells
                }
            });
        }
        table
    }
}

impl RunsPane {
    /// Puts the list in order, where it, the search or the order have changed.
    fn sort(&mut self, shelf: &Shelf) {
        let of = (shelf.version, self.search.clone(), self.sorted);
        if self.of.as_ref() != Some(&of) {
            self.places = order(&shelf.rows, &self.search, self.sorted);
            self.of = Some(of);
        }
        let is_there = |id: &str| shelf.rows.iter().any(|row| row.id == id);
        self.selected.take_if(|id| !is_there(id));
        self.writing.take_if(|writing| !is_there(&writing.id));
    }

    /// Search, and what is done with the run that is selected.
    fn bar_ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let palette = scope.palette;
        ui.spacing_mut().button_padding = egui::vec2(7.0, 1.0);
        ui.spacing_mut().item_spacing.x = 5.0;
        let hint = RichText::new("Search: name, mode, knob, tag").font(small());
        let field = TextEdit::singleline(&mut self.search).hint_text(hint).font(small());
        ui.add(field.align(egui::Align2::LEFT_CENTER).desired_width(190.0));
        let row = self.selected.as_ref().and_then(|id| scope.shelf.rows.iter().find(|row| row.id == *id));
        let (is_there, is_known) = (row.is_some(), row.is_some_and(|row| row.known().is_some()));
        let can_be_opened = row.is_some_and(Row::can_be_opened);
        let is_pinned = row.and_then(|row| row.known()).is_some_and(|summary| summary.label.pinned);
        let is_held = row.is_some_and(|row| row.holder.is_some());
        let id = self.selected.clone().unwrap_or_default();
        if press(ui, "Open", can_be_opened, "Show its charts in place of the present run's (double-click)") {
            scope.shelf.show(Source::Kept(id.clone()));
        }
        if press(ui, "Rename", is_known, "Give the selected run a name") {
            self.write(scope.shelf, &id, Field::Name);
        }
        if press(ui, "Tags", is_known, "Words that the selected run is found by, between commas") {
            self.write(scope.shelf, &id, Field::Tags);
        }
        if press(ui, if is_pinned { "Unpin" } else { "Pin" }, is_known, "Pinned runs stand above the others")
        {
            scope.shelf.ask(Ask::Pin(id.clone(), !is_pinned));
        }
        if press(ui, "Share…", is_known, "Save the selected run as one file to pass on") {
            scope.shelf.ask(Ask::Share(id.clone()));
        }
        let about = if is_held { "It is being written" } else { "Into the trash of the library" };
        if press(ui, "Delete", is_there && !is_held, about) {
            scope.shelf.ask(Ask::Delete(id));
        }
        if let Some((name, there)) = scope.shelf.deleted.clone()
            && press(ui, "Undo delete", true, &format!("Bring {name} back"))
        {
            scope.shelf.ask(Ask::Undelete(there));
        }
        let compared = scope.shelf.ticked();
        if compared > 0
            && press(ui, &format!("Compare none ({compared})"), true, "Draw no other run's curves any more")
        {
            scope.shelf.untick_all();
        }
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            if press(ui, "Import…", true, "Take in a run that somebody passed on") {
                scope.exports.await_answer(platform::open_bytes("run of the lab", &[EXTENSION]));
            }
            ui.label(RichText::new(counted(scope.shelf, self.places.len())).font(tiny()).color(palette.weak));
        });
    }

    fn write(&mut self, shelf: &Shelf, id: &str, field: Field) {
        let summary = shelf.rows.iter().find(|row| row.id == id).and_then(|row| row.known());
        let text = summary.map_or_else(String::new, |summary| match field {
            Field::Tags => summary.label.tags.join(", "),
            _ => summary.label.name.clone().unwrap_or_else(|| id.into()),
        });
        self.writing = Some(Writing { id: id.into(), field, text, has_begun: false });
    }

    fn obey(&mut self, shelf: &mut Shelf, id: String, did: Did) {
        match did {
            Did::Select => self.selected = Some(id),
            Did::Open => shelf.show(Source::Kept(id)),
            Did::Tick(is_ticked) => shelf.tick(&id, is_ticked),
            Did::Pin => {
                let row = shelf.rows.iter().find(|row| row.id == id).and_then(|row| row.known());
                let is_pinned = row.is_some_and(|summary| summary.label.pinned);
                shelf.ask(Ask::Pin(id, !is_pinned));
            }
            Did::Written(text) => {
                let Some(writing) = self.writing.take() else { return };
                if let Some(text) = text {
                    shelf.ask(match writing.field {
                        Field::Tags => Ask::Retag(id, text),
                        // A name that is the folder's is none of its own.
                        _ => Ask::Rename(id.clone(), if text == id { String::new() } else { text }),
                    });
                }
            }
        }
    }
}

/// A button; whether it was pressed.
fn press(ui: &mut Ui, text: &str, is_enabled: bool, about: &str) -> bool {
    let button = egui::Button::new(RichText::new(text).font(small()));
    ui.add_enabled(is_enabled, button).on_hover_text(about).on_disabled_hover_text(about).clicked()
}

/// How many runs there are, are shown and are still to be read.
fn counted(shelf: &Shelf, shown: usize) -> String {
    let all = shelf.rows.len();
    let unread = shelf.rows.iter().filter(|row| row.summary.is_none()).count();
    let mut text = match (shown == all, all) {
        (true, 1) => "1 run".into(),
        (true, _) => format!("{} runs", count(all as u64)),
        (false, _) => format!("{} of {} runs", count(shown as u64), count(all as u64)),
    };
    if unread > 0 {
        text += &format!(", {} to be read", count(unread as u64));
    }
    if let Some((used, most)) = shelf.room {
        text += &format!(", {} of {} MB", used.div_ceil(1_000_000), most / 1_000_000);
    }
    if shelf.ticked() >= MOST_TICKED {
        text += &format!(", {MOST_TICKED} compared: no more");
    }
    text
}
