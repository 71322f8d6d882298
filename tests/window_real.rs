//! The program's window for real: opened under a virtual X server, trained in, photographed.
#![cfg(target_os = "linux")]

mod common;

use std::{
    collections::HashSet,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use web_time::{Duration, Instant};

const SIZE: (usize, usize) = (1280, 800);

/// A child that does not outlive the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A virtual X server that keeps its screen in `folder`, and the number of its display.
fn virtual_screen(folder: &Path) -> (Process, String) {
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
        .arg(format!("{}x{}x24", SIZE.0, SIZE.1))
        .arg("-fbdir")
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb must be installed (Debian package xvfb): scripts/test installs it");
    let output = server.stdout.take().expect("its output is piped");
    let server = Process(server);
    let mut display = String::new();
    BufReader::new(output).read_line(&mut display).expect("Xvfb says its display's number");
    (server, format!(":{}", display.trim()))
}

/// The screen's pixels, `0x00rrggbb`, row by row: an XWD file (X11/XWDFile.h), with a header of big-endian words.
fn photograph(folder: &Path) -> Vec<u32> {
    let bytes = fs::read(folder.join("Xvfb_screen0")).expect("Xvfb keeps its screen in a file");
    let word =
        |index: usize| u32::from_be_bytes(bytes[4 * index..][..4].try_into().expect("four bytes")) as usize;
    let (header, width, height, bits, line, colours) =
        (word(0), word(4), word(5), word(11), word(12), word(19));
    assert_eq!((width, height, bits), (SIZE.0, SIZE.1, 32));
    let rows = bytes[header + 12 * colours..].chunks_exact(line).take(height);
    let pixel = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes")) & 0x00ff_ffff;
    rows.flat_map(|row| row.chunks_exact(4).take(width).map(pixel)).collect()
}

/// Share of the pixels in a rectangle (in eighths of the screen) that differ from the rectangle's commonest one.
fn busy(picture: &[u32], columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> f64 {
    let (x, y) = (SIZE.0 / 8, SIZE.1 / 8);
    let pixels: Vec<u32> = (rows.start * y..rows.end * y)
        .flat_map(|row| &picture[row * SIZE.0..][columns.start * x..columns.end * x])
        .copied()
        .collect();
    let mut sorted = pixels.clone();
    sorted.sort_unstable();
    let commonest = sorted.chunk_by(|a, b| a == b).map(<[u32]>::len).max().unwrap_or(0);
    1.0 - commonest as f64 / pixels.len() as f64
}

#[test]
fn the_window_opens_trains_and_shows_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = common::tiny_data(folder.path());
    let (_server, display) = virtual_screen(folder.path());
    // What another window left behind: one theme, and panes that there are not.
    let home = folder.path().join("home");
    let look = home.join("great-lab/window.json");
    fs::create_dir_all(home.join("great-lab")).expect("a folder");
    fs::write(&look, r#"{"version":1,"theme":"Light","board":{"columns":{"pane":"smell"}}}"#)
        .expect("a file");
    let mut window = Process(
        Command::new(env!("CARGO_BIN_EXE_great-lab"))
            .args(["--run", "--device", "cpu", "--data", &data, "--steps", "100000"])
            .args(["--set", "batch_size=16", "--set", "width=0.5", "--set", "histogram_every_steps=20"])
            .arg("--runs")
            .arg(folder.path().join("runs"))
            .env("DISPLAY", &display)
            .env("XDG_DATA_HOME", &home)
            .env_remove("WAYLAND_DISPLAY")
            .spawn()
            .expect("the program starts"),
    );
    let deadline = Instant::now() + common::PATIENCE;
    let colours = loop {
        std::thread::park_timeout(Duration::from_millis(500));
        assert_eq!(window.0.try_wait().expect("a child can be asked"), None, "the window closed");
        let colours = photograph(folder.path()).into_iter().collect::<HashSet<_>>().len();
        if colours > 500 || Instant::now() > deadline {
            break colours;
        }
    };
    assert!(colours > 500, "only {colours} colours on the screen");
    // A little later every column of panes shows something: the game and knobs, the charts, the samples.
    std::thread::park_timeout(Duration::from_secs(3));
    let picture = photograph(folder.path());
    for (name, columns) in [("left", 0..2), ("middle", 2..5), ("right", 5..8)] {
        let share = busy(&picture, columns, 0..8);
        assert!(share > 0.05, "the {name} column is blank: {share}");
    }
    let is_light = |pixel: &&u32| pixel.to_be_bytes()[1..].iter().all(|byte| *byte > 200);
    let light = picture.iter().filter(is_light).count();
    assert!(light > picture.len() / 2, "{light} light pixels of {}", picture.len());
    let kept = fs::read_to_string(&look).expect("the look is kept");
    assert_eq!(kept, r#"{"version":1,"theme":"Light","board":{}}"#);
    // The run has been kept since its first step.
    let runs = std::fs::read_dir(folder.path().join("runs")).expect("a library");
    let records = runs.filter(|run| run.as_ref().is_ok_and(|run| run.path().join("run.json").is_file()));
    assert_eq!(records.count(), 1);
}
