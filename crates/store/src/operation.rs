//! Operations: one change of one account, from the moment its id is given out to be sealed for
//! until its outcome is known.

use recovery::{Act, Timestamp};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{StoreError, Tx, one_row};

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationState {
    /// The person types the password that will be sealed for it.
    Typing,
    /// Handed over, not yet with anybody who can write.
    Waiting,
    /// With somebody who can write; the values read before are stored.
    Sent,
    /// Changed and read back.
    Done,
    /// Certainly not changed.
    NotDone,
    /// Nobody knows yet.
    NotKnown,
}

impl OperationState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Typing => "typing",
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::NotDone => "not-done",
            Self::NotKnown => "not-known",
        }
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        [Self::Typing, Self::Waiting, Self::Sent, Self::Done, Self::NotDone, Self::NotKnown]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(StoreError::Inconsistent("operation state"))
    }

    /// Whether its outcome is still awaited.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Sent)
    }
}

/// An operation.
#[derive(Clone, Debug)]
pub struct OperationRow {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// The recovery that asked for it.
    pub recovery: Uuid,
    /// The directory to change.
    pub directory: Uuid,
    /// The account to change.
    pub account: Uuid,
    /// Its name for ever there.
    pub external_id: String,
    /// What to do.
    pub act: Act,
    /// How far it is.
    pub state: OperationState,
    /// Unix seconds that the seal is bound to.
    pub seal_expires_at: Option<i64>,
    /// The sealed password, as JSON; gone once the outcome is known.
    pub sealed: Option<String>,
    /// The values read before, as JSON.
    pub fence: Option<String>,
    /// Why not, as JSON.
    pub reason: Option<String>,
    /// After this it is not to be begun any more.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "SELECT id, tenant, recovery, directory, account, external_id, act, state,
    seal_expires_at, sealed, fence, reason, expires_at FROM operation";

impl Tx<'_> {
    /// Stores a new operation.
    pub async fn add_operation(
        &mut self,
        row: &OperationRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO operation (id, tenant, recovery, directory, account, external_id, act,
                state, seal_expires_at, sealed, fence, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(row.id)
        .bind(row.tenant)
        .bind(row.recovery)
        .bind(row.directory)
        .bind(row.account)
        .bind(&row.external_id)
        .bind(act_text(row.act))
        .bind(row.state.as_str())
        .bind(row.seal_expires_at)
        .bind(&row.sealed)
        .bind(&row.fence)
        .bind(now.0)
        .bind(row.expires_at.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The operation with this id.
    pub async fn operation(&mut self, id: Uuid) -> Result<Option<OperationRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1")))
            .bind(id)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(|row| operation(&row))
            .transpose()
    }

    /// The operations of a directory whose outcome is awaited or not known, oldest first.
    pub async fn open_operations(
        &mut self,
        directory: Uuid,
    ) -> Result<Vec<OperationRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE directory = $1 AND state IN ('waiting', 'sent', 'not-known')
             ORDER BY created_at"
        )))
        .bind(directory)
        .fetch_all(&mut *self.connection)
        .await?
        .iter()
        .map(operation)
        .collect()
    }

    /// The operations of one account whose outcome is awaited or not known, besides this one.
    pub async fn operations_in_flight(
        &mut self,
        (directory, account): (Uuid, Uuid),
        besides: Option<Uuid>,
    ) -> Result<Vec<OperationRow>, StoreError> {
        let mut open = self.open_operations(directory).await?;
        open.retain(|row| row.account == account && Some(row.id) != besides);
        Ok(open)
    }

    /// Every operation whose outcome is awaited, of every directory: what a restart takes up.
    pub async fn awaited_operations(&mut self) -> Result<Vec<OperationRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE state IN ('waiting', 'sent')")))
            .fetch_all(&mut *self.connection)
            .await?
            .iter()
            .map(operation)
            .collect()
    }

    /// The sealed password came: the operation waits to be done.
    pub async fn hand_over(
        &mut self,
        id: Uuid,
        sealed: &str,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE operation SET state = 'waiting', sealed = $2, expires_at = $3
             WHERE id = $1 AND state = 'typing'",
        )
        .bind(id)
        .bind(sealed)
        .bind(expires_at.0)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "hand_over")
    }

    /// Stores the values read before, and that it may now be written. `false` when it is not
    /// waiting any more: only one sender wins.
    pub async fn send_operation(&mut self, id: Uuid, fence: &str) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE operation SET state = 'sent', fence = $2 WHERE id = $1 AND state = 'waiting'",
        )
        .bind(id)
        .bind(fence)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Stores the outcome and wipes the sealed password, unless nobody knows yet (it is then
    /// needed to find out by reading).
    /// `false` when it was known already: the first truth stands.
    pub async fn finish_operation(
        &mut self,
        id: Uuid,
        state: OperationState,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE operation SET state = $2, reason = $3, finished_at = $4,
                sealed = CASE WHEN $2 = 'not-known' THEN sealed END
             WHERE id = $1 AND state IN ('typing', 'waiting', 'sent', 'not-known')
               AND state <> $2",
        )
        .bind(id)
        .bind(state.as_str())
        .bind(reason)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }
}

fn act_text(act: Act) -> &'static str {
    match act {
        Act::Unlock => "unlock",
        Act::Reset => "reset",
        Act::Change => "change",
    }
}

fn parse_act(text: &str) -> Result<Act, StoreError> {
    [Act::Unlock, Act::Reset, Act::Change]
        .into_iter()
        .find(|act| act_text(*act) == text)
        .ok_or(StoreError::Inconsistent("operation act"))
}

fn operation(row: &SqliteRow) -> Result<OperationRow, StoreError> {
    Ok(OperationRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        recovery: row.try_get("recovery")?,
        directory: row.try_get("directory")?,
        account: row.try_get("account")?,
        external_id: row.try_get("external_id")?,
        act: parse_act(row.try_get("act")?)?,
        state: OperationState::parse(row.try_get("state")?)?,
        seal_expires_at: row.try_get("seal_expires_at")?,
        sealed: row.try_get("sealed")?,
        fence: row.try_get("fence")?,
        reason: row.try_get("reason")?,
        expires_at: Timestamp(row.try_get("expires_at")?),
    })
}
