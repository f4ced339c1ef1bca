//! The window without a face by which the worker's news reach the screen's thread.

use std::{
    ffi::c_void,
    mem::ManuallyDrop,
    rc::{Rc, Weak},
    sync::Once,
    time::Duration,
};

use windows::{
    Win32::{
        Foundation::{HINSTANCE, HWND, LPARAM, LRESULT, WPARAM},
        System::LibraryLoader::{
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
            GetModuleHandleExW,
        },
        UI::WindowsAndMessaging::{
            CreateWindowExW, DefWindowProcW, DestroyWindow, GWLP_USERDATA, GetWindowLongPtrW,
            HWND_MESSAGE, KillTimer, PostMessageW, RegisterClassW, SetTimer, SetWindowLongPtrW,
            WINDOW_EX_STYLE, WINDOW_STYLE, WM_APP, WM_TIMER, WNDCLASSW,
        },
    },
    core::{PCWSTR, Result, w},
};

use super::{guarded, screen::Screen};

const NEWS: u32 = WM_APP + 0x52;
const NAME: PCWSTR = w!("RegainTile");
const TIMER: usize = 1;

/// The window, of the thread that made it.
pub(super) struct Window {
    handle: HWND,
}

/// Rings at it, from any thread.
#[derive(Clone, Copy)]
pub(super) struct Bell(isize);

impl Bell {
    /// News are there. A window that is gone hears nothing.
    pub(super) fn ring(self) {
        let handle = HWND(self.0 as *mut c_void);
        // SAFETY: a message without pointers; Windows looks whether there is such a window.
        let _ = unsafe { PostMessageW(Some(handle), NEWS, WPARAM(0), LPARAM(0)) };
    }
}

impl Window {
    /// Makes it for this screen.
    pub(super) fn new(screen: &Rc<Screen>) -> Result<Self> {
        let module = module()?;
        register(module);
        // SAFETY: the class is registered, its procedure is ours; a window for messages alone.
        let handle = unsafe {
            CreateWindowExW(
                WINDOW_EX_STYLE(0),
                NAME,
                PCWSTR::null(),
                WINDOW_STYLE(0),
                0,
                0,
                0,
                0,
                Some(HWND_MESSAGE),
                None,
                Some(module),
                None,
            )
        }?;
        // Given back by `drop`.
        let screen = Rc::downgrade(screen).into_raw();
        // SAFETY: the window is ours, and what it keeps is a number.
        unsafe { SetWindowLongPtrW(handle, GWLP_USERDATA, screen as isize) };
        Ok(Self { handle })
    }

    /// How others ring.
    pub(super) fn bell(&self) -> Bell {
        Bell(self.handle.0 as isize)
    }

    /// Wakes the screen once after this time.
    pub(super) fn wake(&self, after: Duration) {
        let millis = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: the window is ours; no procedure of its own.
        unsafe { SetTimer(Some(self.handle), TIMER, millis, None) };
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the window is ours.
        let screen = unsafe { SetWindowLongPtrW(self.handle, GWLP_USERDATA, 0) };
        if screen != 0 {
            // SAFETY: from `into_raw` in `new`, and taken back once.
            drop(unsafe { Weak::from_raw(screen as *const Screen) });
        }
        // SAFETY: the window is ours, on the thread that made it.
        let _ = unsafe { DestroyWindow(self.handle) };
    }
}

/// This library, wherever it was loaded to.
fn module() -> Result<HINSTANCE> {
    let flags =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    let mut module = Default::default();
    let address = PCWSTR(std::ptr::from_ref(&REGISTERED).cast());
    // SAFETY: an address in this library stands for it; Windows writes one handle.
    unsafe { GetModuleHandleExW(flags, address, &raw mut module) }?;
    Ok(module.into())
}

static REGISTERED: Once = Once::new();

fn register(module: HINSTANCE) {
    REGISTERED.call_once(|| {
        let class = WNDCLASSW {
            lpfnWndProc: Some(procedure),
            hInstance: module,
            lpszClassName: NAME,
            ..Default::default()
        };
        // A failure shows when the window is made.
        // SAFETY: the class lives until the call returns; the library is never unloaded.
        unsafe { RegisterClassW(&raw const class) };
    });
}

/// # Safety
/// As Windows calls it.
unsafe extern "system" fn procedure(
    window: HWND,
    message: u32,
    wide: WPARAM,
    long: LPARAM,
) -> LRESULT {
    if message == NEWS || message == WM_TIMER {
        // A panic was noted; the message is gone either way.
        let _ = guarded("WindowProcedure", || {
            // SAFETY: a number that the window keeps.
            let screen = unsafe { GetWindowLongPtrW(window, GWLP_USERDATA) };
            if screen == 0 {
                return Ok(());
            }
            // SAFETY: from `into_raw` in `new`; it stays the window's own.
            let screen = ManuallyDrop::new(unsafe { Weak::from_raw(screen as *const Screen) });
            let Some(screen) = screen.upgrade() else {
                return Ok(());
            };
            if message == NEWS {
                screen.hear_news();
            } else {
                // SAFETY: the timer is this window's.
                let _ = unsafe { KillTimer(Some(window), TIMER) };
                screen.expire();
            }
            Ok(())
        });
        return LRESULT(0);
    }
    // SAFETY: handed on as it came.
    unsafe { DefWindowProcW(window, message, wide, long) }
}
