//! The flags that say what a run is, and the [`Config`] they make; every value passes the one table of knobs.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::config::knob::Value;
use crate::config::knobs::assign;
use crate::config::link::{self, Linked};
use crate::config::{Config, EXAMPLES, Example, GALLERY, Knob, Method, NetworkKind, Piece, ScenarioKind};
use crate::gpu::{Choice, Opened, open};
use crate::headless::error::HeadlessError;
use crate::headless::evaluate::ScalingFlags;
use crate::headless::print::say;
use crate::runs::record::read_run;
use crate::train::places;

/// What is trained, on what, for how long. Each flag is a shortcut for a `--set`.
#[derive(clap::Args, Debug, Default)]
pub struct RunOptions {
    /// How the main network is trained
    #[arg(long, value_name = "MODE", value_parser = methods(ScenarioKind::Defense))]
    pub mode: Option<String>,
    /// A built-in data set (fashion-mnist, solids, or a world: moons, rings, spirals, blobs, checkerboard, thin-gap, redundant), a folder with IDX, IDX.gz, CIFAR-10 or .npz files, or an .npz file
    #[arg(long, value_name = "NAME|DIR")]
    pub data: Option<String>,
    /// Architecture of the main network; in a distillation of the student
    #[arg(long, alias = "student", value_name = "NAME", value_parser = PossibleValuesParser::new(NetworkKind::NAMES))]
    pub network: Option<String>,
    /// An ONNX file of a network that somebody else trained: the main network is that one and begins with its weights
    #[arg(long, value_name = "FILE.onnx")]
    pub pretrained: Option<String>,
    /// How it sees images.
    #[command(flatten)]
    pub scaling: ScalingFlags,
    /// Length of the run in training steps
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub steps: Option<String>,
    /// Seed of weights, data order, random starts and random targets
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<String>,
    /// Any knob of the lab, as often as needed; see the list below
    #[arg(long, value_name = "KNOB=VALUE", allow_hyphen_values = true)]
    pub set: Vec<String>,
    /// Begin with the configuration in the run.json of another run, or of its folder; other flags change it
    #[arg(long, value_name = "RUN.JSON")]
    pub config: Option<PathBuf>,
    /// Begin with the run that a link describes, as the lab's "Copy link" gives it; other flags change it
    #[arg(long, value_name = "LINK", conflicts_with = "config")]
    pub link: Option<String>,
    /// Begin with a ready-made run ("great-lab examples" lists them); other flags change it
    #[arg(long, value_name = "NAME", value_parser = examples(), conflicts_with_all = ["config", "link"])]
    pub example: Option<String>,
    /// Where to compute: auto (a real GPU, else the CPU), gpu, cpu, or part of an adapter's name
    #[arg(long, value_name = "auto|gpu|cpu|NAME", default_value = "auto")]
    pub device: String,
    /// Further shortcuts, of the command that these flags are part of.
    #[arg(skip)]
    pub shortcuts: Vec<Shortcut>,
}

impl Given {
    /// Which knob it sets.
    pub const fn knob(&self) -> &'static Knob {
        self.knob
    }

    /// Whether it sets the knob of that name.
    pub fn is(&self, name: &str) -> bool {
        self.knob.name == name
    }

    /// The flag as it was typed.
    pub fn flag(&self) -> &str {
        &self.flag
    }

    /// Whether such a run has the value that was set.
    pub fn holds_in(&self, config: &Config) -> bool {
        self.knob.read(config) == self.value
    }
}

/// The names of a scenario's methods; `--help` says of each what it minimises.
pub fn methods(scenario: ScenarioKind) -> PossibleValuesParser {
    let named = |method: Method| {
        let about = method.about();
        PossibleValue::new(method.name()).help(format!("{about}: minimises {}", about.minimises))
    };
    PossibleValuesParser::new(Method::all(scenario).into_iter().map(named))
}

/// The names of the ready-made runs; `--help` says of each what there is to see.
fn examples() -> PossibleValuesParser {
    let named = |example: &Example| {
        PossibleValue::new(example.name).help(format!("{}: {}", example.title, example.about))
    };
    let shown =
        |piece: &Piece| PossibleValue::new(piece.name).help(format!("{}: {}", piece.title, piece.see));
    PossibleValuesParser::new(GALLERY.iter().map(shown).chain(EXAMPLES.iter().map(named)))
}

/// A flag that sets a knob.
#[derive(Clone, Debug)]
pub struct Shortcut {
    /// The knob.
    pub knob: &'static str,
    /// The flag's name, without dashes.
    pub flag: &'static str,
    /// What it was given.
    pub value: String,
}

/// A knob that somebody set, and the flag as it was typed.
#[derive(Clone)]
pub struct Given {
    knob: &'static Knob,
    value: Value,
    flag: String,
}

/// Refuses a knob that none of the runs would use, as the window greys it.
///
/// # Errors
/// [`HeadlessError::Unused`], of the first such knob.
pub fn refuse_unused(given: &[Given], runs: &[&Config]) -> Result<(), HeadlessError> {
    for Given { knob, flag, .. } in given {
        let reasons: Option<Vec<_>> = runs.iter().map(|config| knob.unused(config, None)).collect();
        let Some(why) = reasons.and_then(|reasons| reasons.into_iter().next()) else { continue };
        let rest = if runs.len() > 1 { ", and no other run compared does" } else { "" };
        return Err(HeadlessError::Unused { flag: flag.clone(), why: why + rest });
    }
    Ok(())
}

impl RunOptions {
    /// Whether neither a flag nor another run says what the data are.
    pub fn says_nothing_of_data(&self) -> bool {
        self.data.is_none()
            && self.config.is_none()
            && self.link.is_none()
            && self.example.is_none()
            && !self.set.iter().any(|set| set.trim_start().starts_with("data"))
    }

    /// The configuration these flags make. `epochs` sets the steps too, but only the size of the data tells how many.
    ///
    /// # Errors
    /// A knob that does not exist, is set twice, refuses its value or would not be used; a file that is no configuration.
    pub fn config(&self, epochs: Option<u32>) -> Result<Config, HeadlessError> {
        let linked = self.linked(epochs)?;
        warn_of(&linked.refused);
        Ok(linked.config)
    }

    /// As [`Self::config`], with what a link says besides.
    ///
    /// # Errors
    /// As [`Self::config`].
    pub fn linked(&self, epochs: Option<u32>) -> Result<Linked, HeadlessError> {
        let (linked, given) = self.given(epochs)?;
        refuse_unused(&given, &[&linked.config])?;
        Ok(linked)
    }

    /// Turns the knobs that these flags set in a run that is there; which these are.
    ///
    /// # Errors
    /// A knob that does not exist, is set twice, refuses its value or is of another scenario.
    pub fn turn(&self, config: &mut Config) -> Result<Vec<Given>, HeadlessError> {
        self.flags(None, config)
    }

    /// What the runs of a comparison have in common, and which knobs were set by flags: whether any run uses them is
    /// for [`refuse_unused`] to say, once the runs are known.
    ///
    /// # Errors
    /// As [`Self::config`].
    pub fn base(&self) -> Result<(Config, Vec<Given>), HeadlessError> {
        let (linked, given) = self.given(None)?;
        warn_of(&linked.refused);
        Ok((linked.config, given))
    }

    fn given(&self, epochs: Option<u32>) -> Result<(Linked, Vec<Given>), HeadlessError> {
        let mut linked = match (&self.link, &self.example) {
            (Some(link), _) => link::read(link),
            (None, Some(name)) => self.example(name)?,
            (None, None) => Linked { config: Config::start(self.scenario()), ..Linked::default() },
        };
        let mut recorded = None;
        if let Some(path) = &self.config {
            let (config, places) = read_run(path)?;
            linked.config = config;
            let folder = if path.is_dir() { Some(path.as_path()) } else { path.parent() };
            recorded = Some((places, folder));
        }
        let given = self.flags(epochs, &mut linked.config)?;
        if let Some((places, folder)) = recorded {
            let setup = &mut linked.config.setup;
            let is_set = |knob: &str| given.iter().any(|given| given.knob.name == knob);
            if !is_set("data") {
                places::find_data(setup, &places, folder)?;
            }
            if !is_set("pretrained") {
                places::find_pretrained(setup, &places, folder)?;
            }
            if !is_set("teacher") {
                places::find_teacher(setup, &places, folder)?;
            }
        }
        Ok((linked, given))
    }

    /// The ready-made run of that name: one of the gallery, or a row of the paper's or what it is held against.
    fn example(&self, name: &str) -> Result<Linked, HeadlessError> {
        let flag = |problem| HeadlessError::Flag { flag: "--example", problem };
        let linked = match Piece::find(name) {
            Ok(piece) => piece.linked(),
            Err(_) => Linked { config: Example::find(name).map_err(flag)?.config(), ..Linked::default() },
        };
        let (asked, own) = (self.scenario(), linked.config.setup.scenario);
        if asked != own && self.has_scenario() {
            return Err(flag(format!("{name} is a run of the scenario {own}, not of {asked}; leave it out")));
        }
        Ok(linked)
    }

    /// Whether the flags name a scenario.
    fn has_scenario(&self) -> bool {
        let is_set =
            |assignment: &String| assignment.split('=').next().is_some_and(|knob| knob.trim() == "scenario");
        self.set.iter().any(is_set) || self.shortcuts.iter().any(|shortcut| shortcut.knob == "scenario")
    }

    /// The scenario that the flags name; a defence where they name none, or none that there is, which is refused later.
    fn scenario(&self) -> ScenarioKind {
        let set = |assignment: &String| {
            let (knob, value) = assignment.split_once('=')?;
            (knob.trim() == "scenario").then(|| value.trim().to_owned())
        };
        let shortcut = |shortcut: &Shortcut| (shortcut.knob == "scenario").then(|| shortcut.value.clone());
        let named = self.set.iter().find_map(set).or_else(|| self.shortcuts.iter().find_map(shortcut));
        named.and_then(|name| name.parse().ok()).unwrap_or(ScenarioKind::Defense)
    }

    /// How the network from a file sees images, where flags say it.
    fn pixels(&self) -> Result<Option<Shortcut>, HeadlessError> {
        let flag = match (self.scaling.mean.is_empty(), self.scaling.std.is_empty()) {
            (true, true) => return Ok(None),
            (false, _) => "mean",
            (true, false) => "std",
        };
        // As a knob a / stands between the mean and the deviation.
        if let Some(mean) = self.scaling.mean.iter().find(|mean| mean.contains('/')) {
            let problem = format!("{mean} is no number; write a fraction as a decimal");
            return Err(HeadlessError::Flag { flag: "--mean", problem });
        }
        Ok(Some(Shortcut { knob: "pretrained_pixels", flag, value: self.scaling.said().text() }))
    }

    fn flags(&self, epochs: Option<u32>, config: &mut Config) -> Result<Vec<Given>, HeadlessError> {
        let own = [
            ("mode", &self.mode),
            ("data", &self.data),
            ("network", &self.network),
            ("pretrained", &self.pretrained),
            ("steps", &self.steps),
            ("seed", &self.seed),
        ];
        let own = own
            .into_iter()
            .filter_map(|(knob, value)| Some(Shortcut { knob, flag: knob, value: value.clone()? }));
        let own = own.chain(self.pixels()?);
        let mut set: Vec<Given> = Vec::new();
        if let Some(epochs) = epochs {
            let knob = Knob::find("steps")?;
            set.push(Given { knob, value: knob.read(config), flag: format!("--epochs {epochs}") });
        }
        for Shortcut { knob, flag, value } in self.shortcuts.iter().cloned().chain(own) {
            let knob = assign(config, &format!("{knob}={value}"))?;
            set.push(Given { knob, value: knob.read(config), flag: format!("--{flag} {value}") });
        }
        for assignment in &self.set {
            let knob = assign(config, assignment)?;
            let flag = format!("--set {assignment}");
            if let Some(earlier) = set.iter().find(|earlier| earlier.knob.name == knob.name) {
                let first = earlier.flag.clone();
                return Err(HeadlessError::SetTwice { knob: knob.name.into(), first, second: flag });
            }
            set.push(Given { knob, value: knob.read(config), flag });
        }
        let scenario = config.setup.scenario;
        match set.iter().find(|given| !given.knob.applies_to(scenario)) {
            Some(Given { knob, flag, .. }) => Err(HeadlessError::NotOfScenario {
                flag: flag.clone(),
                knob: knob.name.into(),
                scenario: scenario.name(),
            }),
            None => Ok(set),
        }
    }
}

/// Says what of a link was not kept.
fn warn_of(refused: &[String]) {
    for refused in refused {
        say(&format!("warning: {refused} The rest of the link is kept."));
    }
}

/// Opens the device that `--device` names.
///
/// # Errors
/// A name that no adapter has, or that several have; a GPU that is not there or refuses.
pub fn open_device(name: &str) -> Result<Opened, HeadlessError> {
    let choice: Choice = name.parse().map_err(|problem| HeadlessError::Flag { flag: "--device", problem })?;
    Ok(open(&choice)?)
}

/// The table of knobs as a help text.
pub fn knobs_help() -> String {
    let row = |knob: &Knob| {
        // As a run of the first scenario begins that it says something about; then where others begin otherwise.
        let of = |scenario: &ScenarioKind| knob.say(&knob.start_value(*scenario));
        let default = knob.scenarios.first().map(of).unwrap_or_default();
        let others =
            knob.scenarios.iter().filter(|scenario| of(scenario) != default && knob.name != "scenario");
        let others: String = others.map(|scenario| format!(" ({scenario}: {})", of(scenario))).collect();
        let unit = if knob.unit.is_empty() { String::new() } else { format!(" [{}]", knob.unit) };
        let scenario = if knob.scenarios.len() < ScenarioKind::ALL.len() {
            let names: Vec<_> = knob.scenarios.iter().map(|scenario| scenario.name()).collect();
            format!("{} alone: ", names.join(" and "))
        } else {
            String::new()
        };
        format!(
            "  {} = {default}{others}{unit}\n      {scenario}{}; {}\n",
            knob.name,
            knob.help,
            knob.kind.expected()
        )
    };
    let knobs: String = crate::config::KNOBS.iter().map(row).collect();
    format!("Knobs for --set, with their defaults:\n{knobs}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    fn options(set: &[&str]) -> RunOptions {
        RunOptions { set: set.iter().map(ToString::to_string).collect(), ..RunOptions::default() }
    }

    #[test]
    fn flags_are_shortcuts_for_knobs() {
        let flags =
            RunOptions { steps: Some("12".into()), mode: Some("greace".into()), ..options(&["beta=1/4"]) };
        let config = flags.config(None).unwrap();
        assert_eq!((config.setup.steps, config.setup.mode, config.hyper.beta), (12, Mode::Greace, 0.25));
    }

    #[test]
    fn a_knob_set_twice_is_refused() {
        for (flags, epochs, first) in [
            (options(&["alpha=1", "alpha=2"]), None, "--set alpha=1"),
            (RunOptions { steps: Some("3".into()), ..options(&["steps=4"]) }, None, "--steps 3"),
            (options(&["steps=4"]), Some(3), "--epochs 3"),
        ] {
            let error = flags.config(epochs).unwrap_err().to_string();
            assert!(error.contains("twice") && error.contains(first), "{error}");
        }
    }

    #[test]
    fn a_knob_that_the_run_would_not_use_is_refused() {
        let mode = |mode: &str, set: &[&str]| RunOptions { mode: Some(mode.into()), ..options(set) };
        let teacher = Shortcut { knob: "teacher_steps", flag: "teacher-steps", value: "9".into() };
        let distil = |shortcuts: Vec<Shortcut>, set: &[&str]| RunOptions { shortcuts, ..options(set) };
        for (flags, expected) in [
            (
                mode("pgd-at", &["beta=1"]),
                "--set beta=1: not used with pgd-at: greace and great+greace use it; leave it out",
            ),
            (mode("trades", &["alpha=0.1"]), "great and great+greace use it"),
            (options(&["momentum=0.5"]), "Adam has its own momentum"),
            (options(&["input_levels=3"]), "quantize uses it"),
            (
                distil(vec![teacher.clone()], &["scenario=distillation", "teacher=runs/a"]),
                "--teacher-steps 9: not used: the teacher is given",
            ),
            (options(&["scenario=multitask", "gradnorm_rate=0.1"]), "gradnorm and great+gradnorm use it"),
        ] {
            let error = flags.config(None).unwrap_err();
            assert_eq!(error.exit_status(), 2);
            assert!(error.to_string().contains(expected), "{error}");
        }
        for flags in [
            mode("greace", &["beta=1"]),
            options(&["momentum=0.5", "optimizer=sgd"]),
            distil(vec![teacher], &["scenario=distillation"]),
            RunOptions { link: Some("v1&mode=pgd-at&beta=1&momentum=0.5".into()), ..RunOptions::default() },
        ] {
            assert!(flags.config(None).is_ok(), "{flags:?}");
        }
    }

    #[test]
    fn a_configuration_comes_back_from_its_file() {
        let mut config = Config::default();
        config.hyper.alpha = 0.75;
        config.setup.seed = 9;
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("run.json");
        std::fs::write(&path, serde_json::json!({ "config": config, "final": {} }).to_string()).unwrap();
        let flags = RunOptions { config: Some(path), seed: Some("3".into()), ..RunOptions::default() };
        let read = flags.config(None).unwrap();
        assert_eq!((read.hyper.alpha, read.setup.seed), (0.75, 3));
    }

    #[test]
    fn the_data_of_another_run_are_found_from_any_folder() {
        let scratch = tempfile::tempdir().unwrap();
        let [work, run] = ["work/digits", "work/runs/a"].map(|path| scratch.path().join(path));
        std::fs::create_dir_all(&work).unwrap();
        std::fs::write(work.join("train-images-idx3-ubyte"), "").unwrap();
        std::fs::create_dir_all(&run).unwrap();
        let record = |places: serde_json::Value| {
            let mut config = Config::default();
            config.setup.data = "digits".into();
            let json = serde_json::json!({ "config": config, "places": places }).to_string();
            // As an editor on Windows may write it.
            std::fs::write(run.join("run.json"), format!("\u{feff}{json}")).unwrap();
        };
        let flags = |data: Option<&str>, config: &str| RunOptions {
            config: Some(run.join(config)),
            data: data.map(Into::into),
            ..RunOptions::default()
        };
        record(serde_json::json!({ "data": work.display().to_string() }));
        assert_eq!(flags(None, "run.json").config(None).unwrap().setup.data, work.display().to_string());
        record(serde_json::json!({}));
        assert_eq!(flags(None, "").config(None).unwrap().setup.data, work.display().to_string(), "beside it");
        std::fs::remove_dir_all(&work).unwrap();
        let error = flags(None, "run.json").config(None).unwrap_err();
        assert!(error.exit_status() == 2 && error.to_string().contains("--data"), "{error}");
        let set = flags(Some("fashion-mnist"), "run.json").config(None).unwrap();
        assert_eq!(set.setup.data, "fashion-mnist", "what is said is not looked for");
    }

    #[test]
    fn flags_change_what_a_link_says() {
        let link = Some("https://example.org/#v1&alpha=0.75&seed=9&beta=x&run".into());
        let flags = RunOptions { link, seed: Some("3".into()), ..RunOptions::default() };
        let linked = flags.linked(None).unwrap();
        assert_eq!((linked.config.hyper.alpha, linked.config.setup.seed, linked.run), (0.75, 3, true));
        assert!(matches!(&linked.refused[..], [why] if why.contains("beta")), "{:?}", linked.refused);
    }

    #[test]
    fn a_new_run_begins_as_its_scenario_does_and_a_link_says_what_it_always_said() {
        assert_eq!(options(&[]).config(None).unwrap(), Config::start(ScenarioKind::Defense));
        let multitask = options(&["scenario=multitask"]).config(None).unwrap();
        assert_eq!(multitask, Config::start(ScenarioKind::Multitask));
        let link = RunOptions { link: Some("v1".into()), ..RunOptions::default() };
        assert_eq!(link.config(None).unwrap(), Config::default());
    }

    #[test]
    fn a_ready_made_run_is_changed_by_other_flags_and_is_of_its_scenario() {
        let example = |set: &[&str]| RunOptions { example: Some("greace".into()), ..options(set) };
        let config = example(&["beta=3"]).config(None).unwrap();
        assert_eq!((config.setup.mode, config.hyper.beta), (Mode::Greace, 3.0));
        let error = example(&["scenario=multitask"]).config(None).unwrap_err();
        assert!(error.exit_status() == 2 && error.to_string().contains("--example"), "{error}");
    }

    #[test]
    fn every_knob_is_in_the_help() {
        let help = knobs_help();
        assert!(crate::config::KNOBS.iter().all(|knob| help.contains(&format!("  {} = ", knob.name))));
    }
}
