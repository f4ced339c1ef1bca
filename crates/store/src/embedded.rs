//! The accounts of the embedded directory: what any directory knows of its own.

use recovery::Timestamp;
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, Tx, one_row};

/// What the embedded directory knows of an account.
#[derive(Clone, Debug)]
pub struct EmbeddedRow {
    /// Which account.
    pub account: Uuid,
    /// Argon2id, as a PHC string.
    pub password_hash: String,
    /// Wrong passwords since the last right one.
    pub wrong: i64,
    /// When too many of them locked it.
    pub locked_at: Option<Timestamp>,
    /// The password must be changed at the next sign-in.
    pub must_change: bool,
    /// The last sign-in.
    pub signed_in_at: Option<Timestamp>,
    /// When the password was set.
    pub password_set_at: Timestamp,
    /// Rises with each password.
    pub key_version: i64,
}

impl Tx<'_> {
    /// Stores a new account's side of the embedded directory.
    pub async fn add_embedded(&mut self, row: &EmbeddedRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO embedded_account (account, password_hash, must_change, signed_in_at,
                                           password_set_at)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(row.account)
        .bind(&row.password_hash)
        .bind(row.must_change)
        .bind(row.signed_in_at.map(|at| at.0))
        .bind(row.password_set_at.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The embedded side of an account.
    pub async fn embedded(&mut self, account: Uuid) -> Result<Option<EmbeddedRow>, StoreError> {
        let row = sqlx::query(
            "SELECT account, password_hash, wrong, locked_at, must_change, signed_in_at,
                    password_set_at, key_version
             FROM embedded_account WHERE account = $1",
        )
        .bind(account)
        .fetch_optional(&mut *self.connection)
        .await?;
        row.map(|row| {
            Ok(EmbeddedRow {
                account: row.try_get("account")?,
                password_hash: row.try_get("password_hash")?,
                wrong: row.try_get("wrong")?,
                locked_at: row.try_get::<Option<i64>, _>("locked_at")?.map(Timestamp),
                must_change: row.try_get("must_change")?,
                signed_in_at: row.try_get::<Option<i64>, _>("signed_in_at")?.map(Timestamp),
                password_set_at: Timestamp(row.try_get("password_set_at")?),
                key_version: row.try_get("key_version")?,
            })
        })
        .transpose()
    }

    /// A password was tried: right ones clear the count (and are a sign-in, unless the
    /// password must be changed first), wrong ones raise it, and `lock_at` wrong ones lock.
    pub async fn embedded_tried(
        &mut self,
        account: Uuid,
        right: bool,
        lock_at: i64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = if right {
            "UPDATE embedded_account SET wrong = 0,
                signed_in_at = CASE WHEN must_change THEN signed_in_at ELSE $2 END
             WHERE account = $1 AND $3 IS NOT NULL"
        } else {
            "UPDATE embedded_account SET wrong = wrong + 1,
                locked_at = CASE WHEN wrong + 1 >= $3 THEN coalesce(locked_at, $2)
                                 ELSE locked_at END
             WHERE account = $1"
        };
        let result = sqlx::query(statement)
            .bind(account)
            .bind(now.0)
            .bind(lock_at)
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "embedded_tried")
    }

    /// Clears the lock, fenced on the lock that was seen. `false` when it is another one.
    pub async fn embedded_unlock(
        &mut self,
        account: Uuid,
        seen_locked_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE embedded_account SET locked_at = NULL, wrong = 0
             WHERE account = $1 AND locked_at IS $2",
        )
        .bind(account)
        .bind(seen_locked_at.map(|at| at.0))
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Sets a password, clears lock and must-change, fenced on the key version that was seen.
    /// `false` when it is another one.
    pub async fn embedded_reset(
        &mut self,
        account: Uuid,
        password_hash: &str,
        seen_key_version: i64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE embedded_account SET password_hash = $2, key_version = key_version + 1,
                password_set_at = $4, must_change = 0, locked_at = NULL, wrong = 0
             WHERE account = $1 AND key_version = $3",
        )
        .bind(account)
        .bind(password_hash)
        .bind(seen_key_version)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }

    /// Locks an account by hand, for trying things out.
    pub async fn embedded_lock(&mut self, account: Uuid, now: Timestamp) -> Result<(), StoreError> {
        let result = sqlx::query("UPDATE embedded_account SET locked_at = $2 WHERE account = $1")
            .bind(account)
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        one_row(&result, "embedded_lock")
    }
}
