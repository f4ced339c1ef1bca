//! The app that walks a locked-out person back in: start-up only.
//!
//! The order matters for how soon the first field is drawn: settings, then the first calls to
//! the service in the background, then the window, which waits for nobody.

mod command_line;
mod controller;
mod host_link;
mod hosted;
mod policy;
mod proof;
mod report;
mod resume;
mod seal;
mod service_client;
mod tile;
mod view;
mod windowless;
mod words;

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
        Clock, Controller, Face, Greeting, Leave, Patience, Refusal, SIGN_OF_LIFE, Started, Typed,
        system_randomness,
    },
    host_link::{HostLink, LinkError, OpenError, Stop},
    hosted::{AcceptsNewPassword, Hosted},
    policy::{Policy, PolicyError},
    service_client::Why,
    view::AnyView,
    windowless::run as run_without_window,
};

/// Reads command line and settings and runs until the window is closed.
#[cfg(feature = "window")]
pub fn main() -> std::process::ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let words = match Asked::read(std::env::args_os().skip(1)) {
        Ok(Asked::Run(command_line)) if command_line.host => return hosted(&command_line),
        Ok(Asked::Run(command_line)) => return window::run(&command_line),
        Ok(Asked::Words(words)) => words,
        Err(mistake) => return command_line::complain(&mistake),
    };
    command_line::say(&words)
}

/// Runs as what the host says.
#[cfg(feature = "window")]
fn hosted(command_line: &CommandLine) -> std::process::ExitCode {
    use protocol::host::app;

    let (link, hello) = match HostLink::open() {
        Ok(opened) => opened,
        Err(error) => return command_line::complain(&error.to_string()),
    };
    link.leave_in_time();
    match hello.mode {
        app::Mode::SignIn | app::Mode::Setup => window::run_hosted(command_line, link, &hello),
        app::Mode::Tile | app::Mode::Report => without_window(command_line, &link, &hello),
    }
}

#[cfg(feature = "window")]
fn without_window(
    command_line: &CommandLine,
    link: &HostLink,
    hello: &protocol::host::app::Hello,
) -> std::process::ExitCode {
    let done = Policy::load(command_line.policy.as_deref())
        .map_err(|mistake| mistake.to_string())
        .and_then(|policy| {
            let rng = system_randomness();
            let rng = rng.map_err(|error| format!("the system has no randomness: {error}"))?;
            run_without_window(link, hello, policy, window::system_clock(), rng)
        });
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(mistake) => command_line::complain(&mistake),
    }
}
