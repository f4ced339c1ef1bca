//! A grant as Windows takes it. What Windows is asked stands behind a trait, because not every
//! Windows that tests run on knows the answer.

use windows::{
    Win32::{
        Foundation::{E_FAIL, E_INVALIDARG, HANDLE, HMODULE},
        Security::Authentication::Identity::{
            LSA_STRING, LsaConnectUntrusted, LsaDeregisterLogonProcess,
            LsaLookupAuthenticationPackage,
        },
        System::LibraryLoader::{GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW},
        UI::Shell::CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION,
    },
    core::{BOOL, PSTR, Result, s, w},
};
use zeroize::{Zeroize as _, Zeroizing};

use super::{CLASS, memory};
use crate::{grant::Grant, kerb, scenario::Screen};

/// What of Windows is asked on the way.
pub(super) trait Packages: Sync {
    /// The number of the package "Negotiate", which changes with each start of Windows.
    fn negotiate(&self) -> Result<u32>;
}

#[cfg(not(feature = "harness"))]
pub(super) static PACKAGES: &dyn Packages = &OfWindows;
#[cfg(feature = "harness")]
pub(super) static PACKAGES: &dyn Packages = &OfHarness;

/// Packs a grant. What Windows is given is its own to wipe.
pub(super) fn serialise(
    screen: Screen,
    grant: &Grant,
    packages: &dyn Packages,
) -> Result<CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION> {
    let package = packages.negotiate()?;
    let utf16 = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    let covered = protect(&grant.password);
    let password = covered.as_deref().unwrap_or(&grant.password);
    let (domain, user) = (utf16(&grant.domain), utf16(&grant.user));
    let block = kerb::pack(screen, &domain, &user, password).map_err(|_| E_INVALIDARG)?;
    Ok(CREDENTIAL_PROVIDER_CREDENTIAL_SERIALIZATION {
        ulAuthenticationPackage: package,
        clsidCredentialProvider: CLASS,
        cbSerialization: u32::try_from(block.len()).map_err(|_| E_INVALIDARG)?,
        rgbSerialization: memory::block(&block)?,
    })
}

#[cfg_attr(feature = "harness", expect(dead_code, reason = "the harness has its own"))]
struct OfWindows;

impl Packages for OfWindows {
    fn negotiate(&self) -> Result<u32> {
        let mut lsa = HANDLE::default();
        // SAFETY: Windows writes one handle.
        unsafe { LsaConnectUntrusted(&raw mut lsa) }.ok()?;
        let mut name = *b"Negotiate";
        let length = u16::try_from(name.len()).map_err(|_| E_FAIL)?;
        let name =
            LSA_STRING { Length: length, MaximumLength: length, Buffer: PSTR(name.as_mut_ptr()) };
        let mut package = 0;
        // SAFETY: the connection is open; the name lives until the call returns.
        let found =
            unsafe { LsaLookupAuthenticationPackage(lsa, &raw const name, &raw mut package) };
        // SAFETY: opened above, closed once. Nothing is left to do when it fails.
        let _ = unsafe { LsaDeregisterLogonProcess(lsa) };
        found.ok()?;
        Ok(package)
    }
}

/// Wine has no such package.
#[cfg(feature = "harness")]
struct OfHarness;

#[cfg(feature = "harness")]
impl Packages for OfHarness {
    fn negotiate(&self) -> Result<u32> {
        let number = std::env::var("REGAIN_PACKAGE").ok().and_then(|number| number.parse().ok());
        number.ok_or_else(|| E_FAIL.into())
    }
}

type CredProtect = unsafe extern "system" fn(
    as_self: BOOL,
    text: *const u16,
    length: u32,
    covered: *mut u16,
    room: *mut u32,
    kind: *mut i32,
) -> BOOL;

/// The password as Windows covers it on its way to the part that checks it. None where Windows
/// does not: then it goes as it is, over a way of Windows' own.
fn protect(password: &[u16]) -> Option<Zeroizing<Vec<u16>>> {
    // SAFETY: a constant's name, from Windows' own folder alone.
    let module: HMODULE =
        unsafe { LoadLibraryExW(w!("advapi32.dll"), None, LOAD_LIBRARY_SEARCH_SYSTEM32) }.ok()?;
    // SAFETY: the module is loaded, and never unloaded by us.
    let protect = unsafe { GetProcAddress(module, s!("CredProtectW")) }?;
    // SAFETY: `BOOL CredProtectW(BOOL, LPWSTR, DWORD, LPWSTR, DWORD*, CRED_PROTECTION_TYPE*)`.
    let protect: CredProtect = unsafe { std::mem::transmute(protect) };
    let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
    text.extend_from_slice(password);
    text.push(0);
    let length = u32::try_from(text.len()).ok()?;
    let mut room = 0;
    // SAFETY: asks for the length alone; the text ends with a zero and lives on.
    let _ = unsafe {
        protect(
            false.into(),
            text.as_ptr(),
            length,
            std::ptr::null_mut(),
            &raw mut room,
            std::ptr::null_mut(),
        )
    };
    let mut covered = Zeroizing::new(vec![0_u16; usize::try_from(room).ok()?]);
    // SAFETY: there is as much room as Windows asked for.
    let is_covered = unsafe {
        protect(
            false.into(),
            text.as_ptr(),
            length,
            covered.as_mut_ptr(),
            &raw mut room,
            std::ptr::null_mut(),
        )
    };
    text.zeroize();
    let end = covered.iter().position(|unit| *unit == 0)?;
    covered.truncate(end);
    (is_covered.as_bool() && !covered.is_empty()).then_some(covered)
}
