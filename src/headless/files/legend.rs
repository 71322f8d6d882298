//! The legend of a PNG: in as many columns as it takes, with names cut to the room that there is.

use plotters::prelude::*;

use super::fonts;
use super::paint::{Canvas, DrawError, Drawn, INK, ink, label, scaled};
use crate::show::palette::Role;
use crate::show::{Chart, Mark, Shape, shortened};

/// Width of a column where one is enough, and where several are needed; pixels of the picture, as all here.
const WIDTHS: [u32; 2] = [300, 220];
/// Height of an entry, at most and at least.
const ROWS: [u32; 2] = [36, 20];
/// Room above the first entry and below the last.
const ABOVE: u32 = 22;
/// Where a name begins in its column.
const INDENT: u32 = 54;
/// Characters of a name that are looked at.
const LONGEST: usize = 120;

/// Where the entries stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    columns: u32,
    /// Entries in a column.
    rows: u32,
    /// Height of one.
    row: u32,
}

impl Layout {
    /// For the legend of `chart` in `height` pixels.
    pub fn of(chart: &Chart, height: u32) -> Self {
        let entries = entries(chart).count().max(1) as u32;
        let room = height.saturating_sub(2 * ABOVE);
        let row = (room / entries).clamp(ROWS[1], ROWS[0]);
        let rows = (room / row).max(1);
        Self { columns: entries.div_ceil(rows), rows, row }
    }

    /// Width of the whole.
    pub fn width(self) -> u32 {
        self.columns * self.column()
    }

    fn column(self) -> u32 {
        if self.columns == 1 { WIDTHS[0] } else { WIDTHS[1] }
    }

    /// Size of the names.
    fn text(self) -> u32 {
        22.min(self.row * 7 / 10)
    }
}

fn entries(chart: &Chart) -> impl Iterator<Item = (&Mark, &String)> {
    chart.marks.iter().filter_map(|mark| Some((mark, mark.name.as_ref()?)))
}

/// What is written for an entry, and in which font: its name, or, where no font here has that, its class's number.
fn written(mark: &Mark, name: &str) -> (String, &'static str) {
    match (fonts::of(name), mark.role) {
        (Some(font), _) => (name.into(), font),
        (None, Role::Class(class)) => (format!("class {class}"), fonts::OWN),
        (None, _) => ("?".into(), fonts::OWN),
    }
}

/// What has to be said of names that no font here has; nothing where there are none.
pub fn note(chart: &Chart) -> String {
    match entries(chart).filter(|(_, name)| fonts::of(name).is_none()).count() {
        0 => String::new(),
        1 => "; a name that no font here can draw is shown as the class's number".into(),
        names => format!("; {names} names that no font here can draw are shown as the classes' numbers"),
    }
}

/// Draws the legend.
pub fn draw(chart: &Chart, area: &Canvas<'_>, layout: Layout) -> Drawn {
    for (place, (mark, name)) in (0..).zip(entries(chart)) {
        let (column, row) = (place / layout.rows, place % layout.rows);
        let y = scaled(ABOVE + row * layout.row) + scaled(layout.row) / 2;
        let left = scaled(4 + column * layout.column());
        sample(area, mark, left, y)?;
        let (name, font) = written(mark, name);
        let name = fitted(area, &name, font, layout)?;
        let place = (scaled(INDENT + column * layout.column()), y);
        area.draw(&label(&name, font, place, layout.text(), INK))?;
    }
    Ok(())
}

/// The name, cut where it is wider than its column.
fn fitted(area: &Canvas<'_>, name: &str, font: &str, layout: Layout) -> Result<String, DrawError> {
    let room = scaled(layout.column() - INDENT - 6) as u32;
    let style = (font, scaled(layout.text())).into_font().color(&INK);
    let mut most = LONGEST;
    loop {
        let text = shortened(name, most);
        if most <= 1 || area.estimate_text_size(&text, &style)?.0 <= room {
            return Ok(text);
        }
        most -= 1;
    }
}

/// What a mark looks like, beside its name.
fn sample(area: &Canvas<'_>, mark: &Mark, left: i32, y: i32) -> Drawn {
    let right = left + scaled(36);
    let style = ink(mark.role).mix(mark.opacity);
    match mark.shape {
        Shape::Line(width) => {
            let line = style.stroke_width(scaled(width.max(4)) as u32);
            area.draw(&PathElement::new([(left, y), (right, y)], line))
        }
        Shape::Dashes => [0, 14, 28].into_iter().try_for_each(|start| {
            let (line, start) = (style.stroke_width(scaled(3) as u32), left + scaled(start));
            area.draw(&PathElement::new([(start, y), (start + scaled(8), y)], line))
        }),
        Shape::Dots => area.draw(&Circle::new((left.midpoint(right), y), scaled(7), style.filled())),
        Shape::Area => {
            let corners = [(left, y - scaled(8)), (right, y + scaled(8))];
            area.draw(&Rectangle::new(corners, style.filled()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::Axis;

    fn chart(names: usize) -> Chart {
        let mark =
            |class| Mark::new(Shape::Line(3), vec![], Role::Class(class)).named(format!("name {class}"));
        let axis = || Axis::linear("", [0.0, 1.0], |x| x.to_string());
        Chart {
            title: String::new(),
            note: String::new(),
            x: axis(),
            y: axis(),
            marks: (0..names).map(mark).collect(),
        }
    }

    #[test]
    fn every_entry_has_a_place_in_the_picture() {
        for entries in [0, 1, 10, 22, 23, 40, 41, 80, 100] {
            let layout = Layout::of(&chart(entries), 856);
            assert!(layout.rows * layout.columns >= entries as u32, "{entries}: {layout:?}");
            assert!(2 * ABOVE + layout.rows * layout.row <= 856, "{entries}: {layout:?}");
            assert!(layout.width() <= 700 && layout.text() >= 14, "{entries}: {layout:?}");
        }
        assert_eq!(Layout::of(&chart(10), 856), Layout { columns: 1, rows: 22, row: 36 }, "as it always was");
    }

    #[test]
    fn a_name_that_no_font_has_is_a_number() {
        let mark = |role| Mark::new(Shape::Dots, vec![], role);
        assert_eq!(written(&mark(Role::Class(7)), "\u{f8fff}"), ("class 7".into(), fonts::OWN));
        assert_eq!(written(&mark(Role::Class(7)), "boot"), ("boot".into(), fonts::OWN));
        let mut chart = chart(3);
        assert_eq!(note(&chart), "");
        chart.marks[1].name = Some("\u{f8fff}".into());
        assert!(note(&chart).contains("a name that no font here can draw"), "{}", note(&chart));
        chart.marks[2].name = Some("\u{f8fff}".into());
        assert!(note(&chart).contains("2 names"), "{}", note(&chart));
    }
}
