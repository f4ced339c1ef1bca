//! The first call: a solved bot check and a user ID become a recovery. The answer is fixed from
//! the synchronised account table alone and is the same for every name.

use std::{net::IpAddr, sync::Arc};

use protocol::{
    api::{Begin, MethodKind, Start, Step},
    id::RecoveryId,
    problem::ProblemCode,
    text::UserIdText,
};
use recovery::{CaseCode, Finding, Lane, Limit, Limits, Method, Policy, Session, Stage, Timestamp};
use serde_json::json;
use store::{AccountRow, RecoveryRow, StoreError, Tx, canonical_name};

use super::{
    IdempotencyKey, Refused, Token,
    bot_check::{self, Solved},
    code,
    lane::{self, Offered, Own, Standing},
    view,
};
use crate::{
    audit::{Event, note},
    keys::Purpose,
    service::Service,
    tenants::Tenant,
};

/// What a client needs before anybody typed anything. Writes nothing; the bot check costs more
/// where much came from already.
///
/// # Errors
/// Only when a challenge cannot be made.
pub async fn start(service: &Service, tenant: &Tenant, source: IpAddr) -> Result<Start, Refused> {
    let now = service.now();
    let (begins, limit) = begins_from(service, tenant, source, code::STRANGER);
    let breaker = code::tenant_key(&service.keys, tenant.id.0);
    let (left, breaker_left) = service
        .store
        .read(move |mut tx| {
            Box::pin(async move {
                let left = tx.left(&begins, limit, now).await?;
                let breaker_left = tx.left(&breaker, Limits::WRONG_CODE_IN_TENANT, now).await?;
                Ok::<_, StoreError>((left, breaker_left))
            })
        })
        .await?;
    let price = bot_check::price(limit.most, left, breaker_left == 0);
    let challenge = bot_check::challenge(service, tenant.id, price)
        .map_err(|error| Refused::internal(error.to_string()))?;
    let languages = service.locales.languages();
    Ok(Start { tenant: tenant.face.clone(), challenge, languages })
}

/// A request to begin, with what the edge knows of it.
pub struct Beginning {
    /// The body.
    pub request: Begin,
    /// The same for a repetition.
    pub key: IdempotencyKey,
    /// Where it comes from.
    pub source: IpAddr,
}

/// Begins a recovery.
///
/// # Errors
/// The bot check was not passed; too many from here or for this name; nobody who could change
/// the directory or send a message is there.
pub async fn begin(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    beginning: Beginning,
) -> Result<Step, Refused> {
    let Beginning { request, key, source } = beginning;
    if request.tenant.is_some_and(|wanted| wanted != tenant.id) {
        return Err(Refused::new(ProblemCode::WrongTenant));
    }
    let begin_key = begin_key(service, tenant, &request, &key);
    if let Some(step) = repeated(service, tenant, begin_key).await? {
        return Ok(step);
    }
    let now = service.now();
    let solved = bot_check::verify(&service.keys, tenant.id, &request.proof_of_work, now)
        .ok_or_else(|| Refused::new(ProblemCode::BotCheckFailed))?;
    // Told before anything is typed that cannot be used: these are the tenant's troubles, the
    // same for every name.
    if !service.mail.is_well() {
        return Err(Refused::new(ProblemCode::MailUnavailable));
    }
    if let Some(why) = service.why_none_ready(tenant.id).await? {
        return Err(Refused::new(why));
    }
    let offered = Offered::of(&request, tenant, &solved);
    let new = NewRecovery { request, begin_key, source, solved, offered };
    let (for_tx, in_tenant) = (Arc::clone(service), Arc::clone(tenant));
    let step = service
        .store
        .write(move |mut tx| {
            Box::pin(
                async move { Refused::or_keep(new.write(&mut tx, &for_tx, &in_tenant, now).await) },
            )
        })
        .await??;
    service.outbox_filled.notify_one();
    Ok(step)
}

fn begin_key(
    service: &Service,
    tenant: &Tenant,
    request: &Begin,
    key: &IdempotencyKey,
) -> [u8; 32] {
    // The bot check is part of it: the same key with another request is another beginning, and
    // fails on its used-up bot check.
    let parts: [&[u8]; 4] = [
        tenant.id.0.as_bytes(),
        key.as_str().as_bytes(),
        request.user_id.as_str().as_bytes(),
        request.proof_of_work.as_bytes(),
    ];
    service.keys.hash(Purpose::Body, &parts)
}

async fn repeated(
    service: &Arc<Service>,
    tenant: &Arc<Tenant>,
    begin_key: [u8; 32],
) -> Result<Option<Step>, Refused> {
    let (for_tx, in_tenant) = (Arc::clone(service), Arc::clone(tenant));
    service
        .store
        .read(move |mut tx| {
            Box::pin(async move {
                let Some(row) = tx.recovery_begun_with(&begin_key).await? else {
                    return Ok(None);
                };
                // Good until the first successor is used.
                if row.step != 0 {
                    return Err(Refused::new(ProblemCode::TokenUnknown));
                }
                let token = Token::text(&for_tx.keys, &row);
                let view = view::of(&mut tx, &for_tx, &in_tenant, &row).await?;
                Ok(Some(Step { token, view }))
            })
        })
        .await
}

struct NewRecovery {
    request: Begin,
    begin_key: [u8; 32],
    source: IpAddr,
    solved: Solved,
    offered: Offered,
}

impl NewRecovery {
    async fn write(
        self,
        tx: &mut Tx<'_>,
        service: &Service,
        tenant: &Tenant,
        now: Timestamp,
    ) -> Result<Step, Refused> {
        // The same beginning may have got here twice at once.
        if let Some(row) = tx.recovery_begun_with(&self.begin_key).await? {
            return answer(tx, service, tenant, &row).await;
        }
        if !tx.claim(&self.solved.claim, self.solved.expires_at).await? {
            return Err(Refused::new(ProblemCode::BotCheckFailed));
        }
        let typed = (self.request.user_id.as_str(), self.source);
        let standing = lane::standing(tx, service, tenant, &self.offered, typed, now).await?;
        // Everything is counted before anything is written.
        take_source(tx, service, tenant, (self.source, standing.lane), now).await?;
        let mut row = self.row(service, tenant, &standing, now);
        let account = identify(tx, service, &mut row, &self.request.user_id, now).await?;
        let is_own = is_own(&standing.own, &row);
        let only = go_on(tx, service, &mut row, (account.as_ref(), is_own), now).await?;
        tx.add_recovery(&row, now).await?;
        note(tx, &row, Event::RecoveryBegun, standing.detail(self.source), now).await?;
        note_candour(tx, &row, now).await?;
        if let Some(method) = only {
            code::send(tx, service, &mut row, account.as_ref(), method, now).await?;
        }
        row.revision += 1;
        tx.save_recovery(&row, now).await?;
        answer(tx, service, tenant, &row).await
    }

    fn row(
        &self,
        service: &Service,
        tenant: &Tenant,
        standing: &Standing,
        now: Timestamp,
    ) -> RecoveryRow {
        let mut rng = service.rng();
        RecoveryRow {
            id: RecoveryId::new(now.unix_millis(), &mut *rng).0,
            tenant: tenant.id.0,
            case_code: CaseCode::random(&mut *rng).as_str().to_owned(),
            begin_key: self.begin_key.to_vec(),
            name_key: Vec::new(),
            user_id: String::new(),
            account: None,
            lane: standing.lane.as_str().to_owned(),
            device: standing.device,
            own_account: match standing.own {
                Own::Account(account) => Some(account),
                Own::Nobody | Own::Unknown(_) => None,
            },
            reason: view::reason_text(self.request.reason).to_owned(),
            language: service.locales.choose(&self.request.language).to_owned(),
            step: 0,
            revision: 0,
            session: self.session(&tenant.policy, now),
            status: None,
            reason_not: None,
            code: None,
            operation: None,
            last_key: None,
            last_body: None,
            last_refusal: None,
        }
    }

    /// Under the policy, less what this client cannot draw.
    fn session(&self, policy: &Policy, now: Timestamp) -> Session {
        let drawn: Vec<MethodKind> = self.request.draws.methods.known();
        let can = |method: &Method| match method {
            Method::Email => drawn.contains(&MethodKind::Email),
        };
        let methods = policy.methods.iter().copied().filter(can).collect();
        let policy = Policy { methods, ..policy.clone() };
        Session::begin(policy, now).drawn_by(self.request.draws.stages.known())
    }
}

/// Counts a beginning from this address.
pub(super) async fn take_source(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    (source, lane): (IpAddr, Lane),
    now: Timestamp,
) -> Result<(), Refused> {
    let (key, limit) = begins_from(service, tenant, source, lane);
    match tx.take(&key, limit, now).await? {
        Some(until) => Err(Refused::too_many(now.until(until))),
        None => Ok(()),
    }
}

/// The count of beginnings from an address.
pub(super) fn begins_from(
    service: &Service,
    tenant: &Tenant,
    source: IpAddr,
    lane: Lane,
) -> ([u8; 32], Limit) {
    let most = service.config.limits.begins_per_source_per_hour;
    let limit = Limit { most, ..Limits::BEGIN_BY_SOURCE };
    let of = [tenant.id.0.as_bytes().as_slice(), &code::source_block(source)];
    (code::limit_key(&service.keys, limit, lane.as_str(), &of), limit)
}

async fn answer(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    row: &RecoveryRow,
) -> Result<Step, Refused> {
    let token = Token::text(&service.keys, row);
    Ok(Step { token, view: view::of(tx, service, tenant, row).await? })
}

/// Puts the typed name on the recovery and looks it up: one count and one query, whosever the
/// name is.
pub(super) async fn identify(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    typed: &UserIdText,
    now: Timestamp,
) -> Result<Option<AccountRow>, Refused> {
    let canonical = canonical_name(typed.as_str());
    row.name_key = code::name_key(&service.keys, row.tenant, typed.as_str()).to_vec();
    row.user_id = typed.as_str().to_owned();
    if let Some(until) = lane::BEGIN.take(tx, service, row, now).await? {
        return Err(Refused::too_many(now.until(until)));
    }
    let account = tx.account_of_name(row.tenant, &canonical).await?;
    row.account = account.as_ref().map(|account| account.id);
    row.code = None;
    Ok(account)
}

/// Whether the name typed is that of the person whose device this is, as a device says that may
/// be told the truth.
fn is_own(own: &Own, row: &RecoveryRow) -> bool {
    match own {
        Own::Nobody => false,
        Own::Account(account) => row.account == Some(*account),
        Own::Unknown(name) => row.account.is_none() && canonical_name(&row.user_id) == *name,
    }
}

/// From the name to what is asked next. Whoever may hear the truth of the account (`is_own`) and
/// cannot recover with it is told so instead; everybody else gets the same flow.
pub(super) async fn go_on(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    (account, is_own): (Option<&AccountRow>, bool),
    now: Timestamp,
) -> Result<Option<Method>, Refused> {
    if is_own {
        let why = account.map_or(Some(Finding::NotSetUp), |a| code::why_it_cannot(a, now));
        if let Some(finding) = why {
            row.session.cannot_recover(finding)?;
            return Ok(None);
        }
    }
    choose_only(tx, service, row, now).await
}

/// What was told before any gate is in the trail.
pub(super) async fn note_candour(
    tx: &mut Tx<'_>,
    row: &RecoveryRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Stage::CannotRecover { finding } = row.session.stage else {
        return Ok(());
    };
    let detail = json!({ "finding": finding, "device": row.device });
    note(tx, row, Event::CannotRecover, detail, now).await
}

/// No choice page where there is one method only: its code is sent at once. Counts the sending
/// and moves on to the code; the caller then writes and sends.
pub(super) async fn choose_only(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    now: Timestamp,
) -> Result<Option<Method>, Refused> {
    let [only] = row.session.methods()[..] else {
        return Ok(None);
    };
    row.session.choose_method(only, now)?;
    code::admit_send(tx, service, row, now).await?;
    Ok(Some(only))
}
