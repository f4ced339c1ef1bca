//! The event log: what an administrator reads to know what the agent did and what it needs.
//! Each event of the one table (`events`) goes to every sink. On Linux: the journal where there
//! is one; on Windows: its event log; everywhere a JSON file of bounded size. The agent's own log
//! has them in any case.
//!
//! Details are made of a few kinds of facts only. Types of secrets have no words (`Display`), so
//! that none gets into them.

mod file;
#[cfg(target_os = "linux")]
mod journald;
#[cfg(windows)]
mod windows;

use std::{fmt::Display, sync::Arc};

use protocol::{
    directory::{ExternalId, NotDone},
    id::OperationId,
};

pub use self::file::JsonFile;
#[cfg(target_os = "linux")]
pub use self::journald::Journald;
#[cfg(windows)]
pub use self::windows::WindowsEvents;
use crate::{
    clock::Clock,
    events::{Event, Level},
};

/// Where events go.
pub trait Sink: Send + Sync {
    /// Writes one. Must not block for long, and has nobody to tell of its own troubles but the
    /// agent's log.
    fn write(&self, record: &Record);
}

/// One event as it happened.
pub struct Record {
    /// Which.
    pub event: Event,
    /// When, Unix milliseconds.
    pub unix_millis: u64,
    /// What with.
    pub details: Details,
}

/// The facts of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details(Vec<(&'static str, String)>);

impl Details {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// About this operation.
    #[must_use]
    pub fn operation(self, operation: OperationId) -> Self {
        self.with("operation", operation.to_string())
    }

    /// About this account, by its name for ever.
    #[must_use]
    pub fn account(self, account: &ExternalId) -> Self {
        self.with("account", account.0.clone())
    }

    /// Why a change was not made.
    #[must_use]
    pub fn reason(self, reason: NotDone) -> Self {
        let said = serde_json::to_value(reason).unwrap_or_default();
        let code = said["code"].as_str().unwrap_or("unknown");
        match said["refusal"].as_str() {
            Some(refusal) => self.with("reason", format!("{code}: {refusal}")),
            None => self.with("reason", code.to_owned()),
        }
    }

    /// What an error says of itself.
    #[must_use]
    pub fn cause(self, cause: &impl Display) -> Self {
        self.with("cause", cause.to_string())
    }

    /// The controller that was asked.
    #[must_use]
    pub fn controller(self, url: &str) -> Self {
        self.with("controller", url.to_owned())
    }

    /// A number.
    #[must_use]
    pub fn number(self, name: &'static str, number: u64) -> Self {
        self.with(name, number.to_string())
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.0.push((name, os_windows::events::clean(&value)));
        self
    }
}

/// Writes events to every sink and to the agent's own log.
#[derive(Clone)]
pub struct EventLog {
    sinks: Arc<Vec<Box<dyn Sink>>>,
    has_lines: bool,
    clock: Clock,
}

impl EventLog {
    /// With these sinks.
    pub fn new(sinks: Vec<Box<dyn Sink>>, clock: Clock) -> Self {
        Self { sinks: Arc::new(sinks), has_lines: true, clock }
    }

    /// Without a line in the agent's own log for each event.
    #[must_use]
    pub fn without_lines(self) -> Self {
        Self { has_lines: false, ..self }
    }

    /// Writes one down.
    pub fn write(&self, event: Event, details: Details) {
        if self.has_lines {
            to_log(event, &details);
        }
        let record = Record { event, unix_millis: self.clock.unix_millis(), details };
        for sink in self.sinks.iter() {
            sink.write(&record);
        }
    }
}

/// A moment as people read it, in UTC.
pub fn moment(unix_millis: u64) -> String {
    let text = file::rfc3339(unix_millis);
    format!("{} {} UTC", &text[..10], &text[11..19])
}

/// The line in the agent's own log.
fn to_log(event: Event, details: &Details) {
    let (number, name, text) = (event.number(), event.name(), event.text());
    let details: Vec<String> =
        details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let details = details.join(" ");
    match event.level() {
        Level::Information => tracing::info!(event = number, name, %details, "{text}"),
        Level::Warning => tracing::warn!(event = number, name, %details, "{text}"),
        Level::Error => tracing::error!(event = number, name, %details, "{text}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Mutex, PoisonError};

    use password::PasswordRefusal;

    use super::*;

    /// Keeps what was written.
    #[derive(Clone, Default)]
    pub(crate) struct Kept(Arc<Mutex<Vec<(Event, Details)>>>);

    impl Kept {
        pub(crate) fn log(&self) -> EventLog {
            EventLog::new(vec![Box::new(self.clone())], Clock::new(|| 1_000))
        }

        pub(crate) fn events(&self) -> Vec<Event> {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().map(|(event, _)| *event).collect()
        }

        pub(crate) fn text(&self) -> String {
            format!("{:?}", self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    impl Sink for Kept {
        fn write(&self, record: &Record) {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push((record.event, record.details.clone()));
        }
    }

    #[test]
    fn details_are_one_line_each_and_bounded() {
        let refused = NotDone::Password(PasswordRefusal::TooShort);
        let details = Details::none().reason(refused).cause(&"a\nb".repeat(1_000));
        let all: Vec<(&str, &str)> = details.iter().collect();
        assert_eq!(all[0], ("reason", "password: too-short"));
        assert!(all[1].1.starts_with("a b") && all[1].1.len() == 1_000);
    }
}
