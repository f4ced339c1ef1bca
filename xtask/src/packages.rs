//! The packages of Debian and Ubuntu: which are missing, how large they are, and their
//! installation. The only thing that ever goes through sudo.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{
    children::Children,
    terminal::{Watch, say},
};

/// To compile the app and to receive mail.
pub(crate) const BUILD: &[&str] = &["libwebkit2gtk-4.1-dev", "librsvg2-dev", "python3-aiosmtpd"];
/// To drive the app on a screen that nobody sees.
pub(crate) const WINDOW: &[&str] = &["xvfb", "webkit2gtk-driver"];
/// To run a domain.
pub(crate) const DOMAIN: &[&str] = &[
    "samba",
    "samba-ad-provision",
    "samba-dsdb-modules",
    "samba-vfs-modules",
    "ldap-utils",
    "openssl",
];
/// To compile an agent that signs in by Kerberos, as the tests do: the system's library, and what
/// reads its header.
pub(crate) const KERBEROS: &[&str] = &["libkrb5-dev", "libclang-dev"];
/// To drive the portal in a browser. Debian's name, then Ubuntu's.
pub(crate) const BROWSER: &[&str] = &["chromium|chromium-browser"];
/// A credential store, to test that secrets go there; a proxy, to test the way through one.
pub(crate) const PARTS: &[&str] = &["dbus", "gnome-keyring", "tinyproxy-bin"];
/// To build for Windows, to make and sign the installer, and to run what was built.
pub(crate) const WINDOWS: &[&str] = &[
    "rustc-web",
    "rust-web-src",
    "gcc-mingw-w64-x86-64",
    "g++-mingw-w64-x86-64",
    "wixl",
    "msitools",
    "osslsigncode",
    "openssl",
    "wine64",
    "wine",
];

/// What is missing, and how large it is.
pub(crate) struct Missing {
    names: Vec<String>,
    /// What apt-get says of the download and of the disk.
    pub(crate) sizes: String,
}

/// Finds out which of `wanted` are missing; refreshes the package lists when they know
/// nothing of one of them, or are too old to install it.
pub(crate) fn missing(children: &Children, wanted: &[&str]) -> Result<Option<Missing>> {
    if !exists("dpkg-query") || !exists("apt-get") {
        say("No apt-get here: going on without a look at the packages. What is needed:");
        say(&format!("  {}", wanted.join(" ")));
        return Ok(None);
    }
    let absent: Vec<&str> = wanted.iter().copied().filter(|name| !is_installed(name)).collect();
    if absent.is_empty() {
        return Ok(None);
    }
    let mut names: Vec<String> = absent.iter().filter_map(|name| available(name)).collect();
    if names.len() < absent.len() || !can_be_installed(&names) {
        let watch = Watch::start();
        say("Refreshing the package lists (about 10 s) ...");
        children.succeed(&mut apt_get(&["update", "--quiet=2"]))?;
        say(&format!("  done in {}", watch.words()));
        let found = absent.iter().map(|name| {
            available(name).with_context(|| format!("no package {name} is to be had here"))
        });
        names = found.collect::<Result<_>>()?;
    }
    let sizes = sizes(&names);
    Ok(Some(Missing { names, sizes }))
}

impl Missing {
    /// One line for each package: its name, its size, what it is.
    pub(crate) fn list(&self) -> Vec<String> {
        self.names.iter().map(|name| describe(name)).collect()
    }

    /// Installs them.
    pub(crate) fn install(&self, children: &Children) -> Result<()> {
        let watch = Watch::start();
        let mut command = apt_get(&["install", "--yes", "--quiet=2", "--no-install-recommends"]);
        command.args(&self.names);
        children.succeed(&mut command)?;
        say(&format!("  packages installed in {}", watch.words()));
        Ok(())
    }
}

/// apt-get as root. Not in a process group of its own: sudo may ask for a password.
fn apt_get(arguments: &[&str]) -> Command {
    let environment = ["DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"];
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("env")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    command.args(environment).arg("apt-get").args(arguments);
    command.stdout(Stdio::null());
    command
}

/// `|` separates names of which one is enough.
fn is_installed(name: &str) -> bool {
    name.split('|').any(|name| {
        let query = quiet("dpkg-query", &["--show", "--showformat=${db:Status-Status}", name]);
        query.is_ok_and(|status| status.trim() == "installed")
    })
}

/// The first of the names that the package lists have.
fn available(name: &str) -> Option<String> {
    name.split('|').find(|name| show(name, "Version").is_some()).map(str::to_owned)
}

/// Whether apt-get, asked to pretend, finds a way: with lists that are too old it finds none.
fn can_be_installed(names: &[String]) -> bool {
    let mut arguments = vec!["install", "--simulate", "--no-install-recommends"];
    arguments.extend(names.iter().map(String::as_str));
    quiet("apt-get", &arguments).is_ok()
}

fn describe(name: &str) -> String {
    let download = show(name, "Size").and_then(|size| size.parse::<u64>().ok());
    let what = show(name, "Description-en").or_else(|| show(name, "Description"));
    let kilobytes = download.unwrap_or_default() / 1000;
    format!("  {name:<24}{kilobytes:>7} kB  {}", what.unwrap_or_default())
}

fn show(name: &str, field: &str) -> Option<String> {
    let shown = quiet("apt-cache", &["show", "--no-all-versions", name]).ok()?;
    let value = shown.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "))?;
    Some(value.trim().to_owned())
}

/// What apt-get says it would fetch and use, everything that comes along included.
fn sizes(names: &[String]) -> String {
    let output = Command::new("apt-get")
        .args(["install", "--assume-no", "--no-install-recommends"])
        .args(names)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let lines: Vec<String> = said
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with("Need to get") || line.starts_with("After this operation"))
        .map(|line| format!("  {line}"))
        .collect();
    lines.join("\n")
}

fn exists(program: &str) -> bool {
    quiet(program, &["--version"]).is_ok()
}

fn quiet(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!("{program} ended with {}", output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
