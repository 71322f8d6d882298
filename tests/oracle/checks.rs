//! The lab's networks, losses, optimisers, attacks and training step on golden weights and images.

use burn::tensor::{Device, Tensor, TensorData};
use great_lab::{
    attack::{Assault, Goal, Pace, Start, Victim},
    config::{
        Adversary, AttackKind, AuxiliaryKind, AuxiliaryReads, Hyper, Mode, Normalization, OptimizerKind,
        Players, Push, Setup, TargetKind, Threat,
    },
    data::{BatchOrder, Dataset, Images},
    gpu::softmax,
    nn::{
        Network, Optimizer, Weights,
        channel::Channel,
        loss,
        network::{Interface, Statistics},
        optimizer::Rates,
    },
    scenario::{Defense, Scenario, State},
};

use rand::{SeedableRng, rngs::StdRng};

use super::golden::Golden;

/// Both networks with PyTorch's weights, and a batch.
struct Case {
    golden: Golden,
    main: Network,
    auxiliary: Network,
    theta: Weights,
    phi: Weights,
    images: Tensor<4>,
    labels: Tensor<2>,
    device: Device,
}

/// Holds everything in the golden file `name` against what `device` computes.
pub fn check_case(name: &str, device: &Device, tolerance: f32) {
    let mut case = Case::new(name, device, tolerance);
    case.check_first_order();
    case.check_second_order();
    case.check_optimizers();
    case.check_attacks();
    case.golden.finish();
}

pub fn interface(golden: &Golden) -> Interface {
    Interface { image: golden.setting("image_shape"), classes: golden.setting("classes") }
}

pub fn statistics(golden: &Golden) -> Statistics {
    Statistics {
        mean: golden.entries("main.normalize.mean").to_vec(),
        deviation: golden.entries("main.normalize.std").to_vec(),
    }
}

fn main_network(golden: &Golden) -> Network {
    Network::main(golden.architecture(), interface(golden), &statistics(golden))
}

impl Case {
    fn new(name: &str, device: &Device, tolerance: f32) -> Self {
        let golden = Golden::load(name, tolerance);
        let main = main_network(&golden);
        let auxiliary = Network::auxiliary(
            AuxiliaryKind::GroupNorm,
            golden.setting("auxiliary_width"),
            interface(&golden),
        );
        Self {
            theta: golden.weights("main", &main, device),
            phi: golden.weights("auxiliary", &auxiliary, device),
            images: golden.images("x", device),
            labels: golden.one_hot("y", device),
            device: device.clone(),
            golden,
            main,
            auxiliary,
        }
    }

    fn check_first_order(&mut self) {
        let (gradient, logits) =
            self.main.input_gradient(&self.theta, self.images.clone(), self.labels.clone());
        self.golden.compare("logits", logits.clone());
        self.golden.compare("loss", loss::cross_entropy(logits.clone(), self.labels.clone()));
        self.golden.compare("input_gradient", gradient.clone());
        for kind in normalizations() {
            let read = self.channel(*kind).scaled(gradient.clone());
            self.golden.compare(&format!("normalized.{kind}"), read.clone());
            let auxiliary_logits = self.auxiliary.logits(&self.phi, read);
            self.golden.compare(&format!("auxiliary_logits.{kind}"), auxiliary_logits);
        }

        let read = self.channel(Normalization::Rms).scaled(gradient);
        let phi = self.phi.tracked();
        let auxiliary_logits = self.auxiliary.logits(&phi, read);
        let mut gradients = loss::cross_entropy(auxiliary_logits.clone(), self.labels.clone()).backward();
        self.golden.compare_weights("grad_auxiliary", &self.auxiliary, &phi.gradients(&mut gradients));

        let leaf = logits.autodiff().require_grad();
        let auxiliary_logits = auxiliary_logits.without_autodiff();
        let n = leaf.dims()[0] as f64;
        let beta = self.golden.setting("beta");
        let terms = loss::Terms { beta, ..loss::NO_TERMS };
        let objective = loss::great_objective(leaf.clone(), auxiliary_logits, self.labels.clone(), terms);
        let logit_gradient = leaf.grad(&objective.backward()).unwrap() * n;
        self.golden.compare("greace_logit_gradient", logit_gradient);
    }

    /// Without noise, of which PyTorch would draw another.
    fn channel(&self, normalization: Normalization) -> Channel {
        Channel {
            reads: AuxiliaryReads::Gradient,
            normalization,
            scale: 30.0,
            batch: self.images.dims()[0],
            noise: 0.0,
        }
    }

    /// The gradient of the GREAT+GREACE objective with respect to the main weights.
    fn game(&self, normalization: Normalization, adversary: Adversary, alpha: f64) -> Weights {
        let theta = self.theta.tracked();
        let (gradient, logits) = self.main.input_gradient(&theta, self.images.clone(), self.labels.clone());
        let auxiliary_logits = self.auxiliary.logits(&self.phi, self.channel(normalization).scaled(gradient));
        let terms = loss::Terms { beta: self.golden.setting("beta"), alpha, adversary, ..loss::NO_TERMS };
        let objective = loss::great_objective(logits, auxiliary_logits, self.labels.clone(), terms);
        theta.gradients(&mut objective.backward())
    }

    fn check_second_order(&mut self) {
        let alpha: f64 = self.golden.setting("alpha");
        for (name, normalization, adversary, alpha) in [
            ("grad_reversal", Normalization::Rms, Adversary::Reversal, alpha),
            ("grad_reversal_none", Normalization::None, Adversary::Reversal, alpha),
            ("grad_reversal_max", Normalization::Max, Adversary::Reversal, alpha),
            ("grad_confusion", Normalization::Rms, Adversary::Confusion, alpha),
            ("grad_greace", Normalization::Rms, Adversary::Reversal, 0.0),
        ] {
            if self.golden.has(name) {
                let gradients = self.game(normalization, adversary, alpha);
                self.golden.compare_weights(name, &self.main, &gradients);
            }
        }

        for kind in normalizations() {
            let name = format!("grad_normalized_{kind}");
            if self.golden.has(&name) {
                let theta = self.theta.tracked();
                let (gradient, _) =
                    self.main.input_gradient(&theta, self.images.clone(), self.labels.clone());
                let functional = (self.channel(*kind).scaled(gradient) * self.images.clone()).sum();
                let gradients = theta.gradients(&mut functional.backward());
                self.golden.compare_weights(&name, &self.main, &gradients);
            }
        }

        let theta = self.theta.tracked();
        let (gradient, logits) = self.main.input_gradient(&theta, self.images.clone(), self.labels.clone());
        let weight: f64 = self.golden.setting("input_gradient_weight");
        let objective =
            loss::cross_entropy(logits, self.labels.clone()) + loss::squared_norm(gradient) * weight;
        let gradients = theta.gradients(&mut objective.backward());
        self.golden.compare_weights("grad_input_gradient", &self.main, &gradients);
    }

    fn check_optimizers(&mut self) {
        let weight_decay = self.golden.setting("weight_decay");
        let momentum = self.golden.setting("momentum");
        for (kind, learning_rate) in
            [(OptimizerKind::Adam, "learning_rate"), (OptimizerKind::Sgd, "sgd_learning_rate")]
        {
            if !self.golden.has(&format!("{kind}2")) {
                continue;
            }
            let rates = Rates { learning_rate: self.golden.setting(learning_rate), weight_decay, momentum };
            let gradients = self.golden.weights("grad_reversal", &self.main, &self.device);
            let mut optimizer =
                Optimizer::new(kind, &self.golden.weight_values("main", &self.main), &self.device);
            optimizer.step(&gradients, rates);
            let first = optimizer.weights();
            optimizer.step(&gradients, rates);
            let second = optimizer.weights();
            for (name, weights) in [(format!("{kind}1"), first), (format!("{kind}2"), second)] {
                if self.golden.has(&name) {
                    self.golden.compare_weights(&name, &self.main, &weights);
                }
            }
        }
    }

    fn check_attacks(&mut self) {
        let targets = self.golden.one_hot("target", &self.device);
        for attack in [AttackKind::Fgsm, AttackKind::Ifgsm, AttackKind::Pgd, AttackKind::PgdL2] {
            let radius = if attack == AttackKind::PgdL2 { "epsilon_l2" } else { "epsilon" };
            for (suffix, target, goal) in [
                ("", TargetKind::Untargeted, Goal::AwayFrom(self.labels.clone())),
                (
                    "-targeted",
                    TargetKind::Random,
                    Goal::Towards { targets: targets.clone(), labels: self.labels.clone() },
                ),
            ] {
                let name = format!("attack.{attack}{suffix}");
                if !self.golden.has(&name) {
                    continue;
                }
                let epsilon = self.golden.setting(radius);
                let steps = self.golden.setting("attack_steps");
                let threat = Threat { attack, target, epsilon, steps, restarts: 1 };
                let victim = Victim::new(&self.main, &self.theta);
                let (clean, start) = (&self.images, Start::Clean);
                let assault = Assault { victim, surrogate: None, clean, goal: &goal, threat, start };
                let mut random = StdRng::seed_from_u64(1);
                #[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
                let adversarial = pollster::block_on(assault.examples(&mut random, &Pace::default()));
                self.golden.compare(&name, adversarial.unwrap());
            }
        }
    }
}

/// Holds what TRADES and Jacobian regularisation add to the cross-entropy against PyTorch's.
pub fn check_rivals(device: &Device, tolerance: f32) {
    let mut golden = Golden::load("rivals", tolerance);
    let main = main_network(&golden);
    let weights = golden.weights("main", &main, device);
    let [clean, near] = ["x", "x_adversarial"].map(|name| golden.images(name, device));
    let labels = golden.one_hot("y", device);

    let prediction = softmax(main.logits(&weights, clean.clone()));
    golden.compare("divergence_gradient", main.input_gradient(&weights, near.clone(), prediction).0);

    let theta = weights.tracked();
    let logits = main.logits(&theta, clean.clone());
    let divergence = loss::kullback_leibler(logits.clone(), main.logits(&theta, near));
    golden.compare("divergence", divergence.clone());
    let objective = loss::cross_entropy(logits, labels.clone()) + divergence * 6.0;
    golden.compare_weights("grad_trades", &main, &theta.gradients(&mut objective.backward()));

    let theta = weights.tracked();
    let (logits, tapes) = main.forward(&theta, clean);
    let rows = golden.entries("x_projection").to_vec();
    let directions = Tensor::from_data(TensorData::new(rows, logits.dims()), device);
    let projected = main.input_vjp(tapes, directions);
    let norm = loss::jacobian_norm(projected, golden.setting("classes"));
    golden.compare("jacobian_norm", norm.clone());
    let objective = loss::cross_entropy(logits, labels) + norm * (0.5 * 0.1);
    golden.compare_weights("grad_jacobian", &main, &theta.gradients(&mut objective.backward()));
    golden.finish();
}

/// Holds what the paper leaves open against PyTorch's: GREACE's pushes, a plain auxiliary network, labels that it is told,
/// clipped gradients, the other norm of the penalty.
pub fn check_knobs(device: &Device, tolerance: f32) {
    let mut golden = Golden::load("knobs", tolerance);
    let main = main_network(&golden);
    let width = golden.setting("auxiliary_width");
    let auxiliary = Network::auxiliary(AuxiliaryKind::Plain, width, interface(&golden));
    let weights = golden.weights("main", &main, device);
    let phi = golden.weights("auxiliary", &auxiliary, device);
    let images = golden.images("x", device);
    let [labels, told] = ["y", "told"].map(|name| golden.one_hot(name, device));
    let normalization = Normalization::Constant;
    let scale = golden.setting("gradient_scale");
    let channel = Channel {
        reads: AuxiliaryReads::Gradient,
        normalization,
        scale,
        batch: images.dims()[0],
        noise: 0.0,
    };
    let [alpha, beta] = ["alpha", "beta"].map(|name| golden.setting(name));

    let tracked = phi.tracked();
    let (gradient, _) = main.input_gradient(&weights, images.clone(), labels.clone());
    let said = auxiliary.logits(&tracked, channel.scaled(gradient));
    golden.compare("auxiliary_logits", said.clone());
    let gradients = tracked.gradients(&mut loss::cross_entropy(said, told.clone()).backward());
    golden.compare_weights("grad_auxiliary", &auxiliary, &gradients);

    let read = || {
        let theta = weights.tracked();
        let (gradient, logits) = main.input_gradient(&theta, images.clone(), labels.clone());
        let said = auxiliary.logits(&phi, channel.scaled(gradient.clone()));
        (theta, logits, gradient, said)
    };
    for push in Push::ALL {
        let (theta, logits, _, said) = read();
        let smoothing = golden.setting("smoothing");
        let terms = loss::Terms { alpha, beta, push: *push, smoothing, ..loss::NO_TERMS };
        let objective = loss::great_objective(logits, said, labels.clone(), terms);
        let gradients = theta.gradients(&mut objective.backward());
        golden.compare_weights(&format!("grad_push.{push}"), &main, &gradients);
    }

    let (theta, logits, _, said) = read();
    let terms = loss::Terms { beta, ..loss::NO_TERMS };
    let reversed = loss::cross_entropy(said.clone(), told) * -alpha;
    let objective = loss::great_objective(logits, said, labels.clone(), terms) + reversed;
    let gradients = theta.gradients(&mut objective.backward());
    golden.compare_weights("grad_told", &main, &gradients);
    golden.compare_weights("grad_clipped", &main, &gradients.clipped(golden.setting("clip")));

    let (theta, logits, gradient, _) = read();
    let weight: f64 = golden.setting("input_gradient_weight");
    let objective = loss::cross_entropy(logits, labels) + loss::absolute_norm(gradient) * weight;
    golden.compare_weights("grad_l1", &main, &theta.gradients(&mut objective.backward()));
    golden.finish();
}

/// The golden batches as a training set that comes in the golden order.
pub fn dataset(golden: &Golden, setup: &Setup) -> Dataset {
    let interface = interface(golden);
    let length: usize = interface.image.iter().product();
    let count = setup.steps as usize * setup.batch_size;
    let mut train = Images { pixels: vec![0; count * length], labels: vec![0; count] };
    let mut order = BatchOrder::new(count, setup.batch_size, setup.seed);
    for step in 0..setup.steps {
        let images = golden.entries(&format!("x.{step}")).chunks(length);
        let labels = golden.classes(&format!("y.{step}"));
        for ((index, image), label) in order.indices(step).iter().zip(images).zip(labels) {
            let index = *index as usize;
            train.labels[index] = *label as u8;
            for (byte, pixel) in train.pixels[index * length..].iter_mut().zip(image) {
                *byte = (pixel * 255.0).round() as u8;
            }
        }
    }
    Dataset {
        name: "golden".into(),
        classes: (0..interface.classes).map(|class| class.to_string()).collect(),
        shape: interface.image,
        test: train.clone(),
        train,
    }
}

/// Holds three whole training steps against PyTorch's: the scenario itself, not its parts.
pub fn check_trajectory(device: &Device, tolerance: f32) {
    let mut golden = Golden::load("trajectory", tolerance);
    let setup = Setup {
        mode: Mode::GreatGreace,
        network: golden.setting("network"),
        width: golden.setting("width"),
        activation: golden.setting("activation"),
        auxiliary_width: golden.setting("auxiliary_width"),
        optimizer: OptimizerKind::Adam,
        batch_size: golden.setting("batch"),
        steps: 3,
        ..Setup::default()
    };
    let hyper = Hyper {
        alpha: golden.setting("alpha"),
        beta: golden.setting("beta"),
        ramp: 0.0,
        learning_rate: golden.setting("learning_rate"),
        auxiliary_learning_rate: golden.setting("auxiliary_learning_rate"),
        weight_decay: 0.0,
        ..Hyper::default()
    };
    let mut scenario = Defense::new(&setup, &dataset(&golden, &setup), &statistics(&golden), device);
    let begin = |player: &great_lab::scenario::Player, prefix: &str| {
        Optimizer::new(OptimizerKind::Adam, &golden.weight_values(prefix, &player.network), device)
    };
    let (main, auxiliary) = (begin(scenario.main(), "main"), begin(scenario.auxiliary(), "auxiliary"));
    scenario.restore(State::new(main, auxiliary));

    let (mut losses, mut auxiliary_losses) = (Vec::new(), Vec::new());
    for step in 0..setup.steps {
        scenario.step(step, &hyper, Players::Both);
        let measures = scenario.take_measures().expect("a step was taken");
        #[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
        let sums: Vec<f32> = measures.sums.into_data().try_into_vec().unwrap();
        losses.push(sums[0]);
        auxiliary_losses.push(sums[2]);
    }
    golden.compare_entries("losses", &losses);
    golden.compare_entries("auxiliary_losses", &auxiliary_losses);
    golden.compare_weights("final_main", &scenario.main().network, &scenario.main().weights);
    golden.compare_weights("final_auxiliary", &scenario.auxiliary().network, &scenario.auxiliary().weights);
    golden.finish();
}

/// Those of the golden files of networks; a pixel at unit length is read in the step of several tasks.
fn normalizations() -> impl Iterator<Item = &'static Normalization> {
    Normalization::ALL.iter().filter(|kind| **kind != Normalization::Pixel)
}
