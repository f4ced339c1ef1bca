//! A program that the lab started: in a process group of its own, its output in a file, ended
//! with its whole group when the value is dropped.
//!
//! Should the lab itself be killed, the kernel ends what it started (the parent-death signal,
//! set through `setpriv`, because setting it here would need unsafe code).

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader, Read, Write as _},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Mutex, OnceLock, PoisonError, mpsc},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::wait;

/// The groups of all programs that run now, for [`end_all`].
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
/// How long a program may take to end by itself once asked.
const TO_END: Duration = Duration::from_secs(5);

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    group: Option<Pid>,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, its standard error (and output, unless it is read by
    /// [`Process::start_and_read_line`]) going to `NAME.log` in `folder`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: Command, folder: &Path) -> Result<Self> {
        let mut command = outlived_by_nobody(&command);
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        Self::launch(name, command, log)
    }

    /// Starts `command` and waits for the first line of its standard output that `is_it`: how
    /// servers say where they listen.
    ///
    /// # Errors
    /// When it cannot be started, or ends or stays silent instead; with the end of its log.
    pub fn start_and_read_line(
        name: &str,
        command: Command,
        folder: &Path,
        is_it: fn(&str) -> bool,
    ) -> Result<(Self, String)> {
        let mut command = outlived_by_nobody(&command);
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(Stdio::piped()).stderr(file);
        let mut process = Self::launch(name, command, log)?;
        let output = process.child.stdout.take();
        let (sender, lines) = mpsc::channel();
        if let Some(output) = output {
            // Goes on reading to the end, so that the program never blocks on a full pipe.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if is_it(&line) {
                        let _ = sender.send(line);
                    }
                }
            });
        }
        let line = wait::until(&format!("{name} to be ready"), wait::PATIENCE, || {
            if let Ok(line) = lines.try_recv() {
                return Ok(Some(line));
            }
            process.fail_if_ended()?;
            Ok(None)
        })
        .with_context(|| process.log_end())?;
        Ok((process, line))
    }

    fn launch(name: &str, command: Command, log: PathBuf) -> Result<Self> {
        let child = nursery(command)
            .with_context(|| format!("cannot start {name} (cargo xtask setup installs it)"))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        running().extend(group);
        Ok(Self { name: name.to_owned(), child, group, log })
    }

    /// An error when the program is no longer running.
    ///
    /// # Errors
    /// With its exit status and the end of its log.
    pub fn fail_if_ended(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}\n{}", self.name, self.log_end()),
        }
    }

    /// The exit status, if the program has ended.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When the operating system cannot tell.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of its output, for the message of a failure.
    pub fn log_end(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = File::open(&self.log) {
            let _ = file.read_to_string(&mut text);
        }
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(25);
        format!("the end of {}:\n{}", self.log.display(), lines[from..].join("\n"))
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Asks the whole group to end, and ends it by force when it does not.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let ended = wait::until(&self.name, TO_END, || Ok(self.child.try_wait()?));
        if ended.is_err() || self.group_is_alive() {
            self.signal(Signal::KILL);
        }
        let _ = self.child.wait();
        running().retain(|group| Some(*group) != self.group);
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }

    fn group_is_alive(&self) -> bool {
        self.group.is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
    }
}

/// Ends every program that the lab started, for when this process is told to end.
pub fn end_all() {
    for group in running().iter() {
        let _ = kill_process_group(*group, Signal::TERM);
    }
}

fn running() -> std::sync::MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs a tool to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started or does not end with success; with what it printed.
pub fn run(command: &mut Command) -> Result<String> {
    run_with_input(command, "")
}

/// Runs a tool to its end, with this one line on its standard input, and returns what it
/// printed.
///
/// # Errors
/// When it cannot be started or does not end with success; with what it printed.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    let program = command.get_program().to_owned();
    let output = output_with_input(command, input)?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{} ended with {}\n{printed}{}",
            name(&program),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(printed)
}

/// Runs a tool to its end, with this one line on its standard input.
///
/// # Errors
/// When it cannot be started. A failure of its own is an answer.
pub fn output_with_input(command: &mut Command, input: &str) -> Result<Output> {
    let program = command.get_program().to_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| {
            format!("cannot start {} (cargo xtask setup installs it)", name(&program))
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that refuses its arguments does not read on; its exit status tells.
        let _ = writeln!(stdin, "{input}");
    }
    Ok(child.wait_with_output()?)
}

fn name(program: &OsStr) -> String {
    Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

/// The same command in a process group of its own, ended by the kernel with its parent.
fn outlived_by_nobody(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped
        .args(["--pdeathsig", "TERM", "--"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .process_group(0);
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(key, value),
            None => wrapped.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    wrapped
}

/// Starts every program from one thread that lives as long as this process: the kernel sends
/// the parent-death signal when the *thread* that started a program ends, and each test has a
/// thread of its own.
fn nursery(command: Command) -> Result<Child> {
    type Birth = (Command, mpsc::Sender<std::io::Result<Child>>);
    static NURSERY: OnceLock<mpsc::Sender<Birth>> = OnceLock::new();

    let births = NURSERY.get_or_init(|| {
        let (sender, births) = mpsc::channel::<Birth>();
        std::thread::spawn(move || {
            for (mut command, answer) in births {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, child) = mpsc::channel();
    births.send((command, answer)).context("the nursery is gone")?;
    Ok(child.recv().context("the nursery is gone")??)
}

/// A program of this workspace, built beside the one that asks.
///
/// # Errors
/// When it has not been built; naming the command that builds it.
pub fn built(name: &str, package: &str) -> Result<PathBuf> {
    let me = std::env::current_exe().context("where am I?")?;
    let found =
        me.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} is not built: cargo build -p {package}"))
}
