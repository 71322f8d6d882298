//! What turns a knob: a slider, a number, a choice or a text. A number that nobody touches stays as it is to its last bit,
//! and what is typed is what `--set` takes.

use egui::{ComboBox, DragValue, Response, Slider, TextEdit, Ui};

use crate::config::Knob;
use crate::config::knob::{Kind, Value, parse_real};
use crate::show::number::short;

/// Whole numbers up to this one are the same as floating-point ones, which sliders count in.
const LARGEST_EXACT: u64 = 1 << 53;

/// What turns the knob, and the value it was turned to.
pub fn field(ui: &mut Ui, knob: &'static Knob, value: &Value) -> (Response, Option<Value>) {
    let width = ui.available_width();
    match (knob.kind, value) {
        (Kind::Real { min, max, logarithmic }, Value::Real(old)) => {
            let logarithmic = logarithmic || wants_decades(knob, max);
            let (response, new) = real(ui, *old, |new| {
                Slider::new(new, min..=max)
                    .logarithmic(logarithmic)
                    .smallest_positive(1e-6_f64.max(max * 1e-4))
                    .smart_aim(true)
            });
            (response, new.map(Value::Real))
        }
        (Kind::Count { min, max }, Value::Count(old)) if max <= LARGEST_EXACT => {
            let mut new = *old;
            let parse = |text: &str| match knob.parse(text) {
                Ok(Value::Count(count)) => Some(count as f64),
                _ => None,
            };
            let response = if knob.live {
                slider_sizes(ui);
                let slider = Slider::new(&mut new, min..=max).logarithmic(max >= 1000).integer();
                ui.add(slider.custom_parser(parse))
            } else {
                let speed = (*old as f64 / 100.0).clamp(0.1, 1e6);
                ui.add(DragValue::new(&mut new).range(min..=max).speed(speed).custom_parser(parse))
            };
            (response, (new != *old).then_some(Value::Count(new)))
        }
        (Kind::Choice(names), Value::Choice(old)) => {
            let mut new = *old;
            let response = ComboBox::from_id_salt(knob.name)
                .width((width - 4.0).max(60.0))
                .selected_text(*names.get(*old).unwrap_or(&"?"))
                .truncate()
                .show_ui(ui, |ui| {
                    for (index, name) in names.iter().enumerate() {
                        ui.selectable_value(&mut new, index, *name);
                    }
                })
                .response;
            (response, (new != *old).then_some(Value::Choice(new)))
        }
        // A seed may be larger than what a slider can count to.
        (Kind::Count { .. } | Kind::Text | Kind::Drawing, _) => text(ui, knob, &knob.show(value), width),
        _ => (ui.label(knob.show(value)), None),
    }
}

/// A slider with its number; what it was turned to. A number that is opened and left changes nothing, though fewer digits
/// are shown than it has.
fn real(ui: &mut Ui, old: f64, slider: impl FnOnce(&mut f64) -> Slider<'_>) -> (Response, Option<f64>) {
    slider_sizes(ui);
    let mut new = old;
    let shown = field_text(old);
    let parse = move |text: &str| if text.trim() == shown { Some(old) } else { parse_real(text) };
    let response =
        ui.add(slider(&mut new).custom_formatter(|value, _| field_text(value)).custom_parser(parse));
    (response, (new.to_bits() != old.to_bits()).then_some(new))
}

fn slider_sizes(ui: &mut Ui) {
    ui.spacing_mut().slider_width = (ui.available_width() - 58.0).max(30.0);
    ui.spacing_mut().interact_size.x = 50.0;
}

/// A number as a field shows it: few digits, or as a fraction of 255 where it is one and has no few digits.
pub(super) fn field_text(value: f64) -> String {
    let few = short(value);
    if parse_real(&few) == Some(value) {
        return few;
    }
    let levels = (value * 255.0).round();
    if levels != 0.0 && levels.abs() < 255.0 && levels / 255.0 == value {
        return format!("{}/255", levels as i64);
    }
    few
}

/// A text is taken when the field is left, so that half a folder's name is never tried.
fn text(ui: &mut Ui, knob: &'static Knob, old: &str, width: f32) -> (Response, Option<Value>) {
    let id = ui.scope_id().with(knob.name);
    let mut text = ui.data_mut(|data| data.get_temp::<String>(id)).unwrap_or_else(|| old.to_owned());
    let response = ui.add(TextEdit::singleline(&mut text).desired_width(width - 12.0));
    if response.has_focus() {
        ui.data_mut(|data| data.insert_temp(id, text));
        return (response, None);
    }
    ui.data_mut(|data| data.remove_temp::<String>(id));
    // What is no value of the knob is not taken: the old one stays, as it is on screen again at once.
    let turned = (response.lost_focus() && text != old).then(|| knob.parse(&text).ok()).flatten();
    (response, turned)
}

/// Whether a range is so wide about its default that a linear slider could not hit it.
fn wants_decades(knob: &Knob, max: f64) -> bool {
    match knob.default_value() {
        Value::Real(default) => default <= max / 50.0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use egui::Key;
    use egui::accesskit::Role;
    use egui_kittest::{Harness, kittest::Queryable};

    use super::*;
    use crate::config::{Config, KNOBS};

    /// Shows the knob's field, opens it, types what there is to type, and leaves it; the value afterwards.
    fn after(knob: &'static Knob, value: Value, typed: Option<&str>) -> Value {
        let mut config = Config::default();
        knob.write(&mut config, value).expect("a value of the knob");
        let kept = Rc::new(RefCell::new(config));
        let shown = Rc::clone(&kept);
        let builder = Harness::builder().with_accessibility_check(false);
        let mut harness = builder.build_ui(move |ui| {
            let value = knob.read(&shown.borrow());
            if let Some(new) = field(ui, knob, &value).1 {
                let _ = knob.write(&mut shown.borrow_mut(), new);
            }
        });
        harness.run();
        let number = |harness: &Harness<'_>| {
            let of = |role| harness.query_all_by_role(role).next().map(|_| role);
            [Role::TextInput, Role::SpinButton].into_iter().find_map(of).expect("the field has a text")
        };
        let role = number(&harness);
        harness.get_by_role(role).focus();
        harness.run();
        if let Some(typed) = typed {
            harness.key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
            harness.run();
            harness.event(egui::Event::Text(typed.into()));
            harness.run();
        }
        harness.key_press(Key::Enter);
        harness.run();
        let config = kept.borrow();
        knob.read(&config)
    }

    fn knob(name: &str) -> &'static Knob {
        Knob::find(name).expect("a knob")
    }

    #[test]
    fn a_number_that_is_opened_and_left_is_as_it_was() {
        for knob in KNOBS {
            let values = match knob.kind {
                Kind::Real { min, max, .. } => {
                    let odd = [8.0 / 255.0, 1.0 / 3.0, 0.123_456_789, 1e-5, 1.0];
                    let inside = odd.into_iter().filter(|value| (min..=max).contains(value));
                    inside.chain([min, max]).map(Value::Real).collect()
                }
                Kind::Count { min, max } => {
                    vec![Value::Count(min), Value::Count(max), Value::Count((max - 1).max(min))]
                }
                Kind::Choice(_) | Kind::Text | Kind::Drawing => Vec::new(),
            };
            for value in values {
                assert_eq!(after(knob, value.clone(), None), value, "{}", knob.name);
            }
        }
    }

    #[test]
    fn a_number_is_taken_as_set_takes_it() {
        let epsilon = knob("epsilon");
        for (typed, expected) in
            [("8/255", 8.0 / 255.0), ("1e-3", 1e-3), ("1e\u{2212}3", 1e-3), ("0.25", 0.25)]
        {
            assert_eq!(after(epsilon, Value::Real(0.1), Some(typed)), Value::Real(expected), "{typed}");
        }
        for nonsense in ["a lot", "", "1/0"] {
            assert_eq!(after(epsilon, Value::Real(0.1), Some(nonsense)), Value::Real(0.1), "{nonsense:?}");
        }
        let seed = knob("seed");
        let large = u64::MAX - 1;
        assert_eq!(after(seed, Value::Count(1), Some(&large.to_string())), Value::Count(large));
        assert_eq!(after(seed, Value::Count(7), Some("-3")), Value::Count(7));
        assert_eq!(after(knob("batch_size"), Value::Count(64), Some("100")), Value::Count(100));
    }

    #[test]
    fn what_is_so_many_levels_of_255_is_shown_so() {
        for (value, shown) in [(8.0 / 255.0, "8/255"), (0.1, "0.1"), (0.2, "0.2"), (0.0, "0"), (1.0, "1")] {
            assert_eq!(field_text(value), shown);
        }
        assert_eq!(parse_real(&field_text(3.0 / 255.0)), Some(3.0 / 255.0));
    }
}
