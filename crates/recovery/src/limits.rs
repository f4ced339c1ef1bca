//! How often anything may be tried. Counted by the store in the caller's transaction, before
//! the work (catalogue THR-09); keyed by the typed name, so that names nobody has are limited
//! exactly like real ones (ID-04).

use serde::{Deserialize, Serialize};

use crate::Span;

/// Whose limits are used up: strangers cannot use up those of people at their own devices
/// (design decision 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Anybody.
    Stranger,
    /// A device that proved its key.
    EnrolledDevice,
}

impl Lane {
    /// For the key of a count.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::EnrolledDevice => "enrolled-device",
        }
    }
}

/// At most `most` within `window`; one more and the door stays shut for `shut`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Names the count; part of its key.
    pub name: &'static str,
    /// The window, from the first count in it.
    pub window: Span,
    /// The most in one window.
    pub most: u32,
    /// How long the door stays shut when the limit is passed; at least until the window ends.
    pub shut: Span,
}

/// The table of limits.
pub struct Limits;

impl Limits {
    /// Recoveries begun from one source address.
    pub const BEGIN_BY_SOURCE: Limit =
        Limit { name: "begin-source", window: Span::hours(1), most: 300, shut: Span::minutes(10) };
    /// Recoveries begun for one name (catalogue THR-04).
    pub const BEGIN_BY_NAME: Limit =
        Limit { name: "begin-name", window: Span::hours(1), most: 10, shut: Span::hours(1) };
    /// Codes sent for one name.
    pub const SEND_BY_NAME: Limit =
        Limit { name: "send-name", window: Span::minutes(10), most: 10, shut: Span::minutes(10) };
    /// Wrong codes for one name and method, over all its recoveries; a new code, recovery or
    /// address never resets it (catalogue COD-05).
    pub const WRONG_CODE: Limit =
        Limit { name: "wrong-code", window: Span::hours(1), most: 5, shut: Span::hours(24) };
    /// Wrong codes from one source address, whatever the names.
    pub const WRONG_CODE_BY_SOURCE: Limit =
        Limit { name: "wrong-code-source", window: Span::hours(1), most: 60, shut: Span::hours(1) };
    /// Wrong codes in the whole tenant: a breaker against guessing across names (COD-07). It
    /// makes the bot check dearer; it never shuts anybody out.
    pub const WRONG_CODE_IN_TENANT: Limit = Limit {
        name: "wrong-code-tenant",
        window: Span::hours(1),
        most: 1000,
        shut: Span::hours(1),
    };
    /// Recoveries begun at one device, whatever the names.
    pub const BEGIN_BY_DEVICE: Limit =
        Limit { name: "begin-device", window: Span::hours(1), most: 20, shut: Span::hours(1) };
    /// Recoveries begun for one name at devices, whichever they are.
    pub const BEGIN_AT_DEVICES: Limit =
        Limit { name: "begin-devices", window: Span::hours(1), most: 40, shut: Span::hours(1) };
    /// Codes sent from one device, whatever the names.
    pub const SEND_BY_DEVICE: Limit =
        Limit { name: "send-device", window: Span::minutes(10), most: 20, shut: Span::minutes(10) };
    /// Codes sent for one name from devices, whichever they are.
    pub const SEND_AT_DEVICES: Limit = Limit {
        name: "send-devices",
        window: Span::minutes(10),
        most: 40,
        shut: Span::minutes(10),
    };
    /// Wrong codes from one device, whatever the names (catalogue THR-01): so few that no device
    /// alone uses up what a name has at others.
    pub const WRONG_CODE_BY_DEVICE: Limit = Limit {
        name: "wrong-code-device",
        window: Span::hours(24),
        most: 10,
        shut: Span::hours(24),
    };
    /// Wrong codes for one name from devices, whichever they are: what many devices of one
    /// attacker are stopped by.
    pub const WRONG_CODE_AT_DEVICES: Limit = Limit {
        name: "wrong-code-devices",
        window: Span::hours(24),
        most: 25,
        shut: Span::hours(24),
    };
    /// Reports of PCs from one source address: a whole house installs on one day.
    pub const REPORT_BY_SOURCE: Limit = Limit {
        name: "report-source",
        window: Span::hours(1),
        most: 3000,
        shut: Span::minutes(10),
    };
    /// Passwords handed over for one account, refused ones included: each is a try at the
    /// directory.
    pub const PASSWORD: Limit =
        Limit { name: "password", window: Span::hours(1), most: 10, shut: Span::hours(1) };
    /// Wrong present passwords typed for a change, of one account in whatever lane: fewer than any
    /// sensible lock-out threshold, since each also counts there, and too few to guess with by
    /// whoever passed the gates and wants to learn the password.
    pub const PRESENT_PASSWORD: Limit =
        Limit { name: "present-password", window: Span::hours(24), most: 2, shut: Span::hours(24) };
    /// New passwords of one account, by reset or change (catalogue THR-04).
    pub const RESET: Limit =
        Limit { name: "reset", window: Span::hours(24), most: 5, shut: Span::hours(24) };
    /// Unlocks of one account, counted apart so that they cannot feed password spraying.
    pub const UNLOCK: Limit =
        Limit { name: "unlock", window: Span::hours(24), most: 5, shut: Span::hours(24) };
}
