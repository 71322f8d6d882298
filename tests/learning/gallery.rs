//! Each run of the gallery shows its point: checked by figures, not by looking.

use crate::common::{trainer, wait_for};
use great_lab::{
    app::STOPS,
    config::{AttackKind, Config, DistillationMethod, Hyper, Mode, Piece, ScenarioKind, link},
    protocol::{Command, Delivery, Event, Histograms, PLANE_SIDE, Plane, Remote, Report, Robustness},
};

/// What there is to see of a run.
#[derive(Default)]
struct Seen {
    reports: Vec<Report>,
    robustness: Option<Robustness>,
    plane: Option<Plane>,
    histograms: Option<Histograms>,
    /// Share of points whose label has a probability of 1.
    certain: f64,
}

impl Seen {
    fn of(config: &Config) -> Self {
        let steps = config.setup.steps;
        let evaluates =
            config.hyper.evaluate_every_steps > 0 && config.setup.scenario == ScenarioKind::Defense;
        let mut remote = trainer(config, Delivery::Complete);
        let mut seen = Self::default();
        pollster::block_on(async {
            remote.commands.send(Command::Run).await.expect("the trainer lives");
            // A machine may be slow: patience is for each event.
            while !seen.is_complete(steps, evaluates) {
                seen.take(wait_for(&mut remote, Some).await);
            }
        });
        seen
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Report(report) => self.reports.push(*report),
            Event::Robustness(found) if found.complete => self.robustness = Some(*found),
            Event::Saturation(found) => self.certain = found.certain().value(),
            Event::Plane(plane) => self.plane = Some(*plane),
            Event::Histograms(found) => self.histograms = Some(*found),
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }

    fn is_complete(&self, steps: u64, evaluates: bool) -> bool {
        let is_reported = self.reports.last().is_some_and(|report| report.step == steps);
        let is_shown = self.histograms.as_ref().is_some_and(|found| found.step == steps);
        let is_attacked = self.robustness.as_ref().is_some_and(|found| found.step == steps);
        is_reported && is_shown && (is_attacked || !evaluates)
    }

    fn latest(&self) -> &Report {
        self.reports.last().expect("there are reports")
    }

    /// Takes in what comes until it holds, at most so many steps.
    async fn go_on(&mut self, remote: &mut Remote, most: u64, holds: impl Fn(&Self) -> bool) {
        let begin = self.reports.last().map_or(0, |report| report.step);
        while self.reports.is_empty() || !holds(self) {
            self.take(wait_for(remote, Some).await);
            let step = self.reports.last().map_or(0, |report| report.step);
            assert!(step <= begin + most, "not within {most} steps: {:?}", self.reports.last());
        }
    }

    /// Share of gradients that the auxiliary network read, the mean over the reports from one step to another.
    fn read(&self, from: u64, to: u64) -> f64 {
        let reports = self.reports.iter().filter(|report| (from..=to).contains(&report.step));
        let read: Vec<f64> = reports.map(|report| report.auxiliary_accuracy).collect();
        read.iter().sum::<f64>() / read.len() as f64
    }

    fn read_at_last(&self) -> f64 {
        let last = self.reports.last().expect("there are reports").step;
        self.read(last * 4 / 5, last)
    }

    fn clean(&self) -> f64 {
        self.robustness.as_ref().expect("it was attacked").clean.value()
    }

    /// What an attack left at the run's own ε.
    fn left(&self, attack: AttackKind) -> f64 {
        let found = self.robustness.as_ref().expect("it was attacked");
        let curve = found.curves.iter().find(|curve| curve.attack == attack).expect("it was tried");
        curve.points[1].robust.value()
    }

    /// What is left of all.
    fn worst(&self) -> f64 {
        self.left(AttackKind::Grid)
    }
}

fn config(name: &str) -> Config {
    Piece::find(name).expect("a piece").linked().config
}

fn play(name: &str) -> Seen {
    Seen::of(&config(name))
}

#[test]
fn what_a_gradient_gives_away_until_great_mixes_it() {
    let [apart, mixed] = ["gives-away", "mixed"].map(play);
    println!("read {}, mixed {}", apart.read_at_last(), mixed.read_at_last());
    // They play on: how far it has fallen at the end differs from processor to processor.
    assert!(apart.read_at_last() > 0.9 && mixed.read_at_last() < 0.75);
    assert!(apart.clean() > 0.97 && mixed.clean() > 0.97);
}

#[test]
fn great_on_moons() {
    let seen = play("moons");
    println!("read {} then {}, left {}", seen.read(100, 200), seen.read_at_last(), seen.worst());
    assert!(seen.read(100, 200) > 0.9 && seen.read_at_last() < 0.65 && seen.clean() > 0.97);
    // Most gradients lie in the ring of the noise.
    let plane = seen.plane.expect("it was seen");
    let inside = |gradient: &&great_lab::protocol::ReadGradient| {
        f64::from(gradient.at[0].hypot(gradient.at[1])) < plane.noise
    };
    assert!(plane.gradients.iter().filter(inside).count() * 2 > plane.gradients.len());
}

#[test]
fn where_great_hurts() {
    let with = play("rings");
    let mut config = config("rings");
    config.hyper.alpha = 0.0;
    let without = Seen::of(&config);
    println!("left {} with, {} without; read {}", with.worst(), without.worst(), with.read_at_last());
    assert!(with.worst() + 0.1 < without.worst() && with.read_at_last() < 0.6);
}

#[test]
fn accurate_is_not_robust_and_two_ways_to_be_both() {
    let [plain, trained, penalised] = ["redundant", "adversarial-training", "gradient-penalty"].map(play);
    for seen in [&plain, &trained, &penalised] {
        println!("clean {}, left {}", seen.clean(), seen.worst());
    }
    assert!(plain.clean() > 0.98 && plain.worst() < 0.3);
    assert!(trained.worst() > 0.7 && penalised.worst() > 0.7);
}

#[test]
fn masked_by_rounding() {
    let seen = play("masked");
    let left = [AttackKind::Fgsm, AttackKind::Pgd, AttackKind::FgsmExact, AttackKind::Grid]
        .map(|attack| seen.left(attack));
    let flat = seen.plane.as_ref().map_or(0, |plane| plane.flat.iter().filter(|flat| **flat > 0).count());
    println!("{left:?}, {flat} places");
    let [fgsm, pgd, exact, grid] = left;
    assert!(fgsm > grid + 0.25 && pgd > grid + 0.25, "plain gradients lead nowhere");
    assert!(exact < grid + 0.1, "the exact direction does");
    assert!(flat > 128 * 128 / 4);
}

#[test]
fn a_thin_place() {
    let seen = play("thin-gap");
    let plane = seen.plane.as_ref().expect("it was seen");
    let lost: Vec<_> = plane.points.iter().filter(|point| !plane.withstands(point, plane.epsilon)).collect();
    let near = lost.iter().filter(|point| (point.place()[0] - 0.5).abs() < 0.2).count();
    println!("left {}, {near} of {} lost points near the middle", seen.worst(), lost.len());
    assert!(seen.worst() > 0.85 && seen.worst() < 1.0);
    assert!(!lost.is_empty() && near * 10 >= lost.len() * 8);
}

#[test]
fn a_drawing_is_learned() {
    let seen = play("drawing");
    let plane = seen.plane.as_ref().expect("it was seen");
    let said = |place: [f64; 2]| {
        let [x, y] = place.map(|along| (along * PLANE_SIDE as f64) as usize);
        plane.said[y * PLANE_SIDE + x]
    };
    let right = plane.points.iter().filter(|point| point.said == point.label).count();
    println!("{right} of {} points", plane.points.len());
    assert!(right * 100 > plane.points.len() * 95);
    // Both eyes and the middle of the mouth; the nose and both cheeks.
    assert_eq!([[0.34, 0.64], [0.66, 0.64], [0.5, 0.26]].map(said), [0; 3]);
    assert_eq!([[0.5, 0.5], [0.25, 0.48], [0.75, 0.48]].map(said), [1; 3]);
}

/// How often the student is right.
fn taught(config: &Config) -> f64 {
    let seen = Seen::of(config);
    let found = seen.histograms.expect("it was seen");
    let comparison = found.comparison.expect("there is a teacher");
    let plane = seen.plane.expect("it was seen");
    let teacher = plane.teacher.expect("there is a teacher");
    assert_eq!([teacher.said.len(), teacher.cosines.len()], [PLANE_SIDE * PLANE_SIDE; 2]);
    // Both say the same of most places, as they do of most images.
    let alike = teacher.said.iter().zip(&plane.said).filter(|(one, other)| one == other).count();
    assert!(
        (alike as f64 / teacher.said.len() as f64 - comparison.agreement.value()).abs() < 0.15,
        "{alike}"
    );
    assert!(teacher.mean_cosine().is_some(), "both have gradients");
    println!("{}: {} {comparison:?}", config.setup.method, found.distance);
    comparison.student.value()
}

#[test]
fn slopes_teach_more_than_labels() {
    let mut config = config("jacobian-matching");
    let right = taught(&config);
    config.setup.method = DistillationMethod::CrossEntropy;
    let alone = taught(&config);
    assert!(right > alone + 0.05, "{right}, alone {alone}");
}

#[test]
fn tasks_pull_apart_until_they_are_aligned() {
    let [apart, aligned] = ["tasks", "alignment"].map(play);
    println!("read {}, aligned {}", apart.read_at_last(), aligned.read_at_last());
    // Chance is a third.
    assert!(apart.read_at_last() > 0.6 && aligned.read_at_last() < 0.45);
    assert!([&apart, &aligned].iter().all(|seen| seen.latest().accuracy > 0.95));
    let shared = |seen: &Seen| seen.plane.clone().and_then(|plane| plane.shared).expect("two numbers");
    let (apart, aligned) = (shared(&apart), shared(&aligned));
    // One scale along both axes, so that an arrow points where its gradient does.
    let span = [0, 1].map(|axis| aligned.high[axis] - aligned.low[axis]);
    assert!((span[0] - span[1]).abs() < 1e-4 * span[0], "{span:?}");
    assert!(
        aligned
            .places
            .iter()
            .all(|place| aligned.share(*place).iter().all(|share| (0.0..=1.0).contains(share)))
    );
    assert!(apart.behind.is_empty() && apart.before.len() == 3 * apart.places.len());
    // A layer multiplies by nothing below 0: no entry changes its sign.
    assert_eq!(aligned.before.len(), aligned.behind.len());
    for (before, behind) in aligned.before.iter().zip(&aligned.behind) {
        assert!((0..2).all(|axis| before[axis] * behind[axis] >= 0.0), "{before:?} {behind:?}");
    }
    assert!(aligned.before != aligned.behind);
}

#[test]
fn great_on_pictures_rises_and_falls() {
    let mut config = config("pictures");
    assert_eq!(config.setup.mode, Mode::Great);
    // What comes after is the same: the ramp is of the whole run.
    config.hyper.evaluate_every_steps = 0;
    config.hyper.probe_every_steps = 0;
    let mut remote = trainer(&config, Delivery::Complete);
    let mut seen = Seen::default();
    pollster::block_on(async {
        remote.commands.send(Command::Run).await.expect("the trainer lives");
        while seen.reports.last().is_none_or(|report| report.step < 450) {
            seen.take(wait_for(&mut remote, Some).await);
        }
    });
    println!("read {} then {}", seen.read(150, 200), seen.read(400, 450));
    assert!(seen.read(150, 200) > 0.6 && seen.read(400, 450) < 0.6);
}

/// What the guided tour says of its first run: nine of ten gradients are read, until α is raised; then less than half, and a
/// third of the points and more are certain.
#[test]
fn the_tour_is_true() {
    let mut config = link::read(STOPS[0].link.expect("the first stop has a run")).config;
    config.hyper.report_every_steps = 50;
    let mut remote = trainer(&config, Delivery::Complete);
    let mut seen = Seen::default();
    let turn = |alpha: f64| Hyper { alpha, ..config.hyper };
    pollster::block_on(async {
        remote.commands.send(Command::Run).await.expect("the trainer lives");
        seen.go_on(&mut remote, 2000, |seen| seen.latest().auxiliary_accuracy > 0.9).await;
        remote.hyper.send(turn(0.1)).expect("it listens");
        seen.go_on(&mut remote, 3000, |seen| seen.latest().auxiliary_accuracy < 0.5).await;
        seen.go_on(&mut remote, 5000, |seen| seen.certain > 0.33).await;
    });
}
