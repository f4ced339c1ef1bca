//! `cargo xtask dist`: the Debian packages of service and agent, in `target/packages`. What is in
//! them is said by `packaging/debian/build`.

use std::process::Command;

use anyhow::Result;

use crate::{
    children::Children,
    repository,
    setup::{Needs, Setup},
    terminal::{Watch, say, say_heading},
};

pub(crate) fn run(setup: &Setup<'_>) -> Result<()> {
    let watch = Watch::start();
    setup.run(&Needs::dist())?;
    say_heading("Compiling for release (about 8 minutes the first time)");
    let mut cargo = Children::command(repository::cargo());
    cargo
        .current_dir(repository::root())
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["--package", "regain-service", "--package", "regain-agent"]);
    setup.children.succeed(&mut cargo)?;
    let out = repository::target().join("packages");
    let mut build = Command::new(repository::path("packaging/debian/build"));
    build.arg(repository::target().join("release")).arg(env!("CARGO_PKG_VERSION")).arg(&out);
    setup.children.succeed(&mut build)?;
    say(&format!("The packages are in {}. Together: {}", out.display(), watch.words()));
    Ok(())
}
