//! One-time codes: keyed hashes only (catalogue COD-11).

use recovery::Timestamp;
use sqlx::Row;
use uuid::Uuid;

use crate::{StoreError, Tx};

/// A code that was sent, or would have been.
#[derive(Clone, Debug)]
pub struct CodeRowRecord {
    /// Its id.
    pub id: Uuid,
    /// Its tenant.
    pub tenant: Uuid,
    /// For which recovery.
    pub recovery: Uuid,
    /// For which typed name.
    pub name_key: Vec<u8>,
    /// With which method.
    pub method: String,
    /// The version of the address it went to.
    pub address_version: i64,
    /// Keyed hash over the id and the digits.
    pub hash: Vec<u8>,
    /// When it stops being good.
    pub expires_at: Timestamp,
    /// When it was used.
    pub consumed_at: Option<Timestamp>,
}

impl Tx<'_> {
    /// Stores a new code.
    pub async fn add_code(&mut self, row: &CodeRowRecord) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO code (id, tenant, recovery, name_key, method, address_version, hash,
                               expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(row.id)
        .bind(row.tenant)
        .bind(row.recovery)
        .bind(&row.name_key)
        .bind(&row.method)
        .bind(row.address_version)
        .bind(&row.hash)
        .bind(row.expires_at.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(())
    }

    /// The code with this id.
    pub async fn code(&mut self, id: Uuid) -> Result<Option<CodeRowRecord>, StoreError> {
        let row = sqlx::query(
            "SELECT id, tenant, recovery, name_key, method, address_version, hash, expires_at,
                    consumed_at
             FROM code WHERE id = $1",
        )
        .bind(id)
        .fetch_optional(&mut *self.connection)
        .await?;
        row.map(|row| {
            Ok(CodeRowRecord {
                id: row.try_get("id")?,
                tenant: row.try_get("tenant")?,
                recovery: row.try_get("recovery")?,
                name_key: row.try_get("name_key")?,
                method: row.try_get("method")?,
                address_version: row.try_get("address_version")?,
                hash: row.try_get("hash")?,
                expires_at: Timestamp(row.try_get("expires_at")?),
                consumed_at: row.try_get::<Option<i64>, _>("consumed_at")?.map(Timestamp),
            })
        })
        .transpose()
    }

    /// Uses a code up. `false` when it was used already: exactly one of many wins
    /// (catalogue COD-08).
    pub async fn consume_code(&mut self, id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
        let result = sqlx::query(
            "UPDATE code SET consumed_at = $2
             WHERE id = $1 AND consumed_at IS NULL AND expires_at > $2",
        )
        .bind(id)
        .bind(now.0)
        .execute(&mut *self.connection)
        .await?;
        Ok(result.rows_affected() == 1)
    }
}
