//! What a browser keeps for the pages of an address, in a folder of the lab's own. Its functions are asked for by their names:
//! what one browser lacks is an error of that browser.

use js_sys::{Array, AsyncIterator, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_time::Duration;

/// The folder, and the lock on it.
const NAME: &str = "great-lab";

type Answer<T> = Result<T, JsValue>;

/// A folder.
#[derive(Clone)]
pub(super) struct Folder(JsValue);

/// A file.
pub(super) struct File(JsValue);

/// What is in a folder.
pub(super) enum Entry {
    /// Another one.
    Folder(Folder),
    /// A file.
    File(File),
}

fn get(object: &JsValue, name: &str) -> Answer<JsValue> {
    Reflect::get(object, &name.into())
}

fn call(object: &JsValue, name: &str, arguments: &Array) -> Answer<JsValue> {
    let function: Function = get(object, name)?
        .dyn_into()
        .map_err(|_| JsValue::from(format!("it lacks '{name}', which newer browsers have")))?;
    Reflect::apply(&function, object, arguments)
}

async fn ask(object: &JsValue, name: &str, arguments: &Array) -> Answer<JsValue> {
    JsFuture::from(Promise::resolve(&call(object, name, arguments)?)).await
}

fn navigator(part: &str) -> Answer<JsValue> {
    let part = get(&get(&js_sys::global(), "navigator")?, part)?;
    match part.is_undefined() {
        true => Err("it does so only on https:// and on this machine, in newer browsers".into()),
        false => Ok(part),
    }
}

/// `{ name: value }`.
fn options(name: &str, value: bool) -> Object {
    let options = Object::new();
    // An object that was just made takes any property.
    let _ = Reflect::set(&options, &name.into(), &value.into());
    options
}

impl Folder {
    /// That of the lab.
    pub(super) async fn root() -> Answer<Self> {
        let storage = navigator("storage")?;
        let root = Self(ask(&storage, "getDirectory", &Array::new()).await?);
        // What can be read alone is no place to keep something.
        let prototype = get(&get(&js_sys::global(), "FileSystemFileHandle")?, "prototype")?;
        if !Reflect::has(&prototype, &"createWritable".into())? {
            return Err("this version of it lets no page write".into());
        }
        root.folder(NAME, true).await
    }

    /// The one of that name in it, which is made where there is none.
    pub(super) async fn folder(&self, name: &str, is_made: bool) -> Answer<Self> {
        let arguments = Array::of2(&name.into(), &options("create", is_made));
        ask(&self.0, "getDirectoryHandle", &arguments).await.map(Self)
    }

    /// All that is in it.
    pub(super) async fn entries(&self) -> Answer<Vec<(String, Entry)>> {
        let iterator: AsyncIterator = call(&self.0, "entries", &Array::new())?.unchecked_into();
        let mut entries = Vec::new();
        loop {
            let next = JsFuture::from(Promise::resolve(&iterator.next()?)).await?;
            if get(&next, "done")?.is_truthy() {
                return Ok(entries);
            }
            let pair: Array = get(&next, "value")?.unchecked_into();
            let (name, handle) = (pair.get(0).as_string(), pair.get(1));
            let kind = get(&handle, "kind")?.as_string();
            let is_folder = kind.as_deref() == Some("directory");
            let entry = if is_folder { Entry::Folder(Self(handle)) } else { Entry::File(File(handle)) };
            entries.extend(name.map(|name| (name, entry)));
        }
    }

    /// Puts `bytes` into the file of that name, whole or not at all.
    pub(super) async fn write(&self, name: &str, bytes: &[u8]) -> Answer<()> {
        let arguments = Array::of2(&name.into(), &options("create", true));
        let file = ask(&self.0, "getFileHandle", &arguments).await?;
        let stream = ask(&file, "createWritable", &Array::new()).await?;
        let written = ask(&stream, "write", &Array::of1(&Uint8Array::from(bytes))).await;
        // The bytes are in another file until it is closed.
        let end = if written.is_ok() { "close" } else { "abort" };
        let ended = ask(&stream, end, &Array::new()).await;
        written.and(ended).map(drop)
    }

    /// Removes the file or the folder of that name with all that is in it, if there is one.
    pub(super) async fn remove(&self, name: &str) -> Answer<()> {
        let arguments = Array::of2(&name.into(), &options("recursive", true));
        match ask(&self.0, "removeEntry", &arguments).await {
            Err(error) if !is_missing(&error) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl File {
    /// What is in it, and when that was written, since 1970.
    pub(super) async fn read(&self) -> Answer<(Vec<u8>, Duration)> {
        let file: web_sys::File = ask(&self.0, "getFile", &Array::new()).await?.unchecked_into();
        let buffer = JsFuture::from(file.array_buffer()).await?;
        let changed = Duration::try_from_secs_f64(file.last_modified() / 1000.0).unwrap_or_default();
        Ok((Uint8Array::new(&buffer).to_vec(), changed))
    }
}

fn is_called(error: &JsValue, name: &str) -> bool {
    get(error, "name").is_ok_and(|found| found.as_string().as_deref() == Some(name))
}

/// Whether there is no such file or folder.
pub(super) fn is_missing(error: &JsValue) -> bool {
    is_called(error, "NotFoundError")
}

/// Whether there is no room.
pub(super) fn is_full(error: &JsValue) -> bool {
    is_called(error, "QuotaExceededError")
}

/// Takes what is kept for this tab, until it is closed; whether no other tab has it.
pub(super) async fn take_lock() -> Answer<bool> {
    // A browser without locks has no tabs that could be told apart.
    let Ok(locks) = navigator("locks") else { return Ok(true) };
    let promise = Promise::new(&mut |resolve, reject| {
        let taken = Closure::once_into_js(move |lock: JsValue| {
            let is_taken = !lock.is_null();
            let _ = resolve.call1(&JsValue::NULL, &is_taken.into());
            // It is held until what is returned is settled: never, or where there is none to hold, now.
            if is_taken { Promise::new(&mut |_, _| {}).into() } else { JsValue::NULL }
        });
        let arguments = Array::of3(&NAME.into(), &options("ifAvailable", true), &taken);
        if let Err(error) = call(&locks, "request", &arguments) {
            let _ = reject.call1(&JsValue::NULL, &error);
        }
    });
    JsFuture::from(promise).await.map(|taken| taken.is_truthy())
}

/// Bytes that the browser would still keep for pages of this address, if it says so.
pub(super) async fn left() -> Option<u64> {
    let estimate = ask(&navigator("storage").ok()?, "estimate", &Array::new()).await.ok()?;
    let number = |name: &str| get(&estimate, name).ok()?.as_f64();
    Some((number("quota")? - number("usage")?).max(0.0) as u64)
}

/// Asks the browser to give nothing up for want of room elsewhere; it may ask somebody, or say no.
pub(super) fn persist() {
    spawn_local(async {
        if let Ok(storage) = navigator("storage") {
            // Without it all is as it was.
            let _ = ask(&storage, "persist", &Array::new()).await;
        }
    });
}
