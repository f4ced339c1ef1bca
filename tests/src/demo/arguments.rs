//! The demo's command line, as `cargo xtask demo` calls it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use lexopt::{Arg, ValueExt as _};

/// What to show, and how.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// On a Samba domain, not on the embedded directory.
    pub(super) ad: bool,
    /// Driven by itself on a screen that nobody sees.
    pub(super) headless: bool,
    /// Where the pictures go.
    pub(super) pictures: PathBuf,
    /// Milliseconds since `cargo xtask demo` was typed.
    pub(super) elapsed_ms: u64,
}

impl Arguments {
    pub(super) fn read() -> Result<Self> {
        let mut arguments = Self { pictures: PathBuf::from("target/demo"), ..Self::default() };
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("ad") => arguments.ad = true,
                Arg::Long("headless") => arguments.headless = true,
                Arg::Long("pictures") => arguments.pictures = parser.value()?.into(),
                Arg::Long("elapsed-ms") => arguments.elapsed_ms = parser.value()?.parse()?,
                Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => {
                    return Err(argument.unexpected()).context("run it by: cargo xtask demo");
                }
            }
        }
        Ok(arguments)
    }
}
