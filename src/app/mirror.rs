//! The window for those who do not see it, on a page: what is drawn, as a list of plain elements that the page lays over its
//! canvas, with name, role and value; and what is done to one of them, done in the window.
//!
//! A native window needs none of it: there eframe speaks to the system's own assistive technology, from the same tree.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use egui::accesskit::{Action, ActionData, ActionRequest, Node, NodeId, Role, Toggled, TreeId, TreeUpdate};
use egui::{Context, Event, FullOutput, Key, Modifiers, RawInput};
use serde_json::{Map, Value, json};
use web_time::{Duration, Instant};

/// Time between two looks at the tree: a page does not change more often for somebody who listens.
const BETWEEN: Duration = Duration::from_millis(500);

/// The window's tree, as a page has it.
#[derive(Clone)]
pub struct Mirror(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What was drawn last.
    tree: Option<TreeUpdate>,
    looked: Option<Instant>,
    /// What the page was told last.
    told: Option<Value>,
    /// What is to come in with the next frame.
    wanted: Vec<Event>,
}

/// What somebody does to an element.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// Looks at it.
    Focus,
    /// Presses it.
    Press,
    /// Turns it up or down by as much as it finds fit.
    Turn {
        /// Up.
        up: bool,
    },
    /// Sets its number.
    Number(f64),
    /// Sets its text.
    Text(String),
}

impl Mirror {
    /// Has the window of `ctx` tell what it draws.
    pub fn install(ctx: &Context) -> Self {
        let mirror = Self(Arc::default());
        ctx.enable_accesskit();
        ctx.add_plugin(Glass(mirror.clone()));
        mirror
    }

    /// All elements in the order in which they are read, if they are others than before, as a JSON array: of each `id`, `role`
    /// (ARIA's), `name`, `rect` (left, top, width, height in points), and where it has them `value`, `number`, `least`, `most`,
    /// `checked`, `disabled`, `expanded`, `focused`.
    pub fn changes(&self) -> Option<Value> {
        let mut state = self.lock();
        let elements = elements(state.tree.take()?);
        if state.told.as_ref() == Some(&elements) {
            return None;
        }
        state.told = Some(elements.clone());
        Some(elements)
    }

    /// Does that to the element of this `id`.
    ///
    /// # Errors
    /// Where `id` is none.
    pub fn act(&self, id: &str, deed: Deed) -> Result<(), String> {
        let target = id.parse().map_err(|_| format!("'{id}' is the id of no element"))?;
        let (action, data) = match deed {
            Deed::Focus => (Action::Focus, None),
            Deed::Press => (Action::Click, None),
            Deed::Turn { up: true } => (Action::Increment, None),
            Deed::Turn { up: false } => (Action::Decrement, None),
            Deed::Number(number) => (Action::SetValue, Some(ActionData::NumericValue(number))),
            Deed::Text(text) => (Action::SetValue, Some(ActionData::Value(text.into()))),
        };
        let request = ActionRequest { action, target_tree: TreeId::ROOT, target_node: NodeId(target), data };
        self.lock().wanted.push(Event::AccessKitActionRequest(request));
        Ok(())
    }

    /// Presses a key of the window's, by its name in a browser; whether it has such a key.
    pub fn press(&self, key: &str) -> bool {
        let Some(key) = Key::from_name(key) else { return false };
        let event = |pressed| Event::Key {
            key,
            physical_key: None,
            pressed,
            repeat: false,
            modifiers: Modifiers::NONE,
        };
        self.lock().wanted.extend([event(true), event(false)]);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What stands between the window and its mirror.
struct Glass(Mirror);

impl egui::Plugin for Glass {
    fn debug_name(&self) -> &'static str {
        "mirror"
    }

    fn input_hook(&mut self, _ctx: &Context, input: &mut RawInput) {
        input.events.append(&mut self.0.lock().wanted);
    }

    fn output_hook(&mut self, _ctx: &Context, output: &mut FullOutput) {
        let mut state = self.0.lock();
        if state.looked.is_some_and(|looked| looked.elapsed() < BETWEEN) {
            return;
        }
        if let Some(tree) = &output.platform_output.accesskit_update {
            state.looked = Some(Instant::now());
            state.tree = Some(tree.clone());
        }
    }
}

/// The elements of a tree, in the order in which they are read.
fn elements(tree: TreeUpdate) -> Value {
    let focus = tree.focus;
    let root = tree.tree.map(|tree| tree.root);
    let nodes: BTreeMap<NodeId, Node> = tree.nodes.into_iter().collect();
    let mut found = Vec::new();
    if let Some(root) = root {
        collect(&nodes, root, focus, &mut found);
    }
    Value::Array(found)
}

fn collect(nodes: &BTreeMap<NodeId, Node>, id: NodeId, focus: NodeId, found: &mut Vec<Value>) {
    let Some(node) = nodes.get(&id) else { return };
    found.extend(element(nodes, id, node, focus));
    for child in node.children() {
        collect(nodes, *child, focus, found);
    }
}

/// An element of its own, if a node is one: something to read or to use, with a name.
fn element(nodes: &BTreeMap<NodeId, Node>, id: NodeId, node: &Node, focus: NodeId) -> Option<Value> {
    let role = aria(node.role())?;
    let name = name(nodes, node)?;
    let bounds = node.bounds()?;
    let mut element = Map::new();
    let mut set = |key: &str, value: Value| drop(element.insert(key.into(), value));
    set("id", id.0.to_string().into());
    set("role", role.into());
    set("name", name.into());
    set("rect", json!([bounds.x0, bounds.y0, bounds.width(), bounds.height()].map(f64::round)));
    if let Some(value) = node.value().filter(|_| node.role() != Role::Label) {
        set("value", value.into());
    }
    for (key, number) in [
        ("number", node.numeric_value()),
        ("least", node.min_numeric_value()),
        ("most", node.max_numeric_value()),
    ] {
        if let Some(number) = number.filter(|number| number.is_finite()) {
            set(key, number.into());
        }
    }
    if let Some(toggled) = node.toggled() {
        let checked = match toggled {
            Toggled::True => "true",
            Toggled::False => "false",
            Toggled::Mixed => "mixed",
        };
        set("checked", checked.into());
    }
    if node.is_disabled() {
        set("disabled", true.into());
    }
    if let Some(expanded) = node.is_expanded() {
        set("expanded", expanded.into());
    }
    if id == focus {
        set("focused", true.into());
    }
    Some(Value::Object(element))
}

/// What ARIA calls it; none where it is no element of its own.
fn aria(role: Role) -> Option<&'static str> {
    Some(match role {
        Role::Label => "text",
        Role::Button | Role::ColorWell | Role::MenuItem | Role::DisclosureTriangle => "button",
        Role::CheckBox => "checkbox",
        Role::RadioButton => "radio",
        Role::ComboBox => "combobox",
        Role::Slider => "slider",
        Role::SpinButton => "spinbutton",
        Role::TextInput | Role::MultilineTextInput | Role::SearchInput => "textbox",
        Role::Link => "link",
        Role::ProgressIndicator => "progressbar",
        Role::Image => "img",
        Role::Tab => "tab",
        Role::Heading => "heading",
        _ => return None,
    })
}

/// What it says of itself, or what those say that label it.
fn name(nodes: &BTreeMap<NodeId, Node>, node: &Node) -> Option<String> {
    let own = if node.role() == Role::Label { node.value().or(node.label()) } else { node.label() };
    let by_others = || {
        let labels = node.labelled_by().iter().filter_map(|id| nodes.get(id));
        let texts: Vec<_> = labels.filter_map(|label| label.value().or(label.label())).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    let name = own.map(str::to_owned).or_else(by_others).or_else(|| node.value().map(str::to_owned))?;
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use egui_kittest::Harness;

    use super::*;

    #[derive(Default)]
    struct Made {
        pressed: u32,
        number: f64,
        text: String,
        ticked: bool,
        keys: u32,
    }

    fn window(mirror: Rc<RefCell<Option<Mirror>>>) -> Harness<'static, Made> {
        Harness::builder()
            .with_accessibility_check(false)
            .with_context_setup(move |ctx| *mirror.borrow_mut() = Some(Mirror::install(ctx)))
            .build_ui_state(
                |ui, made: &mut Made| {
                    made.keys += u32::from(ui.input(|input| input.key_pressed(Key::R)));
                    ui.label("ε is  small");
                    made.pressed += u32::from(ui.button("Run").clicked());
                    let label = ui.label("alpha");
                    ui.add(egui::Slider::new(&mut made.number, 0.0..=2.0)).labelled_by(label.id);
                    ui.text_edit_singleline(&mut made.text);
                    ui.checkbox(&mut made.ticked, "smooth");
                    ui.add_enabled(false, egui::Button::new("Step"));
                },
                Made::default(),
            )
    }

    fn of<'a>(elements: &'a Value, name: &str, role: &str) -> &'a Value {
        let all = elements.as_array().unwrap();
        all.iter()
            .find(|element| element["name"] == name && element["role"] == role)
            .unwrap_or_else(|| panic!("{name} ({role}) in {elements:#}"))
    }

    #[test]
    fn what_is_drawn_is_told_and_what_is_done_to_it_is_done() {
        let held = Rc::new(RefCell::new(None));
        let mut harness = window(held.clone());
        let mirror: Mirror = held.borrow().clone().unwrap();
        harness.run();
        let elements = mirror.changes().unwrap();
        assert!(mirror.changes().is_none(), "told already");
        of(&elements, "ε is small", "text");
        assert_eq!(of(&elements, "Step", "button")["disabled"], true);
        assert_eq!(of(&elements, "smooth", "checkbox")["checked"], "false");
        let slider = of(&elements, "alpha", "slider");
        assert_eq!((&slider["number"], &slider["most"]), (&json!(0.0), &json!(2.0)));
        let id = |name, role| of(&elements, name, role)["id"].as_str().unwrap();
        mirror.act(id("Run", "button"), Deed::Press).unwrap();
        mirror.act(id("alpha", "slider"), Deed::Number(1.5)).unwrap();
        mirror.act(id("smooth", "checkbox"), Deed::Press).unwrap();
        assert!(mirror.press("R") && !mirror.press("Hyper"));
        harness.run();
        let Made { pressed, number, ticked, keys, .. } = harness.state();
        assert_eq!((*pressed, *number, *ticked, *keys), (1, 1.5, true, 1));
        mirror.act(id("alpha", "slider"), Deed::Turn { up: true }).unwrap();
        harness.run();
        assert!(harness.state().number > 1.5);
        assert!(mirror.act("Run", Deed::Press).unwrap_err().contains("'Run'"));
    }
}
