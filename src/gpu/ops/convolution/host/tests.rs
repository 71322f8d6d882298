//! The three operations against their definition, and against themselves on other numbers of threads.

use super::{Geometry, Sizes, conv2d, input_vjp, keep, weight_vjp};

/// Every (input, weight, output) triple of indices that the definition of convolution multiplies.
fn products(sizes: Sizes, mut product: impl FnMut(usize, usize, usize)) {
    let Sizes { batch, channels, outputs, geometry } = sizes;
    let Geometry { kernel, stride, height, width } = geometry;
    let [rows, columns] = geometry.output();
    for place in 0..batch * outputs * rows * columns * channels * kernel * kernel {
        let (rest, right) = (place / kernel, place % kernel);
        let (rest, down) = (rest / kernel, rest % kernel);
        let (y, channel) = (rest / channels, rest % channels);
        let (rest, column) = (y / columns, y % columns);
        let (rest, row) = (rest / rows, rest % rows);
        let (image, output) = (rest / outputs, rest % outputs);
        let (row, column) = (row * stride + down, column * stride + right);
        let framed = kernel / 2..height + kernel / 2;
        if framed.contains(&row) && (kernel / 2..width + kernel / 2).contains(&column) {
            let x = ((image * channels + channel) * height + row - kernel / 2) * width + column - kernel / 2;
            product(x, ((output * channels + channel) * kernel + down) * kernel + right, y);
        }
    }
}

/// Small integers, so that every sum is exact, whatever its order.
fn values(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|index| ((index * 37 + seed) * 41 % 127 % 9) as f32 - 4.0).collect()
}

fn check(sizes: Sizes) {
    let x = values(sizes.batch * sizes.image(), 1);
    let weight = values(sizes.outputs * sizes.taps(), 2);
    let gy = values(sizes.batch * sizes.output(), 3);
    let (mut y, mut gx, mut gw) = (vec![0.0; gy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
    products(sizes, |at_x, at_weight, at_y| {
        y[at_y] += x[at_x] * weight[at_weight];
        gx[at_x] += gy[at_y] * weight[at_weight];
        gw[at_weight] += gy[at_y] * x[at_x];
    });
    assert_eq!(conv2d(&x, &weight, sizes), y, "conv2d of {sizes:?}");
    assert_eq!(input_vjp(&gy, &weight, sizes), gx, "input_vjp of {sizes:?}");
    assert_eq!(weight_vjp(&x, &gy, sizes), gw, "weight_vjp of {sizes:?}");
}

#[test]
fn operations_are_their_definition() {
    let shapes = [
        (0, 3, 4, 5, 6),
        (1, 1, 1, 1, 1),
        (2, 1, 5, 1, 7),
        (3, 3, 8, 6, 1),
        (2, 4, 16, 5, 5),
        (2, 3, 17, 4, 9),
        (1, 17, 33, 7, 4),
        (1, 40, 3, 2, 2),
        (35, 2, 3, 3, 4),
        (1, 2, 70, 13, 15),
        (1, 64, 64, 5, 6),
        (3, 24, 96, 4, 3),
    ];
    for (batch, channels, outputs, height, width) in shapes {
        for (kernel, stride) in [(1, 1), (1, 2), (3, 1), (3, 2)] {
            check(Sizes { batch, channels, outputs, geometry: Geometry { kernel, stride, height, width } });
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let geometry = Geometry { kernel: 3, stride: 2, height: 9, width: 11 };
    for (batch, channels, outputs) in [(37, 5, 19), (3, 64, 128)] {
        check_bits(Sizes { batch, channels, outputs, geometry });
    }
}

fn check_bits(sizes: Sizes) {
    let fractions = |len: usize| -> Vec<f32> { (1..=len).map(|index| (index as f32).sin()).collect() };
    let x = fractions(sizes.batch * sizes.image());
    let weight = fractions(sizes.outputs * sizes.taps());
    let gy = fractions(sizes.batch * sizes.output());
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let results = pool.install(|| {
            [conv2d(&x, &weight, sizes), input_vjp(&gy, &weight, sizes), weight_vjp(&x, &gy, sizes)]
        });
        results.map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
    };
    let expected = run(1);
    for threads in [2, 3, 7] {
        assert_eq!(run(threads), expected, "{threads} threads");
    }
}

/// What a recycled buffer held before reaches no result.
#[test]
fn results_are_written_in_full() {
    for (channels, outputs, kernel, stride) in [(1, 24, 3, 1), (3, 40, 3, 2), (40, 24, 1, 2), (24, 40, 3, 2)]
    {
        let geometry = Geometry { kernel, stride, height: 17, width: 18 };
        let sizes = Sizes { batch: 17, channels, outputs, geometry };
        for floats in [sizes.batch * sizes.image(), sizes.batch * sizes.output()] {
            keep(vec![f32::NAN; floats]);
        }
        check(sizes);
    }
}

/// Nor does what a thread framed before.
#[test]
fn frames_forget_the_images_before() {
    for (channels, outputs, kernel, stride) in [(1, 24, 3, 2), (3, 5, 1, 2), (12, 20, 3, 1), (24, 40, 3, 2)] {
        let geometry = Geometry { kernel, stride, height: 7, width: 6 };
        let sizes = Sizes { batch: 9, channels, outputs, geometry };
        let no_numbers = |len: usize| vec![f32::NAN; len];
        let x = no_numbers(sizes.batch * sizes.image());
        let (weight, gy) = (no_numbers(outputs * sizes.taps()), no_numbers(sizes.batch * sizes.output()));
        for result in [conv2d(&x, &weight, sizes), input_vjp(&gy, &weight, sizes), weight_vjp(&x, &gy, sizes)]
        {
            assert!(result.iter().all(|value| value.is_nan() || *value == 0.0), "{sizes:?}");
        }
        check(sizes);
    }
}

/// An infinite pixel reaches the outputs that see it, and no others.
#[test]
fn values_beyond_a_run_are_not_multiplied() {
    let geometry = Geometry { kernel: 3, stride: 1, height: 1, width: 9 };
    let sizes = Sizes { batch: 1, channels: 1, outputs: 1, geometry };
    let mut x = vec![1.0; 9];
    x[4] = f32::INFINITY;
    let finite: Vec<bool> = conv2d(&x, &[1.0; 9], sizes).iter().map(|y| y.is_finite()).collect();
    assert_eq!(finite, [true, true, true, false, false, false, true, true, true]);
}
