//! What an evaluation under way has found so far, kept beside its results, so that the same command can go on with it
//! after an interruption. A safetensors file: its header says of which evaluation it is, its tensors what each attack did
//! to each image, in the order in which they were made.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::attack::evaluation::{Outcome, Outcomes};

use super::key::{Key, checksum};

/// Number of the format.
const VERSION: u32 = 0;
/// Where the header stands in the file's metadata.
const METADATA: &str = "great-lab";
/// The tensors: a byte each of an image under a threat, how far it was moved, and adversarial pixels.
const RIGHT: &str = "right";
const FOOLED: &str = "fooled";
const SAID: &str = "said";
const DISTANCES: &str = "distances";
const PIXELS: &str = "pixels";

/// Why a file is none of an unfinished evaluation, or cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It is no such file, or was cut off.
    #[error("{0}")]
    Container(#[from] safetensors::SafeTensorError),
    /// Its header is none of ours.
    #[error("its header says nothing of an evaluation: {0}")]
    Header(String),
    /// A later program wrote it.
    #[error("it has format {0}, this program reads up to {VERSION}: use a newer version")]
    Version(u32),
    /// Its parts contradict each other.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
}

/// What is attacked, and in which parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Images in all.
    pub images: usize,
    /// Classes that they are of.
    pub classes: usize,
    /// `[C, H, W]` of an image.
    pub shape: [usize; 3],
    /// Images attacked at once.
    pub at_once: usize,
}

impl Layout {
    /// Images of a batch of so many at once, 0 of none.
    fn rows(&self, batch: usize, at_once: usize) -> usize {
        self.images.saturating_sub(batch.saturating_mul(at_once)).min(at_once)
    }
}

/// One batch under one threat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    /// What became of its images.
    pub outcome: Outcome,
    /// Adversarial pixels of its first images, as many as are needed.
    pub pixels: Vec<f32>,
}

/// What was found so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Which evaluation it is.
    pub key: Key,
    /// What is attacked.
    pub layout: Layout,
    /// What was found: of the first batch under each threat, then of the next.
    pub units: Vec<Unit>,
    /// What the attacks of the audit have found.
    pub audit: Option<Outcomes>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    key: Key,
    layout: Layout,
    /// Of each unit, the images whose pixels are kept.
    pictured: Vec<usize>,
    /// The audit's units follow those.
    #[serde(default)]
    audit: Option<AuditHeader>,
    /// Checksum of all tensors.
    checksum: u32,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct AuditHeader {
    at_once: usize,
    threats: usize,
    units: usize,
}

impl Kept {
    /// Its file's name in the folder of the results.
    pub const FILE: &'static str = "unfinished.safetensors";

    /// What the attacks have found.
    pub fn attacked(&self) -> Outcomes {
        let all = self.units.iter().map(|unit| unit.outcome.clone()).collect();
        Outcomes { at_once: self.layout.at_once, threats: self.key.threats.len(), all }
    }

    /// What is in a file, or none where there is no such file.
    ///
    /// # Errors
    /// What the system says, or [`KeptError`], as text.
    pub fn open(path: &Path) -> Result<Option<Self>, String> {
        match std::fs::read(path) {
            Ok(bytes) => Self::read(&bytes).map(Some).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// [`KeptError::Container`].
    pub fn bytes(&self) -> Result<Vec<u8>, KeptError> {
        let flags = |of: fn(&Outcome) -> &[bool]| -> Vec<u8> {
            self.outcomes().flat_map(of).map(|flag| u8::from(*flag)).collect()
        };
        let distances = self.outcomes().flat_map(|outcome| &outcome.distances);
        let distances = distances.flat_map(|number| number.to_le_bytes()).collect();
        let pixels = self.units.iter().flat_map(|unit| &unit.pixels);
        let pixels = pixels.flat_map(|number| number.to_le_bytes()).collect();
        let said = self.outcomes().flat_map(|outcome| &outcome.said).copied().collect();
        let parts = [
            (RIGHT, Dtype::U8, flags(|outcome| &outcome.right)),
            (FOOLED, Dtype::U8, flags(|outcome| &outcome.fooled)),
            (SAID, Dtype::U8, said),
            (DISTANCES, Dtype::F32, distances),
            (PIXELS, Dtype::F32, pixels),
        ];
        let area: usize = self.layout.shape.iter().product();
        let header = Header {
            version: VERSION,
            key: self.key.clone(),
            layout: self.layout,
            pictured: self.units.iter().map(|unit| unit.pixels.len() / area.max(1)).collect(),
            audit: self.audit.as_ref().map(|audit| AuditHeader {
                at_once: audit.at_once,
                threats: audit.threats,
                units: audit.all.len(),
            }),
            checksum: checksum(parts.iter().map(|(.., bytes)| &bytes[..])).sum(),
        };
        let views = parts.iter().map(|(name, dtype, bytes)| {
            let size = if *dtype == Dtype::F32 { size_of::<f32>() } else { 1 };
            Ok((*name, TensorView::new(*dtype, vec![bytes.len() / size], bytes)?))
        });
        let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let json = serde_json::to_string(&header).expect("plain data always becomes JSON");
        Ok(safetensors::serialize(views, Some(HashMap::from([(METADATA.to_owned(), json)])))?)
    }

    /// All outcomes, those of the audit last.
    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        let audit = self.audit.iter().flat_map(|audit| &audit.all);
        self.units.iter().map(|unit| &unit.outcome).chain(audit)
    }

    /// What is in the bytes of such a file, where it is whole and makes sense.
    ///
    /// # Errors
    /// [`KeptError`].
    pub fn read(bytes: &[u8]) -> Result<Self, KeptError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let json = metadata.metadata().as_ref().and_then(|entries| entries.get(METADATA));
        let json = json.ok_or_else(|| KeptError::Header("it is missing".into()))?;
        let header = header(json)?;
        let file = SafeTensors::deserialize(bytes)?;
        let part = |name, dtype| -> Result<&[u8], KeptError> {
            let tensor = file.tensor(name)?;
            if tensor.dtype() == dtype {
                Ok(tensor.data())
            } else {
                Err(KeptError::Damaged("a type is another"))
            }
        };
        let bytes = [part(RIGHT, Dtype::U8)?, part(FOOLED, Dtype::U8)?, part(SAID, Dtype::U8)?];
        let [distances, pixels] = [part(DISTANCES, Dtype::F32)?, part(PIXELS, Dtype::F32)?];
        if checksum(bytes.into_iter().chain([distances, pixels])).sum() != header.checksum {
            return Err(KeptError::Damaged("its checksum is another"));
        }
        let (distances, pixels) = (numbers(distances), numbers(pixels));
        let mut columns = Columns { bytes, numbers: [&distances, &pixels] };
        let Header { key, layout, pictured, audit, .. } = header;
        let (threats, area) = (key.threats.len(), layout.shape.iter().product::<usize>());
        let mut next = |batch: usize, at_once: usize, pictured: usize| {
            let rows = layout.rows(batch, at_once);
            if rows == 0 || pictured > rows {
                return Err(KeptError::Damaged("it holds more than there are images"));
            }
            columns.next(rows, pictured * area, layout.classes)
        };
        let units = pictured.iter().enumerate();
        let units = units.map(|(number, pictured)| next(number / threats, layout.at_once, *pictured));
        let units = units.collect::<Result<_, _>>()?;
        let audit = audit.map(|AuditHeader { at_once, threats, units }| {
            let all = (0..units).map(|number| Ok(next(number / threats.max(1), at_once, 0)?.outcome));
            Ok::<_, KeptError>(Outcomes { at_once, threats, all: all.collect::<Result<_, KeptError>>()? })
        });
        let audit = audit.transpose()?;
        if columns.is_empty() {
            Ok(Self { key, layout, units, audit })
        } else {
            Err(KeptError::Damaged("it holds too much"))
        }
    }
}

/// A header that makes sense by itself.
fn header(json: &str) -> Result<Header, KeptError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let problem = |error: serde_json::Error| KeptError::Header(error.to_string());
    let Version { version } = serde_json::from_str(json).map_err(problem)?;
    if version > VERSION {
        return Err(KeptError::Version(version));
    }
    let header: Header = serde_json::from_str(json).map_err(problem)?;
    let Layout { shape, at_once, classes, .. } = header.layout;
    let area = shape.iter().try_fold(1_usize, |area, side| area.checked_mul(*side));
    let is_sound = area.is_some_and(|area| (1..1 << 30).contains(&area))
        && at_once > 0
        && (1..=256).contains(&classes)
        && !header.key.threats.is_empty();
    if is_sound { Ok(header) } else { Err(KeptError::Damaged("its header makes no sense")) }
}

/// What is left of the tensors of a file.
struct Columns<'a> {
    /// Right, fooled, said.
    bytes: [&'a [u8]; 3],
    /// Distances, pixels.
    numbers: [&'a [f32]; 2],
}

impl Columns<'_> {
    /// The next unit, of that number of images, pixels and classes.
    fn next(&mut self, rows: usize, pixels: usize, classes: usize) -> Result<Unit, KeptError> {
        let [right, fooled, said] = self.bytes.each_mut().map(|column| split(column, rows));
        let [distances, moved] = &mut self.numbers;
        let (distances, pixels) = (split(distances, rows), split(moved, pixels));
        let (Some(right), Some(fooled), Some(said), Some(distances), Some(pixels)) =
            (right, fooled, said, distances, pixels)
        else {
            return Err(KeptError::Damaged("it holds too little"));
        };
        let is_class = |class: &u8| usize::from(*class) < classes;
        if right.iter().chain(fooled).any(|flag| *flag > 1) || !said.iter().all(is_class) {
            return Err(KeptError::Damaged("a value is none there can be"));
        }
        let flags = |column: &[u8]| column.iter().map(|flag| *flag == 1).collect();
        let (said, distances) = (said.to_vec(), distances.to_vec());
        let outcome = Outcome { right: flags(right), fooled: flags(fooled), said, distances };
        Ok(Unit { outcome, pixels: pixels.to_vec() })
    }

    fn is_empty(&self) -> bool {
        self.bytes.iter().all(|column| column.is_empty())
            && self.numbers.iter().all(|column| column.is_empty())
    }
}

/// Takes the first of a column, where there are so many.
fn split<'a, T>(column: &mut &'a [T], first: usize) -> Option<&'a [T]> {
    let (taken, rest) = column.split_at_checked(first)?;
    *column = rest;
    Some(taken)
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes
        .chunks_exact(size_of::<f32>())
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Seven images in batches of three under two threats, of which three units are known.
    fn kept() -> Kept {
        let key = Key {
            program: "1".into(),
            checkpoint: "12:0".into(),
            images: "7:1".into(),
            threats: vec!["a".into(), "b".into()],
            seed: u64::MAX,
            draws: 1,
            examples: false,
        };
        let layout = Layout { images: 7, classes: 3, shape: [1, 2, 2], at_once: 3 };
        let unit = |number: usize, pictured: usize| Unit {
            outcome: Outcome {
                right: vec![number == 1, true, false],
                fooled: vec![false, number == 0, false],
                said: vec![0, 1, 2],
                distances: vec![0.1, f32::NAN, number as f32 / 3.0],
            },
            pixels: (0..4 * pictured).map(|pixel| pixel as f32 / 7.0).collect(),
        };
        // The audit attacks in batches of four, under three threats: the last is of the second batch.
        let four = |unit: Unit| Outcome {
            right: [unit.outcome.right, vec![true]].concat(),
            fooled: [unit.outcome.fooled, vec![true]].concat(),
            said: [unit.outcome.said, vec![2]].concat(),
            distances: [unit.outcome.distances, vec![f32::INFINITY]].concat(),
        };
        let all = vec![four(unit(0, 0)), four(unit(1, 0)), four(unit(0, 0)), unit(2, 0).outcome];
        let audit = Some(Outcomes { at_once: 4, threats: 3, all });
        Kept { key, layout, units: vec![unit(0, 3), unit(1, 0), unit(2, 1)], audit }
    }

    /// Compares bits: a distance may be no number.
    fn is_same(a: &Kept, b: &Kept) -> bool {
        format!("{a:?}") == format!("{b:?}")
    }

    #[test]
    fn what_was_kept_reads_back_to_the_last_bit() {
        let bytes = kept().bytes().unwrap();
        let read = Kept::read(&bytes).unwrap();
        assert!(is_same(&read, &kept()), "{read:?}");
        assert_eq!([0, 1, 2, 3].map(|batch| read.layout.rows(batch, 3)), [3, 3, 1, 0]);
        assert_eq!((read.attacked().all.len(), read.attacked().threats), (3, 2));
        let nothing = Kept { units: vec![], audit: None, ..kept() };
        assert!(is_same(&Kept::read(&nothing.bytes().unwrap()).unwrap(), &nothing));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let refused = |kept: Kept, expected: &str| {
            let error = Kept::read(&kept.bytes().unwrap()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        let changed = |change: fn(&mut Kept)| {
            let mut kept = kept();
            change(&mut kept);
            kept
        };
        refused(changed(|kept| kept.layout.at_once = 0), "makes no sense");
        refused(changed(|kept| kept.layout.shape = [usize::MAX, 2, 2]), "makes no sense");
        refused(changed(|kept| kept.key.threats.clear()), "makes no sense");
        refused(changed(|kept| kept.layout.images = 3), "more than there are");
        refused(changed(|kept| kept.layout.at_once = 2), "more than there are");
        refused(changed(|kept| kept.audit.as_mut().unwrap().at_once = 9), "too little");
        refused(changed(|kept| kept.audit.as_mut().unwrap().at_once = 0), "more than there are");
        refused(changed(|kept| kept.audit.as_mut().unwrap().threats = 1), "more than there are");
        refused(changed(|kept| kept.audit.as_mut().unwrap().all[3].right.push(true)), "too much");
        refused(changed(|kept| kept.units[1].outcome.said[0] = 3), "none there can be");
        assert!(matches!(header(r#"{"version": 1}"#), Err(KeptError::Version(1))));
        assert!(matches!(header("{}"), Err(KeptError::Header(_))));
    }

    proptest! {
        #[test]
        fn bytes_of_anything_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Kept::read(&bytes).is_err());
        }

        #[test]
        fn a_damaged_file_is_refused_or_says_what_it_said(
            at in any::<proptest::sample::Index>(),
            flip in 1_u8..,
            cut in proptest::option::of(any::<proptest::sample::Index>()),
        ) {
            let mut bytes = kept().bytes().unwrap();
            let place = at.index(bytes.len());
            bytes[place] ^= flip;
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            // Only what names the evaluation is not under the checksum: there it is another one's.
            if let Ok(read) = Kept::read(&bytes) {
                let said = |kept: &Kept| format!("{:?}", kept.outcomes().collect::<Vec<_>>());
                let is_same = said(&read) == said(&kept());
                prop_assert!(is_same && cut.is_none());
            }
        }
    }
}
