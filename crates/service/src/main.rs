//! The program `regain-service`: start-up only; see `cli` for its commands.

use std::process::ExitCode;

use clap::Parser as _;
use regain_service::cli::{self, Cli};

fn main() -> ExitCode {
    cli::main(Cli::parse())
}
