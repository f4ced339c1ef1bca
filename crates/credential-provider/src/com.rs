//! The COM layer: what LogonUI calls, each call one guarded step into the pure parts. Holds no
//! rules of its own.
//!
//! Everything here lives on the screen's thread. The worker's thread reaches it by a message to a
//! window without a face, which that thread's own loop delivers: nothing is called across
//! threads, and a message to a window that is gone is lost without harm.
#![expect(unsafe_code, reason = "Windows calls in here, and is called")]

mod credential;
mod factory;
mod memory;
mod picture;
mod pipe;
mod provider;
mod screen;
mod sign_in;
mod system;
mod window;

use std::ffi::c_void;

use windows::{
    Win32::{
        Foundation::{CLASS_E_CLASSNOTAVAILABLE, E_FAIL, E_POINTER, S_FALSE, S_OK},
        System::Com::IClassFactory,
    },
    core::{Error, GUID, HRESULT, Interface as _, Result},
};

use crate::{
    guard::GUARD,
    sentinel::{Sentinel, Verdict, counts},
};

/// `protocol::host::tile::CLASS` as Windows compares it.
const CLASS: GUID = GUID::from_u128(0x9A7C1E52_6B0D_4F38_8E21_5D3B7A40C6F1);

/// Every call from outside goes through here: a panic becomes `E_FAIL`, and so does every call
/// after one.
fn guarded<T>(name: &'static str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    // `Error` asks Windows for details when it is made; a plain number does not.
    let answer = GUARD.call(name, None, || body().map_err(Some));
    answer.map_err(|error| error.unwrap_or_else(|| Error::from_hresult(E_FAIL)))
}

/// The same for what takes something back, which is done after a panic as well.
fn guarded_end(name: &'static str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    let answer = GUARD.let_go(name, None, || body().map_err(Some));
    answer.map_err(|error| error.unwrap_or_else(|| Error::from_hresult(E_FAIL)))
}

/// What is asked for a second time while it is being answered, or is held elsewhere.
fn busy<E>(_: E) -> Error {
    Error::from_hresult(windows::Win32::Foundation::E_UNEXPECTED)
}

fn is_the_screen() -> bool {
    system::program().is_some_and(|program| counts(&program))
}

/// Of the sign-in screen alone: a prompt that lives on says nothing of the screen.
fn sentinel() -> Option<Sentinel> {
    let folder = system::program_data()?.join(protocol::host::tile::FOLDER);
    is_the_screen().then(|| Sentinel::new(folder, env!("CARGO_PKG_VERSION")))
}

/// Windows wants our class. Also in programs that ask for a password, so it does nothing but
/// make it, and in the sign-in screen counts.
///
/// # Safety
/// As Windows calls it: `class` and `interface` are readable, `object` is writable.
#[unsafe(no_mangle)]
unsafe extern "system" fn DllGetClassObject(
    class: *const GUID,
    interface: *const GUID,
    object: *mut *mut c_void,
) -> HRESULT {
    if GUARD.has_faulted() {
        return CLASS_E_CLASSNOTAVAILABLE;
    }
    let made = guarded("DllGetClassObject", || {
        if class.is_null() || interface.is_null() || object.is_null() {
            return Err(E_POINTER.into());
        }
        // SAFETY: not null, and writable as the caller says.
        unsafe { object.write(std::ptr::null_mut()) };
        // SAFETY: not null, and readable as the caller says.
        if unsafe { class.read() } != CLASS {
            return Err(CLASS_E_CLASSNOTAVAILABLE.into());
        }
        if is_the_screen() && sentinel().is_none_or(|sentinel| sentinel.load() == Verdict::Refuse) {
            return Err(CLASS_E_CLASSNOTAVAILABLE.into());
        }
        let factory: IClassFactory = factory::Factory.into();
        // SAFETY: both were looked at above.
        unsafe { factory.query(interface, object) }.ok()
    });
    made.map_or_else(Into::into, |()| S_OK)
}

/// Never: a thread of ours, or a message under way, may still need the code.
#[unsafe(no_mangle)]
extern "system" fn DllCanUnloadNow() -> HRESULT {
    S_FALSE
}
