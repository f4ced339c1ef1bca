//! A second controller of the same domain, joined to the first over the network as Windows
//! does it. Without DNS the two never replicate afterwards: what one is told later, the other
//! does not know. Just right for stories in which the wrong controller must not be asked.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use super::{
    ADMIN_PASSWORD, Address, BASE, DNS, Samba, certify, configuration, make_folders, run,
    samba_tool,
};
use crate::lab::{ldap::Ldap, run_folder::RunFolder};

/// What kind of controller joins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One that takes writes.
    Writable,
    /// One that takes none, with the password of the agent's account to let it sign in.
    ReadOnly,
}

impl Samba {
    /// Joins a controller to the domain and starts it. It knows what this one knows now.
    ///
    /// # Errors
    /// When one of Samba's tools refuses.
    pub fn join(&mut self, kind: Kind) -> Result<Samba> {
        self.serve("ldap cldap rpc kdc")?;
        let address = Address::free()?;
        let folder = RunFolder::new("ad")?;
        let host = match kind {
            Kind::Writable => "dc2",
            Kind::ReadOnly => "dc3",
        };
        let role = if kind == Kind::Writable { "DC" } else { "RODC" };
        let empty = folder.write("empty.conf", "[global]\n")?;
        self.joining(&["domain", "join", DNS, role, "--dns-backend=NONE"], &empty)
            .arg(format!("--targetdir={}", folder.path().display()))
            .arg(format!("--option=netbios name={}", host.to_uppercase()))
            .arg(format!("--option=interfaces={}/8", address.ip))
            .args(["--option=bind interfaces only=yes"])
            .args(["--option=workgroup=AD", "--option=realm=AD.EXAMPLE.TEST"])
            .run("joining a second controller")?;
        for file in ["ca.pem", "ca.key"] {
            std::fs::copy(self.folder.join(file), folder.join(file))?;
        }
        certify(&folder, host, address.ip)?;
        make_folders(&folder)?;
        let text = configuration(folder.path(), host, address.ip, "ldap");
        let smb = folder.write("smb.conf", text)?;
        if kind == Kind::ReadOnly {
            self.lend_agent_password(&smb)?;
        }
        self.serve("ldap")?;
        let ldap = Ldap::new(format!("ldaps://{}", address.ip), &folder.join("ca.pem"));
        let mut joined = Samba { ldap, process: None, folder, address };
        joined.start_controller()?;
        Ok(joined)
    }

    /// Names this controller by its address where a host name is expected: the lab has no DNS.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn name_by_address(&self) -> Result<()> {
        self.change(&format!(
            "dn: CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{BASE}\n\
             changetype: modify\nreplace: dNSHostName\ndNSHostName: {}\n",
            self.address.ip
        ))
    }

    /// Restarts the controller with these of Samba's services.
    fn serve(&mut self, services: &str) -> Result<()> {
        self.stop_controller();
        let text = configuration(self.folder.path(), "dc1", self.address.ip, services);
        self.folder.write("smb.conf", text)?;
        self.start_controller()
    }

    /// A read-only controller knows only the passwords that it was lent.
    fn lend_agent_password(&self, smb: &Path) -> Result<()> {
        let group = format!("CN=Allowed RODC Password Replication Group,CN=Users,{BASE}");
        self.change(&format!(
            "dn: {group}\nchangetype: modify\nadd: member\nmember: CN=regain-agent,CN=Users,{BASE}\n"
        ))?;
        self.joining(&["rodc", "preload", "regain-agent"], smb).run("lending a password")
    }

    fn joining(&self, arguments: &[&str], configuration: &Path) -> Joining {
        let mut command = samba_tool(arguments, configuration);
        command
            .arg(format!("--server={}", self.address.ip))
            .arg(format!("--user=Administrator%{ADMIN_PASSWORD}"));
        Joining(command)
    }
}

struct Joining(Command);

impl Joining {
    fn arg(mut self, argument: String) -> Self {
        self.0.arg(argument);
        self
    }

    fn args<const N: usize>(mut self, arguments: [&str; N]) -> Self {
        self.0.args(arguments);
        self
    }

    fn run(mut self, what: &'static str) -> Result<()> {
        run(&mut self.0).map(drop).context(what)
    }
}
