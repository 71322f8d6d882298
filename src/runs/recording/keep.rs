//! Takes the events of a run in, and gives its recording at any time: as a file, or as the events themselves to whoever draws
//! them while it goes on.

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::VERSION;
use super::husk::{Kind, husk, is_whole};
use super::track::{Held, Track};
use crate::protocol::{Event, RunInfo, RunState};

/// Bytes of a recording at most before it is compressed, but for its first lines, which say what the run is.
pub const MOST_BYTES: usize = {
    let (mut sum, mut at) = (0, 0);
    while at < Kind::ALL.len() {
        sum += Kind::ALL[at].room();
        at += 1;
    }
    sum
};

/// The events of a run, each kind in its own room.
struct Tracks<H> {
    tracks: [Track<H>; Kind::ALL.len()],
    /// Events that came so far.
    count: u64,
}

impl<H: Held> Tracks<H> {
    fn new() -> Self {
        Self { tracks: Kind::ALL.map(|kind| Track::new(kind.room())), count: 0 }
    }

    /// Takes an event in, as what `hold` makes of it, if it is one of those that are recorded.
    fn take(&mut self, event: &Event, hold: impl Fn(&Event) -> H) {
        let Some((kind, step)) = Kind::of(event) else { return };
        let full = is_whole(event).then(|| hold(event));
        self.push((kind, step), full, husk(event).as_ref().map(hold));
    }

    fn push(&mut self, (kind, step): (Kind, u64), full: Option<H>, husk: Option<H>) {
        self.tracks[kind as usize].push(self.count, step, full, husk);
        self.count += 1;
    }

    /// What there is, in the order in which it came.
    fn held(&self) -> impl Iterator<Item = &H> {
        let mut held: Vec<(u64, &H)> = self.tracks.iter().flat_map(Track::held).collect();
        held.sort_unstable_by_key(|(order, _)| *order);
        held.into_iter().map(|(_, held)| held)
    }
}

/// The recording of a run under way.
pub struct Recording {
    /// The facts of the run.
    started: Vec<u8>,
    tracks: Tracks<Vec<u8>>,
    /// What the trainer did last.
    state: Option<RunState>,
}

impl Recording {
    /// Of a run that begins.
    pub fn new(info: &RunInfo) -> Self {
        Self { started: line(&Event::Started(Box::new(info.clone()))), tracks: Tracks::new(), state: None }
    }

    /// Takes an event of its run in.
    pub fn take(&mut self, event: &Event) {
        if let Event::State(state) = event {
            self.state = Some(*state);
        }
        self.tracks.take(event, line);
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        self.write(&mut packed).and_then(|()| packed.finish()).expect("memory takes every byte")
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let program = concat!("great-lab ", env!("CARGO_PKG_VERSION"));
        writeln!(out, "{}", json!({ "recording": VERSION, "program": program }))?;
        out.write_all(&self.started)?;
        self.tracks.held().try_for_each(|line| out.write_all(line))?;
        self.state.iter().try_for_each(|state| out.write_all(&line(&Event::State(*state))))
    }
}

/// The same in memory, for whoever draws the run while it goes on: what it was like at any step so far.
pub struct Memory {
    /// The facts of the run.
    pub info: RunInfo,
    tracks: Tracks<Arc<Event>>,
}

impl Memory {
    /// Of a run that begins.
    pub fn new(info: RunInfo) -> Self {
        Self { info, tracks: Tracks::new() }
    }

    /// The same as of another run, which is a copy of this one.
    pub fn fork(&self, info: RunInfo) -> Self {
        let mut fork = Self::new(info);
        for event in self.events() {
            fork.take(&Event::clone(&event).of_run(fork.info.run));
        }
        fork
    }

    /// Takes an event of its run in; what it keeps of it, if that is recorded.
    pub fn take(&mut self, event: &Event) -> Option<Arc<Event>> {
        let of = Kind::of(event).filter(|_| event.run() == Some(self.info.run))?;
        let held = Arc::new(event.clone());
        let full = is_whole(event).then(|| held.clone());
        self.tracks.push(of, full, husk(event).map(Arc::new));
        Some(held)
    }

    /// What came and is kept, in the order in which it came.
    pub fn events(&self) -> Vec<Arc<Event>> {
        self.tracks.held().cloned().collect()
    }
}

/// An event as a line.
fn line(event: &Event) -> Vec<u8> {
    let mut line = serde_json::to_vec(event).expect("plain data whose keys are text always becomes JSON");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::super::{RecordingError, Replay};
    use super::*;
    use crate::config::{Hyper, MultitaskMethod};
    use crate::protocol::{Activity, Pictures, Report, Share, made_up};

    /// A run in which figures are no numbers, too.
    fn events() -> Vec<Event> {
        let mut events = made_up::a_run(1, 600);
        let mut odd = made_up::report(1, 610, Hyper::default());
        (odd.loss, odd.gradient_rms, odd.auxiliary_loss) = (f64::NAN, f64::INFINITY, 0.1 + 0.2);
        events.push(odd.into());
        let mut odd = made_up::robustness(1, 610, true);
        odd.worst[0].smallest[0] = f64::INFINITY;
        odd.clean_balanced = f64::NAN;
        events.push(odd.into());
        events.push(made_up::saturation(1, 610).into());
        events.push(made_up::state(1, Activity::Finished, 610));
        events
    }

    fn recorded(events: &[Event]) -> Recording {
        let Event::Started(info) = &events[0] else { unreachable!("every run begins so") };
        let mut recording = Recording::new(info);
        events.iter().for_each(|event| recording.take(event));
        recording
    }

    fn said(events: &[Event]) -> Vec<String> {
        events.iter().map(|event| format!("{event:?}")).collect()
    }

    fn text(recording: &Recording) -> String {
        let mut text = String::new();
        GzDecoder::new(&*recording.bytes()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn every_event_comes_back_as_it_was() {
        let mut events = events();
        events.push(made_up::started_tasks(2, MultitaskMethod::Great));
        events.push(made_up::tasks(2, 50, 1.0).into());
        events.push(Event::Pictures(Box::new(Pictures {
            pixels: vec![0.1, f32::NAN],
            ..made_up::pictures(1, &[3])
        })));
        events.push(Event::Saved(vec![0, 255]));
        events.push(Event::Notice("α = 0.1\nand so on".into()));
        for event in &events {
            let back: Event = serde_json::from_slice(&line(event)).unwrap();
            // A figure of `run.json` is as exact as the reader of JSON there.
            let digits = |event: &Event| {
                format!("{event:?}").replace("000000000000001", "").replace("999999999999999", "")
            };
            assert_eq!(digits(&back), digits(event));
        }
    }

    #[test]
    fn a_recording_says_what_came() {
        let events = events();
        let replay = Replay::unpack(&*recorded(&events).bytes()).unwrap();
        assert_eq!((replay.info.run, &replay.problem), (1, &None));
        let is_kept = |event: &&Event| match event {
            Event::State(state) => state.activity == Activity::Finished,
            Event::Started(_) => false,
            Event::Robustness(found) => found.complete,
            _ => true,
        };
        let kept: Vec<Event> = events.iter().filter(is_kept).cloned().collect();
        // All of it fits, but for some of the samples.
        assert_eq!(said(&replay.events), said(&kept));
    }

    #[test]
    fn a_run_of_any_length_fits_and_keeps_its_ends() {
        let mut recording = recorded(&[made_up::started(1)]);
        let report = made_up::report(1, 1, Hyper::default());
        let [mut histograms, mut samples, mut plane] =
            [made_up::histograms(1, 1).into(), made_up::samples(1, 1).into(), made_up::plane(1, 1).into()];
        for step in 1..40_000 {
            recording.take(&Report { step, ..report.clone() }.into());
            if step % 100 == 0 {
                for event in [&mut histograms, &mut samples, &mut plane] {
                    match event {
                        Event::Histograms(found) => found.step = step,
                        Event::Samples(found) => found.step = step,
                        Event::Plane(found) => found.step = step,
                        _ => {}
                    }
                    recording.take(event);
                }
            }
        }
        let text = text(&recording);
        assert!(text.len() < MOST_BYTES, "{} bytes", text.len());
        let replay = Replay::unpack(&*recording.bytes()).unwrap();
        assert_eq!(replay.problem, None);
        let steps = |of: fn(&Event) -> Option<u64>| replay.events.iter().filter_map(of).collect::<Vec<u64>>();
        let reports = steps(|event| match event {
            Event::Report(report) => Some(report.step),
            _ => None,
        });
        assert_eq!((reports.first(), reports.last()), (Some(&1), Some(&39_999)));
        assert!(reports.len() > 5_000, "{}", reports.len());
        let distances = steps(|event| match event {
            Event::Histograms(found) => Some(found.step),
            _ => None,
        });
        assert_eq!(distances.len(), 399, "a distance is kept where its histograms are not");
        let shown = steps(|event| match event {
            Event::Samples(found) if !found.samples.is_empty() => Some(found.step),
            _ => None,
        });
        assert!((4..399).contains(&shown.len()), "{shown:?}");
        assert_eq!((shown.first(), shown.last()), (Some(&100), Some(&39_900)));
    }

    #[test]
    fn what_is_cut_off_is_shown_as_far_as_it_goes() {
        let whole = recorded(&events()).bytes();
        let count = Replay::unpack(&*whole).unwrap().events.len();
        for part in [3, 2] {
            let replay = Replay::unpack(&whole[..whole.len() * (part - 1) / part]).unwrap();
            assert!(replay.problem.is_some_and(|why| why.contains("cut off")), "{part}");
            assert!(replay.events.len() < count && replay.events.len() > 10, "{}", replay.events.len());
        }
        assert!(matches!(Replay::unpack(&b"not packed"[..]), Err(RecordingError::Malformed(_))));
        assert!(matches!(Replay::unpack(&whole[..40]), Err(RecordingError::Malformed(_))));
        let packed = |text: &str| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            packed.finish().unwrap()
        };
        let later = packed("{\"recording\":7}\n");
        assert_eq!(Replay::unpack(&*later).err(), Some(RecordingError::Version(7)));
        let headless = packed("{\"recording\":0}\n");
        assert!(Replay::unpack(&*headless).unwrap_err().to_string().contains("ends after its first line"));
    }

    /// What is left of a run's recording where one more event is in it.
    fn problem(event: impl Into<Event>) -> String {
        let Event::Started(info) = made_up::started(1) else { unreachable!("it is that event") };
        let mut recording = Recording::new(&info);
        recording.take(&made_up::report(1, 10, Hyper::default()).into());
        recording.take(&event.into());
        recording.take(&made_up::report(1, 20, Hyper::default()).into());
        let replay = Replay::unpack(&*recording.bytes()).unwrap();
        assert_eq!(replay.events.len(), 2, "what comes before stays, and how far it was");
        replay.problem.unwrap()
    }

    #[test]
    fn an_event_that_no_run_sends_ends_the_recording() {
        let mut report = made_up::report(1, 15, Hyper::default());
        report.confusion.pop();
        assert!(problem(report.clone()).contains("line 4") && problem(report.clone()).contains("confusion"));
        report.confusion.clear();
        report.elapsed = web_time::Duration::MAX;
        assert!(problem(report).contains("time"));
        let mut found = made_up::histograms(1, 15);
        found.classes[3].counts.pop();
        assert!(problem(found.clone()).contains("counts"));
        found.classes.truncate(3);
        assert!(problem(found).contains("number of histograms"));
        let mut samples = made_up::samples(1, 15);
        samples.samples[0].label = 10;
        assert!(problem(samples.clone()).contains("a sample"));
        samples.shape = [3, 1 << 40, 1 << 40];
        assert!(problem(samples).contains("shape"));
        let mut found = made_up::saturation(1, 15);
        found.images[0].said = 200;
        assert!(problem(found).contains("class of an image"));
        let mut found = made_up::robustness(1, 15, true);
        found.clean = Share { hits: 3, total: 2 };
        assert!(problem(found.clone()).contains("above 1"));
        (found.clean, found.mistakes[0].confusion) = (Share::default(), vec![1]);
        assert!(problem(found).contains("mistakes"));
        let mut tasks = made_up::tasks(1, 15, 1.0);
        tasks.found.cosines[1].pop();
        assert!(problem(tasks.clone()).contains("cosines"));
        tasks = made_up::tasks(1, 15, 1.0);
        tasks.found.shown[0].tasks[1][0].pop();
        assert!(problem(tasks).contains("image of the tasks"));
        assert!(problem(made_up::histograms(2, 15)).contains("number of the run"));
    }
}
