//! Attack by attack, the difference at the newest step: a dot with its interval, all on one scale.

use egui::{Align2, Color32, Rect, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::app::draw::theme::{Palette, tiny};
use crate::app::run::compared::Comparison;
use crate::config::threat::headline_radius;
use crate::config::{AttackKind, Norm, TargetKind};
use crate::protocol::{Met, Paired};
use crate::show::charts::attack_name;
use crate::show::number::{points, short};

/// Height of a row at most.
const ROW: f32 = 15.0;
/// Room for the names, at the left, and for the figures, at the right.
const NAMES: f32 = 84.0;
/// See [`NAMES`].
const FIGURES: f32 = 98.0;

/// What a row is of, whatever the radius.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The worst case of each image.
    Worst(Norm),
    /// Without attack.
    Clean,
    /// One attack.
    Attack(AttackKind, TargetKind),
}

/// A difference as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) met: Met,
    pub(super) paired: Paired,
}

impl Row {
    /// What was done to the images, in few words.
    pub(super) fn name(&self) -> String {
        match self.met {
            Met::Worst(..) => "worst case".into(),
            Met::Nothing => "clean".into(),
            Met::Threat(threat) => attack_name(threat.attack, threat.target),
        }
    }

    /// The same with the radius.
    pub(super) fn whole_name(&self) -> String {
        match self.met {
            Met::Worst(_, epsilon) => format!("worst case at ε = {}", short(epsilon)),
            Met::Nothing => "without attack".into(),
            Met::Threat(threat) => format!("{} at ε = {}", self.name(), short(threat.epsilon)),
        }
    }

    /// `+3.1 [+0.8, +5.4]`, in points.
    pub(super) fn figure(&self) -> String {
        let (low, high) = self.paired.interval();
        format!("{} [{}, {}]", points(self.paired.difference()), points(low), points(high))
    }

    /// Green where the fork is better beyond chance, red where it is worse.
    pub(super) fn color(&self, palette: &Palette) -> Color32 {
        match self.paired.interval() {
            (low, _) if low > 0.0 => palette.good,
            (_, high) if high < 0.0 => palette.bad,
            _ => palette.text,
        }
    }

    /// What was counted, in sentences.
    pub(super) fn about(&self) -> String {
        let Paired { images, gained, lost } = self.paired;
        format!(
            "{}: of {images} the fork alone gets {gained} right (b), its parent alone {lost} (c), and on all others they agree.\nDifference in points with its 95 % interval (Tango 1998); McNemar's exact test: p = {}.",
            self.whole_name(),
            short(self.paired.probability())
        )
    }
}

/// The rows of a comparison: of each attack the radius that is nearest to `epsilon`, or in L2 to the field's.
pub(super) fn rows(comparison: &Comparison, epsilon: f64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for found in &comparison.differences {
        let (key, radius) = match found.met {
            Met::Nothing => (Key::Clean, 0.0),
            Met::Worst(norm, radius) => (Key::Worst(norm), off(norm, radius, epsilon)),
            Met::Threat(threat) => {
                let key = Key::Attack(threat.attack, threat.target);
                (key, off(threat.attack.norm(), threat.epsilon, epsilon))
            }
        };
        let row = Row { key, met: found.met, paired: found.paired };
        match rows.iter_mut().find(|known| known.key == key) {
            Some(known) if radius < off_of(known, epsilon) => *known = row,
            Some(_) => {}
            None => rows.push(row),
        }
    }
    rows.sort_by_key(|row| match row.key {
        Key::Worst(_) => 0,
        Key::Clean => 1,
        Key::Attack(..) => 2,
    });
    rows
}

/// How far a radius is from the one at which robustness is told.
fn off(norm: Norm, radius: f64, epsilon: f64) -> f64 {
    (radius - headline_radius(norm, epsilon)).abs()
}

fn off_of(row: &Row, epsilon: f64) -> f64 {
    match row.met {
        Met::Nothing => 0.0,
        Met::Worst(norm, radius) => off(norm, radius, epsilon),
        Met::Threat(threat) => off(threat.attack.norm(), threat.epsilon, epsilon),
    }
}

/// Draws the rows; the one that was clicked.
pub(super) fn rows_ui(ui: &mut Ui, palette: &Palette, rows: &[Row], selected: Key) -> Option<Key> {
    let area = ui.available_rect_before_wrap();
    let height = (area.height() / rows.len().max(1) as f32).min(ROW);
    let reach = |row: &Row| {
        let (low, high) = row.paired.interval();
        low.abs().max(high.abs())
    };
    let most = rows.iter().map(reach).fold(0.01, f64::max);
    let axis =
        egui::Rangef::new(area.left() + NAMES, (area.right() - FIGURES).max(area.left() + NAMES + 20.0));
    let x = |value: f64| axis.center() + (value / most) as f32 * 0.5 * axis.span();
    let bottom = area.top() + height * rows.len() as f32;
    ui.painter().vline(x(0.0), area.top()..=bottom, Stroke::new(1.0, palette.line));
    let mut clicked = None;
    for (index, row) in rows.iter().enumerate() {
        let line = Rect::from_min_size(
            pos2(area.left(), area.top() + height * index as f32),
            vec2(area.width(), height),
        );
        let response = ui.interact(line, ui.scope_id().with(("difference", index)), Sense::click());
        let said = format!("{} {}", row.name(), row.figure());
        response.widget_info(|| WidgetInfo::selected(egui::Role::Row, true, row.key == selected, &said));
        if row.key == selected {
            ui.painter().rect_filled(line, 3.0, palette.shade(palette.accent, 0.22));
        } else if response.hovered() {
            ui.painter().rect_filled(line, 3.0, palette.raised);
        }
        let color = row.color(palette);
        let (low, high) = row.paired.interval();
        let y = line.center().y;
        let text = |at, align, text: String| {
            ui.painter().text(at, align, text, tiny(), palette.text);
        };
        text(pos2(line.left() + 3.0, y), Align2::LEFT_CENTER, row.name());
        text(pos2(line.right() - 3.0, y), Align2::RIGHT_CENTER, row.figure());
        ui.painter().hline(x(low)..=x(high), y, Stroke::new(1.5, color));
        ui.painter().circle_filled(pos2(x(row.paired.difference()), y), 3.0, color);
        if response.on_hover_text(row.about()).clicked() {
            clicked = Some(row.key);
        }
    }
    clicked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{differences, made_up};

    #[test]
    fn of_each_attack_the_nearest_radius_is_shown_and_the_worst_case_first() {
        let (parent, fork) = (made_up::robustness(1, 400, true), made_up::robustness(2, 400, true));
        let differences = differences(&parent, &fork).unwrap();
        let comparison = Comparison { step: 400, differences, met_the_same: true };
        let rows = rows(&comparison, 0.09);
        assert_eq!((rows[0].key, rows[1].key, rows.len()), (Key::Worst(Norm::Linf), Key::Clean, 8));
        assert_eq!(rows[0].whole_name(), "worst case at ε = 0.1");
        let radius = |row: &Row| match row.met {
            Met::Nothing => None,
            Met::Worst(_, epsilon) => Some(epsilon),
            Met::Threat(threat) => Some(threat.epsilon),
        };
        assert!(rows.iter().filter_map(radius).all(|radius| radius == 0.1));
    }

    #[test]
    fn a_figure_says_what_it_is_and_a_colour_what_it_means() {
        let palette = crate::app::draw::theme::Palette::of(&egui::Context::default());
        let row = |gained, lost| Row {
            key: Key::Clean,
            met: Met::Nothing,
            paired: Paired { images: 256, gained, lost },
        };
        assert_eq!(row(20, 12).figure(), "+3.1 [−1.3, +7.7]");
        assert_eq!(row(0, 0).figure(), "0.0 [−1.5, +1.5]");
        assert_eq!(row(0, 0).color(&palette), palette.text);
        assert_eq!((row(30, 2).color(&palette), row(2, 30).color(&palette)), (palette.good, palette.bad));
        assert!(row(20, 12).about().contains("20 right (b), its parent alone 12 (c)"));
    }
}
