//! A native program: threads, file dialogs, the disk.

pub mod files;

use super::{Asked, CLIPBOARD, FileAnswer, FileError, Files, NETWORK, NO_PICTURE, PASTED, is_network};
use std::io::Write as _;
use web_time::Duration;

/// Keeps what is freed for the next tensor. The C library's allocator gives megabytes back to the system at once, and
/// on the CPU backend a third of a step went into having them again, page by page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs a future that computes to its end on threads of its own, named after `name`: as many as the processor has, and
/// the future is on one of them, so that no operation on the CPU has to wake it when the others are done.
///
/// # Errors
/// Where the operating system gives no threads.
pub fn spawn<F>(name: &str, make: impl FnOnce() -> F + Send + 'static) -> std::io::Result<()>
where
    F: Future<Output = ()>,
{
    let prefix = name.to_owned();
    let threads = rayon::ThreadPoolBuilder::new().thread_name(move |index| format!("{prefix} {index}"));
    let threads = threads.build().map_err(std::io::Error::other)?;
    spawn_blocking(name, move || threads.install(move || block_on(make())))
}

/// Runs `work` on a thread of its own.
fn spawn_blocking(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.into()).spawn(work).map(|_detached| ())
}

/// Waits for a future: for threads that exist for that, and have nothing else to do.
#[expect(clippy::disallowed_methods, reason = "the one place that blocks on a future")]
fn block_on(future: impl Future<Output = ()>) {
    pollster::block_on(future);
}

/// Time between frames while a GPU trains: sixty a second, whatever the screen could show, because each frame takes from
/// the training (`benches/window` tells how much).
pub fn frame_on_gpu() -> Duration {
    Duration::from_micros(16_667)
}

/// Time between frames where the processor trains and, mostly, draws as well: a frame may cost 0.1 s of it (measured on
/// lavapipe at 1280×800), and the window may take no more than a tenth. What somebody does is drawn at once anyway.
pub fn frame_on_cpu() -> Duration {
    Duration::from_secs(1)
}

/// Lets others go on, if they need this thread: nothing natively, where the trainer has its own.
pub async fn breathe() {}

/// What it means that no file came.
pub const NO_FILE: &str = "No file was chosen, or this desktop has no file dialog.";

/// Asks where to save `bytes`, proposing `name`, and saves them. Never blocks; the dialog has its own thread.
pub fn save_bytes(name: &str, bytes: Vec<u8>) -> Asked {
    let dialog = rfd::AsyncFileDialog::new().set_file_name(name).save_file();
    ask(async move {
        let Some(file) = dialog.await else { return FileAnswer::Nothing };
        match file.write(&bytes).await {
            Ok(()) => FileAnswer::Saved(file.file_name()),
            Err(source) => FileAnswer::Failed(FileError::Write { name: file.file_name(), source }),
        }
    })
}

/// Asks for a file whose name ends in one of `extensions` and reads it. Never blocks.
pub fn open_bytes(kind: &str, extensions: &[&str]) -> Asked {
    let dialog = rfd::AsyncFileDialog::new().add_filter(kind, extensions).pick_file();
    ask(async move {
        match dialog.await {
            Some(file) => read_path(file.path()),
            None => FileAnswer::Nothing,
        }
    })
}

/// Reads the picture that was copied last, as PNG. Never blocks.
pub fn paste_picture() -> Asked {
    ask(async {
        match copied() {
            Ok(bytes) => FileAnswer::Opened(PASTED.into(), bytes),
            Err(reason) => FileAnswer::Failed(FileError::Read { name: CLIPBOARD.into(), reason }),
        }
    })
}

fn copied() -> Result<Vec<u8>, String> {
    let picture = arboard::Clipboard::new().and_then(|mut clipboard| clipboard.get_image());
    let picture = picture.map_err(|error| match error {
        arboard::Error::ContentNotAvailable => NO_PICTURE.into(),
        error => error.to_string(),
    })?;
    let mut bytes = Vec::new();
    let [width, height] = [picture.width, picture.height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&picture.bytes));
    written.map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Asks for a folder. Never blocks.
pub fn pick_folder() -> Asked {
    let dialog = rfd::AsyncFileDialog::new().pick_folder();
    ask(async move {
        dialog
            .await
            .map_or(FileAnswer::Nothing, |folder| FileAnswer::Folder(folder.path().display().to_string()))
    })
}

/// Asks for the file of a network. Never blocks.
pub fn pick_network() -> Asked {
    let dialog = rfd::AsyncFileDialog::new().add_filter("network", &[NETWORK]).pick_file();
    ask(async move {
        dialog
            .await
            .map_or(FileAnswer::Nothing, |file| FileAnswer::Network(file.path().display().to_string()))
    })
}

/// What dropping something onto the window is good for.
pub const DROP_HINT: &str = "Drop a folder to train on its data, a network (ONNX) to look at it and train it on, a picture to ask about it, a checkpoint to load it, or a kept run to look at it.";

/// Takes what was dropped onto the window: folders as they are, files with what is in them. Never blocks.
pub fn open_dropped(paths: Vec<std::path::PathBuf>) -> Vec<Asked> {
    let open = |path: std::path::PathBuf| {
        ask(async move {
            let name = path.display().to_string();
            match path.is_dir() {
                true => FileAnswer::Folder(name),
                false if is_network(&name) => FileAnswer::Network(name),
                false => read_path(&path),
            }
        })
    };
    paths.into_iter().map(open).collect()
}

/// The bytes of a file that comes with the lab: they stand in the program.
pub fn asset(name: &str) -> Option<&'static [u8]> {
    macro_rules! assets {
        ($($file:literal)*) => {
            match name {
                $($file => Some(include_bytes!(concat!("../../assets/", $file)).as_slice()),)*
                _ => None,
            }
        };
    }
    assets! {
        "fashion-mnist/train-images-idx3-ubyte.gz"
        "fashion-mnist/train-labels-idx1-ubyte.gz"
        "fashion-mnist/t10k-images-idx3-ubyte.gz"
        "fashion-mnist/t10k-labels-idx1-ubyte.gz"
    }
}

/// The files that people gave a page in place of a folder of this name: none here, where folders are folders.
pub fn given_files(_folder: &str) -> Option<Files> {
    None
}

/// The variable that names a font of one's own.
const FONT_VARIABLE: &str = "GREAT_LAB_FONT";
/// Where systems keep a font with the characters of Chinese, Japanese and Korean, which the lab's own lack.
const SYSTEM_FONTS: [&str; 18] = [
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-vf-fonts/NotoSansCJK-VF.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wenquanyi/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
    "/Library/Fonts/Arial Unicode.ttf",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/YuGothR.ttc",
    "C:/Windows/Fonts/malgun.ttf",
    "C:/Windows/Fonts/simsun.ttc",
];

/// The bytes of a font for characters that the lab's own lack: the file that `GREAT_LAB_FONT` names, else the first that
/// this system has of those with Chinese, Japanese and Korean. None where there is none.
pub fn system_font() -> Option<Vec<u8>> {
    let font = |path: &std::path::Path| {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        // Who draws with it takes its word that it is one.
        ab_glyph::FontRef::try_from_slice(&bytes).map_err(|_| "it is no font that can be read".to_owned())?;
        Ok::<_, String>(bytes)
    };
    if let Some(named) = std::env::var_os(FONT_VARIABLE).map(std::path::PathBuf::from) {
        match font(&named) {
            Ok(bytes) => return Some(bytes),
            Err(why) => {
                // Nobody may be reading any more.
                let _ = writeln!(std::io::stderr(), "warning: {FONT_VARIABLE}: {}: {why}", named.display());
            }
        }
    }
    SYSTEM_FONTS.iter().find_map(|path| font(path.as_ref()).ok())
}

/// What gives the lab a font for more characters.
pub const FONT_ADVICE: &str =
    "Install a font that has them, such as fonts-noto-cjk, or name a font's file in GREAT_LAB_FONT.";

/// Where this system keeps what programs leave behind, in a folder of the lab's own; none where it does not say where a
/// person's files are.
pub fn data_folder() -> Option<std::path::PathBuf> {
    let folder = |variable: &str| {
        let path = std::env::var_os(variable).map(std::path::PathBuf::from)?;
        // What is not absolute would be another folder for each folder that the lab is started in.
        path.is_absolute().then_some(path)
    };
    let base = if cfg!(target_os = "windows") {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("great-lab"))
}

/// Why no runs are kept.
pub const NO_RUNS: &str = "No folder is known in which runs could be kept: name one with --runs.";

/// Runs `work` on a thread of its own, named after `name`, beside all else.
///
/// # Errors
/// Where the operating system gives no thread.
pub fn aside(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    spawn_blocking(name, work)
}

/// Why no other program can be started: here they can.
pub const NO_PROGRAMS: Option<&str> = None;

/// Whether there are threads, beside which a window goes on.
pub const HAS_THREADS: bool = true;

/// What tells this process from others that run.
pub fn process() -> String {
    format!("process {}", std::process::id())
}

/// What people pass on to share the run that `fragment` describes: it goes behind a page's address, or after `--link`.
pub fn share(fragment: &str) -> String {
    format!("#{fragment}")
}

/// Keeps the run that `fragment` describes for the next start: only a page does.
pub fn remember(_fragment: &str) {}

/// The file in which a window keeps how it looks.
const LOOK: &str = "window.json";

/// How the window looked when it was closed, as [`retain`] was told; none where that was not kept.
pub fn recall() -> Option<String> {
    std::fs::read_to_string(data_folder()?.join(LOOK)).ok()
}

/// Keeps how the window looks, where there is a place for that.
pub fn retain(look: &str) {
    let Some(folder) = data_folder() else { return };
    let path = folder.join(LOOK);
    let kept = std::fs::create_dir_all(folder).and_then(|()| files::write_whole(&path, look.as_bytes()));
    if let Err(error) = kept {
        tracing::debug!("{} is not kept: {error}", path.display());
    }
}

/// Says in the name of a page's tab how far the run is.
pub fn entitle(_progress: &str) {}

/// What the page's address asks for since somebody changed it: nothing natively.
pub fn changed_address() -> Option<String> {
    None
}

/// For how long a browser keeps the trainer waiting at each turn, where it does.
pub fn held_back() -> Option<web_time::Duration> {
    None
}

fn read_path(path: &std::path::Path) -> FileAnswer {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match std::fs::read(path) {
        Ok(bytes) => FileAnswer::Opened(name, bytes),
        Err(error) => FileAnswer::Failed(FileError::Read { name, reason: error.to_string() }),
    }
}

/// Awaits an answer on a thread of its own.
fn ask(answer: impl Future<Output = FileAnswer> + Send + 'static) -> Asked {
    let (sender, asked) = tokio::sync::oneshot::channel();
    let (failure, failed) = tokio::sync::oneshot::channel();
    let answered = async move {
        // A window that closed meanwhile has no use for the answer.
        let _ = sender.send(answer.await);
    };
    let spawned = spawn_blocking("file dialog", move || block_on(answered));
    match spawned {
        Ok(()) => asked,
        Err(error) => {
            let _ = failure.send(FileAnswer::Failed(FileError::Thread(error)));
            failed
        }
    }
}
