//! How the service account signs in at a controller: with the password of a file, or by Kerberos
//! as whoever this program runs as. Says what came of one try; how often one is made is decided
//! elsewhere (`connection`).

use std::time::Duration;

use ldap3::Ldap;
use zeroize::Zeroizing;

use super::{
    PasswordSource,
    connection::{READ_LIMIT, timed},
    refusal::{BindRefusal, Fault},
};

/// Whether this program can sign in by Kerberos: always on Windows; elsewhere it needs the
/// system's Kerberos library, which the feature `kerberos` links.
pub const HAS_KERBEROS: bool = cfg!(any(windows, feature = "kerberos"));

/// The ticket may have to be fetched first, at a controller that is asked third.
#[cfg_attr(not(any(windows, feature = "kerberos")), expect(dead_code, reason = "no Kerberos here"))]
const KERBEROS_LIMIT: Duration = Duration::from_secs(20);

/// How the service account signs in.
#[derive(Clone)]
pub enum SignIn {
    /// A simple bind, inside TLS.
    Password {
        /// The account: `name@domain`, `DOMAIN\name` or a distinguished name.
        user: String,
        /// Reads its password, at each bind, so that a changed one is found.
        password: PasswordSource,
    },
    /// Kerberos, inside TLS and bound to it, as whoever this program runs as: on Windows the
    /// account of the service (a group managed one, say), elsewhere that of the keytab in
    /// `KRB5_CLIENT_KTNAME` or of the default ticket cache.
    Kerberos,
}

impl SignIn {
    /// What a try would be made with, to tell another try from the same one: the password; or
    /// when the keytab was written, which nobody sees.
    pub(super) fn credential(&self) -> Result<Zeroizing<String>, Fault> {
        match self {
            Self::Password { password, .. } => password().map_err(Fault::NoPassword),
            Self::Kerberos => Ok(Zeroizing::new(keytab_mark())),
        }
    }

    /// The configured name of the account; none where the controller alone knows it.
    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::Password { user, .. } => Some(user),
            Self::Kerberos => None,
        }
    }

    /// Tries it once. `host`: the controller, as the configuration calls it.
    pub(super) async fn bind(
        &self,
        ldap: &mut Ldap,
        host: &str,
        credential: &str,
    ) -> Result<(), Fault> {
        let answer = match self {
            Self::Password { user, .. } => {
                timed(READ_LIMIT, ldap.simple_bind(user, credential)).await?
            }
            Self::Kerberos => kerberos(ldap, host).await?,
        };
        match answer.rc {
            0 => Ok(()),
            49 => Err(Fault::BindRefused(BindRefusal::read(&answer.text))),
            _ => Err(answer.into()),
        }
    }
}

fn keytab_mark() -> String {
    let Some(keytab) = std::env::var_os("KRB5_CLIENT_KTNAME") else {
        return String::new();
    };
    let path = keytab.to_string_lossy();
    let path = path.strip_prefix("FILE:").unwrap_or(&path);
    let written = std::fs::metadata(path).and_then(|data| data.modified()).ok();
    format!("{path} {written:?}")
}

#[cfg(any(windows, feature = "kerberos"))]
async fn kerberos(ldap: &mut Ldap, host: &str) -> Result<ldap3::LdapResult, Fault> {
    let host = own_name(ldap).await.unwrap_or_else(|| host.to_owned());
    let (mut of_bind, runtime) = (ldap.clone(), tokio::runtime::Handle::current());
    // The system's library asks the domain's controllers and waits for them.
    let binding =
        tokio::task::spawn_blocking(move || runtime.block_on(of_bind.sasl_gssapi_bind(&host)));
    match tokio::time::timeout(KERBEROS_LIMIT, binding).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(ldap3::LdapError::GssapiOperationError(text)))) => {
            Err(super::kerberos::fault(&text))
        }
        Ok(Ok(Err(error))) => Err(Fault::of(error)),
        Ok(Err(broken_off)) => Err(Fault::Broken(broken_off.to_string())),
        Err(_) => Err(Fault::Broken(format!("no ticket within {} s", KERBEROS_LIMIT.as_secs()))),
    }
}

/// The name under which the domain knows a controller, whatever the configuration calls it: it
/// says so itself, and its certificate has been checked.
#[cfg(any(windows, feature = "kerberos"))]
async fn own_name(ldap: &Ldap) -> Option<String> {
    use super::connection::search;
    let root = search(ldap, "", ldap3::Scope::Base, "(objectClass=*)", &["dnsHostName"]).await;
    root.ok()?.pop()?.text("dnsHostName").map(str::to_owned)
}

#[cfg(not(any(windows, feature = "kerberos")))]
#[expect(clippy::unused_async, reason = "the other one waits")]
async fn kerberos(_: &mut Ldap, _: &str) -> Result<ldap3::LdapResult, Fault> {
    Err(super::kerberos::fault("this program was built without Kerberos"))
}
