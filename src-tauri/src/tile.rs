//! `tile` mode: the flow in the sign-in tile's own fields, for who chose the simple form and for
//! every PC whose webview does not come up. Draws pages of a closed shape through the host, takes
//! what was typed and pressed, and ends with one outcome. Opens no window; what comes next is the
//! service's to say, what happens to a code or password the controller's.
//!
//! What somebody may be typing into is never drawn anew by time alone: that would empty it.

mod form;
mod page;
mod press;
mod time;

use std::{
    future::Future,
    mem::{Discriminant, discriminant},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use protocol::{
    api::{Act, Stage},
    host::{
        SecretText,
        app::{Cause, Ending, Hello, Join},
        tile::{Answer, Outcome, Way},
    },
    problem::ProblemCode,
};
use tokio::{task::JoinHandle, time::Instant};

use self::{
    form::{At, Form, Told, name_of},
    page::{Over, Page, fit},
};
use crate::{
    AcceptsNewPassword, AnyView, Controller, HostLink, Leave, Refusal, SIGN_OF_LIFE, Started, Stop,
    words::{Value, Words},
};

/// Longest pause between two readings of a view that cannot be read.
const MOST_PAUSE: Duration = Duration::from_secs(8);

/// Runs until it has come to an end, and says which.
pub(crate) async fn run(link: &HostLink, hello: &Hello, controller: Arc<Controller>) -> Ending {
    link.ready();
    Run::new(link, hello, controller).until_its_end().await
}

type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Typing = SecretText<768>;

struct Run<'a> {
    link: &'a HostLink,
    controller: Arc<Controller>,
    form: Form,
    language: String,
    /// A new password counts here only once a domain controller was reached.
    needs_controller: bool,
    /// The page that is drawn, and the number of its view.
    drawn: Option<Page>,
    number: u32,
    /// Something else is to be drawn, though somebody may be typing.
    is_stale: bool,
    /// When the view came.
    since: Instant,
    /// How it would have ended if it ended now.
    told: Option<Told>,
    /// What the directory may be changed by is on its way, and nobody knows what came of it.
    changing: bool,
    /// The present and the new password of a change, until the new one was typed again.
    held: Option<(Typing, Typing)>,
    starting: Option<Later<Started>>,
    /// What this PC can do after a new password is set.
    looking: Option<JoinHandle<AcceptsNewPassword>>,
    has_looked: bool,
    failures: u32,
    read_at: Instant,
    present_at: Instant,
}

/// What happens next.
enum Event {
    Stop(Stop),
    Answer(Answer),
    Started(Started),
    Looked(Option<AcceptsNewPassword>),
    Read(Result<AnyView, Refusal>),
    Time,
}

/// The field that a refusal is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    UserId,
    Password,
    Other,
}

impl<'a> Run<'a> {
    fn new(link: &'a HostLink, hello: &Hello, controller: Arc<Controller>) -> Self {
        let language = match hello.language.as_str() {
            "" => "en",
            language => language,
        };
        let user_id = hello.user.as_ref().map_or("", |user| user.as_str());
        let now = Instant::now();
        let form = Form {
            words: Words::of(language),
            help: None,
            accepts: AcceptsNewPassword::Unknown,
            first_day: hello.way == Some(Way::FirstDay),
            user_id: user_id.to_owned(),
            known_user_id: user_id.to_owned(),
            at: At::UserId,
            over: Over::Nothing,
            error: None,
            sent_again: false,
            looking: false,
        };
        let mut run = Self {
            link,
            controller,
            form,
            language: language.to_owned(),
            needs_controller: matches!(hello.pc.join, Join::Domain | Join::Hybrid),
            drawn: None,
            number: 0,
            is_stale: false,
            since: now,
            told: None,
            changing: false,
            held: None,
            starting: None,
            looking: None,
            has_looked: false,
            failures: 0,
            read_at: now,
            present_at: now,
        };
        run.start();
        if run.needs_controller {
            run.look(false);
        }
        run
    }

    async fn until_its_end(mut self) -> Ending {
        loop {
            if let Some(looked) = self.looking.take_if(|looking| looking.is_finished()) {
                self.looked(looked.await.ok());
            }
            self.draw();
            let ended = match self.next().await {
                Event::Stop(stop) => Some(self.leave(Leave::Told(stop)).await),
                Event::Answer(answer) => self.answered(answer).await,
                Event::Started(started) => {
                    self.started(started);
                    None
                }
                Event::Looked(accepts) => {
                    self.looked(accepts);
                    None
                }
                Event::Read(read) => {
                    self.read(read).await;
                    None
                }
                Event::Time => self.time_passed().await,
            };
            if let Some(ending) = ended {
                return ending;
            }
        }
    }

    /// The first thing that happens.
    async fn next(&mut self) -> Event {
        let now = Instant::now();
        let wake = self.wakes_at();
        let revision = self.awaited().filter(|_| self.read_at <= now);
        let controller = Arc::clone(&self.controller);
        let read = async move {
            match revision {
                Some(revision) => controller.watch(revision).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            stop = self.link.stopped() => Event::Stop(stop),
            answer = self.link.answer() => match answer {
                Some(answer) => Event::Answer(answer),
                None => Event::Stop(self.link.stopped().await),
            },
            started = or_never(&mut self.starting) => {
                self.starting = None;
                Event::Started(started)
            }
            looked = or_never(&mut self.looking) => {
                self.looking = None;
                Event::Looked(looked.ok())
            }
            read = read => Event::Read(read),
            () = tokio::time::sleep_until(wake) => Event::Time,
        }
    }

    fn draw(&mut self) {
        let is_typed_into = self.drawn.as_ref().is_some_and(|page| !page.fields.is_empty());
        if is_typed_into && !self.is_stale {
            return;
        }
        self.is_stale = false;
        let page = self.form.page(self.since.elapsed());
        if self.drawn.as_ref() != Some(&page) {
            self.number = self.number.wrapping_add(1);
            self.link.view(page.view(self.number));
            self.drawn = Some(page);
        }
    }

    /// Draws the page anew, whatever is being typed.
    fn go_to(&mut self, at: At) {
        self.form.at = at;
        self.form.over = Over::Nothing;
        self.is_stale = true;
    }

    /// The revision of a view that changes by itself.
    fn awaited(&self) -> Option<u64> {
        let view = self.form.view()?;
        (view.idle_ends_in_s().is_none() && !view.has_ended()).then(|| view.revision())
    }

    fn ended_words(&self, why: &str) -> String {
        let line = |part: &str| self.form.words.say(&format!("ended-{why}-{part}"));
        format!("{}\n{}", line("title"), line("text"))
    }

    /// Begins to reach the service.
    fn start(&mut self) {
        let controller = Arc::clone(&self.controller);
        self.starting = Some(Box::pin(async move { controller.start().await }));
    }

    fn started(&mut self, started: Started) {
        match started {
            Started::Ready(greeting) => {
                self.form.help = Some(greeting.start.tenant.help);
                if let At::Unreachable(_) = self.form.at {
                    self.go_to(At::UserId);
                }
                // Who was quicker than the network goes on with what they began.
                if let (Some(view), At::UserId) = (greeting.resumed, &self.form.at) {
                    self.show(view);
                }
            }
            Started::Unreachable { why, help, .. } => {
                self.form.help = help;
                self.go_to(At::Unreachable(why));
            }
        }
    }

    fn mend(&mut self, key: &str) {
        self.form.error = Some(self.form.words.say(key));
    }

    /// Makes a call, until it has its answer or the host wants an end.
    async fn call(&mut self, call: impl Future<Output = Result<AnyView, Refusal>>, about: About) {
        let answer = tokio::select! {
            biased;
            _ = self.link.stopped() => return,
            answer = call => answer,
        };
        match answer {
            Ok(view) => self.show(view),
            Err(refusal) => self.refused(refusal, about).await,
        }
    }

    /// Goes on with a view.
    fn show(&mut self, view: AnyView) {
        self.changing = false;
        self.held = None;
        self.failures = 0;
        self.since = Instant::now();
        self.read_at = self.since;
        self.form.sent_again = false;
        self.go_to(At::View(view));
        let told = self.form.told();
        // What was done stays done, whatever was tried after it.
        let is_done = self.told.as_ref().is_some_and(|told| told.outcome == Outcome::Done);
        match told {
            Some(told) if is_done && told.outcome == Outcome::NotDone => {}
            Some(told) => self.told = Some(told),
            None => {}
        }
        self.look_for_the_network();
    }

    /// After a new password: whether this PC takes it, or reaches who does.
    fn look_for_the_network(&mut self) {
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let is_new = matches!(stage, Some(Stage::Done { act: Act::Reset | Act::Change, .. }));
        if is_new && self.needs_controller && !self.has_looked {
            self.has_looked = true;
            self.form.looking = true;
            self.look(true);
        }
    }

    /// What this PC does with a new password; with `connect` after it tried to reach the
    /// organisation's network.
    fn look(&mut self, connect: bool) {
        let controller = Arc::clone(&self.controller);
        let look = async move { controller.accepts_new_password(connect).await };
        self.looking = Some(tokio::spawn(look));
    }

    fn looked(&mut self, accepts: Option<AcceptsNewPassword>) {
        self.form.looking = false;
        self.form.accepts = accepts.unwrap_or(AcceptsNewPassword::Unknown);
        if let Some(told) = self.form.told() {
            self.told = Some(told);
        }
    }

    async fn read(&mut self, read: Result<AnyView, Refusal>) {
        match read {
            Ok(view) => {
                self.failures = 0;
                if self.form.view().map(AnyView::revision) == Some(view.revision()) {
                    return;
                }
                let is_typed_into = self.drawn.as_ref().is_some_and(|page| !page.fields.is_empty());
                if is_typed_into && stage_of(Some(&view)) == stage_of(self.form.view()) {
                    // The same page with other numbers.
                    self.since = Instant::now();
                    self.form.at = At::View(view);
                } else {
                    self.form.error = None;
                    self.show(view);
                }
            }
            Err(Refusal::Unreachable { .. }) => {
                self.failures += 1;
                let pause = Duration::from_millis(500) * 2_u32.pow(self.failures.min(6));
                self.read_at = Instant::now() + pause.min(MOST_PAUSE);
                let is_typed_into = self.drawn.as_ref().is_some_and(|page| !page.fields.is_empty());
                if self.failures > 1 && !is_typed_into {
                    self.mend("frame-no-connection");
                }
            }
            Err(refusal) => self.refused(refusal, About::Other).await,
        }
    }

    async fn refused(&mut self, refusal: Refusal, about: About) {
        let (code, retry_after_s) = match refusal {
            Refusal::Unreachable { why } => {
                return self.mend(&format!("error-unreachable-{}", name_of(&why)));
            }
            Refusal::Problem { code, retry_after_s, .. } => (code, retry_after_s),
        };
        self.changing = false;
        let is = |known: &[ProblemCode]| known.iter().any(|known| known.to_string() == code);
        if is(&[ProblemCode::TokenUnknown]) {
            return self.go_to(At::OutOfDate);
        }
        if is(&[
            ProblemCode::RecoveryEnded,
            ProblemCode::WrongStage,
            ProblemCode::MethodNotOffered,
            ProblemCode::ActNotOffered,
            ProblemCode::KeyReused,
        ]) {
            let earlier = is(&[ProblemCode::WrongStage]) && about == About::Password;
            let key = if earlier { "error-earlier-password" } else { "error-changed" };
            return self.read_again(Some(key)).await;
        }
        let of_user_id = about == About::UserId && is(&[ProblemCode::Malformed]);
        let key =
            if of_user_id { "error-malformed-user-id".to_owned() } else { format!("error-{code}") };
        let key = if self.form.words.has(&key) { key.as_str() } else { "error-internal" };
        let minutes = retry_after_s.unwrap_or(60).div_ceil(60).max(1);
        let minutes = [("minutes", Value::Number(minutes))];
        self.form.error = Some(self.form.words.with(key, &minutes));
    }

    /// Reads how things stand, which is a sign of life; `because` says why, unless the page that
    /// follows says enough.
    async fn read_again(&mut self, because: Option<&str>) {
        let before = stage_of(self.form.view());
        let read = tokio::select! {
            biased;
            _ = self.link.stopped() => return,
            read = self.controller.watch(SIGN_OF_LIFE) => read,
        };
        match read {
            Ok(view) => {
                self.show(view);
                let moved = stage_of(self.form.view()) != before;
                // Two passwords were typed: which of them counts is nowhere else to be read.
                let says = because.filter(|key| *key == "error-earlier-password" || !moved);
                self.form.error = says.map(|key| self.form.words.say(key));
            }
            Err(Refusal::Unreachable { .. }) => self.mend("frame-no-connection"),
            Err(Refusal::Problem { .. }) => self.go_to(At::OutOfDate),
        }
    }

    /// Says the one outcome, which has to be a true one.
    async fn leave(&mut self, leave: Leave) -> Ending {
        self.controller.end_in_time(leave).await;
        let mut ending = self.controller.ending();
        if let Some(told) = self.told.take().filter(|told| told.outcome == ending.outcome) {
            ending.words = fit(&told.words);
        }
        if ending.outcome == Outcome::Cancelled && self.changing {
            // The directory may be changed: nobody has heard yet.
            let line = |key: &str| self.form.words.say(key);
            let words = format!("{}\n{}", line("not-known-title"), line("not-known-next"));
            return Ending { outcome: Outcome::NotKnown, words: fit(&words), sign_in: None };
        }
        let why = match leave {
            Leave::Told(Stop::Cancelled(Cause::Idle)) => "idle",
            Leave::Told(Stop::Cancelled(Cause::Time)) => "too-long",
            Leave::Told(
                Stop::Cancelled(
                    Cause::Person | Cause::Session | Cause::Power | Cause::Tile | Cause::Rules,
                )
                | Stop::HostGone,
            )
            | Leave::Pressed => return ending,
        };
        if ending.outcome == Outcome::Cancelled {
            ending.words = fit(&self.ended_words(why));
        }
        ending
    }
}

/// Never, where there is nothing to wait for.
async fn or_never<F: Future + Unpin>(later: &mut Option<F>) -> F::Output {
    match later {
        Some(later) => later.await,
        None => std::future::pending().await,
    }
}

fn stage_of(view: Option<&AnyView>) -> Option<Discriminant<Stage>> {
    view.and_then(AnyView::known).map(|view| discriminant(&view.stage))
}
