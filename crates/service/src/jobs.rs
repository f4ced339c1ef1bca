//! What runs beside the requests: sending messages, sealing the audit trail, sweeping, taking
//! up what a crash interrupted.

use std::{sync::Arc, time::Duration};

use ed25519_dalek::Signer as _;
use recovery::{Span, Times, Timestamp};
use store::{Retire, StoreError};

use crate::{agents::link_key, alerts, directories, notify, service::Service};

/// The audit trail is chained this often.
const SEAL: Duration = Duration::from_millis(500);
/// A job that broke off is started again after this.
const RESTART: Duration = Duration::from_secs(1);
/// Agents are looked at this often, to tell their administrators.
const WATCH: Duration = Duration::from_secs(15);
/// What says nothing any more is removed this often.
const SWEEP: Duration = Duration::from_secs(600);
/// So many recoveries are removed in one write.
const SWEPT: i64 = 200;
/// Recoveries are kept this long after they began; the audit trail stays.
const KEEP: Span = Span::hours(24);

/// Starts all of it. The tasks end with the process.
pub fn start(service: &Arc<Service>) {
    supervised(service, notify::run);
    supervised(service, |service| async move { service.mail.watch().await });
    supervised(service, |service| every(SEAL, service, |s| async move { seal(&s).await }));
    supervised(service, |service| every(WATCH, service, |s| async move { alerts::look(&s).await }));
    supervised(service, |service| every(SWEEP, service, |s| async move { sweep(&s).await }));
    let awaited = Arc::clone(service);
    tokio::spawn(async move {
        if let Err(cause) = take_up_awaited(&awaited).await {
            tracing::error!(%cause, "interrupted operations could not be taken up");
        }
    });
}

/// Runs a job that never ends; should it panic, it is started again.
fn supervised<F, R>(service: &Arc<Service>, job: F)
where
    F: Fn(Arc<Service>) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let service = Arc::clone(service);
    tokio::spawn(async move {
        loop {
            if let Err(cause) = tokio::spawn(job(Arc::clone(&service))).await {
                tracing::error!(%cause, "a job broke off; it is started again");
            }
            tokio::time::sleep(RESTART).await;
        }
    });
}

async fn every<F, R>(pause: Duration, service: Arc<Service>, job: F)
where
    F: Fn(Arc<Service>) -> R,
    R: Future<Output = Result<(), StoreError>>,
{
    loop {
        if let Err(cause) = job(Arc::clone(&service)).await {
            tracing::error!(%cause, "a job failed; it is tried again");
        }
        tokio::time::sleep(pause).await;
    }
}

/// Chains and signs what the audit trail has gained.
///
/// # Errors
/// When the store refuses.
pub async fn seal(service: &Arc<Service>) -> Result<(), StoreError> {
    let unsealed =
        service.store.read(|mut tx| Box::pin(async move { tx.has_unsealed_audit().await })).await?;
    if !unsealed {
        return Ok(());
    }
    let key = service.keys.audit_key();
    let sign = move |chain: &[u8]| key.sign(chain).to_bytes().to_vec();
    service.store.write(move |mut tx| Box::pin(async move { tx.seal_audit(&sign).await })).await?;
    Ok(())
}

async fn sweep(service: &Arc<Service>) -> Result<(), StoreError> {
    let now = service.now();
    let before = Timestamp(now.0 - KEEP.0);
    while sweep_some(service, before).await? > 0 {}
    service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                tx.sweep_limits(now).await?;
                let long_gone = Timestamp(now.0 - Times::GONE_ACCOUNT.0);
                tx.sweep_gone_addresses(long_gone).await?;
                // An agent that needed it was removed, or a code that named it ran out.
                link_key::retire(&mut tx, Retire::Unneeded, now).await?;
                tx.sweep_outbox(before).await
            })
        })
        .await
}

async fn sweep_some(service: &Arc<Service>, before: Timestamp) -> Result<u64, StoreError> {
    service
        .store
        .write(move |mut tx| Box::pin(async move { tx.sweep_recoveries(before, SWEPT).await }))
        .await
}

/// After a restart: operations whose outcome is awaited go on from their row. Of those that were
/// sent to an agent nobody knows until it is back and its journal answers ([`crate::agents`]).
///
/// # Errors
/// When the store cannot be read.
pub async fn take_up_awaited(service: &Arc<Service>) -> Result<(), StoreError> {
    let awaited =
        service.store.read(|mut tx| Box::pin(async move { tx.awaited_operations().await })).await?;
    for operation in awaited {
        let again = Arc::clone(service);
        service.once(operation.id, async move { directories::work(&again, operation.id).await });
    }
    Ok(())
}
