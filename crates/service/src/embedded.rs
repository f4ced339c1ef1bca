//! The embedded directory: a driver over `store`, the default where there is nothing else. Here
//! the service itself is the directory, so it opens the sealed password, hashes it and forgets
//! it; the write and its outcome are one transaction and need no journal (design section 2).

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use password::{NewPassword, PasswordRefusal, PasswordRules, judge};
use protocol::{
    directory::{AccountStatus, Fence, NotDone, Outcome},
    id::DirectoryId,
    sealed::SealedPassword,
};
use rand::Rng as _;
use recovery::{Act, Timestamp};
use store::{AccountRow, OperationRow, OperationState, StoreError, Tx};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    directories::{finish, finish_in, not_done},
    flow::binding,
    service::Service,
};

/// So many wrong passwords lock an account.
pub const LOCKOUT_THRESHOLD: i64 = 3;

/// What this directory demands of a password.
fn rules(account: &AccountRow) -> PasswordRules {
    let local_part = account.external_id.split('@').next().unwrap_or_default();
    let mut names: Vec<String> = account
        .display_name
        .split_whitespace()
        .chain([local_part])
        .filter(|name| name.chars().count() >= 3)
        .map(str::to_lowercase)
        .collect();
    names.sort_unstable();
    names.dedup();
    PasswordRules {
        min_length: 8,
        max_length: 256,
        min_classes: 3,
        names,
        history: None,
        min_age_seconds: None,
        complete: true,
    }
}

/// The live truth about an account.
pub(crate) async fn status(
    service: &Arc<Service>,
    account: &AccountRow,
) -> Result<AccountStatus, NotDone> {
    let id = account.id;
    let row = service
        .store
        .read(move |mut tx| Box::pin(async move { tx.embedded(id).await }))
        .await
        .map_err(|cause: StoreError| {
            tracing::error!(%cause, "the embedded directory could not be read");
            NotDone::DirectoryUnreachable
        })?
        .ok_or(NotDone::NoAccount)?;
    Ok(AccountStatus {
        locked: row.locked_at.is_some(),
        disabled: !account.enabled,
        account_expired: false,
        password_expired: false,
        must_change: row.must_change,
        never_signed_in: row.signed_in_at.is_none(),
        protected: account.protected,
        rules: rules(account),
        fence: Fence {
            controller: "embedded".to_owned(),
            password_last_set: row.password_set_at.0.to_string(),
            lockout_time: row.locked_at.map(|at| at.0.to_string()).unwrap_or_default(),
            key_version: u32::try_from(row.key_version).ok(),
        },
        takes_changes: true,
        wrong_tries_left: u16::try_from((LOCKOUT_THRESHOLD - row.wrong).max(0)).ok(),
        ..AccountStatus::default()
    })
}

/// Does an operation that was sent: opens, judges and hashes outside the transaction, then
/// writes account, outcome and recovery in one.
pub(crate) async fn change(service: &Arc<Service>, operation: OperationRow) {
    let prepared = match prepare(service, &operation).await {
        Ok(prepared) => prepared,
        Err(reason) => return finish(service, &operation, not_done(reason)).await,
    };
    let Some(fence) = operation.fence.as_ref().and_then(|text| serde_json::from_str(text).ok())
    else {
        return finish(service, &operation, not_done(NotDone::Changed)).await;
    };
    let (for_tx, id, account, now) =
        (Arc::clone(service), operation.id, operation.account, service.now());
    let written = service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let fence: Fence = fence;
                // It may have got an outcome while its hash was computed; that one was told.
                let row = tx.operation(id).await?;
                if row.is_none_or(|row| row.state != OperationState::Sent) {
                    return Ok(());
                }
                let outcome = write(&mut tx, account, &prepared, &fence, now).await?;
                finish_in(&mut tx, &for_tx, id, &outcome, now).await
            })
        })
        .await;
    if let Err(cause) = written {
        let cause: StoreError = cause;
        tracing::error!(%cause, "the embedded directory could not be written");
    }
    service.changed(operation.recovery);
    service.outbox_filled.notify_one();
}

/// The write itself. A present password was compared with the hash of the key version that the
/// fence names, or it counts as nothing: the same transaction holds it to that version.
async fn write(
    tx: &mut Tx<'_>,
    account: Uuid,
    prepared: &Prepared,
    fence: &Fence,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let changed = match (prepared, fence.key_version) {
        (Prepared::Unlock, _) => tx.embedded_unlock(account, locked_at(fence)).await?,
        (Prepared::Set(_) | Prepared::Change { .. }, None) => false,
        (Prepared::Set(hash), Some(version)) => {
            tx.embedded_reset(account, hash, i64::from(version), now).await?
        }
        (Prepared::Change { compared_with, hash }, Some(version)) => {
            let version = i64::from(version);
            let row = tx.embedded(account).await?;
            let is_open =
                row.is_some_and(|row| row.key_version == version && row.locked_at.is_none());
            if !is_open || *compared_with != version {
                false
            } else if let Some(hash) = hash {
                tx.embedded_reset(account, hash, version, now).await?
            } else {
                // A sign-in with it would have counted as well.
                tx.embedded_tried(account, false, LOCKOUT_THRESHOLD, now).await?;
                return Ok(not_done(NotDone::OldPassword));
            }
        }
    };
    Ok(if changed { Outcome::Done } else { not_done(NotDone::Changed) })
}

fn locked_at(fence: &Fence) -> Option<Timestamp> {
    fence.lockout_time.parse().ok().map(Timestamp)
}

/// What is ready to be written.
enum Prepared {
    Unlock,
    /// The hash of a new password.
    Set(String),
    /// The same, if the present one was right, and which key version that was compared with.
    Change {
        compared_with: i64,
        hash: Option<String>,
    },
}

async fn prepare(service: &Arc<Service>, operation: &OperationRow) -> Result<Prepared, NotDone> {
    if operation.act == Act::Unlock {
        return Ok(Prepared::Unlock);
    }
    let (recovery, account) = (operation.recovery, operation.account);
    let read = service.store.read(move |mut tx| {
        Box::pin(async move {
            Ok::<_, StoreError>((
                tx.recovery(recovery).await?,
                tx.account(account).await?,
                tx.embedded(account).await?,
            ))
        })
    });
    let Ok((Some(row), Some(account), Some(embedded))) = read.await else {
        return Err(NotDone::NoAccount);
    };
    let sealed: SealedPassword = operation
        .sealed
        .as_ref()
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or(NotDone::NotOpened)?;
    let key = service.keys.opening_key(DirectoryId(operation.directory));
    let bound = binding(&row, operation);
    if operation.act == Act::Reset {
        let new = sealed.open(&bound, &key).map_err(|_| NotDone::NotOpened)?;
        return hash(service, judged(new, &account)?).await.map(Prepared::Set);
    }
    let (present, new) = sealed.open_change(&bound, &key).map_err(|_| NotDone::NotOpened)?;
    let compared_with = embedded.key_version;
    let is_same = present.expose() == new.expose();
    let typed = Zeroizing::new(present.expose().to_owned());
    if !verify(service, typed, embedded.password_hash).await {
        return Ok(Prepared::Change { compared_with, hash: None });
    }
    if is_same {
        return Err(NotDone::Password(PasswordRefusal::UsedBefore));
    }
    let hash = hash(service, judged(new, &account)?).await?;
    Ok(Prepared::Change { compared_with, hash: Some(hash) })
}

fn judged(new: NewPassword, account: &AccountRow) -> Result<NewPassword, NotDone> {
    match judge(new.expose(), &rules(account)).into_iter().find(|finding| !finding.met) {
        Some(unmet) => Err(NotDone::Password(unmet.rule)),
        None => Ok(new),
    }
}

/// Hashes a password on a thread of its own, a bounded number at once.
///
/// # Errors
/// [`NotDone::DirectoryUnreachable`] when it could not be hashed.
pub async fn hash(service: &Service, password: NewPassword) -> Result<String, NotDone> {
    let mut salt = [0; 16];
    service.rng().fill_bytes(&mut salt);
    let _permit = service.hashers.acquire().await.map_err(|_| NotDone::DirectoryUnreachable)?;
    tokio::task::spawn_blocking(move || {
        argon2()
            .hash_password_with_salt(password.expose().as_bytes(), &salt)
            .map(|hash| hash.to_string())
    })
    .await
    .ok()
    .and_then(Result::ok)
    .ok_or(NotDone::DirectoryUnreachable)
}

/// Whether a password is the one that was hashed.
pub(crate) async fn verify(service: &Service, typed: Zeroizing<String>, hash: String) -> bool {
    let Ok(_permit) = service.hashers.acquire().await else {
        return false;
    };
    tokio::task::spawn_blocking(move || {
        PasswordHash::new(&hash)
            .is_ok_and(|hash| argon2().verify_password(typed.as_bytes(), &hash).is_ok())
    })
    .await
    .unwrap_or(false)
}

/// Argon2id with the least that the catalogue allows (KEY-02): 19 MiB, two passes.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19_456, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// How a sign-in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// In.
    In,
    /// In, but the password must be changed first.
    MustChange,
    /// Wrong password.
    Wrong,
    /// Locked.
    Locked,
    /// No such account.
    NoAccount,
}

/// Tries a password as a sign-in does: wrong ones count and lock.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn sign_in(
    service: &Service,
    account: Uuid,
    typed: Zeroizing<String>,
) -> Result<SignIn, StoreError> {
    let row = service
        .store
        .read(move |mut tx| Box::pin(async move { tx.embedded(account).await }))
        .await?;
    let Some(row) = row else {
        return Ok(SignIn::NoAccount);
    };
    if row.locked_at.is_some() {
        return Ok(SignIn::Locked);
    }
    let right = verify(service, typed, row.password_hash).await;
    let now = service.now();
    service
        .store
        .write(move |mut tx| {
            Box::pin(async move { tx.embedded_tried(account, right, LOCKOUT_THRESHOLD, now).await })
        })
        .await?;
    Ok(match (right, row.must_change) {
        (true, false) => SignIn::In,
        (true, true) => SignIn::MustChange,
        (false, _) => SignIn::Wrong,
    })
}
