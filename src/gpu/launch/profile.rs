//! What each launch costs, for those who ask: its time on the device, what it reads and writes, what it computes.
//!
//! Off, it costs a launch one look at a flag. On, every launch on a GPU is timed, burn's too: by the device's own
//! timestamps where it has them, without waiting. On the CPU backend those operations are timed that say so
//! (`on_host`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cubecl::logging::{
    Duration, LaunchObservation, LaunchObserver, ProfileDuration, TimingMethod, TimingRequest,
};
use serde::Serialize;
use web_time::Instant;

static RECORDING: AtomicBool = AtomicBool::new(false);
static RECORDS: Mutex<Records> = Mutex::new(Records::new());

/// What an operation moves and computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::gpu) struct Work {
    /// Bytes of all it reads and writes, each counted once.
    pub bytes: u64,
    /// Floating-point operations; 0 where nobody counted them.
    pub operations: u64,
}

/// What all launches of one kernel cost together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// The kernel's name with its variant.
    pub name: String,
    /// Whether it is ours; burn's otherwise.
    pub ours: bool,
    /// How often it was launched.
    pub launches: u64,
    /// How long it ran, in milliseconds.
    pub milliseconds: f64,
    /// Bytes in the buffers that it was bound to; 0 for burn's.
    pub bytes: u64,
    /// Floating-point operations; 0 where nobody counts them.
    pub operations: u64,
}

/// A launch, its name, and whether it is ours.
#[derive(Clone)]
struct Launch {
    name: String,
    ours: bool,
    work: Work,
}

/// How long a launch took.
enum Time {
    Known(Duration),
    /// Still on the device.
    Pending(ProfileDuration),
}

struct Records {
    /// Floating-point operations of the launch that comes next.
    operations: u64,
    /// Bytes that it reads and writes, where these are not all of its buffers.
    bytes: Option<u64>,
    /// The launch of ours that comes next.
    announced: Option<Launch>,
    /// The launch whose time comes next.
    current: Option<Launch>,
    launches: Vec<(Launch, Time)>,
}

impl Records {
    const fn new() -> Self {
        Self { operations: 0, bytes: None, announced: None, current: None, launches: Vec::new() }
    }
}

fn records() -> MutexGuard<'static, Records> {
    RECORDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records every launch until it is finished or dropped; one at a time.
pub struct Recording {
    _observation: LaunchObservation,
}

impl Recording {
    /// Begins.
    pub fn start() -> Self {
        *records() = Records::new();
        RECORDING.store(true, Ordering::Relaxed);
        Self { _observation: LaunchObservation::new(Arc::new(Observer)) }
    }

    /// Ends, and waits until the device has told every time; the costliest kernel comes first.
    pub async fn finish(self) -> Vec<Cost> {
        drop(self);
        let launches = std::mem::take(&mut records().launches);
        let mut costs = BTreeMap::<String, Cost>::new();
        for (Launch { name, ours, work }, time) in launches {
            let time = match time {
                Time::Known(duration) => Some(duration),
                Time::Pending(profile) => profile.resolve().await.map(|ticks| ticks.duration()),
            };
            let cost = costs.entry(name).or_insert_with_key(|name| Cost {
                name: name.clone(),
                ours,
                launches: 0,
                milliseconds: 0.0,
                bytes: 0,
                operations: 0,
            });
            cost.launches += 1;
            cost.milliseconds += time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
            cost.bytes += work.bytes;
            cost.operations += work.operations;
        }
        let mut costs: Vec<_> = costs.into_values().collect();
        costs.sort_by(|a, b| b.milliseconds.total_cmp(&a.milliseconds));
        costs
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDING.store(false, Ordering::Relaxed);
    }
}

struct Observer;

impl LaunchObserver for Observer {
    fn launched(&self, kernel: &'static str) {
        let mut records = records();
        let launch = records.announced.take();
        records.current = Some(launch.unwrap_or_else(|| Launch {
            name: format!("burn: {}", short(kernel)),
            ours: false,
            work: Work::default(),
        }));
    }

    fn timing(&self) -> TimingRequest {
        TimingRequest::Deferred
    }

    fn profiled(&self, _: &'static str, profile: ProfileDuration) {
        keep(Time::Pending(profile));
    }

    fn timed(&self, _: &'static str, duration: Duration, _: TimingMethod) {
        keep(Time::Known(duration));
    }
}

fn keep(time: Time) {
    let mut records = records();
    if let Some(launch) = records.current.take() {
        records.launches.push((launch, time));
    }
}

/// Says how many floating-point operations the next launch of ours computes.
pub(in crate::gpu) fn computes(operations: u64) {
    if RECORDING.load(Ordering::Relaxed) {
        records().operations = operations;
    }
}

/// Says how many bytes the next launch of ours reads and writes, where these are not all of its buffers.
pub(in crate::gpu) fn moves(bytes: u64) {
    if RECORDING.load(Ordering::Relaxed) {
        records().bytes = Some(bytes);
    }
}

/// Says what the kernel of ours that is launched next is called, and how many bytes its buffers have.
pub(in crate::gpu) fn launches(label: impl FnOnce() -> String, bytes: impl FnOnce() -> u64) {
    if RECORDING.load(Ordering::Relaxed) {
        let name = label();
        let mut records = records();
        let bytes = records.bytes.take().unwrap_or_else(bytes);
        let work = Work { bytes, operations: std::mem::take(&mut records.operations) };
        records.announced = Some(Launch { name, ours: true, work });
    }
}

/// Runs an operation of ours on the CPU backend.
pub(in crate::gpu) fn on_host<T>(name: &str, work: Work, run: impl FnOnce() -> T) -> T {
    if !RECORDING.load(Ordering::Relaxed) {
        return run();
    }
    let begin = Instant::now();
    let result = run();
    let time = Time::Known(begin.elapsed());
    records().launches.push((Launch { name: name.into(), ours: true, work }, time));
    result
}

/// Runs an operation of ours on the CPU backend whose cost is the reading and writing of that number of floats.
pub(in crate::gpu) fn moving_on_host<T>(name: &str, floats: usize, run: impl FnOnce() -> T) -> T {
    on_host(name, Work { bytes: 4 * floats as u64, operations: 0 }, run)
}

/// The last part of a kernel type's path, without what it is generic over.
fn short(kernel: &str) -> &str {
    let path = kernel.split('<').next().unwrap_or(kernel);
    path.rsplit("::").find(|part| !part.is_empty()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        assert_eq!(short("a::b::Sum<c::D, e::F<G>>"), "Sum");
        assert_eq!(short("plain"), "plain");
    }
}
