//! A picture of each pane, held against the one that was looked at: `tests/window/snapshots/PANE-THEME.png`.
//!
//! `UPDATE_SNAPSHOTS=1` keeps the new pictures of those that differ; look at the difference before you commit it. Where
//! one differs and is not kept, the new picture lies beside it (`.new.png`), and what differs, in red (`.diff.png`).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use egui::{Color32, ColorImage, Theme, Vec2};
use great_lab::app::Options;
use great_lab::config::{MultitaskMethod, ScenarioKind};
use great_lab::gpu::{AdapterKind, adapters};
use great_lab::protocol::Activity;
use great_lab::protocol::made_up::{a_run, histograms, plane, started_tasks, started_world, state, tasks};

use super::Bench;

/// The window in which a pane is drawn, enlarged.
const WINDOW: Vec2 = Vec2::new(680.0, 520.0);

/// Colours differ that are further apart than this, of 255: drivers round edges and gradients otherwise, but not so far.
const APART: u8 = 40;
/// Pixels that may differ: corners that fall to the other side.
const STRAY: usize = 16;

#[test]
fn every_pane_looks_in_the_dark_as_it_did() {
    look_at_every_pane(Theme::Dark, "dark");
}

#[test]
fn every_pane_looks_in_the_light_as_it_did() {
    look_at_every_pane(Theme::Light, "light");
}

fn look_at_every_pane(theme: Theme, suffix: &str) {
    if !can_draw(&format!("panes in {suffix}")) {
        return;
    }
    let mut differing = Vec::new();
    // The pane of runs lies in no column, that of a fork in none without one: both have tests of their own.
    for pane in Bench::new().panes().into_iter().filter(|pane| pane.share > 0.0 && pane.name != "fork") {
        let mut bench = Bench::with(WINDOW, theme, Options::default());
        if !pane.data.includes(false) {
            bench.tell([started_world(1), state(1, Activity::Paused, 1240), plane(1, 1240).into()]);
        } else if !pane.scenarios.contains(&ScenarioKind::Defense) {
            bench.tell([
                started_tasks(1, MultitaskMethod::SingleTask),
                tasks(1, 300, 1.0).into(),
                started_tasks(2, MultitaskMethod::Great),
                state(2, Activity::Paused, 100),
                tasks(2, 100, 0.9).into(),
                histograms(2, 100).into(),
            ]);
        } else {
            bench.tell(a_run(1, 1240));
            // At rest: what moves looks otherwise in each frame.
            bench.tell([state(1, Activity::Paused, 1240)]);
        }
        bench.click(&format!("Enlarge {}", pane.title));
        bench.harness.remove_cursor();
        let name = format!("{}-{suffix}", pane.name);
        let picture = bench.picture(&format!("pane-{name}.png")).expect("software Vulkan draws");
        let rect = bench.lab(|lab| lab.pane_rects()[0].1);
        differing.extend(compare(&name, &picture.region(&rect, None)));
    }
    assert!(differing.is_empty(), "{}\nLook at them; UPDATE_SNAPSHOTS=1 keeps them.", differing.join("\n"));
}

/// Whether there is what the pictures were drawn with; where there is not, that is said of `what`.
pub fn can_draw(what: &str) -> bool {
    let is_drawer = |adapter: &great_lab::gpu::Adapter| {
        adapter.kind == AdapterKind::Software && adapter.backend == "Vulkan"
    };
    let can = adapters().iter().any(is_drawer);
    if !can {
        // Not what a test prints, which is shown only of those that fail.
        let _ = writeln!(std::io::stderr(), "{what}: left out, since there is no software Vulkan");
    }
    can
}

/// Holds a picture against the one that is kept under that name; in what way they differ, where they do.
pub fn compare(name: &str, picture: &ColorImage) -> Option<String> {
    let file = |suffix: &str| -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/window/snapshots/{name}{suffix}.png"))
    };
    let kept = fs::read(file("")).ok().map(|bytes| decode(&bytes));
    let said = match &kept {
        None => format!("{name}: no picture is kept"),
        Some(kept) if kept.size != picture.size => {
            format!("{name}: {:?} pixels, {:?} before", picture.size, kept.size)
        }
        Some(kept) => match differences(kept, picture) {
            count if count > STRAY => format!("{name}: {count} pixels differ"),
            _ => {
                for suffix in [".new", ".diff"] {
                    // Of an earlier failure; most times there is none.
                    let _ = fs::remove_file(file(suffix));
                }
                return None;
            }
        },
    };
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1") {
        fs::write(file(""), encode(picture)).expect("a folder to write to");
        return None;
    }
    fs::write(file(".new"), encode(picture)).expect("a folder to write to");
    if let Some(kept) = kept.filter(|kept| kept.size == picture.size) {
        fs::write(file(".diff"), encode(&shown(&kept, picture))).expect("a folder to write to");
    }
    Some(said)
}

/// Whether two colours are the same but for a driver's rounding.
fn alike(one: Color32, other: Color32) -> bool {
    one.to_array().iter().zip(other.to_array()).all(|(one, other)| one.abs_diff(other) <= APART)
}

/// The pixels of two pictures of one size that differ. Where an edge falls between pixels, drivers put it on one or the
/// other: what both pictures have within a pixel of there is no difference.
fn differing(one: &ColorImage, other: &ColorImage) -> Vec<bool> {
    let [width, height] = one.size;
    let has_near = |image: &ColorImage, color: Color32, x: usize, y: usize| {
        (y.saturating_sub(1)..height.min(y + 2))
            .any(|y| (x.saturating_sub(1)..width.min(x + 2)).any(|x| alike(image[(x, y)], color)))
    };
    let differs = |(x, y)| {
        let (color, before) = (one[(x, y)], other[(x, y)]);
        !(alike(color, before) || has_near(other, color, x, y) && has_near(one, before, x, y))
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(differs).collect()
}

/// How many pixels differ.
fn differences(one: &ColorImage, other: &ColorImage) -> usize {
    differing(one, other).into_iter().filter(|differs| *differs).count()
}

/// The new picture, faint, with what differs in red.
fn shown(kept: &ColorImage, picture: &ColorImage) -> ColorImage {
    let pixels = differing(kept, picture)
        .into_iter()
        .zip(&picture.pixels)
        .map(|(differs, new)| if differs { Color32::RED } else { new.lerp_to_gamma(Color32::GRAY, 0.7) });
    ColorImage::new(picture.size, pixels.collect())
}

/// An opaque PNG, as small as it gets.
fn encode(image: &ColorImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let [width, height] = image.size.map(|side| u32::try_from(side).expect("a picture's side"));
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let pixels: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let mut writer = encoder.write_header().expect("written to memory");
    writer.write_image_data(&pixels).expect("width × height pixels");
    writer.finish().expect("written to memory");
    bytes
}

fn decode(bytes: &[u8]) -> ColorImage {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
    let info = reader.next_frame(&mut pixels).expect("a whole PNG");
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
    ColorImage::from_rgb([info.width as usize, info.height as usize], &pixels)
}

#[test]
fn a_word_that_moved_is_seen_and_another_drivers_rounding_is_not() {
    let kept = decode(include_bytes!("snapshots/robustness-dark.png"));
    // The pane's title and, fainter, its question: two pixels further to the right, or down.
    for (left, right) in [(8, 80), (84, 160)] {
        for (along, down) in [(2, 0), (0, 2)] {
            let mut moved = kept.clone();
            for y in 6..24 {
                for x in left..right {
                    moved[(x + along, y + down)] = kept[(x, y)];
                }
            }
            let count = differences(&kept, &moved);
            assert!(count > 3 * STRAY, "{left} to {right} by {along}, {down}: {count} pixels");
        }
    }
    let mut rounded = kept.clone();
    for (index, pixel) in rounded.pixels.iter_mut().enumerate() {
        let by = (index % 17) as u8;
        *pixel = Color32::from_rgb(
            pixel.r().saturating_add(by),
            pixel.g().saturating_sub(by),
            pixel.b().saturating_add(by),
        );
    }
    assert_eq!(differences(&kept, &rounded), 0);
}
