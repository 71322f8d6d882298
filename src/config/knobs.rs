//! The table of knobs as people use it: found by name, set from text, checked, and which of them a run makes no use of.

use super::choices::ScenarioKind;
use super::device::DeviceInfo;
use super::knob::{self, KnobError, Use, Value};
use super::method::Method;
use super::table::{Config, Hyper, KNOBS};

/// A knob of the table.
pub type Knob = knob::Knob<Config>;

impl Knob {
    /// The knob of that name.
    ///
    /// # Errors
    /// [`KnobError::Unknown`], naming all knobs.
    pub fn find(name: &str) -> Result<&'static Self, KnobError> {
        KNOBS.iter().find(|knob| knob.name == name).ok_or_else(|| KnobError::Unknown {
            name: name.into(),
            known: KNOBS.iter().map(|knob| knob.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The value it has where nobody touched it.
    pub fn default_value(&self) -> Value {
        (self.read)(&Config::default())
    }

    /// Why turning it does nothing in such a run, or would make one that the device, where it is known, refuses.
    pub fn unused(&self, config: &Config, device: Option<&DeviceInfo>) -> Option<String> {
        let scenario = config.setup.scenario;
        if !self.applies_to(scenario) {
            return Some(format!("not used in a run of the scenario {scenario}"));
        }
        match self.used {
            Use::Always => None,
            Use::ByMethod => {
                let method = config.setup.method();
                let who = || format!("not used with {}: {}", method.name(), self.users(scenario));
                (!method.uses(self.name)).then(who)
            }
            Use::When(why) => why(config).map(|why| format!("not used: {why}")),
            Use::OnDevice(refusal) => refusal(config, device?),
        }
    }

    /// The methods that use it, as a clause.
    fn users(&self, scenario: ScenarioKind) -> String {
        let users = Method::all(scenario).into_iter().filter(|method| method.uses(self.name));
        let names: Vec<_> = users.map(Method::name).collect();
        match names.as_slice() {
            [only] => format!("{only} uses it"),
            [first @ .., last] => format!("{} and {last} use it", first.join(", ")),
            [] => "no method uses it".into(),
        }
    }
}

/// Applies `KNOB=VALUE` to `config`.
///
/// # Errors
/// [`KnobError`], and `config` is as it was.
pub fn assign(config: &mut Config, assignment: &str) -> Result<&'static Knob, KnobError> {
    let (name, text) =
        assignment.split_once('=').ok_or_else(|| KnobError::NotAnAssignment { text: assignment.into() })?;
    let knob = Knob::find(name.trim())?;
    let value = knob.parse(text)?;
    knob.write(config, value)?;
    Ok(knob)
}

/// Checks every value of a config that came from outside (a file, a link) against the table.
///
/// # Errors
/// The first knob that is out of range.
pub fn validate(config: &Config) -> Result<(), KnobError> {
    KNOBS.iter().try_for_each(|knob| knob.write(&mut config.clone(), knob.read(config)))
}

/// The knobs that are not the same in two configs, with both values as `--set` takes them.
pub fn turned(before: &Config, after: &Config) -> Vec<(&'static Knob, String, String)> {
    let differs = |knob: &&Knob| knob.read(before) != knob.read(after);
    let shown = |knob: &'static Knob| (knob, knob.show(&knob.read(before)), knob.show(&knob.read(after)));
    KNOBS.iter().filter(differs).map(shown).collect()
}

/// The same of live knobs alone.
pub fn turned_live(before: Hyper, after: Hyper) -> Vec<(&'static Knob, String, String)> {
    let of = |hyper: Hyper| Config { hyper, ..Config::default() };
    turned(&of(before), &of(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::choices::{OptimizerKind, Precision};
    use crate::config::knob::Section;
    use crate::config::method::{DistillationMethod, Mode};
    use crate::config::table::Setup;

    #[test]
    fn every_default_is_in_range_and_reads_back() {
        for knob in KNOBS {
            let mut config = Config::default();
            let default = knob.default_value();
            let parsed = knob.parse(&knob.show(&default)).expect(knob.name);
            assert_eq!(parsed, default, "{}", knob.name);
            knob.write(&mut config, parsed).expect(knob.name);
            assert_eq!(config, Config::default(), "{}", knob.name);
        }
    }

    #[test]
    fn every_field_of_a_config_has_a_knob() {
        let json = serde_json::to_value(Config::default()).expect("a config is plain data");
        for part in ["setup", "hyper"] {
            for field in json[part].as_object().expect("an object").keys() {
                assert!(Knob::find(field).is_ok(), "{field} has no knob");
            }
        }
    }

    #[test]
    fn files_from_before_a_knob_was_there_mean_its_default() {
        let mut json = serde_json::to_value(Config::default()).expect("a config is plain data");
        json["setup"].as_object_mut().expect("an object").remove("augmentation").expect("a knob of now");
        assert_eq!(serde_json::from_value::<Config>(json).expect("the rest is there"), Config::default());
    }

    #[test]
    fn knobs_that_were_turned_are_named_with_both_values() {
        let before = Hyper::default();
        let found = turned_live(before, Hyper { alpha: 0.75, ..before });
        let said: Vec<_> = found.iter().map(|(knob, from, to)| (knob.name, &**from, &**to)).collect();
        assert_eq!(said, [("alpha", "0.1", "0.75")]);
        assert!(turned_live(before, before).is_empty());
        let mut other = Config::default();
        other.setup.seed = 9;
        assert_eq!(turned(&Config::default(), &other)[0].2, "9", "of a setup, too");
    }

    #[test]
    fn bad_assignments_say_what_is_wrong_and_change_nothing() {
        let mut config = Config::default();
        for (text, expected) in [
            ("alpha", "form KNOB=VALUE"),
            ("alhpa=1", "no knob 'alhpa'"),
            ("alpha=", "not a number from 0 to 10"),
            ("alpha=-1", "out of range"),
            ("alpha=NaN", "not a number"),
            ("alpha=1/0", "not a number"),
            ("steps=0", "out of range"),
            ("steps=1.5", "not a whole number"),
            ("mode=grate", "one of: baseline"),
            ("data=", "out of range"),
            ("seed=18446744073709551616", "not a whole number"),
        ] {
            let error = assign(&mut config, text).map(|_| ()).expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert_eq!(config, Config::default());
        assign(&mut config, "epsilon=8/255").expect("a fraction");
        assert!((config.hyper.epsilon - 8.0 / 255.0).abs() < 1e-12);
    }

    #[test]
    fn live_knobs_stand_under_headings_of_their_own() {
        assert!(KNOBS.iter().all(|knob| knob.live == (knob.section != Section::NextRun)));
        assert!(Section::ALL.iter().all(|section| KNOBS.iter().any(|knob| knob.section == *section)));
    }

    #[test]
    fn methods_name_the_knobs_that_are_used_by_method() {
        let of_method = |name: &str| Knob::find(name).is_ok_and(|knob| matches!(knob.used, Use::ByMethod));
        for scenario in ScenarioKind::ALL {
            for method in Method::all(*scenario) {
                for name in method.about().knobs {
                    assert!(of_method(name), "{}: {name}", method.name());
                    assert!(Knob::find(name).is_ok_and(|knob| knob.applies_to(*scenario)), "{name}");
                }
            }
        }
        for knob in KNOBS.iter().filter(|knob| matches!(knob.used, Use::ByMethod)) {
            for scenario in knob.scenarios {
                let methods = Method::all(*scenario);
                assert!(methods.iter().any(|method| method.uses(knob.name)), "{scenario}: {}", knob.name);
            }
        }
    }

    fn unused(name: &str, setup: &Setup, device: Option<&DeviceInfo>) -> Option<String> {
        let config = Config { setup: setup.clone(), ..Config::default() };
        Knob::find(name).expect("a knob").unused(&config, device)
    }

    #[test]
    fn what_a_run_does_not_use_says_who_does() {
        let setup = |mode| Setup { mode, ..Setup::default() };
        let reason = |name, setup: Setup| unused(name, &setup, None);
        let expected = "not used with pgd-at: greace and great+greace use it";
        assert_eq!(reason("beta", setup(Mode::PgdAt)).as_deref(), Some(expected));
        assert_eq!(
            reason("trades_weight", setup(Mode::Great)).as_deref(),
            Some("not used with great: trades uses it")
        );
        for (name, mode, is_used) in [
            ("alpha", Mode::Greace, false),
            ("ramp", Mode::Baseline, false),
            ("adversary", Mode::Greace, false),
            ("alpha", Mode::Great, true),
            ("beta", Mode::GreatGreace, true),
            ("input_gradient_weight", Mode::InputGradient, true),
            ("trades_weight", Mode::Trades, true),
            ("jacobian_weight", Mode::Trades, false),
            ("epsilon", Mode::Baseline, true),
            ("momentum", Mode::Baseline, false),
            ("temperature", Mode::Baseline, false),
        ] {
            assert_eq!(reason(name, setup(mode)).is_none(), is_used, "{name} with {mode}");
        }
        let sgd = Setup { optimizer: OptimizerKind::Sgd, ..Setup::default() };
        assert_eq!(reason("momentum", sgd), None);
        let distils = |method, teacher: &str| Setup {
            scenario: ScenarioKind::Distillation,
            method,
            teacher: teacher.into(),
            ..Setup::default()
        };
        let by_soft_targets = reason("alpha", distils(DistillationMethod::SoftTargets, "train"));
        let expected = "not used with soft-targets: great and great+soft-targets use it";
        assert_eq!(by_soft_targets.as_deref(), Some(expected));
        let by_great = |teacher, name| reason(name, distils(DistillationMethod::Great, teacher));
        assert_eq!(by_great("train", "teacher_steps"), None);
        let expected = "not used: the teacher is given";
        assert_eq!(by_great("runs/a", "teacher_steps").as_deref(), Some(expected));
    }

    #[test]
    fn a_precision_that_the_device_refuses_is_not_offered_but_may_be_left() {
        let device = |has_f16| DeviceInfo {
            name: "a GPU".into(),
            backend: "Vulkan".into(),
            is_gpu: true,
            has_f16,
            notice: None,
        };
        let setup = |precision| Setup { precision, ..Setup::default() };
        let single = setup(Precision::Single);
        let reason = unused("precision", &single, Some(&device(false))).expect("it would be refused");
        assert!(reason.contains("a GPU has none"), "{reason}");
        assert!(unused("precision", &single, Some(&device(true))).is_none());
        assert!(unused("precision", &single, None).is_none(), "what is not known refuses nothing");
        assert!(unused("precision", &setup(Precision::Mixed), Some(&device(false))).is_none());
    }
}
