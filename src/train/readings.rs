//! What the trainer asked the device for and has not got yet: read without making the next step wait.

use std::{
    collections::VecDeque,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

use web_time::{Duration, Instant};

use crate::gpu::forget_infos;

/// A read from the device that ends in something to tell.
pub type Reading<T> = Pin<Box<dyn Future<Output = Result<T, String>>>>;

/// Reads in flight before the trainer waits: enough to keep the device busy, few enough to keep the picture fresh.
const IN_FLIGHT: usize = 5;

/// Reads in flight, answered in the order in which they were asked for.
pub struct Readings<T> {
    queue: VecDeque<Reading<T>>,
}

impl<T> Default for Readings<T> {
    fn default() -> Self {
        Self { queue: VecDeque::new() }
    }
}

impl<T> Readings<T> {
    /// Adds a read; it begins with the next [`Self::next`].
    pub fn push(&mut self, reading: impl Future<Output = Result<T, String>> + 'static) {
        self.queue.push_back(Box::pin(reading));
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Forgets all reads in flight.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// The oldest answer. Waits for it only where `wait` says so or too many reads are in flight; else None where
    /// it is not there yet.
    pub async fn next(&mut self, wait: bool) -> Option<Result<T, String>> {
        let wait = wait || self.queue.len() > IN_FLIGHT;
        let answer = poll_fn(|context| {
            let Some(oldest) = self.queue.front_mut() else { return Poll::Ready(None) };
            match oldest.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending if wait => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            }
        })
        .await;
        if answer.is_some() {
            self.queue.pop_front();
        }
        answer
    }
}

/// Runs `future`, turning a panic in it (a lost device, an allocation that failed) into an error with its message.
pub async fn guarded<T>(future: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let mut future = std::pin::pin!(future);
    let result = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll,
        Err(panic) => Poll::Ready(Err(message(panic.as_ref()))),
    })
    .await;
    if result.is_err() {
        forget_infos();
    }
    result
}

/// What `future` ends in, and the time it took while it was polled: that in which its thread could do nothing else.
pub async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let mut future = std::pin::pin!(future);
    let mut time = Duration::ZERO;
    let output = poll_fn(|context| {
        let begin = Instant::now();
        let poll = future.as_mut().poll(context);
        time += begin.elapsed();
        poll
    })
    .await;
    (output, time)
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "the computation stopped without saying why".into())
}
