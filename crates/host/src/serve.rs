//! The host at work: gives each connection of a tile, and each report, a flow, and does what the
//! flow says. Threads only read, start and answer; one thread a flow decides.
//!
//! One run of the app at a time: there is one account for it.
//!
//! Long: the threads of one flow and what they share.

use std::{
    io::{self, Read, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
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
    flow::{Attempt, Effect, Event, Flow, SignIn},
    journal::{Journal, Opened},
    keep::{Keep, LookWords},
    parts::{Child, Launch, Parts, Policy, Running},
    readiness::Known,
    report::Schedule,
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
    flows: Mutex<Vec<Listening>>,
    busy: Mutex<Busy>,
    free: Condvar,
}

/// A flow that wants to know what becomes of sessions.
struct Listening {
    session: Option<u32>,
    tell: Sender<Message>,
}

enum Busy {
    No,
    Person,
    Report(Sender<Message>),
}

/// What reaches the thread of a flow.
enum Message {
    Event(Event),
    Launched(u32, io::Result<(Box<Open>, Box<app::Tell>)>),
    App(u32, app::Ask),
    AppGone(u32),
}

/// What is open for a run.
struct Open {
    opened: Opened,
    child: Box<dyn Child>,
    pipes: Option<Pipes>,
}

type Pipes = (Box<dyn Read + Send>, Box<dyn Write + Send>);

/// Most messages that wait for an app that does not read: then it has fallen over.
const UNREAD: usize = 16;

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
        let tidied = journal.tidy(&*parts.accounts);
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
            busy: Mutex::new(Busy::No),
            free: Condvar::new(),
            parts,
        });
        match tidied {
            Ok(0) => {}
            Ok(left) => host.note(events::Event::LeftOpen, &Details::none().with("runs", &left)),
            Err(error) => host.note(events::Event::NotClosed, &Details::none().cause(&error)),
        }
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
        let ours = tell.clone();
        // Ends with the connection, which its other side or the end of this flow closes.
        thread::spawn(move || {
            loop {
                let event = match host::read_from::<tile::Ask>(&mut reader) {
                    Ok(Some(ask)) => Event::Tile(ask),
                    Ok(None) => Event::TileGone,
                    Err(error) => {
                        tracing::warn!("the tile: {error}");
                        Event::TileGone
                    }
                };
                let is_last = matches!(event, Event::TileGone);
                if ours.send(Message::Event(event)).is_err() || is_last {
                    return;
                }
            }
        });
        locked(&self.flows).push(Listening { session, tell: tell.clone() });
        // The words come with the hello.
        let flow = Flow::of_tile(self.now(), Words::of(&Text::default()));
        Driver::new(self, flow, tell, Some(writer), session).run(&told, Vec::new());
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
            let mut busy = locked(&self.busy);
            match *busy {
                Busy::No => *busy = Busy::Report(tell.clone()),
                Busy::Person | Busy::Report(_) => return None,
            }
        }
        self.look_for_key();
        self.note_findings();
        locked(&self.flows).push(Listening { session: None, tell: tell.clone() });
        let (flow, first) = Flow::of_report(self.now(), Words::of(&self.parts.pc.language()));
        let mut driver = Driver::new(self, flow, tell, None, None);
        driver.is_busy = true;
        Some(driver.run(&told, vec![first]) == Some(Outcome::Done))
    }

    /// Something happened to a session (to all of them without one): flows there end.
    pub fn stop(&self, session: Option<u32>, cause: Cause) {
        locked(&self.flows).retain(|flow| {
            let is_meant = session.is_none() || flow.session == session;
            !is_meant || flow.tell.send(Message::Event(Event::Stop(cause))).is_ok()
        });
    }

    /// Lets every flow look at the time: a clock that was moved wakes nobody.
    pub fn look_at_the_time(&self) {
        locked(&self.flows).retain(|flow| flow.tell.send(Message::Event(Event::Time)).is_ok());
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

    /// Waits until the app is free for a person; a report makes way.
    fn take_for_person(&self) -> bool {
        let mut busy = locked(&self.busy);
        match &*busy {
            Busy::No => {}
            Busy::Person => return false,
            Busy::Report(tell) => {
                let _ = tell.send(Message::Event(Event::Stop(Cause::Person)));
                const PATIENCE: Duration = Duration::from_secs(5);
                let waited =
                    self.free.wait_timeout_while(busy, PATIENCE, |busy| !matches!(busy, Busy::No));
                busy = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(busy, _)| busy);
                if !matches!(*busy, Busy::No) {
                    return false;
                }
            }
        }
        *busy = Busy::Person;
        true
    }

    fn give_back(&self) {
        *locked(&self.busy) = Busy::No;
        self.free.notify_all();
    }

    /// Opens everything for a run, and the app in it.
    fn launch(&self, session: Option<u32>) -> io::Result<Open> {
        let (run, password) = {
            let mut random = locked(&self.random);
            (random.random::<u128>(), new_password(&mut **random))
        };
        let opened = self.journal.begin(run)?;
        let parts = &self.parts;
        let started = parts
            .accounts
            .make_folder(&opened.folder)
            .and_then(|()| parts.accounts.enable(&password))
            .and_then(|()| {
                let folder = &opened.folder;
                parts.launcher.launch(Launch { session, password: &password, folder })
            });
        match started {
            Ok(Running { reader, writer, child }) => {
                Ok(Open { opened, child, pipes: Some((reader, writer)) })
            }
            Err(error) => {
                self.close(&opened);
                Err(error)
            }
        }
    }

    fn close(&self, opened: &Opened) {
        if let Err(error) = self.journal.close(opened, &*self.parts.accounts) {
            self.note(events::Event::NotClosed, &Details::none().cause(&error));
        }
    }
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
    launching: bool,
    open: Option<Box<Open>>,
    desk: Option<Sender<app::Ask>>,
    app: Option<SyncSender<app::Tell>>,
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
            launching: false,
            open: None,
            desk: None,
            app: None,
            outcome: None,
            is_busy: false,
        }
    }

    /// Until the flow is over; how the app ended, if it did.
    fn run(mut self, told: &Receiver<Message>, first: Vec<Effect>) -> Option<Outcome> {
        self.perform(first);
        while !self.is_done() {
            let left = self.flow.deadline().map(|at| at.saturating_sub(self.host.now()));
            let message = match left {
                None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(left) => told.recv_timeout(left),
            };
            match message {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => self.event(Event::Time),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.kill();
        // A start that is still on its way must not outlive its flow.
        while self.launching {
            match told.recv() {
                Ok(Message::Launched(_, launched)) => {
                    self.launching = false;
                    self.open = launched.ok().map(|(open, _)| open);
                    self.kill();
                }
                Ok(Message::Event(_) | Message::App(..) | Message::AppGone(_)) => {}
                Err(_) => break,
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
            Message::App(start, ask) if start == self.start && self.open.is_some() => {
                self.event(Event::App(ask));
            }
            Message::AppGone(start) if start == self.start && self.open.is_some() => {
                self.event(Event::AppGone);
            }
            // Of a start before this one.
            Message::App(..) | Message::AppGone(_) => {}
            Message::Launched(start, launched) => {
                self.launching = false;
                match launched {
                    Ok((open, hello)) => {
                        self.listen(start, open);
                        self.say(*hello);
                        self.event(Event::Launched);
                    }
                    Err(error) => {
                        self.host.note(events::Event::NoStart, &Details::none().cause(&error));
                        self.event(Event::NotLaunched);
                    }
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        let effects = self.flow.on(event, self.host.now());
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
                Effect::Answer(ask) => {
                    if let Some(desk) = &self.desk {
                        let _ = desk.send(ask);
                    }
                }
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
        let refused = if !is_here {
            Some(words.off())
        } else if !self.take_the_app() {
            Some(words.busy())
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

    fn take_the_app(&mut self) -> bool {
        self.is_busy = self.host.take_for_person();
        self.is_busy
    }

    fn tell_tile(&mut self, tell: &tile::Tell) {
        if let tile::Tell::End { outcome, .. } = tell {
            self.outcome = Some(*outcome);
            if self.tile.is_some() {
                self.host.note_ended(self.session, *outcome, self.flow.begun());
            }
            // Nobody needs it any more; the tile may take its time with a grant.
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
        self.launching = true;
        let (host, tell, start) = (Arc::clone(self.host), self.tell.clone(), self.start);
        let (session, person) = (self.session, self.person.clone());
        let mode = attempt.mode(self.flow.way());
        let without_gpu = attempt == Attempt::WithoutGpu;
        thread::spawn(move || {
            let hello = Desk::hello(&host, person.as_ref(), mode, without_gpu);
            let launched = host.launch(session);
            let launched = launched.map(|open| (Box::new(open), Box::new(app::Tell::Hello(hello))));
            // The flow waits for this.
            let _ = tell.send(Message::Launched(start, launched));
        });
    }

    /// Reads what the app says, answers what it asks, and writes to it, each on a thread of its
    /// own: neither a question that takes long nor an app that does not read keeps anybody from
    /// cancelling.
    fn listen(&mut self, start: u32, mut open: Box<Open>) {
        let Some((mut reader, mut writer)) = open.pipes.take() else { return };
        let tell = self.tell.clone();
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
                if tell.send(message).is_err() || is_last {
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
        let (ask, asked) = mpsc::channel();
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
        self.app = Some(say);
        self.open = Some(open);
    }

    fn say(&mut self, say: app::Tell) {
        let Some(app) = &self.app else { return };
        if app.try_send(say).is_err() {
            let _ = self.tell.send(Message::AppGone(self.start));
        }
    }

    fn kill(&mut self) {
        (self.desk, self.app) = (None, None);
        if let Some(mut open) = self.open.take() {
            open.child.kill();
            self.host.close(&open.opened);
        }
    }
}
