//! What the list says of a run, column by column, and how it is sorted by that.

use std::cmp::Ordering;

use crate::app::run::shelf::Row;
use crate::runs::Summary;
use crate::runs::record::Ended;
use crate::show::number::{ago, count, percent};

/// A column of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Name,
    Scenario,
    Mode,
    Data,
    Network,
    Differs,
    Steps,
    Clean,
    Worst,
    Read,
    When,
    Tags,
}

impl Field {
    /// From left to right.
    pub(super) const ALL: [Self; 12] = [
        Self::Name,
        Self::Scenario,
        Self::Mode,
        Self::Data,
        Self::Network,
        Self::Differs,
        Self::Steps,
        Self::Clean,
        Self::Worst,
        Self::Read,
        Self::When,
        Self::Tags,
    ];

    /// What stands above it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Scenario => "scenario",
            Self::Mode => "mode",
            Self::Data => "data",
            Self::Network => "network",
            Self::Differs => "what differs",
            Self::Steps => "steps",
            Self::Clean => "clean",
            Self::Worst => "worst",
            Self::Read => "read",
            Self::When => "when",
            Self::Tags => "tags",
        }
    }

    /// What it says, in a sentence.
    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Name => "What you call it, else its folder. Rename changes it.",
            Self::Scenario => "Which gradient tensors must look alike",
            Self::Mode => "How it is trained",
            Self::Data => "What it is trained on",
            Self::Network => "The main network",
            Self::Differs => "Knobs that are not as they are by default",
            Self::Steps => "Steps done",
            Self::Clean => "Accuracy on held-out images without attack, at the last evaluation",
            Self::Worst => {
                "Accuracy on held-out images, each under the attack that harms it most, at the radius nearest to the run's own ε"
            }
            Self::Read => "Share of gradient tensors whose origin the auxiliary network reads",
            Self::When => "When something of it was written last",
            Self::Tags => "Words that you find it by",
        }
    }

    /// Its width in points, and its share of what is left.
    pub(super) const fn width(self) -> (f32, f32) {
        match self {
            Self::Name => (130.0, 0.3),
            Self::Scenario => (66.0, 0.0),
            Self::Mode => (78.0, 0.1),
            Self::Data => (82.0, 0.0),
            Self::Network => (62.0, 0.0),
            Self::Differs => (110.0, 0.5),
            Self::Steps => (86.0, 0.0),
            Self::Clean | Self::Worst | Self::Read => (50.0, 0.0),
            Self::When => (76.0, 0.0),
            Self::Tags => (64.0, 0.1),
        }
    }

    /// Whether it holds numbers, which stand to the right.
    pub(super) const fn is_number(self) -> bool {
        matches!(self, Self::Steps | Self::Clean | Self::Worst | Self::Read)
    }

    /// Whether the first click on its title puts the largest first.
    pub(super) const fn is_largest_first(self) -> bool {
        self.is_number() || matches!(self, Self::When)
    }

    /// What it says of a run; `now` in seconds since 1970.
    pub(super) fn text(self, row: &Row, summary: &Summary, now: u64) -> String {
        match self {
            Self::Name => row.name().into(),
            Self::Scenario => summary.scenario.into(),
            Self::Mode => summary.mode.into(),
            Self::Data => summary.data.clone(),
            Self::Network => summary.network.clone(),
            Self::Differs => summary.differences_in_words(),
            Self::Steps if summary.step == summary.steps => count(summary.step),
            Self::Steps => format!("{} of {}", count(summary.step), count(summary.steps)),
            Self::Clean => share(summary.clean),
            Self::Worst => share(summary.worst),
            Self::Read => share(summary.discriminator),
            Self::When => match (&row.holder, summary.outcome) {
                (Some(_), _) => "now".into(),
                (None, Ended::Failed) => "failed".into(),
                (None, Ended::Running) => "cut off".into(),
                (None, Ended::Finished | Ended::Stopped | Ended::Interrupted) => {
                    ago(summary.written_unix_seconds, now)
                }
            },
            Self::Tags => summary.label.tags.join(", "),
        }
    }

    /// Which of two runs stands first where the smallest does.
    fn compare(self, (one, known): (&Row, &Summary), (other, of_other): (&Row, &Summary)) -> Ordering {
        match self {
            Self::Name => natural(one.name(), other.name()),
            Self::Steps => known.step.cmp(&of_other.step),
            Self::Clean => by_size(known.clean, of_other.clean),
            Self::Worst => by_size(known.worst, of_other.worst),
            Self::Read => by_size(known.discriminator, of_other.discriminator),
            Self::When => known.written_unix_seconds.cmp(&of_other.written_unix_seconds),
            Self::Scenario | Self::Mode | Self::Data | Self::Network | Self::Differs | Self::Tags => {
                natural(&self.text(one, known, 0), &self.text(other, of_other, 0))
            }
        }
    }
}

/// A share, or that it is not known.
pub(super) fn share(value: f64) -> String {
    if value.is_nan() { "–".into() } else { percent(value) }
}

/// What is no number is smaller than all numbers.
fn by_size(one: f64, other: f64) -> Ordering {
    let place = |value: f64| if value.is_nan() { f64::NEG_INFINITY } else { value };
    place(one).total_cmp(&place(other))
}

/// Words without regard to case.
fn natural(one: &str, other: &str) -> Ordering {
    one.to_lowercase().cmp(&other.to_lowercase())
}

/// The places in `rows` of those that hold the words searched for, in the order in which they are shown: pinned ones first,
/// then by the column, then those that were not read or cannot be.
pub(super) fn order(rows: &[Row], search: &str, (by, is_largest_first): (Field, bool)) -> Vec<usize> {
    let words = search.trim().to_lowercase();
    let is_found = |row: &Row| match row.known() {
        Some(summary) => summary.matches(&row.id, &words),
        None => words.split_whitespace().all(|word| row.id.to_lowercase().contains(word)),
    };
    let mut places: Vec<usize> =
        (0..rows.len()).filter(|at| words.is_empty() || is_found(&rows[*at])).collect();
    let is_pinned = |row: &Row| row.known().is_some_and(|summary| summary.label.pinned);
    places.sort_by(|one, other| {
        let (one, other) = (&rows[*one], &rows[*other]);
        let rank = |row: &Row| (!is_pinned(row), row.known().is_none());
        rank(one).cmp(&rank(other)).then_with(|| match (one.known(), other.known()) {
            (Some(known), Some(of_other)) => {
                let ordering = by.compare((one, known), (other, of_other));
                if is_largest_first { ordering.reverse() } else { ordering }
            }
            _ => Ordering::Equal,
        })
    });
    places
}
