//! Events in systemd's journal, over its own datagram socket: number, name and facts are fields
//! there (`journalctl REGAIN_EVENT=34010`). The protocol is a few lines, so no library.

use std::{os::unix::net::UnixDatagram, path::Path};

use super::{Record, Sink};
use crate::events::{Level, SOURCE};

const SOCKET: &str = "/run/systemd/journal/socket";

/// The journal.
pub struct Journald(UnixDatagram);

impl Journald {
    /// The journal of this machine; `None` where there is none.
    pub fn open() -> Option<Self> {
        Self::at(Path::new(SOCKET))
    }

    fn at(socket: &Path) -> Option<Self> {
        let datagrams = UnixDatagram::unbound().ok()?;
        datagrams.connect(socket).ok()?;
        datagrams.set_nonblocking(true).ok()?;
        Some(Self(datagrams))
    }
}

impl Sink for Journald {
    fn write(&self, record: &Record) {
        // A journal that is full or gone has nobody to tell; the file has the event too.
        let _ = self.0.send(entry(record).as_bytes());
    }
}

/// One `FIELD=value` a line; values have no line breaks ([`super::Details`]).
fn entry(record: &Record) -> String {
    let event = record.event;
    let priority = match event.level() {
        Level::Information => 6,
        Level::Warning => 4,
        Level::Error => 3,
    };
    let mut message = format!("{} {}: {}", event.number(), event.name(), event.text());
    let mut fields = String::new();
    for (name, value) in record.details.iter() {
        message.push_str(&format!(" {name}={value}"));
        fields.push_str(&format!("REGAIN_{}={value}\n", name.to_uppercase()));
    }
    format!(
        "MESSAGE={message}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=regain-agent\n\
         REGAIN_SOURCE={SOURCE}\nREGAIN_EVENT={}\nREGAIN_EVENT_NAME={}\n{fields}",
        event.number(),
        event.name()
    )
}

#[cfg(test)]
mod tests {
    use crate::{
        clock::Clock,
        event_log::{Details, EventLog},
        events::Event,
    };

    use super::*;

    #[test]
    fn an_event_is_an_entry_with_fields() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let journal = UnixDatagram::bind(&socket).unwrap();
        let sink = Journald::at(&socket).unwrap();
        let log = EventLog::new(vec![Box::new(sink)], Clock::new(|| 0));
        log.write(Event::LimitReached, Details::none().number("per_hour", 30));
        let mut bytes = [0; 4096];
        let count = journal.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..count]).unwrap();
        for line in ["PRIORITY=3", "REGAIN_EVENT=34010", "REGAIN_PER_HOUR=30"] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(text.starts_with("MESSAGE=34010 HourlyLimitReached: "));
        assert!(Journald::at(Path::new("/nowhere")).is_none());
    }
}
