//! A run that is stopped anywhere and gone on with ends as if nothing had been, by the protocol and by the command.

use std::{path::Path, time::Duration};

use great_lab::{
    config::{
        Augmentation, AuxiliaryLabels, Config, DistillationMethod, InputTransform, Mode, MultitaskMethod,
        Normalization, OptimizerKind, Players, ScenarioKind, Schedule,
    },
    gpu::{Choice, open},
    nn::onnx::{self, About},
    protocol::{Activity, Cadence, Command, Delivery, Event, Forked, GoOn, Remote},
    runs::tables,
    train::{checkpoint::Checkpoint, go_on},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::common::{event, tiny_config, tiny_data, trainer};

/// What a run told from one moment on.
#[derive(Default)]
struct Told {
    /// What goes into its tables, but for what the clock decides.
    figures: Vec<String>,
    /// Its checkpoints, each with how many figures had been told before it.
    checkpoints: Vec<(usize, Vec<u8>)>,
    /// The checkpoint after its last step.
    last: Vec<u8>,
}

/// What an event says but for clocks; none of what is in no table, or what the clock decides.
fn figures(event: &Event) -> Option<String> {
    match event {
        Event::Report(report) => Some(format!("report {}", tables::metrics_row(report).join(","))),
        Event::Preparing(_)
        | Event::Histograms(_)
        | Event::Saturation(_)
        | Event::Probed(_)
        | Event::Tasks(_) => Some(format!("{event:?}")),
        _ => None,
    }
}

/// Trains until all is done.
async fn to_its_end(mut remote: Remote, cadence: Cadence) -> Told {
    for command in [Command::Checkpoints(cadence), Command::Run] {
        remote.commands.send(command).await.expect("the trainer lives");
    }
    let mut told = Told::default();
    loop {
        match event(&mut remote).await {
            Event::State(state) if state.activity == Activity::Finished => break,
            Event::Failed(failure) => panic!("{failure:?}"),
            Event::Checkpoint(checkpoint) => told.checkpoints.push((told.figures.len(), checkpoint.bytes)),
            event => told.figures.extend(figures(&event)),
        }
    }
    remote.commands.send(Command::Save).await.expect("the trainer lives");
    while told.last.is_empty() {
        if let Event::Saved(bytes) = event(&mut remote).await {
            told.last = bytes;
        }
    }
    told
}

/// A small run of which everything is measured, so often that something always is under way.
fn config(data: &str, scenario: ScenarioKind) -> Config {
    let mut config = tiny_config(data);
    let (setup, hyper) = (&mut config.setup, &mut config.hyper);
    (setup.scenario, setup.steps, setup.batch_size) = (scenario, 12, 8);
    (setup.width, setup.auxiliary_width, setup.teacher_width) = (0.25, 0.25, 0.25);
    setup.teacher_steps = 3;
    (hyper.report_every_steps, hyper.histogram_every_steps, hyper.probe_every_steps) = (4, 3, 5);
    (hyper.evaluate_every_steps, hyper.evaluate_samples, hyper.attack_steps) = (4, 8, 1);
    // More digits than what reads JSON takes care of.
    hyper.learning_rate = 0.002_000_000_000_000_000_4;
    hyper.beta = 0.300_000_000_000_000_04;
    config
}

/// Stops runs at so many of their steps, drawn by a seed, and holds what comes of them against what was never stopped.
fn stopped(runs: impl FnOnce(&str) -> Vec<Config>, stops: usize) {
    let scratch = tempfile::tempdir().unwrap();
    let runs = runs(&tiny_data(scratch.path()));
    let mut random = StdRng::seed_from_u64(20);
    pollster::block_on(async {
        for config in runs {
            let name = config.setup.method().name();
            let through = to_its_end(trainer(&config, Delivery::Complete), Cadence::Steps(1)).await;
            let plain = to_its_end(trainer(&config, Delivery::Complete), Cadence::Never).await;
            assert_eq!(plain.figures, through.figures, "{name}: checkpoints change nothing");
            assert!(plain.last == through.last && plain.checkpoints.is_empty(), "{name}");
            let mut places: Vec<usize> = (0..through.checkpoints.len()).collect();
            assert!(places.len() >= 11, "{name}: one after each step but the last");
            places.shuffle(&mut random);
            for place in places.into_iter().take(stops) {
                let (told, bytes) = &through.checkpoints[place];
                let checkpoint = Checkpoint::read(bytes).unwrap();
                let step = checkpoint.header.step;
                assert_eq!(checkpoint.header.config, config, "{name}: to the last bit");
                let opened = open(&Choice::Cpu).unwrap();
                let remote = go_on(checkpoint, Duration::ZERO, &opened, Delivery::Complete).unwrap();
                let resumed = to_its_end(remote, Cadence::Never).await;
                assert_eq!(
                    resumed.figures,
                    through.figures[*told..],
                    "{name}, checkpoint {place}, step {step}"
                );
                assert!(resumed.last == through.last, "{name}, checkpoint {place}, step {step}");
            }
        }
    });
}

#[test]
fn a_defence_stopped_anywhere_ends_as_if_nothing_had_been() {
    let runs = |data: &str| {
        let defense = || config(data, ScenarioKind::Defense);
        let mut channel = defense();
        (channel.setup.mode, channel.setup.schedule) = (Mode::Great, Schedule::Cosine);
        channel.setup.augmentation = Augmentation::ShiftFlip;
        (channel.hyper.normalization, channel.hyper.gradient_noise) = (Normalization::Constant, 0.5);
        let mut noisy = defense();
        (noisy.setup.mode, noisy.setup.optimizer) = (Mode::GreatGreace, OptimizerKind::Sgd);
        (noisy.setup.input_transform, noisy.hyper.uniform_noise) = (InputTransform::Noise, 0.1);
        noisy.hyper.auxiliary_labels = AuxiliaryLabels::Shuffled;
        vec![channel, noisy]
    };
    stopped(runs, 4);
}

#[test]
fn a_distillation_stopped_anywhere_ends_as_if_nothing_had_been() {
    let runs = |data: &str| {
        let mut great = config(data, ScenarioKind::Distillation);
        (great.setup.method, great.setup.fraction) = (DistillationMethod::Great, 0.5);
        // Of its checkpoints the first ones are of a teacher in training.
        vec![great]
    };
    stopped(runs, 6);
}

#[test]
fn a_teacher_that_rounds_its_input_first_does_so_when_its_student_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let mut teacher = config(&tiny_data(scratch.path()), ScenarioKind::Defense);
    (teacher.setup.steps, teacher.setup.input_transform) = (2, InputTransform::Quantize);
    let trained = pollster::block_on(to_its_end(trainer(&teacher, Delivery::Complete), Cadence::Never));
    let path = scratch.path().join("teacher.safetensors");
    std::fs::write(&path, trained.last).unwrap();
    let runs = |data: &str| {
        let mut config = config(data, ScenarioKind::Distillation);
        config.setup.teacher = path.display().to_string();
        vec![config]
    };
    stopped(runs, 2);
}

#[test]
fn a_network_from_a_file_stopped_anywhere_ends_as_if_nothing_had_been() {
    let scratch = tempfile::tempdir().unwrap();
    let mut first = config(&tiny_data(scratch.path()), ScenarioKind::Defense);
    first.setup.steps = 2;
    let trained = pollster::block_on(to_its_end(trainer(&first, Delivery::Complete), Cadence::Never));
    let (network, values) = Checkpoint::read(&trained.last).unwrap().main();
    let path = scratch.path().join("network.onnx");
    std::fs::write(&path, onnx::write(&network, &values, &About::default()).unwrap()).unwrap();
    let runs = |data: &str| {
        [ScenarioKind::Defense, ScenarioKind::Distillation]
            .map(|scenario| {
                let mut config = config(data, scenario);
                (config.setup.pretrained, config.setup.pretrained_pixels) =
                    (path.display().to_string(), "0.1/0.9".into());
                if scenario == ScenarioKind::Distillation {
                    // The teacher is one, too.
                    config.setup.teacher = path.display().to_string();
                }
                config
            })
            .to_vec()
    };
    stopped(runs, 3);
}

#[test]
fn several_tasks_stopped_anywhere_end_as_if_nothing_had_been() {
    let runs = |data: &str| {
        let by = |method| {
            let mut config = config(data, ScenarioKind::Multitask);
            config.setup.multitask_method = method;
            config
        };
        [MultitaskMethod::GreatGradNorm, MultitaskMethod::PcGrad, MultitaskMethod::Uncertainty]
            .map(by)
            .to_vec()
    };
    stopped(runs, 3);
}

/// A run that early stopping ends: it learns next to nothing, so that the first evaluation stays the best.
fn stopping(data: &str, scenario: ScenarioKind) -> Config {
    let mut config = config(data, scenario);
    (config.setup.steps, config.hyper.learning_rate, config.hyper.alignment_rate) = (40, 1e-6, 0.0);
    (config.hyper.evaluate_every_steps, config.hyper.stop_after) = (3, 4);
    // A probe takes a turn also while training waits for an evaluation: when it is told is no matter of steps.
    config.hyper.probe_every_steps = 0;
    // A controller remembers, too, and what it made of the step of the checkpoint.
    config.hyper.alpha_target = 0.5;
    config
}

#[test]
fn a_run_that_ends_early_ends_so_wherever_it_was_stopped() {
    stopped(|data| ScenarioKind::ALL.iter().map(|scenario| stopping(data, *scenario)).collect(), 3);
}

/// A trainer that goes on with a run that was kept in `folder`, in place of another one that has taken a step.
async fn go_on_in_place(checkpoint: Vec<u8>, folder: &Path) -> Remote {
    let mut config = Config::default();
    (config.setup.width, config.setup.auxiliary_width, config.setup.batch_size) = (0.25, 0.25, 8);
    config.hyper.histogram_every_steps = 0;
    let mut remote = trainer(&config, Delivery::Complete);
    remote.commands.send(Command::Step(Players::Both, 1)).await.expect("the trainer lives");
    while !matches!(event(&mut remote).await, Event::State(state) if state.step == 1) {}
    let folder = folder.display().to_string();
    let trained = vec![(3, Duration::from_secs(3)), (900, Duration::from_secs(900))];
    let go_on = Command::GoOn(Box::new(GoOn { checkpoint, folder, trained }));
    remote.commands.send(go_on).await.expect("the trainer lives");
    remote
}

#[test]
fn a_kept_run_goes_on_in_place_of_another_and_ends_as_if_it_had_never_ended() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("runs/a");
    std::fs::create_dir_all(&folder).unwrap();
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let config = config(&tiny_data(&data), ScenarioKind::Defense);
    pollster::block_on(async {
        let through = to_its_end(trainer(&config, Delivery::Complete), Cadence::Steps(1)).await;
        let (told, bytes) = &through.checkpoints[6];
        let mut remote = go_on_in_place(bytes.clone(), &folder).await;
        let mut left = None;
        let info = loop {
            match event(&mut remote).await {
                Event::Started(info) if info.run == 2 => break info,
                Event::Checkpoint(found) => left = Some((found.run, found.step)),
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        };
        assert_eq!(left, Some((1, 1)), "the run at hand leaves its checkpoint");
        assert_eq!(info.forked, Some(Forked { run: 0, step: 7 }));
        let again = to_its_end(remote, Cadence::Never).await;
        let of_run = |figures: &[String]| -> Vec<String> {
            figures.iter().map(|figure| figure.replace("run: 2", "run: 1")).collect()
        };
        assert_eq!(of_run(&again.figures), through.figures[*told..]);
        assert!(again.last == through.last, "bit for bit");
    });
}

#[test]
fn a_kept_run_that_cannot_go_on_leaves_the_run_at_hand() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let config = config(&tiny_data(&data), ScenarioKind::Defense);
    pollster::block_on(async {
        let through = to_its_end(trainer(&config, Delivery::Complete), Cadence::Steps(5)).await;
        std::fs::rename(&data, scratch.path().join("elsewhere")).unwrap();
        let (_, bytes) = &through.checkpoints[0];
        for (bytes, expected) in [
            (bytes.clone(), "looked at"),
            (through.last.clone(), "all 12 steps of that run are done"),
            (vec![1, 2, 3], "not a whole safetensors file"),
        ] {
            let mut remote = go_on_in_place(bytes, scratch.path()).await;
            let failure = loop {
                if let Event::Failed(failure) = event(&mut remote).await {
                    break failure;
                }
            };
            assert!(failure.what.contains(expected), "{failure:?}");
            remote.commands.send(Command::Step(Players::Both, 1)).await.expect("the trainer lives");
            while !matches!(event(&mut remote).await, Event::State(state) if state.step == 2) {}
        }
        // Beside the run's folder they are found.
        std::fs::create_dir_all(scratch.path().join("moved/runs/a")).unwrap();
        std::fs::rename(scratch.path().join("elsewhere"), scratch.path().join("moved/data")).unwrap();
        let mut remote = go_on_in_place(bytes.clone(), &scratch.path().join("moved/runs/a")).await;
        while !matches!(event(&mut remote).await, Event::Started(info) if info.forked.is_some()) {}
    });
}

#[test]
fn a_checkpoint_remembers_the_best_evaluation_and_is_refused_where_that_does_not_fit() {
    let scratch = tempfile::tempdir().unwrap();
    let config = stopping(&tiny_data(scratch.path()), ScenarioKind::Defense);
    let through = pollster::block_on(to_its_end(trainer(&config, Delivery::Complete), Cadence::Steps(1)));
    let end = Checkpoint::read(&through.last).unwrap().header;
    let ended = end.stopped.expect("it does not rise for ever");
    assert!(ended.at > ended.best && end.step == ended.best, "{ended:?}");
    let has_best = |(_, bytes): &&(usize, Vec<u8>)| contains(bytes, br#"\"best\":{\"step\":3"#);
    let (_, bytes) = through.checkpoints.iter().find(has_best).expect("the first evaluation is the best");
    assert!(!contains(&through.last, b"best.main."), "a run that has ended goes back no more");
    let header = Checkpoint::read(bytes).unwrap().header;
    assert_eq!((header.step, header.stopped), (4, None));
    for (from, to, expected) in [
        (r#"\"best\":{\"step\":3"#, r#"\"best\":{\"step\":9"#, "does not fit its run"),
        ("best.main.conv1.weight", "best.main.conv7.weight", "'best.main.conv1.weight'"),
    ] {
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes());
        let at = at.unwrap_or_else(|| panic!("{from} is not in it"));
        let changed = [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat();
        let error = Checkpoint::read(&changed).unwrap_err().to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_itself_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let config = config(&tiny_data(scratch.path()), ScenarioKind::Defense);
    let through = pollster::block_on(to_its_end(trainer(&config, Delivery::Complete), Cadence::Steps(1)));
    let bytes = through
        .checkpoints
        .into_iter()
        .map(|(_, bytes)| bytes)
        .find(|bytes| contains(bytes, br#"\"probe\":{"#) && contains(bytes, br#"\"sums\":{"#))
        .expect("a probe and sums are under way in one of them");
    Checkpoint::read(&bytes).unwrap();
    for (from, to, expected) in [
        // Of the same length, so that the rest stays where it is.
        (r#"\"lengths\":[21]"#, r#"\"lengths\":[22]"#, "does not fit its run"),
        (r#"\"probe\":{\"step\":5"#, r#"\"probe\":{\"step\":9"#, "does not fit its run"),
        ("sums.0", "sums.1", "'sums.0'"),
        ("probe.main.conv1.weight", "probe.main.conv7.weight", "'probe.main.conv1.weight'"),
    ] {
        let Some(at) = bytes.windows(from.len()).position(|window| window == from.as_bytes()) else {
            panic!("{from} is not in it")
        };
        let changed = [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat();
        let error = Checkpoint::read(&changed).unwrap_err().to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        let error = Checkpoint::read(&bytes[..length]).unwrap_err().to_string();
        assert!(error.contains("truncated"), "{length} bytes: {error}");
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn data_that_are_others_than_they_were_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let config = config(&tiny_data(scratch.path()), ScenarioKind::Defense);
    let through = pollster::block_on(to_its_end(trainer(&config, Delivery::Complete), Cadence::Steps(5)));
    let checkpoint = Checkpoint::read(&through.checkpoints[0].1).unwrap();
    let images = scratch.path().join("train-images-idx3-ubyte");
    let mut bytes = std::fs::read(&images).unwrap();
    bytes[16..5000].fill(255);
    std::fs::write(&images, bytes).unwrap();
    let mut remote =
        go_on(checkpoint, Duration::ZERO, &open(&Choice::Cpu).unwrap(), Delivery::Complete).unwrap();
    let failure = pollster::block_on(async {
        loop {
            if let Event::Failed(failure) = event(&mut remote).await {
                break failure;
            }
        }
    });
    assert!(failure.what.contains("is not what it was when the run began"), "{failure:?}");
}

/// What the command does, with signals.
#[cfg(unix)]
mod command {
    use std::collections::BTreeMap;
    use std::process::{Child, Command, Output, Stdio};
    use std::time::Instant;

    use great_lab::runs::checkpoints::in_folder;

    use super::*;
    use crate::common::PATIENCE;
    use crate::listening;

    /// A run of some seconds.
    const RUN: &str = "train --device cpu --data data --mode great --steps 300 --set batch_size=16 --set width=0.25 \
        --set auxiliary_width=0.25 --set report_every_steps=7 --set histogram_every_steps=50 --set probe_every_steps=90 \
        --set evaluate_every_steps=0 --set evaluate_samples=8 --set attack_steps=1 --set gradient_noise=0.5";
    /// What must be the same.
    const SAME: [&str; 6] = [
        "metrics.csv",
        "histograms.csv",
        "saturation.csv",
        "probe.csv",
        "robustness.csv",
        "checkpoint.safetensors",
    ];

    fn folder() -> tempfile::TempDir {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("data")).unwrap();
        tiny_data(&scratch.path().join("data"));
        scratch
    }

    fn lab(line: &str, folder: &Path) -> Command {
        let mut command = listening(env!("CARGO_BIN_EXE_great-lab"));
        command.args(line.split_whitespace()).current_dir(folder).env_remove("RUST_LOG");
        command
    }

    fn run(line: &str, folder: &Path) -> Output {
        lab(line, folder).output().unwrap()
    }

    fn must(line: &str, folder: &Path) -> String {
        let output = run(line, folder);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn json(path: &Path) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Signals a command once the checkpoint in `out` is another than it was, and waits for its end.
    fn signalled(line: &str, folder: &Path, out: &str, name: &str) -> Option<i32> {
        let mut child: Child = lab(line, folder).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let path = folder.join(out).join(Checkpoint::FILE);
        let written = || path.metadata().and_then(|file| file.modified()).ok();
        let (before, begin) = (written(), Instant::now());
        while written().is_none() || written() == before {
            assert!(begin.elapsed() < PATIENCE, "no checkpoint comes");
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was stopped");
            std::thread::sleep(Duration::from_millis(2));
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
        child.wait().unwrap().code()
    }

    fn same(folder: &Path, whole: &str, other: &str) {
        for file in SAME {
            let [whole, other] =
                [whole, other].map(|out| std::fs::read(folder.join(out).join(file)).unwrap());
            assert!(
                whole == other,
                "{other:?}: {file} differs",
                other = text(&other[..200.min(other.len())])
            );
        }
    }

    #[test]
    fn a_run_that_is_killed_or_interrupted_goes_on_and_ends_as_if_nothing_had_been() {
        let scratch = folder();
        let folder = scratch.path();
        must(&format!("{RUN} --out whole"), folder);
        assert!(json(&folder.join("whole/run.json")).get("resumed").is_none());
        assert_eq!(
            signalled(&format!("{RUN} --checkpoint-every 20 --out cut"), folder, "cut", "-KILL"),
            None
        );
        assert_eq!(json(&folder.join("cut/run.json"))["outcome"], "running");
        let resume = "train --device cpu --resume cut";
        assert_eq!(signalled(&format!("{resume} --checkpoint-every 7"), folder, "cut", "-KILL"), None);
        assert_eq!(signalled(&format!("{resume} --checkpoint-every 7"), folder, "cut", "-INT"), Some(130));
        assert_eq!(json(&folder.join("cut/run.json"))["outcome"], "interrupted");
        must(resume, folder);
        same(folder, "whole", "cut");
        let record = json(&folder.join("cut/run.json"));
        assert_eq!(record["outcome"], "finished");
        let steps: Vec<u64> =
            record["resumed"].as_array().unwrap().iter().map(|at| at["step"].as_u64().unwrap()).collect();
        assert!(steps.len() == 3 && steps.is_sorted() && steps[0] >= 20 && steps[2] < 300, "{steps:?}");
        for chart in ["losses.png", "accuracies.png", "histograms.png"] {
            let [whole, cut] =
                ["whole", "cut"].map(|out| std::fs::read(folder.join(out).join(chart)).unwrap());
            assert!(whole == cut, "{chart} has all of the run");
        }
        crate::files::explains_folder(&folder.join("cut"));
        let before = contents(&folder.join("cut"));
        let said = must(resume, folder);
        assert!(said.contains("cut is finished"), "{said}");
        assert!(contents(&folder.join("cut")) == before, "nothing was touched");
    }

    /// The bytes of every file.
    fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries
            .map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    std::fs::read(entry.path()).unwrap_or_default(),
                )
            })
            .collect()
    }

    /// Copies of the run in `a`, each with something wrong.
    fn spoil(folder: &Path) {
        let copy = |name: &str| {
            let to = folder.join(name);
            std::fs::create_dir(&to).unwrap();
            for (file, bytes) in contents(&folder.join("a")) {
                std::fs::write(to.join(file), bytes).unwrap();
            }
            to
        };
        std::fs::remove_file(copy("bare").join(Checkpoint::FILE)).unwrap();
        let cut = copy("cut").join(Checkpoint::FILE);
        let whole = std::fs::read(&cut).unwrap();
        std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
        let later = text_replaced(&whole, br#"\"version\":1"#, br#"\"version\":9"#);
        std::fs::write(copy("later").join(Checkpoint::FILE), later).unwrap();
        let metrics = copy("short").join("metrics.csv");
        let rows = std::fs::read_to_string(&metrics).unwrap();
        std::fs::write(metrics, rows.lines().next().unwrap().to_owned() + "\n").unwrap();
        std::fs::write(copy("none").join("run.json"), "{}").unwrap();
        let moved = copy("moved").join(Checkpoint::FILE);
        let place = format!("{}", folder.join("data").display());
        let gone = "x".repeat(place.len());
        let header = text_replaced(&whole, place.as_bytes(), gone.as_bytes());
        std::fs::write(moved, text_replaced(&header, br#"\"data\":\"data\""#, br#"\"data\":\"away\""#))
            .unwrap();
    }

    #[test]
    fn a_run_can_be_gone_on_with_from_every_checkpoint_that_it_has_kept() {
        let scratch = folder();
        let folder = scratch.path();
        let run = RUN.replace("--steps 300", "--steps 120");
        must(&format!("{run} --checkpoint-every 20 --out whole"), folder);
        let kept = in_folder(&folder.join("whole"));
        let steps: Vec<u64> = kept.iter().map(|kept| kept.step).collect();
        assert_eq!(steps, [20, 40, 60, 80, 100, 120]);
        let listed = &json(&folder.join("whole/run.json"))["checkpoints"];
        assert_eq!(*listed, serde_json::to_value(&kept).unwrap(), "the record says of which steps");
        for step in [20, 80] {
            let out = format!("from-{step}");
            must(&format!("train --device cpu --fork whole@{step} --out {out}"), folder);
            same(folder, "whole", &out);
            assert_eq!(json(&folder.join(&out).join("run.json"))["forked_from"]["step"], step);
        }
        let said = text(&lab("train --device cpu --fork whole@30 --out b", folder).output().unwrap().stderr);
        assert!(
            said.contains("whole has no checkpoint of step 30") && said.contains("@20, @40, @60"),
            "{said}"
        );

        // One that is written anew has none of the other's; one that may keep none has the last alone.
        must(&format!("{run} --force --checkpoint-every 50 --out whole"), folder);
        let steps = |out: &str| in_folder(&folder.join(out)).iter().map(|kept| kept.step).collect::<Vec<_>>();
        assert_eq!(steps("whole"), [50, 100, 120]);
        must(&format!("{run} --keep-checkpoints 0 --checkpoint-every 20 --out few"), folder);
        assert_eq!(steps("few"), [120]);
        // Whoever goes on with it has those of before, too.
        signalled(&format!("{RUN} --checkpoint-every 20 --out cut"), folder, "cut", "-KILL");
        let before = steps("cut");
        must("train --device cpu --resume cut --checkpoint-every 50", folder);
        assert!(before.iter().all(|step| steps("cut").contains(step)), "{before:?} {:?}", steps("cut"));
        assert_eq!(steps("cut").last(), Some(&300));
    }

    #[test]
    fn what_cannot_be_gone_on_with_is_refused_and_left_as_it_was() {
        let scratch = folder();
        let folder = scratch.path();
        signalled(&format!("{RUN} --checkpoint-every 20 --out a"), folder, "a", "-KILL");
        spoil(folder);
        for (line, expected) in [
            ("train --resume nowhere", "there is no run at nowhere"),
            ("train --resume bare", "bare has no checkpoint.safetensors"),
            ("train --resume cut", "it may be truncated"),
            ("train --resume later", "has format 9, this program reads up to 1"),
            ("train --resume short", "metrics.csv has 0 rows, and "),
            ("train --resume none", "run.json is not the record of a run"),
            ("train --resume moved", "away"),
            ("train --resume a --seed 2", "--seed 2: seed is 1 in this run and fixed"),
            ("train --resume a --mode greace", "--mode greace: mode is great in this run and fixed"),
            ("train --resume a --set batch_size=8", "--set batch_size=8: batch_size is 16 in this run"),
            ("train --resume a --steps 299", "--steps 299: this run has 300 steps, and may be given more"),
            ("train --resume a --set beta=1", "beta=1: not used with great"),
            ("train --resume a --set alpha=11", "alpha: 11 is out of range"),
            ("train --resume a --set alpa=1", "there is no knob 'alpa'"),
            ("multitask --resume a", "is of the scenario defense: great-lab train --resume a"),
            ("train --resume a --out b", "cannot be used with"),
            ("train --resume a --epochs 3", "cannot be used with"),
            ("train --resume a --fork a", "cannot be used with"),
            ("train --fork nowhere --out b", "there is no run at nowhere"),
            ("train --fork a@7 --out b", "a has no checkpoint of step 7"),
            ("train --fork a --seed 2 --out b", "seed is 1 in this run and fixed"),
            ("train --fork a --out a", "a is not empty"),
            ("train --checkpoint-every -1", "'-1'"),
        ] {
            let name =
                line.split_whitespace().nth(2).unwrap_or_default().split('@').next().unwrap_or_default();
            let before = folder.join(name).is_dir().then(|| contents(&folder.join(name)));
            let output = run(&format!("{line} --device cpu"), folder);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{line}: {said}");
            assert!(said.contains(expected) && said.lines().count() == 1, "{line}: {said}");
            assert!(before.is_none_or(|before| contents(&folder.join(name)) == before), "{line}: touched");
            assert!(!folder.join("b").exists(), "{line}");
        }
    }

    fn text_replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    }

    #[test]
    fn knobs_are_turned_where_a_run_goes_on_and_a_fork_is_a_run_of_its_own() {
        let scratch = folder();
        let folder = scratch.path();
        must(&format!("{RUN} --out whole"), folder);
        signalled(&format!("{RUN} --checkpoint-every 20 --out a"), folder, "a", "-KILL");
        let before = contents(&folder.join("a"));
        must("train --device cpu --fork a --out same", folder);
        same(folder, "whole", "same");
        let record = json(&folder.join("same/run.json"));
        let origin = &record["forked_from"];
        let step = origin["step"].as_u64().unwrap();
        assert!(
            origin["run"].as_str().unwrap().ends_with("/a") && origin.get("changed").is_none(),
            "{record}"
        );
        must(&format!("train --device cpu --fork a@{step} --set alpha=0.9 --out other"), folder);
        assert!(contents(&folder.join("a")) == before, "the other run is as it was");
        let rows = |out: &str| -> Vec<String> {
            let table = std::fs::read_to_string(folder.join(out).join("metrics.csv")).unwrap();
            table.lines().map(String::from).collect()
        };
        let shared = rows("whole").iter().zip(rows("other")).take_while(|(a, b)| *a == b).count() as u64;
        let (whole, other) = (rows("whole"), rows("other"));
        assert_eq!(whole.len(), other.len());
        assert!(shared > step / 7 && whole.last() != other.last(), "they part at step {step}: {shared} rows");
        let turned = &json(&folder.join("other/run.json"))["forked_from"]["changed"][0];
        assert_eq!((turned["knob"].as_str(), turned["to"].as_str()), (Some("alpha"), Some("0.9")));
        // It has no checkpoints but its own, and those of steps that it has taken itself.
        let kept =
            |out: &str| -> Vec<u64> { in_folder(&folder.join(out)).iter().map(|kept| kept.step).collect() };
        assert!(kept("other").iter().all(|of| *of > step), "{:?}", kept("other"));

        must("train --device cpu --resume a --set alpha=0.9 --steps 310 --data data --seed 1", folder);
        let record = json(&folder.join("a/run.json"));
        let changed = record["resumed"][0]["changed"].as_array().unwrap();
        let knobs: Vec<_> = changed.iter().map(|turned| turned["knob"].as_str().unwrap()).collect();
        assert_eq!(knobs, ["alpha", "steps"], "{record}");
        assert_eq!(
            (&record["config"]["hyper"]["alpha"], &record["final"]["step"]),
            (&0.9.into(), &310.into())
        );
    }
}
