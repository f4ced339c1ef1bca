//! What waits in the outbox: sealed, and the same rows for everybody. A message to nobody is
//! put in like any other and dropped by the sender, after the answer was given.

use recovery::{Code, Span, Timestamp};
use serde::{Deserialize, Serialize};
use store::{NewMessage, RecoveryRow, StoreError, Tx};
use uuid::Uuid;

use crate::service::Service;

/// A notice is of use for a day (catalogue NTF-01).
const NOTICE: Span = Span::hours(24);

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// The code.
    Code,
    /// Somebody asked for a code, but this account cannot recover by itself.
    CannotRecover,
    /// The account was unlocked.
    Unlocked,
    /// The password was set.
    PasswordSet,
    /// The address that codes go to was changed; this is the one before.
    AddressChanged,
    /// A telephone number that codes go to was changed.
    NumberChanged,
}

/// Whom it is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recipient {
    /// Where to.
    pub address: String,
    /// How to greet.
    pub name: String,
}

/// A message, before it is sealed. Holds a code in clear: no Debug.
#[derive(Serialize, Deserialize)]
pub struct Message {
    /// What it says.
    pub kind: MessageKind,
    /// Whom it is for; nobody, where the name is nobody's.
    pub to: Option<Recipient>,
    /// The digits of the code.
    pub code: Option<String>,
    /// For how many minutes the code is good.
    pub minutes: u8,
    /// The user ID as typed.
    pub user_id: String,
    /// Finds the audit trail.
    pub case_code: String,
    /// In which language.
    pub language: String,
}

impl Message {
    /// A message of this recovery.
    pub fn of(row: &RecoveryRow, kind: MessageKind, to: Option<Recipient>) -> Self {
        Self {
            kind,
            to,
            code: None,
            minutes: row.session.policy.email_code_minutes,
            user_id: row.user_id.clone(),
            case_code: row.case_code.clone(),
            language: row.language.clone(),
        }
    }

    /// With this code.
    #[must_use]
    pub fn with_code(mut self, code: &Code) -> Self {
        self.code = Some(code.expose().iter().map(|digit| char::from(*digit)).collect());
        self
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.code);
    }
}

/// Puts a message in the outbox, sealed.
pub(crate) async fn post(
    tx: &mut Tx<'_>,
    service: &Service,
    row: &RecoveryRow,
    message: &Message,
    now: Timestamp,
) -> Result<(), StoreError> {
    put(tx, service, (row.tenant, Some(row.id)), message, now).await
}

/// The same for a message of no recovery.
pub(crate) async fn post_notice(
    tx: &mut Tx<'_>,
    service: &Service,
    tenant: Uuid,
    message: &Message,
    now: Timestamp,
) -> Result<(), StoreError> {
    put(tx, service, (tenant, None), message, now).await
}

async fn put(
    tx: &mut Tx<'_>,
    service: &Service,
    (tenant, recovery): (Uuid, Option<Uuid>),
    message: &Message,
    now: Timestamp,
) -> Result<(), StoreError> {
    let plain = serde_json::to_vec(message).map_err(|_| StoreError::Inconsistent("message"))?;
    let plain = zeroize::Zeroizing::new(plain);
    let payload = service
        .keys
        .seal_payload(&plain, &mut *service.rng())
        .map_err(|_| StoreError::Inconsistent("message"))?;
    let of_use = match message.kind {
        MessageKind::Code => Span::minutes(i64::from(message.minutes)),
        MessageKind::CannotRecover
        | MessageKind::Unlocked
        | MessageKind::PasswordSet
        | MessageKind::AddressChanged
        | MessageKind::NumberChanged => NOTICE,
    };
    let give_up_at = now.plus(of_use);
    let message = NewMessage { tenant, recovery, kind: "mail", payload, give_up_at };
    tx.post(&message, now).await
}
