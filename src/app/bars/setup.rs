//! What is trained, on what and how: the next run's, in four boxes.

use egui::{ComboBox, InnerResponse, Ui};

use crate::app::pane::Scope;
use crate::config::{BUILT_IN_DATA, Method, NO_PRETRAINED, NetworkKind, ScenarioKind, Setup};
use crate::platform;

/// Height of the list of data sets, which should need no scrolling.
const LISTED: f32 = 360.0;

/// Scenario, data, network and mode.
pub fn ui(ui: &mut Ui, scope: &mut Scope<'_>) {
    let hint = |changed: bool| {
        if changed { "Applies at Reset (R)" } else { "Fixed during a run; choose for the next" }
    };
    let running = scope.history.info.as_ref().map(|info| info.config.setup.clone());
    let setup = &mut scope.controls.config.setup;
    let changed = |same: bool| running.is_some() && !same;
    let same = running.as_ref().is_none_or(|running| running.scenario == setup.scenario);
    let text = mark(setup.scenario.name(), changed(same));
    let combo = ComboBox::from_id_salt("toolbar scenario").selected_text(text).width(84.0).truncate();
    let response = combo.show_ui(ui, |ui| {
        for (scenario, about) in [
            (ScenarioKind::Defense, "Gradient tensors of different classes must look alike."),
            (ScenarioKind::Distillation, "A student's gradient tensors must look like its teacher's."),
            (ScenarioKind::Multitask, "Gradient tensors of different tasks must look alike."),
        ] {
            ui.selectable_value(&mut setup.scenario, scenario, scenario.name()).on_hover_text(about);
        }
    });
    response
        .response
        .on_hover_text(format!("Which gradient tensors must look alike. {}", hint(changed(same))));

    let same = running.as_ref().is_none_or(|running| running.data == setup.data);
    let shown = setup.data.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or("data").to_owned();
    let [mut open, mut draw] = [false; 2];
    let combo = ComboBox::from_id_salt("toolbar data")
        .selected_text(mark(&shown, changed(same)))
        .height(LISTED)
        .width(116.0)
        .truncate();
    let response = combo.show_ui(ui, |ui| {
        for name in BUILT_IN_DATA {
            ui.selectable_value(&mut setup.data, name.into(), name);
        }
        if !BUILT_IN_DATA.contains(&setup.data.as_str()) {
            ui.selectable_label(true, &shown).on_hover_text(&setup.data);
        }
        draw = ui.button("Draw a world…").clicked();
        open = ui.button("Open folder…").clicked();
    });
    response.response.on_hover_text(format!("Data. {}", hint(changed(same))));

    let same = running.as_ref().is_none_or(|running| {
        (running.network_kind(), running.pretrained()) == (setup.network_kind(), setup.pretrained())
    });
    let response = network_ui(ui, setup, changed(same));
    let only = if setup.world().is_none() { "" } else { " A world of points is learned by mlp." };
    response.response.on_hover_text(format!("Network. {}{only}", hint(changed(same))));
    let network = response.inner.unwrap_or_default();

    let same = running.as_ref().is_none_or(|running| running.method() == setup.method());
    method_ui(ui, setup, changed(same)).on_hover_text(format!("How it is trained. {}", hint(changed(same))));
    if draw {
        scope.pad.open(&scope.controls.config.setup.drawing);
    }
    if open {
        scope.exports.await_answer(platform::pick_folder());
    }
    if network {
        scope.exports.await_answer(platform::pick_network());
    }
}

/// The architecture, or the network that somebody else trained; whether one is to be opened.
fn network_ui(ui: &mut Ui, setup: &mut Setup, changed: bool) -> InnerResponse<Option<bool>> {
    let text = mark(setup.network_name(), changed);
    let has_choice = setup.world().is_none();
    let combo = ComboBox::from_id_salt("toolbar network").selected_text(text).width(96.0).truncate();
    combo.show_ui(ui, |ui| {
        for network in NetworkKind::ALL.iter().filter(|network| has_choice || **network == NetworkKind::Mlp) {
            let is_chosen = setup.pretrained().is_none() && setup.network == *network;
            if ui.selectable_label(is_chosen, network.name()).clicked() {
                (setup.network, setup.pretrained) = (*network, NO_PRETRAINED.into());
            }
        }
        if let Some(path) = setup.pretrained() {
            ui.selectable_label(true, setup.network_name()).on_hover_text(path);
        }
        has_choice && ui.button("Open network…").clicked()
    })
}

/// The mode of a defence, the method of a distillation.
fn method_ui(ui: &mut Ui, setup: &mut Setup, changed: bool) -> egui::Response {
    let text = mark(setup.method().name(), changed);
    let combo = ComboBox::from_id_salt("toolbar mode").selected_text(text).width(116.0).truncate();
    let mut chosen = setup.method();
    let response = combo.show_ui(ui, |ui| {
        for method in Method::all(setup.scenario) {
            let row = ui.selectable_value(&mut chosen, method, method.name());
            row.on_hover_text(method.about().to_string());
        }
    });
    setup.train_by(chosen);
    response.response
}

fn mark(text: &str, changed: bool) -> String {
    if changed { format!("• {text}") } else { text.into() }
}
