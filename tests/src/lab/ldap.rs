//! Questions to a directory through OpenLDAP's own client: a second opinion that shares no
//! code with what the product writes with.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// An LDAPS server and the certificate to expect there.
#[derive(Clone)]
pub struct Ldap {
    url: String,
    ca: PathBuf,
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// A distinguished name or a user principal name.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
}

/// What a sign-in attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Accepted.
    Accepted,
    /// Wrong password (`data 52e`).
    Wrong,
    /// The account is locked (`data 775`).
    Locked,
    /// The password is right but must be changed first (`data 773`).
    MustChange,
    /// Anything else the server said.
    Other(String),
}

impl Ldap {
    /// A server at `url`, whose certificate `ca` vouches for.
    pub fn new(url: impl Into<String>, ca: &Path) -> Self {
        Self { url: url.into(), ca: ca.to_owned() }
    }

    /// Tries a name and a password, as a sign-in does.
    ///
    /// # Errors
    /// When no server answers.
    pub fn bind(&self, who: Credentials<'_>) -> Result<Bind> {
        let output = self.tool("ldapsearch", who, &["-LLL", "-b", "", "-s", "base", "1.1"], "")?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(Bind::Accepted);
        }
        if said.contains("Can't contact LDAP server") {
            bail!("{} does not answer: {said}", self.url);
        }
        Ok(match () {
            () if said.contains("data 52e") => Bind::Wrong,
            () if said.contains("data 775") => Bind::Locked,
            () if said.contains("data 773") => Bind::MustChange,
            () => Bind::Other(said),
        })
    }

    /// Reads attributes of one entry: name and value, as often as they come.
    ///
    /// # Errors
    /// When the server refuses or there is no such entry.
    pub fn read(
        &self,
        who: Credentials<'_>,
        dn: &str,
        attributes: &[&str],
    ) -> Result<Vec<(String, String)>> {
        let arguments =
            [&["-LLL", "-o", "ldif-wrap=no", "-b", dn, "-s", "base"], attributes].concat();
        let output = self.tool("ldapsearch", who, &arguments, "")?;
        let text = checked("ldapsearch", &output)?;
        Ok(text.lines().filter_map(attribute).collect())
    }

    /// Applies LDIF change records.
    ///
    /// # Errors
    /// When the server refuses one of them.
    pub fn modify(&self, who: Credentials<'_>, ldif: &str) -> Result<()> {
        let output = self.tool("ldapmodify", who, &[], ldif)?;
        checked("ldapmodify", &output).map(drop)
    }

    /// Runs one of OpenLDAP's tools; the password goes through a file of this user alone, not
    /// through the list of processes.
    fn tool(
        &self,
        tool: &str,
        who: Credentials<'_>,
        arguments: &[&str],
        input: &str,
    ) -> Result<Output> {
        let mut password = tempfile::NamedTempFile::new()?;
        password.write_all(who.password.as_bytes())?;
        let mut child = Command::new(tool)
            .args(["-x", "-H", &self.url, "-D", who.name, "-y"])
            .arg(password.path())
            .args(arguments)
            .env("LDAPTLS_CACERT", &self.ca)
            .env("LDAPTLS_REQCERT", "demand")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {tool} (cargo xtask setup installs it)"))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A tool that refuses to sign in does not read on; its exit status tells.
            let _ = stdin.write_all(input.as_bytes());
        }
        Ok(child.wait_with_output()?)
    }
}

/// Writes a password as Active Directory takes it: in quotes, UTF-16LE, base64 for LDIF.
pub fn unicode_pwd(password: &str) -> String {
    let quoted = format!("\"{password}\"");
    let bytes: Vec<u8> = quoted.encode_utf16().flat_map(u16::to_le_bytes).collect();
    STANDARD.encode(bytes)
}

fn checked(tool: &str, output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!("{tool}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `name: value` and `name:: base64` of LDIF; binary values stay base64.
fn attribute(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let value = match value.strip_prefix(':') {
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded.trim()).ok()?;
            String::from_utf8(bytes).unwrap_or_else(|_| encoded.trim().to_owned())
        }
        None => value.trim().to_owned(),
    };
    Some((name.to_owned(), value))
}
