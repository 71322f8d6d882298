//! The program: the window, a command, or the page.

#![warn(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "both panic where the reader is gone; see headless::print"
)]

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    use great_lab::headless;

    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        // Where standard error is gone, complaining on it would be a panic.
        .log_internal_errors(false)
        .init();
    tell_panics_once();
    match headless::parse(std::env::args_os()) {
        Ok(headless::CommandLine { command: Some(command), .. }) => headless::run(command, window),
        Ok(headless::CommandLine { command: None, window: options }) => window(&options, Vec::new()),
        Err(status) => status,
    }
}

/// How long a closed window waits for its trainer.
#[cfg(not(target_arch = "wasm32"))]
const CLOSING: web_time::Duration = web_time::Duration::from_secs(5);

/// The window's icon.
#[cfg(not(target_arch = "wasm32"))]
const ICON: &[u8] = include_bytes!("../assets/icon.png");

/// Leaves the panics of the trainer and of the GPU's own threads to the log: the trainer catches them and tells what
/// failed, and what to do, as an event.
#[cfg(not(target_arch = "wasm32"))]
fn tell_panics_once() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        match thread.name() {
            Some(name) if name == "trainer" || name.starts_with("DSD-") => tracing::debug!("{name}: {panic}"),
            _ => default(panic),
        }
    }));
}

/// Opens the window, where there is a display to open it on, with the charts of the runs at these paths. It shares its
/// device with the trainer.
#[cfg(not(target_arch = "wasm32"))]
fn window(
    options: &great_lab::headless::WindowOptions,
    open: Vec<std::path::PathBuf>,
) -> std::process::ExitCode {
    use great_lab::{
        app::{Lab, Options},
        headless::{complain, error::HeadlessError, has_display, options::open_device},
        protocol::{Delivery, end},
        train::spawn,
    };

    let linked = match options.options.linked(None) {
        Ok(linked) => linked,
        Err(error) => return complain(&error),
    };
    let config = linked.config;
    if !has_display() {
        return complain(&HeadlessError::NoDisplay);
    }
    let prepared = open_device(&options.options.device).and_then(|opened| {
        let remote = spawn(config.clone(), &opened, Delivery::Latest)
            .map_err(|error| HeadlessError::System(error.to_string()))?;
        Ok((opened, remote))
    });
    let (opened, remote) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return complain(&error),
    };
    let commands = remote.commands.clone();
    let lab = Options {
        run_at_once: options.run || linked.run,
        exit_after: options.exit_after(),
        runs: options.runs(),
        room: Some(options.keeping.bytes()),
        open,
        device: Some(options.options.device.clone()),
        remembers: true,
        tour: linked.tour,
        ..Options::default()
    };
    let ended = eframe::run_native(
        "GREAT Lab",
        native_options(opened.setup),
        Box::new(move |context| {
            let mut lab = Lab::new(&context.egui_ctx, remote, config, lab);
            lab.refuse(linked.refused);
            Ok(Box::new(lab))
        }),
    );
    end(&commands, CLOSING);
    match ended {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => complain(&HeadlessError::Window(error.to_string())),
    }
}

/// A window on the trainer's device; on a device of its own where the trainer computes on the CPU.
#[cfg(not(target_arch = "wasm32"))]
fn native_options(trainer: Option<burn::tensor::wgpu::WgpuSetup>) -> eframe::NativeOptions {
    use egui_wgpu::{WgpuConfiguration, WgpuSetup, WgpuSetupExisting};

    let mut wgpu_options = WgpuConfiguration::default();
    if let Some(shared) = trainer {
        let burn::tensor::wgpu::WgpuSetup { instance, adapter, device, queue, .. } = shared;
        wgpu_options.wgpu_setup = WgpuSetup::Existing(WgpuSetupExisting { instance, adapter, device, queue });
    }
    let viewport = egui::ViewportBuilder::default()
        .with_title("GREAT Lab")
        .with_app_id("great-lab")
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([640.0, 400.0])
        .with_clamp_size_to_monitor_size(true)
        .with_icon(eframe::icon_data::from_png_bytes(ICON).unwrap_or_default())
        .with_drag_and_drop(true);
    eframe::NativeOptions { viewport, wgpu_options, ..Default::default() }
}

#[cfg(target_arch = "wasm32")]
#[path = "main/page.rs"]
mod page;

#[cfg(target_arch = "wasm32")]
fn main() {
    page::start();
}
