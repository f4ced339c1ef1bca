//! `cargo xtask bench`: builds what is measured as it is shipped, then lets the driver measure.
//! docs/bench.md says how each figure is taken.

use anyhow::Result;

use crate::{
    children::Children,
    repository,
    setup::{Needs, Setup},
    terminal::{Watch, say, say_heading},
    windows,
};

pub(crate) fn run(setup: &Setup<'_>, only: Option<&str>) -> Result<()> {
    let started = Watch::start();
    say("Regain bench: programs as they are shipped, each beside what it is compared with.\n\
         About 8 minutes, and 20 more the first time, for compiling. Leave the machine alone \
         meanwhile.");
    setup.run(&Needs::everything())?;
    compile(setup.children, only)?;
    if only.is_none_or(|part| part == "tile") {
        say_heading("Compiling for Windows (about 12 minutes the first time)");
        windows::build(setup.children)?;
    }
    if only.is_none_or(|part| part == "host") {
        windows::package_for_bench(setup)?;
    }
    say_heading("Measuring (about 8 minutes)");
    let built = |below: &str| repository::target().join(below);
    let mut driver = Children::command(built("release/examples/bench"));
    driver
        .arg("--app")
        .arg(built("app/regain"))
        .arg("--bare")
        .arg(built("app/bare-window"))
        .arg("--pages")
        .arg(repository::path("ui/dist/app"))
        .arg("--package")
        .arg(windows::package())
        .arg("--report")
        .arg(built("bench/report.json"))
        // Many people from one address within minutes. The bot check keeps its price: the app
        // solves it while it starts.
        .env("REGAIN__LIMITS__BEGINS_PER_SOURCE_PER_HOUR", "1000000")
        .env("REGAIN_AGENT__LIMITS__OPERATIONS_PER_HOUR", "1000000")
        .env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
    if let Some(part) = only {
        driver.args(["--only", part]);
    }
    setup.children.succeed(&mut driver)?;
    say(&format!("Together: {}", started.words()));
    Ok(())
}

fn compile(children: &Children, only: Option<&str>) -> Result<()> {
    let looks_at_app = only.is_none_or(|part| matches!(part, "app" | "sizes"));
    let builds: [(&str, &[&str]); 3] = [
        (
            "Compiling service and agent (about 5 minutes the first time)",
            &["--release", "-p", "regain-service", "-p", "regain-agent"],
        ),
        (
            "Compiling the app and the bare window (about 8 minutes the first time)",
            &["--profile", "app", "-p", "regain", "-p", "bare-window"],
        ),
        (
            "Compiling the driver (about 5 minutes the first time)",
            &["--release", "-p", "tests", "--example", "bench"],
        ),
    ];
    for (heading, arguments) in builds {
        if arguments.contains(&"app") && !looks_at_app {
            continue;
        }
        let watch = Watch::start();
        say_heading(heading);
        let mut build = Children::command(repository::cargo());
        build.arg("build").args(arguments);
        children.succeed(build.current_dir(repository::root()))?;
        say(&format!("  done in {}", watch.words()));
    }
    Ok(())
}
