//! Logits that a push sinks: it is said before they are no numbers, and then which figure left `f32`, with the way back.

use crate::common::{event, wait_for};
use crate::protocol::{activity, paused, tell, wait};
use great_lab::{
    config::{Config, Mode, OptimizerKind, Push},
    protocol::{Activity, Command, Delivery, Event, Failure},
    train::checkpoint::Checkpoint,
};

/// GREACE with a large β, by steps that are too long.
fn pushed(config: &mut Config, push: Push) {
    (config.setup.mode, config.setup.optimizer) = (Mode::Greace, OptimizerKind::Sgd);
    (config.hyper.beta, config.hyper.greace_push) = (10.0, push);
    (config.hyper.learning_rate, config.hyper.histogram_every_steps) = (1.0, 1);
    config.hyper.probe_every_steps = 0;
}

#[test]
fn a_push_that_sinks_the_logits_is_said_before_and_after_they_leave_f32() {
    wait(async {
        let (mut remote, ..) = paused(Delivery::Complete, |config| pushed(config, Push::Raw)).await;
        tell(&remote, Command::Run).await;
        let (mut notices, mut mean_logits) = (Vec::new(), Vec::new());
        let failure: Failure = loop {
            match event(&mut remote).await {
                Event::Failed(failure) => break failure,
                Event::Notice(text) => notices.push(text),
                Event::Saturation(found) => mean_logits.push(found.mean_logit),
                Event::State(state) => assert_ne!(state.activity, Activity::Finished, "{mean_logits:?}"),
                _ => {}
            }
        };
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert!(notices[0].starts_with("The mean logit is −"), "{notices:?}");
        assert!(notices[0].ends_with("lower β, or set greace_push=centred."), "{notices:?}");
        assert!(mean_logits.iter().any(|mean| *mean < -65_536.0), "{mean_logits:?}");
        assert!(failure.what.contains(", where the ") && failure.what.contains(" left f32: "), "{failure:?}");
        assert!(failure.what.contains("; the logits had run away: their mean was −"), "{failure:?}");
        assert!(failure.advice.contains("put back to step"), "{failure:?}");
        assert!(failure.advice.contains("GREACE's raw push sinks them"), "{failure:?}");
        wait_for(&mut remote, activity(Activity::Paused)).await;
        tell(&remote, Command::Save).await;
        let bytes =
            wait_for(&mut remote, |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None })
                .await;
        Checkpoint::read(&bytes).expect("every entry of the last good state is a number");
    });
}

#[test]
fn a_centred_push_of_the_same_strength_keeps_the_mean_logit() {
    wait(async {
        let (mut remote, ..) = paused(Delivery::Complete, |config| {
            pushed(config, Push::Centred);
            (config.setup.steps, config.hyper.learning_rate) = (20, 1e-3);
        })
        .await;
        tell(&remote, Command::Run).await;
        loop {
            match event(&mut remote).await {
                Event::Saturation(found) => assert!(found.mean_logit.abs() < 10.0, "{}", found.mean_logit),
                Event::Notice(text) => panic!("{text}"),
                Event::Failed(failure) => panic!("{failure:?}"),
                Event::State(state) if state.activity == Activity::Finished => break,
                _ => {}
            }
        }
    });
}
