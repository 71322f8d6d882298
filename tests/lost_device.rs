//! A GPU that disappears: the trainer says so, lives on, and the last good state can still be saved.
//!
//! On software Vulkan, in a process of its own: it destroys its device.

#[path = "common/adapter.rs"]
mod adapter;
mod common;

use adapter::gpu;
use common::{event, tiny_config, tiny_data, wait_for};
use great_lab::config::Players;
use great_lab::{
    protocol::{Activity, Command, Delivery, Event, RunState},
    train::{checkpoint::Checkpoint, spawn},
};

#[test]
#[allow(clippy::disallowed_methods, reason = "a test has nothing else to do")]
fn a_lost_device_is_told_and_the_last_good_state_is_saved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = tiny_config(&tiny_data(folder.path()));
    let Some(opened) = gpu() else { return };
    let mut remote = spawn(config, &opened, Delivery::Complete).expect("a thread");
    pollster::block_on(async {
        wait_for(&mut remote, |event| {
            matches!(event, Event::State(RunState { activity: Activity::Paused, .. })).then_some(())
        })
        .await;
        // The copy on the host is asked for with the run, and read by the time that another answer comes.
        remote.commands.send(Command::Save).await.expect("the trainer lives");
        wait_for(&mut remote, |event| matches!(event, Event::Saved(_)).then_some(())).await;

        opened.setup.expect("a GPU path").device.destroy();
        remote.commands.send(Command::Step(Players::Both, 1)).await.expect("the trainer lives");
        let failed = |event| if let Event::Failed(failure) = event { Some(failure) } else { None };
        let failure = wait_for(&mut remote, failed).await;
        // Which of its operations the tensor stack blames differs from run to run.
        assert!(failure.what.starts_with("the computation failed: "), "{failure:?}");
        assert!(!failure.what.contains('\n') && !failure.what.contains("acktrace"), "{failure:?}");
        assert!(failure.advice.contains("Save the run"), "{failure:?}");

        remote.commands.send(Command::Save).await.expect("the trainer lives");
        let told = |event| if let Event::Notice(notice) = event { Some(notice) } else { None };
        let notice = wait_for(&mut remote, told).await;
        assert!(notice.contains("as it was at step 0"), "{notice}");
        let saved = |event| if let Event::Saved(bytes) = event { Some(bytes) } else { None };
        let bytes = wait_for(&mut remote, saved).await;
        assert_eq!(Checkpoint::read(&bytes).expect("a whole checkpoint").header.step, 0);
        // It still answers.
        remote.commands.send(Command::Pause).await.expect("the trainer lives");
        event(&mut remote).await;
    });
}
