//! Worlds are learned, seen whole, and attacked at every place.

use crate::common::{trainer, wait_for};
use great_lab::{
    config::{AttackKind, Config, Mode, Piece, Players, Setup, TargetKind, Threat, WorldKind},
    protocol::{Activity, Command, Delivery, Event, FIELD_SIDE, PLANE_SIDE, Plane, READ_SIDE, Robustness},
};

const STEPS: u64 = 400;

fn config(world: &str, mode: Mode) -> Config {
    let setup = Setup { data: world.into(), mode, steps: STEPS, seed: 2, ..Setup::default() };
    let mut config = Config { setup, ..Config::default() };
    (config.hyper.learning_rate, config.hyper.epsilon) = (1e-2, 0.06);
    (config.hyper.evaluate_every_steps, config.hyper.probe_every_steps) = (0, 0);
    config.hyper.histogram_every_steps = STEPS;
    config
}

/// Trains, and attacks 1,000 held-out points; the world as it was seen at the end, and what the attacks left.
fn run(config: &Config, threats: Vec<Threat>) -> (Plane, Robustness) {
    let mut remote = trainer(config, Delivery::Complete);
    pollster::block_on(async {
        remote.commands.send(Command::Run).await.expect("the trainer lives");
        let plane = wait_for(&mut remote, |event| match event {
            Event::Plane(plane) if plane.step == config.setup.steps => Some(*plane),
            Event::Samples(_) => panic!("a world has no pictures"),
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => None,
        })
        .await;
        remote.commands.send(Command::Evaluate { threats, samples: 1000 }).await.expect("it lives");
        let found = wait_for(&mut remote, |event| match event {
            Event::Robustness(found) if found.complete => Some(*found),
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => None,
        })
        .await;
        (plane, found)
    })
}

fn threat(attack: AttackKind, steps: usize, restarts: usize) -> Threat {
    Threat { attack, target: TargetKind::Untargeted, epsilon: 0.06, steps, restarts }
}

/// The share that an attack left.
fn left(found: &Robustness, attack: AttackKind) -> f64 {
    let curve = found.curves.iter().find(|curve| curve.attack == attack).expect("it was asked for");
    curve.points[0].robust.value()
}

#[test]
fn every_world_is_learned() {
    for world in WorldKind::ALL {
        let mut config = config(world.name(), Mode::Baseline);
        // Arms wind, and squares have corners: these take longer, and more units.
        (config.setup.steps, config.setup.width) = (1500, 2.0);
        if *world == WorldKind::Drawn {
            config.setup.drawing = Piece::find("drawing").expect("a piece").linked().config.setup.drawing;
            config.setup.world_noise = 0.01;
        }
        config.hyper.histogram_every_steps = 1500;
        let (plane, found) = run(&config, Vec::new());
        println!("{world}: {:?}", found.clean);
        // Noise takes one in twenty points across an edge of the squares.
        let least = if *world == WorldKind::Checkerboard { 0.85 } else { 0.93 };
        assert!(found.clean.value() > least, "{world}: {:?}", found.clean);
        assert!(plane.flat.len() == PLANE_SIDE * PLANE_SIDE && plane.trained.len() == 512, "{world}");
    }
}

#[test]
fn no_attack_leaves_less_than_every_place_of_the_square() {
    let threats = vec![
        threat(AttackKind::Fgsm, 1, 1),
        threat(AttackKind::Pgd, 40, 20),
        threat(AttackKind::Square, 200, 1),
        threat(AttackKind::Grid, 33, 1),
        threat(AttackKind::GridL2, 33, 1),
    ];
    let (plane, found) = run(&config("moons", Mode::Baseline), threats);
    let [fgsm, pgd, square, grid, disc] =
        [AttackKind::Fgsm, AttackKind::Pgd, AttackKind::Square, AttackKind::Grid, AttackKind::GridL2]
            .map(|attack| left(&found, attack));
    println!("fgsm {fgsm} pgd {pgd} square {square} grid {grid} disc {disc}, clean {:?}", found.clean);
    assert!(found.clean.value() - grid > 0.03, "there is something to find");
    // What lies between two places of the grid: a hundredth of the points at most.
    assert!(grid <= fgsm.min(pgd).min(square) + 0.01, "every place was looked at");
    assert!(pgd <= grid + 0.02, "twenty starts find what there is, of a network that hides nothing");
    assert!(grid <= disc && disc <= found.clean.value(), "the disc lies in the square");
    let worst = &found.worst[0].points[0].robust;
    assert!(worst.value() <= grid.min(pgd));
    // The picture says the same of the points that it shows, as far as its places are dense.
    let seen = plane.robust(0.06) as f64 / plane.points.len() as f64;
    assert!((seen - grid).abs() < 0.06, "{seen} of {} points against {grid}", plane.points.len());
}

#[test]
fn a_world_is_seen_as_the_networks_see_it() {
    let mut config = config("blobs", Mode::Great);
    config.hyper.gradient_noise = 0.1;
    let (plane, found) = run(&config, Vec::new());
    assert_eq!([plane.said.len(), plane.sure.len()], [PLANE_SIDE * PLANE_SIDE; 2]);
    assert_eq!([plane.read.len(), plane.read_sure.len()], [READ_SIDE * READ_SIDE; 2]);
    assert_eq!(plane.field.len(), FIELD_SIDE * FIELD_SIDE);
    assert_eq!((plane.epsilon, plane.noise), (0.06, 0.1));
    assert!(plane.points.len() > 200 && plane.gradients.len() == plane.points.len());
    // What is said of a point and of the middle of its place differs at boundaries alone.
    let cell = |at: u8| (usize::from(at) * PLANE_SIDE / 256).min(PLANE_SIDE - 1);
    let alike = plane
        .points
        .iter()
        .filter(|point| plane.said[cell(point.at[1]) * PLANE_SIDE + cell(point.at[0])] == point.said);
    assert!(alike.count() * 100 >= plane.points.len() * 98);
    let right = plane.points.iter().filter(|point| point.said == point.label).count();
    assert!((right as f64 / plane.points.len() as f64 - found.clean.value()).abs() < 0.06);
    assert!(
        plane.points.iter().zip(&plane.gradients).all(|(point, gradient)| point.label == gradient.origin)
    );
    // Three classes are said somewhere, and read somewhere.
    for said in [&plane.said, &plane.read] {
        assert!((0..3).all(|class| said.contains(&class)));
    }
}

#[test]
fn the_ways_of_attacks_end_where_the_attacks_do() {
    let mut config = config("moons", Mode::Baseline);
    config.setup.steps = 200;
    config.hyper.histogram_every_steps = 200;
    let mut remote = trainer(&config, Delivery::Complete);
    let (plane, traced) = pollster::block_on(async {
        remote.commands.send(Command::Run).await.expect("the trainer lives");
        let plane = wait_for(&mut remote, |event| match event {
            Event::Plane(plane) if plane.step == 200 => Some(plane),
            _ => None,
        })
        .await;
        // The first is of no point.
        remote.commands.send(Command::Trace(4_000_000)).await.expect("it lives");
        for point in plane.points.iter().take(40) {
            remote.commands.send(Command::Trace(point.index)).await.expect("it lives");
            let traced = wait_for(&mut remote, |event| match event {
                Event::Traced(traced) => Some(*traced),
                _ => None,
            })
            .await;
            // What an attack has found is known of the plane.
            let is_fooled = traced.paths.iter().any(|path| path.said != point.label);
            assert!(
                traced.index == point.index && !(is_fooled && plane.withstands(point, 0.06)),
                "{traced:?}"
            );
        }
        remote.commands.send(Command::Trace(7)).await.expect("it lives");
        let traced = wait_for(&mut remote, |event| match event {
            Event::Traced(traced) => Some(*traced),
            _ => None,
        })
        .await;
        (plane, traced)
    });
    assert_eq!((traced.step, traced.index, traced.epsilon), (200, 7, 0.06));
    let lengths: Vec<_> = traced.paths.iter().map(|path| (path.attack, path.places.len())).collect();
    assert_eq!(lengths[..3], [(AttackKind::Fgsm, 2), (AttackKind::FgsmExact, 2), (AttackKind::Pgd, 11)]);
    let point = traced.paths[0].places[0];
    for path in &traced.paths {
        for place in path.places.iter().chain(&path.tries) {
            let far = (0..2).map(|axis| (place[axis] - point[axis]).abs()).fold(0.0, f32::max);
            assert!(far <= 0.06 + 1e-6 && place.iter().all(|along| (0.0..=1.0).contains(along)), "{path:?}");
        }
    }
    // Square looks at corners, and goes on for as long as it fails.
    let [.., square] = &traced.paths[..] else { panic!("{traced:?}") };
    assert_eq!(square.attack, AttackKind::Square);
    let label = plane.points.iter().find(|point| point.index == 7).expect("it is seen").label;
    assert!(square.tries.len() <= 32 && (square.said != label || square.tries.len() == 32), "{square:?}");
    for place in square.tries.iter().chain(&square.places) {
        for axis in 0..2 {
            let reached = [(point[axis] - 0.06).max(0.0), (point[axis] + 0.06).min(1.0)];
            assert!(reached.iter().any(|end| (end - place[axis]).abs() < 1e-6), "{place:?} about {point:?}");
        }
    }
    // FGSM goes to a corner of the square: where it has a gradient along both coordinates.
    let end = traced.paths[0].places[1];
    assert!((0..2).all(|axis| ((end[axis] - point[axis]).abs() - 0.06).abs() < 1e-6), "{point:?} {end:?}");
}

#[test]
fn tasks_that_need_maps_are_refused_in_words() {
    let mut config = config("fashion-mnist", Mode::Baseline);
    config.setup.scenario = great_lab::config::ScenarioKind::Multitask;
    config.setup.network = great_lab::config::NetworkKind::Mlp;
    let mut remote = trainer(&config, Delivery::Complete);
    let failure = pollster::block_on(wait_for(&mut remote, |event| match event {
        Event::Failed(failure) => Some(failure),
        _ => None,
    }));
    assert!(failure.what.contains("makes no maps"), "{failure:?}");
}

#[test]
fn a_pause_shows_the_world_as_it_stands() {
    let mut config = config("moons", Mode::Baseline);
    (config.setup.steps, config.hyper.histogram_every_steps) = (1_000_000, 1_000_000);
    let mut remote = trainer(&config, Delivery::Complete);
    let (paused, shown) = pollster::block_on(async {
        remote.commands.send(Command::Run).await.expect("the trainer lives");
        wait_for(&mut remote, |event| matches!(event, Event::Report(_)).then_some(())).await;
        remote.commands.send(Command::Pause).await.expect("the trainer lives");
        let paused = wait_for(&mut remote, |event| match event {
            Event::State(state) if state.activity == Activity::Paused && state.step > 0 => Some(state.step),
            _ => None,
        })
        .await;
        let shown = wait_for(&mut remote, |event| match event {
            Event::Plane(plane) => Some(plane.step),
            _ => None,
        })
        .await;
        (paused, shown)
    });
    assert_eq!(shown, paused);
}

#[test]
fn a_step_of_one_network_moves_what_is_its_own() {
    let mut config = config("moons", Mode::Great);
    config.hyper.histogram_every_steps = 50;
    let mut remote = trainer(&config, Delivery::Complete);
    pollster::block_on(async {
        let mut after = async |players, steps, step: u64| {
            remote.commands.send(Command::Step(players, steps)).await.expect("the trainer lives");
            wait_for(&mut remote, |event| match event {
                Event::Plane(plane) if plane.step == step => Some(*plane),
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => None,
            })
            .await
        };
        let before = after(Players::Both, 20, 20).await;
        let auxiliary = after(Players::Auxiliary, 1, 21).await;
        assert_eq!((&auxiliary.said, &auxiliary.sure), (&before.said, &before.sure));
        let places = |plane: &Plane| plane.gradients.iter().map(|gradient| gradient.at).collect::<Vec<_>>();
        assert_eq!(places(&auxiliary), places(&before), "gradients are the main network's");
        assert_ne!(auxiliary.read_sure, before.read_sure, "what is said of them is not");
        let main = after(Players::Main, 1, 22).await;
        assert_ne!(main.sure, auxiliary.sure);
        assert_ne!(places(&main), places(&auxiliary));
    });
}
