//! What a sweep is to go through, as somebody fills it in, and the command that comes of it.

use crate::config::knob::{Kind, Value};
use crate::config::{Config, KNOBS, Knob, Method, ScenarioKind, TRAIN_TEACHER, link};
use crate::runs::comparison::{measured_at_the_end, said_elsewhere};

/// Knobs that a sweep goes through at most: more are not seen in a grid.
pub const MOST_AXES: usize = 2;
/// Seeds at most.
pub const MOST_SEEDS: u64 = 50;
/// Seeds at first: as few as have an interval that says something.
const SEEDS: u64 = 3;

/// A knob and what it is to be, one after the other.
#[derive(Clone)]
pub struct Axis {
    /// Which.
    pub knob: &'static Knob,
    /// Its values, between commas, as somebody types them.
    pub values: String,
}

impl Axis {
    /// That knob around the value that it has.
    pub fn around(knob: &'static Knob, config: &Config) -> Self {
        Self { knob, values: suggestion(knob, config) }
    }

    /// Its values as the knob writes them.
    ///
    /// # Errors
    /// Which is none, and why.
    fn parsed(&self) -> Result<Vec<String>, String> {
        let one = |text: &str| {
            let value = self.knob.parse(text.trim()).map_err(|error| error.to_string())?;
            let refused = self.knob.write(&mut Config::default(), value.clone()).err();
            refused.map_or_else(|| Ok(self.knob.show(&value)), |error| Err(error.to_string()))
        };
        let mut values = Vec::new();
        for text in self.values.split(',') {
            let value = one(text)?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values)
    }
}

/// What is filled in.
#[derive(Default)]
pub struct Form {
    /// The knobs: one or two.
    pub axes: Vec<Axis>,
    /// What is compared; all others with the first.
    pub methods: Vec<Method>,
    /// How many seeds, from the run's own on.
    pub seeds: u64,
    /// Steps of each run.
    pub steps: u64,
    /// The scenario for which it was filled in first.
    scenario: Option<ScenarioKind>,
}

/// A sweep that can begin.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The words of the command, without its folder and device.
    pub words: Vec<String>,
    /// How many runs it is of.
    pub runs: u64,
    /// How many teachers are trained for them.
    pub teachers: u64,
    /// Steps of all of them.
    pub steps: u64,
    /// What its folder is called after.
    pub stem: String,
}

impl Form {
    /// Fills in what suits such a run, unless somebody has filled something in for its scenario.
    pub fn suit(&mut self, config: &Config) {
        let scenario = config.setup.scenario;
        if self.scenario == Some(scenario) {
            return;
        }
        let method = config.setup.method();
        let mut methods = vec![method];
        // What all of them are held against.
        let plain = Method::all(scenario).into_iter().next().filter(|plain| *plain != method);
        methods.splice(0..0, plain);
        let steps = config.setup.steps;
        *self = Self { axes: Vec::new(), methods, seeds: SEEDS, steps, scenario: Some(scenario) };
        let knobs = self.knobs(config);
        let first = knobs.iter().find(|knob| knob.name == "alpha").or(knobs.first());
        self.axes = first.map(|knob| Axis::around(knob, config)).into_iter().collect();
    }

    /// The knobs that it can go through: those that one of its methods uses.
    pub fn knobs(&self, config: &Config) -> Vec<&'static Knob> {
        let own = self.configs(config);
        let is_used = |knob: &&Knob| own.iter().any(|config| knob.unused(config, None).is_none());
        // All runs are attacked at one ε.
        let is_varied = |knob: &&Knob| knob.name != "epsilon" && said_elsewhere(knob.name).is_none();
        KNOBS.iter().filter(is_varied).filter(is_used).collect()
    }

    /// What a run of each of its methods is.
    fn configs(&self, config: &Config) -> Vec<Config> {
        let by = |method: &Method| {
            let mut config = measured_at_the_end(config.clone());
            config.setup.steps = self.steps;
            config.setup.train_by(*method);
            config
        };
        self.methods.iter().map(by).collect()
    }

    /// The sweep that goes through this; all else as `config` says.
    ///
    /// # Errors
    /// What is missing or wrong, in a sentence.
    pub fn request(&self, config: &Config) -> Result<Request, String> {
        if self.methods.is_empty() {
            return Err("Choose at least one method.".into());
        }
        let configs = self.configs(config);
        // Of each method: how many runs a seed, and their steps.
        let mut runs = vec![(1, self.steps); configs.len()];
        let mut varied = Vec::new();
        for (place, axis) in self.axes.iter().enumerate() {
            let name = axis.knob.name;
            if self.axes[..place].iter().any(|other| other.knob.name == name) {
                return Err(format!("{name} is there twice: choose another knob."));
            }
            let values = axis.parsed().map_err(|why| format!("{why}."))?;
            let reasons: Vec<_> = configs.iter().map(|config| axis.knob.unused(config, None)).collect();
            let count = values.len() as u64;
            let named: Option<u64> = values.iter().map(|value| value.parse::<u64>().ok()).sum();
            for ((runs, steps), _) in runs.iter_mut().zip(&reasons).filter(|(_, reason)| reason.is_none()) {
                *steps = match named.filter(|_| name == "steps") {
                    Some(sum) => *runs * sum,
                    None => *steps * count,
                };
                *runs *= count;
            }
            if let Some(Some(why)) = reasons.first().filter(|_| reasons.iter().all(Option::is_some)) {
                return Err(format!("{name}: {why}."));
            }
            varied.extend(["--vary".into(), format!("{name}={}", values.join(","))]);
        }
        let mut base = config.clone();
        base.setup.steps = self.steps;
        let names: Vec<&str> = self.methods.iter().map(|method| method.name()).collect();
        let (kind, flag) = match base.setup.scenario {
            ScenarioKind::Defense => ("defense", "--modes"),
            ScenarioKind::Distillation => ("distillation", "--methods"),
            ScenarioKind::Multitask => ("multitask", "--methods"),
        };
        let mut words: Vec<String> =
            ["compare", kind, flag, &names.join(","), "--seeds", &self.seeds.to_string()]
                .map(String::from)
                .into();
        if base.setup.scenario == ScenarioKind::Distillation {
            words.extend(["--fractions".into(), base.setup.fraction.to_string()]);
        }
        words.append(&mut varied);
        words.extend(["--link".into(), link::write(&base)]);
        let knobs: Vec<&str> = self.axes.iter().map(|axis| axis.knob.name).collect();
        let stem = if knobs.is_empty() { "sweep-seeds".into() } else { format!("sweep-{}", knobs.join("-")) };
        let is_distillation = base.setup.scenario == ScenarioKind::Distillation;
        let teachers = if is_distillation && base.setup.teacher == TRAIN_TEACHER { self.seeds } else { 0 };
        let (runs, steps) =
            runs.into_iter().fold((0, 0), |(runs, sum), (more, steps)| (runs + more, sum + steps));
        let steps = steps * self.seeds + teachers * base.setup.teacher_steps;
        Ok(Request { words, runs: runs * self.seeds, teachers, steps, stem })
    }
}

/// Values to begin with: the one that the knob has, and what is around it.
fn suggestion(knob: &'static Knob, config: &Config) -> String {
    let texts: Vec<String> = match (knob.kind, knob.read(config)) {
        (Kind::Choice(names), _) => return names.join(", "),
        (Kind::Real { min, max, .. }, Value::Real(value)) => {
            let around = if value > 0.0 { [value / 3.0, value, value * 3.0] } else { [0.0, 0.1, 0.3] };
            let near = around.map(|near| if near == value { near } else { rounded(near) });
            near.into_iter()
                .filter(|near| (min..=max).contains(near))
                .map(|near| knob.show(&Value::Real(near)))
                .collect()
        }
        (Kind::Count { min, max }, Value::Count(value)) => {
            let mut around = [value / 2, value, value.saturating_mul(2)].to_vec();
            around.retain(|near| (min..=max).contains(near));
            around.dedup();
            around.into_iter().map(|near| knob.show(&Value::Count(near))).collect()
        }
        (_, value) => vec![knob.show(&value)],
    };
    texts.join(", ")
}

/// The nearest value of one digit.
fn rounded(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    // Through text, which leaves nothing behind the digit.
    format!("{value:.0e}").parse().unwrap_or(value)
}

/// The words of a command as a shell takes them.
pub fn shell(words: &[String]) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_=.,/:+-".contains(letter);
    let quoted = |word: &String| match word.chars().all(is_plain) && !word.is_empty() {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    let words: Vec<String> = words.iter().map(quoted).collect();
    format!("great-lab {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    fn form(config: &Config) -> Form {
        let mut form = Form::default();
        form.suit(config);
        form
    }

    #[test]
    fn it_is_filled_in_with_what_suits_the_run() {
        let mut config = Config::default();
        config.setup.train_by(Method::Defense(Mode::Great));
        config.hyper.alpha = 0.1;
        let form = form(&config);
        assert_eq!(form.methods, [Method::Defense(Mode::Baseline), Method::Defense(Mode::Great)]);
        let axis = &form.axes[0];
        assert_eq!((axis.knob.name, &*axis.values), ("alpha", "0.03, 0.1, 0.3"));
        let request = form.request(&config).unwrap();
        assert_eq!((request.runs, &*request.stem), (3 * (1 + 3), "sweep-alpha"), "baseline has no alpha");
        assert_eq!((request.teachers, request.steps), (0, 12 * config.setup.steps));
        let words = shell(&request.words);
        assert!(words.starts_with("great-lab compare defense --modes baseline,great --seeds 3 --vary alpha=0.03,0.1,0.3 --link 'v"), "{words}");
    }

    #[test]
    fn what_somebody_filled_in_stays_until_the_scenario_changes() {
        let mut config = Config::default();
        let mut form = form(&config);
        form.seeds = 7;
        form.suit(&config);
        assert_eq!(form.seeds, 7);
        config = Config::start(ScenarioKind::Multitask);
        form.suit(&config);
        assert_eq!((form.seeds, form.methods[0].name()), (SEEDS, "single-task"));
        assert!(form.request(&config).is_ok());
        config = Config::start(ScenarioKind::Distillation);
        form.suit(&config);
        let request = form.request(&config).unwrap();
        assert!(request.words.contains(&"--fractions".into()));
        let setup = &config.setup;
        let steps = request.runs * setup.steps + SEEDS * setup.teacher_steps;
        assert_eq!((request.teachers, request.steps), (SEEDS, steps));
    }

    #[test]
    fn what_cannot_be_gone_through_is_said() {
        let mut config = Config::default();
        config.setup.train_by(Method::Defense(Mode::Great));
        let mut form = form(&config);
        let alpha = form.axes[0].clone();
        for (values, expected) in [("0.1, x", "'x'"), ("0.1,-5", "alpha"), ("", "alpha"), ("0.1,", "alpha")] {
            form.axes[0].values = values.into();
            assert!(form.request(&config).unwrap_err().contains(expected), "{values}");
        }
        form.axes = vec![alpha.clone(), alpha.clone()];
        assert!(form.request(&config).unwrap_err().contains("twice"));
        form.axes = vec![alpha];
        form.methods = vec![Method::Defense(Mode::Baseline)];
        assert!(form.request(&config).unwrap_err().contains("not used with baseline"));
        assert!(form.knobs(&config).iter().all(|knob| knob.name != "alpha" && knob.name != "seed"));
        form.methods.clear();
        assert!(form.request(&config).unwrap_err().contains("at least one"));
    }

    #[test]
    fn only_what_a_comparison_goes_through_is_offered() {
        let config = Config::default();
        let mut form = form(&config);
        let knobs: Vec<_> = form.knobs(&config).iter().map(|knob| knob.name).collect();
        for name in ["epsilon", "stop_after", "evaluate_samples", "report_every_steps", "seed", "mode"] {
            assert!(!knobs.contains(&name), "{name}");
        }
        let steps = KNOBS.iter().find(|knob| knob.name == "steps").unwrap();
        form.methods.truncate(1);
        form.axes = vec![Axis { knob: steps, values: "20, 40, 80".into() }];
        let request = form.request(&config).unwrap();
        assert_eq!((request.runs, request.steps), (3 * SEEDS, 140 * SEEDS));
    }

    #[test]
    fn values_are_proposed_within_the_range_of_the_knob() {
        let config = Config::default();
        for knob in KNOBS.iter().filter(|knob| said_elsewhere(knob.name).is_none()) {
            let axis = Axis::around(knob, &config);
            let values = axis.parsed().unwrap_or_else(|why| panic!("{}: {why}", knob.name));
            assert!(values.contains(&knob.show(&knob.read(&config))), "{}: {}", knob.name, axis.values);
        }
        assert_eq!((rounded(0.033_333), rounded(0.0), rounded(29.9)), (0.03, 0.0, 30.0));
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        let words = ["compare", "v1&mode=great", "it's", "a=1,2"].map(String::from);
        assert_eq!(shell(&words), r"great-lab compare 'v1&mode=great' 'it'\''s' a=1,2");
    }
}
