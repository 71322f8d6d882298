//! What the left picture shows: the points as the main network sees them, or what a scenario has beside that.

use egui::{RichText, Ui};

use crate::app::draw::theme::small;
use crate::protocol::Plane;
use crate::show::planes::{self, Look, Pixels};

/// What is shown of a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shows {
    /// What the main network says of points.
    #[default]
    Points,
    /// What the teacher says.
    Teacher,
    /// How far apart the gradients of student and teacher point.
    Angle,
    /// The representation that tasks share.
    Shared,
}

/// A choice: its name, and what it shows.
type Choice = (Shows, &'static str, &'static str);

const OF_STUDENT: [Choice; 3] = [
    (Shows::Points, "student", "What the student says, and its gradient."),
    (Shows::Teacher, "teacher", "What the teacher says, and its gradient."),
    (
        Shows::Angle,
        "angle",
        "How far apart the gradients of both point at each place; the arrows are the student's.",
    ),
];
const OF_TASKS: [Choice; 2] = [
    (Shows::Points, "points", "What the network says of each place, and the gradient of the class."),
    (
        Shows::Shared,
        "representation",
        "The two numbers that the encoder makes of each point, and where each task's gradient points there.",
    ),
];

impl Shows {
    /// What there is to choose of such a plane.
    fn choices(plane: &Plane) -> &'static [Choice] {
        match (&plane.teacher, &plane.shared) {
            (Some(_), _) => &OF_STUDENT,
            (None, Some(_)) => &OF_TASKS,
            (None, None) => &[],
        }
    }

    /// Asks, where there is a choice; the points where there is none.
    pub fn ui(&mut self, ui: &mut Ui, plane: &Plane) {
        let choices = Self::choices(plane);
        if !choices.iter().any(|(one, ..)| one == self) {
            *self = Self::Points;
        }
        if choices.is_empty() {
            return;
        }
        ui.horizontal(|ui| {
            for (one, title, about) in choices {
                let title = RichText::new(*title).font(small());
                ui.selectable_value(self, *one, title).on_hover_text(*about);
            }
        });
    }

    /// What lies behind everything else.
    pub fn picture(self, plane: &Plane, classes: usize, look: Look) -> Pixels {
        match (self, plane.teacher.as_deref(), plane.shared.as_deref()) {
            (Self::Teacher, Some(teacher), _) => planes::of_teacher(teacher, classes, look),
            (Self::Angle, Some(teacher), _) => planes::of_angles(teacher, look),
            (Self::Shared, _, Some(shared)) => planes::of_shared(shared, classes, look),
            _ => planes::of_points(plane, classes, look),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::made_up;

    #[test]
    fn what_a_plane_has_can_be_chosen() {
        let count = |plane: &Plane| Shows::choices(plane).len();
        let planes = [made_up::plane(1, 1), made_up::plane_of_student(1, 1), made_up::plane_of_tasks(1, 1)];
        assert_eq!([0, 1, 2].map(|which| count(&planes[which])), [0, 3, 2]);
    }
}
