//! The demo for a person: the portal and the mailbox open in the browser while the app
//! compiles, then the app's window. Without a display it says so and goes on in the portal.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{
    arguments::Arguments,
    story,
    terminal::{say, say_heading},
};
use crate::{
    harness::organisation::Organisation,
    lab::{
        app::write_policy,
        process::{Process, built},
        run_folder::RunFolder,
        wait::Stopwatch,
    },
};

pub(super) fn run(_arguments: &Arguments, organisation: &Organisation) -> Result<()> {
    if !has_display() {
        say("\nThere is no display here, so the app's window cannot open.");
        say("The portal shows the same pages: open the two addresses in any browser.");
        story::what_to_do(organisation, "the portal");
        say("\nCtrl-C ends the demo and everything it started.");
        return wait_for_ctrl_c();
    }
    for address in [organisation.mailbox.address(), organisation.service.origin()] {
        open_in_browser(address);
    }
    build_app()?;
    let folder = RunFolder::new("window")?;
    let program = built("regain", "regain")?;
    let policy = write_policy(&folder, &organisation.service)?;
    let open_again = format!("{} --policy {}", program.display(), policy.display());
    let mut command = Command::new(program);
    command.arg("--policy").arg(policy);
    let app = Process::start("regain", command, folder.path())?;
    story::what_to_do(organisation, "the window that just opened (or in the portal)");
    say("\nCtrl-C ends the demo and everything it started.");
    wait_for_the_window(app, &open_again)?;
    wait_for_ctrl_c()
}

/// The window may be closed; service and portal stay until Ctrl-C.
fn wait_for_the_window(mut app: Process, open_again: &str) -> Result<()> {
    app.wait()?;
    say("\nThe window is closed; the portal goes on. This opens the window again:");
    say(&format!("  {open_again}"));
    Ok(())
}

/// Compiles the app; cargo itself shows how far it is.
pub(super) fn build_app() -> Result<()> {
    say_heading("Compiling the app (about 4 minutes the first time, seconds after that)");
    let watch = Stopwatch::start();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--package", "regain", "--bin", "regain"])
        .stdin(Stdio::null())
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the app does not compile; cargo says why above");
    }
    say(&format!("The app is compiled: {} s", watch.elapsed().as_secs()));
    Ok(())
}

fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn open_in_browser(address: &str) {
    let opened = Command::new("xdg-open")
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if opened.is_err() {
        say(&format!("No browser opens by itself here: open {address}"));
    }
}

/// The signal ends this process; nothing is left to do here.
fn wait_for_ctrl_c() -> Result<()> {
    loop {
        std::thread::park();
    }
}
