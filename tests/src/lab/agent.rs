//! The real agent: the binary that stands beside a domain, with a configuration and a folder
//! of its own, enrolled with a code as an administrator does it.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};

use super::{
    process::{Process, built, output_with_input, run, run_with_input},
    run_folder::RunFolder,
    samba::Samba,
    wait::{self, PATIENCE},
};

/// The agent.
pub struct Agent {
    program: PathBuf,
    process: Option<Process>,
    folder: RunFolder,
}

impl Agent {
    /// Enrols an agent for `samba` with `code` and starts it.
    ///
    /// # Errors
    /// When it is not built, the service refuses the code, or it does not become ready.
    pub fn start(samba: &Samba, code: &str) -> Result<Self> {
        let folder = RunFolder::new("agent")?;
        configure(&folder, samba)?;
        let mut agent =
            Self { program: built("regain-agent", "regain-agent")?, process: None, folder };
        // Through standard input: a process list would show it.
        run_with_input(agent.verb("enrol").arg("-"), code).context("enrolling the agent")?;
        agent.start_again()?;
        Ok(agent)
    }

    /// A further agent of the same directory, let in by this one as two administrators do it,
    /// and started.
    ///
    /// # Errors
    /// When one of the steps is refused, or it gets no link.
    pub fn start_beside(&self, samba: &Samba, code: &str) -> Result<Self> {
        let first_line = |printed: String| {
            printed.lines().next().map(str::to_owned).context("nothing was printed")
        };
        let folder = RunFolder::new("agent")?;
        configure(&folder, samba)?;
        let mut second = Self { program: self.program.clone(), process: None, folder };
        let printed = run(&mut second.verb("join-request"))?;
        let fingerprint = printed.split("REQUEST ").nth(1).and_then(|rest| rest.lines().next());
        let fingerprint = fingerprint.context("no fingerprint was printed")?.to_owned();
        let request = first_line(printed)?;
        let stranger = output_with_input(self.verb("admit").args([&request, "AAAA"]), "")?;
        ensure!(!stranger.status.success(), "a request without its fingerprint was let in");
        let admission = first_line(run(self.verb("admit").args([request, fingerprint]))?)?;
        let mut enrol = second.verb("enrol");
        run_with_input(enrol.args(["--admission", &admission, "-"]), code)
            .context("enrolling the second agent")?;
        second.start_again()?;
        wait::until("the second agent's link", PATIENCE, || {
            Ok(second.log_end().contains("linked").then_some(()))
        })
        .with_context(|| second.log_end())?;
        Ok(second)
    }

    /// Starts it again after [`Agent::stop`] or [`Agent::kill`].
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_again(&mut self) -> Result<()> {
        let process = Process::start("agent", self.verb("run"), self.folder.path())?;
        self.process = Some(process);
        Ok(())
    }

    /// Stops it, as when its machine goes down for maintenance.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Ends it without a word, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// What a verb of it answers, such as `doctor`; whatever it ends with.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn ask(&self, verb: &str, arguments: &[&str]) -> Result<Output> {
        output_with_input(self.verb(verb).args(arguments), "")
    }

    /// Its configuration file.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("agent.toml")
    }

    /// Its data folder.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The process id, to look at what it uses.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// The end of its log, for the message of a failure.
    pub fn log_end(&self) -> String {
        let running = self.process.as_ref();
        running.map_or_else(|| "the agent is stopped".to_owned(), Process::log_end)
    }

    fn verb(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(verb).arg("--config").arg(self.folder.join("agent.toml"));
        command
    }
}

fn configure(folder: &RunFolder, samba: &Samba) -> Result<()> {
    let (account, password) = samba.agent_account();
    let password_file = folder.write("account.password", password)?;
    let configuration = format!(
        "[agent]\nname = \"lab\"\ndata_dir = \"{data}\"\nsecrets = \"file\"\n\n\
         [active_directory]\ncontrollers = [\"{url}\"]\nca_file = \"{ca}\"\naccount = \"{account}\"\n\
         password_file = \"{password_file}\"\nsubtrees = [\"{people}\"]\n\n\
         # Many people within minutes.\n[limits]\noperations_per_hour = 1000000\n",
        data = folder.folder("data")?.display(),
        url = samba.url(),
        ca = samba.ca_file().display(),
        password_file = password_file.display(),
        people = samba.people_dn(),
    );
    folder.write("agent.toml", configuration).map(drop)
}
