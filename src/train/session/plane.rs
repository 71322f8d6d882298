//! A world seen whole: what both networks say everywhere, from two passes through the main network and one through the
//! other; and the ways of attacks in it.

use std::rc::Rc;

use burn::tensor::{Device, Tensor, TensorData, Transaction};
use rand::{SeedableRng, rngs::StdRng};

use super::shared::{self, Shared, verdicts};
use crate::{
    attack::{Goal, Recipe, Tries, Victim},
    config::{AttackKind, Hyper, Norm},
    data::Dataset,
    gpu::{Slope, WRONG_NUMBER, images::Batch, logit_gradient, read_all, softmax},
    nn::channel::Channel,
    protocol::{
        AttackPath, BORDER, Event, FIELD_SIDE, NONE_MISREAD, PLANE_SIDE, Plane, PlanePoint, READ_SIDE,
        ReadGradient, RunId, TeacherPlane, Traced, border,
    },
    scenario::{GradientTensors, Player, Scenario},
    train::measure::Answer,
};

/// Points that are trained on and drawn, at most.
const TRAINED: usize = 512;
/// Of how many of them the nearest is looked for at each place, at most: each place asks each of them once.
const NEAREST_OF: usize = 4096;
/// How far the plane of gradients reaches: so many times the largest coordinate, and at least so many knees.
const REACH: (f64, f64) = (1.05, 3.0);
/// Tries of Square that are shown, at most.
const SQUARE_TRIES: usize = 32;
/// The knee is at least this share of the largest coordinate.
const LEAST_SHARE: f64 = 1e-9;
/// Keeps its knee from 0 where every gradient is.
const LEAST_KNEE: f64 = 1e-30;

/// What does not change of a world's picture.
#[derive(Debug)]
pub(super) struct Lattice {
    /// The places of the plane as points, `[S, 2, 1, 1]`.
    places: Tensor<4>,
    /// The class of the nearest point that is trained on, of the first [`NEAREST_OF`], `[S, K]`.
    one_hot: Tensor<2>,
    /// The places on the border of a square, from −1 to 1, `[1, B, 2]`.
    border: Tensor<3>,
    /// The places of the plane of gradients, from −1 to 1, `[R, 2, 1, 1]`.
    gradients: Tensor<4>,
    trained: Vec<([u8; 2], u8)>,
    /// Where the held-out points are.
    held_out: Vec<[u8; 2]>,
}

impl Lattice {
    /// That of a world.
    pub fn of(data: &Dataset, device: &Device) -> Rc<Self> {
        let device = device.clone().without_autodiff();
        let points = |pixels: &[u8]| pixels.as_chunks::<2>().0.to_vec();
        let train = points(&data.train.pixels);
        let middles = middles(PLANE_SIDE);
        let nearest = |[x, y]: &[f32; 2]| {
            let square =
                |[a, b]: &[u8; 2]| (f32::from(*a) / 255.0 - x).powi(2) + (f32::from(*b) / 255.0 - y).powi(2);
            let by_distance = |a: &usize, b: &usize| square(&train[*a]).total_cmp(&square(&train[*b]));
            (0..train.len().min(NEAREST_OF))
                .min_by(by_distance)
                .map_or(0, |index| usize::from(data.train.labels[index]))
        };
        let classes = data.classes.len();
        let mut one_hot = vec![0.0f32; middles.len() * classes];
        one_hot.chunks_exact_mut(classes).zip(&middles).for_each(|(row, place)| row[nearest(place)] = 1.0);
        let one_hot = TensorData::new(one_hot, [middles.len(), classes]);
        let both_ways = middles_of(READ_SIDE, |at| 2.0 * at - 1.0);
        let labels = data.train.labels.iter().copied();
        Rc::new(Self {
            places: upload(&middles, &device),
            one_hot: Tensor::from_data(one_hot, &device),
            border: border_places(&device),
            gradients: upload(&both_ways, &device),
            trained: train.into_iter().zip(labels).take(TRAINED).collect(),
            held_out: points(&data.test.pixels),
        })
    }

    /// The places on the borders of the squares about points `[N, 2, 1, 1]`, point by point, `[N · B, 2, 1, 1]`.
    fn borders(&self, points: &Tensor<4>, epsilon: f64) -> Tensor<4> {
        let count = points.dims()[0];
        let places: Tensor<3> = points.clone().reshape([count, 1, 2]) + self.border.clone() * epsilon;
        places.clamp(0.0, 1.0).reshape([count * BORDER, 2, 1, 1])
    }
}

/// Asks for the picture; `tensors` are the gradient tensors of the held-out points at `indices`.
pub(super) fn plane(
    (run, step): (RunId, u64),
    lattice: &Rc<Lattice>,
    (scenario, channel): (&dyn Scenario, &Channel),
    (tensors, indices, labels): (&GradientTensors, &[u32], &[u8]),
    hyper: &Hyper,
) -> impl Future<Output = Result<Plane, String>> + use<> {
    let main = scenario.main();
    let (logits, tapes) = main.network.forward(&main.weights, lattice.places.clone());
    let field = main.network.input_vjp(tapes, logit_gradient(logits.clone(), lattice.one_hot.clone()));
    let scaled = channel.scaled(tensors.gradients.clone());
    let borders = lattice.borders(&tensors.images, hyper.epsilon);
    let borders = main.network.logits(&main.weights, borders);
    let magnitudes = scaled.clone().abs();
    let knee: Tensor<1> = match channel.noise {
        0.0 => magnitudes.clone().mean() + LEAST_KNEE,
        noise => Tensor::full([1], noise, &magnitudes.device()),
    };
    let largest = magnitudes.max();
    // So that the square of their ratio is a number.
    let knee = knee.max_pair(largest.clone() * LEAST_SHARE);
    let reach = (largest * REACH.0).max_pair(knee.clone() * REACH.1);
    let said = scenario.says_of(stretched(&lattice.gradients, &knee, &reach));
    let mut reading = Transaction::default()
        .register(softmax(logits))
        .register(field)
        .register(softmax(tensors.logits.clone()))
        .register(scaled)
        .register(softmax(tensors.auxiliary_logits.clone()))
        .register(Tensor::cat(vec![reach, knee], 0))
        .register(borders);
    let has_read = said.is_some();
    if let Some(said) = said {
        reading = reading.register(softmax(said));
    }
    if let Some(teacher) = scenario.teacher() {
        let (logits, tapes) = teacher.network.forward(&teacher.weights, lattice.places.clone());
        let field = teacher.network.input_vjp(tapes, logit_gradient(logits.clone(), lattice.one_hot.clone()));
        reading = reading.register(softmax(logits)).register(field);
    }
    let shared = shared::registered(scenario, (tensors, indices), hyper, &lattice.gradients, &mut reading);
    let reading = read_all(reading);
    let asked = Asked {
        lattice: Rc::clone(lattice),
        indices: indices.to_vec(),
        labels: indices.iter().map(|index| labels[*index as usize]).collect(),
        origins: tensors.origins.clone(),
        has_read,
        has_teacher: scenario.teacher().is_some(),
        shared,
    };
    let (epsilon, noise) = (hyper.epsilon, channel.noise);
    async move {
        let data = reading.await?;
        let rows: Vec<Vec<f32>> = data
            .into_iter()
            .map(|data| data.try_into_vec().map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        let found = asked.picture(&rows).ok_or(WRONG_NUMBER)?;
        Ok(Plane { run, step, epsilon, noise, ..found })
    }
}

/// Asks for the ways of attacks from a held-out point, which is given with its number. A random start is the same each time,
/// so that a way can be watched as the network changes.
pub(super) fn traced(
    (run, step): (RunId, u64),
    (index, point): (u32, &Batch),
    main: &Player,
    hyper: &Hyper,
) -> impl Future<Output = Result<Answer, String>> + use<> {
    let victim = Victim::new(&main.network, &main.weights);
    let goal = Goal::AwayFrom(point.one_hot.clone());
    let attacks = [
        (AttackKind::Fgsm, Recipe::fgsm(hyper.epsilon)),
        (AttackKind::FgsmExact, Recipe::fgsm(hyper.epsilon).along(Slope::Exact)),
        (AttackKind::Pgd, Recipe::pgd(Norm::Linf, hyper.epsilon, hyper.attack_steps)),
    ];
    let way = |(attack, recipe): (AttackKind, Recipe)| {
        let places = victim.path(&point.images, &goal, &recipe, &mut StdRng::seed_from_u64(index.into()));
        (attack, Tensor::cat(places, 0))
    };
    let ways = attacks.map(way);
    let read = |reading: Transaction, (_, places): &(AttackKind, Tensor<4>)| {
        let logits = main.network.logits(&main.weights, places.clone());
        reading.register(places.clone()).register(logits)
    };
    let random = &mut StdRng::seed_from_u64(index.into());
    let Tries { kept, tried } =
        victim.tries(&point.images, &point.one_hot, (hyper.epsilon, SQUARE_TRIES), random);
    let squares = (AttackKind::Square, Tensor::cat(kept, 0));
    let reading = ways.iter().chain([&squares]).fold(Transaction::default(), read);
    let reading = read_all(reading.register(Tensor::cat(tried, 0)).register(point.one_hot.clone()));
    let (attacks, epsilon) = (ways.map(|(attack, _)| attack), hyper.epsilon);
    async move {
        let mut rows = reading.await?.into_iter().map(|data| data.try_into_vec::<f32>());
        let mut next = || rows.next().ok_or(WRONG_NUMBER)?.map_err(|error| error.to_string());
        let mut paths = Vec::new();
        for attack in attacks {
            let (places, logits) = (next()?, next()?);
            let places = places.as_chunks().0.to_vec();
            let said = verdicts(&logits, places.len()).0.last().copied().ok_or(WRONG_NUMBER)?;
            paths.push(AttackPath { attack, places, tries: Vec::new(), said });
        }
        let [kept, logits, tried, label] = [next()?, next()?, next()?, next()?];
        let label = verdicts(&label, 1).0.first().copied().ok_or(WRONG_NUMBER)?;
        paths
            .push(squares_path(kept.as_chunks().0, &logits, tried.as_chunks().0, label).ok_or(WRONG_NUMBER)?);
        Ok(Answer::Tell(Event::Traced(Box::new(Traced { run, step, index, epsilon, paths }))))
    }
}

/// Square's way until the network said something else than `label`: where it stood before and after each try. None where
/// the answers are too few.
fn squares_path(kept: &[[f32; 2]], logits: &[f32], tried: &[[f32; 2]], label: u8) -> Option<AttackPath> {
    let (said, _) = verdicts(logits, kept.len());
    let end = said.iter().position(|said| *said != label).unwrap_or(said.len().checked_sub(1)?);
    let mut places = kept.get(..=end)?.to_vec();
    places.dedup();
    let tries = tried.get(..end)?.to_vec();
    Some(AttackPath { attack: AttackKind::Square, places, tries, said: said[end] })
}

/// Of which points the device was asked.
struct Asked {
    lattice: Rc<Lattice>,
    indices: Vec<u32>,
    labels: Vec<u8>,
    /// Where the gradients come from.
    origins: Vec<u8>,
    /// Whether the auxiliary network was asked for every gradient.
    has_read: bool,
    /// Whether the teacher was asked for every place.
    has_teacher: bool,
    /// What was asked of the representation that tasks share.
    shared: Option<Shared>,
}

impl Asked {
    /// What its answers show; none where they are too few.
    fn picture(&self, rows: &[Vec<f32>]) -> Option<Plane> {
        let (found, rows) = rows.split_first_chunk::<7>()?;
        let [everywhere, field, of_points, scaled, of_auxiliary, ends, borders] = found;
        let (borders, _) = verdicts(borders, self.indices.len() * BORDER);
        let (said, sure) = verdicts(everywhere, PLANE_SIDE * PLANE_SIDE);
        let (points_said, _) = verdicts(of_points, self.indices.len());
        let (auxiliary_said, _) = verdicts(of_auxiliary, self.origins.len());
        let (of_read, rows) = rows.split_at_checked(usize::from(self.has_read))?;
        let (of_teacher, of_shared) = rows.split_at_checked(2 * usize::from(self.has_teacher))?;
        let (read, read_sure) = match of_read.first() {
            Some(said) => verdicts(said, READ_SIDE * READ_SIDE),
            None => (Vec::new(), Vec::new()),
        };
        let field: &[[f32; 2]] = field.as_chunks().0;
        let teacher = match of_teacher {
            [probabilities, of_teacher] => {
                Some(Box::new(teacher(probabilities, field, of_teacher.as_chunks().0)))
            }
            _ => None,
        };
        let point = |(index, (label, (said, border))): (&u32, (&u8, (u8, &[u8])))| {
            let at = *self.lattice.held_out.get(*index as usize)?;
            Some(PlanePoint {
                index: *index,
                at,
                label: *label,
                said,
                border: nearest_of_border(border, *label),
            })
        };
        let points_said = points_said.into_iter().zip(borders.chunks_exact(BORDER));
        let points = self.indices.iter().zip(self.labels.iter().zip(points_said));
        let gradients = scaled.as_chunks::<2>().0.iter().zip(&self.origins).zip(auxiliary_said);
        Some(Plane {
            said,
            sure,
            flat: field.iter().map(|entries| u8::from(*entries == [0.0; 2])).collect(),
            field: sparse(field),
            points: points.map(point).collect::<Option<_>>()?,
            trained: self.lattice.trained.clone(),
            reach: *ends.first()?,
            knee: *ends.get(1)?,
            read,
            read_sure,
            gradients: gradients
                .map(|((at, origin), read)| ReadGradient { at: *at, origin: *origin, read })
                .collect(),
            teacher,
            shared: match &self.shared {
                Some(asked) => Some(Box::new(asked.picture(of_shared)?)),
                None => None,
            },
            ..Plane::default()
        })
    }
}

/// A teacher's answers beside the student's gradients.
fn teacher(probabilities: &[f32], students: &[[f32; 2]], field: &[[f32; 2]]) -> TeacherPlane {
    let (said, sure) = verdicts(probabilities, PLANE_SIDE * PLANE_SIDE);
    // In f64: squares of small gradients leave f32.
    let cosine = |([a, b], [c, d]): (&[f32; 2], &[f32; 2])| {
        let [a, b, c, d] = [a, b, c, d].map(|entry| f64::from(*entry));
        TeacherPlane::told(((a * c + b * d) / (a.hypot(b) * c.hypot(d))) as f32)
    };
    let cosines = students.iter().zip(field).map(cosine).collect();
    TeacherPlane { said, sure, field: sparse(field), cosines }
}

/// The number of the nearest misread place of a square's border, given what is said of each.
fn nearest_of_border(said: &[u8], label: u8) -> u8 {
    let length = |place: &usize| border(*place)[0].hypot(border(*place)[1]);
    let misread = (0..said.len()).filter(|place| said[*place] != label);
    misread.min_by(|a, b| length(a).total_cmp(&length(b))).map_or(NONE_MISREAD, |place| place as u8)
}

fn border_places(device: &Device) -> Tensor<3> {
    let places: Vec<f32> = (0..BORDER).flat_map(|place| border(place).map(|along| along as f32)).collect();
    Tensor::from_data(TensorData::new(places, [1, BORDER, 2]), device)
}

/// The gradients `[R, 2, 1, 1]` that are drawn at `places` from −1 to 1: the inverse of [`Plane::drawn`].
fn stretched(places: &Tensor<4>, knee: &Tensor<1>, reach: &Tensor<1>) -> Tensor<4> {
    let ratio = reach.clone() / knee.clone();
    let end = (ratio.clone() + (ratio.clone() * ratio + 1.0).sqrt()).log().reshape([1, 1, 1, 1]);
    let along = places.clone() * end;
    (along.clone().exp() - (along * -1.0).exp()) * (knee.clone() * 0.5).reshape([1, 1, 1, 1])
}

/// One in each square of places that an arrow stands for, the one at its middle.
fn sparse(field: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let stride = PLANE_SIDE / FIELD_SIDE;
    let at =
        |arrow: usize| (arrow / FIELD_SIDE * stride + stride / 2, arrow % FIELD_SIDE * stride + stride / 2);
    let arrows = (0..FIELD_SIDE * FIELD_SIDE).map(at);
    arrows.filter_map(|(row, column)| field.get(row * PLANE_SIDE + column)).copied().collect()
}

/// The middles of `side`² squares that cover [0, 1]², the lowest row first.
fn middles(side: usize) -> Vec<[f32; 2]> {
    middles_of(side, |at| at)
}

fn middles_of(side: usize, along: impl Fn(f32) -> f32) -> Vec<[f32; 2]> {
    let middle = |cell: usize| along((cell as f32 + 0.5) / side as f32);
    (0..side * side).map(|place| [middle(place % side), middle(place / side)]).collect()
}

fn upload(points: &[[f32; 2]], device: &Device) -> Tensor<4> {
    let count = points.len();
    Tensor::from_data(TensorData::new(points.concat(), [count, 2, 1, 1]), device)
}
