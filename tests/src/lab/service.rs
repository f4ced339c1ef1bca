//! The real service: the binary that an organisation runs, with a configuration, a data folder
//! and a port of its own. Set up and asked through its own command line.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{
    http::Http,
    process::{Process, built, output_with_input},
    run_folder::RunFolder,
    smtp::Mailbox,
};

/// The service and its one tenant, `localhost:PORT`.
pub struct Service {
    program: PathBuf,
    origin: String,
    host: String,
    tenant: String,
    mail_port: u16,
    process: Option<Process>,
    folder: RunFolder,
}

/// A person in the embedded directory.
pub struct Person<'a> {
    /// The user ID to sign in with.
    pub user_id: &'a str,
    /// The name to show.
    pub display_name: &'a str,
    /// The mail address that codes go to.
    pub email: &'a str,
    /// The password.
    pub password: &'a str,
    /// Whether it must be changed, because nobody has ever signed in with the account.
    pub first_day: bool,
}

/// What `directory list` says of a directory.
pub struct DirectoryLine {
    /// Its name.
    pub name: String,
    /// How many accounts the service knows there.
    pub accounts: usize,
    /// What an administrator pins in the app's policy.
    pub key_fingerprint: String,
}

/// What a sign-in to the embedded directory came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// Accepted.
    Accepted,
    /// Wrong password.
    Wrong,
    /// The account is locked.
    Locked,
    /// The password is right, but must be changed first.
    MustChange,
}

/// How a tenant looks and whom it names for help.
const TENANT: [&str; 10] = [
    "--name",
    "Northwind Clinic",
    "--accent",
    "#0b57d0",
    "--help-name",
    "IT service desk",
    "--help-phone",
    "+49 30 555 01 00",
    "--help-hours",
    "every day, 6 to 22",
];
const HELP_URL: &str = "https://it.northwind.example/help";

impl Service {
    /// Starts it on a free port, its mail going to `mailbox`, and makes its tenant.
    ///
    /// # Errors
    /// When it is not built or does not become ready; with the end of its log.
    pub fn start(mailbox: &Mailbox) -> Result<Self> {
        let mut service = Self {
            program: built("regain-service", "regain-service")?,
            origin: String::new(),
            host: String::new(),
            tenant: String::new(),
            mail_port: mailbox.smtp_port,
            process: None,
            folder: RunFolder::new("service")?,
        };
        service.configure(0)?;
        service.serve()?;
        let host = service.host.clone();
        let printed = service.command(&["tenant", "create"], |command| {
            command.args(["--host", &host]).args(TENANT);
            command.args(["--help-url", HELP_URL]);
        })?;
        printed.trim().clone_into(&mut service.tenant);
        Ok(service)
    }

    /// Stops it, as when a machine goes down for maintenance.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Ends it without a word, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again on the same port with the same data.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_again(&mut self) -> Result<()> {
        let (_, port) = self.host.split_once(':').context("no port yet")?;
        self.configure(port.parse()?)?;
        self.serve()
    }

    /// Where it is, as a person would type it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The id of its tenant.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// A client of its HTTP API.
    pub fn api(&self) -> Http {
        Http::new(format!("{}/api/v1", self.origin))
    }

    /// The process id, to look at what it uses.
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// What it logged so far.
    ///
    /// # Errors
    /// When it never ran.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.join("service.log"))?)
    }

    /// The folder with everything it keeps.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a directory that the service itself keeps.
    ///
    /// # Errors
    /// When the service refuses.
    pub fn create_embedded_directory(&self, name: &str) -> Result<()> {
        self.command_for_host(&["directory", "create"], |command| {
            command.args(["--name", name, "--kind", "embedded"]);
        })
        .map(drop)
    }

    /// Makes a directory behind an agent and returns the code that enrols one.
    ///
    /// # Errors
    /// When the service refuses.
    pub fn create_agent_directory(&self, name: &str) -> Result<String> {
        self.command_for_host(&["directory", "create"], |command| {
            command.args(["--name", name, "--kind", "agent"]);
        })?;
        self.enrolment_code(name)
    }

    /// A new one-time code that enrols an agent for this directory.
    ///
    /// # Errors
    /// When the service refuses.
    pub fn enrolment_code(&self, directory: &str) -> Result<String> {
        let printed = self.command_for_host(&["directory", "enrolment-code"], |command| {
            command.args(["--no-approval", "--directory", directory]);
        })?;
        Ok(printed.trim().to_owned())
    }

    /// What the service says of each directory.
    ///
    /// # Errors
    /// When the service refuses.
    pub fn directories(&self) -> Result<Vec<DirectoryLine>> {
        let printed = self.command_for_host(&["directory", "list"], |_| {})?;
        let read = |line: &str| {
            let mut fields = line.split('\t');
            let number = |field: Option<&str>| field?.split(' ').next()?.parse().ok();
            Some(DirectoryLine {
                name: fields.next()?.to_owned(),
                accounts: number(fields.nth(1))?,
                key_fingerprint: fields.nth(1)?.to_owned(),
            })
        };
        Ok(printed.lines().filter_map(read).collect())
    }

    /// How the agents of a directory are, as an administrator reads it.
    ///
    /// # Errors
    /// When the service refuses.
    pub fn agents(&self, directory: &str) -> Result<String> {
        self.command_for_host(&["directory", "agents"], |command| {
            command.args(["--directory", directory]);
        })
    }

    /// Adds a person to an embedded directory.
    ///
    /// # Errors
    /// When the service refuses.
    pub fn add(&self, directory: &str, person: &Person<'_>) -> Result<()> {
        let output = self.with_password(&["account", "create"], person.password, |command| {
            command.args(["--directory", directory, "--user-id", person.user_id]);
            command.args(["--display-name", person.display_name, "--email", person.email]);
            if person.first_day {
                command.args(["--must-change", "--never-signed-in"]);
            }
        })?;
        checked("account create", &output).map(drop)
    }

    /// What an administrator's command prints, asked for this tenant.
    ///
    /// # Errors
    /// When it is refused.
    pub fn administer(&self, verb: &[&str], arguments: &[&str]) -> Result<String> {
        self.command_for_host(verb, |command| {
            command.args(arguments);
        })
    }

    /// Trusted devices are told at once why the account of their person cannot recover.
    ///
    /// # Errors
    /// When it is refused.
    pub fn be_candid(&self) -> Result<()> {
        let set = self.command(&["tenant", "candid"], |command| {
            command.args(["--host", &self.host, "on"]);
        });
        set.map(drop)
    }

    /// How the tile on the sign-in screen shall look.
    ///
    /// # Errors
    /// When it is refused.
    pub fn set_tile(&self, arguments: &[&str]) -> Result<()> {
        let set = self.command(&["tenant", "tile"], |command| {
            command.args(["--host", &self.host]).args(arguments);
        });
        set.map(drop)
    }

    /// What the embedded directory says of an account.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn account(&self, user_id: &str) -> Result<Value> {
        let printed = self.command_for_host(&["account", "show"], |command| {
            command.args(["--user-id", user_id]);
        })?;
        Ok(serde_json::from_str(&printed)?)
    }

    /// Tries a password against the embedded directory, as a sign-in does.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn sign_in(&self, user_id: &str, password: &str) -> Result<SignIn> {
        let output = self.with_password(&["account", "sign-in"], password, |command| {
            command.args(["--user-id", user_id]);
        })?;
        match output.status.code() {
            Some(0) => Ok(SignIn::Accepted),
            Some(1) => Ok(SignIn::Wrong),
            Some(2) => Ok(SignIn::Locked),
            Some(3) => Ok(SignIn::MustChange),
            Some(_) | None => bail!("account sign-in: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Locks an account as it happens in life: with three wrong passwords.
    ///
    /// # Errors
    /// When it is not locked afterwards.
    pub fn lock(&self, user_id: &str) -> Result<()> {
        for attempt in 1..=3 {
            self.sign_in(user_id, &format!("not the password {attempt}"))?;
        }
        if self.account(user_id)?["locked"] != true {
            bail!("{user_id} is not locked after three wrong passwords");
        }
        Ok(())
    }

    fn configure(&self, port: u16) -> Result<()> {
        let data = self.folder.folder("data")?;
        let key = self.folder.join("master.key");
        let configuration = format!(
            "[service]\ndata_dir = \"{}\"\nmaster_key_file = \"{}\"\n\n\
             [http]\nlisten = \"127.0.0.1:{port}\"\n\n\
             [mail]\nhost = \"127.0.0.1\"\nport = {}\nencryption = \"none\"\n\
             from = \"Northwind Clinic IT <it@northwind.example>\"\n",
            data.display(),
            key.display(),
            self.mail_port
        );
        self.folder.write("service.toml", configuration).map(drop)
    }

    fn serve(&mut self) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--config").arg(self.folder.join("service.toml"));
        let (process, line) =
            Process::start_and_read_line("service", command, self.folder.path(), |line| {
                line.contains("\"ready\"")
            })?;
        let ready: Value = serde_json::from_str(&line)?;
        let origin = ready["origin"].as_str().context("ready without origin")?;
        self.origin = origin.to_owned();
        self.host = origin.trim_start_matches("http://").to_owned();
        self.process = Some(process);
        Ok(())
    }

    fn command_for_host(&self, verb: &[&str], add: impl FnOnce(&mut Command)) -> Result<String> {
        self.command(verb, |command| {
            command.args(["--tenant", &self.host]);
            add(command);
        })
    }

    fn command(&self, verb: &[&str], add: impl FnOnce(&mut Command)) -> Result<String> {
        let mut command = self.verb(verb);
        add(&mut command);
        let output = output_with_input(&mut command, "")?;
        checked(&verb.join(" "), &output)
    }

    fn with_password(
        &self,
        verb: &[&str],
        password: &str,
        add: impl FnOnce(&mut Command),
    ) -> Result<Output> {
        let mut command = self.verb(verb);
        command.args(["--tenant", &self.host]);
        add(&mut command);
        output_with_input(&mut command, password)
    }

    fn verb(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(verb).arg("--config").arg(self.folder.join("service.toml"));
        command
    }
}

fn checked(verb: &str, output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!("regain-service {verb}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
