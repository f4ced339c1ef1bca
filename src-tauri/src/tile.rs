//! `tile` mode: the flow in the sign-in tile's own fields, for who chose the simple form and for
//! every PC whose webview does not come up. Draws pages of a closed shape through the host, takes
//! what was typed and pressed, and ends with one outcome. Opens no window; what comes next is the
//! service's to say, what happens to a code or password the controller's.
//!
//! What somebody may be typing into is never drawn anew by time alone: that would empty it.

mod form;
mod page;

use std::{
    future::Future,
    mem::{Discriminant, discriminant},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use protocol::{
    api::{Act, Draws, Reason, Stage},
    host::{
        SecretText,
        app::{Cause, Ending, Hello, Join},
        tile::{Answer, Outcome, Way},
    },
    problem::ProblemCode,
    text::CodeText,
};
use tokio::{task::JoinHandle, time::Instant};

use self::{
    form::{At, Form, LONG, Told, name_of},
    page::{Over, Page, Press, fit},
};
use crate::{
    AcceptsNewPassword, AnyView, Controller, HostLink, Leave, Refusal, SIGN_OF_LIFE, Started, Stop,
    Typed,
    words::{Value, Words},
};

/// Before the service ends a recovery for want of a sign of life, somebody is asked for one.
const WARNING: Duration = Duration::from_secs(60);
/// Read a little after the end: a read before it would count as a sign of life.
const AFTER_END: Duration = Duration::from_secs(2);
/// While something is awaited nobody counts as away; the host hears of it this often.
const PRESENT: Duration = Duration::from_secs(60);
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

    /// When something is due though nobody does anything.
    fn wakes_at(&self) -> Instant {
        let now = Instant::now();
        let far = now + Duration::from_secs(3_600);
        let Some(view) = self.form.view() else { return far };
        if view.has_ended() {
            return far;
        }
        let mut wakes = vec![self.since + seconds(view.ends_in_s()) + AFTER_END];
        if let Some(idle) = view.idle_ends_in_s() {
            let ends = self.since + seconds(idle);
            let asked = self.form.over == Over::StillThere;
            wakes.push(if asked { ends + AFTER_END } else { before(ends, WARNING, now) });
        } else {
            wakes.push(self.present_at + PRESENT);
            wakes.push(self.read_at);
            if self.drawn.as_ref().is_some_and(|page| page.choices.is_empty()) {
                wakes.push(self.since + LONG);
            }
        }
        wakes.into_iter().filter(|at| *at > now).min().unwrap_or(far)
    }

    async fn time_passed(&mut self) -> Option<Ending> {
        let now = Instant::now();
        let view = self.form.view()?;
        let over = self.since + seconds(view.ends_in_s()) + AFTER_END;
        match view.idle_ends_in_s() {
            _ if now >= over => self.read_again(None).await,
            Some(idle) => {
                let ends = self.since + seconds(idle);
                if now >= ends + AFTER_END {
                    self.read_again(None).await;
                } else if now + WARNING >= ends && self.form.over != Over::StillThere {
                    self.held = None;
                    self.form.error = None;
                    self.form.over = Over::StillThere;
                    self.is_stale = true;
                }
            }
            None if now >= self.present_at + PRESENT => {
                self.present_at = now;
                self.link.present();
            }
            None => {}
        }
        // Nobody is there who could read why.
        let ended = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        if let Some(Stage::Ended { why }) = ended {
            let why = name_of(why);
            let words = self.ended_words(&why);
            let ending = self.leave(Leave::Pressed).await;
            let is_cancelled = ending.outcome == Outcome::Cancelled;
            return Some(if is_cancelled {
                Ending { words: fit(&words), ..ending }
            } else {
                ending
            });
        }
        None
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

    /// What was pressed, with what was typed. An answer that fits no page that is drawn is none.
    async fn answered(&mut self, answer: Answer) -> Option<Ending> {
        let Answer { number, choice, typed } = answer;
        // The tile waits for the next page, whatever it is.
        let drawn = self.drawn.take_if(|_| number == self.number)?;
        self.present_at = Instant::now();
        let typed = typed.into_vec();
        let press = drawn.choices.get(usize::from(choice)).map(|choice| choice.press.clone());
        let fits = typed.len() == drawn.fields.len();
        let Some(press) = press.filter(|_| fits) else {
            tracing::warn!("an answer that does not fit its page");
            return None;
        };
        self.form.error = None;
        self.press(press, typed).await
    }

    async fn press(&mut self, press: Press, typed: Vec<Typing>) -> Option<Ending> {
        let controller = Arc::clone(&self.controller);
        match press {
            Press::UserId => {
                if let [typed] = typed.as_slice() {
                    self.hand_in_user_id(typed.expose().trim()).await;
                }
            }
            Press::Code => {
                if let [typed] = typed.as_slice() {
                    self.hand_in_code(typed).await;
                }
            }
            Press::NewPassword => {
                if let [new, again] = typed.as_slice() {
                    self.hand_in_new_password(new, again).await;
                }
            }
            Press::ChangePassword => {
                if let Ok([present, new]) = <[Typing; 2]>::try_from(typed) {
                    self.hold(present, new);
                }
            }
            Press::ChangeAgain => {
                if let [again] = typed.as_slice() {
                    self.hand_in_change(again).await;
                }
            }
            Press::Method(id) => {
                self.call(async move { controller.choose_method(id).await }, About::Other).await;
            }
            Press::SendAgain => self.send_again().await,
            Press::Act(act) => {
                self.changing = act == Act::Unlock;
                self.call(async move { controller.choose_act(act).await }, About::Other).await;
            }
            Press::Back => {
                self.call(async move { controller.back().await }, About::Other).await;
            }
            Press::Cancel => {
                self.call(async move { controller.cancel().await }, About::Other).await;
            }
            Press::Retry => {
                self.start();
                self.wait_for_start().await;
            }
            Press::StartAgain => {
                self.go_to(At::UserId);
                self.start();
            }
            Press::StillThere => {
                self.form.over = Over::Nothing;
                self.read_again(None).await;
            }
            Press::Open(over) => {
                self.held = None;
                self.form.over = over;
                if over == Over::UserId
                    && let Some(view) = self.form.view().and_then(AnyView::known)
                {
                    self.form.user_id = view.user_id.clone();
                }
            }
            Press::Finish => return Some(self.leave(Leave::Pressed).await),
        }
        None
    }

    async fn hand_in_user_id(&mut self, user_id: &str) {
        user_id.clone_into(&mut self.form.user_id);
        if user_id.is_empty() {
            return self.mend("user-id-missing");
        }
        let controller = Arc::clone(&self.controller);
        let user_id = user_id.to_owned();
        if self.form.view().is_some() {
            let call = async move { controller.change_user_id(&user_id).await };
            self.call(call, About::UserId).await;
            return;
        }
        self.wait_for_start().await;
        // It could not be reached, or an earlier recovery goes on.
        if !matches!(self.form.at, At::UserId) {
            return;
        }
        let reason = if self.form.first_day { Reason::FirstDay } else { Reason::CantSignIn };
        let language = self.language.clone();
        let begin =
            async move { controller.begin(&user_id, reason, language, Draws::everything()).await };
        self.call(begin, About::UserId).await;
    }

    /// Until the start that is under way has come to something.
    async fn wait_for_start(&mut self) {
        let Some(starting) = self.starting.take() else { return };
        let started = tokio::select! {
            biased;
            _ = self.link.stopped() => return,
            started = starting => started,
        };
        self.started(started);
    }

    async fn hand_in_code(&mut self, typed: &Typing) {
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(&Stage::EnterCode { digits, .. }) = stage else { return };
        let is_whole = CodeText::parse(typed.expose())
            .is_some_and(|code| code.expose().len() == usize::from(digits));
        if !is_whole {
            let digits = Value::Number(digits.into());
            let words = self.form.words.with("enter-code-missing", &[("digits", digits)]);
            self.form.error = Some(words);
            return;
        }
        let (controller, code) = (Arc::clone(&self.controller), retyped(typed));
        self.call(async move { controller.enter_code(&code).await }, About::Other).await;
    }

    async fn send_again(&mut self) {
        let age = u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(Stage::EnterCode { method, send_again_in_s, .. }) = stage else { return };
        let wait = send_again_in_s.saturating_sub(age);
        if wait > 0 {
            let seconds = [("seconds", Value::Number(wait))];
            self.form.error = Some(self.form.words.with("enter-code-again-in", &seconds));
            return;
        }
        let (controller, id) = (Arc::clone(&self.controller), method.id.clone());
        self.call(async move { controller.choose_method(id).await }, About::Other).await;
        self.form.sent_again = self.form.error.is_none();
    }

    async fn hand_in_new_password(&mut self, new: &Typing, again: &Typing) {
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(Stage::NewPassword { rules, .. }) = stage else { return };
        if let Some(unmet) = self.form.unmet(new.expose(), rules) {
            self.form.error = Some(unmet);
            return;
        }
        if new.expose() != again.expose() {
            return self.mend("simple-different");
        }
        let (controller, new) = (Arc::clone(&self.controller), retyped(new));
        self.changing = true;
        self.call(async move { controller.set_password(new).await }, About::Password).await;
    }

    /// Both passwords of a change, until the new one was typed again.
    fn hold(&mut self, present: Typing, new: Typing) {
        let stage = self.form.view().and_then(AnyView::known).map(|view| &view.stage);
        let Some(Stage::ChangePassword { rules, .. }) = stage else { return };
        if present.expose().is_empty() {
            return self.mend("change-password-present-missing");
        }
        if let Some(unmet) = self.form.unmet(new.expose(), rules) {
            self.form.error = Some(unmet);
            return;
        }
        if present.expose() == new.expose() {
            return self.mend("change-password-same");
        }
        self.held = Some((present, new));
        self.form.over = Over::Again;
    }

    async fn hand_in_change(&mut self, again: &Typing) {
        self.form.over = Over::Nothing;
        let Some((present, new)) = self.held.take() else { return };
        if new.expose() != again.expose() {
            return self.mend("simple-different");
        }
        let controller = Arc::clone(&self.controller);
        let (present, new) = (retyped(&present), retyped(&new));
        self.changing = true;
        let call = async move { controller.change_password(present, new).await };
        self.call(call, About::Password).await;
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

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn before(at: Instant, span: Duration, now: Instant) -> Instant {
    at.checked_sub(span).filter(|at| *at > now).unwrap_or(now + Duration::from_millis(1))
}

fn retyped(typed: &Typing) -> Typed {
    Typed::new(typed.expose().to_owned())
}
