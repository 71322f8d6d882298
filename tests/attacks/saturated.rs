//! Where `f32` rounds the cross-entropy's gradient away, attacks along its exact direction, on the margin and on scaled
//! logits make what PyTorch makes of the same network in `f64`: see `oracle/README.md` for the golden file.

use burn::tensor::{Device, Tensor, TensorData};
use great_lab::{
    attack::{Assault, Goal, Pace, Start, Victim},
    config::{AttackKind, Norm, TargetKind, Threat},
    gpu::{Slope, logit_slope},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::adapter::gpu;
use crate::attacks::{Case, entries, wait};
use crate::golden::Golden;

/// The golden network with its logits multiplied, and the golden images of which `f32` is too sure.
fn saturated(golden: &Golden, device: &Device) -> Case {
    let rows: Vec<i32> = golden.setting("rows");
    let mut case = Case::on(device, Golden::load("attacks", 0.0).setting("count_images"));
    let count = rows.len();
    let rows = Tensor::from_data(TensorData::new(rows, [count]), device);
    (case.images, case.labels) =
        (case.images.clone().select(0, rows.clone()), case.labels.clone().select(0, rows));
    let head = case.weights.0.len() - 2;
    for weight in &mut case.weights.0[head..] {
        *weight = weight.clone() * golden.setting::<f64>("factor");
    }
    case
}

/// The class after each label.
fn targets(case: &Case) -> Tensor<2> {
    let (labels, k) = (&case.labels, case.network.interface.classes);
    Tensor::cat(vec![labels.clone().narrow(1, k - 1, 1), labels.clone().narrow(1, 0, k - 1)], 1)
}

/// `∇x` along a slope, each image's divided by its largest entry, or left where that is 0.
fn gradient(case: &Case, classes: &Tensor<2>, slope: Slope) -> Tensor<4> {
    let (logits, tapes) = case.network.forward(&case.weights, case.images.clone());
    let gradient = case.network.input_vjp(tapes, logit_slope(logits, classes.clone(), slope));
    let [n, c, h, w] = gradient.dims();
    let largest: Tensor<2> = gradient.clone().abs().reshape([n, c * h * w]).max_dim(1);
    gradient / largest.clamp_min(1e-30).reshape([n, 1, 1, 1])
}

fn check(device: &Device, tolerance: f32) {
    let mut golden = Golden::load("saturated", tolerance);
    let case = saturated(&golden, device);
    let targets = targets(&case);
    for (name, slope) in [("exact", Slope::Exact), ("margin", Slope::Margin), ("scaled", Slope::Scaled)] {
        golden.compare(&format!("gradient.{name}"), gradient(&case, &case.labels, slope));
        golden.compare(&format!("gradient.{name}-targeted"), gradient(&case, &targets, slope));
    }
    let away = Goal::AwayFrom(case.labels.clone());
    let towards = Goal::Towards { targets, labels: case.labels.clone() };
    let steps = golden.setting("steps");
    use AttackKind::{FgsmExact, IfgsmExact, PgdExact, PgdExactL2, PgdMargin, PgdMarginL2, PgdScaled};
    for attack in [FgsmExact, IfgsmExact, PgdExact, PgdMargin, PgdScaled, PgdExactL2, PgdMarginL2] {
        let radius = if attack.norm() == Norm::L2 { "epsilon_l2" } else { "epsilon" };
        let epsilon = golden.setting(radius);
        for (suffix, goal, target) in
            [("", &away, TargetKind::Untargeted), ("-targeted", &towards, TargetKind::Random)]
        {
            let name = format!("attack.{attack}{suffix}");
            if !golden.has(&name) {
                continue;
            }
            let threat = Threat { attack, target, epsilon, steps, restarts: 1 };
            let victim = Victim::new(&case.network, &case.weights);
            let assault =
                Assault { victim, surrogate: None, clean: &case.images, goal, threat, start: Start::Clean };
            let random = &mut StdRng::seed_from_u64(1);
            golden.compare(&name, wait(assault.examples(random, &Pace::default())).unwrap());
        }
    }
    golden.finish();
}

#[test]
fn exact_attacks_agree_with_f64_where_f32_is_blind() {
    check(&Device::flex(), 1e-4);
}

#[test]
fn exact_attacks_agree_with_f64_on_the_gpu() {
    let Some(opened) = gpu() else { return };
    check(&opened.device, 1e-3);
}

#[test]
fn the_plain_cross_entropy_fails_on_the_same_images() {
    let golden = Golden::load("saturated", 0.0);
    let case = saturated(&golden, &Device::flex());
    let plain = entries(gradient(&case, &case.labels, Slope::CrossEntropy));
    let exact = golden.entries("gradient.exact");
    let each = plain.len() / case.images.dims()[0];
    let mut vanished = 0;
    for (image, (plain, exact)) in plain.chunks(each).zip(exact.chunks(each)).enumerate() {
        let apart = plain.iter().zip(exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart > 0.1, "image {image}: {apart}");
        vanished += usize::from(plain.iter().all(|entry| *entry == 0.0));
    }
    assert_eq!(vanished, golden.setting::<usize>("vanished"), "gradients of exactly zero");
}
