//! Active Directory over LDAPS: reading accounts, the live status of one, and the writes, each
//! one modify fenced on the values read before and read back on the same controller.
//!
//! The driver touches only accounts that its own settings allow (`scope`). It never writes
//! again after a doubt, never falls back to an unprotected connection, and keeps no password.
//!
//! Long: the settings, the driver, and each of its writes.

mod access;
mod account;
mod changes;
mod connection;
mod distinguished_name;
mod domain;
mod entry;
mod examination;
mod forests;
mod groups;
mod just_read;
mod kerberos;
mod listing;
mod policy;
mod refusal;
mod resolution;
mod scope;
mod self_written;
mod sign_in;
mod trust;
mod write;
mod writers;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use password::{NewPassword, PasswordRefusal, PasswordRules};
use protocol::directory::{AccountStatus, ExternalId, Fence, NotDone, Outcome, OwnAccount};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use self::{
    account::{Circumstances, Values},
    connection::{Controller, Login, Session},
    entry::Entry,
    just_read::{JustRead, Reading},
    refusal::Typed,
    write::UnicodePwd,
    writers::{Controllers, Read},
};
use crate::{Cookie, Directory, Page, Reading as AccountsReading};

pub use self::{
    examination::{
        AccountExamination, ControllerExamination, DomainExamination, Examination, Place, Reached,
        Right, SubtreeExamination,
    },
    forests::Forests,
    kerberos::KerberosTrouble,
    refusal::{BindRefusal, Fault},
    sign_in::{HAS_KERBEROS, SignIn},
    trust::Trust,
};

/// What the driver needs to know.
pub struct Settings {
    /// `ldaps://host[:port]`. The host must be in its certificate. Asked in this order when the
    /// PDC emulator does not answer.
    pub controllers: Vec<String>,
    /// One of them that is written to before the PDC emulator.
    pub preferred_controller: Option<String>,
    /// Whose word counts for their certificates.
    pub trust: Trust,
    /// How the service account signs in.
    pub sign_in: SignIn,
    /// The subtrees whose accounts may be touched.
    pub base_dns: Vec<String>,
    /// Subtrees inside them that may not.
    pub excluded_dns: Vec<String>,
    /// Where an account's values are.
    pub attributes: Attributes,
    /// The groups that accounts are told to be in: distinguished names, or names that only one
    /// group has.
    pub groups: Vec<String>,
    /// Unix seconds now.
    pub now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// The attributes in which an account's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// The address of the email gate.
    pub email: String,
    /// The mobile phone, if it is wanted.
    pub mobile: Option<String>,
    /// The phone at the desk, if it is wanted.
    pub office: Option<String>,
    /// The name to greet by.
    pub display_name: String,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            email: "mail".to_owned(),
            mobile: Some("mobile".to_owned()),
            office: Some("telephoneNumber".to_owned()),
            display_name: "displayName".to_owned(),
        }
    }
}

/// Where the service account's password comes from.
pub type PasswordSource = Arc<dyn Fn() -> std::io::Result<Zeroizing<String>> + Send + Sync>;

/// Why settings cannot work, whatever the directory says.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an LDAPS address.
    #[error("{0:?} is no address of a controller: write ldaps://host or ldaps://host:port")]
    Controller(String),
    /// Not among the controllers.
    #[error("the preferred controller {0:?} is not among the controllers")]
    PreferredController(String),
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

/// The driver.
pub struct ActiveDirectory {
    controllers: Controllers,
    login: Arc<Login>,
    attributes: Attributes,
    groups: Vec<String>,
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
        let login =
            Arc::new(Login::new(settings.sign_in, settings.base_dns, settings.excluded_dns));
        let controller =
            |url: &String| Controller::new(url, Arc::clone(&tls), Arc::clone(&login)).map(Arc::new);
        let configured =
            settings.controllers.iter().map(controller).collect::<Result<Vec<_>, _>>()?;
        let preferred = match settings.preferred_controller {
            None => None,
            Some(url) => {
                let found = configured.iter().find(|controller| controller.url == url);
                Some(Arc::clone(found.ok_or(SettingsError::PreferredController(url))?))
            }
        };
        Ok(Self {
            controllers: Controllers::new(configured, preferred),
            login,
            attributes: settings.attributes,
            groups: settings.groups,
            now: settings.now,
            disproved: Mutex::default(),
            just_read: JustRead::default(),
        })
    }

    /// What a write came to. After one that nobody knows of, no reading holds its connection
    /// open: what it still has to send must not arrive later.
    fn ended(&self, written: Result<Outcome, NotDone>) -> Outcome {
        let outcome = or_not_done(written);
        if outcome == Outcome::NotKnown {
            self.just_read.clear();
        }
        outcome
    }

    /// What must hold before a write: the account is there, may be touched and still has the
    /// values of the fence.
    async fn before_write(&self, account: &ExternalId, fence: &Fence) -> Result<Target, NotDone> {
        let controller = self.controller_of(fence).await?;
        // A write on a connection that has ended would leave a doubt where there is none.
        if let Some(Reading { mut session, dn, entry }) = self.just_read.take(account, fence)
            && !session.is_closed()
        {
            return Ok(Target { controller, session, dn, entry });
        }
        let dn = account::base_of(account).ok_or(NotDone::NoAccount)?;
        let read = controller.read(&dn, account::LIVE).await;
        let (session, entry) = read.map_err(|fault| told(&controller, &fault))?;
        if session.domain.is_read_only {
            tracing::warn!(controller = %controller.url, "refused to write to a read-only controller");
            return Err(NotDone::DirectoryUnreachable);
        }
        let entry = entry.ok_or(NotDone::NoAccount)?;
        if let Some(protection) = session.domain.scope.protection(&entry) {
            tracing::warn!(account = %account.0, ?protection, "refused to touch a protected account");
            return Err(NotDone::Protected);
        }
        Ok(Target { controller, session, dn, entry })
    }

    /// The same before a password is written, to an account whose password has not been
    /// written since.
    async fn before_password(
        &self,
        account: &ExternalId,
        fence: &Fence,
    ) -> Result<(Target, Values), NotDone> {
        // A `pwdLastSet` of 0 stays 0 when somebody else sets a password that must be changed:
        // there the fence does not tell, and only a second reading does.
        if matches!(fence.password_last_set.as_str(), "" | "0") {
            drop(self.just_read.take(account, fence));
        }
        let target = self.before_write(account, fence).await?;
        let before = Values::read(&target.entry);
        let versions = before.key_version.zip(fence.key_version);
        if before.password_last_set != fence.password_last_set
            || versions.is_some_and(|(now, then)| now != then)
        {
            return Err(NotDone::Changed);
        }
        if account::is_smart_card_only(&target.entry) {
            return Err(NotDone::SmartCardOnly);
        }
        Ok((target, before))
    }

    async fn controller_of(&self, fence: &Fence) -> Result<Arc<Controller>, NotDone> {
        self.controllers.of_fence(fence).await.ok_or(NotDone::DirectoryUnreachable)
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
        let sent = target.session.modify(&target.dn, write::unlock(fence), None).await;
        if let Some(doubt) = target.doubt(sent, None).await? {
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
        let (target, before) = self.before_password(account, fence).await?;
        let hints = target.session.domain.policy_hints;
        let changes = write::reset(fence, &unicode_pwd);
        let sent = target.session.modify(&target.dn, changes, hints.map(write::policy_hints)).await;
        let attempt =
            Attempt { password, obeys_age_and_history: hints.is_some(), now: (self.now)() };
        target.password_outcome(sent, attempt, &before).await
    }

    async fn try_change(
        &self,
        account: &ExternalId,
        old: &NewPassword,
        password: &NewPassword,
        fence: &Fence,
    ) -> Result<Outcome, NotDone> {
        let new =
            UnicodePwd::of(password.expose()).ok_or(NotDone::Password(PasswordRefusal::TooLong))?;
        let old = UnicodePwd::of(old.expose()).ok_or(NotDone::OldPassword)?;
        let (target, before) = self.before_password(account, fence).await?;
        let sent = target.session.modify(&target.dn, write::change(&old, &new), None).await;
        let attempt = Attempt { password, obeys_age_and_history: true, now: (self.now)() };
        target.password_outcome(sent, attempt, &before).await
    }
}

/// An account about to be written, on the connection that has just read it.
struct Target {
    controller: Arc<Controller>,
    session: Session,
    dn: String,
    entry: Entry,
}

/// A password that was sent, and what counted for it.
struct Attempt<'a> {
    password: &'a NewPassword,
    obeys_age_and_history: bool,
    now: i64,
}

impl Target {
    /// What became of a password that was sent.
    async fn password_outcome(
        &self,
        sent: Result<(), Fault>,
        attempt: Attempt<'_>,
        before: &Values,
    ) -> Result<Outcome, NotDone> {
        if let Some(doubt) = self.doubt(sent, Some(attempt)).await? {
            return Ok(doubt);
        }
        Ok(match self.read_back().await {
            Some(after) if is_new_password(before, &after) => Outcome::Done,
            Some(_) | None => Outcome::NotKnown,
        })
    }

    /// `Ok(None)` when a modify was carried out, an outcome when nobody knows.
    async fn doubt(
        &self,
        sent: Result<(), Fault>,
        attempt: Option<Attempt<'_>>,
    ) -> Result<Option<Outcome>, NotDone> {
        let Err(fault) = sent else {
            return Ok(None);
        };
        tracing::warn!(controller = %self.controller.url, %fault, "write not carried out");
        let Fault::Refused { code, text } = &fault else {
            self.controller.forget().await;
            return Ok(Some(Outcome::NotKnown));
        };
        let reason = match attempt {
            None => refusal::of_write(*code, text, None),
            Some(attempt) => {
                let rules = self.rules().await;
                let too_new =
                    account::too_new_until(&self.entry, rules.min_age_seconds, attempt.now);
                let typed = Typed {
                    password: attempt.password.expose(),
                    rules: &rules,
                    obeys_age_and_history: attempt.obeys_age_and_history,
                    is_too_new: too_new.is_some(),
                };
                refusal::of_write(*code, text, Some(typed))
            }
        };
        reason.map_or(Ok(Some(Outcome::NotKnown)), Err)
    }

    /// The rules by which a refused password is explained: those of now.
    async fn rules(&self) -> PasswordRules {
        self.session.domain.forget_kept();
        let policy = self.session.policy_of(&self.entry).await;
        let mut rules = policy.map_or_else(|_| PasswordRules::unread(), |policy| policy.rules);
        rules.names = account::names_for_rules(&self.entry);
        rules
    }

    async fn read_back(&self) -> Option<Values> {
        let entry = self.session.read(&self.dn, account::FENCED).await;
        entry.ok().flatten().map(|entry| Values::read(&entry))
    }
}

/// Whether exactly one password was set between the two readings.
fn is_new_password(before: &Values, after: &Values) -> bool {
    match (before.key_version, after.key_version) {
        (Some(before), Some(after)) => after == before.wrapping_add(1),
        // A controller that hides the key version: the accepted write set `pwdLastSet` anew.
        _ => after.password_last_set != before.password_last_set && after.password_last_set != "0",
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
        _: usize,
        since: Option<&Cookie>,
        pages: mpsc::Sender<Page>,
    ) -> Result<AccountsReading, NotDone> {
        self.list(since, &pages).await
    }

    async fn status(&self, account: &ExternalId) -> Result<AccountStatus, NotDone> {
        let dn = account::base_of(account).ok_or(NotDone::NoAccount)?;
        let read = self.controllers.read(&dn, account::LIVE).await?;
        let Read { controller, session, entry } = read;
        let entry = entry.ok_or(NotDone::NoAccount)?;
        let told = |fault: Fault| told(&controller, &fault);
        let policy = session.policy_of(&entry).await.map_err(told)?;
        let head = session.head().await.map_err(told)?;
        self.controllers.note(&head);
        let domain = &session.domain;
        let circumstances = Circumstances {
            controller: &controller.url,
            policy,
            protected: domain.scope.protection(&entry).is_some(),
            is_read_only: domain.is_read_only,
            is_pdc: domain.is_pdc(&head),
            offers_policy_hints: domain.policy_hints.is_some(),
            unix_seconds: (self.now)(),
        };
        let status = account::status(&entry, circumstances);
        if !status.protected && !domain.is_read_only {
            let reading = Reading { session, dn, entry };
            self.just_read.keep(account.clone(), status.fence.clone(), reading);
        }
        Ok(status)
    }

    async fn unlock(&self, account: &ExternalId, fence: &Fence) -> Outcome {
        self.ended(self.try_unlock(account, fence).await)
    }

    async fn reset(&self, account: &ExternalId, password: &NewPassword, fence: &Fence) -> Outcome {
        self.ended(self.try_reset(account, password, fence).await)
    }

    async fn change(
        &self,
        account: &ExternalId,
        old: &NewPassword,
        new: &NewPassword,
        fence: &Fence,
    ) -> Outcome {
        self.ended(self.try_change(account, old, new, fence).await)
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
        self.controllers.probe().await
    }

    fn own_account(&self) -> Option<OwnAccount> {
        self.login.refusal().map(|refusal| match refusal {
            BindRefusal::Locked | BindRefusal::Revoked => OwnAccount::Locked,
            BindRefusal::WrongPassword
            | BindRefusal::Disabled
            | BindRefusal::AccountExpired
            | BindRefusal::PasswordExpired
            | BindRefusal::MustChange
            | BindRefusal::Unexplained
            | BindRefusal::Other => OwnAccount::Refused,
        })
    }

    fn try_own_account_again(&self) {
        self.login.try_again();
    }
}

fn or_not_done(result: Result<Outcome, NotDone>) -> Outcome {
    result.unwrap_or_else(|reason| Outcome::NotDone { reason })
}
