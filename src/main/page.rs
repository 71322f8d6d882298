//! The page: opens the device that the browser gives, puts trainer and window on it, and lets scripts ask.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use eframe::{CreationContext, WebOptions, WebRunner};
use egui_wgpu::{WgpuSetup, WgpuSetupExisting};
use great_lab::app::{Lab, Options};
use great_lab::config::link::{self, Linked};
use great_lab::config::{BUILT_IN_DATA, Config, ScenarioKind};
use great_lab::data::embedded;
use great_lab::gpu::{Choice, Opened, open, open_in_page};
use great_lab::platform::{self, text_of};
use great_lab::protocol::Delivery;
use great_lab::runs::Library;
use great_lab::train::{benchmark, spawn};
use wasm_bindgen::prelude::*;
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
    linked.run |= query.split('&').any(|item| item == "run" || item.starts_with("run="));
    let body = document.body().ok_or("the page has no body")?;
    let opened = open_device(&query, &body).await?;
    platform::listen_for_drops()?;
    let remote =
        spawn(linked.config.clone(), &opened, Delivery::Latest).map_err(|error| error.to_string())?;
    let options = Options {
        run_at_once: linked.run,
        runs: Library::standard(),
        room: Some(ROOM),
        ..Options::default()
    };
    let to_time = opened.clone();
    let create = move |context: &CreationContext<'_>| {
        let mut lab = Lab::new(&context.egui_ctx, remote, linked.config, options);
        lab.refuse(linked.refused);
        let lab = Rc::new(RefCell::new(lab));
        answer_scripts(&lab, to_time).map_err(|error| text_of(&error))?;
        Ok(Box::new(Page(lab)) as Box<dyn eframe::App>)
    };
    let canvas: HtmlCanvasElement = canvas.unchecked_into();
    runner.start(canvas, web_options(opened), Box::new(create)).await
}

/// Data that lies in a folder is on the machine of whoever made the link.
fn refuse_foreign_data(linked: &mut Linked) {
    let data = &mut linked.config.setup.data;
    if !BUILT_IN_DATA.contains(&data.as_str()) {
        linked.refused.push(format!(
            "In the link: the data '{data}' is not in this page; drop its files here and reset. Until then it is {}.",
            embedded::NAME
        ));
        *data = embedded::NAME.into();
    }
}

/// The device that the address asks for (`?device=cpu`, `?device=gpu`); else the browser's GPU, or the CPU where
/// something is missing for it. The page has found out what, and the GPU's name.
async fn open_device(query: &str, body: &HtmlElement) -> Result<Opened, JsValue> {
    let wants = |device: &str| query.split('&').any(|item| item.strip_prefix("device=") == Some(device));
    if wants("cpu") {
        return open(&Choice::Cpu).map_err(|error| error.to_string().into());
    }
    let found = body.dataset();
    let missing = found.get("missing").filter(|_| !wants("gpu"));
    let opened = open_in_page(&found.get("gpu").unwrap_or_default(), missing).await;
    if let Some(setup) = &opened.setup {
        let queue = setup.queue.clone();
        platform::keep_pace(move |done| {
            queue.on_submitted_work_done(move || {
                // Whoever waited may have been dropped with its run.
                let _ = done.send(());
            });
        });
    }
    Ok(opened)
}

/// The window on the trainer's device; on a device of its own, or WebGL, where the trainer computes on the CPU.
fn web_options(opened: Opened) -> WebOptions {
    let mut options = WebOptions::default();
    if let Some(shared) = opened.setup {
        let burn::tensor::wgpu::WgpuSetup { instance, adapter, device, queue, .. } = shared;
        options.wgpu_options.wgpu_setup =
            WgpuSetup::Existing(WgpuSetupExisting { instance, adapter, device, queue });
    }
    options
}

/// Makes `window.greatLab`, as `docs/page.md` describes it.
fn answer_scripts(lab: &Rc<RefCell<Lab>>, opened: Opened) -> Result<(), JsValue> {
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
    let shaders = Closure::<dyn Fn() -> Result<JsValue, JsValue>>::new(|| {
        let shaders = serde_json::to_string(&great_lab::gpu::shaders()).map_err(|error| error.to_string())?;
        js_sys::JSON::parse(&shaders)
    });
    let functions = [
        ("state", state.into_js_value()),
        ("metrics", metrics.into_js_value()),
        ("command", command.into_js_value()),
        ("shaders", shaders.into_js_value()),
        ("bench", bench(lab.clone(), opened).into_js_value()),
    ];
    for (name, function) in functions {
        js_sys::Reflect::set(&object, &name.into(), &function)?;
    }
    js_sys::Reflect::set(&js_sys::global(), &"greatLab".into(), &object)?;
    Ok(())
}

/// What times training steps on the page's device: of a request in one line it makes a promise of the figures.
fn bench(lab: Rc<RefCell<Lab>>, opened: Opened) -> Closure<dyn Fn(Option<String>) -> js_sys::Promise> {
    let is_busy = Rc::new(Cell::new(false));
    Closure::new(move |line: Option<String>| {
        let (lab, opened, is_busy) = (lab.clone(), opened.clone(), is_busy.clone());
        wasm_bindgen_futures::future_to_promise(async move {
            let refused = |why: String| JsValue::from(js_sys::Error::new(&why));
            let request = line.unwrap_or_default().parse().map_err(refused)?;
            if is_busy.replace(true) {
                return Err(refused("a benchmark is under way".into()));
            }
            // Training would share the device with what is timed.
            let paused = lab.try_borrow_mut().map_err(|_| "the lab is drawing; ask again".into());
            let outcome = match paused.and_then(|mut lab| lab.command("pause")) {
                Ok(()) => benchmark::measure(&request, &opened).await,
                Err(why) => Err(why),
            };
            is_busy.set(false);
            let json = outcome
                .and_then(|results| serde_json::to_string(&results).map_err(|error| error.to_string()));
            js_sys::JSON::parse(&json.map_err(refused)?)
        })
    })
}

/// The window, shared with scripts.
struct Page(Rc<RefCell<Lab>>);

impl eframe::App for Page {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        self.0.borrow_mut().logic(ctx, frame);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        eframe::App::ui(&mut *self.0.borrow_mut(), ui, frame);
    }
}
