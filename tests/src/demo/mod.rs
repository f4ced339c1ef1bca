//! The demo: an organisation on this machine, a locked-out person, and the app. First what is
//! quick (service, portal, mailbox), then the app while it compiles, then the window: for a
//! person to try, or (`--headless`) driven through unlock and reset with a picture of each
//! page and a report.
//!
//! Whether something happened is asked of the directory, never of the service's answer.

mod arguments;
mod headless;
mod story;
mod terminal;
mod window;

use std::{process::ExitCode, thread};

use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use self::{arguments::Arguments, terminal::say};
use crate::{
    harness::{
        organisation::Organisation,
        people::{ANNA, BEN, CARLA},
    },
    lab::{process, run_folder, wait::Stopwatch},
};

/// The demo's entry.
pub fn main() -> ExitCode {
    match Arguments::read().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("The demo stopped: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    end_all_on_a_signal()?;
    let clock = Clock { before_ms: arguments.elapsed_ms, since: Stopwatch::start() };
    let organisation = open_organisation(arguments)?;
    let first_page_s = clock.seconds();
    story::addresses(&organisation, first_page_s);
    if arguments.headless {
        return headless::run(arguments, &organisation, &clock, first_page_s);
    }
    window::run(arguments, &organisation)
}

/// Starts the organisation and puts its people into the state that the story tells.
fn open_organisation(arguments: &Arguments) -> Result<Organisation> {
    let people = [ANNA, BEN, CARLA];
    let organisation = if arguments.ad {
        say("Starting an Active Directory domain, an agent, the service and a mail server ...");
        Organisation::active_directory(&people)
    } else {
        say("Starting the service and a mail server ...");
        Organisation::embedded(&people)
    }?;
    organisation.lock(&ANNA)?;
    Ok(organisation)
}

/// Time since `cargo xtask demo` was typed.
struct Clock {
    before_ms: u64,
    since: Stopwatch,
}

impl Clock {
    /// In seconds, rounded to tenths.
    fn seconds(&self) -> f64 {
        let ms = u128::from(self.before_ms) + self.since.elapsed().as_millis();
        f64::from(u32::try_from(ms / 100).unwrap_or(u32::MAX)) / 10.0
    }
}

/// Ctrl-C and friends end every program of the demo before the demo itself.
fn end_all_on_a_signal() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for Ctrl-C")?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            process::end_all();
            run_folder::remove_all();
            std::process::exit(130);
        }
    });
    Ok(())
}
