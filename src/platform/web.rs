//! A page: one thread that must keep breathing, files by picker and download, the address as memory.

pub mod files;
mod storage;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;

use tokio::sync::oneshot;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, Event, File, FileList, HtmlAnchorElement, HtmlInputElement, MessageChannel, Window};
use web_time::{Duration, Instant};

use super::{Asked, FileAnswer, FileError, Files};

/// Work between two breaths: half of what a picture at 60 Hz may take.
const BREATH_AFTER: Duration = Duration::from_millis(8);
/// Turns that the GPU may lag behind: the picture waits in the same queue.
const TURNS_IN_FLIGHT: usize = 2;
/// A tab in the background that waits longer than this for its turn is held back by the browser.
const HELD_BACK: Duration = Duration::from_millis(250);
/// Most bytes of a file: what a page's memory, 4 GiB in all, can hold twice.
const MOST_BYTES: f64 = (1_u64 << 30) as f64;
/// What the names of files end in that are opened, and are no data.
const OPENED: [&str; 2] = [".safetensors", ".greatlab"];
/// The name of what was dropped or picked without a folder around it.
const NAMELESS: &str = "your files";

/// Calls back when the GPU has done what it was asked so far.
type Pace = Box<dyn Fn(oneshot::Sender<()>)>;

thread_local! {
    static BREATHED: Cell<Option<Instant>> = const { Cell::new(None) };
    static PACE: RefCell<Option<Pace>> = const { RefCell::new(None) };
    static IN_FLIGHT: RefCell<VecDeque<oneshot::Receiver<()>>> = const { RefCell::new(VecDeque::new()) };
    static DELAY: Cell<Option<Duration>> = const { Cell::new(None) };
    static GIVEN: RefCell<Option<(String, Files)>> = const { RefCell::new(None) };
    static DROPPED: RefCell<Vec<File>> = const { RefCell::new(Vec::new()) };
}

fn window() -> Window {
    web_sys::window().expect("a page has a window")
}

fn document() -> Document {
    window().document().expect("a window shows a document")
}

/// Runs a future to its end beside the page; `name` is for threads.
///
/// # Errors
/// Never.
pub fn spawn<F>(_name: &str, make: impl FnOnce() -> F + Send + 'static) -> std::io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    spawn_local(make());
    Ok(())
}

/// From now on the trainer never runs ahead of the GPU by more than two turns; `pace` answers when it has caught up.
pub fn keep_pace(pace: impl Fn(oneshot::Sender<()>) + 'static) {
    PACE.set(Some(Box::new(pace)));
}

/// Time between frames while a GPU trains: smooth enough, and never every refresh of the screen, because the trainer shares
/// the page's thread.
pub const FRAME_ON_GPU: Duration = Duration::from_millis(40);

/// Lets the page draw and listen, if this thread has worked for a while, and the GPU catch up.
pub async fn breathe() {
    let (sender, receiver) = oneshot::channel();
    let paced = PACE.with_borrow(|pace| pace.as_ref().map(|pace| pace(sender)).is_some());
    if paced {
        let oldest = IN_FLIGHT.with_borrow_mut(|turns| {
            turns.push_back(receiver);
            if turns.len() > TURNS_IN_FLIGHT { turns.pop_front() } else { None }
        });
        if let Some(oldest) = oldest {
            // A device that is lost drops its callbacks; the next read says so.
            let _ = oldest.await;
        }
    }
    if BREATHED.get().is_some_and(|breathed| breathed.elapsed() < BREATH_AFTER) {
        return;
    }
    let asked = Instant::now();
    macrotask().await;
    let delay = asked.elapsed();
    if !document().hidden() {
        DELAY.set(None);
    } else if delay > HELD_BACK {
        DELAY.set(Some(delay));
    }
    BREATHED.set(Some(Instant::now()));
}

/// Waits for the end of the browser's queue. By a message: a timer waits 4 ms at the least, and a second in the
/// background.
async fn macrotask() {
    let Ok(channel) = MessageChannel::new() else { return };
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        channel.port1().set_onmessage(Some(&resolve));
        // A port that was just made cannot be closed.
        let _ = channel.port2().post_message(&JsValue::NULL);
    });
    let _ = JsFuture::from(promise).await;
    channel.port1().close();
}

/// Where runs are kept: in the folder of the lab that the browser keeps for pages of this address.
pub fn data_folder() -> Option<PathBuf> {
    Some(PathBuf::new())
}

/// Why no other program can be started.
pub const NO_PROGRAMS: Option<&str> = Some(
    "A page cannot start other programs: sweeps are of the desktop's lab, and of the command line (great-lab compare … --vary).",
);

/// Why no runs are kept.
pub const NO_RUNS: &str = "No runs are kept in this page.";

/// Whether there are threads, beside which a window goes on.
pub const HAS_THREADS: bool = false;

/// What would run beside all else: a page has one thread.
///
/// # Errors
/// Always.
pub fn aside(_name: &str, _work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    Err(std::io::Error::other("a page has one thread"))
}

/// What stands for this process: whatever else has the same files says so in another way.
pub fn process() -> String {
    "this page".into()
}

/// What it means that no file came.
pub const NO_FILE: &str = "No file was chosen.";

/// Offers `bytes` as a download called `name`.
pub fn save_bytes(name: &str, bytes: Vec<u8>) -> Asked {
    let answer = match download(name, &bytes) {
        Ok(()) => FileAnswer::Saved(name.into()),
        Err(error) => FileAnswer::Failed(FileError::Write {
            name: name.into(),
            source: std::io::Error::other(text_of(&error)),
        }),
    };
    answered(answer)
}

fn download(name: &str, bytes: &[u8]) -> Result<(), JsValue> {
    let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
    let options = web_sys::BlobPropertyBag::new();
    options.set_type("application/octet-stream");
    let blob = web_sys::Blob::new_with_u8_array_sequence_and_options(&parts, &options)?;
    let url = web_sys::Url::create_object_url_with_blob(&blob)?;
    let anchor: HtmlAnchorElement = document().create_element("a")?.unchecked_into();
    anchor.set_href(&url);
    anchor.set_download(name);
    anchor.click();
    // The download begins later in this task; its bytes must be there until then, and no longer than needed.
    let revoke = Closure::once_into_js(move || web_sys::Url::revoke_object_url(&url));
    window().set_timeout_with_callback_and_timeout_and_arguments_0(revoke.unchecked_ref(), 60_000)?;
    Ok(())
}

/// Asks for a file whose name ends in one of `extensions` and reads it.
pub fn open_bytes(_kind: &str, extensions: &[&str]) -> Asked {
    let accept: Vec<String> = extensions.iter().map(|extension| format!(".{extension}")).collect();
    pick(&[("accept", &accept.join(","))])
}

/// Asks for a folder and keeps what is in it in memory, for [`given_files`].
pub fn pick_folder() -> Asked {
    pick(&[("webkitdirectory", ""), ("multiple", "")])
}

/// What dropping something onto the page is good for.
pub const DROP_HINT: &str =
    "Drop the files of a data set to train on them, a checkpoint to load it, or a kept run to look at it.";

/// Takes what was dropped onto the page. `paths` are names alone here; the files are those that [`listen_for_drops`]
/// saw.
pub fn open_dropped(_paths: Vec<PathBuf>) -> Vec<Asked> {
    let files = DROPPED.take();
    if files.is_empty() { Vec::new() } else { vec![read_all(files)] }
}

/// Notes the files of every drop, before the window hears of it.
///
/// # Errors
/// Where the browser refuses the listener.
pub fn listen_for_drops() -> Result<(), JsValue> {
    let note = Closure::<dyn Fn(web_sys::DragEvent)>::new(|event: web_sys::DragEvent| {
        let files = event.data_transfer().and_then(|transfer| transfer.files());
        DROPPED.set(files.map_or_else(Vec::new, |files| list(&files)));
    });
    document().add_event_listener_with_callback_and_bool("drop", note.as_ref().unchecked_ref(), true)?;
    note.forget();
    Ok(())
}

/// The files that people gave in place of a folder of this name.
pub fn given_files(folder: &str) -> Option<Files> {
    GIVEN.with_borrow(|given| {
        given.as_ref().filter(|(name, _)| name == folder).map(|(_, files)| files.clone())
    })
}

/// Shows the browser's picker with these attributes and reads what was picked.
fn pick(attributes: &[(&str, &str)]) -> Asked {
    let (sender, asked) = oneshot::channel();
    let made = (|| {
        let input: HtmlInputElement = document().create_element("input")?.unchecked_into();
        input.set_type("file");
        for (name, value) in attributes {
            input.set_attribute(name, value)?;
        }
        Ok::<_, JsValue>(input)
    })();
    let Ok(input) = made else { return answered(FileAnswer::Nothing) };
    let picked = input.clone();
    let sender = Cell::new(Some(sender));
    let answer = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        let Some(sender) = sender.take() else { return };
        let files = picked.files().map_or_else(Vec::new, |files| list(&files));
        if event.type_() == "cancel" || files.is_empty() {
            let _ = sender.send(FileAnswer::Nothing);
            return;
        }
        let reading = read_all(files);
        spawn_local(async move {
            // A window that closed meanwhile has no use for the answer.
            let _ = sender.send(reading.await.unwrap_or(FileAnswer::Nothing));
        });
    });
    for event in ["change", "cancel"] {
        // An input that was just made takes any listener.
        let _ = input.add_event_listener_with_callback(event, answer.as_ref().unchecked_ref());
    }
    answer.forget();
    input.click();
    asked
}

fn list(files: &FileList) -> Vec<File> {
    (0..files.length()).filter_map(|index| files.get(index)).collect()
}

/// Reads the files: a checkpoint or a bundle alone is opened, anything else makes a folder in memory.
fn read_all(files: Vec<File>) -> Asked {
    let (sender, asked) = oneshot::channel();
    spawn_local(async move {
        let _ = sender.send(read(&files).await.unwrap_or_else(FileAnswer::Failed));
    });
    asked
}

async fn read(files: &[File]) -> Result<FileAnswer, FileError> {
    if let [file] = files
        && OPENED.iter().any(|end| file.name().ends_with(end))
    {
        return Ok(FileAnswer::Opened(file.name(), bytes_of(file).await?));
    }
    let mut contents = std::collections::BTreeMap::new();
    for file in files {
        contents.insert(file.name(), bytes_of(file).await?);
    }
    // A picked folder's files say where they lie in it: "folder/file".
    let path = files.first().and_then(|file| js_sys::Reflect::get(file, &"webkitRelativePath".into()).ok());
    let path = path.and_then(|path| path.as_string()).unwrap_or_default();
    let folder = path.split('/').next().filter(|folder| !folder.is_empty()).unwrap_or(NAMELESS).to_owned();
    GIVEN.set(Some((folder.clone(), Files::new(contents))));
    Ok(FileAnswer::Folder(folder))
}

async fn bytes_of(file: &File) -> Result<Vec<u8>, FileError> {
    let failed = |reason: String| FileError::Read { name: file.name(), reason };
    if file.size() > MOST_BYTES {
        return Err(failed(format!("it has {} bytes, and a page takes {MOST_BYTES}", file.size())));
    }
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|error| failed(text_of(&error)))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

fn answered(answer: FileAnswer) -> Asked {
    let (sender, asked) = oneshot::channel();
    let _ = sender.send(answer);
    asked
}

/// What a thrown value says.
pub fn text_of(error: &JsValue) -> String {
    error
        .as_string()
        .or_else(|| js_sys::Object::from(error.clone()).to_string().as_string())
        .unwrap_or_default()
}

/// A font for characters that the lab's own lack: none, since a page may not read the system's.
pub fn system_font() -> Option<Vec<u8>> {
    None
}

/// What gives the lab a font for more characters.
pub const FONT_ADVICE: &str =
    "A page may not read the system's fonts; the program for the desktop draws them.";

/// The page's address with the run that `fragment` describes.
pub fn share(fragment: &str) -> String {
    let location = window().location();
    let address = location.origin().and_then(|origin| Ok(origin + &location.pathname()?));
    format!("{}#{fragment}", address.unwrap_or_default())
}

/// Puts the run that `fragment` describes into the page's address, so that a reload brings it back.
pub fn remember(fragment: &str) {
    if let Ok(history) = window().history() {
        // Refused where it comes too often; the next change brings it again.
        let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&format!("#{fragment}")));
    }
}

/// The page's address behind `?` and behind `#`, without these.
pub fn address() -> (String, String) {
    let location = window().location();
    let part = |part: Result<String, JsValue>| {
        part.map_or_else(|_| String::new(), |text| text.chars().skip(1).collect())
    };
    (part(location.search()), part(location.hash()))
}

/// Says in the name of the tab how far the run is.
pub fn entitle(progress: &str) {
    let title = if progress.is_empty() { "GREAT Lab".into() } else { format!("{progress} · GREAT Lab") };
    document().set_title(&title);
}

/// For how long the browser keeps the trainer waiting at each turn, while the tab is in the background.
pub fn held_back() -> Option<Duration> {
    DELAY.get()
}
