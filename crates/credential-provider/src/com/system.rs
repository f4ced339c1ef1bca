//! What the machine says: who loaded us, its switches, its language, the time since it started.
//! Only quick answers are asked for.

use std::{path::PathBuf, time::Duration};

use os_windows::policy::{Key, Part, registry};
use protocol::host::tile::CLASS;
use windows::{
    Win32::{
        Globalization::GetUserDefaultUILanguage,
        System::{
            Com::CoTaskMemFree,
            LibraryLoader::{GetModuleFileNameW, GetModuleHandleW, GetProcAddress},
            RemoteDesktop::ProcessIdToSessionId,
            SystemInformation::GetTickCount64,
            Threading::GetCurrentProcessId,
        },
        UI::{
            Shell::{FOLDERID_ProgramData, KF_FLAG_DEFAULT, SHGetKnownFolderPath},
            WindowsAndMessaging::{AllowSetForegroundWindow, GetSystemMetrics, SM_REMOTESESSION},
        },
    },
    core::{BOOL, s, w},
};
use windows_registry::LOCAL_MACHINE;

use crate::{guard::GUARD, scenario::Machine};

const PROVIDERS: &str =
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\Credential Providers";
const EXCLUDED: &str = r"Software\Microsoft\Windows\CurrentVersion\Policies\System";

/// The program that loaded us, with its folder.
pub(super) fn program() -> Option<String> {
    let mut name = [0; 1024];
    // SAFETY: no module is the program itself; Windows writes no more than there is room.
    let length = unsafe { GetModuleFileNameW(None, &mut name) };
    let name = name.get(..usize::try_from(length).ok()?)?;
    (!name.is_empty()).then(|| String::from_utf16_lossy(name))
}

/// The folder for data of programs. Not asked of the environment, which others may set.
pub(super) fn program_data() -> Option<PathBuf> {
    // SAFETY: the identifier is a constant; nobody's token is the caller's own.
    let path = unsafe { SHGetKnownFolderPath(&FOLDERID_ProgramData, KF_FLAG_DEFAULT, None) };
    let path = path.ok()?;
    // SAFETY: Windows gave a text that ends with a zero.
    let text = unsafe { path.to_string() }.ok();
    // SAFETY: Windows gave it to be freed by us, and nobody reads it any more.
    unsafe { CoTaskMemFree(Some(path.0.cast())) };
    text.map(PathBuf::from)
}

/// What decides whether there is a tile.
pub(super) fn machine() -> Machine {
    let settings = registry::read(Part::Tile);
    // SAFETY: asks for a number.
    let is_remote = unsafe { GetSystemMetrics(SM_REMOTESESSION) } != 0;
    Machine {
        has_faulted: GUARD.has_faulted(),
        is_off_by_policy: !settings.flag(Key::Tile)
            // A mistyped switch is off.
            || settings.mistakes().iter().any(|mistake| mistake.stops()),
        is_disabled: is_disabled(),
        is_set_up: is_set_up(),
        is_remote,
        is_for_remote: settings.flag(Key::RemoteSessions),
    }
}

/// Whether somebody may be signed in by what the host hands over.
pub(super) fn takes_grants() -> bool {
    registry::read(Part::Tile).flag(Key::SignInHandOver)
}

/// The organisation's words under the tile, where its policy has some.
pub(super) fn label() -> Option<String> {
    registry::read(Part::Tile).text(Key::TileLabel).map(str::to_owned)
}

/// Windows does not load a provider that is switched off; a second look costs nothing.
fn is_disabled() -> bool {
    let own = LOCAL_MACHINE.open(format!(r"{PROVIDERS}\{}", CLASS));
    let is_off = own.and_then(|key| key.get_u32("Disabled")).is_ok_and(|value| value != 0);
    let excluded = LOCAL_MACHINE.open(EXCLUDED);
    let excluded = excluded.and_then(|key| key.get_string("ExcludedCredentialProviders"));
    is_off
        || excluded
            .is_ok_and(|list| list.split(',').any(|class| class.trim().eq_ignore_ascii_case(CLASS)))
}

/// Whether out-of-box setup is over. Two places say so, and either counts.
fn is_set_up() -> bool {
    let setup = LOCAL_MACHINE.open(r"SYSTEM\Setup");
    let is_on = |name: &str| {
        setup.as_ref().is_ok_and(|key| key.get_u32(name).is_ok_and(|value| value != 0))
    };
    if is_on("OOBEInProgress") || is_on("SystemSetupInProgress") {
        return false;
    }
    // SAFETY: names of constants; kernel32 is in every process.
    let complete = unsafe { GetModuleHandleW(w!("kernel32.dll")) }
        // SAFETY: the module is loaded.
        .map(|kernel| unsafe { GetProcAddress(kernel, s!("OOBEComplete")) });
    let Ok(Some(complete)) = complete else {
        // Not every Windows has it.
        return true;
    };
    // SAFETY: `BOOL OOBEComplete(PBOOL)` since Windows 10.
    let complete: unsafe extern "system" fn(*mut BOOL) -> BOOL =
        unsafe { std::mem::transmute(complete) };
    let mut is_complete = BOOL(1);
    // SAFETY: Windows writes one number.
    let answered = unsafe { complete(&raw mut is_complete) };
    !answered.as_bool() || is_complete.as_bool()
}

/// The session whose screen this is.
pub(super) fn session() -> u32 {
    let mut session = 0;
    // SAFETY: asks for a number.
    let process = unsafe { GetCurrentProcessId() };
    // SAFETY: Windows writes one number. Of a process that runs it cannot fail.
    let _ = unsafe { ProcessIdToSessionId(process, &raw mut session) };
    session
}

/// The screen's language.
pub(super) fn language() -> u16 {
    // SAFETY: asks for a number.
    unsafe { GetUserDefaultUILanguage() }
}

/// The time since the machine started.
pub(super) fn now() -> Duration {
    // SAFETY: asks for a number.
    Duration::from_millis(unsafe { GetTickCount64() })
}

/// Lets a process put its window in front, which only the one that has the foreground may do.
/// Says nothing when Windows refuses: the window is there, and a click brings it in front.
pub(super) fn hand_foreground_to(process: u32) {
    // SAFETY: a number; one of nobody is refused.
    let _ = unsafe { AllowSetForegroundWindow(process) };
    #[cfg(feature = "harness")]
    note_foreground(process);
}

/// For the harness alone: Wine says yes to everybody.
#[cfg(feature = "harness")]
fn note_foreground(process: u32) {
    // SAFETY: the harness reads it on this thread; nobody else looks at the environment meanwhile.
    unsafe { std::env::set_var("REGAIN_FOREGROUND", process.to_string()) };
}
