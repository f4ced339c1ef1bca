//! Local accounts: the worthless one that the app runs under, and names of others.
#![expect(unsafe_code, reason = "accounts are asked for through raw buffers")]

use std::{io, os::windows::ffi::OsStrExt as _, path::Path};

use windows::{
    Win32::{
        Foundation::{
            ERROR_FILE_NOT_FOUND, ERROR_NONE_MAPPED, ERROR_PATH_NOT_FOUND, NTSTATUS,
            STATUS_OBJECT_NAME_NOT_FOUND,
        },
        NetworkManagement::NetManagement::{
            NERR_UserExists, NERR_UserNotFound, NetApiBufferFree, NetUserAdd, NetUserDel,
            NetUserGetInfo, NetUserSetInfo, UF_ACCOUNTDISABLE, UF_DONT_EXPIRE_PASSWD,
            UF_NORMAL_ACCOUNT, UF_PASSWD_CANT_CHANGE, UF_SCRIPT, USER_ACCOUNT_FLAGS, USER_INFO_1,
            USER_INFO_1003, USER_INFO_1008, USER_PRIV_USER,
        },
        Security::{
            Authentication::Identity::{
                LSA_HANDLE, LSA_OBJECT_ATTRIBUTES, LSA_UNICODE_STRING, LsaAddAccountRights,
                LsaClose, LsaNtStatusToWinError, LsaOpenPolicy, LsaRemoveAccountRights,
                POLICY_CREATE_ACCOUNT, POLICY_LOOKUP_NAMES,
            },
            Authorization::ConvertStringSidToSidW,
            LookupAccountNameW, LookupAccountSidW, PSID, SID_NAME_USE,
        },
        System::LibraryLoader::{GetModuleHandleW, GetProcAddress},
        UI::Shell::DeleteProfileW,
    },
    core::{HSTRING, PCWSTR, PWSTR},
};
use zeroize::Zeroizing;

use crate::{
    access::{Local, Sid, sid_text},
    failed,
};

/// May sign in for batch jobs, which is what the host does; in no other way.
const RIGHTS: [&str; 4] = [
    "SeBatchLogonRight",
    "SeDenyInteractiveLogonRight",
    "SeDenyNetworkLogonRight",
    "SeDenyRemoteInteractiveLogonRight",
];

const FLAGS: USER_ACCOUNT_FLAGS = USER_ACCOUNT_FLAGS(
    UF_SCRIPT.0 | UF_NORMAL_ACCOUNT | UF_DONT_EXPIRE_PASSWD.0 | UF_PASSWD_CANT_CHANGE.0,
);

/// Makes an account that nobody may use yet, in no group, with the one right that it needs. One
/// that is there keeps its identifier.
///
/// # Errors
/// When Windows refuses.
pub fn create(name: &str, comment: &str, password: &str) -> io::Result<()> {
    let (mut wide_name, mut comment) = (wide(name), wide(comment));
    let mut password = Zeroizing::new(wide(password));
    let user = USER_INFO_1 {
        usri1_name: PWSTR(wide_name.as_mut_ptr()),
        usri1_password: PWSTR(password.as_mut_ptr()),
        usri1_priv: USER_PRIV_USER,
        usri1_comment: PWSTR(comment.as_mut_ptr()),
        usri1_flags: USER_ACCOUNT_FLAGS(FLAGS.0 | UF_ACCOUNTDISABLE.0),
        ..Default::default()
    };
    // SAFETY: a structure of the level said; its texts end with a nul and live until the call
    // returns.
    let made = unsafe { NetUserAdd(PCWSTR::null(), 1, (&raw const user).cast(), None) };
    if made != NERR_UserExists {
        net(made, "making the app's account")?;
    }
    give_rights(&of_name(name)?)
}

/// Whether an account is there and enabled.
///
/// # Errors
/// When Windows does not tell.
pub fn is_enabled(name: &str) -> io::Result<Option<bool>> {
    let mut buffer: *mut u8 = std::ptr::null_mut();
    // SAFETY: the name ends with a nul; Windows writes one pointer, which is freed below.
    let got = unsafe { NetUserGetInfo(PCWSTR::null(), &HSTRING::from(name), 1, &raw mut buffer) };
    if got == NERR_UserNotFound {
        return Ok(None);
    }
    net(got, "looking at the app's account")?;
    // SAFETY: Windows wrote a structure of the level said.
    let flags = unsafe { buffer.cast::<USER_INFO_1>().read() }.usri1_flags;
    // SAFETY: from the call above, and freed once.
    unsafe { NetApiBufferFree(Some(buffer.cast())) };
    Ok(Some(flags.0 & UF_ACCOUNTDISABLE.0 == 0))
}

/// Gives an account a new password and lets it be used.
///
/// # Errors
/// When Windows refuses.
pub fn enable(name: &str, password: &str) -> io::Result<()> {
    let mut password = Zeroizing::new(wide(password));
    let secret = USER_INFO_1003 { usri1003_password: PWSTR(password.as_mut_ptr()) };
    set(name, 1003, (&raw const secret).cast())?;
    let flags = USER_INFO_1008 { usri1008_flags: FLAGS };
    set(name, 1008, (&raw const flags).cast())
}

/// Lets nobody use an account.
///
/// # Errors
/// When Windows refuses.
pub fn disable(name: &str) -> io::Result<()> {
    let flags =
        USER_INFO_1008 { usri1008_flags: USER_ACCOUNT_FLAGS(FLAGS.0 | UF_ACCOUNTDISABLE.0) };
    set(name, 1008, (&raw const flags).cast())
}

/// `structure` is one of that level.
fn set(name: &str, level: u32, structure: *const u8) -> io::Result<()> {
    if is_wine() {
        // Calling it there ends the process.
        return Err(io::Error::new(io::ErrorKind::Unsupported, "Wine changes no accounts"));
    }
    // SAFETY: the name ends with a nul; the structure is of the level said, as the callers in
    // this file see to.
    let set =
        unsafe { NetUserSetInfo(PCWSTR::null(), &HSTRING::from(name), level, structure, None) };
    net(set, "changing the app's account")
}

fn is_wine() -> bool {
    // SAFETY: the name ends with a nul; the library is always there.
    let Ok(library) = (unsafe { GetModuleHandleW(windows::core::w!("ntdll.dll")) }) else {
        return false;
    };
    // SAFETY: the library stays loaded; nothing is called.
    unsafe { GetProcAddress(library, windows::core::s!("wine_get_version")) }.is_some()
}

/// Removes an account. One that is not there is removed already.
///
/// # Errors
/// When Windows refuses.
pub fn delete(name: &str) -> io::Result<()> {
    // SAFETY: the name ends with a nul.
    let removed = unsafe { NetUserDel(PCWSTR::null(), &HSTRING::from(name)) };
    if removed == NERR_UserNotFound { Ok(()) } else { net(removed, "removing the app's account") }
}

/// Removes what an account's sign-ins left on the disk. A profile that is not there is removed
/// already.
///
/// # Errors
/// When Windows refuses: a program of the account may still have it open.
pub fn delete_profile(who: &Sid) -> io::Result<()> {
    // SAFETY: the text ends with a nul.
    let removed =
        unsafe { DeleteProfileW(&HSTRING::from(who.as_str()), PCWSTR::null(), PCWSTR::null()) };
    match removed {
        Err(error)
            if ![ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND]
                .map(|code| code.to_hresult())
                .contains(&error.code()) =>
        {
            Err(failed("removing the profile of the app's account")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Takes an account out of the machine's policy, with every right that it was given there. One
/// that has none is out already.
///
/// # Errors
/// When Windows refuses.
pub fn take_rights(who: &Sid) -> io::Result<()> {
    with_policy(who, |policy, sid| {
        // SAFETY: policy and identifier live until the call returns.
        let removed = unsafe { LsaRemoveAccountRights(policy, sid, true, None) };
        if removed == STATUS_OBJECT_NAME_NOT_FOUND {
            return Ok(());
        }
        lsa(removed, "taking the rights of the app's account")
    })
}

/// The identifier of an account, or of the machine by its name; none when nobody has the name.
///
/// # Errors
/// When Windows does not tell.
pub fn find(name: &str) -> io::Result<Option<Sid>> {
    match look_up(name) {
        Ok(sid) => Ok(Some(sid)),
        Err(error) if error.code() == ERROR_NONE_MAPPED.to_hresult() => Ok(None),
        Err(error) => Err(failed("looking an account up")(error)),
    }
}

/// The identifier of an account, or of the machine by its name.
///
/// # Errors
/// When there is none.
pub fn of_name(name: &str) -> io::Result<Sid> {
    look_up(name).map_err(failed("looking an account up"))
}

fn look_up(name: &str) -> windows::core::Result<Sid> {
    // The longest identifier; aligned for its numbers.
    let mut sid = [0_u64; 9];
    let mut domain = [0_u16; 256];
    let (mut sid_length, mut domain_length) = (68_u32, 256_u32);
    let mut kind = SID_NAME_USE::default();
    // SAFETY: the name ends with a nul; both buffers have the lengths said.
    unsafe {
        LookupAccountNameW(
            PCWSTR::null(),
            &HSTRING::from(name),
            Some(PSID(sid.as_mut_ptr().cast())),
            &raw mut sid_length,
            Some(PWSTR(domain.as_mut_ptr())),
            &raw mut domain_length,
            &raw mut kind,
        )
    }?;
    sid_text(PSID(sid.as_mut_ptr().cast())).map_err(Into::into)
}

/// The name of an account, with its domain.
///
/// # Errors
/// When nobody knows it.
pub fn name_of(who: &str) -> io::Result<String> {
    let mut sid = PSID::default();
    // SAFETY: the text ends with a nul; Windows writes one pointer, which `Local` frees.
    unsafe { ConvertStringSidToSidW(&HSTRING::from(who), &raw mut sid) }
        .map_err(failed("reading an identifier"))?;
    let _sid = Local(sid.0);
    let (mut name, mut domain) = ([0_u16; 257], [0_u16; 257]);
    let (mut name_length, mut domain_length) = (256_u32, 256_u32);
    let mut kind = SID_NAME_USE::default();
    // SAFETY: the identifier is whole; both buffers are longer than said.
    unsafe {
        LookupAccountSidW(
            PCWSTR::null(),
            sid,
            Some(PWSTR(name.as_mut_ptr())),
            &raw mut name_length,
            Some(PWSTR(domain.as_mut_ptr())),
            &raw mut domain_length,
            &raw mut kind,
        )
    }
    .map_err(failed("looking an account up"))?;
    Ok(format!(r"{}\{}", text(&domain), text(&name)))
}

/// The machine's policy and an identifier, for as long as `with` takes.
fn with_policy<T>(
    who: &Sid,
    with: impl FnOnce(LSA_HANDLE, PSID) -> io::Result<T>,
) -> io::Result<T> {
    let mut sid = PSID::default();
    // SAFETY: the text ends with a nul; Windows writes one pointer, which `Local` frees.
    unsafe { ConvertStringSidToSidW(&HSTRING::from(who.as_str()), &raw mut sid) }
        .map_err(failed("reading an identifier"))?;
    let _sid = Local(sid.0);
    let attributes = LSA_OBJECT_ATTRIBUTES::default();
    let mut policy = LSA_HANDLE::default();
    let access = u32::try_from(POLICY_CREATE_ACCOUNT | POLICY_LOOKUP_NAMES).unwrap_or_default();
    // SAFETY: the attributes live until the call returns; Windows writes one handle, closed below.
    let opened = unsafe { LsaOpenPolicy(None, &raw const attributes, access, &raw mut policy) };
    lsa(opened, "opening the machine's policy")?;
    let done = with(policy, sid);
    // SAFETY: opened above and closed once. A failure leaves nothing to do.
    let _ = unsafe { LsaClose(policy) };
    done
}

fn give_rights(who: &Sid) -> io::Result<()> {
    let mut names: Vec<Vec<u16>> =
        RIGHTS.iter().map(|right| right.encode_utf16().collect()).collect();
    let rights: Vec<LSA_UNICODE_STRING> = names
        .iter_mut()
        .map(|name| {
            let length = u16::try_from(name.len() * 2).unwrap_or_default();
            let buffer = PWSTR(name.as_mut_ptr());
            LSA_UNICODE_STRING { Length: length, MaximumLength: length, Buffer: buffer }
        })
        .collect();
    with_policy(who, |policy, sid| {
        // SAFETY: policy, identifier and names live until the call returns.
        let added = unsafe { LsaAddAccountRights(policy, sid, &rights) };
        lsa(added, "giving the app's account its right")
    })
}

fn lsa(status: NTSTATUS, doing: &'static str) -> io::Result<()> {
    if status.is_ok() {
        return Ok(());
    }
    // SAFETY: only computes.
    let code = unsafe { LsaNtStatusToWinError(status) };
    Err(with_code(code, doing))
}

fn net(code: u32, doing: &'static str) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(with_code(code, doing)) }
}

fn with_code(code: u32, doing: &str) -> io::Error {
    let cause = io::Error::from_raw_os_error(code.cast_signed());
    io::Error::new(cause.kind(), format!("{doing}: {cause}"))
}

fn wide(text: &str) -> Vec<u16> {
    Path::new(text).as_os_str().encode_wide().chain([0]).collect()
}

fn text(units: &[u16]) -> String {
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(units.get(..end).unwrap_or_default())
}
