//! What a run is asked to show of itself: each a read from the device that ends in an event.

use burn::tensor::{Tensor, TensorData, Transaction};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use web_time::Duration;

use crate::protocol::{
    Checkpointed, ClassHistogram, Comparison, Event, Histograms, PERCENTILES, Pictures, RunId, Sample,
    Samples, Share, Tasks,
};
use crate::{
    attack::{Goal, Recipe, Victim},
    config::{Hyper, Norm},
    gpu::{
        WRONG_NUMBER,
        bins::{BINS, COLUMNS, edges, jensen_shannon_distance, percentiles},
        gradient_normalization::Scale,
        histogram,
        histogram::MOMENTS,
        hits,
        images::DeviceImages,
        normalize_gradient, read, read_all, softmax,
    },
    scenario::{GradientTensors, Measures, Player, Preparation, State, multitask::PendingFigures},
};

/// What a read ends in.
#[allow(clippy::large_enum_variant, reason = "one exists at a time; smaller on a page")]
pub enum Answer {
    /// Something to tell as it is.
    Tell(Event),
    /// The bytes of a checkpoint of so many steps, to be kept in case the device is lost.
    Kept(u64, Vec<u8>),
    /// A checkpoint that was due, none where not all of its numbers are finite; after how many steps, and what making it
    /// took.
    Checkpoint {
        /// Steps done.
        step: u64,
        /// The checkpoint, or why there is none.
        checkpoint: Result<Option<Checkpointed>, String>,
        /// Time that training stood still for it.
        cost: Duration,
    },
    /// A world's picture.
    World {
        /// What is told.
        plane: Event,
        /// Time that training stood still for it.
        cost: Duration,
    },
    /// How a teacher's training goes, to be checked before it is told.
    Prepared {
        /// How far it is.
        preparation: Preparation,
        /// The averages.
        measures: Measures,
        /// What its last step started from: steps done by the student, and all networks.
        measured: (u64, State),
    },
    /// A report, to be checked before it is told.
    Measured {
        /// Steps done.
        step: u64,
        /// The knobs of the last step.
        hyper: Hyper,
        /// What the adversary weighed in it.
        alpha: f64,
        /// The averages.
        measures: Measures,
        /// What the last step started from: steps done, and all networks.
        measured: (u64, State),
    },
}

/// Histograms of gradient tensors by origin, of which there are so many, their distance, its floor from origins shuffled
/// by `seed`, and student beside teacher.
pub fn histograms(
    run: RunId,
    step: u64,
    tensors: GradientTensors,
    origins: usize,
    seed: u64,
) -> impl Future<Output = Result<Answer, String>> + use<> {
    let compared = compare(&tensors);
    let images = tensors.images.dims()[0] as u32;
    let of: Vec<i32> = tensors.origins.iter().map(|origin| i32::from(*origin)).collect();
    let mut shuffled = of.clone();
    shuffled.shuffle(&mut StdRng::seed_from_u64(seed));
    let count = |reading: Transaction, gradients: Tensor<4>| {
        let [n, c, h, w] = gradients.dims();
        let gradients: Tensor<2> = gradients.reshape([n, c * h * w]);
        let upload =
            |origins: &[i32]| Tensor::from_data(TensorData::new(origins.to_vec(), [n]), &gradients.device());
        let by_origin = histogram(gradients.clone(), upload(&of), origins);
        let by_chance = histogram(gradients.clone(), upload(&shuffled), origins);
        reading.register(by_origin.counts).register(by_chance.counts).register(by_origin.moments)
    };
    let reading =
        [Some(tensors.gradients), tensors.before].into_iter().flatten().fold(Transaction::default(), count);
    let reading = match compared {
        Some(compared) => reading.register(compared),
        None => reading,
    };
    let reading = read_all(reading);
    async move {
        let data = reading.await?;
        let (sets, compared) = data.as_chunks::<3>();
        let mut histograms = sets.iter().map(|set| of_counts(run, step, set));
        let mut behind = histograms.next().ok_or(WRONG_NUMBER)?;
        behind.before = histograms.next().map(Box::new);
        let compared = compared.first().map(|sums| sums.iter::<f32>().collect::<Vec<_>>());
        behind.comparison = compared.and_then(|sums| comparison(&sums, images));
        Ok(Answer::Tell(Event::Histograms(Box::new(behind))))
    }
}

/// The histograms of counts by origin, counts by shuffled origin, and moments by origin.
fn of_counts(run: RunId, step: u64, [by_origin, by_chance, moments]: &[TensorData; 3]) -> Histograms {
    let counts = counts_by_class(by_origin);
    let moments: Vec<f32> = moments.iter::<f32>().collect();
    let edges = edges();
    Histograms {
        run,
        step,
        distance: jensen_shannon_distance(&counts),
        floor: jensen_shannon_distance(&counts_by_class(by_chance)),
        classes: counts
            .into_iter()
            .zip(moments.chunks_exact(MOMENTS))
            .map(|(counts, moments)| class_histogram(counts, moments, &edges))
            .collect(),
        edges,
        comparison: None,
        before: None,
    }
}

/// What the tasks of a run have come to.
pub fn tasks(
    run: RunId,
    step: u64,
    figures: PendingFigures,
) -> impl Future<Output = Result<Answer, String>> + use<> {
    let read = figures.read();
    async move {
        let tasks = Tasks { run, step, found: read.await? };
        Ok(Answer::Tell(Event::Tasks(Box::new(tasks))))
    }
}

/// Right by the student, right by the teacher, said alike, sum of cosines: `[4]`; none where there is no teacher.
fn compare(tensors: &GradientTensors) -> Option<Tensor<1>> {
    let teacher = tensors.teacher_logits.clone()?;
    let [n, c, h, w] = tensors.images.dims();
    let gradients: Tensor<3> = tensors.gradients.clone().reshape([2, n, c * h * w]);
    let of = |network: usize| gradients.clone().narrow(0, network, 1).reshape([n, c * h * w]);
    // Divided by its root mean square, a gradient has a length that does not underflow when squared.
    let unit = |rows: Tensor<2>| {
        let rows = rows.reshape([n, c, h, w]);
        normalize_gradient(rows, Scale::RootMeanSquare).reshape([n, c * h * w])
    };
    let cosines = (unit(of(0)) * unit(of(1))).sum() / (c * h * w) as f64;
    let said = |logits: Tensor<2>| logits.argmax(1);
    let alike = said(tensors.logits.clone()).equal(said(teacher.clone())).int().sum().float();
    let right = |logits: Tensor<2>| hits(logits, tensors.one_hot.clone()).count;
    Some(Tensor::cat(vec![right(tensors.logits.clone()), right(teacher), alike, cosines], 0))
}

/// From the sums of [`compare`] over so many images.
fn comparison(sums: &[f32], images: u32) -> Option<Comparison> {
    let [student, teacher, alike, cosines] = sums else { return None };
    let share = |hits: &f32| Share { hits: *hits as u32, total: images };
    Some(Comparison {
        student: share(student),
        teacher: share(teacher),
        agreement: share(alike),
        cosine: f64::from(*cosines) / f64::from(images),
    })
}

/// The bins of each class, without the column of what is not finite.
fn counts_by_class(data: &TensorData) -> Vec<Vec<u32>> {
    let counts: Vec<u32> = data.iter::<i64>().map(|count| count as u32).collect();
    counts.chunks_exact(COLUMNS).map(|columns| columns[..BINS].to_vec()).collect()
}

/// `moments`: sum, sum of squares, smallest, largest.
fn class_histogram(counts: Vec<u32>, moments: &[f32], edges: &[f32]) -> ClassHistogram {
    let entries: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    if entries == 0 {
        return ClassHistogram { counts, ..ClassHistogram::default() };
    }
    let [sum, squares, min, max] = [0, 1, 2, 3].map(|index| f64::from(moments[index]));
    let mean = sum / entries as f64;
    let inner = percentiles(&counts, edges, min, max, &PERCENTILES);
    let mut all = [min; PERCENTILES.len() + 2];
    all[1..=PERCENTILES.len()].copy_from_slice(&inner);
    all[PERCENTILES.len() + 1] = max;
    let deviation = (squares / entries as f64 - mean * mean).max(0.0).sqrt();
    ClassHistogram { mean, deviation, percentiles: all, counts }
}

/// Most images that are shown at once.
const MOST_PICTURES: usize = 32;

/// The first [`MOST_PICTURES`] of the `held_out` images at `indices`, as far as there are such.
pub fn pictures(
    run: RunId,
    held_out: &DeviceImages,
    mut indices: Vec<u32>,
) -> impl Future<Output = Result<Answer, String>> + use<> {
    indices.retain(|index| (*index as usize) < held_out.len());
    indices.truncate(MOST_PICTURES);
    let shape = held_out.shape();
    let pixels = (!indices.is_empty()).then(|| read(held_out.gather(&indices).images));
    async move {
        let pixels = match pixels {
            Some(pixels) => pixels.await?,
            None => Vec::new(),
        };
        Ok(Answer::Tell(Event::Pictures(Box::new(Pictures { run, indices, shape, pixels }))))
    }
}

/// A few images with their gradient tensors and PGD examples.
pub fn samples(
    run: RunId,
    step: u64,
    tensors: GradientTensors,
    main: &Player,
    hyper: &Hyper,
) -> impl Future<Output = Result<Answer, String>> + use<> {
    let victim = Victim::new(&main.network, &main.weights);
    let goal = Goal::AwayFrom(tensors.one_hot.clone());
    let epsilon = hyper.epsilon;
    let recipe = Recipe::pgd(Norm::Linf, epsilon, hyper.attack_steps);
    let adversarial = victim.perturb(&tensors.images, &goal, &recipe, &mut StdRng::seed_from_u64(step));
    let adversarial_logits = main.network.logits(&main.weights, adversarial.clone());
    let [n, c, h, w] = tensors.images.dims();
    let has_teacher = tensors.teacher_logits.is_some();
    let teacher_logits = tensors.teacher_logits.unwrap_or_else(|| tensors.logits.clone());
    let shown = Transaction::default()
        .register(tensors.one_hot)
        .register(tensors.images)
        .register(tensors.gradients)
        .register(adversarial)
        .register(softmax(tensors.logits))
        .register(softmax(adversarial_logits))
        .register(softmax(tensors.auxiliary_logits))
        .register(softmax(teacher_logits));
    let read = read_all(shown);
    async move {
        let data = read.await?;
        let rows: Vec<Vec<f32>> = data
            .into_iter()
            .map(|data| data.try_into_vec().map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        let [one_hot, images, gradients, adversarial, clean, attacked, auxiliary, teacher] = rows.as_slice()
        else {
            return Err(WRONG_NUMBER.into());
        };
        let classes = one_hot.len() / n;
        let origins = auxiliary.len() / (gradients.len() / (c * h * w));
        let part = |values: &[f32], index: usize, size: usize| values[index * size..][..size].to_vec();
        let sample = |index: usize| Sample {
            label: one_hot[index * classes..][..classes].iter().position(|flag| *flag > 0.5).unwrap_or(0),
            image: part(images, index, c * h * w),
            gradient: part(gradients, index, c * h * w),
            teacher_gradient: has_teacher.then(|| part(gradients, n + index, c * h * w)),
            adversarial: part(adversarial, index, c * h * w),
            clean_probabilities: part(clean, index, classes),
            adversarial_probabilities: part(attacked, index, classes),
            teacher_probabilities: has_teacher.then(|| part(teacher, index, classes)),
            auxiliary_probabilities: part(auxiliary, index, origins),
        };
        let samples = (0..n).map(sample).collect();
        Ok(Answer::Tell(Event::Samples(Box::new(Samples { run, step, shape: [c, h, w], epsilon, samples }))))
    }
}
