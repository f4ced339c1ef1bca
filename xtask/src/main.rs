//! `cargo xtask`: one word for each thing that is done to this repository. Small on purpose:
//! it is compiled before it can say anything.
//!
//! Starts other programs and says how far they are; links nothing of ours.

mod bench;
mod bill;
mod children;
mod codegen;
mod demo;
mod dist;
mod installer;
mod licences;
mod notices;
mod packages;
mod repository;
mod setup;
mod soak;
mod suites;
mod terminal;
mod test;
mod tidy;
mod ui;
mod windows;

use std::process::ExitCode;

use anyhow::Result;
use lexopt::{Arg, ValueExt as _};

use crate::{
    children::Children,
    setup::{Needs, Setup},
    terminal::{Watch, say},
};

const WORDS: &str = "\
cargo xtask COMMAND

  demo [--ad] [--headless]   everything on this machine, with a locked-out person to try it on
                             --ad        on a real Active Directory domain (Samba)
                             --headless  driven by itself, with pictures and a report
  test [quick]               every test; quick: rules and stories on SQLite alone
  bench [--only PART]        what it costs, against the budgets; PART: app, sizes, wire, writeback,
                             sync, recoveries, tile, host
  soak [--kills N]           1,000 real kills on a Samba domain; writes docs/soak.md
  dist                       the Debian packages of service and agent
  windows [--release]        the programs for Windows and their installer, built here
                             --release         as people get it: small, and slow to build
                             --sign-with FILE  signed with this PKCS#12 file, whose password is in
                                               the file that REGAIN_SIGN_PASSWORD_FILE names
                             --timestamp URL   and with the word of this server on when
                             --for-tests       those that the stories on Windows install
  setup                      install what demo and test need, and build the pages
  codegen [--check]          the API description and what the pages make of it
  notices [--check]          the notices of third parties
  tidy                       the rules that no compiler checks

  --yes   install without asking (also: CI=true)";

fn main() -> ExitCode {
    let watch = Watch::start();
    let outcome = Children::watch().and_then(|children| {
        let outcome = Command::read().and_then(|command| command.run(&children, &watch));
        children.end_all();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("\n{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What was asked for.
#[derive(Debug, Default)]
struct Command {
    word: Option<String>,
    quick: bool,
    ad: bool,
    headless: bool,
    yes: bool,
    check: bool,
    help: bool,
    windows: windows::Wishes,
    only: Option<String>,
    kills: Option<String>,
}

impl Command {
    fn read() -> Result<Self> {
        let mut command = Self::default();
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Value(word) if command.word.is_none() => {
                    command.word = Some(word.to_string_lossy().into_owned());
                }
                Arg::Value(word) if word == "quick" => command.quick = true,
                Arg::Long("ad") => command.ad = true,
                Arg::Long("headless") => command.headless = true,
                Arg::Long("only") => command.only = Some(parser.value()?.string()?),
                Arg::Long("release") => command.windows.release = true,
                Arg::Long("for-tests") => command.windows.for_tests = true,
                Arg::Long("sign-with") => {
                    command.windows.sign_with = Some(parser.value()?.into());
                }
                Arg::Long("timestamp") => {
                    command.windows.timestamp = Some(parser.value()?.string()?);
                }
                Arg::Long("kills") => command.kills = Some(parser.value()?.string()?),
                Arg::Long("yes") => command.yes = true,
                Arg::Long("check") => command.check = true,
                Arg::Long("help") | Arg::Short('h') => command.help = true,
                Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => {
                    anyhow::bail!("{}\n\n{WORDS}", argument.unexpected());
                }
            }
        }
        Ok(command)
    }

    fn run(&self, children: &Children, watch: &Watch) -> Result<()> {
        let setup = Setup { children, yes: self.yes };
        match self.word.as_deref().filter(|_| !self.help) {
            Some("setup") => setup.run(&Needs::everything()),
            Some("demo") => demo::run(&setup, watch, self.ad, self.headless),
            Some("test") => test::run(&setup, self.quick),
            Some("bench") => bench::run(&setup, self.only.as_deref()),
            Some("dist") => dist::run(&setup),
            Some("windows") => windows::run(&setup, &self.windows),
            Some("soak") => soak::run(&setup, self.kills.as_deref()),
            Some("codegen") => codegen::run(children, self.check),
            Some("notices") => notices::run(children, self.check),
            Some("tidy") => tidy::run(),
            None => {
                say(WORDS);
                Ok(())
            }
            Some(other) => anyhow::bail!("there is no command {other}\n\n{WORDS}"),
        }
    }
}
