//! What this machine is: its sessions, its domain, its proxy, its registry.
#![expect(unsafe_code, reason = "sessions and domains are asked for through raw buffers")]

use std::{io, path::PathBuf};

use windows::{
    Win32::{
        Foundation::{GlobalFree, HGLOBAL},
        Globalization::GetSystemDefaultLocaleName,
        NetworkManagement::NetManagement::{
            NETSETUP_JOIN_STATUS, NetApiBufferFree, NetGetJoinInformation, NetSetupDomainName,
        },
        Networking::{
            ActiveDirectory::{
                DOMAIN_CONTROLLER_INFOW, DS_FORCE_REDISCOVERY, DS_RETURN_DNS_NAME, DsGetDcNameW,
            },
            WinHttp::{
                WINHTTP_ACCESS_TYPE_NAMED_PROXY, WINHTTP_PROXY_INFO,
                WinHttpGetDefaultProxyConfiguration,
            },
        },
        System::{
            Com::CoTaskMemFree,
            RemoteDesktop::{
                WTS_INFO_CLASS, WTSClientProtocolType, WTSDomainName, WTSFreeMemory,
                WTSQuerySessionInformationW, WTSUserName,
            },
        },
        UI::Shell::{FOLDERID_ProgramData, KF_FLAG_DEFAULT, SHGetKnownFolderPath},
    },
    core::{PCWSTR, PWSTR},
};
use windows_registry::LOCAL_MACHINE;

use crate::failed;

/// What `E_FILE_NOT_FOUND` is to the registry.
const NOT_FOUND: i32 = 0x8007_0002_u32.cast_signed();

/// Whether a session is seen over Remote Desktop.
///
/// # Errors
/// When there is no such session.
pub fn is_remote(session: u32) -> io::Result<bool> {
    let answer = ask(session, WTSClientProtocolType)?;
    // Windows answers with a number of two bytes, not with a text.
    Ok(answer.first().copied().unwrap_or_default() != 0)
}

/// Who is signed in to a session, with their domain; none when nobody is.
///
/// # Errors
/// When there is no such session.
pub fn user_of(session: u32) -> io::Result<Option<String>> {
    let user = String::from_utf16_lossy(&ask(session, WTSUserName)?);
    let domain = String::from_utf16_lossy(&ask(session, WTSDomainName)?);
    let (user, domain) = (user.trim_end_matches('\0'), domain.trim_end_matches('\0'));
    Ok((!user.is_empty()).then(|| format!(r"{domain}\{user}")))
}

/// The answer in units of two bytes, as Windows wrote it.
fn ask(session: u32, what: WTS_INFO_CLASS) -> io::Result<Vec<u16>> {
    let (mut answer, mut bytes) = (PWSTR::null(), 0);
    // SAFETY: Windows writes one pointer and a length; the pointer is freed below.
    unsafe { WTSQuerySessionInformationW(None, session, what, &raw mut answer, &raw mut bytes) }
        .map_err(failed("asking for a session"))?;
    let units = usize::try_from(bytes / 2).unwrap_or_default();
    // SAFETY: so many bytes were written there.
    let copied = unsafe { std::slice::from_raw_parts(answer.0, units) }.to_vec();
    // SAFETY: from the call above, and freed once.
    unsafe { WTSFreeMemory(answer.0.cast()) };
    Ok(copied)
}

/// The domain that this machine belongs to; none when it belongs to none.
///
/// # Errors
/// When Windows does not tell.
pub fn domain() -> io::Result<Option<String>> {
    let (mut name, mut status) = (PWSTR::null(), NETSETUP_JOIN_STATUS::default());
    // SAFETY: Windows writes one pointer and a number; the pointer is freed below.
    let got = unsafe { NetGetJoinInformation(PCWSTR::null(), &raw mut name, &raw mut status) };
    if got != 0 {
        return Err(io::Error::from_raw_os_error(got.cast_signed()));
    }
    // SAFETY: Windows ended it with a nul, and it is freed only after this.
    let domain = if name.is_null() { Ok(String::new()) } else { unsafe { name.to_string() } };
    // SAFETY: from the call above, and freed once.
    unsafe { NetApiBufferFree(Some(name.0.cast())) };
    let domain = domain.map_err(io::Error::other)?;
    Ok((status == NetSetupDomainName && !domain.is_empty()).then_some(domain))
}

/// Whether a controller of this machine's domain answers now.
pub fn sees_controller() -> bool {
    let mut found: *mut DOMAIN_CONTROLLER_INFOW = std::ptr::null_mut();
    // SAFETY: no names given; Windows writes one pointer, which is freed below.
    let got = unsafe {
        DsGetDcNameW(
            PCWSTR::null(),
            PCWSTR::null(),
            None,
            PCWSTR::null(),
            DS_FORCE_REDISCOVERY | DS_RETURN_DNS_NAME,
            &raw mut found,
        )
    };
    if !found.is_null() {
        // SAFETY: from the call above, and freed once.
        unsafe { NetApiBufferFree(Some(found.cast())) };
    }
    got == 0
}

/// The proxy that the administrator set for services: server, and what goes past it.
///
/// # Errors
/// When Windows does not tell.
pub fn proxy() -> io::Result<Option<(String, String)>> {
    let mut found = WINHTTP_PROXY_INFO::default();
    // SAFETY: Windows writes one structure; its two texts are freed below.
    unsafe { WinHttpGetDefaultProxyConfiguration(&raw mut found) }
        .map_err(failed("asking for the proxy"))?;
    let text = |text: PWSTR| {
        if text.is_null() {
            return String::new();
        }
        // SAFETY: Windows ended it with a nul, and it is freed only after this.
        let copied = unsafe { text.to_string() }.unwrap_or_default();
        // SAFETY: from the call above, and freed once.
        let _ = unsafe { GlobalFree(Some(HGLOBAL(text.0.cast()))) };
        copied
    };
    let (server, bypass) = (text(found.lpszProxy), text(found.lpszProxyBypass));
    let is_named = found.dwAccessType == WINHTTP_ACCESS_TYPE_NAMED_PROXY && !server.is_empty();
    Ok(is_named.then_some((server, bypass)))
}

/// The language of the system (`de-DE`).
pub fn language() -> String {
    let mut name = [0_u16; 85];
    // SAFETY: the buffer's length goes along.
    let length = unsafe { GetSystemDefaultLocaleName(&mut name) };
    let length = usize::try_from(length).unwrap_or_default().saturating_sub(1);
    String::from_utf16_lossy(name.get(..length).unwrap_or_default())
}

/// The folder for data of programs. Not by the environment: services may see another one there.
///
/// # Errors
/// When Windows does not tell.
pub fn program_data() -> io::Result<PathBuf> {
    // SAFETY: the identifier is Windows' own; the path is freed below.
    let path = unsafe { SHGetKnownFolderPath(&FOLDERID_ProgramData, KF_FLAG_DEFAULT, None) }
        .map_err(failed("asking for the folder of data"))?;
    // SAFETY: Windows ended it with a nul, and it is freed only after this.
    let text = unsafe { path.to_hstring() };
    // SAFETY: from the call above, and freed once.
    unsafe { CoTaskMemFree(Some(path.0.cast())) };
    Ok(PathBuf::from(text.to_os_string()))
}

/// A number of the machine's registry.
pub fn number(key: &str, name: &str) -> Option<u32> {
    LOCAL_MACHINE.open(key).ok()?.get_u32(name).ok()
}

/// A text of the machine's registry, or the one of the key itself when the name is empty.
pub fn text(key: &str, name: &str) -> Option<String> {
    LOCAL_MACHINE.open(key).ok()?.get_string(name).ok()
}

/// The keys under one.
pub fn keys(key: &str) -> Vec<String> {
    let Ok(key) = LOCAL_MACHINE.open(key) else { return Vec::new() };
    key.keys().map(Iterator::collect).unwrap_or_default()
}

/// Writes a number, and the key for it.
///
/// # Errors
/// When the registry refuses.
pub fn set_number(key: &str, name: &str, number: u32) -> io::Result<()> {
    let written = LOCAL_MACHINE.create(key).and_then(|key| key.set_u32(name, number));
    written.map_err(failed("writing to the registry"))
}

/// Takes a value away. One that is not there is away already.
///
/// # Errors
/// When the registry refuses.
pub fn remove(key: &str, name: &str) -> io::Result<()> {
    let open = LOCAL_MACHINE.options().read().write().open(key);
    away(open.and_then(|key| key.remove_value(name)))
}

/// Whether a key is there.
///
/// # Errors
/// When the registry does not tell.
pub fn is_key(key: &str) -> io::Result<bool> {
    match LOCAL_MACHINE.open(key) {
        Ok(_) => Ok(true),
        Err(error) if error.code().0 == NOT_FOUND => Ok(false),
        Err(error) => Err(failed("reading the registry")(error)),
    }
}

/// Takes a key away, with everything in it. One that is not there is away already.
///
/// # Errors
/// When the registry refuses.
pub fn remove_key(key: &str) -> io::Result<()> {
    away(LOCAL_MACHINE.remove_tree(key))
}

/// Takes a key away that has nothing in it; another one stays.
///
/// # Errors
/// When the registry refuses.
pub fn remove_empty_key(key: &str) -> io::Result<()> {
    if !is_key(key)? {
        return Ok(());
    }
    let open = LOCAL_MACHINE.open(key).map_err(failed("reading the registry"))?;
    let is_empty = open.keys().is_ok_and(|mut keys| keys.next().is_none())
        && open.values().is_ok_and(|mut values| values.next().is_none());
    drop(open);
    if is_empty { remove_key(key) } else { Ok(()) }
}

fn away(removed: windows::core::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.code().0 != NOT_FOUND => {
            Err(failed("taking something out of the registry")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
