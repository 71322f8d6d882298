//! What writes a run down, with its charts as PNG files.

use crate::runs::writer::PLANE;
pub use crate::runs::writer::{FILES, RunWriter};

use crate::headless::error::HeadlessError;
use crate::headless::files::charts::png;
use crate::headless::files::planes;
use crate::runs::record::Ended;

/// A writer that can draw.
pub trait Pictures {
    /// Keeps everything, the checkpoint too where it is gone.
    ///
    /// # Errors
    /// [`ChartError`](crate::headless::files::charts::ChartError).
    fn keep(&mut self, outcome: Ended) -> Result<(), HeadlessError>;
}

impl Pictures for RunWriter {
    fn keep(&mut self, outcome: Ended) -> Result<(), HeadlessError> {
        self.keep_all(outcome, png)?;
        if let Some(picture) = self.plane().map(|plane| planes::png(plane, self.info())) {
            self.keep_picture(PLANE, &picture?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::protocol::made_up;
    use crate::runs::run_folder::RunFolder;

    #[test]
    fn charts_are_pictures() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(scratch.path(), false, &FILES).unwrap();
        let mut writer = RunWriter::new(folder, made_up::info(1, Config::default()).into(), vec![]);
        writer.take(&made_up::histograms(1, 1000).into());
        writer.take(&made_up::plane(1, 1000).into());
        writer.keep(Ended::Finished).unwrap();
        for name in ["histograms.png", PLANE] {
            let bytes = std::fs::read(scratch.path().join(name)).unwrap();
            assert!(bytes.starts_with(b"\x89PNG"), "{name}: {} bytes", bytes.len());
        }
    }
}
