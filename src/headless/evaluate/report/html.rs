//! The page of a report, section by section.

use std::fmt::Write as _;

use super::draw::{bars, curves, escaped, matrix, picture};
use super::svg::svg;
use super::{Contents, Seen};
use crate::config::{Norm, Threat};
use crate::protocol::{Light, Robustness, Verdict};
use crate::show::number::{decimal, interval, percent};

const STYLE: &str = include_str!("report.css");

/// The whole page.
pub fn html(report: &Contents<'_>) -> String {
    let Contents { subject, evaluation, lights, .. } = report;
    let mut body = format!("<h1>Robustness of {}</h1><p class=\"weak\">", escaped(&subject.title));
    body += &subject.lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join(" · ");
    body += "</p>";
    if let Some(incomplete) = &report.incomplete {
        let _ =
            write!(body, "<p class=\"card bad\">This evaluation was interrupted and is {incomplete}.</p>");
    }
    body += &headline(report);
    let _ = write!(
        body,
        "<section><h2>Accuracy against ε</h2><figure>{}</figure>{}</section>",
        svg(&curves(evaluation)),
        table(evaluation)
    );
    if !evaluation.smallest.is_empty() {
        let _ = write!(
            body,
            "<section><h2>The smallest ε that fools an image</h2><p class=\"weak\">The smallest L∞ distance at which any attack run fooled it: an upper bound, tight where attacks that look for the nearest boundary were run (deepfool, fab-t).</p>{}</section>",
            bars(&evaluation.falls())
        );
    }
    body += &confusion(report);
    body += &pictures(report);
    body += &audit(lights);
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        body,
        "<footer class=\"weak\">Intervals are Wilson's, 95 %. An image counts in the worst case only if no attack at that ε or below fooled it. Made by GREAT Lab {version}.</footer>"
    );
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Robustness of {}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n",
        escaped(&subject.title)
    )
}

/// The worst case at the headline's radius, and what it has to be compared with.
fn headline(report: &Contents<'_>) -> String {
    let evaluation = report.evaluation;
    let case = evaluation.worst.iter().find(|case| case.norm == Norm::Linf);
    let point =
        case.and_then(|case| case.points.iter().find(|point| point.epsilon == report.gallery.epsilon));
    let failed = report.lights.iter().filter(|light| light.verdict == Verdict::Failed).count();
    let trust = match (report.lights.len(), failed) {
        (0, _) => "<p class=\"card weak\">Not audited: whether this figure can be trusted was not checked (<code>--audit</code>).</p>".into(),
        (_, 0) => "<p class=\"card good\">The audit found nothing that speaks against it.</p>".into(),
        (all, failed) => format!("<p class=\"card bad\">{failed} of {all} checks of the audit failed: do not trust it before they are explained.</p>"),
    };
    let worst = point.map_or(String::new(), |point| {
        format!(
            "<div class=\"card\"><div class=\"big\">{}</div><div>worst case at ε = {}</div><div class=\"weak\">{}, n = {}</div></div>",
            percent(point.robust.value()),
            decimal(point.epsilon),
            interval(point.robust),
            point.robust.total
        )
    });
    let clean = evaluation.clean;
    format!(
        "<section class=\"cards\">{worst}<div class=\"card\"><div class=\"big\">{}</div><div>without attack</div><div class=\"weak\">{}</div></div>{trust}</section>",
        percent(clean.value()),
        interval(clean)
    )
}

/// Every attack at every radius.
fn table(evaluation: &Robustness) -> String {
    let mut rows = String::new();
    for curve in &evaluation.curves {
        for point in &curve.points {
            let success = if point.fooled.total > 0 { percent(point.fooled.value()) } else { String::new() };
            let _ = write!(
                rows,
                "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{success}</td></tr>",
                curve.attack,
                curve.target,
                decimal(point.epsilon),
                percent(point.robust.value()),
                interval(point.robust),
                point.robust.total
            );
        }
    }
    format!(
        "<div class=\"wide\"><table><thead><tr><th>attack</th><th>target</th><th class=\"number\">ε</th><th class=\"number\">robust accuracy</th><th>95 %</th><th class=\"number\">n</th><th class=\"number\">target reached</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// The name of a threat.
fn name(threat: &Threat) -> String {
    format!("{} at ε = {}", threat.attack, decimal(threat.epsilon))
}

/// What is mistaken for what under the strongest attack, beside the pairs that GREACE weighs.
fn confusion(report: &Contents<'_>) -> String {
    let (gallery, classes) = (report.gallery, &report.subject.classes);
    let Some((_, threat, seen)) = gallery.strongest() else { return String::new() };
    let mut section = format!(
        "<section><h2>What is mistaken for what</h2><div class=\"pair\"><figure><figcaption>Under {}: predicted class (across) of each true class (down), % of its images</figcaption><div class=\"wide\">{}</div></figure>",
        name(threat),
        matrix(&gallery.confusion(seen), classes)
    );
    if !gallery.pairs.is_empty() {
        let _ = write!(
            section,
            "<figure><figcaption>What the auxiliary network reads off the gradient tensors, mean probability in %: the pairs that GREACE pushes apart</figcaption><div class=\"wide\">{}</div></figure>",
            matrix(&gallery.pairs, classes)
        );
    }
    section + "</div></section>"
}

/// The first images: as they are, what was changed, as attacked; with predictions.
fn pictures(report: &Contents<'_>) -> String {
    let gallery = report.gallery;
    let Some((_, threat, seen)) = gallery.strongest() else { return String::new() };
    let (shape, classes) = (report.subject.shape, &report.subject.classes);
    // Grey is no change, black and white are −ε and ε.
    let scale = 0.5 / threat.epsilon as f32;
    let says = |seen: &Seen, at: usize| -> String {
        let (said, label) = (seen.predictions[at], gallery.labels[at]);
        let verdict = if said == label { "good" } else { "bad" };
        format!("<span class=\"{verdict}\">{}</span>", escaped(&classes[said]))
    };
    let mut figures = String::new();
    for (at, (clean, attacked)) in gallery.clean.pictures.iter().zip(&seen.pictures).enumerate() {
        let change: Vec<f32> =
            attacked.iter().zip(clean).map(|(after, before)| 0.5 + scale * (after - before)).collect();
        let label = &classes[gallery.labels[at]];
        let _ = write!(
            figures,
            "<figure class=\"sample\"><div>{}{}{}</div><figcaption>{}: {} → {}</figcaption></figure>",
            picture(clean, shape, &format!("{label}, as it is")),
            picture(&change, shape, "what the attack changed"),
            picture(attacked, shape, &format!("{label}, attacked")),
            escaped(label),
            says(&gallery.clean, at),
            says(seen, at)
        );
    }
    format!(
        "<section><h2>Some images</h2><p class=\"weak\">As they are, the change of {} magnified {} times about grey, and as attacked; true class, then what is predicted before and after.</p><div class=\"samples\">{figures}</div></section>",
        name(threat),
        decimal(f64::from(scale))
    )
}

fn audit(lights: &[Light]) -> String {
    if lights.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for light in lights {
        let (mark, word) = match light.verdict {
            Verdict::Passed => ("good", "passed"),
            Verdict::Failed => ("bad", "failed"),
            Verdict::Unknown => ("weak", "unknown"),
        };
        let _ = write!(
            rows,
            "<tr><td class=\"{mark}\">{word}</td><td><strong>{}</strong><br><span class=\"weak\">{}</span></td><td>{}</td></tr>",
            escaped(&light.name),
            escaped(&light.why),
            escaped(&light.figure)
        );
    }
    format!("<section><h2>Audit</h2><table><tbody>{rows}</tbody></table></section>")
}
