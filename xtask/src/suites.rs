//! The compiled tests: cargo builds all of them at once (a second build of some of them would
//! compile half the crates again), and each suite runs its own.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{children::Children, repository};

/// A test program that cargo built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestProgram {
    /// The package it belongs to.
    pub(crate) package: String,
    /// Its name: a file of `tests/`, or the library or program it tests.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Where it wants to run.
    pub(crate) folder: PathBuf,
}

/// Which suite a test program belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rules and parts, without a process of their own.
    Unit,
    /// Stories of the service on SQLite.
    Service,
    /// The lab itself.
    Lab,
    /// Stories in the app's window.
    Desktop,
    /// Stories in a browser.
    Portal,
    /// Stories on a Samba domain.
    Domain,
    /// Stories on Windows, which Wine plays.
    Windows,
}

impl TestProgram {
    /// By package and by the beginning of the file's name.
    pub(crate) fn kind(&self) -> Result<Kind> {
        if self.package == "regain-service" && self.name == "stories" {
            return Ok(Kind::Service);
        }
        if self.package != "tests" {
            return Ok(Kind::Unit);
        }
        let begins = |word: &str| self.name.starts_with(word);
        Ok(match () {
            () if begins("service_") => Kind::Service,
            () if begins("desktop_") => Kind::Desktop,
            () if begins("windows_") => Kind::Windows,
            () if begins("portal_") => Kind::Portal,
            () if begins("samba_") || begins("active_directory") => Kind::Domain,
            () if ["lab", "tests", "demo"].contains(&self.name.as_str()) => Kind::Lab,
            () => bail!(
                "tests/tests/{}.rs belongs to no suite: name it service_, desktop_, portal_, samba_ or windows_",
                self.name
            ),
        })
    }
}

/// Builds what these arguments of cargo name, and returns the test programs among it.
pub(crate) fn build(what: &[&str]) -> Result<Vec<TestProgram>> {
    let mut command = Children::command(repository::cargo());
    command
        .arg("build")
        .args(what)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(repository::root())
        .stdout(Stdio::piped());
    let child = command.spawn().context("cannot start cargo")?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("it does not compile; cargo says why above");
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    Ok(lines.lines().filter_map(test_program).collect())
}

/// What one of cargo's messages says of a test program.
fn test_program(line: &str) -> Option<TestProgram> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let folder = manifest.parent()?.to_owned();
    let package = message["package_id"].as_str()?;
    Some(TestProgram {
        package: package_name(package, &folder),
        name: message["target"]["name"].as_str()?.to_owned(),
        path: message["executable"].as_str()?.into(),
        folder,
    })
}

/// `path+file:///x/crates/service#regain-service@0.1.0` or `path+file:///x/tests#0.1.0`.
fn package_name(id: &str, folder: &Path) -> String {
    let named = id.rsplit_once('#').and_then(|(_, rest)| rest.split_once('@'));
    let in_folder = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    named.map_or_else(|| in_folder.unwrap_or_default(), |(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_as_cargo_names_them() {
        let name = |id| package_name(id, Path::new("/x/tests"));
        assert_eq!(name("path+file:///x/tests#0.1.0"), "tests");
        assert_eq!(name("path+file:///x/crates/service#regain-service@0.1.0"), "regain-service");
    }
}
