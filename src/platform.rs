//! All that differs between a native program and a page: memory, threads, breathing, files.

/// Keeps what is freed for the next tensor. The C library's allocator gives megabytes back to the system at once, and
/// on the CPU backend a third of a step went into having them again, page by page.
#[cfg(not(target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs a future to its end on a thread of its own, named `name`.
///
/// # Errors
/// Where the operating system gives no thread.
#[cfg(not(target_arch = "wasm32"))]
pub fn spawn<F>(
    name: &str,
    make: impl FnOnce() -> F + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<()>>
where
    F: Future<Output = ()>,
{
    // The one place that blocks on a future: a thread that has nothing else to do.
    #[expect(clippy::disallowed_methods, reason = "this thread exists to wait for this future")]
    std::thread::Builder::new().name(name.into()).spawn(move || pollster::block_on(make()))
}

/// Lets others go on, if they need this thread: nothing natively, where the trainer has its own.
#[cfg(not(target_arch = "wasm32"))]
pub async fn breathe() {}

/// Memory that this process holds, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// At most, so far.
    pub peak: u64,
}

/// What this process holds, where the system tells it in a file: Linux.
pub fn memory() -> Option<Memory> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let bytes = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some(Memory { now: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

/// What came of asking someone for a file.
#[derive(Debug)]
pub enum FileAnswer {
    /// Saved under this name.
    Saved(String),
    /// Opened: the name, and what is in it.
    Opened(String, Vec<u8>),
    /// A folder was chosen.
    Folder(String),
    /// No file was chosen, or this desktop has no file dialog.
    Nothing,
    /// Reading or writing failed.
    Failed(FileError),
}

/// Why a file that someone chose could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not written.
    #[error("cannot save {name}: {source}; choose a folder that you may write to")]
    Write {
        /// Which file.
        name: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// Not read.
    #[error("cannot read {name}: {reason}")]
    Read {
        /// Which file.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// The system gave no thread to ask on.
    #[error("cannot open a file dialog: {0}")]
    Thread(std::io::Error),
}

/// An answer on its way; poll it once a frame with `try_recv`.
pub type Asked = tokio::sync::oneshot::Receiver<FileAnswer>;

/// Asks where to save `bytes`, proposing `name`, and saves them. Never blocks; the dialog has its own thread.
#[cfg(not(target_arch = "wasm32"))]
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
#[cfg(not(target_arch = "wasm32"))]
pub fn open_bytes(kind: &str, extensions: &[&str]) -> Asked {
    let dialog = rfd::AsyncFileDialog::new().add_filter(kind, extensions).pick_file();
    ask(async move {
        match dialog.await {
            Some(file) => read_path(file.path()),
            None => FileAnswer::Nothing,
        }
    })
}

/// Asks for a folder. Never blocks.
#[cfg(not(target_arch = "wasm32"))]
pub fn pick_folder() -> Asked {
    let dialog = rfd::AsyncFileDialog::new().pick_folder();
    ask(async move {
        dialog
            .await
            .map_or(FileAnswer::Nothing, |folder| FileAnswer::Folder(folder.path().display().to_string()))
    })
}

/// Takes what was dropped onto the window: a folder as it is, a file with what is in it. Never blocks.
#[cfg(not(target_arch = "wasm32"))]
pub fn open_dropped(path: std::path::PathBuf) -> Asked {
    ask(async move {
        if path.is_dir() { FileAnswer::Folder(path.display().to_string()) } else { read_path(&path) }
    })
}

#[cfg(not(target_arch = "wasm32"))]
fn read_path(path: &std::path::Path) -> FileAnswer {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    match std::fs::read(path) {
        Ok(bytes) => FileAnswer::Opened(name, bytes),
        Err(error) => FileAnswer::Failed(FileError::Read { name, reason: error.to_string() }),
    }
}

/// Awaits an answer on a thread of its own.
#[cfg(not(target_arch = "wasm32"))]
fn ask(answer: impl Future<Output = FileAnswer> + Send + 'static) -> Asked {
    let (sender, asked) = tokio::sync::oneshot::channel();
    let (failure, failed) = tokio::sync::oneshot::channel();
    let spawned = spawn("file dialog", move || async move {
        // A window that closed meanwhile has no use for the answer.
        let _ = sender.send(answer.await);
    });
    match spawned {
        Ok(_detached) => asked,
        Err(error) => {
            let _ = failure.send(FileAnswer::Failed(FileError::Thread(error)));
            failed
        }
    }
}
