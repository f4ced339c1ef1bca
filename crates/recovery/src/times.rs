//! Time as a value, and the one table of times (design decision 12).

use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970, UTC. Comes from the caller's clock, never from here.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// So many minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// So many hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }

    /// Whole seconds, rounded up, never negative: what a page shows.
    pub fn seconds_up(self) -> u32 {
        let seconds = self.0.max(0).saturating_add(999_999) / 1_000_000;
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

impl Timestamp {
    /// This much later.
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long after `earlier` this is; negative when it is before.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// How long until `later`; negative when that is past.
    pub const fn until(self, later: Self) -> Span {
        later.since(self)
    }

    /// Unix seconds, for what is bound to a time outside the service.
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Unix milliseconds, for ids.
    pub fn unix_millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1_000)).unwrap_or(0)
    }
}

/// The table of times. Whoever needs one takes it from here.
pub struct Times;

impl Times {
    /// Without any call for so long, a recovery ends.
    pub const IDLE: Span = Span::minutes(5);
    /// A passed gate is good for so long and is then asked again alone.
    pub const GATE: Span = Span::minutes(15);
    /// A recovery ends after so long in any case.
    pub const RECOVERY: Span = Span::minutes(60);
    /// A solved bot check must be used within so long.
    pub const BOT_CHECK: Span = Span::minutes(2);
    /// Between two sendings of one recovery.
    pub const SEND_AGAIN: Span = Span::seconds(30);
    /// A handed-over operation is good for so long (catalogue WB-05).
    pub const OPERATION: Span = Span::seconds(120);
    /// What a page waits for the live truth before it shows "checking".
    pub const STATUS_WAIT: Span = Span::seconds(3);
    /// A directory that does not tell its truth in so long is not reachable.
    pub const STATUS: Span = Span::seconds(10);
    /// An agent that said nothing for so long after it was asked is gone (three heartbeats).
    pub const AGENT_GONE: Span = Span::seconds(90);
    /// One that nobody asks anything may be silent for so long: its slowest keep-alive, and some.
    pub const AGENT_QUIET: Span = Span::seconds(300);
    /// Without any agent for so long, administrators are told.
    pub const NO_AGENT: Span = Span::minutes(3);
    /// A running service says so this often; one that did not for four times as long is not.
    pub const ALIVE: Span = Span::seconds(30);
    /// An enrolment code is good for so long.
    pub const ENROLMENT: Span = Span::hours(1);
    /// The nonce of a PC's report is good for so long.
    pub const DEVICE_NONCE: Span = Span::minutes(10);
    /// A PC that did not report for so long is named to administrators.
    pub const DEVICE_SILENT: Span = Span::hours(24 * 14);
    /// An address that changed is no gate for so long (catalogue TEL-08).
    pub const ADDRESS_HELD: Span = Span::hours(72);
    /// What was on file of an account is forgotten so long after it left its directory.
    pub const GONE_ACCOUNT: Span = Span::hours(24 * 30);
}
