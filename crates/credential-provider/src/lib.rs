//! The credential provider: Regain's tile on the Windows sign-in screen.
//!
//! It runs in LogonUI, as the system, before anybody is signed in. So it only draws and asks:
//! it has no network, computes nothing secret, starts no process and never lets the screen wait.
//! What it knows comes from the host over one pipe (`protocol::host::tile`); everything but the
//! COM layer (`com`, Windows alone) is pure and tested on any system. It adds tiles and takes
//! none away: it is no filter, and the system's own providers stay as they are.

pub mod fields;
pub mod grant;
pub mod guard;
pub mod host;
pub mod kerb;
pub mod scenario;
pub mod sentinel;
pub mod tile;
pub mod users;
pub mod words;
pub mod worker;

#[cfg(windows)]
mod com;

// Without tables for unwinding a panic would end LogonUI, whatever `guard` does.
#[cfg(all(windows, not(panic = "unwind")))]
compile_error!("the credential provider must be built with panic = \"unwind\"");
