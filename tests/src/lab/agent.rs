//! The real agent: the binary that stands beside a domain, with a configuration and a folder
//! of its own, enrolled with a code as an administrator does it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail, ensure};

use super::{
    process::{Process, built, output_with_input, run, run_with_input},
    run_folder::RunFolder,
    samba::Samba,
    wait::{self, PATIENCE},
    wine::{self, Wine},
};

/// The agent.
pub struct Agent {
    home: Home,
    folder: RunFolder,
}

/// Where it runs.
enum Home {
    /// Here, as a process.
    Here { program: PathBuf, process: Option<Process>, environment: Vec<(&'static str, String)> },
    /// On Windows, as a service of it.
    Windows(Wine),
}

/// The name of its service, and its files on Windows.
const SERVICE: &str = "regain-agent";
const PROGRAM: &str = r"C:\Program Files\Regain\regain-agent.exe";
const CONFIGURATION: &str = r"C:\ProgramData\Regain\agent.toml";
const DATA: &str = r"C:\ProgramData\Regain\data";
/// What `sc query` says of a service that runs.
const RUNNING: u32 = 4;

impl Agent {
    /// Enrols an agent for `samba` with `code` and starts it.
    ///
    /// # Errors
    /// When it is not built, the service refuses the code, or it does not become ready.
    pub fn start(samba: &Samba, code: &str) -> Result<Self> {
        let mut agent = Self::enrol(samba, code)?;
        agent.start_again()?;
        Ok(agent)
    }

    /// Enrols an agent for `samba` with `code`; it does not run yet.
    ///
    /// # Errors
    /// When it is not built, or the service refuses the code.
    pub fn enrol(samba: &Samba, code: &str) -> Result<Self> {
        let folder = RunFolder::new("agent")?;
        configure(&folder, samba)?;
        Self::enrol_in(folder, Vec::new(), code)
    }

    /// Enrols an agent that signs in by Kerberos, with a keytab and no password, and starts it.
    ///
    /// # Errors
    /// As [`Agent::start`].
    pub fn start_by_kerberos(samba: &Samba, code: &str) -> Result<Self> {
        let folder = RunFolder::new("agent")?;
        folder.write("ca.pem", std::fs::read(samba.ca_file())?)?;
        let keytab = folder.join("agent.keytab");
        samba.export_agent_keytab(&keytab)?;
        let krb5 = folder.write("krb5.conf", samba.kerberos_configuration())?;
        let data = folder.folder("data")?.display().to_string();
        let files = format!("{}/", folder.path().display());
        folder.write("agent.toml", configuration(samba, "sign_in = 'kerberos'", &data, &files))?;
        let environment = vec![
            ("KRB5_CONFIG", krb5.display().to_string()),
            ("KRB5_CLIENT_KTNAME", keytab.display().to_string()),
            ("KRB5CCNAME", "MEMORY:regain-agent".to_owned()),
        ];
        let mut agent = Self::enrol_in(folder, environment, code)?;
        agent.start_again()?;
        Ok(agent)
    }

    /// The keytab of an agent that signs in by Kerberos.
    pub fn keytab(&self) -> PathBuf {
        self.folder.join("agent.keytab")
    }

    /// Its configuration and all that lies beside it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn enrol_in(
        folder: RunFolder,
        environment: Vec<(&'static str, String)>,
        code: &str,
    ) -> Result<Self> {
        let program = built("regain-agent", "regain-agent")?;
        let agent = Self { home: Home::Here { program, process: None, environment }, folder };
        // Through standard input: a process list would show it.
        run_with_input(agent.verb("enrol").arg("-"), code).context("enrolling the agent")?;
        Ok(agent)
    }

    /// The same on Windows, as its administrator does it: files, service, enrolment, start.
    ///
    /// # Errors
    /// When one of the steps is refused.
    pub fn start_on_windows(samba: &Samba, code: &str) -> Result<Self> {
        let windows = Wine::start()?;
        windows.write(PROGRAM, std::fs::read(wine::built("regain-agent.exe")?)?)?;
        let (account, password) = samba.agent_account();
        windows.write(r"C:\ProgramData\Regain\account.password", password)?;
        windows.write(r"C:\ProgramData\Regain\ca.pem", std::fs::read(samba.ca_file())?)?;
        let files = r"C:\ProgramData\Regain\";
        let configuration = configuration(samba, &by_password(&account, files), DATA, files);
        windows.write(CONFIGURATION, configuration)?;
        let mut agent = Self { home: Home::Windows(windows), folder: RunFolder::new("agent")? };
        let mut install = agent.command(&["service", "install"]);
        agent.call(&mut install, "").context("installing the service")?;
        agent.call(agent.verb("enrol").arg("-"), code).context("enrolling the agent")?;
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
        let program = built("regain-agent", "regain-agent")?;
        let home = Home::Here { program, process: None, environment: Vec::new() };
        let mut second = Self { home, folder };
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
        let run_it = self.verb("run");
        match &mut self.home {
            Home::Here { process, .. } => {
                *process = Some(Process::start("agent", run_it, self.folder.path())?);
            }
            Home::Windows(windows) => {
                windows.run(windows.command("net").args(["start", SERVICE]), "")?;
                wait::until("the agent's service", PATIENCE, || {
                    Ok((windows.service_state(SERVICE)? == Some(RUNNING)).then_some(()))
                })?;
            }
        }
        Ok(())
    }

    /// Has it send all accounts when it starts.
    ///
    /// # Errors
    /// When it never sent any.
    pub fn forget_synchronisation(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.folder.join("data/synchronisation.json"))?)
    }

    /// Stops it, as when its machine goes down for maintenance.
    pub fn stop(&mut self) {
        match &mut self.home {
            Home::Here { process, .. } => *process = None,
            Home::Windows(windows) => {
                let _ = windows.run(windows.command("net").args(["stop", SERVICE]), "");
            }
        }
    }

    /// Ends it without a word, as a power cut does.
    pub fn kill(&mut self) {
        match &mut self.home {
            Home::Here { process, .. } => {
                if let Some(mut process) = process.take() {
                    process.kill();
                }
            }
            Home::Windows(windows) => {
                let kill = &["/f", "/im", "regain-agent.exe"];
                let _ = windows.run(windows.command("taskkill").args(kill), "");
            }
        }
    }

    /// Takes its service out again; whether Windows still has one of this name.
    ///
    /// # Errors
    /// When it is no service.
    pub fn uninstall(&mut self) -> Result<bool> {
        let Home::Windows(windows) = &self.home else {
            bail!("this agent is no service of Windows");
        };
        self.call(&mut self.command(&["service", "uninstall"]), "")?;
        Ok(windows.service_state(SERVICE)?.is_some())
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
        match &self.home {
            Home::Here { process, .. } => process.as_ref().map(Process::id),
            Home::Windows(_) => None,
        }
    }

    /// The end of its log, for the message of a failure.
    pub fn log_end(&self) -> String {
        match &self.home {
            Home::Here { process: Some(process), .. } => process.log_end(),
            Home::Here { process: None, .. } => "the agent is stopped".to_owned(),
            Home::Windows(windows) => log(windows).unwrap_or_else(|error| format!("{error:#}")),
        }
    }

    /// Runs one of its commands to its end.
    fn call(&self, command: &mut Command, input: &str) -> Result<String> {
        match &self.home {
            Home::Here { .. } => run_with_input(command, input),
            Home::Windows(windows) => windows.run(command, input),
        }
    }

    fn verb(&self, verb: &str) -> Command {
        self.command(&[verb])
    }

    fn command(&self, verbs: &[&str]) -> Command {
        let (mut command, configuration) = match &self.home {
            Home::Here { program, environment, .. } => {
                let mut command = Command::new(program);
                command.envs(environment.iter().map(|(name, value)| (name, value)));
                (command, self.folder.join("agent.toml"))
            }
            Home::Windows(windows) => (windows.command(PROGRAM), CONFIGURATION.into()),
        };
        command.args(verbs);
        if verbs != ["service", "uninstall"] {
            command.arg("--config").arg(configuration);
        }
        command
    }
}

/// What the service wrote: it has no standard error.
fn log(windows: &Wine) -> Result<String> {
    let mut text = String::new();
    for file in std::fs::read_dir(windows.path(&format!(r"{DATA}\log"))?)? {
        text.push_str(&std::fs::read_to_string(file?.path())?);
    }
    Ok(text)
}

fn configure(folder: &RunFolder, samba: &Samba) -> Result<()> {
    let (account, password) = samba.agent_account();
    folder.write("account.password", password)?;
    folder.write("ca.pem", std::fs::read(samba.ca_file())?)?;
    let data = folder.folder("data")?.display().to_string();
    let files = format!("{}/", folder.path().display());
    let sign_in = by_password(&account, &files);
    folder.write("agent.toml", configuration(samba, &sign_in, &data, &files)).map(drop)
}

fn by_password(account: &str, files: &str) -> String {
    format!("account = '{account}'\npassword_file = '{files}account.password'")
}

/// `files`: the folder of the other files, with its separator.
fn configuration(samba: &Samba, sign_in: &str, data: &str, files: &str) -> String {
    format!(
        "[agent]\nname = 'lab'\ndata_dir = '{data}'\nsecrets = 'file'\n\n\
         [active_directory]\ncontrollers = ['{url}']\nca_file = '{files}ca.pem'\n\
         {sign_in}\nsubtrees = ['{people}']\n\n\
         # Many people within minutes.\n[limits]\noperations_per_hour = 1000000\n",
        url = samba.url(),
        people = samba.people_dn(),
    )
}
