//! What the simple form shows: the service's view, or a page of our own over it, in words. Pure,
//! so that any view whatever can be drawn in a test. Decides nothing: which calls there are is
//! said by the view.

mod passwords;

use std::time::Duration;

use protocol::{
    api::{Act, Call, Finding, Gate, Help, MethodOffer, Stage, View},
    directory::NotDone,
    host::tile::Outcome,
};
use serde::Serialize;

use super::page::{Choice, Field, Kind, Over, Page, Press, two_of};
use crate::{
    AcceptsNewPassword, AnyView, Why,
    words::{Value, Words},
};

/// From then on the person is told that it takes longer than usual.
pub(super) const LONG: Duration = Duration::from_secs(10);
/// From then on they are told what to do when no code comes.
pub(super) const HELP_AFTER: Duration = Duration::from_secs(60);

/// The form as it stands.
pub(super) struct Form {
    pub(super) words: Words,
    /// Whom to ask, as far as that is known.
    pub(super) help: Option<Help>,
    /// What this PC does with a new password.
    pub(super) accepts: AcceptsNewPassword,
    /// Words for the first day, before the service says so itself.
    pub(super) first_day: bool,
    /// As typed so far, or as this PC knows it.
    pub(super) user_id: String,
    /// As this PC knows it, so that it is only confirmed.
    pub(super) known_user_id: String,
    pub(super) at: At,
    pub(super) over: Over,
    /// What is to be mended, in words.
    pub(super) error: Option<String>,
    /// A new code is on its way.
    pub(super) sent_again: bool,
    /// This PC looks for a domain controller, now that there is a new password.
    pub(super) looking: bool,
}

/// Where it stands.
pub(super) enum At {
    /// Nothing is begun.
    UserId,
    /// The service cannot be reached.
    Unreachable(Why),
    /// As the service says.
    View(AnyView),
    /// The service knows no more of it.
    OutOfDate,
}

/// How it would have ended if it ended now.
pub(super) struct Told {
    pub(super) outcome: Outcome,
    pub(super) words: String,
}

impl Form {
    pub(super) fn view(&self) -> Option<&AnyView> {
        match &self.at {
            At::View(view) => Some(view),
            At::UserId | At::Unreachable(_) | At::OutOfDate => None,
        }
    }

    /// The page, so long after the view came.
    pub(super) fn page(&self, age: Duration) -> Page {
        let mut page = match (&self.at, self.over) {
            (_, Over::StillThere) => self.still_there(),
            (At::UserId, _) | (At::View(_), Over::UserId) => self.ask_user_id(),
            (At::Unreachable(why), _) => self.unreachable(*why),
            (At::OutOfDate, _) => self.ended("unknown"),
            (At::View(any), over) => match any.known() {
                Some(view) => self.known(view, over, age),
                None => self.plain(any),
            },
        };
        if let Some(error) = &self.error {
            page.text.insert(0, error.clone());
        }
        page
    }

    fn say(&self, key: &str) -> String {
        self.words.say(key)
    }

    fn number(&self, key: &str, name: &'static str, number: u32) -> String {
        self.words.with(key, &[(name, Value::Number(number))])
    }

    fn list(&self, key: &str, all: &str) -> String {
        let title = self.say(key);
        self.words.with("simple-list", &[("title", Value::Text(&title)), ("all", Value::Text(all))])
    }

    fn go(&self, key: &str, press: Press) -> Choice {
        Choice::new(self.say(key), press)
    }

    /// Whom to ask, where nobody here can help.
    fn contact(&self) -> String {
        let known = self.help.as_ref().and_then(|help| self.words.contact(help));
        known.unwrap_or_else(|| self.say("get-help-nobody"))
    }

    fn ask_user_id(&self) -> Page {
        let changing = self.over == Over::UserId;
        let first_day = self.first_day && !changing;
        let help = if first_day { "user-id-help-first-day" } else { "user-id-help" };
        let text = vec![self.say(help)];
        let mut choices = vec![self.go("frame-continue", Press::UserId)];
        if changing {
            choices.push(self.go("frame-back", Press::Open(Over::Nothing)));
        }
        let field = Field {
            label: self.say("enter-code-user-id"),
            kind: Kind::Plain(self.user_id.clone()),
        };
        let known = !changing && !self.user_id.is_empty() && self.user_id == self.known_user_id;
        let title = if known { "user-id-known" } else { "user-id-title" };
        Page { title: self.say(title), text, fields: vec![field], choices }
    }

    /// Before the first gate: that a new password counts here only later.
    fn after_network(&self, gate: Gate) -> Option<String> {
        let later = match self.accepts {
            AcceptsNewPassword::AfterNetwork | AcceptsNewPassword::OnlyOnNetwork => true,
            AcceptsNewPassword::Now | AcceptsNewPassword::Unknown => false,
        };
        (later && gate.number <= 1).then(|| self.say("start-after-network"))
    }

    fn unreachable(&self, why: Why) -> Page {
        let why = name_of(&why);
        Page {
            title: self.say(&format!("unreachable-{why}-title")),
            text: vec![self.say(&format!("unreachable-{why}-text")), self.contact()],
            fields: Vec::new(),
            choices: vec![self.go("unreachable-retry", Press::Retry)],
        }
    }

    fn ended(&self, why: &str) -> Page {
        Page {
            title: self.say(&format!("ended-{why}-title")),
            text: vec![self.say(&format!("ended-{why}-text"))],
            fields: Vec::new(),
            choices: vec![self.go("ended-again", Press::StartAgain)],
        }
    }

    fn still_there(&self) -> Page {
        Page {
            title: self.say("still-there-title"),
            text: vec![self.say("simple-still-there")],
            fields: Vec::new(),
            choices: vec![self.go("still-there-go-on", Press::StillThere)],
        }
    }

    /// A stage that is newer than this app.
    fn plain(&self, any: &AnyView) -> Page {
        let (title, text, action) = any.plain();
        let action = match action {
            Some(Call::Back) => Some(Press::Back),
            Some(Call::Cancel) => Some(Press::Cancel),
            Some(
                Call::ChangeUserId
                | Call::ChooseMethod
                | Call::EnterCode
                | Call::ChooseAct
                | Call::SetPassword,
            )
            | None => None,
        };
        let choices = action.map(|press| self.go("frame-continue", press)).into_iter().collect();
        Page { title: title.to_owned(), text: vec![text.to_owned()], fields: Vec::new(), choices }
    }

    fn known(&self, view: &View, over: Over, age: Duration) -> Page {
        let can = |call| view.calls.contains(&call);
        let mut page = match &view.stage {
            Stage::ChooseMethod { gate, methods } => self.choose(view, *gate, methods, over),
            Stage::EnterCode { .. } => self.enter_code(view, over, age),
            Stage::Checking => {
                let long = if age >= LONG { "checking-long" } else { "checking-text" };
                self.waiting("checking-title", long)
            }
            Stage::Choice { finding, acts } => self.choice(view, *finding, acts, over),
            Stage::NewPassword { first, rules, refused, .. } => {
                self.new_password(view, *first, rules, *refused)
            }
            Stage::ChangePassword { .. } if over == Over::Again => self.again(),
            Stage::ChangePassword { rules, refused, .. } => {
                self.change_password(view, rules, *refused)
            }
            Stage::Working { act, since_s } => {
                let since = Duration::from_secs((*since_s).into()) + age;
                let long = if since >= LONG { "working-long" } else { "working-text" };
                self.waiting(&format!("working-{}-title", name_of(act)), long)
            }
            Stage::Done { act, reset_offered, replicates_later } => {
                let mut choices = vec![self.go("done-finish", Press::Finish)];
                if *reset_offered && can(Call::ChooseAct) {
                    choices.push(self.go("done-still", Press::Act(Act::Reset)));
                }
                let (title, text) = self.done(view, *act, *replicates_later, self.looking);
                Page { title, text, fields: Vec::new(), choices }
            }
            Stage::NotDone { act, reason, acts } => {
                let (title, mut text) = self.not_done(*act, *reason);
                let acts = if can(Call::ChooseAct) { acts.as_slice() } else { &[] };
                let ways = acts.iter().map(|act| {
                    let key = format!("not-done-try-{}", name_of(act));
                    self.go(&key, Press::Act(*act))
                });
                let mut choices = self.two(ways.collect(), over);
                if choices.is_empty() {
                    text.push(self.contact());
                    choices.push(self.go("done-finish", Press::Finish));
                }
                Page { title, text, fields: Vec::new(), choices }
            }
            Stage::NotKnown { act } => {
                let (title, mut text) = self.not_known(*act);
                text.push(self.contact());
                let choices = vec![self.go("done-finish", Press::Finish)];
                Page { title, text, fields: Vec::new(), choices }
            }
            Stage::Ended { why } => return self.ended(&name_of(why)),
        };
        page.text.push(self.list("frame-case", &view.case_code));
        page
    }

    fn choose(&self, view: &View, gate: Gate, methods: &[MethodOffer], over: Over) -> Page {
        let mut ways = Vec::new();
        if view.calls.contains(&Call::ChooseMethod) {
            ways.extend(methods.iter().map(|offer| {
                let press = Press::Method(offer.id.clone());
                Choice::new(self.masked("choose-method-email", offer), press)
            }));
        }
        self.other_ways(view, &mut ways);
        let title = if gate.number > 1 { "choose-method-second" } else { "choose-method-title" };
        let mut text = vec![self.list("enter-code-user-id", &view.user_id)];
        text.extend(self.after_network(gate));
        Page { title: self.say(title), text, fields: Vec::new(), choices: self.two(ways, over) }
    }

    fn waiting(&self, title: &str, text: &str) -> Page {
        Page { title: self.say(title), text: vec![self.say(text)], ..Page::default() }
    }

    /// What else there is on a page of the gates.
    fn other_ways(&self, view: &View, ways: &mut Vec<Choice>) {
        if view.calls.contains(&Call::ChangeUserId) {
            ways.push(self.go("enter-code-change-spoken", Press::Open(Over::UserId)));
        }
        if view.calls.contains(&Call::Back) {
            let other = matches!(view.stage, Stage::EnterCode { .. });
            let key = if other { "enter-code-other-way" } else { "frame-back" };
            ways.push(self.go(key, Press::Back));
        }
    }

    fn two(&self, ways: Vec<Choice>, over: Over) -> Vec<Choice> {
        let from = match over {
            Over::More(from) => from,
            Over::Nothing | Over::UserId | Over::Tips | Over::Again | Over::StillThere => 0,
        };
        two_of(ways, from, self.say("simple-more"))
    }

    fn masked(&self, key: &str, offer: &MethodOffer) -> String {
        let address = format!("{}•••@{}•••", offer.mailbox_initial, offer.domain_initial);
        self.words.with(key, &[("address", Value::Text(&address))])
    }

    fn enter_code(&self, view: &View, over: Over, age: Duration) -> Page {
        let Stage::EnterCode { gate, method, digits, sent_s_ago, good_for_s, .. } = &view.stage
        else {
            return Page::default();
        };
        let good_for = i64::from(*good_for_s) - i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let sent_ago = Duration::from_secs((*sent_s_ago).into()) + age;
        let helping = sent_ago >= HELP_AFTER || good_for <= 0;
        let help =
            || format!("{} {}", self.say("enter-code-none"), self.say("enter-code-none-text"));
        let mut ways = Vec::new();
        if view.calls.contains(&Call::ChooseMethod) {
            ways.push(self.go("enter-code-again", Press::SendAgain));
        }
        self.other_ways(view, &mut ways);
        if matches!(over, Over::More(_)) {
            ways.push(self.go("frame-back", Press::Open(Over::Nothing)));
            return Page {
                title: self.say("enter-code-none"),
                text: vec![
                    self.list("enter-code-user-id", &view.user_id),
                    self.say("enter-code-none-text"),
                    self.contact(),
                ],
                fields: Vec::new(),
                choices: self.two(ways, over),
            };
        }
        let mut choices = vec![self.go("frame-continue", Press::Code)];
        match ways.len() {
            0 => {}
            1 => choices.append(&mut ways),
            _ => choices.push(self.go("simple-more", Press::Open(Over::More(0)))),
        }
        let note = if good_for <= 0 {
            self.say("enter-code-expired")
        } else if self.sent_again {
            self.say("enter-code-again-sent")
        } else if helping {
            help()
        } else {
            let minutes = u32::try_from(good_for).unwrap_or(0).div_ceil(60);
            self.number("enter-code-good-for", "minutes", minutes)
        };
        let address = self.masked("enter-code-mail-seen", method);
        let title = self.code_title(*gate, *digits);
        let mut text = vec![
            self.say("enter-code-sent"),
            self.list("enter-code-user-id", &view.user_id),
            self.list("enter-code-mail", &address),
            note,
        ];
        text.extend(self.after_network(*gate));
        Page {
            title: title.clone(),
            text,
            fields: vec![Field { label: title, kind: Kind::Code }],
            choices,
        }
    }

    fn code_title(&self, gate: Gate, digits: u8) -> String {
        let digits = ("digits", Value::Number(digits.into()));
        if gate.number > 1 {
            let number = ("number", Value::Number(gate.number.into()));
            let of = ("of", Value::Number(gate.of.into()));
            self.words.with("enter-code-second", &[digits, number, of])
        } else {
            self.words.with("enter-code-title", &[digits])
        }
    }

    fn choice(&self, view: &View, finding: Finding, acts: &[Act], over: Over) -> Page {
        let acts = if view.calls.contains(&Call::ChooseAct) { acts } else { &[] };
        let locked = finding == Finding::Locked;
        let fine = finding == Finding::NothingWrong;
        // The password is right but good no more: who knows it can change it.
        let known = !fine && acts.contains(&Act::Change);
        let named = name_of(&finding);
        if !self.words.has(&format!("choice-{named}-title")) {
            // A finding that there are no words for here: the service's own.
            return self.only_somebody_else(view, over);
        }
        let title = if locked && acts.len() < 2 {
            self.say("choice-locked-title-no-choice")
        } else if known && self.words.has(&format!("choice-known-{named}-title")) {
            self.say(&format!("choice-known-{named}-title"))
        } else {
            self.say(&format!("choice-{named}-title"))
        };
        let words = |act: &Act| {
            let named = name_of(act);
            let key = match act {
                _ if locked && acts.len() > 1 && *act != Act::Change => {
                    format!("choice-locked-{named}")
                }
                Act::Change if fine => "choice-nothing-wrong-change".to_owned(),
                Act::Change => "choice-known-change".to_owned(),
                Act::Reset if known => "choice-known-reset".to_owned(),
                Act::Unlock => "choice-unlock".to_owned(),
                Act::Reset if fine => "choice-nothing-wrong-reset".to_owned(),
                Act::Reset if finding == Finding::NeverUsed => "choice-reset-first".to_owned(),
                Act::Reset => "choice-reset".to_owned(),
            };
            self.go(&key, Press::Act(*act))
        };
        let mut ways: Vec<Choice> = acts.iter().map(words).collect();
        let mut text = Vec::new();
        if fine && over == Over::Tips {
            text.extend((1..=4).map(|tip| self.say(&format!("choice-nothing-wrong-tip-{tip}"))));
            ways.push(self.go("frame-back", Press::Open(Over::Nothing)));
        } else if fine {
            ways.insert(0, self.go("choice-nothing-wrong-know", Press::Open(Over::Tips)));
        } else if !locked && !known {
            text.push(self.say(&format!("choice-{named}-text")));
        }
        if acts.is_empty() && !fine {
            text.push(self.contact());
            ways.push(self.go("done-finish", Press::Finish));
            self.other_ways(view, &mut ways);
        }
        Page { title, text, fields: Vec::new(), choices: self.two(ways, over) }
    }

    fn only_somebody_else(&self, view: &View, over: Over) -> Page {
        let mut ways = vec![self.go("done-finish", Press::Finish)];
        self.other_ways(view, &mut ways);
        Page {
            title: view.plain.title.clone(),
            text: vec![view.plain.text.clone(), self.contact()],
            fields: Vec::new(),
            choices: self.two(ways, over),
        }
    }

    fn done(
        &self,
        view: &View,
        act: Act,
        replicates_later: bool,
        looking: bool,
    ) -> (String, Vec<String>) {
        let first = view.reason == protocol::api::Reason::FirstDay;
        let accepts = name_of(&self.accepts);
        let (title, text, next) = match act {
            Act::Unlock => ("done-unlock-title", "done-unlock-text".to_owned(), "done-unlock-next"),
            Act::Reset | Act::Change if first => {
                ("done-reset-title-first", format!("done-reset-{accepts}"), "done-reset-next-first")
            }
            Act::Reset | Act::Change => {
                ("done-reset-title", format!("done-reset-{accepts}"), "done-reset-next")
            }
        };
        let looking = looking.then(|| self.say("done-reset-looking"));
        let later = replicates_later.then(|| self.say("done-later"));
        let first = looking.unwrap_or_else(|| self.say(&text));
        let text = [first].into_iter().chain(later).chain([self.say(next)]).collect();
        (self.say(title), text)
    }

    fn not_done(&self, act: Act, reason: NotDone) -> (String, Vec<String>) {
        let why = match reason.password_refusal() {
            Some(refusal) => self.refused(refusal),
            None => self.say(&format!("not-done-{}", code_of(reason))),
        };
        let mut text = vec![why];
        if act != Act::Unlock {
            text.push(self.say("not-done-still"));
        }
        (self.say(&format!("not-done-{}-title", name_of(&act))), text)
    }

    fn not_known(&self, act: Act) -> (String, Vec<String>) {
        let text = self.say(&format!("not-known-{}-text", name_of(&act)));
        (self.say("not-known-title"), vec![text, self.say("not-known-next")])
    }

    /// What the view says of how it ended; none where nothing was tried yet.
    pub(super) fn told(&self) -> Option<Told> {
        let view = self.view()?.known()?;
        let (outcome, (title, text)) = match &view.stage {
            Stage::Done { act, replicates_later, .. } => {
                (Outcome::Done, self.done(view, *act, *replicates_later, false))
            }
            Stage::NotDone { act, reason, .. } => (Outcome::NotDone, self.not_done(*act, *reason)),
            Stage::NotKnown { act } | Stage::Working { act, .. } => {
                (Outcome::NotKnown, self.not_known(*act))
            }
            Stage::Choice { finding, acts }
                if acts.is_empty() && *finding != Finding::NothingWrong =>
            {
                let page = self.choice(view, *finding, acts, Over::Nothing);
                (Outcome::NotDone, (page.title, page.text))
            }
            Stage::ChooseMethod { .. }
            | Stage::EnterCode { .. }
            | Stage::Checking
            | Stage::Choice { .. }
            | Stage::NewPassword { .. }
            | Stage::ChangePassword { .. }
            | Stage::Ended { .. } => return None,
        };
        let lines: Vec<String> = [title].into_iter().chain(text).collect();
        Some(Told { outcome, words: lines.join("\n") })
    }
}

/// The name that the wire has for it, which the keys of the words have as well.
pub(super) fn name_of(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn code_of(reason: NotDone) -> String {
    let value = serde_json::to_value(reason).ok();
    let code = value.as_ref().and_then(|value| value.get("code")?.as_str());
    code.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
