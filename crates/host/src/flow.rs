//! One flow, from the tile's first word to the end of the app: what comes in are events with
//! their time, what goes out are effects. Does nothing itself, so that tests move its time.
//!
//! Three attempts get the person to something that can be used: the app, the app without the
//! graphics processor, the simple form in the tile's own fields.
//!
//! There is one account for all starts. So a start that is under way is waited for, whoever left
//! meanwhile, and what a run opened is closed before anything else begins or its end is told.
//!
//! Long: one state machine; its events read best beside each other.

use std::time::Duration;

use protocol::host::{
    Text,
    app::{self, Cause, Ending, Mode},
    tile::{self, Form, Grant, Outcome, View, Way},
};

use crate::{
    rates::Rates,
    table::{AppKind, AppStage, TileKind, TileStage, app_may, tile_may},
    words::Words,
};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a tile's first word.
    pub first: Duration,
    /// From the tile's hello to its start: a tile that only wanted to know how it looks goes.
    pub start: Duration,
    /// From the start to the drawn window.
    pub ready: Duration,
    /// Without a sign of the person.
    pub idle: Duration,
    /// Altogether.
    pub total: Duration,
    /// From being told to end to being ended. Whatever takes longer is told to the person.
    pub closing: Duration,
    /// How long a grant waits to be taken, and then for what came of it.
    pub grant: Duration,
}

impl Limits {
    /// With a person. The app warns and ends by itself after 5 minutes; this is for one that does
    /// not. A recovery ends after an hour.
    pub const PERSON: Self = Self {
        first: Duration::from_secs(5),
        start: Duration::from_secs(30),
        ready: Duration::from_secs(15),
        idle: Duration::from_secs(330),
        total: Duration::from_secs(3660),
        closing: Duration::from_secs(2),
        grant: Duration::from_secs(60),
    };
    /// What an app says is drawn at most this often.
    pub const NEWS: Duration = Duration::from_millis(250);
    /// Without one.
    pub const REPORT: Self =
        Self { idle: Duration::from_secs(300), total: Duration::from_secs(300), ..Self::PERSON };
}

/// What happened.
pub enum Event {
    /// The tile said something.
    Tile(tile::Ask),
    /// The tile is gone.
    TileGone,
    /// The flow may begin, in this form, with or without a sign-in at its end.
    Admitted {
        /// Simple where the tile asked for it, or where there is no webview.
        form: Form,
        /// Whose name a sign-in must have; none for anybody's.
        sign_in: SignIn,
    },
    /// It may not.
    NotAdmitted(Text<256>),
    /// The app runs and was told hello.
    Launched {
        /// Its number; none where nothing can be made of one.
        process: Option<u32>,
    },
    /// It could not be started.
    NotLaunched,
    /// The app said something.
    App(app::Ask),
    /// The app said what cannot be answered any more: too much of it waits.
    AppFloods,
    /// The app is gone.
    AppGone,
    /// What was opened for the app is closed again, or as far as that can be done.
    Closed {
        /// Nothing of it is left: another start may follow.
        clean: bool,
    },
    /// The session or the PC changed.
    Stop(Cause),
    /// A deadline may have passed.
    Time,
    /// [`Limits::NEWS`] went by since the last event.
    Pause,
}

/// Whether the person is signed in at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// No.
    Never,
    /// Whoever it is.
    Anybody,
    /// Only the one whose session is locked.
    Only(Text<256>),
}

/// What is to be done.
pub enum Effect {
    /// Tell the tile how it looks, or that there is none.
    Greet {
        /// The session that the tile says it is in.
        session: u32,
        /// The screen's language.
        language: Text<35>,
    },
    /// Look whether the flow may begin.
    Admit {
        /// Whose tile.
        who: Option<tile::SidText>,
        /// In which session.
        session: u32,
        /// What the screen is for.
        scenario: tile::Scenario,
        /// Which link.
        way: Way,
        /// How.
        form: Form,
    },
    /// Tell the tile.
    Tell(tile::Tell),
    /// Start the app so, and tell it hello.
    Launch(Attempt),
    /// Tell the app.
    Say(app::Tell),
    /// Answer the app.
    Answer(app::Ask),
    /// End the app and close everything that was opened for it; then [`Event::Closed`].
    Kill,
    /// The app fell over or broke the rules.
    EndedBadly,
    /// The app came to its own end.
    EndedWell,
    /// The person is in, or is not.
    SignedIn(bool),
    /// Nothing more comes.
    Over,
}

/// How the app is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// As it is meant.
    Full,
    /// Once more, without the graphics processor.
    WithoutGpu,
    /// In the tile's fields.
    Simple,
    /// Without a person.
    Report,
}

impl Attempt {
    /// What the app is to be.
    pub fn mode(self, way: Way) -> Mode {
        match (self, way) {
            (Self::Full | Self::WithoutGpu, Way::CannotSignIn) => Mode::SignIn,
            (Self::Full | Self::WithoutGpu, Way::FirstDay) => Mode::Setup,
            (Self::Simple, _) => Mode::Tile,
            (Self::Report, _) => Mode::Report,
        }
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Full => Some(Self::WithoutGpu),
            Self::WithoutGpu => Some(Self::Simple),
            Self::Simple | Self::Report => None,
        }
    }
}

enum Phase {
    New,
    Greeted,
    Asked,
    Launching {
        attempt: Attempt,
    },
    /// The person left while it was started. Nothing can be done but to wait for it.
    Leaving {
        until: Option<Duration>,
        end: End,
    },
    Starting {
        attempt: Attempt,
        until: Duration,
    },
    Running {
        attempt: Attempt,
        seen: Duration,
        shown: Option<View>,
    },
    Closing {
        attempt: Attempt,
        until: Duration,
        end: End,
    },
    /// The app was ended; what was opened for it is being closed. Until when nobody is told.
    Winding {
        until: Option<Duration>,
        then: Then,
    },
    Ended {
        grant: Option<Grant>,
        until: Duration,
    },
    Granted {
        until: Duration,
    },
    Over,
}

/// What comes once everything is closed.
enum Then {
    Launch(Attempt),
    End(End),
    Over,
}

/// How it will have ended, once the app is gone.
struct End {
    outcome: Outcome,
    words: Text<512>,
    grant: Option<Grant>,
    /// Said by the app itself: nothing else overrules it.
    told: bool,
}

/// What the app said for the tile, and is not drawn yet.
#[derive(Default)]
struct News {
    drawn: Option<Duration>,
    view: Option<View>,
    /// After the view.
    status: Option<Text<256>>,
}

impl News {
    fn wait(&self) -> bool {
        self.view.is_some() || self.status.is_some()
    }
}

/// One flow.
pub struct Flow {
    limits: Limits,
    words: Words,
    way: Way,
    sign_in: SignIn,
    begun: Duration,
    phase: Phase,
    /// Nobody is there any more to be told.
    is_alone: bool,
    process: Option<u32>,
    rates: Rates,
    news: News,
}

impl Flow {
    /// Of a tile that has connected.
    pub fn of_tile(now: Duration, words: Words) -> Self {
        Self {
            limits: Limits::PERSON,
            words,
            way: Way::CannotSignIn,
            sign_in: SignIn::Never,
            begun: now,
            phase: Phase::New,
            is_alone: false,
            process: None,
            rates: Rates::new(),
            news: News::default(),
        }
    }

    /// Without a person. The first effect is in the second part.
    pub fn of_report(now: Duration, words: Words) -> (Self, Effect) {
        let attempt = Attempt::Report;
        let flow = Self {
            limits: Limits::REPORT,
            phase: Phase::Launching { attempt },
            ..Self::of_tile(now, words)
        };
        (flow, Effect::Launch(attempt))
    }

    /// Says everything in these words from now on.
    pub fn speak(&mut self, words: Words) {
        self.words = words;
    }

    /// The link that was pressed.
    pub fn way(&self) -> Way {
        self.way
    }

    /// When the person was let in, or the report begun.
    pub fn begun(&self) -> Duration {
        self.begun
    }

    /// When [`Event::Time`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        let total = self.begun + self.limits.total;
        match &self.phase {
            Phase::New => Some(self.begun + self.limits.first),
            Phase::Greeted => Some(self.begun + self.limits.start),
            Phase::Asked | Phase::Over => None,
            Phase::Launching { .. } => Some(total),
            Phase::Leaving { until, .. } | Phase::Winding { until, .. } => *until,
            Phase::Starting { until, .. } => Some(total.min(*until)),
            Phase::Running { seen, .. } => Some(total.min(*seen + self.limits.idle)),
            Phase::Closing { until, .. }
            | Phase::Ended { until, .. }
            | Phase::Granted { until } => Some(*until),
        }
    }

    /// Takes an event.
    pub fn on(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        match event {
            _ if self.is_over() => Vec::new(),
            // Of one that broke the rules.
            Event::Tile(_) if self.is_alone => Vec::new(),
            Event::Tile(ask) => self.on_tile(ask, now),
            Event::TileGone => self.on_tile_gone(now),
            Event::Admitted { form, sign_in } => self.on_admitted(form, sign_in, now),
            Event::NotAdmitted(words) if matches!(self.phase, Phase::Asked) => {
                self.over(vec![Effect::Tell(tile::Tell::Refused { words })])
            }
            Event::NotAdmitted(_) => Vec::new(),
            Event::Launched { process } => self.on_launched(process, now),
            Event::NotLaunched => self.on_not_launched(now),
            Event::App(ask) => self.on_app(ask, now),
            Event::AppFloods if self.app_stage().is_some() => self.app_broke_the_rules(now),
            Event::AppFloods => Vec::new(),
            Event::AppGone => self.on_app_gone(now),
            Event::Closed { clean } => self.on_closed(clean, now),
            Event::Stop(cause) => self.stop(cause, now),
            Event::Time => self.on_time(now),
            Event::Pause => self.draw(now),
        }
    }

    fn on_tile(&mut self, ask: tile::Ask, now: Duration) -> Vec<Effect> {
        let may = tile_may(self.tile_stage(), &ask);
        if !may || !self.rates.tile_may(TileKind::of(&ask), now) {
            return self.tile_broke_the_rules(now);
        }
        match ask {
            tile::Ask::Hello { session, language, .. } => {
                self.begun = now;
                self.phase = Phase::Greeted;
                vec![Effect::Greet { session, language }]
            }
            tile::Ask::Start { who, session, scenario, way, form } => {
                self.phase = Phase::Asked;
                self.way = way;
                vec![Effect::Admit { who, session, scenario, way, form }]
            }
            tile::Ask::Answer(answer) => self.on_answer(answer, now),
            tile::Ask::Cancel => self.stop(Cause::Person, now),
            tile::Ask::TakeGrant => {
                let Phase::Ended { grant, .. } = &mut self.phase else {
                    return vec![Effect::Tell(tile::Tell::NoGrant)];
                };
                let grant = grant.take();
                let tell = grant.map_or(tile::Tell::NoGrant, tile::Tell::Grant);
                self.phase = Phase::Granted { until: now + self.limits.grant };
                vec![Effect::Tell(tell)]
            }
            tile::Ask::LogonResult { signed_in } => self.over(vec![Effect::SignedIn(signed_in)]),
        }
    }

    fn tile_stage(&self) -> TileStage {
        match self.phase {
            Phase::New => TileStage::New,
            Phase::Greeted => TileStage::Greeted,
            Phase::Asked
            | Phase::Launching { .. }
            | Phase::Leaving { .. }
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Closing { .. }
            | Phase::Winding { .. } => TileStage::Flowing,
            Phase::Ended { .. } | Phase::Over => TileStage::Ended,
            Phase::Granted { .. } => TileStage::Granted,
        }
    }

    fn tile_broke_the_rules(&mut self, now: Duration) -> Vec<Effect> {
        self.is_alone = true;
        match self.phase {
            Phase::Starting { .. } | Phase::Running { .. } | Phase::Closing { .. } => {
                self.wind_up(Then::Over, now)
            }
            Phase::Launching { .. } => self.stop(Cause::Tile, now),
            Phase::Leaving { .. } | Phase::Winding { .. } => self.on_tile_gone(now),
            Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over => self.over(Vec::new()),
        }
    }

    fn on_answer(&mut self, answer: tile::Answer, now: Duration) -> Vec<Effect> {
        let Phase::Running { seen, shown, .. } = &mut self.phase else {
            return Vec::new();
        };
        *seen = now;
        // One to a view that was replaced meanwhile is nothing.
        if !shown.as_ref().is_some_and(|view| answer.fits(view)) {
            return Vec::new();
        }
        // Once.
        *shown = None;
        vec![Effect::Say(app::Tell::Answer(answer))]
    }

    fn on_tile_gone(&mut self, now: Duration) -> Vec<Effect> {
        self.is_alone = true;
        match &mut self.phase {
            Phase::Launching { .. } | Phase::Starting { .. } | Phase::Running { .. } => {
                self.stop(Cause::Tile, now)
            }
            // The app may still say what it has done; nobody hears it.
            Phase::Closing { .. } | Phase::Leaving { .. } => Vec::new(),
            Phase::Winding { then, .. } => {
                if let Then::Launch(_) = then {
                    *then = Then::Over;
                }
                Vec::new()
            }
            Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over => self.over(Vec::new()),
        }
    }

    fn on_admitted(&mut self, form: Form, sign_in: SignIn, now: Duration) -> Vec<Effect> {
        let Phase::Asked = self.phase else {
            return Vec::new();
        };
        self.begun = now;
        self.sign_in = sign_in;
        let attempt = match form {
            Form::Full => Attempt::Full,
            Form::Simple => Attempt::Simple,
        };
        self.phase = Phase::Launching { attempt };
        let opening = Text::cut(self.words.opening());
        vec![Effect::Tell(tile::Tell::Status(opening)), Effect::Launch(attempt)]
    }

    fn on_launched(&mut self, process: Option<u32>, now: Duration) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Launching { attempt } => {
                self.process = process;
                self.phase = Phase::Starting { attempt, until: now + self.limits.ready };
                self.in_front(attempt)
            }
            // The person left while it was started.
            Phase::Leaving { end, .. } => {
                let mut effects = self.wind_up(Then::End(end), now);
                effects.push(Effect::EndedWell);
                effects
            }
            // Nothing else waits for a start.
            other @ (Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Closing { .. }
            | Phase::Winding { .. }
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over) => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    /// Only the sign-in screen can hand on that keys land in the app's window.
    fn in_front(&self, attempt: Attempt) -> Vec<Effect> {
        let has_window = matches!(attempt, Attempt::Full | Attempt::WithoutGpu);
        let process = self.process.filter(|_| has_window);
        let hand_on = |process| Effect::Tell(tile::Tell::Foreground { process });
        process.map(hand_on).into_iter().collect()
    }

    fn on_not_launched(&mut self, now: Duration) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Launching { attempt } => self.again_or_fail(attempt, now),
            // The person left meanwhile: nothing is to be closed.
            Phase::Leaving { end, .. } => {
                let mut effects = vec![Effect::EndedWell];
                effects.extend(self.end(end, now));
                effects
            }
            other @ (Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Closing { .. }
            | Phase::Winding { .. }
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over) => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    /// Ends the app; what comes then waits until everything is closed.
    fn wind_up(&mut self, then: Then, now: Duration) -> Vec<Effect> {
        self.news = News::default();
        self.phase = Phase::Winding { until: Some(now + self.limits.closing), then };
        vec![Effect::Kill]
    }

    fn on_closed(&mut self, clean: bool, now: Duration) -> Vec<Effect> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Winding { then: Then::Launch(attempt), .. } if clean => {
                self.phase = Phase::Launching { attempt };
                vec![Effect::Launch(attempt)]
            }
            // Something of it still runs, under the one account that there is.
            Phase::Winding { then: Then::Launch(_), .. } => self.fail(now),
            Phase::Winding { then: Then::End(end), .. } => self.end(end, now),
            Phase::Winding { then: Then::Over, .. } => self.over(Vec::new()),
            other @ (Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Launching { .. }
            | Phase::Leaving { .. }
            | Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Closing { .. }
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over) => {
                self.phase = other;
                Vec::new()
            }
        }
    }

    fn app_stage(&self) -> Option<(Attempt, AppStage)> {
        match self.phase {
            Phase::Starting { attempt, .. } => Some((attempt, AppStage::Starting)),
            Phase::Running { attempt, .. } => Some((attempt, AppStage::Running)),
            Phase::Closing { attempt, .. } => Some((attempt, AppStage::Ending)),
            Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Launching { .. }
            | Phase::Leaving { .. }
            | Phase::Winding { .. }
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over => None,
        }
    }

    fn on_app(&mut self, ask: app::Ask, now: Duration) -> Vec<Effect> {
        let Some((attempt, stage)) = self.app_stage() else {
            // Of one that is ended already.
            return Vec::new();
        };
        let is_late = stage == AppStage::Ending
            && !matches!(self.phase, Phase::Closing { ref end, .. } if end.told);
        if !app_may(attempt.mode(self.way), stage, &ask) {
            // What was on its way when it was told to end.
            return if is_late { Vec::new() } else { self.app_broke_the_rules(now) };
        }
        if !self.rates.app_may(AppKind::of(&ask), now) {
            return self.app_broke_the_rules(now);
        }
        match ask {
            app::Ask::Ready => {
                self.phase = Phase::Running { attempt, seen: now, shown: None };
                self.in_front(attempt)
            }
            app::Ask::Present => {
                self.person_seen(now);
                Vec::new()
            }
            app::Ask::Status(words) => {
                self.news.status = Some(words);
                self.draw_in_time(now)
            }
            app::Ask::View(view) => {
                if let Phase::Running { shown, .. } = &mut self.phase {
                    *shown = Some(view.clone());
                }
                // What was to be said before it is said no more.
                (self.news.view, self.news.status) = (Some(view), None);
                self.draw_in_time(now)
            }
            app::Ask::Outcome(ending) => self.on_outcome(attempt, ending, now),
            app::Ask::End if stage == AppStage::Ending => self.finish(now),
            app::Ask::End => self.app_broke_the_rules(now),
            ask @ (app::Ask::Sign(_)
            | app::Ask::Get { .. }
            | app::Ask::Put { .. }
            | app::Ask::Delete(_)
            | app::Ask::Look(_)
            | app::Ask::Reported { .. }
            | app::Ask::KeyRefused(_)
            | app::Ask::Facts
            | app::Ask::Pc
            | app::Ask::Connect) => vec![Effect::Answer(ask)],
        }
    }

    /// The newest, at most every [`Limits::NEWS`].
    fn draw_in_time(&mut self, now: Duration) -> Vec<Effect> {
        let is_soon = self.news.drawn.is_some_and(|drawn| now < drawn + Limits::NEWS);
        if is_soon { Vec::new() } else { self.draw(now) }
    }

    fn draw(&mut self, now: Duration) -> Vec<Effect> {
        if !self.news.wait() {
            return Vec::new();
        }
        self.news.drawn = Some(now);
        let view = self.news.view.take().map(tile::Tell::View);
        let status = self.news.status.take().map(tile::Tell::Status);
        view.into_iter().chain(status).map(Effect::Tell).collect()
    }

    /// Whether something waits for [`Event::Pause`].
    pub fn holds_news(&self) -> bool {
        self.news.wait()
    }

    /// Whether everything of it will be closed in a moment, and somebody else may begin.
    pub fn is_closing(&self) -> bool {
        matches!(
            self.phase,
            Phase::Leaving { .. }
                | Phase::Closing { .. }
                | Phase::Winding { then: Then::End(_) | Then::Over, .. }
        )
    }

    fn person_seen(&mut self, now: Duration) {
        if let Phase::Running { seen, .. } = &mut self.phase {
            *seen = now;
        }
    }

    /// What it has done counts, also when it was told to end meanwhile; the first time alone.
    fn on_outcome(&mut self, attempt: Attempt, ending: Ending, now: Duration) -> Vec<Effect> {
        if matches!(&self.phase, Phase::Closing { end, .. } if end.told) {
            return self.app_broke_the_rules(now);
        }
        let Ending { outcome, words, sign_in } = ending;
        // Somebody who comes back reads why nothing is there any more.
        let is_silent = outcome == Outcome::Cancelled && words.as_str().is_empty();
        let own =
            if let Phase::Closing { end, .. } = &self.phase { Some(&end.words) } else { None };
        let words = own.filter(|_| is_silent).cloned().unwrap_or(words);
        let grant = sign_in.filter(|grant| outcome == Outcome::Done && self.allows(grant));
        // Told to end, it must not sign anybody in behind the person's back.
        let grant = if matches!(self.phase, Phase::Closing { .. }) { None } else { grant };
        let end = End { outcome, words, grant, told: true };
        self.phase = Phase::Closing { attempt, until: now + self.limits.closing, end };
        Vec::new()
    }

    fn allows(&self, grant: &Grant) -> bool {
        match &self.sign_in {
            SignIn::Never => false,
            SignIn::Anybody => true,
            SignIn::Only(name) => {
                let (given, domain) = (grant.user.as_str(), grant.domain.as_str());
                let name = name.as_str();
                given.eq_ignore_ascii_case(name)
                    || format!(r"{domain}\{given}").eq_ignore_ascii_case(name)
            }
        }
    }

    fn on_app_gone(&mut self, now: Duration) -> Vec<Effect> {
        match &self.phase {
            // It fell over before anybody saw it: perhaps it does better otherwise.
            Phase::Starting { attempt, .. } => {
                let attempt = *attempt;
                let mut effects = vec![Effect::EndedBadly];
                effects.extend(self.end_and_again(attempt, now));
                effects
            }
            Phase::Running { .. } => {
                let mut effects = vec![Effect::EndedBadly];
                effects.extend(self.wind_up(Then::End(self.failed()), now));
                effects
            }
            Phase::Closing { .. } => self.finish(now),
            Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Launching { .. }
            | Phase::Leaving { .. }
            | Phase::Winding { .. }
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over => Vec::new(),
        }
    }

    fn app_broke_the_rules(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = vec![Effect::Say(app::Tell::Cancel(Cause::Rules)), Effect::EndedBadly];
        effects.extend(self.wind_up(Then::End(self.failed()), now));
        effects
    }

    /// Asks the app to end, in its own time.
    fn stop(&mut self, cause: Cause, now: Duration) -> Vec<Effect> {
        let words = Text::cut(match cause {
            Cause::Idle => self.words.away(),
            Cause::Time => self.words.too_long(),
            Cause::Person | Cause::Session | Cause::Power | Cause::Tile | Cause::Rules => "",
        });
        let end = End { outcome: Outcome::Cancelled, words, grant: None, told: false };
        let until = now + self.limits.closing;
        match &mut self.phase {
            Phase::Launching { .. } => {
                self.phase = Phase::Leaving { until: Some(until), end };
                Vec::new()
            }
            Phase::Starting { attempt, .. } | Phase::Running { attempt, .. } => {
                let attempt = *attempt;
                self.news = News::default();
                self.phase = Phase::Closing { attempt, until, end };
                vec![Effect::Say(app::Tell::Cancel(cause))]
            }
            Phase::Winding { then, .. } => {
                if let Then::Launch(_) = then {
                    *then = Then::End(end);
                }
                Vec::new()
            }
            Phase::Leaving { .. } | Phase::Closing { .. } => Vec::new(),
            // The screen goes on to something else; a grant is not for that. One that was taken
            // makes a session change itself.
            Phase::New | Phase::Greeted | Phase::Asked | Phase::Ended { .. }
                if matches!(cause, Cause::Session | Cause::Power) =>
            {
                self.over(Vec::new())
            }
            Phase::New
            | Phase::Greeted
            | Phase::Asked
            | Phase::Ended { .. }
            | Phase::Granted { .. }
            | Phase::Over => Vec::new(),
        }
    }

    fn on_time(&mut self, now: Duration) -> Vec<Effect> {
        let mut effects = self.draw_in_time(now);
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return effects;
        }
        let too_long = now >= self.begun + self.limits.total;
        effects.extend(match &mut self.phase {
            Phase::Starting { attempt, .. } if !too_long => {
                let attempt = *attempt;
                self.end_and_again(attempt, now)
            }
            Phase::Launching { .. } | Phase::Starting { .. } => self.stop(Cause::Time, now),
            Phase::Running { .. } => {
                self.stop(if too_long { Cause::Time } else { Cause::Idle }, now)
            }
            Phase::Closing { .. } => self.finish(now),
            // Once: nothing can be done but to say so.
            Phase::Leaving { until, .. } | Phase::Winding { until, .. } => {
                *until = None;
                vec![Effect::Tell(tile::Tell::Status(Text::cut(self.words.closing())))]
            }
            Phase::New | Phase::Greeted | Phase::Ended { .. } | Phase::Granted { .. } => {
                self.over(Vec::new())
            }
            Phase::Asked | Phase::Over => Vec::new(),
        });
        effects
    }

    /// Another way, or none any more; nothing runs.
    fn again_or_fail(&mut self, attempt: Attempt, now: Duration) -> Vec<Effect> {
        match attempt.next() {
            Some(attempt) => {
                self.phase = Phase::Launching { attempt };
                vec![self.again(), Effect::Launch(attempt)]
            }
            None => self.fail(now),
        }
    }

    /// The same for one that runs and has to go first.
    fn end_and_again(&mut self, attempt: Attempt, now: Duration) -> Vec<Effect> {
        let Some(next) = attempt.next() else {
            return self.wind_up(Then::End(self.failed()), now);
        };
        let mut effects = self.wind_up(Then::Launch(next), now);
        effects.push(self.again());
        effects
    }

    fn again(&self) -> Effect {
        Effect::Tell(tile::Tell::Status(Text::cut(self.words.again())))
    }

    fn failed(&self) -> End {
        let words = Text::cut(self.words.failed());
        End { outcome: Outcome::Failed, words, grant: None, told: false }
    }

    fn fail(&mut self, now: Duration) -> Vec<Effect> {
        let failed = self.failed();
        self.end(failed, now)
    }

    /// The app is gone or has to go now.
    fn finish(&mut self, now: Duration) -> Vec<Effect> {
        if !matches!(self.phase, Phase::Closing { .. }) {
            return Vec::new();
        }
        let Phase::Closing { end, .. } = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Vec::new();
        };
        let mut effects = self.wind_up(Then::End(end), now);
        effects.push(Effect::EndedWell);
        effects
    }

    /// Everything is closed, and the tile is told.
    fn end(&mut self, end: End, now: Duration) -> Vec<Effect> {
        let End { outcome, words, grant, .. } = end;
        let tell = Effect::Tell(tile::Tell::End { outcome, words, grant: grant.is_some() });
        if self.is_alone {
            return self.over(vec![tell]);
        }
        self.phase = Phase::Ended { grant, until: now + self.limits.grant };
        vec![tell]
    }

    fn over(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        self.phase = Phase::Over;
        effects.push(Effect::Over);
        effects
    }

    /// Whether nothing more comes.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }
}

#[cfg(test)]
mod tests;
