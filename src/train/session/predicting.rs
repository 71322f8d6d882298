//! What a network says of a picture of somebody's own, and the smallest change found that fools it.

use std::{pin::Pin, rc::Rc};

use burn::tensor::{Device, Tensor, TensorData, Transaction};

use crate::{
    attack::{Pace, Smallest, Victim, smallest_change},
    data::Picture,
    gpu::{Slope, WRONG_NUMBER, read, read_all, softmax},
    nn::{Network, Weights},
    protocol::{Predicted, Sample, likeliest},
};

/// Passes of one picture through the network that a prediction takes in a turn: about what a training step takes.
const A_TURN: u64 = 32;

/// A prediction under way, turn by turn beside training.
pub struct Prediction {
    work: Pin<Box<dyn Future<Output = Result<Predicted, String>>>>,
    pace: Rc<Pace>,
}

impl Prediction {
    /// One that is made by what `make` makes of its pace.
    pub fn new<F>(make: impl FnOnce(Rc<Pace>) -> F) -> Self
    where
        F: Future<Output = Result<Predicted, String>> + 'static,
    {
        let pace = Rc::new(Pace::of(A_TURN));
        Self { work: Box::pin(make(Rc::clone(&pace))), pace }
    }

    /// One turn of it; what it ends in, if it does.
    pub async fn advance(&mut self) -> Option<Result<Predicted, String>> {
        self.pace.turn(&mut self.work).await
    }
}

/// What the network says of the picture, with the gradient tensor of the class that it says, as a [`Sample`] without what an
/// auxiliary network reads; and the smallest change found that fools it, where one is looked for at a pace, and found. In expectation
/// over `draws` where the network draws noise.
///
/// # Errors
/// Where the device failed.
pub async fn predict(
    (network, weights): (&Network, &Weights),
    draws: usize,
    picture: &Picture,
    (device, attacks): (&Device, Option<&Pace>),
) -> Result<(Sample, Option<Smallest>), String> {
    let [c, h, w] = picture.shape;
    let pixels: Vec<f32> = picture.pixels.iter().map(|pixel| f32::from(*pixel) / 255.0).collect();
    let image = Tensor::<4>::from_data(TensorData::new(pixels.clone(), [1, c, h, w]), device);
    let victim = Victim::new(network, weights).with_draws(draws);
    let clean = read(softmax(victim.says(&image))).await?;
    let label = likeliest(&clean);
    let mut one_hot = vec![0.0f32; clean.len()];
    *one_hot.get_mut(label).ok_or("the network has no classes")? = 1.0;
    let one_hot = Tensor::from_data(TensorData::new(one_hot, [1, clean.len()]), device);
    let gradient = victim.gradient(&image, &one_hot, Slope::CrossEntropy);
    let found = match attacks {
        Some(pace) => smallest_change(&victim, &image, label, pace).await?,
        None => None,
    };
    let adversarial = found.as_ref().map_or(image, |found| found.image.clone());
    let reading = Transaction::default()
        .register(gradient)
        .register(softmax(victim.says(&adversarial)))
        .register(adversarial);
    let data = read_all(reading).await?;
    let rows: Vec<Vec<f32>> = data
        .into_iter()
        .map(|data| data.try_into_vec().map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let [gradient, attacked, adversarial] = <[Vec<f32>; 3]>::try_from(rows).map_err(|_| WRONG_NUMBER)?;
    let sample = Sample {
        label,
        image: pixels,
        gradient,
        teacher_gradient: None,
        adversarial,
        clean_probabilities: clean,
        adversarial_probabilities: attacked,
        teacher_probabilities: None,
        auxiliary_probabilities: Vec::new(),
    };
    Ok((sample, found))
}
