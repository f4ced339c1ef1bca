//! As a new administrator would: two packages, a machine that never saw them, and the documents.
//! What docs/service.md and docs/agent.md say to type is read from them and typed; it ends with
//! an agent that works, and with nothing left once both are purged.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use tests::{
    harness::people::ANNA,
    lab::{
        machine::{self, Machine},
        process::{Process, run},
        run_folder::RunFolder,
        samba::{Account, Samba},
        smtp::Mailbox,
        wait::{self, PATIENCE},
    },
};

const HOST: &str = "reset.example.org";

#[test]
fn the_documents_lead_from_two_packages_to_a_working_agent_and_away_again() {
    let mailbox = Mailbox::start().unwrap();
    let samba = Samba::start().unwrap();
    let anna = Account {
        name: ANNA.name,
        display_name: ANNA.display_name,
        mail: ANNA.email,
        password: ANNA.password,
        must_change: false,
    };
    samba.add(&anna).unwrap();
    let mut admin = Administrator::begin(&samba).unwrap();

    admin.follows_the_service_document(&mailbox).unwrap();
    admin.follows_the_agent_document(&samba).unwrap();
    let asks = |what: &str| {
        let of = "--tenant reset.example.org";
        let line = format!("sudo -u regain-service regain-service directory {what} {of}");
        admin.machine.shell(&typed(&line), "")
    };
    wait::until("the accounts", PATIENCE, || {
        let listed = asks("list")?;
        Ok(listed.starts_with("Staff\tagent\t1 ").then_some(()))
    })
    .unwrap();
    let agents = asks("agents --directory Staff").unwrap();
    assert!(agents.contains("up"), "{agents}");

    admin.goes_away_again().unwrap();
}

/// Who has a machine and the documents.
struct Administrator {
    machine: Machine,
    folder: RunFolder,
    running: Vec<Process>,
}

impl Administrator {
    /// With the packages copied to the machine, and a certificate for its name.
    fn begin(samba: &Samba) -> Result<Self> {
        let folder = RunFolder::new("administrator")?;
        let machine = Machine::start()?;
        let packages = machine::packages(&folder)?;
        for package in fs::read_dir(packages)? {
            let package = package?;
            let name = package.file_name().to_string_lossy().into_owned();
            machine.write(&format!("/root/{name}"), fs::read(package.path())?)?;
        }
        let hosts = format!("127.0.0.1 localhost\n{} {HOST}\n", samba.ip());
        machine.write("/etc/hosts", hosts)?;
        Ok(Self { machine, folder, running: Vec::new() })
    }

    fn follows_the_service_document(&mut self, mailbox: &Mailbox) -> Result<()> {
        let mut lines = lines_of("service.md")?.into_iter();
        let mut next = || lines.next().context("docs/service.md ends early");
        self.types(&next()?, "")?;
        self.certificate()?;
        self.changes(
            "/etc/regain/service.toml",
            &[
                (
                    "listen = \"127.0.0.1:8443\"",
                    &format!("listen = \"{HOST}:443\"").replace(HOST, &self.address()?),
                ),
                ("# [http.tls]", "[http.tls]"),
                ("# certificate = ", "certificate = "),
                ("# key = ", "key = "),
                ("port = 25", &format!("port = {}", mailbox.smtp_port)),
            ],
        )?;
        for line in lines {
            self.types(&line, "")?;
        }
        Ok(())
    }

    fn follows_the_agent_document(&mut self, samba: &Samba) -> Result<()> {
        let mut lines = lines_of("agent.md")?.into_iter();
        let mut next = || lines.next().context("docs/agent.md ends early");
        self.types(&next()?, "")?;
        let (account, password) = samba.agent_account();
        self.machine.write("/etc/regain/agent.password", password)?;
        self.machine.write("/etc/regain/directory-ca.pem", fs::read(samba.ca_file())?)?;
        self.changes(
            "/etc/regain/agent.toml",
            &[
                ("[\"ldaps://dc1.example.org\"]", &format!("[\"{}\"]", samba.url())),
                (
                    "#ca_file = \"/etc/regain/service-ca.pem\"",
                    "ca_file = \"/etc/regain/service-ca.pem\"",
                ),
                (
                    "#ca_file = \"/etc/regain/directory-ca.pem\"",
                    "ca_file = \"/etc/regain/directory-ca.pem\"",
                ),
                ("svc-regain@example.org", &account),
                ("OU=People,DC=example,DC=org", &samba.people_dn()),
            ],
        )?;
        let code = self.types(&next()?, "")?;
        let code = code.lines().next().context("no code was printed")?;
        let enrolled = self.types(&next()?, code)?;
        let fingerprint = fingerprint(&enrolled)?;
        self.types(&next()?.replace("FINGERPRINT", fingerprint), "")?;
        // Among it the doctors, which fail where something is wrong.
        for line in lines {
            self.types(&line, "")?;
        }
        Ok(())
    }

    fn goes_away_again(mut self) -> Result<()> {
        self.running.clear();
        self.machine.shell("dpkg --purge regain-agent regain-service 2>&1", "")?;
        for left in [
            "/etc/regain/agent.toml",
            "/var/lib/regain-agent",
            "/var/lib/regain-service",
            "/usr/bin/regain-agent",
        ] {
            ensure!(!self.machine.has(left), "{left} is left");
        }
        let users = self.machine.read("/etc/passwd")?;
        ensure!(!users.contains("regain-"), "a user is left:\n{users}");
        Ok(())
    }

    /// Types a line of a document. There is no systemd here: what it would start is started.
    fn types(&mut self, line: &str, input: &str) -> Result<String> {
        match line.strip_prefix("systemctl enable --now ") {
            None => self.machine.shell(&typed(line), input),
            Some(unit) => {
                let process = self.machine.start_unit(unit)?;
                self.running.push(process);
                let address = self.address()?;
                wait::until("the service", PATIENCE, || {
                    Ok(std::net::TcpStream::connect(format!("{address}:443")).ok().map(drop))
                })?;
                Ok(String::new())
            }
        }
    }

    /// As with an editor: what the file says for what is right here.
    fn changes(&self, path: &str, changes: &[(&str, &str)]) -> Result<()> {
        let mut text = self.machine.read(path)?;
        for (said, right) in changes {
            ensure!(text.contains(said), "{path} does not say {said}");
            text = text.replacen(said, right, 1);
        }
        self.machine.write(path, text)
    }

    fn address(&self) -> Result<String> {
        let hosts = self.machine.read("/etc/hosts")?;
        let line = hosts.lines().find(|line| line.ends_with(HOST)).context("no address")?;
        Ok(line.split(' ').next().unwrap_or_default().to_owned())
    }

    /// From the organisation's own authority.
    fn certificate(&self) -> Result<()> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let (ca, ca_key) = (file("ca.pem"), file("ca.key"));
        let (key, certificate) = (file("key.pem"), file("certificate.pem"));
        let new = |key: &str, out: &str, name: &str, more: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
            command.args(["-nodes", "-days", "2", "-keyout", key, "-out", out, "-subj", name]);
            run(command.args(more))
        };
        new(&ca_key, &ca, "/CN=Example", &[])?;
        let named = format!("subjectAltName=DNS:{HOST}");
        let more = ["-CA", &ca, "-CAkey", &ca_key, "-addext", "basicConstraints=CA:FALSE"];
        new(&key, &certificate, "/CN=Reset", &[&more[..], &["-addext", &named]].concat())?;
        self.machine.write("/etc/regain/key.pem", fs::read(key)?)?;
        self.machine.write("/etc/regain/certificate.pem", fs::read(certificate)?)?;
        self.machine.write("/etc/regain/service-ca.pem", fs::read(ca)?)
    }
}

/// What a document says to type, line by line: its blocks that are marked as such.
fn lines_of(document: &str) -> Result<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    let text = fs::read_to_string(path)?;
    let blocks = text.split("```sh\n").skip(1);
    let lines = blocks.filter_map(|block| block.split("```").next()).flat_map(str::lines);
    Ok(lines.map(str::to_owned).collect())
}

/// The same for a machine that has no sudo, where the packages were copied to.
fn typed(line: &str) -> String {
    let sudo = "sudo() { user=$2; shift 2; (cd / && runuser -u \"$user\" -- \"$@\"); }";
    format!("{sudo}\ncd /root && {line}")
}

fn fingerprint(enrolled: &str) -> Result<&str> {
    let after = enrolled.split("Its fingerprint: ").nth(1);
    after
        .and_then(|rest| rest.split_whitespace().next())
        .with_context(|| format!("no fingerprint was printed:\n{enrolled}"))
}
