//! Active Directory over LDAPS: reading accounts, the live status of one, and the two writes,
//! each one modify fenced on the values read before and read back on the same controller.
//!
//! The driver touches only accounts that its own settings allow (`scope`). It never writes
//! again after a doubt, never falls back to an unprotected connection, and keeps no password.

mod access;
mod account;
mod connection;
mod distinguished_name;
mod entry;
mod examination;
mod just_read;
mod listing;
mod refusal;
mod scope;
mod trust;
mod write;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use password::{NewPassword, PasswordRefusal};
use protocol::directory::{AccountRecord, AccountStatus, ExternalId, Fence, NotDone, Outcome};
use zeroize::Zeroizing;

use self::{
    account::Values,
    connection::{Controller, Session},
    entry::Entry,
    just_read::{JustRead, Reading},
    write::UnicodePwd,
};
use crate::Directory;

pub use self::{
    examination::{DomainExamination, Examination, Right, SubtreeExamination},
    refusal::{BindRefusal, Fault},
    trust::Trust,
};

/// What the driver needs to know.
pub struct Settings {
    /// `ldaps://host[:port]`, the preferred one first. The host must be in its certificate.
    pub controllers: Vec<String>,
    /// Whose word counts for their certificates.
    pub trust: Trust,
    /// The service account: `name@domain`, `DOMAIN\name` or a distinguished name.
    pub bind_user: String,
    /// Reads its password, at each bind, so that a changed one is found.
    pub bind_password: PasswordSource,
    /// The subtrees whose accounts may be touched.
    pub base_dns: Vec<String>,
    /// Subtrees inside them that may not.
    pub excluded_dns: Vec<String>,
    /// The attribute with the address of the email gate.
    pub email_attribute: String,
    /// Unix seconds now.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// Where the service account's password comes from.
pub type PasswordSource = Arc<dyn Fn() -> std::io::Result<Zeroizing<String>> + Send + Sync>;

/// Why settings cannot work, whatever the directory says.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an LDAPS address.
    #[error("{0:?} is no address of a controller: write ldaps://host or ldaps://host:port")]
    Controller(String),
    /// None given.
    #[error("no controller: name at least one, such as ldaps://dc1.example.org")]
    NoController,
    /// None given.
    #[error("no base DN: name at least one, such as OU=People,DC=example,DC=org")]
    NoBaseDn,
    /// The file with certificate authorities is of no use.
    #[error("{}: no certificates can be read: {cause}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Nobody to trust.
    #[error(
        "no certificate authority: give the PEM file of the one that signed the controller's certificate"
    )]
    NoAuthority,
    /// TLS cannot be set up at all.
    #[error("TLS: {0}")]
    Tls(String),
}

struct Login {
    bind_user: String,
    password: PasswordSource,
    base_dns: Vec<String>,
    excluded_dns: Vec<String>,
}

/// The driver.
pub struct ActiveDirectory {
    controllers: Vec<Controller>,
    email_attribute: String,
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Resets whose password was tried once and not accepted: never tried again, so that
    /// finding out does not lock the person's account.
    disproved: Mutex<VecDeque<(ExternalId, u32)>>,
    just_read: JustRead,
}

impl ActiveDirectory {
    /// A driver with these settings. Connects when it is first asked.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        if settings.controllers.is_empty() {
            return Err(SettingsError::NoController);
        }
        if settings.base_dns.is_empty() {
            return Err(SettingsError::NoBaseDn);
        }
        let tls = settings.trust.tls()?;
        let login = Arc::new(Login {
            bind_user: settings.bind_user,
            password: settings.bind_password,
            base_dns: settings.base_dns,
            excluded_dns: settings.excluded_dns,
        });
        let controllers = settings
            .controllers
            .iter()
            .map(|url| Controller::new(url, Arc::clone(&tls), Arc::clone(&login)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            controllers,
            email_attribute: settings.email_attribute,
            now: settings.now,
            disproved: Mutex::default(),
            just_read: JustRead::default(),
        })
    }

    /// Reads an entry at the first controller that answers, in the order of the settings.
    async fn read_any(
        &self,
        dn: &str,
        attributes: &'static [&'static str],
    ) -> Result<(&Controller, Session, Option<Entry>), NotDone> {
        let mut last = NotDone::DirectoryUnreachable;
        for controller in &self.controllers {
            match controller.read(dn, attributes).await {
                Ok((session, entry)) => return Ok((controller, session, entry)),
                Err(fault) => last = told(controller, &fault),
            }
        }
        Err(last)
    }

    /// The controller that was read, and no other.
    fn controller_of(&self, fence: &Fence) -> Option<&Controller> {
        self.controllers.iter().find(|controller| controller.url == fence.controller)
    }

    /// What must hold before a write: the account is there, may be touched and still has the
    /// values of the fence.
    async fn before_write(
        &self,
        account: &ExternalId,
        fence: &Fence,
    ) -> Result<Target<'_>, NotDone> {
        let controller = self.controller_of(fence).ok_or(NotDone::DirectoryUnreachable)?;
        if let Some(Reading { session, dn, entry }) = self.just_read.take(account, fence) {
            return Ok(Target { controller, session, dn, entry });
        }
        let dn = account::base_of(account).ok_or(NotDone::NoAccount)?;
        let read = controller.read(&dn, account::LIVE).await;
        let (session, entry) = read.map_err(|fault| told(controller, &fault))?;
        let entry = entry.ok_or(NotDone::NoAccount)?;
        if let Some(protection) = session.domain.scope.protection(&entry) {
            tracing::warn!(account = %account.0, ?protection, "refused to touch a protected account");
            return Err(NotDone::Protected);
        }
        Ok(Target { controller, session, dn, entry })
    }

    async fn try_unlock(&self, account: &ExternalId, fence: &Fence) -> Result<Outcome, NotDone> {
        let target = self.before_write(account, fence).await?;
        let values = Values::read(&target.entry);
        if values.is_unlocked() {
            return Ok(Outcome::Done);
        }
        if values.lockout_time != fence.lockout_time {
            return Err(NotDone::Changed);
        }
        if let Some(doubt) = target.write(write::unlock(fence), None).await? {
            return Ok(doubt);
        }
        Ok(match target.read_back().await {
            Some(values) if values.is_unlocked() => Outcome::Done,
            // Locked anew at once by somebody's wrong passwords, or not readable any more.
            Some(_) | None => Outcome::NotKnown,
        })
    }

    async fn try_reset(
        &self,
        account: &ExternalId,
        password: &NewPassword,
        fence: &Fence,
    ) -> Result<Outcome, NotDone> {
        let unicode_pwd =
            UnicodePwd::of(password.expose()).ok_or(NotDone::Password(PasswordRefusal::TooLong))?;
        let target = self.before_write(account, fence).await?;
        let before = Values::read(&target.entry);
        let versions = before.key_version.zip(fence.key_version);
        if before.password_last_set != fence.password_last_set
            || versions.is_some_and(|(now, then)| now != then)
        {
            return Err(NotDone::Changed);
        }
        if let Some(doubt) = target.write(write::reset(fence, &unicode_pwd), Some(password)).await?
        {
            return Ok(doubt);
        }
        Ok(match target.read_back().await {
            Some(after) if is_new_password(&before, &after) => Outcome::Done,
            Some(_) | None => Outcome::NotKnown,
        })
    }

    async fn try_resolve(
        &self,
        account: &ExternalId,
        password: Option<&NewPassword>,
        fence: &Fence,
    ) -> Result<Outcome, NotDone> {
        let controller = self.controller_of(fence).ok_or(NotDone::DirectoryUnreachable)?;
        let dn = account::base_of(account).ok_or(NotDone::NoAccount)?;
        let read = controller.read(&dn, account::FENCED).await;
        let (_, entry) = read.map_err(|fault| told(controller, &fault))?;
        let entry = entry.ok_or(NotDone::NoAccount)?;
        let values = Values::read(&entry);
        Ok(match password {
            None => resolve_unlock(&values, fence),
            Some(password) => {
                self.resolve_reset(controller, account, &entry.dn, &values, password, fence).await
            }
        })
    }

    async fn resolve_reset(
        &self,
        controller: &Controller,
        account: &ExternalId,
        dn: &str,
        values: &Values,
        password: &NewPassword,
        fence: &Fence,
    ) -> Outcome {
        const REMEMBERED: usize = 256;
        let seen = written_since(values, fence);
        let (Some(1), Some(before)) = (seen, fence.key_version) else {
            return match seen {
                Some(0) => not_written(),
                Some(_) | None => Outcome::NotKnown,
            };
        };
        let attempt = (account.clone(), before);
        let disproved = || self.disproved.lock().unwrap_or_else(PoisonError::into_inner);
        if disproved().contains(&attempt) {
            return Outcome::NotKnown;
        }
        match controller.proves(dn, password.expose()).await {
            Ok(true) => Outcome::Done,
            Ok(false) => {
                let mut disproved = disproved();
                disproved.truncate(REMEMBERED - 1);
                disproved.push_front(attempt);
                Outcome::NotKnown
            }
            Err(_) => Outcome::NotKnown,
        }
    }
}

/// An account about to be written, on the connection that has just read it.
struct Target<'a> {
    controller: &'a Controller,
    session: Session,
    dn: String,
    entry: Entry,
}

impl Target<'_> {
    /// Sends one modify. `Ok(None)` when it was carried out, an outcome when nobody knows.
    async fn write(
        &self,
        changes: Vec<ldap3::Mod<&[u8]>>,
        typed: Option<&NewPassword>,
    ) -> Result<Option<Outcome>, NotDone> {
        let fault = match self.session.modify(&self.dn, changes).await {
            Ok(()) => return Ok(None),
            Err(fault) => fault,
        };
        tracing::warn!(controller = %self.controller.url, %fault, "write not carried out");
        let Fault::Refused { code, text } = &fault else {
            self.controller.forget().await;
            return Ok(Some(Outcome::NotKnown));
        };
        let rules = match typed {
            Some(_) => Some(self.rules().await),
            None => None,
        };
        let typed = typed.zip(rules.as_ref());
        match refusal::of_write(
            *code,
            text,
            typed.map(|(password, rules)| (password.expose(), rules)),
        ) {
            Some(reason) => Err(reason),
            None => Ok(Some(Outcome::NotKnown)),
        }
    }

    /// The rules by which a refused password is explained.
    async fn rules(&self) -> password::PasswordRules {
        let head = self.session.read(&self.session.domain.head, RULES).await;
        let rules = match head {
            Ok(Some(head)) => account::domain_rules(&head),
            Ok(None) | Err(_) => password::PasswordRules::unread(),
        };
        account::status(&self.entry, "", rules, false, 0).rules
    }

    async fn read_back(&self) -> Option<Values> {
        let entry = self.session.read(&self.dn, account::FENCED).await;
        entry.ok().flatten().map(|entry| Values::read(&entry))
    }
}

const RULES: &[&str] = &["minPwdLength", "pwdProperties", "pwdHistoryLength", "minPwdAge"];

/// Whether exactly one password was set between the two readings.
fn is_new_password(before: &Values, after: &Values) -> bool {
    match (before.key_version, after.key_version) {
        (Some(before), Some(after)) => after == before.wrapping_add(1),
        // A controller that hides the key version: the accepted write set `pwdLastSet` anew.
        _ => after.password_last_set != before.password_last_set && after.password_last_set != "0",
    }
}

/// How many passwords were set since the fence was read. `None` when either key version is
/// hidden: then nothing is proved.
fn written_since(values: &Values, fence: &Fence) -> Option<u32> {
    let (now, then) = values.key_version.zip(fence.key_version)?;
    Some(now.wrapping_sub(then))
}

fn not_written() -> Outcome {
    Outcome::NotDone { reason: NotDone::DirectoryUnreachable }
}

fn resolve_unlock(values: &Values, fence: &Fence) -> Outcome {
    if values.is_unlocked() {
        Outcome::Done
    } else if values.lockout_time == fence.lockout_time {
        not_written()
    } else {
        Outcome::NotKnown
    }
}

/// Logs why a controller did not answer and says what that means.
fn told(controller: &Controller, fault: &Fault) -> NotDone {
    tracing::warn!(controller = %controller.url, %fault, "controller cannot be read");
    fault.of_read()
}

impl Directory for ActiveDirectory {
    async fn accounts(
        &self,
        each: &mut (dyn FnMut(Vec<AccountRecord>) + Send),
    ) -> Result<(), NotDone> {
        self.list(each).await
    }

    async fn status(&self, account: &ExternalId) -> Result<AccountStatus, NotDone> {
        let dn = account::base_of(account).ok_or(NotDone::NoAccount)?;
        let (controller, session, entry) = self.read_any(&dn, account::LIVE).await?;
        let told = |fault: Fault| told(controller, &fault);
        let entry = entry.ok_or(NotDone::NoAccount)?;
        let head = session.read(&session.domain.head, RULES).await.map_err(told)?;
        let rules =
            head.map_or_else(password::PasswordRules::unread, |head| account::domain_rules(&head));
        let protected = session.domain.scope.protection(&entry).is_some();
        let status = account::status(&entry, &controller.url, rules, protected, (self.now)());
        if !protected {
            let reading = Reading { session, dn, entry };
            self.just_read.keep(account.clone(), status.fence.clone(), reading);
        }
        Ok(status)
    }

    async fn unlock(&self, account: &ExternalId, fence: &Fence) -> Outcome {
        or_not_done(self.try_unlock(account, fence).await)
    }

    async fn reset(&self, account: &ExternalId, password: &NewPassword, fence: &Fence) -> Outcome {
        or_not_done(self.try_reset(account, password, fence).await)
    }

    async fn resolve(
        &self,
        account: &ExternalId,
        password: Option<&NewPassword>,
        fence: &Fence,
    ) -> Outcome {
        match self.try_resolve(account, password, fence).await {
            Ok(outcome) => outcome,
            // An account that is gone or cannot be read says nothing about the write.
            Err(_) => Outcome::NotKnown,
        }
    }

    async fn is_reachable(&self) -> bool {
        // The root DSE: every controller has it.
        self.read_any("", &["currentTime"]).await.is_ok()
    }
}

fn or_not_done(result: Result<Outcome, NotDone>) -> Outcome {
    result.unwrap_or_else(|reason| Outcome::NotDone { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_key_version_proves_nothing() {
        let since = |now, then| {
            let values = Values {
                password_last_set: "1".to_owned(),
                lockout_time: String::new(),
                key_version: now,
            };
            let fence = Fence {
                controller: "ldaps://dc1".to_owned(),
                password_last_set: "1".to_owned(),
                lockout_time: String::new(),
                key_version: then,
            };
            written_since(&values, &fence)
        };
        assert_eq!(since(Some(2), Some(2)), Some(0));
        assert_eq!(since(Some(3), Some(2)), Some(1));
        for (now, then) in [(None, None), (None, Some(2)), (Some(0), None), (Some(1), None)] {
            assert_eq!(since(now, then), None, "{now:?} {then:?}");
        }
    }
}
