//! Events in the Windows event log, through `os-windows`.

use os_windows::{event_log::EventLog, events::whole};

use super::{Record, Sink};
use crate::events::SOURCE;

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
        let row = record.event.row();
        // A log that is full or gone has nobody to tell; the file has the event too.
        let _ = self.0.write(row.level, row.number, &whole(row, record.details.iter()));
    }
}
