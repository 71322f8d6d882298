//! `great-lab inspect`: what a network consists of, and what it says of held-out images, with its gradient tensors for
//! anybody's check.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use burn::tensor::Device;
use ndarray::{Array1, Array2, Array4, ShapeError};
use ndarray_npy::NpzWriter;
use web_time::{Duration, Instant};

use crate::attack::audit::Subject;
use crate::config::Stream;
use crate::data::{Dataset, proportional_subset};
use crate::gpu::read;
use crate::headless::error::HeadlessError;
use crate::headless::evaluate::report::Description;
use crate::headless::evaluate::{Examined, Opened, ScalingFlags};
use crate::headless::options::open_device;
use crate::headless::print::{print, say};
use crate::nn::Network;
use crate::platform;
use crate::protocol::likeliest;
use crate::runs::write::{try_out, write_whole};
use crate::scenario::upload;
use crate::show::number::{count, figure, percent};

/// Images whose gradient tensors are computed at once.
const AT_ONCE: usize = 64;
/// Weights that are listed, at most.
const LISTED: usize = 400;

/// The flags of `great-lab inspect`.
#[derive(clap::Args, Debug)]
pub struct InspectOptions {
    /// An ONNX file of your own, a checkpoint.safetensors, or the run folder that holds one
    #[arg(value_name = "ONNX|CHECKPOINT")]
    pub network: PathBuf,
    /// Data whose held-out images it is asked for [default: none, or what the lab trained it on where --out is given]
    #[arg(long, value_name = "NAME|DIR")]
    pub data: Option<String>,
    /// How many of them, drawn so that each class is as frequent as among all
    #[arg(long, value_name = "N", default_value_t = 256, allow_hyphen_values = true,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub samples: u32,
    /// Write images, labels, logits and gradients (of each image's cross-entropy with respect to its pixels in [0, 1]), for
    /// NumPy
    #[arg(long, value_name = "FILE.npz")]
    pub out: Option<PathBuf>,
    /// How an ONNX file's network sees images
    #[command(flatten)]
    pub scaling: ScalingFlags,
    /// Where to compute: auto (a real GPU, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, value_name = "auto|gpu|cpu|NAME", default_value = "auto")]
    pub device: String,
}

/// What a network says of images.
struct Seen {
    /// `N × C × H × W`, in [0, 1].
    images: Vec<f32>,
    labels: Vec<i64>,
    /// `N × K`.
    logits: Vec<f32>,
    /// `N × C × H × W`.
    gradients: Vec<f32>,
    /// What logits and gradient of an image took, in milliseconds, where there was more than one batch: the first is left out.
    cost: Option<f64>,
}

/// Prints what a network consists of and, where there are data, how many it gets right and how large its gradients are.
///
/// # Errors
/// [`HeadlessError`]: a file that is no network, data that do not fit, a device that fails, a file that cannot be written.
pub fn inspect(options: &InspectOptions) -> Result<(), HeadlessError> {
    if let Some(out) = &options.out {
        try_out(out)?;
    }
    let looks = options.data.is_some() || options.out.is_some();
    if !looks {
        let examined = Examined::open(&options.network, &options.scaling)?;
        let Description { title, lines, .. } = examined.describe(None);
        return print(&described(&title, &lines, &examined.network()));
    }
    let opened = Opened::open(&options.network, options.data.as_deref(), &options.scaling)?;
    let Description { title, lines, .. } = opened.examined.describe(Some(&opened.data));
    print(&described(&title, &lines, &opened.examined.network()))?;
    let indices =
        proportional_subset(&opened.data.test.labels, options.samples as usize, Stream::Sample.number());
    let device = open_device(&options.device)?;
    device.info.notice.iter().for_each(|notice| say(notice));
    let subject = opened.examined.subject(&device.device);
    let (shape, classes, name) = (opened.data.shape, opened.data.classes.len(), opened.data.name.clone());
    let seen = on_thread(subject, opened.data, indices, device.device)?;
    print(&said(&seen, classes, &name))?;
    if let Some(out) = &options.out {
        write_whole(
            out,
            &packed(seen, shape, classes).map_err(|problem| HeadlessError::System(problem.to_string()))?,
        )?;
        print(&format!("{}: images, labels, logits, gradients\n", out.display()))?;
    }
    Ok(())
}

/// What it is, what goes in and comes out, and its weights.
fn described(title: &str, lines: &[String], network: &Network) -> String {
    let [channels, height, width] = network.interface.image;
    let mut text = format!("{title}\n");
    text += &format!(
        "  images [N, {channels}, {height}, {width}] to logits [N, {}]\n",
        network.interface.classes
    );
    lines.iter().for_each(|line| text += &format!("  {line}\n"));
    for spec in network.specs.iter().take(LISTED) {
        text += &format!("    {} {:?}\n", spec.name, spec.shape);
    }
    if network.specs.len() > LISTED {
        text += &format!("    … and {} more\n", count((network.specs.len() - LISTED) as u64));
    }
    text
}

/// Asks on a thread that may wait for the device.
fn on_thread(
    subject: Subject,
    data: Dataset,
    indices: Vec<u32>,
    device: Device,
) -> Result<Seen, HeadlessError> {
    let (sender, receiver) = sync_channel(1);
    let thread = platform::spawn("inspection", move || async move {
        let seen = ask(&subject, &data, &indices, &device).await;
        // Without a receiver the command is over already.
        let _ = sender.send(seen);
    });
    thread.map_err(|error| HeadlessError::System(error.to_string()))?;
    receiver.recv().map_err(|_| HeadlessError::Gone)?.map_err(HeadlessError::System)
}

async fn ask(subject: &Subject, data: &Dataset, indices: &[u32], device: &Device) -> Result<Seen, String> {
    let held_out = upload(&data.test, data, device);
    let mut seen = Seen {
        images: Vec::new(),
        labels: Vec::new(),
        logits: Vec::new(),
        gradients: Vec::new(),
        cost: None,
    };
    let mut time = Duration::ZERO;
    for (at, indices) in indices.chunks(AT_ONCE).enumerate() {
        let begin = Instant::now();
        let batch = held_out.gather(indices);
        let (network, weights) = (&subject.network, &subject.weights);
        let (gradient, logits) = network.input_gradient(weights, batch.images.clone(), batch.one_hot);
        seen.logits.extend(read(logits).await?);
        seen.gradients.extend(read(gradient).await?);
        time += if at > 0 { begin.elapsed() } else { Duration::ZERO };
        seen.images.extend(read(batch.images).await?);
        seen.labels.extend(indices.iter().map(|index| i64::from(data.test.labels[*index as usize])));
    }
    let timed = indices.len().saturating_sub(AT_ONCE);
    seen.cost = (timed > 0).then(|| 1000.0 * time.as_secs_f64() / timed as f64);
    Ok(seen)
}

/// How many are right, and how large the gradients are.
fn said(seen: &Seen, classes: usize, data: &str) -> String {
    let count_of = seen.labels.len().max(1);
    let right = seen.logits.chunks_exact(classes).zip(&seen.labels);
    let right = right.filter(|(logits, label)| likeliest(logits) as i64 == **label).count();
    let each = seen.gradients.len() / count_of;
    let norm = |gradient: &[f32]| gradient.iter().map(|entry| f64::from(*entry).powi(2)).sum::<f64>().sqrt();
    let mut norms: Vec<f64> = seen.gradients.chunks_exact(each.max(1)).map(norm).collect();
    let zeros = norms.iter().filter(|norm| **norm == 0.0).count();
    norms.sort_by(f64::total_cmp);
    let at = |share: f64| {
        norms.get(((norms.len() - 1) as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    };
    let cost = seen.cost.map_or(String::new(), |cost| {
        format!("  logits and gradient: {} ms an image, {AT_ONCE} at once\n", figure(cost))
    });
    cost + &format!(
        "  of {} held-out images of {data}: {} right; ‖∇x J‖₂ {} (median; a tenth below {}, a tenth above {}), exactly 0 of {zeros}\n",
        count(seen.labels.len() as u64),
        percent(right as f64 / count_of as f64),
        figure(at(0.5)),
        figure(at(0.1)),
        figure(at(0.9)),
    )
}

/// Why an archive could not be made.
#[derive(Debug, thiserror::Error)]
enum PackError {
    #[error("the device answered with another number of entries than asked for: {0}")]
    Size(#[from] ShapeError),
    #[error("cannot pack what was found: {0}")]
    Packing(#[from] ndarray_npy::WriteNpzError),
}

fn packed(seen: Seen, [c, h, w]: [usize; 3], classes: usize) -> Result<Vec<u8>, PackError> {
    let n = seen.labels.len();
    let mut archive = NpzWriter::new(Cursor::new(Vec::new()));
    archive.add_array("images", &Array4::from_shape_vec([n, c, h, w], seen.images)?)?;
    archive.add_array("labels", &Array1::from_vec(seen.labels))?;
    archive.add_array("logits", &Array2::from_shape_vec([n, classes], seen.logits)?)?;
    archive.add_array("gradients", &Array4::from_shape_vec([n, c, h, w], seen.gradients)?)?;
    Ok(archive.finish()?.into_inner())
}
