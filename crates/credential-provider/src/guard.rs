//! The one door of every call from outside: a panic ends here, and after one this library
//! serves nobody until the sign-in screen starts anew: every call is answered as faulted, and what
//! the panic left half done is not looked at again.
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

    /// Runs one call from outside. `faulted` is what its caller gets when it panics, or when one
    /// before it did.
    ///
    /// # Errors
    /// The body's own, or `faulted`.
    pub fn call<T, E>(
        &self,
        name: &'static str,
        faulted: E,
        body: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.has_faulted() {
            return Err(faulted);
        }
        self.caught(name, faulted, body)
    }

    /// The same for a call that takes something back: that is done after a panic as well, because
    /// what was given must not be used any more.
    ///
    /// # Errors
    /// As before.
    pub fn let_go<E: Clone>(
        &self,
        name: &'static str,
        faulted: E,
        body: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let had_faulted = self.has_faulted();
        let answer = self.caught(name, faulted.clone(), body);
        if had_faulted { Err(faulted) } else { answer }
    }

    fn caught<T, E>(
        &self,
        name: &'static str,
        faulted: E,
        body: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            injected::panic_at(name);
            body()
        }));
        caught.unwrap_or_else(|payload| {
            self.faulted.store(true, Ordering::SeqCst);
            // Dropping it may run code that panics again.
            std::mem::forget(payload);
            Err(faulted)
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
        // Nothing runs any more but what takes back, and that says so as well.
        assert_eq!(guard.call("fine", -1, || Ok(1)), Err(-1));
        let mut is_back = false;
        let answer = guard.let_go("back", -1, || {
            is_back = true;
            Ok(())
        });
        assert_eq!((answer, is_back), (Err(-1), true));
        assert_eq!(guard.let_go("breaks", -1, || panic!("again")), Err(-1));
    }

    #[test]
    fn what_takes_back_answers_as_any_other() {
        let guard = Guard::new();
        assert_eq!(guard.let_go("fine", -1, || Ok(())), Ok(()));
        assert_eq!(guard.let_go("refuses", -1, || Err(2)), Err(2));
        assert_eq!(guard.let_go("breaks", -1, || panic!("broken")), Err(-1));
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
