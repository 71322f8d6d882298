//! Luck decides nothing: what an attack finds depends on the seed, the attack and the image alone, more starts never help the
//! network, and a network that draws noise is judged by the mean over its draws.

use burn::tensor::Device;
use great_lab::{
    attack::{Assault, Evaluation, Goal, Pace, Start, evaluation::Counts, evaluation::Turn},
    config::{ATTACKS, AttackKind, InputTransform, Setup, TargetKind, Threat, VERDICT_DRAWS},
    gpu::hits,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::attacks::{Case, entries, held_out, wait};

/// The case's network behind noise of that deviation.
fn noisy(count: usize, deviation: f64) -> Case {
    let mut case = Case::of(count);
    let setup =
        Setup { input_transform: InputTransform::Noise, transform_noise: deviation, ..Setup::default() };
    case.network = case.network.behind_input_of(&setup);
    case
}

fn threat(attack: AttackKind, epsilon: f64, steps: usize) -> Threat {
    let steps = attack.own_steps().map_or(steps, |own| own.min(2 * steps));
    Threat { attack, target: TargetKind::Untargeted, epsilon, steps, restarts: 1 }
}

/// All of an evaluation, some images at once.
fn evaluate(case: &Case, threats: &[Threat], at_once: usize, draws: usize) -> Counts {
    let held_out = held_out(case, &Device::flex());
    let indices: Vec<u32> = (0..held_out.len() as u32).collect();
    let classes = case.network.interface.classes;
    let mut evaluation = Evaluation::new(&case.weights, threats.to_vec(), &indices, classes, 1)
        .with_draws(draws)
        .with_batch_size(at_once)
        .with_surrogate(case.network.clone(), &case.weights);
    while !matches!(wait(evaluation.advance(&case.network, &held_out)).unwrap(), Turn::Complete) {}
    wait(evaluation.read()).unwrap()
}

/// What was found under the threat at that place in the list.
fn found(counts: &Counts, threat: usize) -> (Vec<bool>, Vec<u8>, Vec<u32>) {
    let right = counts.images.iter().map(|right| right[1 + threat]).collect();
    let said = counts.said.iter().map(|said| said[threat]).collect();
    (right, said, counts.distances.iter().map(|moved| moved[threat].to_bits()).collect())
}

#[test]
fn an_attack_finds_the_same_in_every_list_and_batch() {
    let of = |case: &Case, draws: usize, attacks: &[AttackKind]| {
        let threats: Vec<Threat> = attacks.iter().map(|attack| threat(*attack, 0.06, 3)).collect();
        let all = evaluate(case, &threats, 6, draws);
        let backwards: Vec<Threat> = threats.iter().rev().copied().collect();
        let reversed = evaluate(case, &backwards, 6, draws);
        let in_parts = evaluate(case, &threats, 4, draws);
        for (place, attack) in attacks.iter().enumerate() {
            let alone = found(&evaluate(case, &threats[place..=place], 6, draws), 0);
            assert_eq!(found(&all, place), alone, "{attack} after others");
            assert_eq!(found(&reversed, threats.len() - 1 - place), alone, "{attack} before others");
            assert_eq!(found(&in_parts, place), alone, "{attack} in batches of 4");
        }
    };
    let quick = |attack: &AttackKind| ![AttackKind::AutoAttack, AttackKind::AutoAttackL2].contains(attack);
    let of_pictures = ATTACKS.iter().filter(|row| row.suits(false)).map(|row| row.kind);
    let all: Vec<AttackKind> = of_pictures.filter(quick).collect();
    of(&Case::of(6), 1, &all);
    // One of each way to search: a network that draws noise takes many passes for each.
    use AttackKind::{ApgdCe, DeepFoolL2, FabT, Noise, Pgd, Square};
    of(&noisy(6, 0.1), 2, &[Noise, Pgd, DeepFoolL2, ApgdCe, FabT, Square]);
}

#[test]
fn more_starts_never_help_the_network() {
    let case = Case::of(24);
    let held_out = held_out(&case, &Device::flex());
    let indices: Vec<u32> = (0..held_out.len() as u32).collect();
    let mut fell_with_five_alone = 0;
    for row in ATTACKS.iter().filter(|row| row.draws && !row.needs_surrogate) {
        if [AttackKind::AutoAttack, AttackKind::AutoAttackL2].contains(&row.kind) {
            continue;
        }
        let targets = if row.aims { TargetKind::ALL } else { &[TargetKind::Untargeted] };
        for target in targets {
            let right = |restarts: usize| {
                // Weak enough that starts differ.
                let threat = Threat { target: *target, restarts, ..threat(row.kind, 0.04, 2) };
                let classes = case.network.interface.classes;
                let mut evaluation = Evaluation::new(&case.weights, vec![threat], &indices, classes, 3);
                while !matches!(wait(evaluation.advance(&case.network, &held_out)).unwrap(), Turn::Complete) {
                }
                found(&wait(evaluation.read()).unwrap(), 0).0
            };
            let (one, five) = (right(1), right(5));
            for (image, (one, five)) in one.iter().zip(&five).enumerate() {
                assert!(
                    *one || !*five,
                    "{} {target}: image {image} fell to one start, not to five",
                    row.kind
                );
                fell_with_five_alone += usize::from(*one && !*five);
            }
        }
    }
    assert!(fell_with_five_alone > 0, "starts that change nothing show nothing");
}

#[test]
fn of_two_misses_the_wrong_class_is_kept() {
    let case = Case::of(48);
    let classes = case.network.interface.classes;
    let targets = burn::tensor::Tensor::cat(
        vec![case.labels.clone().narrow(1, classes - 1, 1), case.labels.clone().narrow(1, 0, classes - 1)],
        1,
    );
    let goal = Goal::Towards { targets, labels: case.labels.clone() };
    let right = |restarts: usize, seed: u64| {
        // A step too weak for most targets: what it reaches instead is up to the start.
        let threat = Threat { target: TargetKind::Random, restarts, ..threat(AttackKind::Pgd, 0.03, 1) };
        let (victim, clean, start) = (case.victim(), &case.images, Start::Own);
        let assault = Assault { victim, surrogate: None, clean, goal: &goal, threat, start };
        let images = wait(assault.examples(&mut StdRng::seed_from_u64(seed), &Pace::default())).unwrap();
        let logits = case.network.logits(&case.weights, images);
        entries(hits(logits, case.labels.clone()).each)
    };
    let mut added = 0;
    for seed in 0..5 {
        let by_starts: Vec<Vec<f32>> = (1..=8).map(|restarts| right(restarts, seed)).collect();
        for (starts, pair) in (1..).zip(by_starts.windows(2)) {
            for (image, (fewer, more)) in pair[0].iter().zip(&pair[1]).enumerate() {
                assert!(more <= fewer, "seed {seed}: image {image} fell to {starts} starts, not to one more");
                added += usize::from(more < fewer);
            }
        }
    }
    assert!(added > 0, "starts that change nothing show nothing");
}

#[test]
fn the_least_likely_class_is_a_wrong_one() {
    let case = Case::of(6);
    // Logits that put the label last.
    let logits = case.labels.clone() * -5.0;
    let goal =
        great_lab::attack::goal(TargetKind::LeastLikely, case.labels.clone(), case.labels.clone(), logits);
    let Goal::Towards { targets, .. } = goal else { panic!("it has a target") };
    assert_eq!(entries((targets * case.labels.clone()).sum()), [0.0]);
}

#[test]
fn what_a_noisy_network_says_is_the_mean_over_draws_and_always_the_same() {
    let case = noisy(24, 0.3);
    let expected = || entries(case.network.expected_logits(&case.weights, &case.images, VERDICT_DRAWS));
    let first = expected();
    let once = || entries(case.network.logits(&case.weights, case.images.clone()));
    assert_ne!(once(), once(), "each pass draws anew");
    assert_eq!(first, expected(), "passes between change nothing");
    // As near to the mean over many independent draws as the mean over 32 of them may be.
    let passes: Vec<Vec<f32>> = (0..200).map(|_| once()).collect();
    let spread = |of: &dyn Fn(usize) -> f64| {
        let squares: f64 = (0..first.len()).map(|entry| of(entry).powi(2)).sum();
        (squares / first.len() as f64).sqrt()
    };
    let mean =
        |entry: usize| passes.iter().map(|pass| f64::from(pass[entry])).sum::<f64>() / passes.len() as f64;
    let of_one = spread(&|entry| f64::from(passes[0][entry]) - mean(entry));
    let of_32 = spread(&|entry| f64::from(first[entry]) - mean(entry));
    println!("deviation from the mean of 200 draws: one draw {of_one}, the verdict {of_32}");
    assert!(of_32 < 0.4 * of_one, "{of_32} against {of_one}: 1/√32 is 0.18");
    // Alone as in the batch.
    let last = case.images.clone().narrow(0, 23, 1);
    let alone = entries(case.network.expected_logits(&case.weights, &last, VERDICT_DRAWS));
    assert_eq!(alone, first[first.len() - alone.len()..]);
}

/// On a network that draws noise, every attack of AutoAttack with a gradient is as strong as PGD, but for chance.
#[test]
fn no_gradient_attack_is_blinded_by_noise() {
    use AttackKind::{ApgdCe, ApgdDlr, ApgdT, Pgd};
    let case = noisy(48, 0.3);
    let threats = [Pgd, ApgdCe, ApgdDlr, ApgdT].map(|attack| Threat { steps: 8, ..threat(attack, 0.06, 8) });
    let counts = evaluate(&case, &threats, 48, 12);
    let robust: Vec<u32> = counts.threats.iter().map(|tally| tally.robust).collect();
    println!("of {} right without attack: {robust:?} under PGD, APGD-CE, APGD-DLR, APGD-T", counts.clean);
    assert!(robust[0] + 8 <= counts.clean, "PGD does too little to compare with: {robust:?}");
    // Two standard errors of a count of 48.
    assert!(robust.iter().all(|left| *left <= robust[0] + 5), "{robust:?}");
}
