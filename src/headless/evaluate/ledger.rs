//! Keeps the account of an evaluation: what each attack did to each batch, the examples and the pictures that come of it,
//! and the file from which it can be gone on with.

use std::path::PathBuf;

use burn::tensor::{Tensor, TensorData};
use web_time::{Duration, Instant};

use crate::attack::Victim;
use crate::attack::audit::Subject;
use crate::attack::evaluation::{Attacked, Outcomes};
use crate::config::{TargetKind, Threat};
use crate::data::Dataset;
use crate::gpu::images::DeviceImages;
use crate::gpu::read;
use crate::protocol::{Robustness, Share};

use super::examples::Examples;
use super::kept::{Kept, Unit};
use super::report::Gallery;
use crate::runs::rescue::write_anew;

/// Time between two writes of the file, and at least as many times as long as one takes.
const BETWEEN_WRITES: Duration = Duration::from_secs(30);
const TIMES_A_WRITE: u32 = 20;

/// Who is attacked, on what.
pub struct Outfit<'a> {
    /// The network.
    pub subject: &'a Subject,
    /// Whose held-out images are attacked.
    pub data: &'a Dataset,
    /// They, on the device.
    pub held_out: &'a DeviceImages,
    /// Which of them, in order.
    pub indices: &'a [u32],
}

/// The account of an evaluation.
pub struct Ledger {
    /// What each attack did to each batch.
    pub kept: Kept,
    /// Threat by threat, of the batches that all threats have attacked, where they are wanted.
    pub examples: Vec<Examples>,
    /// Predictions and pictures, of the same batches.
    pub gallery: Gallery,
    /// Batches that are in both.
    shown: usize,
    file: Option<PathBuf>,
    last_write: Option<Instant>,
    took: Duration,
    is_remade_said: bool,
}

impl Ledger {
    /// One that begins with what is `kept`, which [`Self::catch_up`] shows. The pictures are of the radius nearest to
    /// `epsilon`; examples are wanted or not; `file` is where all is kept meanwhile.
    pub fn new(kept: Kept, threats: &[Threat], epsilon: f64, examples: bool, file: Option<PathBuf>) -> Self {
        let (shape, classes) = (kept.layout.shape, kept.layout.classes);
        let wanted = if examples { threats } else { &[] };
        Self {
            examples: wanted.iter().map(|threat| Examples::new(*threat, shape, classes)).collect(),
            gallery: Gallery::new(threats, epsilon, classes),
            kept,
            shown: 0,
            file,
            last_write: None,
            took: Duration::ZERO,
            is_remade_said: false,
        }
    }

    /// How many images all threats have attacked.
    pub fn images(&self) -> usize {
        let batches = self.kept.units.len() / self.kept.key.threats.len().max(1);
        (batches * self.kept.layout.at_once).min(self.kept.layout.images)
    }

    /// Takes note of a batch under an attack.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn take(&mut self, attacked: Attacked, outfit: &Outfit<'_>) -> Result<(), String> {
        let outcome = attacked.outcome().await?;
        let images = attacked.indices.len();
        let wanted = if self.examples.is_empty() { self.gallery.wants(attacked.threat) } else { images };
        let pixels = match wanted.min(images) {
            0 => Vec::new(),
            wanted => read(attacked.adversarial.narrow(0, 0, wanted)).await?,
        };
        self.kept.units.push(Unit { outcome, pixels });
        self.catch_up(outfit).await
    }

    /// Adds to examples and pictures what is known of batches that all threats have attacked.
    ///
    /// # Errors
    /// Where the device failed.
    pub async fn catch_up(&mut self, outfit: &Outfit<'_>) -> Result<(), String> {
        let threats = self.kept.key.threats.len();
        let victim = Victim::new(&outfit.subject.network, &outfit.subject.weights);
        while (self.shown + 1) * threats <= self.kept.units.len() {
            let units = &self.kept.units[self.shown * threats..][..threats];
            let at_once = self.kept.layout.at_once;
            let indices = outfit.indices.chunks(at_once).nth(self.shown).unwrap_or_default();
            for (number, Unit { outcome, pixels }) in units.iter().enumerate() {
                let threat = (number, indices);
                self.gallery.add(&victim, outfit.held_out, threat, (&outcome.said, pixels)).await?;
                if let Some(examples) = self.examples.get_mut(number) {
                    let [channels, height, width] = self.kept.layout.shape;
                    let shape = [indices.len(), channels, height, width];
                    let device = outfit.held_out.device();
                    let adversarial = Tensor::from_data(TensorData::new(pixels.clone(), shape), device);
                    examples.add(&victim, (&outfit.data.test, outfit.held_out), indices, adversarial).await?;
                }
            }
            self.shown += 1;
        }
        Ok(())
    }

    /// Adds to the figures of whole batches those of the threats that have attacked one more.
    pub fn add_begun(&self, threats: &[Threat], figures: &mut Robustness) {
        for (threat, unit) in threats.iter().zip(&self.kept.units[self.shown * threats.len()..]) {
            let curves = figures.curves.iter_mut();
            let own = curves.filter(|curve| (curve.attack, curve.target) == (threat.attack, threat.target));
            let mut points = own.flat_map(|curve| &mut curve.points);
            let Some(point) = points.find(|point| point.epsilon == threat.epsilon) else { continue };
            add(&mut point.robust, &unit.outcome.right);
            if threat.attack.is_targetable() && threat.target != TargetKind::Untargeted {
                add(&mut point.fooled, &unit.outcome.fooled);
            }
        }
    }

    /// Takes note of what the audit's attacks have found, and writes it sometimes. What somebody should know of that.
    pub fn take_audit(&mut self, audited: Option<&Outcomes>) -> Option<String> {
        let known = self.kept.audit.as_ref().map_or(0, |audit| audit.all.len());
        let audited = audited.filter(|audited| audited.all.len() > known)?;
        self.kept.audit = Some(audited.clone());
        self.save_sometimes()
    }

    /// Writes the file, where that is the first time or was long ago. What somebody should know of it.
    pub fn save_sometimes(&mut self) -> Option<String> {
        let between = BETWEEN_WRITES.max(self.took * TIMES_A_WRITE);
        if self.last_write.is_some_and(|last| last.elapsed() < between) { None } else { self.save() }
    }

    /// Writes the file. What somebody should know of it.
    pub fn save(&mut self) -> Option<String> {
        let path = self.file.as_ref()?;
        let begin = Instant::now();
        let written = self.kept.bytes().map_err(|error| error.to_string());
        let written = written.and_then(|bytes| write_anew(path, &bytes).map_err(|error| error.to_string()));
        (self.last_write, self.took) = (Some(begin), begin.elapsed());
        match written {
            Ok(true) if !std::mem::replace(&mut self.is_remade_said, true) => {
                Some(format!("the folder of {} was gone, and is there again", path.display()))
            }
            Ok(_) => None,
            Err(error) => Some(format!("warning: {error}; the attacks go on, and this is tried again")),
        }
    }
}

fn add(share: &mut Share, flags: &[bool]) {
    share.hits += flags.iter().filter(|flag| **flag).count() as u32;
    share.total += flags.len() as u32;
}
