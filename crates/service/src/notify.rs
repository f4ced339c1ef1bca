//! Messages to people: taking them out of the outbox and sending them. Nothing here decides who
//! gets one; nothing here is logged but that a message left.

mod letter;
mod mail;

pub(crate) use letter::readable_accent;
pub use letter::{Letter, write as write_letter, write_alert};
pub use mail::Mail;

use std::{sync::Arc, time::Duration};

use store::{AuditEvent, OutboxRow, StoreError};

use crate::{
    alerts::{self, Alert},
    audit::Event,
    flow::Message,
    service::Service,
};

/// Messages taken out at once.
const BATCH: i64 = 16;
/// A message waits this long after the hint: the person's answer goes first, and what comes
/// meanwhile is taken out with it.
const ANSWER_FIRST: Duration = Duration::from_millis(20);
/// How often the outbox is looked at without a hint.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Sends what is due, for ever.
pub async fn run(service: Arc<Service>) {
    loop {
        match send_due(&service).await {
            Ok(0) => {
                tokio::select! {
                    () = service.outbox_filled.notified() => tokio::time::sleep(ANSWER_FIRST).await,
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
            Ok(_) => {}
            Err(cause) => {
                tracing::error!(%cause, "the outbox could not be read");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

/// Sends what is due now; says how many were taken out.
///
/// # Errors
/// When the store refuses.
pub async fn send_due(service: &Arc<Service>) -> Result<usize, StoreError> {
    let now = service.now();
    let due = service
        .store
        .write(move |mut tx| Box::pin(async move { tx.take_due(BATCH, now).await }))
        .await?;
    let count = due.len();
    for row in due {
        let outcome = send_one(service, &row).await;
        settle(service, row, outcome).await?;
    }
    Ok(count)
}

enum Sending {
    Sent,
    Failed {
        for_ever: bool,
    },
    /// For nobody: nothing left, nobody is told.
    Nobody,
}

async fn send_one(service: &Arc<Service>, row: &OutboxRow) -> Sending {
    let opened = service.keys.open_payload(&row.payload);
    if row.kind == alerts::KIND {
        return send_alert(service, row, opened).await;
    }
    let message = opened.and_then(|plain| serde_json::from_slice::<Message>(&plain).ok());
    let Some(message) = message else {
        return Sending::Failed { for_ever: true };
    };
    let Some(to) = &message.to else {
        return Sending::Nobody;
    };
    let id = row.tenant;
    let tenant = service.store.read(move |mut tx| Box::pin(async move { tx.tenant(id).await }));
    let Ok::<_, StoreError>(Some(tenant)) = tenant.await else {
        return Sending::Failed { for_ever: false };
    };
    let help = serde_json::from_str(&tenant.help).unwrap_or_default();
    let letter = letter::write(&service.locales, &tenant.name, &tenant.accent, &help, &message);
    deliver(service, &to.address, &letter).await
}

async fn send_alert(
    service: &Arc<Service>,
    row: &OutboxRow,
    opened: Option<zeroize::Zeroizing<Vec<u8>>>,
) -> Sending {
    let alert = opened.and_then(|plain| serde_json::from_slice::<Alert>(&plain).ok());
    let Some(alert) = alert else {
        return Sending::Failed { for_ever: true };
    };
    let id = row.tenant;
    let tenant = service.store.read(move |mut tx| Box::pin(async move { tx.tenant(id).await }));
    let Ok::<_, StoreError>(Some(tenant)) = tenant.await else {
        return Sending::Failed { for_ever: false };
    };
    let letter = letter::write_alert(&service.locales, &tenant.name, &tenant.accent, &alert);
    deliver(service, &alert.to, &letter).await
}

async fn deliver(service: &Arc<Service>, address: &str, letter: &Letter) -> Sending {
    match service.mail.send(address, letter).await {
        Ok(()) => Sending::Sent,
        Err(failure) => {
            tracing::warn!(cause = %failure.cause, "a message was not sent");
            Sending::Failed { for_ever: failure.for_ever }
        }
    }
}

async fn settle(
    service: &Arc<Service>,
    row: OutboxRow,
    sending: Sending,
) -> Result<(), StoreError> {
    let now = service.now();
    service
        .store
        .write(move |mut tx| {
            Box::pin(async move {
                let event = match sending {
                    Sending::Nobody => return tx.sent(&row).await,
                    Sending::Sent => {
                        tx.sent(&row).await?;
                        Event::MessageSent
                    }
                    Sending::Failed { for_ever } => {
                        if !tx.not_sent(&row, for_ever, now).await? {
                            return Ok(());
                        }
                        Event::MessageDead
                    }
                };
                let case_code = match row.recovery {
                    Some(id) => tx.recovery(id).await?.map(|recovery| recovery.case_code),
                    None => None,
                };
                let event = AuditEvent {
                    tenant: row.tenant,
                    event: event.as_str(),
                    case_code,
                    account: None,
                    detail: serde_json::json!({ "try": row.tries }).to_string(),
                };
                tx.audit(&event, now).await
            })
        })
        .await
}
