//! The images of a batch that no attack has fooled yet: what is fooled once is fooled for good, and is not attacked again.

use burn::tensor::Tensor;

use super::{
    assault::Assault,
    goal::{Goal, rows},
    victim::Victim,
};
use crate::gpu::read;

/// A batch, what fooled the network, and who is left.
pub(super) struct Survivors<'a> {
    victim: Victim<'a>,
    clean: &'a Tensor<4>,
    goal: &'a Goal,
    /// What fooled the network, else the clean image; `[N, C, H, W]`.
    adversarial: Tensor<4>,
    /// Rows of the batch whose goal is not reached, ascending.
    left: Vec<usize>,
}

impl<'a> Survivors<'a> {
    /// Those whose clean images do not reach the goal.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn of(assault: &Assault<'a>) -> Result<Self, String> {
        let Assault { victim, clean, goal, .. } = *assault;
        let reached = read(goal.reached(victim.says(clean))).await?;
        let left = (0..reached.len()).filter(|row| reached[*row] < 0.5).collect();
        Ok(Self { victim, clean, goal, adversarial: clean.clone(), left })
    }

    /// How many are left.
    pub fn count(&self) -> usize {
        self.left.len()
    }

    /// Images in the whole batch.
    pub fn batch(&self) -> usize {
        self.clean.dims()[0]
    }

    /// Their rows in the batch.
    pub fn rows(&self) -> &[usize] {
        &self.left
    }

    /// Their clean images `[S, C, H, W]`, and the goal for them.
    pub fn part(&self) -> (Tensor<4>, Goal) {
        let rows = rows(&self.left, self.clean);
        (self.clean.clone().select(0, rows.clone()), self.goal.select(&rows))
    }

    /// Those rows of `all`, `[N, C, H, W]`.
    pub fn select(&self, all: Tensor<4>) -> Tensor<4> {
        let rows = rows(&self.left, self.clean);
        all.select(0, rows)
    }

    /// Takes what an attack made of [`Self::part`]; whatever of it reaches the goal is kept, and no longer left.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn record(&mut self, attempt: Tensor<4>) -> Result<(), String> {
        let (_, goal) = self.part();
        let reached = read(goal.reached(self.victim.says(&attempt))).await?;
        let batch = self.batch();
        // Row `batch + i` below is what the attempt made of the i-th survivor.
        let mut sources: Vec<usize> = (0..batch).collect();
        let mut left = Vec::new();
        for (position, row) in self.left.iter().enumerate() {
            if reached[position] < 0.5 {
                left.push(*row);
            } else {
                sources[*row] = batch + position;
            }
        }
        if left.len() < self.left.len() {
            let both = Tensor::cat(vec![self.adversarial.clone(), attempt], 0);
            self.adversarial = both.select(0, rows(&sources, self.clean));
            self.left = left;
        }
        Ok(())
    }

    /// What fooled the network, else the clean image; `[N, C, H, W]`.
    pub fn into_adversarial(self) -> Tensor<4> {
        self.adversarial
    }
}
