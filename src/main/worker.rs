//! The page's trainer, in a worker of its own: opens the device, and passes on between the page and the trainer's channels.
//!
//! Where the browser makes no worker, the very same runs on the page's thread, with a port in place of the worker's.

use std::collections::VecDeque;

use great_lab::gpu::{Choice, Opened, open, open_in_page, shaders};
use great_lab::platform::{self, Heard, Port, take_files};
use great_lab::protocol::wire::{self, Asked, Begin, CREDIT, PageDevice, Question, Told};
use great_lab::protocol::{Command, Delivery, Remote};
use great_lab::train::{benchmark, stand_in};
use js_sys::{Array, Reflect, Uint8Array, global};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

/// What came of the page.
type Message = (Asked, Vec<File>);

fn main() {
    let given = |name: &str| Reflect::get(&global(), &name.into()).ok().filter(|given| !given.is_undefined());
    let port = Port::of(given("greatLabPort").unwrap_or_else(|| global().into()));
    let failing = port.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let what = panic.to_string();
        // So says the standard library where a list would be longer than any may be.
        let is_refused = what.contains("capacity overflow");
        let why = if is_refused { "it asked for more memory at once than a page can have: " } else { "" };
        failing.fail(&format!("{why}{what}"));
    }));
    platform::bring_assets(given("greatLabAssets").map(assets).into_iter().flatten());
    let (sender, messages) = unbounded_channel();
    let failing = port.clone();
    port.listen(move |heard| {
        // A page does not fail: it goes, and this with it.
        let Heard::Message(bytes, files) = heard else { return };
        match wire::read(&bytes) {
            // Whoever has stopped listening has told why.
            Ok(asked) => drop(sender.send((asked, files))),
            Err(why) => failing.fail(&why),
        }
    });
    spawn_local(serve(port.clone(), messages));
    port.ready();
}

/// The files that a script has fetched: `[name, bytes]` each.
fn assets(given: JsValue) -> Vec<(String, Vec<u8>)> {
    let pair = |pair: JsValue| {
        let pair = Array::from(&pair);
        (pair.get(0).as_string().unwrap_or_default(), Uint8Array::new(&pair.get(1)).to_vec())
    };
    Array::from(&given).iter().map(pair).collect()
}

/// Begins as the page says, then passes on until the page or the trainer is gone.
async fn serve(port: Port, mut messages: UnboundedReceiver<Message>) {
    let begin = loop {
        match messages.recv().await {
            Some((Asked::Begin(begin), _)) => break begin,
            // Files of the run that it begins with. What cannot be read is missing there, which the run says.
            Some((Asked::Question(_, Question::Files(folder)), files)) => {
                drop(take_files(&folder, &files).await);
            }
            _ => return port.fail("the page did not say how to begin"),
        }
    };
    let Begin { config, go_on, runs, device } = *begin;
    let begun = match open_device(device).await {
        Ok(opened) => stand_in(config, (runs, go_on), &opened, Delivery::Latest)
            .map(|remote| (opened, remote))
            .map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match begun {
        Ok((opened, remote)) => pass_on(port, messages, &opened, remote).await,
        Err(why) => port.fail(&why),
    }
}

async fn open_device(device: PageDevice) -> Result<Opened, String> {
    let opened = match device {
        PageDevice::Cpu => open(&Choice::Cpu).map_err(|error| error.to_string())?,
        PageDevice::Missing(what) => open_in_page("", Some(what)).await,
        PageDevice::Gpu(name) => open_in_page(&name, None).await,
    };
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

async fn pass_on(port: Port, mut messages: UnboundedReceiver<Message>, opened: &Opened, mut remote: Remote) {
    let (answers, mut answered) = unbounded_channel();
    let mut credit = CREDIT;
    let mut waiting: VecDeque<Command> = VecDeque::new();
    loop {
        let told = tokio::select! {
            message = messages.recv() => {
                match message {
                    Some((Asked::Hyper(hyper), _)) => drop(remote.hyper.send(*hyper)),
                    Some((Asked::Command(command), _)) => waiting.push_back(command),
                    Some((Asked::Taken, _)) => credit += 1,
                    Some((Asked::Question(number, question), files)) => {
                        spawn_local(answer(number, question, files, opened.clone(), answers.clone()));
                    }
                    Some((Asked::Begin(_), _)) => {}
                    None => return,
                }
                continue;
            }
            permit = remote.commands.reserve(), if !waiting.is_empty() => {
                let (Ok(permit), Some(command)) = (permit, waiting.pop_front()) else {
                    return port.fail("the trainer has ended");
                };
                permit.send(command);
                continue;
            }
            event = remote.events.recv(), if credit > 0 => {
                let Some(event) = event else { return port.fail("the trainer has ended") };
                credit -= 1;
                Told::Event(event)
            }
            Some(answer) = answered.recv() => answer,
        };
        let sent = wire::write(&told).and_then(|bytes| port.post(&bytes, &[]));
        if let Err(why) = sent {
            return port.fail(&why);
        }
    }
}

async fn answer(
    number: u32,
    question: Question,
    files: Vec<File>,
    opened: Opened,
    to: UnboundedSender<Told>,
) {
    let json = |error: serde_json::Error| error.to_string();
    let answer = match question {
        Question::Shaders => serde_json::to_string(&shaders()).map_err(json),
        Question::Files(folder) => {
            take_files(&folder, &files).await.map(|()| folder).map_err(|error| error.to_string())
        }
        Question::Benchmark(line) => match line.parse() {
            Ok(request) => benchmark::measure(&request, &opened)
                .await
                .and_then(|results| serde_json::to_string(&results).map_err(json)),
            Err(why) => Err(why),
        },
    };
    // A trainer that has ended tells so itself.
    drop(to.send(Told::Answer(number, answer)));
}
