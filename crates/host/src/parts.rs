//! What others do for the host: Windows in the product, doubles in tests.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

pub use os_windows::chip::ChipError;
use os_windows::policy::Mistake;
use protocol::host::{
    Text,
    app::{Join, Known, Proxy},
    tile::SidText,
};
use zeroize::Zeroizing;

use crate::events::Sink;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Since some moment; never goes back.
    fn now(&self) -> Duration;

    /// Unix time in seconds, as far as this PC knows it.
    fn unix(&self) -> i64;
}

/// What the administrator set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether there is a tile at all.
    pub tile: bool,
    /// The words of the tile; the product's own without.
    pub label: Option<Text<96>>,
    /// Whom to ask.
    pub help: Option<Text<512>>,
    /// Whether the tile is there in remote sessions.
    pub remote_sessions: bool,
    /// Whether to sign in with the new password once.
    pub sign_in_hand_over: bool,
    /// What brings the PC into the organisation's network.
    pub vpn: Option<Vpn>,
    /// Hours between two reports.
    pub report_hours: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tile: true,
            label: None,
            help: None,
            remote_sessions: false,
            sign_in_hand_over: false,
            vpn: None,
            report_hours: 24,
        }
    }
}

/// A command of the administrator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vpn {
    /// The program and what it is called with, as the administrator wrote it.
    pub command: String,
    /// How long it may take.
    pub within: Duration,
}

/// Where the administrator's settings are.
pub trait Settings: Send + Sync {
    /// What holds now.
    fn policy(&self) -> Policy;

    /// Everything that is set wrong, of the host's own settings and of the app's.
    fn mistakes(&self) -> Vec<Mistake>;

    /// What the device enrols with, where it was given.
    fn fleet_token(&self) -> Option<Zeroizing<String>>;

    /// The device is enrolled: takes the token away where that can be done.
    fn forget_fleet_token(&self);
}

/// The worthless account that the app runs under.
pub trait Accounts: Send + Sync {
    /// Whether it is there and may be used.
    ///
    /// # Errors
    /// When the system does not tell.
    fn is_usable(&self) -> io::Result<bool>;

    /// Lets it be used, with this password alone.
    ///
    /// # Errors
    /// When the system refuses; it may be left enabled then.
    fn enable(&self, password: &str) -> io::Result<()>;

    /// Lets nobody use it.
    ///
    /// # Errors
    /// When the system refuses.
    fn disable(&self) -> io::Result<()>;

    /// Ends every process that runs under it now, wherever it came from, and waits a moment for
    /// each: how many there were. None is what counts; whoever asks asks again.
    ///
    /// # Errors
    /// When the system does not tell.
    fn end_processes(&self) -> io::Result<usize>;

    /// Removes what its use left behind: its profile.
    fn forget(&self);

    /// Makes a folder for one run, that it may write to beside the system.
    ///
    /// # Errors
    /// When the disk or the system refuses.
    fn make_folder(&self, folder: &Path) -> io::Result<()>;
}

/// What to start.
#[derive(Clone, Copy)]
pub struct Launch<'a> {
    /// Whose sign-in screen; none without a person.
    pub session: Option<u32>,
    /// The account's password, good for this start.
    pub password: &'a Zeroizing<String>,
    /// The run's own folder.
    pub folder: &'a Path,
}

/// An app that runs.
pub struct Running {
    /// What it says.
    pub reader: Box<dyn Read + Send>,
    /// What it is told.
    pub writer: Box<dyn Write + Send>,
    /// The means to end it.
    pub child: Box<dyn Child>,
    /// The app's own number, for the sign-in screen to hand the foreground on to.
    pub process: Option<u32>,
}

/// The means to end an app.
pub trait Child: Send {
    /// Ends it and all that it started, and takes back what was opened for it in the session.
    fn kill(&mut self);
}

/// Starts the app.
pub trait Launcher: Send + Sync {
    /// Starts it under the account, without power, its standard input and output ours.
    ///
    /// # Errors
    /// When the system refuses; nothing runs then.
    fn launch(&self, launch: Launch<'_>) -> io::Result<Running>;
}

/// What this PC is and belongs to.
pub trait Pc: Send + Sync {
    /// Whether Windows is still being set up.
    fn in_setup(&self) -> bool;

    /// Whether the session is seen from afar.
    fn is_remote(&self, session: u32) -> bool;

    /// Who is signed in to the session, or whose account this is: the name with its domain, and
    /// only of somebody who has signed in here before.
    fn user(&self, who: Option<&SidText>, session: u32) -> Option<Text<256>>;

    /// What it belongs to.
    fn join(&self) -> Join;

    /// Whether a domain controller answers.
    fn controller(&self) -> Known;

    /// Whether passwords of earlier sign-ins are kept.
    fn cached_sign_in(&self) -> Known;

    /// The machine's proxy.
    fn proxy(&self) -> Proxy;

    /// Runs the administrator's command and waits for its end.
    ///
    /// # Errors
    /// When it could not be started, failed, or took too long.
    fn run_vpn(&self, vpn: &Vpn) -> io::Result<()>;

    /// Its name.
    fn name(&self) -> Text<64>;

    /// The build of Windows.
    fn windows(&self) -> Text<32>;

    /// What tells this machine from a copy of its disk.
    ///
    /// # Errors
    /// When the system does not tell.
    fn machine(&self) -> io::Result<String>;

    /// The system's language.
    fn language(&self) -> Text<35>;

    /// Whether there is a webview to draw the app.
    fn has_webview(&self) -> bool;
}

/// What is set in the registry of the machine, for the readiness report.
pub trait Registry: Send + Sync {
    /// A number.
    fn number(&self, key: &str, name: &str) -> Option<u32>;

    /// A text; the key's own when the name is empty.
    fn text(&self, key: &str, name: &str) -> Option<String>;

    /// The keys under one.
    fn keys(&self, key: &str) -> Vec<String>;

    /// Whether a file is there, its place as the registry says it.
    fn is_file(&self, path: &str) -> bool;

    /// Whether a profile of a network says that it opens just before or after a person signs in.
    /// None when it cannot be seen.
    fn network_waits_for_person(&self) -> Option<bool>;
}

/// The PC's security chip.
pub trait Chip: Send + Sync {
    /// Makes a new key in it, in place of the one that was there. Its public half, uncompressed.
    ///
    /// # Errors
    /// When there is no chip for it, or it does not answer.
    fn make(&self) -> Result<[u8; 65], ChipError>;

    /// The public half of the key that is there.
    ///
    /// # Errors
    /// When there is none, or the chip does not answer: the caller has to tell these apart.
    fn public(&self) -> Result<[u8; 65], ChipError>;

    /// Signs with the key of this public half: ECDSA over SHA-256 of these bytes.
    ///
    /// # Errors
    /// When the chip has another key or none, or does not answer.
    fn sign(&self, public: &[u8; 65], bytes: &[u8]) -> Result<[u8; 64], ChipError>;

    /// Takes the key out of it. One that is not there is out already.
    ///
    /// # Errors
    /// When the chip does not answer.
    fn forget(&self) -> Result<(), ChipError>;
}

/// No chip at all.
#[derive(Debug)]
pub struct NoChip;

impl Chip for NoChip {
    fn make(&self) -> Result<[u8; 65], ChipError> {
        Err(ChipError::NoChip)
    }

    fn public(&self) -> Result<[u8; 65], ChipError> {
        Err(ChipError::NoChip)
    }

    fn sign(&self, _: &[u8; 65], _: &[u8]) -> Result<[u8; 64], ChipError> {
        Err(ChipError::NoChip)
    }

    fn forget(&self) -> Result<(), ChipError> {
        Ok(())
    }
}

/// Everything that a host needs.
pub struct Parts {
    /// The time.
    pub clock: Box<dyn Clock>,
    /// The administrator's settings.
    pub settings: Box<dyn Settings>,
    /// The app's account.
    pub accounts: Box<dyn Accounts>,
    /// What starts the app.
    pub launcher: Box<dyn Launcher>,
    /// This PC.
    pub pc: Box<dyn Pc>,
    /// Its registry.
    pub registry: Box<dyn Registry>,
    /// Its security chip.
    pub chip: Box<dyn Chip>,
    /// Its event log.
    pub events: Box<dyn Sink>,
    /// The folder that only the system and administrators may enter.
    pub folder: PathBuf,
}
