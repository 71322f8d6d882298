//! How far a command is: a bar on a terminal, plain lines elsewhere, nothing when quiet. All of it on standard error.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use web_time::{Duration, Instant};

use crate::headless::print;
use crate::protocol::{Preparing, Report};
use crate::show::number::{figure, percent, seconds, whole_percent};

/// Least time between two plain lines, and least share of the work: a log of a long run stays readable.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
const SHARE_BETWEEN_LINES: f64 = 0.1;
/// Ticks of the bar while something other than training goes on.
const EVALUATION_TICKS: u64 = 100;

/// Where progress is shown, and how far what is.
pub struct Progress {
    face: Face,
    pacing: Pacing,
    /// Steps of the whole run.
    steps: u64,
}

enum Face {
    /// Nowhere.
    Silent,
    /// A line now and then.
    Lines,
    /// A bar that is redrawn in place.
    Bar(ProgressBar),
}

/// How long an activity goes on, and when a plain line of it was due last.
#[derive(Default)]
struct Pacing {
    activity: &'static str,
    /// When its progress was first heard of, and the share of it that was done then.
    first: Option<(Instant, f64)>,
    last: Option<(Instant, f64)>,
}

impl Pacing {
    /// Takes note that `share` of an activity is done, in [0, 1], and says whether a line is due: at its beginning and
    /// its end, and between when both some time and some of the work have passed.
    fn is_due(&mut self, activity: &'static str, share: f64, now: Instant) -> bool {
        if self.activity != activity {
            *self = Self { activity, first: Some((now, share)), last: None };
        }
        let is_due = match self.last {
            None => true,
            Some((_, before)) if share >= 1.0 => before < 1.0,
            Some((then, before)) => {
                now.duration_since(then) >= BETWEEN_LINES && share - before >= SHARE_BETWEEN_LINES
            }
        };
        if is_due {
            self.last = Some((now, share));
        }
        is_due
    }

    /// Seconds since progress was first heard of, and the share of the work done since.
    fn gained(&self, share: f64, now: Instant) -> (f64, f64) {
        self.first
            .map_or((0.0, 0.0), |(then, before)| (now.duration_since(then).as_secs_f64(), share - before))
    }
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

    /// Progress of several runs, each a process of its own, in lines.
    pub fn of_runs(quiet: bool) -> Self {
        Self { face: if quiet { Face::Silent } else { Face::Lines }, pacing: Pacing::default(), steps: 0 }
    }

    fn towards(steps: u64, quiet: bool, [prefix, message]: [&'static str; 2]) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let redraws = || {
            std::io::stderr().is_terminal() && redraws(variable("TERM").as_deref(), variable("CI").as_deref())
        };
        let face = if quiet {
            Face::Silent
        } else if redraws() {
            let style = ProgressStyle::with_template("{prefix} {bar:18} {pos}/{len} · {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸─");
            Face::Bar(ProgressBar::new(steps).with_style(style).with_prefix(prefix).with_message(message))
        } else {
            Face::Lines
        };
        Self { face, pacing: Pacing::default(), steps }
    }

    /// Shows a report.
    pub fn report(&mut self, report: &Report) {
        let figures = line(report, self.steps);
        let text = format!("step {}/{} · {figures}", report.step, self.steps);
        let share = share(report.step, self.steps);
        self.show("training", share, [report.step, self.steps], figures, |_, _| text);
    }

    /// Shows how far the training of a teacher is.
    pub fn preparing(&mut self, teacher: &Preparing) {
        let Preparing { done, steps, loss, accuracy, .. } = *teacher;
        let figures = format!("loss {} · accuracy {}", figure(loss), percent(accuracy));
        let text = format!("teacher, step {done}/{steps} · {figures}");
        let share = share(done, steps);
        self.show("teacher", share, [done, steps], figures, |took, gained| {
            text + &pace(took, gained, share, (steps as f64, "steps"))
        });
    }

    /// Shows how much of the attacks on `images` images is done; `share` in [0, 1].
    pub fn evaluation(&mut self, share: f64, images: usize) {
        let done = (share * EVALUATION_TICKS as f64) as u64;
        let text = format!("attacking held-out images: {}", whole_percent(share));
        self.show("attacking", share, [done, EVALUATION_TICKS], "held-out images".into(), |took, gained| {
            text + &pace(took, gained, share, (images as f64, "images"))
        });
    }

    /// Shows what one of several runs says; `share` of all of them is done, in [0, 1].
    pub fn of_run(&mut self, share: f64, line: String) {
        self.show("runs", share, [0, 0], String::new(), |_, _| line);
    }

    /// Shows a message on a bar at `ticks`; elsewhere the line that `text` makes of the seconds gone and the share of the
    /// work done meanwhile, where one is due.
    fn show(
        &mut self,
        activity: &'static str,
        share: f64,
        [done, all]: [u64; 2],
        message: String,
        text: impl FnOnce(f64, f64) -> String,
    ) {
        match &self.face {
            Face::Silent => {}
            Face::Lines => {
                let now = Instant::now();
                if self.pacing.is_due(activity, share, now) {
                    let (took, gained) = self.pacing.gained(share, now);
                    print::say(&text(took, gained));
                }
            }
            Face::Bar(bar) => {
                bar.set_prefix(activity);
                bar.set_length(all);
                bar.set_position(done);
                bar.set_message(message);
            }
        }
    }

    /// Prints a line, above the bar where there is one.
    pub fn say(&self, text: &str) {
        if !matches!(self.face, Face::Silent) {
            self.warn(text);
        }
    }

    /// The same even where progress is shown nowhere.
    pub fn warn(&self, text: &str) {
        match &self.face {
            Face::Silent | Face::Lines => print::say(text),
            Face::Bar(bar) => bar.suspend(|| print::say(text)),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

/// Whether a terminal of this kind redraws a line in place: one that calls itself dumb, or that a log of continuous
/// integration reads, does not.
fn redraws(term: Option<&str>, ci: Option<&str>) -> bool {
    let is_dumb = term.map_or(cfg!(unix), |term| matches!(term, "" | "dumb"));
    let is_log = ci.is_some_and(|ci| !matches!(ci, "" | "0" | "false"));
    !is_dumb && !is_log
}

/// The share of the work that is done; all of it where there is none.
fn share(done: u64, all: u64) -> f64 {
    if all == 0 { 1.0 } else { done as f64 / all as f64 }
}

/// Speed and time left, where `gained` of the work took that many seconds and `share` of it is done; nothing before
/// anything is known of them. `all` of the work is that many of something.
fn pace(took: f64, gained: f64, share: f64, (all, unit): (f64, &str)) -> String {
    if gained <= 0.0 || took <= 0.0 {
        return String::new();
    }
    format!(" · {:.1} {unit}/s · {} left", gained * all / took, seconds(took * (1.0 - share) / gained))
}

/// Speed, time left and the figures that tell who is winning.
fn line(report: &Report, steps: u64) -> String {
    let left = steps.saturating_sub(report.step) as f64 / report.steps_per_second;
    format!(
        "{} steps/s · {} left · loss {} · accuracy {} · auxiliary loss {} · accuracy {}",
        figure(report.steps_per_second),
        seconds(left),
        figure(report.loss),
        percent(report.accuracy),
        figure(report.auxiliary_loss),
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
        report.auxiliary_loss = 1.692_417_907_714_843_8;
        let text = line(&report, 1000);
        assert!(text.starts_with("0.0123 steps/s") && text.contains("loss 1.2e−4"), "{text}");
        assert!(text.contains("auxiliary loss 1.69 "), "{text}");
    }

    #[test]
    fn a_line_is_due_when_both_time_and_work_have_passed() {
        let begin = Instant::now();
        let mut pacing = Pacing::default();
        let mut at = |activity, share, seconds| {
            pacing.is_due(activity, share, begin + Duration::from_secs_f64(seconds))
        };
        assert!(at("training", 0.01, 0.0), "that it goes on is said at once");
        for (share, seconds, due) in [
            (0.5, 1.0, false),
            (0.05, 60.0, false),
            (0.12, 60.0, true),
            (0.5, 69.0, false),
            (0.5, 70.0, true),
            (1.0, 70.5, true),
            (1.0, 99.0, false),
        ] {
            assert_eq!(at("training", share, seconds), due, "{share} after {seconds} s");
        }
        assert!(at("attacking", 0.0, 100.0), "what comes next has a line of its own");
        assert!(!at("attacking", 0.05, 200.0));
        assert_eq!(pacing.gained(0.25, begin + Duration::from_secs(150)), (50.0, 0.25));
    }

    #[test]
    fn what_took_a_quarter_takes_three_times_as_long_again() {
        let of = |took, gained, share| pace(took, gained, share, (1000.0, "images"));
        assert_eq!(of(20.0, 0.25, 0.25), " · 12.5 images/s · 1 min 0 s left");
        assert_eq!(of(20.0, 0.25, 0.75), " · 12.5 images/s · 20 s left", "after a beginning that was kept");
        assert_eq!((of(0.0, 0.0, 0.0), of(9.0, 0.0, 0.5)), (String::new(), String::new()));
    }

    #[test]
    fn a_bar_is_drawn_where_it_can_be_redrawn() {
        assert!(redraws(Some("xterm-256color"), None) && redraws(Some("xterm"), Some("false")));
        assert!(!redraws(Some("dumb"), None) && !redraws(Some(""), None));
        assert!(!redraws(Some("xterm"), Some("true")));
        assert_eq!(redraws(None, None), !cfg!(unix));
    }
}
