//! A directory is a driver: this trait, and the drivers that need only a network. Nobody else
//! knows which directory they talk to. (The embedded directory is a driver too; it lives in
//! `service` over `store`, because its write and its outcome are one transaction.)
//!
//! No HTTP, no SQL, no policy: who may be touched at all is decided by the agent's limits
//! before a driver is called.

#[cfg(feature = "active-directory")]
pub mod active_directory;

use std::future::Future;

use password::NewPassword;
use protocol::directory::{
    AccountRecord, AccountStatus, ExternalId, Fence, NotDone, Outcome, OwnAccount,
};
use tokio::sync::mpsc;

/// Where a reading of the accounts left off. Means something only to the driver that made it,
/// with the settings it had then; anything else in it is as good as none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie(pub String);

/// Some of the accounts of one part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The part's name for ever.
    pub part: String,
    /// Of a reading of all accounts; else of what changed since the cookie.
    pub whole: bool,
    /// As they are now.
    pub accounts: Vec<AccountRecord>,
    /// There no more, or outside. Others may be among them, whom nobody asked about.
    pub gone: Vec<ExternalId>,
}

/// How a reading came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The part's name for ever.
    pub part: String,
    /// All accounts were read.
    pub whole: bool,
    /// Where the next reading goes on; `None` where changes cannot be told.
    pub cookie: Option<Cookie>,
}

/// A directory whose accounts can be read, unlocked and given new passwords.
///
/// Every call has its own time limit inside the driver; none waits for ever. No call retries a
/// write.
pub trait Directory: Send + Sync {
    /// How many parts there are (domains), each read by itself.
    fn parts(&self) -> usize {
        1
    }

    /// Reads the accounts of a part page by page: those that changed `since`, or all where that
    /// cannot be told. Waits while nobody takes the pages.
    ///
    /// # Errors
    /// [`NotDone::DirectoryUnreachable`] or [`NotDone::NoRight`], and [`NotDone::Expired`] when
    /// nobody takes pages any more; those already handed over stay valid.
    fn accounts(
        &self,
        part: usize,
        since: Option<&Cookie>,
        pages: mpsc::Sender<Page>,
    ) -> impl Future<Output = Result<Reading, NotDone>> + Send;

    /// Reads the live truth about one account, with the fence for a later write.
    ///
    /// # Errors
    /// Why it could not be read.
    fn status(
        &self,
        account: &ExternalId,
    ) -> impl Future<Output = Result<AccountStatus, NotDone>> + Send;

    /// Clears the lock, if the account still has the values of `fence`, and reads it back.
    fn unlock(&self, account: &ExternalId, fence: &Fence) -> impl Future<Output = Outcome> + Send;

    /// Sets a password and clears lock and must-change in one write, if the account still has
    /// the values of `fence`, and reads it back.
    fn reset(
        &self,
        account: &ExternalId,
        password: &NewPassword,
        fence: &Fence,
    ) -> impl Future<Output = Outcome> + Send;

    /// Changes a password with the old one, if the account still has the values of `fence`, and
    /// reads it back. Minimum age and history count here.
    ///
    /// A directory that cannot, refuses.
    fn change(
        &self,
        account: &ExternalId,
        old: &NewPassword,
        new: &NewPassword,
        fence: &Fence,
    ) -> impl Future<Output = Outcome> + Send {
        let _ = (account, old, new, fence);
        async { Outcome::NotDone { reason: NotDone::NoRight } }
    }

    /// Finds out what became of a write that was begun with `fence` and never answered, by
    /// reading only. `password` is given when one was to be set.
    ///
    /// "Not done" says that nothing is written yet: who asks before the write can no longer
    /// arrive (its time limit and then some) must ask again.
    fn resolve(
        &self,
        account: &ExternalId,
        password: Option<&NewPassword>,
        fence: &Fence,
    ) -> impl Future<Output = Outcome> + Send;

    /// Whether the directory answers now. Asked before somebody types a password for nothing,
    /// and often enough to keep a connection warm.
    fn is_reachable(&self) -> impl Future<Output = bool> + Send {
        async { true }
    }

    /// Why the directory does not let our own account in, as far as it said so. It is then
    /// asked only now and then, so that we do not lock the account ourselves.
    fn own_account(&self) -> Option<OwnAccount> {
        None
    }

    /// An administrator says that our own account may be tried again.
    fn try_own_account_again(&self) {}
}
