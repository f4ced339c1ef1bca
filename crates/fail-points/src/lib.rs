//! Named points at which a test may end a part of the product, or have its disk fail.
//!
//! Agent and service name the points on the way of an operation, one line each. Without the
//! feature `armed`, which only the packages of tests switch on, a point is an empty inline
//! function. With it, a point asks the plan of its own thread, so that many parts, each on a
//! thread of its own, are failed independently in one process. Must not decide anything itself.

#[cfg(feature = "armed")]
mod armed;
#[cfg(feature = "armed")]
pub use armed::{Entered, Handle, Plan, handle, io, point};

/// A point that a task passes. In a test it may never return: the part has ended there.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn point(_: &'static str) -> std::future::Ready<()> {
    std::future::ready(())
}

/// A point where a thread asks the disk for something. In a test it may fail or never return.
///
/// # Errors
/// Never, outside tests.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn io(_: &'static str) -> std::io::Result<()> {
    Ok(())
}

/// What a part takes along to a thread that it starts.
#[cfg(not(feature = "armed"))]
#[derive(Clone, Copy)]
pub struct Handle;

/// The plan of this thread, to take along.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn handle() -> Handle {
    Handle
}

#[cfg(not(feature = "armed"))]
impl Handle {
    /// Makes it this thread's plan, for as long as the answer lives.
    #[inline]
    #[must_use]
    pub fn enter(self) -> Self {
        self
    }
}
