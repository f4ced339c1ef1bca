//! A service as it stands on the internet: HTTPS with a chain of two certificates, as public
//! authorities issue them. Set up through its own command line.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};
use serde_json::Value;
use tests::lab::{
    process::{Process, built, run_with_input},
    run_folder::RunFolder,
    smtp::Mailbox,
};

/// The service.
pub(crate) struct TlsService {
    program: PathBuf,
    folder: RunFolder,
    /// Where it listens.
    pub(crate) port: u16,
    _process: Process,
}

/// Where the service's accounts are.
const DIRECTORY: &str = "main";

impl TlsService {
    /// Starts it; over plain HTTP where no line needs to be hidden from the one who counts.
    ///
    /// # Errors
    /// When it is not built or does not become ready.
    pub(crate) fn start(mailbox: &Mailbox, encrypted: bool) -> Result<Self> {
        let folder = RunFolder::new("tls-service")?;
        let tls = if encrypted {
            certificates(&folder)?;
            format!(
                "tls = {{ certificate = \"{}\", key = \"{}\" }}\n",
                folder.join("chain.pem").display(),
                folder.join("key.pem").display()
            )
        } else {
            String::new()
        };
        folder.write(
            "service.toml",
            format!(
                "[service]\ndata_dir = \"{}\"\nmaster_key_file = \"{}\"\n\n\
                 [http]\nlisten = \"127.0.0.1:0\"\n{tls}\n\
                 [mail]\nhost = \"127.0.0.1\"\nport = {}\nencryption = \"none\"\n\
                 from = \"Northwind Clinic IT <it@northwind.example>\"\n",
                folder.folder("data")?.display(),
                folder.join("master.key").display(),
                mailbox.smtp_port
            ),
        )?;
        let program = built("regain-service", "regain-service")?;
        let mut command = Command::new(&program);
        command.arg("serve").arg("--config").arg(folder.join("service.toml"));
        let (process, line) =
            Process::start_and_read_line("service", command, folder.path(), |line| {
                line.contains("\"ready\"")
            })?;
        let ready: Value = serde_json::from_str(&line)?;
        let listen = ready["listen"].as_str().context("ready without listen")?;
        let (_, port) = listen.rsplit_once(':').context("listen without port")?;
        Ok(Self { port: port.parse()?, program, folder, _process: process })
    }

    /// Makes the one tenant, which people reach as `host`.
    ///
    /// # Errors
    /// When the service refuses.
    pub(crate) fn create_tenant(&self, host: &str) -> Result<()> {
        self.run(&["tenant", "create", "--host", host, "--name", "Northwind Clinic"], "")?;
        let directory = ["--name", DIRECTORY, "--kind", "embedded", "--tenant", host];
        self.run(&[&["directory", "create"], directory.as_slice()].concat(), "")
    }

    /// Adds a person who is locked out.
    ///
    /// # Errors
    /// When the service refuses.
    pub(crate) fn add_locked(&self, host: &str, user_id: &str) -> Result<()> {
        let which = ["--tenant", host, "--user-id", user_id];
        let what = ["--directory", DIRECTORY, "--display-name", "Anna Berg", "--email", user_id];
        self.run(
            &[&["account", "create"], which.as_slice(), what.as_slice()].concat(),
            "Seven-otters-swim-1",
        )?;
        self.run(&[&["account", "lock"], which.as_slice()].concat(), "")
    }

    /// The settings of an app for this service, reached as `origin`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(crate) fn policy(&self, origin: &str, encrypted: bool) -> Result<PathBuf> {
        let authority = if encrypted {
            format!("ca_file = \"{}\"\n", self.folder.join("root.pem").display())
        } else {
            String::new()
        };
        let state = self.folder.folder("state")?;
        self.folder.write(
            "policy.toml",
            format!("service = \"{origin}\"\nstate_dir = \"{}\"\n{authority}", state.display()),
        )
    }

    fn run(&self, verb: &[&str], input: &str) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(verb).arg("--config").arg(self.folder.join("service.toml"));
        run_with_input(&mut command, input).map(drop)
    }
}

/// Root (trusted), intermediate and leaf; the service sends the last two.
fn certificates(folder: &RunFolder) -> Result<()> {
    let root = CertifiedIssuer::self_signed(authority("Lab root"), KeyPair::generate()?)?;
    let intermediate =
        CertifiedIssuer::signed_by(authority("Lab intermediate"), KeyPair::generate()?, &root)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["localhost".to_owned()])?;
    let leaf = leaf.signed_by(&key, &intermediate)?;
    folder.write("root.pem", root.pem())?;
    folder.write("chain.pem", leaf.pem() + &intermediate.pem())?;
    folder.write("key.pem", key.serialize_pem()).map(drop)
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
