//! What is recorded of a run, how much room each kind of event may take, and what stays of an event whose details are given up.

use std::mem::size_of;

use crate::protocol::{
    ClassHistogram, Event, Histograms, ImageMargin, Light, Mass, Plane, Point, Report, Robustness, Samples,
    Saturation, TaskFigures, Tasks, Verdicts,
};

/// Bytes of a mebibyte.
const MIB: usize = 1 << 20;

/// The kinds of events that are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// They lose their confusion first.
    Reports,
    /// They lose their counts.
    Histograms,
    /// Pictures are all that they have.
    Samples,
    /// All that they have is the picture of a plane.
    Planes,
    /// They lose their images.
    Saturations,
    /// They lose their pictures.
    Tasks,
    /// They lose what befell each image.
    Evaluations,
    /// Some are left out.
    Audits,
    /// Some are left out.
    Probes,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 9] = [
        Self::Reports,
        Self::Histograms,
        Self::Samples,
        Self::Planes,
        Self::Saturations,
        Self::Tasks,
        Self::Evaluations,
        Self::Audits,
        Self::Probes,
    ];

    /// Bytes that its events may take.
    pub(super) const fn room(self) -> usize {
        match self {
            Self::Reports => 16 * MIB,
            Self::Histograms | Self::Samples | Self::Planes | Self::Saturations => 4 * MIB,
            Self::Tasks | Self::Evaluations => 2 * MIB,
            Self::Audits | Self::Probes => MIB,
        }
    }

    /// That of an event, and its step; none of those that are not recorded.
    pub(super) fn of(event: &Event) -> Option<(Self, u64)> {
        match event {
            Event::Report(report) => Some((Self::Reports, report.step)),
            Event::Histograms(found) => Some((Self::Histograms, found.step)),
            Event::Samples(samples) => Some((Self::Samples, samples.step)),
            Event::Plane(found) => Some((Self::Planes, found.step)),
            Event::Saturation(found) => Some((Self::Saturations, found.step)),
            Event::Tasks(tasks) => Some((Self::Tasks, tasks.step)),
            Event::Robustness(found) => found.complete.then_some((Self::Evaluations, found.step)),
            Event::Audited(audited) => audited.complete.then_some((Self::Audits, audited.step)),
            Event::Probed(probed) => Some((Self::Probes, probed.readings.step)),
            Event::State(_)
            | Event::Started(_)
            | Event::Preparing(_)
            | Event::Pictures(_)
            | Event::Traced(_)
            | Event::Predicted(_)
            | Event::Saved(_)
            | Event::Checkpoint(_)
            | Event::Stopped(..)
            | Event::GivenUp(_)
            | Event::Notice(_)
            | Event::Failed(_) => None,
        }
    }
}

/// What stays of an event whose details are given up; none of kinds of which nothing does.
pub(super) fn husk(event: &Event) -> Option<Event> {
    match event {
        Event::Report(report) => Some(without_confusion(report).into()),
        Event::Histograms(found) => Some(without_counts(found).into()),
        Event::Samples(samples) => {
            let Samples { run, step, shape, epsilon, .. } = **samples;
            Some(Samples { run, step, shape, epsilon, samples: Vec::new() }.into())
        }
        Event::Plane(found) => Some(without_places(found).into()),
        Event::Saturation(found) => {
            let Saturation { run, step, mean_logit, .. } = **found;
            Some(Saturation { run, step, images: vec![], mean_logit, masses: vec![], noise: None }.into())
        }
        Event::Tasks(tasks) => Some(without_pictures(tasks).into()),
        Event::Robustness(found) => Some(without_images(found).into()),
        _ => None,
    }
}

/// Whether an event has its details: those of which a recording had no room for all are there without.
pub fn is_whole(event: &Event) -> bool {
    match event {
        Event::Report(report) => !report.confusion.is_empty(),
        Event::Histograms(found) => !found.classes.is_empty(),
        Event::Samples(samples) => !samples.samples.is_empty(),
        Event::Plane(found) => found.is_whole(),
        Event::Saturation(found) => !found.images.is_empty(),
        Event::Tasks(tasks) => !(tasks.found.shown.is_empty() && tasks.found.alignment.is_empty()),
        Event::Robustness(found) => {
            !found.mistakes.is_empty() || found.worst.iter().any(|case| !case.smallest.is_empty())
        }
        _ => true,
    }
}

/// Bytes that an event takes in memory, as nearly as it matters.
pub(super) fn memory(event: &Event) -> usize {
    let floats = |count: usize| count * size_of::<f32>();
    size_of::<Event>()
        + match event {
            Event::Report(report) => size_of::<Report>() + floats(report.confusion.len()),
            Event::Histograms(found) => of_histograms(found),
            Event::Samples(samples) => {
                let pictures =
                    3 + usize::from(samples.samples.iter().any(|one| one.teacher_gradient.is_some()));
                size_of::<Samples>()
                    + floats(
                        samples.samples.len() * (pictures * samples.shape.iter().product::<usize>() + 64),
                    )
            }
            Event::Plane(found) => {
                // A byte is up to four characters of a line.
                let bytes = [&found.said, &found.sure, &found.flat, &found.read, &found.read_sure];
                let places: usize = bytes.iter().map(|bytes| 3 * bytes.len()).sum();
                let points = found.points.len() + found.trained.len() + 2 * found.gradients.len();
                let teacher = found.teacher.as_ref().map_or(0, |teacher| 9 * teacher.said.len());
                let shared = found.shared.as_ref().map_or(0, |shared| {
                    let pairs = shared.places.len() + shared.before.len() + shared.behind.len();
                    6 * shared.said.len() + 8 * floats(pairs)
                });
                size_of::<Plane>() + places + teacher + shared + 8 * floats(found.field.len() + points)
            }
            Event::Saturation(found) => {
                size_of::<Saturation>()
                    + found.images.len() * size_of::<ImageMargin>()
                    + found.masses.len() * size_of::<Mass>()
            }
            Event::Tasks(tasks) => {
                let shown = tasks.found.shown.iter();
                let shown = shown
                    .map(|one| one.input.len() + one.tasks.iter().flatten().map(Vec::len).sum::<usize>());
                let alignment: usize = tasks.found.alignment.iter().map(Vec::len).sum();
                size_of::<Tasks>() + size_of::<TaskFigures>() + floats(shown.sum::<usize>() + alignment + 256)
            }
            Event::Robustness(found) => {
                let points = found.curves.iter().map(|curve| curve.points.len()).sum::<usize>();
                let images = found.worst.iter().map(|case| 2 * case.smallest.len()).sum::<usize>();
                let mistakes = found.mistakes.iter().map(|mistakes| mistakes.confusion.len()).sum::<usize>();
                size_of::<Robustness>() + points * size_of::<Point>() + floats(images + mistakes)
            }
            Event::Audited(audited) => audited.lights.len() * (size_of::<Light>() + 128),
            _ => 0,
        }
}

fn of_histograms(found: &Histograms) -> usize {
    let counts: usize = found.classes.iter().map(|class| class.counts.len()).sum();
    size_of::<Histograms>()
        + found.classes.len() * size_of::<ClassHistogram>()
        + (found.edges.len() + counts) * size_of::<f32>()
        + found.before.as_deref().map_or(0, of_histograms)
}

fn without_confusion(report: &Report) -> Report {
    Report { confusion: Vec::new(), ..report.clone() }
}

fn without_counts(found: &Histograms) -> Histograms {
    let Histograms { run, step, distance, floor, comparison, .. } = *found;
    Histograms { run, step, edges: vec![], classes: vec![], distance, floor, comparison, before: None }
}

fn without_pictures(tasks: &Tasks) -> Tasks {
    let found = TaskFigures { alignment: Vec::new(), shown: Vec::new(), ..tasks.found.clone() };
    Tasks { found, ..*tasks }
}

fn without_places(found: &Plane) -> Plane {
    let Plane { run, step, epsilon, reach, knee, noise, .. } = *found;
    Plane { run, step, epsilon, reach, knee, noise, ..Plane::default() }
}

fn without_images(found: &Robustness) -> Robustness {
    let mut husk = Robustness { mistakes: Vec::new(), verdicts: Verdicts::default(), ..found.clone() };
    husk.worst.iter_mut().for_each(|case| case.smallest.clear());
    husk
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hyper;
    use crate::protocol::made_up;

    #[test]
    fn what_stays_is_small_and_says_when_it_was() {
        for event in [
            Event::from(made_up::report(1, 10, Hyper::default())),
            made_up::histograms(1, 10).into(),
            made_up::samples(1, 10).into(),
            made_up::plane(1, 10).into(),
            made_up::plane_of_tasks(1, 10).into(),
            made_up::saturation(1, 10).into(),
            made_up::tasks(1, 10, 1.0).into(),
            made_up::robustness(1, 10, true).into(),
        ] {
            let husk = husk(&event).expect("something stays");
            assert!(is_whole(&event) && !is_whole(&husk), "{husk:?}");
            assert_eq!(Kind::of(&husk), Kind::of(&event));
            assert!(memory(&husk) < memory(&event) && memory(&event) > 400, "{event:?}");
        }
        assert!(
            is_whole(&made_up::audited(1, 10, true).into())
                && husk(&made_up::audited(1, 10, true).into()).is_none()
        );
    }
}
