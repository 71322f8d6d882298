//! All that differs between a native program and a page: threads, breathing, files.

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
