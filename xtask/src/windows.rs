//! `cargo xtask windows`: the programs for Windows, built here.
//!
//! Debian's Rust for its web browsers carries the source of its standard library, which is built
//! along for Windows; nothing else can be had without a download. Where rustup has the target,
//! that is taken.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};

use crate::{
    children::Children,
    repository,
    setup::{Needs, Setup},
    terminal::{Watch, say, say_heading},
};

const TARGET: &str = "x86_64-pc-windows-gnu";
/// Debian's compiler, beside any other one.
const RUSTC: &str = "/usr/bin/rustc";
/// What runs on Windows.
const PACKAGES: [&str; 1] = ["regain-agent"];

pub(crate) fn run(setup: &Setup<'_>) -> Result<()> {
    let watch = Watch::start();
    setup.run(&Needs::windows())?;
    say_heading("Compiling for Windows (about 5 minutes the first time)");
    build(setup.children)?;
    say(&format!("The programs are in {}. Together: {}", folder().display(), watch.words()));
    Ok(())
}

/// Builds them into a folder of their own: another compiler, another target.
pub(crate) fn build(children: &Children) -> Result<()> {
    let mut command = Children::command(repository::cargo());
    command.current_dir(repository::root());
    if !rustup_has_it(children) {
        ensure!(Path::new(RUSTC).exists(), "{RUSTC} is missing: cargo xtask setup");
        command
            // Building the standard library along is no stable feature.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", RUSTC)
            .env("RUSTDOC", "/usr/bin/rustdoc")
            .arg("-Zbuild-std=std,panic_unwind,panic_abort");
    }
    command
        .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc")
        .env("CARGO_TARGET_DIR", folder())
        .args(["build", "--quiet", "--target", TARGET])
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    children.succeed(&mut command)
}

fn folder() -> std::path::PathBuf {
    repository::target().join("windows-build")
}

fn rustup_has_it(children: &Children) -> bool {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    children.output(&mut ask).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}
