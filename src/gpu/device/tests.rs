//! What this machine opens.
#![allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]

use super::{Choice, adapters, open};
use crate::gpu::launch::test_device::test_device;

#[test]
fn a_device_opens_once_and_a_software_one_warns() {
    let (Some(first), Some(again)) = (test_device(), test_device()) else { return };
    assert_eq!(first.device, again.device);
    assert!(first.setup.is_some());
    let warns = first.info.notice.as_ref().is_some_and(|notice| notice.contains("--device cpu"));
    assert_eq!(warns, !first.info.is_gpu);
    let error = open(&Choice::Named("no such adapter".into())).unwrap_err().to_string();
    assert!(error.contains(&first.info.name), "{error}");
}

#[test]
fn auto_never_takes_a_software_driver() {
    let opened = open(&Choice::Auto).unwrap();
    assert_eq!(opened.info.is_gpu, opened.setup.is_some());
    assert_eq!(opened.info.is_gpu, opened.info.notice.is_none(), "{:?}", opened.info);
    assert_eq!(
        adapters().iter().filter(|adapter| adapter.is_default).count(),
        usize::from(opened.info.is_gpu)
    );
}
