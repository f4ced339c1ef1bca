//! `cargo xtask demo`: what is quick first. The service and the demo are compiled and started;
//! the demo then compiles the app while portal and mailbox can be tried already.

use anyhow::Result;

use crate::{
    children::Children,
    repository,
    setup::{Needs, Setup},
    terminal::{Watch, say, say_heading},
};

pub(crate) fn run(setup: &Setup<'_>, started: &Watch, ad: bool, headless: bool) -> Result<()> {
    say("Regain demo: everything runs on this machine and ends with Ctrl-C.");
    setup.run(&Needs::demo(ad, headless))?;
    compile(setup.children, ad)?;
    let mut demo = Children::command(repository::target().join("debug/demo"));
    demo.arg("--pictures").arg(repository::target().join("demo"));
    demo.arg("--elapsed-ms").arg(started.elapsed().as_millis().to_string());
    demo.args(ad.then_some("--ad"));
    demo.args(headless.then_some("--headless"));
    setup.children.succeed(&mut demo)
}

fn compile(children: &Children, ad: bool) -> Result<()> {
    let watch = Watch::start();
    say_heading("Compiling the service (about 3 minutes the first time, seconds after that)");
    let mut build = Children::command(repository::cargo());
    build.args(["build", "--package", "regain-service", "--package", "tests", "--bins"]);
    build.args(ad.then_some(["--package", "regain-agent"]).into_iter().flatten());
    children.succeed(build.current_dir(repository::root()))?;
    say(&format!("The service is compiled: {}", watch.words()));
    Ok(())
}
