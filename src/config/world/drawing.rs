//! Points that somebody drew: what the world `drawn` is, short enough for a link.
//!
//! As text, three characters a point: its place from left to right and from below upwards, each of 128, and its class of six,
//! together 17 bits, six in each character of base64url.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Places along each side of the plane at which points are drawn.
pub const DRAWN_SIDE: u8 = 128;
/// Classes that a drawing has at most.
pub const DRAWN_CLASSES: usize = 6;
/// Points that a drawing has at most: 1,500 characters of a link.
pub const DRAWN_POINTS: usize = 500;

/// Characters of a point.
const CHARACTERS: usize = 3;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A point of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawnPoint {
    /// Its place from left to right and from below upwards, each below [`DRAWN_SIDE`].
    pub at: [u8; 2],
    /// Its class, below [`DRAWN_CLASSES`].
    pub class: u8,
}

impl DrawnPoint {
    /// Where it is, from 0 to 1.
    pub fn place(self) -> [f64; 2] {
        self.at.map(|at| (f64::from(at) + 0.5) / f64::from(DRAWN_SIDE))
    }

    /// The point of a class that lies nearest to a place from 0 to 1.
    pub fn near(place: [f64; 2], class: u8) -> Self {
        let last = f64::from(DRAWN_SIDE - 1);
        Self { at: place.map(|at| (at * f64::from(DRAWN_SIDE)).floor().clamp(0.0, last) as u8), class }
    }
}

/// Points of up to [`DRAWN_CLASSES`] classes, class by class. Every class below the largest one has points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Drawing(Arc<[DrawnPoint]>);

/// Why a text is no drawing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DrawingError {
    /// A character is none of those.
    #[error("it has a '{character}' at {at}, where only letters, digits, - and _ stand")]
    Character {
        /** Which. */
        character: char,
        /** Its place, counted from 1. */
        at: usize,
    },
    /// A point has too few characters, or is of a class that there is not.
    #[error("its point {0} is cut off or none that the lab writes: a point is three characters")]
    Point(usize),
    /// More than a link can carry.
    #[error("it has {0} points, and {DRAWN_POINTS} are the most")]
    TooMany(usize),
}

impl Drawing {
    /// A drawing of these; classes that have no point are left out, so that those after them come earlier.
    ///
    /// # Errors
    /// [`DrawingError::TooMany`].
    pub fn new(mut points: Vec<DrawnPoint>) -> Result<Self, DrawingError> {
        if points.len() > DRAWN_POINTS {
            return Err(DrawingError::TooMany(points.len()));
        }
        points.sort_by_key(|point| point.class);
        let mut classes: Vec<u8> = points.iter().map(|point| point.class).collect();
        classes.dedup();
        for point in &mut points {
            let earlier = classes.iter().filter(|class| **class < point.class).count();
            point.class = earlier as u8;
        }
        Ok(Self(points.into()))
    }

    /// All its points.
    pub fn points(&self) -> &[DrawnPoint] {
        &self.0
    }

    /// How many classes have points.
    pub fn classes(&self) -> usize {
        self.0.last().map_or(0, |point| usize::from(point.class) + 1)
    }

    /// The points of a class.
    pub fn of(&self, class: usize) -> &[DrawnPoint] {
        let before = |limit: usize| self.0.partition_point(|point| usize::from(point.class) < limit);
        &self.0[before(class)..before(class + 1)]
    }
}

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.0.iter().flat_map(|point| characters(*point)).collect();
        f.write_str(&text)
    }
}

fn characters(DrawnPoint { at: [x, y], class }: DrawnPoint) -> [char; CHARACTERS] {
    let bits = usize::from(x) | usize::from(y) << 7 | usize::from(class) << 14;
    [0, 6, 12].map(|shift| char::from(ALPHABET[bits >> shift & 63]))
}

impl FromStr for Drawing {
    type Err = DrawingError;

    fn from_str(text: &str) -> Result<Self, DrawingError> {
        let value = |(index, character): (usize, char)| {
            let found = ALPHABET.iter().position(|known| char::from(*known) == character);
            found.ok_or(DrawingError::Character { character, at: index + 1 })
        };
        let values: Vec<usize> = text.chars().enumerate().map(value).collect::<Result<_, _>>()?;
        let point = |(index, part): (usize, &[usize])| {
            let bits = part.iter().rev().fold(0, |bits, value| bits << 6 | value);
            let [x, y] = [bits & 127, bits >> 7 & 127].map(|along| along as u8);
            let is_whole = part.len() == CHARACTERS && bits >> 14 < DRAWN_CLASSES;
            let point = DrawnPoint { at: [x, y], class: (bits >> 14) as u8 };
            if is_whole { Ok(point) } else { Err(DrawingError::Point(index + 1)) }
        };
        Self::new(values.chunks(CHARACTERS).enumerate().map(point).collect::<Result<_, _>>()?)
    }
}

impl TryFrom<String> for Drawing {
    type Error = DrawingError;

    fn try_from(text: String) -> Result<Self, DrawingError> {
        text.parse()
    }
}

impl From<Drawing> for String {
    fn from(drawing: Drawing) -> Self {
        drawing.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(x: u8, y: u8, class: u8) -> DrawnPoint {
        DrawnPoint { at: [x, y], class }
    }

    #[test]
    fn a_drawing_is_three_characters_a_point_class_by_class() {
        let drawing = Drawing::new(vec![point(127, 0, 1), point(0, 0, 0), point(5, 9, 1)]).expect("three");
        assert_eq!(
            (drawing.classes(), drawing.of(0).len(), drawing.of(1).len(), drawing.of(2).len()),
            (2, 1, 2, 0)
        );
        assert_eq!(drawing.of(1), [point(127, 0, 1), point(5, 9, 1)]);
        let text = drawing.to_string();
        assert_eq!((&*text, text.parse()), ("AAA_BEFSE", Ok(drawing)));
        assert_eq!(("".parse::<Drawing>(), Drawing::default().classes()), (Ok(Drawing::default()), 0));
    }

    #[test]
    fn classes_without_a_point_are_left_out() {
        let drawing = Drawing::new(vec![point(1, 1, 5), point(2, 2, 2)]).expect("two");
        assert_eq!(drawing.points(), [point(2, 2, 0), point(1, 1, 1)]);
    }

    #[test]
    fn what_is_no_drawing_says_why() {
        let refused = |text: &str| text.parse::<Drawing>().expect_err(text).to_string();
        assert!(refused("Hello world").contains("' ' at 6"));
        assert!(refused("AAAA").contains("point 2 is cut off"));
        // Of a class that there is not: the eighth.
        assert!(refused("AA_").contains("point 1"));
        let many = "AAA".repeat(DRAWN_POINTS + 1);
        assert!(refused(&many).contains("501 points, and 500 are the most"));
        assert!(many[3..].parse::<Drawing>().is_ok_and(|drawing| drawing.classes() == 1), "all on one place");
    }

    #[test]
    fn a_place_is_found_again() {
        for place in [[0.0, 1.0], [0.5, 0.25], [-3.0, 9.0]] {
            let point = DrawnPoint::near(place, 0);
            assert_eq!(DrawnPoint::near(point.place(), 0), point, "{place:?}");
        }
    }

    proptest! {
        #[test]
        fn every_drawing_comes_back(points in prop::collection::vec((0u8..128, 0u8..128, 0u8..6), 0..80)) {
            let drawing = Drawing::new(points.into_iter().map(|(x, y, class)| point(x, y, class)).collect()).expect("few");
            prop_assert_eq!(drawing.to_string().parse(), Ok(drawing));
        }

        #[test]
        fn any_text_is_a_drawing_or_says_why_not(text in ".*") {
            let _ = text.parse::<Drawing>();
        }
    }
}
