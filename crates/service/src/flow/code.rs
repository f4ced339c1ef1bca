//! The email gate: making a code and comparing one. Identical work for every name.

use std::net::IpAddr;

use recovery::{Address, Code, CodeVerdict, Lane, Limit, Limits, Method, Timestamp};
use store::{AccountRow, CodeRowRecord, RecoveryRow, Tx, canonical_name};
use uuid::Uuid;

use protocol::text::CodeText;
use rand::Rng as _;

use super::{
    Refused,
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
    let sends = limit_key(&service.keys, Limits::SEND_BY_NAME, &row.lane, &[&row.name_key]);
    if let Some(until) = tx.take(&sends, Limits::SEND_BY_NAME, now).await? {
        return Err(Refused::too_many(now.until(until)));
    }
    if tx.left(&wrong_key(service, row), Limits::WRONG_CODE, now).await? == 0 {
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
pub(super) fn can_recover(account: &AccountRow, now: Timestamp) -> bool {
    email_version(account, now) != 0 && account.enabled && !account.protected
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
    let from_here = source_key(service, row, Limits::WRONG_CODE_BY_SOURCE, source);
    if tx.left(&from_here, Limits::WRONG_CODE_BY_SOURCE, now).await? == 0 {
        return Err(Refused::too_many(Limits::WRONG_CODE_BY_SOURCE.shut));
    }
    if tx.left(&wrong_key(service, row), Limits::WRONG_CODE, now).await? == 0 {
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
    let key = wrong_key(service, row);
    tx.take(&key, Limits::WRONG_CODE, now).await?;
    tx.take(&from_here, Limits::WRONG_CODE_BY_SOURCE, now).await?;
    let in_tenant = tenant_key(&service.keys, row.tenant);
    tx.take(&in_tenant, Limits::WRONG_CODE_IN_TENANT, now).await?;
    if tx.left(&key, Limits::WRONG_CODE, now).await? == 0 {
        // Shut the door now, for everybody who types this name.
        tx.take(&key, Limits::WRONG_CODE, now).await?;
        return Ok(CodeVerdict::Spent);
    }
    Ok(CodeVerdict::Wrong)
}

/// The counts that shut a name out, in every lane: what an administrator forgets to let it in
/// again (catalogue THR-06).
pub fn limits_of_name(keys: &Keys, tenant: Uuid, typed: &str) -> Vec<[u8; 32]> {
    let name_key = name_key(keys, tenant, typed);
    let mut of_name = Vec::new();
    for lane in [Lane::Stranger, Lane::EnrolledDevice].map(Lane::as_str) {
        let wrong: [&[u8]; 2] = [&name_key, b"email"];
        of_name.push(limit_key(keys, Limits::WRONG_CODE, lane, &wrong));
        of_name.push(limit_key(keys, Limits::BEGIN_BY_NAME, lane, &[&name_key]));
        of_name.push(limit_key(keys, Limits::SEND_BY_NAME, lane, &[&name_key]));
    }
    of_name
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
    tx.forget(&wrong_key(service, row)).await
}

/// The key of the tenant's breaker.
pub(super) fn tenant_key(keys: &Keys, tenant: Uuid) -> [u8; 32] {
    limit_key(keys, Limits::WRONG_CODE_IN_TENANT, STRANGER.as_str(), &[tenant.as_bytes()])
}

fn source_key(service: &Service, row: &RecoveryRow, limit: Limit, source: IpAddr) -> [u8; 32] {
    let of = [row.tenant.as_bytes().as_slice(), &source_block(source)];
    limit_key(&service.keys, limit, &row.lane, &of)
}

/// An IPv4 address, or the /64 of an IPv6 one (catalogue TEL-03).
pub(crate) fn source_block(source: IpAddr) -> Vec<u8> {
    match source.to_canonical() {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets()[..8].to_vec(),
    }
}

fn wrong_key(service: &Service, row: &RecoveryRow) -> [u8; 32] {
    limit_key(&service.keys, Limits::WRONG_CODE, &row.lane, &[&row.name_key, b"email"])
}

/// The lane of a caller without a device key.
pub(super) const STRANGER: Lane = Lane::Stranger;
