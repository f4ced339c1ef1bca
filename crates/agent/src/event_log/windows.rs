//! Events in the Windows event log, through `os-windows`. The text of an event is whole: what
//! happened, its facts, why it happens and what mends it, so that nobody needs another page.

use os_windows::event_log::{EventLog, Level as Weight};

use super::{Record, Sink};
use crate::events::{Level, SOURCE};

/// The event log of this machine.
pub struct WindowsEvents(EventLog);

impl WindowsEvents {
    /// Opens it; `None` where it does not run.
    pub fn open() -> Option<Self> {
        EventLog::open(SOURCE).ok().map(Self)
    }
}

impl Sink for WindowsEvents {
    fn write(&self, record: &Record) {
        let event = record.event;
        let weight = match event.level() {
            Level::Information => Weight::Information,
            Level::Warning => Weight::Warning,
            Level::Error => Weight::Error,
        };
        let mut text = format!("{}: {}\r\n", event.name(), event.text());
        for (name, value) in record.details.iter() {
            text.push_str(&format!("\r\n{name}: {value}"));
        }
        text.push_str(&format!("\r\n\r\nCause: {}\r\nCure: {}", event.cause(), event.cure()));
        let number = u16::try_from(event.number()).unwrap_or_default();
        // A log that is full or gone has nobody to tell; the file has the event too.
        let _ = self.0.write(weight, number, &text);
    }
}
