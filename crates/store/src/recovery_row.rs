//! Recoveries: the row is the only state of one (design decision 1).

use recovery::{Session, StageName, Timestamp};
use sqlx::{Row, sqlite::SqliteRow};
use uuid::Uuid;

use crate::{StoreError, Tx, json, one_row, to_json};

/// A recovery.
#[derive(Clone, Debug)]
pub struct RecoveryRow {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// Finds its audit trail.
    pub case_code: String,
    /// Keyed hash of the idempotency key that began it.
    pub begin_key: Vec<u8>,
    /// Keyed hash of the canonical name typed.
    pub name_key: Vec<u8>,
    /// The user ID as typed.
    pub user_id: String,
    /// Whose it is, if the name is somebody's.
    pub account: Option<Uuid>,
    /// Whose limits it uses up.
    pub lane: String,
    /// The device that proved its key, if one did.
    pub device: Option<Uuid>,
    /// The account that a trusted device names as its own, where the truth may be said of it.
    pub own_account: Option<Uuid>,
    /// The wording the person chose.
    pub reason: String,
    /// The language of mails.
    pub language: String,
    /// The running number of the token.
    pub step: i64,
    /// Rises with every change.
    pub revision: i64,
    /// The rules' own state.
    pub session: Session,
    /// What the directory told after the last gate, as JSON.
    pub status: Option<String>,
    /// Why the last operation was not done, as JSON.
    pub reason_not: Option<String>,
    /// The code in force.
    pub code: Option<Uuid>,
    /// The last operation.
    pub operation: Option<Uuid>,
    /// Idempotency key of the last changing call.
    pub last_key: Option<String>,
    /// Keyed hash of what it asked.
    pub last_body: Option<Vec<u8>>,
    /// The code it was refused with.
    pub last_refusal: Option<String>,
}

const COLUMNS: &str = "SELECT id, tenant, case_code, begin_key, name_key, user_id, account, lane,
    reason, language, step, revision, state, status, reason_not, code, operation, last_key, last_body, last_refusal,
    device, own_account FROM recovery";

impl Tx<'_> {
    /// Adds a recovery.
    pub async fn add_recovery(
        &mut self,
        row: &RecoveryRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO recovery (id, tenant, case_code, begin_key, name_key, user_id, account,
                lane, reason, language, step, revision, stage, state, code, operation, last_key,
                last_body, last_refusal, status, reason_not, created_at, device, own_account)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                $18, $19, $20, $21, $22, $23, $24)",
        )
        .bind(row.id)
        .bind(row.tenant)
        .bind(&row.case_code)
        .bind(&row.begin_key)
        .bind(&row.name_key)
        .bind(&row.user_id)
        .bind(row.account)
        .bind(&row.lane)
        .bind(&row.reason)
        .bind(&row.language)
        .bind(row.step)
        .bind(row.revision)
        .bind(stage_text(&row.session)?)
        .bind(to_json(&row.session, "session")?)
        .bind(row.code)
        .bind(row.operation)
        .bind(&row.last_key)
        .bind(&row.last_body)
        .bind(&row.last_refusal)
        .bind(&row.status)
        .bind(&row.reason_not)
        .bind(now.0)
        .bind(row.device)
        .bind(row.own_account)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// Stores a recovery as it is now; its revision must be one more than the stored one, so
    /// that nobody overwrites what they have not seen.
    pub async fn save_recovery(
        &mut self,
        row: &RecoveryRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let ended = (row.session.name() == StageName::Ended).then_some(now.0);
        let result = sqlx::query(
            "UPDATE recovery SET name_key = $3, user_id = $4, account = $5, step = $6,
                revision = $2, stage = $7, state = $8, code = $9, operation = $10, last_key = $11,
                last_body = $12, last_refusal = $13, ended_at = coalesce(ended_at, $14),
                status = $15, reason_not = $16
             WHERE id = $1 AND revision = $2 - 1",
        )
        .bind(row.id)
        .bind(row.revision)
        .bind(&row.name_key)
        .bind(&row.user_id)
        .bind(row.account)
        .bind(row.step)
        .bind(stage_text(&row.session)?)
        .bind(to_json(&row.session, "session")?)
        .bind(row.code)
        .bind(row.operation)
        .bind(&row.last_key)
        .bind(&row.last_body)
        .bind(&row.last_refusal)
        .bind(ended)
        .bind(&row.status)
        .bind(&row.reason_not)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "save_recovery")
    }

    /// The recovery with this id.
    pub async fn recovery(&mut self, id: Uuid) -> Result<Option<RecoveryRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1")))
            .bind(id)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(|row| recovery(&row))
            .transpose()
    }

    /// The recovery that was begun with this key.
    pub async fn recovery_begun_with(
        &mut self,
        begin_key: &[u8],
    ) -> Result<Option<RecoveryRow>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE begin_key = $1")))
            .bind(begin_key)
            .fetch_optional(&mut *self.connection)
            .await?
            .map(|row| recovery(&row))
            .transpose()
    }

    /// Removes recoveries (with their codes and operations) begun before `before`, at most
    /// `most` at once, so that the writer is never held up; the audit trail stays.
    pub async fn sweep_recoveries(
        &mut self,
        before: Timestamp,
        most: i64,
    ) -> Result<u64, StoreError> {
        let old = "(SELECT id FROM recovery WHERE created_at < $1 ORDER BY created_at LIMIT $2)";
        let mut swept = 0;
        for rows in ["code WHERE recovery", "operation WHERE recovery", "recovery WHERE id"] {
            let statement = format!("DELETE FROM {rows} IN {old}");
            swept = sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(before.0)
                .bind(most)
                .execute(&mut *self.connection)
                .await?
                .rows_affected();
        }
        Ok(swept)
    }
}

fn stage_text(session: &Session) -> Result<String, StoreError> {
    Ok(to_json(&session.name(), "stage")?.trim_matches('"').to_owned())
}

fn recovery(row: &SqliteRow) -> Result<RecoveryRow, StoreError> {
    Ok(RecoveryRow {
        id: row.try_get("id")?,
        tenant: row.try_get("tenant")?,
        case_code: row.try_get("case_code")?,
        begin_key: row.try_get("begin_key")?,
        name_key: row.try_get("name_key")?,
        user_id: row.try_get("user_id")?,
        account: row.try_get("account")?,
        lane: row.try_get("lane")?,
        reason: row.try_get("reason")?,
        language: row.try_get("language")?,
        step: row.try_get("step")?,
        revision: row.try_get("revision")?,
        session: json(row.try_get("state")?, "session")?,
        status: row.try_get("status")?,
        reason_not: row.try_get("reason_not")?,
        code: row.try_get("code")?,
        operation: row.try_get("operation")?,
        last_key: row.try_get("last_key")?,
        last_body: row.try_get("last_body")?,
        last_refusal: row.try_get("last_refusal")?,
        device: row.try_get("device")?,
        own_account: row.try_get("own_account")?,
    })
}
