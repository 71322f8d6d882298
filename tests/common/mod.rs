//! What several tests need: a tiny data set on disk, and a trainer of it on the CPU.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{fs, path::Path, time::Duration};

use great_lab::{
    config::{Config, Setup},
    gpu::{Choice, open},
    protocol::{Delivery, Event, Remote},
    train::spawn,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Longer than anything in these tests takes on a busy machine: what is not there by then will not come.
pub const PATIENCE: Duration = Duration::from_secs(50);

/// Classes of [`tiny_data`].
pub const CLASSES: usize = 4;

/// 256 + 128 noisy images of 12×12 in four classes, each with its own bright quadrant, as IDX files in `folder`.
pub fn tiny_data(folder: &Path) -> String {
    for (name, count, seed) in [("train", 256, 1), ("t10k", 128, 2)] {
        let mut rng = StdRng::seed_from_u64(seed);
        let labels: Vec<u8> = (0..count).map(|index| (index % CLASSES) as u8).collect();
        let pixel = |label: u8, index: usize, rng: &mut StdRng| {
            let (row, column) = (index / 12, index % 12);
            let quadrant = 2 * u8::from(row >= 6) + u8::from(column >= 6);
            rng.random_range(0..120) + if quadrant == label { 100 } else { 0 }
        };
        let pixels: Vec<u8> = labels
            .iter()
            .flat_map(|label| (0..144).map(|index| pixel(*label, index, &mut rng)).collect::<Vec<_>>())
            .collect();
        let header =
            |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
        let images = [header(&[2051, count as u32, 12, 12]), pixels].concat();
        let labels = [header(&[2049, count as u32]), labels].concat();
        fs::write(folder.join(format!("{name}-images-idx3-ubyte")), images).expect("a writable folder");
        fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels).expect("a writable folder");
    }
    folder.display().to_string()
}

/// A short run on `data`, reporting every step.
pub fn tiny_config(data: &str) -> Config {
    let mut config = Config {
        setup: Setup {
            data: data.into(),
            width: 0.5,
            auxiliary_width: 0.5,
            batch_size: 16,
            steps: 200,
            ..Setup::default()
        },
        ..Config::default()
    };
    config.hyper.report_every_steps = 1;
    config.hyper.histogram_every_steps = 0;
    config.hyper.evaluate_every_steps = 0;
    config
}

/// A trainer on the CPU.
pub fn trainer(config: &Config, delivery: Delivery) -> Remote {
    spawn(config.clone(), &open(&Choice::Cpu).expect("there is always a CPU"), delivery).expect("a thread")
}

/// The next event, or a panic where none comes.
pub async fn event(remote: &mut Remote) -> Event {
    let late = async_timeout();
    tokio::select! {
        event = remote.events.recv() => event.expect("the trainer lives"),
        () = late => panic!("no event within {PATIENCE:?}"),
    }
}

/// The first event that `pick` takes.
pub async fn wait_for<T>(remote: &mut Remote, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let Some(picked) = pick(event(remote).await) {
            return picked;
        }
    }
}

/// Ends after [`PATIENCE`].
async fn async_timeout() {
    let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::thread::park_timeout(PATIENCE);
        drop(sender);
    });
    drop(receiver.await);
}
