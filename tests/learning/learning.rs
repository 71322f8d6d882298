//! Learning is real: the embedded data is learned, and GREAT makes gradient tensors harder to read.

use crate::common::{trainer, wait_for};
use great_lab::{
    config::{Config, Mode, ScenarioKind, Setup},
    protocol::{Command, Delivery, Event, Report, Share},
};

const STEPS: u64 = 700;

/// Trains a narrow network for [`STEPS`] steps; the average of its last reports, and its clean held-out accuracy.
fn train(mode: Mode, alpha: f64) -> (Report, Share) {
    let mut config = Config {
        setup: Setup { mode, width: 0.5, batch_size: 32, steps: STEPS, ..Setup::default() },
        ..Config::default()
    };
    (config.hyper.alpha, config.hyper.learning_rate) = (alpha, 5e-3);
    config.hyper.report_every_steps = 50;
    config.hyper.histogram_every_steps = 0;
    config.hyper.evaluate_every_steps = 0;
    let mut remote = trainer(&config, Delivery::Complete);
    #[allow(clippy::disallowed_methods, reason = "a test has nothing else to do")]
    pollster::block_on(async {
        remote.commands.send(Command::Run).await.expect("the trainer lives");
        let last = wait_for(&mut remote, |event| match event {
            Event::Report(report) if report.step == STEPS => Some(*report),
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => None,
        })
        .await;
        remote.commands.send(Command::Evaluate { threats: vec![], samples: 1000 }).await.expect("it lives");
        let clean = wait_for(&mut remote, |event| match event {
            Event::Robustness(robustness) if robustness.complete => Some(robustness.clean),
            _ => None,
        })
        .await;
        (last, clean)
    })
}

#[test]
fn the_embedded_data_is_learned_and_great_blinds_the_discriminator() {
    let (baseline, baseline_clean) = train(Mode::Baseline, 0.0);
    let (great, great_clean) = train(Mode::Great, 0.5);
    println!("baseline {:?} {}", baseline_clean, baseline.auxiliary_accuracy);
    println!("great {:?} {}", great_clean, great.auxiliary_accuracy);
    assert!(baseline_clean.value() > 0.75, "test accuracy {baseline_clean:?}");
    assert!(
        great.auxiliary_accuracy < baseline.auxiliary_accuracy - 0.30,
        "the discriminator reads {} of the gradient tensors against {}",
        great.auxiliary_accuracy,
        baseline.auxiliary_accuracy
    );
    assert!(great_clean.value() > 0.5, "and the network still learns: {great_clean:?}");
}

#[test]
fn alpha_is_turned_until_the_discriminator_reads_what_it_shall() {
    const TARGET: f64 = 0.35;
    let mut config = Config::start(ScenarioKind::Defense);
    let setup = Setup { width: 0.5, batch_size: 32, steps: 600, ..config.setup };
    config.setup = setup;
    config.hyper.alpha_target = TARGET;
    config.hyper.report_every_steps = 10;
    config.hyper.histogram_every_steps = 0;
    config.hyper.evaluate_every_steps = 0;
    config.hyper.probe_every_steps = 0;
    let mut remote = trainer(&config, Delivery::Complete);
    let mut reports: Vec<Report> = Vec::new();
    pollster::block_on(async {
        remote.commands.send(Command::Run).await.expect("the trainer lives");
        wait_for(&mut remote, |event| match event {
            Event::Report(report) => {
                reports.push(*report);
                (reports.len() == 60).then_some(())
            }
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => None,
        })
        .await;
    });
    for report in reports.iter().step_by(5) {
        println!("{} α {:.4} reads {:.3}", report.step, report.alpha, report.auxiliary_accuracy);
    }
    let mean = |reports: &[Report]| {
        reports.iter().map(|report| report.auxiliary_accuracy).sum::<f64>() / reports.len() as f64
    };
    let [third, fourth] = [&reports[30..45], &reports[45..]].map(mean);
    // 150 steps of 32 images each: 0.7 points of sampling error, the rest is the game's own unrest.
    assert!((third - TARGET).abs() < 0.08 && (fourth - TARGET).abs() < 0.05, "{third}, then {fourth}");
}
