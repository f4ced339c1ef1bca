//! PCs with a key of their own: taking in their reports, the first of which enrols them, and
//! telling two PCs with one key apart. What a known device may do in a recovery is the flow's.
//!
//! A device is what its key signs. Everything in a report is the word of whoever has the key; only
//! an administrator makes a device trusted.

use std::{net::IpAddr, sync::Arc};

use protocol::{
    device::{DeviceReport, FleetToken},
    host::statement::{Fact, Found, KeyKind, Readiness},
    id::{DeviceId, FleetTokenId, TenantId},
    problem::ProblemCode,
    text::is_invisible,
};
use rand::CryptoRng;
use recovery::{Lane, Limit, Limits, Span, Times, Timestamp};
use serde_json::{Value, json};
use store::{AuditEvent, DeviceRow, FleetTokenRow, NewReport, Tx};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    audit::Event,
    flow::{Refused, limit_key, source_block},
    keys::{Keys, Purpose},
    readiness::StoredFact,
    service::Service,
    tenants::Tenant,
};

/// A nonce: when it was made, and a keyed hash of that. Nothing has to be kept of it, because a
/// device's newest one is.
pub fn nonce(keys: &Keys, tenant: TenantId, now: Timestamp) -> [u8; 32] {
    let at = now.0.to_be_bytes();
    let hash = keys.hash(Purpose::DeviceNonce, &[tenant.0.as_bytes(), &at]);
    let mut nonce = [0; 32];
    let (time, proof) = nonce.split_at_mut(at.len());
    time.copy_from_slice(&at);
    proof.copy_from_slice(&hash[..proof.len()]);
    nonce
}

/// When a nonce was made; `None` when it is none of ours, or not good any more.
fn nonce_at(keys: &Keys, tenant: TenantId, shown: &[u8; 32], now: Timestamp) -> Option<Timestamp> {
    let (time, _) = shown.split_first_chunk::<8>()?;
    let at = Timestamp(i64::from_be_bytes(*time));
    let is_ours = Keys::equal(shown, &nonce(keys, tenant, at));
    (is_ours && at <= now && now.since(at) < Times::DEVICE_NONCE).then_some(at)
}

/// What a new fleet token shall be good for.
#[derive(Clone, Debug)]
pub struct TokenWish {
    /// For whom.
    pub tenant: TenantId,
    /// What it is for.
    pub note: String,
    /// For how many devices.
    pub most: u32,
    /// For how long.
    pub life: Span,
}

/// Makes a fleet token, and the row that is stored of it.
pub fn make_token(
    keys: &Keys,
    rng: &mut (impl CryptoRng + ?Sized),
    wish: TokenWish,
    now: Timestamp,
) -> (FleetToken, FleetTokenRow) {
    let id = FleetTokenId::new(now.unix_millis(), rng).0;
    let mut token = FleetToken { id: *id.as_bytes(), secret: Zeroizing::new([0; 32]) };
    rng.fill_bytes(token.secret.as_mut());
    let row = FleetTokenRow {
        id,
        tenant: wish.tenant.0,
        hash: token_hash(keys, &token).to_vec(),
        note: wish.note,
        most: i64::from(wish.most),
        used: 0,
        created_at: now,
        expires_at: now.plus(wish.life),
        revoked_at: None,
    };
    (token, row)
}

/// The hash under which a fleet token's secret is stored.
fn token_hash(keys: &Keys, token: &FleetToken) -> [u8; 32] {
    keys.hash(Purpose::FleetToken, &[&token.id, token.secret.as_slice()])
}

/// Takes in a report; says which device it is.
///
/// # Errors
/// Why it is not taken. Only that two PCs have one key is written down.
pub async fn report(
    service: &Arc<Service>,
    tenant: &Tenant,
    source: IpAddr,
    body: DeviceReport,
) -> Result<DeviceId, Refused> {
    if body.tenant.is_some_and(|wanted| wanted != tenant.id) {
        return Err(Refused::new(ProblemCode::WrongTenant));
    }
    count_source(service, tenant, source).await?;
    let now = service.now();
    let readiness = body
        .report
        .signed()
        .and_then(|signed| signed.readiness())
        .ok_or_else(|| Refused::new(ProblemCode::Malformed))?;
    let nonce_at = nonce_at(&service.keys, tenant.id, &readiness.nonce.0, now)
        .ok_or_else(|| Refused::new(ProblemCode::NonceStale))?;
    let fresh = DeviceId::new(now.unix_millis(), &mut *service.rng()).0;
    let taking = Taking {
        tenant: tenant.id.0,
        public_key: readiness.device_key.0.to_vec(),
        kind: kind_text(readiness.kind),
        report: report_of(&readiness, nonce_at),
        fleet_token: body.fleet_token,
        fresh,
        now,
    };
    let for_tx = Arc::clone(service);
    service
        .store
        .write(move |mut tx| Box::pin(async move { taking.write(&mut tx, &for_tx.keys).await }))
        .await?
}

/// Counted before any work. Who is past the limit costs a read and no write.
async fn count_source(
    service: &Arc<Service>,
    tenant: &Tenant,
    source: IpAddr,
) -> Result<(), Refused> {
    let most = service.config.limits.reports_per_source_per_hour;
    let limit = Limit { most, ..Limits::REPORT_BY_SOURCE };
    let of = [tenant.id.0.as_bytes().as_slice(), &source_block(source)];
    let key = limit_key(&service.keys, limit, Lane::Stranger.as_str(), &of);
    let now = service.now();
    let shut = service
        .store
        .read(move |mut tx| Box::pin(async move { tx.shut_until(&key, now).await }))
        .await?;
    let shut = match shut {
        Some(until) => Some(until),
        None => {
            service
                .store
                .write(move |mut tx| Box::pin(async move { tx.take(&key, limit, now).await }))
                .await?
        }
    };
    shut.map_or(Ok(()), |until| Err(Refused::too_many(now.until(until))))
}

/// What is to be done with a report, in one transaction.
struct Taking {
    tenant: Uuid,
    public_key: Vec<u8>,
    kind: &'static str,
    report: NewReport,
    fleet_token: Option<FleetToken>,
    fresh: Uuid,
    now: Timestamp,
}

impl Taking {
    /// The outer result says whether anything is kept; the inner one what the caller is told.
    async fn write(
        self,
        tx: &mut Tx<'_>,
        keys: &Keys,
    ) -> Result<Result<DeviceId, Refused>, Refused> {
        let known = tx.device_of_key(self.tenant, &self.public_key).await?;
        let Some(known) = known else {
            return self.enrol(tx, keys).await.map(Ok);
        };
        if known.revoked_at.is_some() {
            return Err(Refused::new(ProblemCode::DeviceRevoked));
        }
        if known.shared_at.is_some() {
            return Err(Refused::new(ProblemCode::DeviceShared));
        }
        // Before the marks: a report that somebody kept and sends again is no second PC.
        if self.report.nonce_at < known.report.nonce_at {
            return Err(Refused::new(ProblemCode::NonceStale));
        }
        let (stored, told) = (&known.report, &self.report);
        let goes_on = told.mark_before == stored.mark;
        // Its answer was lost, so that the PC does not know that it was taken.
        let repeats = (&told.mark, &told.mark_before) == (&stored.mark, &stored.mark_before);
        if goes_on || repeats {
            tx.device_reported(known.id, &self.report, self.now).await?;
            return Ok(Ok(DeviceId(known.id)));
        }
        tx.share_device(known.id, self.now).await?;
        let detail = json!({ "device": known.id, "name": known.report.name });
        self.note(tx, Event::DeviceShared, &detail).await?;
        Ok(Err(Refused::new(ProblemCode::DeviceShared)))
    }

    async fn enrol(self, tx: &mut Tx<'_>, keys: &Keys) -> Result<DeviceId, Refused> {
        let Some(token) = &self.fleet_token else {
            return Err(Refused::new(ProblemCode::DeviceUnknown));
        };
        let refused = || Refused::new(ProblemCode::FleetTokenRefused);
        let id = Uuid::from_bytes(token.id);
        let known = tx.fleet_token(self.tenant, id).await?.ok_or_else(refused)?;
        if !Keys::equal(&known.hash, &token_hash(keys, token))
            || !tx.use_fleet_token(id, self.now).await?
        {
            return Err(refused());
        }
        let detail = json!({
            "device": self.fresh, "name": self.report.name, "token": id, "key": self.kind,
        });
        self.note(tx, Event::DeviceEnrolled, &detail).await?;
        let row = DeviceRow {
            id: self.fresh,
            tenant: self.tenant,
            public_key: self.public_key,
            kind: self.kind.to_owned(),
            fleet_token: id,
            enrolled_at: self.now,
            reported_at: self.now,
            report: self.report,
            trusted_at: None,
            shared_at: None,
            revoked_at: None,
        };
        tx.add_device(&row).await?;
        Ok(DeviceId(row.id))
    }

    async fn note(&self, tx: &mut Tx<'_>, event: Event, detail: &Value) -> Result<(), Refused> {
        let event = AuditEvent {
            tenant: self.tenant,
            event: event.as_str(),
            case_code: None,
            account: None,
            detail: detail.to_string(),
        };
        Ok(tx.audit(&event, self.now).await?)
    }
}

fn report_of(readiness: &Readiness, nonce_at: Timestamp) -> NewReport {
    let facts: Vec<StoredFact> = readiness.facts.as_slice().iter().map(stored).collect();
    NewReport {
        name: one_line(readiness.name.as_str()),
        windows: one_line(readiness.windows.as_str()),
        version: one_line(readiness.version.as_str()),
        facts: serde_json::to_string(&facts).unwrap_or_default(),
        nonce_at,
        mark: readiness.mark.0.to_vec(),
        mark_before: readiness.before.0.to_vec(),
    }
}

fn stored(fact: &Fact) -> StoredFact {
    StoredFact {
        check: fact.check.name().to_owned(),
        found: found_text(fact.found).to_owned(),
        seen: one_line(fact.seen.as_str()),
    }
}

/// The stable name of what a check found.
pub(crate) const fn found_text(found: Found) -> &'static str {
    match found {
        Found::Fine => "fine",
        Found::Less => "less",
        Found::Breaks => "breaks",
        Found::Unknown => "unknown",
    }
}

const fn kind_text(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Tpm => "tpm",
        KeyKind::Software => "software",
    }
}

/// What a PC says is shown in terminals and lists: one line, and nothing that hides or turns it.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c }).collect()
}
