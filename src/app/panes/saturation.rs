//! Whether an image's gradient is still there: how far the label's logit is above the others, and what `f32` leaves of it.

use egui::{Align2, ColorImage, Rect, RichText, Sense, TextureHandle, Ui, UiBuilder, pos2, vec2};
use egui_plot::{Bar, BarChart, HLine, Line, PlotPoint, Text, VLine};

use crate::app::draw::chart;
use crate::app::draw::textures;
use crate::app::draw::theme::{Palette, small, tiny};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::along::Along;
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::protocol::{
    CERTAIN_MARGIN, Command, ImageMargin, MARGIN_BARS, Pictures, Saturation, VANISHED_MARGIN,
};
use crate::show::Table;
use crate::show::gradients::saturation;
use crate::show::number::{count, figure, percent};

/// Images that a bar shows at most.
const SHOWN: usize = 32;
/// Narrower than this there is one chart, lower than that of the small ones one.
const NARROW: f32 = 330.0;
/// Lower than this the sentence has one line, and the lines of the histogram have no names.
const SHORT: f32 = 150.0;
/// Lower than this the histogram's axis has no name.
const LEAST: f32 = 80.0;
const LOW: f32 = 130.0;
/// Side of a picture, and pictures in a row of the texture.
const SIDE: f32 = 42.0;
const ACROSS: usize = 6;

/// The pane of saturation.
#[derive(Default)]
pub struct SaturationPane {
    /// The bar whose images are shown, and those that were asked for.
    bar: Option<usize>,
    asked: Vec<u32>,
    atlas: Option<Atlas>,
}

/// The pictures that came, side by side in one texture.
struct Atlas {
    of: u64,
    texture: TextureHandle,
}

static ABOUT: About = About {
    name: "saturation",
    title: "Saturation",
    question: "is its gradient still there?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Middle,
    share: 0.26,
};

impl Pane for SaturationPane {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let Some(found) = &scope.history.saturation else {
            let what = "How sure the network is of what it sees, and whether f32 rounds the gradients away.";
            let when = match scope.controls.config.hyper.histogram_every_steps {
                0 => "It is off with the histograms: set “histograms every” above 0.".into(),
                1 => "It comes every step: press Run.".into(),
                every => format!("It comes every {} steps: press Run.", count(every)),
            };
            chart::empty(ui, &scope.palette, what, &when);
            return;
        };
        let palette = scope.palette;
        let is_low = ui.available_height() < SHORT;
        sentence_ui(ui, scope.history, &palette, found, is_low);
        self.bar.take_if(|bar| found.in_bar(*bar).is_empty());
        let area = ui.available_rect_before_wrap();
        let is_wide = area.width() >= NARROW;
        let middle = if is_wide { area.left() + 0.6 * area.width() } else { area.right() };
        if is_wide || self.bar.is_none() {
            let mut left = ui.new_child(UiBuilder::new().max_rect(area.with_max_x(middle)));
            if let Some(bar) = margins_ui(&mut left, &palette, (found, scope.history.examples()), self.bar) {
                self.bar = (self.bar != Some(bar)).then_some(bar);
            }
        }
        let rest = if is_wide { area.with_min_x(middle + 10.0) } else { area };
        match self.bar {
            Some(bar) => {
                let images = found.in_bar(bar);
                let wanted: Vec<u32> = images.iter().take(SHOWN).map(|image| image.index).collect();
                if wanted != self.asked && !scope.is_kept {
                    scope.controls.send(Command::Show(wanted.clone()));
                    self.asked = wanted;
                }
                let mut right = ui.new_child(UiBuilder::new().max_rect(rest));
                self.images_ui(&mut right, scope.history, &palette, (bar, &images));
            }
            None if is_wide => small_charts_ui(ui, scope.history, &palette, found, rest),
            None => {}
        }
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new(saturation::COLUMNS);
        if let Some(found) = &history.saturation {
            let origins: Vec<String> =
                (0..found.masses.len()).map(|origin| history.whole_origin_name(origin)).collect();
            table.extend(saturation::rows(found, &origins));
        }
        table
    }
}

impl SaturationPane {
    /// The images of a bar, each with what is known of it where the pointer rests.
    fn images_ui(
        &mut self,
        ui: &mut Ui,
        history: &History,
        palette: &Palette,
        (bar, images): (usize, &[ImageMargin]),
    ) {
        ui.horizontal(|ui| {
            ui.spacing_mut().button_padding = vec2(5.0, 1.0);
            if ui.button(RichText::new("Back").font(small())).clicked() {
                self.bar = None;
            }
            let shown = if images.len() > SHOWN { format!(", {SHOWN} of them") } else { String::new() };
            let text = format!(
                "margin {}: {} {}{shown}",
                saturation::bar_label(bar),
                images.len(),
                history.examples()
            );
            ui.add(egui::Label::new(RichText::new(text).font(small()).color(palette.weak)).truncate());
        });
        let Some(pictures) = history.pictures.as_ref().filter(|pictures| pictures.indices == self.asked)
        else {
            ui.label(RichText::new("They are on their way.").font(small()).color(palette.weak));
            return;
        };
        if self.atlas.as_ref().is_none_or(|atlas| atlas.of != history.pictures_received) {
            let texture = ui.ctx().load_texture("saturation", atlas(pictures), egui::TextureOptions::NEAREST);
            self.atlas = Some(Atlas { of: history.pictures_received, texture });
        }
        let Some(atlas) = &self.atlas else { return };
        let side = if ui.available_height() < 2.0 * SIDE { 0.7 * SIDE } else { SIDE };
        egui::ScrollArea::vertical().id_salt("images").auto_shrink(false).show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                ui.spacing_mut().item_spacing = vec2(4.0, 4.0);
                for (at, image) in images.iter().take(pictures.indices.len()).enumerate() {
                    let place = ((at, pictures.indices.len()), side);
                    image_ui(ui, history, palette, &atlas.texture, place, image);
                }
            });
        });
    }
}

/// Whether the gradients are there, behind a dot in the colour of the answer.
fn sentence_ui(ui: &mut Ui, history: &History, palette: &Palette, found: &Saturation, is_low: bool) {
    let (role, sentence) = saturation::sentence(found);
    let of_whom = match history.info.as_ref().map(|info| info.config.setup.scenario) {
        Some(ScenarioKind::Distillation) => " The student's.",
        Some(ScenarioKind::Multitask) => " Of the task of classes, at the shared representation.",
        Some(ScenarioKind::Defense) | None => "",
    };
    let mut job = egui::text::LayoutJob::default();
    let format = |color| egui::TextFormat::simple(small(), color);
    job.append("● ", 0.0, format(palette.role(role)));
    job.append(&sentence, 0.0, format(palette.text));
    job.append(of_whom, 0.0, format(palette.weak));
    let label = egui::Label::new(job);
    if is_low {
        // The whole of it where the pointer rests.
        ui.add(label.truncate());
    } else {
        ui.add(label.wrap());
    }
}

/// The histogram of margins; the bar that was clicked, if one was.
fn margins_ui(
    ui: &mut Ui,
    palette: &Palette,
    (found, examples): (&Saturation, &str),
    chosen: Option<usize>,
) -> Option<usize> {
    let counts = found.counts();
    let largest = f64::from(counts.iter().copied().max().unwrap_or(0).max(1));
    let has_names = ui.available_height() > 0.7 * SHORT;
    let ticks = saturation::ticks();
    let marks = chart::marks(ticks.iter().map(|(at, _)| *at).collect(), 2.0);
    let label =
        if ui.available_height() < LEAST { "" } else { "margin: label's logit − largest other one" };
    let x = chart::x_axis(palette, label, move |at| {
        let tick = ticks.iter().find(|(place, _)| (place - at).abs() < 1e-6);
        tick.map_or(String::new(), |(_, label)| label.clone())
    });
    let y = chart::y_axis(palette, examples, chart::count_tick);
    let plot = chart::chart("margins", palette, x, y)
        .include_y(0.0)
        .include_y(if has_names { 1.3 } else { 1.1 } * largest)
        .include_x(0.0)
        .include_x(MARGIN_BARS as f64)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .x_grid_spacer(marks);
    let bars = counts.iter().enumerate().filter(|(_, images)| **images > 0).map(|(bar, images)| {
        let color = palette.role(saturation::bar_role(bar));
        let is_faint = chosen.is_some_and(|chosen| chosen != bar);
        let fill = palette.shade(color, if is_faint { 0.35 } else { 0.85 });
        Bar::new(bar as f64 + 0.5, f64::from(*images)).width(0.9).fill(fill)
    });
    let bars: Vec<Bar> = bars.collect();
    let response = plot.show(ui, |plot| {
        for (margin, label, height, anchor) in [
            (CERTAIN_MARGIN, " p_y = 1", 1.28, Align2::LEFT_TOP),
            (VANISHED_MARGIN, "no gradient ", 1.14, Align2::RIGHT_TOP),
        ] {
            let at = saturation::place(margin);
            plot.vline(VLine::new("", at).color(palette.weak).width(1.0).allow_hover(false));
            if has_names {
                let text = RichText::new(label).font(tiny()).color(palette.weak);
                let place = PlotPoint::new(at, height * largest);
                plot.text(Text::new("", place, text).anchor(anchor).allow_hover(false));
            }
        }
        plot.bar_chart(BarChart::new(examples, bars).allow_hover(false));
        let at = plot.pointer_coordinate().filter(|_| plot.response().hovered())?;
        let bar = (0.0..MARGIN_BARS as f64).contains(&at.x).then_some(at.x as usize)?;
        (counts[bar] > 0).then_some(bar)
    });
    let bar = response.inner?;
    let response = response.response.on_hover_cursor(egui::CursorIcon::PointingHand);
    let is_clicked = response.clicked();
    response.on_hover_text_at_pointer(format!(
        "margin {}: {} of {} {examples}\nClick to see them",
        saturation::bar_label(bar),
        counts[bar],
        found.images.len()
    ));
    is_clicked.then_some(bar)
}

/// The mean logit over the run, and where the auxiliary network's probability lies.
fn small_charts_ui(ui: &mut Ui, history: &History, palette: &Palette, found: &Saturation, area: Rect) {
    let is_low = area.height() < LOW;
    let middle = if is_low { area.bottom() } else { area.center().y };
    let mut above = ui.new_child(UiBuilder::new().max_rect(area.with_max_y(middle)).id_salt("mean logit"));
    caption(
        &mut above,
        palette,
        &format!("mean logit {}", figure(found.mean_logit)),
        "A push on all logits at once, as β's, is seen here alone: softmax does not see it, and f32 runs out of digits.",
    );
    let x = chart::x_axis(palette, "", chart::count_tick);
    let y = chart::y_axis(palette, "", chart::figure_tick);
    let points = history.column(&history.saturations, 0, Along::Step);
    let last = points.last().map_or(0.0, |[step, _]| *step).max(history.end(Along::Step));
    chart::chart("mean logit", palette, x.min_thickness(14.0), y)
        .include_x(0.0)
        .include_x(last)
        .include_y(0.0)
        .x_grid_spacer(chart::marks(vec![0.0, last], last.max(1.0)))
        .label_formatter(|position| {
            chart::point_label(position, |step| format!("step {}", count(step as u64)), figure)
        })
        .show(&mut above, |plot| {
            plot.hline(HLine::new("", 0.0).color(palette.line).allow_hover(false));
            plot.line(Line::new("mean logit", points).color(palette.main).width(1.6));
        });
    if !is_low {
        let below = area.with_min_y(middle + 4.0);
        let mut below = ui.new_child(UiBuilder::new().max_rect(below).id_salt("mass"));
        mass_ui(&mut below, history, palette, found);
    }
}

/// A caption with what it means.
fn caption(ui: &mut Ui, palette: &Palette, text: &str, about: &str) {
    let label = egui::Label::new(RichText::new(text).font(tiny()).color(palette.weak)).truncate();
    ui.add(label).on_hover_text(about);
}

/// The auxiliary network's probability, origin by origin: full where it is right, striking where it is wrong.
fn mass_ui(ui: &mut Ui, history: &History, palette: &Palette, found: &Saturation) {
    let about = "Share of the auxiliary network's probability on each origin: coloured where the gradient comes from there, red where it does not. With GREACE, β times the red is how hard the class's logit is pushed down.";
    let origin = match history.info.as_ref().map(|info| info.config.setup.scenario) {
        Some(ScenarioKind::Distillation) => "network",
        Some(ScenarioKind::Multitask) => "task",
        Some(ScenarioKind::Defense) | None => "class",
    };
    caption(ui, palette, &format!("S = softmax(a′) by {origin}; red: on others’ gradients"), about);
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let largest = found.masses.iter().map(|mass| mass.right + mass.wrong).fold(1e-9, f64::max);
    let width = rect.width() / found.masses.len().max(1) as f32;
    let painter = ui.painter_at(rect);
    for (origin, mass) in found.masses.iter().enumerate() {
        let left = rect.left() + width * origin as f32;
        let y = |mass: f64| rect.bottom() - rect.height() * (mass / largest) as f32;
        let bar = |from: f64, to: f64| {
            Rect::from_min_max(pos2(left + 1.0, y(to)), pos2(left + width - 1.0, y(from)))
        };
        painter.rect_filled(bar(0.0, mass.right), 0.0, palette.class(origin));
        painter.rect_filled(bar(mass.right, mass.right + mass.wrong), 0.0, palette.shade(palette.bad, 0.6));
    }
    let Some(pointer) = response.hover_pos() else { return };
    let origin = ((pointer.x - rect.left()) / width.max(1e-3)) as usize;
    let Some(mass) = found.masses.get(origin) else { return };
    response.on_hover_text_at_pointer(format!(
        "{}\n{} on its own gradients\n{} on others’",
        history.origin_name(origin),
        percent(mass.right),
        percent(mass.wrong)
    ));
}

fn image_ui(
    ui: &mut Ui,
    history: &History,
    palette: &Palette,
    texture: &TextureHandle,
    ((at, images), side): ((usize, usize), f32),
    image: &ImageMargin,
) {
    let (rect, response) = ui.allocate_exact_size(egui::Vec2::splat(side), Sense::hover());
    let size = vec2(1.0 / ACROSS as f32, 1.0 / images.div_ceil(ACROSS).max(1) as f32);
    let place = vec2((at % ACROSS) as f32, (at / ACROSS) as f32);
    let uv = Rect::from_min_size((place * size).to_pos2(), size);
    ui.painter().image(texture.id(), rect, uv, egui::Color32::WHITE);
    let verdict = if image.said == image.label { palette.line } else { palette.bad };
    ui.painter().rect_stroke(rect, 2.0, egui::Stroke::new(1.0, verdict), egui::StrokeKind::Outside);
    response.on_hover_ui(|ui| {
        ui.add(egui::Image::new((texture.id(), vec2(168.0, 168.0))).uv(uv));
        let [label, said] = [image.label, image.said].map(|class| history.class_name(class.into()));
        ui.label(if image.said == image.label { label } else { format!("{label}, taken for {said}") });
        let gradient = if image.is_zero { "gradient exactly 0" } else { "it has a gradient" };
        let margin = figure(image.margin.into());
        let text = format!("margin {margin}, p_y {}, {gradient}", percent(image.probability.into()));
        ui.label(RichText::new(text).font(small()));
    });
}

/// The pictures, [`ACROSS`] in a row.
fn atlas(pictures: &Pictures) -> ColorImage {
    let [channels, height, width] = pictures.shape;
    let rows = pictures.indices.len().div_ceil(ACROSS).max(1);
    let mut atlas = ColorImage::filled([ACROSS * width, rows * height], egui::Color32::BLACK);
    for (at, pixels) in pictures.pixels.chunks_exact((channels * height * width).max(1)).enumerate() {
        let place = [(at % ACROSS) * width, (at / ACROSS) * height];
        textures::paste(&mut atlas, &textures::image(pictures.shape, pixels), place);
    }
    atlas
}
