//! Events as a plausible run of GREAT would send them, made up from a closed form: what the tests of every face draw, write
//! and print.

use web_time::Duration;

use super::audit::{Audited, Light, Verdict};
use super::gradients::plane::{
    AttackPath, FIELD_SIDE, NONE_MISREAD, PLANE_SIDE, Plane, PlanePoint, READ_SIDE, ReadGradient,
    SharedPlane, TeacherPlane, Traced,
};
use super::gradients::predicted::Predicted;
use super::gradients::{ClassHistogram, Histograms, PERCENTILES, Sample, Samples};
use super::message::{Activity, Event, RunState};
use super::probe::{Probed, Readings};
use super::robustness::{Curve, Mistakes, Point, Robustness, Share, Verdicts, WorstCase};
use super::run::{Forked, Places, Report, RunId, RunInfo};
use super::saturation::{
    CERTAIN_MARGIN, ImageMargin, Mass, NoiseLevel, Pictures, Saturation, VANISHED_MARGIN,
};
use super::tasks::{Figure, TaskFigures, TaskSample, Tasks, Unit};
use crate::config::{
    AttackKind, Config, DeviceInfo, Hyper, Mode, MultitaskMethod, Norm, ScenarioKind, Setup, TargetKind,
    TaskSet, Threat,
};

/// Class names of Fashion-MNIST.
pub const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Noise in [0, 1) that is the same every time (a linear congruential generator, Knuth's constants).
struct Noise(u64);

impl Noise {
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A run of 3,000 steps.
pub fn config() -> Config {
    Config {
        setup: Setup { mode: Mode::GreatGreace, steps: 3000, ..Setup::default() },
        hyper: Hyper::default(),
    }
}

/// The facts of a run.
pub fn info(run: RunId, config: Config) -> RunInfo {
    RunInfo {
        run,
        config,
        device: DeviceInfo {
            name: "NVIDIA GeForce RTX 4070".into(),
            backend: "Vulkan".into(),
            is_gpu: true,
            has_f16: true,
            notice: None,
        },
        data: "Fashion-MNIST".into(),
        places: Places::default(),
        classes: CLASSES.map(Into::into).to_vec(),
        origins: CLASSES.map(Into::into).to_vec(),
        image_shape: [1, 28, 28],
        input_deviation: None,
        train_images: 10_000,
        test_images: 2_000,
        main_weights: 52_346,
        auxiliary_weights: 31_018,
        teacher_weights: None,
        forked: None,
    }
}

/// A run that is set up.
pub fn started(run: RunId) -> Event {
    info(run, config()).into()
}

/// A run that is a copy of another one after so many steps, with these knobs.
pub fn forked(run: RunId, from: Forked, hyper: Hyper) -> Event {
    let info = info(run, Config { hyper, ..config() });
    RunInfo { forked: Some(from), ..info }.into()
}

/// Names of the tasks of scenes.
pub const TASKS: [&str; 4] = ["class", "depth", "normals", "keypoints"];

/// A run of several tasks.
pub fn started_tasks(run: RunId, method: MultitaskMethod) -> Event {
    let mut info = info(run, config());
    let setup = &mut info.config.setup;
    (setup.scenario, setup.multitask_method, setup.tasks) =
        (ScenarioKind::Multitask, method, TaskSet::Scenes);
    info.origins = TASKS.map(Into::into).to_vec();
    info.into()
}

/// The figures of its tasks: errors are `scale` times the same.
pub fn tasks(run: RunId, step: u64, scale: f64) -> Tasks {
    let mut noise = Noise(step + 11);
    let side = 32;
    let ball = |x: f64, y: f64| (0.09 - (x - 0.5).powi(2) - (y - 0.5).powi(2)).max(0.0).sqrt();
    let map = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f32> {
        let place = |at: usize| (at as f64 + 0.5) / side as f64;
        (0..side * side).map(|pixel| f(place(pixel % side), place(pixel / side)) as f32).collect()
    };
    let depth = map(&|x, y| 1.5 - 9.0 * ball(x, y));
    let flat = |x: f64, y: f64| ball(x, y) == 0.0;
    let normals = [
        map(&|x, y| if flat(x, y) { 0.0 } else { (x - 0.5) / 0.3 }),
        map(&|x, y| if flat(x, y) { 0.0 } else { (y - 0.5) / 0.3 }),
        map(&|x, y| if flat(x, y) { -1.0 } else { -ball(x, y) / 0.3 }),
    ]
    .concat();
    let point = map(&|x, y| (-60.0 * ((x - 0.5).powi(2) + (y - 0.3).powi(2))).exp());
    let mut blurred = |values: &[f32]| -> Vec<f32> {
        values.iter().map(|value| 0.8 * value + 0.15 * (noise.draw() as f32 - 0.5)).collect()
    };
    let shown = (0..4)
        .map(|index| {
            let one_hot = |class: usize| (0..10).map(|k| f32::from(u8::from(k == class))).collect();
            TaskSample {
                input: map(&|x, y| 0.2 + 2.0 * ball(x, y)),
                tasks: vec![
                    [one_hot(index), one_hot(if index == 2 { 7 } else { index })],
                    [depth.clone(), blurred(&depth)],
                    [normals.clone(), blurred(&normals)],
                    [point.clone(), blurred(&point)],
                ],
            }
        })
        .collect();
    let cosines = |apart: f64| {
        (0..16)
            .map(|entry| if entry / 4 == entry % 4 { 1.0 } else { apart * f64::from(entry % 5 - 2) })
            .collect()
    };
    Tasks {
        run,
        step,
        found: TaskFigures {
            tasks: TASKS.map(Into::into).to_vec(),
            figures: figures(scale),
            norms: [vec![0.02, 0.004, 0.0007, 0.0005], vec![0.02, 0.005, 0.0009, 0.0006]],
            cosines: [cosines(0.3), cosines(0.15)],
            map: [8, 8],
            alignment: (0..4)
                .map(|task| (0..64).map(|at| 1.0 + 0.02 * ((at * (task + 3)) % 7) as f32 - 0.06).collect())
                .collect(),
            shown,
            size: [side, side],
        },
    }
}

/// Figures whose errors are `scale` times the same.
fn figures(scale: f64) -> Vec<Vec<Figure>> {
    let error = |name, value, unit| Figure::error(name, scale * value, unit);
    let within =
        |name, value| Figure { is_lower_better: false, ..Figure::error(name, value / scale, Unit::Share) };
    vec![
        vec![error("error", 0.4, Unit::Share), error("balanced error", 0.42, Unit::Share)],
        vec![
            error("RMSE", 0.61, Unit::Metres),
            error("abs", 0.48, Unit::Metres),
            error("rel", 0.21, Unit::One),
        ],
        vec![
            error("mean", 17.3, Unit::Degrees),
            error("median", 12.1, Unit::Degrees),
            within("within 11.25°", 0.45),
            within("within 22.5°", 0.7),
            within("within 30°", 0.8),
        ],
        vec![error("RMSE", 0.08, Unit::One), error("distance", 2.1, Unit::Pixels)],
    ]
}

/// What the trainer does.
pub fn state(run: RunId, activity: Activity, step: u64) -> Event {
    Event::State(RunState { run, activity, step })
}

/// The report of a step: the losses fall, the auxiliary network wins and loses.
pub fn report(run: RunId, step: u64, hyper: Hyper) -> Report {
    let mut noise = Noise(step.wrapping_mul(977) + 1);
    let t = step as f64 / 300.0;
    let fade = (-t).exp();
    let mut jitter = |size: f64| size * (noise.draw() - 0.5);
    let auxiliary_accuracy =
        (0.1 + 0.85 * (1.0 - (-6.0 * t).exp()) * (0.28 + 0.72 * (-0.8 * t).exp()) + jitter(0.06))
            .clamp(0.0, 1.0);
    let confusion = confusion(step, auxiliary_accuracy);
    Report {
        run,
        step,
        // 156 batches of 64 images fit into 10,000.
        epoch: step as f64 / 156.0,
        elapsed: Duration::from_secs_f64(step as f64 / 12.3),
        steps_per_second: 12.3 + jitter(0.6),
        hyper,
        alpha: hyper.ramped_alpha(step, 3000),
        loss: 0.42 + 1.85 * fade + jitter(0.09),
        accuracy: 0.86 - 0.74 * fade + jitter(0.05),
        auxiliary_loss: 2.3 - 2.0 * auxiliary_accuracy + jitter(0.15),
        auxiliary_accuracy,
        gradient_rms: 0.02 * (0.3 + fade) + jitter(0.002),
        confusion,
    }
}

fn confusion(step: u64, accuracy: f64) -> Vec<u32> {
    let mut noise = Noise(step + 7);
    let mut counts = vec![0; 100];
    for row in 0..10 {
        for _ in 0..64 {
            let right = noise.draw() < accuracy;
            let near = [6, 3, 4, 1, 2, 7, 0, 9, 6, 7][row];
            let column = match (right, noise.draw() < 0.4) {
                (true, _) => row,
                (false, true) => near,
                (false, false) => (noise.draw() * 10.0) as usize,
            };
            counts[row * 10 + column] += 1;
        }
    }
    counts
}

/// Edges of quarter octaves from 2⁻⁴⁰ to 2⁸ on either side, and of one bin about zero: as the trainer's.
fn edges() -> Vec<f32> {
    let positive: Vec<f32> = (0..=192).map(|quarter| 2f32.powf(-40.0 + 0.25 * quarter as f32)).collect();
    positive.iter().rev().map(|edge| -edge).chain(positive.iter().copied()).collect()
}

/// Histograms of the ten classes.
pub fn histograms(run: RunId, step: u64) -> Histograms {
    let edges = edges();
    let classes = (0..10)
        .map(|class| {
            let centre = -3.4 + 0.11 * class as f64;
            let mut noise = Noise(step + class);
            let counts: Vec<u32> = edges
                .windows(2)
                .map(|pair| {
                    let middle = f64::from(pair[0].abs().max(1e-9) * pair[1].abs().max(1e-9)).sqrt().log10();
                    let skew = if pair[1] > 0.0 { 1.0 } else { 0.8 };
                    // A steep side towards large entries, a long one towards small.
                    let width = if middle > centre { 0.25 } else { 1.6 };
                    let bell = (-(middle - centre).powi(2) / width).exp();
                    let zeros = if pair[0] < 0.0 && pair[1] > 0.0 { 800.0 } else { 0.0 };
                    (zeros + 900.0 * skew * bell * (0.9 + 0.2 * noise.draw())) as u32
                })
                .collect();
            let spread = 10f64.powf(centre);
            let percentiles: [f64; PERCENTILES.len() + 2] =
                [-40.0, -2.1, -1.2, -0.5, 0.02, 0.55, 1.3, 2.2, 44.0]
                    .map(|deviations: f64| deviations * spread);
            ClassHistogram { counts, mean: 0.02 * spread, deviation: 2.0 * spread, percentiles }
        })
        .collect();
    let distance = 0.34 * (-(step as f64) / 900.0).exp() + 0.05;
    Histograms { run, step, edges, classes, distance, floor: 0.021, comparison: None, before: None }
}

/// What is left of the gradients of 256 images: less and less, and from step 1,000 on of some nothing.
pub fn saturation(run: RunId, step: u64) -> Saturation {
    let mut noise = Noise(step + 5);
    let scale = 1.0 + (step as f64 / 330.0).powi(3);
    let images = (0..256)
        .map(|index| {
            let label = (index * 7 % 10) as u8;
            let margin = (scale * (2.0 * noise.draw() + noise.draw() - 0.4)) as f32;
            ImageMargin {
                index,
                label,
                said: if margin > 0.0 { label } else { (label + 3) % 10 },
                margin,
                probability: if margin >= CERTAIN_MARGIN { 1.0 } else { 1.0 / (1.0 + (-margin).exp()) },
                is_zero: margin > VANISHED_MARGIN,
            }
        })
        .collect();
    let masses = (0..10).map(|class| {
        let right = 0.09 - 0.006 * f64::from(class);
        Mass { right, wrong: 0.1 - right + 0.002 * (f64::from(class) - 4.5) }
    });
    Saturation {
        run,
        step,
        images,
        mean_logit: -2.0 - 0.02 * step as f64,
        masses: masses.collect(),
        noise: None,
    }
}

/// A run on the world of moons.
pub fn started_world(run: RunId) -> Event {
    let mut config = config();
    (config.setup.data, config.setup.mode) = ("moons".into(), Mode::Great);
    config.hyper.epsilon = 0.08;
    let names = ["A", "B"].map(String::from).to_vec();
    let (classes, origins) = (names.clone(), names);
    RunInfo { data: "moons".into(), classes, origins, image_shape: [2, 1, 1], ..info(run, config) }.into()
}

/// Three tasks of the points of that world.
pub fn started_tasks_of_points(run: RunId, method: MultitaskMethod) -> Event {
    let Event::Started(mut info) = started_world(run) else { unreachable!("so it begins") };
    let setup = &mut info.config.setup;
    (setup.scenario, setup.multitask_method) = (ScenarioKind::Multitask, method);
    info.origins = ["class", "place", "distance"].map(Into::into).to_vec();
    Event::Started(info)
}

/// That world: a winding boundary, sure of itself far from it, and without a gradient at the right edge.
pub fn plane(run: RunId, step: u64) -> Plane {
    let mut noise = Noise(step + 9);
    // Above 0 where class 0 is.
    let height = |[x, y]: [f64; 2]| y - 0.5 - 0.22 * (std::f64::consts::TAU * x).sin();
    let slope = |[x, _]: [f64; 2]| [-1.38 * (std::f64::consts::TAU * x).cos(), 1.0];
    let places = |side: usize| {
        let middle = move |cell: usize| (cell as f64 + 0.5) / side as f64;
        (0..side * side).map(move |place| [middle(place % side), middle(place / side)])
    };
    let sureness = |at: [f64; 2]| 1.0 / (1.0 + (-14.0 * height(at).abs()).exp());
    let byte = |share: f64| (255.0 * share).round() as u8;
    let class = |at: [f64; 2]| u8::from(height(at) < 0.0);
    let gradient = |at: [f64; 2], label: u8| {
        let sign = if label == 0 { -1.0 } else { 1.0 };
        slope(at).map(|along| (sign * along * (-9.0 * height(at).abs()).exp()) as f32)
    };
    let points: Vec<PlanePoint> = (0..120)
        .map(|index| {
            let at = [noise.draw(), noise.draw()];
            let said = class(at);
            let label = if height(at).abs() < 0.04 && index % 2 == 0 { 1 - said } else { said };
            PlanePoint { index, at: at.map(byte), label, said, border: NONE_MISREAD }
        })
        .collect();
    let gradients = points.iter().map(|point| {
        let at = gradient(point.place(), point.label);
        ReadGradient { at, origin: point.label, read: u8::from(at[1] > 0.1) }
    });
    Plane {
        run,
        step,
        epsilon: 0.08,
        said: places(PLANE_SIDE).map(class).collect(),
        sure: places(PLANE_SIDE).map(|at| byte(sureness(at))).collect(),
        flat: places(PLANE_SIDE).map(|at| u8::from(at[0] > 0.92)).collect(),
        field: places(FIELD_SIDE).map(|at| gradient(at, class(at))).collect(),
        reach: 1.5,
        knee: 0.2,
        noise: 0.2,
        read: places(READ_SIDE).map(|[_, y]| u8::from(y > 0.52)).collect(),
        read_sure: places(READ_SIDE).map(|[_, y]| byte(0.5 + (y - 0.52).abs())).collect(),
        gradients: gradients.collect(),
        trained: (0..80).map(|_| [noise.draw(), noise.draw()]).map(|at| (at.map(byte), class(at))).collect(),
        points,
        teacher: None,
        shared: None,
    }
}

/// The same world in a distillation: the teacher says the same a little to the side.
pub fn plane_of_student(run: RunId, step: u64) -> Plane {
    let students = plane(run, step);
    let mut said = students.said.clone();
    said.rotate_left(6);
    let cosine = |place: usize| TeacherPlane::told((place % PLANE_SIDE) as f32 / 64.0 - 1.0);
    let cosines = (0..said.len()).map(cosine).collect();
    let teacher = TeacherPlane { said, sure: students.sure.clone(), field: students.field.clone(), cosines };
    Plane { teacher: Some(Box::new(teacher)), ..students }
}

/// The ways of two attacks from a point of that world: one gets nowhere.
pub fn traced(run: RunId, step: u64, index: u32) -> Traced {
    let way = |attack, towards: [f32; 2], said| AttackPath {
        attack,
        places: (0..5).map(|part| towards.map(|along| 0.5 + 0.02 * along * part as f32)).collect(),
        tries: Vec::new(),
        said,
    };
    let corners = [[0.42, 0.42], [0.58, 0.42], [0.42, 0.58], [0.42, 0.58], [0.42, 0.58]];
    let square = AttackPath {
        attack: AttackKind::Square,
        places: corners[2..3].into(),
        tries: corners.into(),
        said: 1,
    };
    let paths = vec![way(AttackKind::Fgsm, [0.0, 0.0], 0), way(AttackKind::Pgd, [0.5, 1.0], 1), square];
    Traced { run, step, index, epsilon: 0.08, paths }
}

/// The same of three tasks, with alignment layers that stretch one axis.
pub fn plane_of_tasks(run: RunId, step: u64) -> Plane {
    let world = plane(run, step);
    let said = (0..READ_SIDE * READ_SIDE).map(|place| u8::from(place % READ_SIDE > READ_SIDE / 2)).collect();
    let places: Vec<[f32; 2]> =
        world.points.iter().map(|point| point.at.map(|at| f32::from(at) / 32.0 - 4.0)).collect();
    let turned = |task: usize| {
        let (sin, cos) = (2.0 * task as f32).sin_cos();
        places.iter().map(move |[x, y]| [0.01 * (cos * x - sin * y), 0.01 * (sin * x + cos * y)])
    };
    let before: Vec<[f32; 2]> = (0..3).flat_map(turned).collect();
    let shared = SharedPlane {
        low: [-4.5, -4.5],
        high: [4.5, 4.5],
        said,
        sure: vec![200; READ_SIDE * READ_SIDE],
        behind: before.iter().map(|[x, y]| [1.6 * x, 0.4 * y]).collect(),
        places,
        before,
    };
    let count = world.points.len();
    let gradients = shared.behind.iter().enumerate().map(|(index, at)| {
        let origin = (index / count) as u8;
        ReadGradient { at: at.map(|along| 20.0 * along), origin, read: origin % 2 }
    });
    Plane { gradients: gradients.collect(), shared: Some(Box::new(shared)), ..world }
}

/// What is said of a picture of somebody's own.
pub fn predicted(run: RunId, step: u64) -> Predicted {
    let Samples { shape, samples, .. } = samples(run, step);
    let sample = samples.into_iter().next().expect("there is one");
    let changes = vec!["640 × 480 pixels, of which the middle 480 × 480 became 28 × 28".into()];
    Predicted { run, step, name: "shoe.jpg".into(), changes, shape, epsilon: 0.02, sample }
}

/// What a fresh auxiliary network reads: more than the running one.
pub fn probed(run: RunId, step: u64) -> Probed {
    let share = |hits| Share { hits, total: 256 };
    let running = share((256.0 * report(run, step, Hyper::default()).auxiliary_accuracy) as u32);
    let (fresh, noiseless) = (share(248), Some(share(251)));
    Probed { run, readings: Readings { step, probe_steps: 64, running, fresh, noiseless } }
}

/// How gradients stand to a channel's noise, class by class.
pub fn noise_level() -> NoiseLevel {
    NoiseLevel {
        deviation: 1.0,
        in_gradient: 1.0 / 30.0,
        signal: (0..10).map(|class| 0.12 + 0.09 * f64::from(class)).collect(),
    }
}

/// The images of these numbers.
pub fn pictures(run: RunId, indices: &[u32]) -> Pictures {
    let image = |index: &u32| pixels(|x, y| garment((*index * 7 % 10) as usize, x, y) as f32);
    Pictures {
        run,
        indices: indices.to_vec(),
        shape: [1, 28, 28],
        pixels: indices.iter().flat_map(image).collect(),
    }
}

/// An evaluation of 256 images.
pub fn robustness(run: RunId, step: u64, complete: bool) -> Robustness {
    let progress = (step as f64 / 1500.0).min(1.0);
    let share = |value: f64| Share { hits: (256.0 * value.clamp(0.0, 1.0)) as u32, total: 256 };
    let clean = 0.45 + 0.39 * progress;
    let curve = |attack, target: TargetKind, weakness: f64| Curve {
        attack,
        target,
        points: [0.025, 0.05, 0.075, 0.1, 0.15]
            .map(|epsilon| Point {
                epsilon,
                robust: share(clean * (-weakness * epsilon / (0.4 + progress)).exp()),
                balanced: share(clean * (-weakness * epsilon / (0.4 + progress)).exp()).value(),
                fooled: if target == TargetKind::Untargeted {
                    Share::default()
                } else {
                    share(0.3 * epsilon)
                },
            })
            .to_vec(),
    };
    let curves = vec![
        curve(AttackKind::Noise, TargetKind::Untargeted, 1.2),
        curve(AttackKind::Fgsm, TargetKind::Untargeted, 14.0),
        curve(AttackKind::Fgsm, TargetKind::Random, 9.0),
        curve(AttackKind::Ifgsm, TargetKind::Untargeted, 26.0),
        curve(AttackKind::Pgd, TargetKind::Untargeted, 34.0),
        curve(AttackKind::Pgd, TargetKind::Random, 18.0),
    ];
    Robustness {
        run,
        step,
        complete,
        progress: if complete { 1.0 } else { 0.4 },
        verdicts: verdicts((run, step), share(clean), &curves),
        clean: share(clean),
        clean_balanced: share(clean).value(),
        class_images: (0..10).map(|class| 25 + u32::from(class < 6)).collect(),
        input_deviation: None,
        curves,
        worst: vec![WorstCase {
            norm: Norm::Linf,
            points: curve(AttackKind::Pgd, TargetKind::Untargeted, 38.0).points,
            median: Some(0.05),
            smallest: (0..256).map(|image| [0.0, 0.025, 0.05, 0.05, 0.1, f64::INFINITY][image % 6]).collect(),
        }],
        mistakes: vec![Mistakes {
            attack: AttackKind::Pgd,
            target: TargetKind::Untargeted,
            epsilon: 0.1,
            confusion: confusion(step, 0.3),
        }],
    }
}

/// Which images these shares are of: mostly the same ones in every run.
fn verdicts((run, step): (RunId, u64), clean: Share, curves: &[Curve]) -> Verdicts {
    let mut noise = Noise(run.wrapping_mul(7919) ^ step);
    let mut images: Vec<(f64, usize)> =
        (0..256).map(|image| ((image * 97 % 256) as f64 + 24.0 * noise.draw(), image)).collect();
    images.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut ranks = vec![0; images.len()];
    images.iter().enumerate().for_each(|(rank, (_, image))| ranks[*image] = rank);
    let right = |share: Share| ranks.iter().map(|rank| *rank < share.hits as usize).collect();
    let of = |curve: &Curve| -> Vec<_> {
        let Curve { attack, target, points } = curve;
        let threat = |epsilon| Threat { attack: *attack, target: *target, epsilon, steps: 10, restarts: 1 };
        points.iter().map(|point| (threat(point.epsilon), right(point.robust))).collect()
    };
    Verdicts { clean: right(clean), threats: curves.iter().flat_map(of).collect() }
}

/// An audit of which one light is red and one is not known.
pub fn audited(run: RunId, step: u64, complete: bool) -> Audited {
    let light = |name: &'static str, verdict, figure: &str| Light {
        name: name.into(),
        verdict,
        figure: figure.into(),
        why: "Where random noise does more harm than the gradient, the gradient points nowhere.".into(),
    };
    let lights = vec![
        light("epsilon-zero", Verdict::Passed, "clean 84.0 %, PGD at ε = 0 84.0 % (n = 256)"),
        light("iterative-beats-one-step", Verdict::Passed, "FGSM 23.8 %, PGD-10 10.5 % (n = 256)"),
        light("larger-epsilon", Verdict::Passed, "38.0 % at ε = 0.050, 10.5 % at 0.100, 0.0 % at 0.200"),
        light("more-steps", Verdict::Failed, "PGD-10 10.5 %, PGD-20 6.2 %, PGD-40 4.3 %"),
        light("square", Verdict::Passed, "Square 31.2 %, all that read gradients 4.3 %"),
        light("transfer", Verdict::Unknown, "it needs a network to make examples on"),
        light(
            "adversary-probe",
            Verdict::Passed,
            "fresh 96.1 % after 350 steps, running 93.8 %, chance 10.0 %",
        ),
    ];
    let progress = if complete { 1.0 } else { 0.3 };
    Audited { run, step, complete, progress, lights }
}

/// Eight images with their gradient tensors.
pub fn samples(run: RunId, step: u64) -> Samples {
    let mut noise = Noise(step + 3);
    let samples = (0..8)
        .map(|index| {
            let label = [9, 2, 1, 6, 5, 8, 3, 7][index];
            let image: Vec<f32> = pixels(|x, y| garment(label, x, y) as f32);
            let gradient: Vec<f32> = pixels(|x, y| {
                let edge = garment(label, x + 0.06, y) - garment(label, x - 0.06, y);
                (0.004 * (edge + 0.25 * (noise.draw() - 0.5))) as f32
            });
            let adversarial =
                image.iter().zip(&gradient).map(|(x, g)| (x + 0.1 * g.signum()).clamp(0.0, 1.0)).collect();
            let wrong = (label + 4) % 10;
            let probabilities = |class: usize, top: f32| {
                let mut all = vec![(1.0 - top) / 9.0; 10];
                all[class] = top;
                all
            };
            Sample {
                label,
                image,
                gradient,
                teacher_gradient: None,
                teacher_probabilities: None,
                adversarial,
                clean_probabilities: probabilities(label, 0.93 - 0.03 * index as f32),
                adversarial_probabilities: if index % 3 == 1 {
                    probabilities(label, 0.58)
                } else {
                    probabilities(wrong, 0.77)
                },
                auxiliary_probabilities: probabilities(if index % 2 == 0 { label } else { wrong }, 0.34),
            }
        })
        .collect();
    Samples { run, step, shape: [1, 28, 28], epsilon: 0.1, samples }
}

fn pixels(mut value: impl FnMut(f64, f64) -> f32) -> Vec<f32> {
    (0..28 * 28).map(|i| value((i % 28) as f64 / 27.0, (i / 28) as f64 / 27.0)).collect()
}

/// Something of a garment: a body whose width and height follow the class, darker to one side.
fn garment(class: usize, x: f64, y: f64) -> f64 {
    let k = class as f64 / 10.0;
    let width = 0.18 + 0.2 * ((4.0 * k + 3.0 * y).sin().abs()) * (0.4 + y * (1.0 - k));
    let inside = (x - 0.5).abs() < width && (0.12 + 0.2 * k..0.92).contains(&y);
    if inside { 0.45 + 0.5 * (x - 0.2 * y).clamp(0.0, 1.0) } else { 0.0 }
}

/// A run of `steps` steps, as it would arrive: reports every 10, histograms every 50, evaluations every 200.
pub fn a_run(run: RunId, steps: u64) -> Vec<Event> {
    let mut hyper = Hyper::default();
    let mut events = vec![started(run), state(run, Activity::Paused, 0), state(run, Activity::Running, 0)];
    for step in (10..=steps).step_by(10) {
        if step == 700 {
            hyper.alpha = 0.25;
        }
        events.push(report(run, step, hyper).into());
        if step % 50 == 0 {
            events.push(histograms(run, step).into());
            events.push(saturation(run, step).into());
        }
        if step % 200 == 0 {
            events.push(samples(run, step).into());
            events.push(robustness(run, step, false).into());
            events.push(robustness(run, step, true).into());
            events.push(audited(run, step, true).into());
            events.push(Event::Probed(probed(run, step)));
        }
    }
    events
}
