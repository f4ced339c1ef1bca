//! Tokens: who a process is, and with how little power.
#![expect(unsafe_code, reason = "tokens are handles of Windows")]

use std::{
    io,
    os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
};

use windows::{
    Win32::{
        Foundation::HANDLE,
        Security::{
            CreateRestrictedToken, DISABLE_MAX_PRIVILEGE, DuplicateTokenEx, GetTokenInformation,
            LOGON32_LOGON_BATCH, LOGON32_PROVIDER_DEFAULT, LogonUserW, SecurityImpersonation,
            SetTokenInformation, TOKEN_ALL_ACCESS, TOKEN_GROUPS, TOKEN_INFORMATION_CLASS,
            TOKEN_QUERY, TOKEN_USER, TokenGroups, TokenPrimary, TokenSessionId, TokenUser,
        },
        System::Threading::{GetCurrentProcess, OpenProcessToken},
        UI::Shell::{LoadUserProfileW, PROFILEINFOW, UnloadUserProfile},
    },
    core::{HSTRING, PCWSTR, PWSTR},
};
use zeroize::Zeroizing;

use crate::{
    access::{Sid, sid_text},
    failed,
};

/// A profile that cannot be loaded shows nobody a message (profinfo.h).
const NO_MESSAGES: u32 = 1;
/// Says of a group that it is one sign-in (winnt.h).
const SE_GROUP_LOGON_ID: u32 = 0xC000_0000;

/// A token.
#[derive(Debug)]
pub struct Token(OwnedHandle);

impl Token {
    /// This process's own.
    ///
    /// # Errors
    /// When Windows refuses.
    pub fn own() -> io::Result<Self> {
        let mut token = HANDLE::default();
        // SAFETY: the pseudo handle of this process is always good.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: Windows writes one handle, which is ours.
        unsafe { OpenProcessToken(process, TOKEN_ALL_ACCESS, &raw mut token) }
            .map_err(failed("opening our token"))?;
        Ok(Self::from(token))
    }

    /// A process's, to be looked at alone.
    pub(crate) fn of_process(process: HANDLE) -> io::Result<Self> {
        let mut token = HANDLE::default();
        // SAFETY: the handle is open, as its caller holds it; Windows writes one handle, which is
        // ours.
        unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) }
            .map_err(failed("opening a process's token"))?;
        Ok(Self::from(token))
    }

    /// Of a local account that may be used for batch jobs.
    ///
    /// # Errors
    /// When Windows refuses. (Wine accepts any name.)
    pub fn log_on(account: &str, password: &str) -> io::Result<Self> {
        let mut token = HANDLE::default();
        let password: Zeroizing<Vec<u16>> =
            Zeroizing::new(password.encode_utf16().chain([0]).collect());
        // SAFETY: the three texts end with a nul and live until the call returns; Windows writes
        // one handle, which is ours.
        unsafe {
            LogonUserW(
                &HSTRING::from(account),
                windows::core::w!("."),
                PCWSTR(password.as_ptr()),
                LOGON32_LOGON_BATCH,
                LOGON32_PROVIDER_DEFAULT,
                &raw mut token,
            )
        }
        .map_err(failed("signing the app's account in"))?;
        Ok(Self::from(token))
    }

    /// The same, without any privilege but that of passing through folders.
    ///
    /// # Errors
    /// When Windows refuses.
    pub fn without_privileges(&self) -> io::Result<Self> {
        let mut token = HANDLE::default();
        // No restricting identifiers: with them the browser runtime shows an empty page.
        // SAFETY: the handle is open; Windows writes one handle, which is ours.
        unsafe {
            CreateRestrictedToken(
                self.handle(),
                DISABLE_MAX_PRIVILEGE,
                None,
                None,
                None,
                &raw mut token,
            )
        }
        .map_err(failed("taking privileges away"))?;
        Ok(Self::from(token))
    }

    /// A copy that belongs to another session.
    ///
    /// # Errors
    /// When Windows refuses: only the system may.
    pub fn for_session(&self, session: u32) -> io::Result<Self> {
        let mut token = HANDLE::default();
        // SAFETY: the handle is open; Windows writes one handle, which is ours.
        unsafe {
            DuplicateTokenEx(
                self.handle(),
                TOKEN_ALL_ACCESS,
                None,
                SecurityImpersonation,
                TokenPrimary,
                &raw mut token,
            )
        }
        .map_err(failed("copying a token"))?;
        let token = Self::from(token);
        // SAFETY: Windows reads one number of the length said.
        unsafe {
            SetTokenInformation(token.handle(), TokenSessionId, (&raw const session).cast(), 4)
        }
        .map_err(failed("moving a token to another session"))?;
        Ok(token)
    }

    /// The account.
    ///
    /// # Errors
    /// When Windows does not tell.
    pub fn user(&self) -> io::Result<Sid> {
        let answer = self.ask(TokenUser)?;
        // SAFETY: Windows wrote a TOKEN_USER at the start of the buffer, which is aligned.
        let user = unsafe { answer.as_ptr().cast::<TOKEN_USER>().read() };
        sid_text(user.User.Sid)
    }

    /// The identifier of this one sign-in, which no other token has.
    ///
    /// # Errors
    /// When there is none.
    pub fn sign_in(&self) -> io::Result<Sid> {
        let answer = self.ask(TokenGroups)?;
        let groups = answer.as_ptr().cast::<TOKEN_GROUPS>();
        // SAFETY: Windows wrote a TOKEN_GROUPS at the start of the buffer, which is aligned.
        let count = unsafe { (*groups).GroupCount };
        for at in 0..usize::try_from(count).unwrap_or_default() {
            // SAFETY: so many groups stand in a row behind the count; the place is computed
            // without making a reference to an array of one.
            let first = unsafe {
                (&raw const (*groups).Groups).cast::<windows::Win32::Security::SID_AND_ATTRIBUTES>()
            };
            // SAFETY: as above.
            let group = unsafe { first.add(at).read() };
            if group.Attributes & SE_GROUP_LOGON_ID == SE_GROUP_LOGON_ID {
                return sid_text(group.Sid);
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, "the token names no sign-in"))
    }

    /// Numbers of eight bytes, so that pointers in the answer are aligned.
    fn ask(&self, what: TOKEN_INFORMATION_CLASS) -> io::Result<Vec<u64>> {
        let mut length = 0;
        // Fails with the length that is needed.
        // SAFETY: nothing is written but the length.
        let _ = unsafe { GetTokenInformation(self.handle(), what, None, 0, &raw mut length) };
        let mut answer = vec![0_u64; usize::try_from(length).unwrap_or_default().div_ceil(8)];
        // SAFETY: the buffer has at least the length said.
        unsafe {
            GetTokenInformation(
                self.handle(),
                what,
                Some(answer.as_mut_ptr().cast()),
                length,
                &raw mut length,
            )
        }
        .map_err(failed("reading a token"))?;
        Ok(answer)
    }

    /// Loads the account's part of the registry, for as long as the value lives.
    ///
    /// # Errors
    /// When Windows refuses: only the system may.
    pub fn load_profile(&self, account: &str) -> io::Result<Profile<'_>> {
        let mut name: Vec<u16> = account.encode_utf16().chain([0]).collect();
        let mut profile = PROFILEINFOW {
            dwSize: u32::try_from(size_of::<PROFILEINFOW>()).unwrap_or_default(),
            dwFlags: NO_MESSAGES,
            lpUserName: PWSTR(name.as_mut_ptr()),
            ..Default::default()
        };
        // SAFETY: the structure and its name live until the call returns; Windows writes one
        // handle, which is given back by the drop.
        unsafe { LoadUserProfileW(self.handle(), &raw mut profile) }
            .map_err(failed("loading the profile of the app's account"))?;
        Ok(Profile { token: self, key: profile.hProfile })
    }

    pub(crate) fn handle(&self) -> HANDLE {
        HANDLE(self.0.as_raw_handle())
    }
}

/// A loaded profile.
#[derive(Debug)]
pub struct Profile<'a> {
    token: &'a Token,
    key: HANDLE,
}

impl Drop for Profile<'_> {
    fn drop(&mut self) {
        // SAFETY: both are from the load. A failure leaves nothing to do.
        let _ = unsafe { UnloadUserProfile(self.token.handle(), self.key) };
    }
}

impl From<HANDLE> for Token {
    /// One that Windows has just given us.
    fn from(handle: HANDLE) -> Self {
        // SAFETY: called above with handles of ours alone.
        Self(unsafe { OwnedHandle::from_raw_handle(handle.0) })
    }
}
