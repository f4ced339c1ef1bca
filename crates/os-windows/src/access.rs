//! Who may read and write a file or folder: those whom the caller trusts. Anybody else is one
//! too many.
//!
//! Windows gives every user of the machine the right to read what lies under `ProgramData`, and
//! to make folders there before we do; so both the list and the owner are looked at.

use sha1::{Digest as _, Sha1};

/// A security identifier in its text form, `S-1-5-18`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sid(String);

impl Sid {
    /// The local system.
    pub fn system() -> Self {
        Self("S-1-5-18".into())
    }

    /// The administrators of this machine.
    pub fn administrators() -> Self {
        Self("S-1-5-32-544".into())
    }

    /// A service's own identifier, which its token carries whatever account it runs as: SHA-1
    /// over its name in upper case and UTF-16 (MS-DTYP 2.4.2.4, NT SERVICE).
    pub fn of_service(name: &str) -> Self {
        let mut hash = Sha1::new();
        for unit in name.to_uppercase().encode_utf16() {
            hash.update(unit.to_le_bytes());
        }
        let digest: [u8; 20] = hash.finalize().into();
        let (words, _) = digest.as_chunks::<4>();
        let words = words.iter().map(|word| format!("-{}", u32::from_le_bytes(*word)));
        Self(format!("S-1-5-80{}", words.collect::<String>()))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who owns a thing and who has a right to it, read from the text form of a security descriptor
/// (SDDL, MS-DTYP 2.5.1).
#[cfg(any(windows, test))]
#[derive(Debug, PartialEq, Eq)]
struct Rights<'a> {
    owner: &'a str,
    allowed: Vec<&'a str>,
}

#[cfg(any(windows, test))]
impl<'a> Rights<'a> {
    /// `None` when the text is not understood: then nobody can say that it is private.
    fn parse(sddl: &'a str) -> Option<Self> {
        let rest = sddl.strip_prefix("O:")?;
        let end = rest.find("G:").or_else(|| rest.find("D:"))?;
        let (owner, rest) = rest.split_at(end);
        let list = rest.split_once("D:")?.1;
        // "Everybody", not "nobody".
        if list.contains("NO_ACCESS_CONTROL") {
            return None;
        }
        let (_flags, mut entries) = list.split_at(list.find('(')?);
        let mut allowed = Vec::new();
        while let Some(entry) = entries.strip_prefix('(') {
            let (entry, rest) = entry.split_once(')')?;
            let mut fields = entry.split(';');
            let kind = fields.next()?;
            let trustee = fields.nth(4)?;
            match kind {
                "A" => allowed.push(trustee),
                // A denial gives nobody anything.
                "D" => {}
                _ => return None,
            }
            entries = rest;
        }
        entries.is_empty().then_some(Self { owner, allowed })
    }

    /// Who beside `trusted` owns it or has any right to it.
    fn strangers(&self, trusted: &[Sid]) -> Vec<&'a str> {
        let is_trusted = |name: &&str| {
            // What the owner has, whoever that is: the owner is looked at too.
            ["OW", "S-1-3-4", "CO", "S-1-3-0"].contains(name)
                || trusted.iter().any(|sid| sid.0 == **name || short_form(sid) == Some(*name))
        };
        let mut all: Vec<&str> =
            std::iter::once(self.owner).chain(self.allowed.iter().copied()).collect();
        all.retain(|name| !is_trusted(name));
        all.dedup();
        all
    }
}

/// SDDL writes the best-known identifiers with two letters.
#[cfg(any(windows, test))]
fn short_form(sid: &Sid) -> Option<&'static str> {
    match sid.as_str() {
        "S-1-5-18" => Some("SY"),
        "S-1-5-32-544" => Some("BA"),
        _ => None,
    }
}

/// The list that gives everything to these and nothing to anybody else, inherited from nowhere
/// and by everything inside.
#[cfg(any(windows, test))]
fn private_list(trusted: &[Sid], is_folder: bool) -> String {
    let inherited = if is_folder { "OICI" } else { "" };
    let entries = trusted.iter().map(|sid| format!("(A;{inherited};FA;;;{})", sid.0));
    format!("D:P{}", entries.collect::<String>())
}

#[cfg(windows)]
mod calls {
    #![expect(unsafe_code, reason = "Windows keeps access lists behind raw pointers")]

    use std::{
        io,
        os::windows::{
            ffi::OsStrExt as _,
            io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
        },
        path::Path,
    };

    use windows::{
        Win32::{
            Foundation::{CloseHandle, HANDLE, HLOCAL, LocalFree},
            Security::{
                ACL,
                Authorization::{
                    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
                    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
                    GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT, SetNamedSecurityInfoW,
                    SetSecurityInfo,
                },
                DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, GetTokenInformation,
                OBJECT_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
                PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID,
                SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
            },
            Storage::FileSystem::{
                BY_HANDLE_FILE_INFORMATION, CreateDirectoryW, CreateFileW,
                FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_REPARSE_POINT, FILE_FLAG_BACKUP_SEMANTICS,
                FILE_FLAG_OPEN_REPARSE_POINT, FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE,
                FILE_SHARE_READ, FILE_SHARE_WRITE, GetFileAttributesW, GetFileInformationByHandle,
                OPEN_EXISTING, READ_CONTROL, WRITE_DAC,
            },
            System::Threading::{GetCurrentProcess, OpenProcessToken},
        },
        core::{BOOL, HSTRING, PCWSTR, PWSTR},
    };

    use super::{Rights, Sid, private_list};
    use crate::failed;

    /// Gives every right to this file or folder, and to what is made in it, to `trusted`, and
    /// none to anybody else.
    ///
    /// # Errors
    /// When it belongs to somebody whom [`strangers`] would name, or Windows refuses.
    pub fn make_private(path: &Path, trusted: &[Sid]) -> io::Result<()> {
        let list = private_list(trusted, path.is_dir());
        with_descriptor(&list, |descriptor| set_list(path, PSECURITY_DESCRIPTOR(descriptor)))?;
        match strangers(path, trusted)?.as_slice() {
            [] => Ok(()),
            some => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("it belongs to or is open to {}", some.join(", ")),
            )),
        }
    }

    /// What stands under a name, seen without following it.
    #[derive(Debug)]
    pub struct Standing {
        /// A folder.
        pub is_folder: bool,
        /// A link or a junction, which stands for something elsewhere.
        pub is_link: bool,
        /// How many names it has on its disk.
        pub names: u32,
        /// Owned by one of those asked for, or by whoever runs this process.
        pub is_owned: bool,
    }

    /// What stands there, and whether one of `trusted` owns it; none when nothing does.
    ///
    /// # Errors
    /// When Windows does not tell.
    pub fn standing(path: &Path, trusted: &[Sid]) -> io::Result<Option<Standing>> {
        match Held::open(path, READ_CONTROL.0 | FILE_READ_ATTRIBUTES.0) {
            Ok(held) => held.standing(path, trusted).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a folder that gives every right to `trusted` and none to anybody else, from its
    /// first moment on.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when something stands there.
    pub fn make_folder(path: &Path, trusted: &[Sid]) -> io::Result<()> {
        // Who is one of the administrators may make them all the owner.
        let list = format!("O:BA{}", private_list(trusted, true));
        with_descriptor(&list, |descriptor| {
            let attributes = SECURITY_ATTRIBUTES {
                nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
                lpSecurityDescriptor: descriptor,
                bInheritHandle: false.into(),
            };
            // SAFETY: path and attributes live until the call returns.
            unsafe { CreateDirectoryW(PCWSTR(wide(path).as_ptr()), Some(&raw const attributes)) }
                .map_err(failed("making a folder"))
        })
    }

    /// As [`make_private`] for a folder, by the folder itself and not by its name: whoever puts a
    /// link in its place meanwhile has shut nothing else.
    ///
    /// # Errors
    /// When it is no folder that one of `trusted` owns, or Windows refuses.
    pub fn shut_folder(path: &Path, trusted: &[Sid]) -> io::Result<()> {
        let held = Held::open(path, READ_CONTROL.0 | WRITE_DAC.0 | FILE_READ_ATTRIBUTES.0)?;
        let is = held.standing(path, trusted)?;
        if !is.is_folder || is.is_link || !is.is_owned {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not ours"));
        }
        let list = private_list(trusted, true);
        with_descriptor(&list, |descriptor| {
            let acl = list_of(PSECURITY_DESCRIPTOR(descriptor))?;
            // SAFETY: the handle is open; the list lives until the call returns.
            let set = unsafe {
                SetSecurityInfo(
                    held.handle(),
                    SE_FILE_OBJECT,
                    DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                    None,
                    None,
                    Some(acl),
                    None,
                )
            };
            set.ok().map_err(failed("setting who may read it"))
        })
    }

    /// A thing on a disk, held by itself: no link is followed.
    struct Held(OwnedHandle);

    impl Held {
        fn open(path: &Path, access: u32) -> io::Result<Self> {
            // SAFETY: the path ends with a nul and lives until the call returns.
            let handle = unsafe {
                CreateFileW(
                    PCWSTR(wide(path).as_ptr()),
                    access,
                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    None,
                    OPEN_EXISTING,
                    FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT,
                    None,
                )
            }
            .map_err(failed("looking at what stands there"))?;
            // SAFETY: just opened, and owned by nobody else.
            Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle.0) }))
        }

        fn handle(&self) -> HANDLE {
            HANDLE(self.0.as_raw_handle())
        }

        fn standing(&self, path: &Path, trusted: &[Sid]) -> io::Result<Standing> {
            let mut found = BY_HANDLE_FILE_INFORMATION::default();
            // SAFETY: the handle is open; Windows writes one structure.
            unsafe { GetFileInformationByHandle(self.handle(), &raw mut found) }
                .map_err(failed("looking at what stands there"))?;
            // By its name as well: not every system tells of a link that is open.
            // SAFETY: the path ends with a nul and lives until the call returns.
            let by_name = unsafe { GetFileAttributesW(PCWSTR(wide(path).as_ptr())) };
            let both = found.dwFileAttributes | by_name;
            Ok(Standing {
                is_folder: found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY.0 != 0,
                is_link: both & FILE_ATTRIBUTE_REPARSE_POINT.0 != 0,
                names: found.nNumberOfLinks,
                is_owned: self.is_owned(trusted)?,
            })
        }

        fn is_owned(&self, trusted: &[Sid]) -> io::Result<bool> {
            let mut descriptor = PSECURITY_DESCRIPTOR::default();
            let mut owner = PSID::default();
            // SAFETY: the handle is open; Windows writes a descriptor, which `Local` frees, and a
            // pointer into it.
            let got = unsafe {
                GetSecurityInfo(
                    self.handle(),
                    SE_FILE_OBJECT,
                    OWNER_SECURITY_INFORMATION,
                    Some(&raw mut owner),
                    None,
                    None,
                    None,
                    Some(&raw mut descriptor),
                )
            };
            got.ok().map_err(failed("reading who owns it"))?;
            let _freed = Local(descriptor.0);
            let owner = sid_text(owner)?;
            Ok(trusted.contains(&owner) || owner == this_user()?)
        }
    }

    /// Makes a security descriptor of its text form, for as long as `with` takes.
    ///
    /// # Errors
    /// When the text is none; those of `with`.
    pub(crate) fn with_descriptor<T>(
        text: &str,
        with: impl FnOnce(*mut core::ffi::c_void) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut descriptor = PSECURITY_DESCRIPTOR::default();
        // SAFETY: the text ends with a nul; Windows writes one pointer, which `Local` frees.
        unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                &HSTRING::from(text),
                SDDL_REVISION_1,
                &raw mut descriptor,
                None,
            )
        }
        .map_err(failed("making an access list"))?;
        let _freed = Local(descriptor.0);
        with(descriptor.0)
    }

    /// The list of a descriptor, which lives as long as that.
    fn list_of(descriptor: PSECURITY_DESCRIPTOR) -> io::Result<*mut ACL> {
        let (mut present, mut defaulted) = (BOOL::default(), BOOL::default());
        let mut acl: *mut ACL = std::ptr::null_mut();
        // SAFETY: the descriptor is whole and lives until its caller returns.
        unsafe {
            GetSecurityDescriptorDacl(
                descriptor,
                &raw mut present,
                &raw mut acl,
                &raw mut defaulted,
            )
        }
        .map_err(failed("making an access list"))?;
        Ok(acl)
    }

    fn set_list(path: &Path, descriptor: PSECURITY_DESCRIPTOR) -> io::Result<()> {
        let acl = list_of(descriptor)?;
        // SAFETY: path and list live until the call returns.
        let set = unsafe {
            SetNamedSecurityInfoW(
                PCWSTR(wide(path).as_ptr()),
                SE_FILE_OBJECT,
                DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                None,
                None,
                Some(acl),
                None,
            )
        };
        set.ok().map_err(failed("setting who may read it"))
    }

    /// Who beside the system, the administrators, who runs this process, and `also` owns this
    /// file or folder or has any right to it.
    ///
    /// # Errors
    /// When Windows does not tell, or tells it in a way that is not understood.
    pub fn strangers(path: &Path, also: &[Sid]) -> io::Result<Vec<String>> {
        let sddl = describe(path)?;
        let rights = Rights::parse(&sddl).ok_or_else(|| {
            io::Error::other(format!("its access list is not understood: {sddl}"))
        })?;
        Ok(rights.strangers(&trusted(also)?).into_iter().map(str::to_owned).collect())
    }

    fn trusted(also: &[Sid]) -> io::Result<Vec<Sid>> {
        let mut trusted = vec![Sid::system(), Sid::administrators(), this_user()?];
        trusted.extend_from_slice(also);
        Ok(trusted)
    }

    /// Who owns this file or folder, if that is neither one of `trusted` nor whoever runs this
    /// process.
    ///
    /// # Errors
    /// As [`strangers`].
    pub fn foreign_owner(path: &Path, trusted: &[Sid]) -> io::Result<Option<String>> {
        let sddl = describe(path)?;
        let rights = Rights::parse(&sddl).ok_or_else(|| {
            io::Error::other(format!("its access list is not understood: {sddl}"))
        })?;
        let trusted = [trusted, &[this_user()?]].concat();
        let owner = Rights { owner: rights.owner, allowed: Vec::new() };
        Ok(owner.strangers(&trusted).first().map(|owner| (*owner).to_owned()))
    }

    fn describe(path: &Path) -> io::Result<String> {
        let asked: OBJECT_SECURITY_INFORMATION =
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
        let mut descriptor = PSECURITY_DESCRIPTOR::default();
        // SAFETY: the path ends with a nul; Windows writes one pointer, which `Local` frees.
        let got = unsafe {
            GetNamedSecurityInfoW(
                PCWSTR(wide(path).as_ptr()),
                SE_FILE_OBJECT,
                asked,
                None,
                None,
                None,
                None,
                &raw mut descriptor,
            )
        };
        got.ok().map_err(failed("reading who may read it"))?;
        let _freed = Local(descriptor.0);
        let mut text = PWSTR::null();
        // SAFETY: the descriptor is whole; Windows writes one pointer, which `take` frees.
        unsafe {
            ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor,
                SDDL_REVISION_1,
                asked,
                &raw mut text,
                None,
            )
        }
        .map_err(failed("reading an access list"))?;
        take(text)
    }

    /// Who runs this process.
    ///
    /// # Errors
    /// When Windows does not tell.
    pub fn this_user() -> io::Result<Sid> {
        let mut token = HANDLE::default();
        // SAFETY: the pseudo handle of this process is always good.
        let process = unsafe { GetCurrentProcess() };
        // SAFETY: Windows writes one handle, which is closed below.
        unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) }
            .map_err(failed("opening our token"))?;
        // Enough for the structure and the longest identifier; aligned for its pointers.
        let mut answer = [0_u64; 32];
        let mut length = 0;
        // SAFETY: the buffer is as long as said, and lives until the identifier is copied.
        let got = unsafe {
            GetTokenInformation(
                token,
                TokenUser,
                Some(answer.as_mut_ptr().cast()),
                u32::try_from(size_of_val(&answer)).unwrap_or_default(),
                &raw mut length,
            )
        };
        // SAFETY: opened above and used by nobody else. A failure leaves nothing to do.
        let _ = unsafe { CloseHandle(token) };
        got.map_err(failed("reading our token"))?;
        // SAFETY: Windows wrote a TOKEN_USER at the start of the buffer, which is aligned.
        let user = unsafe { answer.as_ptr().cast::<TOKEN_USER>().read() };
        sid_text(user.User.Sid)
    }

    /// The text form of an identifier that Windows has just written and that still is where it
    /// was.
    pub(crate) fn sid_text(sid: PSID) -> io::Result<Sid> {
        let mut text = PWSTR::null();
        // SAFETY: the identifier is whole; Windows writes one pointer for `take`.
        unsafe { ConvertSidToStringSidW(sid, &raw mut text) }
            .map_err(failed("reading an identifier"))?;
        take(text).map(Sid)
    }

    fn wide(path: &Path) -> Vec<u16> {
        path.as_os_str().encode_wide().chain([0]).collect()
    }

    /// Copies a text that Windows made, and frees it.
    fn take(text: PWSTR) -> io::Result<String> {
        let _freed = Local(text.0.cast());
        // SAFETY: Windows ended it with a nul, and it is freed only after this.
        unsafe { text.to_string() }.map_err(io::Error::other)
    }

    /// Memory that Windows gave us to free.
    pub(crate) struct Local(pub(crate) *mut core::ffi::c_void);

    impl Drop for Local {
        fn drop(&mut self) {
            // SAFETY: came from a function whose documentation says LocalFree, and is freed once.
            let _ = unsafe { LocalFree(Some(HLOCAL(self.0))) };
        }
    }
}

#[cfg(windows)]
pub(crate) use calls::{Local, sid_text, with_descriptor};
#[cfg(windows)]
pub use calls::{
    Standing, foreign_owner, make_folder, make_private, shut_folder, standing, strangers, this_user,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted() -> Vec<Sid> {
        vec![Sid::system(), Sid::administrators(), Sid("S-1-5-21-1-2-3-1001".into())]
    }

    #[test]
    fn a_services_identifier_is_the_one_that_windows_computes() {
        // `sc showsid TrustedInstaller`, as documented.
        assert_eq!(
            Sid::of_service("TrustedInstaller").as_str(),
            "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
        );
    }

    #[test]
    fn what_is_private_has_no_strangers() {
        for sddl in [
            "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
            "O:S-1-5-21-1-2-3-1001G:S-1-5-21-1-2-3-513D:PAI(A;;FA;;;S-1-5-21-1-2-3-1001)",
            "O:SYD:AI(A;ID;FA;;;OW)(D;;FA;;;WD)",
        ] {
            let rights = Rights::parse(sddl).unwrap();
            assert!(rights.strangers(&trusted()).is_empty(), "{sddl}");
        }
    }

    #[test]
    fn readers_and_foreign_owners_are_strangers() {
        for (sddl, stranger) in [
            ("O:BAD:AI(A;OICIID;0x1200a9;;;BU)(A;;FA;;;SY)", "BU"),
            ("O:BAD:(A;;0x1;;;WD)", "WD"),
            ("O:S-1-5-21-1-2-3-1002D:P(A;;FA;;;SY)", "S-1-5-21-1-2-3-1002"),
        ] {
            assert_eq!(Rights::parse(sddl).unwrap().strangers(&trusted()), [stranger], "{sddl}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_private() {
        for sddl in [
            "",
            "D:P(A;;FA;;;SY)",
            "O:SYD:NO_ACCESS_CONTROL",
            "O:SYD:P(XA;;FX;;;WD;(@User.Title==\"PM\"))",
            "O:SYD:P(A;;FA;;;SY)trailing",
            "O:SYD:P(A;;FA)",
        ] {
            assert_eq!(Rights::parse(sddl), None, "{sddl}");
        }
    }

    #[test]
    fn what_is_made_private_is_read_as_private() {
        let list = format!("O:SY{}", private_list(&trusted(), true));
        assert!(Rights::parse(&list).unwrap().strangers(&trusted()).is_empty());
        let fewer = &trusted()[..2];
        assert_eq!(Rights::parse(&list).unwrap().strangers(fewer), ["S-1-5-21-1-2-3-1001"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reading(sddl in "O:[A-Z0-9:();-]{0,60}") {
            let _ = Rights::parse(&sddl);
        }
    }
}
