//! The list: a line a run, of which only those on screen are drawn.

use egui::text::{LayoutJob, TextWrapping};
use egui::{
    Align2, Color32, CursorIcon, Rect, Response, RichText, Sense, TextEdit, Ui, WidgetInfo, pos2, vec2,
};
use web_time::{SystemTime, UNIX_EPOCH};

use super::columns::Field;
use crate::app::draw::theme::{Palette, small};
use crate::app::run::shelf::{Row, Shelf};

/// Height of a line.
const LINE: f32 = 22.0;
/// Room at the left, for the tick and the pin.
const LEFT: f32 = 44.0;
/// Room between columns.
const GAP: f32 = 11.0;

/// What is said of a run that is about to be written.
const BEGUN: &str = "has just begun";

/// What somebody did to a line.
pub(super) enum Did {
    Select,
    Open,
    Tick(bool),
    Pin,
    /// The text that is being written was finished, or given up.
    Written(Option<String>),
}

/// A name or tags that are being written.
pub(super) struct Writing {
    /// Of which run.
    pub(super) id: String,
    /// In which column.
    pub(super) field: Field,
    /// So far.
    pub(super) text: String,
    /// Whether the field has had the focus.
    pub(super) has_begun: bool,
}

/// The titles; the column that was clicked.
pub(super) fn titles_ui(
    ui: &mut Ui,
    palette: &Palette,
    (by, is_largest_first): (Field, bool),
) -> Option<Field> {
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 20.0), Sense::hover());
    let mut clicked = None;
    for (field, rect) in cells(line) {
        let response = ui.interact(rect, ui.scope_id().with(field.title()), Sense::click());
        response.widget_info(|| {
            WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {}", field.title()))
        });
        let color = if by == field { palette.text } else { palette.weak };
        let mark = match (by == field, is_largest_first) {
            (false, _) => "",
            (true, true) => " ▾",
            (true, false) => " ▴",
        };
        text_ui(ui, rect, &format!("{}{mark}", field.title()), color, field.is_number());
        if response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(field.about()).clicked() {
            clicked = Some(field);
        }
    }
    ui.painter().hline(line.x_range(), line.bottom(), egui::Stroke::new(1.0, palette.line));
    clicked
}

/// The lines of the runs at these places, in this order; which were on screen, and what was done to one.
pub(super) fn lines_ui(
    ui: &mut Ui,
    palette: &Palette,
    (shelf, places): (&Shelf, &[usize]),
    selected: Option<&str>,
    writing: &mut Option<Writing>,
) -> (Vec<String>, Option<(String, Did)>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut seen, mut done) = (Vec::new(), None);
    ui.spacing_mut().item_spacing.y = 0.0;
    let area = egui::ScrollArea::vertical().auto_shrink(false);
    area.show_rows(ui, LINE, places.len(), |ui, range| {
        for place in &places[range] {
            let row = &shelf.rows[*place];
            let did = line_ui(ui, palette, (shelf, row), (selected == Some(&*row.id), now), writing);
            seen.push(row.id.clone());
            done = did.map(|did| (row.id.clone(), did)).or(done.take());
        }
    });
    (seen, done)
}

fn line_ui(
    ui: &mut Ui,
    palette: &Palette,
    (shelf, row): (&Shelf, &Row),
    (is_selected, now): (bool, u64),
    writing: &mut Option<Writing>,
) -> Option<Did> {
    let (line, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::click());
    response.widget_info(|| WidgetInfo::selected(egui::Role::Row, true, is_selected, said(row, now)));
    if is_selected {
        ui.painter().rect_filled(line, 4.0, palette.shade(palette.accent, 0.28));
    } else if response.hovered() {
        ui.painter().rect_filled(line, 4.0, palette.raised);
    }
    let is_present = shelf.present.as_deref() == Some(&*row.id);
    let mut did = tick_ui(ui, palette, line, (shelf, row), is_present);
    match &row.summary {
        None => {
            let (_, name) = cells(line)[0];
            text_ui(ui, name.with_max_x(line.right()), &row.id, palette.weak, false);
        }
        Some(Err(why)) => {
            let all = cells(line);
            text_ui(ui, all[0].1, &row.id, palette.weak, false);
            let (why, color) = match (&row.comparison, &row.holder) {
                (Some(comparison), _) => (&**comparison, palette.text),
                // A run that somebody has just begun has nothing in it yet.
                (None, Some(_)) => (BEGUN, palette.weak),
                (None, None) => (&**why, palette.bad),
            };
            text_ui(ui, all[1].1.with_max_x(line.right() - 4.0), why, color, false);
        }
        Some(Ok(summary)) => {
            for (field, rect) in cells(line) {
                if let Some(writing) = writing.as_mut().filter(|it| it.id == row.id && it.field == field) {
                    did = writing_ui(ui, rect, writing).or(did);
                    continue;
                }
                let is_weak = matches!(field, Field::Scenario | Field::Network | Field::When | Field::Tags);
                let color = match field {
                    Field::Name if is_present => palette.main,
                    Field::When if field.text(row, summary, now) == "failed" => palette.bad,
                    _ if is_weak => palette.weak,
                    _ => palette.text,
                };
                text_ui(ui, rect, &field.text(row, summary, now), color, field.is_number());
            }
        }
    }
    if response.double_clicked() && row.can_be_opened() {
        did = Some(Did::Open);
    } else if response.clicked() && did.is_none() {
        did = Some(Did::Select);
    }
    hover_ui(response, row, is_present, now);
    did
}

/// All that does not fit into the line.
fn hover_ui(response: Response, row: &Row, is_present: bool, now: u64) {
    let holder = row.holder.as_ref().map(|holder| match is_present {
        true => "the run of this window".to_owned(),
        false => format!("being written by {holder}"),
    });
    response.on_hover_ui(|ui| {
        ui.label(RichText::new(row.name()).strong());
        match &row.summary {
            None => drop(ui.label("Being read.")),
            Some(Err(why)) => drop(ui.label(row.comparison.as_ref().unwrap_or(why))),
            Some(Ok(summary)) => {
                for field in
                    [Field::Mode, Field::Data, Field::Differs, Field::Steps, Field::When, Field::Tags]
                {
                    let text = field.text(row, summary, now);
                    if !text.is_empty() {
                        ui.label(format!("{}: {text}", field.title()));
                    }
                }
            }
        }
        ui.label(format!("folder: {}", row.id));
        holder.map(|holder| ui.label(holder));
    });
}

/// What a screen reader says of a line.
fn said(row: &Row, now: u64) -> String {
    match &row.summary {
        None => format!("{}, being read", row.id),
        Some(Err(why)) => match (&row.comparison, &row.holder) {
            (Some(comparison), _) => format!("{}, {comparison}", row.id),
            (None, Some(_)) => format!("{}, {BEGUN}", row.id),
            (None, None) => format!("{}, {why}", row.id),
        },
        Some(Ok(summary)) => {
            let texts = Field::ALL.map(|field| field.text(row, summary, now));
            texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The tick by which a run's curves are drawn beside, and the pin.
fn tick_ui(
    ui: &mut Ui,
    palette: &Palette,
    line: Rect,
    (shelf, row): (&Shelf, &Row),
    is_present: bool,
) -> Option<Did> {
    let mut did = None;
    let at = |x: f32, side: f32| {
        Rect::from_center_size(pos2(line.left() + x, line.center().y), egui::Vec2::splat(side))
    };
    if let Some(summary) = row.known() {
        let mut is_ticked = shelf.is_ticked(&row.id);
        let tick = ui.place(at(12.0, 18.0), egui::Checkbox::without_text(&mut is_ticked));
        tick.widget_info(|| {
            WidgetInfo::selected(egui::Role::CheckBox, true, is_ticked, format!("Compare {}", row.name()))
        });
        if tick.on_hover_text("Draw its curves beside those of the run that is shown").changed() {
            did = Some(Did::Tick(is_ticked));
        }
        let place = at(33.0, 16.0);
        let pin = ui.interact(place, ui.scope_id().with(("pin", &row.id)), Sense::click());
        let verb = if summary.label.pinned { "Unpin" } else { "Pin" };
        pin.widget_info(|| WidgetInfo::labeled(egui::Role::Button, true, format!("{verb} {}", row.name())));
        if summary.label.pinned || pin.hovered() {
            let color = if summary.label.pinned { palette.auxiliary } else { palette.weak };
            let (painter, middle) = (ui.painter(), place.center());
            painter.circle_filled(middle + vec2(0.0, -2.0), 3.4, color);
            painter.line_segment([middle, middle + vec2(0.0, 6.0)], egui::Stroke::new(1.4, color));
        } else if is_present {
            ui.painter().circle_filled(place.center(), 3.0, palette.good);
        }
        if pin.on_hover_text(format!("{verb}: pinned runs stand above the others")).clicked() {
            did = Some(Did::Pin);
        }
    }
    did
}

fn writing_ui(ui: &mut Ui, rect: Rect, writing: &mut Writing) -> Option<Did> {
    let field = TextEdit::singleline(&mut writing.text)
        .hint_text(writing.field.title())
        .font(small())
        .margin(egui::Margin::symmetric(4, 1));
    let response = ui.place(rect.shrink2(vec2(0.0, 1.0)), field);
    if !std::mem::replace(&mut writing.has_begun, true) {
        response.request_focus();
        return None;
    }
    let is_given_up = ui.input(|input| input.key_pressed(egui::Key::Escape));
    response.lost_focus().then(|| Did::Written((!is_given_up).then(|| writing.text.clone())))
}

/// The columns' places in a line.
fn cells(line: Rect) -> [(Field, Rect); Field::ALL.len()] {
    let fixed: f32 = Field::ALL.iter().map(|field| field.width().0 + GAP).sum();
    let rest = (line.width() - LEFT - fixed).max(0.0);
    let mut left = line.left() + LEFT;
    Field::ALL.map(|field| {
        let (width, share) = field.width();
        let width = width + share * rest;
        let rect = Rect::from_min_max(pos2(left, line.top()), pos2(left + width, line.bottom()));
        left += width + GAP;
        (field, rect)
    })
}

/// One line of text, cut where its place ends.
fn text_ui(ui: &Ui, rect: Rect, text: &str, color: Color32, is_number: bool) {
    let mut job = LayoutJob::simple_singleline(text.into(), small(), color);
    job.wrap = TextWrapping::truncate_at_width(rect.width());
    let galley = ui.painter().layout_job(job);
    let align = if is_number { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    let place = align.anchor_size(align.pos_in_rect(&rect), galley.size());
    ui.painter().galley(place.min, galley, color);
}
