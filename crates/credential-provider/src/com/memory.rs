//! Memory that changes hands: Windows frees what it is given with `CoTaskMemFree`, and so do we.

use std::ffi::c_void;

use windows::{
    Win32::{
        Foundation::E_OUTOFMEMORY,
        System::Com::{CoTaskMemAlloc, CoTaskMemFree},
    },
    core::{PCWSTR, PWSTR, Result},
};

/// A text that the caller frees.
pub(super) fn text(text: &str) -> Result<PWSTR> {
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_ne_bytes()).collect();
    Ok(PWSTR(block(&bytes)?.cast()))
}

/// Bytes that the caller frees.
pub(super) fn block(bytes: &[u8]) -> Result<*mut u8> {
    // SAFETY: asks for memory, no more.
    let memory = unsafe { CoTaskMemAlloc(bytes.len()) }.cast::<u8>();
    if memory.is_null() {
        return Err(E_OUTOFMEMORY.into());
    }
    // SAFETY: just made with this many bytes, and nobody else knows it.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory, bytes.len()) };
    Ok(memory)
}

/// One value that the caller frees.
pub(super) fn value<T: Copy>(value: T) -> Result<*mut T> {
    // SAFETY: asks for memory, no more; it is aligned for every type of Windows.
    let memory = unsafe { CoTaskMemAlloc(size_of::<T>()) }.cast::<T>();
    if memory.is_null() {
        return Err(E_OUTOFMEMORY.into());
    }
    // SAFETY: just made, of the size of `T`.
    unsafe { memory.write(value) };
    Ok(memory)
}

/// Takes a text that Windows gave and frees it; none when it gave none.
pub(super) fn take(text: PWSTR) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, and ends with a zero as every text that Windows gives.
    let taken = unsafe { text.to_string() }.ok();
    // SAFETY: Windows gave it to be freed by us, and nobody reads it any more.
    unsafe { CoTaskMemFree(Some(text.0.cast::<c_void>())) };
    taken
}

/// The characters of a text that stays Windows' own; nothing when there is none.
///
/// # Safety
/// `text` is null or ends with a zero, and is not changed meanwhile.
pub(super) unsafe fn units(text: &PCWSTR) -> &[u16] {
    if text.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { text.as_wide() }
}
