//! `cargo xtask soak`: the kills of `tests/tests/samba_kills.rs`, many of them, and their table in
//! docs/soak.md. docs/reliability.md says what they show.

use std::fs;

use anyhow::{Context as _, Result};

use crate::{
    children::Children,
    repository,
    setup::{Needs, Setup},
    suites,
    terminal::{Watch, say, say_heading},
};

const HEAD: &str = "\
# Real kills, the last long run

Written by `cargo xtask soak`; what it does and promises is in docs/reliability.md. Each kill is a
`kill -9` of the real process at a drawn moment of an operation on a real Samba domain, which is
asked before and after.

";

pub(crate) fn run(setup: &Setup<'_>, kills: Option<&str>) -> Result<()> {
    let started = Watch::start();
    let kills = kills.unwrap_or("1000");
    let lanes = std::thread::available_parallelism()?;
    say(&format!("Regain soak: {kills} kills, {lanes} at a time, about three seconds each."));
    setup.run(&Needs::everything())?;
    say_heading("Compiling (about 8 minutes the first time)");
    let of = ["--package", "tests", "--package", "regain-service", "--package", "regain-agent"];
    let programs = suites::build(&[&of[..], &["--bins", "--test", "samba_kills"]].concat())?;
    let program = programs.iter().find(|program| program.name == "samba_kills");
    let program = program.context("tests/tests/samba_kills.rs was not built")?;
    say_heading("Killing");
    let table = repository::target().join("soak.md");
    let mut command = Children::command(&program.path);
    command
        .arg("--nocapture")
        .current_dir(&program.folder)
        .env("REGAIN_KILLS", kills)
        .env("REGAIN_KILLS_LANES", lanes.to_string())
        .env("REGAIN_KILLS_REPORT", &table)
        // Many people from one address within minutes.
        .env("REGAIN__LIMITS__BEGINS_PER_SOURCE_PER_HOUR", "1000000");
    setup.children.succeed(&mut command)?;
    let table = fs::read_to_string(&table).context("no table was written")?;
    fs::write(repository::path("docs/soak.md"), format!("{HEAD}{table}"))?;
    say(&format!("docs/soak.md is written. Together: {}", started.words()));
    Ok(())
}
