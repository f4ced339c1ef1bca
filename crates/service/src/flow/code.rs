//! The email gate: making a code and comparing one. Identical work for every name.

use std::net::IpAddr;

use recovery::{Address, Code, CodeVerdict, Finding, Lane, Limit, Limits, Method, Timestamp};
use store::{AccountRow, CodeRowRecord, RecoveryRow, Tx, canonical_name};
use uuid::Uuid;

use protocol::text::CodeText;
use rand::Rng as _;

use super::{
    Refused, lane,
    message::{Message, MessageKind, Recipient, post},
};
use crate::{
    audit::{Event, note},
    keys::{Keys, Purpose},
    service::Service,
};

/// The key of a count: which limit, in which lane, of what.
pub(crate) fn limit_key(keys: &Keys, limit: Limit, lane: &str, of: &[&[u8]]) -> [u8; 32] {
    let mut parts = vec![limit.name.as_bytes(), lane.as_bytes()];
    parts.extend_from_slice(of);
    keys.hash(Purpose::Limit, &parts)
}

/// Counts a sending, before anything is written for it.
pub(super) async fn admit_send(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    now: Timestamp,
) -> Result<(), Refused> {
    if let Some(until) = lane::SEND.take(tx, service, row, now).await? {
        return Err(Refused::too_many(now.until(until)));
    }
    if lane::WRONG.is_used_up(tx, service, row, now).await? {
        return Err(Refused::too_many(Limits::WRONG_CODE.shut));
    }
    Ok(())
}

/// Makes a code for the name typed, stores its hash and puts the message in the outbox. For a
/// name that is nobody's the same rows are written; the code is one that nobody can know.
pub(super) async fn send(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &mut RecoveryRow,
    account: Option<&AccountRow>,
    method: Method,
    now: Timestamp,
) -> Result<(), Refused> {
    let (id, code, unknowable) = draw(service, now);
    let real = account.filter(|account| can_recover(account, now));
    let digits: &[u8] = if real.is_some() { code.expose() } else { &unknowable };
    tx.add_code(&CodeRowRecord {
        id,
        tenant: row.tenant,
        recovery: row.id,
        name_key: row.name_key.clone(),
        method: "email".to_owned(),
        address_version: account.map_or(0, |account| email_version(account, now)),
        hash: service.keys.code_hash(id, digits).to_vec(),
        expires_at: now.plus(row.session.policy.code_life(method)),
        consumed_at: None,
    })
    .await?;
    row.code = Some(id);
    let message = message(row, account, &code, now);
    post(tx, service, row, &message, now).await?;
    let detail = serde_json::json!({ "method": "email", "to_somebody": real.is_some() });
    note(tx, row, Event::CodeMade, detail, now).await?;
    Ok(())
}

/// Whether an account can pass the email gate at all.
fn can_recover(account: &AccountRow, now: Timestamp) -> bool {
    why_it_cannot(account, now).is_none()
}

/// Why an account cannot pass the email gate.
pub(super) fn why_it_cannot(account: &AccountRow, now: Timestamp) -> Option<Finding> {
    if account.protected {
        Some(Finding::Protected)
    } else if !account.enabled {
        Some(Finding::Disabled)
    } else {
        (email_version(account, now) == 0).then_some(Finding::NotSetUp)
    }
}

/// The version of the address that counts as an email gate now; 0 where none does: one that is
/// held, or in a mail domain of the organisation itself.
pub(super) fn email_version(account: &AccountRow, now: Timestamp) -> i64 {
    let is_gate = |address: &&Address| {
        let admitted = address.value.as_ref().is_some_and(|to| account.own_mail.admits(to));
        admitted && address.counts(now)
    };
    account.email.as_ref().filter(is_gate).map_or(0, |address| address.version)
}

fn message(
    row: &RecoveryRow,
    account: Option<&AccountRow>,
    code: &Code,
    now: Timestamp,
) -> Message {
    let to = account.and_then(|account| {
        let address = account.email_value()?.to_owned();
        Some(Recipient { address, name: account.display_name.clone() })
    });
    if account.is_some_and(|account| can_recover(account, now)) {
        Message::of(row, MessageKind::Code, to).with_code(code)
    } else {
        // The page says the same to everybody; the true reason goes to the address on file.
        Message::of(row, MessageKind::CannotRecover, to)
    }
}

fn draw(service: &Service, now: Timestamp) -> (Uuid, Code, [u8; 32]) {
    let mut rng = service.rng();
    let id = protocol::id::KeyId::new(now.unix_millis(), &mut *rng).0;
    let code = Code::random(&mut *rng);
    let mut unknowable = [0; 32];
    rng.fill_bytes(&mut unknowable);
    (id, code, unknowable)
}

/// Compares what was typed with the code in force; counts wrong ones over all recoveries of the
/// name. The caller applies the verdict.
pub(super) async fn compare(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    typed: &CodeText,
    source: IpAddr,
    now: Timestamp,
) -> Result<CodeVerdict, Refused> {
    let lane = if row.device.is_some() { Lane::EnrolledDevice } else { STRANGER };
    let (from_here, limit) = wrong_from(&service.keys, row.tenant, source, lane);
    if tx.left(&from_here, limit, now).await? == 0 {
        return Err(Refused::too_many(limit.shut));
    }
    if lane::WRONG.is_used_up(tx, service, row, now).await? {
        return Ok(CodeVerdict::Spent);
    }
    let Some(code) = tx.code(row.code.unwrap_or_default()).await? else {
        return Ok(CodeVerdict::Expired);
    };
    if now >= code.expires_at {
        return Ok(CodeVerdict::Expired);
    }
    // The address may have changed, or the account been switched off, since it was sent.
    let account = tx.account(row.account.unwrap_or_default()).await?;
    let same_address = account.is_some_and(|account| {
        can_recover(&account, now) && email_version(&account, now) == code.address_version
    });
    let hash = service.keys.code_hash(code.id, typed.expose().as_bytes());
    let matches = Keys::equal(&hash, &code.hash) && same_address && code.name_key == row.name_key;
    if matches && tx.consume_code(code.id, now).await? {
        let address_version = code.address_version;
        return Ok(CodeVerdict::Right { address_version, code: *code.id.as_bytes() });
    }
    tx.take(&from_here, limit, now).await?;
    let in_tenant = tenant_key(&service.keys, row.tenant);
    tx.take(&in_tenant, Limits::WRONG_CODE_IN_TENANT, now).await?;
    // The last one shuts the door now, for everybody who types this name in this lane.
    let was_last = lane::WRONG.take_last(tx, service, row, now).await?;
    Ok(if was_last { CodeVerdict::Spent } else { CodeVerdict::Wrong })
}

/// The keyed hash under which a typed name is counted.
pub(super) fn name_key(keys: &Keys, tenant: Uuid, typed: &str) -> [u8; 32] {
    keys.hash(Purpose::Name, &[tenant.as_bytes(), canonical_name(typed).as_bytes()])
}

/// Forgets the wrong codes of a name: the whole recovery succeeded.
pub(crate) async fn forget_wrong(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
) -> Result<(), store::StoreError> {
    lane::WRONG.forget(tx, service, row).await
}

/// The key of the tenant's breaker.
pub(super) fn tenant_key(keys: &Keys, tenant: Uuid) -> [u8; 32] {
    limit_key(keys, Limits::WRONG_CODE_IN_TENANT, STRANGER.as_str(), &[tenant.as_bytes()])
}

/// The count of wrong codes from an address.
pub(super) fn wrong_from(
    keys: &Keys,
    tenant: Uuid,
    source: IpAddr,
    lane: Lane,
) -> ([u8; 32], Limit) {
    let limit = Limits::WRONG_CODE_BY_SOURCE;
    let of = [tenant.as_bytes().as_slice(), &source_block(source)];
    (limit_key(keys, limit, lane.as_str(), &of), limit)
}

/// An IPv4 address, or the /64 of an IPv6 one (catalogue TEL-03).
pub(crate) fn source_block(source: IpAddr) -> Vec<u8> {
    match source.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets()[..8].to_vec(),
    }
}

/// The lane of a caller without a device key.
pub(super) const STRANGER: Lane = Lane::Stranger;
