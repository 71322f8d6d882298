//! Frames of a window at rest on the charts of long runs: one alone, with others beside it, and while somebody goes through it.

use std::{error::Error, path::Path, path::PathBuf, sync::Arc, thread::sleep};

use burn::tensor::wgpu::WgpuSetup;
use egui::Key;
use great_lab::{
    app::{History, Lab, Options as Window, Reel},
    config::Hyper,
    protocol::{Activity, Delivery, Event, connect, made_up},
    runs::{record::Ended, recording::Replay, run_folder::RunFolder, writer::RunWriter},
};
use web_time::{Duration, Instant};

use crate::{PATIENCE, SIZE, UNSEEN, screen::Screen, spread::Spread};

/// Frames before it is measured: fonts and textures are made in the first.
const FIRST: usize = 10;
/// Places of a run that are looked at in no order.
const JUMPS: usize = 500;

/// What is measured.
pub struct Asked {
    /// Runs beside the one that is shown.
    pub beside: usize,
    /// Reports of each.
    pub reports: u64,
    /// Time for each part.
    pub duration: Duration,
}

/// A run of so many reports, whose curves are no other's.
fn run(number: u64, reports: u64) -> Vec<Event> {
    let mut events = vec![made_up::started(1)];
    let hyper = Hyper { alpha: 0.05 * (number + 1) as f64, ..Hyper::default() };
    for step in 1..=reports {
        events.push(made_up::report(1, step, hyper).into());
        if step % 100 == 0 {
            events.push(made_up::histograms(1, step).into());
            events.push(made_up::saturation(1, step).into());
        }
        if step % 1000 == 0 {
            events.push(made_up::samples(1, step).into());
            events.push(made_up::robustness(1, step, true).into());
        }
    }
    events.push(made_up::state(1, Activity::Finished, reports));
    events
}

/// The folder of such a run.
fn written(folder: &Path, number: u64, reports: u64) -> Result<PathBuf, Box<dyn Error>> {
    let path = folder.join(format!("run-{number}"));
    let events = run(number, reports);
    let Event::Started(info) = &events[0] else { return Err("a run begins so".into()) };
    let mut writer = RunWriter::new(RunFolder::create(&path, false, &[])?, info.clone(), Vec::new());
    events.iter().for_each(|event| writer.take(event));
    writer.write(Ended::Finished)?;
    Ok(path)
}

/// Frames one after the other for so long, a key pressed in each where there is one.
fn frames(
    lab: &mut Lab,
    screen: &mut Screen,
    duration: Duration,
    key: Option<Key>,
) -> Result<String, String> {
    for _ in 0..FIRST {
        screen.draw_after(&[], |ui| lab.ui(ui))?;
    }
    let keys: Vec<Key> = key.into_iter().collect();
    let (begin, shown) = (Instant::now(), screen.shown());
    let (mut thread, mut thought) = (Vec::new(), Vec::new());
    while begin.elapsed() < duration {
        let frame = Instant::now();
        screen.draw_after(&keys, |ui| lab.ui(ui))?;
        thread.push(frame.elapsed().as_secs_f64() * 1e3);
        thought.push(screen.thought().as_secs_f64() * 1e3);
    }
    let a_second = (screen.shown() - shown) as f64 / begin.elapsed().as_secs_f64();
    Ok(format!(
        "{a_second:.1} frames a second; on the window's thread: {}; of these to lay out and to tessellate: {}",
        Spread::of(thread),
        Spread::of(thought)
    ))
}

/// How long it takes to make of a run what it was, at places in no order.
fn jumps(folder: &Path) -> Result<String, Box<dyn Error>> {
    let replay = Replay::open(folder)?;
    let begin = Instant::now();
    let mut history = History::of_run(replay.info, 1 << 32);
    let mut reel = Reel::new(replay.events.into_iter().map(Arc::new), &history);
    let places = reel.places().len();
    reel.go(places - 1, &mut history);
    let opened = begin.elapsed().as_secs_f64() * 1e3;
    let times = (0..JUMPS).map(|jump| {
        let begin = Instant::now();
        reel.go(jump * 7919 % places, &mut history);
        begin.elapsed().as_secs_f64() * 1e3
    });
    let times = Spread::of(times.collect::<Vec<_>>());
    Ok(format!("{places} places: {opened:.1} ms to the end; from one to another in no order: {times}"))
}

/// Opens these runs in a window of their own, and times its frames.
fn opened(
    shared: &WgpuSetup,
    open: &[PathBuf],
    asked: &Asked,
    key: Option<Key>,
) -> Result<String, Box<dyn Error>> {
    let mut screen = Screen::new(shared.clone(), SIZE);
    let (remote, trainer) = connect(Hyper::default(), Delivery::Latest);
    let window = Window { open: open.to_vec(), ..Window::default() };
    let mut lab = Lab::new(screen.context(), remote, made_up::config(), window);
    for event in [made_up::started(1), made_up::state(1, Activity::Paused, 0)] {
        trainer.events.try_send(event)?;
    }
    let begin = Instant::now();
    while lab.opened() < open.len() {
        screen.draw_after(&[], |ui| lab.ui(ui))?;
        if begin.elapsed() > PATIENCE {
            return Err(format!("{} of {} runs are open", lab.opened(), open.len()).into());
        }
        sleep(UNSEEN);
    }
    Ok(frames(&mut lab, &mut screen, asked.duration, key)?)
}

/// Measures all of it.
pub fn measure(shared: &WgpuSetup, asked: &Asked) -> Result<String, Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let runs = (0..=asked.beside as u64).map(|number| written(scratch.path(), number, asked.reports));
    let runs = runs.collect::<Result<Vec<PathBuf>, _>>()?;
    let Asked { beside, reports, .. } = asked;
    Ok(format!(
        "a run of {reports} reports: {}\nwith {beside} such runs beside it: {}\n\
         the same, going back a report a frame: {}\nmaking it what it was: {}",
        opened(shared, &runs[..1], asked, None)?,
        opened(shared, &runs, asked, None)?,
        opened(shared, &runs, asked, Some(Key::Comma))?,
        jumps(&runs[0])?,
    ))
}
