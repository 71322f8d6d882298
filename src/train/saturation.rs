//! How much `f32` and the channel's noise leave of gradient tensors, from tensors that are computed anyway.

use burn::tensor::{Tensor, TensorData, Transaction};

use super::measure::Answer;
use crate::{
    gpu::{WRONG_NUMBER, read_all, softmax},
    nn::channel::Channel,
    protocol::{ImageMargin, Mass, NoiseLevel, RunId, Saturation, likeliest},
    scenario::GradientTensors,
};

/// What is left of the gradients of the held-out images at `indices`, whose `tensors` these are; `labels` are of all
/// held-out images, and `channel` is what the auxiliary network reads through.
pub fn saturation(
    (run, step): (RunId, u64),
    tensors: &GradientTensors,
    (indices, labels): (&[u32], &[u8]),
    channel: &Channel,
) -> impl Future<Output = Result<Answer, String>> + use<> {
    let own = match &tensors.loss_gradients {
        Some(own) => own.clone(),
        None => tensors.gradients.clone().narrow(0, 0, indices.len()),
    };
    let mut reading = margins_reading(tensors.logits.clone(), own);
    reading = reading.register(softmax(tensors.auxiliary_logits.clone()));
    let deviation = channel.noise;
    if deviation > 0.0 {
        let scaled = channel.scaled(tensors.gradients.clone());
        reading = reading.register(mean_squares(tensors.gradients.clone())).register(mean_squares(scaled));
    }
    let reading = read_all(reading);
    let (indices, labels, origins) = (indices.to_vec(), labels.to_vec(), tensors.origins.clone());
    async move {
        let rows = floats(reading.await?)?;
        let (margins, rest) = rows.split_first_chunk::<3>().ok_or(WRONG_NUMBER)?;
        let (said, squares) = rest.split_first().ok_or(WRONG_NUMBER)?;
        let (images, sum) = images(margins, &indices, &labels);
        let noise = match squares {
            [raw, scaled] => Some(noise_level(deviation, raw, scaled, (&origins, said.len()))),
            _ => None,
        };
        let found = Saturation {
            run,
            step,
            mean_logit: sum / margins[0].len() as f64,
            images,
            masses: masses(said, &origins),
            noise,
        };
        Ok(Answer::Tell(found.into()))
    }
}

/// How sure a network with these `logits` `[N, K]` is of the held-out images at `indices`, whose gradient tensors are
/// `gradients` `[N, C, H, W]`; and the sum of all logits.
///
/// # Errors
/// Where the device failed.
pub async fn margins(
    logits: Tensor<2>,
    gradients: Tensor<4>,
    (indices, labels): (&[u32], &[u8]),
) -> Result<(Vec<ImageMargin>, f64), String> {
    let rows = floats(read_all(margins_reading(logits, gradients)).await?)?;
    let rows = rows.first_chunk::<3>().ok_or(WRONG_NUMBER)?;
    Ok(images(rows, indices, labels))
}

/// Logits and softmax, `[N, K]` each, and the largest entry of each gradient tensor, `[N]`.
fn margins_reading(logits: Tensor<2>, gradients: Tensor<4>) -> Transaction {
    let [n, c, h, w] = gradients.dims();
    let largest = gradients.abs().reshape([n, c * h * w]).max_dim(1);
    Transaction::default().register(logits.clone()).register(softmax(logits)).register(largest)
}

fn floats(data: Vec<TensorData>) -> Result<Vec<Vec<f32>>, String> {
    data.into_iter().map(|data| data.try_into_vec().map_err(|error| error.to_string())).collect()
}

/// Mean square of each tensor's entries, `[M]`.
fn mean_squares(tensors: Tensor<4>) -> Tensor<2> {
    let [m, c, h, w] = tensors.dims();
    (tensors.clone() * tensors).reshape([m, c * h * w]).mean_dim(1)
}

/// From logits, probabilities and largest entries; and the sum of the logits.
fn images(rows: &[Vec<f32>; 3], indices: &[u32], labels: &[u8]) -> (Vec<ImageMargin>, f64) {
    let [logits, probabilities, largest] = rows;
    let classes = logits.len() / indices.len().max(1);
    let image = |(at, index): (usize, &u32)| {
        let label = labels[*index as usize];
        let row = &logits[at * classes..][..classes];
        let said = likeliest(row);
        let others = row.iter().enumerate().filter(|(class, _)| *class != usize::from(label));
        let rival = others.map(|(_, logit)| *logit).fold(f32::NEG_INFINITY, f32::max);
        ImageMargin {
            index: *index,
            label,
            said: said as u8,
            margin: row[usize::from(label)] - rival,
            probability: probabilities[at * classes + usize::from(label)],
            is_zero: largest[at] == 0.0,
        }
    };
    let sum = logits.iter().map(|logit| f64::from(*logit)).sum();
    (indices.iter().enumerate().map(image).collect(), sum)
}

/// Shares of the probabilities `said`, `[M, origins]`, of `M` tensors that come from `of`.
fn masses(said: &[f32], of: &[u8]) -> Vec<Mass> {
    let origins = said.len() / of.len().max(1);
    let mut masses = vec![Mass::default(); origins];
    for (row, own) in said.chunks_exact(origins.max(1)).zip(of) {
        for (origin, (mass, probability)) in masses.iter_mut().zip(row).enumerate() {
            let share = f64::from(*probability) / of.len() as f64;
            *if origin == usize::from(*own) { &mut mass.right } else { &mut mass.wrong } += share;
        }
    }
    masses
}

/// From the mean squares of tensors that come from `of`, as they are and scaled; `said` entries are of all origins.
fn noise_level(deviation: f64, raw: &[f32], scaled: &[f32], (of, said): (&[u8], usize)) -> NoiseLevel {
    let root_mean = |squares: &[f32], is_counted: &dyn Fn(u8) -> bool| {
        let counted = squares.iter().zip(of).filter(|(_, own)| is_counted(**own));
        let (sum, count) =
            counted.fold((0.0, 0u32), |(sum, count), (square, _)| (sum + f64::from(*square), count + 1));
        (sum / f64::from(count)).sqrt()
    };
    let origins = said / of.len().max(1);
    NoiseLevel {
        deviation,
        in_gradient: deviation * root_mean(raw, &|_| true) / root_mean(scaled, &|_| true),
        signal: (0..origins)
            .map(|origin| root_mean(scaled, &|own| usize::from(own) == origin) / deviation)
            .collect(),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits for what it checks")]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::{
        config::{AuxiliaryReads, Normalization},
        gpu::logit_gradient,
        protocol::{CERTAIN_MARGIN, Event, Share, VANISHED_MARGIN},
    };

    const CLASSES: usize = 5;

    /// Logits of 40 images, times `factor`, and their labels; the gradient tensor is that at the logits itself.
    fn look(factor: f32) -> (GradientTensors, Vec<u32>, Vec<u8>) {
        let n = 40;
        let labels: Vec<u8> = (0..2 * n as u8).map(|image| image * 3 % CLASSES as u8).collect();
        // Every other held-out image, the last first.
        let indices: Vec<u32> = (0..n as u32).rev().map(|image| 2 * image).collect();
        let origins: Vec<u8> = indices.iter().map(|index| labels[*index as usize]).collect();
        let logit = |at: usize| ((at * at) as f32 * 0.37).sin() * 3.0 - 0.5;
        let mut logits: Vec<f32> = (0..n * CLASSES).map(|at| factor * logit(at)).collect();
        for (row, origin) in logits.chunks_exact_mut(CLASSES).zip(&origins) {
            row[usize::from(*origin)] += factor * 2.0;
        }
        (tensors(logits, &origins), indices, labels)
    }

    fn tensors(logits: Vec<f32>, origins: &[u8]) -> GradientTensors {
        let (n, device) = (origins.len(), Device::flex());
        let one_hot: Vec<f32> = origins
            .iter()
            .flat_map(|own| (0..CLASSES).map(move |class| f32::from(u8::from(class == usize::from(*own)))))
            .collect();
        let of = |values: Vec<f32>| Tensor::<2>::from_data(TensorData::new(values, [n, CLASSES]), &device);
        let (logits, one_hot) = (of(logits), of(one_hot));
        let gradients = logit_gradient(logits.clone(), one_hot.clone()).reshape([n, 1, 1, CLASSES]);
        GradientTensors {
            images: gradients.zeros_like(),
            auxiliary_logits: logits.clone() * 0.1,
            one_hot,
            logits,
            teacher_logits: None,
            gradients,
            loss_gradients: None,
            before: None,
            origins: origins.to_vec(),
        }
    }

    fn found(tensors: &GradientTensors, of: (&[u32], &[u8]), channel: &Channel) -> Saturation {
        let answer = pollster::block_on(saturation((1, 7), tensors, of, channel)).expect("the CPU answers");
        let Answer::Tell(Event::Saturation(found)) = answer else { panic!("another event") };
        *found
    }

    const QUIET: Channel = Channel {
        reads: AuxiliaryReads::Gradient,
        normalization: Normalization::Constant,
        scale: 30.0,
        batch: 64,
        noise: 0.0,
    };

    /// Largest first, in `f64`.
    fn plain_margin(row: &[f32], label: usize) -> f64 {
        let rival = (0..row.len()).filter(|class| *class != label).map(|class| f64::from(row[class]));
        f64::from(row[label]) - rival.fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn figures_are_those_of_a_plain_computation_also_where_f32_saturates() {
        for factor in [1.0, 50.0] {
            let (tensors, indices, labels) = look(factor);
            let logits: Vec<f32> = tensors.logits.clone().into_data().try_to_vec().expect("f32");
            let gradients: Vec<f32> = tensors.gradients.clone().into_data().try_to_vec().expect("f32");
            let said = found(&tensors, (&indices, &labels), &QUIET);
            let mean = logits.iter().map(|logit| f64::from(*logit)).sum::<f64>() / logits.len() as f64;
            assert!((said.mean_logit - mean).abs() < 1e-9 && said.noise.is_none() && said.step == 7);
            let (mut certain, mut zero) = (0, 0);
            for (at, image) in said.images.iter().enumerate() {
                let (row, label) =
                    (&logits[at * CLASSES..][..CLASSES], usize::from(labels[indices[at] as usize]));
                assert_eq!((image.index, usize::from(image.label)), (indices[at], label));
                let margin = plain_margin(row, label);
                // One rounding of a difference of numbers up to 250.
                assert!((f64::from(image.margin) - margin).abs() <= margin.abs() * 1e-7, "{image:?}");
                assert_eq!(margin > 0.0, usize::from(image.said) == label);
                // p_y rounds to 1 where the others' sum is at most 2⁻²⁴; here no rival is near another.
                let others: f64 = row
                    .iter()
                    .enumerate()
                    .filter(|(class, _)| *class != label)
                    .map(|(_, logit)| (f64::from(*logit) - f64::from(row[label])).exp())
                    .sum();
                assert_eq!(image.probability == 1.0, others <= 0.5f64.powi(24), "{others} {image:?}");
                certain += u32::from(image.probability == 1.0);
                let is_zero = gradients[at * CLASSES..][..CLASSES].iter().all(|entry| *entry == 0.0);
                assert_eq!(image.is_zero, is_zero);
                assert_eq!(is_zero, margin > f64::from(VANISHED_MARGIN), "{image:?}");
                zero += u32::from(is_zero);
            }
            assert_eq!(said.certain(), Share { hits: certain, total: 40 });
            assert_eq!(said.zero(), Share { hits: zero, total: 40 });
            assert_eq!((certain > 0, zero > 0), (factor > 1.0, factor > 1.0), "× {factor}");
        }
    }

    #[test]
    fn the_edges_are_exact() {
        let margins = [16.6, CERTAIN_MARGIN - 1e-3, CERTAIN_MARGIN + 1e-3, 103.9, VANISHED_MARGIN + 1e-3];
        // A single rival: the others are out of reach.
        let rows = margins.iter().flat_map(|margin| [*margin, 0.0, -300.0, -300.0, -300.0]);
        let tensors = tensors(rows.collect(), &[0; 5]);
        let said = found(&tensors, (&[0, 1, 2, 3, 4], &[0; 5]), &QUIET);
        let seen: Vec<_> =
            said.images.iter().map(|image| (image.probability == 1.0, image.is_zero)).collect();
        assert_eq!(seen, [(false, false), (false, false), (true, false), (true, false), (true, true)]);
    }

    #[test]
    fn masses_sum_to_one_and_know_right_from_wrong() {
        let said = [0.7, 0.2, 0.1, 0.3, 0.6, 0.1, 0.25, 0.25, 0.5];
        let masses = masses(&said, &[0, 0, 2]);
        let close = |found: f64, expected: f64| assert!((found - expected / 3.0).abs() < 1e-7, "{found}");
        close(masses[0].right, 1.0);
        close(masses[0].wrong, 0.25);
        close(masses[1].right, 0.0);
        close(masses[1].wrong, 1.05);
        close(masses[2].right, 0.5);
        close(masses[2].wrong, 0.2);
        let all: f64 = masses.iter().map(|mass| mass.right + mass.wrong).sum();
        assert!((all - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_signal_is_held_against_the_noise_origin_by_origin() {
        let (tensors, indices, labels) = look(1.0);
        let channel = Channel { noise: 0.5, ..QUIET };
        let level = found(&tensors, (&indices, &labels), &channel).noise.expect("there is noise");
        assert!((level.in_gradient - 0.5 / 30.0).abs() < 1e-7, "what is scaled by 30 and has 0.5 added");
        let gradients: Vec<f32> = tensors.gradients.into_data().try_to_vec().expect("f32");
        for (origin, signal) in level.signal.iter().enumerate() {
            let own = gradients.chunks_exact(CLASSES).zip(&tensors.origins);
            let own: Vec<f64> = own
                .filter(|(_, from)| usize::from(**from) == origin)
                .flat_map(|(entries, _)| entries.iter().map(|entry| f64::from(*entry)))
                .collect();
            let rms = (own.iter().map(|entry| entry * entry).sum::<f64>() / own.len() as f64).sqrt();
            assert!((signal - 30.0 * rms / 0.5).abs() < 1e-5 * signal, "{origin}: {signal}");
        }
    }
}
