//! The steps of the distillation scenario on golden weights and images.

use burn::tensor::{Device, Tensor};
use great_lab::{
    config::{
        Architecture, DistillationMethod, Hyper, NetworkKind, OptimizerKind, Players, ScenarioKind, Setup,
    },
    nn::{Network, Optimizer, Weights, network::Statistics},
    scenario::{Distillation, PendingMeasures, Player, Scenario, State},
};

use super::checks::{dataset, interface, statistics};
use super::golden::Golden;

/// Holds a step of the auxiliary network and one of the student, by every method, against PyTorch's gradients.
pub fn check_distillation(device: &Device, tolerance: f32) {
    let mut golden = Golden::load("distillation", tolerance);
    for method in DistillationMethod::ALL {
        check_method(&mut golden, *method, device);
    }
    golden.finish();
}

fn check_method(golden: &mut Golden, method: DistillationMethod, device: &Device) {
    let setup = Setup {
        scenario: ScenarioKind::Distillation,
        method,
        network: golden.setting("network"),
        width: golden.setting("width"),
        activation: golden.setting("activation"),
        auxiliary_width: golden.setting("auxiliary_width"),
        optimizer: OptimizerKind::Sgd,
        batch_size: golden.setting("batch"),
        steps: 1,
        ..Setup::default()
    };
    let rates: [f64; 2] = [golden.setting("sgd_rate"), golden.setting("auxiliary_sgd_rate")];
    let hyper = Hyper {
        alpha: golden.setting("alpha"),
        ramp: 0.0,
        learning_rate: rates[0],
        auxiliary_learning_rate: rates[1],
        momentum: 0.0,
        temperature: golden.setting("temperature"),
        cross_entropy_weight: golden.setting("cross_entropy_weight"),
        soft_target_weight: golden.setting("soft_target_weight"),
        jacobian_matching_weight: golden.setting("jacobian_matching_weight"),
        ..Hyper::default()
    };
    let statistics = statistics(golden);
    let teachers = Statistics {
        mean: golden.entries("teacher.normalize.mean").to_vec(),
        deviation: golden.entries("teacher.normalize.std").to_vec(),
    };
    let architecture = Architecture { network: NetworkKind::CnnMedium, width: 0.25, ..golden.architecture() };
    let teacher = Network::main(architecture, interface(golden), &teachers);
    let taught = golden.weight_values("teacher", &teacher);
    let data = dataset(golden, &setup);
    let mut scenario = Distillation::new(&setup, &data, &statistics, Some((teacher, taught.clone())), device);
    let begin = |player: &Player, prefix: &str| {
        Optimizer::new(OptimizerKind::Sgd, &golden.weight_values(prefix, &player.network), device)
    };
    let (main, auxiliary) = (begin(scenario.main(), "main"), begin(scenario.auxiliary(), "auxiliary"));
    scenario.restore(State::new(main, auxiliary));
    let before = [scenario.main().weights.clone(), scenario.auxiliary().weights.clone()];
    scenario.step(0, &hyper, Players::Both);
    let names = [format!("grad_student.{method}"), "grad_auxiliary".to_owned()];
    let players = [scenario.main(), scenario.auxiliary()];
    for (((name, player), before), rate) in names.iter().zip(players).zip(before).zip(rates) {
        let parts = before.0.into_iter().zip(player.weights.0.iter().cloned());
        let gradients = Weights(parts.map(|(before, after)| (before - after) / rate).collect());
        golden.compare_weights(name, &player.network, &gradients);
    }
    let teacher = scenario.teacher().expect("a distillation has one");
    let frozen: Vec<Vec<f32>> = teacher.weights.0.iter().cloned().map(entries).collect();
    assert!(frozen == taught, "the teacher changed");
    check_measures(golden, scenario.take_measures().expect("a step was taken"));
}

/// The sums of one step: what they mean, and that the counts are those of the images there are.
fn check_measures(golden: &mut Golden, measures: PendingMeasures) {
    let sums = entries(measures.sums);
    golden.compare_entries("loss", &sums[..1]);
    golden.compare_entries("auxiliary_loss", &sums[2..3]);
    golden.compare_entries("gradient_square", &sums[4..5]);
    let n = golden.setting::<usize>("batch") as f32;
    let [as_student, missed, mistaken, as_teacher] = sums[5..] else { panic!("{sums:?}") };
    assert_eq!([as_student + missed, mistaken + as_teacher, as_student + as_teacher], [n, n, sums[3]]);
}

#[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
fn entries(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}
