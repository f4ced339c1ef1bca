//! Persistence: the only SQL in the repository.
//!
//! Reads go to a small pool of read-only connections. Writes go as closures to one writer,
//! which commits many as a group, each in a savepoint of its own ([`Store::write`]). No
//! decisions: what a row means is `recovery`'s and the service's.

mod account;
mod address;
mod agent;
mod alert;
mod audit;
mod code;
mod device;
mod embedded;
mod fleet_token;
mod limit;
mod link_key;
mod operation;
mod outbox;
mod recovery_row;
mod synchronisation;
mod tenant;
mod writer;

pub use account::{AccountRow, Listed, NewAccount, canonical_name};
pub use address::AddressRow;
pub use agent::{AgentHealth, AgentRow, NewAgent, UsedCode};
pub use alert::{AlertRow, AlertSettings};
pub use audit::{AuditEvent, AuditRow};
pub use code::CodeRowRecord;
pub use device::{DeviceRow, NewReport};
pub use embedded::EmbeddedRow;
pub use fleet_token::FleetTokenRow;
pub use link_key::{Behind, LinkKeyRow, Retire};
pub use operation::{OperationRow, OperationState};
pub use outbox::{NewMessage, OutboxRow};
pub use recovery_row::RecoveryRow;
pub use synchronisation::{MalformedRow, RunRow};
pub use tenant::{DirectoryKind, DirectoryRow, TenantRow, TileRow};
pub use writer::{Store, Tx};

/// Why the store could not do it. The caller answers "unavailable" or "internal"; the cause is
/// for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row says what no code of ours wrote.
    #[error("a stored value cannot be read: {0}")]
    Inconsistent(&'static str),
    /// A statement touched another number of rows than it must.
    #[error("{0} touched an unexpected number of rows")]
    RowCount(&'static str),
    /// The group that the write was in could not be committed (disk full, I/O).
    #[error("the write could not be committed")]
    NotCommitted,
    /// The closure panicked; nothing of it is kept.
    #[error("a write panicked")]
    Panicked,
    /// The writer has stopped.
    #[error("the store is closed")]
    Closed,
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(
    text: &str,
    what: &'static str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Inconsistent(what))
}

pub(crate) fn to_json<T: serde::Serialize>(
    value: &T,
    what: &'static str,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Inconsistent(what))
}

pub(crate) fn one_row(
    result: &sqlx::sqlite::SqliteQueryResult,
    what: &'static str,
) -> Result<(), StoreError> {
    if result.rows_affected() == 1 { Ok(()) } else { Err(StoreError::RowCount(what)) }
}
