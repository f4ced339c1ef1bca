//! The one table of the host's events: what an administrator reads in Windows' event log to know
//! what happened at this PC's sign-in screen. docs/events.md is written from it, and a test holds
//! it to that.
//!
//! Details are numbers, codes, names of settings and words of errors. Nothing that a person typed
//! gets into one, and nobody's name.

use std::fmt::Display;

use os_windows::events::{Level, clean};

/// The source that events are written under.
pub const SOURCE: &str = "Regain Host";

os_windows::events! {
    Started = 36001, "HostStarted", Information,
        "The host runs.", "-", "-";
    Stopped = 36002, "HostStopped", Information,
        "The host ends.", "It was told to, or Windows goes down.", "-";
    NotStarted = 36003, "HostNotStarted", Error,
        "The host had to end: there is no tile.",
        "The detail `cause`.", "Mend what it names; Windows starts the host again.";
    Installed = 36004, "HostInstalled", Information,
        "The service, its folder and the app's account are in place.",
        "An installation, an upgrade or a repair.", "-";
    Uninstalled = 36005, "HostUninstalled", Information,
        "The service and everything that it kept are gone.", "An uninstallation.", "-";
    NotUninstalled = 36006, "HostUninstallIncomplete", Error,
        "The service is taken out, but something of it stayed.",
        "The details name each thing and why.",
        "Mend what it names, then `regain-host service uninstall` again; docs/rollout.md lists what there is.";
    FolderMoved = 36007, "HostFolderMoved", Warning,
        "Something that is not ours was where the host keeps its keys; it was moved or taken away.",
        "Somebody made the folder before the installation, or its access list was opened.",
        "Look at who owns what was moved (the detail `to`), and delete it.";
    FlowBegun = 36010, "RecoveryBegun", Information,
        "Somebody began at the sign-in screen.", "A press of the tile.", "-";
    FlowEnded = 36011, "RecoveryEnded", Information,
        "What was begun at the sign-in screen came to its end.",
        "The detail `outcome`; what became of the account is in the service's audit trail.", "-";
    FlowFailed = 36012, "RecoveryFailed", Warning,
        "What was begun at the sign-in screen failed.",
        "The app fell over, did not start, or broke the rules; the log in the host's folder says which.",
        "Once: nothing, the person may try again. Again and again: look at the browser runtime and at security software.";
    NoStart = 36013, "AppNotStarted", Warning,
        "The app could not be started.", "The detail `cause`.",
        "`regain-host check` says what is missing.";
    TileOff = 36014, "TileOffAfterCrashes", Error,
        "The app ended badly three times in a row: the tile is off for ten minutes.",
        "As for 36012.", "As for 36012.";
    TooOften = 36015, "TooManyStarts", Warning,
        "The app was started too often: a start was refused.",
        "Somebody presses the tile again and again.", "-";
    SignedIn = 36016, "SignInAfterRecovery", Information,
        "The one-time sign-in after a recovery was tried; the detail `signed-in` says what came of it.",
        "The setting `SignInHandOver`.", "-";
    LeftOpen = 36017, "RunClosedLate", Warning,
        "What a run before had left open was closed now.",
        "A loss of power, or the host was ended in the middle of a run.", "-";
    NotClosed = 36018, "RunNotClosed", Error,
        "Something that was opened for a run could not be closed.",
        "The detail `cause`: most often the app's account or a file in use.",
        "`net user RegainApp` must say that the account is not active; the next start of the service tries again.";
    ReportMade = 36020, "ReportMade", Information,
        "The service took this PC's report.", "Once a day, after installing, and after a change of settings.", "-";
    ReportFailed = 36021, "ReportNotMade", Warning,
        "This PC's report could not be brought to the service.",
        "The network, the service or its address, or no token to enrol with.",
        "Nothing, as long as 36020 follows; it is tried again within the hour. Else docs/network.md.";
    Ready = 36022, "PeopleCanRecover", Information,
        "Nothing was found that keeps anybody at this PC from getting back in.", "-", "-";
    LessComfort = 36023, "PeopleCanRecoverWithLess", Warning,
        "Somebody who is locked out at this PC can get back in, with less comfort.",
        "The detail `because`.", "The detail `cure`.";
    CannotRecover = 36024, "PeopleCannotRecover", Error,
        "Somebody who is locked out at this PC cannot recover.",
        "The detail `because`.", "The detail `cure`.";
    KeyMade = 36030, "DeviceKeyMade", Information,
        "This device has a new key, which enrols with the next report.",
        "The detail `why`: the first one, another machine, a chip that was cleared, a damaged file, or a key that two PCs had.", "-";
    KeyAway = 36031, "DeviceKeyAway", Warning,
        "The device's key cannot be used now; it is kept, and tried again.",
        "The detail `cause`: the security chip is busy or guards itself, or the disk does not read.",
        "Nothing, if 36032 follows. Else look at the chip (`tpm.msc`) or the disk.";
    KeyBack = 36032, "DeviceKeyBack", Information,
        "The device's key can be used again.", "-", "-";
    KeyRefused = 36033, "DeviceKeyRefused", Warning,
        "The service takes no reports with this device's key.",
        "The detail `reason`: unknown, or an administrator revoked it.",
        "A new fleet token enrols it again (docs/rollout.md), unless it was revoked.";
    KeyShared = 36034, "DeviceKeyShared", Warning,
        "Another PC has this device's key: this one made a new one.",
        "A copy of a disk that was not generalised.",
        "Generalise images before they are copied (`sysprep /generalize`).";
    Enrolled = 36035, "DeviceEnrolled", Information,
        "The service knows this device by a name of its own now.", "The first report with this key.", "-";
    SettingWrong = 36040, "SettingWrong", Warning,
        "A setting has a value that is none.",
        "The details name setting and value.", "The detail `right`; docs/policy.md lists all.";
    PipeTaken = 36050, "TilePipeTaken", Error,
        "Another program has the name of the tile's pipe: there is no tile until it lets it go.",
        "Somebody wants to be taken for the host, or a host of before still runs.",
        "Find who has `\\\\.\\pipe\\regain-host-tile` (Sysinternals `pipelist`, `handle`), and restart the PC.";
    PipeFree = 36051, "TilePipeFree", Information,
        "The tile's pipe is the host's again.", "-", "-";
    TurnedAway = 36052, "TilePipeTurnedAway", Warning,
        "A program that is not the sign-in screen opened the tile's pipe and was turned away.",
        "The detail `cause` names it. Only the system can open that pipe.",
        "Find out what it is.";
    TileSwitchedOff = 36060, "TileSwitchedOff", Error,
        "The tile's library refuses to be loaded: the sign-in screen ended again and again with it.",
        "Crashes of LogonUI.exe, not necessarily by the tile.",
        "Look for them in the event log; an update or a repair of the package starts the count anew.";
}

/// Where events go: Windows' own log, or what a test keeps.
pub trait Sink: Send + Sync {
    /// Writes one. Must not block for long, and has nobody to tell of its own troubles.
    fn write(&self, event: Event, details: &Details);
}

/// The facts of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details(Vec<(&'static str, String)>);

impl Details {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &impl Display) -> Self {
        self.0.push((name, clean(&value.to_string())));
        self
    }

    /// What an error says of itself.
    #[must_use]
    pub fn cause(self, cause: &impl Display) -> Self {
        self.with("cause", cause)
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// Writes one down, and a line of it into the host's own log.
pub fn write(sink: &dyn Sink, event: Event, details: &Details) {
    let (number, name, text) = (event.number(), event.name(), event.text());
    let facts: Vec<String> =
        details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let line = facts.join(" ");
    match event.level() {
        Level::Information => tracing::info!(event = number, name, details = %line, "{text}"),
        Level::Warning => tracing::warn!(event = number, name, details = %line, "{text}"),
        Level::Error => tracing::error!(event = number, name, details = %line, "{text}"),
    }
    sink.write(event, details);
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "<!-- host events: written by a test of crates/host/src/events.rs -->\n";
    const END: &str = "\n<!-- host events: end -->";

    /// After a change of the table: REGAIN_WRITE_DOCS=1 cargo test -p regain-host events
    #[test]
    fn the_documentation_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (written, after) = rest.split_once(END).unwrap();
        let table = os_windows::events::markdown(Event::ALL.iter().map(|event| event.row()));
        if std::env::var_os("REGAIN_WRITE_DOCS").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
            return;
        }
        assert_eq!(written, table, "write it anew with REGAIN_WRITE_DOCS=1");
    }

    #[test]
    fn numbers_rise_in_the_hosts_own_range_and_errors_have_a_cure() {
        let numbers: Vec<u16> = Event::ALL.iter().map(|event| event.number()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert!(numbers.iter().all(|number| (36_001..=36_999).contains(number)), "{numbers:?}");
        for event in Event::ALL {
            assert!(event.level() != Level::Error || event.cure() != "-", "{event:?} has no cure");
        }
    }
}
