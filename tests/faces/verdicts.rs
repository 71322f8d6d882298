//! An auxiliary network that judges each place of a gradient tensor, in a run of each scenario: what is counted are places.

use crate::common::wait_for;
use crate::protocol::{paused, tell, to_its_end, wait};
use great_lab::{
    config::{
        AuxiliaryKind, AuxiliaryReads, DistillationMethod, Mode, MultitaskMethod, Normalization, ScenarioKind,
    },
    protocol::{Command, Delivery, Event},
    train::checkpoint::Checkpoint,
};

/// The diagonal of a confusion.
fn right(confusion: &[u32]) -> u32 {
    let kinds = (confusion.len() as f64).sqrt() as usize;
    (0..kinds).map(|kind| confusion[kind * (kinds + 1)]).sum()
}

#[test]
fn places_are_counted_in_reports_probes_and_audits_of_every_scenario() {
    wait(async {
        for scenario in ScenarioKind::ALL {
            let (mut remote, ..) = paused(Delivery::Complete, |config| {
                (config.setup.scenario, config.setup.steps) = (*scenario, 10);
                (config.setup.mode, config.setup.method) = (Mode::GreatGreace, DistillationMethod::Great);
                config.setup.multitask_method = MultitaskMethod::Great;
                config.setup.auxiliary_network = AuxiliaryKind::PerPixel;
                (config.setup.teacher_steps, config.setup.teacher_width) = (2, 0.25);
                (config.hyper.histogram_every_steps, config.hyper.alpha_target) = (10, 0.5);
                (config.hyper.normalization, config.setup.auxiliary_width) = (Normalization::Constant, 0.25);
            })
            .await;
            let events = to_its_end(&mut remote).await;
            let (origins, places) = match scenario {
                ScenarioKind::Defense => (1, 144),
                ScenarioKind::Distillation => (2, 144),
                // Of grey images three tasks; twice halved.
                ScenarioKind::Multitask => (3, 9),
            };
            let mut reports = 0;
            for event in &events {
                match event {
                    Event::Report(report) => {
                        let counted: u32 = report.confusion.iter().sum();
                        assert_eq!(counted as usize, 16 * origins * places, "{scenario}");
                        let share = f64::from(right(&report.confusion)) / f64::from(counted);
                        assert!((share - report.auxiliary_accuracy).abs() < 1e-6, "{scenario}");
                        reports += 1;
                    }
                    Event::Probed(probed) => {
                        for share in [probed.readings.running, probed.readings.fresh] {
                            assert_eq!(share.total as usize, 128 * origins * places, "{scenario}");
                        }
                    }
                    Event::Samples(samples) => {
                        for sample in &samples.samples {
                            let sum: f32 = sample.auxiliary_probabilities.iter().sum();
                            assert!((sum - 1.0).abs() < 1e-4, "{scenario}: of the whole image");
                        }
                    }
                    _ => {}
                }
            }
            assert_eq!(reports, 10);
            tell(&remote, Command::Save).await;
            let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
            let bytes = wait_for(&mut remote, saved).await;
            assert_eq!(Checkpoint::read(&bytes).expect("whole").header.auxiliary_network().places(), places);
            if *scenario == ScenarioKind::Defense {
                tell(&remote, Command::Audit { samples: 32 }).await;
                let audited = |event| match event {
                    Event::Audited(audited) if audited.complete => Some(audited),
                    Event::Failed(failure) => panic!("{failure:?}"),
                    _ => None,
                };
                let lights = wait_for(&mut remote, audited).await.lights;
                assert!(lights.iter().any(|light| light.name == "adversary-probe"));
            }
        }
    });
}

#[test]
fn what_is_read_may_be_the_labels_logit_and_penalties_and_saturation_stay_with_the_loss() {
    wait(async {
        let mut found = Vec::new();
        for (mode, reads) in [
            (Mode::InputGradient, AuxiliaryReads::Gradient),
            (Mode::InputGradient, AuxiliaryReads::Masked),
            (Mode::Great, AuxiliaryReads::Masked),
            (Mode::PgdAt, AuxiliaryReads::Masked),
        ] {
            let (mut remote, ..) = paused(Delivery::Complete, |config| {
                (config.setup.mode, config.setup.steps) = (mode, 10);
                (config.hyper.auxiliary_reads, config.hyper.histogram_every_steps) = (reads, 10);
                (config.hyper.attack_steps, config.hyper.ramp) = (2, 0.0);
            })
            .await;
            let events = to_its_end(&mut remote).await;
            let losses: Vec<u64> = events
                .iter()
                .filter_map(|event| {
                    if let Event::Report(report) = event { Some(report.loss.to_bits()) } else { None }
                })
                .collect();
            let margins: Vec<bool> = events
                .iter()
                .find_map(|event| if let Event::Saturation(found) = event { Some(found) } else { None })
                .expect("it was looked at")
                .images
                .iter()
                .map(|image| image.is_zero)
                .collect();
            assert!(losses.iter().all(|loss| f64::from_bits(*loss).is_finite()));
            assert!(margins.iter().all(|is_zero| !is_zero), "{mode}");
            found.push(losses);
        }
        assert_eq!(found[0], found[1], "the penalty is of the loss, whatever the auxiliary network reads");
    });
}
