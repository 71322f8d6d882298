//! The window itself, frame by frame: what came in, what is wanted, the picture.

mod incoming;

use std::path::PathBuf;

use egui::{Context, Frame, Margin, Panel, Rect, Ui, ViewportCommand};
use tokio::sync::mpsc;
use web_time::{Duration, Instant};

use crate::app::bars::offer::{self, Decided};
use crate::app::bars::tour::{self, Answer, Moved};
use crate::app::bars::{fork, past, shortcuts, status, toolbar};
use crate::app::board::Board;
use crate::app::draw::theme::{self, Contrast, Palette};
use crate::app::gallery::Gallery;
use crate::app::layout::Layout;
use crate::app::memory::Memory;
use crate::app::pad::Pad;
use crate::app::pane::{About, Scope};
use crate::app::panes;
use crate::app::run::along::Along;
use crate::app::run::controls::Controls;
use crate::app::run::export::Exports;
use crate::app::run::going_on::GoingOn;
use crate::app::run::history::History;
use crate::app::run::pair::Pair;
use crate::app::run::script::{self, of_runs};
use crate::app::run::shelf::{Kept, Shelf};
use crate::app::run::sweep::Sweep;
use crate::app::tour::Tour;
use crate::config::{Config, link};
use crate::platform;
use crate::protocol::{Activity, Cadence, Command, Event, Failure, Remote};
use crate::runs::checkpoints::ROOM;
use crate::runs::librarian::Ask;
use crate::show::number::whole_percent;

/// Time between frames while an answer is under way.
const ANSWERING: Duration = Duration::from_millis(100);
/// Time between looks at the channel while nothing goes on.
const IDLE: Duration = Duration::from_millis(500);
/// Time between two changes of a page's address: browsers refuse more than about six a second.
const REMEMBER_AFTER: Duration = Duration::from_millis(400);
/// How long a closed window waits for what is kept of its run.
const CLOSING: Duration = Duration::from_secs(5);

/// How the window starts and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Train as soon as the run is ready.
    pub run_at_once: bool,
    /// Close the window after so long; for tests and demonstrations.
    pub exit_after: Option<Duration>,
    /// Where runs are kept; none are where there is no place.
    pub runs: Option<PathBuf>,
    /// Bytes that the earlier checkpoints and the recording of a run may take; what is usual where nothing is said.
    pub room: Option<u64>,
    /// Runs to open: the first is shown, the others beside it.
    pub open: Vec<PathBuf>,
    /// The program that carries sweeps out, `great-lab` itself; the one that runs, where none is named.
    pub program: Option<PathBuf>,
    /// Where they compute unless the present run computes elsewhere, as `--device` has it.
    pub device: Option<String>,
    /// Whether the window is a part of somebody's page: it has no menu of files then.
    pub is_embedded: bool,
    /// Whether it looks as it did when it was closed: where the panes lie, and the theme.
    pub remembers: bool,
    /// Whether it is touched rather than pointed at.
    pub is_coarse: bool,
    /// The colours of a system that asks for more contrast.
    pub contrast: Option<Contrast>,
    /// The stop of the guided tour to begin at, counted from 1; no tour where there is none.
    pub tour: Option<usize>,
}

/// The window of the lab.
pub struct Lab {
    events: mpsc::Receiver<Event>,
    controls: Controls,
    history: History,
    /// The other one of two runs, after a fork.
    pair: Option<Pair>,
    /// The kept run of which a copy is about to take the place of the present one.
    going_on: Option<GoingOn>,
    board: Board,
    memory: Memory,
    ctx: Context,
    /// How it is laid out, by the room of the last frame.
    layout: Layout,
    pad: Pad,
    gallery: Gallery,
    exports: Exports,
    shelf: Shelf,
    sweep: Sweep,
    along: Along,
    /// The step and the time of the last checkpoint that was asked for to be kept with the run.
    kept: Option<(u64, Instant)>,
    options: Options,
    opened: Instant,
    shortcuts_open: bool,
    /// The notice that somebody has read.
    notice_dismissed: Option<String>,
    /// What a page's address says of the run, and when that was written.
    remembered: (String, Instant),
    /// What a page's tab says.
    entitled: String,
    /// What the page's address asks for since somebody changed it.
    offered: Option<String>,
    /// The guided tour, while somebody is on it, and the stop where it was left.
    tour: Option<Tour>,
    tour_left_at: usize,
    /// The knobs as they were when it began.
    before_tour: Config,
}

impl Lab {
    /// A window on the trainer at the other end of `remote`, which was started with `config`.
    pub fn new(ctx: &Context, remote: Remote, config: Config, mut options: Options) -> Self {
        theme::install(ctx);
        if let Some(contrast) = options.contrast {
            contrast.install(ctx);
        }
        let wake = ctx.clone();
        let open = std::mem::take(&mut options.open);
        let library = (options.runs.take(), options.room.unwrap_or(ROOM));
        let mut shelf = Shelf::new(library, open, move || wake.request_repaint());
        let remembered = (link::write(&config), Instant::now());
        let before_tour = config.clone();
        let mut controls = Controls::new(config, remote.hyper, remote.commands);
        if shelf.keeper().is_some() {
            controls.send(Command::Checkpoints(Cadence::BY_CLOCK));
        }
        let mut board = Board::default();
        let mut memory = Memory::recall(options.remembers, ctx, &mut board);
        if options.tour.is_some() {
            memory.tour_is_known();
        }
        Self {
            tour: options.tour.map(Tour::at_stop),
            tour_left_at: 1,
            before_tour,
            memory,
            ctx: ctx.clone(),
            events: remote.events,
            controls,
            history: History::default(),
            pair: None,
            going_on: None,
            board,
            layout: Layout::Wide,
            pad: Pad::default(),
            gallery: Gallery::default(),
            exports: Exports::default(),
            shelf,
            sweep: Sweep::new(options.program.take(), options.device.take()),
            along: Along::default(),
            kept: None,
            options,
            opened: Instant::now(),
            shortcuts_open: false,
            notice_dismissed: None,
            remembered,
            entitled: String::new(),
            offered: None,
        }
    }

    /// Shows what of a link was refused.
    pub fn refuse(&mut self, refused: Vec<String>) {
        for what in refused {
            let advice = "The rest of the link is kept.".into();
            self.history.fail(Failure { run: self.history.run(), what, advice });
        }
    }

    /// What the trainer does, in a sentence or two, for somebody who listens.
    pub fn spoken(&self) -> String {
        let accuracy = self.history.latest.as_ref().map(|report| report.accuracy);
        let accuracy =
            accuracy.map_or(String::new(), |accuracy| format!(" Accuracy {}.", whole_percent(accuracy)));
        format!("{}{accuracy}", status::happening(&self.history))
    }

    /// What a script may know of the run, as a JSON object; see `docs/page.md`.
    pub fn state(&mut self) -> String {
        self.drain();
        self.shelf.refresh();
        let mut state = script::state(&self.history, self.pair.as_ref(), &self.controls);
        state["runs"] = of_runs::state(&self.shelf);
        state["window"] = script::window(self.layout.name(), self.board.rects());
        state.to_string()
    }

    /// The reports so far, as a JSON array.
    pub fn metrics(&mut self) -> String {
        self.drain();
        script::metrics(&self.history).to_string()
    }

    /// Does what a script says.
    ///
    /// # Errors
    /// What is wrong with the command.
    pub fn command(&mut self, command: &str) -> Result<(), String> {
        self.drain();
        let both = (&mut self.history, &mut self.pair);
        if let Some(outcome) = script::obey_of_two(command, both, &mut self.controls) {
            self.shelf.begin(self.history.run());
            return outcome;
        }
        if let Some(outcome) = of_runs::obey(command, &mut self.shelf) {
            return outcome;
        }
        let refused = script::obey(command, &self.history, &mut self.controls)?;
        self.refuse(refused);
        Ok(())
    }

    /// One frame: what came in, what is wanted, the picture.
    pub fn ui(&mut self, ui: &mut Ui) {
        self.listen(ui.ctx());
        self.draw(ui);
    }

    /// What came in, and when to look again; also where the window is hidden and nothing is drawn.
    fn listen(&mut self, ctx: &Context) {
        self.drain();
        self.keep();
        self.take_files(ctx);
        if let Some(tour) = &mut self.tour {
            tour.follow(&self.history, &mut self.controls);
        }
        self.controls.flush();
        self.tell_page();
        self.memory.follow(ctx, &self.board, false);
        self.schedule(ctx);
    }

    /// Opens what a page's address says lies elsewhere: the files of a data set, or a bundle.
    pub fn fetch(&mut self, asked: platform::Asked) {
        self.exports.await_answer(asked);
    }

    /// Says something in the status line.
    pub fn say(&mut self, notice: String) {
        self.history.notice = Some(notice);
    }

    /// What was decided of the run that the address asks for.
    fn decide(&mut self, decided: Decided) {
        let Some(fragment) = self.offered.take() else { return };
        match decided {
            Decided::Start => {
                if let Err(what) = self.command(&format!("link {fragment}")) {
                    self.refuse(vec![what]);
                }
            }
            Decided::Keep => {
                platform::remember(&self.remembered.0);
                self.history.notice = Some("The address is that of this run again.".into());
            }
        }
    }

    /// Where the lab is a page: the run in its address, the progress in its tab, and whether the browser slows it down.
    fn tell_page(&mut self) {
        if let Some(fragment) = platform::changed_address() {
            let asked = link::write(&link::read(&format!("#{fragment}")).config);
            self.offered = (asked != self.remembered.0).then_some(fragment);
        }
        let link = link::write(&self.controls.config);
        if link != self.remembered.0 && self.offered.is_none() && self.remembered.1.elapsed() > REMEMBER_AFTER
        {
            platform::remember(&link);
            self.remembered = (link, Instant::now());
        }
        let held_back = platform::held_back();
        if let Some(delay) = held_back {
            self.history.notice = Some(format!(
                "In the background the browser let a turn begin only every {:.1} s; in front it trains at full speed.",
                delay.as_secs_f64()
            ));
        }
        let title = match self.history.activity() {
            Activity::Running if held_back.is_some() => format!("{} (held back)", self.history.step()),
            Activity::Running => format!("{} of {}", self.history.step(), self.history.steps()),
            Activity::Finished => "finished".into(),
            Activity::Preparing | Activity::Paused => String::new(),
        };
        if title != self.entitled {
            platform::entitle(&title);
            self.entitled = title;
        }
    }

    fn draw(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.history.look_at_names(|name| theme::can_draw(&ctx, name));
        let palette = Palette::of(&ctx);
        let layout = Layout::of(ui.max_rect().size(), self.options.is_coarse);
        if layout != std::mem::replace(&mut self.layout, layout) {
            theme::fit(&ctx, layout.is_touch());
        }
        let mut scope = Scope {
            history: &mut self.history,
            controls: &mut self.controls,
            pair: &mut self.pair,
            pad: &mut self.pad,
            exports: &mut self.exports,
            shelf: &mut self.shelf,
            sweep: &mut self.sweep,
            along: &mut self.along,
            is_kept: false,
            palette,
            layout,
            is_embedded: self.options.is_embedded,
        };
        shortcuts::handle(&ctx, &mut scope, &mut self.board, &mut self.shortcuts_open);
        let bar = Frame::new().fill(palette.window).inner_margin(Margin::symmetric(10, 0));
        let wanted = Panel::top("toolbar")
            .frame(bar)
            .exact_size(toolbar::height(layout))
            .show_separator_line(false)
            .show(ui, |ui| toolbar::ui(ui, &mut scope))
            .inner;
        self.shortcuts_open ^= wanted.shortcuts;
        if wanted.arrange {
            self.board.arrange();
        }
        if wanted.runs {
            self.board.toggle(panes::RUNS);
        }
        if wanted.sweep {
            self.board.toggle(panes::SWEEP);
        }
        fork_ui(ui, bar, &mut scope);
        let decided = self.offered.as_ref().and_then(|_| offer_ui(ui, bar, &palette));
        let is_new = self.memory.offers_tour() && !self.options.is_embedded && !layout.is_phone();
        let mut answer = tour_ui(ui, bar, &palette, (self.tour, is_new));
        device_notice_ui(ui, bar, &scope, &mut self.notice_dismissed);
        let panel = Panel::bottom("status").frame(bar).exact_size(status::height(layout));
        panel.show_separator_line(false).show(ui, |ui| status::ui(ui, &mut scope));
        failures_ui(ui, bar, &mut scope);
        let frame = Frame::new().fill(palette.window).inner_margin(Margin::symmetric(6, 0));
        answer.is_taken |= shortcuts::sheet_ui(&ctx, &scope, &mut self.shortcuts_open) | wanted.tour;
        self.panes_ui(ui, bar, frame, palette);
        self.over_ui(&palette, wanted.examples | answer.wants_examples);
        drop_hint(&ctx, &palette);
        self.go_on_tour(answer, &palette);
        if let Some(decided) = decided {
            self.decide(decided);
        }
        self.controls.flush();
    }

    /// What lies over the panes: the pad, and the gallery once somebody wants it.
    fn over_ui(&mut self, palette: &Palette, wants_gallery: bool) {
        let ctx = self.ctx.clone();
        self.pad.ui(&ctx, palette, &mut self.controls);
        if wants_gallery {
            self.gallery.open();
        }
        self.gallery.ui(&ctx, palette, &mut self.controls);
    }

    /// Shows which pane the tour speaks of, and goes where somebody wants to.
    fn go_on_tour(&mut self, answer: Answer, palette: &Palette) {
        if answer.is_taken | answer.is_declined | answer.wants_examples {
            self.memory.tour_is_known();
        }
        let Some(tour) = self.tour else {
            if answer.is_taken {
                self.before_tour = self.controls.coming();
                self.tour = Some(Tour::at_stop(self.tour_left_at));
            }
            return;
        };
        let pane = self.board.rects().iter().find(|(name, _)| Some(*name) == tour.stop().pane);
        if let Some((_, rect)) = pane {
            tour::point_at(&self.ctx, palette, *rect);
        }
        let Some(moved) = answer.moved else { return };
        self.tour = match moved {
            Moved::Next => tour.moved(true),
            Moved::Back => tour.moved(false),
            Moved::Leave => None,
        };
        if self.tour.is_none() {
            self.controls.take_next(self.before_tour.clone());
            self.history.notice =
                Some("The next run (Reset) has the knobs that you had before the tour.".into());
        }
        // Once through, it begins anew.
        self.tour_left_at = if moved == Moved::Leave { tour.number() } else { 1 };
    }

    /// The panes, of the present run or of one that was kept.
    fn panes_ui(&mut self, ui: &mut Ui, bar: Frame, frame: Frame, palette: Palette) {
        // A pane may put it away, and needs the shelf meanwhile.
        let mut shown = self.shelf.shown.take();
        let is_closed = shown.as_mut().is_some_and(|kept| self.kept_ui(ui, bar, &palette, kept));
        let mut none = None;
        let (layout, is_embedded) = (self.layout, self.options.is_embedded);
        let (history, controls, pair, is_kept) = match &mut shown {
            Some(kept) => (&mut kept.history, &mut kept.controls, &mut none, true),
            None => (&mut self.history, &mut self.controls, &mut self.pair, false),
        };
        let (pad, exports, shelf) = (&mut self.pad, &mut self.exports, &mut self.shelf);
        let (sweep, along) = (&mut self.sweep, &mut self.along);
        let mut scope = Scope {
            history,
            controls,
            pair,
            pad,
            exports,
            shelf,
            sweep,
            along,
            is_kept,
            palette,
            layout,
            is_embedded,
        };
        egui::CentralPanel::default().frame(frame).show(ui, |ui| self.board.ui(ui, &mut scope));
        let Some(mut kept) = shown else { return };
        std::mem::swap(&mut kept.history.baseline, &mut self.history.baseline);
        if let Some(notice) = kept.history.notice.take() {
            self.history.notice = Some(notice);
        }
        if !is_closed && self.shelf.shown.is_none() {
            self.shelf.shown = Some(kept);
        }
    }

    /// What stands above and under the panes of a kept run, which gets what is the window's; whether it is put away.
    fn kept_ui(&mut self, ui: &mut Ui, bar: Frame, palette: &Palette, kept: &mut Kept) -> bool {
        let line = bar.fill(palette.shade(palette.main, 0.14));
        let layout = self.layout;
        let panel = lines(Panel::top("kept run").frame(line), layout, 26.0);
        let status::OfKept { is_closed, goes_on } =
            panel.show(ui, |ui| status::kept_ui(ui, palette, kept, layout)).inner;
        if let Some((folder, file)) = goes_on {
            self.shelf.ask(Ask::GoOn(folder, file));
        }
        let panel =
            Panel::bottom("past").frame(bar).exact_size(past::height(layout)).show_separator_line(false);
        panel.show(ui, |ui| past::ui(ui, palette, kept));
        let ctx = ui.ctx().clone();
        kept.history.look_at_names(|name| theme::can_draw(&ctx, name));
        // What is held against a run, and what is said, are the window's.
        std::mem::swap(&mut kept.history.baseline, &mut self.history.baseline);
        is_closed
    }

    /// What each pane says of itself, column by column.
    pub fn panes(&self) -> impl Iterator<Item = &'static About> {
        self.board.abouts()
    }

    /// Where the panes were drawn last, by their names, in points.
    pub fn pane_rects(&self) -> &[(&'static str, Rect)] {
        self.board.rects()
    }

    /// Kept runs that are shown, or drawn beside the one that is.
    pub fn opened(&self) -> usize {
        self.shelf.beside.len() + usize::from(self.shelf.shown.is_some())
    }

    /// Points kept for the charts of the reports; bounded, however long the run.
    pub fn kept_reports(&self) -> usize {
        self.history.reports.rows().len()
    }

    /// When to draw again: soon while something goes on, else when somebody touches the window.
    fn schedule(&self, ctx: &Context) {
        let works = self.history.activity() == Activity::Running
            || self.history.evaluating()
            || self.history.auditing();
        let answers = self.history.activity() == Activity::Preparing
            || self.controls.awaits_answer()
            || self.exports.is_busy()
            || self.shelf.is_busy()
            || self.sweep.is_under_way();
        ctx.request_repaint_after(match (works, answers) {
            (true, _) if self.history.computes_on_gpu() => platform::frame_on_gpu(),
            (_, true) => ANSWERING,
            (true, false) => platform::frame_on_cpu(),
            (false, false) => IDLE,
        });
        if self.options.exit_after.is_some_and(|after| self.opened.elapsed() >= after) {
            ctx.send_viewport_cmd(ViewportCommand::Close);
        }
    }
}

/// The line of two runs, where there are two.
fn fork_ui(ui: &mut Ui, bar: Frame, scope: &mut Scope<'_>) {
    if scope.pair.is_some() {
        let line = bar.fill(scope.palette.shade(scope.palette.adversary, 0.14));
        let panel = lines(Panel::top("fork").frame(line), scope.layout, 26.0);
        panel.show(ui, |ui| fork::ui(ui, scope));
    }
}

/// What failed, where something did.
fn failures_ui(ui: &mut Ui, bar: Frame, scope: &mut Scope<'_>) {
    if !scope.history.failures.is_empty() {
        let frame = bar.inner_margin(Margin { left: 6, right: 6, top: 5, bottom: 0 });
        let panel = Panel::bottom("failures").frame(frame).show_separator_line(false);
        panel.show(ui, |ui| status::failures_ui(ui, scope));
    }
}

/// The line about another run that the address asks for.
fn offer_ui(ui: &mut Ui, bar: Frame, palette: &Palette) -> Option<Decided> {
    let line = bar.fill(palette.shade(palette.main, 0.14)).inner_margin(Margin::symmetric(10, 4));
    let panel = Panel::top("offer").frame(line).show_separator_line(false);
    panel.show(ui, |ui| offer::ui(ui, palette)).inner
}

/// The line of the guided tour, or the one that offers it to whoever is new.
fn tour_ui(ui: &mut Ui, bar: Frame, palette: &Palette, (at, is_new): (Option<Tour>, bool)) -> Answer {
    let line = bar.fill(palette.shade(palette.auxiliary, 0.16)).inner_margin(Margin::symmetric(10, 6));
    let panel = Panel::top("tour").frame(line).show_separator_line(false);
    match at {
        Some(at) => panel.show(ui, |ui| tour::ui(ui, palette, at)).inner,
        None if is_new => panel.show(ui, tour::offer_ui).inner,
        None => Answer::default(),
    }
}

/// The line about the device, until somebody has read it.
fn device_notice_ui(ui: &mut Ui, bar: Frame, scope: &Scope<'_>, dismissed: &mut Option<String>) {
    let notice = scope.history.info.as_ref().and_then(|info| info.device.notice.clone());
    let Some(notice) = notice.filter(|notice| dismissed.as_ref() != Some(notice)) else { return };
    let line = bar.fill(scope.palette.shade(scope.palette.auxiliary, 0.10));
    let panel = lines(Panel::top("device notice").frame(line), scope.layout, 22.0);
    if panel.show(ui, |ui| status::device_notice_ui(ui, scope, &notice)).inner {
        *dismissed = Some(notice);
    }
}

/// A panel of one line of that height; where thumbs need more room, of as much as there is in it.
fn lines(panel: Panel, layout: Layout, height: f32) -> Panel {
    let panel = panel.show_separator_line(false);
    if layout.is_touch() { panel } else { panel.exact_size(height) }
}

/// While something is held over the window: what dropping it would do.
fn drop_hint(ctx: &Context, palette: &Palette) {
    if ctx.input(|input| input.raw.hovered_files.is_empty()) {
        return;
    }
    let painter =
        ctx.layer_painter(egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop hint")));
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, palette.window.gamma_multiply(0.85));
    painter.text(
        rect.center(),
        egui::Align2::CENTER_CENTER,
        platform::DROP_HINT,
        egui::FontId::proportional(20.0),
        palette.text,
    );
}

impl Drop for Lab {
    /// What is kept of the run is whole when the window is gone.
    fn drop(&mut self) {
        self.drain();
        self.memory.follow(&self.ctx, &self.board, true);
        if let Some(keeper) = self.shelf.keeper() {
            keeper.end(CLOSING);
        }
    }
}

impl eframe::App for Lab {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.listen(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }
}
