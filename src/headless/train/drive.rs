//! Drives one run to its end through the protocol, and has what it leaves behind written.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use web_time::Instant;

use crate::config::{AttackKind, Config, Hyper, Occasion, TargetKind, steps_per_epoch};
use crate::protocol::{
    Activity, Cadence, Checkpointed, Command, Event, Failure, Remote, Robustness, RunInfo,
};
use crate::runs::record::{Before, Ended};

use super::writer::{FILES, Pictures as _, RunWriter};
use crate::headless::error::HeadlessError;
use crate::headless::interrupt::Interrupt;
use crate::headless::progress::Progress;
use crate::runs::checkpoints::clear;
use crate::runs::lock::Lock;
use crate::runs::run_folder::{RunFolder, default_path};
use crate::runs::write::FolderError;
use crate::runs::writer::Earlier;
use crate::train::checkpoint::with_tables;

/// What a run is asked for beyond its configuration.
pub struct DriveOptions {
    /// Passes over the training data, which replace the configuration's steps.
    pub epochs: Option<u32>,
    /// Where to write; a default in `runs/` otherwise.
    pub out: Option<PathBuf>,
    /// Whether a folder that is not empty will do.
    pub force: bool,
    /// Whether to print nothing but errors.
    pub quiet: bool,
    /// How often the run under way leaves a checkpoint.
    pub cadence: Cadence,
    /// Bytes that its earlier checkpoints and its recording may take.
    pub room: u64,
    /// What the run left before, and what its record says of that; none where it begins.
    pub going_on: Option<(Earlier, Before)>,
}

/// Drives a run that was just spawned to its end. The first answer is how it ended, the second what wrote it down, whose
/// folder knows whether all is there.
///
/// # Errors
/// [`HeadlessError`]; what was measured until then is in the run folder, if the run had begun.
pub fn drive(
    remote: Remote,
    options: &DriveOptions,
    interrupt: &Interrupt,
    notices: Vec<String>,
) -> Result<(Ended, RunWriter), HeadlessError> {
    let mut drive = Drive { remote, interrupt, notices, is_finished: false };
    let info = drive.begin(options.epochs)?;
    let path = options.out.clone().unwrap_or_else(|| default_path(&info.config.setup));
    let folder = RunFolder::create(&path, options.force, &FILES)?;
    let _lock = lock(&path)?;
    let progress = Progress::new(options.quiet, info.config.setup.steps);
    let last_step = options.going_on.as_ref().map_or(0, |(earlier, _)| earlier.step);
    announce(&progress, &info, (&folder, last_step), &drive.notices);
    let hyper = info.config.hyper;
    let notices = std::mem::take(&mut drive.notices);
    let mut writer = RunWriter::new(folder, info, notices).with_room(options.room);
    if options.going_on.as_ref().is_some_and(|(earlier, _)| earlier.is_in(&path)) {
        writer = writer.with_earlier_checkpoints();
    } else {
        clear(&path);
    }
    if let Some((earlier, before)) = &options.going_on {
        writer = writer.going_on(earlier, before.clone())?;
    }
    let cadence = options.cadence;
    let mut run =
        Run { drive, writer, progress, failure: None, last_step, cadence, is_checkpoint_failing: false };
    let outcome = run.train()?;
    run.keep(outcome, &hyper)?;
    run.progress.finish();
    run.drive.end();
    match run.failure {
        Some(failure) => {
            run.writer.folder().outcome().unwrap_or_else(|error| run.progress.warn(&error.to_string()));
            Err(HeadlessError::Stopped(failure))
        }
        None => Ok((outcome, run.writer)),
    }
}

/// Takes the folder for this process, so that a run is not gone on with while it goes on.
fn lock(path: &Path) -> Result<Option<Lock>, FolderError> {
    match Lock::take(path) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(FolderError::InUse(path.into())),
        // What can be written into a folder that takes no lock is the writer's to say.
        Err(_) => Ok(None),
    }
}

/// Images left out of an epoch are told where they are one in so many, or more.
const NOTEWORTHY: u64 = 10;

/// Images that an epoch takes: whole batches.
fn images_per_epoch(info: &RunInfo) -> u64 {
    let (images, batch_size) = (info.train_images, info.config.setup.batch_size);
    steps_per_epoch(images, batch_size) * batch_size.min(images) as u64
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Says what is about to happen.
fn announce(progress: &Progress, info: &RunInfo, (folder, begins): (&RunFolder, u64), notices: &[String]) {
    notices.iter().for_each(|notice| progress.say(notice));
    let Config { setup, .. } = &info.config;
    let left_out = info.train_images as u64 - images_per_epoch(info);
    if left_out * NOTEWORTHY >= info.train_images as u64 {
        progress.say(&format!(
            "an epoch is {} of {} images: {left_out} of the {} are left out of each, others every time",
            counted(steps_per_epoch(info.train_images, setup.batch_size), "batch", "batches"),
            setup.batch_size,
            info.train_images,
        ));
    }
    let from = if begins > 0 { format!("goes on at step {begins} of ") } else { String::new() };
    progress.say(&format!(
        "{} · {}, {} images · {}, {} weights · {from}{} steps · {} ({}) · writes to {}",
        setup.method().name(),
        info.data,
        info.train_images,
        setup.network_name(),
        info.main_weights,
        setup.steps,
        info.device.name,
        info.device.backend,
        folder.path().display(),
    ));
}

/// The trainer's remote, before and during a run.
struct Drive<'a> {
    remote: Remote,
    interrupt: &'a Interrupt,
    notices: Vec<String>,
    /// Whether all steps were done before the run was gone on with.
    is_finished: bool,
}

impl Drive<'_> {
    fn send(&self, command: Command) -> Result<(), HeadlessError> {
        self.remote.commands.blocking_send(command).map_err(|_| HeadlessError::Gone)
    }

    fn next(&mut self) -> Result<Event, HeadlessError> {
        self.remote.events.blocking_recv().ok_or(HeadlessError::Gone)
    }

    /// Ends the trainer and waits for it: a driver must not be torn down while it computes.
    fn end(&mut self) {
        // A trainer that is gone already has ended.
        let _ = self.send(Command::Quit);
        while self.next().is_ok() {}
    }

    /// Waits until the run is set up, and once more if its length depends on the data.
    fn begin(&mut self, epochs: Option<u32>) -> Result<Box<RunInfo>, HeadlessError> {
        let info = self.await_start()?;
        let Some(epochs) = epochs else { return Ok(info) };
        let mut setup = info.config.setup.clone();
        setup.steps = u64::from(epochs) * steps_per_epoch(info.train_images, setup.batch_size);
        if setup.steps == info.config.setup.steps {
            return Ok(info);
        }
        self.send(Command::Reset(Box::new(setup)))?;
        self.await_start()
    }

    fn await_start(&mut self) -> Result<Box<RunInfo>, HeadlessError> {
        let mut started = None;
        loop {
            match self.next()? {
                Event::Started(info) => started = Some(info),
                Event::State(state) if matches!(state.activity, Activity::Paused | Activity::Finished) => {
                    if let Some(info) = started.take_if(|info| info.run == state.run) {
                        self.is_finished = state.activity == Activity::Finished;
                        return Ok(info);
                    }
                }
                Event::Notice(text) => self.notices.push(text),
                Event::Failed(failure) => return Err(HeadlessError::NotStarted(failure)),
                _ => {}
            }
        }
    }
}

/// A run that has begun.
struct Run<'a> {
    drive: Drive<'a>,
    writer: RunWriter,
    progress: Progress,
    failure: Option<Failure>,
    last_step: u64,
    cadence: Cadence,
    /// Whether the last checkpoint under way could not be written, which is said once.
    is_checkpoint_failing: bool,
}

impl Run<'_> {
    /// The next event, noted and shown. The trainer's silence ends the run, and what was measured is written.
    fn next(&mut self) -> Result<Event, HeadlessError> {
        let event = match self.drive.next() {
            Ok(event) => event,
            Err(gone) => {
                self.progress.finish();
                self.writer.keep(Ended::Failed)?;
                self.writer.folder().outcome().unwrap_or_else(|error| self.progress.warn(&error.to_string()));
                return Err(gone);
            }
        };
        self.writer.take(&event);
        match &event {
            Event::Preparing(teacher) => self.progress.preparing(teacher),
            Event::Report(report) => self.progress.report(report),
            Event::Notice(text) => self.progress.say(text),
            Event::State(state) => self.last_step = state.step,
            Event::Checkpoint(checkpoint) => self.write_checkpoint(checkpoint)?,
            _ => {}
        }
        Ok(event)
    }

    /// Writes a checkpoint of the run under way with the tables that belong to it. Where that is impossible the one of
    /// before stays, and the run goes on.
    fn write_checkpoint(&mut self, checkpoint: &Checkpointed) -> Result<(), HeadlessError> {
        let begin = Instant::now();
        let written = with_tables(&checkpoint.bytes, &self.writer.rows())
            .map_err(|error| error.to_string())
            .and_then(|bytes| self.writer.write_checkpoint(&bytes).map_err(|error| error.to_string()));
        if let Err(why) = &written
            && !self.is_checkpoint_failing
        {
            self.progress.warn(&format!(
                "warning: no checkpoint of step {}: {why}; the work goes on, the checkpoint of before stays, and this is tried again",
                checkpoint.step
            ));
        }
        self.is_checkpoint_failing = written.is_err();
        // Where writing takes long, it is done less often.
        if let Cadence::Time { writing, .. } = &mut self.cadence {
            *writing = begin.elapsed();
            self.drive.send(Command::Checkpoints(self.cadence))?;
        }
        Ok(())
    }

    /// Trains until the end, an interruption or a failure.
    fn train(&mut self) -> Result<Ended, HeadlessError> {
        if self.drive.interrupt.is_asked() {
            return Ok(Ended::Interrupted);
        }
        if self.drive.is_finished {
            return Ok(Ended::Finished);
        }
        self.drive.send(Command::Checkpoints(self.cadence))?;
        self.drive.send(Command::Run)?;
        let mut pause_sent = false;
        loop {
            match self.next()? {
                Event::State(state) => match state.activity {
                    Activity::Finished => return Ok(Ended::Finished),
                    Activity::Paused if self.drive.interrupt.is_asked() => return Ok(Ended::Interrupted),
                    Activity::Paused | Activity::Running | Activity::Preparing => {}
                },
                Event::Failed(failure) => {
                    self.failure = Some(failure);
                    return Ok(Ended::Failed);
                }
                _ => {}
            }
            // The handler's own Pause may have come before Run: that one was obeyed too early.
            if self.drive.interrupt.is_asked() && !pause_sent {
                self.drive.send(Command::Pause)?;
                pause_sent = true;
            }
            self.writer.refresh().iter().for_each(|said| self.progress.warn(said));
        }
    }

    /// Writes everything, first what there is, then once more with a last evaluation.
    fn keep(&mut self, outcome: Ended, hyper: &Hyper) -> Result<(), HeadlessError> {
        // The numbers are small: where the checkpoint does not fit, they are safe already.
        self.writer.keep_numbers(outcome);
        self.drive.send(Command::Save)?;
        self.await_checkpoint(outcome)?;
        self.writer.keep(outcome)?;
        self.writer.notice().iter().for_each(|said| self.progress.warn(said));
        if outcome == Ended::Failed || self.last_step == 0 {
            return Ok(());
        }
        if outcome == Ended::Interrupted {
            let folder = self.writer.folder().path().display().to_string();
            let safe = match self.writer.folder().outcome() {
                Ok(()) => format!("everything is in {folder}"),
                Err(error) => error.to_string(),
            };
            self.progress.say(&format!("{safe}; one last evaluation, Ctrl-C skips it"));
        }
        let threats = Occasion::AtEnd.threats(self.writer.setup(), &self.writer.in_pixels(hyper));
        let asked: Vec<_> = threats.iter().map(|threat| (threat.attack, threat.target)).collect();
        let images = hyper.evaluate_samples.min(self.writer.held_out());
        self.drive.send(Command::Evaluate { threats, samples: hyper.evaluate_samples })?;
        loop {
            match self.next()? {
                Event::Robustness(evaluation) => {
                    self.progress.evaluation(evaluation.progress, images);
                    if evaluation.complete && self.is_last(&evaluation, &asked) {
                        break;
                    }
                }
                Event::Failed(failure) => {
                    self.failure = Some(failure);
                    break;
                }
                // An interrupted run has its Ctrl-C behind it; the next one ends the program.
                _ if outcome == Ended::Finished && self.drive.interrupt.is_asked() => break,
                _ => {}
            }
        }
        self.writer.keep(outcome)?;
        self.writer.notice().iter().for_each(|said| self.progress.warn(said));
        Ok(())
    }

    /// Waits for the checkpoint and writes it; a trainer that cannot save says why.
    fn await_checkpoint(&mut self, outcome: Ended) -> Result<(), HeadlessError> {
        loop {
            match self.next()? {
                Event::Saved(bytes) => {
                    // Whoever goes on with it takes none of what comes now, a last evaluation, for a part of the run.
                    let belongs = (outcome == Ended::Interrupted).then(|| self.writer.rows());
                    let bytes = belongs.and_then(|rows| with_tables(&bytes, &rows).ok()).unwrap_or(bytes);
                    self.writer.keep_checkpoint(bytes);
                    return Ok(());
                }
                Event::Failed(failure) => {
                    self.failure.get_or_insert(failure);
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// Whether this evaluation is of the last weights, and of the attacks asked for.
    fn is_last(&self, evaluation: &Robustness, asked: &[(AttackKind, TargetKind)]) -> bool {
        let has = |pair: &(AttackKind, TargetKind)| {
            evaluation.curves.iter().any(|curve| (curve.attack, curve.target) == *pair)
        };
        evaluation.step == self.last_step && asked.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::config::Threat;
    use crate::protocol::{Curve, Delivery, Local, RunState, Share, connect, made_up};
    use crate::runs::checkpoints::ROOM;

    /// The names of the commands that a made-up trainer got.
    type Heard = Arc<Mutex<Vec<String>>>;

    /// A trainer that answers by script: `on_run` says what comes of `Run`, everything else is answered as it should be.
    fn fake(on_run: impl Fn(&Local) + Send + 'static) -> (Remote, Heard) {
        let (remote, mut local) = connect(Hyper::default(), Delivery::Complete);
        let heard = Heard::default();
        let noted = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut config = Config::default();
            config.setup.steps = 40;
            start(&local, 1, &config);
            while let Some(command) = local.commands.blocking_recv() {
                let name = format!("{command:?}");
                noted.lock().unwrap().push(name.split(['(', ' ']).next().unwrap().into());
                match command {
                    Command::Quit => return,
                    Command::Run => on_run(&local),
                    Command::Pause => state(&local, Activity::Paused, 20),
                    Command::Reset(setup) => {
                        config.setup = *setup;
                        start(&local, 2, &config);
                    }
                    Command::Save => tell(&local, Event::Saved(vec![1, 2, 3])),
                    Command::Evaluate { threats, samples } => {
                        let clean = Share { hits: 1, total: samples as u32 };
                        for step in [10, local_step(&noted)] {
                            let curve = |threat: &Threat| Curve {
                                attack: threat.attack,
                                target: threat.target,
                                points: Vec::new(),
                            };
                            let curves = threats.iter().map(curve).collect();
                            let found = Robustness { clean, curves, ..made_up::robustness(1, step, true) };
                            tell(&local, found.into());
                        }
                    }
                    _ => {}
                }
            }
        });
        (remote, heard)
    }

    /// The step at which the made-up trainer stands: paused runs stopped half way.
    fn local_step(heard: &Heard) -> u64 {
        if heard.lock().unwrap().iter().any(|name| name == "Pause") { 20 } else { 40 }
    }

    fn tell(local: &Local, event: Event) {
        let _ = local.events.blocking_send(event);
    }

    fn state(local: &Local, activity: Activity, step: u64) {
        tell(local, Event::State(RunState { run: 1, activity, step }));
    }

    fn start(local: &Local, run: u64, config: &Config) {
        let info = RunInfo { train_images: 640, ..made_up::info(run, config.clone()) };
        tell(local, info.into());
        tell(local, Event::State(RunState { run, activity: Activity::Paused, step: 0 }));
    }

    fn report(local: &Local) {
        tell(local, made_up::report(1, 10, Hyper::default()).into());
    }

    fn options(folder: &Path, epochs: Option<u32>) -> DriveOptions {
        let cadence = Cadence::Never;
        let out = Some(folder.into());
        DriveOptions { epochs, out, force: false, quiet: true, cadence, room: ROOM, going_on: None }
    }

    fn run_json(folder: &Path) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap()
    }

    #[test]
    fn a_run_is_trained_saved_and_evaluated() {
        let scratch = tempfile::tempdir().unwrap();
        let (remote, heard) = fake(|local| {
            report(local);
            state(local, Activity::Finished, 40);
        });
        let (outcome, writer) =
            drive(remote, &options(scratch.path(), None), &Interrupt::default(), vec![]).unwrap();
        assert_eq!(outcome, Ended::Finished);
        assert_eq!(*heard.lock().unwrap(), ["Checkpoints", "Run", "Save", "Evaluate", "Quit"]);
        let evaluation = writer.last_evaluation().unwrap();
        assert_eq!((evaluation.step, evaluation.clean.total), (40, 256), "the stale one does not count");
        assert_eq!(std::fs::read(scratch.path().join("checkpoint.safetensors")).unwrap(), [1, 2, 3]);
        assert_eq!(run_json(scratch.path())["outcome"], "finished");
    }

    #[test]
    fn epochs_become_steps_of_the_data_at_hand() {
        let scratch = tempfile::tempdir().unwrap();
        // The trainer's thread dies with the run, so that this ends without an evaluation.
        let (remote, heard) = fake(|_| panic!("an expected end"));
        let result = drive(remote, &options(scratch.path(), Some(3)), &Interrupt::default(), vec![]);
        assert!(matches!(result, Err(HeadlessError::Gone)));
        assert_eq!(heard.lock().unwrap()[0], "Reset");
        // 640 images in batches of 64.
        assert_eq!(run_json(scratch.path())["config"]["setup"]["steps"], 30);
    }

    #[test]
    fn an_interruption_keeps_everything() {
        let scratch = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::default();
        let asked = interrupt.clone();
        let (remote, heard) = fake(move |local| {
            state(local, Activity::Running, 0);
            asked.ask();
            report(local);
        });
        let (outcome, _) = drive(remote, &options(scratch.path(), None), &interrupt, vec![]).unwrap();
        assert_eq!(outcome, Ended::Interrupted);
        assert_eq!(*heard.lock().unwrap(), ["Checkpoints", "Run", "Pause", "Save", "Evaluate", "Quit"]);
        assert_eq!(run_json(scratch.path())["outcome"], "interrupted");
    }

    #[test]
    fn an_interruption_before_the_first_step_trains_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        let (remote, heard) = fake(|_| panic!("must not run"));
        let interrupt = Interrupt::default();
        interrupt.ask();
        let (outcome, _) = drive(remote, &options(scratch.path(), None), &interrupt, vec![]).unwrap();
        assert_eq!(outcome, Ended::Interrupted);
        assert_eq!(*heard.lock().unwrap(), ["Save", "Quit"]);
    }

    #[test]
    fn a_failure_keeps_what_was_measured() {
        let scratch = tempfile::tempdir().unwrap();
        let (remote, heard) = fake(|local| {
            report(local);
            let failure = Failure { run: 1, what: "the loss is NaN.".into(), advice: "Lower it.".into() };
            tell(local, Event::Failed(failure));
            state(local, Activity::Paused, 10);
        });
        let result = drive(remote, &options(scratch.path(), None), &Interrupt::default(), vec![]);
        let error = result.err().unwrap();
        assert_eq!((error.exit_status(), error.to_string().as_str()), (1, "the loss is NaN; lower it."));
        assert_eq!(*heard.lock().unwrap(), ["Checkpoints", "Run", "Save", "Quit"]);
        let json = run_json(scratch.path());
        assert_eq!((&json["outcome"], &json["final"]["step"]), (&"failed".into(), &10.into()));
        assert!(json["notices"][0].as_str().unwrap().contains("NaN"));
    }

    /// A checkpoint of no tensors.
    fn checkpointed(step: u64) -> Event {
        let metadata = std::collections::HashMap::from([("great-lab".to_owned(), "{}".to_owned())]);
        let nothing = Vec::<(&str, safetensors::tensor::TensorView)>::new();
        let bytes = safetensors::serialize(nothing, Some(metadata)).unwrap();
        Event::Checkpoint(Checkpointed { run: 1, step, bytes })
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test has nothing else to do than to wait")]
    fn a_checkpoint_comes_with_its_rows_and_where_it_finds_no_place_the_run_goes_on() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a");
        let path = folder.join("checkpoint.safetensors");
        let (remote, heard) = fake(move |local| {
            report(local);
            tell(local, checkpointed(10));
            while !path.is_file() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            let bytes = std::fs::read(&path).unwrap();
            assert!(String::from_utf8_lossy(&bytes).contains(r#"{\"metrics.csv\":1,\"timing.csv\":1}"#));
            let metrics = std::fs::read_to_string(path.with_file_name("metrics.csv")).unwrap();
            assert_eq!(metrics.lines().count(), 2, "the rows are there before it");
            std::fs::remove_file(&path).unwrap();
            std::fs::create_dir_all(path.join("in its way")).unwrap();
            tell(local, checkpointed(20));
            tell(local, checkpointed(30));
            state(local, Activity::Finished, 40);
        });
        let (outcome, writer) =
            drive(remote, &options(&folder, None), &Interrupt::default(), vec![]).unwrap();
        assert_eq!((outcome, heard.lock().unwrap().len()), (Ended::Finished, 5));
        assert!(writer.folder().outcome().is_err(), "the last one lies elsewhere");
        let rescued = scratch.path().join("a-rescued/checkpoint.safetensors");
        assert_eq!(std::fs::read(rescued).unwrap(), [1, 2, 3]);
        assert_eq!(run_json(&folder)["outcome"], "finished");
    }

    #[test]
    fn a_folder_that_another_process_writes_is_refused_and_free_afterwards() {
        let scratch = tempfile::tempdir().unwrap();
        let theirs = Lock::take(scratch.path()).unwrap();
        let start = || {
            let (remote, _) = fake(|local| state(local, Activity::Finished, 40));
            let options = DriveOptions { force: true, ..options(scratch.path(), None) };
            drive(remote, &options, &Interrupt::default(), vec![])
        };
        let error = start().err().unwrap();
        assert!(error.exit_status() == 2 && error.to_string().contains("another process"), "{error}");
        drop(theirs);
        assert!(start().is_ok() && !scratch.path().join(crate::runs::lock::FILE).exists());
    }

    #[test]
    fn a_folder_in_use_is_refused_before_the_first_step() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("thesis.tex"), "").unwrap();
        let (remote, heard) = fake(|_| panic!("must not run"));
        let result = drive(remote, &options(scratch.path(), None), &Interrupt::default(), vec![]);
        assert_eq!(result.err().unwrap().exit_status(), 2);
        assert!(heard.lock().unwrap().is_empty());
    }
}
