//! Windows as far as Wine plays it: a machine of its own (a prefix) with the programs that
//! `cargo xtask windows` built. Its services live as long as the value.
//!
//! What Wine fakes or lacks is in docs/known-issues.md; nothing here proves more than it does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use super::{process::run, run_folder::RunFolder};

/// Wine 8 lacks one DLL that Rust's standard library asks; only the lab ships it.
const SHIM: &str = include_str!("wine/bcryptprimitives.c");

/// A machine.
pub struct Wine {
    prefix: RunFolder,
}

impl Wine {
    /// A new machine.
    ///
    /// # Errors
    /// When Wine is not there or does not come up.
    pub fn start() -> Result<Self> {
        let wine = Self { prefix: RunFolder::new("wine")? };
        // Sets the machine up and ends.
        wine.run(&mut wine.here("wineboot", &["--init"]), "")?;
        wine.run(&mut wine.here("wineserver", &["--wait"]), "")?;
        // Else it is off, and its services with it, as soon as no program runs.
        wine.run(&mut wine.here("wineserver", &["--persistent"]), "")?;
        let shim = wine.prefix.write("bcryptprimitives.c", SHIM)?;
        let dll = wine.path(r"C:\windows\system32\bcryptprimitives.dll")?;
        run(Command::new("x86_64-w64-mingw32-gcc")
            .args(["-shared", "-o"])
            .args([&dll, &shim])
            .arg("-ladvapi32"))?;
        Ok(wine)
    }

    /// Where a file of this machine is on ours.
    ///
    /// # Errors
    /// When it is not on drive C.
    pub fn path(&self, windows: &str) -> Result<PathBuf> {
        let below = windows.strip_prefix(r"C:\").context("a path on drive C")?;
        Ok(self.prefix.join("drive_c").join(below.replace('\\', "/")))
    }

    /// Writes a file there, and the folders to it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, windows: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path(windows)?;
        if let Some(folder) = path.parent() {
            // Wine adds what a parent gives to a list that is protected from it: give nothing.
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder)?;
        }
        std::fs::write(&path, content).with_context(|| path.display().to_string())
    }

    /// A program of this machine, or of Windows by its name alone.
    pub fn command(&self, program: &str) -> Command {
        self.here("wine", &[program])
    }

    /// A program of Wine itself.
    fn here(&self, program: &str, arguments: &[&str]) -> Command {
        // What Windows would inherit from the folder Wine takes from the mask: what its server,
        // which the first program starts, makes is ours alone.
        let mut command = Command::new("sh");
        command
            .args(["-c", "umask 077; exec \"$@\"", "sh", program])
            .args(arguments)
            .env("WINEPREFIX", self.prefix.path())
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY");
        command
    }

    /// Runs a command to its end; what it said.
    ///
    /// # Errors
    /// When it cannot be started or fails, with what it said.
    pub fn run(&self, command: &mut Command, input: &str) -> Result<String> {
        let (status, said) = self.try_run(command, input)?;
        ensure!(status.success(), "{command:?} ended with {status}\n{said}");
        Ok(said)
    }

    /// Runs a command to its end: how it ended and what it said. Through files: services of
    /// Windows inherit a pipe and keep it open.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn try_run(&self, command: &mut Command, input: &str) -> Result<(ExitStatus, String)> {
        let input = File::open(self.prefix.write("input", input)?)?;
        let output = self.prefix.join("output");
        let file = File::create(&output)?;
        command.stdin(input).stdout(file.try_clone()?).stderr(file);
        let status = command.status().context("wine (cargo xtask setup installs it)")?;
        Ok((status, String::from_utf8_lossy(&std::fs::read(output)?).into_owned()))
    }

    /// What the list of services says of this one: its state's number, such as 4 for running;
    /// none when there is no such service.
    ///
    /// # Errors
    /// When Windows cannot be asked.
    pub fn service_state(&self, name: &str) -> Result<Option<u32>> {
        let (_, said) = self.try_run(self.command("sc").args(["query", name]), "")?;
        let state = said.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == "STATE").then(|| value.split_ascii_whitespace().next()?.parse().ok())?
        });
        Ok(state)
    }

    /// Every key of the machine's registry, with its values.
    ///
    /// # Errors
    /// When Windows cannot be asked.
    pub fn registry(&self) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let mut query = self.command("regedit");
        query.args(["/E", r"C:\registry.reg", "HKEY_LOCAL_MACHINE"]);
        self.run(&mut query, "")?;
        let exported = std::fs::read(self.path(r"C:\registry.reg")?)?;
        let (wide, _) = exported.as_chunks::<2>();
        let wide: Vec<u16> = wide.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        let text = String::from_utf16_lossy(&wide).replace("\\\r\n", "");
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut key = String::new();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            if let Some(name) = line.strip_prefix(r"[HKEY_LOCAL_MACHINE\") {
                name.trim_end_matches(']').clone_into(&mut key);
                keys.entry(key.clone()).or_default();
            } else if !key.is_empty() {
                keys.entry(key.clone()).or_default().insert(line.to_owned());
            }
        }
        Ok(keys)
    }

    /// Everything that a program could leave behind: files, and keys with values (services are
    /// keys); without what the machine notes by itself.
    ///
    /// # Errors
    /// When Windows cannot be asked, or a folder cannot be read.
    pub fn snapshot(&self) -> Result<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        files(&self.path(r"C:\")?, &mut all)?;
        for (key, values) in self.registry()? {
            all.insert(key.clone());
            all.extend(values.into_iter().map(|value| format!("{key}: {value}")));
        }
        let noise = ["registry.reg", r"\Control\Video\{", r"\Control\ServiceCurrent"];
        all.retain(|line| !noise.iter().any(|noise| line.contains(noise)));
        Ok(all)
    }
}

/// What is in one of two snapshots alone.
pub fn difference(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    before.symmetric_difference(after).cloned().collect()
}

/// Every file and folder below one.
///
/// # Errors
/// When a folder cannot be read.
pub fn files(folder: &Path, all: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        all.insert(entry.path().display().to_string());
        if entry.file_type()?.is_dir() {
            files(&entry.path(), all)?;
        }
    }
    Ok(())
}

impl Drop for Wine {
    fn drop(&mut self) {
        let _ = self.here("wineserver", &["--kill", "--wait"]).stderr(Stdio::null()).status();
    }
}

/// A program that `cargo xtask windows` built.
///
/// # Errors
/// When it is not there.
pub fn built(program: &str) -> Result<PathBuf> {
    made(&Path::new("x86_64-pc-windows-gnu/debug").join(program), "cargo xtask windows")
}

/// A program that `cargo xtask windows` built as it is shipped.
///
/// # Errors
/// When it is not there.
pub fn shipped(program: &str) -> Result<PathBuf> {
    made(&Path::new("x86_64-pc-windows-gnu/release").join(program), "cargo xtask windows")
}

/// A file that `cargo xtask windows --for-tests` packed.
///
/// # Errors
/// When it is not there.
pub fn package(file: &str) -> Result<PathBuf> {
    made(&Path::new("packages").join(file), "cargo xtask windows --for-tests")
}

fn made(file: &Path, by: &str) -> Result<PathBuf> {
    let me = std::env::current_exe().context("where am I?")?;
    let below = Path::new("windows-build").join(file);
    let found = me.ancestors().map(|folder| folder.join(&below)).find(|path| path.is_file());
    match found {
        Some(path) => Ok(path),
        None => bail!("{} is not there: {by}", file.display()),
    }
}
