//! How well several tasks are learned: their errors beside what they are alone, how their gradients lie to each other, what
//! the alignment layers let through, and what is said of held-out images.

use egui::{Color32, ColorImage, Rect, RichText, Sense, TextureHandle, Ui, pos2, vec2};

use crate::app::draw::chart;
use crate::app::draw::textures;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::panes::compass;
use crate::app::run::history::History;
use crate::config::MultitaskMethod;
use crate::config::ScenarioKind;
use crate::protocol::{Figure, Gain, TaskFigures, TaskSample, Tasks, Unit, likeliest};
use crate::show::Table;
use crate::show::number::{count, figure as number, percent};

/// The name of the first task, which is no picture.
const CLASS: &str = "class";
/// Standard deviations of depth from white to black.
const DEPTHS: f32 = 5.0;

/// The pane of several tasks.
#[derive(Default)]
pub struct TasksPane {
    atlas: Option<Atlas>,
}

/// What was read, what is so and what was said, in one texture, of a moment.
struct Atlas {
    of: u64,
    texture: TextureHandle,
}

static ABOUT: About = About {
    name: "tasks",
    title: "Tasks",
    question: "do they help each other?",
    scenarios: &[ScenarioKind::Multitask],
    data: DataKind::Any,
    column: Column::Right,
    share: 0.5,
};

impl Pane for TasksPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let palette = scope.palette;
        let Some(tasks) = &scope.history.tasks else {
            let what =
                "Each task's error, how the tasks' gradients lie to each other, and what is said of images.";
            let when = match scope.controls.config.hyper.histogram_every_steps {
                0 => "They are off with the histograms: set “histograms every” above 0.".into(),
                every => format!("They come every {} steps: press Run.", count(every)),
            };
            chart::empty(ui, &palette, what, &when);
            return;
        };
        header_ui(ui, &palette, scope.history, tasks);
        // Points are seen in the plane.
        let has_pictures = tasks.found.size != [1, 1];
        let of = scope.history.tasks_received;
        if self.atlas.as_ref().is_none_or(|atlas| atlas.of != of) {
            let texture = ui.ctx().load_texture("tasks", atlas(&tasks.found), egui::TextureOptions::NEAREST);
            self.atlas = Some(Atlas { of, texture });
        }
        let Some(atlas) = &self.atlas else { return };
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            figures_ui(ui, &palette, scope.history, &tasks.found);
            ui.add_space(4.0);
            compass::ui(ui, &palette, &tasks.found);
            ui.add_space(4.0);
            if has_pictures {
                shown_ui(ui, &palette, scope.history, &tasks.found, &atlas.texture);
            }
        });
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new([
            "step",
            "task",
            "figure",
            "unit",
            "value",
            "alone",
            "gain_percent",
            "norm_before",
            "norm_behind",
            "mean_cosine_before",
            "mean_cosine_behind",
        ]);
        let Some(tasks) = &history.tasks else { return table };
        let found = &tasks.found;
        let metrics = history.alone().and_then(|alone| found.gains(&alone.found));
        let text = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        for (index, name) in found.tasks.iter().enumerate() {
            for (place, figure) in found.figures[index].iter().enumerate() {
                let metric = metrics.as_ref().map(|metrics| metrics[index][place]);
                let mut row = vec![tasks.step.to_string(), name.clone(), figure.name.to_string()];
                row.extend([figure.unit.symbol().into(), figure.value.to_string()]);
                row.extend([
                    text(metric.map(|metric| metric.single)),
                    text(metric.as_ref().and_then(Gain::percent)),
                ]);
                row.extend([0, 1].map(|side| found.norms[side][index].to_string()));
                row.extend([0, 1].map(|side| found.mean_cosine(side, index).to_string()));
                table.push(row);
            }
        }
        table
    }
}

/// `+3.1 %`, with a sign that is as wide as a plus.
fn signed_percent(value: f64) -> String {
    format!("{value:+.1} %").replace('-', "−")
}

/// Of which step this is, and Δm in both conventions.
fn header_ui(ui: &mut Ui, palette: &Palette, history: &History, tasks: &Tasks) {
    let method = history.info.as_ref().map(|info| info.config.setup.multitask_method);
    let line = |text: String| RichText::new(text).font(tiny()).color(palette.weak);
    let step = format!("step {}, held-out {}", count(tasks.step), history.examples());
    let compared = history.alone().and_then(|alone| Some((alone.step, tasks.found.delta_m(&alone.found)?)));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        match compared {
            Some((at, (loss, gain))) => {
                let color = if loss <= 0.0 { palette.good } else { palette.bad };
                let headline = RichText::new(format!("Δm {}", signed_percent(loss))).strong().color(color);
                ui.label(headline).on_hover_text(
                    "Mean over all figures of how much worse they are than alone (CAGrad, Nash-MTL): lower is better.",
                );
                ui.label(line("lower is better".into()));
                ui.label(RichText::new(format!("by task {}", signed_percent(gain))).font(small())).on_hover_text(
                    "Mean over each task's figures of how much better they are than alone, then over the tasks (LibMTL): higher is better.",
                );
                ui.label(line("higher is better".into()));
                ui.add(egui::Label::new(line(format!("· vs single-task, step {}", count(at)))).truncate());
            }
            None if method == Some(MultitaskMethod::SingleTask) => {
                ui.add(egui::Label::new(line(format!("{step} · what the next runs are measured against"))).truncate());
            }
            None => {
                let text = format!("{step} · for Δm, run single-task on the same data first");
                ui.add(egui::Label::new(line(text)).truncate());
            }
        }
    });
}

/// A line a figure: what it is, what it is alone; and the norm of each task's gradient before and behind.
fn figures_ui(ui: &mut Ui, palette: &Palette, history: &History, tasks: &TaskFigures) {
    let weak = |text: &str| RichText::new(text).font(tiny()).color(palette.weak);
    let plain = |text: String| RichText::new(text).font(small()).color(palette.text);
    let metrics = history.alone().and_then(|alone| tasks.gains(&alone.found));
    ui.spacing_mut().interact_size.y = 12.0;
    egui::Grid::new("task figures").num_columns(7).spacing(vec2(14.0, 0.0)).show(ui, |ui| {
        for (title, about) in [
            ("task", "Task by task."),
            (
                "figure",
                "As it is published. On all held-out images; normals count as the same on both sides.",
            ),
            ("now", "What it is now."),
            ("alone", "The same of the last single-task run on these data."),
            ("gain", "How much better than alone."),
            ("‖g‖", "Norm of the task's gradient at the encoder's output, over a batch."),
            ("‖ĝ‖", "The same behind the alignment layer."),
        ] {
            ui.label(weak(title)).on_hover_text(about);
        }
        ui.end_row();
        for (index, name) in tasks.tasks.iter().enumerate() {
            for (place, figure) in tasks.figures[index].iter().enumerate() {
                let is_first = place == 0;
                let name = if is_first { name.as_str() } else { "" };
                ui.label(RichText::new(name).font(small()).color(palette.class(index)));
                let arrow = if figure.is_lower_better { "↓" } else { "↑" };
                let better = if figure.is_lower_better { "Lower is better." } else { "Higher is better." };
                ui.label(weak(&format!("{} {arrow}", figure.name))).on_hover_text(better);
                ui.label(plain(value_text(figure, figure.value)).strong());
                let metric = metrics.as_ref().map(|metrics| metrics[index][place]);
                ui.label(plain(metric.map_or("–".into(), |metric| value_text(figure, metric.single))));
                match metric.as_ref().and_then(Gain::percent) {
                    Some(gain) => {
                        let color = if gain >= 0.0 { palette.good } else { palette.bad };
                        ui.label(RichText::new(signed_percent(gain)).font(small()).color(color));
                    }
                    None => drop(ui.label(plain("–".into()))),
                }
                for norms in tasks.norms.iter().filter(|_| is_first) {
                    ui.label(plain(number(norms[index])));
                }
                ui.end_row();
            }
        }
    });
}

/// A value of that figure with its unit.
fn value_text(of: &Figure, value: f64) -> String {
    match of.unit {
        Unit::Share => percent(value),
        _ if value.is_nan() => number(value),
        Unit::Degrees => format!("{}°", number(value)),
        unit => format!("{} {}", number(value), unit.symbol()).trim_end().into(),
    }
}

/// A row an image: what was read, then for each task what is so and what was said.
fn shown_ui(ui: &mut Ui, palette: &Palette, history: &History, tasks: &TaskFigures, texture: &TextureHandle) {
    let dense: Vec<&String> = tasks.tasks.iter().filter(|task| *task != CLASS).collect();
    let (columns, rows) = (1 + 2 * dense.len(), tasks.shown.len());
    let gap = 3.0;
    let words = 86.0;
    let room = ui.available_width() - words - gap * columns as f32;
    let side = (room / columns as f32).clamp(24.0, 96.0);
    ui.spacing_mut().item_spacing = vec2(gap, 4.0);
    ui.horizontal(|ui| {
        let titles = std::iter::once(("input".to_owned(), 1))
            .chain(dense.iter().map(|task| (format!("{task}: true, said"), 2)));
        for (title, wide) in titles {
            let (rect, _) = ui.allocate_exact_size(
                vec2(side * wide as f32 + gap * (wide - 1) as f32, 12.0),
                Sense::hover(),
            );
            let mut job = egui::text::LayoutJob::simple_singleline(title, tiny(), palette.weak);
            job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width());
            let galley = ui.painter().layout_job(job);
            ui.painter().galley(rect.left_top(), galley, palette.weak);
        }
    });
    for (row, sample) in tasks.shown.iter().enumerate() {
        ui.horizontal(|ui| {
            for column in 0..columns {
                let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
                let (width, height) = (1.0 / columns as f32, 1.0 / rows as f32);
                let uv = Rect::from_min_size(
                    pos2(column as f32 * width, row as f32 * height),
                    vec2(width, height),
                );
                ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
                let outline = egui::Stroke::new(1.0, palette.line);
                ui.painter().rect_stroke(rect, 2.0, outline, egui::StrokeKind::Outside);
                response.on_hover_ui(|ui| {
                    ui.add(egui::Image::new((texture.id(), vec2(224.0, 224.0))).uv(uv));
                });
            }
            ui.vertical(|ui| class_ui(ui, palette, history, tasks, sample, side));
        });
    }
}

/// The class that is so, and the one that was said.
fn class_ui(
    ui: &mut Ui,
    palette: &Palette,
    history: &History,
    tasks: &TaskFigures,
    sample: &TaskSample,
    side: f32,
) {
    let Some(index) = tasks.tasks.iter().position(|task| task == CLASS) else { return };
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.add_space((side - 26.0).max(0.0) / 2.0);
    let [wanted, said] = &sample.tasks[index];
    let (wanted, said) = (likeliest(wanted), likeliest(said));
    let verdict = if wanted == said { palette.good } else { palette.bad };
    for (text, color) in [(history.class_name(wanted), palette.weak), (history.class_name(said), verdict)] {
        ui.add(egui::Label::new(RichText::new(text).font(small()).color(color)).truncate());
    }
}

/// Every picture: a row an image.
fn atlas(tasks: &TaskFigures) -> ColorImage {
    let [height, width] = tasks.size;
    let dense = tasks.tasks.iter().filter(|task| *task != CLASS).count();
    let size = [(1 + 2 * dense) * width, (tasks.shown.len() * height).max(1)];
    let mut atlas = ColorImage::filled(size, Color32::BLACK);
    for (row, sample) in tasks.shown.iter().enumerate() {
        let mut drawn = vec![textures::image([1, height, width], &sample.input)];
        for (task, [wanted, said]) in tasks.tasks.iter().zip(&sample.tasks).filter(|(task, _)| *task != CLASS)
        {
            drawn.extend([wanted, said].map(|values| picture(task, tasks.size, values, wanted)));
        }
        for (column, picture) in drawn.iter().enumerate() {
            textures::paste(&mut atlas, picture, [column * width, row * height]);
        }
    }
    atlas
}

/// `values` of a task as a picture. Normals are drawn as colours, on the side on which the `wanted` ones are, for their
/// loss does not tell the two sides apart; what is nearer is lighter; key points lie in one map.
fn picture(task: &str, [height, width]: [usize; 2], values: &[f32], wanted: &[f32]) -> ColorImage {
    let plane = height * width;
    let channels = (values.len() / plane.max(1)).max(1);
    let at = |values: &[f32], channel: usize, pixel: usize| {
        values.get(channel * plane + pixel).copied().unwrap_or(0.0)
    };
    match task {
        "normals" => {
            let mut drawn = vec![0.0; 3 * plane];
            for pixel in 0..plane {
                let vector = [0, 1, 2].map(|channel| at(values, channel, pixel));
                let side: f32 = (0..3).map(|channel| vector[channel] * at(wanted, channel, pixel)).sum();
                let length = vector.iter().map(|part| part * part).sum::<f32>().sqrt().max(1e-12);
                let turned = if side < 0.0 { -0.5 } else { 0.5 } / length;
                // What faces the camera is blue, as people draw it.
                for (channel, part) in [vector[0], -vector[1], -vector[2]].into_iter().enumerate() {
                    drawn[channel * plane + pixel] = 0.5 + turned * part;
                }
            }
            textures::image([3, height, width], &drawn)
        }
        "depth" => {
            let drawn: Vec<f32> = (0..plane).map(|pixel| 0.5 - at(values, 0, pixel) / DEPTHS).collect();
            textures::image([1, height, width], &drawn)
        }
        "keypoints" => {
            let most =
                |pixel: usize| (0..channels).map(|channel| at(values, channel, pixel)).fold(0.0, f32::max);
            textures::image([1, height, width], &(0..plane).map(most).collect::<Vec<f32>>())
        }
        _ => textures::image([channels, height, width], values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_are_drawn_on_the_side_of_the_true_ones() {
        // One pixel: said and true differ in sign and length alone, which the loss does not see.
        let (wanted, said) = ([0.0, 0.0, -1.0], [0.0, 0.0, 3.0]);
        assert_eq!(picture("normals", [1, 1], &said, &wanted), picture("normals", [1, 1], &wanted, &wanted));
        assert_eq!(picture("normals", [1, 1], &wanted, &wanted).pixels, [Color32::from_rgb(128, 128, 255)]);
    }

    #[test]
    fn figures_have_their_units() {
        let figure = |value, unit| Figure::error("error", value, unit);
        assert_eq!(value_text(&figure(0.4, Unit::Share), 0.4), "40.0 %");
        assert_eq!(value_text(&figure(0.4, Unit::Metres), 0.4), "0.400 m");
        assert_eq!(value_text(&figure(12.0, Unit::Degrees), 12.0), "12.0°");
        assert_eq!(value_text(&figure(f64::NAN, Unit::Metres), f64::NAN), "n/a");
    }
}
