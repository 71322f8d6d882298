//! The attacks make what their public implementations make of the same network and images, stay in their ball, and are as
//! strong as they should be: see `oracle/README.md` for the golden file.

use crate::adapter::gpu;
use crate::golden::Golden;
use burn::tensor::{Device, Tensor};
use great_lab::{
    attack::{
        Assault, Evaluation, Goal, Pace, Recipe, Start, Victim,
        evaluation::{Counts, Outcome, Turn, worst_cases},
    },
    config::{AttackKind, InputTransform, Norm, Setup, TargetKind, Threat},
    gpu::{hits, images::DeviceImages},
    nn::{
        Network, Weights,
        network::{Interface, Statistics},
        weights::first_values,
    },
};
use rand::{SeedableRng, rngs::StdRng};

/// Rounding of a length in f32, in pixels.
const ROUNDING: f32 = 1e-6;
/// How far counts of attacks with random draws may be from those of another generator, of 48 images.
const LUCK: usize = 3;

/// The golden network, trained for a moment, and images that it classifies correctly.
pub struct Case {
    golden: Golden,
    pub network: Network,
    pub weights: Weights,
    pub images: Tensor<4>,
    pub labels: Tensor<2>,
}

/// Runs a future as a test: the one place here that waits.
#[allow(clippy::disallowed_methods, reason = "a test has nothing else to do")]
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    pollster::block_on(future)
}

#[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
pub fn entries<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn threat(attack: AttackKind, epsilon: f64, steps: usize) -> Threat {
    Threat { attack, target: TargetKind::Untargeted, epsilon, steps, restarts: 1 }
}

/// As many steps as a test can afford.
fn short(attack: AttackKind, epsilon: f64) -> Threat {
    let steps = match attack.own_steps() {
        None => 10,
        Some(steps) => steps.min(20),
    };
    threat(attack, epsilon, steps)
}

impl Case {
    /// The first `count` images, on the CPU backend.
    pub fn of(count: usize) -> Self {
        Self::on(&Device::flex(), count)
    }

    /// The first `count` images.
    pub fn on(device: &Device, count: usize) -> Self {
        let golden = Golden::load("attacks", 0.0);
        let interface =
            Interface { image: golden.setting("image_shape"), classes: golden.setting("classes") };
        let statistics = Statistics {
            mean: golden.entries("main.normalize.mean").to_vec(),
            deviation: golden.entries("main.normalize.std").to_vec(),
        };
        let network = Network::main(golden.architecture(), interface, &statistics);
        let weights = golden.weights("main", &network, device);
        let (images, labels) = (golden.images("x", device), golden.one_hot("y", device));
        Self {
            images: images.narrow(0, 0, count),
            labels: labels.narrow(0, 0, count),
            golden,
            network,
            weights,
        }
    }

    pub fn victim(&self) -> Victim<'_> {
        Victim::new(&self.network, &self.weights)
    }

    fn attack_from(&self, threat: Threat, start: Start, seed: u64) -> Tensor<4> {
        let (victim, goal) = (self.victim(), Goal::AwayFrom(self.labels.clone()));
        let assault =
            Assault { victim, surrogate: Some(victim), clean: &self.images, goal: &goal, threat, start };
        wait(assault.examples(&mut StdRng::seed_from_u64(seed), &Pace::default())).unwrap()
    }

    fn attack(&self, threat: Threat) -> Tensor<4> {
        self.attack_from(threat, Start::Own, 1)
    }

    /// Images still classified correctly.
    fn robust(&self, adversarial: &Tensor<4>) -> usize {
        let logits = self.network.logits(&self.weights, adversarial.clone());
        entries(hits(logits, self.labels.clone()).each).into_iter().sum::<f32>() as usize
    }

    /// The longest perturbation.
    fn farthest(&self, adversarial: &Tensor<4>, norm: Norm) -> f32 {
        let [n, c, h, w] = self.images.dims();
        let offsets = entries(adversarial.clone() - self.images.clone());
        assert_eq!(offsets.len(), n * c * h * w);
        let length = |offset: &[f32]| match norm {
            Norm::Linf => offset.iter().fold(0.0f32, |longest, x| longest.max(x.abs())),
            Norm::L2 => offset.iter().map(|x| x * x).sum::<f32>().sqrt(),
        };
        offsets.chunks(c * h * w).map(length).fold(0.0, f32::max)
    }
}

/// Attacks that draw nothing, or start at the clean image, agree with the references image for image: within 1e-5 of a
/// pixel, where the references' own float32 and float64 agree within 2e-6.
fn check_image_for_image(device: &Device) {
    let count = Golden::load("attacks", 0.0).setting("images");
    let mut case = Case::on(device, count);
    let golden = &case.golden;
    let (linf, l2): (f64, f64) = (golden.setting("epsilon"), golden.setting("epsilon_l2"));
    let (apgd, fab) = (golden.setting("apgd_steps"), golden.setting("fab_steps"));
    let plans = [
        (AttackKind::MiFgsm, linf, golden.setting("mi_steps")),
        (AttackKind::DeepFool, 1.0, 50),
        (AttackKind::DeepFoolL2, 1000.0, 50),
        (AttackKind::CarliniWagner, 1000.0, golden.setting("cw_steps")),
        (AttackKind::ApgdCe, linf, apgd),
        (AttackKind::ApgdCeL2, l2, apgd),
        (AttackKind::ApgdDlr, linf, apgd),
        (AttackKind::ApgdDlrL2, l2, apgd),
        (AttackKind::ApgdT, linf, apgd),
        (AttackKind::ApgdTL2, l2, apgd),
        (AttackKind::FabT, 3.0 * linf, fab),
        (AttackKind::FabTL2, 3.0 * l2, fab),
    ];
    for (attack, epsilon, steps) in plans {
        let adversarial = case.attack_from(threat(attack, epsilon, steps), Start::Clean, 1);
        case.golden.compare(&format!("attack.{attack}"), adversarial);
    }
    case.golden.finish();
}

#[test]
fn deterministic_attacks_agree_image_for_image() {
    check_image_for_image(&Device::flex());
}

#[test]
fn deterministic_attacks_agree_image_for_image_on_the_gpu() {
    let Some(opened) = gpu() else { return };
    check_image_for_image(&opened.device);
}

/// Attacks with random draws leave about as many images as the references, and AutoAttack to one image as many.
#[test]
fn random_attacks_are_as_strong_as_the_references() {
    let count = Golden::load("attacks", 0.0).setting("count_images");
    let case = Case::of(count);
    let counts: serde_json::Value = case.golden.setting("counts");
    let of = |name: &str, attack: AttackKind| {
        let suffix = if attack.norm() == Norm::L2 { "_l2" } else { "" };
        case.golden.setting::<f64>(&format!("{name}{suffix}"))
    };
    let apgd: usize = case.golden.setting("apgd_count_steps");
    let plans = [
        (AttackKind::ApgdCe, apgd, LUCK),
        (AttackKind::ApgdCeL2, apgd, LUCK),
        (AttackKind::ApgdDlr, apgd, LUCK),
        (AttackKind::ApgdDlrL2, apgd, LUCK),
        (AttackKind::ApgdT, apgd, 1),
        (AttackKind::ApgdTL2, apgd, 1),
        (AttackKind::FabT, case.golden.setting("fab_count_steps"), 0),
        (AttackKind::FabTL2, case.golden.setting("fab_count_steps"), 0),
        (AttackKind::Square, case.golden.setting("square_queries"), LUCK),
        (AttackKind::SquareL2, case.golden.setting("square_queries"), LUCK),
    ];
    for (attack, steps, luck) in plans {
        let is_square = matches!(attack, AttackKind::Square | AttackKind::SquareL2);
        let epsilon = of(if is_square { "square_epsilon" } else { "count_epsilon" }, attack);
        // All images share the windows that Square draws, so that one seed is lucky for all of them or for none.
        let seeds = if is_square { 1..=5 } else { 1..=1 };
        let threat = threat(attack, epsilon, steps);
        let mut left: Vec<usize> =
            seeds.map(|seed| case.robust(&case.attack_from(threat, Start::Own, seed))).collect();
        println!("{attack}: {left:?}");
        left.sort_unstable();
        let robust = left[left.len() / 2];
        let reference = counts[attack.name()].as_u64().unwrap() as usize;
        println!("{attack}: {robust}, reference {reference}");
        assert!(robust.abs_diff(reference) <= luck, "{attack}: {robust} left, reference {reference}");
    }
}

#[test]
fn autoattack_leaves_as_many_as_the_reference_and_ever_fewer() {
    let case = Case::of(Golden::load("attacks", 0.0).setting("count_images"));
    let counts: serde_json::Value = case.golden.setting("counts");
    let goal = Goal::AwayFrom(case.labels.clone());
    for (attack, epsilon) in
        [(AttackKind::AutoAttack, "count_epsilon"), (AttackKind::AutoAttackL2, "count_epsilon_l2")]
    {
        let threat = threat(attack, case.golden.setting(epsilon), 1);
        let assault = Assault {
            victim: case.victim(),
            surrogate: None,
            clean: &case.images,
            goal: &goal,
            threat,
            start: Start::Own,
        };
        let left = wait(assault.autoattack_survivors(&mut StdRng::seed_from_u64(1))).unwrap();
        println!("{attack}: {left:?}");
        assert_eq!(left.len(), 5);
        assert_eq!(left[0], case.images.dims()[0], "all are correct before");
        assert!(left.is_sorted_by(|more, fewer| more >= fewer), "{attack}: {left:?}");
        let reference = counts[attack.name()].as_u64().unwrap() as usize;
        assert!(left[4].abs_diff(reference) <= 1, "{attack}: {left:?}, reference {reference}");
    }
}

#[test]
fn every_attack_stays_in_its_ball_and_in_the_picture() {
    let case = Case::of(7);
    for &attack in AttackKind::ALL {
        if matches!(attack, AttackKind::AutoAttack | AttackKind::AutoAttackL2) || !attack.row().suits(false) {
            // Its parts are checked one by one, and its own iterations are many; or it is of worlds alone: see `worlds`.
            continue;
        }
        let epsilon = match attack {
            // Without a gradient twenty steps do little in a small ball.
            AttackKind::Square => 0.3,
            AttackKind::SquareL2 => 3.0,
            _ if attack.norm() == Norm::L2 => 0.8,
            _ => 0.07,
        };
        let adversarial = case.attack(short(attack, epsilon));
        let farthest = case.farthest(&adversarial, attack.norm());
        assert!(farthest <= epsilon as f32 + ROUNDING, "{attack}: {farthest}");
        assert!(farthest > 0.0, "{attack} does something");
        let pixels = entries(adversarial);
        assert!(pixels.iter().all(|pixel| (0.0..=1.0).contains(pixel)), "{attack}");
        let nothing = case.attack(short(attack, 0.0));
        assert_eq!(entries(nothing), entries(case.images.clone()), "{attack} at ε = 0");
    }
}

#[test]
fn iterative_attacks_are_never_weaker_than_one_step() {
    let case = Case::of(48);
    let epsilon: f64 = case.golden.setting("count_epsilon");
    let one_step = case.robust(&case.attack(threat(AttackKind::Fgsm, epsilon, 1)));
    assert!((5..45).contains(&one_step), "a comparison needs room on both sides: {one_step}");
    for (attack, steps) in [
        (AttackKind::Ifgsm, 10),
        (AttackKind::Pgd, 10),
        (AttackKind::MiFgsm, 10),
        (AttackKind::ApgdCe, 20),
        (AttackKind::ApgdT, 20),
        (AttackKind::FabT, 20),
    ] {
        let robust = case.robust(&case.attack(threat(attack, epsilon, steps)));
        assert!(robust <= one_step, "{attack}: {robust} left, FGSM leaves {one_step}");
    }
}

#[test]
fn restarts_never_weaken_and_a_seed_means_the_same_twice() {
    let case = Case::of(24);
    for attack in [AttackKind::Pgd, AttackKind::ApgdCe, AttackKind::FabTL2, AttackKind::Square] {
        let epsilon = if attack.norm() == Norm::L2 { 0.5 } else { 0.045 };
        let once = threat(attack, epsilon, 5);
        let images = case.attack(once);
        assert_eq!(entries(images.clone()), entries(case.attack(once)), "{attack}");
        let robust = case.robust(&case.attack(Threat { restarts: 3, ..once }));
        assert!(robust <= case.robust(&images), "{attack}");
    }
}

#[test]
fn aimed_attacks_reach_their_targets() {
    let case = Case::of(6);
    let k = case.network.interface.classes;
    let targets = Tensor::cat(
        vec![case.labels.clone().narrow(1, k - 1, 1), case.labels.clone().narrow(1, 0, k - 1)],
        1,
    );
    let goal = Goal::Towards { targets: targets.clone(), labels: case.labels.clone() };
    for (attack, epsilon, steps) in [
        (AttackKind::MiFgsm, 0.3, 20),
        (AttackKind::MiFgsmL2, 4.0, 20),
        (AttackKind::CarliniWagner, 100.0, 60),
        (AttackKind::ApgdCe, 0.3, 20),
        (AttackKind::ApgdCeL2, 4.0, 20),
    ] {
        let threat = Threat { target: TargetKind::Random, ..threat(attack, epsilon, steps) };
        let assault = Assault {
            victim: case.victim(),
            surrogate: None,
            clean: &case.images,
            goal: &goal,
            threat,
            start: Start::Own,
        };
        let adversarial = wait(assault.examples(&mut StdRng::seed_from_u64(1), &Pace::default())).unwrap();
        let logits = case.network.logits(&case.weights, adversarial);
        let reached = entries(hits(logits, targets.clone()).each).into_iter().sum::<f32>();
        assert_eq!(reached, 6.0, "{attack}");
    }
    let threat = threat(AttackKind::DeepFool, 0.1, 5);
    let assault = Assault {
        victim: case.victim(),
        surrogate: None,
        clean: &case.images,
        goal: &goal,
        threat,
        start: Start::Own,
    };
    let refused = wait(assault.examples(&mut StdRng::seed_from_u64(1), &Pace::default()));
    assert!(refused.unwrap_err().contains("cannot aim"));
}

#[test]
fn a_transfer_attack_is_pgd_on_the_surrogate() {
    let case = Case::of(9);
    let on_itself = case.attack(threat(AttackKind::Transfer, 0.06, 7));
    assert_eq!(entries(on_itself.clone()), entries(case.attack(threat(AttackKind::Pgd, 0.06, 7))));
    let stranger = Weights::from_values(first_values(&case.network.specs, 3), &Device::flex());
    let surrogate = Some(Victim::new(&case.network, &stranger));
    let goal = Goal::AwayFrom(case.labels.clone());
    let threat = threat(AttackKind::Transfer, 0.06, 7);
    let (victim, clean, start) = (case.victim(), &case.images, Start::Own);
    let assault = Assault { victim, surrogate, clean, goal: &goal, threat, start };
    let examples =
        |assault: Assault<'_>| wait(assault.examples(&mut StdRng::seed_from_u64(1), &Pace::default()));
    let transferred = examples(assault).unwrap();
    assert!(case.robust(&transferred) >= case.robust(&on_itself));
    assert!(examples(Assault { surrogate: None, ..assault }).unwrap_err().contains("surrogate"));
}

#[test]
fn a_network_that_draws_is_attacked_in_expectation() {
    let mut case = Case::of(6);
    // Where nothing is drawn, the mean over draws is each of them.
    for attack in [AttackKind::Pgd, AttackKind::ApgdCe] {
        let (threat, goal) = (threat(attack, 0.05, 5), Goal::AwayFrom(case.labels.clone()));
        let examples = |draws: usize| {
            let victim = case.victim().with_draws(draws);
            let (clean, start) = (&case.images, Start::Clean);
            let assault = Assault { victim, surrogate: None, clean, goal: &goal, threat, start };
            entries(wait(assault.examples(&mut StdRng::seed_from_u64(1), &Pace::default())).unwrap())
        };
        assert_eq!(examples(1), examples(2), "{attack}: half of twice the same");
    }
    let setup = Setup { input_transform: InputTransform::Noise, transform_noise: 0.4, ..Setup::default() };
    assert_eq!((setup.eot(), Setup::default().eot()), (20, 1));
    case.network = case.network.behind_input_of(&setup);
    let gradient = || case.network.input_gradient(&case.weights, case.images.clone(), case.labels.clone()).0;
    let expected = (1..300).fold(gradient(), |sum, _| sum + gradient());
    let expected = entries(expected);
    let goal = Goal::AwayFrom(case.labels.clone());
    let agreement = |draws: usize| {
        let victim = case.victim().with_draws(draws);
        let random = &mut StdRng::seed_from_u64(1);
        let adversarial = victim.perturb(&case.images, &goal, &Recipe::fgsm(0.01), random);
        let moved = entries(adversarial - case.images.clone());
        // What the border of the pixels' range held back says nothing.
        let moved = moved.iter().zip(&expected).filter(|(moved, _)| **moved != 0.0);
        let (alike, all) = moved.fold((0, 0), |(alike, all), (moved, expected)| {
            (alike + usize::from((*moved > 0.0) == (*expected > 0.0)), all + 1)
        });
        alike as f64 / f64::from(all)
    };
    let (one, many) = (agreement(1), agreement(40));
    println!("signs as those of the expected gradient: {one} of one draw, {many} of 40");
    assert!(many > one + 0.1 && many > 0.8, "{one} of one draw, {many} of 40");
}

/// The images of a case as a data set on a device.
pub fn held_out(case: &Case, device: &Device) -> DeviceImages {
    let bytes: Vec<u8> =
        entries(case.images.clone()).into_iter().map(|pixel| (pixel * 255.0).round() as u8).collect();
    let k = case.network.interface.classes;
    let labels: Vec<u8> = entries(case.labels.clone())
        .chunks(k)
        .map(|row| row.iter().position(|flag| *flag > 0.5).unwrap() as u8)
        .collect();
    DeviceImages::upload(&bytes, &labels, case.network.interface.image, k, device)
}

/// All of an evaluation, how often it paused, and whether its progress ever fell.
fn evaluate(case: &Case, threats: &[Threat]) -> (Counts, usize) {
    let (held_out, k) = (held_out(case, &Device::flex()), case.network.interface.classes);
    let indices: Vec<u32> = (0..held_out.len() as u32).collect();
    let mut evaluation = Evaluation::new(&case.weights, threats.to_vec(), &indices, k, 1);
    let (mut pauses, mut progress) = (0, 0.0);
    loop {
        match wait(evaluation.advance(&case.network, &held_out)).unwrap() {
            Turn::Complete => break,
            Turn::Paused => pauses += 1,
            Turn::Attacked(attacked) => assert_eq!(attacked.indices, indices),
        }
        assert!(evaluation.progress() >= progress, "progress fell to {}", evaluation.progress());
        progress = evaluation.progress();
    }
    assert_eq!(progress, 1.0);
    (wait(evaluation.read()).unwrap(), pauses)
}

#[test]
fn an_evaluation_pauses_in_long_attacks_and_counts_the_same() {
    let case = Case::of(8);
    let threats = [
        threat(AttackKind::ApgdT, 0.06, 30),
        threat(AttackKind::Fgsm, 0.06, 1),
        threat(AttackKind::Noise, 0.06, 1),
        threat(AttackKind::Square, 0.1, 90),
    ];
    let (counts, pauses) = evaluate(&case, &threats);
    assert!(pauses >= 4, "{pauses}");
    assert_eq!((counts.total, counts.clean, counts.threats.len()), (8, 8, 4));
    let alone: Vec<u32> =
        threats.iter().map(|threat| evaluate(&case, &[*threat]).0.threats[0].robust).collect();
    assert_eq!(alone[1], counts.threats[1].robust, "FGSM draws nothing");
    assert!(counts.threats[0].robust <= counts.threats[1].robust);
    assert!(counts.threats[1].robust <= counts.threats[2].robust);
    for (image, right) in counts.images.iter().enumerate() {
        assert_eq!(right.len(), 5, "image {image}");
    }
    let column = |index: usize| counts.images.iter().filter(|right| right[index]).count() as u32;
    assert_eq!(column(0), counts.clean);
    for (index, tally) in counts.threats.iter().enumerate() {
        assert_eq!(column(index + 1), tally.robust, "threat {index}");
    }
    let worst = worst_cases(&threats, &counts);
    let [near, far] = worst[0].points.as_slice() else { panic!("two radii") };
    assert!(near.robust.hits <= (1..4).map(column).min().unwrap(), "{near:?}");
    assert!(far.robust.hits <= near.robust.hits.min(column(4)), "{far:?}");
    let (nothing, _) = evaluate(&case, &[]);
    assert_eq!((nothing.total, nothing.clean), (8, 8), "the clean ones count without any threat");
}

/// What an evaluation in batches of so many makes of each image, and what it counts.
fn in_batches(case: &Case, threats: &[Threat], size: Option<usize>, device: &Device) -> (Counts, Vec<f32>) {
    let (held_out, k) = (held_out(case, device), case.network.interface.classes);
    let indices: Vec<u32> = (0..held_out.len() as u32).collect();
    let evaluation = Evaluation::new(&case.weights, threats.to_vec(), &indices, k, 1);
    let mut evaluation = match size {
        Some(size) => evaluation.with_batch_size(size),
        None => evaluation,
    };
    let mut images = vec![Vec::new(); threats.len()];
    loop {
        match wait(evaluation.advance(&case.network, &held_out)).unwrap() {
            Turn::Complete => break,
            Turn::Paused => {}
            Turn::Attacked(attacked) => images[attacked.threat].extend(entries(attacked.adversarial)),
        }
    }
    assert!(evaluation.is_complete());
    (wait(evaluation.read()).unwrap(), images.concat())
}

#[test]
fn the_size_of_batches_changes_nothing() {
    let (random, restarts) = (TargetKind::Random, 2);
    let threats = [
        threat(AttackKind::Noise, 0.06, 1),
        Threat { restarts, ..threat(AttackKind::Pgd, 0.06, 4) },
        Threat { target: random, ..threat(AttackKind::PgdL2, 0.6, 3) },
        Threat { restarts, ..threat(AttackKind::ApgdCe, 0.03, 6) },
        threat(AttackKind::FabT, 0.06, 3),
        Threat { restarts, ..threat(AttackKind::Square, 0.1, 110) },
        threat(AttackKind::SquareL2, 1.0, 20),
        threat(AttackKind::DeepFool, 0.06, 5),
    ];
    let device = Device::flex();
    let case = Case::of(20);
    let whole = in_batches(&case, &threats, Some(20), &device);
    for size in [Some(1), Some(7), None] {
        let parts = in_batches(&case, &threats, size, &device);
        assert_eq!(parts.0.threats, whole.0.threats, "{size:?}");
        assert!(parts.0.images == whole.0.images, "{size:?}");
        assert!(parts.1 == whole.1, "{size:?}: some pixel differs");
    }
}

#[test]
fn the_size_of_batches_changes_nothing_on_the_gpu() {
    let Some(opened) = gpu() else { return };
    let device = opened.device;
    let case = Case::on(&device, 9);
    let threats = [threat(AttackKind::Pgd, 0.06, 3), threat(AttackKind::Square, 0.1, 6)];
    let whole = in_batches(&case, &threats, Some(9), &device);
    let parts = in_batches(&case, &threats, Some(4), &device);
    assert!(parts.0.images == whole.0.images && parts.1 == whole.1, "some pixel differs");
    let found = in_batches(&case, &threats, None, &device);
    assert!(found.1 == whole.1, "in batches of what was found fastest");
}

/// All of an evaluation in batches of four that begins with what is `known`, and what it found of the rest.
fn gone_on(case: &Case, threats: &[Threat], known: &[Outcome]) -> Result<(Counts, Vec<Outcome>), String> {
    let (held_out, k) = (held_out(case, &Device::flex()), case.network.interface.classes);
    let indices: Vec<u32> = (0..held_out.len() as u32).rev().collect();
    let evaluation = Evaluation::new(&case.weights, threats.to_vec(), &indices, k, 1);
    let mut evaluation = evaluation.going_on(known.to_vec(), 4);
    let mut found = Vec::new();
    loop {
        match wait(evaluation.advance(&case.network, &held_out))? {
            Turn::Complete => break,
            Turn::Paused => {}
            Turn::Attacked(attacked) => found.push(wait(attacked.outcome())?),
        }
    }
    Ok((wait(evaluation.read())?, found))
}

#[test]
fn an_evaluation_that_is_gone_on_with_counts_as_one_that_never_stopped() {
    let (random, restarts) = (TargetKind::Random, 2);
    let threats = [
        Threat { restarts, ..threat(AttackKind::Pgd, 0.06, 4) },
        Threat { target: random, ..threat(AttackKind::PgdL2, 0.6, 3) },
        threat(AttackKind::Square, 0.1, 30),
        threat(AttackKind::DeepFool, 0.06, 5),
    ];
    // Two batches of four images and one of two.
    let case = Case::of(10);
    let (whole, outcomes) = gone_on(&case, &threats, &[]).unwrap();
    assert_eq!(outcomes.len(), 3 * threats.len());
    let fooled = outcomes.iter().flat_map(|outcome| &outcome.fooled).filter(|flag| **flag).count();
    assert_eq!(fooled as u32, whole.threats[1].fooled, "only one aims");
    for cut in 0..=outcomes.len() {
        let (counts, found) = gone_on(&case, &threats, &outcomes[..cut]).unwrap();
        assert!(counts == whole, "cut after {cut}: {counts:?}");
        assert!(found == outcomes[cut..], "cut after {cut}: the rest is attacked, and nothing else");
    }
    let problem = gone_on(&case, &threats, &outcomes[11..]).unwrap_err();
    assert!(problem.contains("other batches"), "{problem}");
}
