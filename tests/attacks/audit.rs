//! The audit turns red where it should, light by light, and stays green where nothing is hidden.

use burn::tensor::Device;
use great_lab::{
    attack::{
        Audit,
        audit::{Reader, Severity, Subject},
    },
    config::{Hyper, InputTransform, Mode, Players, Setup},
    data,
    nn::{channel::Channel, network::Statistics},
    protocol::{Light, Verdict},
    scenario::{Defense, Scenario},
};

/// A defence trained on the tiny data, as `change` says.
fn trained(change: impl Fn(&mut Setup, &mut Hyper)) -> (Defense, Hyper) {
    let scratch = tempfile::tempdir().unwrap();
    let mut setup = Setup {
        mode: Mode::Baseline,
        data: crate::common::tiny_data(scratch.path()),
        width: 0.5,
        auxiliary_width: 0.5,
        batch_size: 32,
        steps: 120,
        ..Setup::default()
    };
    let mut hyper = Hyper { learning_rate: 4e-3, auxiliary_learning_rate: 4e-3, ..Hyper::default() };
    change(&mut setup, &mut hyper);
    let data = data::load(&setup).unwrap();
    let (mean, deviation) = data.channel_statistics();
    let mut defense = Defense::new(&setup, &data, &Statistics { mean, deviation }, &Device::flex());
    for step in 0..setup.steps {
        defense.step(step, &hyper, Players::Both);
    }
    (defense, hyper)
}

/// The lights of the network, after `change`d its weights, at radius `epsilon` and so many steps.
fn audited(defense: &Defense, hyper: &Hyper, epsilon: f64, steps: usize, scale_head: f64) -> Vec<Light> {
    audited_over(1, defense, hyper, (epsilon, steps), scale_head)
}

/// The same, attacked in expectation over so many draws.
fn audited_over(
    draws: usize,
    defense: &Defense,
    hyper: &Hyper,
    (epsilon, steps): (f64, usize),
    scale_head: f64,
) -> Vec<Light> {
    let mut weights = defense.main().weights.clone();
    let head = weights.0.len() - 2;
    for weight in &mut weights.0[head..] {
        *weight = weight.clone() * scale_head;
    }
    let subject = Subject {
        network: defense.main().network.clone(),
        weights,
        reader: Some(Reader {
            network: defense.auxiliary().network.clone(),
            weights: defense.auxiliary().weights.clone(),
            channel: Channel::of(hyper, defense.train().len().min(64)),
            is_trained: true,
        }),
        surrogate: None,
    };
    let data = (defense.train(), defense.held_out());
    let severity = Severity { epsilon, steps, draws, seed: 1 };
    let mut audit = Audit::new(subject, severity, (0..128).collect(), data);
    assert!(audit.lights().iter().all(|light| light.verdict == Verdict::Unknown));
    let mut progress = 0.0;
    while !audit.is_complete() {
        pollster::block_on(audit.advance(defense.held_out())).unwrap();
        assert!(audit.progress() >= progress && audit.progress() <= 1.0);
        progress = audit.progress();
    }
    audit.lights()
}

fn verdict(lights: &[Light], name: &str) -> Verdict {
    lights.iter().find(|light| light.name == name).unwrap_or_else(|| panic!("no light {name}")).verdict
}

/// Exactly these lights must be red; all others but `may` must not.
fn assert_red(lights: &[Light], red: &[&str], may: &[&str]) {
    let text: Vec<_> = lights.iter().map(|l| format!("{:?} {}: {}", l.verdict, l.name, l.figure)).collect();
    let text = text.join("\n");
    for light in lights {
        let is_red = light.verdict == Verdict::Failed;
        if red.contains(&&*light.name) {
            assert!(is_red, "{} should have failed:\n{text}", light.name);
        } else if !may.contains(&&*light.name) {
            assert!(!is_red, "{} should not have failed:\n{text}", light.name);
        }
    }
}

#[test]
fn an_undefended_network_is_all_green() {
    let (defense, hyper) = trained(|_, _| {});
    let lights = audited(&defense, &hyper, 0.05, 10, 1.0);
    assert_red(&lights, &[], &[]);
    assert_eq!(verdict(&lights, "transfer"), Verdict::Unknown, "there is no surrogate");
    let known = lights.iter().filter(|light| light.verdict == Verdict::Passed).count();
    assert_eq!(known, lights.len() - 1);
}

#[test]
fn a_quantised_input_hides_its_gradient() {
    let (defense, hyper) = trained(|setup, _| {
        (setup.input_transform, setup.input_levels) = (InputTransform::Quantize, 4);
    });
    let lights = audited(&defense, &hyper, 0.2, 10, 1.0);
    assert_red(
        &lights,
        &["zero-gradients", "square", "unbounded", "rounding"],
        &[
            "noise",
            "chance-at-half",
            "adversary-probe",
            "iterative-beats-one-step",
            "restarts",
            "larger-epsilon",
            "targeted",
            "more-steps",
        ],
    );
}

#[test]
fn saturated_logits_hide_theirs() {
    let (defense, hyper) = trained(|_, _| {});
    let lights = audited(&defense, &hyper, 0.1, 10, 1e5);
    assert_red(
        &lights,
        &["zero-gradients", "rounding"],
        &[
            "square",
            "unbounded",
            "chance-at-half",
            "noise",
            "adversary-probe",
            "iterative-beats-one-step",
            "restarts",
            "larger-epsilon",
            "targeted",
            "more-steps",
        ],
    );
}

#[test]
fn logits_fifty_times_as_large_are_as_easily_fooled_and_the_light_says_why() {
    let (defense, hyper) = trained(|_, _| {});
    let text = |scale: f64| {
        let lights = audited(&defense, &hyper, 0.12, 10, scale);
        let light = lights.into_iter().find(|light| light.name == "rounding").unwrap();
        println!("× {scale}: {:?} {}", light.verdict, light.figure);
        (light.verdict, light.figure)
    };
    let (as_trained, saturated) = (text(1.0), text(50.0));
    assert_eq!(as_trained.0, Verdict::Passed);
    assert_eq!(saturated.0, Verdict::Failed);
    assert!(saturated.1.starts_with("f32 rounds this network's gradient away: FGSM "), "{}", saturated.1);
    // What is left behind the last place where an attack is named: FGSM's exact direction stands before PGD's.
    let left = |attack: &str| {
        [&as_trained.1, &saturated.1].map(|figure| -> f64 {
            let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
            let text = figure.rsplit(attack).next().unwrap();
            text.split(|letter| !is_number(letter)).next().unwrap().parse().unwrap()
        })
    };
    let [plain, plain_of_fifty] = left("PGD-10 ");
    assert!(plain < 30.0 && plain_of_fifty > 90.0, "PGD: {plain} and {plain_of_fifty}");
    // The classes are the same, and so is the margin's gradient, times 50; the exact direction leans more to the next class.
    let [margin, margin_of_fifty] = left("margin ");
    assert!((margin - margin_of_fifty).abs() < 1.0, "margin: {margin} and {margin_of_fifty}");
    let [exact, exact_of_fifty] = left("exact ");
    assert!((exact - exact_of_fifty).abs() < 15.0, "exact: {exact} and {exact_of_fifty}");
}

#[test]
fn an_attack_that_is_too_weak_is_called_so() {
    let (defense, hyper) = trained(|_, _| {});
    assert_red(&audited(&defense, &hyper, 0.1, 10, 1.0), &["restarts"], &["more-steps"]);
    assert_red(
        &audited(&defense, &hyper, 0.1, 1, 1.0),
        &["more-steps"],
        &["restarts", "square", "larger-epsilon"],
    );
}

#[test]
fn a_lazy_discriminator_is_found_out() {
    let (defense, hyper) = trained(|_, hyper| hyper.auxiliary_steps = 0);
    let lights = audited(&defense, &hyper, 0.05, 10, 1.0);
    assert_red(&lights, &["adversary-probe"], &[]);
}

#[test]
fn a_random_forward_pass_is_not_repeatable() {
    let (defense, hyper) = trained(|setup, _| {
        (setup.input_transform, setup.transform_noise) = (InputTransform::Noise, 0.5);
    });
    let lights = audited(&defense, &hyper, 0.1, 10, 1.0);
    assert_red(
        &lights,
        &["repeatable"],
        &[
            // Red where the other draws of the attack had another image misclassified, as they mostly have.
            "epsilon-zero",
            "noise",
            "square",
            "rounding",
            "restarts",
            "chance-at-half",
            "unbounded",
            "larger-epsilon",
            "adversary-probe",
            "more-steps",
            "iterative-beats-one-step",
            "targeted",
        ],
    );
    // Attacked in expectation over its noise it is attacked as it must be.
    let adapted = audited_over(5, &defense, &hyper, (0.1, 5), 1.0);
    for light in ["repeatable", "epsilon-zero"] {
        assert_eq!(verdict(&adapted, light), Verdict::Passed, "{adapted:?}");
    }
}
