//! Carries out changes, exactly once in effect: order, limits, journal, directory, journal,
//! report. One operation at a time per account. What became of a write that was not answered
//! is found out by reading, never by writing again (design decision 5).
//!
//! Long: the whole way of an order, from its arrival to its report.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use directory::Directory;
use password::{NewPassword, PasswordRefusal};
use protocol::{
    agent::{Change, ChangeAct, Report},
    directory::{ExternalId, NotDone, Outcome},
    id::{OperationId, TenantId},
    sealed::{Binding, OpeningKey},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::{
    clock::Clock,
    enrolment::Keys,
    journal::{Act, Intent, Journal, JournalError},
    link::ServiceTime,
    local::Local,
    outbox::Outbox,
};

/// After this long an unanswered write can no longer arrive: the driver's time limit and then
/// some. Only then "nothing is written" means "not done".
const SETTLED: Duration = Duration::from_secs(30);
/// When an unanswered write is looked for, each counted from the one before; together longer
/// than [`SETTLED`] and about as long as an order lives.
const LOOK_AFTER_SECONDS: [u64; 8] = [0, 1, 2, 4, 8, 16, 30, 60];

/// The longest life of an order after its arrival, whatever it says (catalogue WB-05).
const MAX_LIFE: Duration = Duration::from_secs(120);

pub(crate) struct WriteBack<D> {
    directory: Arc<D>,
    journal: Journal,
    local: Arc<Local>,
    outbox: Outbox,
    keys: Mutex<Arc<Keys>>,
    tenant: TenantId,
    clock: Clock,
    started: Instant,
    /// Other agents may have been given the same operation.
    has_others: AtomicBool,
    in_flight: Mutex<HashSet<OperationId>>,
    accounts: Mutex<HashMap<ExternalId, Arc<tokio::sync::Mutex<()>>>>,
    /// The journal failed: the agent must end.
    pub(crate) broken: Notify,
}

/// An order to change an account, as it arrived.
pub(crate) struct Arrived {
    pub(crate) change: Change,
    /// When it stops living, on our monotonic clock.
    pub(crate) deadline: Instant,
    /// For how long it lives no longer.
    expired_for: Duration,
    /// The service's clock, for what is bound to its time.
    pub(crate) service_time: ServiceTime,
}

impl Arrived {
    /// Counts the order's life on the service's clock since the time exchange, so that what was
    /// held up on the way has the less to live. Never longer than [`MAX_LIFE`].
    pub(crate) fn at(arrival: Instant, change: Change, service_time: ServiceTime) -> Self {
        let now = service_time.unix_millis_at(arrival);
        let left = Duration::from_millis(change.expires_at_ms.saturating_sub(now));
        let expired_for = Duration::from_millis(now.saturating_sub(change.expires_at_ms));
        Self { change, deadline: arrival + left.min(MAX_LIFE), expired_for, service_time }
    }

    /// From when on nobody's write of it can arrive any more: whoever else has the order may
    /// begin until it ends.
    fn settled_at(&self) -> Instant {
        self.deadline + SETTLED.saturating_sub(self.expired_for)
    }
}

/// A change that may be made.
enum Allowed {
    Unlock,
    Reset(NewPassword),
    Change { present: NewPassword, new: NewPassword },
}

impl Allowed {
    /// The password that the account has once it is done.
    fn password(&self) -> Option<&NewPassword> {
        match self {
            Self::Unlock => None,
            Self::Reset(password) | Self::Change { new: password, .. } => Some(password),
        }
    }

    fn act(&self) -> Act {
        match self {
            Self::Unlock => Act::Unlock,
            Self::Reset(_) => Act::Reset,
            Self::Change { .. } => Act::Change,
        }
    }
}

impl<D: Directory> WriteBack<D> {
    pub(crate) fn new(
        directory: Arc<D>,
        journal: Journal,
        local: Arc<Local>,
        outbox: Outbox,
        keys: Keys,
        tenant: TenantId,
        clock: Clock,
    ) -> Self {
        Self {
            directory,
            journal,
            local,
            outbox,
            keys: Mutex::new(Arc::new(keys)),
            tenant,
            clock,
            started: Instant::now(),
            has_others: AtomicBool::new(false),
            in_flight: Mutex::default(),
            accounts: Mutex::default(),
            broken: Notify::new(),
        }
    }

    /// Changes that were begun and have no outcome yet, or one that the service has not stored.
    pub(crate) fn waiting(&self) -> usize {
        self.journal.open_intents().len() + self.journal.unstored_outcomes().len()
    }

    /// Changes that were begun and have no outcome yet.
    pub(crate) fn under_way(&self) -> usize {
        self.journal.open_intents().len()
    }

    /// The keys, for the list of recipients and the link.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&lock(&self.keys))
    }

    /// Others in their place.
    pub(crate) fn set_keys(&self, keys: Keys) {
        *lock(&self.keys) = Arc::new(keys);
    }

    /// Whether no write is in doubt that a sealed password may be needed for.
    pub(crate) fn is_settled(&self) -> bool {
        self.journal.open_intents().is_empty()
    }

    /// Whether this directory has other agents.
    pub(crate) fn has_others(&self, others: bool) {
        self.has_others.store(others, Ordering::Relaxed);
    }

    /// Carries out an order and reports what became of it. A repetition is answered from the
    /// journal; one of an operation still under way is answered when that ends.
    pub(crate) async fn carry_out(&self, arrived: Arrived) {
        let operation = arrived.change.operation;
        let Some(_under_way) = self.begin(operation) else {
            return;
        };
        let turn = self.turn(&arrived.change.account);
        let _held = turn.lock().await;
        let done = match self.journal.find(operation) {
            Some(known) => match (known.outcome, known.intent) {
                (Some(outcome), _) => {
                    self.tell(operation, outcome).await;
                    Ok(())
                }
                (None, Some(intent)) => {
                    // Begun before a restart. The order brings the password to find out with.
                    let allowed = self.open(&arrived).ok();
                    let password = allowed.as_ref().and_then(Allowed::password);
                    let settled_at = self.settled_after_restart();
                    self.find_out(operation, &intent, password, settled_at).await
                }
                (None, None) => self.begin_and_write(&arrived).await,
            },
            None => self.begin_and_write(&arrived).await,
        };
        self.or_end(done);
    }

    /// Finds out what became of the writes that a restart interrupted.
    pub(crate) async fn resolve_open(&self) {
        for (operation, intent) in self.journal.open_intents() {
            if intent.act != Act::Unlock {
                // Without the password only "nothing was written" can be found out, and that
                // not yet. The service's repetition of the order brings the password.
                sleep_until(self.settled_after_restart()).await;
            }
            let Some(_under_way) = self.begin(operation) else {
                continue;
            };
            let turn = self.turn(&intent.account);
            let _held = turn.lock().await;
            if self.journal.find(operation).is_some_and(|known| known.outcome.is_none()) {
                let settled_at = self.settled_after_restart();
                let done = self.find_out(operation, &intent, None, settled_at).await;
                self.or_end(done);
            }
        }
    }

    /// Reports every outcome that the service has not stored yet, after a connect.
    pub(crate) async fn tell_unstored(&self) {
        for (operation, outcome) in self.journal.unstored_outcomes() {
            self.tell(operation, outcome).await;
        }
    }

    /// The service has stored an outcome.
    pub(crate) async fn stored(&self, operation: OperationId) {
        fail_points::point("agent: told that the outcome is stored").await;
        let noted = self.journal.stored(operation, self.clock.unix_millis()).await;
        self.or_end(noted);
    }

    async fn begin_and_write(&self, arrived: &Arrived) -> Result<(), JournalError> {
        let Change { operation, account, fence, .. } = &arrived.change;
        let allowed = match self.allow(arrived) {
            Ok(allowed) => self.may_try(&arrived.change, &allowed).await.map(|()| allowed),
            Err(reason) => Err(reason),
        };
        let allowed = match allowed {
            Ok(allowed) => allowed,
            Err(_) if arrived.change.handed_before => return self.only_look(arrived).await,
            Err(reason) => {
                self.local.refused(&arrived.change, reason);
                return self.conclude(*operation, Outcome::NotDone { reason }).await;
            }
        };
        let intent = Intent { account: account.clone(), act: allowed.act(), fence: fence.clone() };
        self.local.begins(*operation, &intent);
        fail_points::point("agent: before the intent is noted").await;
        let noted = self.journal.intend(*operation, intent.clone(), self.clock.unix_millis()).await;
        if let Err(error) = noted {
            // Nothing was written; but what is not in the journal binds nobody: a restart may
            // carry the order out before this report is stored.
            self.tell(*operation, Outcome::NotKnown).await;
            return Err(error);
        }
        fail_points::point("agent: before the write").await;
        let begun = Instant::now();
        if begun >= arrived.deadline && arrived.change.handed_before {
            return self.only_look(arrived).await;
        }
        if begun >= arrived.deadline {
            // Held up since it was allowed: a machine that slept, a disk that hung.
            let reason = NotDone::Expired;
            return self.conclude(*operation, Outcome::NotDone { reason }).await;
        }
        let outcome = self.write(&intent, &allowed, arrived.change.handed_before).await;
        fail_points::point("agent: after the write").await;
        match outcome {
            Outcome::Done | Outcome::NotDone { .. } => self.conclude(*operation, outcome).await,
            Outcome::NotKnown => {
                let settled_at = if arrived.change.handed_before {
                    arrived.settled_at().max(begun + SETTLED)
                } else {
                    begun + SETTLED
                };
                self.find_out(*operation, &intent, allowed.password(), settled_at).await
            }
        }
    }

    /// An order that this agent may not carry out and another one may have: only reading tells
    /// what became of it. Nothing is noted, since the service hands it over again until it knows.
    async fn only_look(&self, arrived: &Arrived) -> Result<(), JournalError> {
        let Change { operation, account, act, fence, .. } = &arrived.change;
        let act = Act::of(act);
        let intent = Intent { account: account.clone(), act, fence: fence.clone() };
        let allowed = self.open(arrived).ok();
        let password = allowed.as_ref().and_then(Allowed::password);
        self.find_out(*operation, &intent, password, arrived.settled_at()).await
    }

    /// After a restart: when an interrupted write can no longer arrive, nor that of another agent
    /// which was given the operation meanwhile.
    fn settled_after_restart(&self) -> Instant {
        let others = self.has_others.load(Ordering::Relaxed);
        self.started + SETTLED + if others { MAX_LIFE } else { Duration::ZERO }
    }

    /// Writes once. An operation that another agent may have written already is looked at
    /// first; and what is refused then may have been refused because that agent has written.
    async fn write(&self, intent: &Intent, allowed: &Allowed, handed_before: bool) -> Outcome {
        let Intent { account, fence, .. } = intent;
        let look = || self.directory.resolve(account, allowed.password(), fence);
        if handed_before {
            match look().await {
                Outcome::NotDone { .. } => {}
                seen @ (Outcome::Done | Outcome::NotKnown) => return seen,
            }
        }
        let outcome = match allowed {
            Allowed::Unlock => self.directory.unlock(account, fence).await,
            Allowed::Reset(password) => self.directory.reset(account, password, fence).await,
            Allowed::Change { present, new } => {
                self.directory.change(account, present, new, fence).await
            }
        };
        match outcome {
            Outcome::NotDone { reason }
                if handed_before
                    && reason != NotDone::OldPassword
                    && !is_the_passwords_own(reason) =>
            {
                Outcome::NotKnown
            }
            // To a second writer the present password of the first is a wrong one. Where nothing
            // is written it is wrong for everybody: a write of it that is still to come fails.
            Outcome::NotDone { reason: NotDone::Changed | NotDone::OldPassword }
                if handed_before || self.has_others.load(Ordering::Relaxed) =>
            {
                match look().await {
                    Outcome::NotDone { .. } => outcome,
                    seen @ (Outcome::Done | Outcome::NotKnown) => seen,
                }
            }
            Outcome::Done | Outcome::NotDone { .. } | Outcome::NotKnown => outcome,
        }
    }

    /// What must hold before anything is begun: the order lives, its password opens, the hour
    /// has room. (Whom it may concern is the driver's last word before the write.)
    fn allow(&self, arrived: &Arrived) -> Result<Allowed, NotDone> {
        if Instant::now() >= arrived.deadline {
            return Err(NotDone::Expired);
        }
        let allowed = self.open(arrived)?;
        self.local.take_one()?;
        Ok(allowed)
    }

    /// A wrong present password counts in the directory. Whatever the service orders, none is
    /// tried that could lock the account: two are always kept back, one of them for an agent
    /// that is handed the same order.
    async fn may_try(&self, change: &Change, allowed: &Allowed) -> Result<(), NotDone> {
        let kept_back = if change.handed_before { 1 } else { 2 };
        match allowed {
            Allowed::Unlock | Allowed::Reset(_) => Ok(()),
            Allowed::Change { .. } => {
                let status = self.directory.status(&change.account).await?;
                let may = status.wrong_tries_left.is_some_and(|left| left > kept_back);
                may.then_some(()).ok_or(NotDone::Changed)
            }
        }
    }

    fn open(&self, arrived: &Arrived) -> Result<Allowed, NotDone> {
        let Change { operation, account, act, .. } = &arrived.change;
        let (sealed, expires_at) = match act {
            ChangeAct::Unlock => return Ok(Allowed::Unlock),
            ChangeAct::Reset { sealed, expires_at } | ChangeAct::Change { sealed, expires_at } => {
                (sealed, *expires_at)
            }
        };
        if arrived.service_time.unix_seconds() >= expires_at {
            return Err(NotDone::Expired);
        }
        let binding = Binding {
            tenant: self.tenant,
            operation: *operation,
            account: account.0.clone(),
            expires_at,
        };
        let keys = self.keys();
        let is_for = |key: &&OpeningKey| sealed.keys.iter().any(|wrapped| wrapped.key == key.id);
        let key = keys.old_recipients.iter().find(is_for).unwrap_or(&keys.recipient);
        let opened = match act {
            ChangeAct::Change { .. } => {
                let both = sealed.open_change(&binding, key);
                both.map(|(present, new)| Allowed::Change { present, new })
            }
            ChangeAct::Unlock | ChangeAct::Reset { .. } => {
                sealed.open(&binding, key).map(Allowed::Reset)
            }
        };
        match opened {
            // A change to itself is none, and a write of it that came twice would count twice.
            Ok(Allowed::Change { present, new }) if present.expose() == new.expose() => {
                Err(NotDone::Password(PasswordRefusal::UsedBefore))
            }
            Ok(allowed) => Ok(allowed),
            Err(error) => {
                tracing::warn!(%operation, %error, "sealed password refused");
                Err(NotDone::NotOpened)
            }
        }
    }

    /// Looks until it is known what became of a write, or for as long as that is of use to the
    /// person. "Not done" counts only once no write can arrive any more, at `settled_at`.
    async fn find_out(
        &self,
        operation: OperationId,
        intent: &Intent,
        password: Option<&NewPassword>,
        settled_at: Instant,
    ) -> Result<(), JournalError> {
        let mut told = false;
        let mut looks: Vec<Instant> = Vec::with_capacity(LOOK_AFTER_SECONDS.len() + 1);
        for pause in LOOK_AFTER_SECONDS {
            let last = looks.last().copied().unwrap_or_else(Instant::now);
            looks.push(last + Duration::from_secs(pause));
        }
        looks.push(settled_at);
        looks.sort_unstable();
        for at in looks {
            sleep_until(at).await;
            let seen = self.look(intent, password).await;
            let certain = match seen {
                Outcome::Done => true,
                Outcome::NotDone { .. } => Instant::now() >= settled_at,
                Outcome::NotKnown => false,
            };
            if certain {
                return self.conclude(operation, seen).await;
            }
            if !told {
                self.tell(operation, Outcome::NotKnown).await;
                told = true;
            }
        }
        self.local.cannot_find_out(operation, intent);
        Ok(())
    }

    async fn look(&self, intent: &Intent, password: Option<&NewPassword>) -> Outcome {
        let Intent { account, act, fence } = intent;
        if *act != Act::Unlock && password.is_none() {
            return match self.directory.status(account).await {
                // Two hidden key versions are not the same one.
                Ok(status)
                    if status.fence.controller == fence.controller
                        && fence.key_version.is_some()
                        && status.fence.key_version == fence.key_version =>
                {
                    Outcome::NotDone { reason: NotDone::DirectoryUnreachable }
                }
                Ok(_) | Err(_) => Outcome::NotKnown,
            };
        }
        self.directory.resolve(account, password, fence).await
    }

    async fn conclude(&self, operation: OperationId, outcome: Outcome) -> Result<(), JournalError> {
        self.journal.conclude(operation, outcome.clone(), self.clock.unix_millis()).await?;
        fail_points::point("agent: before the report").await;
        self.local.ended(operation, self.journal.find(operation), &outcome);
        self.tell(operation, outcome).await;
        Ok(())
    }

    async fn tell(&self, operation: OperationId, outcome: Outcome) {
        // Without a link it is told after the next connect, from the journal.
        self.outbox.send(Report::Outcome { operation, outcome }).await;
        fail_points::point("agent: after the report").await;
    }

    fn or_end(&self, done: Result<(), JournalError>) {
        if let Err(error) = done {
            self.local.journal_failed(&error);
            self.broken.notify_one();
        }
    }

    fn begin(&self, operation: OperationId) -> Option<UnderWay<'_>> {
        let fresh = lock(&self.in_flight).insert(operation);
        fresh.then_some(UnderWay { in_flight: &self.in_flight, operation })
    }

    fn turn(&self, account: &ExternalId) -> Arc<tokio::sync::Mutex<()>> {
        let mut accounts = lock(&self.accounts);
        accounts.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(accounts.entry(account.clone()).or_default())
    }
}

/// Refusals of a password that no earlier write can be the cause of.
fn is_the_passwords_own(reason: NotDone) -> bool {
    use PasswordRefusal as Refused;
    match reason.password_refusal() {
        Some(
            Refused::TooShort
            | Refused::TooLong
            | Refused::TooFewClasses
            | Refused::ContainsName
            | Refused::UnusableCharacter
            | Refused::TooCommon,
        ) => true,
        Some(Refused::UsedBefore | Refused::TooNew | Refused::Rules) | None => false,
    }
}

/// An operation under way; a second one with its id is not begun before this one ends.
struct UnderWay<'a> {
    in_flight: &'a Mutex<HashSet<OperationId>>,
    operation: OperationId,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        lock(self.in_flight).remove(&self.operation);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
