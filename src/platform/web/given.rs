//! Files that people give a page: picked or dropped, read into memory or handed on to the trainer.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::oneshot;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Event, File, FileList, HtmlInputElement};

use super::{answered, document, text_of};
use crate::platform::{
    Asked, CLIPBOARD, FileAnswer, FileError, Files, NO_PICTURE, is_network, is_picture, keep_given,
};

/// Most bytes of a file: what a page's memory, 4 GiB in all, can hold twice.
const MOST_BYTES: f64 = (1_u64 << 30) as f64;
/// What the names of files end in that are opened, and are no data.
const OPENED: [&str; 2] = [".safetensors", ".greatlab"];
/// The name of what was dropped or picked without a folder around it.
const NAMELESS: &str = "your files";

/// The function of the page's script that fetches a file.
const FETCH: &str = "fetchFile";
/// And that which finds a picture in the clipboard.
const COPIED: &str = "copiedPicture";

/// Has a folder's files read where they are needed, or says that the page is to read them.
type Reader = Rc<dyn Fn(&str, &[File]) -> Option<Asked>>;

thread_local! {
    /// By the name of each: of a folder's files, and of a network's.
    static GIVEN: RefCell<Vec<(String, Files)>> = const { RefCell::new(Vec::new()) };
    static DROPPED: RefCell<Vec<File>> = const { RefCell::new(Vec::new()) };
    static READER: RefCell<Option<Reader>> = const { RefCell::new(None) };
}

/// From now on `reader` is asked first to read the files of a folder: it has an answer on its way, or leaves them to the page.
pub fn read_elsewhere(reader: impl Fn(&str, &[File]) -> Option<Asked> + 'static) {
    READER.set(Some(Rc::new(reader)));
}

/// Reads the files of a folder into memory, for [`given_files`].
///
/// # Errors
/// Where one cannot be read, or is too large for a page.
pub async fn take_files(folder: &str, files: &[File]) -> Result<(), FileError> {
    let mut contents = std::collections::BTreeMap::new();
    for file in files {
        contents.insert(file.name(), bytes_of(file).await?);
    }
    GIVEN.with_borrow_mut(|given| {
        keep_given(given, folder);
        given.push((folder.into(), Files::new(contents)));
    });
    Ok(())
}

/// Asks for a file whose name ends in one of `extensions` and reads it.
pub fn open_bytes(_kind: &str, extensions: &[&str]) -> Asked {
    let accept: Vec<String> = extensions.iter().map(|extension| format!(".{extension}")).collect();
    pick(&[("accept", &accept.join(","))])
}

/// Reads the picture that was copied last; the browser may ask whether the page may.
pub fn paste_picture() -> Asked {
    let (sender, asked) = oneshot::channel();
    spawn_local(async move {
        let failed = |reason: String| FileError::Read { name: CLIPBOARD.into(), reason };
        let answer = match pasted().await {
            Ok(Some(file)) => read(&[file]).await.unwrap_or_else(FileAnswer::Failed),
            Ok(None) => FileAnswer::Failed(failed(NO_PICTURE.into())),
            Err(error) => FileAnswer::Failed(failed(text_of(&error))),
        };
        let _ = sender.send(answer);
    });
    asked
}

/// What the page's script finds in the clipboard; nothing where that is no picture.
async fn pasted() -> Result<Option<File>, JsValue> {
    let find: js_sys::Function = js_sys::Reflect::get(&js_sys::global(), &COPIED.into())?.dyn_into()?;
    let found = JsFuture::from(js_sys::Promise::from(find.call0(&JsValue::UNDEFINED)?)).await?;
    Ok(found.dyn_into().ok())
}

/// Asks for a folder and keeps what is in it in memory, for [`given_files`].
pub fn pick_folder() -> Asked {
    pick(&[("webkitdirectory", ""), ("multiple", "")])
}

/// Fetches files from elsewhere and reads them as if they had been given; `tell` hears how many bytes have come, of how many.
pub fn fetch_files(addresses: Vec<String>, tell: impl Fn(f64, f64) + 'static) -> Asked {
    let (sender, asked) = oneshot::channel();
    spawn_local(async move {
        let tell = Closure::<dyn Fn(f64, f64)>::new(tell);
        let answer = match fetch_all(&addresses, tell.as_ref()).await {
            Ok(files) => read(&files).await.unwrap_or_else(FileAnswer::Failed),
            Err((name, reason)) => FileAnswer::Failed(FileError::Read { name, reason }),
        };
        let _ = sender.send(answer);
    });
    asked
}

/// All of them, or the one that could not be fetched, and why.
async fn fetch_all(addresses: &[String], tell: &JsValue) -> Result<Vec<File>, (String, String)> {
    let fetch =
        js_sys::Reflect::get(&js_sys::global(), &FETCH.into()).and_then(JsCast::dyn_into::<js_sys::Function>);
    let mut files = Vec::new();
    for address in addresses {
        let failed = |error: JsValue| (address.clone(), text_of(&error));
        let fetch = fetch.as_ref().map_err(|_| (address.clone(), format!("the page has no {FETCH}")))?;
        let promised =
            fetch.call3(&JsValue::UNDEFINED, &address.into(), &MOST_BYTES.into(), tell).map_err(failed)?;
        let file = JsFuture::from(js_sys::Promise::from(promised)).await.map_err(failed)?;
        files.push(file.unchecked_into());
    }
    Ok(files)
}

/// Asks for the file of a network, with others beside it in which a part of it may lie.
pub fn pick_network() -> Asked {
    // A part of it may lie in a file of any name.
    pick(&[("multiple", "")])
}

/// What dropping something onto the page is good for.
pub const DROP_HINT: &str = "Drop the files of a data set to train on them, a network (ONNX) to look at it and train it on, a picture to ask about it, a checkpoint to load it, or a kept run to look at it.";

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
    GIVEN.with_borrow(|given| given.iter().find(|(name, _)| name == folder).map(|(_, files)| files.clone()))
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
        && (OPENED.iter().any(|end| file.name().ends_with(end)) || is_picture(&file.name()))
    {
        return Ok(FileAnswer::Opened(file.name(), bytes_of(file).await?));
    }
    // A picked folder's files say where they lie in it: "folder/file".
    let path = files.first().and_then(|file| js_sys::Reflect::get(file, &"webkitRelativePath".into()).ok());
    let path = path.and_then(|path| path.as_string()).unwrap_or_default();
    let folder = path.split('/').next().filter(|folder| !folder.is_empty());
    // A network's file may come with others in which a part of it lies.
    let network = files.iter().map(File::name).find(|name| folder.is_none() && is_network(name));
    let folder = network.unwrap_or_else(|| folder.unwrap_or(NAMELESS).to_owned());
    let reader = READER.with_borrow(Clone::clone);
    if let Some(asked) = reader.and_then(|reader| reader(&folder, files)) {
        return Ok(asked.await.unwrap_or(FileAnswer::Nothing));
    }
    take_files(&folder, files).await?;
    Ok(FileAnswer::given(folder))
}

async fn bytes_of(file: &File) -> Result<Vec<u8>, FileError> {
    let failed = |reason: String| FileError::Read { name: file.name(), reason };
    if file.size() > MOST_BYTES {
        return Err(failed(format!("it has {} bytes, and a page takes {MOST_BYTES}", file.size())));
    }
    let buffer = JsFuture::from(file.array_buffer()).await.map_err(|error| failed(text_of(&error)))?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}
