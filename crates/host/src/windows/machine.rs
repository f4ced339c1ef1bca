//! Clock, settings, account, PC, registry and security chip, as Windows has them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use os_windows::{
    access::{Sid, make_private, this_user},
    account,
    chip::ChipKey,
    command::CommandLine,
    event_log::EventLog,
    events::whole,
    machine,
    policy::{
        Key, Mistake, Part,
        registry::{forget, read, secret},
    },
    process,
};
use protocol::host::{
    Text,
    app::{Join, Known, Proxy},
    tile::SidText,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::ACCOUNT;
use crate::{
    events::{Details, Event, SOURCE, Sink},
    parts::{Accounts, Chip, ChipError, Clock, Pc, Policy, Registry, Settings, Vpn},
    readiness::WEBVIEW,
};

const WINLOGON: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon";
const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const PROFILES: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList";
/// For a process that was ended to be gone.
const ENDING: Duration = Duration::from_millis(500);
/// Most bytes of a network's profile that are looked at.
const PROFILE: u64 = 256 * 1024;

/// The machine's clocks.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Duration {
        static BEGUN: OnceLock<Instant> = OnceLock::new();
        BEGUN.get_or_init(Instant::now).elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn unix(&self) -> i64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}

/// The administrator's settings, read anew each time: they are few.
pub(super) struct RegistrySettings;

impl Settings for RegistrySettings {
    fn policy(&self) -> Policy {
        let set = read(Part::Host);
        let help: Vec<&str> = [Key::HelpName, Key::HelpPhone, Key::HelpHours, Key::HelpUrl]
            .into_iter()
            .filter_map(|key| set.text(key))
            .collect();
        let vpn = set.text(Key::VpnCommand).map(|command| Vpn {
            command: command.to_owned(),
            within: Duration::from_secs(set.number(Key::VpnTimeout).into()),
        });
        Policy {
            tile: set.flag(Key::Tile),
            label: set.text(Key::TileLabel).map(Text::cut),
            help: (!help.is_empty()).then(|| Text::cut(&help.join("\n"))),
            remote_sessions: set.flag(Key::RemoteSessions),
            sign_in_hand_over: set.flag(Key::SignInHandOver),
            vpn,
            report_hours: set.number(Key::ReportInterval),
        }
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let mut all = read(Part::Host).mistakes().to_vec();
        for mistake in read(Part::App).mistakes() {
            if !all.contains(mistake) {
                all.push(mistake.clone());
            }
        }
        all
    }

    fn fleet_token(&self) -> Option<Zeroizing<String>> {
        secret(Key::FleetToken).ok()?
    }

    fn forget_fleet_token(&self) {
        if let Err(error) = forget(Key::FleetToken) {
            tracing::warn!("the used fleet token stays where it is: {error}");
        }
    }
}

/// The app's account.
pub(super) struct LocalAccount;

impl Accounts for LocalAccount {
    /// Disabled is how it is between runs.
    fn is_usable(&self) -> io::Result<bool> {
        account::is_enabled(ACCOUNT).map(|found| found.is_some())
    }

    fn enable(&self, password: &str) -> io::Result<()> {
        account::enable(ACCOUNT, password)
    }

    fn disable(&self) -> io::Result<()> {
        match account::is_enabled(ACCOUNT)? {
            // Never made, made but never enabled, or closed already.
            None | Some(false) => Ok(()),
            Some(true) => account::disable(ACCOUNT),
        }
    }

    fn end_processes(&self) -> io::Result<usize> {
        // None that was never made has none.
        let Ok(who) = account::of_name(ACCOUNT) else { return Ok(0) };
        if who == this_user()? {
            // Never on Windows, where this is the system's own; Wine may have one for everybody.
            return Err(io::Error::other("the app's account is this service's own"));
        }
        let there = process::all_of(&who)?;
        for process in &there {
            process.end();
        }
        for process in &there {
            // One that cannot be waited for is there the next time.
            let _ = process.wait(ENDING);
        }
        Ok(there.len())
    }

    fn forget(&self) {
        let gone = account::find(ACCOUNT)
            .and_then(|who| who.map_or(Ok(()), |who| account::delete_profile(&who)));
        if let Err(error) = gone {
            tracing::warn!("the profile of the app's account: {error}");
        }
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir(folder)?;
        let trusted = [Sid::system(), Sid::administrators(), account::of_name(ACCOUNT)?];
        make_private(folder, &trusted)
    }
}

/// This PC.
pub(super) struct ThisPc;

impl Pc for ThisPc {
    fn in_setup(&self) -> bool {
        ["OOBEInProgress", "SystemSetupInProgress"]
            .iter()
            .any(|name| machine::number(r"SYSTEM\Setup", name) == Some(1))
    }

    fn is_remote(&self, session: u32) -> bool {
        // One that cannot be asked for is gone.
        machine::is_remote(session).unwrap_or(true)
    }

    fn user(&self, who: Option<&SidText>, session: u32) -> Option<Text<256>> {
        let name = match who {
            Some(who) => {
                let has_been_here = machine::keys(PROFILES)
                    .iter()
                    .any(|profile| profile.eq_ignore_ascii_case(who.as_str()));
                has_been_here.then(|| account::name_of(who.as_str()).ok()).flatten()
            }
            None => machine::user_of(session).ok().flatten(),
        };
        name.and_then(Text::new)
    }

    fn join(&self) -> Join {
        let in_cloud =
            !machine::keys(r"SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo").is_empty();
        match (machine::domain(), in_cloud) {
            (Ok(Some(_)), true) => Join::Hybrid,
            (Ok(Some(_)), false) => Join::Domain,
            (Ok(None), true) => Join::Entra,
            (Ok(None), false) => Join::Alone,
            (Err(_), _) => Join::Unknown,
        }
    }

    fn controller(&self) -> Known {
        match self.join() {
            Join::Domain | Join::Hybrid if machine::sees_controller() => Known::Yes,
            Join::Domain | Join::Hybrid => Known::No,
            Join::Alone | Join::Entra | Join::Unknown => Known::Unknown,
        }
    }

    fn cached_sign_in(&self) -> Known {
        // Windows keeps ten unless told otherwise.
        let kept = machine::text(WINLOGON, "CachedLogonsCount");
        if kept.is_some_and(|kept| kept.trim() == "0") { Known::No } else { Known::Yes }
    }

    fn proxy(&self) -> Proxy {
        match machine::proxy() {
            Ok(Some((server, bypass))) => {
                Proxy::Named { server: Text::cut(&server), bypass: Text::cut(&bypass) }
            }
            Ok(None) | Err(_) => Proxy::Automatic,
        }
    }

    fn run_vpn(&self, vpn: &Vpn) -> io::Result<()> {
        // As the policies were read; what is wrong with it they say as well.
        let command = CommandLine::parse(&vpn.command).map_err(io::Error::other)?;
        match process::run_command(&command, vpn.within)? {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::other(format!("it ended with {code}"))),
            None => Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long")),
        }
    }

    fn name(&self) -> Text<64> {
        Text::cut(&std::env::var("COMPUTERNAME").unwrap_or_default())
    }

    fn windows(&self) -> Text<32> {
        let build = machine::text(VERSION, "CurrentBuildNumber").unwrap_or_default();
        let major = machine::number(VERSION, "CurrentMajorVersionNumber").unwrap_or_default();
        let minor = machine::number(VERSION, "CurrentMinorVersionNumber").unwrap_or_default();
        Text::cut(&format!("{major}.{minor}.{build}"))
    }

    /// The machine's own identifier. Copies that were not generalised have the same one: the
    /// service sees two PCs under one key.
    fn machine(&self) -> io::Result<String> {
        let name = std::env::var("COMPUTERNAME").map_err(io::Error::other)?;
        account::of_name(&name).map(|sid| sid.as_str().to_owned())
    }

    fn language(&self) -> Text<35> {
        Text::cut(&machine::language())
    }

    fn has_webview(&self) -> bool {
        let version = machine::text(WEBVIEW, "pv").unwrap_or_default();
        !version.is_empty() && version != "0.0.0.0"
    }
}

/// The machine's part of the registry, and what the report looks for in files.
pub(super) struct MachineRegistry;

impl Registry for MachineRegistry {
    fn number(&self, key: &str, name: &str) -> Option<u32> {
        machine::number(key, name)
    }

    fn text(&self, key: &str, name: &str) -> Option<String> {
        machine::text(key, name)
    }

    fn keys(&self, key: &str) -> Vec<String> {
        machine::keys(key)
    }

    fn is_file(&self, path: &str) -> bool {
        Path::new(path).is_file()
    }

    /// Looks for two words in the profiles that administrators roll out; nothing is taken apart.
    fn network_waits_for_person(&self) -> Option<bool> {
        let data = machine::program_data().ok()?;
        let folders = ["Microsoft/dot3svc", "Microsoft/Wlansvc/Profiles"];
        let mut profiles = Vec::new();
        for folder in folders {
            find(&data.join(folder), 4, &mut profiles);
        }
        let waits = |profile: &PathBuf| {
            let is_small = fs::metadata(profile).is_ok_and(|file| file.len() <= PROFILE);
            let bytes = if is_small { fs::read(profile).unwrap_or_default() } else { Vec::new() };
            // In either of the two ways in which Windows writes them.
            let text = String::from_utf8_lossy(&bytes).replace('\0', "");
            ["<type>preLogon</type>", "<type>postLogon</type>"]
                .iter()
                .any(|word| text.contains(word))
        };
        Some(profiles.iter().any(waits))
    }
}

fn find(folder: &Path, deep: u8, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && deep > 0 {
            find(&path, deep - 1, found);
        } else if path.extension().is_some_and(|it| it == "xml") {
            found.push(path);
        }
    }
}

/// The PC's security chip.
pub(super) struct Tpm;

const KEY: &str = "Regain device key";

impl Chip for Tpm {
    fn make(&self) -> Result<[u8; 65], ChipError> {
        ChipKey::make(KEY)?.public()
    }

    fn public(&self) -> Result<[u8; 65], ChipError> {
        ChipKey::open(KEY)?.public()
    }

    fn sign(&self, public: &[u8; 65], bytes: &[u8]) -> Result<[u8; 64], ChipError> {
        let key = ChipKey::open(KEY)?;
        if key.public()? != *public {
            return Err(ChipError::NoKey);
        }
        key.sign(&Sha256::digest(bytes).into())
    }

    fn forget(&self) -> Result<(), ChipError> {
        match ChipKey::open(KEY).and_then(ChipKey::delete) {
            Ok(()) | Err(ChipError::NoChip | ChipError::NoKey) => Ok(()),
            Err(error @ ChipError::Away(_)) => Err(error),
        }
    }
}

/// Windows' log "Application".
pub(super) struct WindowsEvents(EventLog);

impl WindowsEvents {
    /// None where it does not run.
    pub(super) fn open() -> Option<Self> {
        EventLog::open(SOURCE).ok().map(Self)
    }
}

impl Sink for WindowsEvents {
    fn write(&self, event: Event, details: &Details) {
        let row = event.row();
        // A log that is full or gone has nobody to tell; ours has the event too.
        let _ = self.0.write(row.level, row.number, &whole(row, details.iter()));
    }
}

/// Where there is no log, ours is left.
pub(super) struct NoEvents;

impl Sink for NoEvents {
    fn write(&self, _: Event, _: &Details) {}
}
