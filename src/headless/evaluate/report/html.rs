//! The page of a report, section by section.

use std::fmt::Write as _;

use super::draw::{bars, curves, escaped, margins, matrix, picture};
use super::svg::svg;
use super::{Contents, Seen};
use crate::config::{Norm, Threat};
use crate::protocol::{Light, Point, Robustness, Saturation, Verdict, WorstCase};
use crate::runs::tables::classes_text;
use crate::show::gradients::saturation;
use crate::show::number::{decimal, figure, interval, percent, standardised};

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
    for norm in evaluation.norms() {
        body += &of_norm(report, norm);
    }
    body += &format!("<section><h2>Every attack</h2>{}</section>", table(evaluation));
    body += &report.gallery.saturation.as_ref().map(saturated).unwrap_or_default();
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

/// What was found in one norm: the curves, at which ε images fall, what is mistaken for what, pictures.
fn of_norm(report: &Contents<'_>, norm: Norm) -> String {
    let (symbol, evaluation) = (norm.symbol(), report.evaluation);
    let mut section = format!(
        "<section><h2>Accuracy against ε, {symbol}</h2><figure>{}</figure></section>",
        svg(&curves(evaluation, norm))
    );
    if let Some(case) = evaluation.worst_in(norm) {
        let _ = write!(
            section,
            "<section><h2>The smallest ε that fools an image, {symbol}</h2><p class=\"weak\">The smallest {symbol} distance at which any attack run fooled it: an upper bound, tight where attacks that look for the nearest boundary were run ({}).</p>{}</section>",
            match norm {
                Norm::Linf => "deepfool, fab-t",
                Norm::L2 => "deepfool-l2, cw-l2, fab-t-l2",
            },
            bars(&case.falls(), evaluation.input_deviation)
        );
    }
    section + &confusion(report, norm) + &pictures(report, norm)
}

/// Whether gradients are still there: a sentence, and the histogram of margins.
fn saturated(found: &Saturation) -> String {
    format!(
        "<section><h2>Is its gradient still there?</h2><p>{}</p><p class=\"weak\">p_y = 1: {}; gradient exactly 0: {}; mean logit {}. Where the label's logit is 16.6 above every other, f32 rounds its probability to 1; where it is 104 above, nothing is left of the gradient.</p>{}</section>",
        escaped(&saturation::sentence(found).1),
        percent(found.certain().value()),
        percent(found.zero().value()),
        figure(found.mean_logit),
        margins(found)
    )
}

/// The worst case of each norm at its headline's radius, and what it has to be compared with.
fn headline(report: &Contents<'_>) -> String {
    let evaluation = report.evaluation;
    let failed = report.lights.iter().filter(|light| light.verdict == Verdict::Failed).count();
    let trust = match (report.lights.len(), failed) {
        (0, _) => "<p class=\"card weak\">Not audited: whether this figure can be trusted was not checked (<code>--audit</code>).</p>".into(),
        (_, 0) => "<p class=\"card good\">The audit found nothing that speaks against it.</p>".into(),
        (all, failed) => format!("<p class=\"card bad\">{failed} of {all} checks of the audit failed: do not trust it before they are explained.</p>"),
    };
    let worst: String = evaluation.worst.iter().map(|case| worst_card(report, case)).collect();
    let clean = evaluation.clean;
    format!(
        "<section class=\"cards\">{worst}<div class=\"card\"><div class=\"big\">{}</div><div>without attack</div><div class=\"weak\">{}{}</div></div>{trust}</section>{}",
        percent(clean.value()),
        interval(clean),
        balanced_words(report, evaluation.clean_balanced),
        unequal(report),
    )
}

/// The headline of one norm; nothing where it was attacked with no radius above 0.
fn worst_card(report: &Contents<'_>, case: &WorstCase) -> String {
    let radius = report.gallery.radius(case.norm);
    let Some(point) = case.points.iter().find(|point| Some(point.epsilon) == radius) else {
        return String::new();
    };
    format!(
        "<div class=\"card\"><div class=\"big\">{}</div><div>worst case at ε = {}, {}{}</div><div class=\"weak\">{}, n = {}{}</div></div>",
        percent(point.robust.value()),
        decimal(point.epsilon),
        case.norm.symbol(),
        standardised(point.epsilon, report.evaluation.input_deviation),
        interval(point.robust),
        point.robust.total,
        balanced_words(report, point.balanced),
    )
}

/// Balanced accuracy behind another figure, where it says something else.
fn balanced_words(report: &Contents<'_>, balanced: f64) -> String {
    if report.evaluation.has_unequal_classes() {
        format!("; balanced {}", percent(balanced))
    } else {
        String::new()
    }
}

/// How frequent classes are, where they are not equally frequent.
fn unequal(report: &Contents<'_>) -> String {
    let text = classes_text(report.evaluation, &report.subject.classes);
    if text.is_empty() { text } else { format!("<p class=\"weak\">{}</p>", escaped(text.trim_end())) }
}

/// Every attack at every radius, and the worst case of each norm.
fn table(evaluation: &Robustness) -> String {
    let is_unequal = evaluation.has_unequal_classes();
    let number = |text: String| format!("<td class=\"number\">{text}</td>");
    let row = |attack: &str, target: &str, norm: Norm, point: &Point| {
        let success = if point.fooled.total > 0 { percent(point.fooled.value()) } else { String::new() };
        let balanced = if is_unequal { number(percent(point.balanced)) } else { String::new() };
        format!(
            "<tr><td>{attack}</td><td>{target}</td><td>{}</td>{}{}<td>{}</td>{balanced}{}{}</tr>",
            norm.symbol(),
            number(decimal(point.epsilon) + &standardised(point.epsilon, evaluation.input_deviation)),
            number(percent(point.robust.value())),
            interval(point.robust),
            number(point.robust.total.to_string()),
            number(success),
        )
    };
    let attacked = evaluation.curves.iter().flat_map(|curve| {
        let (attack, target) = (curve.attack.name(), curve.target.name());
        curve.points.iter().map(move |point| row(attack, target, curve.attack.norm(), point))
    });
    let worst = evaluation
        .worst
        .iter()
        .flat_map(|case| case.points.iter().map(|point| row("worst case", "", case.norm, point)));
    let rows: String = attacked.chain(worst).collect();
    let balanced = if is_unequal { "<th class=\"number\">balanced accuracy</th>" } else { "" };
    format!(
        "<div class=\"wide\"><table><thead><tr><th>attack</th><th>target</th><th>norm</th><th class=\"number\">ε</th><th class=\"number\">robust accuracy</th><th>95 %</th>{balanced}<th class=\"number\">n</th><th class=\"number\">target reached</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

/// The name of a threat.
fn name(threat: &Threat) -> String {
    format!("{} at ε = {}", threat.attack, decimal(threat.epsilon))
}

/// What is mistaken for what under the strongest attack, beside the pairs that GREACE weighs.
fn confusion(report: &Contents<'_>, norm: Norm) -> String {
    let (gallery, classes) = (report.gallery, &report.subject.classes);
    let Some((_, threat, seen)) = gallery.strongest(norm) else { return String::new() };
    let mut section = format!(
        "<section><h2>What is mistaken for what, {}</h2><div class=\"pair\"><figure><figcaption>Under {}: predicted class (across) of each true class (down), % of its images</figcaption><div class=\"wide\">{}</div></figure>",
        norm.symbol(),
        name(threat),
        matrix(&gallery.confusion(seen), classes)
    );
    // They are no attack's: once will do.
    if !gallery.pairs.is_empty() && report.evaluation.norms().next() == Some(norm) {
        let _ = write!(
            section,
            "<figure><figcaption>What the auxiliary network reads off the gradient tensors, mean probability in %: the pairs that GREACE pushes apart</figcaption><div class=\"wide\">{}</div></figure>",
            matrix(&gallery.pairs, classes)
        );
    }
    section + "</div></section>"
}

/// The first images: as they are, what was changed, as attacked; with predictions.
fn pictures(report: &Contents<'_>, norm: Norm) -> String {
    let gallery = report.gallery;
    let Some((_, threat, seen)) = gallery.strongest(norm) else { return String::new() };
    let (shape, classes) = (report.subject.shape, &report.subject.classes);
    // Grey is no change; black and white are −ε and ε, in L2 the largest change of a pixel.
    let scale = match norm {
        Norm::Linf => 0.5 / threat.epsilon as f32,
        Norm::L2 => match largest_change(&gallery.clean, seen) {
            change if change > 0.0 => 0.5 / change,
            _unchanged => 1.0,
        },
    };
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
        "<section><h2>Some images, {}</h2><p class=\"weak\">As they are, the change of {} magnified {} times about grey, and as attacked; true class, then what is predicted before and after.</p><div class=\"samples\">{figures}</div></section>",
        norm.symbol(),
        name(threat),
        decimal(f64::from(scale))
    )
}

/// How far an attack moved a pixel of the images shown, at most.
fn largest_change(clean: &Seen, attacked: &Seen) -> f32 {
    let pixels = |seen: &Seen| seen.pictures.concat();
    pixels(clean)
        .iter()
        .zip(pixels(attacked))
        .map(|(before, after)| (after - before).abs())
        .fold(0.0, f32::max)
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
