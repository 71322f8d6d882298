//! What GREAT competes with: a weight of zero leaves cross-entropy alone, any other does not, and every mode plays the
//! whole game.

use burn::tensor::Device;
use great_lab::{
    config::{Hyper, Mode, Players, Setup},
    data,
    nn::network::Statistics,
    scenario::{Defense, Scenario},
};

const STEPS: u64 = 3;

/// All main weights after a few steps, and the sums that were measured meanwhile.
fn train(mode: Mode, hyper: &Hyper) -> (Vec<f32>, Vec<f32>) {
    let setup =
        Setup { mode, width: 0.25, auxiliary_width: 0.25, batch_size: 8, steps: STEPS, ..Setup::default() };
    let data = data::load(&setup).unwrap();
    let (mean, deviation) = data.channel_statistics();
    let mut scenario = Defense::new(&setup, &data, &Statistics { mean, deviation }, &Device::flex());
    for step in 0..STEPS {
        scenario.step(step, hyper, Players::Both);
    }
    #[expect(clippy::disallowed_methods, reason = "a test has nothing else to do meanwhile")]
    let read = |tensor: burn::tensor::Tensor<1>| tensor.into_data().try_into_vec::<f32>().unwrap();
    let weights = scenario.main().weights.0.iter().flat_map(|tensor| read(tensor.clone())).collect();
    (weights, read(scenario.take_measures().unwrap().sums))
}

#[test]
fn a_weight_of_zero_is_plain_cross_entropy_and_no_other_is() {
    let hyper = Hyper { attack_steps: 3, ..Hyper::default() };
    let none = Hyper { trades_weight: 0.0, jacobian_weight: 0.0, input_gradient_weight: 0.0, ..hyper };
    let baseline = train(Mode::Baseline, &hyper);
    for mode in [Mode::Trades, Mode::Jacobian, Mode::InputGradient] {
        let (zero, weighted) = (train(mode, &none), train(mode, &hyper));
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
        assert!(zero.0.iter().zip(&baseline.0).all(near), "{mode} with weight 0 trains otherwise");
        assert!(!weighted.0.iter().zip(&baseline.0).all(near), "{mode} does nothing");
        assert!(weighted.0.iter().all(|weight| weight.is_finite()), "{mode}");
    }
}

#[test]
fn a_radius_of_zero_leaves_the_images_and_the_seed_decides() {
    let hyper = Hyper { attack_steps: 3, ..Hyper::default() };
    let baseline = train(Mode::Baseline, &hyper);
    for mode in [Mode::FgsmAt, Mode::FastAt, Mode::PgdAt] {
        let zero = train(mode, &Hyper { epsilon: 0.0, ..hyper });
        assert!(zero.0.iter().zip(&baseline.0).all(|(a, b)| (a - b).abs() < 1e-5), "{mode} at radius 0");
        let attacked = train(mode, &hyper);
        assert_eq!(attacked, train(mode, &hyper), "{mode} twice");
        assert!(attacked.1[0] > baseline.1[0] * 1.01, "{mode}: its images are no harder");
    }
}
