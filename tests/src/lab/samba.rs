//! A real Active Directory domain: one Samba domain controller on a loopback address and in a
//! folder of its own, so that many run side by side.
//!
//! Locks after three wrong passwords. The agent's account has only the delegated rights that
//! the product asks for, on the people's subtree alone. Only LDAP is started: half a second
//! instead of eight, and nothing that listens beyond this address.
//!
//! Long: everything that a story may do to a domain.

pub mod join;

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    ldap::{Bind, Credentials, Ldap, unicode_pwd},
    process::{Process, run},
    run_folder::RunFolder,
    wait::{self, PATIENCE},
};

pub use self::join::Kind;

const DNS: &str = "ad.example.test";
const BASE: &str = "DC=ad,DC=example,DC=test";
const ADMIN_PASSWORD: &str = "Lab-Administrator-7";
const AGENT_PASSWORD: &str = "Lab-agent-account-7";
const USER_CLASS: &str = "bf967aba-0de6-11d0-a285-00aa003049e2";
/// The rights of the agent's account: Reset-Password, Change-Password, and writing
/// `lockoutTime` and `pwdLastSet`.
const DELEGATED: [(&str, &str); 4] = [
    ("CR", "00299570-246d-11d0-a768-00aa006e0529"),
    ("CR", "ab721a53-1e2f-11d0-9819-00aa0040529b"),
    ("WP", "28630ebf-41d5-11d1-a9c1-0000f80367c1"),
    ("WP", "bf967a0a-0de6-11d0-a285-00aa003049e2"),
];
/// Bit of `msDS-User-Account-Control-Computed` while an account is locked.
const LOCKOUT: u32 = 0x10;

/// The domain.
pub struct Samba {
    ldap: Ldap,
    process: Option<Process>,
    folder: RunFolder,
    address: Address,
}

/// A person of the domain, in `OU=People`.
pub struct Account<'a> {
    /// The name to sign in with (`sAMAccountName`, and UPN with the domain's suffix).
    pub name: &'a str,
    /// The name to show.
    pub display_name: &'a str,
    /// The mail address that codes go to.
    pub mail: &'a str,
    /// The password.
    pub password: &'a str,
    /// Whether it must be changed at the next sign-in.
    pub must_change: bool,
}

impl Samba {
    /// Makes a new domain and starts its controller.
    ///
    /// # Errors
    /// When Samba is missing, or this user may not listen on the ports of LDAP.
    pub fn start() -> Result<Self> {
        Self::serving("ldap")
    }

    /// The same, its controller a Kerberos server as well.
    ///
    /// # Errors
    /// As [`Samba::start`].
    pub fn start_with_kerberos() -> Result<Self> {
        let samba = Self::serving("ldap, kdc")?;
        // What a whole controller writes by itself when it starts.
        samba.change(&format!(
            "dn: CN=DC1,OU=Domain Controllers,{BASE}\nchangetype: modify\n\
             add: servicePrincipalName\nservicePrincipalName: ldap/dc1.{DNS}\n"
        ))?;
        wait::until("the Kerberos server", PATIENCE, || {
            Ok(TcpStream::connect((samba.ip(), 88)).ok().map(drop))
        })?;
        Ok(samba)
    }

    fn serving(services: &str) -> Result<Self> {
        let address = Address::free()?;
        let folder = RunFolder::new("ad")?;
        provision(&folder, address.ip, services)?;
        let mut samba = Self {
            ldap: Ldap::new(format!("ldaps://{}", address.ip), &folder.join("ca.pem")),
            process: None,
            folder,
            address,
        };
        samba.start_controller()?;
        samba.add_agent_account()?;
        Ok(samba)
    }

    /// Starts the controller again after [`Samba::stop_controller`].
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_controller(&mut self) -> Result<()> {
        let mut command = Command::new("samba");
        command
            .args(["--foreground", "--no-process-group", "--model=single", "-s"])
            .arg(self.folder.join("smb.conf"));
        let process = Process::start("samba", command, self.folder.path())?;
        let process = self.process.insert(process);
        let ldap = &self.ldap;
        wait::until("the domain controller", PATIENCE, || {
            process.fail_if_ended()?;
            // A read-only controller answers, but cannot sign the administrator in.
            let is_up = |bind: &Bind| matches!(bind, Bind::Accepted | Bind::Other(_));
            Ok(ldap.bind(ADMIN).ok().filter(is_up))
        })
        .with_context(|| process.log_end())
        .map(drop)
    }

    /// Stops the controller; the domain stays on disk.
    pub fn stop_controller(&mut self) {
        self.process = None;
    }

    /// Ends the controller without a word, as a power cut does.
    pub fn kill_controller(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Where the controller is, as `ldaps://` address.
    pub fn url(&self) -> String {
        format!("ldaps://{}:636", self.address.ip)
    }

    /// The address it has for itself.
    pub fn ip(&self) -> Ipv4Addr {
        self.address.ip
    }

    /// The authority to trust, for address and name of the controller.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The domain's base.
    pub fn base_dn(&self) -> &'static str {
        BASE
    }

    /// The people's subtree.
    pub fn people_dn(&self) -> String {
        format!("OU=People,{BASE}")
    }

    /// The agent's account, with nothing but the delegated rights: name and password.
    pub fn agent_account(&self) -> (String, &'static str) {
        (format!("regain-agent@{DNS}"), AGENT_PASSWORD)
    }

    /// The configuration of Kerberos for this domain: it asks this controller alone.
    pub fn kerberos_configuration(&self) -> String {
        let (realm, ip) = (DNS.to_uppercase(), self.address.ip);
        format!(
            "[libdefaults]\ndefault_realm = {realm}\ndns_lookup_kdc = false\n\
             dns_lookup_realm = false\nrdns = false\ndns_canonicalize_hostname = false\n\
             [realms]\n{realm} = {{\nkdc = {ip}\n}}\n[domain_realm]\n.{DNS} = {realm}\n"
        )
    }

    /// The key of the agent's account as it is now, as an administrator hands it over.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn export_agent_keytab(&self, to: &Path) -> Result<()> {
        // Else the key is added to those that are there.
        if to.exists() {
            std::fs::remove_file(to)?;
        }
        run(self.tool(&["domain", "exportkeytab"]).arg(to).arg("--principal=regain-agent"))?;
        Ok(())
    }

    /// Gives the agent's account another password, of which the agent knows nothing.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn change_agent_password(&self, password: &str) -> Result<()> {
        self.change(&format!(
            "dn: CN=regain-agent,CN=Users,{BASE}\nchangetype: modify\nreplace: unicodePwd\n\
             unicodePwd:: {}\n",
            unicode_pwd(password)
        ))
    }

    /// Somebody who may see and do everything: name and password.
    pub fn administrator(&self) -> (&'static str, &'static str) {
        (ADMIN.name, ADMIN.password)
    }

    /// The user principal name of `name`.
    pub fn upn(&self, name: &str) -> String {
        format!("{name}@{DNS}")
    }

    /// The distinguished name of the person who signs in as `name`.
    pub fn dn(&self, name: &str) -> String {
        format!("CN={name},{}", self.people_dn())
    }

    /// Adds a person who has never signed in.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn add(&self, account: &Account<'_>) -> Result<()> {
        let pwd_last_set = if account.must_change { "0" } else { "-1" };
        self.change(&format!(
            "dn: {dn}\nchangetype: add\nobjectClass: user\nsAMAccountName: {name}\n\
             userPrincipalName: {upn}\ndisplayName: {display}\nmail: {mail}\n\
             userAccountControl: 512\nunicodePwd:: {password}\npwdLastSet: {pwd_last_set}\n",
            dn = self.dn(account.name),
            name = account.name,
            upn = self.upn(account.name),
            display = account.display_name,
            mail = account.mail,
            password = unicode_pwd(account.password),
        ))
    }

    /// Gives one person a policy of their own (a fine-grained one) with these values.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn add_fine_grained_policy(&self, person: &str, values: &[(&str, &str)]) -> Result<()> {
        let values: String =
            values.iter().map(|(name, value)| format!("msDS-{name}: {value}\n")).collect();
        self.change(&format!(
            "dn: CN=strict,{container}\nchangetype: add\nobjectClass: msDS-PasswordSettings\n\
             msDS-PasswordSettingsPrecedence: 10\nmsDS-PSOAppliesTo: {person}\n\
             msDS-PasswordReversibleEncryptionEnabled: FALSE\n\
             msDS-MaximumPasswordAge: -36288000000000\n{values}",
            container = self.fine_grained_policies_dn(),
            person = self.dn(person),
        ))
    }

    /// Where fine-grained policies are kept.
    pub fn fine_grained_policies_dn(&self) -> String {
        format!("CN=Password Settings Container,CN=System,{BASE}")
    }

    /// Demands passwords of at least this many characters from now on.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn set_least_length(&self, characters: u8) -> Result<()> {
        self.change(&format!(
            "dn: {BASE}\nchangetype: modify\nreplace: minPwdLength\nminPwdLength: {characters}\n"
        ))
    }

    /// Applies LDIF change records as the domain's administrator.
    ///
    /// # Errors
    /// When the domain refuses one.
    pub fn change(&self, ldif: &str) -> Result<()> {
        self.ldap.modify(ADMIN, ldif)
    }

    /// Applies LDIF change records as somebody else (a distinguished or user principal name).
    ///
    /// # Errors
    /// When the domain refuses one.
    pub fn change_as(&self, name: &str, password: &str, ldif: &str) -> Result<()> {
        self.ldap.modify(Credentials { name, password }, ldif)
    }

    /// Puts an account into the group of the domain's administrators.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn make_administrator(&self, name: &str) -> Result<()> {
        let dn = self.dn(name);
        self.change(&format!(
            "dn: CN=Domain Admins,CN=Users,{BASE}\nchangetype: modify\nadd: member\nmember: {dn}\n"
        ))
    }

    /// Signs in as this person, the way any program does: a simple bind.
    ///
    /// # Errors
    /// When no controller answers.
    pub fn try_bind(&self, name: &str, password: &str) -> Result<Bind> {
        let name = &self.upn(name);
        self.ldap.bind(Credentials { name, password })
    }

    /// Locks an account as it happens in life: with three wrong passwords.
    ///
    /// # Errors
    /// When the account is not locked afterwards.
    pub fn lock(&self, name: &str) -> Result<()> {
        for attempt in 1..=3 {
            self.try_bind(name, &format!("not the password {attempt}"))?;
        }
        if !self.is_locked(name)? {
            bail!("{name} is not locked after three wrong passwords");
        }
        Ok(())
    }

    /// Whether the domain says the account is locked.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn is_locked(&self, name: &str) -> Result<bool> {
        let computed = self.attribute(name, "msDS-User-Account-Control-Computed")?;
        let bits: u32 = computed.as_deref().unwrap_or("0").parse()?;
        Ok(bits & LOCKOUT != 0)
    }

    /// How often the password was written: rises by one each time.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn key_version(&self, name: &str) -> Result<u32> {
        let version = self.attribute(name, "msDS-KeyVersionNumber")?;
        Ok(version.context("no key version")?.parse()?)
    }

    /// Whether the password must be changed at the next sign-in.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn must_change(&self, name: &str) -> Result<bool> {
        Ok(self.attribute(name, "pwdLastSet")?.as_deref() == Some("0"))
    }

    /// One attribute of a person, read by the domain's administrator.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn attribute(&self, name: &str, attribute: &str) -> Result<Option<String>> {
        let found = self.ldap.read(ADMIN, &self.dn(name), &[attribute])?;
        let mut values = found.into_iter().filter(|(key, _)| key == attribute);
        Ok(values.next().map(|(_, value)| value))
    }

    fn add_agent_account(&self) -> Result<()> {
        let dn = format!("CN=regain-agent,CN=Users,{BASE}");
        self.change(&format!(
            "dn: {people}\nchangetype: add\nobjectClass: organizationalUnit\n\n\
             dn: {dn}\nchangetype: add\nobjectClass: user\nsAMAccountName: regain-agent\n\
             userPrincipalName: regain-agent@{DNS}\nuserAccountControl: 66048\n\
             unicodePwd:: {password}\n",
            people = self.people_dn(),
            password = unicode_pwd(AGENT_PASSWORD),
        ))?;
        let sid = self.sid_of("regain-agent")?;
        let rights: String = DELEGATED
            .iter()
            .map(|(right, object)| format!("(OA;CIIO;{right};{object};{USER_CLASS};{sid})"))
            .collect();
        self.grant(&self.people_dn(), &rights)
            .context("delegating the rights of the agent's account")
    }

    /// Lets the agent's account read everything below `dn`.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn let_agent_read(&self, dn: &str) -> Result<()> {
        let sid = self.sid_of("regain-agent")?;
        self.grant(dn, &format!("(A;CI;RPLCLORC;;;{sid})"))
    }

    /// Denies the agent's account an extended right on one object.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn deny_agent(&self, dn: &str, right: &str) -> Result<()> {
        let sid = self.sid_of("regain-agent")?;
        self.grant(dn, &format!("(OD;;CR;{right};;{sid})"))
    }

    /// Adds an organizational unit.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn add_unit(&self, dn: &str) -> Result<()> {
        self.change(&format!("dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\n"))
    }

    /// Switches inheritance off on an object, as an administrator's mouse does: what came from
    /// above is gone.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn switch_inheritance_off(&self, dn: &str) -> Result<()> {
        self.set_inheritance(dn, false)
    }

    /// Lets an object inherit again.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn switch_inheritance_on(&self, dn: &str) -> Result<()> {
        self.set_inheritance(dn, true)
    }

    fn set_inheritance(&self, dn: &str, on: bool) -> Result<()> {
        /// SE_DACL_PROTECTED, in the second byte of the control word.
        const PROTECTED: u8 = 0x10;
        let found = self.ldap.read(ADMIN, dn, &["nTSecurityDescriptor"])?;
        let mut found = found.into_iter().filter(|(name, _)| name == "nTSecurityDescriptor");
        let (_, text) = found.next().context("no security descriptor")?;
        let mut descriptor = STANDARD.decode(text)?;
        let control = descriptor.get_mut(3).context("a torn descriptor")?;
        *control = if on { *control & !PROTECTED } else { *control | PROTECTED };
        forget_inherited(&mut descriptor).context("a torn descriptor")?;
        self.change(&format!(
            "dn: {dn}\nchangetype: modify\nreplace: nTSecurityDescriptor\n\
             nTSecurityDescriptor:: {}\n",
            STANDARD.encode(descriptor)
        ))
    }

    /// Runs a command line of `samba-tool` as the domain's administrator, as somebody does who
    /// copies it from a terminal.
    ///
    /// # Errors
    /// When it is no such line, or the domain refuses.
    pub fn paste(&self, line: &str) -> Result<String> {
        ensure!(line.starts_with("samba-tool "), "not for Samba: {line}");
        let url = format!("ldap://{}", self.address.ip);
        let user = format!("Administrator%{ADMIN_PASSWORD}");
        let configuration = self.folder.join("smb.conf");
        run(Command::new("sh")
            .arg("-c")
            .arg(format!("{line} --URL=\"$1\" --user=\"$2\" -s \"$3\""))
            .args(["paste", &url, &user])
            .arg(configuration)
            .env("PYTHONDONTWRITEBYTECODE", "1"))
    }

    fn grant(&self, dn: &str, rights: &str) -> Result<()> {
        // Over LDAP: writing the database file under a running server is not safe.
        run(self
            .tool(&["dsacl", "set"])
            .arg(format!("--URL=ldap://{}", self.address.ip))
            .arg(format!("--user=Administrator%{ADMIN_PASSWORD}"))
            .arg(format!("--objectdn={dn}"))
            .arg(format!("--sddl={rights}")))?;
        Ok(())
    }

    fn sid_of(&self, name: &str) -> Result<String> {
        let database = self.folder.join("private/sam.ldb");
        let printed = run(self
            .tool(&["user", "show", name, "--attributes=objectSid"])
            .arg(format!("--URL={}", database.display())))?;
        let mut sids = printed.lines().filter_map(|line| line.strip_prefix("objectSid: "));
        Ok(sids.next().context("the agent's account has no SID")?.to_owned())
    }

    fn tool(&self, arguments: &[&str]) -> Command {
        samba_tool(arguments, &self.folder.join("smb.conf"))
    }
}

/// Takes the entries that came from above out of a descriptor's access list (MS-DTYP 2.4).
fn forget_inherited(descriptor: &mut [u8]) -> Option<()> {
    const INHERITED: u8 = 0x10;
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, &b| sum << 8 | usize::from(b));
    let list = number(descriptor.get(16..20)?);
    let count = number(descriptor.get(list + 4..list + 6)?);
    let (mut from, mut kept, mut to) = (list + 8, 0_u16, list + 8);
    for _ in 0..count {
        let size = number(descriptor.get(from + 2..from + 4)?);
        if descriptor.get(from + 1)? & INHERITED == 0 {
            descriptor.copy_within(from..from + size, to);
            (kept, to) = (kept + 1, to + size);
        }
        from += size;
    }
    let size = u16::try_from(to - list).ok()?;
    descriptor.get_mut(list + 2..list + 4)?.copy_from_slice(&size.to_le_bytes());
    descriptor.get_mut(list + 4..list + 6)?.copy_from_slice(&kept.to_le_bytes());
    Some(())
}

const ADMIN: Credentials<'static> = Credentials {
    name: "CN=Administrator,CN=Users,DC=ad,DC=example,DC=test",
    password: ADMIN_PASSWORD,
};

/// A loopback address that nobody else in this lab uses: held by a socket, so that it is free
/// again whenever this process ends.
struct Address {
    ip: Ipv4Addr,
    _held: UdpSocket,
}

impl Address {
    const HELD_PORT: u16 = 47_636;

    fn free() -> Result<Self> {
        let first = std::process::id() % 200;
        for step in 0..200 {
            let last = u8::try_from(20 + (first + step) % 200)?;
            let ip = Ipv4Addr::new(127, 0, 0, last);
            let taken = match TcpListener::bind((ip, 636)) {
                Ok(_) => false,
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    bail!("a domain controller listens on ports below 1024: run this as root")
                }
                Err(_) => true,
            };
            if !taken && let Ok(held) = UdpSocket::bind((ip, Self::HELD_PORT)) {
                return Ok(Self { ip, _held: held });
            }
        }
        bail!("no loopback address is free for a domain controller")
    }
}

fn provision(folder: &RunFolder, ip: Ipv4Addr, services: &str) -> Result<()> {
    let root = folder.path();
    // Without this file the tools read the machine's own configuration.
    let empty = folder.write("empty.conf", "[global]\n")?;
    run(samba_tool(&["domain", "provision", "--quiet"], &empty)
        .args(["--server-role=dc", "--use-rfc2307", "--dns-backend=NONE"])
        .args(["--realm=AD.EXAMPLE.TEST", "--domain=AD", "--host-name=dc1"])
        .arg(format!("--adminpass={ADMIN_PASSWORD}"))
        .arg(format!("--targetdir={}", root.display()))
        .arg(format!("--host-ip={ip}"))
        .arg(format!("--option=interfaces={ip}/8"))
        .arg("--option=bind interfaces only=yes"))
    .context("making the domain")?;
    authority(folder)?;
    certify(folder, "dc1", ip)?;
    make_folders(folder)?;
    let configuration = folder.write("smb.conf", configuration(root, "dc1", ip, services))?;
    let database = folder.join("private/sam.ldb");
    run(samba_tool(&["domain", "passwordsettings", "set"], &configuration)
        .arg(format!("--URL={}", database.display()))
        .args(["--account-lockout-threshold=3", "--account-lockout-duration=30"])
        .args(["--min-pwd-length=8", "--min-pwd-age=0"]))
    .context("setting the lockout")?;
    Ok(())
}

fn make_folders(folder: &RunFolder) -> Result<()> {
    for name in ["lock", "run", "cache"] {
        folder.folder(name)?;
    }
    Ok(())
}

fn samba_tool(arguments: &[&str], configuration: &Path) -> Command {
    let mut command = Command::new("samba-tool");
    command.args(arguments).arg("-s").arg(configuration).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// An authority for the domain's controllers.
fn authority(folder: &RunFolder) -> Result<()> {
    let extensions = "basicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign\n\
                      subjectKeyIdentifier = hash\n";
    run(request(folder, extensions, "ca")?.args(["-subj", "/CN=Lab authority"]))
        .context("making the authority")?;
    Ok(())
}

/// The controller's certificate, signed by the authority in its folder. Samba's own certificate
/// has no alternative names, and modern clients ask for them.
fn certify(folder: &RunFolder, host: &str, ip: Ipv4Addr) -> Result<()> {
    let extensions = format!(
        "basicConstraints = critical, CA:FALSE\nextendedKeyUsage = serverAuth\n\
         subjectAltName = DNS:{host}.{DNS}, IP:{ip}\n"
    );
    run(request(folder, &extensions, "tls")?
        .args(["-subj", &format!("/CN={host}.{DNS}")])
        .arg("-CA")
        .arg(folder.join("ca.pem"))
        .arg("-CAkey")
        .arg(folder.join("ca.key")))
    .context("making the controller's certificate")?;
    Ok(())
}

/// OpenSSL's request for a certificate and its key, `NAME.pem` and `NAME.key`.
fn request(folder: &RunFolder, extensions: &str, name: &str) -> Result<Command> {
    let configuration = folder.write(
        &format!("{name}.conf"),
        format!(
            "[req]\ndistinguished_name = name\nprompt = no\n[name]\nCN = lab\n\
             [extensions]\n{extensions}"
        ),
    )?;
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-extensions", "extensions", "-config"])
        .arg(configuration)
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")));
    Ok(command)
}

/// A domain takes the old password for an hour more over the network; here the old one is old
/// at once, so that a story can tell whether the new one was written.
fn configuration(root: &Path, host: &str, ip: Ipv4Addr, services: &str) -> String {
    let (root, name) = (root.display(), host.to_uppercase());
    format!(
        "[global]\n\
         netbios name = {name}\nrealm = AD.EXAMPLE.TEST\nworkgroup = AD\n\
         server role = active directory domain controller\nserver services = {services}\n\
         interfaces = {ip}/8\nbind interfaces only = yes\n\
         private dir = {root}/private\nstate directory = {root}/state\n\
         cache directory = {root}/cache\nlock directory = {root}/lock\n\
         pid directory = {root}/run\nncalrpc dir = {root}/run/ncalrpc\n\
         winbindd socket directory = {root}/run/winbind\n\
         ntp signd socket directory = {root}/run/ntp\n\
         log file = {root}/samba-server.log\n\
         ldap server require strong auth = allow_sasl_over_tls\n\
         tls enabled = yes\ntls certfile = {root}/tls.pem\n\
         tls keyfile = {root}/tls.key\ntls cafile = {root}/ca.pem\n\
         idmap_ldb:use rfc2307 = yes\nold password allowed period = 0\n"
    )
}
