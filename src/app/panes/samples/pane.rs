//! A few images, what is done to them, and what the networks say: the picture is drawn when new samples come.

use egui::{Color32, ColorImage, Rect, RichText, Sense, TextureHandle, Ui, pos2, vec2};

use super::maps::Maps;
use super::own::Own;
use super::says::{likeliest, line};
use crate::app::draw::chart;
use crate::app::draw::textures;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::protocol::{Sample, Samples};
use crate::show::Table;
use crate::show::number::{count, short};
use crate::show::palette::Ground;
use crate::show::picture::largest;

/// Titles over a sample's pictures: image, gradient tensor, adversarial image, their difference.
const TITLES: [&str; 4] = ["x", LOSS, "attacked", "change"];
/// The same where there is a teacher, whose gradient tensor stands beside the student's.
const TITLES_WITH_TEACHER: [&str; 5] = ["x", LOSS, TEACHERS, "attacked", "change"];
const TEACHERS: &str = "teacher’s";
/// The gradient tensor: of the loss, or of the label's logit alone.
const LOSS: &str = "∇x J";
const LABELS: &str = "∇x a_y";

/// The pane of samples.
#[derive(Default)]
pub struct SamplesPane {
    atlas: Option<Atlas>,
    view: View,
    maps: Maps,
    own: Own,
}

/// What is shown of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    /// What an attack does to each.
    #[default]
    Attack,
    /// The gradient tensors of this run and of those that are ticked.
    Maps,
    /// A picture of somebody's own.
    Own,
}

/// Every picture of every sample in one texture, of a moment.
struct Atlas {
    of: (u64, Ground),
    texture: TextureHandle,
}

static ABOUT: About = About {
    name: "samples",
    title: "Samples",
    question: "what does an attack change?",
    scenarios: &[ScenarioKind::Defense, ScenarioKind::Distillation],
    data: DataKind::Pictures,
    column: Column::Right,
    share: 0.36,
};

impl Pane for SamplesPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        if self.own.has_come(scope.history) {
            self.view = View::Own;
        }
        if self.view == View::Own {
            view_ui(ui, &mut self.view);
            self.own.ui(ui, scope);
            return;
        }
        let Some(samples) = &scope.history.samples else {
            let what = "Images, their gradient tensors, and what an attack makes of them.";
            let when = match scope.controls.config.hyper.histogram_every_steps {
                0 => "They are off with the histograms: set “histograms every” above 0.".into(),
                1 => "They come every step: press Run.".into(),
                every => format!("They come every {} steps: press Run.", count(every)),
            };
            view_ui(ui, &mut self.view);
            chart::empty(ui, &scope.palette, what, &when);
            return;
        };
        view_ui(ui, &mut self.view);
        if self.view == View::Maps {
            self.maps.ui(ui, scope, samples);
            return;
        }
        let of = (scope.history.samples_received, scope.palette.ground);
        if self.atlas.as_ref().is_none_or(|atlas| atlas.of != of) {
            let picture = atlas(samples, &scope.palette);
            let texture = ui.ctx().load_texture("samples", picture, egui::TextureOptions::NEAREST);
            self.atlas = Some(Atlas { of, texture });
        }
        let Some(atlas) = &self.atlas else { return };
        let palette = scope.palette;
        let titles = titles(samples);
        let side = ((ui.available_width() - 24.0) * 0.46 / titles.len() as f32).clamp(40.0, 96.0);
        let gap = 4.0;
        header_ui(ui, (&palette, scope.history), samples, side, gap);
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 5.0;
            for (index, sample) in samples.samples.iter().enumerate() {
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = gap;
                    for picture in 0..titles.len() {
                        let row = (index, samples.samples.len());
                        picture_ui(ui, &palette, &atlas.texture, row, (picture, titles), side);
                    }
                    ui.add_space(6.0);
                    ui.vertical(|ui| says_ui(ui, scope.history, &palette, sample, side));
                });
            }
        });
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new([
            "step",
            "epsilon",
            "sample",
            "label",
            "clean",
            "clean_probability",
            "adversarial",
            "adversarial_probability",
            "auxiliary",
            "auxiliary_probability",
            "gradient_largest",
            "change_largest",
        ]);
        let Some(samples) = &history.samples else { return table };
        for (index, sample) in samples.samples.iter().enumerate() {
            let said = [
                &sample.clean_probabilities,
                &sample.adversarial_probabilities,
                &sample.auxiliary_probabilities,
            ];
            let mut row = vec![samples.step.to_string(), samples.epsilon.to_string(), index.to_string()];
            row.push(history.whole_class_name(sample.label));
            for (column, probabilities) in said.into_iter().enumerate() {
                let (said, probability) = likeliest(probabilities);
                let name = if column == 2 {
                    history.whole_origin_name(said)
                } else {
                    history.whole_class_name(said)
                };
                row.extend([name, probability.to_string()]);
            }
            row.push(largest(&sample.gradient).to_string());
            row.push(largest(&change(sample)).to_string());
            table.push(row);
        }
        table
    }
}

/// The choice of what is shown.
fn view_ui(ui: &mut Ui, view: &mut View) {
    ui.horizontal(|ui| {
        for (one, title, about) in [
            (View::Attack, "attack", "What PGD makes of each image, and what the networks say."),
            (
                View::Maps,
                "saliency",
                "The gradient tensors of the same images by this run and by those that are ticked in Runs.",
            ),
            (View::Own, "yours", "A picture of your own: drawn here, opened, or dropped on the window."),
        ] {
            let text = RichText::new(title).font(small());
            ui.selectable_value(view, one, text).on_hover_text(about);
        }
    });
}

/// The titles of its pictures.
fn titles(samples: &Samples) -> &'static [&'static str] {
    let has_teacher = samples.samples.iter().any(|sample| sample.teacher_gradient.is_some());
    if has_teacher { &TITLES_WITH_TEACHER } else { &TITLES }
}

fn header_ui(ui: &mut Ui, (palette, history): (&Palette, &History), samples: &Samples, side: f32, gap: f32) {
    let shown = |title: &'static str| match title {
        LOSS if history.reads_masked() => LABELS,
        title => title,
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        for title in titles(samples).iter().map(|title| shown(title)) {
            let (rect, response) = ui.allocate_exact_size(vec2(side, 13.0), Sense::hover());
            let at = rect.center_bottom();
            ui.painter().text(at, egui::Align2::CENTER_BOTTOM, title, tiny(), palette.weak);
            response.on_hover_text(match title {
                "x" => "A held-out image.",
                LABELS => "The gradient of its label's logit, which the auxiliary network reads: blue lowers the logit, orange raises it; scaled to its largest entry.",
                LOSS => "Its gradient tensor: blue lowers the loss, orange raises it; scaled to its largest entry.",
                TEACHERS => "The teacher's gradient tensor of the same image, drawn like the student's.",
                "attacked" => "The image after PGD (L∞) at the set ε.",
                _ => "What the attack changed: full colour is ε.",
            });
        }
        ui.add_space(6.0);
        let text = format!("PGD, ε = {}, step {}", short(samples.epsilon), count(samples.step));
        ui.add(egui::Label::new(RichText::new(text).font(tiny()).color(palette.weak)).truncate());
    });
}

fn picture_ui(
    ui: &mut Ui,
    palette: &Palette,
    texture: &TextureHandle,
    (row, rows): (usize, usize),
    (column, titles): (usize, &[&str]),
    side: f32,
) {
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
    let (width, height) = (1.0 / titles.len() as f32, 1.0 / rows as f32);
    let uv = Rect::from_min_size(pos2(column as f32 * width, row as f32 * height), vec2(width, height));
    ui.painter().image(texture.id(), rect, uv, Color32::WHITE);
    ui.painter().rect_stroke(rect, 2.0, egui::Stroke::new(1.0, palette.line), egui::StrokeKind::Outside);
    response.on_hover_ui(|ui| {
        ui.add(egui::Image::new((texture.id(), vec2(224.0, 224.0))).uv(uv));
        ui.label(titles[column]);
    });
}

/// What the main network says before and after the attack, and what the auxiliary network reads.
fn says_ui(ui: &mut Ui, history: &History, palette: &Palette, sample: &Sample, side: f32) {
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.add_space((side - 40.0).max(0.0) / 2.0);
    let says = |ui: &mut Ui, what: &str, probabilities: &[f32]| {
        let (class, probability) = likeliest(probabilities);
        let verdict = if class == sample.label { palette.good } else { palette.bad };
        line(ui, palette, what, (history.class_name(class), probability), verdict);
    };
    says(ui, "clean ", &sample.clean_probabilities);
    if let Some(teacher) = &sample.teacher_probabilities {
        says(ui, "teacher ", teacher);
    }
    says(ui, "attacked ", &sample.adversarial_probabilities);
    let (origin, probability) = likeliest(&sample.auxiliary_probabilities);
    line(ui, palette, "gradient read as ", (history.origin_name(origin), probability), palette.auxiliary);
}

fn change(sample: &Sample) -> Vec<f32> {
    sample.adversarial.iter().zip(&sample.image).map(|(after, before)| after - before).collect()
}

/// Every picture: a row a sample.
fn atlas(samples: &Samples, palette: &Palette) -> ColorImage {
    let [_, height, width] = samples.shape;
    let columns = titles(samples).len();
    let mut atlas =
        ColorImage::filled([columns * width, (samples.samples.len() * height).max(1)], Color32::BLACK);
    for (row, sample) in samples.samples.iter().enumerate() {
        let scale = largest(&sample.gradient);
        let mut drawn = vec![
            textures::image(samples.shape, &sample.image),
            textures::signed(samples.shape, &sample.gradient, scale, palette),
        ];
        if let Some(teachers) = &sample.teacher_gradient {
            drawn.push(textures::signed(samples.shape, teachers, largest(teachers), palette));
        }
        drawn.push(textures::image(samples.shape, &sample.adversarial));
        drawn.push(textures::signed(samples.shape, &change(sample), samples.epsilon as f32, palette));
        for (column, picture) in drawn.iter().enumerate() {
            textures::paste(&mut atlas, picture, [column * width, row * height]);
        }
    }
    atlas
}
