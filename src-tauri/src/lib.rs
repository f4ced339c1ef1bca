//! The app that walks a locked-out person back in: start-up only.
//!
//! The order matters for how soon the first field is drawn: settings, then the first calls to
//! the service in the background, then the window, which waits for nobody.

mod command_line;
mod controller;
mod policy;
mod proof;
mod resume;
mod seal;
mod service_client;
mod view;

#[cfg(feature = "window")]
mod commands;
#[cfg(feature = "window")]
mod language;
#[cfg(feature = "window")]
mod lockdown;
#[cfg(feature = "window")]
mod window;

pub use crate::{
    command_line::{Asked, CommandLine, Mode},
    controller::{
        AcceptsNewPassword, Clock, Controller, Device, Face, Greeting, Patience, Refusal,
        SIGN_OF_LIFE, Started, Typed, system_randomness,
    },
    policy::{Policy, PolicyError},
    service_client::Why,
    view::AnyView,
};

/// Reads command line and settings and runs until the window is closed.
#[cfg(feature = "window")]
pub fn main() -> std::process::ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let words = match Asked::read(std::env::args_os().skip(1)) {
        Ok(Asked::Run(command_line)) => return window::run(&command_line),
        Ok(Asked::Words(words)) => words,
        Err(mistake) => return command_line::complain(&mistake),
    };
    command_line::say(&words)
}
