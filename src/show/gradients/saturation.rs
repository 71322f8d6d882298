//! What is left of gradients: in a sentence, as a histogram of margins, as rows of a table.

use crate::protocol::{CERTAIN_MARGIN, MARGIN_BARS, MARGIN_EDGES, Saturation, VANISHED_MARGIN};
use crate::show::chart::{Axis, Chart, Mark, Shape};
use crate::show::columns::class_name;
use crate::show::number::{count, decimal, figure, whole_percent};
use crate::show::palette::Role;

/// Mean logit from which on the sentence tells what that costs.
const FAR: f64 = 1e4;

/// Whether gradients are still there, in a sentence; whose colour it deserves.
pub fn sentence(found: &Saturation) -> (Role, String) {
    let (certain, zero, images) = (found.certain(), found.zero(), count(found.images.len() as u64));
    let (role, mut text) = if zero.hits > 0 {
        let text = format!(
            "{} of {images} images have a gradient of exactly 0, and {} p_y = 1: attacks on the plain cross-entropy stay where they are.",
            whole_percent(zero.value()),
            whole_percent(certain.value()),
        );
        (Role::Bad, text)
    } else if certain.hits > 0 {
        let text = format!(
            "{} of {images} images have p_y = 1 in f32: attacks on the plain cross-entropy lose the label's part of their gradient; use those along its exact direction (fgsm-exact, pgd-exact), or on the margin.",
            whole_percent(certain.value()),
        );
        (Role::Adversary, text)
    } else {
        let text = format!(
            "All {images} images have a gradient, and f32 rounds none of it away: half of the margins are below {}.",
            figure(found.median_margin())
        );
        (Role::Good, text)
    };
    if found.mean_logit.abs() >= FAR {
        let step = (found.mean_logit.abs() as f32).next_up() - found.mean_logit.abs() as f32;
        text += &format!(
            " All logits have gone to about {} together, where f32 tells them apart by {}.",
            figure(found.mean_logit),
            figure(f64::from(step))
        );
    }
    (role, text)
}

/// Where a margin is on the axis of bars, each of which is 1 wide.
pub fn place(margin: f32) -> f64 {
    MARGIN_EDGES.partition_point(|edge| *edge <= margin) as f64
}

/// The ends of a bar, as they are read: `below −32`, `1 to 2`, `above 208`.
pub fn bar_label(bar: usize) -> String {
    let edge = |edge: usize| MARGIN_EDGES.get(edge).map(|edge| edge_label(*edge));
    match (bar.checked_sub(1).and_then(edge), edge(bar)) {
        (Some(low), Some(high)) => format!("{low} to {high}"),
        (Some(low), None) => format!("above {low}"),
        (None, high) => format!("below {}", high.unwrap_or_default()),
    }
}

/// Whose colour a bar has: wrong images, right ones, those of probability 1, those without a gradient.
pub fn bar_role(bar: usize) -> Role {
    let low = bar.checked_sub(1).map_or(f32::NEG_INFINITY, |edge| MARGIN_EDGES[edge]);
    match low {
        low if low >= VANISHED_MARGIN => Role::Bad,
        low if low >= CERTAIN_MARGIN => Role::Adversary,
        low if low >= 0.0 => Role::Main,
        _ => Role::Reference,
    }
}

/// The labelled edges of the bars: where they are, and what is there.
pub fn ticks() -> Vec<(f64, String)> {
    let labelled = [-16.0, -4.0, 0.0, 4.0, 8.0, CERTAIN_MARGIN, 32.0, VANISHED_MARGIN];
    labelled.map(|edge| (place(edge), edge_label(edge))).to_vec()
}

fn edge_label(edge: f32) -> String {
    // Whole but for the two that are no powers of two.
    decimal(f64::from((edge * 10.0).round() / 10.0)).replace('-', "−")
}

/// The histogram of margins, with the two margins at which `f32` rounds.
pub fn margins(found: &Saturation) -> Chart {
    let counts = found.counts();
    let largest = f64::from(counts.iter().copied().max().unwrap_or(0).max(1));
    let bars = counts.iter().enumerate().filter(|(_, images)| **images > 0).map(|(bar, images)| {
        let ([low, high], top) = ([bar as f64 + 0.04, bar as f64 + 0.96], f64::from(*images));
        // There, then back.
        let outline = vec![[low, top], [high, top], [high, 0.0], [low, 0.0]];
        Mark::new(Shape::Area, outline, bar_role(bar)).faint(0.85)
    });
    let line = |margin: f32, name: &str| {
        let at = place(margin);
        Mark::new(Shape::Dashes, vec![[at, 0.0], [at, 1.05 * largest]], Role::Reference).named(name)
    };
    Chart {
        title: "Margins".into(),
        note: format!("step {}; {}", found.step, sentence(found).1),
        x: Axis {
            label: "margin: the label's logit less the largest other one".into(),
            range: [0.0, MARGIN_BARS as f64],
            ticks: ticks(),
        },
        y: Axis::linear("images", [0.0, 1.05 * largest], decimal),
        marks: bars
            .chain([line(CERTAIN_MARGIN, "16.6: p_y = 1"), line(VANISHED_MARGIN, "104: gradient 0")])
            .collect(),
    }
}

/// The columns of [`rows`]; what each means: `docs/files.md`.
pub const COLUMNS: [&str; 6] = ["step", "figure", "class", "low", "high", "value"];

/// The rows of a table: a figure each, of some that of a class or of a bar from `low` to `high`.
pub fn rows(found: &Saturation, origins: &[String]) -> Vec<Vec<String>> {
    let row = |figure: &str, class: &str, [low, high]: [String; 2], value: String| {
        vec![found.step.to_string(), figure.into(), class.into(), low, high, value]
    };
    let no_bar = || [String::new(), String::new()];
    let plain = |(figure, value): (&str, String)| row(figure, "", no_bar(), value);
    let mut rows: Vec<_> = [
        ("images", found.images.len().to_string()),
        ("certain", found.certain().hits.to_string()),
        ("zero_gradient", found.zero().hits.to_string()),
        ("mean_logit", found.mean_logit.to_string()),
        ("median_margin", found.median_margin().to_string()),
    ]
    .into_iter()
    .map(plain)
    .collect();
    let edge = |edge: Option<usize>| {
        edge.and_then(|edge| MARGIN_EDGES.get(edge)).map_or(String::new(), f32::to_string)
    };
    rows.extend(found.counts().iter().enumerate().map(|(bar, images)| {
        row("margin", "", [edge(bar.checked_sub(1)), edge(Some(bar))], images.to_string())
    }));
    for (origin, mass) in found.masses.iter().enumerate() {
        let class = class_name(origins, origin);
        rows.push(row("mass_right", &class, no_bar(), mass.right.to_string()));
        rows.push(row("mass_wrong", &class, no_bar(), mass.wrong.to_string()));
    }
    if let Some(noise) = &found.noise {
        rows.push(plain(("noise_in_gradient", noise.in_gradient.to_string())));
        rows.extend(noise.signal.iter().enumerate().map(|(origin, signal)| {
            row("signal_to_noise", &class_name(origins, origin), no_bar(), signal.to_string())
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn the_sentence_says_what_is_lost_and_what_to_use() {
        let mut found = made_up::saturation(1, 100);
        assert_eq!(sentence(&found).0, Role::Good);
        assert!(sentence(&found).1.starts_with("All 256 images have a gradient"));
        found.images.iter_mut().take(64).for_each(|image| image.probability = 1.0);
        let (role, text) = sentence(&found);
        assert!(role == Role::Adversary && text.starts_with("25 % of 256 images have p_y = 1"), "{text}");
        found.images.iter_mut().take(128).for_each(|image| image.is_zero = true);
        let (role, text) = sentence(&found);
        assert!(
            role == Role::Bad && text.starts_with("50 % of 256") && text.contains("and 25 % p_y = 1"),
            "{text}"
        );
        assert!(!text.contains("All logits"));
        found.mean_logit = -200_000.0;
        assert!(sentence(&found).1.ends_with("about −2.0e5 together, where f32 tells them apart by 0.0156."));
    }

    #[test]
    fn bars_say_where_they_are_and_lines_stand_on_their_edges() {
        let labels = [0, 9, 16, 17, MARGIN_BARS - 1].map(bar_label);
        assert_eq!(labels, ["below −32", "0 to 1", "12 to 16.6", "16.6 to 24", "above 208"]);
        let roles = [0, 8, 9, 16, 17, 21, 22, MARGIN_BARS - 1].map(bar_role);
        use Role::{Adversary, Bad, Main, Reference};
        assert_eq!(roles, [Reference, Reference, Main, Main, Adversary, Adversary, Bad, Bad]);
        assert_eq!((place(CERTAIN_MARGIN), place(VANISHED_MARGIN)), (17.0, 22.0));
        assert_eq!(ticks().last().map(|(_, label)| &**label), Some("104"));
        let chart = margins(&made_up::saturation(1, 100));
        let lines: Vec<_> = chart.marks.iter().filter(|mark| mark.shape == Shape::Dashes).collect();
        assert_eq!((lines.len(), lines[0].points[0][0]), (2, 17.0));
    }

    #[test]
    fn rows_add_up() {
        let found = made_up::saturation(1, 300);
        let rows = rows(&found, &["a, b".into()]);
        assert!(rows.iter().all(|row| row.len() == COLUMNS.len() && row[0] == "300"));
        let sum = |figure: &str| -> f64 {
            let of = rows.iter().filter(|row| row[1] == figure || row[1].starts_with(&format!("{figure}_")));
            of.map(|row| row[5].parse::<f64>().expect("a number")).sum()
        };
        assert_eq!(sum("margin"), 256.0);
        assert!((sum("mass") - 1.0).abs() < 1e-9);
        let of_class: Vec<_> = rows.iter().filter(|row| row[1] == "mass_right").map(|row| &*row[2]).collect();
        assert_eq!(of_class[..2], ["a, b", "1"], "a class without a name has its number");
    }
}
