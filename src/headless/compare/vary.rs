//! Knobs that a comparison goes through: `--vary great:alpha=0.1,0.3,1`.

use std::str::FromStr;

use crate::config::{Config, Knob};
use crate::headless::error::HeadlessError;
use crate::headless::options::Given;
use crate::runs::comparison::{Cell, Plan, in_order, said_elsewhere};

/// Cells of a comparison at most: what is more was hardly meant.
const MOST_CELLS: usize = 10_000;

/// Characters of a value at most.
const LONGEST_VALUE: usize = 40;

/// A knob and the values that it takes in turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Varied {
    /// The only method of which it is varied; none: of every method that uses it.
    method: Option<String>,
    knob: &'static str,
    /// As the knob writes them, each once.
    values: Vec<String>,
}

impl FromStr for Varied {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (names, values) = text
            .split_once('=')
            .ok_or("say KNOB=VALUE,VALUE,… or METHOD:KNOB=VALUE,VALUE,…: great:alpha=0.1,0.3")?;
        let (method, name) = match names.split_once(':') {
            Some((method, name)) => (Some(method.trim().to_owned()), name.trim()),
            None => (None, names.trim()),
        };
        let knob = Knob::find(name).map_err(|error| error.to_string())?;
        if let Some(who) = said_elsewhere(knob.name) {
            return Err(format!("{} is not varied: {who}", knob.name));
        }
        let written = values.split(',').map(|value| {
            let mut config = Config::default();
            let value = knob.parse(value).map_err(|error| error.to_string())?;
            knob.write(&mut config, value.clone()).map_err(|error| error.to_string())?;
            let text = knob.show(&value);
            // Folders are called after it.
            if text.len() > LONGEST_VALUE {
                return Err(format!("{}: a value of {} digits is not varied", knob.name, text.len()));
            }
            Ok(text)
        });
        let written = written.collect::<Result<Vec<_>, String>>()?;
        Ok(Self { method, knob: knob.name, values: in_order(written.into_iter()) })
    }
}

impl Varied {
    /// The flag as somebody may have typed it.
    fn flag(&self) -> String {
        let method = self.method.as_ref().map_or(String::new(), |method| format!("{method}:"));
        format!("--vary {method}{}={}", self.knob, self.values.join(","))
    }

    /// What a run becomes with each value, behind the words for it; none where it makes no use of the knob.
    ///
    /// # Errors
    /// A value that does not fit what was set before.
    fn of(&self, method: &str, config: &Config) -> Result<Option<Vec<(String, Config)>>, HeadlessError> {
        if self.method.as_ref().is_some_and(|own| own != method) {
            return Ok(None);
        }
        let knob = Knob::find(self.knob)?;
        if knob.unused(config, None).is_some() {
            return Ok(None);
        }
        let one = |text: &String| {
            let mut config = config.clone();
            knob.write(&mut config, knob.parse(text)?)?;
            Ok((format!(" {}={text}", self.knob), config))
        };
        self.values.iter().map(one).collect::<Result<_, HeadlessError>>().map(Some)
    }

    /// Why no run of the comparison makes use of it.
    fn unused(&self, plan: &Plan) -> HeadlessError {
        let methods = plan.methods();
        let why = match &self.method {
            Some(own) if !methods.contains(&own.as_str()) => {
                format!("there is no {own} among what is compared: {}", methods.join(", "))
            }
            _ => {
                let own = |cell: &&Cell| self.method.as_ref().is_none_or(|method| *method == cell.method);
                let reason = |cell: &Cell| Knob::find(self.knob).ok()?.unused(&cell.config, None);
                plan.cells.iter().find(own).and_then(reason).unwrap_or_else(|| "no run uses it".into())
            }
        };
        HeadlessError::Unused { flag: self.flag(), why }
    }
}

/// Refuses what is varied twice, or set for all runs besides.
///
/// # Errors
/// The first such knob.
pub fn refuse_twice(all: &[Varied], given: &[Given]) -> Result<(), HeadlessError> {
    for (place, varied) in all.iter().enumerate() {
        let twice = |second: String| HeadlessError::SetTwice {
            knob: varied.knob.into(),
            first: varied.flag(),
            second,
        };
        if let Some(given) = given.iter().find(|given| given.is(varied.knob)) {
            return Err(twice(given.flag().to_owned()));
        }
        let meets = |other: &&Varied| {
            other.knob == varied.knob
                && (other.method == varied.method || other.method.is_none() || varied.method.is_none())
        };
        if let Some(other) = all[place + 1..].iter().find(meets) {
            return Err(twice(other.flag()));
        }
    }
    Ok(())
}

impl Plan {
    /// The same with each method at every value of the knobs that it uses; those that use none stay as they are.
    ///
    /// # Errors
    /// A knob that no run uses, or ε where the runs themselves are attacked with it; too many cells.
    pub fn varied(mut self, all: &[Varied]) -> Result<Self, HeadlessError> {
        if all.is_empty() {
            return Ok(self);
        }
        if let Some(varied) = all.iter().find(|varied| varied.knob == "epsilon" && self.paper.is_none()) {
            let why = "a comparison attacks at one ε; `compare paper` can train at others".into();
            return Err(HeadlessError::Unused { flag: varied.flag(), why });
        }
        let mut is_used = vec![false; all.len()];
        let mut cells = Vec::new();
        for cell in &self.cells {
            let mut variants = vec![(String::new(), cell.config.clone())];
            for (varied, is_used) in all.iter().zip(&mut is_used) {
                let mut next = Vec::new();
                for (words, config) in variants {
                    match varied.of(&cell.method, &config)? {
                        None => next.push((words, config)),
                        Some(values) => {
                            *is_used = true;
                            next.extend(
                                values.into_iter().map(|(more, config)| (words.clone() + &more, config)),
                            );
                        }
                    }
                }
                variants = next;
            }
            if cells.len() + variants.len() > MOST_CELLS {
                let problem = format!("more than {MOST_CELLS} runs; name fewer values or seeds");
                return Err(HeadlessError::Flag { flag: "--vary", problem });
            }
            cells.extend(variants.into_iter().map(|(words, config)| variant(cell, &words, config)));
        }
        if let Some((varied, _)) = all.iter().zip(&is_used).find(|(_, is_used)| !**is_used) {
            return Err(varied.unused(&self));
        }
        self.cells = cells;
        Ok(self)
    }
}

/// A cell with other values of knobs, of which `words` tell.
fn variant(cell: &Cell, words: &str, config: Config) -> Cell {
    let plain =
        |letter: char| if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '_' };
    let suffix: String = words.replace('=', "").replace(' ', "-").chars().map(plain).collect();
    Cell { name: cell.name.clone() + &suffix, method: cell.method.clone() + words, config, ..cell.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DistillationMethod, Mode, ScenarioKind};
    use crate::runs::comparison::family;

    fn varied(texts: &[&str]) -> Vec<Varied> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn plan(texts: &[&str]) -> Result<Plan, HeadlessError> {
        let modes = [Mode::Baseline, Mode::Great, Mode::GreatGreace];
        Plan::defense(Config::default(), &modes, 2).varied(&varied(texts))
    }

    #[test]
    fn each_method_is_varied_by_the_knobs_that_it_uses() {
        let plan = plan(&["alpha=0.1,1/2", "beta=0,2"]).unwrap();
        let expected = [
            "baseline",
            "great alpha=0.1",
            "great alpha=0.5",
            "great+greace alpha=0.1 beta=0",
            "great+greace alpha=0.1 beta=2",
            "great+greace alpha=0.5 beta=0",
            "great+greace alpha=0.5 beta=2",
        ];
        assert_eq!(plan.methods(), expected);
        assert_eq!(plan.cells.len(), 2 * expected.len(), "with each seed");
        let names = in_order(plan.cells.iter().map(|cell| cell.name.as_str()));
        assert_eq!(names.len(), plan.cells.len());
        let seed = Config::default().setup.seed;
        assert!(names.contains(&format!("great-seed{seed}-alpha0.5").as_str()), "{names:?}");
        for cell in &plan.cells {
            let hyper = &cell.config.hyper;
            if cell.method.contains("alpha=0.1") {
                assert_eq!(hyper.alpha.to_bits(), 0.1f64.to_bits());
            }
            if cell.method.contains("beta=2") {
                assert_eq!(hyper.beta.to_bits(), 2.0f64.to_bits());
            }
        }
        assert_eq!(family(expected[3]), "great+greace");
    }

    #[test]
    fn a_knob_of_one_method_leaves_the_others_alone() {
        let plan = plan(&["great:learning_rate=0.001,0.002"]).unwrap();
        let expected = ["baseline", "great learning_rate=0.001", "great learning_rate=0.002", "great+greace"];
        assert_eq!(plan.methods(), expected);
    }

    #[test]
    fn a_value_that_is_named_twice_is_run_once() {
        assert_eq!(plan(&["great:alpha=0.5,1/2,0.50"]).unwrap().methods().len(), 3);
    }

    #[test]
    fn what_is_used_only_with_another_value_is_varied_there() {
        let plan = plan(&["great:normalization=none,constant", "great:gradient_scale=10,30"]).unwrap();
        let great: Vec<_> = plan.methods().into_iter().filter(|method| family(method) == "great").collect();
        let constant = "great normalization=constant gradient_scale=";
        assert_eq!(great, ["great normalization=none", &format!("{constant}10"), &format!("{constant}30")]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (text, expected) in [
            ("alpha", "KNOB=VALUE"),
            ("alfa=1", "alfa"),
            ("alpha=", "alpha"),
            ("alpha=1,x", "alpha"),
            ("alpha=1,-5", "alpha"),
            ("seed=1,2", "--seeds"),
            ("mode=great", "--modes"),
            ("data=a,b", "one data set"),
            ("teacher_steps=1,2", "one teacher"),
            ("evaluate_samples=16,64", "measures all runs alike"),
            ("alpha=1e-320", "digits"),
        ] {
            let error = text.parse::<Varied>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        for (texts, expected) in [
            (&["trades_weight=1,2"][..], "not used with baseline"),
            (&["trades:trades_weight=1"], "no trades among what is compared: baseline, great, great+greace"),
            (&["baseline:alpha=1"], "not used with baseline"),
            (&["epsilon=0.1"], "attacks at one ε"),
        ] {
            let error = plan(texts).unwrap_err();
            assert!(error.exit_status() == 2 && error.to_string().contains(expected), "{error}");
        }
        let many: Vec<String> = (1..=5001).map(|number| number.to_string()).collect();
        let text = format!("steps={}", many.join(","));
        assert!(plan(&[&text]).unwrap_err().to_string().contains("10000 runs"));
    }

    #[test]
    fn what_is_varied_twice_or_set_besides_is_refused() {
        for (texts, is_refused) in [
            (&["alpha=1", "alpha=2"][..], true),
            (&["alpha=1", "great:alpha=2"], true),
            (&["great:alpha=1", "great+greace:alpha=2"], false),
        ] {
            assert_eq!(refuse_twice(&varied(texts), &[]).is_err(), is_refused, "{texts:?}");
        }
        let options = crate::headless::options::RunOptions {
            set: vec!["alpha=0.5".into()],
            ..crate::headless::options::RunOptions::default()
        };
        let (_, given) = options.base().unwrap();
        let error = refuse_twice(&varied(&["alpha=1"]), &given).unwrap_err().to_string();
        assert!(error.contains("--vary alpha=1") && error.contains("--set alpha=0.5"), "{error}");
    }

    #[test]
    fn students_keep_their_teachers() {
        let methods = [DistillationMethod::CrossEntropy, DistillationMethod::Great];
        let base = Config::start(ScenarioKind::Distillation);
        let plan = Plan::distillation(base, &methods, &[0.05], 2);
        let teachers = plan.teachers.clone();
        let plan = plan.varied(&varied(&["alpha=0.1,0.3"])).unwrap();
        assert_eq!((plan.teachers, plan.cells.len()), (teachers, 2 * 3));
        assert!(
            plan.cells
                .iter()
                .all(|cell| cell.teacher.as_ref().is_some_and(|name| name.starts_with("teacher-seed")))
        );
    }
}
