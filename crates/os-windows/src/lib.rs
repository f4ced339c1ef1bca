//! Safe wrappers round Win32, and the only crate beside the credential provider with `unsafe`
//! code. On other systems it holds only what is pure, so that it can be tested there.
//!
//! It must not decide anything: what a service does, who may read which file and what is worth
//! an event is said by its callers.

pub mod access;
#[cfg(windows)]
pub mod account;
pub mod chip;
pub mod command;
#[cfg(windows)]
pub mod desktop;
#[cfg(windows)]
pub mod event_log;
pub mod events;
#[cfg(windows)]
pub mod machine;
#[cfg(windows)]
pub mod pipe;
pub mod policy;
#[cfg(windows)]
pub mod process;
#[cfg(windows)]
pub mod service;
#[cfg(windows)]
pub mod stdio;
#[cfg(windows)]
pub mod token;

/// A call into Windows that failed.
#[cfg(windows)]
fn failed(doing: &'static str) -> impl FnOnce(windows::core::Error) -> std::io::Error {
    move |error| {
        let kind = std::io::Error::from_raw_os_error(error.code().0 & 0xFFFF).kind();
        std::io::Error::new(kind, format!("{doing}: {}", error.message()))
    }
}
