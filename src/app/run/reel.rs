//! A run as it was: its events in order, and at each of its reports all that was known of it then.
//!
//! Going on takes in the events that came since; going back begins at what was known a few hundred events before, which is
//! kept as it was. So the place of a slider costs about as much as a frame, however long the run.

use std::sync::Arc;

use crate::app::run::history::History;
use crate::protocol::{Activity, Event, RunState};
use crate::runs::recording::is_whole;
use crate::show::number::count;

/// Events between two states that are kept, at least.
const STRIDE: usize = 256;
/// States that are kept of all the events that there are at the beginning, at most.
const MOST_STATES: usize = 32;

/// A report and what came until the next one, or what came before the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Steps done.
    pub step: u64,
    /// Seconds of training until then.
    pub seconds: f64,
    /// Events until its end.
    end: usize,
}

/// What a recording keeps in detail, as long as there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Confusion,
    Histograms,
    Samples,
    Plane,
    Saturation,
    Tasks,
    Evaluation,
}

impl Detail {
    const ALL: [Self; 7] = [
        Self::Confusion,
        Self::Histograms,
        Self::Samples,
        Self::Plane,
        Self::Saturation,
        Self::Tasks,
        Self::Evaluation,
    ];

    /// That of an event, and its step.
    fn of(event: &Event) -> Option<(Self, u64)> {
        match event {
            Event::Report(found) => Some((Self::Confusion, found.step)),
            Event::Histograms(found) => Some((Self::Histograms, found.step)),
            Event::Samples(found) => Some((Self::Samples, found.step)),
            Event::Plane(found) => Some((Self::Plane, found.step)),
            Event::Saturation(found) => Some((Self::Saturation, found.step)),
            Event::Tasks(found) => Some((Self::Tasks, found.step)),
            Event::Robustness(found) => Some((Self::Evaluation, found.step)),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Confusion => "confusion",
            Self::Histograms => "histograms",
            Self::Samples => "samples",
            Self::Plane => "the plane",
            Self::Saturation => "saturation",
            Self::Tasks => "pictures of the tasks",
            Self::Evaluation => "attacked images",
        }
    }
}

/// Of each detail the step of the newest that was told, and of the newest that is there.
#[derive(Clone, Copy, Debug, Default)]
struct Told([(Option<u64>, Option<u64>); Detail::ALL.len()]);

impl Told {
    fn take(&mut self, event: &Event) {
        let Some((detail, step)) = Detail::of(event) else { return };
        let (told, there) = &mut self.0[detail as usize];
        *told = Some(step);
        if is_whole(event) {
            *there = Some(step);
        }
    }
}

/// What was known after so many events.
#[derive(Clone)]
struct State {
    taken: usize,
    history: History,
    told: Told,
}

/// The events of a run, and where in them somebody is.
pub struct Reel {
    events: Vec<Arc<Event>>,
    places: Vec<Place>,
    /// What the trainer did last.
    last: Option<RunState>,
    /// Some of the states, that of the fewest events first; the first is before all of them.
    states: Vec<State>,
    /// Events between two of them.
    stride: usize,
    /// Events that the history at hand has taken in.
    taken: usize,
    told: Told,
}

impl Reel {
    /// Of these events of a run; `history` is what was known before them, and goes on from there.
    pub fn new(events: impl IntoIterator<Item = Arc<Event>>, history: &History) -> Self {
        let mut reel = Self {
            events: Vec::new(),
            places: Vec::new(),
            last: None,
            states: vec![State { taken: 0, history: history.clone(), told: Told::default() }],
            stride: STRIDE,
            taken: 0,
            told: Told::default(),
        };
        events.into_iter().for_each(|event| reel.push(event));
        reel.stride = reel.stride.max(reel.events.len() / MOST_STATES);
        reel
    }

    /// Takes in an event that came since.
    pub fn push(&mut self, event: Arc<Event>) {
        if let Event::State(state) = &*event {
            self.last = Some(*state);
            return;
        }
        if let Event::Report(report) = &*event {
            let seconds = report.elapsed.as_secs_f64();
            self.places.push(Place { step: report.step, seconds, end: self.events.len() });
        } else if self.places.is_empty() {
            let step = Detail::of(&event).map_or(0, |(_, step)| step);
            self.places.push(Place { step, seconds: 0.0, end: 0 });
        }
        self.events.push(event);
        if let Some(place) = self.places.last_mut() {
            place.end = self.events.len();
        }
    }

    /// Where one can be, that of the fewest steps first.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The last place of no more than so many steps; the first where there is none.
    pub fn at_step(&self, step: u64) -> usize {
        self.places.partition_point(|place| place.step <= step).saturating_sub(1)
    }

    /// The first place of no fewer steps; the last where there is none.
    pub fn from_step(&self, step: u64) -> usize {
        self.places.partition_point(|place| place.step < step).min(self.places.len().saturating_sub(1))
    }

    /// The last place of no more than so many seconds; the first where there is none.
    pub fn at_seconds(&self, seconds: f64) -> usize {
        self.places.partition_point(|place| place.seconds <= seconds).saturating_sub(1)
    }

    /// Makes of `history`, which this has brought to where it is, what it was at a place.
    pub fn go(&mut self, place: usize, history: &mut History) {
        let Some(Place { step, end, .. }) = self.places.get(place).copied() else { return };
        let near = self.states.partition_point(|state| state.taken <= end).saturating_sub(1);
        if let Some(state) =
            self.states.get(near).filter(|state| end < self.taken || state.taken > self.taken)
        {
            history.become_as(&state.history);
            (self.taken, self.told) = (state.taken, state.told);
        }
        while self.taken < end {
            let event = &self.events[self.taken];
            self.told.take(event);
            history.accept(Event::clone(event));
            self.taken += 1;
            let newest = self.states.last().map_or(0, |state| state.taken);
            if self.taken >= newest + self.stride {
                let mut then = History::default();
                then.become_as(history);
                self.states.push(State { taken: self.taken, history: then, told: self.told });
            }
        }
        let is_last = place + 1 == self.places.len();
        let then = RunState { run: history.run(), activity: Activity::Paused, step };
        history.state = Some(self.last.filter(|_| is_last).unwrap_or(then));
        history.until = self.places.last().map(|last| [last.step as f64, last.seconds]);
    }

    /// What of what is shown is older than it was then, or not there, because the recording had no room for all of it.
    pub fn missing(&self) -> Option<String> {
        let mut older: Vec<(u64, Vec<&str>)> = Vec::new();
        let mut gone = Vec::new();
        for detail in Detail::ALL {
            let (told, there) = self.told.0[detail as usize];
            match there {
                _ if told == there => {}
                None => gone.push(detail.name()),
                Some(there) => match older.iter_mut().find(|(step, _)| *step == there) {
                    Some((_, names)) => names.push(detail.name()),
                    None => older.push((there, vec![detail.name()])),
                },
            }
        }
        let of_step =
            |(step, names): &(u64, Vec<&str>)| format!("{} of step {}", names.join(", "), count(*step));
        let older: Vec<String> = older.iter().map(of_step).collect();
        let older = (!older.is_empty()).then(|| format!("{}, the nearest that was kept", older.join("; ")));
        let gone = (!gone.is_empty()).then(|| format!("{}: none was kept", gone.join(", ")));
        let said: Vec<String> = older.into_iter().chain(gone).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}
