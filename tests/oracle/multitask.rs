//! The steps of the multi-task scenario on golden weights and images.

use burn::tensor::{Device, Tensor};
use great_lab::{
    config::{Hyper, MultitaskMethod, OptimizerKind, Players, ScenarioKind, Setup, method::Combine},
    nn::{Network, Optimizer, Weights},
    scenario::{Multitask, Player, Scenario, State, multitask::conflict_orders},
};

use super::checks::{dataset, statistics};
use super::golden::Golden;

/// In which order the tasks give way to each other in the golden step.
const ORDERS: [[usize; 3]; 4] = [[2, 3, 1], [0, 2, 3], [0, 3, 1], [2, 1, 0]];

/// Holds a step of the auxiliary network, of the alignment layers, of what weighs the tasks and of the encoders and
/// decoders, by every method, against PyTorch's.
pub fn check_multitask(device: &Device, tolerance: f32) {
    let mut golden = Golden::load("multitask", tolerance);
    assert_eq!(conflict_orders(4, 1, 0), ORDERS.map(Vec::from), "the golden file is of other orders");
    for method in MultitaskMethod::ALL {
        check_method(&mut golden, *method, 0.0, device);
    }
    golden.finish();
    // The same with reversal into the decoders.
    let mut golden = Golden::load("decoders", tolerance);
    let alpha = golden.setting("decoder_alpha");
    check_method(&mut golden, MultitaskMethod::Great, alpha, device);
    golden.finish();
}

/// Plain gradient descent.
fn hyper(golden: &Golden, decoder_alpha: f64) -> Hyper {
    Hyper {
        learning_rate: golden.setting("sgd_rate"),
        auxiliary_learning_rate: golden.setting("auxiliary_sgd_rate"),
        momentum: 0.0,
        input_noise: 0.0,
        alignment_rate: golden.setting("alignment_rate"),
        gradnorm_rate: golden.setting("gradnorm_rate"),
        decoder_alpha,
        normalization: golden.setting("normalization"),
        ..Hyper::default()
    }
}

fn check_method(golden: &mut Golden, method: MultitaskMethod, decoder_alpha: f64, device: &Device) {
    let setup = Setup {
        scenario: ScenarioKind::Multitask,
        multitask_method: method,
        network: golden.setting("network"),
        width: golden.setting("width"),
        activation: golden.setting("activation"),
        auxiliary_width: golden.setting("auxiliary_width"),
        optimizer: OptimizerKind::Sgd,
        batch_size: golden.setting("batch"),
        steps: 1,
        seed: 1,
        ..Setup::default()
    };
    let hyper = hyper(golden, decoder_alpha);
    let rates = [hyper.learning_rate, hyper.auxiliary_learning_rate];
    let data = dataset(golden, &setup);
    let mut scenario = Multitask::new(&setup, &data, None, &statistics(golden), device).unwrap();
    let begin = |player: &Player, prefix: &str| {
        Optimizer::new(OptimizerKind::Sgd, &golden.weight_values(prefix, &player.network), device)
    };
    let prefix = if method == MultitaskMethod::SingleTask { "main_single" } else { "main" };
    let (main, auxiliary) = (begin(scenario.main(), prefix), begin(scenario.auxiliary(), "auxiliary"));
    let names = scenario.tasks().iter().map(|task| format!("x_balance.alignment.{task}"));
    let names = names
        .chain(["log_variances", "task_weights", "first_losses"].map(|name| format!("x_balance.{name}")));
    let balance = Weights::from_values(names.map(|name| golden.entries(&name).to_vec()), device);
    scenario.restore(State { balance: Some(balance), ..State::new(main, auxiliary) });
    let before = [scenario.main().weights.clone(), scenario.auxiliary().weights.clone()];
    scenario.step(0, &hyper, Players::Both);

    let players = [scenario.main(), scenario.auxiliary()];
    for ((name, player), (before, rate)) in
        ["grad_main", "grad_auxiliary"].into_iter().zip(players).zip(before.into_iter().zip(rates))
    {
        let name = format!("{name}.{method}");
        if golden.has(&name) {
            compare_moved(golden, &name, &player.network, (before, &player.weights), rate);
        }
    }
    let Weights(balance) = scenario.state().balance.expect("the scenario balances tasks");
    let tasks = scenario.tasks().to_vec();
    if method == MultitaskMethod::Great {
        for (task, layer) in tasks.iter().zip(&balance) {
            golden.compare(&format!("alignment.{task}"), layer.clone());
        }
    }
    if method == MultitaskMethod::Uncertainty {
        golden.compare("log_variances", balance[tasks.len()].clone());
    }
    if method.row().combine == Combine::GradNorm {
        golden.compare(&format!("task_weights.{method}"), balance[tasks.len() + 1].clone());
    }
    check_measures(golden, method, scenario.take_measures().expect("a step was taken").sums, tasks.len());
}

/// What plain gradient descent has moved, against the gradients.
fn compare_moved(
    golden: &mut Golden,
    name: &str,
    network: &Network,
    (before, after): (Weights, &Weights),
    rate: f64,
) {
    let parts = before.0.into_iter().zip(after.0.iter().cloned());
    let gradients = Weights(parts.map(|(before, after)| (before - after) / rate).collect());
    golden.compare_weights(name, network, &gradients);
}

/// The sums of one step: total loss, auxiliary loss, and that the counts are those of the gradient tensors there are.
fn check_measures(golden: &mut Golden, method: MultitaskMethod, sums: Tensor<1>, tasks: usize) {
    #[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
    let sums: Vec<f32> = sums.into_data().try_into_vec().unwrap();
    let n = golden.setting::<usize>("batch") as f32;
    if method == MultitaskMethod::Equal {
        let total: f32 = golden.entries("losses").iter().sum();
        assert!((sums[0] - total).abs() < 1e-3 * total, "{sums:?}, expected {total}");
        let losses = golden.entries("losses").to_vec();
        golden.compare_entries("losses", &losses);
    }
    let name = format!("auxiliary_loss.{method}");
    if golden.has(&name) {
        golden.compare_entries(&name, &sums[2..3]);
    }
    let confusion = &sums[5..];
    assert_eq!(confusion.len(), tasks * tasks);
    assert!(confusion.chunks(tasks).all(|row| row.iter().sum::<f32>() == n), "{confusion:?}");
    let read: f32 = (0..tasks).map(|task| confusion[task * (tasks + 1)]).sum();
    assert_eq!(read, sums[3]);
}
