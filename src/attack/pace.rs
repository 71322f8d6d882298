//! How long attacks leave others go on: each counts its passes through the network, and pauses after some.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

/// Passes, and whether to pause between them.
#[derive(Debug, Default)]
pub struct Pace {
    /// Passes between two pauses; 0 for no pause at all.
    a_turn: u64,
    passes: Cell<u64>,
    paused: Cell<bool>,
}

impl Pace {
    /// Pauses after every `passes`; never where that is 0.
    pub fn of(passes: u64) -> Self {
        Self { a_turn: passes, ..Self::default() }
    }

    /// Passes since the last [`Self::restart`].
    pub fn passes(&self) -> u64 {
        self.passes.get()
    }

    /// Counts from 0 again.
    pub fn restart(&self) {
        self.passes.set(0);
    }

    /// Counts a pass of a batch through the network, there and perhaps back; where a turn's worth is done, pauses.
    pub(super) async fn pass(&self) {
        self.passes.set(self.passes.get() + 1);
        if self.a_turn > 0 && self.passes.get().is_multiple_of(self.a_turn) {
            self.paused.set(true);
            // Whoever pauses an attack polls it again, so nobody needs to be woken.
            poll_fn(|_| if self.paused.get() { Poll::Pending } else { Poll::Ready(()) }).await;
        }
    }

    /// Polls `work` to its end, or to its next pause, which is None.
    pub async fn turn<T>(&self, work: &mut (dyn Future<Output = T> + Unpin)) -> Option<T> {
        let mut work = std::pin::Pin::new(work);
        self.paused.set(false);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.paused.get() => Poll::Ready(None),
            // It waits for the device, which wakes it.
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}
