//! A machine of its own, as an administrator finds it: the system of this one with nothing
//! changed, on which everything may be installed and written. It has its own files, processes and
//! name table, and shares the network. Gone when dropped; this machine never sees what was done.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    process::{Process, output_with_input, run},
    run_folder::RunFolder,
    wait::{self, PATIENCE},
};

/// Puts a layer over this machine's system that takes every write, and stays there.
const BEGIN: &str = "
set -e
mount -t tmpfs -o mode=0755 tmpfs \"$1\"
mkdir \"$1/up\" \"$1/work\" \"$1/root\"
mount -t overlay -o lowerdir=/,upperdir=\"$1/up\",workdir=\"$1/work\" overlay \"$1/root\"
for folder in dev sys; do mount --rbind /$folder \"$1/root/$folder\"; done
mount -t proc proc \"$1/root/proc\"
mount -t tmpfs tmpfs \"$1/root/run\"
mount -t tmpfs -o mode=1777 tmpfs \"$1/root/tmp\"
mkdir -p \"$1/root/run/lock\"
touch \"$1/root/tmp/begun\"
echo begun
exec sleep infinity
";

/// The machine.
pub struct Machine {
    holder: Process,
    root: PathBuf,
    /// The process that holds its mounts, by this machine's number.
    first: u32,
    folder: RunFolder,
}

impl Machine {
    /// Begins one; for root alone.
    ///
    /// # Errors
    /// When this system does not let a layer be put over it.
    pub fn start() -> Result<Self> {
        let folder = RunFolder::new("machine")?;
        let mounts = folder.folder("mounts")?;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"])
            .args(["sh", "-c", BEGIN, "sh"])
            .arg(&mounts);
        let begun = |line: &str| line == "begun";
        let (holder, _) = Process::start_and_read_line("machine", command, folder.path(), begun)?;
        let first = first_child(holder.id())?;
        Ok(Self { holder, root: mounts.join("root"), first, folder })
    }

    /// Writes a file there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        fs::write(self.there(path), content).with_context(|| path.to_owned())
    }

    /// Reads a file there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.there(path)).with_context(|| path.to_owned())
    }

    /// Whether there is a file or folder of this path.
    pub fn has(&self, path: &str) -> bool {
        self.there(path).exists()
    }

    /// Runs a line of a shell there as root, with this on its standard input.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn shell(&self, line: &str, input: &str) -> Result<String> {
        let output = self.try_shell(line, input)?;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        ensure!(output.status.success(), "{line}\nended with {}\n{said}", output.status);
        Ok(said)
    }

    /// The same; whatever it ends with.
    ///
    /// # Errors
    /// When it cannot be begun.
    pub fn try_shell(&self, line: &str, input: &str) -> Result<Output> {
        let mut command = self.enter();
        output_with_input(command.args(["sh", "-c", line]), input)
    }

    /// Starts what a unit of systemd would start, as its user: there is no systemd.
    ///
    /// # Errors
    /// When there is no such unit, or it names no program.
    pub fn start_unit(&self, name: &str) -> Result<Process> {
        let unit = self.read(&format!("/lib/systemd/system/{name}.service"))?;
        let value = |key: &str| {
            let of = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            of.map(str::to_owned).with_context(|| format!("{name}.service has no {key}"))
        };
        let mut command = self.enter();
        // What it may do beyond its user.
        let capabilities = value("AmbientCapabilities")?.to_lowercase().replace("cap_", "+");
        command.args(["setpriv", "--init-groups", "--reuid", &value("User")?]);
        command.args(["--regid", &value("Group")?, "--inh-caps"]);
        command.arg(format!("-all{}", listed(&capabilities)));
        command.args(["--ambient-caps", &format!("-all{}", listed(&capabilities)), "--"]);
        command.args(value("ExecStart")?.split(' '));
        Process::start(name, command, self.folder.path())
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--pid", "--target", &self.first.to_string()]);
        command.arg("chroot").arg(&self.root).args(["env", "-i"]);
        command.args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root"]);
        command
    }

    /// The same file by this machine's path: through the process that holds the mounts.
    fn there(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root{}{path}", self.first, self.root.display())).to_owned()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.holder.stop();
    }
}

fn listed(capabilities: &str) -> String {
    if capabilities.is_empty() { String::new() } else { format!(",{capabilities}") }
}

/// `unshare` waits for the one process that it began.
fn first_child(of: u32) -> Result<u32> {
    let children = format!("/proc/{of}/task/{of}/children");
    wait::until("the machine's first process", PATIENCE, || {
        let text = fs::read_to_string(&children)?;
        Ok(text.split_ascii_whitespace().next().and_then(|number| number.parse().ok()))
    })
}

/// Makes the packages of the programs that were built beside the one that asks; where they are.
///
/// # Errors
/// When a program is not built, or packing it fails.
pub fn packages(folder: &RunFolder) -> Result<PathBuf> {
    let program = super::process::built("regain-service", "regain-service")?;
    let programs = program.parent().context("a folder")?;
    let out = folder.folder("packages")?;
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/debian/build");
    run(Command::new(build).arg(programs).arg("0.1.0").arg(&out))?;
    Ok(out)
}
