//! Times the window's first steps after Run, its frames while it trains, and what they cost training:
//! `cargo bench --bench window`.
//!
//! The window is drawn on the trainer's device, as the program does it, but into a picture instead of a screen, so that
//! none is needed. As with a screen, some frames may be under way before the next one waits.
//!
//! `--beside 8` times frames on the charts of long runs instead, with as many beside the one that is shown, while nothing is
//! trained: `cargo bench --bench window -- --beside 8`.

#![allow(clippy::disallowed_methods, reason = "no page runs this: it may sleep")]

mod charts;
mod screen;
mod spread;

use std::{error::Error, thread::sleep};

use clap::{Parser, builder::PossibleValuesParser, value_parser};
use great_lab::{
    app::{Lab, Options as Window},
    config::{BUILT_IN_DATA, Config, NetworkKind},
    gpu::{Choice, open},
    platform::frame_on_gpu,
    protocol::{Delivery, end},
    train::spawn,
};
use screen::Screen;
use serde::Deserialize;
use spread::Spread;
use web_time::{Duration, Instant};

/// Pixels of the window.
const SIZE: [u32; 2] = [1280, 800];
/// Steps until what is compiled is compiled.
const WARM_UP: f64 = 20.0;
/// How often the channel is emptied while nothing is drawn.
const UNSEEN: Duration = Duration::from_millis(20);
/// Longer than compiling takes on any device.
const PATIENCE: Duration = Duration::from_secs(120);

/// Frames while training, and training with and without them.
#[derive(Parser)]
struct Options {
    /// Where to compute and to draw: auto (a real GPU), gpu, or part of an adapter's name.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: Choice,
    /// Architecture of the main network.
    #[arg(long, value_name = "NAME", default_value = "cnn-small",
          value_parser = PossibleValuesParser::new(NetworkKind::NAMES))]
    network: String,
    /// Factor on its channels.
    #[arg(long, value_name = "W", default_value_t = 1.0)]
    width: f64,
    /// Built-in data, a world of points among them: then the plane is drawn, too.
    #[arg(long, value_name = "NAME", default_value = BUILT_IN_DATA[0], value_parser = PossibleValuesParser::new(BUILT_IN_DATA))]
    data: String,
    /// Seconds without and with frames.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seconds that the window stands open before Run.
    #[arg(long, value_name = "N", default_value_t = 5)]
    run_after: u64,
    /// Train nothing, and time frames on the charts of a kept run with so many others beside it.
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(0..=8))]
    beside: Option<u8>,
    /// Reports of each of these runs.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u64).range(1..))]
    reports: u64,
    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A report of the run, as the window keeps it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Row {
    step: f64,
    seconds: f64,
}

fn reports(lab: &mut Lab) -> Result<Vec<Row>, serde_json::Error> {
    serde_json::from_str(&lab.metrics())
}

/// Milliseconds a step between one report and the next, of those since some step.
fn steps(lab: &mut Lab, since: f64) -> Result<Spread, serde_json::Error> {
    let rows: Vec<Row> = reports(lab)?.into_iter().filter(|row| row.step >= since).collect();
    let step = |pair: &[Row]| (pair[1].seconds - pair[0].seconds) * 1e3 / (pair[1].step - pair[0].step);
    Ok(Spread::of(rows.windows(2).filter(|pair| pair[1].step > pair[0].step).map(step)))
}

fn last_step(lab: &mut Lab) -> Result<f64, serde_json::Error> {
    Ok(reports(lab)?.last().map_or(0.0, |row| row.step))
}

/// Presses Run and lets the run go on unseen until it has taken some steps; the first report's step, and how long it took.
fn warm_up(lab: &mut Lab) -> Result<(f64, Duration), Box<dyn Error>> {
    let begin = Instant::now();
    lab.command("run")?;
    let mut first = None;
    loop {
        let step = last_step(lab)?;
        if step > 0.0 {
            first.get_or_insert((step, begin.elapsed()));
        }
        match first {
            Some(first) if step >= WARM_UP => return Ok(first),
            _ if begin.elapsed() > PATIENCE => {
                return Err(format!("no step {WARM_UP} after {PATIENCE:?}: {}", lab.state()).into());
            }
            _ => sleep(UNSEEN),
        }
    }
}

/// Trains without frames, then with them, each for so long, and says what that came to.
fn measure(lab: &mut Lab, screen: &mut Screen, duration: Duration) -> Result<String, Box<dyn Error>> {
    let (step, after) = warm_up(lab)?;
    let (begin, first) = (Instant::now(), last_step(lab)?);
    while begin.elapsed() < duration {
        lab.state();
        sleep(UNSEEN);
    }
    let without = steps(lab, first)?;

    let mut frames = Vec::new();
    let (begin, first) = (Instant::now(), last_step(lab)?);
    while begin.elapsed() < duration {
        let frame = Instant::now();
        screen.draw(|ui| lab.ui(ui)).map_err(|error| format!("{error}: {}", lab.state()))?;
        frames.push(frame.elapsed().as_secs_f64() * 1e3);
        sleep(frame_on_gpu().saturating_sub(frame.elapsed()));
    }
    let shown = screen.shown() as f64 / begin.elapsed().as_secs_f64();
    let with = steps(lab, first)?;

    let median = without.at(0.5);
    let over = [with.at(0.5), with.at(1.0), without.at(1.0)].map(|step| format!("{:.2}", step / median));
    let [over_median, longest, longest_without] = over;
    Ok(format!(
        "step {step} reported {:.2} s after Run\n\
         steps without frames: {without}\n\
         steps with frames:    {with}\n\
         frames: {shown:.1} a second shown; time on the window's thread: {}\n\
         over the median step without frames: median {over_median}, longest {longest}; longest without frames \
         {longest_without}",
        after.as_secs_f64(),
        Spread::of(frames),
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let opened = open(&options.device)?;
    let mut config = Config::default();
    config.setup.network = options.network.parse()?;
    config.setup.width = options.width;
    config.setup.data.clone_from(&options.data);
    config.setup.steps = 10_000_000;
    // Attacks take turns with training, which no frame is to blame for.
    config.hyper.evaluate_every_steps = 0;
    let shared = opened.setup.clone().ok_or("the window is timed on a GPU: say --device")?;
    let [width, height] = SIZE;
    if let Some(beside) = options.beside {
        let duration = Duration::from_secs(options.seconds);
        let asked = charts::Asked { beside: beside.into(), reports: options.reports, duration };
        let measured = charts::measure(&shared, &asked)?;
        println!("window of {width}×{height} on {}\n{measured}", opened.info.name);
        return Ok(());
    }
    let mut screen = Screen::new(shared, SIZE);
    let network = config.setup.network_kind();
    let remote = spawn(config.clone(), &opened, Delivery::Latest)?;
    let commands = remote.commands.clone();
    let mut lab = Lab::new(screen.context(), remote, config, Window::default());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(options.run_after) {
        lab.state();
        sleep(UNSEEN);
    }
    let measured = measure(&mut lab, &mut screen, Duration::from_secs(options.seconds));
    drop(lab);
    end(&commands, PATIENCE);

    println!(
        "{} × {} on {}, batches of 64, window of {width}×{height} on {}\n{}",
        network, options.width, options.data, opened.info.name, measured?
    );
    Ok(())
}
