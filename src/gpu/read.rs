//! Reading numbers back from the device, as futures that own what they read.

use burn::tensor::{Tensor, Transaction};

/// What a read of several tensors ends in where the device is not in its right mind.
pub const WRONG_NUMBER: &str = "the device answered with another number of tensors than asked for";

/// The entries of `tensor`, row by row; the copy is on its way when this returns.
///
/// # Errors
/// Where the device failed.
pub fn read<const D: usize>(tensor: Tensor<D>) -> impl Future<Output = Result<Vec<f32>, String>> {
    let reading = Transaction::default().register(tensor).execute_async();
    async move {
        let data = reading.await.map_err(|error| error.to_string())?;
        let entries = data.into_iter().next().ok_or("the device answered with nothing")?;
        entries.try_into_vec().map_err(|error| error.to_string())
    }
}
