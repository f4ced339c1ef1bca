//! The bodies of the HTTP API that the app and the portal use. One recovery is: `start`,
//! `begin`, then calls that each answer with the next [`View`]. Clients only draw views; which
//! call is allowed when is the service's step table.
//!
//! Transport rules: JSON; `Authorization: Bearer <token>`; each changing call carries
//! `Idempotency-Key` (16 to 64 characters, new per press of a button, the same for a
//! repetition); the answer to each changing call carries the token to use from now on.

use password::{PasswordRefusal, PasswordRules};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    device::{self, DeviceProof},
    directory::NotDone,
    id::TenantId,
    sealed::{Binding, RecipientList, SealedPassword},
    text::{CodeText, NameList, UserIdText},
};

/// Answer of `GET /api/v1/start`: all that a client needs before anybody typed anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Start {
    /// Whose service this is.
    pub tenant: TenantFace,
    /// Proof of work to solve before `begin` (ALTCHA v2 challenge).
    #[schema(value_type = Object)]
    pub challenge: serde_json::Value,
    /// Languages the service writes in, best first.
    pub languages: Vec<String>,
}

/// What a person sees of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantFace {
    /// The tenant.
    pub id: TenantId,
    /// The organisation's name.
    pub name: String,
    /// Accent colour as `#rrggbb`; clients correct it towards contrast.
    pub accent: String,
    /// Whom to ask.
    pub help: Help,
}

/// Whom a person can ask; all of it may be shown offline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Help {
    /// What the tenant calls it ("IT service desk").
    pub name: String,
    /// Telephone number as to be dialled.
    pub phone: Option<String>,
    /// When somebody answers.
    pub hours: Option<String>,
    /// Web address, shown in words and as QR.
    pub url: Option<String>,
}

/// Body of `POST /api/v1/recoveries`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The solved challenge of `start` (ALTCHA v2 payload, base64).
    pub proof_of_work: String,
    /// The user ID as typed.
    pub user_id: UserIdText,
    /// "I can't sign in" or "It's my first day here": wording, never a right.
    pub reason: Reason,
    /// What this client can draw; nothing else is ever offered to it.
    pub draws: Draws,
    /// BCP 47 language for mails and plain texts.
    pub language: String,
    /// The tenant the app was rolled out for; a mismatch is refused.
    pub tenant: Option<TenantId>,
    /// That it is begun at a device of ours, over the nonce of the bot check
    /// ([`device::nonce`]). One that proves nothing stops nothing, and neither does none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "device::offered"
    )]
    pub device: Option<DeviceProof>,
}

/// What a client can draw, by name. A name that the service does not know is skipped: the client
/// is the newer one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draws {
    /// Names of [`MethodKind`].
    pub methods: NameList,
    /// Names of [`Stage`].
    pub stages: NameList,
}

impl Draws {
    /// All that this version of the protocol has.
    pub fn everything() -> Self {
        let stages = [
            "choose-method",
            "enter-code",
            "checking",
            "choice",
            "new-password",
            "change-password",
            "working",
            "done",
            "not-done",
            "not-known",
            "ended",
        ];
        Self { methods: NameList::of(&["email"]), stages: NameList::of(&stages) }
    }
}

/// Why the person is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// "I can't sign in".
    CantSignIn,
    /// "It's my first day here".
    FirstDay,
}

/// Body of `POST /api/v1/recovery/user-id`: another user ID, while no gate is passed.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUserId {
    /// The user ID as typed.
    pub user_id: UserIdText,
}

/// Body of `POST /api/v1/recovery/method`: use this method, or send again with it.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseMethod {
    /// The `id` of a [`MethodOffer`].
    pub method: String,
}

/// Body of `POST /api/v1/recovery/code`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnterCode {
    /// The code as typed.
    pub code: CodeText,
}

/// Body of `POST /api/v1/recovery/act`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseAct {
    /// One of the acts offered.
    pub act: Act,
}

/// Body of `POST /api/v1/recovery/password`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// Sealed for the list and binding of the view: a new password, or at `change-password` the
    /// present one and a new one together.
    pub sealed: SealedPassword,
}

/// Body of calls that say nothing but that they are made (`back`, `cancel`).
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Answer of every changing call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// The token from now on. Held in memory or in the secret store, never in an address.
    pub token: String,
    /// What to show.
    pub view: View,
}

/// Where a recovery stands and what to show. `GET /api/v1/recovery` reads it again
/// (`?wait_s=` up to 25: answers as soon as it changes) and never renews the token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct View {
    /// Six characters that find the audit trail.
    pub case_code: String,
    /// The user ID as typed.
    pub user_id: String,
    /// Wording for the first day.
    pub reason: Reason,
    /// What to draw.
    pub stage: Stage,
    /// The calls that are possible now; a client draws a way to each and to nothing else.
    pub calls: Vec<Call>,
    /// The same for a client that cannot draw the stage.
    pub plain: Plain,
    /// Seconds until the recovery ends in any case.
    pub ends_in_s: u32,
    /// Seconds without any call after which it ends; null while something is awaited.
    pub idle_ends_in_s: Option<u32>,
    /// Changes whenever anything above does.
    pub revision: u64,
}

/// A view for any client that ever was: a title, a text, one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plain {
    /// One line.
    pub title: String,
    /// One or two sentences.
    pub text: String,
    /// The call that leads on, when there is one that needs no input.
    pub action: Option<Call>,
}

/// The calls of a recovery (the paths under `/api/v1/recovery/`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// `user-id`
    ChangeUserId,
    /// `method`
    ChooseMethod,
    /// `code`
    EnterCode,
    /// `act`
    ChooseAct,
    /// `password`
    SetPassword,
    /// `back`
    Back,
    /// `cancel`
    Cancel,
}

/// What to draw, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Stage {
    /// Choose how to prove who you are.
    ChooseMethod {
        /// Which gate.
        gate: Gate,
        /// The choices.
        methods: Vec<MethodOffer>,
    },
    /// Enter the code that was sent, if the ID is right and set up.
    EnterCode {
        /// Which gate.
        gate: Gate,
        /// The method in use.
        method: MethodOffer,
        /// How many digits.
        digits: u8,
        /// Seconds since it was sent.
        sent_s_ago: u32,
        /// Seconds until it can be sent again.
        send_again_in_s: u32,
        /// Seconds the code is still good for.
        good_for_s: u32,
    },
    /// The directory is being asked about the account.
    Checking,
    /// What is wrong, and what can be done about it.
    Choice {
        /// What is wrong.
        finding: Finding,
        /// What can be done; empty where only somebody else can help.
        acts: Vec<Act>,
    },
    /// Type a new password and seal it.
    NewPassword {
        /// True for the first password of an account.
        first: bool,
        /// The rules to tick.
        rules: PasswordRules,
        /// What to bind the seal to.
        binding: Binding,
        /// For whom to seal.
        recipients: RecipientList,
        /// Why the last one was refused.
        refused: Option<PasswordRefusal>,
    },
    /// Type the present password and a new one, and seal both together.
    ChangePassword {
        /// The rules to tick.
        rules: PasswordRules,
        /// What to bind the seal to.
        binding: Binding,
        /// For whom to seal.
        recipients: RecipientList,
        /// Why the last ones were refused: the present one is another (`old-password`), or the
        /// new one is not taken (`password`).
        refused: Option<NotDone>,
    },
    /// The directory is being changed.
    Working {
        /// How.
        act: Act,
        /// For how many seconds already.
        since_s: u32,
    },
    /// Changed, and read back.
    Done {
        /// How.
        act: Act,
        /// Whether "It still doesn't work" may go on to a new password.
        reset_offered: bool,
        /// Whether it may take some minutes until it counts at the person's site.
        #[serde(default)]
        replicates_later: bool,
    },
    /// Certainly not changed.
    NotDone {
        /// What was tried.
        act: Act,
        /// Why.
        reason: NotDone,
        /// What can be tried now.
        acts: Vec<Act>,
    },
    /// Nobody knows yet; somebody has to look.
    NotKnown {
        /// What was tried.
        act: Act,
    },
    /// Nothing more happens in this recovery.
    Ended {
        /// Why.
        why: Ended,
    },
}

/// Which gate of how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    /// From 1.
    pub number: u8,
    /// How many the policy demands.
    pub of: u8,
}

/// A kind of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MethodKind {
    /// A code by mail.
    Email,
}

/// A method that is offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MethodOffer {
    /// To choose it by.
    pub id: String,
    /// Its kind.
    pub kind: MethodKind,
    /// First letter of the mailbox.
    pub mailbox_initial: String,
    /// First letter of the domain. Masks are drawn by the client, always in one shape.
    pub domain_initial: String,
}

/// What can be done to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Clear the lock, keep the password.
    Unlock,
    /// Set a new password (which clears the lock and must-change too).
    Reset,
    /// Set a new password with the present one, which keeps what that one protects.
    Change,
}

/// What the directory says is wrong, told only after the last gate; or, on a trusted device, why
/// the account that signs in there cannot recover by itself, told at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Locked by wrong passwords.
    Locked,
    /// Nothing is wrong with the account.
    NothingWrong,
    /// The password has run out.
    PasswordExpired,
    /// The password must be changed at the next sign-in.
    MustChange,
    /// Nobody has signed in yet.
    NeverUsed,
    /// Switched off by an administrator.
    Disabled,
    /// The account has ended.
    AccountExpired,
    /// People sign in to it with a smart card only: a new password is of no use.
    SmartCardOnly,
    /// The password is too new for another one.
    TooNew,
    /// An administrator's account; only administrators help.
    Protected,
    /// The same person is in two forests: nobody can tell which account is meant.
    TwoForests,
    /// The directory could not be asked.
    Unreachable,
    /// There is no way on file to prove who it is. Drawn by the view's plain words.
    NotSetUp,
}

/// Why a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// The person finished.
    Finished,
    /// The person cancelled.
    Cancelled,
    /// Nothing happened for too long.
    Idle,
    /// Sixty minutes are over.
    TooLong,
    /// Replaced by a newer one for the same account.
    Replaced,
    /// Too many wrong codes.
    TooManyTries,
}
