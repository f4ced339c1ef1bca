//! Every call after the first: one transaction that finds the row, recognises a repetition,
//! asks the step table, does the one thing the call is for, and writes down what happened.
//!
//! Long: every call is one transaction, and they share how it is made.

use std::{net::IpAddr, sync::Arc};

use protocol::{
    api::{Act as ApiAct, Step},
    id::OperationId,
    problem::ProblemCode,
    sealed::{RecipientKey, SealedPassword},
    text::{CodeText, UserIdText},
};
use recovery::{
    Act, Call, CodeVerdict, Lane, Limit, Limits, Method, Stage, StageName, Times, Timestamp,
};
use serde_json::json;
use store::{AccountRow, OperationRow, OperationState, RecoveryRow, StoreError, Tx};

use super::{
    IdempotencyKey, Refused, Token,
    begin::{choose_only, go_on, identify, note_candour, take_source},
    code, limit_key,
    token::TokenAge,
    view,
};
use crate::{
    audit::{Event, note},
    directories::{Ahead, make_way, unlock_ahead},
    keys::Purpose,
    service::Service,
    tenants::Tenant,
};

/// What a call asks for.
pub enum Input {
    /// Another user ID, from this address.
    ChangeUserId(UserIdText, IpAddr),
    /// Use this method; send again.
    ChooseMethod(String),
    /// Prove it, from this address.
    EnterCode(CodeText, IpAddr),
    /// Unlock, change or reset.
    ChooseAct(ApiAct),
    /// Hand over the sealed password.
    SetPassword(Box<SealedPassword>),
    /// One page back.
    Back,
    /// Stop, or finish.
    Cancel,
}

impl Input {
    fn call(&self) -> Call {
        match self {
            Self::ChangeUserId(..) => Call::ChangeUserId,
            Self::ChooseMethod(_) => Call::ChooseMethod,
            Self::EnterCode(..) => Call::EnterCode,
            Self::ChooseAct(_) => Call::ChooseAct,
            Self::SetPassword(_) => Call::SetPassword,
            Self::Back => Call::Back,
            Self::Cancel => Call::Cancel,
        }
    }
}

/// What is asked for, and what was read ahead for it.
struct Asked {
    input: Input,
    ahead: Option<Ahead>,
}

/// Who calls, as the edge read it.
pub struct Caller {
    /// The token shown.
    pub token: Token,
    /// The same for a repetition.
    pub key: IdempotencyKey,
    /// The body as it came, to tell a repetition from another request. Only its keyed hash is
    /// kept.
    pub body: zeroize::Zeroizing<Vec<u8>>,
}

/// Makes a call.
///
/// # Errors
/// Why it was refused. Only a wrong code leaves a trace when refused: its count.
pub async fn call(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    caller: Caller,
    input: Input,
) -> Result<Step, Refused> {
    let now = service.now();
    let recovery = caller.token.recovery;
    // Made-up tokens never reach the one writer.
    let row = view::check_token(service, tenant, &caller.token).await?;
    let unlocks = matches!(input, Input::ChooseAct(ApiAct::Unlock));
    let ahead = if unlocks && row.session.admit(Call::ChooseAct).is_ok() {
        unlock_ahead(service, &row).await
    } else {
        None
    };
    let sent = ahead.as_ref().map(|ahead| ahead.operation);
    fail_points::point("service: before a call is stored").await;
    let (for_tx, in_tenant) = (Arc::clone(service), Arc::clone(tenant));
    let answer = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let asked = Asked { input, ahead };
                let called = one_call(&mut tx, &for_tx, &in_tenant, &caller, asked, now).await;
                Refused::or_keep(called).map(Result::flatten)
            })
        })
        .await?;
    fail_points::point("service: after a call is stored").await;
    service.changed(recovery);
    service.outbox_filled.notify_one();
    let mut step = answer?;
    if let Some(view) = view::after_work(service, tenant, recovery, &step.view, sent).await? {
        step.view = view;
    }
    Ok(step)
}

/// The outer result says whether anything is kept; the inner one what the caller is told.
async fn one_call(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    caller: &Caller,
    asked: Asked,
    now: Timestamp,
) -> Result<Result<Step, Refused>, Refused> {
    let unknown = || Refused::new(ProblemCode::TokenUnknown);
    let mut row = tx.recovery(caller.token.recovery).await?.ok_or_else(unknown)?;
    if row.tenant != tenant.id.0 {
        return Err(unknown());
    }
    let age = caller.token.age(&service.keys, &row).ok_or_else(unknown)?;
    let path = format!("{:?}", asked.input.call());
    let body = service.keys.hash(Purpose::Body, &[path.as_bytes(), &caller.body]).to_vec();
    if row.last_key.as_deref() == Some(caller.key.as_str()) {
        return repetition(tx, service, tenant, &row, &body).await;
    }
    if age == TokenAge::Previous {
        return Err(unknown());
    }
    row.revision += 1;
    if row.session.expire(now) {
        return expired(tx, row, now).await;
    }
    let stage = row.session.name();
    let refusal = apply(tx, service, tenant, &mut row, asked, now)
        .await
        .map_err(|refused| refused.in_case(&row.case_code))?;
    if refusal.is_none() && row.session.name() != stage {
        row.step += 1;
    }
    row.last_key = Some(caller.key.as_str().to_owned());
    row.last_body = Some(body);
    row.last_refusal = refusal.map(|code| code.to_string());
    tx.save_recovery(&row, now).await?;
    if row.session.name() == StageName::Ended {
        note(tx, &row, Event::RecoveryEnded, json!({ "at": format!("{stage:?}") }), now).await?;
    }
    answer(tx, service, tenant, &row, refusal).await
}

/// The same call again: its first answer, and the token that came with it.
async fn repetition(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &RecoveryRow,
    body: &[u8],
) -> Result<Result<Step, Refused>, Refused> {
    if row.last_body.as_deref() != Some(body) {
        return Err(Refused::new(ProblemCode::KeyReused).in_case(&row.case_code));
    }
    let refusal = row
        .last_refusal
        .as_ref()
        .and_then(|code| ProblemCode::ALL.iter().copied().find(|known| known.to_string() == *code));
    answer(tx, service, tenant, row, refusal).await
}

async fn expired(
    tx: &mut Tx<'_>,
    row: RecoveryRow,
    now: Timestamp,
) -> Result<Result<Step, Refused>, Refused> {
    tx.save_recovery(&row, now).await?;
    note(tx, &row, Event::RecoveryEnded, json!({ "at": "expiry" }), now).await?;
    Ok(Err(Refused::new(ProblemCode::RecoveryEnded).in_case(&row.case_code)))
}

async fn answer(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &RecoveryRow,
    refusal: Option<ProblemCode>,
) -> Result<Result<Step, Refused>, Refused> {
    if let Some(code) = refusal {
        return Ok(Err(Refused::new(code).in_case(&row.case_code)));
    }
    let token = Token::text(&service.keys, row);
    Ok(Ok(Step { token, view: view::of(tx, service, tenant, row).await? }))
}

/// Does the one thing. `Some` is a refusal that is kept, because it counted.
async fn apply(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &mut RecoveryRow,
    Asked { input, ahead }: Asked,
    now: Timestamp,
) -> Result<Option<ProblemCode>, Refused> {
    row.session.admit(input.call())?;
    match input {
        Input::ChangeUserId(typed, source) => {
            change_user_id(tx, service, tenant, row, (&typed, source), now).await?;
        }
        Input::ChooseMethod(id) => choose_method(tx, service, row, &id, now).await?,
        Input::EnterCode(typed, source) => {
            return enter_code(tx, service, row, (&typed, source), now).await;
        }
        Input::ChooseAct(act) => {
            choose_act(tx, service, row, (view::act_of(act), ahead), now).await?;
        }
        Input::SetPassword(sealed) => set_password(tx, service, row, &sealed, now).await?,
        Input::Back => row.session.back(now)?,
        Input::Cancel => row.session.cancel(now)?,
    }
    Ok(None)
}

async fn change_user_id(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &mut RecoveryRow,
    (typed, source): (&UserIdText, IpAddr),
    now: Timestamp,
) -> Result<(), Refused> {
    row.session.change_user_id(now)?;
    let lane = if row.device.is_some() { Lane::EnrolledDevice } else { Lane::Stranger };
    take_source(tx, service, tenant, (source, lane), now).await?;
    let account = identify(tx, service, row, typed, now).await?;
    let is_own = row.own_account.is_some() && row.account == row.own_account;
    let only = go_on(tx, service, row, (account.as_ref(), is_own), now).await?;
    note(tx, row, Event::UserIdChanged, json!({}), now).await?;
    note_candour(tx, row, now).await?;
    if let Some(method) = only {
        code::send(tx, service, row, account.as_ref(), method, now).await?;
    }
    Ok(())
}

async fn choose_method(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    id: &str,
    now: Timestamp,
) -> Result<(), Refused> {
    let method = match id {
        view::EMAIL => Method::Email,
        _ => return Err(Refused::new(ProblemCode::MethodNotOffered)),
    };
    row.session.choose_method(method, now)?;
    if !service.mail.is_well() {
        return Err(Refused::new(ProblemCode::MailUnavailable));
    }
    code::admit_send(tx, service, row, now).await?;
    let account = account_of(tx, row).await?;
    code::send(tx, service, row, account.as_ref(), method, now).await
}

async fn enter_code(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    (typed, source): (&CodeText, IpAddr),
    now: Timestamp,
) -> Result<Option<ProblemCode>, Refused> {
    let verdict = code::compare(tx, service, row, typed, source, now).await?;
    row.session.enter_code(verdict.clone(), now)?;
    let (event, refusal) = match verdict {
        CodeVerdict::Right { .. } => (Event::GatePassed, None),
        CodeVerdict::Wrong => (Event::CodeWrong, Some(ProblemCode::CodeWrong)),
        CodeVerdict::Expired => (Event::CodeExpired, Some(ProblemCode::CodeExpired)),
        // The recovery ends with it; the view says so.
        CodeVerdict::Spent => (Event::CodeSpent, None),
    };
    note(tx, row, event, json!({ "method": "email" }), now).await?;
    if row.session.name() == StageName::Checking {
        replace_others(tx, service, row, now).await?;
    }
    Ok(refusal)
}

/// One recovery of an account may hold its gates (catalogue SES-07): the others end, except one
/// that is changing the directory right now.
async fn replace_others(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    now: Timestamp,
) -> Result<(), Refused> {
    let Some(account) = row.account else {
        return Ok(());
    };
    let since = Timestamp(now.0 - Times::RECOVERY.0);
    for id in tx.live_recoveries(account, row.id, since).await? {
        let Some(mut other) = tx.recovery(id).await? else {
            continue;
        };
        if other.session.replaced().is_ok() {
            other.revision += 1;
            tx.save_recovery(&other, now).await?;
            note(tx, &other, Event::RecoveryEnded, json!({ "at": "replaced" }), now).await?;
            service.changed(id);
        }
    }
    Ok(())
}

async fn choose_act(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    (act, ahead): (Act, Option<Ahead>),
    now: Timestamp,
) -> Result<(), Refused> {
    let policy = policy_now(tx, row).await?;
    keep_passes(tx, row, now).await?;
    row.session.choose_act(act, &policy, now)?;
    check_acts_left(tx, service, row, act, now).await?;
    note(tx, row, Event::ActChosen, json!({ "act": act }), now).await?;
    if row.session.name() == StageName::ChooseMethod {
        return send_for_stale_gate(tx, service, row, now).await;
    }
    begin_operation(tx, service, row, (act, ahead), now).await
}

async fn set_password(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    sealed: &SealedPassword,
    now: Timestamp,
) -> Result<(), Refused> {
    let policy = policy_now(tx, row).await?;
    keep_passes(tx, row, now).await?;
    row.session.set_password(&policy, now)?;
    if row.session.name() != StageName::Working {
        return send_for_stale_gate(tx, service, row, now).await;
    }
    let account =
        account_of(tx, row).await?.ok_or_else(|| Refused::new(ProblemCode::WrongStage))?;
    let list = service
        .recipients(tx, account.directory, now)
        .await?
        .ok_or_else(|| Refused::new(ProblemCode::DirectoryUnavailable))?;
    if sealed.epoch != list.epoch {
        return Err(Refused::new(ProblemCode::RecipientsChanged));
    }
    let sealed_for = |key: &RecipientKey| sealed.keys.iter().any(|w| w.key == key.id);
    let for_all = sealed.keys.len() == list.keys.len() && list.keys.iter().all(sealed_for);
    if sealed.version != protocol::VERSION || !for_all {
        return Err(Refused::new(ProblemCode::SealRejected));
    }
    let changes = matches!(row.session.stage, Stage::Working { act: Act::Change, .. });
    let act = if changes { Act::Change } else { Act::Reset };
    check_acts_left(tx, service, row, act, now).await?;
    let tries = act_key(service, row, Limits::PASSWORD);
    if let Some(until) = tx.take(&tries, Limits::PASSWORD, now).await? {
        return Err(Refused::too_many(now.until(until)));
    }
    let operation = row.operation.ok_or_else(|| Refused::new(ProblemCode::WrongStage))?;
    let of_account = (account.directory, account.id);
    if !make_way(tx, service, of_account, Some(operation), now).await? {
        return Err(Refused::account_busy());
    }
    let text = serde_json::to_string(sealed).map_err(Refused::internal)?;
    tx.hand_over(operation, &text, now.plus(Times::OPERATION)).await?;
    note(tx, row, Event::PasswordHandedOver, json!({ "operation": operation }), now).await?;
    Ok(())
}

/// A gate became stale: it is asked again alone.
async fn send_for_stale_gate(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    now: Timestamp,
) -> Result<(), Refused> {
    let account = account_of(tx, row).await?;
    if let Some(method) = choose_only(tx, service, row, now).await? {
        code::send(tx, service, row, account.as_ref(), method, now).await?;
    }
    Ok(())
}

/// A gate passed with an address that was corrected since, or is no gate any more, does not count.
async fn keep_passes(
    tx: &mut Tx<'_>,
    row: &mut RecoveryRow,
    now: Timestamp,
) -> Result<(), Refused> {
    let account = account_of(tx, row).await?;
    let version = account.map_or(0, |account| code::email_version(&account, now));
    row.session.keep_passes_of(version);
    Ok(())
}

/// Opens an operation: for an unlock it waits to be done (or is as good as sent, with what was
/// read ahead), for a reset for its password. Refused when nobody is there who could finish it:
/// told before a password is typed.
async fn begin_operation(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    (act, ahead): (Act, Option<Ahead>),
    now: Timestamp,
) -> Result<(), Refused> {
    let account =
        account_of(tx, row).await?.ok_or_else(|| Refused::new(ProblemCode::WrongStage))?;
    if let Some(why) = service.why_not_ready(tx, account.directory, now).await? {
        return Err(Refused::new(why));
    }
    // A password is still to be typed: whatever is under way will have ended, or is asked then.
    if act == Act::Unlock
        && !make_way(tx, service, (account.directory, account.id), None, now).await?
    {
        return Err(Refused::account_busy());
    }
    let new_id = || OperationId::new(now.unix_millis(), &mut *service.rng()).0;
    let (id, state, fence) = match (act, ahead) {
        (Act::Unlock, Some(ahead)) => (ahead.operation, OperationState::Sent, Some(ahead.fence)),
        (Act::Unlock, None) => (new_id(), OperationState::Waiting, None),
        (Act::Reset | Act::Change, _) => (new_id(), OperationState::Typing, None),
    };
    // The seal outlives the recovery's own time, the operation does not.
    let seal_expires_at = now.plus(Times::RECOVERY).unix_seconds();
    tx.add_operation(
        &OperationRow {
            id,
            tenant: row.tenant,
            recovery: row.id,
            directory: account.directory,
            account: account.id,
            external_id: account.external_id,
            act,
            state,
            seal_expires_at: Some(seal_expires_at),
            sealed: None,
            fence,
            reason: None,
            expires_at: now.plus(Times::OPERATION),
        },
        now,
    )
    .await?;
    row.operation = Some(id);
    if state == OperationState::Sent {
        note(tx, row, Event::OperationSent, json!({ "operation": id }), now).await?;
    }
    Ok(())
}

/// Refuses what was done too often today. Only what was really changed counts
/// ([`count_act`]).
async fn check_acts_left(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    act: Act,
    now: Timestamp,
) -> Result<(), Refused> {
    let limit = act_limit(act);
    if tx.left(&act_key(service, row, limit), limit, now).await? == 0 {
        return Err(Refused::too_many(limit.shut));
    }
    if act == Act::Change && present_password_tries(tx, service, row, now).await? == 0 {
        // Used up in another recovery meanwhile.
        return Err(Refused::too_many(Limits::PRESENT_PASSWORD.shut));
    }
    Ok(())
}

/// How many wrong present passwords the account has left: one count for whatever lane, since the
/// directory has one.
pub(crate) async fn present_password_tries(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    now: Timestamp,
) -> Result<u32, StoreError> {
    tx.left(&present_password_key(service, row), Limits::PRESENT_PASSWORD, now).await
}

/// Counts one. (Only one operation of an account is in flight, so none is tried uncounted.)
pub(crate) async fn count_present_password(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.take(&present_password_key(service, row), Limits::PRESENT_PASSWORD, now).await?;
    Ok(())
}

fn present_password_key(service: &Service, row: &RecoveryRow) -> [u8; 32] {
    let account = row.account.unwrap_or_default();
    limit_key(&service.keys, Limits::PRESENT_PASSWORD, "any", &[account.as_bytes()])
}

/// Counts a change of an account.
pub(crate) async fn count_act(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    act: Act,
    now: Timestamp,
) -> Result<(), StoreError> {
    let limit = act_limit(act);
    tx.take(&act_key(service, row, limit), limit, now).await?;
    Ok(())
}

fn act_limit(act: Act) -> Limit {
    match act {
        Act::Unlock => Limits::UNLOCK,
        Act::Reset | Act::Change => Limits::RESET,
    }
}

fn act_key(service: &Service, row: &RecoveryRow, limit: Limit) -> [u8; 32] {
    let account = row.account.unwrap_or_default();
    // One count for whatever lane: who gets this far passed the gates, so that no stranger uses it up.
    limit_key(&service.keys, limit, "any", &[account.as_bytes()])
}

/// One query, whosever the name is.
async fn account_of(tx: &mut Tx<'_>, row: &RecoveryRow) -> Result<Option<AccountRow>, Refused> {
    Ok(tx.account(row.account.unwrap_or_default()).await?)
}

async fn policy_now(tx: &mut Tx<'_>, row: &RecoveryRow) -> Result<recovery::Policy, Refused> {
    let tenant = tx.tenant(row.tenant).await?;
    Ok(tenant.ok_or_else(|| Refused::new(ProblemCode::TokenUnknown))?.policy)
}
