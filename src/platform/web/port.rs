//! The channel between a page and its trainer: bytes, and files that go with them.

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{File, MessageEvent, MessagePort};

use super::text_of;

/// One end of the channel: a worker, the inside of one, or a port.
#[derive(Clone)]
pub struct Port(MessagePort);

/// What came through.
pub enum Heard {
    /// A message, and the files that go with it.
    Message(Vec<u8>, Vec<File>),
    /// The other end is gone: why.
    Failed(String),
}

impl Port {
    /// The end that a script gave: anything that has `postMessage` and `onmessage`.
    pub fn of(given: JsValue) -> Self {
        Self(given.unchecked_into())
    }

    /// Sends bytes, whose memory goes over, and files, which stay where they are.
    ///
    /// # Errors
    /// Where the browser has no memory for it.
    pub fn post(&self, bytes: &[u8], files: &[File]) -> Result<(), String> {
        let bytes = Uint8Array::from(bytes);
        let message = Array::of1(&bytes);
        for file in files {
            message.push(file);
        }
        let moved = Array::of1(&bytes.buffer());
        self.0.post_message_with_transferable(&message, &moved).map_err(|error| text_of(&error))
    }

    /// Says that this end is about to stop, and why.
    pub fn fail(&self, why: &str) {
        let message = js_sys::Object::new();
        // An object that was just made takes any property; where nobody hears it, there is no one else to tell.
        let _ = Reflect::set(&message, &"failed".into(), &why.into());
        let _ = self.0.post_message(&message);
    }

    /// Says that this end listens.
    pub fn ready(&self) {
        // Whoever started it waits, and hears of whatever else becomes of it.
        let _ = self.0.post_message(&"ready".into());
    }

    /// From now on calls back with each message.
    pub fn listen(&self, hear: impl Fn(Heard) + 'static) {
        let hear = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
            hear(heard(&event.data()));
        });
        self.0.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        // As long as the page: a page has few such channels.
        hear.forget();
    }
}

fn heard(data: &JsValue) -> Heard {
    if let Some(message) = data.dyn_ref::<Array>() {
        let bytes = message.get(0).dyn_into::<Uint8Array>().map(|bytes| bytes.to_vec()).unwrap_or_default();
        return Heard::Message(bytes, message.iter().skip(1).map(JsCast::unchecked_into).collect());
    }
    let why = Reflect::get(data, &"failed".into()).ok().and_then(|why| why.as_string());
    Heard::Failed(why.unwrap_or_else(|| "it sent what is no message".into()))
}
