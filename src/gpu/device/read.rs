//! Reading numbers back from the device, as futures that own what they read.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::{Tensor, TensorData, Transaction};

/// What a read of several tensors ends in where the device is not in its right mind.
pub const WRONG_NUMBER: &str = "the device answered with another number of tensors than asked for";

type Answer = Pin<Box<dyn Future<Output = Result<Vec<TensorData>, String>>>>;

thread_local! {
    /// Reads that nobody waits for any more.
    static FORGOTTEN: RefCell<Vec<Answer>> = const { RefCell::new(Vec::new()) };
}

/// A read of several tensors, in the order in which they were registered; it begins when it is first polled.
///
/// Dropped after that and before it is answered, it is kept until it is: the tensor stack maps a buffer for the answer,
/// which is unmapped only by who got it, and takes that buffer for another read as soon as this one is dropped. That one
/// would find it mapped, and the device would take no more commands.
///
/// # Errors
/// Where the device failed.
pub struct Reading {
    /// None once it is answered.
    answer: Option<Answer>,
    has_begun: bool,
}

/// Reads all tensors of a transaction.
pub fn read_all(transaction: Transaction) -> Reading {
    let answer = transaction.execute_async();
    let answer = Box::pin(async move { answer.await.map_err(|error| error.to_string()) });
    Reading { answer: Some(answer), has_begun: false }
}

/// The entries of `tensor`, row by row.
///
/// # Errors
/// Where the device failed.
pub fn read<const D: usize>(tensor: Tensor<D>) -> impl Future<Output = Result<Vec<f32>, String>> {
    let reading = read_all(Transaction::default().register(tensor));
    async move {
        let entries = reading.await?.into_iter().next().ok_or("the device answered with nothing")?;
        entries.try_into_vec().map_err(|error| error.to_string())
    }
}

impl Future for Reading {
    type Output = Result<Vec<TensorData>, String>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.has_begun = true;
        // Taken out: one that panics is not met again.
        let Some(mut answer) = self.answer.take() else {
            return Poll::Ready(Err("this read was answered before".into()));
        };
        let polled = answer.as_mut().poll(context);
        if polled.is_pending() {
            self.answer = Some(answer);
        } else {
            // The device answers in order: those from before are answered, too.
            finish_forgotten();
        }
        polled
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.has_begun
            && let Some(answer) = self.answer.take()
        {
            // A thread that ends has no reads any more.
            let _ = FORGOTTEN.try_with(|forgotten| forgotten.borrow_mut().push(answer));
        }
    }
}

/// Lets go of the forgotten reads that are answered.
fn finish_forgotten() {
    // Taken out for the same reason.
    let mut reads = FORGOTTEN.take();
    reads.retain_mut(|read| read.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    FORGOTTEN.with_borrow_mut(|forgotten| forgotten.append(&mut reads));
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::gpu::Opened;
    use crate::gpu::launch::test_device::test_device;

    fn forgotten() -> usize {
        FORGOTTEN.with_borrow(Vec::len)
    }

    fn begin(reading: &mut Reading) -> bool {
        Pin::new(reading).poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[test]
    fn a_read_that_is_dropped_leaves_the_device_in_order() {
        let Some(Opened { device, .. }) = test_device() else { return };
        let busy = Tensor::<2>::ones([512, 512], &device);
        let mut begun = 0;
        for round in 0..5_u8 {
            // Long enough to be under way when it is dropped.
            let product = busy.clone().matmul(busy.clone()).matmul(busy.clone()) * f32::from(round);
            let mut reading = read_all(Transaction::default().register(product));
            begun += usize::from(begin(&mut reading));
            drop(reading);
            let entries = Tensor::<2>::full([512, 512], round, &device);
            let entries = pollster::block_on(read(entries)).expect("the device goes on");
            assert!(entries.iter().all(|entry| *entry == f32::from(round)));
            assert_eq!(forgotten(), 0, "what is answered is let go of");
        }
        assert!(begun > 0, "no read was under way");
    }

    #[test]
    fn a_read_that_never_began_is_not_kept() {
        drop(read(Tensor::<1>::ones([2], &Device::flex())));
        assert_eq!(forgotten(), 0);
    }
}
