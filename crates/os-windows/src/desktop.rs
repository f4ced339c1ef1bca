//! Who may draw on the sign-in screen: one sign-in is let in on window station, desktop and the
//! session's named objects, and out again.
#![expect(unsafe_code, reason = "desktops are handles of Windows")]

use std::io;

use windows::{
    Wdk::{Foundation::OBJECT_ATTRIBUTES, Storage::FileSystem::NtOpenDirectoryObject},
    Win32::{
        Foundation::{CloseHandle, HANDLE, UNICODE_STRING},
        Security::{
            ACE_FLAGS, ACL,
            Authorization::{
                ACCESS_MODE, ConvertStringSidToSidW, EXPLICIT_ACCESS_W, GRANT_ACCESS,
                GetSecurityInfo, REVOKE_ACCESS, SE_KERNEL_OBJECT, SE_OBJECT_TYPE, SE_WINDOW_OBJECT,
                SetEntriesInAclW, SetSecurityInfo, TRUSTEE_IS_SID, TRUSTEE_IS_UNKNOWN, TRUSTEE_W,
            },
            DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID,
        },
        System::StationsAndDesktops::{
            CloseDesktop, CloseWindowStation, DESKTOP_CREATEMENU, DESKTOP_CREATEWINDOW,
            DESKTOP_ENUMERATE, DESKTOP_HOOKCONTROL, DESKTOP_READOBJECTS, DESKTOP_SWITCHDESKTOP,
            DESKTOP_WRITEOBJECTS, HDESK, HWINSTA, OpenDesktopW, OpenWindowStationW,
        },
    },
    core::{HSTRING, PWSTR},
};

use crate::{
    access::{Local, Sid},
    failed,
};

const READ_CONTROL: u32 = 0x0002_0000;
const WRITE_DAC: u32 = 0x0004_0000;
/// Read its objects, make windows and menus, hook (the browser runtime's input), enumerate,
/// write to objects, and come to the front. Not: record or play back what others type, change
/// its list.
const ON_DESKTOP: u32 = DESKTOP_READOBJECTS.0
    | DESKTOP_CREATEWINDOW.0
    | DESKTOP_CREATEMENU.0
    | DESKTOP_HOOKCONTROL.0
    | DESKTOP_ENUMERATE.0
    | DESKTOP_WRITEOBJECTS.0
    | DESKTOP_SWITCHDESKTOP.0
    | READ_CONTROL;
/// Enumerate desktops, read attributes, use global atoms, read the screen. Not: the clipboard, make
/// desktops, end Windows.
const ON_STATION: u32 = 0x0001 | 0x0002 | 0x0020 | 0x0100 | 0x0200 | READ_CONTROL;
/// Look names up in it and make objects in it.
const ON_NAMED_OBJECTS: u32 = 0x0001 | 0x0002 | 0x0004 | READ_CONTROL;

/// A sign-in that may draw here, until this is dropped.
#[derive(Debug)]
pub struct Allowed {
    sign_in: Sid,
    places: Vec<Place>,
}

#[derive(Clone, Debug)]
enum Place {
    Station,
    Desktop(String),
    NamedObjects(u32),
}

/// Lets one sign-in onto `WinSta0` and this desktop of this process's session.
///
/// # Errors
/// When a list cannot be changed; what was changed is taken back.
pub fn allow(sign_in: &Sid, desktop: &str, session: u32) -> io::Result<Allowed> {
    let mut allowed = Allowed { sign_in: sign_in.clone(), places: Vec::new() };
    let places = [Place::Station, Place::Desktop(desktop.to_owned()), Place::NamedObjects(session)];
    for place in places {
        place.change(sign_in, GRANT_ACCESS)?;
        allowed.places.push(place);
    }
    Ok(allowed)
}

impl Drop for Allowed {
    fn drop(&mut self) {
        for place in &self.places {
            // A sign-in that has ended has no more use for what cannot be taken back.
            let _ = place.change(&self.sign_in, REVOKE_ACCESS);
        }
    }
}

impl Place {
    fn change(&self, sign_in: &Sid, how: ACCESS_MODE) -> io::Result<()> {
        let access = READ_CONTROL | WRITE_DAC;
        match self {
            Self::Station => {
                // SAFETY: the name ends with a nul; the handle is closed below.
                let station =
                    unsafe { OpenWindowStationW(windows::core::w!("WinSta0"), false, access) }
                        .map_err(failed("opening the window station"))?;
                let station = Station(station);
                change(HANDLE(station.0.0), SE_WINDOW_OBJECT, sign_in, ON_STATION, how)
            }
            Self::Desktop(name) => {
                // SAFETY: as above.
                let desktop = unsafe {
                    OpenDesktopW(&HSTRING::from(name.as_str()), Default::default(), false, access)
                }
                .map_err(failed("opening the desktop"))?;
                let desktop = Desktop(desktop);
                change(HANDLE(desktop.0.0), SE_WINDOW_OBJECT, sign_in, ON_DESKTOP, how)
            }
            Self::NamedObjects(session) => {
                let folder = Folder::open(*session, access)?;
                change(folder.0, SE_KERNEL_OBJECT, sign_in, ON_NAMED_OBJECTS, how)
            }
        }
    }
}

/// Adds to or takes from the list of an open thing.
fn change(
    object: HANDLE,
    kind: SE_OBJECT_TYPE,
    who: &Sid,
    what: u32,
    how: ACCESS_MODE,
) -> io::Result<()> {
    let mut sid = PSID::default();
    // SAFETY: the text ends with a nul; Windows writes one pointer, which `Local` frees.
    unsafe { ConvertStringSidToSidW(&HSTRING::from(who.as_str()), &raw mut sid) }
        .map_err(failed("reading an identifier"))?;
    let _sid = Local(sid.0);
    let mut list: *mut ACL = std::ptr::null_mut();
    let mut descriptor = PSECURITY_DESCRIPTOR::default();
    // SAFETY: the handle is open; Windows writes two pointers, the first into the second, which
    // `Local` frees.
    let read = unsafe {
        GetSecurityInfo(
            object,
            kind,
            DACL_SECURITY_INFORMATION,
            None,
            None,
            Some(&raw mut list),
            None,
            Some(&raw mut descriptor),
        )
    };
    read.ok().map_err(failed("reading who may draw"))?;
    let _descriptor = Local(descriptor.0);
    let entry = EXPLICIT_ACCESS_W {
        grfAccessPermissions: what,
        grfAccessMode: how,
        grfInheritance: ACE_FLAGS(0),
        Trustee: TRUSTEE_W {
            TrusteeForm: TRUSTEE_IS_SID,
            TrusteeType: TRUSTEE_IS_UNKNOWN,
            // By its form this is an identifier, not a text.
            ptstrName: PWSTR(sid.0.cast()),
            ..Default::default()
        },
    };
    let mut changed: *mut ACL = std::ptr::null_mut();
    // SAFETY: the old list and the identifier live until the call returns; Windows writes one
    // pointer, which `Local` frees.
    let made = unsafe { SetEntriesInAclW(Some(&[entry]), Some(list), &raw mut changed) };
    made.ok().map_err(failed("changing who may draw"))?;
    let _changed = Local(changed.cast());
    // SAFETY: the handle is open and the list whole.
    let set = unsafe {
        SetSecurityInfo(object, kind, DACL_SECURITY_INFORMATION, None, None, Some(changed), None)
    };
    set.ok().map_err(failed("changing who may draw"))
}

struct Station(HWINSTA);

impl Drop for Station {
    fn drop(&mut self) {
        // SAFETY: opened above and closed once. A failure leaves nothing to do.
        let _ = unsafe { CloseWindowStation(self.0) };
    }
}

struct Desktop(HDESK);

impl Drop for Desktop {
    fn drop(&mut self) {
        // SAFETY: opened above and closed once. A failure leaves nothing to do.
        let _ = unsafe { CloseDesktop(self.0) };
    }
}

/// Where the names of a session's objects are.
struct Folder(HANDLE);

impl Folder {
    fn open(session: u32, access: u32) -> io::Result<Self> {
        let name = match session {
            0 => r"\BaseNamedObjects".to_owned(),
            session => format!(r"\Sessions\{session}\BaseNamedObjects"),
        };
        let mut name: Vec<u16> = name.encode_utf16().collect();
        let length = u16::try_from(name.len() * 2).unwrap_or_default();
        let text = UNICODE_STRING {
            Length: length,
            MaximumLength: length,
            Buffer: PWSTR(name.as_mut_ptr()),
        };
        let attributes = OBJECT_ATTRIBUTES {
            Length: u32::try_from(size_of::<OBJECT_ATTRIBUTES>()).unwrap_or_default(),
            ObjectName: &raw const text,
            ..Default::default()
        };
        let mut folder = HANDLE::default();
        // SAFETY: name and attributes live until the call returns; Windows writes one handle.
        let opened =
            unsafe { NtOpenDirectoryObject(&raw mut folder, access, &raw const attributes) };
        opened.ok().map_err(failed("opening the session's named objects"))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // SAFETY: opened above and closed once. A failure leaves nothing to do.
        let _ = unsafe { CloseHandle(self.0) };
    }
}
