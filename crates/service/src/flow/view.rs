//! From a row to what a client draws, and waiting for it to change. Decides nothing: stage and
//! calls are the session's.

use std::{sync::Arc, time::Duration};

use password::PasswordRules;
use protocol::{
    api::{
        Act as ApiAct, Call as ApiCall, Ended as ApiEnded, Finding as ApiFinding, Gate, Help,
        MethodKind, MethodOffer, Plain, Reason, Stage as ApiStage, View,
    },
    directory::{AccountStatus, NotDone},
    id::{OperationId, TenantId},
    problem::ProblemCode,
    sealed::{Binding, RecipientList},
};
use recovery::{
    Act, Call, Code, Ended, Finding, Mask, Method, Span, Stage, Times, Timestamp, Waiting,
};
use store::{RecoveryRow, Tx};

use super::{Refused, Token, token::TokenAge};
use crate::{keys::Purpose, service::Service, tenants::Tenant};

/// The id of the email method.
pub(super) const EMAIL: &str = "email";
/// How often who waits looks again by himself, should a hint get lost.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Reads a recovery again. Never renews the token; without `wait` it counts as a sign of life.
///
/// # Errors
/// When the token is not this recovery's.
pub async fn look(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    token: &Token,
    alive: bool,
) -> Result<View, Refused> {
    let row = checked_row(service, tenant, token).await?;
    let now = service.now();
    let mut session = row.session.clone();
    let quiet = now.since(row.session.seen_at) > Span::seconds(15);
    let shows_life = alive && quiet && row.session.waiting() == Waiting::Person;
    if session.expire(now) || shows_life {
        return touch(service, tenant, row.id, now).await;
    }
    service.take_up(&row);
    view_of_row(service, tenant, row).await
}

/// Waits until the revision is another than `seen`, at most `wait`, then reads.
///
/// # Errors
/// As [`look`].
pub async fn wait_for_change(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    token: &Token,
    seen: Option<u64>,
    wait: Duration,
) -> Result<View, Refused> {
    let mut changes = service.changes.subscribe();
    let first = look(service, tenant, token, false).await?;
    let seen = seen.unwrap_or(first.revision);
    if first.revision != seen {
        return Ok(first);
    }
    let deadline = tokio::time::sleep(wait);
    tokio::pin!(deadline);
    loop {
        let again = tokio::time::sleep(LOOK_AGAIN);
        tokio::select! {
            () = &mut deadline => return look(service, tenant, token, false).await,
            hint = changes.recv() => if hint.is_ok_and(|id| id != token.recovery) { continue },
            () = again => {}
        }
        let view = look(service, tenant, token, false).await?;
        if view.revision != seen {
            return Ok(view);
        }
    }
}

/// After a call that set work going: waits a little, so that most answers already hold its
/// result. `None` when the first view still stands. `sent` is the operation that the call stored
/// as sent, if it is this recovery's.
pub(super) async fn after_work(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    recovery: uuid::Uuid,
    first: &View,
    sent: Option<uuid::Uuid>,
) -> Result<Option<View>, Refused> {
    if !matches!(first.stage, ApiStage::Checking | ApiStage::Working { .. }) {
        return Ok(None);
    }
    let mut changes = service.changes.subscribe();
    let row = row_of(service, recovery).await?;
    match sent {
        // A repetition finds the operation of the call before it.
        Some(operation) if row.operation == Some(operation) => service.hand_over(operation),
        _ => service.take_up(&row),
    }
    let patience = Duration::from_micros(u64::try_from(Times::STATUS_WAIT.0).unwrap_or(0));
    let changed = async {
        loop {
            match changes.recv().await {
                Ok(id) if id == recovery => {}
                _ => continue,
            }
            let row = row_of(service, recovery).await?;
            if u64::try_from(row.revision).unwrap_or(0) != first.revision {
                return Ok::<_, Refused>(row);
            }
        }
    };
    match tokio::time::timeout(patience, changed).await {
        Ok(row) => Ok(Some(view_of_row(service, tenant, row?).await?)),
        Err(_) => Ok(None),
    }
}

/// The recovery whose token this is, or just was.
///
/// # Errors
/// When it is not.
pub(super) async fn check_token(
    service: &Arc<Service>,
    tenant: &Tenant,
    token: &Token,
) -> Result<RecoveryRow, Refused> {
    let row = row_of(service, token.recovery).await?;
    let known = row.tenant == tenant.id.0 && token.age(&service.keys, &row).is_some();
    if known { Ok(row) } else { Err(Refused::new(ProblemCode::TokenUnknown)) }
}

async fn checked_row(
    service: &Arc<Service>,
    tenant: &Tenant,
    token: &Token,
) -> Result<RecoveryRow, Refused> {
    let unknown = || Refused::new(ProblemCode::TokenUnknown);
    let row = row_of(service, token.recovery).await?;
    if row.tenant != tenant.id.0 || token.age(&service.keys, &row) != Some(TokenAge::Current) {
        return Err(unknown());
    }
    Ok(row)
}

async fn row_of(service: &Arc<Service>, id: uuid::Uuid) -> Result<RecoveryRow, Refused> {
    service
        .store
        .read(move |mut tx| Box::pin(async move { tx.recovery(id).await }))
        .await?
        .ok_or_else(|| Refused::new(ProblemCode::TokenUnknown))
}

async fn view_of_row(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    row: RecoveryRow,
) -> Result<View, Refused> {
    let (for_tx, in_tenant) = (Arc::clone(service), Arc::clone(tenant));
    service
        .store
        .read(move |mut tx| Box::pin(async move { of(&mut tx, &for_tx, &in_tenant, &row).await }))
        .await
}

/// A sign of life, or the end by the clock.
async fn touch(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    id: uuid::Uuid,
    now: Timestamp,
) -> Result<View, Refused> {
    let (for_tx, in_tenant) = (Arc::clone(service), Arc::clone(tenant));
    let view = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let row = tx.recovery(id).await?;
                let mut row = row.ok_or_else(|| Refused::new(ProblemCode::TokenUnknown))?;
                if row.session.expire(now) {
                    let detail = serde_json::json!({ "at": "expiry" });
                    crate::audit::note(
                        &mut tx,
                        &row,
                        crate::audit::Event::RecoveryEnded,
                        detail,
                        now,
                    )
                    .await?;
                } else {
                    row.session.seen_at = now;
                }
                row.revision += 1;
                tx.save_recovery(&row, now).await?;
                of(&mut tx, &for_tx, &in_tenant, &row).await
            })
        })
        .await?;
    service.changed(id);
    Ok(view)
}

/// What to draw for a row, now.
///
/// # Errors
/// When the store cannot be read or a row is inconsistent.
pub async fn of(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &RecoveryRow,
) -> Result<View, Refused> {
    let now = service.now();
    let session = &row.session;
    let stage = stage(tx, service, tenant, row, now).await?;
    let calls: Vec<ApiCall> = session.calls().into_iter().map(call_of).collect();
    let ends_at = session.started_at.plus(Times::RECOVERY);
    let idle = session.idle_ends_at().filter(|_| session.waiting() == Waiting::Person);
    Ok(View {
        case_code: row.case_code.clone(),
        user_id: row.user_id.clone(),
        reason: reason_of(&row.reason),
        plain: plain(service, tenant, row, &stage, &calls),
        stage,
        calls,
        ends_in_s: now.until(ends_at).seconds_up(),
        idle_ends_in_s: idle.map(|at| now.until(at).seconds_up()),
        revision: u64::try_from(row.revision).unwrap_or(0),
    })
}

async fn stage(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &RecoveryRow,
    now: Timestamp,
) -> Result<ApiStage, Refused> {
    let session = &row.session;
    let (number, of) = session.gate();
    let gate = Gate { number, of };
    let acts = || session.acts().into_iter().map(api_act).collect::<Vec<_>>();
    Ok(match &session.stage {
        Stage::ChooseMethod => {
            let mut methods = Vec::new();
            for method in session.methods() {
                methods.push(offer(tx, service, tenant, row, method).await?);
            }
            ApiStage::ChooseMethod { gate, methods }
        }
        // Drawn as what is found after the gates where nothing can be done about it.
        Stage::CannotRecover { finding } => {
            ApiStage::Choice { finding: finding_of(*finding), acts: Vec::new() }
        }
        Stage::EnterCode { method, sent_at } => {
            let good_until = sent_at.plus(session.policy.code_life(*method));
            ApiStage::EnterCode {
                gate,
                method: offer(tx, service, tenant, row, *method).await?,
                digits: u8::try_from(Code::DIGITS).unwrap_or(8),
                sent_s_ago: now.since(*sent_at).seconds_up(),
                send_again_in_s: now.until(sent_at.plus(Times::SEND_AGAIN)).seconds_up(),
                good_for_s: now.until(good_until).seconds_up(),
            }
        }
        Stage::Checking { .. } => ApiStage::Checking,
        Stage::Choice => ApiStage::Choice {
            finding: finding_of(session.finding.unwrap_or(Finding::Unreachable)),
            acts: acts(),
        },
        Stage::NewPassword { refused } => {
            let Asked { rules, binding, recipients, refused } =
                asked(tx, service, row, *refused, now).await?;
            ApiStage::NewPassword {
                first: session.finding == Some(Finding::NeverUsed),
                rules,
                binding,
                recipients,
                refused: refused.and_then(NotDone::password_refusal),
            }
        }
        Stage::ChangePassword { refused } => {
            let Asked { rules, binding, recipients, refused } =
                asked(tx, service, row, *refused, now).await?;
            ApiStage::ChangePassword { rules, binding, recipients, refused }
        }
        Stage::Working { act, since } => {
            ApiStage::Working { act: api_act(*act), since_s: now.since(*since).seconds_up() }
        }
        Stage::Done { act } => ApiStage::Done {
            act: api_act(*act),
            reset_offered: acts().contains(&ApiAct::Reset),
            replicates_later: status_of(row).is_some_and(|status| status.replicates_later),
        },
        Stage::NotDone { act } => ApiStage::NotDone {
            act: api_act(*act),
            reason: reason_not(row).unwrap_or(NotDone::DirectoryUnreachable),
            acts: acts(),
        },
        Stage::NotKnown { act } => ApiStage::NotKnown { act: api_act(*act) },
        Stage::Ended { why } => ApiStage::Ended { why: ended_of(*why) },
    })
}

async fn offer(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &RecoveryRow,
    method: Method,
) -> Result<MethodOffer, Refused> {
    let Method::Email = method;
    // Read for nobody too: the same queries whosever the name is.
    let account = tx.account(row.account.unwrap_or_default()).await?;
    let person = Mask::person(&row.user_id);
    let keyed =
        service.keys.hash(Purpose::Name, &[b"mask", row.tenant.as_bytes(), person.as_bytes()]);
    let decoy = Mask::decoy(&row.user_id, &keyed, &tenant.domain_letters);
    let mask = account.as_ref().and_then(|a| a.email_value()).map_or(decoy, Mask::of);
    Ok(MethodOffer {
        id: EMAIL.to_owned(),
        kind: MethodKind::Email,
        mailbox_initial: mask.mailbox,
        domain_initial: mask.domain,
    })
}

/// What is asked for where a password is typed.
struct Asked {
    rules: PasswordRules,
    binding: Binding,
    recipients: RecipientList,
    refused: Option<NotDone>,
}

async fn asked(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    refused: bool,
    now: Timestamp,
) -> Result<Asked, Refused> {
    let inconsistent = |what| Refused::from(store::StoreError::Inconsistent(what));
    let id = row.operation.ok_or_else(|| inconsistent("operation"))?;
    let operation = tx.operation(id).await?.ok_or_else(|| inconsistent("operation"))?;
    let recipients = service
        .recipients(tx, operation.directory, now)
        .await?
        .ok_or_else(|| Refused::new(ProblemCode::DirectoryUnavailable))?;
    let status = status_of(row);
    Ok(Asked {
        rules: status.map_or_else(PasswordRules::unread, |status| status.rules),
        binding: binding(row, &operation),
        recipients,
        refused: reason_not(row).filter(|_| refused),
    })
}

/// What the directory told after the last gate.
fn status_of(row: &RecoveryRow) -> Option<AccountStatus> {
    row.status.as_ref().and_then(|text| serde_json::from_str(text).ok())
}

/// What a password for this operation is sealed to.
pub(crate) fn binding(row: &RecoveryRow, operation: &store::OperationRow) -> Binding {
    Binding {
        tenant: TenantId(row.tenant),
        operation: OperationId(operation.id),
        account: operation.external_id.clone(),
        expires_at: operation.seal_expires_at.unwrap_or(0),
    }
}

fn reason_not(row: &RecoveryRow) -> Option<NotDone> {
    row.reason_not.as_ref().and_then(|text| serde_json::from_str(text).ok())
}

fn plain(
    service: &Service,
    tenant: &Tenant,
    row: &RecoveryRow,
    stage: &ApiStage,
    calls: &[ApiCall],
) -> Plain {
    let key = match stage {
        ApiStage::Choice { finding: ApiFinding::Protected, .. } if is_candid(row) => {
            "cannot-recover-protected"
        }
        ApiStage::Choice { finding: ApiFinding::Disabled, .. } if is_candid(row) => {
            "cannot-recover-disabled"
        }
        ApiStage::Choice { .. } if is_candid(row) => "cannot-recover-not-set-up",
        ApiStage::ChooseMethod { .. } => "choose-method",
        ApiStage::EnterCode { .. } => "enter-code",
        ApiStage::Checking => "checking",
        ApiStage::Choice { acts, .. } if acts.is_empty() => "choice-none",
        ApiStage::Choice { .. } => "choice",
        ApiStage::NewPassword { .. } => "new-password",
        ApiStage::ChangePassword { .. } => "change-password",
        ApiStage::Working { .. } => "working",
        ApiStage::Done { act: ApiAct::Unlock, .. } => "done-unlock",
        ApiStage::Done { act: ApiAct::Reset | ApiAct::Change, .. } => "done-reset",
        ApiStage::NotDone { .. } => "not-done",
        ApiStage::NotKnown { .. } => "not-known",
        ApiStage::Ended { .. } => "ended",
    };
    let help = help_words(&tenant.face.help);
    let named = [("user", row.user_id.as_str()), ("help", &help)];
    let say =
        |part: &str| service.locales.say(&row.language, &format!("view-{key}-{part}"), &named);
    let action = calls.iter().copied().find(|call| *call == ApiCall::Cancel);
    Plain { title: say("title"), text: say("text"), action }
}

/// Whether the truth was said before any gate.
fn is_candid(row: &RecoveryRow) -> bool {
    matches!(row.session.stage, Stage::CannotRecover { .. })
}

/// Whom to ask, in one line.
fn help_words(help: &Help) -> String {
    let name = (!help.name.is_empty()).then_some(&help.name);
    let all = [name, help.phone.as_ref(), help.hours.as_ref(), help.url.as_ref()];
    all.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The stored text of a reason.
pub(super) fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::CantSignIn => "cant-sign-in",
        Reason::FirstDay => "first-day",
    }
}

fn reason_of(text: &str) -> Reason {
    if text == "first-day" { Reason::FirstDay } else { Reason::CantSignIn }
}

/// The rules' act.
pub(super) fn act_of(act: ApiAct) -> Act {
    match act {
        ApiAct::Unlock => Act::Unlock,
        ApiAct::Reset => Act::Reset,
        ApiAct::Change => Act::Change,
    }
}

fn api_act(act: Act) -> ApiAct {
    match act {
        Act::Unlock => ApiAct::Unlock,
        Act::Reset => ApiAct::Reset,
        Act::Change => ApiAct::Change,
    }
}

fn call_of(call: Call) -> ApiCall {
    match call {
        Call::ChangeUserId => ApiCall::ChangeUserId,
        Call::ChooseMethod => ApiCall::ChooseMethod,
        Call::EnterCode => ApiCall::EnterCode,
        Call::ChooseAct => ApiCall::ChooseAct,
        Call::SetPassword => ApiCall::SetPassword,
        Call::Back => ApiCall::Back,
        Call::Cancel => ApiCall::Cancel,
    }
}

fn finding_of(finding: Finding) -> ApiFinding {
    match finding {
        Finding::Locked | Finding::LockedUnlockOnly => ApiFinding::Locked,
        Finding::NothingWrong => ApiFinding::NothingWrong,
        Finding::PasswordExpired => ApiFinding::PasswordExpired,
        Finding::MustChange => ApiFinding::MustChange,
        Finding::NeverUsed => ApiFinding::NeverUsed,
        Finding::Disabled => ApiFinding::Disabled,
        Finding::AccountExpired => ApiFinding::AccountExpired,
        Finding::SmartCardOnly => ApiFinding::SmartCardOnly,
        Finding::TooNew => ApiFinding::TooNew,
        Finding::Protected => ApiFinding::Protected,
        Finding::TwoForests => ApiFinding::TwoForests,
        Finding::Unreachable => ApiFinding::Unreachable,
        Finding::NotSetUp => ApiFinding::NotSetUp,
    }
}

fn ended_of(why: Ended) -> ApiEnded {
    match why {
        Ended::Finished => ApiEnded::Finished,
        Ended::Cancelled => ApiEnded::Cancelled,
        Ended::Idle => ApiEnded::Idle,
        Ended::TooLong => ApiEnded::TooLong,
        Ended::Replaced => ApiEnded::Replaced,
        Ended::TooManyTries => ApiEnded::TooManyTries,
    }
}
