//! What can be wrong with a data set, each told with the file, the place, what was expected and what to do.

use std::fmt;

use super::limits::MAX_FILE_BYTES;

/// A data set that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The source is neither a built-in name nor a folder.
    #[error(
        "'{asked}' is neither a data set that comes with the lab ({built_in}) nor a folder (looked at {looked_at}); \
         name one of these, or give the path of a folder that holds a data set"
    )]
    UnknownSource {
        /// What was asked for.
        asked: String,
        /// The names there are.
        built_in: String,
        /// The absolute path.
        looked_at: String,
    },
    /// The world of points that somebody drew has none, or of one class alone.
    #[error(
        "of the world drawn {}; draw points of at least two: File → Draw a world…, or --set drawing=…",
        if *classes == 0 { "no point is drawn" } else { "only one class is drawn" }
    )]
    Undrawn {
        /// Classes that have points.
        classes: usize,
    },
    /// The data of a run are not where they were.
    #[error(
        "the data '{asked}' of the run are not found; looked at {looked_at}; say with --data where they are"
    )]
    NotFound {
        /// As the run named them.
        asked: String,
        /// Every place.
        looked_at: String,
    },
    /// The folder holds no file of any known format.
    #[error(
        "{folder}: no data set is recognised here; looked for {looked_for}; \
         give the folder that holds such files themselves"
    )]
    UnknownFolder {
        /// The folder.
        folder: String,
        /// The file names of every format.
        looked_for: String,
    },
    /// The folder holds some files of a format, but not this one.
    #[error("{folder}: {looked_for} is missing from this {format} data set; fetch or unpack the set again")]
    MissingFile {
        /// The folder.
        folder: String,
        /// The names that would do.
        looked_for: String,
        /// The format that the other files have.
        format: &'static str,
    },
    /// More than one file could be the data set.
    #[error("{folder}: expected one .npz of scenes, found {found}; leave only the one to use")]
    SeveralFiles {
        /// The folder.
        folder: String,
        /// The file names.
        found: String,
    },
    /// Something else lies where a file should be.
    #[error("{path}: expected a file, found {found}; put the data file there, or remove it")]
    NotAFile {
        /// Where.
        path: String,
        /// What lies there.
        found: &'static str,
    },
    /// No data set of the known kinds needs so much, and a page has 4 GiB in all.
    #[error("{path}: expected at most {MAX_FILE_BYTES} bytes, found {bytes}; take a smaller part of the set")]
    TooLarge {
        /// Which file.
        path: String,
        /// How long it is.
        bytes: u64,
    },
    /// The operating system refuses.
    #[error("{path}: cannot be read: {source}; check that it is there and that you may read it")]
    Unreadable {
        /// Which file or folder.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The content is not what its format says.
    #[error("{file}: at {place}: expected {expected}, found {found}; {advice}")]
    Format {
        /// Which file.
        file: String,
        /// Where in it.
        place: Place,
        /// What the format asks for there.
        expected: String,
        /// What is there.
        found: String,
        /// What to do.
        advice: Advice,
    },
    /// Images and labels do not pair up.
    #[error(
        "{images_file} holds {images} images, but {labels_file} holds {labels} labels; \
         use two files of the same set"
    )]
    CountMismatch {
        /// File or files of the images.
        images_file: String,
        /// How many images.
        images: usize,
        /// File of the labels.
        labels_file: String,
        /// How many labels.
        labels: usize,
    },
    /// Training and test images differ in shape.
    #[error(
        "{name}: training images are {train:?}, but test images {test:?} (channels, height, width); \
         use files of the same set"
    )]
    ShapeMismatch {
        /// The data set.
        name: String,
        /// `[C, H, W]` of the training images.
        train: [usize; 3],
        /// `[C, H, W]` of the test images.
        test: [usize; 3],
    },
    /// Depths are asked for and there are none.
    #[error(
        "{name} has images and classes alone; for the tasks of scenes take solids, or a folder with scenes as one .npz"
    )]
    NoScenes {
        /// The data set.
        name: String,
    },
    /// Fewer names than classes.
    #[error(
        "{file} names {names} classes, but there are labels up to {largest}; name every class, one a line"
    )]
    TooFewNames {
        /// The file with the names.
        file: String,
        /// How many it names.
        names: usize,
        /// The largest label.
        largest: u8,
    },
    /// There is nothing to tell apart.
    #[error("{name}: every image has label 0, but at least 2 classes are needed; check the label files")]
    SingleClass {
        /// The data set.
        name: String,
    },
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Offset in the file, from 0.
    Byte(usize),
    /// Offset in what a compressed file unpacks to, from 0.
    UnpackedByte(usize),
    /// Number of an entry of a list, from 0.
    Entry(usize),
    /// Number of a line of a text, from 1.
    Line(usize),
    /// Name of an array of an archive.
    Array(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(offset) => write!(f, "byte {offset}"),
            Self::UnpackedByte(offset) => write!(f, "byte {offset} of the unpacked data"),
            Self::Entry(index) => write!(f, "entry {index}"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Array(name) => write!(f, "array {name}"),
        }
    }
}

/// What to do about a malformed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Bytes are missing.
    CutOff,
    /// Bytes are wrong, or too many.
    Damaged,
    /// Another kind of file.
    WrongKind,
    /// Well formed, but not for this program.
    Unsupported,
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutOff => "the file is cut off: fetch it again",
            Self::Damaged => "the file is damaged: fetch it again",
            Self::WrongKind => "this is another kind of file: check its name",
            Self::Unsupported => "the lab does not take such data: convert it first",
        })
    }
}
