//! `great-lab predict`: what a trained network says of pictures of somebody's own, and how little would change that.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use burn::tensor::Device;
use serde::Serialize;

use crate::attack::Pace;
use crate::data::Picture;
use crate::headless::error::HeadlessError;
use crate::headless::evaluate::{Examined, ScalingFlags};
use crate::headless::options::open_device;
use crate::headless::print::{print, say};
use crate::nn::{Network, Weights};
use crate::platform;
use crate::show::number::{percent, short};
use crate::train::predict as predict_one;

/// Classes that are told to people.
const TOLD: usize = 3;

/// The flags of `great-lab predict`.
#[derive(clap::Args, Debug)]
pub struct PredictOptions {
    /// A checkpoint.safetensors, the run folder that holds one, or an ONNX file of your own
    #[arg(value_name = "CHECKPOINT|ONNX")]
    pub checkpoint: PathBuf,
    /// Pictures: PNG, JPEG, WebP, BMP, GIF; their middle is scaled to what the network reads
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<PathBuf>,
    /// Print JSON, for programs: every class with its probability, and the gradient tensor entry by entry
    #[arg(long)]
    pub json: bool,
    /// Leave out the smallest change that fools the network, which takes most of the time
    #[arg(long)]
    pub no_attack: bool,
    /// How an ONNX file's network sees images
    #[command(flatten)]
    pub scaling: ScalingFlags,
    /// Where to compute: auto (a real GPU, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, value_name = "auto|gpu|cpu|NAME", default_value = "auto")]
    pub device: String,
}

/// What is said of a picture.
#[derive(Clone, Debug, Serialize)]
struct Said {
    file: String,
    /// What was done to it before the network saw it.
    changes: Vec<String>,
    /// The likeliest first.
    classes: Vec<Likely>,
    gradient: Gradient,
    /// The smallest L∞ change found after which the network says something else; absent where none was found or looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fooled: Option<Fooled>,
    /// Whether such a change was looked for.
    #[serde(skip)]
    is_attacked: bool,
}

#[derive(Clone, Debug, Serialize)]
struct Likely {
    class: String,
    probability: f32,
}

/// The gradient tensor of the cross-entropy of the class that the network says.
#[derive(Clone, Debug, Serialize)]
struct Gradient {
    /// `[C, H, W]`.
    shape: [usize; 3],
    /// Euclidean norm.
    norm: f64,
    /// Entries that are exactly 0.
    zeros: usize,
    /// Row by row, a channel after the other.
    values: Vec<f32>,
}

#[derive(Clone, Debug, Serialize)]
struct Fooled {
    epsilon: f64,
    class: String,
}

/// Says of each picture what the network takes it for, how large its gradient tensor is, and the smallest change that fools it.
///
/// # Errors
/// [`HeadlessError`]: a file that is no checkpoint or no picture, a device that fails. All pictures are read before anything is
/// computed.
pub fn predict(options: &PredictOptions) -> Result<(), HeadlessError> {
    let examined = Examined::open(&options.checkpoint, &options.scaling)?;
    let shape = examined.network().interface.image;
    let pictures = options.images.iter().map(|path| Ok((path.clone(), open(path, shape)?)));
    let pictures = pictures.collect::<Result<Vec<_>, HeadlessError>>()?;
    let opened = open_device(&options.device)?;
    opened.info.notice.iter().for_each(|notice| say(notice));
    let (sender, receiver) = sync_channel(1);
    let (device, attacks) = (opened.device, !options.no_attack);
    let thread = platform::spawn("predictions", move || async move {
        let network = Subject::of(&examined, &device);
        for (path, picture) in pictures {
            let said = network.says(&path, &picture, attacks).await;
            // Without a receiver the command is over already.
            if sender.send(said).is_err() {
                break;
            }
        }
    });
    thread.map_err(|error| HeadlessError::System(error.to_string()))?;
    let mut all = Vec::new();
    for _ in &options.images {
        let said = receiver.recv().map_err(|_| HeadlessError::Gone)?.map_err(HeadlessError::System)?;
        if options.json {
            all.push(said);
        } else {
            print(&text(&said))?;
        }
    }
    if options.json {
        let json = serde_json::to_string_pretty(&all).expect("plain data always becomes JSON");
        print(&format!("{json}\n"))?;
    }
    Ok(())
}

/// A picture from a file.
fn open(path: &Path, shape: [usize; 3]) -> Result<Picture, HeadlessError> {
    let unreadable = |source| HeadlessError::Unreadable { path: path.into(), source };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    Picture::read(&bytes, shape).map_err(|error| HeadlessError::Malformed {
        path: path.into(),
        expected: "a picture for this network",
        problem: error.to_string(),
    })
}

/// A network that is asked.
struct Subject {
    network: Network,
    weights: Weights,
    draws: usize,
    classes: Vec<String>,
    device: Device,
}

impl Subject {
    fn of(examined: &Examined, device: &Device) -> Self {
        let subject = examined.subject(device);
        Self {
            network: subject.network,
            weights: subject.weights,
            draws: examined.config().setup.eot(),
            classes: examined.classes(),
            device: device.clone().without_autodiff(),
        }
    }

    async fn says(&self, path: &Path, picture: &Picture, attacks: bool) -> Result<Said, String> {
        let asked = (&self.network, &self.weights);
        let unhurried = Pace::default();
        let pace = attacks.then_some(&unhurried);
        let (sample, found) = predict_one(asked, self.draws, picture, (&self.device, pace)).await?;
        let probabilities = &sample.clean_probabilities;
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        let name = |class: usize| self.classes.get(class).cloned().unwrap_or_else(|| class.to_string());
        let values = sample.gradient;
        Ok(Said {
            file: path.display().to_string(),
            changes: picture.changes.clone(),
            classes: order
                .iter()
                .map(|class| Likely { class: name(*class), probability: probabilities[*class] })
                .collect(),
            gradient: Gradient {
                shape: picture.shape,
                norm: values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt(),
                zeros: values.iter().filter(|value| **value == 0.0).count(),
                values,
            },
            fooled: found.map(|found| Fooled { epsilon: found.epsilon, class: name(found.said) }),
            is_attacked: attacks,
        })
    }
}

/// What people read.
fn text(said: &Said) -> String {
    let classes: Vec<String> = said
        .classes
        .iter()
        .take(TOLD)
        .map(|likely| format!("{} {}", likely.class, percent(likely.probability.into())))
        .collect();
    let mut text = format!("{}: {}\n", said.file, classes.join(", "));
    // Writing to a String cannot fail.
    if !said.changes.is_empty() {
        let _ = writeln!(text, "    {}", said.changes.join("; "));
    }
    let Gradient { norm, zeros, values, .. } = &said.gradient;
    let zeros =
        if *zeros > 0 { format!(", {zeros} of {} entries exactly 0", values.len()) } else { String::new() };
    let _ = writeln!(text, "    gradient tensor of its own class: norm {}{zeros}", short(*norm));
    if said.is_attacked && said.fooled.is_none() {
        text += "    no change was found that fools it\n";
    }
    if let Some(Fooled { epsilon, class }) = &said.fooled {
        let levels = short(255.0 * epsilon);
        let _ = writeln!(
            text,
            "    smallest change found: ε = {} ({levels}/255) makes it {class}",
            short(*epsilon)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_reads_as_a_few_lines() {
        let likely = |class: &str, probability| Likely { class: class.into(), probability };
        let gradient = Gradient { shape: [1, 1, 2], norm: 0.25, zeros: 1, values: vec![0.25, 0.0] };
        let said = Said {
            file: "shoe.jpg".into(),
            changes: vec!["40 × 20 pixels became 28 × 28".into(), "its colours became grey".into()],
            classes: vec![
                likely("Sneaker", 0.9),
                likely("Sandal", 0.06),
                likely("Boot", 0.03),
                likely("Bag", 0.01),
            ],
            gradient,
            fooled: Some(Fooled { epsilon: 0.02, class: "Sandal".into() }),
            is_attacked: true,
        };
        let lines: Vec<_> = text(&said).lines().map(str::trim).map(String::from).collect();
        assert_eq!(lines[0], "shoe.jpg: Sneaker 90.0 %, Sandal 6.0 %, Boot 3.0 %");
        assert_eq!(lines[1], "40 × 20 pixels became 28 × 28; its colours became grey");
        assert!(lines[2].contains("norm 0.25, 1 of 2 entries exactly 0"), "{lines:?}");
        assert!(lines[3].contains("ε = 0.02 (5.1/255) makes it Sandal"), "{lines:?}");
        assert!(
            text(&Said { fooled: None, ..said.clone() }).ends_with("no change was found that fools it\n")
        );
        assert!(!text(&Said { fooled: None, is_attacked: false, ..said }).contains("change was"));
    }
}
