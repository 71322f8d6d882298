//! Colours by role, which people who see colours differently can tell apart: on a dark and a light screen, on paper, and on
//! a page that may be either.

use crate::config::{AttackKind, TargetKind};

/// A colour of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

/// What colours lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The window's dark theme.
    Dark,
    /// The window's light theme.
    Light,
    /// A white picture.
    Print,
    /// A page that is light or dark as its reader likes: seen on both.
    Page,
}

/// What is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The main network, and what is forward.
    Main,
    /// The auxiliary network, and all that it says.
    Auxiliary,
    /// What flows back from the auxiliary network: −α∇.
    Adversary,
    /// The teacher.
    Teacher,
    /// Lines that are no measurement: chance, ε.
    Reference,
    /// The headline of a robustness chart.
    Worst,
    /// Right, done.
    Good,
    /// Wrong, failed.
    Bad,
    /// A class; they repeat after ten (on a page after seven), where names have to help.
    Class(usize),
    /// An attack: strongest untargeted, paler with a target. On paper, where there are few and each is named, by its place
    /// among those drawn.
    Attack(AttackKind, TargetKind, usize),
}

/// Okabe and Ito's palette with its black made grey, and two of Tol's to make ten; on a dark ground.
const CLASSES_DARK: [Rgb; 10] = [
    Rgb(230, 159, 0),
    Rgb(86, 180, 233),
    Rgb(0, 170, 125),
    Rgb(240, 228, 66),
    Rgb(62, 132, 224),
    Rgb(226, 98, 20),
    Rgb(214, 138, 182),
    Rgb(170, 176, 184),
    Rgb(178, 66, 120),
    Rgb(140, 220, 190),
];

/// The same on a light ground, with the pale ones deepened.
const CLASSES_LIGHT: [Rgb; 10] = [
    Rgb(217, 142, 0),
    Rgb(58, 156, 212),
    Rgb(0, 140, 102),
    Rgb(166, 158, 0),
    Rgb(0, 84, 150),
    Rgb(205, 84, 0),
    Rgb(200, 110, 162),
    Rgb(110, 116, 124),
    Rgb(136, 34, 85),
    Rgb(68, 170, 153),
];

/// Okabe and Ito's palette and its extension to ten classes, on white.
const CLASSES_PRINT: [Rgb; 10] = [
    Rgb(0, 114, 178),
    Rgb(213, 94, 0),
    Rgb(0, 158, 115),
    Rgb(204, 121, 167),
    Rgb(230, 159, 0),
    Rgb(86, 180, 233),
    Rgb(0, 0, 0),
    Rgb(136, 34, 85),
    Rgb(153, 153, 153),
    Rgb(214, 200, 30),
];

/// Okabe and Ito's palette, its black made grey: dark enough for white and light enough for black.
const CLASSES_PAGE: [Rgb; 7] = [
    Rgb(0, 114, 178),
    Rgb(213, 94, 0),
    Rgb(0, 158, 115),
    Rgb(204, 121, 167),
    Rgb(230, 159, 0),
    Rgb(86, 180, 233),
    Rgb(140, 140, 140),
];

impl Rgb {
    /// From this colour (0) to the other (1), in the screen's own scale.
    pub fn mix(self, other: Self, share: f32) -> Self {
        let mixed = |from: u8, to: u8| {
            let (from, to) = (f32::from(from), f32::from(to));
            ((1.0 - share) * from + share * to + 0.5) as u8
        };
        Self(mixed(self.0, other.0), mixed(self.1, other.1), mixed(self.2, other.2))
    }

    /// As HTML has it: `#0072b2`.
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

impl Ground {
    /// The ground itself, or the one of a pane that lies on it.
    pub const fn paper(self) -> Rgb {
        match self {
            Self::Dark => Rgb(23, 27, 33),
            Self::Light | Self::Print | Self::Page => Rgb(255, 255, 255),
        }
    }

    /// Text.
    pub const fn ink(self) -> Rgb {
        match self {
            Self::Dark => Rgb(222, 227, 234),
            Self::Light => Rgb(28, 33, 40),
            Self::Print | Self::Page => Rgb(45, 48, 56),
        }
    }

    /// One of `dark`, `light` and `paper`; a page has the colours of paper.
    const fn of(self, dark: Rgb, light: Rgb, paper: Rgb) -> Rgb {
        match self {
            Self::Dark => dark,
            Self::Light => light,
            Self::Print | Self::Page => paper,
        }
    }
}

/// The colour of a role.
pub fn colour(role: Role, on: Ground) -> Rgb {
    match role {
        Role::Main => on.of(Rgb(86, 180, 233), Rgb(0, 114, 178), Rgb(0, 114, 178)),
        Role::Auxiliary => on.of(Rgb(230, 159, 0), Rgb(184, 104, 0), Rgb(213, 94, 0)),
        Role::Adversary => on.of(Rgb(222, 135, 183), Rgb(176, 62, 126), Rgb(204, 121, 167)),
        Role::Teacher => on.of(Rgb(34, 124, 190), Rgb(0, 114, 178), Rgb(230, 159, 0)),
        Role::Reference => on.of(Rgb(148, 158, 172), Rgb(92, 102, 116), Rgb(90, 94, 104)),
        Role::Worst => on.of(Ground::Dark.ink(), Ground::Light.ink(), Rgb(20, 22, 26)),
        Role::Good => on.of(Rgb(38, 190, 144), Rgb(0, 128, 94), Rgb(0, 158, 115)),
        Role::Bad => on.of(Rgb(240, 110, 70), Rgb(200, 72, 0), Rgb(213, 94, 0)),
        Role::Class(class) => class_colour(class, on),
        Role::Attack(attack, target, place) => match on {
            Ground::Dark | Ground::Light => attack_colour(attack, target, on),
            Ground::Print | Ground::Page => class_colour(place, on),
        },
    }
}

fn class_colour(class: usize, on: Ground) -> Rgb {
    let colours: &[Rgb] = match on {
        Ground::Dark => &CLASSES_DARK,
        Ground::Light => &CLASSES_LIGHT,
        Ground::Print => &CLASSES_PRINT,
        Ground::Page => &CLASSES_PAGE,
    };
    colours[class % colours.len()]
}

fn attack_colour(attack: AttackKind, target: TargetKind, on: Ground) -> Rgb {
    let colour = class_colour(usize::from(attack.row().slot), on);
    match target {
        TargetKind::Untargeted => colour,
        TargetKind::Random => colour.mix(on.ink(), 0.45),
        TargetKind::LeastLikely => colour.mix(on.paper(), 0.35),
    }
}

/// From blue (−1) over the ground (0) to orange (1): for signed pictures.
pub fn diverging(value: f32, on: Ground) -> Rgb {
    let ground = on.of(Rgb(14, 16, 20), Rgb(255, 255, 255), Rgb(255, 255, 255));
    let end = if value < 0.0 {
        on.of(Rgb(110, 190, 255), Rgb(5, 84, 156), Rgb(5, 84, 156))
    } else {
        on.of(Rgb(255, 176, 60), Rgb(190, 70, 0), Rgb(190, 70, 0))
    };
    ground.mix(end, value.abs().clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUNDS: [Ground; 4] = [Ground::Dark, Ground::Light, Ground::Print, Ground::Page];

    #[test]
    fn the_classes_of_a_ground_have_colours_of_their_own() {
        for ground in GROUNDS {
            let classes = if ground == Ground::Page { CLASSES_PAGE.len() } else { 10 };
            for (a, b) in (0..classes).flat_map(|a| (0..a).map(move |b| (a, b))) {
                let [a, b] = [a, b].map(|class| colour(Role::Class(class), ground));
                let distance = a.0.abs_diff(b.0) as u32 + a.1.abs_diff(b.1) as u32 + a.2.abs_diff(b.2) as u32;
                assert!(distance > 60, "{a:?} and {b:?} on {ground:?}");
            }
            assert_eq!(colour(Role::Class(0), ground), colour(Role::Class(classes), ground));
        }
    }

    #[test]
    fn ends_of_a_mixture_are_its_colours() {
        let (a, b) = (Rgb(0, 10, 255), Rgb(255, 0, 3));
        assert_eq!((a.mix(b, 0.0), a.mix(b, 1.0), a.mix(b, 0.5)), (a, b, Rgb(128, 5, 129)));
        assert_eq!(Rgb(0, 114, 178).hex(), "#0072b2");
    }

    #[test]
    fn signs_have_colours_and_nothing_has_the_grounds() {
        for ground in GROUNDS {
            let [low, none, high] = [-7.0, 0.0, 1.0].map(|value| diverging(value, ground));
            assert!(low.2 > low.0 && high.0 > high.2, "{ground:?}");
            assert_eq!(none, diverging(-0.0, ground));
        }
    }
}
