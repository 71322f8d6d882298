//! Whether an event could have come from a run: who draws it counts on lists of the lengths that belong together.

use web_time::Duration;

use crate::config::{POINT_SHAPE, knobs::validate};
use crate::protocol::{
    BORDER, Event, FIELD_SIDE, Histograms, NONE_MISREAD, PLANE_SIDE, Plane, READ_SIDE, Report, Robustness,
    RunInfo, Sample, Samples, Saturation, SharedPlane, TaskFigures, TaskSample,
};

/// Classes or origins at most.
const MOST_CLASSES: usize = 1000;
/// Pixels along a side of an image at most, images shown at most, tasks at most: pictures of them lie side by side in
/// textures, whose sides have limits.
const MOST_PIXELS: usize = 128;
/// See [`MOST_PIXELS`].
const MOST_SHOWN: usize = 64;
/// See [`MOST_PIXELS`].
const MOST_TASKS: usize = 24;
/// Points that are drawn of a plane at most.
const MOST_POINTS: usize = 4096;
/// The task whose numbers are no picture.
const CLASS: &str = "class";
/// A run takes no longer: thirty years.
const LONGEST: Duration = Duration::from_secs(1 << 30);

type Checked = Result<(), String>;

/// That it holds, or that this is wrong.
fn must(holds: bool, wrong: &str) -> Checked {
    if holds { Ok(()) } else { Err(wrong.into()) }
}

/// Whether these can be the facts of a run.
pub(super) fn facts(info: &RunInfo) -> Checked {
    validate(&info.config).map_err(|error| error.to_string())?;
    must((1..=MOST_CLASSES).contains(&info.classes.len()), "the number of classes")?;
    must((1..=MOST_CLASSES).contains(&info.origins.len()), "the number of origins")?;
    shape(&info.image_shape).map(|_| ())
}

/// Whether this can be an event of a run with these facts.
pub(super) fn event(event: &Event, info: &RunInfo) -> Checked {
    let of_run = |run| must(run == info.run, "the number of the run");
    match event {
        Event::State(state) => of_run(state.run),
        Event::Report(found) => of_run(found.run).and(report(found, info)),
        Event::Histograms(found) => of_run(found.run).and(histograms(found, info)),
        Event::Samples(found) => of_run(found.run).and(samples(found, info)),
        Event::Plane(found) => of_run(found.run).and(plane(found, info)),
        Event::Saturation(found) => of_run(found.run).and(saturation(found, info)),
        Event::Tasks(found) => of_run(found.run).and(tasks(&found.found)),
        Event::Robustness(found) => of_run(found.run).and(robustness(found, info)),
        Event::Audited(found) => of_run(found.run).and(must(found.complete, "an audit that is not complete")),
        Event::Probed(found) => of_run(found.run),
        Event::Started(_)
        | Event::Preparing(_)
        | Event::Pictures(_)
        | Event::Traced(_)
        | Event::Predicted(_)
        | Event::Saved(_)
        | Event::Checkpoint(_)
        | Event::Stopped(..)
        | Event::GivenUp(_)
        | Event::Notice(_)
        | Event::Failed(_) => Err("such an event is not recorded".into()),
    }
}

/// How many numbers a picture of `[C, H, W]` has.
fn shape(shape: &[usize; 3]) -> Result<usize, String> {
    let [channels, sides @ ..] = shape;
    let is_picture = matches!(channels, 1 | 3) && sides.iter().all(|side| (1..=MOST_PIXELS).contains(side));
    let is_shape = is_picture || *shape == POINT_SHAPE;
    must(is_shape, "the shape of an image")?;
    Ok(shape.iter().product())
}

fn report(report: &Report, info: &RunInfo) -> Checked {
    let origins = info.origins.len();
    must(
        report.confusion.is_empty() || report.confusion.len() == origins * origins,
        "the confusion of a report",
    )?;
    must(report.elapsed <= LONGEST, "the time of a report")
}

fn histograms(found: &Histograms, info: &RunInfo) -> Checked {
    must(found.classes.is_empty() || found.classes.len() == info.origins.len(), "the number of histograms")?;
    let bins = found.edges.len().saturating_sub(1);
    must(found.classes.iter().all(|class| class.counts.len() == bins), "the counts of a histogram")?;
    must(found.edges.windows(2).all(|pair| pair[0] < pair[1]), "the edges of a histogram")?;
    must(found.edges.iter().all(|edge| edge.is_finite()), "the edges of a histogram")?;
    match &found.before {
        Some(before) if before.before.is_some() => Err("histograms inside histograms".into()),
        Some(before) => histograms(before, info),
        None => Ok(()),
    }
}

fn samples(samples: &Samples, info: &RunInfo) -> Checked {
    let numbers = shape(&samples.shape)?;
    must(samples.samples.len() <= MOST_SHOWN, "the number of samples")?;
    let (classes, origins) = (info.classes.len(), info.origins.len());
    let is_sound = |sample: &Sample| {
        let pictures = [&sample.image, &sample.gradient, &sample.adversarial];
        let teacher = sample.teacher_gradient.iter();
        let said = [&sample.clean_probabilities, &sample.adversarial_probabilities];
        sample.label < classes
            && pictures.into_iter().chain(teacher).all(|picture| picture.len() == numbers)
            && said.into_iter().chain(&sample.teacher_probabilities).all(|said| said.len() == classes)
            && sample.auxiliary_probabilities.len() == origins
    };
    must(samples.samples.iter().all(is_sound), "a sample")
}

/// Of the representation that so many tasks share, with so many points.
fn shared(found: &SharedPlane, (classes, tasks): (usize, usize), points: usize) -> Checked {
    must(found.said.len() == READ_SIDE * READ_SIDE, "the places of a representation")?;
    must(found.sure.len() == found.said.len(), "the places of a representation")?;
    must(found.said.iter().all(|class| usize::from(*class) < classes), "the class of a representation")?;
    must(found.places.len() == points, "the points of a representation")?;
    must(found.before.len() == tasks * points, "the gradients of tasks")?;
    must([0, found.before.len()].contains(&found.behind.len()), "the aligned gradients of tasks")
}

fn plane(found: &Plane, info: &RunInfo) -> Checked {
    let (classes, origins) = (info.classes.len(), info.origins.len());
    let all_below = |bytes: &[u8], end: usize| bytes.iter().all(|byte| usize::from(*byte) < end);
    let is_square = |count: usize, side: usize| count == 0 || count == side * side;
    let places = found.said.len();
    must(is_square(places, PLANE_SIDE), "the places of a plane")?;
    must([found.sure.len(), found.flat.len()] == [places; 2], "the places of a plane")?;
    must(all_below(&found.said, classes), "the class of a place")?;
    must(is_square(found.field.len(), FIELD_SIDE), "the arrows of a plane")?;
    if let Some(teacher) = &found.teacher {
        must(
            [teacher.sure.len(), teacher.cosines.len()] == [teacher.said.len(); 2],
            "the places of a teacher",
        )?;
        must(is_square(teacher.said.len(), PLANE_SIDE), "the places of a teacher")?;
        must(all_below(&teacher.said, classes), "the class that a teacher says")?;
        must(is_square(teacher.field.len(), FIELD_SIDE), "the arrows of a teacher")?;
    }
    if let Some(shared) = &found.shared {
        self::shared(shared, (classes, origins), found.points.len())?;
    }
    must(is_square(found.read.len(), READ_SIDE), "the places of a plane of gradients")?;
    must(found.read_sure.len() == found.read.len(), "the places of a plane of gradients")?;
    must(all_below(&found.read, origins), "the origin of a place")?;
    must(found.points.len() <= MOST_POINTS && found.trained.len() <= MOST_POINTS, "the number of points")?;
    let is_border = |border: u8| usize::from(border) < BORDER || border == NONE_MISREAD;
    must(found.points.iter().all(|point| is_border(point.border)), "the border of a point")?;
    let are_classes = found.points.iter().all(|point| all_below(&[point.label, point.said], classes))
        && found.trained.iter().all(|(_, label)| all_below(&[*label], classes));
    must(are_classes, "the class of a point")?;
    must(found.gradients.len() <= 2 * MOST_POINTS, "the number of gradients")?;
    must(
        found.gradients.iter().all(|gradient| all_below(&[gradient.origin, gradient.read], origins)),
        "the origin of a gradient",
    )
}

fn saturation(found: &Saturation, info: &RunInfo) -> Checked {
    let (classes, origins) = (info.classes.len(), info.origins.len());
    let is_class = |class: u8| usize::from(class) < classes;
    must(
        found.images.iter().all(|image| is_class(image.label) && is_class(image.said)),
        "the class of an image",
    )?;
    must(found.masses.is_empty() || found.masses.len() == origins, "the masses of the origins")?;
    must(found.noise.as_ref().is_none_or(|noise| noise.signal.len() == origins), "the signals of the origins")
}

fn tasks(found: &TaskFigures) -> Checked {
    let count = found.tasks.len();
    must((1..=MOST_TASKS).contains(&count) && found.figures.len() == count, "the number of tasks")?;
    must(found.figures.iter().all(|figures| !figures.is_empty()), "the figures of a task")?;
    must(found.norms.iter().all(|norms| norms.len() == count), "the norms of the tasks")?;
    must(found.cosines.iter().all(|cosines| cosines.len() == count * count), "the cosines of the tasks")?;
    let [rows, columns] = found.map;
    let map = rows.checked_mul(columns);
    must(found.alignment.iter().all(|weights| Some(weights.len()) == map), "an alignment layer")?;
    must(found.alignment.is_empty() || found.alignment.len() == count, "the alignment layers")?;
    let [height, width] = found.size;
    let pixels = shape(&[1, height, width])?;
    let is_picture =
        |task: &String, numbers: usize| task == CLASS || numbers > 0 && numbers.is_multiple_of(pixels);
    let is_sound = |sample: &TaskSample| {
        let mut pairs = found.tasks.iter().zip(&sample.tasks);
        sample.input.len() == pixels
            && sample.tasks.len() == count
            && pairs.all(|(task, pair)| pair.iter().all(|numbers| is_picture(task, numbers.len())))
    };
    must(found.shown.len() <= MOST_SHOWN && found.shown.iter().all(is_sound), "an image of the tasks")
}

fn robustness(found: &Robustness, info: &RunInfo) -> Checked {
    let classes = info.classes.len();
    must(found.complete, "an evaluation that is not complete")?;
    must(found.class_images.len() <= classes, "the images of the classes")?;
    must(
        found.mistakes.iter().all(|mistakes| mistakes.confusion.len() == classes * classes),
        "the mistakes",
    )?;
    let counted = |share: &crate::protocol::Share| share.hits <= share.total;
    let points = found.curves.iter().flat_map(|curve| &curve.points);
    let points = points.chain(found.worst.iter().flat_map(|case| &case.points));
    must(points.clone().all(|point| counted(&point.robust) && counted(&point.fooled)), "a share above 1")?;
    must(points.clone().all(|point| point.epsilon.is_finite() && point.epsilon >= 0.0), "a radius")?;
    must(counted(&found.clean), "a share above 1")?;
    must(found.verdicts.are_of(found.clean.total), "which images were right")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MultitaskMethod;
    use crate::protocol::made_up;

    #[test]
    fn a_representation_belongs_to_its_points_and_tasks() {
        let Event::Started(info) = made_up::started_tasks_of_points(1, MultitaskMethod::Great) else {
            panic!("so it begins")
        };
        let of = |change: fn(&mut SharedPlane)| {
            let mut found = made_up::plane_of_tasks(1, 10);
            change(found.shared.as_mut().expect("it is of tasks"));
            plane(&found, &info)
        };
        assert_eq!(of(|_| {}), Ok(()));
        assert_eq!(of(|shared| shared.behind.clear()), Ok(()), "a method without alignment");
        let damaged: [fn(&mut SharedPlane); 5] = [
            |shared| shared.places.push([0.0; 2]),
            |shared| shared.before.truncate(3),
            |shared| shared.behind.truncate(3),
            |shared| shared.said[7] = 2,
            |shared| shared.sure.clear(),
        ];
        assert!(damaged.into_iter().all(|change| of(change).is_err()));
    }
}
