//! A run as one file to pass on, `NAME.greatlab`: a zip of the files in its folder. Whoever opens one need not trust it:
//! names are plain names, sizes have limits, and what breaks a rule is refused whole.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// What a bundle's name ends in.
pub const EXTENSION: &str = "greatlab";
/// What every bundle holds.
const RECORD: &str = "run.json";
/// Files of a bundle at most.
pub const MOST_FILES: usize = 64;
/// Unpacked bytes of a bundle at most.
pub const MOST_BYTES: u64 = 2 << 30;
/// Characters of a file's name at most.
const LONGEST_NAME: usize = 100;
/// Names that Windows takes for devices, whatever stands behind a point.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
/// The record at the end of a zip without a comment: its length, how it begins, where it counts the files, and where it says
/// how long the comment is.
const END: (i64, &[u8], usize, usize) = (22, b"PK\x05\x06", 10, 20);

/// Why something is no bundle, or none that is taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// No zip, or a damaged one.
    #[error("it is not a bundle of a run, or was cut off on its way: {0}")]
    Damaged(String),
    /// Too many files.
    #[error("it holds {0} files; a bundle has {MOST_FILES} at most")]
    Crowded(usize),
    /// A file's name is none that is written.
    #[error("it holds '{name}', {why}: whatever made it, it is refused")]
    Name {
        /** As it stands there. */
        name: String,
        /** What is wrong. */
        why: &'static str,
    },
    /// Two files have one name.
    #[error("two of its files have one name: whatever made it, it is refused")]
    Doubled,
    /// It unpacks to too much.
    #[error("unpacked it is larger than {} GiB, which no run is, or than it says; it is refused", MOST_BYTES >> 30)]
    Large,
    /// There is no run in it.
    #[error("there is no {RECORD} in it; a run's bundle is what 'great-lab runs export' or Share makes")]
    NoRun,
    /// The system refused.
    #[error("cannot write it: {0}")]
    Unwritable(#[from] std::io::Error),
}

impl From<ZipError> for BundleError {
    fn from(error: ZipError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Whether a file of a run may be called so: letters and digits of ASCII, and `. _ - +` behind the first.
pub fn is_plain(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_port = stem.len() == 4
        && (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.ends_with(|char: char| char.is_ascii_digit());
    (1..=LONGEST_NAME).contains(&name.len())
        && name.starts_with(|char: char| char.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
        && !name.ends_with('.')
        && !DEVICES.contains(&&*stem)
        && !is_port
}

/// Packs files, each with its name, into a bundle.
///
/// # Errors
/// [`BundleError::Unwritable`]; [`BundleError::NoRun`] where there is no record among them.
pub fn pack<'a, W: Write + Seek>(
    out: W,
    files: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
) -> Result<W, BundleError> {
    let mut zip = ZipWriter::new(out);
    let mut has_record = false;
    for (name, bytes) in files {
        // Weights and pictures do not get smaller.
        let is_dense = [".safetensors", ".png"].iter().any(|end| name.ends_with(end));
        let method = if is_dense { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default().compression_method(method).large_file(false);
        has_record |= name == RECORD;
        zip.start_file(name, options).map_err(written)?;
        zip.write_all(&bytes)?;
    }
    if !has_record {
        return Err(BundleError::NoRun);
    }
    zip.finish().map_err(written)
}

/// A failure of the zip's writer, which is one of what it writes to.
fn written(error: ZipError) -> BundleError {
    BundleError::Unwritable(match error {
        ZipError::Io(error) => error,
        error => std::io::Error::other(error.to_string()),
    })
}

/// A bundle whose names and declared sizes are in order.
pub struct Bundle<R> {
    zip: ZipArchive<R>,
    /// Unpacked bytes that may still come out of it.
    left: u64,
}

impl<R: Read + Seek> Bundle<R> {
    /// Looks at all that a bundle says of its files; unpacks nothing.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open(mut reader: R) -> Result<Self, BundleError> {
        let counted = counted(&mut reader)?;
        if counted > MOST_FILES {
            return Err(BundleError::Crowded(counted));
        }
        let mut zip = ZipArchive::new(reader)?;
        // The reader keeps one of several files of a name, the end counts all.
        if zip.len() != counted {
            return Err(BundleError::Doubled);
        }
        let mut names = BTreeSet::new();
        let mut size = 0_u64;
        for index in 0..zip.len() {
            let file = zip.by_index_raw(index)?;
            let refused = |why| BundleError::Name { name: printable(file.name_raw()), why };
            let is_regular = file.unix_mode().is_none_or(|mode| matches!(mode & 0o170_000, 0 | 0o100_000));
            if file.name_raw() != file.name().as_bytes() || !is_plain(file.name()) {
                return Err(refused("which is no plain file name"));
            }
            if !is_regular || file.is_symlink() {
                return Err(refused("which is a link or another thing that is no file"));
            }
            if file.encrypted() {
                return Err(refused("which is encrypted"));
            }
            if !names.insert(file.name().to_ascii_lowercase()) {
                return Err(BundleError::Doubled);
            }
            size = size.saturating_add(file.size());
        }
        if size > MOST_BYTES {
            return Err(BundleError::Large);
        }
        if !names.contains(RECORD) {
            return Err(BundleError::NoRun);
        }
        Ok(Self { zip, left: MOST_BYTES })
    }

    /// From now on no more than so many bytes come out of it.
    pub fn bound(&mut self, most: u64) {
        self.left = self.left.min(most);
    }

    /// The names of its files.
    pub fn names(&self) -> Vec<String> {
        self.zip.file_names().map(String::from).collect()
    }

    /// The bytes of a file; none where there is no such file.
    ///
    /// # Errors
    /// [`BundleError::Damaged`], and [`BundleError::Large`] where there is more than was declared.
    pub fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, BundleError> {
        let Some(index) = self.zip.index_for_name(name) else { return Ok(None) };
        let mut bytes = Vec::new();
        self.unpack(index, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// The names of its files, each with the bytes that it says it has.
    ///
    /// # Errors
    /// [`BundleError::Damaged`].
    pub fn sizes(&mut self) -> Result<Vec<(String, u64)>, BundleError> {
        let sizes = (0..self.zip.len()).map(|index| {
            let file = self.zip.by_index_raw(index)?;
            Ok((file.name().to_owned(), file.size()))
        });
        sizes.collect()
    }

    /// What `look` makes of how a file begins; none where there is no such file.
    ///
    /// # Errors
    /// [`BundleError::Damaged`].
    pub fn peek<T>(
        &mut self,
        name: &str,
        look: impl FnOnce(&mut dyn Read) -> T,
    ) -> Result<Option<T>, BundleError> {
        let Some(index) = self.zip.index_for_name(name) else { return Ok(None) };
        Ok(Some(look(&mut self.zip.by_index(index)?.take(self.left))))
    }

    /// Unpacks every file into what `make` gives for its name.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn extract<W: Write>(
        &mut self,
        mut make: impl FnMut(&str) -> std::io::Result<W>,
    ) -> Result<(), BundleError> {
        for index in 0..self.zip.len() {
            let name = self.zip.name_for_index(index).unwrap_or_default().to_owned();
            let mut file = make(&name)?;
            self.unpack(index, &mut file)?;
            file.flush()?;
        }
        Ok(())
    }

    /// Unpacks a file, whatever size it says that it has, and no more than may still come.
    fn unpack(&mut self, index: usize, out: &mut impl Write) -> Result<(), BundleError> {
        let file = self.zip.by_index(index)?;
        let mut file = file.take(self.left + 1);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = file.read(&mut buffer).map_err(|error| BundleError::Damaged(error.to_string()))?;
            if count == 0 {
                return Ok(());
            }
            self.left = self.left.checked_sub(count as u64).ok_or(BundleError::Large)?;
            out.write_all(&buffer[..count])?;
        }
    }
}

/// How many files the end of a zip counts.
fn counted(reader: &mut (impl Read + Seek)) -> Result<usize, BundleError> {
    let (length, begin, files, comment) = END;
    let mut end = [0; END.0 as usize];
    let no_end =
        |error: &dyn std::fmt::Display| BundleError::Damaged(format!("it has no zip's end ({error})"));
    reader.seek(SeekFrom::End(-length)).map_err(|error| no_end(&error))?;
    reader.read_exact(&mut end).map_err(|error| no_end(&error))?;
    let number = |at: usize| usize::from(u16::from_le_bytes([end[at], end[at + 1]]));
    if !end.starts_with(begin) || number(comment) != 0 {
        return Err(no_end(&"something stands behind it"));
    }
    reader.rewind().map_err(|error| no_end(&error))?;
    Ok(number(files))
}

/// A name that may hold anything, for an error of one line.
fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let shown = text.chars().take(LONGEST_NAME).map(|char| if char.is_control() { '?' } else { char });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let files = files.iter().map(|(name, bytes)| (*name, bytes.to_vec()));
        pack(Cursor::new(Vec::new()), files).unwrap().into_inner()
    }

    /// A zip of these files, whatever they are called.
    fn zipped(write: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(RECORD, SimpleFileOptions::default()).unwrap();
        zip.write_all(b"{}").unwrap();
        write(&mut zip);
        zip.finish().unwrap().into_inner()
    }

    fn refusal(bytes: &[u8]) -> String {
        match Bundle::open(Cursor::new(bytes)) {
            Ok(mut bundle) => {
                bundle.extract(|_| Ok(std::io::sink())).err().map_or(String::new(), |error| error.to_string())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_packed_comes_out() {
        let weights = vec![7; 100_000];
        let bytes =
            packed(&[("run.json", b"{}"), ("checkpoint.safetensors", &weights), ("metrics.csv", b"step\n")]);
        let mut bundle = Bundle::open(Cursor::new(&bytes)).unwrap();
        assert_eq!(bundle.names().len(), 3);
        assert_eq!(bundle.read("checkpoint.safetensors").unwrap(), Some(weights));
        assert_eq!(bundle.read("losses.png").unwrap(), None);
        let mut names = Vec::new();
        bundle
            .extract(|name| {
                names.push(name.to_owned());
                Ok(Vec::new())
            })
            .unwrap();
        assert_eq!(names, ["run.json", "checkpoint.safetensors", "metrics.csv"]);
        let none = pack(Cursor::new(Vec::new()), [("metrics.csv", Vec::new())]);
        assert!(matches!(none, Err(BundleError::NoRun)));
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let options = SimpleFileOptions::default;
        for name in [
            "../run.json",
            "/etc/passwd",
            "a/b.csv",
            "..",
            ".bashrc",
            "C:\\x",
            "a\\b",
            "con.txt",
            "COM1",
            "x.",
            "a b",
            "café.csv",
            "lo\u{202e}ck",
            "",
            "a\0b",
        ] {
            let said = refusal(&zipped(|zip| zip.start_file(name, options()).unwrap()));
            assert!(said.contains("no plain file name"), "{name:?}: {said}");
            assert!(!said.contains('\0'), "{said:?}");
        }
        let said = refusal(&zipped(|zip| zip.add_directory("a", options()).unwrap()));
        assert!(said.contains("no plain file name"), "{said}");
        let said = refusal(&zipped(|zip| zip.add_symlink("a", "/etc/passwd", options()).unwrap()));
        assert!(said.contains("a link"), "{said}");
        let said = refusal(&zipped(|zip| zip.start_file("RUN.JSON", options()).unwrap()));
        assert!(said.contains("have one name"), "{said}");
        assert!(
            is_plain("checkpoint.safetensors") && is_plain("console.csv") && is_plain("great+greace-1.png")
        );
    }

    #[test]
    fn two_files_of_one_name_are_refused() {
        let mut bytes = zipped(|zip| zip.start_file("run.jsoX", SimpleFileOptions::default()).unwrap());
        // The writer refuses to make such a thing, so it is made by hand: in both places where the name stands.
        while let Some(at) = bytes.windows(8).position(|part| part == b"run.jsoX") {
            bytes[at + 7] = b'n';
        }
        assert!(refusal(&bytes).contains("have one name"), "{}", refusal(&bytes));
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let many = zipped(|zip| {
            (0..MOST_FILES).for_each(|file| {
                zip.start_file(format!("{file}.csv"), SimpleFileOptions::default()).unwrap()
            });
        });
        assert!(refusal(&many).contains("65 files"), "{}", refusal(&many));
        let mut bytes = packed(&[("run.json", &[0; 5000])]);
        let central = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap();
        // Whatever the sizes say, what comes out is counted.
        bytes[central + 24..central + 28].copy_from_slice(&10_u32.to_le_bytes());
        let mut bundle = Bundle::open(Cursor::new(&bytes)).unwrap();
        bundle.left = 100;
        let error = bundle.read("run.json").unwrap_err();
        assert!(matches!(error, BundleError::Large | BundleError::Damaged(_)), "{error}");
        bytes[central + 24..central + 28].copy_from_slice(&0xf000_0000_u32.to_le_bytes());
        assert!(refusal(&bytes).contains("larger than 2 GiB"), "{}", refusal(&bytes));
    }

    #[test]
    fn what_is_cut_or_something_else_is_said_to_be() {
        let bytes = packed(&[("run.json", b"{}"), ("metrics.csv", b"step\n1\n")]);
        for end in 0..bytes.len() {
            assert!(
                refusal(&bytes[..end]).contains("cut off on its way"),
                "{end}: {}",
                refusal(&bytes[..end])
            );
        }
        assert!(refusal(&[&bytes[..], b"tail"].concat()).contains("stands behind it"));
        assert!(refusal(b"PNG").contains("not a bundle"));
        let no_run = {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            zip.start_file("a.csv", SimpleFileOptions::default()).unwrap();
            zip.finish().unwrap().into_inner()
        };
        assert!(refusal(&no_run).contains("there is no run.json in it"));
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_panic_or_unpack_to_a_path(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            noise in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut bytes = packed(&[("run.json", b"{\"a\": 1}"), ("metrics.csv", &[b'1'; 300])]);
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            for bytes in [&bytes, &noise] {
                if let Ok(mut bundle) = Bundle::open(Cursor::new(bytes)) {
                    prop_assert!(bundle.names().iter().all(|name| is_plain(name)));
                    let _ = bundle.extract(|_| Ok(std::io::sink()));
                }
            }
        }
    }
}
