//! The kernels and the loops of the CPU backend train the same network: the same seed gives the same losses.

use crate::adapter::gpu;
use burn::tensor::Device;
use great_lab::{
    config::{Activation, Hyper, Mode, Players, Setup},
    data,
    nn::network::Statistics,
    scenario::{Defense, Measures, Scenario},
};

/// What each step measures, α at its full value from the first on.
fn measures(device: &Device, mode: Mode, activation: Activation, steps: u64) -> Vec<Measures> {
    let setup = Setup { mode, activation, width: 0.5, batch_size: 16, ..Setup::default() };
    let hyper = Hyper { ramp: 0.0, ..Hyper::default() };
    let data = data::load(&setup).expect("it comes with the lab");
    let (mean, deviation) = data.channel_statistics();
    let mut defense = Defense::new(&setup, &data, &Statistics { mean, deviation }, device);
    let measure = |step| {
        defense.step(step, &hyper, Players::Both);
        let pending = defense.take_measures().expect("a step was taken");
        pollster::block_on(pending.read()).expect("the device answers")
    };
    (0..steps).map(measure).collect()
}

/// The largest differences of the losses, main and auxiliary, between both paths.
fn differences(mode: Mode, activation: Activation, steps: u64) -> Option<[f64; 2]> {
    let on = |device: &Device| measures(device, mode, activation, steps);
    let (kernels, loops) = (on(&gpu()?.device), on(&Device::flex()));
    let largest = |of: fn(&Measures) -> f64| {
        kernels.iter().zip(&loops).map(|(a, b)| (of(a) - of(b)).abs()).fold(0.0, f64::max)
    };
    let largest = [largest(|step| step.loss), largest(|step| step.auxiliary_loss)];
    println!(
        "{mode}, {activation}, {steps} steps: losses differ by up to {:.1e}, {:.1e}",
        largest[0], largest[1]
    );
    Some(largest)
}

/// A game of two amplifies rounding: after some ten steps a unit near zero is on in one and off in the other, and by
/// step 100 the auxiliary losses are a tenth apart. Until then every operation of the step must agree.
#[test]
fn kernels_and_host_loops_play_the_same_game() {
    let Some(largest) = differences(Mode::GreatGreace, Activation::Relu, 8) else { return };
    assert!(largest.iter().all(|difference| *difference < 1e-5), "{largest:?}");
}

/// Without such units rounding is not amplified: a network with SiLU that is not played against differs by 5e-7. With
/// ReLU the losses of 100 steps differ by 7e-4 to 7e-3, from the step on in which the first unit is on in one alone.
#[test]
fn kernels_and_host_loops_train_alike() {
    let Some([loss, _]) = differences(Mode::Baseline, Activation::Silu, 100) else { return };
    assert!(loss < 1e-5, "{loss}");
}
