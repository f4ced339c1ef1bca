//! A directory as a script plays it: keeps accounts as a controller does, counts every write,
//! and loses, delays or refuses what the schedule says. Its reading of a doubt is the one of
//! the Active Directory driver.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use directory::{Cookie, Directory, Page, Reading};
use password::NewPassword;
use protocol::directory::{AccountRecord, AccountStatus, ExternalId, Fence, NotDone, Outcome};
use tokio::{sync::mpsc, time::sleep};

use crate::clockwork::{Clockwork, lock};

/// The password that everybody has.
pub(crate) const PRESENT: &str = "Old-Passw0rd!";
const CONTROLLER: &str = "ldaps://dc1";
/// How long the driver waits for an answer to a write, and to a read.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
const READ_LIMIT: Duration = Duration::from_secs(5);

/// What the directory does to the next call of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A write: refused with a reason.
    Refused(NotDone),
    /// A write: its answer is lost, and it never arrived.
    LostBefore,
    /// A write: carried out, its answer is lost.
    LostAfter,
    /// A write: not answered, and carried out so much later.
    Late(Duration),
    /// A read: not answered.
    Unread,
    /// A read or a write: answered so much later.
    Slow(Duration),
}

impl Fault {
    fn is_of_a_read(self) -> bool {
        matches!(self, Self::Unread)
    }
}

/// The accounts, and what was written to them.
#[derive(Clone)]
pub(crate) struct Accounts(Arc<Inner>);

struct Inner {
    clockwork: Arc<Clockwork>,
    state: Mutex<State>,
}

struct State {
    accounts: HashMap<String, Account>,
    written: Vec<Written>,
    late: Vec<(i64, Write)>,
    faults: Vec<Fault>,
    is_fenced: bool,
    hides_key_version: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) key_version: u32,
    pub(crate) password_last_set: u64,
    pub(crate) lockout_time: u64,
    pub(crate) password: String,
}

#[derive(Clone)]
struct Write {
    account: String,
    fence: Fence,
    /// `None` for an unlock.
    password: Option<String>,
    /// For a change: what the account must have.
    present: Option<String>,
}

/// A write that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) account: String,
    /// `None` for an unlock.
    pub(crate) password: Option<String>,
}

impl Accounts {
    /// These people, all of them locked out but `well`.
    pub(crate) fn locked(clockwork: &Arc<Clockwork>, people: &[&str], well: &str) -> Self {
        let account = || Account {
            key_version: 3,
            password_last_set: 1000,
            lockout_time: 2000,
            password: PRESENT.to_owned(),
        };
        let mut accounts: HashMap<String, Account> =
            people.iter().map(|&name| (name.to_owned(), account())).collect();
        if let Some(account) = accounts.get_mut(well) {
            account.lockout_time = 0;
        }
        Self(Arc::new(Inner {
            clockwork: Arc::clone(clockwork),
            state: Mutex::new(State {
                accounts,
                written: Vec::new(),
                late: Vec::new(),
                faults: Vec::new(),
                is_fenced: true,
                hides_key_version: false,
            }),
        }))
    }

    /// What goes wrong, one call each.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        lock(&self.0.state).faults.extend_from_slice(faults);
    }

    /// A directory that carries out every write, whatever it is fenced on.
    pub(crate) fn without_fence(&self) {
        lock(&self.0.state).is_fenced = false;
    }

    /// A directory that does not show key versions.
    pub(crate) fn hide_key_version(&self) {
        lock(&self.0.state).hides_key_version = true;
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&self) {
        lock(&self.0.state).faults.clear();
    }

    /// Somebody else sets a password.
    pub(crate) fn other_hand(&self, name: &str) {
        let mut state = self.state();
        let account = state.accounts.get_mut(name).unwrap();
        account.key_version += 1;
        account.password_last_set += 7;
        account.lockout_time = 0;
        "Set-by-somebody-else-1".clone_into(&mut account.password);
    }

    pub(crate) fn account(&self, name: &str) -> Account {
        self.state().accounts[name].clone()
    }

    pub(crate) fn written(&self) -> Vec<Written> {
        self.state().written.clone()
    }

    /// The state, after what was late has arrived by now.
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        let mut state = lock(&self.0.state);
        let now = self.0.clockwork.micros();
        let (due, late): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.late).into_iter().partition(|(at, _)| *at <= now);
        state.late = late;
        for (_, write) in due {
            let _ = state.carry_out(&write);
        }
        state
    }

    fn next_fault(&self, of_a_read: bool) -> Option<Fault> {
        self.0.clockwork.event();
        let faults = &mut lock(&self.0.state).faults;
        let next = faults.iter().position(|fault| fault.is_of_a_read() == of_a_read)?;
        Some(faults.remove(next))
    }

    async fn read(&self) -> Result<(), NotDone> {
        match self.next_fault(true) {
            Some(Fault::Slow(time)) => sleep(time.min(READ_LIMIT)).await,
            Some(_) => {
                sleep(READ_LIMIT).await;
                return Err(NotDone::DirectoryUnreachable);
            }
            None => {}
        }
        Ok(())
    }

    async fn write(&self, write: Write) -> Outcome {
        let fault = self.next_fault(false);
        let lost = match fault {
            Some(Fault::Refused(reason)) => return Outcome::NotDone { reason },
            Some(Fault::LostBefore) => true,
            Some(Fault::Late(time)) => {
                let micros = i64::try_from(time.as_micros()).unwrap();
                let at = self.0.clockwork.micros() + micros;
                lock(&self.0.state).late.push((at, write));
                fail_points::point("directory: a write is under way").await;
                true
            }
            Some(Fault::Slow(_) | Fault::LostAfter | Fault::Unread) | None => {
                if let Some(Fault::Slow(time)) = fault {
                    sleep(time.min(WRITE_LIMIT / 2)).await;
                }
                let outcome = self.state().carry_out(&write);
                fail_points::point("directory: a write is carried out").await;
                if fault != Some(Fault::LostAfter) {
                    return outcome;
                }
                true
            }
        };
        if lost {
            sleep(WRITE_LIMIT).await;
        }
        Outcome::NotKnown
    }
}

impl State {
    fn carry_out(&mut self, write: &Write) -> Outcome {
        let Some(account) = self.accounts.get_mut(&write.account) else {
            return Outcome::NotDone { reason: NotDone::NoAccount };
        };
        // As Active Directory's driver fences: an unlock on the lock, a reset on the last set, a
        // change on the present password alone, whatever else the directory compares.
        let holds = match (&write.password, &write.present) {
            (Some(_), Some(present)) => {
                if account.password != *present {
                    return Outcome::NotDone { reason: NotDone::OldPassword };
                }
                true
            }
            (None, _) => account.lockout_time.to_string() == write.fence.lockout_time,
            (Some(_), None) => {
                account.password_last_set.to_string() == write.fence.password_last_set
            }
        };
        if self.is_fenced && !holds {
            return Outcome::NotDone { reason: NotDone::Changed };
        }
        if let Some(password) = &write.password {
            account.key_version += 1;
            account.password_last_set += 5;
            password.clone_into(&mut account.password);
        }
        if write.present.is_none() {
            account.lockout_time = 0;
        }
        self.written
            .push(Written { account: write.account.clone(), password: write.password.clone() });
        Outcome::Done
    }
}

impl Directory for Accounts {
    async fn accounts(
        &self,
        _: usize,
        _: Option<&Cookie>,
        pages: mpsc::Sender<Page>,
    ) -> Result<Reading, NotDone> {
        let names: Vec<String> = lock(&self.0.state).accounts.keys().cloned().collect();
        let record = |name: &String| AccountRecord {
            external_id: ExternalId(name.clone()),
            display_name: name.clone(),
            names: vec![name.clone()],
            email: Some(format!("{name}@mail.example")),
            enabled: true,
            ..AccountRecord::default()
        };
        let accounts = names.iter().map(record).collect();
        let page = Page { whole: true, accounts, ..Page::default() };
        pages.send(page).await.map_err(|_| NotDone::Expired)?;
        Ok(Reading { part: "all".to_owned(), whole: true, cookie: None })
    }

    async fn status(&self, account: &ExternalId) -> Result<AccountStatus, NotDone> {
        self.read().await?;
        let state = self.state();
        let found = state.accounts.get(&account.0).ok_or(NotDone::NoAccount)?;
        Ok(AccountStatus {
            locked: found.lockout_time != 0,
            takes_changes: true,
            wrong_tries_left: Some(u16::MAX),
            fence: Fence {
                controller: CONTROLLER.to_owned(),
                password_last_set: found.password_last_set.to_string(),
                lockout_time: found.lockout_time.to_string(),
                key_version: (!state.hides_key_version).then_some(found.key_version),
            },
            ..AccountStatus::default()
        })
    }

    async fn unlock(&self, account: &ExternalId, fence: &Fence) -> Outcome {
        let account = account.0.clone();
        self.write(Write { account, fence: fence.clone(), password: None, present: None }).await
    }

    async fn reset(&self, account: &ExternalId, password: &NewPassword, fence: &Fence) -> Outcome {
        let password = Some(password.expose().to_owned());
        let (account, fence) = (account.0.clone(), fence.clone());
        self.write(Write { account, fence, password, present: None }).await
    }

    async fn change(
        &self,
        account: &ExternalId,
        old: &NewPassword,
        new: &NewPassword,
        fence: &Fence,
    ) -> Outcome {
        // The driver reads before it writes, and refuses what was set by another hand since.
        if self.read().await.is_err() {
            return Outcome::NotDone { reason: NotDone::DirectoryUnreachable };
        }
        let last_set = self.state().accounts.get(&account.0).map(|found| found.password_last_set);
        if last_set.is_none_or(|last_set| last_set.to_string() != fence.password_last_set) {
            return Outcome::NotDone { reason: NotDone::Changed };
        }
        let password = Some(new.expose().to_owned());
        let present = Some(old.expose().to_owned());
        let (account, fence) = (account.0.clone(), fence.clone());
        self.write(Write { account, fence, password, present }).await
    }

    async fn resolve(
        &self,
        account: &ExternalId,
        password: Option<&NewPassword>,
        fence: &Fence,
    ) -> Outcome {
        if self.read().await.is_err() {
            return Outcome::NotKnown;
        }
        let state = self.state();
        let Some(found) = state.accounts.get(&account.0) else {
            return Outcome::NotKnown;
        };
        let not_written = Outcome::NotDone { reason: NotDone::DirectoryUnreachable };
        let Some(password) = password else {
            return match found.lockout_time {
                0 => Outcome::Done,
                time if time.to_string() == fence.lockout_time => not_written,
                _ => Outcome::NotKnown,
            };
        };
        let shown = (!state.hides_key_version).then_some(found.key_version);
        match (shown, fence.key_version) {
            (Some(now), Some(before)) if now == before => not_written,
            (Some(now), Some(before))
                if now == before + 1 && found.password == password.expose() =>
            {
                Outcome::Done
            }
            _ => Outcome::NotKnown,
        }
    }
}
