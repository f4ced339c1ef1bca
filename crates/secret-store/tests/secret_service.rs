//! The keyring path against a real Secret Service: `gnome-keyring-daemon` on a message bus of
//! its own, in a home folder of its own. Linux only; Windows has its Credential Manager.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, bail, ensure};
use secret_store::{Kind, SecretStore, SecretStoreError};

/// Set for the copy of this test that runs inside the session.
const INSIDE: &str = "REGAIN_TEST_SECRETS_INSIDE";

/// Starts this very test again inside a session that has a Secret Service: the bus address is
/// an environment variable, which a running process cannot change safely.
#[test]
fn secrets_go_to_the_secret_service_and_stay_there() -> Result<()> {
    if let Some(folder) = env::var_os(INSIDE) {
        return inside_the_session(Path::new(&folder));
    }
    let home = tempfile::tempdir()?;
    let output = run_in_session(home.path(), "secrets_go_to_the_secret_service_and_stay_there")?;
    ensure!(output.status.success(), "inside the session: {}", said(&output));
    ensure!(
        home.path().join("data/keyrings/login.keyring").exists(),
        "the Secret Service wrote no keyring"
    );
    let note = fs::read_to_string(home.path().join("auto/kept-in"))?;
    ensure!(note == "keyring\n", "the note says {note:?}");
    Ok(())
}

/// Without a message bus, `Auto` keeps files, and says where secrets are that it put elsewhere.
#[test]
fn without_a_secret_service_auto_keeps_files() -> Result<()> {
    if let Some(folder) = env::var_os(INSIDE) {
        return inside_without_a_bus(Path::new(&folder));
    }
    let home = tempfile::tempdir()?;
    let output = isolated(env::current_exe()?, home.path())
        .args(["--exact", "without_a_secret_service_auto_keeps_files"])
        .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
        .output()?;
    ensure!(output.status.success(), "{}", said(&output));
    Ok(())
}

fn inside_the_session(home: &Path) -> Result<()> {
    for kind in [Kind::Keyring, Kind::Auto] {
        let folder = home.join("auto");
        let open = || SecretStore::open("regain-test", &folder, kind);
        let store = open()?;
        ensure!(store.kind() == Kind::Keyring, "{kind:?} took {:?}", store.kind());
        let every_byte: Vec<u8> = (0..=255).collect();
        ensure!(store.get("key")?.is_none());
        store.set("key", b"first")?;
        store.set("key", &every_byte)?;
        ensure!(*open()?.get("key")?.context("the secret is gone")? == every_byte);
        let other = SecretStore::open("regain-other", &folder, kind)?;
        ensure!(other.get("key")?.is_none(), "services share a secret");
        store.set("large", &[7; SecretStore::MAX_BYTES])?;
        ensure!(store.get("large")?.context("gone")?.len() == SecretStore::MAX_BYTES);
        for name in ["key", "large", "never-there"] {
            store.delete(name)?;
            ensure!(store.get(name)?.is_none());
        }
        ensure!(!folder.join("key.secret").exists(), "also written as a file");
    }
    Ok(())
}

fn inside_without_a_bus(home: &Path) -> Result<()> {
    let folder = home.join("files");
    let store = SecretStore::open("regain-test", &folder, Kind::Auto)?;
    ensure!(store.kind() == Kind::File);
    store.set("key", b"secret")?;
    let again = SecretStore::open("regain-test", &folder, Kind::Auto)?;
    ensure!(*again.get("key")?.context("the secret is gone")? == b"secret");

    fs::write(folder.join("kept-in"), "keyring\n")?;
    match SecretStore::open("regain-test", &folder, Kind::Auto) {
        Err(SecretStoreError::Keyring(_)) => Ok(()),
        other => bail!("looked elsewhere for what is in the credential store: {other:?}"),
    }
}

fn run_in_session(home: &Path, test: &str) -> Result<Output> {
    for program in ["dbus-run-session", "gnome-keyring-daemon"] {
        ensure!(
            on_path(program),
            "{program} is missing: install the packages dbus and gnome-keyring"
        );
    }
    let session = "printf test | gnome-keyring-daemon --unlock --components=secrets >&2 \
                   && exec \"$0\" --exact \"$1\"";
    isolated("dbus-run-session", home)
        .args(["--", "sh", "-c", session])
        .arg(env::current_exe()?)
        .arg(test)
        .output()
        .context("dbus-run-session does not start")
}

fn isolated(program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    for (variable, folder) in [("XDG_RUNTIME_DIR", "run"), ("XDG_DATA_HOME", "data")] {
        command.env(variable, home.join(folder));
        // The daemon refuses a runtime folder that is not private; a failure shows below.
        let _ = private_folder(&home.join(folder));
    }
    command
        .env("HOME", home)
        .env(INSIDE, home)
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .env_remove("DISPLAY");
    command
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn said(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
