//! Whether somebody who is locked out at this PC could get back in: every known thing that keeps
//! them from it, looked at one by one. "Breaks" is only what leaves no way at all; where the
//! simple form or the tile on "Other user" still helps, it is "less".

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use protocol::host::{
    Few, Text,
    app::Proxy,
    statement::{Check, Fact, Found, KeyKind},
    tile::{CLASS, LOADS, MOST_LOADS, loads_of},
};

use crate::parts::{Parts, Registry, Settings};

const SYSTEM: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System";
const WINLOGON: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon";
const PROVIDERS: &str =
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers";
const FILTERS: &str =
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Provider Filters";
const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
/// Where the browser runtime says its version.
pub const WEBVIEW: &str =
    r"SOFTWARE\WOW6432Node\Microsoft\EdgeUpdate\Clients\{F3017226-FE2A-4295-8BDF-00C3A9A7E4C5}";
/// Windows' own filter of tiles.
const GENERIC_FILTER: &str = "{DDC0EED2-ADBE-40B6-A217-EDE16A79A0DE}";
/// Windows 10 22H2.
const OLDEST_BUILD: u32 = 19_045;

/// Numbers of policies that are in the way when they have one value.
const IN_THE_WAY: &[(Check, &str, &str, u32, Found)] = &[
    (Check::SecondaryLogon, r"SYSTEM\CurrentControlSet\Services\seclogon", "Start", 4, Found::Less),
    (Check::UserAccountControl, SYSTEM, "EnableLUA", 0, Found::Less),
    (Check::LastUserHidden, SYSTEM, "dontdisplaylastusername", 1, Found::Less),
    (Check::UserSwitchingHidden, SYSTEM, "HideFastUserSwitching", 1, Found::Less),
    (
        Check::NoLockScreen,
        r"SOFTWARE\Policies\Microsoft\Windows\Personalization",
        "NoLockScreen",
        1,
        Found::Less,
    ),
    (
        Check::LockScreenNotifications,
        r"SOFTWARE\Policies\Microsoft\Windows\System",
        "DisableLockScreenAppNotifications",
        1,
        Found::Less,
    ),
    (
        Check::InstallsBlocked,
        r"SOFTWARE\Policies\Microsoft\Windows\Appx",
        "BlockNonAdminUserInstall",
        1,
        Found::Less,
    ),
    // A new password is of no use where only cards are taken.
    (Check::SmartCardRequired, SYSTEM, "scforceoption", 1, Found::Breaks),
    (
        Check::BuiltInReset,
        r"SOFTWARE\Policies\Microsoft\AzureADAccount",
        "AllowPasswordReset",
        1,
        Found::Less,
    ),
    (Check::SafeMode, PROVIDERS, "ProhibitFallbacks", 1, Found::Less),
];

/// What the report needs from elsewhere in the host.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Where the device's key is; none when there is none.
    pub key: Option<KeyKind>,
    /// The clock is behind what was written down.
    pub clock_went_back: bool,
}

/// Everything that was found, in the order of [`Check::ALL`].
pub fn facts(parts: &Parts, known: Known) -> Few<Fact, 24> {
    let all = Check::ALL.iter().map(|check| {
        let (found, seen) = look(*check, parts, known);
        Fact { check: *check, found, seen: Text::cut(&seen) }
    });
    Few::new(all.collect()).unwrap_or_default()
}

fn look(check: Check, parts: &Parts, known: Known) -> (Found, String) {
    let registry = &*parts.registry;
    match check {
        Check::SecondaryLogon
        | Check::UserAccountControl
        | Check::LastUserHidden
        | Check::UserSwitchingHidden
        | Check::NoLockScreen
        | Check::LockScreenNotifications
        | Check::InstallsBlocked
        | Check::SmartCardRequired
        | Check::BuiltInReset
        | Check::SafeMode => in_the_way(check, registry),
        Check::WebviewRuntime => match registry.text(WEBVIEW, "pv") {
            _ if parts.pc.has_webview() => (Found::Fine, String::new()),
            seen => (Found::Less, seen.unwrap_or_else(|| "none".to_owned())),
        },
        Check::AppAccount => match parts.accounts.is_usable() {
            Ok(true) => (Found::Fine, String::new()),
            Ok(false) => (Found::Breaks, "missing or not to be used".to_owned()),
            Err(error) => (Found::Unknown, error.to_string()),
        },
        Check::CustomShell => custom_shell(registry),
        Check::Proxy => match parts.pc.proxy() {
            Proxy::Direct => (Found::Fine, "none".to_owned()),
            Proxy::Automatic => (Found::Fine, "automatic".to_owned()),
            Proxy::Script(_) => (Found::Fine, "script".to_owned()),
            Proxy::Named { server, .. } => (Found::Fine, server.as_str().to_owned()),
        },
        Check::NetworkBeforeSignIn => match registry.network_waits_for_person() {
            Some(true) => (Found::Less, "a network opens with the sign-in".to_owned()),
            Some(false) => (Found::Fine, String::new()),
            None => (Found::Unknown, String::new()),
        },
        Check::TileExcluded => excluded(registry),
        Check::TileRegistered => registered(registry),
        Check::OtherTiles => {
            let others = registry.keys(FILTERS);
            let other = others.iter().find(|name| !name.eq_ignore_ascii_case(GENERIC_FILTER));
            other.map_or((Found::Fine, String::new()), |name| (Found::Less, name.clone()))
        }
        Check::WindowsBuild => match registry.text(VERSION, "CurrentBuildNumber") {
            None => (Found::Unknown, String::new()),
            Some(build) => match build.parse::<u32>() {
                Ok(number) if number >= OLDEST_BUILD => (Found::Fine, build),
                Ok(_) => (Found::Less, build),
                Err(_) => (Found::Unknown, build),
            },
        },
        Check::Clock if known.clock_went_back => (Found::Less, "was put back".to_owned()),
        Check::Clock => (Found::Fine, String::new()),
        Check::DeviceKey => match known.key {
            Some(KeyKind::Tpm) => (Found::Fine, "tpm".to_owned()),
            Some(KeyKind::Software) => (Found::Fine, "software".to_owned()),
            None => (Found::Less, "none".to_owned()),
        },
        Check::TileSwitchedOff => switched_off(&parts.folder),
        Check::PolicyValues => policy_values(&*parts.settings),
    }
}

fn in_the_way(check: Check, registry: &dyn Registry) -> (Found, String) {
    let row = IN_THE_WAY.iter().find(|(known, ..)| *known == check);
    let Some((_, key, name, bad, found)) = row else {
        return (Found::Unknown, String::new());
    };
    match registry.number(key, name) {
        Some(number) if number == *bad => (*found, format!("{name} = {number}")),
        Some(_) | None => (Found::Fine, String::new()),
    }
}

fn custom_shell(registry: &dyn Registry) -> (Found, String) {
    match registry.text(WINLOGON, "Shell") {
        Some(shell) if !shell.trim().eq_ignore_ascii_case("explorer.exe") => (Found::Less, shell),
        Some(_) | None => (Found::Fine, String::new()),
    }
}

fn excluded(registry: &dyn Registry) -> (Found, String) {
    let list = registry.text(SYSTEM, "ExcludedCredentialProviders").unwrap_or_default();
    if list.split(',').any(|class| class.trim().eq_ignore_ascii_case(CLASS)) {
        return (Found::Breaks, "ExcludedCredentialProviders".to_owned());
    }
    match registry.number(&format!(r"{PROVIDERS}\{CLASS}"), "Disabled") {
        Some(number) if number != 0 => (Found::Breaks, format!("Disabled = {number}")),
        Some(_) | None => (Found::Fine, String::new()),
    }
}

fn registered(registry: &dyn Registry) -> (Found, String) {
    if registry.text(&format!(r"{PROVIDERS}\{CLASS}"), "").is_none() {
        return (Found::Breaks, "not registered".to_owned());
    }
    match registry.text(&format!(r"SOFTWARE\Classes\CLSID\{CLASS}\InprocServer32"), "") {
        Some(file) if registry.is_file(&file) => (Found::Fine, String::new()),
        Some(_) => (Found::Breaks, "the file is missing".to_owned()),
        None => (Found::Breaks, "no file is named".to_owned()),
    }
}

/// What the tile's library would say of its own count, of the version that was installed with us.
pub(crate) fn switched_off(folder: &Path) -> (Found, String) {
    /// More than a count of so many loads ever takes.
    const LONGEST: u64 = 4096;
    let mut counted = Vec::new();
    let read = File::open(folder.join(LOADS))
        .and_then(|file| file.take(LONGEST).read_to_end(&mut counted));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return (Found::Unknown, error.to_string()),
    }
    match loads_of(env!("CARGO_PKG_VERSION"), &counted) {
        0 => (Found::Fine, String::new()),
        loads if loads < MOST_LOADS => (Found::Fine, format!("{loads} of {MOST_LOADS}")),
        loads => (Found::Breaks, format!("{loads} loads without a sign of life")),
    }
}

/// The names of settings with wrong values; one without which a part does not run breaks.
fn policy_values(settings: &dyn Settings) -> (Found, String) {
    let mistakes = settings.mistakes();
    let names: Vec<&str> = mistakes.iter().map(|mistake| mistake.name.as_str()).collect();
    let found = match mistakes.as_slice() {
        [] => Found::Fine,
        some if some.iter().any(os_windows::policy::Mistake::stops) => Found::Breaks,
        _ => Found::Less,
    };
    (found, names.join(", "))
}
