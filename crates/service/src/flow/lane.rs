//! Whose limits a recovery uses up: a stranger's or a device's. Strangers cannot use up those of
//! people at their own devices, and no device those of others.
//!
//! At a device everything that is limited by name is counted three times: for the name at this
//! device, for the device over all names, and for the name over all devices (catalogue THR-01). A
//! device whose counts are used up is a stranger for that long: never worse than no device, and
//! never another try.

use std::net::IpAddr;

use protocol::{api::Begin, device, host::statement::Assertion};
use recovery::{Lane, Limit, Limits, Timestamp};
use serde_json::{Value, json};
use store::{RecoveryRow, StoreError, Tx, canonical_name};
use uuid::Uuid;

use super::{begin::begins_from, bot_check::Solved, code, code::limit_key};
use crate::{keys::Keys, service::Service, tenants::Tenant};

/// What is limited by name, and how at devices.
#[derive(Clone, Copy)]
pub(super) struct ByName {
    /// One name: of a stranger, or at one device.
    name: Limit,
    /// One device, whatever the names.
    device: Limit,
    /// One name, whichever the devices.
    devices: Limit,
    /// What else the count is of.
    of: &'static [u8],
}

/// Recoveries begun.
pub(super) const BEGIN: ByName = ByName {
    name: Limits::BEGIN_BY_NAME,
    device: Limits::BEGIN_BY_DEVICE,
    devices: Limits::BEGIN_AT_DEVICES,
    of: b"",
};
/// Codes sent.
pub(super) const SEND: ByName = ByName {
    name: Limits::SEND_BY_NAME,
    device: Limits::SEND_BY_DEVICE,
    devices: Limits::SEND_AT_DEVICES,
    of: b"",
};
/// Wrong codes.
pub(super) const WRONG: ByName = ByName {
    name: Limits::WRONG_CODE,
    device: Limits::WRONG_CODE_BY_DEVICE,
    devices: Limits::WRONG_CODE_AT_DEVICES,
    of: b"email",
};

/// A count and its limit.
type Count = ([u8; 32], Limit);

impl ByName {
    /// The counts that a recovery of this name uses up. Those of the name come first, the
    /// device's own last.
    fn counts(self, keys: &Keys, name_key: &[u8], device: Option<Uuid>) -> Vec<Count> {
        let key = |limit: Limit, lane: Lane, of: &[&[u8]]| {
            (limit_key(keys, limit, lane.as_str(), of), limit)
        };
        let Some(device) = device else {
            return vec![key(self.name, Lane::Stranger, &[name_key, self.of])];
        };
        let lane = Lane::EnrolledDevice;
        vec![
            key(self.name, lane, &[name_key, self.of, device.as_bytes()]),
            key(self.devices, lane, &[name_key, self.of]),
            key(self.device, lane, &[device.as_bytes()]),
        ]
    }

    fn of_row(self, keys: &Keys, row: &RecoveryRow) -> Vec<Count> {
        self.counts(keys, &row.name_key, row.device)
    }

    /// Counts one. Where that is too many: until when the door is shut.
    pub(super) async fn take(
        self,
        tx: &mut Tx<'_>,
        service: &Service,
        row: &RecoveryRow,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        // The device's own first: what it has no right to any more it uses up for nobody.
        for (key, limit) in self.of_row(&service.keys, row).into_iter().rev() {
            if let Some(until) = tx.take(&key, limit, now).await? {
                return Ok(Some(until));
            }
        }
        Ok(None)
    }

    /// Counts one that is known to fit. Whether it was the last: then the door is shut at once.
    pub(super) async fn take_last(
        self,
        tx: &mut Tx<'_>,
        service: &Service,
        row: &RecoveryRow,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut last = false;
        for (key, limit) in self.of_row(&service.keys, row) {
            tx.take(&key, limit, now).await?;
            if tx.left(&key, limit, now).await? == 0 {
                tx.take(&key, limit, now).await?;
                last = true;
            }
        }
        Ok(last)
    }

    /// Whether none more fits.
    pub(super) async fn is_used_up(
        self,
        tx: &mut Tx<'_>,
        service: &Service,
        row: &RecoveryRow,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        any_used_up(tx, &self.of_row(&service.keys, row), now).await
    }

    /// Forgets what was counted for the name; not for the device.
    pub(super) async fn forget(
        self,
        tx: &mut Tx<'_>,
        service: &Service,
        row: &RecoveryRow,
    ) -> Result<(), StoreError> {
        for (key, _) in self.of_row(&service.keys, row).iter().take(2) {
            tx.forget(key).await?;
        }
        Ok(())
    }
}

async fn any_used_up(
    tx: &mut Tx<'_>,
    counts: &[Count],
    now: Timestamp,
) -> Result<bool, StoreError> {
    for (key, limit) in counts {
        if tx.left(key, *limit, now).await? == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Forgets the counts that shut a name out, in every lane: an administrator lets it in again
/// (catalogue THR-06).
///
/// # Errors
/// When the store refuses.
pub async fn release_name(
    tx: &mut Tx<'_>,
    keys: &Keys,
    tenant: Uuid,
    typed: &str,
) -> Result<(), StoreError> {
    let name_key = code::name_key(keys, tenant, typed);
    let devices = tx.devices_of_name(&name_key).await?;
    for device in std::iter::once(None).chain(devices.into_iter().map(Some)) {
        for by_name in [BEGIN, SEND, WRONG] {
            for (key, _) in by_name.counts(keys, &name_key, device).iter().take(2) {
                tx.forget(key).await?;
            }
        }
    }
    Ok(())
}

/// Forgets what was counted of a device: an administrator lets it in again.
///
/// # Errors
/// When the store refuses.
pub(crate) async fn release_device(
    tx: &mut Tx<'_>,
    keys: &Keys,
    device: Uuid,
) -> Result<(), StoreError> {
    for by_name in [BEGIN, SEND, WRONG] {
        if let Some((key, _)) = by_name.counts(keys, &[], Some(device)).last() {
            tx.forget(key).await?;
        }
    }
    Ok(())
}

/// What became of the proof that a beginning offers, as far as can be said without the store.
pub(super) enum Offered {
    /// There is none.
    Nothing,
    /// It proves nothing: not signed over this bot check and this user ID.
    NotProved,
    /// It is signed by the key that it names.
    By(Box<Assertion>),
}

impl Offered {
    /// Checks the signatures.
    pub(super) fn of(request: &Begin, tenant: &Tenant, solved: &Solved) -> Self {
        let Some(proof) = &request.device else {
            return Self::Nothing;
        };
        let nonce = device::nonce_of(tenant.id, &solved.nonce);
        proof
            .assertion(&nonce, &request.user_id)
            .map_or(Self::NotProved, |assertion| Self::By(Box::new(assertion)))
    }
}

/// Where a recovery stands because of the device that it is begun at, or of none.
pub(super) struct Standing {
    /// Whose limits it uses up.
    pub(super) lane: Lane,
    /// The device whose proof is good.
    pub(super) device: Option<Uuid>,
    /// Who the device says is at it, where the truth may be told.
    pub(super) own: Own,
    /// What became of the proof, for the audit trail.
    said: Option<(&'static str, Option<Uuid>)>,
}

/// Whose device it is, by its own word, where that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// Nobody's, as far as may be said.
    Nobody,
    /// This account's.
    Account(Uuid),
    /// Somebody's whom the service does not know, by this canonical name.
    Unknown(String),
}

impl Standing {
    fn stranger(said: Option<(&'static str, Option<Uuid>)>) -> Self {
        Self { lane: Lane::Stranger, device: None, own: Own::Nobody, said }
    }

    /// The details of the beginning, for the audit trail.
    pub(super) fn detail(&self, source: IpAddr) -> Value {
        let mut detail = json!({ "source": source.to_string(), "lane": self.lane.as_str() });
        if let Some((said, device)) = self.said {
            detail["proof"] = Value::from(said);
            if let Some(device) = device {
                detail["device"] = Value::from(device.to_string());
            }
        }
        detail
    }
}

/// Where a beginning stands. What a proof lacks is written down and stops nothing.
pub(super) async fn standing(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: &Tenant,
    offered: &Offered,
    (typed, source): (&str, IpAddr),
    now: Timestamp,
) -> Result<Standing, StoreError> {
    let assertion = match offered {
        Offered::Nothing => return Ok(Standing::stranger(None)),
        Offered::NotProved => return Ok(Standing::stranger(Some(("not-proved", None)))),
        Offered::By(assertion) => assertion,
    };
    let Some(device) = tx.device_of_key(tenant.id.0, &assertion.device_key.0).await? else {
        return Ok(Standing::stranger(Some(("unknown", None))));
    };
    let id = Some(device.id);
    if device.revoked_at.is_some() {
        return Ok(Standing::stranger(Some(("revoked", id))));
    }
    if device.shared_at.is_some() {
        return Ok(Standing::stranger(Some(("shared", id))));
    }
    let name_key = code::name_key(&service.keys, tenant.id.0, typed);
    let mut counts = vec![
        begins_from(service, tenant, source, Lane::EnrolledDevice),
        code::wrong_from(&service.keys, tenant.id.0, source, Lane::EnrolledDevice),
    ];
    for by_name in [BEGIN, SEND, WRONG] {
        counts.extend(by_name.counts(&service.keys, &name_key, id));
    }
    if any_used_up(tx, &counts, now).await? {
        return Ok(Standing::stranger(Some(("used-up", id))));
    }
    let named = assertion.user.as_ref().filter(|_| device.trusted_at.is_some());
    let own = match named {
        Some(user) if tx.candid(tenant.id.0).await? => {
            let name = canonical_name(user.as_str());
            let account = tx.account_of_name(tenant.id.0, &name).await?;
            account.map_or(Own::Unknown(name), |account| Own::Account(account.id))
        }
        Some(_) | None => Own::Nobody,
    };
    Ok(Standing { lane: Lane::EnrolledDevice, device: id, own, said: Some(("good", id)) })
}
