//! Named pipes of this machine, with a deadline at each step, and who is at their other end.
//!
//! A name is taken by whoever makes its first instance: the server refuses to be a second one,
//! takes nobody from other machines and lets in only whom its list names; the client lets nobody
//! act in its name. Whether the peer is the right one is decided by callers, from
//! [`Pipe::client`] and [`Pipe::server_process`].
#![expect(unsafe_code, reason = "pipes are handles of Windows")]

use std::{
    io,
    os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use windows::{
    Win32::{
        Foundation::{
            ERROR_BROKEN_PIPE, ERROR_IO_PENDING, ERROR_OPERATION_ABORTED, ERROR_PIPE_BUSY,
            ERROR_PIPE_CONNECTED, GENERIC_READ, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE,
            WAIT_OBJECT_0,
        },
        Security::SECURITY_ATTRIBUTES,
        Storage::FileSystem::{
            CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_SHARE_NONE,
            OPEN_EXISTING, PIPE_ACCESS_DUPLEX, ReadFile, SECURITY_IDENTIFICATION,
            SECURITY_SQOS_PRESENT, WriteFile,
        },
        System::{
            IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED},
            Pipes::{
                ConnectNamedPipe, CreateNamedPipeW, GetNamedPipeClientProcessId,
                GetNamedPipeClientSessionId, GetNamedPipeServerProcessId, PIPE_READMODE_BYTE,
                PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_WAIT, WaitNamedPipeW,
            },
            Threading::{CreateEventW, INFINITE, ResetEvent, SetEvent, WaitForMultipleObjects},
        },
    },
    core::{Error, HRESULT, HSTRING, PCWSTR},
};

use crate::{
    access::{Sid, with_descriptor},
    failed,
};

/// Most peers at once.
const INSTANCES: u32 = 16;
/// Bytes that Windows keeps for a slow reader: two frames of 4 KiB.
const BUFFER: u32 = 8192;

/// Something that is waited for, by any thread.
#[derive(Debug)]
pub struct Event(OwnedHandle);

impl Event {
    /// One that has not happened.
    ///
    /// # Errors
    /// When Windows has no handles left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers but the absent name.
        let handle = unsafe { CreateEventW(None, true, false, PCWSTR::null()) }
            .map_err(failed("making an event"))?;
        // SAFETY: just made, and owned by nobody else.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle.0) }))
    }

    /// It happened.
    pub fn set(&self) {
        // SAFETY: the handle is open. It cannot fail for an event of ours.
        let _ = unsafe { SetEvent(handle_of(&self.0)) };
    }

    /// Waits for it: whether it happened within this time.
    pub fn wait(&self, within: Duration) -> bool {
        // SAFETY: the handle is open.
        let waited =
            unsafe { WaitForMultipleObjects(&[handle_of(&self.0)], false, millis(within)) };
        waited == WAIT_OBJECT_0
    }

    fn reset(&self) {
        // SAFETY: as above.
        let _ = unsafe { ResetEvent(handle_of(&self.0)) };
    }
}

fn handle_of(owned: &OwnedHandle) -> HANDLE {
    HANDLE(owned.as_raw_handle())
}

/// The end at which others arrive.
#[derive(Debug)]
pub struct Server {
    name: HSTRING,
    trusted: Vec<Sid>,
    /// The instance that nobody has connected to yet.
    next: Mutex<Option<OwnedHandle>>,
}

impl Server {
    /// Takes the name. Only `trusted` may open it.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] when somebody else has the name already.
    pub fn bind(name: &str, trusted: &[Sid]) -> io::Result<Self> {
        let name = HSTRING::from(name);
        let first = instance(&name, trusted, true)?;
        Ok(Self { name, trusted: trusted.to_vec(), next: Mutex::new(Some(first)) })
    }

    /// The next peer; `None` once `stop` happened.
    ///
    /// # Errors
    /// When Windows refuses; the next call tries again.
    pub fn accept(&self, stop: &Event) -> io::Result<Option<Pipe>> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let here = match next.take() {
            Some(here) => here,
            None => instance(&self.name, &self.trusted, false)?,
        };
        let pipe = Pipe::new(here)?;
        let connected = pipe.overlapped(&pipe.reading, None, Some(stop), |overlapped| {
            // SAFETY: the handle is open, and `overlapped` outlives the call as its caller says.
            unsafe { ConnectNamedPipe(handle_of(&pipe.handle), Some(overlapped)) }
        });
        match connected {
            Ok(_) => {}
            // Somebody was faster than this call.
            Err(error) if is(&error, ERROR_PIPE_CONNECTED.to_hresult()) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => return Ok(None),
            Err(error) => return Err(error),
        }
        // Before this peer is served, so that the name is never free in between.
        *next = instance(&self.name, &self.trusted, false).ok();
        Ok(Some(pipe))
    }
}

fn instance(name: &HSTRING, trusted: &[Sid], is_first: bool) -> io::Result<OwnedHandle> {
    let first = if is_first { FILE_FLAG_FIRST_PIPE_INSTANCE } else { Default::default() };
    let list: String = trusted.iter().map(|sid| format!("(A;;GA;;;{})", sid.as_str())).collect();
    with_descriptor(&format!("D:P{list}"), |descriptor| {
        let attributes = SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
            lpSecurityDescriptor: descriptor,
            bInheritHandle: false.into(),
        };
        // SAFETY: name and attributes live until the call returns.
        let handle = unsafe {
            CreateNamedPipeW(
                name,
                PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
                PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
                INSTANCES,
                BUFFER,
                BUFFER,
                0,
                Some(&raw const attributes),
            )
        };
        if handle == INVALID_HANDLE_VALUE {
            return Err(failed("making a pipe")(Error::from_thread()));
        }
        // SAFETY: just made, and owned by nobody else.
        Ok(unsafe { OwnedHandle::from_raw_handle(handle.0) })
    })
}

/// Opens a pipe of this machine. Waits for a free instance, at most this long.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when nobody has the name, [`io::ErrorKind::TimedOut`] when its
/// owner takes nobody.
pub fn connect(name: &str, within: Duration) -> io::Result<Pipe> {
    let name = HSTRING::from(name);
    match open(&name) {
        Err(error) if is(&error, ERROR_PIPE_BUSY.to_hresult()) => {
            // Zero would be the server's own idea of patience.
            // SAFETY: the name lives until the call returns.
            let free = unsafe { WaitNamedPipeW(&name, millis(within).max(1)) };
            if !free.as_bool() {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the pipe takes nobody"));
            }
            open(&name)
        }
        opened => opened,
    }
}

fn open(name: &HSTRING) -> io::Result<Pipe> {
    // SAFETY: the name lives until the call returns.
    let handle = unsafe {
        CreateFileW(
            name,
            GENERIC_READ.0 | GENERIC_WRITE.0,
            FILE_SHARE_NONE,
            None,
            OPEN_EXISTING,
            // A false server must not act in our name.
            FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
            None,
        )
    }
    .map_err(|error| raw(&error))?;
    // SAFETY: just opened, and owned by nobody else.
    Pipe::new(unsafe { OwnedHandle::from_raw_handle(handle.0) })
}

/// Who opened a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The process.
    pub process: u32,
    /// Its session.
    pub session: u32,
}

/// One connection, either end. One thread may read while another writes.
#[derive(Debug)]
pub struct Pipe {
    handle: OwnedHandle,
    closing: Event,
    reading: Mutex<Event>,
    writing: Mutex<Event>,
}

impl Pipe {
    fn new(handle: OwnedHandle) -> io::Result<Self> {
        let event = || Event::new().map(Mutex::new);
        Ok(Self { handle, closing: Event::new()?, reading: event()?, writing: event()? })
    }

    /// Who opened it, at the server's end.
    ///
    /// # Errors
    /// When it is gone.
    pub fn client(&self) -> io::Result<Client> {
        let (mut process, mut session) = (0, 0);
        // SAFETY: the handle is open; Windows writes one number.
        unsafe { GetNamedPipeClientProcessId(handle_of(&self.handle), &raw mut process) }
            .map_err(failed("asking who opened the pipe"))?;
        // SAFETY: as above.
        unsafe { GetNamedPipeClientSessionId(handle_of(&self.handle), &raw mut session) }
            .map_err(failed("asking who opened the pipe"))?;
        Ok(Client { process, session })
    }

    /// Whose it is, at the client's end.
    ///
    /// # Errors
    /// When it is gone.
    pub fn server_process(&self) -> io::Result<u32> {
        let mut process = 0;
        // SAFETY: the handle is open; Windows writes one number.
        unsafe { GetNamedPipeServerProcessId(handle_of(&self.handle), &raw mut process) }
            .map_err(failed("asking whose pipe it is"))?;
        Ok(process)
    }

    /// Reads what is there, at least one byte; 0 when the peer has closed it.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when nothing came within this time; then nothing was read.
    pub fn read(&self, buffer: &mut [u8], within: Option<Duration>) -> io::Result<usize> {
        let handle = handle_of(&self.handle);
        let read = self.overlapped(&self.reading, within, None, |overlapped| {
            // SAFETY: buffer and `overlapped` stay where they are until the call is over, which
            // `overlapped` waits for.
            unsafe { ReadFile(handle, Some(buffer), None, Some(overlapped)) }
        });
        match read {
            Err(error) if is(&error, ERROR_BROKEN_PIPE.to_hresult()) => Ok(0),
            read => read,
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when the peer did not take it within this time; then part of
    /// it may be on its way, and the pipe is good for nothing more.
    pub fn write_all(&self, mut bytes: &[u8], within: Option<Duration>) -> io::Result<()> {
        let handle = handle_of(&self.handle);
        while !bytes.is_empty() {
            let written = self.overlapped(&self.writing, within, None, |overlapped| {
                // SAFETY: as in `read`.
                unsafe { WriteFile(handle, Some(bytes), None, Some(overlapped)) }
            })?;
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends every wait at this end, now and later. The peer may still read what was written, once
    /// nobody holds this end any more.
    pub fn close(&self) {
        self.closing.set();
    }

    /// This pipe for readers and writers that know no time: each step takes at most this long.
    pub fn within(&self, within: Option<Duration>) -> Timed<'_> {
        Timed { pipe: self, within }
    }

    /// Begins something, waits for its end, for `stop` or for the deadline, and in each case
    /// until Windows has let go of what it was given.
    fn overlapped(
        &self,
        event: &Mutex<Event>,
        within: Option<Duration>,
        stop: Option<&Event>,
        begin: impl FnOnce(*mut OVERLAPPED) -> windows::core::Result<()>,
    ) -> io::Result<usize> {
        let event = event.lock().unwrap_or_else(PoisonError::into_inner);
        event.reset();
        let done = handle_of(&event.0);
        let mut overlapped = OVERLAPPED { hEvent: done, ..Default::default() };
        match begin(&raw mut overlapped) {
            Ok(()) => {}
            Err(error) if error.code() == ERROR_IO_PENDING.to_hresult() => {}
            Err(error) => return Err(raw(&error)),
        }
        let waited: Vec<HANDLE> = [done, handle_of(&self.closing.0)]
            .into_iter()
            .chain(stop.map(|stop| handle_of(&stop.0)))
            .collect();
        // SAFETY: all handles are open.
        let which =
            unsafe { WaitForMultipleObjects(&waited, false, within.map_or(INFINITE, millis)) };
        let handle = handle_of(&self.handle);
        if which != WAIT_OBJECT_0 {
            // SAFETY: the handle is open, and `overlapped` is the one begun with. What was over
            // in the meantime cannot be cancelled any more.
            let _ = unsafe { CancelIoEx(handle, Some(&raw const overlapped)) };
        }
        let mut moved = 0;
        // SAFETY: as above; waits until Windows is done with buffer and `overlapped`.
        let over =
            unsafe { GetOverlappedResult(handle, &raw const overlapped, &raw mut moved, true) };
        match over {
            Ok(()) => usize::try_from(moved).map_err(io::Error::other),
            Err(error) if error.code() == ERROR_OPERATION_ABORTED.to_hresult() => {
                let told = (1..=2).any(|at| which.0 == WAIT_OBJECT_0.0 + at);
                Err(if told {
                    io::Error::new(io::ErrorKind::ConnectionAborted, "closed at this end")
                } else {
                    io::Error::new(io::ErrorKind::TimedOut, "the peer is too slow")
                })
            }
            Err(error) => Err(raw(&error)),
        }
    }
}

/// A pipe whose every step has a limit.
#[derive(Debug)]
pub struct Timed<'a> {
    pipe: &'a Pipe,
    within: Option<Duration>,
}

impl io::Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pipe.read(buffer, self.within)
    }
}

impl io::Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe.write_all(bytes, self.within)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(INFINITE - 1)
}

/// Keeps the number, which callers here look at.
fn raw(error: &Error) -> io::Error {
    io::Error::from_raw_os_error(error.code().0 & 0xFFFF)
}

fn is(error: &io::Error, code: HRESULT) -> bool {
    error.raw_os_error() == Some(code.0 & 0xFFFF)
}
