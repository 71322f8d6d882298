//! The methods of multi-task learning reproduce examples worked by hand, on the CPU and by WGSL kernels.

use crate::adapter::devices;
use burn::tensor::Tensor;
use great_lab::scenario::multitask::{
    Alignment, FIRST_LOG_VARIANCE, GRADNORM_ALPHA, compass, conflict_orders, gradnorm, pcgrad, uncertainty,
};

/// That the entries are these, up to a few roundings of 32 bits.
fn assert_entries<const D: usize>(what: &str, tensor: Tensor<D>, expected: &[f32]) {
    let found: Vec<f32> = tensor.into_data().try_into_vec().unwrap();
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 2e-6 * b.abs().max(1.0), "{what}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn pcgrad_takes_away_what_two_gradients_have_against_each_other() {
    for (name, device) in devices() {
        let gradients = |rows: [[f32; 2]; 2]| Tensor::<2>::from_floats(rows, &device);
        let orders = [vec![1], vec![0]];
        // <g1, g2> = -1. g1 + 1/2 g2 = (0.5, 0.5); g2 + 1/1 g1 = (0, 1).
        assert_entries(name, pcgrad(gradients([[1.0, 0.0], [-1.0, 1.0]]), &orders), &[0.5, 1.5]);
        // Nothing against each other: the plain sum.
        assert_entries(name, pcgrad(gradients([[1.0, 0.0], [1.0, 1.0]]), &orders), &[2.0, 1.0]);
        // A gradient that has vanished is in nobody's way.
        assert_entries(name, pcgrad(gradients([[1.0, -2.0], [0.0, 0.0]]), &orders), &[1.0, -2.0]);
    }
}

#[test]
fn pcgrad_of_three_tasks_follows_the_order() {
    for (name, device) in devices() {
        let rows = [[1.0, 0.0], [-1.0, 1.0], [-2.0, -1.0]];
        let gradients = Tensor::<2>::from_floats(rows, &device);
        // g1 by g2 then g3: (0.5, 0.5) + 0.3 (-2, -1) = (-0.1, 0.2); by g3 then g2: (0.2, -0.4) + 0.3 (-1, 1) =
        // (-0.1, -0.1). g2 by g1: (0, 1), then by g3: + 0.2 (-2, -1) = (-0.4, 0.8). g3 by g1: (0, -1), then by g2:
        // + 0.5 (-1, 1) = (-0.5, -0.5).
        let others = [vec![0, 2], vec![0, 1]];
        let sum =
            |first: Vec<usize>| pcgrad(gradients.clone(), &[first, others[0].clone(), others[1].clone()]);
        assert_entries(name, sum(vec![1, 2]), &[-1.0, 0.5]);
        assert_entries(name, sum(vec![2, 1]), &[-1.0, 0.2]);
    }
}

#[test]
fn every_order_of_conflicts_comes_up_and_follows_from_the_seed() {
    let mut seen = std::collections::HashSet::new();
    for step in 0..60 {
        let orders = conflict_orders(4, 7, step);
        assert_eq!(orders, conflict_orders(4, 7, step));
        for (task, order) in orders.iter().enumerate() {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..4).filter(|&other| other != task).collect::<Vec<_>>());
        }
        seen.insert(orders[0].clone());
    }
    assert_eq!(seen.len(), 6, "of three others there are six orders");
    assert!((0..20).any(|step| conflict_orders(4, 7, step) != conflict_orders(4, 8, step)));
}

#[test]
fn the_compass_reads_norms_and_angles_of_tiny_gradients_too() {
    for (name, device) in devices() {
        let rows = [[3.0, 4.0], [-4.0, 3.0], [0.0, 0.0], [-3e-12, -4e-12]];
        let found = compass(Tensor::from_floats(rows, &device));
        assert_entries(name, found.norms.slice(0..3), &[5.0, 5.0, 0.0]);
        let expected = [1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 1.0];
        assert_entries(name, found.cosines, &expected);
    }
}

#[test]
fn gradnorm_favours_the_task_that_learns_slowly() {
    for (name, device) in devices() {
        let vector = |values: [f32; 2]| Tensor::<1>::from_floats(values, &device);
        let step = |weights: [f32; 2], norms: [f32; 2], losses: [f32; 2], rate: f64| {
            gradnorm(vector(weights), vector(norms), vector(losses), vector([2.0, 2.0]), GRADNORM_ALPHA, rate)
        };
        // L / L0 = (0.5, 1.5), mean 1; r^1.5 = (0.354, 1.837); w n = (4, 2), mean 3; targets (1.06, 5.51): the first is
        // above its own, the second below. w - 0.1 (4, -2) = (0.6, 1.2), scaled to sum 2.
        assert_entries(name, step([1.0, 1.0], [4.0, 2.0], [1.0, 3.0], 0.1), &[2.0 / 3.0, 4.0 / 3.0]);
        // At the targets there is nothing to do.
        assert_entries(name, step([1.0, 1.0], [3.0, 3.0], [1.0, 1.0], 0.1), &[1.0, 1.0]);
        // Not below 0, whatever the rate.
        assert_entries(name, step([1.0, 1.0], [4.0, 2.0], [1.0, 3.0], 1.0), &[0.0, 2.0]);
    }
}

#[test]
fn uncertainty_weighs_by_half_the_inverse_variance() {
    for (name, device) in devices() {
        let losses = Tensor::from_floats([2.0, 0.5], &device);
        // s = 0 and ln 2: 2/2 + 0 + 0.5/4 + ln(2)/2; the derivative is -L/(2 e^s) + 1/2.
        let found = uncertainty(losses.clone(), Tensor::from_floats([0.0, std::f32::consts::LN_2], &device));
        assert_entries(name, found.loss, &[1.125 + std::f32::consts::LN_2 / 2.0]);
        assert_entries(name, found.scales, &[0.5, 0.25]);
        assert_entries(name, found.gradient, &[-0.5, 0.375]);
        // Where s is the logarithm of the loss, there is no better one.
        let best = uncertainty(losses.clone(), losses.clone().log());
        assert_entries(name, best.gradient, &[0.0, 0.0]);
        // LibMTL's beginning counts every task by e^0.5 / 2.
        let first = uncertainty(losses.clone(), losses.zeros_like() + FIRST_LOG_VARIANCE);
        assert_entries(name, first.scales, &[0.824_360_6; 2]);
    }
}

#[test]
fn alignment_scales_on_the_way_back_alone_and_keeps_its_mean() {
    for (name, device) in devices() {
        let gradient = Tensor::<4>::from_floats([[[[1.0, -2.0, 3.0]]], [[[4.0, 5.0, -6.0]]]], &device);
        let fresh = Alignment::new(2, [1, 1, 3], &device);
        // At first it changes nothing, bit for bit.
        let same: Vec<f32> = fresh.aligned(0, gradient.clone()).into_data().try_into_vec().unwrap();
        assert_eq!(same, [1.0, -2.0, 3.0, 4.0, 5.0, -6.0]);

        // The chain rule at a loss whose derivative with respect to ĝ is e: dL/dw = Σ_n g e.
        let error = Tensor::from_floats([[[[0.5, 1.0, 0.0]]], [[[1.0, -1.0, 2.0]]]], &device);
        assert_entries(name, Alignment::weight_gradient(gradient.clone(), error), &[4.5, -7.0, -12.0]);

        // (0.5, -1, 2.5) is clamped to (0.5, 0, 2.5), of mean 1; (4, 4, 1) has mean 3; of (-1, 0, -2) nothing is left.
        let moved = [[0.5, -1.0, 2.5], [4.0, 4.0, 1.0], [-1.0, 0.0, -2.0]];
        let layers = Alignment::settled(moved.map(|row| Tensor::from_floats([[row]], &device)).into());
        assert_entries(name, layers.weights()[0].clone(), &[0.5, 0.0, 2.5]);
        assert_entries(name, layers.weights()[1].clone(), &[4.0 / 3.0, 4.0 / 3.0, 1.0 / 3.0]);
        assert_entries(name, layers.weights()[2].clone(), &[1.0; 3]);
        assert_entries(name, layers.aligned(0, gradient.clone()), &[0.5, 0.0, 7.5, 2.0, 0.0, -15.0]);

        // (4.5, -7, -12) has mean square 213.25 / 3; so far uphill that the root of the mean square is 0.1.
        let slope = Tensor::from_floats([[[4.5, -7.0, -12.0]]], &device);
        let still = Tensor::zeros([1, 1, 3], &device);
        let layers = fresh.ascend(vec![slope, still], 0.1);
        let moved = [4.5_f32, -7.0, -12.0].map(|part| 1.0 + 0.1 * part / (213.25_f32 / 3.0).sqrt());
        let mean = moved.iter().sum::<f32>() / 3.0;
        assert_entries(name, layers.weights()[0].clone(), &moved.map(|weight| weight / mean));
        assert_entries(name, layers.weights()[1].clone(), &[1.0; 3]);
    }
}
