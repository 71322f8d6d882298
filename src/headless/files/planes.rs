//! The planes of a world side by side in one picture: points and what the network says, gradients and what is read of them.

use plotters::prelude::*;

use super::charts::{ChartError, shrink};
use super::fonts;
use super::paint::{Drawn, INK, SUPERSAMPLING, label, scaled};
use crate::protocol::{Plane, RunInfo};
use crate::show::number::{count, short, whole_percent};
use crate::show::palette::Ground;
use crate::show::planes::{Look, Pixels, printed};
use crate::show::png as encoder;

/// Side of a plane, height of what stands above and below, the gap, and what is left free at the sides: in pixels.
const SIDE: u32 = 640;
const HEAD: u32 = 92;
const FOOT: u32 = 52;
const GAP: u32 = 24;
const MARGIN: u32 = 24;
/// Less important text.
const FAINT_INK: RGBColor = RGBColor(110, 114, 124);

/// The world of a run as it was seen last, as a PNG.
///
/// # Errors
/// [`ChartError`], where the drawing library refuses.
pub fn png(plane: &Plane, info: &RunInfo) -> Result<Vec<u8>, ChartError> {
    fonts::register();
    let size = (2 * (MARGIN + SIDE) + GAP, HEAD + SIDE + FOOT);
    let large = (size.0 * SUPERSAMPLING, size.1 * SUPERSAMPLING);
    let mut pixels = vec![255; large.0 as usize * large.1 as usize * 3];
    let texts = texts(plane, info);
    write(&texts, &mut pixels, large)
        .map_err(|error| ChartError::Drawing { title: texts[0].clone(), problem: error.to_string() })?;
    let mut rgb = shrink(&pixels, large.0 as usize);
    let among = [info.classes.len(), info.origins.len()];
    for (index, plane) in (0..).zip(printed(plane, among, SIDE as usize, Look::of(Ground::Print))) {
        place(&mut rgb, size.0, [left(index), HEAD], &plane);
    }
    Ok(encoder::encode([size.0, size.1].map(|side| side as usize), &rgb))
}

fn left(index: u32) -> u32 {
    MARGIN + index * (SIDE + GAP)
}

/// The title, and what stands above and below each plane.
fn texts(plane: &Plane, info: &RunInfo) -> [String; 5] {
    let points = plane.points.len();
    let safe = plane.robust(plane.epsilon);
    let right = plane.gradients.iter().filter(|gradient| gradient.origin == gradient.read).count();
    let share = |part: usize, of: usize| whole_percent(part as f64 / of.max(1) as f64);
    [
        format!("{} on {}, step {}", info.config.setup.method().name(), info.data, count(plane.step)),
        "points: what the network says; striped: no gradient left in f32".into(),
        format!("gradients: what is read of them, {} right", share(right, plane.gradients.len())),
        format!(
            "{safe} of {points} points ({}) stay right within ε = {}; ringed: not, crossed: wrong",
            share(safe, points),
            short(plane.epsilon)
        ),
        format!("edge: ±{}; crossed: misread", short(plane.reach.into())),
    ]
}

fn write([title, said, read, points, gradients]: &[String; 5], pixels: &mut [u8], size: (u32, u32)) -> Drawn {
    let root = BitMapBackend::with_buffer(pixels, size).into_drawing_area();
    root.fill(&WHITE)?;
    let line = |text: &str, place: (u32, u32), height, ink| {
        let font = fonts::of(text).unwrap_or(fonts::OWN);
        label(text, font, (scaled(place.0), scaled(place.1)), height, ink)
    };
    root.draw(&line(title, (MARGIN, 28), 30, INK))?;
    for (index, above, below) in [(0, said, points), (1, read, gradients)] {
        root.draw(&line(above, (left(index), HEAD - 20), 20, FAINT_INK))?;
        root.draw(&line(below, (left(index), HEAD + SIDE + FOOT / 2), 20, FAINT_INK))?;
    }
    root.present()
}

/// Puts a plane into a picture of that width.
fn place(rgb: &mut [u8], width: u32, [left, top]: [u32; 2], plane: &Pixels) {
    let row = 3 * plane.side;
    for (index, pixels) in plane.rgb().chunks_exact(row).enumerate() {
        let from = 3 * ((top as usize + index) * width as usize + left as usize);
        if let Some(to) = rgb.get_mut(from..from + row) {
            to.copy_from_slice(pixels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::protocol::made_up;

    #[test]
    fn both_planes_lie_side_by_side() {
        let plane = made_up::plane(1, 1240);
        let info = made_up::info(1, Config::default());
        let bytes = png(&plane, &info).expect("it is drawn");
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
        let (width, height) = (reader.info().width, reader.info().height);
        assert_eq!((width, height), (2 * (MARGIN + SIDE) + GAP, HEAD + SIDE + FOOT));
        let mut pixels = vec![0; (3 * width * height) as usize];
        reader.next_frame(&mut pixels).expect("it has pixels");
        let at = |x: u32, y: u32| {
            let from = (3 * (y * width + x)) as usize;
            [pixels[from], pixels[from + 1], pixels[from + 2]]
        };
        let among = [info.classes.len(), info.origins.len()];
        let planes = printed(&plane, among, SIDE as usize, Look::of(Ground::Print));
        for (index, plane) in (0..).zip(&planes) {
            for place in [[0, 0], [SIDE - 1, 0], [100, 300], [SIDE - 1, SIDE - 1]] {
                let [x, y] = place;
                let crate::show::palette::Rgb(red, green, blue) = plane.colours[(y * SIDE + x) as usize];
                assert_eq!(at(left(index) + x, HEAD + y), [red, green, blue], "{index} {place:?}");
            }
        }
        assert_eq!(at(MARGIN + SIDE + GAP / 2, HEAD + 50), [255; 3], "the gap");
        let texts = texts(&plane, &info);
        assert!(texts[0].contains("step 1,240") && texts[3].contains("points"), "{texts:?}");
    }
}
