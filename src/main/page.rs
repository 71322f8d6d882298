//! The page: the window, without tensors; the trainer comes after it, in a worker of its own. And what scripts may ask.

mod trainer;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use eframe::{CreationContext, WebOptions, WebRunner};
use great_lab::app::{Contrast, Deed, Lab, Mirror, Options};
use great_lab::config::link::{self, Linked};
use great_lab::config::{BUILT_IN_DATA, Config, ScenarioKind};
use great_lab::platform::{self, text_of};
use great_lab::protocol::wire::{PageDevice, Question};
use great_lab::runs::Library;
use great_lab::runs::record::RunRecord;
use great_lab::show::palette::Rgb;
use js_sys::Promise;
use trainer::{Asker, connect_worker};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{CustomEvent, CustomEventInit, HtmlCanvasElement, HtmlElement};

/// Where the window is drawn.
const CANVAS: &str = "lab";
/// Bytes that the earlier checkpoints and the recording of a run may take, of those that a browser keeps.
const ROOM: u64 = 8_000_000;

/// Starts the lab; what fails is told to the page, which has the words for it.
pub fn start() {
    // It also logs panics, with their stack.
    let runner = WebRunner::new();
    let log = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        log(panic);
        tell("great-lab-failed", &panic.to_string());
    }));
    wasm_bindgen_futures::spawn_local(async move {
        match show(&runner).await {
            Ok(()) => {
                tell("great-lab-ready", "");
                // The window lives as long as its page.
                std::mem::forget(runner);
            }
            Err(error) => tell("great-lab-failed", &text_of(&error)),
        }
    });
}

/// Tells the page whether the lab has started, as an event.
fn tell(name: &str, detail: &str) {
    let about = CustomEventInit::new();
    about.set_detail(&detail.into());
    // There is no one else to tell.
    let _ = CustomEvent::new_with_event_init_dict(name, &about)
        .and_then(|event| web_sys::window().map_or(Ok(false), |window| window.dispatch_event(&event)));
}

async fn show(runner: &WebRunner) -> Result<(), JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or("there is no document")?;
    let canvas = document.get_element_by_id(CANVAS).ok_or("the page has no canvas")?;
    let (query, fragment) = platform::address();
    let new = Linked { config: Config::start(ScenarioKind::Defense), ..Linked::default() };
    let mut linked = if matches!(&*fragment, "" | "run") { new } else { link::read(&format!("#{fragment}")) };
    refuse_foreign_data(&mut linked);
    linked.run = flag(&query, "run").unwrap_or(linked.run);
    let body = document.body().ok_or("the page has no body")?;
    platform::listen_for_drops()?;
    platform::listen_for_addresses()?;
    let device = device(&query, &body);
    // Somebody may have asked the system for less motion.
    let is_still = body.dataset().get("still").is_some();
    let is_embedded = flag(&query, "embed").unwrap_or_default();
    let options = Options {
        run_at_once: linked.run,
        runs: Library::standard(),
        room: Some(ROOM),
        is_embedded,
        // What lies in somebody else's page looks as that page has it.
        remembers: !is_embedded,
        is_coarse: body.dataset().get("coarse").is_some(),
        contrast: contrast(&body),
        tour: linked.tour,
        ..Options::default()
    };
    let elsewhere = [addresses(&query, "data"), addresses(&query, "bundle")];
    let create = move |context: &CreationContext<'_>| {
        let (remote, asker) = connect_worker(linked.config.clone(), device);
        hand_files_over(&asker);
        let mut lab = Lab::new(&context.egui_ctx, remote, linked.config, options);
        lab.refuse(linked.refused);
        if is_still {
            context.egui_ctx.all_styles_mut(|style| style.animation_time = 0.0);
        }
        let lab = Rc::new(RefCell::new(lab));
        for addresses in elsewhere.into_iter().filter(|addresses| !addresses.is_empty()) {
            fetch(&lab, addresses);
        }
        let mirror = Mirror::install(&context.egui_ctx);
        answer_scripts(&lab, &asker, &mirror).map_err(|error| text_of(&error))?;
        Ok(Box::new(Page { lab, mirror }) as Box<dyn eframe::App>)
    };
    let canvas: HtmlCanvasElement = canvas.unchecked_into();
    runner.start(canvas.clone(), WebOptions::default(), Box::new(create)).await?;
    // Keys go through the mirror's elements, one after the other, and out of the page again.
    canvas.set_tab_index(-1);
    Ok(())
}

/// What a query says of a flag: `?run`, `?run=1` and `?run=true` set it, `?run=0` and `?run=false` do not.
fn flag(query: &str, name: &str) -> Option<bool> {
    let said = query.split('&').filter_map(|item| item.strip_prefix(name));
    let said = said.filter_map(|rest| if rest.is_empty() { Some("1") } else { rest.strip_prefix('=') });
    said.last().map(|value| !matches!(value, "0" | "false"))
}

/// Opens what lies elsewhere, and says how much of it has come.
fn fetch(lab: &Rc<RefCell<Lab>>, addresses: Vec<String>) {
    let (listener, name) = (Rc::downgrade(lab), addresses.join(", "));
    let asked = platform::fetch_files(addresses, move |loaded, all| {
        let Some(lab) = listener.upgrade() else { return };
        // While the window is drawn the next one says more.
        if let Ok(mut lab) = lab.try_borrow_mut() {
            lab.say(format!("Fetching {name}: {:.1} of {:.1} MB.", loaded / 1e6, all / 1e6));
        }
    });
    lab.borrow_mut().fetch(asked);
}

/// The addresses that a query names: `?data=URL`, as often as there are files.
fn addresses(query: &str, name: &str) -> Vec<String> {
    let named = query.split('&').filter_map(|item| item.strip_prefix(name)?.strip_prefix('='));
    named
        .map(|address| js_sys::decode_uri_component(address).map_or_else(|_| address.into(), String::from))
        .collect()
}

/// Has the trainer's thread read the data that people give the page; the page reads the folder of a run itself.
fn hand_files_over(asker: &Asker) {
    let asker = asker.clone();
    platform::read_elsewhere(move |folder, files| {
        let is_run = files.iter().any(|file| file.name() == RunRecord::FILE);
        (!is_run).then(|| asker.hand_over(folder, files))
    });
}

/// Data that lies in a folder is on the machine of whoever made the link.
fn refuse_foreign_data(linked: &mut Linked) {
    let data = &mut linked.config.setup.data;
    if !BUILT_IN_DATA.contains(&data.as_str()) {
        linked.refused.push(format!(
            "In the link: the data '{data}' is not in this page; drop its files here and reset. Until then it is {}.",
            BUILT_IN_DATA[0]
        ));
        *data = BUILT_IN_DATA[0].into();
    }
}

/// The colours of a system that asks for more contrast; the page has found them out.
fn contrast(body: &HtmlElement) -> Option<Contrast> {
    let colour = |name: &str| {
        // As styles have it: rgb(255, 255, 0).
        let text = body.dataset().get(name)?;
        let mut parts = text.split(|char: char| !char.is_ascii_digit()).filter_map(|part| part.parse().ok());
        Some(Rgb(parts.next()?, parts.next()?, parts.next()?))
    };
    Some(Contrast { paper: colour("paper")?, ink: colour("ink")? })
}

/// The device that the address asks for (`?device=cpu`, `?device=gpu`); else the browser's GPU, or the CPU where
/// something is missing for it. The page has found out what, and the GPU's name.
fn device(query: &str, body: &HtmlElement) -> PageDevice {
    let wants = |device: &str| query.split('&').any(|item| item.strip_prefix("device=") == Some(device));
    let found = body.dataset();
    match found.get("missing") {
        _ if wants("cpu") => PageDevice::Cpu,
        Some(missing) if !wants("gpu") => PageDevice::Missing(missing),
        _ => PageDevice::Gpu(found.get("gpu").unwrap_or_default()),
    }
}

/// Makes `window.greatLab`, as `docs/page.md` describes it.
fn answer_scripts(lab: &Rc<RefCell<Lab>>, asker: &Asker, mirror: &Mirror) -> Result<(), JsValue> {
    let object = js_sys::Object::new();
    let busy = || JsValue::from(js_sys::Error::new("the lab is drawing; ask again"));
    let asked = lab.clone();
    let state = Closure::<dyn Fn() -> Result<JsValue, JsValue>>::new(move || {
        js_sys::JSON::parse(&asked.try_borrow_mut().map_err(|_| busy())?.state())
    });
    let asked = lab.clone();
    let metrics = Closure::<dyn Fn() -> Result<JsValue, JsValue>>::new(move || {
        js_sys::JSON::parse(&asked.try_borrow_mut().map_err(|_| busy())?.metrics())
    });
    let told = lab.clone();
    let command = Closure::<dyn Fn(String) -> Result<(), JsValue>>::new(move |line: String| {
        let mut lab = told.try_borrow_mut().map_err(|_| busy())?;
        lab.command(&line).map_err(|why| js_sys::Error::new(&why).into())
    });
    // For tests: another compiler than the native one reads them here.
    let asks = asker.clone();
    let shaders = Closure::<dyn Fn() -> Promise>::new(move || {
        let asks = asks.clone();
        future_to_promise(async move { parsed(asks.ask(Question::Shaders, Vec::new()).await) })
    });
    let mirror = mirror.clone();
    let touch = Closure::<dyn Fn(String, String, JsValue) -> Result<bool, JsValue>>::new(
        move |id: String, deed: String, value: JsValue| {
            touch(&mirror, &id, &deed, &value).map_err(|why| js_sys::Error::new(&why).into())
        },
    );
    let functions = [
        ("state", state.into_js_value()),
        ("metrics", metrics.into_js_value()),
        ("command", command.into_js_value()),
        ("shaders", shaders.into_js_value()),
        ("touch", touch.into_js_value()),
        ("bench", bench(lab.clone(), asker.clone()).into_js_value()),
    ];
    for (name, function) in functions {
        js_sys::Reflect::set(&object, &name.into(), &function)?;
    }
    js_sys::Reflect::set(&js_sys::global(), &"greatLab".into(), &object)?;
    Ok(())
}

/// What times training steps where the trainer computes: of a request in one line it makes a promise of the figures.
fn bench(lab: Rc<RefCell<Lab>>, asker: Asker) -> Closure<dyn Fn(Option<String>) -> Promise> {
    let is_busy = Rc::new(Cell::new(false));
    Closure::new(move |line: Option<String>| {
        let (lab, asker, is_busy) = (lab.clone(), asker.clone(), is_busy.clone());
        future_to_promise(async move {
            if is_busy.replace(true) {
                return parsed(Err("a benchmark is under way".into()));
            }
            // Training would share the device with what is timed.
            let paused = lab.try_borrow_mut().map_err(|_| "the lab is drawing; ask again".into());
            let outcome = match paused.and_then(|mut lab| lab.command("pause")) {
                Ok(()) => asker.ask(Question::Benchmark(line.unwrap_or_default()), Vec::new()).await,
                Err(why) => Err(why),
            };
            is_busy.set(false);
            parsed(outcome)
        })
    })
}

/// The value of what the trainer's thread has answered in JSON.
fn parsed(answer: Result<String, String>) -> Result<JsValue, JsValue> {
    js_sys::JSON::parse(&answer.map_err(|why| js_sys::Error::new(&why))?)
}

/// Does to an element of the mirror what a script says; whether the window has a use for it.
fn touch(mirror: &Mirror, id: &str, deed: &str, value: &JsValue) -> Result<bool, String> {
    let text = || value.as_string().unwrap_or_default();
    let deed = match deed {
        "key" => return Ok(mirror.press(&text())),
        "focus" => Deed::Focus,
        "press" => Deed::Press,
        "up" => Deed::Turn { up: true },
        "down" => Deed::Turn { up: false },
        "number" => Deed::Number(value.as_f64().ok_or("no number")?),
        "text" => Deed::Text(text()),
        other => return Err(format!("nothing can be done that is called '{other}'")),
    };
    mirror.act(id, deed).map(|()| true)
}

/// The function of the page's script that shows the mirror.
const MIRROR: &str = "greatLabMirror";

/// The window, shared with scripts, and its mirror.
struct Page {
    lab: Rc<RefCell<Lab>>,
    mirror: Mirror,
}

impl eframe::App for Page {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        self.lab.borrow_mut().logic(ctx, frame);
        let Some(changes) = self.mirror.changes() else { return };
        let show = js_sys::Reflect::get(&js_sys::global(), &MIRROR.into());
        if let Ok(show) = show.and_then(JsCast::dyn_into::<js_sys::Function>) {
            // A page without one is shown all the same.
            let spoken = self.lab.borrow().spoken();
            let _ = show.call2(&JsValue::UNDEFINED, &changes.to_string().into(), &spoken.into());
        }
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        eframe::App::ui(&mut *self.lab.borrow_mut(), ui, frame);
        platform::note_frame();
    }
}
