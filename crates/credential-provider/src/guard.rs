//! The one door of every call from outside: a panic ends here, and after one this library
//! serves nobody until the sign-in screen starts anew.
//!
//! A panic that left a function called by Windows would end LogonUI, which would start again,
//! load us again and end again. Must hold no logic but this.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
};

/// Whether a call ever panicked.
pub struct Guard {
    faulted: AtomicBool,
}

/// The one of this process: whatever panicked, all of the library is in doubt.
pub static GUARD: Guard = Guard::new();

impl Guard {
    /// One that has seen nothing.
    pub const fn new() -> Self {
        Self { faulted: AtomicBool::new(false) }
    }

    /// Runs one call from outside. `panicked` is what its caller gets when it does.
    ///
    /// # Errors
    /// The body's own, or `panicked`.
    pub fn call<T, E>(
        &self,
        name: &'static str,
        panicked: E,
        body: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        // What a panic left half done is not looked at again: `has_faulted` stops it.
        let caught = catch_unwind(AssertUnwindSafe(|| {
            injected::panic_at(name);
            body()
        }));
        caught.unwrap_or_else(|payload| {
            self.faulted.store(true, Ordering::SeqCst);
            // Dropping it may run code that panics again.
            std::mem::forget(payload);
            Err(panicked)
        })
    }

    /// Whether one panicked: then nothing is offered any more.
    pub fn has_faulted(&self) -> bool {
        self.faulted.load(Ordering::SeqCst)
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(feature = "harness"))]
mod injected {
    #[inline]
    pub(super) fn panic_at(_: &'static str) {}
}

/// For the harness alone: panics in the call that the environment names.
#[cfg(feature = "harness")]
mod injected {
    pub(super) fn panic_at(name: &'static str) {
        let is_named = std::env::var_os("REGAIN_PANIC_AT").is_some_and(|at| at == name);
        assert!(!is_named, "injected at {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_answer_and_is_remembered() {
        let guard = Guard::new();
        assert_eq!(guard.call("fine", -1, || Ok(1)), Ok(1));
        assert_eq!(guard.call("refuses", -1, || Err::<(), _>(2)), Err(2));
        assert!(!guard.has_faulted());
        assert_eq!(guard.call("breaks", -1, || -> Result<(), _> { panic!("broken") }), Err(-1));
        assert!(guard.has_faulted());
    }

    #[test]
    fn even_one_whose_message_panics_when_it_is_dropped() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let guard = Guard::new();
        let answer: Result<(), _> = guard.call("breaks", -1, || std::panic::panic_any(Bomb));
        assert_eq!(answer, Err(-1));
        assert!(guard.has_faulted());
    }
}
