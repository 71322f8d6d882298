//! A page: its thread and the trainer's, which must keep breathing; files by picker and download, the address as memory.

pub mod files;
mod given;
mod port;
mod storage;

pub use given::*;
pub use port::{Heard, Port};

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::PathBuf;

use tokio::sync::oneshot;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Document, HtmlAnchorElement, MessageChannel, Window};
use web_time::{Duration, Instant};

use super::{Asked, FileAnswer, FileError};

/// Work between two breaths: half of what a picture at 60 Hz may take.
const BREATH_AFTER: Duration = Duration::from_millis(8);
/// Turns that the GPU may lag behind: the picture waits in the same queue.
const TURNS_IN_FLIGHT: usize = 2;
/// A tab in the background that waits longer than this for its turn is held back by the browser.
const HELD_BACK: Duration = Duration::from_millis(250);

/// Time between two refreshes of most screens.
const FRAME: Duration = Duration::from_millis(16);
/// Time between frames where they take from the training: smooth enough.
const SHARED_FRAME: Duration = Duration::from_millis(40);
/// The same at most.
const MOST_BETWEEN_FRAMES: Duration = Duration::from_secs(1);
/// So many times what a frame keeps the next ones waiting lies between two: where software draws on two cores, what is seen of
/// its cost is a quarter (measured in Chromium).
const SHARE_OF_FRAMES: u32 = 10;

/// Calls back when the GPU has done what it was asked so far.
type Pace = Box<dyn Fn(oneshot::Sender<()>)>;

thread_local! {
    static BREATHED: Cell<Option<Instant>> = const { Cell::new(None) };
    static PACE: RefCell<Option<Pace>> = const { RefCell::new(None) };
    static IN_FLIGHT: RefCell<VecDeque<oneshot::Receiver<()>>> = const { RefCell::new(VecDeque::new()) };
    static DELAY: Cell<Option<Duration>> = const { Cell::new(None) };
    static ASSETS: RefCell<Vec<(String, &'static [u8])>> = const { RefCell::new(Vec::new()) };
    static CHANGED: RefCell<Option<String>> = const { RefCell::new(None) };
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    static SHARES_ITS_THREAD: Cell<bool> = const { Cell::new(false) };
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

/// Says that the trainer has to share the page's thread.
pub fn share_thread() {
    SHARES_ITS_THREAD.set(true);
}

/// Time between frames while a GPU trains: every refresh of the screen; where the trainer shares the page's thread, smooth
/// enough.
pub fn frame_on_gpu() -> Duration {
    if SHARES_ITS_THREAD.get() { SHARED_FRAME } else { FRAME }
}

/// Time between frames where the processor trains. A processor that draws as well may give two fifths to it; one that has somebody
/// to draw for it gives nothing. What somebody does is drawn at once anyway.
pub fn frame_on_cpu() -> Duration {
    let least = if SHARES_ITS_THREAD.get() { SHARED_FRAME } else { FRAME };
    (WAITED.get() * SHARE_OF_FRAMES).clamp(least, MOST_BETWEEN_FRAMES)
}

/// Finds out what a frame costs that has just been drawn: how much later than usual the second one after it could be, since
/// browsers let one wait in line.
pub fn note_frame() {
    let begin = Instant::now();
    let noted = Closure::once_into_js(move || {
        let waited = begin.elapsed().saturating_sub(3 * FRAME);
        // What happens once, a tab that comes to the front, is no measure.
        WAITED.set((WAITED.get() * 3 + waited.min(MOST_BETWEEN_FRAMES)) / 4);
    });
    let next = Closure::once_into_js(move || drop(window().request_animation_frame(noted.unchecked_ref())));
    // A page that is hidden draws nothing.
    let _ = window().request_animation_frame(next.unchecked_ref());
}

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
    // A worker has no document, and is not held back.
    let page = web_sys::window().and_then(|window| window.document());
    if !page.is_some_and(|page| page.hidden()) {
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

/// The bytes of a file that comes with the lab, once [`bring_assets`] has brought it.
pub fn asset(name: &str) -> Option<&'static [u8]> {
    ASSETS.with_borrow(|assets| assets.iter().find(|(known, _)| known == name).map(|(_, bytes)| *bytes))
}

/// Keeps files that come with the lab for as long as the page is open.
pub fn bring_assets(files: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let lasting = files.into_iter().map(|(name, bytes)| (name, &*bytes.leak()));
    ASSETS.with_borrow_mut(|assets| assets.extend(lasting));
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

/// Notes when somebody changes what stands behind `#`.
///
/// # Errors
/// Where the browser refuses the listener.
pub fn listen_for_addresses() -> Result<(), JsValue> {
    let note = Closure::<dyn Fn()>::new(|| CHANGED.set(Some(address().1)));
    window().add_event_listener_with_callback("hashchange", note.as_ref().unchecked_ref())?;
    note.forget();
    Ok(())
}

/// What the page's address asks for since somebody changed it.
pub fn changed_address() -> Option<String> {
    CHANGED.take()
}

/// The name under which the browser keeps how the window looks.
const LOOK: &str = "great-lab window";

/// How the window looked when the page was closed, as [`retain`] was told; none where the browser kept nothing.
pub fn recall() -> Option<String> {
    window().local_storage().ok()??.get_item(LOOK).ok()?
}

/// Keeps how the window looks, where the browser keeps anything.
pub fn retain(look: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(LOOK, look);
    }
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
