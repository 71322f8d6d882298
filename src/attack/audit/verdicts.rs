//! From what an audit measured to its lights. Attacks are compared image by image: one is weaker than another only where
//! an exact test of the images on which they differ says so, so that chance turns no light red.

use super::trial::{Findings, Trial};
use crate::protocol::{Light, Paired, Verdict, sign_test};
use crate::show::number::{decimal, percent};

/// Largest probability at which a difference is taken for real; one-sided.
const SIGNIFICANCE: f64 = 0.01;
/// Share of the images by which accuracy may fall when an attack is made stronger: more says that it had not levelled.
const LITTLE: f64 = 0.02;
/// Share of images that an attack without bounds may leave.
const NEARLY_NONE: f64 = 0.01;
/// Share of images that may have no gradient.
const FEW: f64 = 0.05;
/// Share of gradient tensors that a fresh discriminator may read above the running one.
const LAZY: f64 = 0.05;

/// All lights, in the order in which they are shown.
pub(super) fn lights(found: &Findings) -> Vec<Light> {
    let k = found.severity.steps;
    vec![
        epsilon_zero(found),
        ordered(
            found,
            "iterative-beats-one-step",
            [("FGSM", Trial::Fgsm), (&format!("PGD-{k}"), Trial::Pgd)],
            "One step along a gradient cannot do more than many, unless the gradient misleads.",
        ),
        falls_with_epsilon(found),
        chance_at_half(found),
        unbounded(found),
        levelled(found),
        restarts(found),
        blind(found, "square", Trial::Square, "Square"),
        blind(found, "transfer", Trial::Transfer, "transfer"),
        ordered(
            found,
            "noise",
            [("noise", Trial::Noise), (&format!("PGD-{k}"), Trial::Pgd)],
            "Where random noise does more harm than the gradient, the gradient points nowhere.",
        ),
        ordered(
            found,
            "targeted",
            [("targeted PGD", Trial::Targeted), ("untargeted", Trial::Pgd)],
            "Any wrong class is easier to reach than one that is given, so an attack that aims must not do more harm.",
        ),
        rounding(found),
        zero_gradients(found),
        repeatable(found),
        probe(found),
    ]
}

fn light(name: &'static str, passed: bool, figure: String, why: &'static str) -> Light {
    let verdict = if passed { Verdict::Passed } else { Verdict::Failed };
    Light { name: name.into(), verdict, figure, why: why.into() }
}

fn unknown(name: &'static str, figure: &str, why: &'static str) -> Light {
    Light { name: name.into(), verdict: Verdict::Unknown, figure: figure.into(), why: why.into() }
}

const NOT_YET: &str = "not run yet";

fn share(right: &[bool]) -> f64 {
    right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64
}

/// Whether the attack that left `weaker` did significantly more harm than the one that left `stronger`, which should not be.
fn is_beaten(weaker: &[bool], stronger: &[bool]) -> bool {
    let pairs = weaker.iter().copied().zip(stronger.iter().copied());
    let Paired { gained, lost, .. } = Paired::count(pairs);
    sign_test(gained, lost) < SIGNIFICANCE
}

fn epsilon_zero(found: &Findings) -> Light {
    let (name, why) = (
        "epsilon-zero",
        "An attack that may change nothing must change nothing, or the evaluation itself is wrong.",
    );
    let (Some(clean), Some(nothing)) = (found.clean(), found.right(Trial::Nothing)) else {
        return unknown(name, NOT_YET, why);
    };
    let figure = format!(
        "clean {}, PGD at ε = 0 {} (n = {})",
        percent(share(&clean)),
        percent(share(&nothing)),
        clean.len()
    );
    // A network that draws says something else each time; what counts is that the attack does no harm.
    let is_alike = !is_beaten(&nothing, &clean) && !is_beaten(&clean, &nothing);
    light(name, clean == nothing || (found.severity.draws > 1 && is_alike), figure, why)
}

/// The first attack must not do more harm than the second.
fn ordered(
    found: &Findings,
    name: &'static str,
    [weak, strong]: [(&str, Trial); 2],
    why: &'static str,
) -> Light {
    let (Some(weaker), Some(stronger)) = (found.right(weak.1), found.right(strong.1)) else {
        return unknown(name, NOT_YET, why);
    };
    let (low, high) = (percent(share(&weaker)), percent(share(&stronger)));
    let figure = format!("{} {low}, {} {high} (n = {})", weak.0, strong.0, weaker.len());
    light(name, !is_beaten(&weaker, &stronger), figure, why)
}

fn falls_with_epsilon(found: &Findings) -> Light {
    let (name, why) =
        ("larger-epsilon", "A larger ball holds the smaller one, so accuracy cannot rise with ε.");
    let radii = [Trial::HalfRadius, Trial::Pgd, Trial::TwiceRadius].map(|trial| found.right(trial));
    let [Some(half), Some(full), Some(twice)] = radii else { return unknown(name, NOT_YET, why) };
    let epsilon = found.severity.epsilon;
    let figure = format!(
        "{} at ε = {}, {} at {}, {} at {}",
        percent(share(&half)),
        decimal(0.5 * epsilon),
        percent(share(&full)),
        decimal(epsilon),
        percent(share(&twice)),
        decimal((2.0 * epsilon).min(1.0))
    );
    light(name, !is_beaten(&half, &full) && !is_beaten(&full, &twice), figure, why)
}

fn chance_at_half(found: &Findings) -> Light {
    let (name, why) = (
        "chance-at-half",
        "At ε = 0.5 every image can be made the same grey, so no more than chance can be left.",
    );
    let Some(right) = found.right(Trial::Half) else { return unknown(name, NOT_YET, why) };
    let (n, chance) = (right.len() as f64, 1.0 / found.classes as f64);
    // Above chance by more than 2.6 standard deviations of as many guesses.
    let most = chance + 2.6 * (chance * (1.0 - chance) / n).sqrt();
    let figure = format!("PGD at ε = 0.5 {}, chance {}", percent(share(&right)), percent(chance));
    light(name, share(&right) <= most, figure, why)
}

fn unbounded(found: &Findings) -> Light {
    let (name, why) =
        ("unbounded", "At ε = 1 an image can become any other, so an attack that leaves some does not work.");
    let Some(right) = found.right(Trial::Unbounded) else { return unknown(name, NOT_YET, why) };
    let figure = format!("PGD at ε = 1 {}", percent(share(&right)));
    light(name, share(&right) <= NEARLY_NONE, figure, why)
}

/// Accuracy must not fall further when the attack is made stronger.
fn settled(name: &'static str, weak: &[bool], strong: &[bool], figure: String, why: &'static str) -> Light {
    let falls = share(weak) - share(strong) > LITTLE && is_beaten(strong, weak);
    light(name, !falls, figure, why)
}

fn levelled(found: &Findings) -> Light {
    let (name, why) =
        ("more-steps", "An attack that more steps still improve has not said how little is left.");
    let steps = [Trial::Pgd, Trial::TwiceSteps, Trial::FourTimesSteps].map(|trial| found.right(trial));
    let [Some(one), Some(two), Some(four)] = steps else { return unknown(name, NOT_YET, why) };
    let k = found.severity.steps;
    let figure = format!(
        "PGD-{k} {}, PGD-{} {}, PGD-{} {}",
        percent(share(&one)),
        2 * k,
        percent(share(&two)),
        4 * k,
        percent(share(&four))
    );
    settled(name, &one, &four, figure, why)
}

fn restarts(found: &Findings) -> Light {
    let (name, why) =
        ("restarts", "Where other random starts find what the first did not, one start says too little.");
    let (Some(one), Some(three)) = (found.right(Trial::Pgd), found.right(Trial::Restarts)) else {
        return unknown(name, NOT_YET, why);
    };
    let figure = format!("1 start {}, 3 starts {}", percent(share(&one)), percent(share(&three)));
    settled(name, &one, &three, figure, why)
}

/// An attack that does not read this network's gradient must not do more harm than all that do.
fn blind(found: &Findings, name: &'static str, trial: Trial, title: &str) -> Light {
    let why = "An attack that never sees this network's gradient and does more harm shows that the gradient is masked.";
    if !found.trials.contains(&trial) {
        return unknown(
            name,
            "it needs a network to make examples on, and the data could not be read again to train one",
            why,
        );
    }
    let seeing = [
        Trial::Fgsm,
        Trial::FgsmExact,
        Trial::Pgd,
        Trial::PgdExact,
        Trial::PgdMargin,
        Trial::TwiceSteps,
        Trial::FourTimesSteps,
        Trial::Restarts,
    ];
    let seeing: Option<Vec<Vec<bool>>> = seeing.iter().map(|trial| found.right(*trial)).collect();
    let (Some(blind), Some(seeing)) = (found.right(trial), seeing) else {
        return unknown(name, NOT_YET, why);
    };
    let worst: Vec<bool> = (0..blind.len()).map(|image| seeing.iter().all(|right| right[image])).collect();
    let figure =
        format!("{title} {}, all that read gradients {}", percent(share(&blind)), percent(share(&worst)));
    light(name, !is_beaten(&blind, &worst), figure, why)
}

/// Attacks on the plain cross-entropy must leave no more images than those that `f32` cannot blind, and the text says
/// which of these did more harm: only where the exact direction did, which is the same gradient without its vanishing
/// factor, rounding is the reason.
fn rounding(found: &Findings) -> Light {
    let (name, why) = (
        "rounding",
        "Where f32 rounds the label's probability to 1, the cross-entropy's gradient loses its direction or is zero. Along its exact direction, on the margin, and for Square the network is as it is.",
    );
    let trials =
        [Trial::Fgsm, Trial::FgsmExact, Trial::Pgd, Trial::PgdExact, Trial::PgdMargin, Trial::Square];
    let right = trials.map(|trial| found.right(trial));
    let [Some(fgsm), Some(fgsm_exact), Some(pgd), Some(pgd_exact), Some(margin), Some(square)] = &right
    else {
        return unknown(name, NOT_YET, why);
    };
    let [one, one_exact, many, many_exact, on_margin, by_square] =
        [fgsm, fgsm_exact, pgd, pgd_exact, margin, square].map(|right| percent(share(right)));
    let figure = format!(
        "FGSM {one}, exact {one_exact}; PGD-{} {many}, exact {many_exact}, margin {on_margin}, Square {by_square}",
        found.severity.steps
    );
    // Another loss may be a little better without anything being hidden.
    let by_margin = share(pgd) - share(margin) > LITTLE && is_beaten(margin, pgd);
    let reason = if is_beaten(fgsm_exact, fgsm) || is_beaten(pgd_exact, pgd) {
        "f32 rounds this network's gradient away"
    } else if by_margin {
        "not by rounding: the cross-entropy is the weaker loss here"
    } else if is_beaten(square, pgd) {
        "not by rounding: the gradient misleads"
    } else {
        return light(name, true, figure, why);
    };
    light(name, false, format!("{reason}: {figure}"), why)
}

fn zero_gradients(found: &Findings) -> Light {
    let (name, why) = (
        "zero-gradients",
        "An attack cannot follow a gradient that is zero; the image may be as easy to fool as any.",
    );
    let Some(inspection) = found.inspection else { return unknown(name, NOT_YET, why) };
    let zero = f64::from(inspection.zero_gradients) / f64::from(inspection.images.max(1));
    let figure = format!("{} of {} images have none", percent(zero), inspection.images);
    light(name, zero <= FEW, figure, why)
}

fn repeatable(found: &Findings) -> Light {
    let (name, why) = (
        "repeatable",
        "A network that answers otherwise the second time must be attacked in expectation over its chance (EOT).",
    );
    let Some(inspection) = found.inspection else { return unknown(name, NOT_YET, why) };
    let draws = found.severity.draws;
    let attacks = if draws > 1 { format!("; attacks average {draws} draws") } else { String::new() };
    let figure = format!(
        "{} of {} images get other logits the second time{attacks}",
        inspection.changed, inspection.images
    );
    light(name, inspection.changed == 0 || draws > 1, figure, why)
}

fn probe(found: &Findings) -> Light {
    let (name, why) = (
        "adversary-probe",
        "Gradients that a fresh discriminator reads were never made alike: the running one was only lazy.",
    );
    if !found.has_reader {
        return unknown(name, "no discriminator reads the classes of gradient tensors in this run", why);
    }
    let Some(probed) = &found.probed else { return unknown(name, NOT_YET, why) };
    let [running, fresh, floor] = [&probed.running, &probed.fresh, &probed.floor].map(|right| share(right));
    if !found.has_adversary {
        let figure = format!(
            "fresh {} after {} steps, shuffled labels {}, chance {}: what the gradients give away, which nothing was trained to hide",
            percent(fresh),
            probed.steps,
            percent(floor),
            percent(1.0 / found.classes as f64)
        );
        return unknown(name, &figure, why);
    }
    let figure = format!(
        "fresh {} after {} steps, running {}, shuffled labels {}, chance {}",
        percent(fresh),
        probed.steps,
        percent(running),
        percent(floor),
        percent(1.0 / found.classes as f64)
    );
    // The running one must not be beaten: seen from there, it is the attack that should be the stronger.
    let wrong = |right: &[bool]| right.iter().map(|right| !right).collect::<Vec<_>>();
    let lazy = fresh - running > LAZY && is_beaten(&wrong(&probed.fresh), &wrong(&probed.running));
    light(name, !lazy, figure, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_chance_beats_nobody() {
        let right = |wrong: usize| (0..100).map(|image| image >= wrong).collect::<Vec<_>>();
        assert!(!is_beaten(&right(53), &right(50)));
        assert!(is_beaten(&right(60), &right(50)));
        assert!(!is_beaten(&right(50), &right(60)), "the other way round is as it should be");
    }
}
