//! The program: the window, or a command.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    use great_lab::headless;

    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match headless::parse(std::env::args_os()) {
        Ok(headless::CommandLine { command: Some(command), .. }) => headless::run(command),
        Ok(headless::CommandLine { command: None, window: options }) => window(&options),
        Err(status) => status,
    }
}

/// Opens the window, where there is a display to open it on.
#[cfg(not(target_arch = "wasm32"))]
fn window(options: &great_lab::headless::WindowOptions) -> std::process::ExitCode {
    use great_lab::headless::{complain, error::HeadlessError};

    let config = match options.options.config(None) {
        Ok(config) => config,
        Err(error) => return complain(&error),
    };
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if cfg!(target_os = "linux") && !has_display {
        return complain(&HeadlessError::NoDisplay);
    }
    let _ = config;
    std::process::ExitCode::SUCCESS
}

#[cfg(target_arch = "wasm32")]
fn main() {}
