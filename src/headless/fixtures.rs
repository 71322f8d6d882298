//! Events as a run would send them, made up: what the tests of this folder draw, write and print.

use web_time::Duration;

use crate::config::{AttackKind, Config, Hyper, Norm, TargetKind};
use crate::train::protocol::{
    ClassHistogram, Curve, DeviceInfo, Histograms, Point, Report, Robustness, RunInfo, Share, WorstCase,
};

/// Class names of Fashion-MNIST.
pub fn classes() -> Vec<String> {
    ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
        .map(String::from)
        .to_vec()
}

/// The facts of a made-up run.
pub fn info(config: Config) -> RunInfo {
    RunInfo {
        run: 1,
        data: config.setup.data.clone(),
        config,
        device: DeviceInfo {
            name: "CPU".into(),
            backend: "flex".into(),
            is_gpu: false,
            has_f16: false,
            notice: None,
        },
        classes: classes(),
        origins: classes(),
        image_shape: [1, 28, 28],
        train_images: 640,
        test_images: 200,
        main_weights: 50_000,
        auxiliary_weights: 20_000,
        teacher_weights: None,
    }
}

/// Always the same noise in [-1, 1] for the same `seed`.
fn noise(seed: u64) -> f64 {
    let bits = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((bits >> 11) as f64 / (1_u64 << 53) as f64).mul_add(2.0, -1.0)
}

/// The report of `step` of `steps`: the losses fall, the auxiliary network loses.
pub fn report(step: u64, steps: u64) -> Report {
    let t = step as f64 / steps as f64;
    Report {
        run: 1,
        step,
        epoch: t * 3.0,
        elapsed: Duration::from_secs_f64(t * 60.0),
        steps_per_second: 12.3,
        hyper: Hyper::default(),
        alpha: Hyper::default().ramped_alpha(step, steps),
        loss: 0.35 + 1.9 * (-9.0 * t).exp() + 0.08 * noise(step),
        accuracy: (0.87 - 0.75 * (-9.0 * t).exp() + 0.04 * noise(step + 1)).clamp(0.0, 1.0),
        auxiliary_loss: 2.1 - 1.4 * (-((t - 0.2) / 0.15).powi(2)).exp() + 0.1 * noise(step + 2),
        auxiliary_accuracy: 0.2 + 0.6 * (-((t - 0.2) / 0.15).powi(2)).exp() + 0.03 * noise(step + 3),
        gradient_rms: 1e-3,
        confusion: vec![6; 100],
    }
}

/// Histograms of 10 classes over 4 bins a decade from 1e-8 to 1, with sign.
pub fn histograms(step: u64) -> Histograms {
    let magnitudes = || (0..=32).map(|i| 10_f32.powf(i as f32 / 4.0 - 8.0));
    let edges: Vec<f32> =
        magnitudes().collect::<Vec<_>>().into_iter().rev().map(|x| -x).chain(magnitudes()).collect();
    let class = |k: usize| {
        let peak = -2.6 - 0.12 * k as f64;
        let counts = edges
            .windows(2)
            .map(|edge| {
                let centre = f64::from((edge[0] + edge[1]) / 2.0);
                let z = (centre.abs().max(1e-9).log10() - peak) / 0.55;
                let side = if centre < 0.0 { 1.0 + 0.04 * k as f64 } else { 1.0 };
                (4000.0 * side * (-0.5 * z * z).exp()) as u32
            })
            .collect();
        ClassHistogram {
            counts,
            mean: 1e-4,
            deviation: 2e-3,
            percentiles: [-0.1, -0.01, -0.003, -1e-3, 0.0, 1e-3, 0.003, 0.01, 0.1],
        }
    };
    let (distance, floor, comparison) = (0.146, 0.021, None);
    let classes = (0..10).map(class).collect();
    Histograms { run: 1, step, classes, edges, distance, floor, comparison, before: None }
}

/// A finished evaluation of `total` images: two attacks, each untargeted and at a random target.
pub fn robustness(step: u64, total: u32) -> Robustness {
    let share = |value: f64| Share { hits: (value * f64::from(total)) as u32, total };
    let curve = |attack, target, strength: f64| {
        let points = [0.02, 0.05, 0.1, 0.15].into_iter().map(|epsilon: f64| Point {
            epsilon,
            robust: share(0.86 * (-strength * epsilon).exp()),
            fooled: if target == TargetKind::Untargeted {
                Share::default()
            } else {
                share(1.0 - (-0.5 * strength * epsilon).exp())
            },
        });
        Curve { attack, target, points: points.collect() }
    };
    Robustness {
        run: 1,
        step,
        complete: true,
        progress: 1.0,
        clean: share(0.86),
        curves: vec![
            curve(AttackKind::Fgsm, TargetKind::Untargeted, 10.0),
            curve(AttackKind::Fgsm, TargetKind::Random, 6.0),
            curve(AttackKind::Pgd, TargetKind::Untargeted, 25.0),
            curve(AttackKind::Pgd, TargetKind::Random, 17.0),
        ],
        worst: vec![WorstCase {
            norm: Norm::Linf,
            points: curve(AttackKind::Pgd, TargetKind::Untargeted, 27.0).points,
            median: Some(0.02),
        }],
        smallest: Vec::new(),
        mistakes: Vec::new(),
    }
}
