//! What stands between two nodes of a graph.

use burn::tensor::Device;

use super::dense::Dense;
use super::host::Host;
use super::problem::Problem;

/// A tensor on the device, or a small array on the host.
#[derive(Clone, Debug)]
pub enum Value {
    /// What follows from the image or the weights.
    Dense(Box<Dense>),
    /// Sizes and what follows from them.
    Host(Host),
}

impl Value {
    /// Sizes along each axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Dense(dense) => dense.shape(),
            Self::Host(host) => &host.shape,
        }
    }

    /// On the device.
    pub fn dense(&self, device: &Device) -> Dense {
        match self {
            Self::Dense(dense) => dense.as_ref().clone(),
            Self::Host(host) => host.upload(device),
        }
    }

    /// On the host.
    ///
    /// # Errors
    /// Of a tensor: sizes must not follow from the image.
    pub fn host(&self) -> Result<&Host, Problem> {
        match self {
            Self::Host(host) => Ok(host),
            Self::Dense(dense) => {
                let shape = dense.shape();
                Err(Problem::new(format!(
                    "a size, an axis or an index follows from numbers on the device ({shape:?})"
                )))
            }
        }
    }

    /// The same values outside every autodiff graph.
    pub fn untracked(self) -> Self {
        match self {
            Self::Dense(dense) => dense.untracked().into(),
            Self::Host(_) => self,
        }
    }
}

impl From<Dense> for Value {
    fn from(dense: Dense) -> Self {
        Self::Dense(Box::new(dense))
    }
}

impl From<Host> for Value {
    fn from(host: Host) -> Self {
        Self::Host(host)
    }
}
