//! How a directory is asked and changed, whichever it is: the embedded one in this process, or
//! one behind an agent. Everything else says "the directory".
//!
//! An operation goes waiting -> sent -> an outcome, each a row written before the next thing is
//! done, so that a restart takes up exactly where it stopped. The first outcome stands.
//!
//! Long: the whole way of an operation, from the first reading to its outcome.

use std::{sync::Arc, time::Duration};

use password::PasswordRefusal;
use protocol::{
    agent::{Change, ChangeAct},
    directory::{AccountStatus, ExternalId, NotDone, Outcome},
    id::{DirectoryId, OperationId, TenantId},
    problem::ProblemCode,
    sealed::{RecipientList, SealedPassword},
};
use recovery::{
    AccountState, Act, ActFailure, Finding, OutcomeKind, Span, Stage, StageName, Times, Timestamp,
};
use serde_json::json;
use store::{
    AccountRow, DirectoryKind, DirectoryRow, OperationRow, OperationState, RecoveryRow, StoreError,
    Tx,
};
use uuid::Uuid;

use crate::{
    audit::{Event, note},
    embedded,
    flow::{self, Message, MessageKind, Recipient},
    service::Service,
};

/// So long after the end of an order no write of it can arrive any more (docs/reliability.md).
const SETTLED: Span = Span::seconds(30);
/// How long the embedded directory's list of recipients says it is good.
const EMBEDDED_LIST: Span = Span::hours(24);

impl Service {
    /// Why no directory of the tenant could be changed now; `None` when one could. The same for
    /// every name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn why_none_ready(
        &self,
        tenant: TenantId,
    ) -> Result<Option<ProblemCode>, StoreError> {
        let now = self.now();
        let directories = self
            .store
            .read(move |mut tx| Box::pin(async move { tx.directories(tenant.0).await }))
            .await?;
        let mut why = ProblemCode::DirectoryUnavailable;
        for directory in &directories {
            match self.why_not(directory, now) {
                None => return Ok(None),
                Some(ProblemCode::RecoveryPaused) => why = ProblemCode::RecoveryPaused,
                Some(_) => {}
            }
        }
        Ok(Some(why))
    }

    /// Why this directory could not be changed now; `None` when it could.
    pub(crate) async fn why_not_ready(
        &self,
        tx: &mut Tx<'_>,
        directory: Uuid,
        now: Timestamp,
    ) -> Result<Option<ProblemCode>, StoreError> {
        let row = tx.directory(directory).await?;
        Ok(row.map_or(Some(ProblemCode::DirectoryUnavailable), |row| self.why_not(&row, now)))
    }

    /// Switched off or stopped, nothing new is begun; what was handed over is finished all the
    /// same.
    fn why_not(&self, directory: &DirectoryRow, now: Timestamp) -> Option<ProblemCode> {
        if !directory.write_back {
            Some(ProblemCode::RecoveryPaused)
        } else if self.reaches(directory, now) {
            None
        } else if self.links.is_stopped(DirectoryId(directory.id)) {
            Some(ProblemCode::RecoveryPaused)
        } else {
            Some(ProblemCode::DirectoryUnavailable)
        }
    }

    fn reaches(&self, directory: &DirectoryRow, now: Timestamp) -> bool {
        match directory.kind {
            DirectoryKind::Embedded => true,
            DirectoryKind::Agent => {
                let list: Option<RecipientList> =
                    directory.recipients.as_ref().and_then(|text| serde_json::from_str(text).ok());
                self.links.is_ready(DirectoryId(directory.id))
                    && list.is_some_and(|list| list.verify(now.unix_seconds()))
            }
        }
    }

    /// For whom a password of this directory is sealed; `None` while nobody could open it.
    pub(crate) async fn recipients(
        &self,
        tx: &mut Tx<'_>,
        directory: Uuid,
        now: Timestamp,
    ) -> Result<Option<RecipientList>, StoreError> {
        let Some(row) = tx.directory(directory).await? else {
            return Ok(None);
        };
        Ok(match row.kind {
            DirectoryKind::Embedded => {
                let id = DirectoryId(directory);
                let expires_at = now.plus(EMBEDDED_LIST).unix_seconds();
                let keys = vec![self.keys.opening_key(id).public()];
                let signer = self.keys.directory_key(id);
                Some(RecipientList::sign(id, 1, expires_at, keys, &signer))
            }
            DirectoryKind::Agent => row
                .recipients
                .and_then(|text| serde_json::from_str::<RecipientList>(&text).ok())
                .filter(|list| list.verify(now.unix_seconds())),
        })
    }

    /// Starts the work that this recovery waits for, unless it runs already.
    pub(crate) fn take_up(self: &Arc<Self>, row: &RecoveryRow) {
        let service = Arc::clone(self);
        match (row.session.name(), row.operation) {
            (StageName::Checking, _) => {
                let row = row.clone();
                self.once(row.id, async move { check(&service, row).await });
            }
            (StageName::Working, Some(operation)) => {
                self.once(operation, async move { work(&service, operation).await });
            }
            _ => {}
        }
    }

    /// Hands over what this very call has stored as sent.
    pub(crate) fn hand_over(self: &Arc<Self>, operation: Uuid) {
        let service = Arc::clone(self);
        self.once(operation, async move {
            if let Some(operation) = open_operation(&service, operation).await {
                change(&service, operation, Handed::FirstNow).await;
            }
        });
    }
}

/// Whether an operation may have been with somebody who can write already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Handed {
    /// Nobody had it yet.
    FirstNow,
    /// Before a restart, perhaps.
    Before,
}

/// An unlock that the live truth allows, read before it is stored, so that operation and fence
/// are one write.
pub(crate) struct Ahead {
    /// The id that the operation will have.
    pub(crate) operation: Uuid,
    /// The values read before, as JSON.
    pub(crate) fence: String,
}

/// Reads ahead for an unlock. `None` when that takes long or the answer is another than "go
/// on": the operation then finds out by itself, and tells.
pub(crate) async fn unlock_ahead(service: &Arc<Service>, row: &RecoveryRow) -> Option<Ahead> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let status = status_within(service, row.account, PATIENCE).await.ok()?;
    let Go::On = still_allowed(Act::Unlock, &status) else {
        return None;
    };
    let fence = serde_json::to_string(&status.fence).ok()?;
    let operation = OperationId::new(service.now().unix_millis(), &mut *service.rng()).0;
    Some(Ahead { operation, fence })
}

/// Reads the live truth about a recovery's account and puts it on the recovery.
async fn check(service: &Arc<Service>, row: RecoveryRow) {
    let status = status_of(service, row.account).await;
    let (finding, present_tries) = match &status {
        Ok(status) => (state_of(status).finding(), state_of(status).present_tries()),
        Err(reason) => (finding_without_truth(*reason), 0),
    };
    let (for_tx, now, id) = (Arc::clone(service), service.now(), row.id);
    let written = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let Some(mut row) = tx.recovery(id).await? else {
                    return Ok(());
                };
                let left = flow::present_password_tries(&mut tx, &for_tx, &row, now).await?;
                let left = u16::try_from(left).unwrap_or(u16::MAX);
                if row.session.checked(finding, present_tries.min(left), now).is_err() {
                    return Ok(());
                }
                row.status = status.ok().and_then(|status| serde_json::to_string(&status).ok());
                row.revision += 1;
                tx.save_recovery(&row, now).await?;
                note(&mut tx, &row, Event::AccountChecked, json!({ "finding": finding }), now).await
            })
        })
        .await;
    log_failure(written, "the truth about an account could not be stored");
    service.changed(row.id);
}

/// Does one operation, from wherever it stands.
pub(crate) async fn work(service: &Arc<Service>, id: Uuid) {
    let Some(operation) = open_operation(service, id).await else {
        return;
    };
    if operation.state == OperationState::Sent {
        return change(service, operation, Handed::Before).await;
    }
    if service.now() >= operation.expires_at {
        return finish(service, &operation, not_done(NotDone::Expired)).await;
    }
    let status = match status_of(service, Some(operation.account)).await {
        Ok(status) => status,
        Err(reason) => return finish(service, &operation, not_done(reason)).await,
    };
    match still_allowed(operation.act, &status) {
        Go::On => send(service, operation, &status).await,
        Go::Nothing(outcome) => finish(service, &operation, outcome).await,
    }
}

async fn open_operation(service: &Arc<Service>, id: Uuid) -> Option<OperationRow> {
    let read =
        service.store.read(move |mut tx| Box::pin(async move { tx.operation(id).await })).await;
    match read {
        Ok(operation) => operation.filter(|operation| operation.state.is_open()),
        Err(cause) => {
            log_failure(Err(cause), "an operation could not be read");
            None
        }
    }
}

enum Go {
    On,
    Nothing(Outcome),
}

/// What was true at the choice may have changed since: judged again right before the write.
fn still_allowed(act: Act, status: &AccountStatus) -> Go {
    if act == Act::Change && state_of(status).present_tries() == 0 {
        return Go::Nothing(not_done(if status.too_new_until.is_some() {
            NotDone::Password(PasswordRefusal::TooNew)
        } else {
            NotDone::Changed
        }));
    }
    match state_of(status).finding() {
        Finding::Protected => Go::Nothing(not_done(NotDone::Protected)),
        Finding::Disabled | Finding::AccountExpired | Finding::NotSetUp => {
            Go::Nothing(not_done(NotDone::Changed))
        }
        Finding::SmartCardOnly | Finding::LockedUnlockOnly | Finding::TooNew
            if act != Act::Unlock =>
        {
            Go::Nothing(not_done(if status.smart_card_only {
                NotDone::SmartCardOnly
            } else {
                NotDone::Password(PasswordRefusal::TooNew)
            }))
        }
        Finding::Locked
        | Finding::LockedUnlockOnly
        | Finding::SmartCardOnly
        | Finding::TooNew
        | Finding::NothingWrong
        | Finding::PasswordExpired
        | Finding::MustChange
        | Finding::NeverUsed
        | Finding::TwoForests
        | Finding::Unreachable => match act {
            Act::Unlock if !status.locked => Go::Nothing(Outcome::Done),
            Act::Unlock | Act::Reset | Act::Change => Go::On,
        },
    }
}

/// Stores the values read before, and only then lets somebody write.
async fn send(service: &Arc<Service>, mut operation: OperationRow, status: &AccountStatus) {
    fail_points::point("service: before the fence is stored").await;
    let fence = serde_json::to_string(&status.fence).unwrap_or_default();
    let (id, stored, now) = (operation.id, fence.clone(), service.now());
    let sent = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let sent = tx.send_operation(id, &stored).await?;
                if let (true, Some(operation)) = (sent, tx.operation(id).await?)
                    && let Some(row) = tx.recovery(operation.recovery).await?
                {
                    let detail = json!({ "operation": id });
                    note(&mut tx, &row, Event::OperationSent, detail, now).await?;
                }
                Ok::<_, StoreError>(sent)
            })
        })
        .await;
    match sent {
        Ok(true) => {
            operation.fence = Some(fence);
            change(service, operation, Handed::FirstNow).await;
        }
        Ok(false) => {}
        Err(cause) => log_failure(Err(cause), "an operation could not be sent"),
    }
}

async fn change(service: &Arc<Service>, operation: OperationRow, handed: Handed) {
    fail_points::point("service: after the fence is stored").await;
    let directory = match directory_of(service, operation.directory).await {
        Ok(directory) => directory,
        // It stays sent: the next link hands it over, and the directory tells.
        Err(cause) => return log_failure(Err(cause), "a directory could not be read"),
    };
    match directory.map(|directory| directory.kind) {
        Some(DirectoryKind::Embedded) => embedded::change(service, operation).await,
        Some(DirectoryKind::Agent) => change_by_agent(service, operation, handed).await,
        None => finish(service, &operation, not_done(NotDone::NoAccount)).await,
    }
}

/// Hands an operation to an agent; its report comes back through [`crate::agents`]. When none
/// comes in time nobody knows, until a report comes after all.
async fn change_by_agent(service: &Arc<Service>, operation: OperationRow, handed: Handed) {
    let Some(order) = order_of(&operation, service.now(), handed == Handed::Before) else {
        return finish(service, &operation, not_done(NotDone::NotOpened)).await;
    };
    if handed == Handed::FirstNow {
        // Only here: what the service writes itself has no hands that could be counted.
        service.links.begin(OperationId(operation.id));
    }
    fail_points::point("service: before the order is handed over").await;
    let directory = DirectoryId(operation.directory);
    let mut changes = service.changes.subscribe();
    if !service.links.send_change(directory, order).await {
        // Nobody took it now. What was sent before a crash may have been written all the same.
        let outcome = match handed {
            // A new link may have handed it over meanwhile.
            Handed::FirstNow if service.links.give_up(OperationId(operation.id)) => {
                not_done(NotDone::NoAgent)
            }
            Handed::FirstNow | Handed::Before => Outcome::NotKnown,
        };
        return finish(service, &operation, outcome).await;
    }
    fail_points::point("service: after the order is handed over").await;
    let patience = service.now().until(operation.expires_at).0.max(0) + Times::STATUS.0;
    let patience = Duration::from_micros(u64::try_from(patience).unwrap_or(0));
    let reported = async {
        loop {
            let id = operation.id;
            let read =
                service.store.read(move |mut tx| Box::pin(async move { tx.operation(id).await }));
            if !matches!(read.await, Ok(Some(row)) if row.state.is_open()) {
                return;
            }
            let _ = changes.recv().await;
        }
    };
    if tokio::time::timeout(patience, reported).await.is_err() {
        finish(service, &operation, Outcome::NotKnown).await;
    }
}

/// What an agent is told of an operation, which may have been with an agent before; `None` when
/// the row lacks what it must have.
pub(crate) fn order_of(
    operation: &OperationRow,
    now: Timestamp,
    handed_before: bool,
) -> Option<Change> {
    let act = match operation.act {
        Act::Unlock => ChangeAct::Unlock,
        Act::Reset | Act::Change => {
            let sealed: SealedPassword = serde_json::from_str(operation.sealed.as_ref()?).ok()?;
            let expires_at = operation.seal_expires_at?;
            if operation.act == Act::Reset {
                ChangeAct::Reset { sealed, expires_at }
            } else {
                ChangeAct::Change { sealed, expires_at }
            }
        }
    };
    // Counted by the agent on our clock; what is handed over late lives no longer for it.
    let expires_at = operation.expires_at.min(now.plus(Times::OPERATION));
    Some(Change {
        operation: OperationId(operation.id),
        account: ExternalId(operation.external_id.clone()),
        act,
        fence: serde_json::from_str(operation.fence.as_ref()?).ok()?,
        expires_at_ms: expires_at.unix_millis(),
        handed_before,
    })
}

/// Stores an outcome, moves the recovery on and puts the notice in the outbox, all in one
/// transaction.
pub(crate) async fn finish(service: &Arc<Service>, operation: &OperationRow, outcome: Outcome) {
    let written = try_finish(service, operation, outcome).await;
    log_failure(written, "an outcome could not be stored");
}

/// The same, for who must know whether it is stored.
///
/// # Errors
/// When it is not.
pub(crate) async fn try_finish(
    service: &Arc<Service>,
    operation: &OperationRow,
    outcome: Outcome,
) -> Result<(), StoreError> {
    fail_points::point("service: before the outcome is stored").await;
    let (for_tx, id, now) = (Arc::clone(service), operation.id, service.now());
    let written = service
        .store
        .write(move |mut tx| {
            Box::pin(async move { finish_in(&mut tx, &for_tx, id, &outcome, now).await })
        })
        .await;
    fail_points::point("service: after the outcome is stored").await;
    service.changed(operation.recovery);
    service.outbox_filled.notify_one();
    written
}

/// The same inside the caller's transaction (the embedded directory's own write is in it).
pub(crate) async fn finish_in(
    tx: &mut Tx<'_>,
    service: &Service,
    id: Uuid,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (state, kind, reason, event) = match outcome {
        Outcome::Done => (OperationState::Done, OutcomeKind::Done, None, Event::OperationDone),
        Outcome::NotDone { reason } => {
            let kind = OutcomeKind::Failed(ActFailure::Other);
            (OperationState::NotDone, kind, Some(*reason), Event::OperationNotDone)
        }
        Outcome::NotKnown => {
            (OperationState::NotKnown, OutcomeKind::NotKnown, None, Event::OperationNotKnown)
        }
    };
    let reason = reason.and_then(|reason| serde_json::to_string(&reason).ok());
    if !tx.finish_operation(id, state, reason.as_deref(), now).await? {
        return Ok(());
    }
    let Some(operation) = tx.operation(id).await? else {
        return Ok(());
    };
    let Some(mut row) = tx.recovery(operation.recovery).await? else {
        return Ok(());
    };
    let kind = match outcome {
        Outcome::NotDone { reason } => {
            let may_try =
                count_present_password(tx, service, &row, &operation, *reason, now).await?;
            OutcomeKind::Failed(failure_of(operation.act, *reason, may_try))
        }
        Outcome::Done | Outcome::NotKnown => kind,
    };
    let detail = json!({ "operation": id, "act": operation.act, "reason": reason });
    note(tx, &row, event, detail, now).await?;
    if kind == OutcomeKind::Done {
        notify(tx, service, &row, operation.act, now).await?;
        flow::forget_wrong_codes(tx, service, &row).await?;
    }
    if matches!(kind, OutcomeKind::Done | OutcomeKind::NotKnown) {
        flow::count_act(tx, service, &row, operation.act, now).await?;
    }
    // The recovery may have ended meanwhile; the truth is on the operation all the same.
    if row.operation == Some(id) && row.session.outcome(kind, now).is_ok() {
        row.reason_not = reason;
        if matches!(row.session.stage, Stage::NewPassword { .. } | Stage::ChangePassword { .. }) {
            reopen(tx, service, &mut row, &operation, now).await?;
        }
        row.revision += 1;
        tx.save_recovery(&row, now).await?;
    }
    Ok(())
}

/// Counts a wrong present password; whether one may be tried again.
async fn count_present_password(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    operation: &OperationRow,
    reason: NotDone,
    now: Timestamp,
) -> Result<bool, StoreError> {
    if operation.act == Act::Change && reason == NotDone::OldPassword {
        flow::count_present_password(tx, service, row, now).await?;
    }
    Ok(flow::present_password_tries(tx, service, row, now).await? > 0)
}

/// What a refusal means for what is offered next.
fn failure_of(act: Act, reason: NotDone, may_try_present: bool) -> ActFailure {
    match (act, reason) {
        (Act::Change, NotDone::OldPassword) if may_try_present => ActFailure::PresentPasswordWrong,
        // The same again would be refused again; a reset may not be.
        (
            Act::Change,
            NotDone::OldPassword
            | NotDone::Password(PasswordRefusal::TooNew)
            | NotDone::NoRight
            | NotDone::Changed,
        ) => ActFailure::NoMoreChanges,
        (_, NotDone::Password(_)) => ActFailure::PasswordRefused,
        _ => ActFailure::Other,
    }
}

/// Makes room for a newer operation of this account: one that is certainly with nobody is
/// cancelled, and its recovery ends. `false` while one may be under way.
///
/// What nobody knows yet is no obstacle for long: once no write of it can arrive any more, the
/// newer one is fenced on values read after it.
pub(crate) async fn make_way(
    tx: &mut Tx<'_>,
    service: &Service,
    account: (Uuid, Uuid),
    newer: Option<Uuid>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    for older in tx.operations_in_flight(account, newer).await? {
        let is_settled = now >= older.expires_at.plus(SETTLED);
        let is_undelivered = match older.state {
            OperationState::Waiting => true,
            OperationState::Sent => service.links.cancel(OperationId(older.id)),
            OperationState::NotKnown if is_settled => continue,
            OperationState::NotKnown
            | OperationState::Typing
            | OperationState::Done
            | OperationState::NotDone => false,
        };
        if !is_undelivered {
            return Ok(false);
        }
        finish_in(tx, service, older.id, &not_done(NotDone::Expired), now).await?;
        if let Some(mut row) = tx.recovery(older.recovery).await?
            && row.session.replaced().is_ok()
        {
            row.revision += 1;
            tx.save_recovery(&row, now).await?;
            note(tx, &row, Event::RecoveryEnded, json!({ "at": "replaced" }), now).await?;
        }
        service.changed(older.recovery);
    }
    Ok(true)
}

/// A refused password is followed by another try, which is another operation.
async fn reopen(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    refused: &OperationRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = OperationId::new(now.unix_millis(), &mut *service.rng()).0;
    let next = OperationRow {
        id,
        state: OperationState::Typing,
        sealed: None,
        fence: None,
        reason: None,
        expires_at: now.plus(Times::OPERATION),
        ..refused.clone()
    };
    tx.add_operation(&next, now).await?;
    row.operation = Some(id);
    Ok(())
}

/// The notice to the address on file (catalogue NTF-01).
async fn notify(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    act: Act,
    now: Timestamp,
) -> Result<(), StoreError> {
    let account = tx.account(row.account.unwrap_or_default()).await?;
    let to = account.and_then(|account| {
        let address = account.email_value()?.to_owned();
        Some(Recipient { address, name: account.display_name })
    });
    let kind = match act {
        Act::Unlock => MessageKind::Unlocked,
        Act::Reset | Act::Change => MessageKind::PasswordSet,
    };
    flow::post_message(tx, service, row, &Message::of(row, kind, to), now).await
}

/// The live truth, from whichever directory holds it.
async fn status_of(
    service: &Arc<Service>,
    account: Option<Uuid>,
) -> Result<AccountStatus, NotDone> {
    let patience = Duration::from_micros(u64::try_from(Times::STATUS.0).unwrap_or(0));
    status_within(service, account, patience).await
}

async fn status_within(
    service: &Arc<Service>,
    account: Option<Uuid>,
    patience: Duration,
) -> Result<AccountStatus, NotDone> {
    let account = account_of(service, account).await?;
    let directory = directory_of(service, account.directory).await.ok().flatten();
    let directory = directory.ok_or(NotDone::DirectoryUnreachable)?;
    match directory.kind {
        DirectoryKind::Embedded => embedded::status(service, &account).await,
        DirectoryKind::Agent => {
            let external_id = ExternalId(account.external_id);
            service.links.status(DirectoryId(directory.id), external_id, patience).await
        }
    }
}

async fn account_of(service: &Service, id: Option<Uuid>) -> Result<AccountRow, NotDone> {
    let id = id.ok_or(NotDone::NoAccount)?;
    let read = service.store.read(move |mut tx| Box::pin(async move { tx.account(id).await }));
    match read.await {
        Ok(account) => account.ok_or(NotDone::NoAccount),
        Err(cause) => {
            log_failure(Err(cause), "an account could not be read");
            Err(NotDone::DirectoryUnreachable)
        }
    }
}

async fn directory_of(service: &Service, id: Uuid) -> Result<Option<DirectoryRow>, StoreError> {
    let read = service.store.read(move |mut tx| Box::pin(async move { tx.directory(id).await }));
    read.await
}

fn state_of(status: &AccountStatus) -> AccountState {
    AccountState {
        locked: status.locked,
        disabled: status.disabled,
        account_expired: status.account_expired,
        password_expired: status.password_expired,
        must_change: status.must_change,
        never_signed_in: status.never_signed_in,
        protected: status.protected,
        smart_card_only: status.smart_card_only,
        // Where a reset does not ask for the age, it does not matter here.
        too_new: status.reset_obeys_age_and_history && status.too_new_until.is_some(),
        takes_changes: status.takes_changes,
        too_new_to_change: status.too_new_until.is_some(),
        wrong_tries_left: status.wrong_tries_left,
    }
}

fn finding_without_truth(reason: NotDone) -> Finding {
    if reason == NotDone::Protected {
        Finding::Protected
    } else if reason == NotDone::TwoForests {
        Finding::TwoForests
    } else if reason == NotDone::NoAccount {
        Finding::Disabled
    } else {
        Finding::Unreachable
    }
}

pub(crate) fn not_done(reason: NotDone) -> Outcome {
    Outcome::NotDone { reason }
}

fn log_failure(result: Result<(), StoreError>, what: &str) {
    if let Err(cause) = result {
        tracing::error!(%cause, source = ?cause, "{what}");
    }
}
