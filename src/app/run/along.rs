//! What runs are laid along in charts: steps, passes over the data, time, images.

use crate::config::steps_per_epoch;
use crate::show::number::{count, seconds, short};

/// What an axis along a run counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Along {
    /// Steps.
    #[default]
    Step,
    /// Passes over the batches that fit into the training images.
    Epoch,
    /// Seconds of training.
    Time,
    /// Images that the main network was trained on, each as often as it was.
    Images,
}

impl Along {
    /// All.
    pub const ALL: [Self; 4] = [Self::Step, Self::Epoch, Self::Time, Self::Images];

    /// Its name on a switch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Time => "time",
            Self::Images => "images",
        }
    }

    /// What stands at the axis.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Time => "training time, s",
            Self::Images => "images seen",
        }
    }

    /// A place on it, in words.
    pub fn said(self, at: f64) -> String {
        match self {
            Self::Step => format!("step {}", count(at as u64)),
            Self::Epoch => format!("epoch {}", short(at)),
            Self::Time => format!("after {}", seconds(at)),
            Self::Images => format!("{} images", count(at as u64)),
        }
    }

    /// What a step adds in a run on so many training images, in batches of so many.
    pub fn per_step(self, images: usize, batch_size: usize) -> f64 {
        match self {
            Self::Step => 1.0,
            Self::Epoch => 1.0 / steps_per_epoch(images, batch_size) as f64,
            Self::Time => 0.0,
            Self::Images => batch_size.min(images) as f64,
        }
    }

    /// What a second adds.
    pub const fn per_second(self) -> f64 {
        match self {
            Self::Time => 1.0,
            Self::Step | Self::Epoch | Self::Images => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_a_pass_over_the_batches_that_fit() {
        // Of 1,000 images three batches of 300, of 100 one of all of them.
        assert_eq!(Along::ALL.map(|along| 6.0 * along.per_step(1000, 300)), [6.0, 2.0, 0.0, 1800.0]);
        assert_eq!(Along::ALL.map(|along| along.per_step(100, 8192)), [1.0, 1.0, 0.0, 100.0]);
        assert_eq!(Along::ALL.map(Along::per_second), [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn a_place_is_said_in_words() {
        let said = Along::ALL.map(|along| along.said(1250.0));
        assert_eq!(said, ["step 1,250", "epoch 1250", "after 20 min 50 s", "1,250 images"]);
    }
}
