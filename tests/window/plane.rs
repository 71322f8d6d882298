//! A world in the window: seen whole, in place of samples.

use egui::{ColorImage, Pos2, Theme, Vec2};
use great_lab::app::Options;
use great_lab::config::{MultitaskMethod, Players};
use great_lab::protocol::made_up::{self, plane, started, started_world, state};
use great_lab::protocol::{Activity, Command, Event};

use super::Bench;

/// Names of the panes that lie in the window.
fn shown(bench: &mut Bench) -> Vec<&'static str> {
    bench.harness.run();
    bench.lab(|lab| lab.pane_rects().iter().map(|(name, _)| *name).collect())
}

#[test]
fn a_world_has_a_plane_and_pictures_have_samples() {
    let mut bench = Bench::new();
    bench.tell([started(1), state(1, Activity::Paused, 0)]);
    let before = shown(&mut bench);
    assert!(before.contains(&"samples") && !before.contains(&"plane"), "{before:?}");
    bench.tell([started_world(2), state(2, Activity::Paused, 0)]);
    let after = shown(&mut bench);
    assert!(after.contains(&"plane") && !after.contains(&"samples"), "{after:?}");
}

#[test]
fn a_point_is_chosen_in_either_plane_and_marked_in_both() {
    if !super::snapshots::can_draw("a chosen point") {
        return;
    }
    let mut bench = Bench::with(Vec2::new(680.0, 520.0), Theme::Dark, Options::default());
    bench.tell([started_world(1), state(1, Activity::Paused, 1240), plane(1, 1240).into()]);
    bench.click("Enlarge Plane");
    let look = |bench: &mut Bench, name: &str| {
        bench.harness.remove_cursor();
        bench.picture(name).expect("software Vulkan draws")
    };
    let plain = look(&mut bench, "plane-plain.png");
    let rect = bench.lab(|lab| lab.pane_rects()[0].1);
    let changed = |other: &ColorImage, from: usize, to: usize| {
        let places = (0..plain.height()).flat_map(|y| (from..to).map(move |x| (x, y)));
        places.filter(|place| plain[*place] != other[*place]).count()
    };
    let (middle, end) = (rect.center().x as usize, plain.width());
    for (half, said, name) in [(0.25, "Click: its ball", "left"), (0.75, "Click: its point", "right")] {
        // Along lines through the plane until a point is near.
        let places = (0..60).map(|step| {
            let across = half - 0.12 + 0.02 * (step % 12) as f32;
            Pos2::new(rect.left() + rect.width() * across, rect.center().y - 40.0 + 20.0 * (step / 12) as f32)
        });
        let at = places.into_iter().find(|at| {
            bench.harness.hover_at(*at);
            bench.harness.run();
            bench.sees(said)
        });
        let at = at.expect("there are points");
        let click = |bench: &mut Bench| {
            bench.harness.drag_at(at);
            bench.harness.drop_at(at);
            bench.harness.run();
        };
        bench.commands();
        click(&mut bench);
        let commands = bench.commands();
        let [Command::Trace(index)] = &commands[..] else { panic!("{commands:?}") };
        bench.tell([Event::Traced(Box::new(made_up::traced(1, 1240, *index)))]);
        assert!(bench.sees("fgsm → A, pgd → B, square → B"));
        let marked = look(&mut bench, &format!("plane-{name}.png"));
        let halves = [changed(&marked, 0, middle), changed(&marked, middle, end)];
        assert!(halves.iter().all(|count| *count > 20), "{name}: {halves:?}");
        click(&mut bench);
        let again = look(&mut bench, &format!("plane-{name}-again.png"));
        assert_eq!(changed(&again, 0, end), 0, "the same click takes it back");
    }
}

#[test]
fn in_slow_motion_one_network_steps_after_the_other_and_says_what_it_does() {
    let mut bench = Bench::with(Vec2::new(680.0, 520.0), Theme::Dark, Options::default());
    bench.tell([started_world(1), state(1, Activity::Running, 1240), plane(1, 1240).into()]);
    bench.click("Enlarge Plane");
    bench.commands();
    bench.click("slow motion");
    assert!(matches!(&bench.commands()[..], [Command::Pause]), "the run rests meanwhile");
    bench.tell([state(1, Activity::Paused, 1240)]);
    assert!(matches!(&bench.commands()[..], [Command::Step(Players::Auxiliary, 1)]));
    assert!(bench.sees("Auxiliary step: h, which reads gradients"));
    let wait = |bench: &mut Bench| {
        #[expect(clippy::disallowed_methods, reason = "time has to pass, and nothing comes meanwhile")]
        std::thread::sleep(std::time::Duration::from_millis(2600));
        bench.harness.run();
    };
    // As long as nothing has come of it, nothing more is asked for.
    wait(&mut bench);
    assert!(bench.commands().is_empty());
    let mut moved = plane(1, 1241);
    moved.read.iter_mut().take(70).for_each(|origin| *origin = 1 - *origin);
    moved.said.clone_from(&plane(1, 1240).said);
    bench.tell([moved.into(), state(1, Activity::Paused, 1241)]);
    assert!(
        bench.sees("marked: 0 places of the left picture, 70 of the right one")
            && bench.commands().is_empty()
    );
    wait(&mut bench);
    assert!(matches!(&bench.commands()[..], [Command::Step(Players::Main, 1)]));
    assert!(bench.sees("Main step: it descends"));
    // Somebody else takes steps: it is over.
    bench.tell([state(1, Activity::Paused, 1250), plane(1, 1250).into()]);
    assert!(!bench.sees("Main step") && bench.commands().is_empty());
}

#[test]
fn a_student_is_seen_beside_its_teacher() {
    let mut bench = Bench::with(Vec2::new(680.0, 520.0), Theme::Dark, Options::default());
    let seen = made_up::plane_of_student(1, 1240);
    bench.tell([started_world(1), state(1, Activity::Paused, 1240), seen.into()]);
    bench.click("Enlarge Plane");
    assert!(bench.sees("what the student says"));
    bench.click("teacher");
    assert!(bench.sees("what the teacher says"));
    bench.click("angle");
    // From -1 at the left to 1 at the right.
    assert!(bench.sees("green: gradients point alike, red: opposed; mean cosine"));
    // A defence has no teacher.
    bench.tell([plane(1, 1290).into()]);
    assert!(bench.sees("what the network says") && !bench.sees("mean cosine"));
}

#[test]
fn tasks_are_seen_at_the_representation_that_they_share() {
    let mut bench = Bench::with(Vec2::new(680.0, 520.0), Theme::Dark, Options::default());
    let seen = made_up::plane_of_tasks(1, 1240);
    let world = made_up::started_tasks_of_points(1, MultitaskMethod::Great);
    bench.tell([world, state(1, Activity::Paused, 1240), seen.into()]);
    bench.click("Enlarge Plane");
    assert!(bench.sees("points, by class: what the network says") && bench.sees("gradients, by task: read"));
    if !super::snapshots::can_draw("a representation") {
        return;
    }
    let look = |bench: &mut Bench, name: &str| {
        bench.harness.remove_cursor();
        bench.picture(name).expect("software Vulkan draws")
    };
    let points = look(&mut bench, "plane-of-tasks-points.png");
    bench.click("representation");
    assert!(bench.sees("representation: what the class's decoder says"));
    assert!(bench.sees("∇s of class place distance") && bench.sees("pale: before alignment"));
    let shared = look(&mut bench, "plane-of-tasks.png");
    let changed = |one: &ColorImage, other: &ColorImage| {
        one.pixels.iter().zip(&other.pixels).filter(|(a, b)| a != b).count()
    };
    assert!(changed(&points, &shared) > 10_000, "another picture");
    // Without arrows there are points alone.
    bench.click("∇s");
    let bare = look(&mut bench, "plane-of-tasks-bare.png");
    assert!(changed(&bare, &shared) > 500, "{}", changed(&bare, &shared));
    bench.click("∇s");
    // Of tasks with an encoder each, only the first is seen there, and nothing is aligned.
    let alone = made_up::started_tasks_of_points(2, MultitaskMethod::SingleTask);
    let mut seen = made_up::plane_of_tasks(2, 10);
    seen.shared.as_mut().expect("it is of tasks").behind.clear();
    bench.tell([alone, state(2, Activity::Paused, 10), seen.into()]);
    assert!(bench.sees("∇s of class ") && !bench.sees("∇s of class place") && !bench.sees("pale: before"));
}
