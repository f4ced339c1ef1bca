//! Standard input and output of a process that another program talks with over them.
#![expect(unsafe_code, reason = "standard handles are of the whole process")]

use std::{
    fs::File,
    io,
    os::windows::io::{AsHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle},
};

use windows::Win32::{
    Foundation::HANDLE,
    System::Console::{
        GetStdHandle, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle,
    },
};

use crate::failed;

/// Takes both over: from then on nobody else in this process reads or writes there, and no
/// process that it starts has them. To be called once, before anything else uses them.
///
/// # Errors
/// When there are none, or Windows refuses.
pub fn take() -> io::Result<(File, File)> {
    // Copies are never inherited.
    let input = copy(io::stdin().as_handle())?;
    let output = copy(io::stdout().as_handle())?;
    close(STD_INPUT_HANDLE)?;
    close(STD_OUTPUT_HANDLE)?;
    Ok((input, output))
}

fn copy(handle: BorrowedHandle<'_>) -> io::Result<File> {
    handle.try_clone_to_owned().map(File::from)
}

fn close(which: STD_HANDLE) -> io::Result<()> {
    // SAFETY: no pointers.
    let handle = unsafe { GetStdHandle(which) }.map_err(failed("asking for a standard handle"))?;
    // SAFETY: no pointers; whoever uses it from now on finds none, which the library allows for.
    unsafe { SetStdHandle(which, HANDLE::default()) }
        .map_err(failed("taking a standard handle over"))?;
    // SAFETY: nobody finds it any more, and nobody took it before: that is this call's condition.
    drop(unsafe { OwnedHandle::from_raw_handle(handle.0) });
    Ok(())
}
