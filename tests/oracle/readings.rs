//! The steps of the scenarios by what the auxiliary network reads, and how it is judged, on golden weights and images.

use burn::tensor::{Device, Tensor};
use great_lab::{
    config::{
        Activation, Adversary, Architecture, AuxiliaryKind, AuxiliaryReads, DistillationMethod, Hyper, Mode,
        MultitaskMethod, NetworkKind, Normalization, OptimizerKind, Players, ScenarioKind, Setup,
    },
    data::{BatchOrder, Dataset, Images},
    nn::{Network, Optimizer, Weights, network::Statistics},
    scenario::{Defense, Distillation, Multitask, Player, Scenario, State},
};

use super::checks::{dataset, interface, statistics};
use super::golden::Golden;

/// What a step is tried with: its name in the golden file, and the knobs behind it.
type How = (&'static str, AuxiliaryReads, AuxiliaryKind);
const HOWS: [How; 2] = [
    ("masked", AuxiliaryReads::Masked, AuxiliaryKind::GroupNorm),
    ("per-pixel", AuxiliaryReads::Gradient, AuxiliaryKind::PerPixel),
];

/// Holds a step of both networks of each scenario against PyTorch's gradients.
pub fn check_readings(device: &Device, tolerance: f32) {
    let mut golden = Golden::load("readings", tolerance);
    for how in HOWS {
        for adversary in Adversary::ALL {
            check_defense(&mut golden, how, *adversary, device);
        }
        check_distillation(&mut golden, how, device);
    }
    check_tasks(&mut golden, device);
    golden.finish();
}

fn setup(golden: &Golden, scenario: ScenarioKind) -> Setup {
    Setup {
        scenario,
        mode: Mode::GreatGreace,
        method: DistillationMethod::Great,
        network: golden.setting("network"),
        width: golden.setting("width"),
        activation: golden.setting("activation"),
        auxiliary_width: golden.setting("auxiliary_width"),
        optimizer: OptimizerKind::Sgd,
        batch_size: golden.setting("batch"),
        steps: 1,
        ..Setup::default()
    }
}

fn hyper(golden: &Golden, reads: AuxiliaryReads) -> Hyper {
    Hyper {
        alpha: golden.setting("alpha"),
        beta: golden.setting("beta"),
        ramp: 0.0,
        auxiliary_reads: reads,
        normalization: Normalization::Constant,
        gradient_scale: golden.setting("gradient_scale"),
        learning_rate: golden.setting("sgd_rate"),
        auxiliary_learning_rate: golden.setting("auxiliary_sgd_rate"),
        momentum: 0.0,
        ..Hyper::default()
    }
}

/// Takes one step of plain gradient descent from weights named `prefixes`, and holds what both networks moved along against
/// the gradients `names`; the loss of the auxiliary network against the last of them.
fn check_step(
    golden: &mut Golden,
    scenario: &mut dyn Scenario,
    prefixes: [&str; 2],
    names: [&str; 3],
    hyper: &Hyper,
) {
    let begin = |golden: &Golden, player: &Player, prefix: &str, device: &Device| {
        Optimizer::new(OptimizerKind::Sgd, &golden.weight_values(prefix, &player.network), device)
    };
    let device = scenario.main().weights.0[0].device();
    let main = begin(golden, scenario.main(), prefixes[0], &device);
    let auxiliary = begin(golden, scenario.auxiliary(), prefixes[1], &device);
    scenario.restore(State { main, auxiliary, ..scenario.state() });
    let before = [scenario.main().weights.clone(), scenario.auxiliary().weights.clone()];
    scenario.step(0, hyper, Players::Both);
    let rates = [hyper.learning_rate, hyper.auxiliary_learning_rate];
    let players = [scenario.main(), scenario.auxiliary()];
    for (((name, player), before), rate) in names.iter().zip(players).zip(before).zip(rates) {
        // Where nothing of that name is expected, another check has it.
        if golden.has(name) {
            let parts = before.0.into_iter().zip(player.weights.0.iter().cloned());
            let gradients = Weights(parts.map(|(before, after)| (before - after) / rate).collect());
            golden.compare_weights(name, &player.network, &gradients);
        }
    }
    let sums = entries(scenario.take_measures().expect("a step was taken").sums);
    golden.compare_entries(names[2], &sums[2..3]);
    let counted: f32 = sums[5..].iter().sum();
    let tensors = golden.setting::<usize>("batch") as f32;
    assert!(counted % tensors == 0.0 && counted >= sums[3], "{} of {counted}", sums[3]);
}

fn check_defense(golden: &mut Golden, (how, reads, kind): How, adversary: Adversary, device: &Device) {
    let setup = Setup { auxiliary_network: kind, ..setup(golden, ScenarioKind::Defense) };
    let hyper = Hyper { adversary, ..hyper(golden, reads) };
    let mut scenario = Defense::new(&setup, &dataset(golden, &setup), &statistics(golden), device);
    let (main, auxiliary) = (format!("grad_main.{how}.{adversary}"), format!("grad_auxiliary.defense.{how}"));
    let names = [&*main, &auxiliary, &format!("auxiliary_loss.defense.{how}")];
    check_step(golden, &mut scenario, ["main", &format!("auxiliary.defense.{how}")], names, &hyper);
}

fn check_distillation(golden: &mut Golden, (how, reads, kind): How, device: &Device) {
    let setup = Setup { auxiliary_network: kind, ..setup(golden, ScenarioKind::Distillation) };
    let teachers = Statistics {
        mean: golden.entries("teacher.normalize.mean").to_vec(),
        deviation: golden.entries("teacher.normalize.std").to_vec(),
    };
    let architecture = Architecture { network: NetworkKind::CnnMedium, width: 0.25, ..golden.architecture() };
    let teacher = Network::main(architecture, interface(golden), &teachers);
    let taught = golden.weight_values("teacher", &teacher);
    let data = dataset(golden, &setup);
    let mut scenario = Distillation::new(&setup, &data, &statistics(golden), Some((teacher, taught)), device);
    let (student, auxiliary) = (format!("grad_student.{how}"), format!("grad_auxiliary.distillation.{how}"));
    let names = [&*student, &auxiliary, &format!("auxiliary_loss.distillation.{how}")];
    let prefixes = ["main", &format!("auxiliary.distillation.{how}")];
    check_step(golden, &mut scenario, prefixes, names, &hyper(golden, reads));
}

/// The golden batch of several tasks as a training set; it comes in one step, and in which order is of no account.
fn task_data(golden: &Golden, setup: &Setup) -> Dataset {
    let (shape, classes): ([usize; 3], usize) =
        (golden.setting("task_image_shape"), golden.setting("task_classes"));
    let length: usize = shape.iter().product();
    let mut train = Images { pixels: vec![0; setup.batch_size * length], labels: vec![0; setup.batch_size] };
    let mut order = BatchOrder::new(setup.batch_size, setup.batch_size, setup.seed);
    let images = golden.entries("x_tasks.0").chunks(length).zip(golden.classes("y_tasks.0"));
    for (index, (image, label)) in order.indices(0).iter().zip(images) {
        let index = *index as usize;
        train.labels[index] = *label as u8;
        for (byte, pixel) in train.pixels[index * length..].iter_mut().zip(image) {
            *byte = (pixel * 255.0).round() as u8;
        }
    }
    let classes = (0..classes).map(|class| class.to_string()).collect();
    Dataset { name: "golden".into(), classes, shape, test: train.clone(), train }
}

/// The auxiliary network's step and that of the alignment layers, where it says at each place whose the gradient is.
fn check_tasks(golden: &mut Golden, device: &Device) {
    let setup = Setup {
        multitask_method: MultitaskMethod::Great,
        auxiliary_network: AuxiliaryKind::PerPixel,
        auxiliary_width: 1.0,
        activation: Activation::Relu,
        ..setup(golden, ScenarioKind::Multitask)
    };
    let hyper = Hyper {
        input_noise: 0.0,
        alignment_rate: golden.setting("alignment_rate"),
        normalization: Normalization::Rms,
        ..hyper(golden, AuxiliaryReads::Gradient)
    };
    let statistics = Statistics {
        mean: golden.entries("x_tasks.mean").to_vec(),
        deviation: golden.entries("x_tasks.std").to_vec(),
    };
    let data = task_data(golden, &setup);
    let mut scenario = Multitask::new(&setup, &data, None, &statistics, device).unwrap();
    let tasks = scenario.tasks().to_vec();
    let Weights(mut balance) = scenario.state().balance.expect("the scenario balances tasks");
    for (layer, task) in balance.iter_mut().zip(&tasks) {
        let entries = golden.entries(&format!("x_layer.{task}")).to_vec();
        *layer = Tensor::from_data(entries.as_slice(), &layer.device());
    }
    let state = State { balance: Some(Weights(balance)), ..scenario.state() };
    scenario.restore(state);
    let names = ["none", "grad_auxiliary.multitask.per-pixel", "auxiliary_loss.multitask.per-pixel"];
    check_step(golden, &mut scenario, ["x_tasks", "auxiliary.multitask.per-pixel"], names, &hyper);
    let Weights(balance) = scenario.state().balance.expect("the scenario balances tasks");
    for (layer, task) in balance.iter().zip(&tasks) {
        golden.compare(&format!("alignment.{task}"), layer.clone());
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
fn entries(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}
