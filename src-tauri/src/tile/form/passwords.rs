//! The pages where a password is typed, and the rules in words: said before anything is sealed.

use password::{Finding as Judged, PasswordRefusal, PasswordRules, judge};
use protocol::{
    api::{Call, View},
    directory::NotDone,
};

use super::{Form, name_of};
use crate::tile::page::{Choice, Field, Over, Page, Press};

impl Form {
    pub(super) fn new_password(
        &self,
        view: &View,
        first: bool,
        rules: &PasswordRules,
        refused: Option<PasswordRefusal>,
    ) -> Page {
        let title = if first { "new-password-title-first" } else { "new-password-title" };
        let text = match refused {
            Some(refusal) => self.refused(refusal),
            None => self.say("new-password-help"),
        };
        let fields = ["change-password-new", "simple-new-again"];
        Page {
            title: self.say(title),
            text: vec![text, self.rules(rules)],
            fields: fields.map(|label| Field::password(self.say(label))).into(),
            choices: self.submit("new-password-submit", Press::NewPassword, view),
        }
    }

    pub(super) fn change_password(
        &self,
        view: &View,
        rules: &PasswordRules,
        refused: Option<NotDone>,
    ) -> Page {
        let refused = refused.map(|refused| match refused.password_refusal() {
            Some(refusal) => self.refused(refusal),
            None => self.say("change-password-wrong"),
        });
        let fields = ["change-password-present", "change-password-new"];
        Page {
            title: self.say("change-password-title"),
            text: refused.into_iter().chain([self.rules(rules)]).collect(),
            fields: fields.map(|label| Field::password(self.say(label))).into(),
            choices: self.submit("frame-continue", Press::ChangePassword, view),
        }
    }

    /// There is no room for a third field beside the two of a change.
    pub(super) fn again(&self) -> Page {
        Page {
            title: self.say("simple-again-title"),
            text: Vec::new(),
            fields: vec![Field::password(self.say("simple-new-again"))],
            choices: vec![
                self.go("change-password-submit", Press::ChangeAgain),
                self.go("frame-back", Press::Open(Over::Nothing)),
            ],
        }
    }

    /// The button of a page with fields, and the way back.
    fn submit(&self, key: &str, press: Press, view: &View) -> Vec<Choice> {
        let mut choices = vec![self.go(key, press)];
        if view.calls.contains(&Call::Back) {
            choices.push(self.go("frame-back", Press::Back));
        }
        choices
    }

    pub(super) fn refused(&self, refusal: PasswordRefusal) -> String {
        self.say(&format!("new-password-refused-{}", name_of(&refusal)))
    }

    /// The rules that a person can do something about, in one line.
    fn rules(&self, rules: &PasswordRules) -> String {
        // Those that only odd input breaks are named when it does.
        let listed = judge("", rules).into_iter().map(|judged| judged.rule).filter(|rule| {
            !matches!(rule, PasswordRefusal::TooLong | PasswordRefusal::UnusableCharacter)
        });
        let mut all: Vec<String> =
            listed.map(|rule| self.rule("new-password-rule", rule, rules)).collect();
        if let Some(history) = rules.history.filter(|history| *history > 0) {
            all.push(self.number("new-password-rule-history", "count", history.into()));
        }
        let needs = self.list("new-password-rules", &all.join("; "));
        if rules.complete {
            needs
        } else {
            format!("{needs}. {}", self.say("new-password-rule-incomplete"))
        }
    }

    fn rule(&self, key: &str, rule: PasswordRefusal, rules: &PasswordRules) -> String {
        let count = match rule {
            PasswordRefusal::TooShort => u32::from(rules.min_length),
            PasswordRefusal::TooLong => u32::from(rules.max_length),
            PasswordRefusal::TooFewClasses
            | PasswordRefusal::ContainsName
            | PasswordRefusal::UnusableCharacter
            | PasswordRefusal::UsedBefore
            | PasswordRefusal::TooNew
            | PasswordRefusal::TooCommon
            | PasswordRefusal::Rules => u32::from(rules.min_classes),
        };
        self.number(&format!("{key}-{}", name_of(&rule)), "count", count)
    }

    /// What a new password still lacks, in words; none when the rules that are known take it.
    pub(in crate::tile) fn unmet(&self, password: &str, rules: &PasswordRules) -> Option<String> {
        if password.is_empty() {
            return Some(self.say("new-password-missing"));
        }
        let lacks = |judged: Judged| {
            (!judged.met).then(|| self.rule("new-password-unmet", judged.rule, rules))
        };
        let unmet: Vec<String> = judge(password, rules).into_iter().filter_map(lacks).collect();
        (!unmet.is_empty()).then(|| unmet.join("\n"))
    }
}
