//! The Windows event log: a source that administrators find by its name, and events with the
//! numbers of docs/events.md.
#![expect(unsafe_code, reason = "the event log is a handle of Windows")]

use std::{io, path::Path};

use windows::{
    Win32::{
        Foundation::HANDLE,
        System::EventLog::{
            DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE,
            EVENTLOG_WARNING_TYPE, RegisterEventSourceW, ReportEventW,
        },
    },
    core::{HSTRING, PCWSTR},
};
use windows_registry::LOCAL_MACHINE;

use crate::{events::Level, failed, machine};

const SOURCES: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application";

/// Tells Windows that the events of `source` have their texts in `message_file`. Needs an
/// administrator.
///
/// # Errors
/// When the registry refuses.
pub fn register_source(source: &str, message_file: &Path) -> io::Result<()> {
    let written = LOCAL_MACHINE.create(format!(r"{SOURCES}\{source}")).and_then(|key| {
        key.set_hstring("EventMessageFile", &HSTRING::from(message_file.as_os_str()))?;
        // All three levels.
        key.set_u32("TypesSupported", 7)
    });
    written.map_err(failed("registering the source of events"))
}

/// Takes it back. One that is not there is taken back already.
///
/// # Errors
/// When the registry refuses.
pub fn remove_source(source: &str) -> io::Result<()> {
    machine::remove_key(&format!(r"{SOURCES}\{source}"))
}

/// An open source.
#[derive(Debug)]
pub struct EventLog(HANDLE);

// SAFETY: the handle is only ever passed to ReportEventW, which any thread may call at any time.
unsafe impl Send for EventLog {}
// SAFETY: as above.
unsafe impl Sync for EventLog {}

impl EventLog {
    /// Opens the source of this name.
    ///
    /// # Errors
    /// When the event log does not run.
    pub fn open(source: &str) -> io::Result<Self> {
        // SAFETY: the name ends with a nul and lives until the call returns.
        let handle = unsafe { RegisterEventSourceW(PCWSTR::null(), &HSTRING::from(source)) };
        handle.map(Self).map_err(failed("opening the event log"))
    }

    /// Writes one event with one text, at most 31,839 characters of it.
    ///
    /// # Errors
    /// When the log is full or does not run.
    pub fn write(&self, level: Level, number: u16, text: &str) -> io::Result<()> {
        const MOST: usize = 31_839;
        let text: String = text.chars().filter(|c| *c != '\0').take(MOST / 2).collect();
        let text = HSTRING::from(text);
        let kind = match level {
            Level::Information => EVENTLOG_INFORMATION_TYPE,
            Level::Warning => EVENTLOG_WARNING_TYPE,
            Level::Error => EVENTLOG_ERROR_TYPE,
        };
        let texts = [PCWSTR(text.as_ptr())];
        // SAFETY: the handle is open, and the text lives until the call returns.
        unsafe { ReportEventW(self.0, kind, 0, number.into(), None, 0, Some(&texts), None) }
            .map_err(failed("writing to the event log"))
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        // SAFETY: opened by `open` and closed once. A failure leaves nothing to do.
        let _ = unsafe { DeregisterEventSource(self.0) };
    }
}
