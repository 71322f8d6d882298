//! What the auxiliary network reads: its accuracy over the run beside chance, and which classes it takes for which.

use egui::{RichText, Ui, vec2};
use egui_plot::{HLine, LineStyle, Points};

use super::confusion::Confusion;
use crate::app::draw::against::Against;
use crate::app::draw::reading::{self, Reading};
use crate::app::draw::theme::{Palette, tiny};
use crate::app::draw::{beside, chart};
use crate::app::pane::{About, Column, DataKind, Pane, Scope};
use crate::app::run::along::Along;
use crate::app::run::history::History;
use crate::config::ScenarioKind;
use crate::protocol::Command;
use crate::show::Table;
use crate::show::columns::Metric;
use crate::show::gradients::probe;
use crate::show::matrix::classes;
use crate::show::number::{self, count, percent, whole_percent};
use crate::show::palette::Role;
use crate::show::{SMOOTHING, charts};

/// Lower than this there is no room for a sentence.
const LOW: f32 = 220.0;

/// The pane of the auxiliary network.
#[derive(Default)]
pub struct Discriminator {
    against: Against,
}

static ABOUT: About = About {
    name: "discriminator",
    title: "Discriminator",
    question: "can it be read off a gradient where it comes from?",
    scenarios: ScenarioKind::ALL,
    data: DataKind::Any,
    column: Column::Middle,
    share: 0.32,
};

impl Pane for Discriminator {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn ui(&mut self, ui: &mut Ui, scope: &mut Scope<'_>) {
        let Some(report) = &scope.history.latest else {
            let what = "How often the auxiliary network reads off a gradient where it comes from.";
            chart::empty(ui, &scope.palette, what, "The first report fills this: press Run.");
            return;
        };
        let palette = scope.palette;
        let area = ui.available_rect_before_wrap();
        let side = area.height().min(area.width() * 0.52);
        let names = (side * 0.28).clamp(40.0, 110.0);
        let matrix_width = (side + names).min(area.width() * 0.6);
        let left = area.with_max_x(area.right() - matrix_width - 10.0);
        let right = area.with_min_x(area.right() - matrix_width);
        let mut plot_ui = ui.new_child(egui::UiBuilder::new().max_rect(left));
        plot_ui.horizontal(|ui| {
            ui.label(RichText::new(percent(report.auxiliary_accuracy)).strong().color(palette.auxiliary));
            let chance = scope
                .history
                .chance()
                .map_or(String::new(), |c| format!("read · chance {}", number::short_percent(c)));
            let chance = match report.hyper.alpha_target {
                0.0 => chance,
                target => format!(
                    "{chance} · target {} · α {}",
                    number::short_percent(target),
                    number::short(report.alpha)
                ),
            };
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                self.against.ui(ui, scope, "confusion against");
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    let text = RichText::new(chance).size(11.0).color(palette.weak);
                    ui.add(egui::Label::new(text).truncate());
                });
            });
        });
        let other =
            self.against.run(scope).and_then(|(title, history)| Some((title, Confusion::of(history)?)));
        let Some(own) = Confusion::of(scope.history) else { return };
        match other {
            Some((title, other)) if !self.against.is_difference() => {
                // The other one takes the place of the curve.
                let below = area.with_min_y(plot_ui.min_rect().bottom() + 2.0);
                let (mine, its) = below.split_left_right_at_fraction(0.5);
                own.ui(ui, &palette, mine.with_max_x(mine.right() - 6.0), names, "this run");
                other.ui(ui, &palette, its.with_min_x(its.left() + 6.0), names, title);
                return;
            }
            Some((title, other)) => match own.less(&other) {
                Some(difference) => difference.ui(ui, &palette, right, names, &format!("this run − {title}")),
                None => own.ui(ui, &palette, right, names, "the other run has other classes"),
            },
            None => own.ui(ui, &palette, right, names, ""),
        }
        probe_ui(&mut plot_ui, scope, area.height() < LOW);
        accuracy_ui(&mut plot_ui, scope);
    }

    fn table(&self, scope: &Scope<'_>) -> Table {
        let history = &*scope.history;
        let mut table = Table::new(["true_class", "read_as", "count"]);
        let Some(report) = &history.latest else { return table };
        let classes = classes(report.confusion.len());
        for (index, count) in report.confusion.iter().enumerate() {
            let (row, column) = (index / classes.max(1), index % classes.max(1));
            let names = [row, column].map(|origin| history.whole_origin_name(origin));
            table.push(names.into_iter().chain([count.to_string()]));
        }
        table
    }
}

/// The button that asks for a fresh network, and what the newest one reads.
fn probe_ui(ui: &mut Ui, scope: &mut Scope<'_>, is_low: bool) {
    let palette = scope.palette;
    let chance = scope.history.chance().unwrap_or(0.0);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().button_padding = vec2(5.0, 0.0);
        ui.spacing_mut().item_spacing = vec2(5.0, 1.0);
        let is_under_way = scope.history.awaits_probe;
        let text = RichText::new(if is_under_way { "Probing" } else { "Probe now" }).font(tiny());
        let about = "Trains a new auxiliary network for a few steps on the gradients as they stand, beside training: what the running one no longer reads, it may still.";
        if ui.add_enabled(!is_under_way && !scope.is_kept, egui::Button::new(text)).on_hover_text(about).clicked() {
            scope.history.awaits_probe = true;
            scope.controls.send(Command::Probe);
        }
        let mut job = egui::text::LayoutJob::default();
        let format = |color| egui::TextFormat::simple(tiny(), color);
        let Some(found) = scope.history.probes.back() else {
            job.append("with a fresh network", 0.0, format(palette.weak));
            ui.add(egui::Label::new(job).truncate());
            return;
        };
        let sentence = format!("{} Step {}.", probe::sentence(found, chance), count(found.step));
        for ((role, _, share), name) in charts::fresh().into_iter().zip(["fresh", "noiseless"]) {
            if let Some(share) = share(found) {
                job.append("● ", 0.0, format(palette.role(role)));
                if is_low {
                    let read = format!("{name} {}  ", whole_percent(share.value()));
                    job.append(&read, 0.0, format(palette.text));
                }
            }
        }
        if is_low {
            ui.add(egui::Label::new(job).truncate()).on_hover_text(sentence);
        } else {
            job.append(&sentence, 0.0, format(palette.text));
            ui.add(egui::Label::new(job).wrap());
        }
    });
}

fn accuracy_ui(ui: &mut Ui, scope: &Scope<'_>) {
    let (history, palette) = (&*scope.history, &scope.palette);
    let along = *scope.along;
    let x = chart::along_axis(palette, along);
    let y = chart::y_axis(palette, "accuracy", chart::percent_tick);
    let plot = chart::chart("discriminator accuracy", palette, x, y)
        .include_y(0.0)
        .include_y(1.0)
        .include_x(0.0)
        .include_x(history.end(along))
        .y_grid_spacer(chart::percent_marks(ui.available_height()));
    let raw = history.points(Metric::AuxiliaryAccuracy, along);
    let alpha = history.points(Metric::Alpha, along);
    let target = history.latest.as_ref().map_or(0.0, |report| report.hyper.alpha_target);
    let response = plot.show(ui, |plot| {
        if let Some(chance) = history.chance() {
            let style = LineStyle::dashed_dense();
            plot.hline(HLine::new("chance", chance).color(palette.weak).width(1.0).style(style));
        }
        beside::curves_ui(plot, palette, &scope.shelf.beside, SMOOTHING, |history| {
            history.points(Metric::AuxiliaryAccuracy, along)
        });
        beside::other_ui(plot, palette, scope.pair.as_ref(), SMOOTHING, |history| {
            vec![(palette.auxiliary, history.points(Metric::AuxiliaryAccuracy, along))]
        });
        let marks = charts::smoothed(&raw, SMOOTHING, Role::Auxiliary, "auxiliary accuracy");
        chart::marks_ui(plot, palette, marks);
        chart::marks_ui(plot, palette, charts::controlled(&alpha, target));
        for fresh in fresh(history, palette, along) {
            plot.points(
                Points::new(fresh.name, fresh.points).color(fresh.color).radius(3.0).allow_hover(false),
            );
        }
        reading::line_ui(plot, palette)
    });
    if let Some(place) = response.inner {
        let mut readings =
            vec![Reading { name: "auxiliary network".into(), color: palette.auxiliary, points: raw }];
        readings.extend(fresh(history, palette, along));
        readings.extend(beside::readings(scope, |history| history.points(Metric::AuxiliaryAccuracy, along)));
        reading::tell(response.response, place, (along.said(place[0]), &[]), &readings, percent);
    }
}

/// What fresh auxiliary networks read, those with and without the channel's noise.
fn fresh(history: &History, palette: &Palette, along: Along) -> Vec<Reading> {
    // A probe says no time: it lies where the report of its step does.
    let rows = history.reports.rows();
    let seconds = |step: f64| {
        let next = rows.partition_point(|row| row.step < step);
        rows.get(next).or(rows.last()).map_or(0.0, |row| row.seconds)
    };
    let place = |step: u64| history.place(along, step as f64, seconds(step as f64));
    let kinds = charts::fresh().into_iter().map(|(role, name, share)| Reading {
        name: name.into(),
        color: palette.role(role),
        points: history
            .probes
            .iter()
            .filter_map(|found| Some([place(found.step), share(found)?.value()]))
            .collect(),
    });
    kinds.filter(|reading| !reading.points.is_empty()).collect()
}
