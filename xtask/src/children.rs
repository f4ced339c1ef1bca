//! The programs that xtask starts, and everything that they start: none outlives it.
//!
//! xtask adopts every orphan below it (the kernel's child-subreaper), so at its end, and on
//! Ctrl-C, it can find and end all of them. Should xtask itself be killed, the kernel ends its
//! direct children (parent-death signal), and they end theirs.

use std::{
    ffi::OsStr,
    fs,
    os::unix::process::CommandExt as _,
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::terminal::{Watch, say};

/// How long programs may take to end by themselves.
const TO_END: Duration = Duration::from_secs(6);

/// Whether Ctrl-C was pressed.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Everything below this process.
pub(crate) struct Children(());

impl Children {
    /// Begins to watch over all programs that will be started.
    pub(crate) fn watch() -> Result<Self> {
        set_child_subreaper(Some(getpid())).context("cannot adopt orphans")?;
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for Ctrl-C")?;
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                ENDING.store(true, Ordering::SeqCst);
                say("\nEnding everything that was started ...");
                end_descendants();
                std::process::exit(130);
            }
        });
        Ok(Self(()))
    }

    /// A command that can be given to [`Children::run`].
    pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]);
        command.arg(program);
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    /// Runs a program to its end, its output where it belongs.
    #[expect(clippy::unused_self, reason = "proof that the children are watched over")]
    pub(crate) fn run(&self, command: &mut Command) -> Result<ExitStatus> {
        let name = words(command);
        command.status().with_context(|| format!("cannot start {name}"))
    }

    /// Runs a program and insists on its success.
    pub(crate) fn succeed(&self, command: &mut Command) -> Result<()> {
        let status = self.run(command)?;
        if !status.success() {
            bail!("{} ended with {status}", words(command));
        }
        Ok(())
    }

    /// Runs a program and returns what it printed.
    #[expect(clippy::unused_self, reason = "proof that the children are watched over")]
    pub(crate) fn output(&self, command: &mut Command) -> Result<String> {
        let output =
            command.output().with_context(|| format!("cannot start {}", words(command)))?;
        if !output.status.success() {
            bail!(
                "{} ended with {}\n{}{}",
                words(command),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a program whose output goes to `log`, for at most `limit`.
    #[expect(clippy::unused_self, reason = "proof that the children are watched over")]
    pub(crate) fn run_logged(
        &self,
        command: &mut Command,
        log: &fs::File,
        limit: Duration,
    ) -> Result<bool> {
        let mut child = command
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot start {}", words(command)))?;
        let watch = Watch::start();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            if watch.elapsed() > limit {
                end_descendants();
                bail!("stopped after {}", crate::terminal::words(limit));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends whatever is still running. After Ctrl-C that is under way already, and this waits
    /// for the end of xtask itself.
    #[expect(clippy::unused_self, reason = "proof that the children are watched over")]
    pub(crate) fn end_all(&self) {
        while ENDING.load(Ordering::SeqCst) {
            thread::park();
        }
        end_descendants();
    }
}

/// The command as a person would type it.
fn words(command: &Command) -> String {
    command
        .get_args()
        .skip_while(|argument| {
            *argument == "--pdeathsig" || *argument == "TERM" || *argument == "--"
        })
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Asks every process below this one to end, and ends by force what does not.
fn end_descendants() {
    let watch = Watch::start();
    let mut signal = Signal::TERM;
    loop {
        let alive = descendants();
        if alive.is_empty() {
            return;
        }
        if watch.elapsed() > TO_END {
            signal = Signal::KILL;
        }
        if watch.elapsed() > TO_END * 2 {
            say(&format!("These processes do not end: {alive:?}"));
            return;
        }
        for pid in alive {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, signal);
            }
        }
        reap();
        thread::sleep(Duration::from_millis(100));
    }
}

/// Takes note of adopted orphans that have ended, so that they do not stay as zombies.
fn reap() {
    use rustix::process::{WaitOptions, wait};

    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// Every living process below this one, nearest first.
fn descendants() -> Vec<i32> {
    let parents = parents();
    let mut found = vec![getpid().as_raw_nonzero().get()];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// Every process that is not a zombie, with its parent.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let read = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name in parentheses may hold anything, blanks and parentheses too.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        (state != "Z").then_some((pid, parent))
    };
    entries.flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grandchildren_are_found() {
        let mut child = Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        let watch = Watch::start();
        while descendants().len() < 2 && watch.elapsed() < TO_END {
            thread::sleep(Duration::from_millis(10));
        }
        let found = descendants();
        assert!(found.len() >= 2, "{found:?}");
        for pid in found {
            kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        }
        child.wait().unwrap();
    }
}
