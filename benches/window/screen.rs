//! What a screen does for a window, with a picture in its place.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use burn::tensor::wgpu::WgpuSetup;
use egui::{Context, Event, Key, Modifiers, Pos2, RawInput, Rect, Ui, Vec2};
use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use web_time::{Duration, Instant};
use wgpu::{
    CommandEncoderDescriptor, Operations, PollType, RenderPassColorAttachment, RenderPassDescriptor,
    TextureDescriptor, TextureDimension, TextureFormat, TextureUsages, TextureView, TextureViewDescriptor,
};

const FORMAT: TextureFormat = TextureFormat::Bgra8Unorm;
/// Frames that may be under way: those of a swap chain.
const UNDER_WAY: u64 = 3;
/// After how long a frame is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A picture that a window is drawn into.
pub struct Screen {
    shared: WgpuSetup,
    renderer: Renderer,
    view: TextureView,
    size: [u32; 2],
    context: Context,
    opened: Instant,
    drawn: u64,
    shown: Arc<AtomicU64>,
    thought: Duration,
}

impl Screen {
    /// One of so many pixels on this device.
    pub fn new(shared: WgpuSetup, size: [u32; 2]) -> Self {
        let renderer = Renderer::new(&shared.device, FORMAT, RendererOptions::default());
        let texture = shared.device.create_texture(&TextureDescriptor {
            label: None,
            size: wgpu::Extent3d { width: size[0], height: size[1], depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: TextureDimension::D2,
            format: FORMAT,
            usage: TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        Self {
            shared,
            renderer,
            view: texture.create_view(&TextureViewDescriptor::default()),
            size,
            context: Context::default(),
            opened: Instant::now(),
            drawn: 0,
            shown: Arc::default(),
            thought: Duration::ZERO,
        }
    }

    /// What the window is made for.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Frames that the device has drawn to their end.
    pub fn shown(&self) -> u64 {
        self.shown.load(Ordering::Relaxed)
    }

    /// How long the last frame took to be laid out and tessellated: all that a device has no part in.
    pub fn thought(&self) -> Duration {
        self.thought
    }

    /// What somebody did since the last frame: pressed these keys.
    fn input(&self, keys: &[Key]) -> RawInput {
        let size = self.size.map(|pixels| pixels as f32);
        let pressed = |key: &Key| Event::Key {
            key: *key,
            physical_key: None,
            pressed: true,
            repeat: false,
            modifiers: Modifiers::default(),
        };
        RawInput {
            events: keys.iter().map(pressed).collect(),
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, Vec2::from(size))),
            time: Some(self.opened.elapsed().as_secs_f64()),
            ..RawInput::default()
        }
    }

    /// Draws a frame, once there are few enough under way.
    ///
    /// # Errors
    /// Where none of those under way is done after ten seconds.
    pub fn draw(&mut self, ui: impl FnMut(&mut Ui)) -> Result<(), String> {
        self.draw_after(&[], ui)
    }

    /// The same after somebody has pressed these keys.
    ///
    /// # Errors
    /// As [`Self::draw`].
    pub fn draw_after(&mut self, keys: &[Key], ui: impl FnMut(&mut Ui)) -> Result<(), String> {
        let begin = Instant::now();
        while self.drawn - self.shown() >= UNDER_WAY {
            self.shared.device.poll(PollType::Poll).map_err(|error| error.to_string())?;
            if begin.elapsed() > PATIENCE {
                return Err(format!("frame {} is not done after {PATIENCE:?}", self.shown()));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        let WgpuSetup { device, queue, .. } = &self.shared;
        let begin = Instant::now();
        let input = self.input(keys);
        let output = self.context.run_ui(input, ui);
        self.thought = begin.elapsed();
        for (id, images) in &output.textures_delta.set {
            for image in images {
                self.renderer.update_texture(device, queue, *id, image);
            }
        }
        let begin = Instant::now();
        let jobs = self.context.tessellate(output.shapes, output.pixels_per_point);
        self.thought += begin.elapsed();
        let screen =
            ScreenDescriptor { size_in_pixels: self.size, pixels_per_point: output.pixels_per_point };
        let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor::default());
        let mut commands = self.renderer.update_buffers(device, queue, &mut encoder, &jobs, &screen);
        let attachment = RenderPassColorAttachment {
            view: &self.view,
            resolve_target: None,
            ops: Operations::default(),
            depth_slice: None,
        };
        let mut pass = encoder
            .begin_render_pass(&RenderPassDescriptor {
                color_attachments: &[Some(attachment)],
                ..RenderPassDescriptor::default()
            })
            .forget_lifetime();
        self.renderer.render(&mut pass, &jobs, &screen);
        drop(pass);
        commands.push(encoder.finish());
        queue.submit(commands);
        let shown = self.shown.clone();
        queue.on_submitted_work_done(move || {
            shown.fetch_add(1, Ordering::Relaxed);
        });
        self.drawn += 1;
        for id in &output.textures_delta.free {
            self.renderer.free_texture(id);
        }
        Ok(())
    }
}
