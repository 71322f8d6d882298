//! What a sweep is to go through: knobs and values, methods, seeds, steps.

use egui::{Button, ComboBox, DragValue, RichText, TextEdit, Ui};

use crate::app::draw::icons::{self, Icon};
use crate::app::draw::theme::{small, tiny};
use crate::app::pane::Scope;
use crate::app::run::sweep::form::{Axis, Form, MOST_AXES, MOST_SEEDS, shell};
use crate::config::{Config, Knob, Method};
use crate::show::number::{self, seconds};

/// Draws it, and begins the sweep where that is wanted.
pub(super) fn ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let config = scope.controls.config.clone();
    scope.sweep.form.suit(&config);
    let palette = scope.palette;
    let heading = |ui: &mut Ui, text: &str| {
        ui.add_space(6.0);
        ui.label(RichText::new(text).font(tiny()).color(palette.weak));
    };
    heading(ui, "GO THROUGH");
    axes_ui(ui, &mut scope.sweep.form, &config);
    heading(ui, "OF");
    methods_ui(ui, &mut scope.sweep.form, &config);
    heading(ui, "EACH");
    let form = &mut scope.sweep.form;
    ui.horizontal(|ui| {
        ui.label(RichText::new("seeds").font(small()));
        ui.add(DragValue::new(&mut form.seeds).range(1..=MOST_SEEDS).speed(0.05)).on_hover_text(
            "Counted up from the run's own; a seed means the same data, order and first weights for all",
        );
        ui.add_space(8.0);
        ui.label(RichText::new("steps").font(small()));
        ui.add(DragValue::new(&mut form.steps).range(1..=10_000_000).speed(10.0))
            .on_hover_text("Steps of each run");
    });
    ui.add_space(8.0);
    end_ui(ui, scope, &config);
}

/// How many runs come of it and how long they take; the buttons.
fn end_ui(ui: &mut Ui, scope: &mut Scope<'_>, config: &Config) {
    let palette = scope.palette;
    let request = scope.sweep.form.request(config);
    let pace = scope.history.latest.as_ref().map(|report| report.steps_per_second).filter(|pace| *pace > 0.0);
    match &request {
        Ok(request) => {
            let counted = |count: u64, one: &str| match count {
                1 => format!("1 {one}"),
                count => format!("{} {one}s", number::count(count)),
            };
            let time = pace.map_or_else(String::new, |pace| {
                let took = seconds(request.steps as f64 / pace);
                format!(" · about {took} at the present run's pace, and the attacks on each")
            });
            let teachers = match request.teachers {
                0 => String::new(),
                count => format!(" and {}", counted(count, "teacher")),
            };
            let steps = counted(request.steps, "step");
            let text = format!("{}{teachers}, {steps} in all{time}.", counted(request.runs, "run"));
            ui.label(RichText::new(text).font(small()).color(palette.weak));
        }
        Err(why) => drop(ui.label(RichText::new(why).font(small()).color(palette.bad))),
    }
    let is_under_way = scope.sweep.is_under_way();
    ui.horizontal(|ui| {
        let text = RichText::new("Begin").color(egui::Color32::WHITE);
        let button = Button::new(text).fill(palette.accent);
        let about = if is_under_way {
            "One sweep goes on already"
        } else {
            "Train and attack them one after the other, behind the present run; kept in the library"
        };
        let can_begin = request.is_ok() && !is_under_way;
        let button = ui.add_enabled(can_begin, button).on_hover_text(about).on_disabled_hover_text(about);
        if let (true, Ok(request)) = (button.clicked(), &request) {
            let device = scope.history.info.as_ref().map(|info| &info.device);
            let wake = ui.ctx().clone();
            scope.sweep.begin(request, scope.shelf.root(), device, move || wake.request_repaint());
        }
        let about = "The same for a command line, here or on another machine: great-lab compare";
        let copy = ui.add_enabled(request.is_ok(), Button::new("Copy command"));
        if let (true, Ok(request)) = (copy.on_hover_text(about).clicked(), &request) {
            let mut words = request.words.clone();
            words.extend(["--out".into(), format!("runs/{}", request.stem)]);
            ui.ctx().copy_text(shell(&words));
            scope.history.notice = Some("Copied the command.".into());
        }
    });
}

fn axes_ui(ui: &mut Ui, form: &mut Form, config: &Config) {
    let knobs = form.knobs(config);
    let mut gone = None;
    let count = form.axes.len();
    for (place, axis) in form.axes.iter_mut().enumerate() {
        let mut chosen = axis.knob.name;
        ui.horizontal(|ui| {
            let combo = ComboBox::from_id_salt(("sweep knob", place)).selected_text(axis.knob.label);
            combo
                .width(ui.available_width() - if count > 1 { 26.0 } else { 2.0 })
                .truncate()
                .height(420.0)
                .show_ui(ui, |ui| {
                    for knob in &knobs {
                        let row = ui.selectable_value(&mut chosen, knob.name, title(knob));
                        row.on_hover_text(knob.help);
                    }
                })
                .response
                .on_hover_text(format!("{}: {}", axis.knob.name, axis.knob.help));
            let about = "Go through the other one alone";
            if count > 1 && icons::quiet_button(ui, Icon::Close, about).on_hover_text(about).clicked() {
                gone = Some(place);
            }
        });
        if let Some(knob) = knobs.iter().find(|knob| knob.name == chosen && chosen != axis.knob.name) {
            *axis = Axis::around(knob, config);
        }
        let label = format!("Values of {}", axis.knob.label);
        let field = TextEdit::singleline(&mut axis.values).font(small()).desired_width(f32::INFINITY);
        let now = axis.knob.show(&axis.knob.read(config));
        let response = ui.add(field.hint_text("values, between commas"));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, &label));
        response.on_hover_text(format!(
            "Between commas; {}. The knob is at {now} now.",
            axis.knob.kind.expected()
        ));
    }
    if let Some(place) = gone {
        form.axes.remove(place);
    }
    if form.axes.len() < MOST_AXES {
        let is_free = |knob: &&&'static Knob| form.axes.iter().all(|axis| axis.knob.name != knob.name);
        let next = knobs.iter().find(is_free).copied();
        let button = Button::new(RichText::new("and another knob").font(small()));
        if ui.add(button).on_hover_text("Every pair of values").clicked() {
            form.axes.extend(next.map(|knob| Axis::around(knob, config)));
        }
    }
}

/// A knob in the list.
fn title(knob: &Knob) -> String {
    if knob.label == knob.name { knob.name.into() } else { format!("{} ({})", knob.label, knob.name) }
}

fn methods_ui(ui: &mut Ui, form: &mut Form, config: &Config) {
    let all = Method::all(config.setup.scenario);
    ui.spacing_mut().item_spacing.y = 2.0;
    let mut chosen = form.methods.clone();
    for method in &all {
        let mut is_chosen = chosen.contains(method);
        let text = RichText::new(method.name()).font(small());
        if ui.checkbox(&mut is_chosen, text).on_hover_text(method.about().to_string()).changed() {
            chosen.retain(|other| other != method);
            if is_chosen {
                chosen.push(*method);
            }
        }
    }
    // In the order of the list: the plainest comes first, and all others are held against it.
    form.methods = all.into_iter().filter(|method| chosen.contains(method)).collect();
}
