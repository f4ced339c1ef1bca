//! How it ended, in words: on the last pages, and for the tile once the app is gone.

use protocol::{
    api::{Act, Finding, Reason, Stage, View},
    directory::NotDone,
    host::tile::Outcome,
};

use super::{Form, name_of};
use crate::tile::page::Over;

/// How it would have ended if it ended now.
pub(in crate::tile) struct Told {
    pub(in crate::tile) outcome: Outcome,
    pub(in crate::tile) words: String,
}

impl Form {
    pub(super) fn done(
        &self,
        view: &View,
        act: Act,
        replicates_later: bool,
        looking: bool,
    ) -> (String, Vec<String>) {
        let first = view.reason == Reason::FirstDay;
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

    pub(super) fn not_done(&self, act: Act, reason: NotDone) -> (String, Vec<String>) {
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

    pub(super) fn not_known(&self, act: Act) -> (String, Vec<String>) {
        let text = self.say(&format!("not-known-{}-text", name_of(&act)));
        (self.say("not-known-title"), vec![text, self.say("not-known-next")])
    }

    /// What the view says of how it ended; none where nothing was tried yet.
    pub(in crate::tile) fn told(&self) -> Option<Told> {
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

fn code_of(reason: NotDone) -> String {
    let value = serde_json::to_value(reason).ok();
    let code = value.as_ref().and_then(|value| value.get("code")?.as_str());
    code.unwrap_or_default().to_owned()
}
