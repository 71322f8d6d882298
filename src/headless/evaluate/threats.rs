//! Which threats an evaluation tries, from what people ask for and from a run's ε.

use crate::config::knob::parse_real;
use crate::config::threat::default_radii;
use crate::config::{ATTACKS, AttackKind, Hyper, Norm, TargetKind, Threat};
use crate::headless::error::HeadlessError;
use crate::show::number::{list, short};

/// The largest L2 radius: far beyond the diagonal of the largest images.
const LARGEST_L2: f64 = 1000.0;

/// What people ask for; empty lists mean the defaults.
#[derive(Debug, Default)]
pub struct Request {
    /// Attacks: those that the table offers by default.
    pub attacks: Vec<AttackKind>,
    /// Targets: untargeted by default.
    pub targets: Vec<TargetKind>,
    /// Radii as typed: around the run's ε by default.
    pub epsilons: Vec<String>,
    /// The standard deviation of the inputs, where radii are typed as multiples of it.
    pub deviation: Option<f64>,
    /// Iterations; those that an attack's authors give it, or the run's own by default.
    pub steps: Option<usize>,
    /// Random restarts.
    pub restarts: usize,
    /// Whether the data are a world of points.
    pub is_world: bool,
}

impl Request {
    /// The threats, each once, attack by attack, target by target, ascending in ε.
    ///
    /// # Errors
    /// A radius that is no number or out of range; a target for attacks of which none can aim.
    pub fn threats(&self, hyper: &Hyper) -> Result<Vec<Threat>, HeadlessError> {
        let unasked = ATTACKS.iter().filter(|row| row.offered.by_default && row.suits(self.is_world));
        let unasked = unasked.map(|row| row.kind);
        if let Some(attack) = self.attacks.iter().find(|attack| !attack.row().suits(self.is_world)) {
            let problem = format!(
                "{attack} looks at every place of a world of points, and these are pictures; give another attack, such as square"
            );
            return Err(HeadlessError::Flag { flag: "--attack", problem });
        }
        let attacks = if self.attacks.is_empty() { unasked.collect() } else { self.attacks.clone() };
        let targets =
            if self.targets.is_empty() { vec![TargetKind::Untargeted] } else { self.targets.clone() };
        let aims = targets.iter().any(|target| *target != TargetKind::Untargeted);
        if aims && !attacks.iter().any(|attack| attack.is_targetable()) {
            let problem = "no such attack can aim at a target; add one that can, such as pgd".into();
            return Err(HeadlessError::Flag { flag: "--target", problem });
        }
        let mut threats: Vec<Threat> = Vec::new();
        for attack in attacks {
            let steps = self.steps.or(attack.own_steps()).unwrap_or(hyper.attack_steps);
            for &target in &targets {
                let target = if attack.is_targetable() { target } else { TargetKind::Untargeted };
                for epsilon in self.radii(attack, hyper)? {
                    let threat = Threat { attack, target, epsilon, steps, restarts: self.restarts };
                    if !threats.contains(&threat) {
                        threats.push(threat);
                    }
                }
            }
        }
        Ok(threats)
    }

    /// A line that says which radii were asked for, where they are several or on another scale: `2 radii: 0 and 1`.
    ///
    /// # Errors
    /// A radius that is no number.
    pub fn several_radii(&self) -> Result<Option<String>, HeadlessError> {
        let radii = self.asked_radii()?;
        let Some(deviation) = self.deviation else {
            return Ok((radii.len() > 1).then(|| format!("{} radii: {}", radii.len(), list(&radii))));
        };
        if radii.is_empty() {
            return Ok(None);
        }
        let pixels: Vec<f64> = radii.iter().map(|radius| radius * deviation).collect();
        let count = if radii.len() > 1 { format!("{} radii: ", radii.len()) } else { String::new() };
        Ok(Some(format!(
            "{count}{} standard deviations of the inputs, which are {}: in pixels {}",
            list(&radii),
            short(deviation),
            list(&pixels)
        )))
    }

    /// The radii asked for, ascending, each once.
    fn asked_radii(&self) -> Result<Vec<f64>, HeadlessError> {
        let read = |text: &String| {
            let problem = || format!("'{text}' is not a number such as 0.1 or 8/255");
            parse_real(text.trim())
                .ok_or_else(|| HeadlessError::Flag { flag: "--epsilon", problem: problem() })
        };
        let mut radii = self.epsilons.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        radii.sort_by(f64::total_cmp);
        radii.dedup();
        Ok(radii)
    }

    fn radii(&self, attack: AttackKind, hyper: &Hyper) -> Result<Vec<f64>, HeadlessError> {
        if self.epsilons.is_empty() {
            return Ok(default_radii(attack.norm(), hyper.epsilon));
        }
        let largest = match attack.norm() {
            Norm::Linf => 1.0,
            Norm::L2 => LARGEST_L2,
        };
        let radii = self.asked_radii()?;
        let unit = self.deviation.unwrap_or(1.0);
        match radii.iter().find(|radius| !(0.0..=largest).contains(&(*radius * unit))) {
            None => Ok(radii.into_iter().map(|radius| radius * unit).collect()),
            Some(radius) => {
                let asked = match self.deviation {
                    None => radius.to_string(),
                    Some(deviation) => format!(
                        "{radius} standard deviations of the inputs, {} in pixels,",
                        short(radius * deviation)
                    ),
                };
                let verb = if self.deviation.is_some() { "are" } else { "is" };
                Err(HeadlessError::Flag {
                    flag: "--epsilon",
                    problem: format!(
                        "{asked} {verb} out of range; {attack} takes radii from 0 to {largest}, pixels being from 0 to 1"
                    ),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attacks: &[AttackKind], targets: &[TargetKind], epsilons: &[&str]) -> Request {
        Request {
            attacks: attacks.to_vec(),
            targets: targets.to_vec(),
            epsilons: epsilons.iter().map(ToString::to_string).collect(),
            deviation: None,
            steps: Some(7),
            restarts: 2,
            is_world: false,
        }
    }

    #[test]
    fn threats_are_sorted_and_each_is_tried_once() {
        let asked = request(
            &[AttackKind::Noise, AttackKind::Pgd],
            &[TargetKind::Random, TargetKind::Untargeted],
            &["0.1", "8/255", "0.1"],
        );
        let threats = asked.threats(&Hyper::default()).unwrap();
        let noise: Vec<_> = threats.iter().filter(|threat| threat.attack == AttackKind::Noise).collect();
        assert_eq!(noise.len(), 2, "noise has no target: {noise:?}");
        assert_eq!(threats.len(), 2 + 4);
        assert!((threats[0].epsilon - 8.0 / 255.0).abs() < 1e-12 && threats[1].epsilon == 0.1);
        assert!(threats.iter().all(|threat| threat.steps == 7 && threat.restarts == 2));
    }

    #[test]
    fn without_a_wish_the_runs_epsilon_and_steps_count() {
        let hyper = Hyper { epsilon: 0.8, attack_steps: 3, ..Hyper::default() };
        let threats = Request { restarts: 1, ..Request::default() }.threats(&hyper).unwrap();
        assert!(threats.iter().any(|threat| threat.epsilon == 0.8) && threats[0].steps == 3);
        assert!(threats.iter().all(|threat| threat.epsilon <= 1.0));
    }

    #[test]
    fn several_radii_are_told() {
        let said = |epsilons: &[&str]| request(&[AttackKind::Fgsm], &[], epsilons).several_radii().unwrap();
        assert_eq!(said(&["0", "1"]).as_deref(), Some("2 radii: 0 and 1"), "--epsilon 0,1");
        assert_eq!(said(&["0.1", "8/255", "1e-5"]).as_deref(), Some("3 radii: 0.00001, 0.0314 and 0.1"));
        assert_eq!([said(&[]), said(&["0.1"]), said(&["0.1", "0.10"])], [None, None, None]);
    }

    #[test]
    fn radii_in_standard_deviations_become_pixels() {
        use AttackKind::{Fgsm, PgdL2};
        let asked = |epsilons: &[&str]| Request {
            deviation: Some(0.35),
            ..request(&[Fgsm, PgdL2], &[TargetKind::Untargeted], epsilons)
        };
        let threats = asked(&["0.2", "0.1"]).threats(&Hyper::default()).unwrap();
        let radii: Vec<f64> = threats.iter().map(|threat| threat.epsilon).collect();
        assert!(
            radii.iter().zip([0.035, 0.07, 0.035, 0.07]).all(|(a, b)| (a - b).abs() < 1e-12),
            "{radii:?}"
        );
        let said = |epsilons: &[&str]| asked(epsilons).several_radii().unwrap();
        assert_eq!(
            said(&["0.1", "0.2"]).as_deref(),
            Some(
                "2 radii: 0.1 and 0.2 standard deviations of the inputs, which are 0.35: in pixels 0.035 and 0.07"
            )
        );
        assert_eq!(
            said(&["0.1"]).as_deref(),
            Some("0.1 standard deviations of the inputs, which are 0.35: in pixels 0.035")
        );
        assert_eq!(said(&[]), None, "the run's own radii are pixels");
        let error = asked(&["3"]).threats(&Hyper::default()).unwrap_err().to_string();
        assert!(
            error.contains("3 standard deviations of the inputs, 1.05 in pixels, are out of range; fgsm"),
            "{error}"
        );
    }

    #[test]
    fn bad_wishes_say_what_is_wrong() {
        use AttackKind::{Fgsm, Noise, PgdL2};
        for (asked, expected) in [
            (request(&[Fgsm], &[], &["x"]), "'x' is not a number"),
            (request(&[Fgsm], &[], &[""]), "'' is not a number"),
            (request(&[Fgsm], &[], &["-0.1"]), "out of range"),
            (request(&[Fgsm], &[], &["8"]), "from 0 to 1"),
            (request(&[PgdL2], &[], &["1001"]), "from 0 to 1000"),
            (request(&[Fgsm], &[], &["1/0"]), "'1/0' is not a number"),
            (request(&[Noise], &[TargetKind::Random], &["0.1"]), "can aim"),
        ] {
            let error = asked.threats(&Hyper::default()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.exit_status(), 2);
        }
        assert!(request(&[PgdL2], &[], &["8"]).threats(&Hyper::default()).is_ok());
    }
}
