//! What a directory says of an account and of a change: the words that driver, agent and
//! service share, so that nothing is translated between them.

use password::{PasswordRefusal, PasswordRules};
use serde::{Deserialize, Serialize};

/// How a directory names an account for ever: the object GUID in Active Directory, the row id
/// in the embedded directory. At most 64 bytes of text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(pub String);

/// An account as a directory lists it. Contact data and flags only: lock state and rules are
/// read live, after the last gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// The values read before a write. A write that finds others has lost the race and changes
/// nothing. Opaque to everybody but the driver that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// No controller answered.
    DirectoryUnreachable,
    /// The order came too late, or the service gave it up.
    Expired,
    /// The sealed password could not be opened with any key the agent has.
    NotOpened,
    /// No agent took the order.
    NoAgent,
}

impl NotDone {
    /// Why the password itself was refused, if that is why.
    pub fn password_refusal(self) -> Option<PasswordRefusal> {
        if let Self::Password(refusal) = self { Some(refusal) } else { None }
    }
}
