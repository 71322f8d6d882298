//! How far a command is: a bar on a terminal, plain lines elsewhere, nothing when quiet. All of it on standard error.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use web_time::{Duration, Instant};

use crate::protocol::{Preparing, Report};
use crate::show::number::{figure, percent, seconds, whole_percent};

/// Time between two plain lines: a log of a long run stays readable.
const BETWEEN_LINES: Duration = Duration::from_secs(2);
/// Ticks of the bar while something other than training goes on.
const EVALUATION_TICKS: u64 = 100;

/// Where progress is shown.
pub enum Progress {
    /// Nowhere.
    Silent,
    /// A line now and then.
    Lines {
        /// When the last one was printed.
        last: Option<Instant>,
        /// Steps of the whole run.
        steps: u64,
    },
    /// A bar that is redrawn in place.
    Bar {
        /// The bar.
        bar: ProgressBar,
        /// Steps of the whole run.
        steps: u64,
    },
}

impl Progress {
    /// Progress towards a number of training steps.
    pub fn new(quiet: bool, steps: u64) -> Self {
        Self::towards(steps, quiet, ["training", "the first step takes longest"])
    }

    /// Progress of attacks on a network that is trained already.
    pub fn of_attacks(quiet: bool) -> Self {
        Self::towards(EVALUATION_TICKS, quiet, ["attacking", "held-out images"])
    }

    fn towards(steps: u64, quiet: bool, [prefix, message]: [&'static str; 2]) -> Self {
        if quiet {
            return Self::Silent;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { last: None, steps };
        }
        let style = ProgressStyle::with_template("{prefix} {bar:18} {pos}/{len} · {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─");
        let bar = ProgressBar::new(steps).with_style(style).with_prefix(prefix).with_message(message);
        Self::Bar { bar, steps }
    }

    /// Shows a report.
    pub fn report(&mut self, report: &Report) {
        match self {
            Self::Silent => {}
            Self::Lines { last, steps } => {
                let is_last = report.step >= *steps;
                if is_last || last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES) {
                    eprintln!("step {}/{steps} · {}", report.step, line(report, *steps));
                    *last = Some(Instant::now());
                }
            }
            Self::Bar { bar, steps } => {
                bar.set_prefix("training");
                bar.set_length(*steps);
                bar.set_position(report.step);
                bar.set_message(line(report, *steps));
            }
        }
    }

    /// Shows how far the training of a teacher is.
    pub fn preparing(&mut self, teacher: &Preparing) {
        let Preparing { done, steps, loss, accuracy, .. } = *teacher;
        let figures = format!("loss {} · accuracy {}", figure(loss), percent(accuracy));
        match self {
            Self::Silent => {}
            Self::Lines { last, .. } => {
                if done == steps || last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES) {
                    eprintln!("teacher, step {done}/{steps} · {figures}");
                    *last = Some(Instant::now());
                }
            }
            Self::Bar { bar, .. } => {
                bar.set_prefix("teacher");
                bar.set_length(steps);
                bar.set_position(done);
                bar.set_message(figures);
            }
        }
    }

    /// Shows how much of an evaluation is done; `share` in [0, 1].
    pub fn evaluation(&mut self, share: f64) {
        match self {
            Self::Silent => {}
            Self::Lines { last, .. } => {
                if last.is_none_or(|last| last.elapsed() >= BETWEEN_LINES) {
                    eprintln!("attacking held-out images: {}", whole_percent(share));
                    *last = Some(Instant::now());
                }
            }
            Self::Bar { bar, .. } => {
                bar.set_prefix("attacking");
                bar.set_length(EVALUATION_TICKS);
                bar.set_position((share * EVALUATION_TICKS as f64) as u64);
                bar.set_message("held-out images");
            }
        }
    }

    /// Prints a line, above the bar where there is one.
    pub fn say(&self, text: &str) {
        match self {
            Self::Silent => {}
            Self::Lines { .. } => eprintln!("{text}"),
            Self::Bar { bar, .. } => bar.suspend(|| eprintln!("{text}")),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Self::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

/// Speed, time left and the figures that tell who is winning.
fn line(report: &Report, steps: u64) -> String {
    let left = steps.saturating_sub(report.step) as f64 / report.steps_per_second;
    format!(
        "{} steps/s · {} left · loss {} · accuracy {} · auxiliary {}",
        figure(report.steps_per_second),
        seconds(left),
        figure(report.loss),
        percent(report.accuracy),
        percent(report.auxiliary_accuracy),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Hyper;
    use crate::protocol::made_up;

    #[test]
    fn the_line_tells_speed_and_time_left() {
        let mut report = made_up::report(1, 400, Hyper::default());
        report.steps_per_second = 10.0;
        let text = line(&report, 1000);
        assert!(text.starts_with("10.0 steps/s · 1 min 0 s left · loss "), "{text}");
        report.steps_per_second = 0.0;
        assert!(line(&report, 1000).contains("? left"));
        (report.steps_per_second, report.loss) = (0.0123, 0.000_12);
        let text = line(&report, 1000);
        assert!(text.starts_with("0.0123 steps/s") && text.contains("loss 1.2e−4"), "{text}");
    }
}
