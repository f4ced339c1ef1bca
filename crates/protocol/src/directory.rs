//! What a directory says of an account and of a change: the words that driver, agent and
//! service share, so that nothing is translated between them.

use password::{PasswordRefusal, PasswordRules};
use serde::{Deserialize, Serialize};

use crate::phone::Phone;

/// How a directory names an account for ever: the object GUID in Active Directory, the row id
/// in the embedded directory. At most 64 bytes of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(pub String);

/// An account as a directory lists it. Contact data and flags only: lock state and rules are
/// read live, after the last gate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRecord {
    /// Its name for ever.
    pub external_id: ExternalId,
    /// The name to show and to greet by.
    pub display_name: String,
    /// Every name the person may type: UPN, sAMAccountName, DOMAIN\name, mail.
    pub names: Vec<String>,
    /// The address of the email gate, when there is a well-formed one.
    pub email: Option<String>,
    /// False when an administrator switched the account off.
    pub enabled: bool,
    /// True for administrators and other accounts the agent will never touch.
    pub protected: bool,
    /// The mobile phone, when there is a well-formed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Phone>,
    /// The phone at the desk, when there is a well-formed number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<Phone>,
    /// Those of the configured groups that it is in, also by way of other groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What is there but cannot be used: it counts as missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub malformed: Vec<Field>,
    /// Nobody has ever signed in with it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub never_signed_in: bool,
    /// The addresses that it may write itself; `None`: not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_written: Option<Vec<Field>>,
}

/// A value of an account, by a code that never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// One of the names to sign in with.
    Name,
    /// The name to greet by.
    DisplayName,
    /// The address of the email gate.
    Email,
    /// The mobile phone.
    Mobile,
    /// The phone at the desk.
    Office,
}

impl Field {
    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::DisplayName => "display-name",
            Self::Email => "email",
            Self::Mobile => "mobile",
            Self::Office => "office",
        }
    }
}

/// The live truth about an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts a directory reports, any mix of them can be true"
)]
pub struct AccountStatus {
    /// Locked out by wrong passwords, now.
    pub locked: bool,
    /// Switched off by an administrator.
    pub disabled: bool,
    /// The account itself has ended.
    pub account_expired: bool,
    /// The password has run out.
    pub password_expired: bool,
    /// The password must be changed at the next sign-in.
    pub must_change: bool,
    /// Nobody has ever signed in with it.
    pub never_signed_in: bool,
    /// The agent's own limits forbid touching it.
    pub protected: bool,
    /// The rules for a new password, as far as they could be read.
    pub rules: PasswordRules,
    /// The values that a write will be fenced on.
    pub fence: Fence,
    /// People sign in to it with a smart card only: a new password is of no use.
    #[serde(default, skip_serializing_if = "is_false")]
    pub smart_card_only: bool,
    /// Only a controller that takes no writes could be asked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// The password is too new to be changed before this time (Unix seconds). A change is
    /// refused until then, a reset only where `reset_obeys_age_and_history`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_new_until: Option<i64>,
    /// A reset, too, is refused for minimum age and history: the directory offers policy hints.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reset_obeys_age_and_history: bool,
    /// A write goes to another controller than the one that all others ask first: it may take
    /// some minutes until it counts at the person's site.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replicates_later: bool,
    /// When the directory locks the account, as far as that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockout: Option<LockoutRules>,
    /// A password can be changed with the present one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub takes_changes: bool,
    /// How many wrong passwords the account still takes before it is locked, as far as that could
    /// be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_tries_left: Option<u16>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(fact: &bool) -> bool {
    !fact
}

impl Default for AccountStatus {
    /// An ordinary account of which nothing else is known.
    fn default() -> Self {
        Self {
            locked: false,
            disabled: false,
            account_expired: false,
            password_expired: false,
            must_change: false,
            never_signed_in: false,
            protected: false,
            rules: PasswordRules::unread(),
            fence: Fence::default(),
            smart_card_only: false,
            read_only: false,
            too_new_until: None,
            reset_obeys_age_and_history: false,
            replicates_later: false,
            lockout: None,
            takes_changes: false,
            wrong_tries_left: None,
        }
    }
}

impl AccountStatus {
    /// Each state the account is in, by its code.
    pub fn states(&self) -> Vec<State> {
        let states = [
            (self.protected, State::Protected),
            (self.disabled, State::Disabled),
            (self.account_expired, State::AccountExpired),
            (self.never_signed_in, State::NeverSignedIn),
            (self.must_change, State::MustChange),
            (self.password_expired, State::PasswordExpired),
            (self.locked, State::Locked),
            (self.smart_card_only, State::SmartCardOnly),
            (self.too_new_until.is_some(), State::TooNew),
            (self.read_only, State::ReadOnly),
        ];
        states.into_iter().filter_map(|(holds, state)| holds.then_some(state)).collect()
    }
}

/// A state of an account, by a code that never changes. Any mix of them can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The agent's own limits forbid touching it.
    Protected,
    /// Switched off by an administrator.
    Disabled,
    /// The account itself has ended.
    AccountExpired,
    /// Nobody has ever signed in with it.
    NeverSignedIn,
    /// The password must be changed at the next sign-in.
    MustChange,
    /// The password has run out.
    PasswordExpired,
    /// Locked out by wrong passwords, now.
    Locked,
    /// People sign in to it with a smart card only.
    SmartCardOnly,
    /// The password is too new to be changed.
    TooNew,
    /// Only a controller that takes no writes could be asked.
    ReadOnly,
}

/// Why a directory does not let our own account in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnAccount {
    /// It is locked.
    Locked,
    /// It is refused, for the password most likely.
    Refused,
}

/// When a directory locks an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockoutRules {
    /// After how many wrong passwords; 0: never.
    pub threshold: u16,
    /// For how many seconds; `None`: until somebody unlocks it.
    pub duration_seconds: Option<u64>,
    /// After how many seconds without a wrong password the count starts anew.
    pub window_seconds: u64,
}

/// The values read before a write. A write that finds others has lost the race and changes
/// nothing. Opaque to everybody but the driver that made it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// The controller that was read, and that must be written.
    pub controller: String,
    /// `pwdLastSet` as read.
    pub password_last_set: String,
    /// `lockoutTime` as read; empty when the attribute was absent.
    pub lockout_time: String,
    /// `msDS-KeyVersionNumber` as read: rises by one with each password write. `None` where it
    /// cannot be read; that proves nothing, neither a write nor none.
    pub key_version: Option<u32>,
}

/// What became of a change. The three honest outcomes, the second with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Written, and read back.
    Done,
    /// Certainly not written.
    NotDone {
        /// Why.
        reason: NotDone,
    },
    /// It may have been written; nobody knows yet.
    NotKnown,
}

/// Why a change was certainly not made. Stable codes: callers react to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case", tag = "code", content = "refusal")]
pub enum NotDone {
    /// The password itself was refused.
    Password(PasswordRefusal),
    /// The account changed between reading and writing; somebody else was at work.
    Changed,
    /// The account is protected, outside the agent's subtrees, or the agent's own.
    Protected,
    /// The directory has no such account any more.
    NoAccount,
    /// The agent lacks the right.
    NoRight,
    /// The agent reached its own hourly limit.
    AgentLimit,
    /// Changing the directory is switched off on the agent's machine.
    SwitchedOff,
    /// No controller answered.
    DirectoryUnreachable,
    /// The order came too late, or the service gave it up.
    Expired,
    /// The sealed password could not be opened with any key the agent has.
    NotOpened,
    /// No agent took the order.
    NoAgent,
    /// The old password, given for a change, is wrong.
    OldPassword,
    /// The same person (user principal name or mail) is in two forests: nobody can tell which
    /// account is meant (event 33003).
    TwoForests,
    /// People sign in to it with a smart card only: a new password is of no use.
    SmartCardOnly,
}

impl NotDone {
    /// Why the password itself was refused, if that is why.
    pub fn password_refusal(self) -> Option<PasswordRefusal> {
        if let Self::Password(refusal) = self { Some(refusal) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ordinary_account_says_is_what_it_said_before_there_were_more_facts() {
        let said = serde_json::to_value(AccountStatus::default()).unwrap();
        let keys: Vec<&str> = said.as_object().unwrap().keys().map(String::as_str).collect();
        let known = [
            "account_expired",
            "disabled",
            "fence",
            "locked",
            "must_change",
            "never_signed_in",
            "password_expired",
            "protected",
            "rules",
        ];
        assert_eq!(keys, known);
        let read: AccountStatus = serde_json::from_value(said).unwrap();
        assert_eq!(read, AccountStatus::default());
        assert!(read.states().is_empty());
    }

    #[test]
    fn states_have_codes() {
        let status = AccountStatus {
            locked: true,
            smart_card_only: true,
            too_new_until: Some(1),
            read_only: true,
            ..AccountStatus::default()
        };
        let codes = serde_json::to_value(status.states()).unwrap();
        let expected = serde_json::json!(["locked", "smart-card-only", "too-new", "read-only"]);
        assert_eq!(codes, expected);
    }
}
