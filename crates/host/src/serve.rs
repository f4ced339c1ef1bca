//! The host at work: gives each connection of a tile, and each report, a flow, and does what the
//! flow says. Threads only read, start and answer; one thread a flow decides.
//!
//! One run of the app at a time: there is one account for it. It is taken from before a start until
//! everything of it is closed again, whoever left meanwhile.
//!
//! Nothing waits without a limit: what a side has said and nobody has looked at yet holds that side
//! up, and questions of an app that nobody could answer end it.
//!
//! Long: the threads of one flow and what they share.

use std::{
    io::{self, Read, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError},
    },
    thread,
    time::Duration,
};

use protocol::host::{
    self, Text,
    app::{self, Cause},
    tile::{self, Form, NotHere, Outcome, Picture, Tile},
};
use rand::{CryptoRng, RngExt as _};
use zeroize::Zeroizing;

use crate::{
    crashes::Crashes,
    desk::{Desk, Person},
    device::DeviceKey,
    events::{self, Details},
    flow::{Attempt, Effect, Event, Flow, Limits, SignIn},
    journal::{Journal, Opened},
    keep::{Keep, LookWords},
    parts::{Accounts, Child, Launch, Parts, Policy, Running},
    readiness::Known,
    report::Schedule,
    sight::Sight,
    watch::Watch,
    words::Words,
};

type Random = Box<dyn CryptoRng + Send>;

/// The host.
pub struct Host {
    /// What others do for it.
    pub parts: Parts,
    pub(crate) keep: Keep,
    pub(crate) key: DeviceKey,
    journal: Journal,
    crashes: Mutex<Crashes>,
    pub(crate) random: Mutex<Random>,
    pub(crate) watch: Mutex<Watch>,
    schedule: Mutex<Schedule>,
    flows: Mutex<Flows>,
    used: Mutex<Used>,
    free: Condvar,
    /// Looks for domain controllers.
    pub(crate) sight: Arc<Sight>,
    /// The administrator's command runs: one at a time.
    pub(crate) connecting: Mutex<()>,
}

/// The flows that want to know what becomes of sessions.
#[derive(Default)]
struct Flows {
    /// Numbers them.
    last: u64,
    listening: Vec<Listening>,
}

struct Listening {
    number: u64,
    session: Option<u32>,
    tell: Sender<Message>,
}

/// Takes a flow off the list, however it ends.
struct Listed<'a>(&'a Host, u64);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        locked(&self.0.flows).listening.retain(|flow| flow.number != self.1);
    }
}

/// Who has the app, and what is left of others.
struct Used {
    by: Busy,
    /// Something of an earlier run could not be closed.
    left: bool,
    /// The service stops: nobody begins any more.
    stops: bool,
}

enum Busy {
    No,
    Person {
        /// Everything of theirs will be closed in a moment.
        closing: bool,
    },
    Report(Sender<Message>),
}

/// Why the app is not there for somebody.
enum Taken {
    /// Somebody else has it.
    Other,
    /// What ran before is still being closed.
    Closing,
}

/// What reaches the thread of a flow.
enum Message {
    Event(Event),
    /// By the tile; held up by its permits.
    Tile(tile::Ask),
    Launched(u32, io::Result<(Box<Open>, Box<app::Tell>)>),
    /// Held up by the app's permits.
    App(u32, app::Ask),
    AppGone(u32),
    Closed {
        clean: bool,
    },
}

/// How many messages of one side may wait to be looked at; its reader waits with the next.
struct Permits(Receiver<()>);

impl Permits {
    fn new() -> (SyncSender<()>, Self) {
        let (ask, asked) = mpsc::sync_channel(UNSEEN);
        (ask, Self(asked))
    }

    /// One was looked at.
    fn give(&self) {
        // There is one for each.
        let _ = self.0.try_recv();
    }
}

/// What is open for a run.
struct Open {
    opened: Opened,
    child: Box<dyn Child>,
    pipes: Option<Pipes>,
    process: Option<u32>,
}

type Pipes = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// Most messages that wait for an app that does not read: then it has fallen over.
const UNREAD: usize = 16;
/// Most messages of a side that nobody has looked at.
const UNSEEN: usize = 32;
/// Most questions of an app that wait for an answer. It asks one at a time.
const UNANSWERED: usize = 16;
/// Most connections of tiles. A screen has one or two.
const TILES: usize = 12;
/// How often processes of the app's account are ended before it is given up.
const ENDINGS: usize = 10;
/// How long somebody who begins waits for what is still being closed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host {
    /// Closes what one before left open, and is ready.
    ///
    /// # Errors
    /// When its folder cannot be used. That the account cannot be closed is no reason to be away.
    pub fn open(parts: Parts, mut random: Random) -> io::Result<Arc<Self>> {
        let journal = Journal::open(&parts.folder)?;
        let tidied = tidy(&journal, &*parts.accounts);
        let policy = parts.settings.policy();
        let version = env!("CARGO_PKG_VERSION");
        let unix = parts.clock.unix();
        let schedule = Schedule::open(&parts.folder, &policy, version, unix, &mut *random);
        let host = Arc::new(Self {
            keep: Keep::open(&parts.folder)?,
            key: DeviceKey::new(&parts.folder),
            journal,
            crashes: Mutex::default(),
            random: Mutex::new(random),
            watch: Mutex::default(),
            schedule: Mutex::new(schedule),
            flows: Mutex::default(),
            used: Mutex::new(Used { by: Busy::No, left: tidied.is_err(), stops: false }),
            free: Condvar::new(),
            sight: Arc::default(),
            connecting: Mutex::new(()),
            parts,
        });
        host.note_tidied(&tidied);
        host.look_for_key();
        Ok(host)
    }

    /// Serves one connection of a tile to its end. The peer was looked at; this is its session.
    pub fn serve_tile(
        self: &Arc<Self>,
        mut reader: Box<dyn Read + Send>,
        writer: Box<dyn Write + Send>,
        session: Option<u32>,
    ) {
        let (tell, told) = mpsc::channel();
        let Some(_listed) = self.list(session, &tell, TILES) else {
            return tracing::warn!("too many connections of tiles");
        };
        let ours = tell.clone();
        let (permit, permits) = Permits::new();
        // Ends with the connection, which its other side or the end of this flow closes.
        thread::spawn(move || {
            loop {
                let message = match host::read_from::<tile::Ask>(&mut reader) {
                    Ok(Some(ask)) => Message::Tile(ask),
                    Ok(None) => Message::Event(Event::TileGone),
                    Err(error) => {
                        tracing::warn!("the tile: {error}");
                        Message::Event(Event::TileGone)
                    }
                };
                let is_last = matches!(message, Message::Event(_));
                let is_held = !is_last && permit.send(()).is_err();
                if is_held || ours.send(message).is_err() || is_last {
                    return;
                }
            }
        });
        // The words come with the hello.
        let flow = Flow::of_tile(self.now(), Words::of(&Text::default()));
        let mut driver = Driver::new(self, flow, tell, Some(writer), session);
        driver.of_tile = Some(permits);
        driver.run(&told, Vec::new());
    }

    /// Puts a flow on the list; none when so many are there already.
    fn list(
        &self,
        session: Option<u32>,
        tell: &Sender<Message>,
        most: usize,
    ) -> Option<Listed<'_>> {
        let mut flows = locked(&self.flows);
        if flows.listening.len() >= most {
            return None;
        }
        flows.last += 1;
        let number = flows.last;
        flows.listening.push(Listening { number, session, tell: tell.clone() });
        Some(Listed(self, number))
    }

    /// Makes a report if one is due and nobody uses the app: whether one was made.
    pub fn report_if_due(self: &Arc<Self>) -> bool {
        self.look_around();
        let policy = self.parts.settings.policy();
        let unix = self.parts.clock.unix();
        let due = locked(&self.schedule).is_due(&policy, unix, &mut **locked(&self.random));
        if !due {
            return false;
        }
        let Some(good) = self.report() else {
            return false;
        };
        let noted = if good { events::Event::ReportMade } else { events::Event::ReportFailed };
        self.note(noted, &Details::none());
        let unix = self.parts.clock.unix();
        locked(&self.schedule).done(good, &policy, unix, &mut **locked(&self.random));
        true
    }

    /// Makes a report: whether it went well; none when the app is in use.
    fn report(self: &Arc<Self>) -> Option<bool> {
        let (tell, told) = mpsc::channel();
        {
            let mut used = locked(&self.used);
            match used.by {
                Busy::No if !used.stops => used.by = Busy::Report(tell.clone()),
                Busy::No | Busy::Person { .. } | Busy::Report(_) => return None,
            }
        }
        self.look_for_key();
        self.note_findings();
        let _listed = self.list(None, &tell, usize::MAX);
        let (flow, first) = Flow::of_report(self.now(), Words::of(&self.parts.pc.language()));
        let mut driver = Driver::new(self, flow, tell, None, None);
        driver.is_busy = true;
        Some(driver.run(&told, vec![first]) == Some(Outcome::Done))
    }

    /// Something happened to a session (to all of them without one): flows there end.
    pub fn stop(&self, session: Option<u32>, cause: Cause) {
        self.tell_flows(session, || Event::Stop(cause));
    }

    /// Lets every flow look at the time: a clock that was moved wakes nobody.
    pub fn look_at_the_time(&self) {
        self.tell_flows(None, || Event::Time);
    }

    fn tell_flows(&self, session: Option<u32>, event: impl Fn() -> Event) {
        for flow in &locked(&self.flows).listening {
            if session.is_none() || flow.session == session {
                // One that has just ended needs nothing.
                let _ = flow.tell.send(Message::Event(event()));
            }
        }
    }

    /// The service stops: nobody begins any more, and what runs is ended. Waits until everything is
    /// closed, at most this long; the account is closed in any case. Whether all of it was.
    pub fn shut(&self, within: Duration) -> bool {
        locked(&self.used).stops = true;
        self.stop(None, Cause::Power);
        let used = locked(&self.used);
        let waited =
            self.free.wait_timeout_while(used, within, |used| !matches!(used.by, Busy::No));
        let (used, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let is_closed = matches!(used.by, Busy::No);
        drop(used);
        if !is_closed {
            tracing::error!("what runs could not be closed in time");
            if let Err(error) = self.parts.accounts.disable() {
                tracing::error!("the app's account: {error}");
            }
        }
        is_closed
    }

    pub(crate) fn known(&self) -> Known {
        let clock_went_back = locked(&self.schedule).clock_went_back(self.parts.clock.unix());
        Known { key: self.key.kind(), clock_went_back }
    }

    fn now(&self) -> Duration {
        self.parts.clock.now()
    }

    /// How the tile looks, or why there is none.
    fn greet(&self, session: u32, language: &Text<35>, words: &Words) -> tile::Tell {
        let policy = self.parts.settings.policy();
        let not_here = if !policy.tile {
            Some(NotHere::Policy)
        } else if self.parts.pc.in_setup() {
            Some(NotHere::Setup)
        } else if self.parts.pc.is_remote(session) && !policy.remote_sessions {
            Some(NotHere::Remote)
        } else if locked(&self.crashes).is_off(self.now()) {
            Some(NotHere::Crashes)
        } else if !self.parts.accounts.is_usable().unwrap_or(false) {
            Some(NotHere::Account)
        } else {
            None
        };
        if let Some(reason) = not_here {
            return tile::Tell::NotHere(reason);
        }
        let brought = self.keep.words(language);
        tile::Tell::Tile(look_of(words, brought.as_ref(), self.keep.picture(), &policy))
    }

    /// Whether somebody who begins now has to wait for what is still being closed.
    fn is_closing(&self) -> bool {
        matches!(locked(&self.used).by, Busy::Person { closing: true } | Busy::Report(_))
    }

    /// Waits until the app is free for a person; a report makes way.
    fn take_for_person(&self) -> Result<(), Taken> {
        let mut used = locked(&self.used);
        if let Busy::Report(tell) = &used.by {
            let _ = tell.send(Message::Event(Event::Stop(Cause::Person)));
        }
        let waits =
            |used: &mut Used| matches!(used.by, Busy::Person { closing: true } | Busy::Report(_));
        let waited = self.free.wait_timeout_while(used, PATIENCE, waits);
        (used, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match used.by {
            Busy::No if !used.stops => {
                used.by = Busy::Person { closing: false };
                Ok(())
            }
            Busy::No | Busy::Person { closing: true } | Busy::Report(_) => Err(Taken::Closing),
            Busy::Person { closing: false } => Err(Taken::Other),
        }
    }

    /// Whoever has the app will give it back in a moment.
    fn closes(&self) {
        if let Busy::Person { closing } = &mut locked(&self.used).by {
            *closing = true;
        }
        self.free.notify_all();
    }

    fn give_back(&self) {
        locked(&self.used).by = Busy::No;
        self.free.notify_all();
    }

    /// Opens everything for a run, and the app in it.
    fn launch(&self, session: Option<u32>) -> io::Result<Open> {
        let (run, password) = {
            let mut random = locked(&self.random);
            (random.random::<u128>(), new_password(&mut **random))
        };
        let parts = &self.parts;
        let left = locked(&self.used).left;
        // Whatever runs under the account is of an earlier run, or is nobody's.
        end_processes(&*parts.accounts)?;
        let tidied = if left { tidy(&self.journal, &*parts.accounts) } else { Ok(0) };
        self.note_tidied(&tidied);
        if left && tidied.is_ok() {
            locked(&self.used).left = false;
        }
        let opened = self.journal.begin(run)?;
        let started = parts
            .accounts
            .make_folder(&opened.folder)
            .and_then(|()| parts.accounts.enable(&password))
            .and_then(|()| {
                let folder = &opened.folder;
                parts.launcher.launch(Launch { session, password: &password, folder })
            });
        match started {
            Ok(Running { reader, writer, child, process }) => {
                Ok(Open { opened, child, pipes: Some((reader, writer)), process })
            }
            Err(error) => {
                self.close(&opened);
                Err(error)
            }
        }
    }

    /// Closes what was opened for a run: whether all of it is closed.
    fn close(&self, opened: &Opened) -> bool {
        let accounts = &*self.parts.accounts;
        // First, so that nobody can begin anything under it; the journal tells what fails.
        let _ = accounts.disable();
        // A profile that a process still uses cannot be removed.
        let closed = end_processes(accounts).and_then(|()| self.journal.close(opened, accounts));
        if let Err(error) = &closed {
            self.note(events::Event::NotClosed, &Details::none().cause(error));
            locked(&self.used).left = true;
        }
        closed.is_ok()
    }
}

/// Closes what a host before this one left open, or a run that could not be closed: how many runs.
fn tidy(journal: &Journal, accounts: &dyn Accounts) -> io::Result<usize> {
    if let Err(error) = accounts.disable() {
        tracing::error!("the app's account: {error}");
    }
    end_processes(accounts).and_then(|()| journal.tidy(accounts))
}
/// Until none is left: one that is ended may have started another a moment before.
fn end_processes(accounts: &dyn Accounts) -> io::Result<()> {
    for _ in 0..ENDINGS {
        match accounts.end_processes()? {
            0 => return Ok(()),
            there => tracing::warn!(there, "ended what still ran under the app's account"),
        }
    }
    Err(io::Error::other("something runs under the app's account and cannot be ended"))
}

/// How the tile looks: the product's words, over them what the app brought, over them what the
/// administrator set.
pub fn look_of(
    words: &Words,
    brought: Option<&LookWords>,
    picture: Option<Picture>,
    policy: &Policy,
) -> Tile {
    let brought_label =
        brought.map(|look| &look.label).filter(|label| !label.as_str().is_empty()).cloned();
    let brought_help =
        brought.map(|look| &look.help).filter(|help| !help.as_str().is_empty()).cloned();
    let label = policy.label.clone().or(brought_label);
    let help = policy.help.clone().or(brought_help);
    Tile {
        label: label.unwrap_or_else(|| Text::cut(words.label())),
        open: Text::cut(words.open()),
        first_day: Text::cut(words.first_day()),
        simple: Text::cut(words.simple()),
        go_on: Text::cut(words.go_on()),
        cancel: Text::cut(words.cancel()),
        opening: Text::cut(words.opening()),
        failed: Text::cut(words.tile_failed()),
        help: help.unwrap_or_else(|| Text::cut(words.help())),
        picture,
        other_user: true,
        offer_first_day: true,
    }
}

/// One that no rule of passwords refuses, and that nobody will ever type.
fn new_password(random: &mut dyn CryptoRng) -> Zeroizing<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut password = Zeroizing::new(String::with_capacity(64));
    password.push_str("Aa0-");
    let mut bytes = Zeroizing::new([0; 40]);
    random.fill_bytes(bytes.as_mut());
    for byte in bytes.iter() {
        password.push(char::from(LETTERS[usize::from(byte % 64)]));
    }
    password
}

/// The thread of a flow.
struct Driver<'a> {
    host: &'a Arc<Host>,
    flow: Flow,
    tell: Sender<Message>,
    tile: Option<Box<dyn Write + Send>>,
    session: Option<u32>,
    language: Text<35>,
    person: Option<Person>,
    /// Counts the starts: what an earlier one still says is nobody's.
    start: u32,
    open: Option<Box<Open>>,
    desk: Option<SyncSender<app::Ask>>,
    /// For what takes no time: who leaves is forgotten, whatever else is still looked for.
    slots: Option<SyncSender<app::Ask>>,
    app: Option<SyncSender<app::Tell>>,
    of_tile: Option<Permits>,
    of_app: Option<Permits>,
    outcome: Option<Outcome>,
    is_busy: bool,
}

impl<'a> Driver<'a> {
    fn new(
        host: &'a Arc<Host>,
        flow: Flow,
        tell: Sender<Message>,
        tile: Option<Box<dyn Write + Send>>,
        session: Option<u32>,
    ) -> Self {
        Self {
            host,
            flow,
            tell,
            tile,
            session,
            language: Text::default(),
            person: None,
            start: 0,
            open: None,
            desk: None,
            slots: None,
            app: None,
            of_tile: None,
            of_app: None,
            outcome: None,
            is_busy: false,
        }
    }

    /// Until the flow is over; how the app ended, if it did.
    fn run(mut self, told: &Receiver<Message>, first: Vec<Effect>) -> Option<Outcome> {
        self.perform(first);
        while !self.is_done() {
            let left = self.flow.deadline().map(|at| at.saturating_sub(self.host.now()));
            let pauses = self.flow.holds_news();
            let left = if pauses {
                Some(left.map_or(Limits::NEWS, |left| left.min(Limits::NEWS)))
            } else {
                left
            };
            let message = match left {
                None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(left) => told.recv_timeout(left),
            };
            match message {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {
                    if pauses {
                        self.event(Event::Pause);
                    }
                    self.event(Event::Time);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.is_busy {
            self.host.give_back();
        }
        self.outcome
    }

    fn is_done(&self) -> bool {
        self.flow.is_over() || (self.tile.is_none() && self.outcome.is_some())
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Event(event) => self.event(event),
            Message::Tile(ask) => {
                if let Some(permits) = &self.of_tile {
                    permits.give();
                }
                self.event(Event::Tile(ask));
            }
            Message::App(start, ask) if start == self.start && self.open.is_some() => {
                if let Some(permits) = &self.of_app {
                    permits.give();
                }
                self.event(Event::App(ask));
            }
            Message::AppGone(start) if start == self.start && self.open.is_some() => {
                self.event(Event::AppGone);
            }
            // Of a start before this one.
            Message::App(..) | Message::AppGone(_) => {}
            Message::Launched(start, Ok((open, hello))) => {
                let process = open.process;
                self.listen(start, open);
                self.say(*hello);
                self.event(Event::Launched { process });
            }
            Message::Launched(_, Err(error)) => {
                self.host.note(events::Event::NoStart, &Details::none().cause(&error));
                self.event(Event::NotLaunched);
            }
            Message::Closed { clean } => self.event(Event::Closed { clean }),
        }
    }

    fn event(&mut self, event: Event) {
        let effects = self.flow.on(event, self.host.now());
        if self.is_busy && self.flow.is_closing() {
            self.host.closes();
        }
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Greet { session, language } => self.greet(session, language),
                Effect::Admit { who, session, scenario, way, form } => {
                    let user = self.host.parts.pc.user(who.as_ref(), session);
                    let language = self.language.clone();
                    let person = Person { scenario, way, user, language, may_sign_in: false };
                    self.admit(session, person, form);
                }
                Effect::Tell(tell) => self.tell_tile(&tell),
                Effect::Launch(attempt) => self.launch(attempt),
                Effect::Say(say) => self.say(say),
                Effect::Answer(ask) => self.ask_desk(ask),
                Effect::Kill => self.kill(),
                Effect::EndedBadly => {
                    let is_off = locked(&self.host.crashes).ended_badly(self.host.now());
                    if is_off {
                        self.host.note(events::Event::TileOff, &Details::none());
                    }
                }
                Effect::EndedWell => locked(&self.host.crashes).ended_well(),
                Effect::SignedIn(signed_in) => {
                    let details = Details::none().with("signed-in", &signed_in);
                    self.host.note(events::Event::SignedIn, &details);
                }
                // Seen by `is_done`.
                Effect::Over => {}
            }
        }
    }

    fn greet(&mut self, session: u32, language: Text<35>) {
        let words = Words::of(&language);
        let told = if self.session.is_none_or(|known| known == session) {
            self.host.greet(session, &language, &words)
        } else {
            tile::Tell::NotHere(NotHere::Policy)
        };
        self.language = language;
        self.flow.speak(words);
        self.tell_tile(&told);
    }

    /// Policy, session, rate: asked again now, whatever the tile was told before.
    fn admit(&mut self, session: u32, mut person: Person, form: Form) {
        let host = self.host;
        let words = Words::of(&self.language);
        let is_here = self.session.is_none_or(|known| known == session)
            && matches!(host.greet(session, &self.language, &words), tile::Tell::Tile(_));
        if is_here && host.is_closing() {
            self.tell_tile(&tile::Tell::Status(Text::cut(words.closing())));
        }
        let refused = if !is_here {
            Some(words.off())
        } else if let Err(taken) = self.take_the_app() {
            Some(match taken {
                Taken::Other => words.busy(),
                Taken::Closing => words.moment(),
            })
        } else if !locked(&host.crashes).may_start(host.now()) {
            host.note(events::Event::TooOften, &Details::none());
            Some(words.often())
        } else {
            None
        };
        if let Some(refused) = refused {
            return self.event(Event::NotAdmitted(Text::cut(refused)));
        }
        let allowed = host.parts.settings.policy().sign_in_hand_over;
        let sign_in = match (allowed, person.scenario, &person.user) {
            (false, ..) | (_, tile::Scenario::Unlock, None) => SignIn::Never,
            (true, tile::Scenario::Unlock, Some(user)) => SignIn::Only(user.clone()),
            (true, tile::Scenario::Logon, _) => SignIn::Anybody,
        };
        person.may_sign_in = sign_in != SignIn::Never;
        let form = if host.parts.pc.has_webview() { form } else { Form::Simple };
        host.note_begun(session, &person, form);
        self.person = Some(person);
        self.event(Event::Admitted { form, sign_in });
    }

    fn take_the_app(&mut self) -> Result<(), Taken> {
        let taken = self.host.take_for_person();
        self.is_busy = taken.is_ok();
        taken
    }

    fn ask_desk(&mut self, ask: app::Ask) {
        let of_slots = matches!(ask, app::Ask::Get { .. } | app::Ask::Put { .. })
            || matches!(ask, app::Ask::Delete(_) | app::Ask::Look(_));
        let desk = if of_slots { &self.slots } else { &self.desk };
        let asked = desk.as_ref().map(|desk| desk.try_send(ask));
        match asked {
            Some(Err(TrySendError::Full(_))) => self.event(Event::AppFloods),
            // It is about to go.
            Some(Ok(()) | Err(TrySendError::Disconnected(_))) | None => {}
        }
    }

    fn tell_tile(&mut self, tell: &tile::Tell) {
        if let tile::Tell::End { outcome, .. } = tell {
            self.outcome = Some(*outcome);
            if self.tile.is_some() {
                self.host.note_ended(self.session, *outcome, self.flow.begun());
            }
            // Everything is closed; the tile may take its time with a grant.
            if std::mem::take(&mut self.is_busy) {
                self.host.give_back();
            }
        }
        let Some(tile) = &mut self.tile else { return };
        if let Err(error) = host::write_to(tile, tell) {
            tracing::warn!("the tile does not listen: {error}");
            let _ = self.tell.send(Message::Event(Event::TileGone));
        }
    }

    fn launch(&mut self, attempt: Attempt) {
        self.start += 1;
        let (host, tell, start) = (Arc::clone(self.host), self.tell.clone(), self.start);
        let (session, person) = (self.session, self.person.clone());
        let mode = attempt.mode(self.flow.way());
        let without_gpu = attempt == Attempt::WithoutGpu;
        thread::spawn(move || {
            let mut launched = Launched { tell, start, what: Err(io::ErrorKind::Other.into()) };
            let hello = Desk::hello(&host, person.as_ref(), mode, without_gpu);
            launched.what = host
                .launch(session)
                .map(|open| (Box::new(open), Box::new(app::Tell::Hello(hello))));
        });
    }

    /// Reads what the app says, answers what it asks, and writes to it, each on a thread of its
    /// own: neither a question that takes long nor an app that does not read keeps anybody from
    /// cancelling.
    fn listen(&mut self, start: u32, mut open: Box<Open>) {
        let Some((mut reader, mut writer)) = open.pipes.take() else { return };
        let tell = self.tell.clone();
        let (permit, permits) = Permits::new();
        self.of_app = Some(permits);
        thread::spawn(move || {
            loop {
                let message = match host::read_from::<app::Ask>(&mut *reader) {
                    Ok(Some(ask)) => Message::App(start, ask),
                    Ok(None) => Message::AppGone(start),
                    Err(error) => {
                        tracing::warn!("the app: {error}");
                        Message::AppGone(start)
                    }
                };
                let is_last = matches!(message, Message::AppGone(_));
                let is_held = !is_last && permit.send(()).is_err();
                if is_held || tell.send(message).is_err() || is_last {
                    return;
                }
            }
        });
        let (say, said) = mpsc::sync_channel::<app::Tell>(UNREAD);
        thread::spawn(move || {
            for tell in said {
                if host::write_to(&mut *writer, &tell).is_err() {
                    return;
                }
            }
        });
        let (ask, asked) = mpsc::sync_channel(UNANSWERED);
        let mut desk = Desk::new(Arc::clone(self.host), self.person.clone());
        let (answers, tell) = (say.clone(), self.tell.clone());
        thread::spawn(move || {
            for ask in asked {
                let Some(answer) = desk.answer(ask) else { continue };
                if answers.try_send(answer).is_err() {
                    let _ = tell.send(Message::AppGone(start));
                    return;
                }
            }
        });
        self.desk = Some(ask);
        let (ask, asked) = mpsc::sync_channel(UNANSWERED);
        let mut desk = Desk::new(Arc::clone(self.host), self.person.clone());
        let (answers, tell) = (say.clone(), self.tell.clone());
        thread::spawn(move || {
            for ask in asked {
                // What was said is done, also when nobody hears the answer any more.
                let Some(answer) = desk.answer(ask) else { continue };
                if answers.try_send(answer).is_err() {
                    let _ = tell.send(Message::AppGone(start));
                }
            }
        });
        self.slots = Some(ask);
        self.app = Some(say);
        self.open = Some(open);
    }

    fn say(&mut self, say: app::Tell) {
        let Some(app) = &self.app else { return };
        if app.try_send(say).is_err() {
            let _ = self.tell.send(Message::AppGone(self.start));
        }
    }

    /// On a thread of its own, so that the person hears of it when it takes long.
    fn kill(&mut self) {
        (self.desk, self.slots, self.app, self.of_app) = (None, None, None, None);
        let Some(mut open) = self.open.take() else {
            // The flow waits for it.
            let _ = self.tell.send(Message::Closed { clean: true });
            return;
        };
        let (host, tell) = (Arc::clone(self.host), self.tell.clone());
        thread::spawn(move || {
            // Said however that ends: the flow waits for it.
            let mut closed = Closed { tell, clean: false };
            open.child.kill();
            closed.clean = host.close(&open.opened);
        });
    }
}

/// Tells a flow what came of a start, however that ends: the flow waits for it.
struct Launched {
    tell: Sender<Message>,
    start: u32,
    what: io::Result<(Box<Open>, Box<app::Tell>)>,
}

impl Drop for Launched {
    fn drop(&mut self) {
        let what = std::mem::replace(&mut self.what, Err(io::ErrorKind::Other.into()));
        let _ = self.tell.send(Message::Launched(self.start, what));
    }
}

/// Tells a flow that what it opened is closed.
struct Closed {
    tell: Sender<Message>,
    clean: bool,
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = self.tell.send(Message::Closed { clean: self.clean });
    }
}
