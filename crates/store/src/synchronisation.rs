//! The runs by which agents send their accounts, and who was not in one.

use recovery::Timestamp;
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, Tx, address::USER_ID, json, one_row};

/// The newest run of an agent over a part of its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The agent's number.
    pub run: i64,
    /// The directory's count when it began.
    pub counted: i64,
    /// Pages taken in so far.
    pub pages: i64,
    /// The agent's number of its last complete run.
    pub complete: Option<i64>,
}

/// An account with values that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedRow {
    /// A name of the account.
    pub user_id: String,
    /// Its name for ever in its directory.
    pub external_id: String,
    /// Which values.
    pub fields: Vec<String>,
}

impl Tx<'_> {
    /// The newest run of an agent over a part.
    pub async fn run(&mut self, agent: Uuid, part: &str) -> Result<Option<RunRow>, StoreError> {
        let row = sqlx::query(
            "SELECT run, counted, pages, complete FROM synchronisation
             WHERE agent = $1 AND part = $2",
        )
        .bind(agent)
        .bind(part)
        .fetch_optional(&mut *self.connection)
        .await?;
        row.map(|row| {
            Ok(RunRow {
                run: row.try_get("run")?,
                counted: row.try_get("counted")?,
                pages: row.try_get("pages")?,
                complete: row.try_get("complete")?,
            })
        })
        .transpose()
    }

    /// Begins a run: the directory counts one more.
    pub async fn begin_run(
        &mut self,
        directory: Uuid,
        (agent, part): (Uuid, &str),
        run: i64,
    ) -> Result<(), StoreError> {
        let counted = sqlx::query("UPDATE directory SET run = run + 1 WHERE id = $1")
            .bind(directory)
            .execute(&mut *self.connection)
            .await?;
        one_row(&counted, "begin_run")?;
        sqlx::query(
            "INSERT INTO synchronisation (agent, part, directory, run, counted, pages)
             SELECT $1, $2, id, $4, run, 0 FROM directory WHERE id = $3
             ON CONFLICT (agent, part) DO UPDATE SET
                directory = excluded.directory, run = excluded.run, counted = excluded.counted,
                pages = 0",
        )
        .bind(agent)
        .bind(part)
        .bind(directory)
        .bind(run)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// One more page of a run was taken in; with the last one it is complete.
    pub async fn took_page(
        &mut self,
        (agent, part): (Uuid, &str),
        last: bool,
    ) -> Result<(), StoreError> {
        let result = sqlx::query(
            "UPDATE synchronisation SET pages = pages + 1,
                complete = CASE WHEN $3 THEN run ELSE complete END
             WHERE agent = $1 AND part = $2",
        )
        .bind(agent)
        .bind(part)
        .bind(last)
        .execute(&mut *self.connection)
        .await?;
        one_row(&result, "took_page")
    }

    /// The directory's count now.
    pub async fn run_count(&mut self, directory: Uuid) -> Result<i64, StoreError> {
        let row = sqlx::query("SELECT run FROM directory WHERE id = $1")
            .bind(directory)
            .fetch_one(&mut *self.connection)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Forgets what the agents of a directory have sent: each sends all accounts anew.
    pub async fn forget_runs(&mut self, directory: Uuid) -> Result<u64, StoreError> {
        let forgotten = sqlx::query("DELETE FROM synchronisation WHERE directory = $1")
            .bind(directory)
            .execute(&mut *self.connection)
            .await?;
        Ok(forgotten.rows_affected())
    }

    /// Whether a part was never read to its end.
    pub async fn is_first_reading(
        &mut self,
        directory: Uuid,
        part: &str,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("SELECT 1 FROM directory_part WHERE directory = $1 AND part = $2")
            .bind(directory)
            .bind(part)
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(row.is_none())
    }

    /// A part was read to its end.
    pub async fn was_read(
        &mut self,
        directory: Uuid,
        part: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO directory_part (directory, part, first_at) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        )
        .bind(directory)
        .bind(part)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The accounts of a part that were not seen since this count.
    pub async fn accounts_unseen(
        &mut self,
        directory: Uuid,
        part: &str,
        since: i64,
    ) -> Result<Vec<Uuid>, StoreError> {
        let rows = sqlx::query(
            "SELECT id FROM account
             WHERE directory = $1 AND part = $2 AND run < $3 AND gone_at IS NULL",
        )
        .bind(directory)
        .bind(part)
        .bind(since)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The parts that a directory's accounts are in.
    pub async fn parts(&mut self, directory: Uuid) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "SELECT DISTINCT part FROM account WHERE directory = $1 AND gone_at IS NULL",
        )
        .bind(directory)
        .fetch_all(&mut *self.connection)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The accounts of a directory with values that cannot be used.
    pub async fn malformed(&mut self, directory: Uuid) -> Result<Vec<MalformedRow>, StoreError> {
        let statement = format!(
            "SELECT a.external_id, a.malformed, {USER_ID} FROM account a
             WHERE a.directory = $1 AND a.malformed <> '[]' AND a.gone_at IS NULL
             ORDER BY user_id"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(directory)
            .fetch_all(&mut *self.connection)
            .await?
            .iter()
            .map(|row| {
                Ok(MalformedRow {
                    user_id: row.try_get("user_id")?,
                    external_id: row.try_get("external_id")?,
                    fields: json(row.try_get("malformed")?, "malformed")?,
                })
            })
            .collect()
    }
}
